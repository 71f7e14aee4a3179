"""Cumulative incidence with competing events: Aalen and Johansen's estimator, exact at ties, with delayed entry.

In: intervals (start, stop] with the cause of the event at their end. Out: `CumulativeIncidence`: the probability of
each cause by each event time, its infinitesimal-jackknife error as in R's `survfit` (intervals of one person count as
one), restricted mean time lost, and the influence of every person, from which covariances of all kinds follow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import polars as pl

from cohort.survival.arrays import Floats, Ints
from cohort.survival.distributions import half_width
from cohort.survival.frames import require_flags, require_numbers
from cohort.survival.influence import Curves, Influence, Spells, add_by_person, before, left_of, read, running, steps

_LOST = 1e-6
_LIGHTEST = 1e-12

Transform = Literal["cloglog", "log-log", "log", "plain"]


@dataclass(frozen=True)
class CumulativeIncidence(Curves):
    """Curves with their errors.

    Attributes:
        standard_error: (T, K) of the incidence.
        survival_error: (T,) of the survival.
    """

    standard_error: Floats
    survival_error: Floats

    def at(self, times: Floats) -> "IncidenceAt":
        """The curves read at some times."""
        index = np.searchsorted(self.time, times, side="right")
        starts, stops = np.sort(self.spells.start), np.sort(self.spells.stop)
        at_risk = np.searchsorted(starts, times, side="right") - np.searchsorted(stops, times, side="right")
        return IncidenceAt(
            times,
            read(self.incidence, index),
            read(self.standard_error, index),
            read(np.cumsum(self.events, axis=0), index),
            at_risk.astype(np.int64),
        )

    @cached_property
    def _influences(self) -> tuple[Influence, ...]:
        """Of each cause."""
        return tuple(Influence(self, cause) for cause in range(len(self.causes)))

    def influence(self, times: Floats, cause: int) -> Floats:
        """(persons, times) influence of every person on the incidence of one cause."""
        return self._influences[cause].of_people(np.searchsorted(self.time, times, side="right"))

    def time_lost_influence(self, until: float) -> Floats:
        """(persons, K) influence of every person on the time lost to each cause."""
        columns = [influence.integrated(until) for influence in self._influences]
        spells, total = self.spells, np.zeros((self.n_people, len(self.causes)))
        add_by_person(total, spells.person, np.column_stack(columns))
        return total

    def mean_time_lost(self, until: float) -> Floats:
        """(K,) mean time lost to each cause up to a time: the area under its curve, which ends level."""
        return np.array([_area(self, self.incidence[:, k], until)[-1] for k in range(len(self.causes))])

    def restricted_mean_time_lost(self, until: float) -> tuple[Floats, Floats]:
        """Mean time lost to each cause up to a time: the area under its curve (Andersen 2013).

        Beyond the last event time a curve stays where it is.

        Returns:
            (K,) means and (K,) standard errors, in units of time.
        """
        return self.mean_time_lost(until), np.sqrt((self.time_lost_influence(until) ** 2).sum(axis=0))


@dataclass(frozen=True)
class IncidenceAt:
    """Curves read at A times.

    Attributes:
        time: (A,) when.
        incidence, standard_error: (A, K).
        events: (A, K) weight of events so far.
        at_risk: (A,) how many intervals are at risk just after.
    """

    time: Floats
    incidence: Floats
    standard_error: Floats
    events: Floats
    at_risk: Ints


def aalen_johansen(
    intervals: pl.DataFrame,
    from_time: float = float("-inf"),
    start: str = "start_day",
    stop: str = "stop_day",
    causes: Sequence[str] = ("event", "death"),
    id: str | None = None,
    weights: str | None = None,
) -> CumulativeIncidence:
    """Estimate from intervals; what lies before `from_time` is cut off, so the curves are conditional on it.

    Args:
        intervals: one row per interval (start, stop].
        from_time: from when on.
        start, stop: columns of the ends.
        causes: columns of 0 and 1: an event of that cause at `stop`; at most one of them in a row.
        id: whose interval it is; without it every interval is a person of its own.
        weights: weights of the intervals, above zero.

    Raises:
        ValueError: an interval has events of two causes or does not end after it starts, or values are missing or out
            of range; the message says in which column, and how many.
    """
    _check(intervals, start, stop, causes, id, weights)
    spells, time, people = _spells(intervals, from_time, start, stop, causes, id, weights)
    at_risk = _at_risk(spells, len(time))
    flat = (spells.hi - 1) * len(causes) + spells.cause
    own = spells.has_event
    counted = np.bincount(flat[own], weights=spells.weight[own], minlength=len(time) * len(causes)).astype(np.float64)
    events = counted.reshape(len(time), len(causes))
    survival = np.cumprod(left_of(events, at_risk)).astype(np.float64)
    incidence = np.cumsum(before(survival)[:, None] * events / at_risk[:, None], axis=0)
    curves = Curves(tuple(causes), time, at_risk, events, survival, incidence, from_time, spells, people)
    *errors, survival_error = (np.sqrt(Influence(curves, k).variance()) for k in (*range(len(causes)), None))
    return CumulativeIncidence(**vars(curves), standard_error=np.column_stack(errors), survival_error=survival_error)


def _at_risk(spells: Spells, size: int) -> Floats:
    """(T,) weight at risk; where little is left of a running sum it is its rounding, so there it is added up anew."""
    at_risk = running(size, spells.lo, spells.hi, spells.weight)
    for at in np.flatnonzero(at_risk <= _LOST * spells.weight.sum()):
        at_risk[at] = spells.weight[(spells.lo <= at) & (at < spells.hi)].sum()
    return at_risk


def _spells(
    intervals: pl.DataFrame,
    from_time: float,
    start: str,
    stop: str,
    causes: Sequence[str],
    id: str | None,
    weights: str | None,
) -> tuple[Spells, Floats, pl.Series | None]:
    """What is at risk when: intervals that join are one, for they have the same influence."""
    needed = list(dict.fromkeys([start, stop, *causes, *([id] if id else []), *([weights] if weights else [])]))
    chosen = intervals.lazy().filter(pl.col(stop) > from_time).select(needed)
    rows = chosen.sort([id, start] if id else [start]).collect()
    begin, end = (rows.get_column(side).to_numpy() for side in (start, stop))
    weight = None if weights is None else rows.get_column(weights).to_numpy().astype(float)
    cause = np.full(rows.height, -1, np.int16)
    for k, column in enumerate(causes):
        cause[rows.get_column(column).to_numpy().astype(bool)] = k
    is_new, people = np.ones(rows.height, bool), None
    if id is not None:
        who = rows.get_column(id)
        is_new = who.ne_missing(who.shift(1)).to_numpy()
        people = who.filter(pl.Series(is_new))
        overlaps = int((~is_new[1:] & (begin[1:] < end[:-1])).sum())
        if overlaps:
            raise ValueError(f"{overlaps} interval(s) begin before the one before them, of the same person, ends")
    goes_on = np.zeros(rows.height, bool)
    goes_on[1:] = ~is_new[1:] & (begin[1:] == end[:-1]) & (cause[:-1] < 0)
    if weight is not None:
        goes_on[1:] &= weight[1:] == weight[:-1]
    # Wide numbers are made of what is left alone: there may be fifty million intervals.
    at = np.flatnonzero(~goes_on)
    until = np.append(at[1:], rows.height)[: len(at)] - 1
    first, last = np.maximum(begin[at].astype(float), from_time), end[until].astype(float)
    ends_in = cause[until].astype(np.int64)
    time = np.unique(last[ends_in >= 0])
    lo, hi = (np.searchsorted(time, moment, side="right") for moment in (first, last))
    own = np.ones(len(at)) if weight is None else weight[at]
    return Spells(first, last, lo, hi, ends_in, np.cumsum(is_new[at]) - 1, own), time, people


def _check(
    intervals: pl.DataFrame, start: str, stop: str, causes: Sequence[str], id: str | None, weights: str | None
) -> None:
    require_numbers(intervals, [start, stop, *([weights] if weights else [])])
    require_flags(intervals, causes)
    both = intervals.filter(pl.sum_horizontal(pl.col(c).cast(pl.Int64) for c in causes) > 1).height
    if both:
        raise ValueError(f"{both} interval(s) end with events of two causes")
    reversed_rows = intervals.filter(pl.col(stop) <= pl.col(start)).height
    if reversed_rows:
        raise ValueError(f"{reversed_rows} interval(s) do not end after they start")
    if id is not None and intervals.get_column(id).null_count():
        raise ValueError(f"{intervals.get_column(id).null_count()} interval(s) have no {id}")
    if weights is not None:
        # A running sum of weights has sixteen digits.
        light = intervals.filter(pl.col(weights) <= _LIGHTEST * pl.col(weights).max()).height
        if light:
            raise ValueError(f"column {weights} has {light} value(s) not above {_LIGHTEST:g} of the largest")


def _area(curve: CumulativeIncidence, values: Floats, until: float) -> Floats:
    n = int(np.searchsorted(curve.time, until, side="right"))
    return steps(values[:n], np.concatenate([curve.time[:n], [until]]))


def interval(estimate: Floats, error: Floats, level: float, transform: Transform = "cloglog") -> tuple[Floats, Floats]:
    """Bounds of a probability of an event.

    Args:
        estimate, error: any shape.
        level: such as 0.95.
        transform: the scale on which the bounds are symmetric: `cloglog` is log(-log(1 - p)); `log-log`, `log` and
            `plain` are R's `conf.type` for the states of `survfit`: log(-log(p)), log(p) and p.

    Returns:
        Lower and upper bounds; NaN where the estimate is 0 or 1 and the scale has no derivative there.

    Raises:
        ValueError: there is no such transform.
    """
    return bounds(estimate, error, half_width(level), transform)


def bounds(estimate: Floats, error: Floats, z: float, transform: Transform = "cloglog") -> tuple[Floats, Floats]:
    """The same, z standard errors wide on the scale of the transform."""
    if transform not in get_args(Transform):
        raise ValueError(f"there is no transform '{transform}': {', '.join(get_args(Transform))}")
    if transform == "plain":
        return np.maximum(estimate - z * error, 0.0), np.minimum(estimate + z * error, 1.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if transform == "log":
            lower, upper = (estimate * np.exp(side * z * error / estimate) for side in (-1, 1))
            upper = np.minimum(upper, 1.0)
        elif transform == "log-log":
            width = z * error / (estimate * np.abs(np.log(estimate)))
            lower, upper = (estimate ** np.exp(side * width) for side in (1, -1))
        else:
            width = z * error / ((1 - estimate) * np.abs(np.log1p(-estimate)))
            lower, upper = (-np.expm1(np.log1p(-estimate) * np.exp(side * width)) for side in (-1, 1))
    inside = (estimate > 0) & ((estimate < 1) | (transform == "log"))
    return np.where(inside, lower, np.nan), np.where(inside, upper, np.nan)
