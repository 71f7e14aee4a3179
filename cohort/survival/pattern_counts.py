"""Counts that were made elsewhere, such as in a database, kept by pattern so that many models share them.

In: for each stratum, pattern of covariates and event time, who leaves the risk set after it less who comes in before
the next, and who has the event. Out: `PatternCounts`, and from it the `RiskSets` of a model whose covariates are
expressions over the columns of the patterns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from cohort.survival.arrays import Floats, Ints
from cohort.survival.counting import count_below, distinct, not_later, stratum_codes
from cohort.survival.risk_sets import RiskSets, counts

_COUNTED = ("change", "events")


@dataclass(frozen=True)
class PatternCounts:
    """Changes of the risk sets, one row per pattern and event time.

    Attributes:
        patterns: (M, ...) what the patterns are: any columns, those of the strata among them.
        strata: the columns whose combinations have a baseline hazard each.
        pattern: (R,) index into the patterns.
        times: (T,) the distinct event times, ascending.
        time: (R,) index into them.
        change: (R,) number who leave after it, less the number who come in between it and the next.
        events: (R,) number of events.
    """

    patterns: pl.DataFrame
    strata: tuple[str, ...]
    pattern: Ints
    times: Floats
    time: Ints
    change: Floats
    events: Floats

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
        kept = renumbered[self.pattern] >= 0
        pattern, time = renumbered[self.pattern[kept]], self.time[kept]
        change, events = self.change[kept], self.events[kept]
        width = max(len(self.times), 1)
        own = stratum[pattern]
        grid = np.flatnonzero(np.bincount((own * width + time)[events > 0], minlength=len(names) * width))
        loud, stratum_of_time = np.unique(grid // width, return_inverse=True)
        # The last event time of this model that is not later; before a stratum's first nobody is compared with anybody.
        place = count_below(grid, own * width + time + 1, len(names) * width) - 1
        after = place >= np.searchsorted(grid, own * width)
        place, pattern, shape = place[after], pattern[after], (len(grid), design.height)
        moved = counts(place, pattern, change[after], shape)
        happened = counts(place, pattern, events[after], shape)
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


def pattern_counts(changes: pl.DataFrame, strata: Sequence[str], time: str = "event_day") -> PatternCounts:
    """Read counts.

    Args:
        changes: one row per pattern and event time: the columns of the pattern, `time`, `change`, `events`.
        strata: those columns of the pattern whose combinations have a baseline hazard each.
        time: the column of the event time.
    """
    described = changes.drop(time, *_COUNTED)
    number, example = distinct(described)
    # In an order that is not that of the counts, which a database may give in any.
    patterns = described[example]
    order = patterns.select(pl.struct(pl.all()).hash()).to_series().arg_sort().to_numpy()
    position = np.empty(len(order), np.int64)
    position[order] = np.arange(len(order))
    day = changes.get_column(time).to_numpy()
    times = np.unique(day)
    return PatternCounts(
        patterns[order],
        tuple(strata),
        position[number],
        times.astype(np.float64),
        not_later(times, day) - 1,
        changes.get_column("change").to_numpy().astype(np.float64),
        changes.get_column("events").to_numpy().astype(np.float64),
    )


def _check(design: pl.DataFrame) -> None:
    for column in design.iter_columns():
        bad = design.height - int(column.is_finite().sum() or 0)
        if bad:
            raise ValueError(f"column {column.name} has {bad} pattern(s) whose value is missing or not finite")
