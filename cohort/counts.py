"""How many persons, events and person-years stand behind an estimate.

In: prepared person-time. Out: `Counts`, always persons (not rows), since one person has many intervals.
"""

from dataclasses import dataclass

import polars as pl

from cohort.cox import minimum_detectable_hazard_ratio
from cohort.inputs import EXPOSURES
from cohort.results import CONTRAST

DAYS_PER_YEAR = 365.25


@dataclass(frozen=True)
class Counts:
    """Persons, events and person-years at risk, and how many of them are exposed."""

    persons: int
    persons_exposed: int
    events: int
    events_exposed: int
    person_years: float

    def mdrr(self) -> float | None:
        """Minimum detectable hazard ratio at 80 % power, or None where nobody or everybody is exposed."""
        share = self.persons_exposed / self.persons if self.persons else 0.0
        ratio = minimum_detectable_hazard_ratio(self.events, share)
        return ratio if ratio == ratio and ratio != float("inf") else None


def linear_counts(frame: pl.DataFrame, outcome: str) -> dict[str, Counts]:
    """Counts of each exposure (dose above zero), and of the contrast (either of its two classes).

    Args:
        frame: columns person_id, days, tspo_* (dose), event, death; no unknown doses.
        outcome: `dementia` or `death`.
    """
    either = pl.max_horizontal("tspo_binder", "tspo_non_binder") > 0
    exposed = {**{e: pl.col(e) > 0 for e in EXPOSURES}, CONTRAST: either}
    return {name: _counts(frame, is_exposed, outcome) for name, is_exposed in exposed.items()}


def category_counts(frame: pl.DataFrame, exposure: str) -> dict[str, Counts]:
    """Counts of each dose category of one exposure; `persons_exposed` and `events_exposed` are those in it."""
    total = _counts(frame, pl.lit(False), "dementia")
    cells = frame.group_by(f"category_{exposure}").agg(
        persons=pl.col("person_id").n_unique(), events=pl.col("event").sum(), days=pl.col("days").sum()
    )
    return {
        label: Counts(total.persons, persons, total.events, int(events), days / DAYS_PER_YEAR)
        for label, persons, events, days in cells.iter_rows()
    }


def nobody(frame: pl.DataFrame) -> Counts:
    """Counts of a category that nobody is in."""
    total = _counts(frame, pl.lit(False), "dementia")
    return Counts(total.persons, 0, total.events, 0, 0.0)


def _counts(frame: pl.DataFrame, is_exposed: pl.Expr, outcome: str) -> Counts:
    event = pl.col("death" if outcome == "death" else "event")
    row = frame.select(
        persons=pl.col("person_id").n_unique(),
        persons_exposed=pl.col("person_id").filter(is_exposed).n_unique(),
        events=event.sum(),
        events_exposed=event.filter(is_exposed).sum(),
        days=pl.col("days").sum(),
    ).row(0, named=True)
    return Counts(
        row["persons"],
        row["persons_exposed"],
        int(row["events"]),
        int(row["events_exposed"]),
        row["days"] / DAYS_PER_YEAR,
    )
