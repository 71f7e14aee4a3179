"""Baseline hazards and predictions against sums written out; what must not change them; what is refused.

Agreement with R's `basehaz` and `survfit` is in tests/numbers.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohort.survival.baseline import baseline_hazard, cumulative_hazard
from cohort.survival.cox import CoxFit
from cohort.survival.likelihood import Ties
from tests.unit.survival.slow_cox import Row, arrays, fit, ordinary, risk_sets_of, singly, studies

few = settings(max_examples=25, deadline=None, derandomize=True, database=None)
both_ties = st.sampled_from(["efron", "breslow"])
X = np.array([1.5, -1.0])


def jumps(rows: Sequence[Row], beta: np.ndarray, ties: Ties) -> list[tuple[int, float, float, float, np.ndarray]]:
    """Stratum, time, and of its events the sums of w/z, of w/z^2, and of m w/z with m the mean covariates at risk."""
    x, weight, offset = arrays(rows)
    found = []
    for at in risk_sets_of(rows, ties):
        hazard, mean_weight = (weight * np.exp(x @ beta + offset))[at.at_risk], weight[at.events].mean()
        z = [factor @ hazard for factor in at.factors]
        m = [(factor * hazard) @ x[at.at_risk] / total for factor, total in zip(at.factors, z, strict=True)]
        sums = (sum(mean_weight / total**power for total in z) for power in (1, 2))
        drift = sum((mean_weight / total) * mean for total, mean in zip(z, m, strict=True))
        found.append((at.s, at.time, *sums, drift))
    return found  # type: ignore[return-value]


@few
@given(studies(), both_ties)
def test_the_baseline_adds_the_jumps_of_each_stratum(rows: list[Row], ties: Ties) -> None:
    found, copies = ordinary(rows, ties), singly(rows)
    ours = baseline_hazard(found)
    expected = []
    for s in (0, 1):
        total = 0.0
        for _, time, jump, *_ in (one for one in jumps(copies, found.params, ties) if one[0] == s):
            total += jump
            here = [r for r in copies if r.s == s and r.start < time <= r.stop]
            events = sum(r.event for r in here if r.stop == time)
            expected.append((f"s={s}", time, len(here), events, total, math.exp(-total)))
    assert ours.select("stratum", "time", "at_risk", "events").rows() == [row[:4] for row in expected]
    assert ours["cumulative_hazard"].to_list() == pytest.approx([row[4] for row in expected], rel=1e-10)
    assert ours["survival"].to_list() == pytest.approx([row[5] for row in expected], rel=1e-9, abs=1e-14)


@few
@given(studies(), both_ties, st.integers(-1, 4))
def test_a_prediction_and_its_error_are_those_written_out(rows: list[Row], ties: Ties, after: int) -> None:
    """Variance: of the jumps, and of the coefficients along the slope of the hazard (Tsiatis 1981)."""
    found, copies = ordinary(rows, ties), singly(rows)
    times = [0.5, 2.0, 4.0, 20.0]
    ours = cumulative_hazard(found, dict(zip("xz", X, strict=True)), times, found.sets.strata[0], after, offset=0.3)
    factor = math.exp(X @ found.params + 0.3)
    s = int(found.sets.strata[0][-1])
    for k, until in enumerate(times):
        some = [one for one in jumps(copies, found.params, ties) if one[0] == s and after < one[1] <= until]
        hazard, squares = (factor * sum(one[2] for one in some), factor**2 * sum(one[3] for one in some))
        slope = factor * sum((one[2] * X - one[4] for one in some), np.zeros(2))
        assert ours.cumulative_hazard[k] == pytest.approx(hazard, rel=1e-9, abs=1e-14)
        variance = squares + slope @ found.covariance @ slope
        assert ours.standard_error[k] == pytest.approx(math.sqrt(variance), rel=1e-8, abs=1e-12)
        assert ours.survival[k] == pytest.approx(math.exp(-hazard), rel=1e-9)


@few
@given(studies(plain=True))
def test_the_slope_of_the_prediction_is_how_it_moves_with_the_coefficients(rows: list[Row]) -> None:
    """With a covariance of one coefficient alone the error is that of a small step in it, less the jumps' own part."""
    found, e = ordinary(rows), 1e-6
    at = [float(found.sets.time.max())]
    stratum = found.sets.strata[0]

    def predicted(fit_: CoxFit, covariance: np.ndarray) -> tuple[float, float]:
        ours = cumulative_hazard(fit_, dict(zip("xz", X, strict=True)), at, stratum, covariance=covariance)
        return float(ours.cumulative_hazard[0]), float(ours.standard_error[0])

    none, one = np.zeros((2, 2)), np.diag([1.0, 0.0])
    step = np.array([e, 0.0])
    up, down = (predicted(replace(found, params=found.params + side * step), none)[0] for side in (1, -1))
    part = predicted(found, one)[1] ** 2 - predicted(found, none)[1] ** 2
    assert part == pytest.approx(((up - down) / (2 * e)) ** 2, rel=1e-4, abs=1e-6)


def test_nelson_and_aalens_jumps_in_quarters() -> None:
    """No covariate matters: one of four; one of three, for who enters at 2 is not yet there; one of two."""
    rows = [Row(k, 0, k + 1, int(k < 2), 0, (0, 0)) for k in range(4)]
    late = [*rows, Row(4, 2, 4, 1, 0, (0, 0))]
    ours = baseline_hazard(fit(late))
    assert ours["at_risk"].to_list() == [4, 3, 2]
    assert ours["cumulative_hazard"].to_list() == pytest.approx([1 / 4, 7 / 12, 13 / 12], rel=1e-14)


