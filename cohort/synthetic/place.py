"""Where a block's persons stand in the whole world: what turns their indexes into ids and their days into dates."""

from dataclasses import dataclass

import polars as pl

from cohort.synthetic.course import NEVER
from cohort.synthetic.people import Ints


@dataclass(frozen=True)
class Place:
    """Ids and days of enrolment of a block's persons."""

    person_id: Ints
    enrolment_date: Ints

    def date(self, person: Ints, day: Ints) -> pl.Series:
        """The dates of days since a person's enrolment."""
        return dates(self.enrolment_date[person] + day)


def dates(days_since_1970: Ints) -> pl.Series:
    """A date column; `NEVER` and beyond become null."""
    series = pl.Series(days_since_1970)
    return series.set(series >= NEVER, None).cast(pl.Int32).cast(pl.Date)
