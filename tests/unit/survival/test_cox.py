"""The Cox fit against a slow, obvious one; what must not change a fit; and reasons in words where there is none.

Agreement with R is in tests/numbers.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from scipy import stats

from cohort.survival.counting import risk_sets
from cohort.survival.cox import CoxFit, fit_cox
from cohort.survival.inference import likelihood_ratio_test, minimum_detectable_hazard_ratio, wald_interval
from cohort.survival.likelihood import Ties

few = settings(max_examples=80, deadline=None, derandomize=True, database=None)


@dataclass(frozen=True)
class Row:
    """One interval; x holds the covariates."""

    person: int
    start: float
    stop: float
    event: int
    stratum: int
    x: tuple[float, ...]


def frame(rows: Sequence[Row]) -> pl.DataFrame:
    columns = [f"x{i}" for i in range(len(rows[0].x))]
    data = [(r.person, r.start, r.stop, r.event, r.stratum, *r.x) for r in rows]
    return pl.DataFrame(
        data, schema=["person_id", "start_day", "stop_day", "event", "stratum", *columns], orient="row"
    ).with_columns(pl.col("start_day", "stop_day", *columns).cast(pl.Float64))


def fit(rows: Sequence[Row], ties: Ties = "efron") -> CoxFit:
    columns = [f"x{i}" for i in range(len(rows[0].x))]
    return fit_cox(risk_sets(frame(rows), columns, ["stratum"]), ties)


# --- The slow twin -----------------------------------------------------------------------------------------


def slow(rows: Sequence[Row], beta: Sequence[float], ties: Ties) -> tuple[float, np.ndarray, np.ndarray]:
    """Log partial likelihood, score and information by their definitions (Efron 1977; Breslow 1974)."""
    value, score, information = 0.0, np.zeros(len(beta)), np.zeros((len(beta), len(beta)))
    for stratum, time in sorted({(r.stratum, r.stop) for r in rows if r.event}):
        at_risk = [r for r in rows if r.stratum == stratum and r.start < time <= r.stop]
        events = [r for r in at_risk if r.event and r.stop == time]
        for rank, event in enumerate(events):
            share = rank / len(events) if ties == "efron" else 0.0
            weights = [(1 - share * (r in events)) * math.exp(np.dot(r.x, beta)) for r in at_risk]
            x = np.array([r.x for r in at_risk])
            total = sum(weights)
            mean = weights @ x / total
            value += float(np.dot(event.x, beta)) - math.log(total)
            score += np.array(event.x) - mean
            information += (x.T * weights) @ x / total - np.outer(mean, mean)
    return value, score, information


def slow_fit(rows: Sequence[Row], ties: Ties) -> np.ndarray:
    beta = np.zeros(len(rows[0].x))
    for _ in range(60):
        _, score, information = slow(rows, beta, ties)
        step = np.linalg.solve(information, score)
        beta = beta + step / max(1.0, np.abs(step).max())
    return beta


@st.composite
def studies(draw: st.DrawFn) -> list[Row]:
    """Ties, strata, delayed entry, and persons with two intervals and a covariate that changes between them."""
    rows: list[Row] = []
    for person in range(draw(st.integers(8, 18))):
        start, first, stratum = draw(st.integers(0, 3)), draw(st.integers(1, 5)), draw(st.integers(0, 1))
        event, second = draw(st.integers(0, 1)), draw(st.sampled_from([0, 0, 2]))
        fixed, before, after = draw(st.integers(0, 2)), draw(st.integers(0, 1)), draw(st.integers(0, 1))
        middle, end = start + first, start + first + second
        if second:
            rows.append(Row(person, start, middle, 0, stratum, (fixed, before)))
        rows.append(Row(person, middle if second else start, end, event, stratum, (fixed, after)))
    return rows


def ordinary(rows: Sequence[Row], ties: Ties = "efron") -> CoxFit:
    """The fit, where all is estimated and no estimate is so large that exp() loses the digits that are compared."""
    assume(any(r.event for r in rows))
    try:
        result = fit(rows, ties)
    except ValueError:
        reject()
    assume(not result.not_estimable)
    assume(np.abs(result.params).max() < 5)
    return result


@few
@given(studies(), st.sampled_from(["efron", "breslow"]))
def test_the_fit_is_that_of_the_slow_twin(rows: list[Row], ties: Ties) -> None:
    result = ordinary(rows, ties)
    value, score, information = slow(rows, result.params, ties)
    assert result.log_likelihood == pytest.approx(value, rel=1e-12, abs=1e-12)
    assert result.log_likelihood_null == pytest.approx(slow(rows, [0.0, 0.0], ties)[0], rel=1e-12, abs=1e-12)
    assert score == pytest.approx(0, abs=1e-6)
    assert np.linalg.inv(result.covariance) == pytest.approx(information, rel=1e-8, abs=1e-10)
    assert result.params == pytest.approx(slow_fit(rows, ties), rel=1e-8, abs=1e-8)


@few
@given(studies(), st.sampled_from(["efron", "breslow"]))
def test_the_twin_derives_what_it_says(rows: list[Row], ties: Ties) -> None:
    """The twin's score and information are numerical derivatives of its likelihood: it is fit to judge."""
    assume(any(r.event for r in rows))
    beta, h = np.array([0.3, -0.2]), 1e-5
    _, score, information = slow(rows, beta, ties)
    steps = np.eye(2) * h
    gradient = [(slow(rows, beta + s, ties)[0] - slow(rows, beta - s, ties)[0]) / (2 * h) for s in steps]
    curvature = [(slow(rows, beta + s, ties)[1] - slow(rows, beta - s, ties)[1]) / (2 * h) for s in steps]
    assert score == pytest.approx(np.array(gradient), rel=1e-6, abs=1e-6)
    assert -information == pytest.approx(np.array(curvature), rel=1e-6, abs=1e-6)