def test_efrons_ties_happen_one_after_the_other() -> None:
    """Two of four: 1/4 + 1/3; Breslow's 2/4."""
    rows = [Row(k, 0, 1 + k // 2, int(k < 2), 0, (0, 0)) for k in range(4)]
    assert baseline_hazard(fit(rows))["cumulative_hazard"].item() == pytest.approx(7 / 12, rel=1e-14)
    assert baseline_hazard(fit(rows, "breslow"))["cumulative_hazard"].item() == pytest.approx(1 / 2, rel=1e-14)


# --- What must not change them -------------------------------------------------------------------------------

PERSONS = [
    Row(i, i % 3, i % 3 + 1 + (7 * i) % 11, int(i % 4 != 0), i % 2, (float(i % 5), float((i * i) % 3)))
    for i in range(40)
]
TIMES = [2.0, 5.0, 9.0]


def test_a_row_of_frequency_three_is_three_rows() -> None:
    merged = [replace(r, many=1 + i % 3) for i, r in enumerate(PERSONS)]
    ours, apart = baseline_hazard(fit(merged)), baseline_hazard(fit(singly(merged)))
    assert ours["at_risk"].to_list() == apart["at_risk"].to_list()
    assert ours["cumulative_hazard"].to_list() == pytest.approx(apart["cumulative_hazard"].to_list(), rel=1e-9)


@pytest.mark.parametrize("unit", [1e-300, 1e-3, 1e150])
def test_the_unit_of_the_weights_changes_the_error_alone(unit: float) -> None:
    light = fit([replace(r, weight=unit) for r in PERSONS])
    plain = fit(PERSONS)
    there, back = (cumulative_hazard(f, {"x": 1.0}, TIMES, "s=1") for f in (plain, light))
    assert back.cumulative_hazard == pytest.approx(there.cumulative_hazard, rel=1e-9)
    assert back.standard_error * math.sqrt(unit) == pytest.approx(there.standard_error, rel=1e-8)


def test_a_covariate_in_another_unit_and_with_another_origin_gives_the_same_prediction() -> None:
    moved = fit([replace(r, x=(1000 * r.x[0] + 5000, r.x[1])) for r in PERSONS])
    there = cumulative_hazard(fit(PERSONS), {"x": 2.0, "z": 1.0}, TIMES, "s=0")
    back = cumulative_hazard(moved, {"x": 7000.0, "z": 1.0}, TIMES, "s=0")
    assert back.cumulative_hazard == pytest.approx(there.cumulative_hazard, rel=1e-8)
    assert back.standard_error == pytest.approx(there.standard_error, rel=1e-7)


def test_hazard_after_a_time_is_what_is_left_of_it() -> None:
    found = fit(PERSONS)
    every, early, late = (
        cumulative_hazard(found, {"x": 1.0}, [at], "s=0", after).cumulative_hazard[0]
        for at, after in ((9.0, float("-inf")), (4.0, float("-inf")), (9.0, 4.0))
    )
    assert late == pytest.approx(every - early, rel=1e-12)


def test_a_baseline_beyond_all_numbers_is_infinite_and_not_an_error() -> None:
    """Calendar years: all covariates zero would be in the year 0, here exp(2000) times the hazard of the year 2000."""
    rows = [replace(r, x=(2000 - r.x[0] / 50, r.x[1])) for r in PERSONS]
    found = fit(rows)
    steep = replace(found, params=np.array([-1.0, found.params[1]]))
    ours = baseline_hazard(steep)
    assert ours["cumulative_hazard"].is_infinite().all()
    assert (ours["survival"] == 0).all()
    somebody = cumulative_hazard(steep, {"x": 2000.0}, TIMES, "s=0")
    assert np.isfinite([*somebody.cumulative_hazard, *somebody.standard_error]).all()


def test_every_row_its_own_stratum_has_a_jump_of_one_at_its_event() -> None:
    ours = baseline_hazard(fit([replace(r, s=i) for i, r in enumerate(PERSONS)]))
    assert ours.height == sum(r.event for r in PERSONS)
    assert ours["cumulative_hazard"].to_list() == pytest.approx([1.0] * ours.height, rel=1e-14)


# --- What is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("covariates", "stratum", "message"),
    [
        ({"dose": 1.0}, "s=0", r"^the model has no column dose$"),
        ({"x": 1.0}, "all", r"^there is no stratum 'all'; there are s=0; s=1$"),
        ({"x": 1.0}, "s=2", r"^there are no events in s=2, so its hazard has no estimate$"),
        ({"z": 1.0}, "s=0", r"^z does not vary among those at risk$"),
    ],
)
def test_a_prediction_needs_estimates(covariates: dict[str, float], stratum: str, message: str) -> None:
    rows = [replace(r, x=(r.x[0], 1.0)) for r in PERSONS]
    found = fit([*rows, Row(99, 0, 9, 0, 2, (0.0, 1.0))])
    with pytest.raises(ValueError, match=message):
        cumulative_hazard(found, covariates, TIMES, stratum)


def test_of_many_strata_some_are_named() -> None:
    found = fit([replace(r, s=i % 8) for i, r in enumerate(PERSONS)])
    with pytest.raises(ValueError, match=r"^there is no stratum 'x'; there are s=1; s=2; s=3; s=5; s=6; \.\.\.$"):
        cumulative_hazard(found, {}, TIMES, "x")
