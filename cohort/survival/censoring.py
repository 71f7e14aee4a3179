"""How likely it is still to be under observation: the distributions of censoring and of delayed entry.

In: intervals (start, stop] of persons. Out: product-limit estimates of G(t-), the probability not to be censored
before t, and of H(t-), the probability to have entered before t, both by stratum. With delayed entry H runs backwards
in time (Geskus 2011). Only persons are censored or enter: contiguous intervals of one person count as one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import polars as pl

from cohort.survival.arrays import Bools, Floats, Ints
from cohort.survival.counting import stratum_codes
from cohort.survival.distinct import distinct
from cohort.survival.segments import Segments

Convention = Literal["survival", "crr"]
"""Whether who has an event at t is at risk of censoring at t: not in R's `survival::finegray`; in `cmprsk::crr`."""


@dataclass(frozen=True)
class Spells:
    """Intervals (start, stop] of persons without gaps, (R,) each.

    Attributes:
        start, stop: in any unit.
        has_event: an event of any kind at `stop`.
        is_first, is_last: of its person.
        stratum: of the distributions, from 0.
        person: number of the person, from 0.
    """

    start: Floats
    stop: Floats
    has_event: Bools
    is_first: Bools
    is_last: Bools
    stratum: Ints
    person: Ints

    @property
    def is_censored(self) -> Bools:
        """Whether the person is lost at `stop`, without an event."""
        return self.is_last & ~self.has_event

    @property
    def has_delayed_entry(self) -> bool:
        """Whether anybody enters after somebody has left; if not, R lets all have been there from the beginning."""
        last_entry = self.start[self.is_first].max(initial=-np.inf)
        return bool(last_entry > self.stop[self.is_last].min(initial=np.inf))


def spells(
    intervals: pl.DataFrame, start: str, stop: str, events: Sequence[str], id: str | None, strata: Sequence[str]
) -> Spells:
    """Persons' time under observation.

    Args:
        intervals: one row per interval (start, stop], valid by themselves.
        events: columns of 0 or 1: the kinds of event that end follow-up at `stop`.
        id: the person; none: every interval is one person's.
        strata: columns, constant within a person, whose combinations have distributions of their own.

    Raises:
        ValueError: a person has gaps, an event before the end, or changes the stratum.
    """
    begin, end = (intervals.get_column(c).cast(pl.Float64).to_numpy() for c in (start, stop))
    has_event = intervals.select(pl.col(*events).cast(pl.Boolean)).select(pl.any_horizontal(pl.all()))
    person = np.arange(intervals.height) if id is None else distinct(intervals.select(id))[0]
    stratum = stratum_codes(intervals, strata)[0]
    order = np.lexsort((begin, person))
    is_new = np.diff(person[order], prepend=-1) > 0
    is_first, is_last = np.zeros((2, len(order)), bool)
    is_first[order], is_last[order] = is_new, np.append(is_new[1:], True)[: len(order)]
    found = Spells(begin, end, has_event.to_series().to_numpy(), is_first, is_last, stratum, person)
    _check(found, order)
    return found


def _check(spells: Spells, order: Ints) -> None:
    """Refuse what the weights have no meaning for; `order` is by person, then time."""
    earlier, later = order[:-1], order[1:]
    is_same = ~spells.is_first[later]
    apart = int((is_same & (spells.stop[earlier] != spells.start[later])).sum())
    if apart:
        raise ValueError(
            f"{apart} interval(s) do not start where the person's one before ends; the weights need one "
            "stretch of time per person"
        )
    early = int((spells.has_event & ~spells.is_last).sum())
    if early:
        raise ValueError(f"{early} event(s) come before the person's last interval; end follow-up at the first event")
    moved = int((is_same & (spells.stratum[earlier] != spells.stratum[later])).sum())
    if moved:
        raise ValueError(f"{moved} interval(s) lie in other censoring strata than the person's one before")