# --- What must not change a fit ----------------------------------------------------------------------------


def split(rows: Sequence[Row]) -> list[Row]:
    """Every interval cut at every whole day inside it."""
    pieces = []
    for r in rows:
        days = np.arange(r.start, r.stop)
        for day in days:
            last = bool(day == days[-1])
            pieces.append(Row(r.person, day, r.stop if last else day + 1, r.event * last, r.stratum, r.x))
    return pieces


def changed(rows: Sequence[Row], **fields: Callable[[Row], object]) -> list[Row]:
    return [Row(**{**vars(r), **{name: change(r) for name, change in fields.items()}}) for r in rows]  # type: ignore[arg-type]


CHANGES: dict[str, Callable[[Sequence[Row]], list[Row]]] = {
    "intervals are split": split,
    "rows are in another order": lambda rows: list(reversed(rows)),
    "persons have other ids": lambda rows: changed(rows, person=lambda r: 1000 - r.person),
    "time starts elsewhere": lambda rows: changed(rows, start=lambda r: r.start + 7, stop=lambda r: r.stop + 7),
    "time runs otherwise": lambda rows: changed(rows, start=lambda r: r.start**2, stop=lambda r: r.stop**2),
    "strata have other names": lambda rows: changed(rows, stratum=lambda r: 9 - r.stratum),
}


@pytest.mark.parametrize("change", list(CHANGES))
@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(rows=studies())
def test_the_fit_stays_the_same_when(change: str, rows: list[Row]) -> None:
    before = ordinary(rows)
    after = fit(CHANGES[change](rows))
    assert after.log_likelihood == pytest.approx(before.log_likelihood, rel=1e-13, abs=1e-13)
    assert after.params == pytest.approx(before.params, rel=1e-9, abs=1e-9)
    assert after.covariance == pytest.approx(before.covariance, rel=1e-9)


@few
@given(studies(), st.sampled_from([1e-6, 1 / 365, 30.0, 1e6]))
def test_a_covariate_in_another_unit_has_its_coefficient_in_that_unit(rows: list[Row], unit: float) -> None:
    before = ordinary(rows)
    after = fit(changed(rows, x=lambda r: (r.x[0] * unit, r.x[1])))
    scale = np.array([unit, 1.0])
    assert after.params * scale == pytest.approx(before.params, rel=1e-7, abs=1e-9)
    assert after.covariance * np.outer(scale, scale) == pytest.approx(before.covariance, rel=1e-7, abs=1e-12)
    assert after.log_likelihood == pytest.approx(before.log_likelihood, rel=1e-12, abs=1e-12)


@few
@given(studies(), st.sampled_from([1.0, 50.0]))
def test_a_constant_added_to_a_covariate_changes_nothing(rows: list[Row], constant: float) -> None:
    before = ordinary(rows)
    after = fit(changed(rows, x=lambda r: (r.x[0] + constant, r.x[1])))
    assert after.params == pytest.approx(before.params, rel=1e-7, abs=1e-7)
    assert after.covariance == pytest.approx(before.covariance, rel=1e-7)


def doses(*rows: tuple[float, ...]) -> list[Row]:
    """Persons from (day of leaving, event, x...), all at risk from day 0 in one stratum."""
    return [Row(i, 0, stop, int(event), 0, tuple(x)) for i, (stop, event, *x) in enumerate(rows)]


