"""Dose-response curves, trend over categories, subdistribution hazards and what a dose adds, on the made cohort."""

import math

import numpy as np
import polars as pl
import pytest

from cohort.counts import DAYS_PER_YEAR
from cohort.inputs import EXPOSURES, UNKNOWN_DOSE
from cohort.models import STRATA
from cohort.results import CONTRAST, FINE_GRAY
from cohort.survival.fine_gray import fit_fine_gray
from cohort.survival.fine_gray_variance import fine_gray_covariance
from cohort.survival.inference import linear_hypothesis
from cohort.survival.proportional import proportional_hazards_test
from cohort.survival.spline import Spline
from tests.risk_tables import prepare
from tests.unit.models.made import BANDS, CATEGORIES, PROTOCOL, by, interval, own_fit, person_time, run


def test_a_curve_is_that_of_a_spline_of_every_class_in_one_fit(frame: pl.DataFrame) -> None:
    knots = (30.0, 120.0, 400.0)
    protocol = PROTOCOL.changed(spline_knots=knots, spline_reference=90)
    result, spline = run("dose-response", frame, protocol), Spline(knots)
    known = frame.drop_nulls(EXPOSURES)
    basis = {e: spline.basis(known[f"dose_{e}"].to_numpy()) for e in EXPOSURES}
    columns = {f"{e} {k}": basis[e][:, k] for e in EXPOSURES for k in range(2)}
    theirs = own_fit(known.with_columns(pl.Series(c, v) for c, v in columns.items()), list(columns))
    for exposure in EXPOSURES:
        points = [p for p in result.dose_points if p.exposure == exposure]
        assert {p.dose for p in points} >= {0.0, 90.0, *knots}
        assert [p.dose for p in points if p.is_knot] == list(knots)
        for point in points:
            apart = (spline.basis([point.dose]) - spline.basis([90.0]))[0]
            if point.dose == 90:
                assert (point.hazard_ratio, point.ci_lower, point.ci_upper) == (1, 1, 1)
                continue
            wanted = theirs.contrast({f"{exposure} {k}": apart[k] for k in range(2)})
            assert wanted is not None
            assert math.log(point.hazard_ratio) == pytest.approx(wanted.estimate, rel=1e-6, abs=1e-9)
            width = 1.959963984540054 * wanted.standard_error
            assert math.log(point.ci_upper) == pytest.approx(wanted.estimate + width, rel=1e-6)
    (test,) = [d for d in result.diagnostics if d.exposure == "tspo_binder"]
    straight = own_fit(
        known.with_columns(pl.Series(c, v) for c, v in columns.items()), [c for c in columns if c != "tspo_binder 1"]
    )
    assert test.statistic == pytest.approx(2 * (theirs.log_likelihood - straight.log_likelihood), rel=1e-6)
    assert test.df == 1


def test_knots_are_percentiles_of_exposed_time_to_two_digits(frame: pl.DataFrame) -> None:
    exposed = frame.drop_nulls(EXPOSURES).filter(pl.col("tspo_binder") > 0).sort("dose_tspo_binder")
    share = exposed["days"].cum_sum() / exposed["days"].sum()
    wanted = [exposed.filter(share >= p / 100 - 1e-12)["dose_tspo_binder"][0] for p in (5, 35, 65, 95)]
    points = [p for p in run("dose-response", frame).dose_points if p.exposure == "tspo_binder"]
    assert [p.dose for p in points if p.is_knot] == sorted({float(f"{dose:.2g}") for dose in wanted})
    assert max(p.dose for p in points) == float(f"{wanted[-1]:.2g}")


def test_a_class_whose_doses_are_alike_has_no_curve_and_says_so() -> None:
    rows = [
        interval(p, 25_000 + p, 25_400 + 3 * p, (10.0 * (p % 9), 50.0 * (p % 2), 0.0), event=int(p % 3 == 0))
        for p in range(120)
    ]
    result = run("dose-response", prepare(person_time(rows), PROTOCOL))
    reasons = {p.exposure: p.status for p in result.dose_points}
    assert reasons["tspo_binder"] == "ok"
    assert reasons["tspo_non_binder"] == "not estimable: its doses give fewer than 3 different knots"
    assert reasons["tspo_unknown"] == "not estimable: a dose of this class does not vary among those at risk"


