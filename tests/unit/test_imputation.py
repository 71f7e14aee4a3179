"""Rubin's rules against fractions by hand, against R's mice, and at their limits; and how the draws become one row."""

import math
from dataclasses import replace
from fractions import Fraction
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohort.analyses import MULTIPLE_IMPUTATION
from cohort.imputation import pool, pooled
from cohort.results import CONTRAST, OVERALL, Diagnostic, Estimate, ModelResult

examples = settings(max_examples=200, deadline=None, derandomize=True, database=None)
estimates_and_errors = st.lists(st.tuples(st.floats(-5, 5), st.floats(0.01, 10)), min_size=2, max_size=12)


# --- The rules ---------------------------------------------------------------------------------------------


def test_the_parts_of_the_variance_are_those_of_rubin_by_hand() -> None:
    """Three draws 1/2, 1, 3/2 with variances 1, 1, 4: W = 2, B = 1/4, T = 2 + 4/3 x 1/4 = 7/3.

    Of T, 1/7 comes from what is missing: df = 2 / (1/7)^2 = 98, and the fraction is 1/7 + 6/7 x 2/101.
    """
    found = pool([0.5, 1.0, 1.5], [1.0, 1.0, 2.0])
    assert found.estimate == 1.0
    assert found.within == 2.0
    assert found.between == 0.25
    assert found.variance == pytest.approx(float(Fraction(7, 3)), rel=1e-15)
    assert found.df == pytest.approx(98, rel=1e-13)
    assert found.missing_information == pytest.approx(float(Fraction(1, 7) + Fraction(6, 7) * Fraction(2, 101)))


def test_with_few_degrees_of_freedom_in_the_complete_data_barnard_and_rubin_hold() -> None:
    """The same, complete data with 9: 10/12 x 9 x 6/7 = 45/7 observed, so 1 / (1/98 + 7/45) = 4410/731."""
    found = pool([0.5, 1.0, 1.5], [1.0, 1.0, 2.0], complete_df=9)
    assert found.df == pytest.approx(float(Fraction(4410, 731)), rel=1e-13)
    observed = Fraction(1, 7) + Fraction(6, 7) * 2 / (Fraction(4410, 731) + 3)
    assert found.missing_information == pytest.approx(float(observed), rel=1e-13)


def test_the_example_of_mice_gives_its_numbers() -> None:
    """The call in the manual of R's mice: pool.scalar(c(-1.5457, -1.428), c(0.9723^2, 1.041^2), n = 25, k = 2).

    R was not run. The values are its published formulas (pool.scalar.R, barnard.rubin.R) worked out by hand in
    fractions of the decimals above, n - k = 23 degrees of freedom in the complete data.
    """
    q, u = (Fraction("-1.5457"), Fraction("-1.428")), (Fraction("0.9723") ** 2, Fraction("1.041") ** 2)
    qbar, ubar = sum(q) / 2, sum(u) / 2
    b = (q[0] - q[1]) ** 2 / 2
    t = ubar + 3 * b / 2
    lam = Fraction(3, 2) * b / t
    df_old, df_observed = 1 / lam**2, Fraction(24, 26) * 23 * (1 - lam)
    df = df_old * df_observed / (df_old + df_observed)
    r = Fraction(3, 2) * b / ubar
    fmi = (r + 2 / (df + 3)) / (r + 1)
    found = pool([-1.5457, -1.428], [0.9723, 1.041], complete_df=23)
    assert (float(qbar), round(float(ubar), 7)) == (-1.48685, 1.0145241)
    assert found.estimate == pytest.approx(float(qbar), rel=1e-14)
    assert found.within == pytest.approx(float(ubar), rel=1e-14)
    assert found.between == pytest.approx(float(b), rel=1e-12)
    assert found.variance == pytest.approx(1.0249141, abs=5e-8)
    assert found.variance == pytest.approx(float(t), rel=1e-14)
    assert found.df == pytest.approx(float(df), rel=1e-12)
    assert found.missing_information == pytest.approx(float(fmi), rel=1e-12)
    assert (found.df, found.missing_information) == pytest.approx((20.970255, 0.0927283), rel=1e-6)


def test_draws_that_agree_leave_the_normal_interval_and_nothing_missing() -> None:
    found = pool([0.3] * 5, [0.1] * 5)
    assert (found.between, found.df, found.missing_information) == (0.0, math.inf, 0.0)
    lower, upper = found.interval(0.95)
    assert (lower, upper) == pytest.approx((0.3 - 0.1959963984540054, 0.3 + 0.1959963984540054), rel=1e-12)
    assert found.p_value() == pytest.approx(math.erfc(3 / math.sqrt(2)), rel=1e-9)