MIXED = doses(
    *((1, 1, 1, 0), (2, 1, 0, 1), (3, 1, 1, 1), (3, 0, 0, 0), (4, 1, 0, 0)),
    *((5, 1, 1, 0), (6, 0, 1, 1), (7, 1, 0, 1), (8, 0, 0, 0)),
)
WITHOUT_EVENTS = doses((1, 1, 1, 0), (2, 1, 0, 0), (3, 0, 1, 1), (3, 1, 1, 0), (4, 0, 0, 1), (4, 1, 0, 0), (5, 0, 1, 0))
"""The second covariate is above zero for two persons, and neither has the event."""


def test_a_column_of_calendar_years_can_be_fitted() -> None:
    years = changed(MIXED, x=lambda r: (r.x[0], 2000 + 10 * r.x[1]))
    assert fit(years).params[0] == pytest.approx(fit(MIXED).params[0], rel=1e-7)


# --- What cannot be estimated ------------------------------------------------------------------------------


def test_without_events_there_is_nothing_to_fit() -> None:
    with pytest.raises(ValueError, match="there are no events"):
        fit(doses((1, 0, 1), (2, 0, 0)))


def not_estimable(*rows: tuple[float, ...]) -> tuple[tuple[str, ...], dict[str, str]]:
    result = fit(doses(*rows))
    numbers = [*result.params, *result.covariance.ravel(), result.log_likelihood, result.log_likelihood_null]
    assert np.isfinite(numbers).all()
    return result.columns, dict(result.not_estimable)


def test_a_constant_column_is_named() -> None:
    columns, reasons = not_estimable((1, 1, 4, 0), (2, 1, 4, 1), (3, 1, 4, 0), (4, 0, 4, 1))
    assert columns == ("x1",)
    assert reasons == {"x0": "x0 does not vary among those at risk"}


