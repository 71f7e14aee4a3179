"""Counts that were made elsewhere, such as in a database, kept by pattern so that many models share them.

In: for each stratum, pattern of covariates and event time, who leaves the risk set after it less who comes in before
the next, and who has the event. Out: `PatternCounts`, and from it the `RiskSets` of a model whose covariates are
expressions over the columns of the patterns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from cohort.survival.arrays import Floats, Indices, Ints, narrow
from cohort.survival.counting import count_below, not_later, stratum_codes
from cohort.survival.distinct import distinct
from cohort.survival.risk_sets import RiskSets, counts


@dataclass(frozen=True)
class PatternCounts:
    """Changes of the risk sets by pattern and event time.

    Attributes:
        patterns: (M, ...) what the patterns are, stratum after stratum: any columns, those of the strata among them.
        strata: the columns whose combinations have a baseline hazard each.
        times: (T,) the distinct event times, ascending.
        change: (T, M) number who leave after each, less the number who come in between it and the next.
        events: (T, M) number of events.
    """

    patterns: pl.DataFrame
    strata: tuple[str, ...]
    times: Floats
    change: sparse.csc_array
    events: sparse.csc_array

    def model(self, columns: Mapping[str, pl.Expr], keep: pl.Expr | None = None) -> RiskSets:
        """The risk sets of a model: patterns alike in its covariates become one.

        Args:
            columns: covariates, as expressions over the columns of `patterns`.
            keep: which patterns belong to the model; none: all.

        Raises:
            ValueError: a covariate is missing or not finite.
        """
        kept = (
            np.ones(self.patterns.height, bool) if keep is None else self.patterns.select(keep).to_series().to_numpy()
        )
        chosen = self.patterns.filter(kept)
        stratum, names = stratum_codes(chosen, self.strata)
        design = chosen.select(expression.cast(pl.Float64).alias(name) for name, expression in columns.items())
        _check(design)
        merged, example = distinct(design, stratum)
        renumbered = np.full(self.patterns.height, -1)
        renumbered[kept] = merged
        return self._risk_sets(renumbered, design[example], stratum[example], names)

    def _risk_sets(self, renumbered: Ints, design: pl.DataFrame, stratum: Ints, names: Sequence[str]) -> RiskSets:
        width = max(len(self.times), 1)
        # Where in the stratum's grid of times a pattern's own event times begin; negative for patterns left out.
        origin = np.where(renumbered >= 0, stratum[renumbered] * width, -1) if len(stratum) else renumbered
        events = self._placed(self.events, origin, renumbered)
        grid = np.flatnonzero(np.bincount(events.at[events.count > 0], minlength=len(names) * width))
        loud, stratum_of_time = np.unique(grid // width, return_inverse=True)
        shape = (len(grid), design.height)
        moved, happened = (
            placed.onto(grid, width, len(names) * width, shape)
            for placed in (self._placed(self.change, origin, renumbered), events)
        )
        present = np.flatnonzero(np.diff(moved.indptr) + np.diff(happened.indptr))
        return RiskSets(
            columns=tuple(design.columns),
            patterns=design.to_numpy()[present] if design.width else np.zeros((len(present), 0)),
            stratum_of=np.searchsorted(loud, stratum[present]),
            change=moved[:, present],
            events=happened[:, present],
            stratum=stratum_of_time.astype(np.int64),
            time=self.times[grid % width],
            strata=tuple(names[k] for k in loud),
            offset=np.zeros(len(present)),
            weight=np.ones(len(present)),
            silent=tuple(name for k, name in enumerate(names) if k not in set(loud)),
        )

    def _placed(self, matrix: sparse.csc_array, origin: Ints, renumbered: Ints) -> "_Placed":
        """The entries of a matrix, without those of patterns left out, at their stratum and time."""
        lengths = np.diff(matrix.indptr)
        small = narrow(max(int(origin.max(initial=0)) + len(self.times), len(renumbered)))
        start = np.repeat(origin.astype(small), lengths)
        pattern = np.repeat(renumbered.astype(small), lengths)
        at, count = start + matrix.indices.astype(small, copy=False), matrix.data
        if (origin < 0).any():
            kept = start >= 0
            start, pattern, at, count = start[kept], pattern[kept], at[kept], count[kept]
        return _Placed(start, at, pattern, count)


@dataclass(frozen=True)
class _Placed:
    """Entries (R,): where their stratum's times start, where they are, of which pattern, and how many."""

    start: Indices
    at: Indices
    pattern: Indices
    count: Floats

    def onto(self, grid: Ints, width: int, size: int, shape: tuple[int, int]) -> sparse.csc_array:
        """A matrix over the event times of a grid: each entry goes to the last one of its stratum that is not later.

        Before a stratum's first event time nobody is compared with anybody.
        """
        place = count_below(grid, self.at + 1, size) - 1
        first = count_below(grid, np.arange(0, size, width), size)
        after = place >= first[self.start // width]
        return counts(place[after], self.pattern[after], self.count[after], shape)


def pattern_counts(
    patterns: pl.DataFrame,
    changes: pl.DataFrame,
    strata: Sequence[str],
    time: str = "event_day",
    change: str = "change",
    events: str = "events",
) -> PatternCounts:
    """Read counts.

    Args:
        patterns: one row per pattern: its number, `pattern`, and any columns.
        changes: rows of `pattern`, an event time, the change and the events there; rows of one pattern and time add up.
        strata: those columns of the patterns whose combinations have a baseline hazard each.
        time, change, events: columns of `changes`.

    Raises:
        ValueError: changes are of patterns that are not there; the message says how many.
    """
    described = patterns.sort(*strata, "pattern")
    place = _places(described.get_column("pattern").to_numpy(), changes.get_column("pattern").to_numpy())
    day = changes.get_column(time).to_numpy()
    times = np.unique(day)
    row, shape = not_later(times, day) - 1, (len(times), described.height)
    change_of, events_of = (changes.get_column(c).cast(pl.Float64).to_numpy() for c in (change, events))
    happens = np.flatnonzero(events_of)
    return PatternCounts(
        described.drop("pattern"),
        tuple(strata),
        times.astype(np.float64),
        counts(row, place, change_of, shape),
        counts(row[happens], place[happens], events_of[happens], shape),
    )


def _places(numbers: Indices, wanted: Indices) -> Indices:
    """The place of each wanted number among distinct numbers in any order; ValueError where it is not among them."""
    order = np.argsort(numbers)
    ascending = numbers[order]
    # Mostly they are consecutive: then nothing need be searched for.
    is_run = bool((np.diff(ascending) == 1).all())
    at = wanted - ascending[:1].sum() if is_run else np.searchsorted(ascending, wanted)
    inside = (at >= 0) & (at < len(numbers))
    strangers = int((~inside).sum() + (ascending[at[inside]] != wanted[inside]).sum())
    if strangers:
        raise ValueError(f"{strangers} change(s) are of patterns that are not among the {len(numbers)} given")
    return order[at]


def _check(design: pl.DataFrame) -> None:
    for column in design.iter_columns():
        bad = design.height - int(column.is_finite().sum() or 0)
        if bad:
            raise ValueError(f"column {column.name} has {bad} pattern(s) whose value is missing or not finite")
