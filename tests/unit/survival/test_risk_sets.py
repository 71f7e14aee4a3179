"""Risk-set counts against counting row by row: who is at risk, and who has the event, at every event time."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohort.survival.counting import risk_sets
from cohort.survival.risk_sets import RiskSets

Row = tuple[int, int, int, str, int, int]
"""start_day, stop_day, event, stratum, x, y."""
SCHEMA = {
    **dict.fromkeys(("start_day", "stop_day", "event"), pl.Int64),
    **{"stratum": pl.String, "x": pl.Int64, "y": pl.Int64},
}
few = settings(max_examples=150, deadline=None, derandomize=True, database=None)


@st.composite
def rows(draw: st.DrawFn) -> Row:
    start, length = draw(st.integers(-3, 6)), draw(st.integers(1, 6))
    event, stratum = draw(st.integers(0, 1)), draw(st.sampled_from("ab"))
    return start, start + length, event, stratum, draw(st.integers(0, 2)), draw(st.integers(-1, 1))


def frame(intervals: Sequence[Row]) -> pl.DataFrame:
    return pl.DataFrame(intervals, schema=SCHEMA, orient="row")


Counts = dict[tuple[str, float], Counter[tuple[float, ...]]]


def counted(sets: RiskSets) -> tuple[Counts, Counts]:
    """At risk and events of each pattern by (stratum, time), from the count matrices; zeros left out."""
    at_risk = sets.segments.from_end(sets.change.toarray()) if len(sets.time) else np.zeros(sets.change.shape)
    keys = [(sets.strata[k], time) for k, time in zip(sets.stratum, sets.time.tolist(), strict=True)]
    found: list[Counts] = []
    for matrix in (at_risk, sets.events.toarray()):
        by_key: Counts = {key: Counter() for key in keys}
        for (row, column), count in np.ndenumerate(matrix * (sets.weight > 0)):
            by_key[keys[row]][tuple(sets.patterns[column].tolist())] += int(count)
        found.append({key: +counter for key, counter in by_key.items()})
    return found[0], found[1]


def by_hand(intervals: Sequence[Row], columns: Sequence[str]) -> tuple[Counts, Counts]:
    """The same by going through every row at every event time: at risk when start < t <= stop."""
    times = {(row[3], float(row[1])) for row in intervals if row[2]}
    at_risk: Counts = {(f"stratum={stratum}", time): Counter() for stratum, time in times}
    events: Counts = {key: Counter() for key in at_risk}
    for stratum, time in times:
        for row in intervals:
            pattern = tuple(float(row[4 + "xy".index(column)]) for column in columns)
            if row[3] == stratum and row[0] < time <= row[1]:
                at_risk[f"stratum={stratum}", time][pattern] += 1
                if row[2] and row[1] == time:
                    events[f"stratum={stratum}", time][pattern] += 1
    return at_risk, events


@few
@given(st.lists(rows(), min_size=1, max_size=12))
def test_counts_are_those_of_going_through_every_row(intervals: list[Row]) -> None:
    sets = risk_sets(frame(intervals), ["x", "y"], ["stratum"])
    assert counted(sets) == by_hand(intervals, "xy")
    assert sets.n_events == sum(row[2] for row in intervals)
    assert sets.deaths.tolist() == sets.events.sum(axis=1).tolist()


@few
@given(st.lists(rows(), min_size=1, max_size=12))
def test_fewer_columns_give_the_counts_of_counting_again(intervals: list[Row]) -> None:
    kept = risk_sets(frame(intervals), ["x", "y"], ["stratum"]).keep(["y"])
    assert kept.columns == ("y",)
    assert counted(kept) == counted(risk_sets(frame(intervals), ["y"], ["stratum"]))


@few
@given(st.lists(rows(), min_size=1, max_size=12))
def test_patterns_taken_out_leave_the_counts_of_the_other_rows(intervals: list[Row]) -> None:
    """Rows with events stay, since their event times do; this is how columns without events are left out."""
    sets = risk_sets(frame(intervals), ["x", "y"], ["stratum"])
    with_event = {(row[4], row[5]) for row in intervals if row[2]}
    without = np.array([tuple(pattern) not in with_event for pattern in sets.patterns.tolist()])
    left = [row for row in intervals if (row[4], row[5]) in with_event]
    assert counted(sets.keep(["x", "y"], without)) == by_hand(left, "xy")


@few
@given(st.lists(rows(), min_size=1, max_size=12))
def test_combined_columns_give_the_counts_of_counting_again(intervals: list[Row]) -> None:
    combined = risk_sets(frame(intervals), ["x", "y"], ["stratum"]).combined(
        {"both": {"x": 1.0, "y": -2.0}, "y": {"y": 1.0}}
    )
    again = frame(intervals).with_columns((pl.col("x") - 2 * pl.col("y")).alias("both"))
    assert combined.columns == ("both", "y")
    assert counted(combined) == counted(risk_sets(again, ["both", "y"], ["stratum"]))


def test_who_enters_at_an_event_time_is_not_at_risk_then_and_who_leaves_is() -> None:
    intervals = [(0, 5, 1, "a", 0, 0), (5, 9, 0, "a", 1, 0), (2, 5, 0, "a", 2, 0)]
    at_risk, _ = counted(risk_sets(frame(intervals), ["x"]))
    assert at_risk == {("all", 5.0): {(0.0,): 1, (2.0,): 1}}


def test_strata_are_combinations_of_columns_and_a_stratum_without_events_has_no_row() -> None:
    intervals = [(0, 5, 1, "a", 0, 0), (0, 6, 1, "a", 1, 1), (0, 7, 1, "b", 0, 1), (0, 8, 0, "b", 0, 0)]
    sets = risk_sets(frame(intervals), ["x"], ["stratum", "y"])
    assert list(zip(sets.stratum.tolist(), sets.time.tolist(), strict=True)) == [(0, 5.0), (1, 6.0), (2, 7.0)]
    assert sets.strata == ("stratum=a, y=0", "stratum=a, y=1", "stratum=b, y=1")
    assert sets.silent == ("stratum=b, y=0",)


def test_no_rows_and_no_events_give_no_event_times() -> None:
    for intervals in ([], [(0, 5, 0, "a", 0, 0)]):
        sets = risk_sets(frame(intervals), ["x"], ["stratum"])
        assert (sets.n_events, sets.time.tolist(), sets.change.shape[0]) == (0, [], 0)


def test_intervals_that_end_before_they_start_are_counted_in_the_error() -> None:
    intervals = [(5, 5, 0, "a", 0, 0), (6, 5, 0, "a", 0, 0), (1, 5, 1, "a", 0, 0)]
    with pytest.raises(ValueError, match=r"^2 interval\(s\) do not end after they start$"):
        risk_sets(frame(intervals), ["x"])


@pytest.mark.parametrize("bad", [None, float("nan"), float("inf")])
def test_a_covariate_that_is_missing_or_not_finite_is_named(bad: float | None) -> None:
    intervals = frame([(0, 5, 1, "a", 0, 0), (0, 5, 1, "a", 0, 0)]).with_columns(
        pl.Series("dose", [bad, 1.0], dtype=pl.Float64)
    )
    with pytest.raises(ValueError, match=r"^column dose has 1 value\(s\) that are missing or not finite$"):
        risk_sets(intervals, ["x", "dose"])
