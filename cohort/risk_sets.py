"""Risk sets as counts: who is at risk, and who has the event, at each event time of each stratum.

In: intervals (start, stop] with an event at their end, a stratum, and a covariate pattern. Out: two sparse count
matrices over event times and patterns. A row is at risk at t when start < t <= stop, so a person who enters at t is
not at risk at t (delayed entry as R's survival). The counts are all that the partial likelihood needs: the fit from
them equals the fit from the rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class RiskSets:
    """Counts over G event times (all strata, one after another) and M covariate patterns.

    Attributes:
        columns: names of the p covariates.
        patterns: (M, p) covariate values, one row per distinct pattern.
        change: (G, M) change in weight at risk between the former event time and this one; its running sum down
            the rows is the weight at risk. A stratum's leavers are taken out at the next stratum's first row.
        events: (G, M) weight of events.
        deaths: (G,) number of events at each event time, for Efron's correction.
        stratum: (G,) index of the stratum of each event time.
        time: (G,) the event times.
    """

    columns: tuple[str, ...]
    patterns: Floats
    change: sparse.csr_array
    events: sparse.csr_array
    deaths: Ints
    stratum: Ints
    time: Floats

    @property
    def n_events(self) -> int:
        """Number of events."""
        return int(self.deaths.sum())

    def keep(self, columns: Sequence[str], without: npt.NDArray[np.bool_] | None = None) -> "RiskSets":
        """The same risk sets with fewer columns, and with the patterns marked in `without` taken out."""
        index = [self.columns.index(column) for column in columns]
        kept = np.ones(len(self.patterns), bool) if without is None else ~without
        return replace(
            self,
            columns=tuple(columns),
            patterns=self.patterns[kept][:, index],
            change=self.change[:, kept],
            events=self.events[:, kept],
        )

    def summed(self, columns: Mapping[str, Sequence[str]]) -> "RiskSets":
        """The same risk sets with new columns, each the sum of old ones: a smaller model without counting again."""
        index = {name: [self.columns.index(old) for old in olds] for name, olds in columns.items()}
        patterns = np.column_stack([self.patterns[:, olds].sum(axis=1) for olds in index.values()])
        return replace(self, columns=tuple(columns), patterns=patterns)


def risk_sets(
    intervals: pl.DataFrame,
    columns: Sequence[str],
    strata: Sequence[str] = (),
    start: str = "start_day",
    stop: str = "stop_day",
    event: str = "event",
) -> RiskSets:
    """Count risk sets from intervals.

    Args:
        intervals: one row per interval; `columns` numeric without nulls, `event` 0 or 1.
        columns: the covariates of the model.
        strata: columns whose combinations have a baseline hazard each.

    Raises:
        ValueError: an interval does not end after it starts, or a covariate is null or not finite.
    """
    _check(intervals, columns, start, stop)
    patterns = intervals.select(pl.struct(list(columns)).rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()
    stratum = _codes(intervals, strata)
    times = intervals.select(pl.col(start).cast(pl.Float64), pl.col(stop).cast(pl.Float64)).to_numpy()
    is_event = intervals.get_column(event).to_numpy().astype(bool)

    grid = np.unique(np.column_stack([stratum[is_event], times[is_event, 1]]), axis=0)
    enter, leave = _position(grid, stratum, times[:, 0]), _position(grid, stratum, times[:, 1])
    shape = (len(grid) + 1, int(patterns.max(initial=-1)) + 1)
    change = _counts(enter, patterns, shape) - _counts(leave, patterns, shape)
    at = leave[is_event] - 1
    first_row = np.zeros(shape[1], np.int64)
    first_row[patterns] = np.arange(len(patterns))
    return RiskSets(
        tuple(columns),
        intervals[first_row].select(pl.col(list(columns)).cast(pl.Float64)).to_numpy(),
        change[: len(grid)],
        _counts(at, patterns[is_event], shape)[: len(grid)],
        np.bincount(at, minlength=len(grid)).astype(np.int64),
        grid[:, 0].astype(np.int64),
        grid[:, 1],
    )


def _check(intervals: pl.DataFrame, columns: Sequence[str], start: str, stop: str) -> None:
    reversed_rows = intervals.filter(pl.col(stop) <= pl.col(start)).height
    if reversed_rows:
        raise ValueError(f"{reversed_rows} interval(s) do not end after they start")
    for column in columns:
        values = intervals.get_column(column).cast(pl.Float64)
        bad = values.len() - int(values.is_finite().sum() or 0)
        if bad:
            raise ValueError(f"column {column} has {bad} value(s) that are missing or not finite")


def _codes(intervals: pl.DataFrame, strata: Sequence[str]) -> Floats:
    """Rank of each row's stratum, from 0, as floats so that it sits beside times."""
    if not strata:
        return np.zeros(intervals.height)
    ranks = intervals.select(pl.struct(list(strata)).rank("dense").cast(pl.Float64) - 1)
    return ranks.to_series().to_numpy()


def _position(grid: Floats, stratum: Floats, time: Floats) -> Ints:
    """Index of the first event time of the row's stratum that is later than `time` (the next stratum's if none)."""
    position = np.empty(len(time), np.int64)
    bounds = np.searchsorted(grid[:, 0], np.arange(stratum.max(initial=0) + 2))
    for code in np.unique(stratum):
        first, last = bounds[int(code)], bounds[int(code) + 1]
        rows = stratum == code
        position[rows] = first + np.searchsorted(grid[first:last, 1], time[rows], side="right")
    return position


def _counts(row: Ints, column: npt.NDArray[np.integer], shape: tuple[int, int]) -> sparse.csr_array:
    ones = np.ones(len(row))
    return sparse.csr_array((ones, (row, column)), shape=shape)