@dataclass(frozen=True)
class Moments:
    """The times at which persons of each stratum are censored, or enter: K of them, by stratum, then time.

    Attributes:
        n_times: how many times a stratum has.
        keys: (K,) stratum x n_times + rank of the time.
        happened: (K,) how many persons.
        at_risk: (K,) out of how many.
    """

    n_times: int
    keys: Ints
    happened: Ints
    at_risk: Ints

    @property
    def is_gap(self) -> Bools:
        """(K,) where it happens to all, so that nobody is on both sides; the logs below leave these factors out."""
        gap: Bools = self.happened == self.at_risk
        return gap

    @property
    def _stratum(self) -> Ints:
        return self.keys // self.n_times

    def log_before(self, keys: Ints) -> Floats:
        """Log of the product of the factors 1 - happened / at_risk earlier than each key, in its stratum."""
        return self._picked(self._segments.from_start(self._logs), np.searchsorted(self.keys, keys) - 1, keys)

    def log_from(self, keys: Ints) -> Floats:
        """Log of the product of the factors not earlier than each key, in its stratum."""
        return self._picked(self._segments.from_end(self._logs), np.searchsorted(self.keys, keys), keys)

    def next_gap(self, keys: Ints) -> Ints:
        """The first gap not earlier than each key, or the end of its stratum."""
        end = (keys // self.n_times + 1) * self.n_times
        gaps = np.append(self.keys[self.is_gap], np.iinfo(np.int64).max)
        nearest: Ints = np.minimum(gaps[np.searchsorted(gaps, keys)], end)
        return nearest

    @cached_property
    def _segments(self) -> Segments:
        return Segments(np.unique(self._stratum, return_counts=True)[1].astype(np.int64))

    @cached_property
    def _logs(self) -> Floats:
        with np.errstate(divide="ignore"):
            logs: Floats = np.where(self.is_gap, 0.0, np.log1p(-self.happened / self.at_risk))
        return logs

    def _picked(self, sums: Floats, at: Ints, keys: Ints) -> Floats:
        """Sums at some places; zero where the place is in another stratum than the key."""
        inside = (at >= 0) & (at < len(sums))
        inside[inside] = self._stratum[at[inside]] == keys[inside] // self.n_times
        picked = np.zeros(len(at))
        picked[inside] = sums[at[inside]]
        return picked


class Observation:
    """The distributions of censoring and of delayed entry, estimated from spells.

    Attributes:
        spells: what they were estimated from.
        convention: of ties.
        starts, stops: (R,) keys of the spells.
        censoring, entry: when persons are lost and when they enter; no entry times without delayed entry.
    """

    def __init__(self, spells: Spells, convention: Convention) -> None:
        self.spells, self.convention = spells, convention
        self._times: Floats = np.unique(np.concatenate([spells.start, spells.stop]))
        self.n_times = len(self._times)
        self.starts, self.stops = (self.keys(t, spells.stratum) for t in (spells.start, spells.stop))
        starts, stops, with_event = (np.sort(k) for k in (self.starts, self.stops, self.stops[spells.has_event]))
        lost = np.unique(self.stops[spells.is_censored])
        at_risk = _count(starts, lost, "left") - _count(stops, lost, "left")
        if convention == "survival":
            at_risk -= _count(with_event, lost, "right") - _count(with_event, lost, "left")
        self.censoring = Moments(self.n_times, lost, self._happened(self.stops[spells.is_censored]), at_risk)
        entries = self.starts[spells.is_first] if spells.has_delayed_entry else np.zeros(0, np.int64)
        new = np.unique(entries)
        present = _count(starts, new, "right") - _count(stops, new, "right")
        self.entry = Moments(self.n_times, new, self._happened(entries), present)

    def keys(self, time: Floats, stratum: Ints) -> Ints:
        """Stratum and time in one number; each time is a start or a stop of a spell."""
        keys: Ints = stratum * self.n_times + np.searchsorted(self._times, time)
        return keys

    def log_probability(self, keys: Ints) -> Floats:
        """Log of G(t-) H(t-), to which the chance to be under observation just before t is proportional."""
        return self.censoring.log_before(keys) + self.entry.log_from(keys)

    @staticmethod
    def _happened(keys: Ints) -> Ints:
        return np.unique(keys, return_counts=True)[1].astype(np.int64)


def _count(ascending: Ints, keys: Ints, side: Literal["left", "right"]) -> Ints:
    """How many are below each key; or, on the right side, not above it."""
    count: Ints = np.searchsorted(ascending, keys, side=side)
    return count
