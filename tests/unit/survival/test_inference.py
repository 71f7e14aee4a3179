"""Tests and intervals from fits, by hand and by fitting again."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from cohort.survival.counting import risk_sets
from cohort.survival.cox import CoxFit, fit_cox
from cohort.survival.inference import (
    chi_square,
    contrast_covariance,
    heterogeneity_test,
    likelihood_ratio_test,
    linear_hypothesis,
    profile_interval,
    restricted_fits,
    restriction_tests,
    score_test,
    small_sample_bias,
    wald_test,
)
from cohort.survival.likelihood import PartialLikelihood

QUANTILE = {0.9: 2.705543454095404, 0.95: 3.841458820694124}
"""Of the chi-square distribution with one degree of freedom."""


def frame(seed: int, rows: int = 60) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    x, y, start = draw.integers(0, 2, rows), draw.normal(size=rows).round(1), draw.integers(0, 5, rows)
    stop = start + draw.integers(1, 12, rows)
    return pl.DataFrame(
        {
            "x": x,
            "y": y,
            "start": start,
            "stop": stop,
            "event": draw.integers(0, 2, rows),
            "g": draw.integers(0, 2, rows),
        }
    )


def fit(rows: pl.DataFrame, columns: list[str], offset: str | None = None) -> CoxFit:
    return fit_cox(risk_sets(rows, columns, ["g"], "start", "stop", offset=offset))


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(st.integers(0, 500), st.sampled_from([0.9, 0.95]))
def test_at_the_bounds_of_a_profile_interval_a_refit_has_lost_what_is_allowed(seed: int, level: float) -> None:
    """The coefficient is held there by an offset, and the other one fitted anew."""
    rows = frame(seed)
    full = fit(rows, ["x", "y"])
    assume(full.columns == ("x", "y"))
    for bound in profile_interval(full, "x", level):
        held = fit(rows.with_columns(held=pl.col("x") * bound), ["y"], offset="held")
        assert 2 * (full.log_likelihood - held.log_likelihood) == pytest.approx(QUANTILE[level], rel=1e-8)
    lower, upper = profile_interval(full, "x", level)
    assert lower < full.params[0] < upper


def test_a_profile_interval_has_weights_in_it() -> None:
    """Twice the weight is twice the information: the interval is that of half the quantile."""
    rows = frame(1).with_columns(w=pl.lit(2.0))
    heavy = fit_cox(risk_sets(rows, ["x", "y"], ["g"], "start", "stop", weights="w"))
    plain, level = fit(rows, ["x", "y"]), 0.8342
    half = math.erf(math.sqrt(QUANTILE[0.95] / 2 / 2))  # the level whose quantile is half of that of 95 %
    assert half == pytest.approx(level, abs=1e-3)
    assert profile_interval(heavy, "x", 0.95) == pytest.approx(profile_interval(plain, "x", half), rel=1e-8)


def test_beside_a_column_that_separates_the_others_have_their_profile() -> None:
    rows = frame(2).with_columns(never=(pl.col("x") == 1) & (pl.col("event") == 0))
    found = fit(rows.with_columns(pl.col("never").cast(pl.Int8)), ["never", "y"])
    assert found.columns == ("y",)
    lower, upper = profile_interval(found, "y")
    assert lower < found.params[0] < upper


def test_a_column_without_an_estimate_has_no_profile_and_the_error_says_why() -> None:
    rows = frame(3).with_columns(one=pl.lit(1))
    found = fit(rows, ["x", "one"])
    with pytest.raises(ValueError, match=r"^one does not vary among those at risk$"):
        profile_interval(found, "one")
    with pytest.raises(ValueError, match=r"^the model has no column z$"):
        profile_interval(found, "z")


def test_the_score_test_is_that_of_the_derivatives_at_zero() -> None:
    sets = risk_sets(frame(4), ["x", "y"], ["g"], "start", "stop")
    at_zero = PartialLikelihood(sets, "efron").at(np.zeros(2))
    wanted = at_zero.score @ np.linalg.solve(at_zero.information, at_zero.score)
    assert score_test(fit_cox(sets)).statistic == pytest.approx(wanted, rel=1e-10)


def test_walds_test_of_one_column_is_the_square_of_its_z() -> None:
    found = fit(frame(5), ["x", "y"])
    z = found.params[1] / math.sqrt(found.covariance[1, 1])
    test = wald_test(found, ["y"])
    assert (test.statistic, test.degrees_of_freedom) == (pytest.approx(z**2, rel=1e-12), 1)
    assert test.p_value == pytest.approx(math.erfc(abs(z) / math.sqrt(2)), rel=1e-10)


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(st.integers(0, 500))
def test_a_restriction_is_tested_as_by_fitting_the_smaller_model(seed: int) -> None:
    """Equal coefficients, one of them zero, and both: the pooled column, one column, and none."""
    rows = frame(seed)
    full = fit(rows, ["x", "y"])
    assume(full.columns == ("x", "y"))
    equal, only_x, neither = restriction_tests(full, [{"z": {"x": 1.0, "y": 1.0}}, {"x": {"x": 1.0}}, {}])
    pooled = fit(rows.with_columns(z=pl.col("x") + pl.col("y")), ["z"])
    assert equal == pytest.approx(likelihood_ratio_test(full, pooled), rel=1e-7, abs=1e-9)
    assert only_x == pytest.approx(likelihood_ratio_test(full, fit(rows, ["x"])), rel=1e-7, abs=1e-9)
    assert neither == pytest.approx(likelihood_ratio_test(full), rel=1e-7, abs=1e-9)


def test_a_column_without_estimate_has_no_restriction_test() -> None:
    found = fit(frame(5).with_columns(c=pl.lit(1)), ["x", "c"])
    with pytest.raises(ValueError, match=r"^c does not vary among those at risk$"):
        restriction_tests(found, [{}])


def test_a_hypothesis_stated_twice_has_one_degree_of_freedom() -> None:
    found = fit(frame(5), ["x", "y"])
    once = linear_hypothesis(found, np.array([[1.0, -1.0]]))
    twice = linear_hypothesis(found, np.array([[1.0, -1.0], [-2.0, 2.0]]))
    assert twice == pytest.approx(once, rel=1e-9)
    assert twice.degrees_of_freedom == 1


def test_no_hypothesis_has_no_p() -> None:
    statistic, df, p_value = wald_test(fit(frame(5), ["x", "y"]), [])
    assert (statistic, df) == (0, 0)
    assert math.isnan(p_value)
    assert math.isnan(chi_square(0.0, 0).p_value)


def pairs(exposed_cases: int, unexposed_cases: int) -> CoxFit:
    """Strata of one case and one control, of whom one is exposed; x is the log odds that it is the case."""
    cases = [1] * exposed_cases + [0] * unexposed_cases
    rows = {"stop": 1, "x": [x for case in cases for x in (case, 1 - case)], "event": [1, 0] * len(cases)}
    table = pl.DataFrame({"start_day": 0, "pair": np.repeat(np.arange(len(cases)), 2), **rows})
    return fit_cox(risk_sets(table, ["x"], ["pair"], stop="stop"))


def test_the_small_sample_bias_of_pairs_is_that_of_a_logit() -> None:
    p, n = 0.8, 40
    found = small_sample_bias(pairs(round(n * p), round(n * (1 - p))))
    assert found == pytest.approx([(p - (1 - p)) / (2 * n * p * (1 - p))], rel=1e-5)


def test_the_small_sample_bias_is_what_all_samples_together_show() -> None:
    p, n = 0.8, 400
    exposed = np.arange(1, n)
    chance = stats.binom.pmf(exposed, n, p)
    mean = chance @ np.log(exposed / (n - exposed)) / chance.sum()
    found = small_sample_bias(pairs(round(n * p), round(n * (1 - p))))
    assert found == pytest.approx([mean - math.log(p / (1 - p))], rel=0.03)  # what is of second order is left


def test_the_small_sample_bias_is_of_estimated_coefficients_only_and_in_their_units() -> None:
    table = frame(4).with_columns(z=pl.col("x") * 0, half=pl.col("y") / 2)
    found = small_sample_bias(fit_cox(risk_sets(table, ["x", "z", "y"], start="start", stop="stop")))
    halved = small_sample_bias(fit_cox(risk_sets(table, ["x", "half"], start="start", stop="stop")))
    assert len(found) == 2
    assert halved == pytest.approx(found * [1, 2], rel=1e-5)


def test_cochrans_q_by_hand() -> None:
    """1 and 2 with errors 1 and 1/2: weights 1 and 4, mean 9/5, Q = 16/25 + 4/25."""
    test = heterogeneity_test([1, 2], [1, 0.5])
    assert test.statistic == pytest.approx(0.8, rel=1e-14)
    assert (test.degrees_of_freedom, test.p_value) == (1, pytest.approx(math.erfc(math.sqrt(0.4)), rel=1e-10))


def test_several_contrasts_have_their_joint_covariance() -> None:
    found = fit(frame(6), ["x", "y"])
    estimates, covariance = contrast_covariance(found, [{"x": 1, "y": -1}, {"y": 2}])
    a, b, c = found.covariance[0, 0], found.covariance[1, 1], found.covariance[0, 1]
    assert estimates == pytest.approx([found.params[0] - found.params[1], 2 * found.params[1]], rel=1e-12)
    assert covariance == pytest.approx(np.array([[a + b - 2 * c, 2 * (c - b)], [2 * (c - b), 4 * b]]), rel=1e-12)
    with pytest.raises(ValueError, match=r"^the model has no column z$"):
        contrast_covariance(found, [{"z": 1}])


@pytest.mark.parametrize("seed", range(3))
def test_a_fit_within_a_larger_model_is_that_of_the_smaller_one(seed: int) -> None:
    table = frame(seed).with_columns(z=pl.col("y") ** 2)
    sets = risk_sets(table, ["x", "y", "z"], start="start", stop="stop")
    columns = {"sum": {"x": 1.0, "y": 2.0}, "z": {"z": 1.0}}
    (found,), expected = restricted_fits(fit_cox(sets), [columns]), fit_cox(sets.combined(columns))
    assert found.params == pytest.approx(expected.params, rel=1e-9)
    assert found.covariance == pytest.approx(expected.covariance, rel=1e-8)
    assert found.log_likelihood == pytest.approx(expected.log_likelihood, rel=1e-12)
    assert found.score_statistic == pytest.approx(expected.score_statistic, rel=1e-9)
    assert found.full_params == pytest.approx(expected.full_params, rel=1e-9)


def test_columns_that_are_one_another_have_no_fit_within_a_larger_model() -> None:
    fit = fit_cox(risk_sets(frame(1), ["x", "y"], start="start", stop="stop"))
    with pytest.raises(ValueError, match="one is a combination of the others"):
        restricted_fits(fit, [{"a": {"x": 1.0}, "b": {"x": 2.0}}])