def test_trend_is_tested_by_the_median_dose_of_each_category(frame: pl.DataFrame) -> None:
    """All classes in one fit; an unknown dose is a column of its own, and has no score."""
    tests = {d.exposure: d for d in run("categories", frame).diagnostics}
    scored = frame
    for exposure in EXPOSURES:
        medians = {"0": 0.0, UNKNOWN_DOSE: 0.0}
        for label in CATEGORIES[1:]:
            own = frame.filter(pl.col(f"category_{exposure}") == label).sort(exposure)
            upto = own["days"].cum_sum() / own["days"].sum()
            medians[label] = own.filter(upto >= 0.5 - 1e-12)[exposure][0]
        category = pl.col(f"category_{exposure}")
        scored = scored.with_columns(
            category.replace_strict(medians).alias(f"{exposure} score"),
            (category == UNKNOWN_DOSE).cast(pl.Float64).alias(f"{exposure} unknown"),
        )
    theirs = own_fit(scored, [f"{e} {what}" for e in EXPOSURES for what in ("score", "unknown")])
    for exposure in EXPOSURES:
        wanted = theirs.contrast({f"{exposure} score": 1})
        assert wanted is not None
        found = tests[exposure]
        assert (found.diagnostic, found.df) == ("trend over dose categories", 1)
        assert found.statistic == pytest.approx((wanted.estimate / wanted.standard_error) ** 2, rel=1e-7)
        assert found.value == pytest.approx(math.exp(wanted.estimate), rel=1e-8)


def test_hazards_of_the_subdistribution_have_errors_of_persons_and_weights(frame: pl.DataFrame) -> None:
    known = frame.drop_nulls(EXPOSURES)
    theirs = fit_fine_gray(known, [*EXPOSURES, "depression"], STRATA, competing="death", id="person_id")
    covariance = fine_gray_covariance(theirs)
    rows = {r.exposure: r for r in run("subdistribution", frame).estimates}
    assert {r.model for r in rows.values()} == {FINE_GRAY}
    for exposure in EXPOSURES:
        at = theirs.columns.index(exposure)
        assert rows[exposure].log_hr == pytest.approx(theirs.params[at], rel=1e-12)
        assert rows[exposure].se_log_hr == pytest.approx(math.sqrt(covariance[at, at]), rel=1e-12)
    binder, other = (theirs.columns.index(e) for e in EXPOSURES[:2])
    variance = covariance[binder, binder] + covariance[other, other] - 2 * covariance[binder, other]
    assert rows[CONTRAST].se_log_hr == pytest.approx(math.sqrt(variance), rel=1e-10)
    linear = {r.exposure: r for r in run("linear", frame).estimates}
    assert {e: r.events_exposed for e, r in rows.items()} == {e: r.events_exposed for e, r in linear.items()}


def test_hazards_are_tested_to_be_proportional_over_age(frame: pl.DataFrame) -> None:
    theirs = proportional_hazards_test(own_fit(frame.drop_nulls(EXPOSURES), EXPOSURES), "identity")
    wanted = {row["term"]: row for row in theirs.iter_rows(named=True)}
    found = {d.exposure: d for d in run("linear", frame).diagnostics if d.diagnostic == "proportional hazards"}
    assert set(found) == {*EXPOSURES, "all terms"}
    for exposure, row in found.items():
        test = wanted["GLOBAL" if exposure == "all terms" else exposure]
        assert (row.statistic, row.df) == (pytest.approx(test["chisq"], rel=1e-8), test["df"])
    p_values = [row.p_value for row in found.values()]
    for least in (0.0, 1.0):
        again = run("linear", frame, PROTOCOL.changed(proportional_hazards_p=least)).diagnostics
        verdicts = [d.verdict for d in again if d.diagnostic == "proportional hazards"]
        assert verdicts == ["warn" if p < least else "pass" for p in p_values]