def test_draws_that_agree_keep_the_degrees_of_freedom_of_the_observed_data() -> None:
    assert pool([0.3] * 5, [0.1] * 5, complete_df=9).df == pytest.approx(7.5)


def test_two_draws_have_one_degree_of_freedom_when_everything_is_missing() -> None:
    """W is next to nothing beside B: df = 1 / (T share)^2 is 1, and the t interval that of Cauchy."""
    found = pool([0.0, 2.0], [1e-6, 1e-6])
    assert found.df == pytest.approx(1.0, rel=1e-9)
    assert found.missing_information == pytest.approx(1.0, rel=1e-9)
    assert found.standard_error == pytest.approx(math.sqrt(3))
    assert found.interval(0.95)[1] == pytest.approx(1 + math.tan(0.475 * math.pi) * math.sqrt(3), rel=1e-6)
    assert found.p_value() == pytest.approx(1 - 2 * math.atan(1 / math.sqrt(3)) / math.pi, rel=1e-6)


@examples
@given(estimates_and_errors)
def test_the_total_is_never_less_than_within_and_the_share_missing_is_a_share(drawn: list[tuple[float, float]]) -> None:
    found = pool([q for q, _ in drawn], [error for _, error in drawn])
    assert found.variance >= found.within
    assert 0 <= found.missing_information <= 1 + 1e-12
    assert found.df >= (len(drawn) - 1) * (1 - 1e-9)
    assert pool([q for q, _ in drawn], [error for _, error in drawn], complete_df=50).df <= min(found.df, 50) + 1e-9


@examples
@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(0.01, 10)), min_size=2, max_size=4))
def test_the_order_of_the_draws_does_not_matter(drawn: list[tuple[float, float]]) -> None:
    found = {pool([q for q, _ in order], [error for _, error in order]) for order in permutations(drawn)}
    assert len(found) == 1


@pytest.mark.parametrize(
    ("estimates", "errors"), [([1.0], [1.0]), ([], []), ([1.0, 2.0], [1.0]), ([1.0, 2.0], [1.0, 0.0])]
)
def test_what_cannot_be_pooled_is_refused(estimates: list[float], errors: list[float]) -> None:
    with pytest.raises(ValueError, match="draw"):
        pool(estimates, errors)


# --- Rows of a run -----------------------------------------------------------------------------------------


def row(
    analysis: str, exposure: str = "tspo_binder", log_hr: float = 0.2, error: float = 0.1, **fields: Any
) -> Estimate:
    estimate = Estimate(
        analysis=analysis, model="cox", outcome="dementia", time_scale="age", exposure=exposure, metric="dme",
        term="per 365", reference="per unit", age_stratum=OVERALL, lag_days=1095, persons=1000, persons_exposed=400,
        events=90, events_exposed=40, person_years=9000.0, hazard_ratio=math.exp(log_hr), ci_lower=0.1, ci_upper=9.0,
        log_hr=log_hr, se_log_hr=error, p_value=0.5, mdrr=1.5, known_time_share=1.0, known_dose_share=0.9,
    )  # fmt: skip
    return replace(estimate, **fields)


def draws(*rows: Estimate) -> list[Estimate]:
    return [replace(row, analysis=f"{MULTIPLE_IMPUTATION}-{draw}") for draw, row in enumerate(rows, 1)]


def test_the_draws_become_one_row_behind_the_others() -> None:
    primary, zero = row("primary"), row("missing-dose-zero")
    contrast = draws(*(row("", CONTRAST, value) for value in (0.1, 0.2, 0.6)))
    binder = draws(*(row("", log_hr=value) for value in (0.5, 1.0, 1.5)))
    mixed = [r for pair in zip(binder, contrast, strict=True) for r in pair]
    found = pooled(ModelResult([primary, *mixed, zero]), 0.9).estimates
    assert [(r.analysis, r.exposure) for r in found] == [
        ("primary", "tspo_binder"),
        ("missing-dose-zero", "tspo_binder"),
        (MULTIPLE_IMPUTATION, "tspo_binder"),
        (MULTIPLE_IMPUTATION, CONTRAST),
    ]
    assert found[:2] == [primary, zero]
    fit = pool([0.5, 1.0, 1.5], [0.1] * 3)
    lower, upper = fit.interval(0.9)
    assert (found[2].log_hr, found[2].se_log_hr) == (fit.estimate, fit.standard_error)
    assert (found[2].hazard_ratio, found[2].p_value) == (pytest.approx(math.e), fit.p_value())
    assert (found[2].ci_lower, found[2].ci_upper) == pytest.approx((math.exp(lower), math.exp(upper)))
    assert found[3].log_hr == pytest.approx(0.3)


