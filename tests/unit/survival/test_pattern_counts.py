"""Counts kept by pattern give every model the risk sets that counting its own intervals would give."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cohort.survival.counting import risk_sets
from cohort.survival.cox import fit_cox
from cohort.survival.pattern_counts import PatternCounts, pattern_counts
from cohort.survival.risk_sets import RiskSets
from tests.oracle import risk_changes

few = settings(max_examples=150, deadline=None, derandomize=True, database=None)
X = {"x": pl.col("x"), "xy": pl.col("x") * pl.col("y")}


@st.composite
def intervals(draw: st.DrawFn) -> dict[str, Any]:
    start, length = draw(st.integers(0, 6)), draw(st.integers(1, 6))
    row = {"start_day": start, "stop_day": start + length, "event": draw(st.integers(0, 1)), "death": 0}
    return row | {"sex": draw(st.sampled_from("FM")), "x": draw(st.integers(0, 2)), "y": draw(st.integers(-1, 1))}


def counted(rows: Sequence[dict[str, Any]]) -> PatternCounts:
    changes = [r for r in risk_changes(rows, ("sex",), ("x", "y")) if r["cause"] == "event"]
    kinds = sorted({(r["sex"], r["x"], r["y"]) for r in changes})
    patterns = [(10 * number, *kind) for number, kind in enumerate(kinds)]
    rows_of = [
        (10 * kinds.index((r["sex"], r["x"], r["y"])), r["event_day"], r["change"], r["events"]) for r in changes
    ]
    whole = pl.Int64
    return pattern_counts(
        pl.DataFrame(patterns, {"pattern": whole, "sex": pl.String, "x": whole, "y": whole}, orient="row"),
        pl.DataFrame(rows_of, dict.fromkeys(("pattern", "event_day", "change", "events"), whole), orient="row"),
        ["sex"],
    )


def table(sets: RiskSets) -> dict[tuple[Any, ...], tuple[float, float]]:
    """(stratum, time, covariates) -> at risk, events."""
    at_risk = sets.segments.from_end(sets.change.toarray()) if len(sets.time) else sets.change.toarray()
    events, found = sets.events.toarray(), {}
    for (row, column), n in np.ndenumerate(at_risk):
        if n:
            name = (sets.strata[sets.stratum[row]], sets.time[row], *sets.patterns[column].tolist())
            found[name] = (float(n), float(events[row, column]))
    return found


@few
@given(st.lists(intervals(), min_size=1, max_size=14))
def test_a_model_of_the_counts_is_that_of_the_intervals(rows: list[dict[str, Any]]) -> None:
    of_counts = counted(rows).model(X)
    of_rows = risk_sets(pl.DataFrame(rows).with_columns(xy=X["xy"]), ["x", "xy"], ["sex"])
    assert table(of_counts) == table(of_rows)
    assert of_counts.deaths.tolist() == of_rows.deaths.tolist()
    assert of_counts.strata == of_rows.strata


@few
@given(st.lists(intervals(), min_size=1, max_size=14))
def test_a_model_of_some_patterns_is_that_of_their_intervals(rows: list[dict[str, Any]]) -> None:
    """Event times of the others are none of this model's."""
    keep = pl.col("y") >= 0
    of_rows = risk_sets(pl.DataFrame(rows).filter(keep), ["x"], ["sex"])
    of_counts = counted(rows).model({"x": pl.col("x")}, keep)
    assert table(of_counts) == table(of_rows)
    assert of_counts.time.tolist() == of_rows.time.tolist()


@few
@given(st.lists(intervals(), min_size=4, max_size=14), st.randoms())
def test_the_order_of_the_counts_does_not_change_a_bit(rows: list[dict[str, Any]], random: Any) -> None:
    assume(any(r["event"] for r in rows))
    fits = [fit_cox(counted(order).model(X)) for order in (rows, random.sample(rows, len(rows)))]
    assert fits[0].params.tolist() == fits[1].params.tolist()
    assert fits[0].log_likelihood == fits[1].log_likelihood


def test_a_missing_covariate_is_named_with_its_number_of_patterns() -> None:
    rows = [{"start_day": 0, "stop_day": 5 + i, "event": 1, "death": 0, "sex": "F", "x": i, "y": 0} for i in range(3)]
    with pytest.raises(ValueError, match=r"^column z has 2 pattern\(s\) whose value is missing or not finite$"):
        counted(rows).model({"z": pl.when(pl.col("x") == 1).then(1.0)})


def test_changes_of_a_pattern_that_is_not_there_are_counted() -> None:
    patterns = pl.DataFrame({"pattern": [1, 4], "x": [0, 1]})
    changes = pl.DataFrame({"pattern": [1, 2, 9], "event_day": [5, 5, 6], "change": [1, 1, 1], "events": [1, 0, 1]})
    message = r"^2 change\(s\) are of patterns that are not among the 2 given$"
    with pytest.raises(ValueError, match=message):
        pattern_counts(patterns, changes, [])


def test_rows_of_one_pattern_and_time_add_up() -> None:
    patterns = pl.DataFrame({"pattern": [1, 2], "x": [0, 1]})
    whole = pl.DataFrame({"pattern": [1, 2], "event_day": [5, 5], "change": [3, 2], "events": [1, 1]})
    parts = pl.DataFrame(
        {"pattern": [1, 2, 1], "event_day": [5, 5, 5], "change": [1, 2, 2], "events": [1, 1, 0]},
    )
    x = {"x": pl.col("x")}
    assert table(pattern_counts(patterns, parts, []).model(x)) == table(pattern_counts(patterns, whole, []).model(x))
