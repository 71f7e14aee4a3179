"""Which column of a frame has which role in a model, checked before anything is counted.

In: a polars or pandas frame and the names of its columns. Out: `Design`. Errors name the column, and the cure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from cohort.survival.frames import Frame, as_polars, require, require_flags, require_numeric, require_once

_BEGINNING = "_beginning"
Columns = str | Sequence[str] | None


@dataclass(frozen=True)
class Design:
    """A frame of intervals (start, stop].

    Attributes:
        covariates: of the model, all numeric.
        strata: columns whose combinations have a baseline hazard each.
        start: the column of the starts.
    """

    frame: pl.DataFrame
    covariates: list[str]
    strata: list[str]
    start: str

    @property
    def strata_types(self) -> dict[str, pl.DataType]:
        """Type of each column of the strata."""
        return {column: self.frame.schema[column] for column in self.strata}


def designed(
    df: Frame,
    events: Sequence[str],
    start: str | None,
    stop: str,
    columns: Sequence[str] | None,
    strata: Columns,
    labels: Sequence[str | None],
    numbers: Sequence[str | None],
) -> Design:
    """Give every column its role.

    Args:
        df: polars or pandas, one row per interval.
        events: columns of 0 and 1.
        start, stop: ends of the intervals; without a start all are at risk from before the first end.
        columns: the covariates; none: all columns that have no other role.
        strata: columns of any type.
        labels: further columns of any type.
        numbers: further columns of numbers, such as weights.

    Raises:
        ValueError: a column is not there, or does not hold what its role needs.
    """
    frame, by = as_polars(df), listed(strata)
    ends = [stop] if start is None else [start, stop]
    others = [column for column in (*labels, *numbers) if column]
    require(frame, [*events, *ends, *by, *others])
    require_flags(frame, events)
    require_numeric(frame, ends, "count days or years from some date")
    require_numeric(frame, [column for column in numbers if column])
    taken = {*events, *ends, *by, *others}
    covariates = [c for c in frame.columns if c not in taken] if columns is None else list(columns)
    require_once(covariates)
    require_numeric(frame, covariates, "code it as 0 and 1, make it a stratum, or name the covariates in `columns`")
    if start is None:
        earliest = pl.col(stop).cast(pl.Float64).min() - 1
        frame = frame.with_columns(earliest.alias(_BEGINNING))
    return Design(frame, covariates, by, start or _BEGINNING)


def listed(columns: Columns) -> list[str]:
    """One name, several or none as a list."""
    return [columns] if isinstance(columns, str) else list(columns or ())