def test_a_column_that_varies_only_between_strata_is_named() -> None:
    rows = [Row(i, 0, 1 + i % 4, 1, i % 2, (i % 2, i // 4)) for i in range(8)]
    assert dict(fit(rows).not_estimable) == {"x0": "x0 does not vary among those at risk"}


def test_a_column_that_varies_only_before_the_first_event_is_named() -> None:
    later = changed(MIXED, start=lambda r: 1, stop=lambda r: r.stop + 1, x=lambda r: (1.0, r.x[1]))
    rows = [Row(99, 0, 1, 0, 0, (0.0, 0)), *later]
    assert dict(fit(rows).not_estimable) == {"x0": "x0 does not vary among those at risk"}


def test_the_later_of_two_collinear_columns_is_named_with_the_earlier() -> None:
    result = fit(changed(MIXED, x=lambda r: (*r.x, r.x[0] + 2 * r.x[1])))
    assert dict(result.not_estimable) == {"x2": "x2 is a combination of x0, x1"}
    assert result.params == pytest.approx(fit(MIXED).params, rel=1e-9)


def test_leaving_out_a_column_without_events_is_the_limit_of_its_hazard_ratio_going_to_zero() -> None:
    """With its coefficient at -40 the slow likelihood is the same, and flat in the other coefficient."""
    result = fit(WITHOUT_EVENTS)
    assert result.columns == ("x0",)
    assert list(result.not_estimable) == ["x1"]
    assert result.not_estimable["x1"].startswith("no events")
    value, score, information = slow(WITHOUT_EVENTS, [result.params[0], -40.0], "efron")
    assert result.log_likelihood == pytest.approx(value, rel=1e-13)
    assert score == pytest.approx(0, abs=1e-8)
    assert 1 / result.covariance[0, 0] == pytest.approx(information[0, 0], rel=1e-10)


SEPARATED = {
    "every event is exposed": doses((1, 1, 1), (2, 1, 1), (3, 0, 0), (3, 0, 0), (4, 0, 1)),
    "the highest dose always comes next": doses((1, 1, 3), (2, 1, 2), (3, 1, 1)),
    "the lowest dose always comes next": doses((1, 1, 1), (2, 1, 2), (3, 1, 3)),
    "many events, all exposed": doses(*((i % 7 + 1, 1, 1) for i in range(300)), *((9, 0, 0) for _ in range(50))),
}


@pytest.mark.parametrize("case", list(SEPARATED))
def test_a_hazard_ratio_that_runs_to_infinity_is_no_estimate(case: str) -> None:
    result = fit(SEPARATED[case])
    assert result.columns == ()
    assert result.not_estimable["x0"].startswith("x0 separates")


def test_beside_a_column_that_runs_to_infinity_the_others_are_the_limit() -> None:
    """The column is held where its information has gone; what is left of it is 1e-7, and so near is the limit."""
    rows = changed(MIXED, event=lambda r: r.event * (r.x[0] == 1))
    result = fit(rows)
    assert result.columns == ("x1",)
    value, score, information = slow(rows, [40.0, result.params[0]], "efron")
    assert result.log_likelihood == pytest.approx(value, abs=1e-7)
    assert score[1] == pytest.approx(0, abs=1e-7)
    assert 1 / result.covariance[0, 0] == pytest.approx(information[1, 1], rel=1e-6)


def test_two_columns_that_run_to_infinity_together_are_no_estimates() -> None:
    """Only x0 - x1 is unbounded: the one who lives has x1 alone, those who do not have both or neither."""
    result = fit(doses((1, 0, 0, 1), (1, 1, 0, 0), (1, 1, 1, 1)))
    assert result.columns == ()


def test_a_column_that_runs_to_infinity_slowly_is_named() -> None:
    rows = doses(*((1, 0, 0, 0) for _ in range(4)), (1, 1, 0, 1), (1, 1, 1, 0), (2, 1, 0, 0))
    assert set(fit(rows).not_estimable) == {"x0", "x1"}


# --- What is read from a fit -------------------------------------------------------------------------------


def test_a_contrast_uses_the_covariance_of_the_one_fit() -> None:
    result = fit(MIXED)
    (a, ab), (_, b) = result.covariance
    contrast = result.contrast({"x0": 1, "x1": -1})
    assert contrast is not None
    assert contrast.estimate == pytest.approx(result.params[0] - result.params[1], rel=1e-14)
    assert contrast.standard_error == pytest.approx(math.sqrt(a + b - 2 * ab), rel=1e-14)
    assert contrast.p_value == pytest.approx(math.erfc(abs(contrast.estimate) / contrast.standard_error / math.sqrt(2)))
    assert abs(ab) > 0.05, "the covariance matters in this example"
    assert result.contrast({"x0": 1, "x7": -1}) is None


def test_a_likelihood_ratio_test_counts_the_columns_of_both_fits() -> None:
    larger, smaller = fit(MIXED), fit(changed(MIXED, x=lambda r: (r.x[0], 0.0)))
    statistic, df, p_value = likelihood_ratio_test(larger, smaller)
    assert (statistic, df) == (pytest.approx(2 * (larger.log_likelihood - smaller.log_likelihood)), 1)
    assert p_value == pytest.approx(math.erfc(math.sqrt(statistic / 2)))
    assert math.isnan(likelihood_ratio_test(larger, larger)[2])


def test_a_column_at_zero_hazard_is_a_degree_of_freedom() -> None:
    """Its coefficient is minus infinity, not absent: the likelihood was maximised over it."""
    larger, smaller = fit(WITHOUT_EVENTS), fit(changed(WITHOUT_EVENTS, x=lambda r: (r.x[0], 0.0)))
    statistic, df, _ = likelihood_ratio_test(larger, smaller)
    assert statistic > 0
    assert df == 1


def test_an_interval_is_symmetric_on_the_log_scale() -> None:
    lower, upper = wald_interval(0.5, 0.2, 0.9)
    assert (lower, upper) == pytest.approx(
        (math.exp(0.5 - 0.2 * 1.6448536269514722), math.exp(0.5 + 0.2 * 1.6448536269514722))
    )


@few
@given(st.integers(1, 100_000), st.floats(0.01, 0.99), st.sampled_from([0.8, 0.9]))
def test_a_true_hazard_ratio_of_that_size_is_found_with_that_power(events: int, share: float, power: float) -> None:
    """Schoenfeld: the log hazard ratio has variance 1 / (D p (1 - p)); the tail beyond 1.96 holds the power."""
    ratio = minimum_detectable_hazard_ratio(events, share, power)
    distance = math.log(ratio) * math.sqrt(events * share * (1 - share))
    assert stats.norm.sf(stats.norm.ppf(0.975) - distance) == pytest.approx(power, rel=1e-9)


@pytest.mark.parametrize(("events", "share"), [(0, 0.5), (100, 0.0), (100, 1.0)])
def test_without_events_or_contrast_no_ratio_can_be_detected(events: int, share: float) -> None:
    assert math.isnan(minimum_detectable_hazard_ratio(events, share))


def test_a_model_without_covariates_is_its_null() -> None:
    frame = pl.DataFrame({"start": [0, 0, 1], "stop": [2, 3, 4], "event": [1, 0, 1]})
    fit = fit_cox(risk_sets(frame, [], (), "start", "stop"))
    assert (fit.columns, fit.n_events) == ((), 2)
    assert fit.log_likelihood == fit.log_likelihood_null == pytest.approx(-math.log(3), rel=1e-14)
