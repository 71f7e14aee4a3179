"""Weights, frequencies and offsets against a slow fit; and data so extreme that sums of hazards lose their digits."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cohort.survival.counting import risk_sets
from cohort.survival.cox import CoxFit, Ties, fit_cox
from cohort.survival.likelihood import PartialLikelihood

few = settings(max_examples=80, deadline=None, derandomize=True, database=None)
Row = dict[str, Any]


@st.composite
def rows(draw: st.DrawFn) -> Row:
    start, length = draw(st.integers(0, 4)), draw(st.integers(1, 4))
    row = {"start": start, "stop": start + length, "event": draw(st.integers(0, 1)), "s": draw(st.integers(0, 1))}
    row |= {"x": float(draw(st.integers(0, 2))), "z": float(draw(st.integers(0, 1)))}
    return row | {
        "weight": draw(st.sampled_from([0.25, 1.0, 1.5, 4.0])),
        "offset": draw(st.sampled_from([0.0, -1.0, 0.7])),
        "many": draw(st.integers(1, 3)),
    }


def slow(table: list[Row], beta: np.ndarray, ties: Ties) -> tuple[float, np.ndarray, np.ndarray]:
    """Log partial likelihood, score, information: sums over l of the mean weight of d ties (Therneau 1999, coxph)."""
    value, score, information = 0.0, np.zeros(2), np.zeros((2, 2))
    for s, time in sorted({(r["s"], r["stop"]) for r in table if r["event"]}):
        at_risk = [r for r in table if r["s"] == s and r["start"] < time <= r["stop"]]
        events = [r for r in at_risk if r["event"] and r["stop"] == time]
        mean = sum(r["weight"] for r in events) / len(events)
        x = np.array([(r["x"], r["z"]) for r in at_risk])
        hazard = np.array([r["weight"] for r in at_risk]) * np.exp(x @ beta + [r["offset"] for r in at_risk])
        for r in events:
            value += r["weight"] * (np.dot((r["x"], r["z"]), beta) + r["offset"])
            score += r["weight"] * np.array((r["x"], r["z"]))
        for rank in range(len(events)):
            share = rank / len(events) if ties == "efron" else 0.0
            w = hazard * [1 - share * (r in events) for r in at_risk]
            m = w @ x / w.sum()
            value -= mean * math.log(w.sum())
            score -= mean * m
            information += mean * ((x.T * w) @ x / w.sum() - np.outer(m, m))
    return value, score, information


def fit(table: list[Row], ties: Ties = "efron", **columns: str) -> CoxFit:
    assume(any(r["event"] for r in table))
    found = fit_cox(risk_sets(pl.DataFrame(table), ["x", "z"], ["s"], "start", "stop", **columns), ties)  # type: ignore[arg-type]
    assume(not found.not_estimable)
    assume(np.abs(found.params).max() < 5)
    return found


def numbered(table: list[Row]) -> list[Row]:
    return [row | {"id": i} for i, row in enumerate(table)]


@few
@given(st.lists(rows(), min_size=8, max_size=16), st.sampled_from(["efron", "breslow"]))
def test_weights_and_offset_are_those_of_the_slow_likelihood(drawn: list[Row], ties: Ties) -> None:
    table = numbered(drawn)
    found = fit(table, ties, weights="weight", offset="offset")
    value, score, information = slow(table, found.params, ties)
    assert found.log_likelihood == pytest.approx(value, rel=1e-12, abs=1e-12)
    assert score == pytest.approx(0, abs=1e-6)
    assert np.linalg.inv(found.covariance) == pytest.approx(information, rel=1e-8, abs=1e-10)
    assert found.log_likelihood_null == pytest.approx(slow(table, np.zeros(2), ties)[0], rel=1e-12)


@few
@given(st.lists(rows(), min_size=8, max_size=16), st.sampled_from(["efron", "breslow"]))
def test_a_frequency_is_so_many_rows(drawn: list[Row], ties: Ties) -> None:
    merged = fit(drawn, ties, frequencies="many", weights="weight", offset="offset")
    repeated = fit([row for row in drawn for _ in range(row["many"])], ties, weights="weight", offset="offset")
    assert merged.log_likelihood == pytest.approx(repeated.log_likelihood, rel=1e-12)
    assert merged.params == pytest.approx(repeated.params, rel=1e-9, abs=1e-9)
    assert merged.covariance == pytest.approx(repeated.covariance, rel=1e-9)
    assert merged.n_events == repeated.n_events


@few
@given(st.lists(rows(), min_size=8, max_size=16), st.sampled_from([1e-300, 1e-3, 7.0, 1e150]))
def test_the_unit_of_the_weights_changes_only_the_spread(drawn: list[Row], unit: float) -> None:
    before = fit(drawn, weights="weight")
    after = fit([row | {"weight": row["weight"] * unit} for row in drawn], weights="weight")
    assert after.params == pytest.approx(before.params, rel=1e-10, abs=1e-12)
    assert after.covariance * unit == pytest.approx(before.covariance, rel=1e-9)


# --- Extremes ----------------------------------------------------------------------------------------------


def study(persons: int = 300) -> pl.DataFrame:
    draw = np.random.default_rng(7)
    start = draw.integers(0, 20, persons)
    return pl.DataFrame(
        {
            "start": start,
            "stop": start + draw.integers(1, 40, persons),
            "event": draw.integers(0, 2, persons),
            "x": draw.normal(size=persons),
            "z": draw.integers(0, 2, persons).astype(float),
            "s": draw.integers(0, 3, persons),
            "n": np.arange(persons),
        }
    )


def plain(frame: pl.DataFrame, **columns: str) -> CoxFit:
    return fit_cox(risk_sets(frame, ["x", "z"], ["s"], "start", "stop", **columns))  # type: ignore[arg-type]


SHIFTS: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "an offset that overflows": lambda f: f.with_columns(offset=pl.lit(800.0)),
    "an offset that underflows": lambda f: f.with_columns(offset=pl.lit(-5000.0)),
    "an offset that differs by thousands between strata": lambda f: f.with_columns(offset=pl.col("s") * -3000.0),
    "a covariate of a million more": lambda f: f.with_columns(pl.col("x") + 1e6, offset=pl.lit(0.0)),
    "a covariate that differs by a million between strata": lambda f: f.with_columns(
        pl.col("x") + 1e6 * pl.col("s"), offset=pl.lit(0.0)
    ),
}


@pytest.mark.parametrize("shift", list(SHIFTS))
def test_what_all_of_a_stratum_share_costs_no_digits(shift: str) -> None:
    before, after = plain(study()), plain(SHIFTS[shift](study()), offset="offset")
    # A million takes six digits off the covariate itself.
    rel = 1e-8 if "million" in shift else 1e-11
    assert after.params == pytest.approx(before.params, rel=rel)
    assert after.covariance == pytest.approx(before.covariance, rel=rel)
    assert after.log_likelihood == pytest.approx(before.log_likelihood, rel=1e-11)


def test_risk_sets_without_any_of_the_heavy_persons_keep_their_digits() -> None:
    """In each stratum some leave first with all the weight; what is left is compared as if they had never been."""
    heavy = pl.DataFrame({"start": 0, "stop": 5, "event": [1, 0, 1, 1, 0, 1], "x": [0.0, 1, 2, 1, 2, 0], "z": 0.0})
    heavy = heavy.join(pl.DataFrame({"s": [0, 1, 2]}), how="cross").with_columns(weight=pl.lit(1e200))
    late = study().with_columns(pl.col("start") + 5, pl.col("stop") + 5, weight=pl.lit(1.0))
    both = pl.concat(
        [heavy.select("start", "stop", "event", "x", "z", "s", "weight"), late.drop("n")], how="vertical_relaxed"
    )
    sets = risk_sets(both, ["x", "z"], ["s"], "start", "stop", weights="weight")
    alone = risk_sets(late, ["x", "z"], ["s"], "start", "stop")
    first = risk_sets(heavy, ["x", "z"], ["s"], "start", "stop", weights="weight")
    beta = np.array([0.4, -0.2])
    together, apart, early = (PartialLikelihood(s, "efron") for s in (sets, alone, first))
    parts = [p.at(beta).log_likelihood * p.scale for p in (apart, early)]
    assert together.at(beta).log_likelihood * together.scale == pytest.approx(sum(parts), rel=1e-12)
    # In units of the largest weight the light persons are nothing; their sums are what they are alone.
    last = sets.time > 6
    assert together.sums(beta).remote is not None
    ratio = [s[:, 1:] / s[:, :1] for s in (together.sums(beta).at_risk[last], apart.sums(beta).at_risk[alone.time > 6])]
    centre = [p.centre[p.sets.stratum[t]] for p, t in ((together, last), (apart, alone.time > 6))]
    assert ratio[0] + centre[0] == pytest.approx(ratio[1] + centre[1], rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("light", [1e-300, 1e-12])
def test_persons_of_nearly_no_weight_hardly_count(light: float) -> None:
    """With Breslow's ties; Efron's count a death as one however light it is."""
    frame = study().with_columns(weight=pl.when(pl.col("n") % 2 == 0).then(light).otherwise(1.0))
    mixed = fit_cox(risk_sets(frame, ["x", "z"], ["s"], "start", "stop", weights="weight"), "breslow")
    half = fit_cox(risk_sets(frame.filter(pl.col("n") % 2 == 1), ["x", "z"], ["s"], "start", "stop"), "breslow")
    assert mixed.params == pytest.approx(half.params, rel=1e-9)
    assert mixed.covariance == pytest.approx(half.covariance, rel=1e-9)


def test_one_event_is_enough_for_a_likelihood() -> None:
    found = plain(study().with_columns(event=(pl.col("n") == 17).cast(pl.Int8)))
    assert np.isfinite([found.log_likelihood, *found.params]).all()
    assert any("no events in" in note for note in found.notes)


def test_all_tied_at_one_time() -> None:
    """Exponential times do not matter: every event at the one time is Efron's product over shrinking sums."""
    found = plain(study().with_columns(start=pl.lit(0), stop=pl.lit(1)))
    assert found.n_events == int(study().get_column("event").sum())
    assert set(found.sets.time.tolist()) == {1.0}
    assert np.isfinite(found.covariance).all()