def test_the_contrast_is_tested_over_age_by_wald(frame: pl.DataFrame) -> None:
    split = frame.drop_nulls(EXPOSURES).with_columns(
        (pl.col(e) * (pl.col("age_stratum") == band)).alias(f"{e} {band}") for band in BANDS for e in EXPOSURES
    )
    theirs = own_fit(split, [f"{e} {band}" for band in BANDS for e in EXPOSURES])
    has_both = [b for b in BANDS if all(f"{e} {b}" in theirs.columns for e in EXPOSURES[:2])]
    rows = np.zeros((len(has_both), len(theirs.columns)))
    for row, band in zip(rows, has_both, strict=True):
        row[theirs.columns.index(f"tspo_binder {band}")] = 1
        row[theirs.columns.index(f"tspo_non_binder {band}")] = -1
    wanted = linear_hypothesis(theirs, rows[1:] - rows[0])
    (found,) = [d for d in run("linear by age", frame).diagnostics if d.exposure == CONTRAST]
    assert (found.statistic, found.df) == (pytest.approx(wanted.statistic, rel=1e-6), len(has_both) - 1)


def test_what_a_dose_adds_is_the_rate_without_it_times_the_excess_ratio(frame: pl.DataFrame) -> None:
    result = run("linear by age", frame)
    for effect in result.additive:
        (row,) = by(result, exposure=effect.exposure, age_stratum=effect.age_stratum)
        own = frame.drop_nulls(EXPOSURES).filter(
            pl.col("age_stratum") == effect.age_stratum, pl.col(effect.exposure) == 0
        )
        events, years = own["event"].sum(), own["days"].sum() / DAYS_PER_YEAR
        if row.hazard_ratio is None or not events:
            assert effect.status.startswith("not estimable: ")
            assert effect.excess_rate is None
            continue
        rate = 1000 * events / years
        assert effect.unexposed_rate == float(f"{rate:.3g}")
        assert effect.excess_rate == float(f"{rate * (row.hazard_ratio - 1):.3g}")
        # Both parts of the error: of the ratio, and of the rate's own events.
        error = rate * math.sqrt((row.hazard_ratio * row.se_log_hr) ** 2 + (row.hazard_ratio - 1) ** 2 / events)
        upper = rate * (row.hazard_ratio - 1) + 1.959963984540054 * error
        assert effect.excess_upper == float(f"{upper:.3g}")


def test_the_same_excess_on_a_growing_rate_is_no_interaction_and_a_falling_ratio() -> None:
    """Per band one person-year in 1,000 with an event more: ratios fall, RERI is about zero."""
    draw, rows = np.random.default_rng(3), []
    for person in range(24_000):
        age, dose = (57.0, 69.0, 79.0)[person % 3], 365.0 * (person % 2)
        base = {57.0: 0.02, 69.0: 0.05, 79.0: 0.10}[age]
        ends = draw.random() < base + 0.04 * (dose > 0)
        start = int(age * DAYS_PER_YEAR) + int(draw.integers(0, 200))
        rows.append(interval(person, start, start + 365, (dose, 0.0, 0.0), event=int(ends)))
    result = run("linear by age", prepare(person_time(rows), PROTOCOL))
    ratios = [r.hazard_ratio for r in by(result, exposure="tspo_binder") if r.status == "ok"]
    assert ratios == sorted(ratios, reverse=True)
    effects = [e for e in result.additive if e.exposure == "tspo_binder" and e.status == "ok"]
    assert [e.reri is None for e in effects] == [True, False, False], "the youngest band is the reference"
    for effect in effects:
        assert effect.excess_lower < 42 < effect.excess_upper
        assert effect.reri is None or effect.reri_lower < 0 < effect.reri_upper


def test_without_events_no_model_has_a_curve_or_an_excess() -> None:
    frame = prepare(person_time([interval(p, 25_000, 25_400, (p * 1.0, 0.0, 0.0)) for p in range(9)]), PROTOCOL)
    assert {p.status for p in run("dose-response", frame).dose_points} == {"not estimable: no dementia events"}
    assert {a.status for a in run("linear by age", frame).additive} == {"not estimable: no dementia events"}
    assert {r.status for r in run("subdistribution", frame).estimates} == {"not estimable: no dementia events"}
