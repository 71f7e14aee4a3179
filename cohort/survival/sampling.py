"""Nested case-control sets: the case and a few controls out of each risk set, or the whole of it.

In: one row per interval (start, stop] with an event at its end. Out: one row per member of a set. Controls are drawn at
random, without replacement, from those at risk when the case has the event and of the same stratum (incidence density
sampling; Borgan, Goldstein and Langholz 1995, Annals of Statistics 23:1749). Whoever has the event at that very time is
no control, as in `ccwc` of R's Epi, but a case with a set of its own, where `ccwc` has one set for tied cases. At any
other time a case may be a control, and a person may be drawn for many cases.

Where no events are tied, sets in which all are drawn give Cox's own estimate. Tied events push it from the hazard ratio
towards the odds ratio of having the event at that time, which is as far away as they are a part of their risk set.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from cohort.survival.arrays import Bools, Indices, Ints
from cohort.survival.at_risk import count_at_risk, draw_without_replacement, nth_at_risk
from cohort.survival.counting import risk_sets
from cohort.survival.frames import require, require_once
from cohort.survival.risk_sets import Rows


def sample_risk_sets(
    intervals: pl.DataFrame,
    strata: Sequence[str] = (),
    controls: int = 15,
    *,
    seed: int = 0,
    columns: Sequence[str] = (),
    person: str = "person_id",
    start: str = "start_day",
    stop: str = "stop_day",
    event: str = "event",
) -> pl.DataFrame:
    """Draw controls for every event.

    The same seed draws the same persons, in whatever order the rows come and however follow-up is split into intervals.

    Args:
        intervals: one row per interval; `event` 0 or 1.
        strata: columns in which a control equals the case at the time of the event.
        controls: how many for each case; fewer where fewer are at risk. A case without any stays, alone in its set.
        seed: of the draw.
        columns: further columns to carry along, of the member's interval at the time of the event.
        person: whose interval it is, of any type that has an order.
        start, stop: the interval (start, stop], in any unit.
        event: whether the event is at `stop`.

    Returns:
        One row per member, by stratum, time and person of the case, the case first: set (from 0), row (of `intervals`),
        the person, is_case (0 or 1), time (of the event, as `stop`), at_risk (persons at risk then in the stratum, all
        cases included), and `columns`.

    Raises:
        ValueError: there are no events, no controls are asked for, a person is missing or has overlapping intervals, or
            a value is missing or out of range; the message says how many.
    """
    if controls < 1:
        raise ValueError(f"a case needs one or more controls, not {controls}")
    follow_up = _follow_up(intervals, strata, columns, person, start, stop, event)
    eligible, case = follow_up.eligible, follow_up.cases
    at = follow_up.rows.hi[case] - 1
    available = count_at_risk(eligible.lo, eligible.hi, follow_up.size)[at]
    generator = np.random.default_rng(seed)
    of_set, number = draw_without_replacement(np.minimum(available, controls), available, generator)
    drawn = eligible.person[nth_at_risk(eligible.lo, eligible.hi, at[of_set], number)]
    members = np.concatenate([case, follow_up.row_of(drawn, at[of_set])])
    sets = np.concatenate([np.arange(len(case)), of_set])
    return follow_up.table(members, sets, at[sets], np.arange(len(members)) < len(case))


def whole_risk_sets(
    intervals: pl.DataFrame,
    strata: Sequence[str] = (),
    *,
    columns: Sequence[str] = (),
    person: str = "person_id",
    start: str = "start_day",
    stop: str = "stop_day",
    event: str = "event",
) -> pl.DataFrame:
    """Write out all risk sets: what `sample_risk_sets` draws from, for data that are small enough.

    There is one set for each stratum and event time, so tied cases share one.

    Returns:
        As `sample_risk_sets`, by stratum and time, the cases first.

    Raises:
        ValueError: as `sample_risk_sets`.
    """
    follow_up = _follow_up(intervals, strata, columns, person, start, stop, event)
    lo, hi = follow_up.rows.lo, follow_up.rows.hi
    lengths = hi - lo
    members = np.repeat(np.arange(len(lo)), lengths)
    at = np.arange(len(members)) - np.repeat(np.cumsum(lengths) - lengths - lo, lengths)
    return follow_up.table(members, at, at, follow_up.rows.is_event[members] & (at == hi[members] - 1))


@dataclass(frozen=True)
class _Spells:
    """Stretches of event times lo to hi - 1 at which a person is at risk without an event."""

    person: Ints
    lo: Indices
    hi: Indices


@dataclass(frozen=True)
class _FollowUp:
    """Intervals that are at risk at event times, by person and time.

    Attributes:
        intervals: all of them, as given.
        names: the columns of the person and of the end, and those to carry along.
        rows: where those at risk stand; `index` is their number among all.
        person: (R,) number of the person of each of `rows`, by the order of the persons themselves.
        size: how many event times there are, in all strata.
    """

    intervals: pl.DataFrame
    names: tuple[str, str, Sequence[str]]
    rows: Rows
    person: Ints
    size: int

    @cached_property
    def cases(self) -> Ints:
        """(S,) which of the rows end with an event, by stratum, time and person."""
        happened = np.flatnonzero(self.rows.is_event)
        return happened[np.argsort(self.rows.hi[happened], kind="stable")]

    @cached_property
    def eligible(self) -> _Spells:
        """Who may be a control when; intervals that join are one, so that splitting them changes no draw."""
        lo, hi = self.rows.lo, self.rows.hi - self.rows.is_event
        some = np.flatnonzero(lo < hi)
        lo, hi, person = lo[some], hi[some], self.person[some]
        is_first = np.ones(len(some), bool)
        is_first[1:] = (person[1:] != person[:-1]) | (lo[1:] != hi[:-1])
        is_last = np.append(is_first[1:], True)[: len(some)]
        return _Spells(person[is_first], lo[is_first], hi[is_last])

    def row_of(self, person: Ints, at: Ints) -> Ints:
        """(D,) which of the rows is a person's at an event time at which they are at risk."""
        width = self.size + 1
        return np.searchsorted(self.person * width + self.rows.lo, person * width + at, side="right") - 1

    def table(self, members: Ints, sets: Ints, at: Ints, is_case: Bools) -> pl.DataFrame:
        """One row per member, by set, the cases first, by person."""
        order = np.lexsort([self.person[members], ~is_case, sets])
        rows, at = self.rows, at[order]
        row = rows.index[members[order]]
        of_time = np.empty(self.size, np.int64)
        of_time[rows.hi[rows.is_event] - 1] = rows.index[rows.is_event]
        person, stop, columns = self.names
        own = self.intervals[row]
        return pl.DataFrame(
            [
                pl.Series("set", sets[order]),
                pl.Series("row", row),
                own.get_column(person),
                pl.Series("is_case", is_case[order].astype(np.int8)),
                self.intervals.get_column(stop)[of_time[at]].alias("time"),
                pl.Series("at_risk", count_at_risk(rows.lo, rows.hi, self.size)[at]),
                *(own.get_column(column) for column in columns),
            ]
        )


def _follow_up(
    intervals: pl.DataFrame,
    strata: Sequence[str],
    columns: Sequence[str],
    person: str,
    start: str,
    stop: str,
    event: str,
) -> _FollowUp:
    require(intervals, [person, start, stop, event, *strata, *columns])
    require_once(["set", "row", person, "is_case", "time", "at_risk", *columns])
    nobody = intervals.get_column(person).null_count()
    if nobody:
        raise ValueError(f"column {person} has {nobody} value(s) that are missing")
    sets = risk_sets(intervals, (), strata, start, stop, event)
    if sets.rows is None or not sets.n_events:
        raise ValueError("there are no events")
    number = intervals.get_column(person).rank("dense").to_numpy().astype(np.int64)[sets.rows.index] - 1
    order = np.lexsort([sets.rows.lo, number])
    rows, number = sets.rows.part(order), number[order]
    twice = int(((number[1:] == number[:-1]) & (rows.lo[1:] < rows.hi[:-1])).sum())
    if twice:
        raise ValueError(f"{twice} interval(s) overlap another one of their person, who would be in a risk set twice")
    return _FollowUp(intervals, (person, stop, columns), rows, number, len(sets.time))