def test_every_row_its_own_stratum_says_that_nothing_is_compared() -> None:
    found = fit_cox(risk_sets(study(), ["x", "z"], ["n"], "start", "stop"))
    assert found.columns == ()
    assert found.log_likelihood == 0
    assert set(found.not_estimable.values()) == {f"{c} does not vary among those at risk" for c in "xz"}


@pytest.mark.parametrize(
    ("columns", "values", "message"),
    [
        ({"weights": "w"}, [0.0, 1.0], "column w has 1 value.* not above zero"),
        ({"weights": "w"}, [None, 1.0], "column w has 1 value.* missing or not finite"),
        ({"frequencies": "w"}, [1.5, 1.0], "column w has 1 value.* no whole number above zero"),
        ({"offset": "w"}, [float("inf"), 1.0], "column w has 1 value.* missing or not finite"),
        ({"event": "w"}, [2.0, 1.0], "column w has 1 value.* neither 0 nor 1"),
    ],
)
def test_a_bad_value_is_named_with_its_column_and_number(
    columns: dict[str, str], values: list[Any], message: str
) -> None:
    frame = pl.DataFrame({"start": [0, 0], "stop": [1, 2], "event": [1, 1], "x": [0.0, 1.0], "w": values})
    with pytest.raises(ValueError, match=message):
        risk_sets(frame, ["x"], (), "start", "stop", **columns)  # type: ignore[arg-type]