def test_counts_and_shares_are_the_mean_of_the_draws() -> None:
    counts = [(400, 40, 0.9, 1.5), (401, 41, 0.8, 1.7), (401, 45, 0.7, 1.9)]
    made = draws(
        *(
            row("", persons_exposed=persons, events_exposed=events, known_dose_share=share, mdrr=mdrr)
            for persons, events, share, mdrr in counts
        )
    )
    (found,) = pooled(ModelResult(made), 0.95).estimates
    assert (found.persons_exposed, found.events_exposed) == (401, 42)
    assert isinstance(found.persons, int)
    assert (found.known_dose_share, found.mdrr) == (pytest.approx(0.8), pytest.approx(1.7))


def test_a_count_that_some_draw_lacks_is_absent() -> None:
    (found,) = pooled(ModelResult(draws(row("", mdrr=None), row(""), row("", persons=None))), 0.95).estimates
    assert (found.mdrr, found.persons, found.events) == (None, None, 90)


def test_what_a_draw_cannot_estimate_is_not_estimable_and_says_in_which() -> None:
    nothing = dict.fromkeys(("hazard_ratio", "log_hr", "se_log_hr", "ci_lower", "ci_upper", "p_value", "mdrr"))
    third = replace(row("", status="not estimable: no events with a dose of this class"), **nothing)
    result = pooled(ModelResult(draws(row(""), row(""), third, row(""))), 0.95)
    (found,) = result.estimates
    assert found.status == "not estimable: in draw 3: no events with a dose of this class"
    assert (found.hazard_ratio, found.ci_lower, found.log_hr, found.p_value, found.mdrr) == (None,) * 5
    assert found.persons == 1000
    assert result.diagnostics == []


def test_a_row_that_one_draw_has_not_at_all_is_not_estimable() -> None:
    both, once = draws(row(""), row("")), draws(row("", CONTRAST))
    statuses = [r.status for r in pooled(ModelResult([*both, *once]), 0.95).estimates]
    assert statuses == ["ok", "not estimable: in draw 2: the model has no such coefficient"]


def test_a_row_without_an_error_and_a_single_draw_are_not_estimable() -> None:
    reference = draws(*(row("", term="0", log_hr=0.0, se_log_hr=None) for _ in range(2)))
    (found,) = pooled(ModelResult(reference), 0.95).estimates
    assert found.status == "not estimable: in draw 1: it has no standard error"
    (alone,) = pooled(ModelResult(draws(row(""))), 0.95).estimates
    assert alone.status == "not estimable: one draw tells nothing of what is missing"


def test_diagnostics_of_draws_are_left_out_and_the_information_missing_is_told() -> None:
    def events(analysis: str) -> Diagnostic:
        return Diagnostic("events per parameter", analysis, "warn", "Few.", value=3.0)

    made = [*draws(row("", log_hr=0.5), row("", log_hr=1.5)), *draws(*(row("", CONTRAST, v) for v in (0.1, 0.1)))]
    made += draws(*(row("", age_stratum="85 and over") for _ in range(2)))
    made += draws(*(row("", outcome="death") for _ in range(2)))
    given = [events("primary"), events(f"{MULTIPLE_IMPUTATION}-1"), events(f"{MULTIPLE_IMPUTATION}-2")]
    found = pooled(ModelResult(made, given), 0.95).diagnostics
    assert found[0] == events("primary")
    assert [(d.diagnostic, d.analysis, d.exposure, d.verdict) for d in found[1:]] == [
        ("fraction of missing information", MULTIPLE_IMPUTATION, "tspo_binder", "info"),
        ("fraction of missing information", MULTIPLE_IMPUTATION, CONTRAST, "info"),
    ]
    assert [d.value for d in found[1:]] == [pool([0.5, 1.5], [0.1, 0.1]).missing_information, 0.0]


def test_a_run_without_draws_stays_as_it_is() -> None:
    result = ModelResult([row("primary"), row("missing-dose-imputed")], [Diagnostic("a", "primary", "pass", "b")])
    assert pooled(result, 0.95) == result
