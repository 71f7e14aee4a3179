"""The linear model without covariates and with all of them, beside the protocol's own."""

import sys
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from cohort.analyses import Analysis
from cohort.covariates import covariate_names
from cohort.disclosure import suppress_estimates
from cohort.inputs import EXPOSURES
from cohort.models import Setting, fit_model
from cohort.results import CONTRAST, COX, ESTIMATE_COUNTS, FULLY_ADJUSTED, UNADJUSTED, estimates_frame
from cohort.survival.counting import risk_sets
from cohort.survival.cox import fit_cox
from tests.risk_tables import counts_of
from tests.unit.models.made import PROTOCOL, by, run

STRATA = ["sex", "entry_period"]
HAD = ("depression", "statins", "hypertension")


@pytest.fixture(scope="module")
def covariate(frame) -> pl.DataFrame:
    """The table of covariates: three vary, and nobody has the others."""
    draw = np.random.default_rng(7)
    persons = frame.group_by("person_id").agg(pl.col("depression").first().cast(pl.Int8)).sort("person_id")
    drawn = {name: pl.Series(draw.integers(0, 2, persons.height), dtype=pl.Int8) for name in HAD[1:]}
    others = {name: pl.lit(0, pl.Int8) for name in covariate_names() if name not in HAD}
    return persons.with_columns(**drawn, **others)


def adjusted(frame, covariate, **changes):
    protocol = PROTOCOL.changed(**changes)
    setting = Setting(counts_of(frame, protocol), frame.lazy(), Analysis("primary", protocol))
    return fit_model("adjustment", replace(setting, covariate=covariate.lazy()))


def assert_is_fit(rows, fit) -> None:
    for exposure in EXPOSURES:
        (row,) = [row for row in rows if row.exposure == exposure]
        expected = fit.contrast({exposure: 1})
        assert row.log_hr == pytest.approx(expected.estimate, rel=1e-8)
        assert row.se_log_hr == pytest.approx(expected.standard_error, rel=1e-8)
    (row,) = [row for row in rows if row.exposure == CONTRAST]
    assert row.log_hr == pytest.approx(fit.contrast({"tspo_binder": 1, "tspo_non_binder": -1}).estimate, rel=1e-8)


def test_without_covariates_the_model_keeps_its_strata(frame, covariate) -> None:
    known = frame.drop_nulls(list(EXPOSURES))
    fit = fit_cox(risk_sets(known, list(EXPOSURES), STRATA))
    assert_is_fit(by(adjusted(frame, covariate), model=UNADJUSTED), fit)


def test_the_fully_adjusted_model_has_every_covariate_that_somebody_has(frame, covariate) -> None:
    known = frame.drop_nulls(list(EXPOSURES)).drop("depression").join(covariate, on="person_id")
    fit = fit_cox(risk_sets(known, [*EXPOSURES, *HAD], STRATA))
    assert_is_fit(by(adjusted(frame, covariate, events_per_parameter=1), model=FULLY_ADJUSTED), fit)


def test_too_few_events_for_all_covariates_are_a_reason_and_no_estimate(frame, covariate) -> None:
    """The number of events stays untold."""
    rows = by(adjusted(frame, covariate, events_per_parameter=1000), model=FULLY_ADJUSTED)
    assert {row.status for row in rows} == {
        "not estimable: fewer than 1000 events for each of 6 coefficients (gates.events_per_parameter)"
    }
    assert {row.hazard_ratio for row in rows} == {None}


def test_the_three_models_are_of_the_same_persons_and_the_counts_stand_once(frame, covariate) -> None:
    own, made = run("linear", frame), adjusted(frame, covariate, events_per_parameter=1)
    counts = {row.exposure: [getattr(row, count) for count in ESTIMATE_COUNTS] for row in own.estimates}
    for row in made.estimates:
        assert [getattr(row, count) for count in ESTIMATE_COUNTS] == counts[row.exposure]
    released = suppress_estimates(estimates_frame([*own.estimates, *made.estimates]), 5)
    beside = released.filter(pl.col("model") != COX)
    assert beside.height == 8
    assert beside.select(ESTIMATE_COUNTS).null_count().row(0) == (8, 8, 8, 8)
    assert beside.get_column("hazard_ratio").null_count() == 0


def test_an_adjustment_of_few_exposed_persons_is_suppressed(frame, covariate) -> None:
    made = adjusted(frame, covariate, events_per_parameter=1).estimates
    released = suppress_estimates(estimates_frame([replace(row, persons_exposed=3) for row in made]), 5)
    assert set(released.get_column("status")) == {"suppressed"}
    assert released.get_column("hazard_ratio").null_count() == released.height


def test_with_more_values_than_fit_the_risk_sets_are_sampled(frame, covariate, monkeypatch) -> None:
    """With all of a risk set drawn, the sampled fit is that of the whole; with some, near it, and not the same."""
    whole = by(adjusted(frame, covariate, events_per_parameter=1), model=FULLY_ADJUSTED)
    monkeypatch.setattr(sys.modules["cohort.models.adjustment"], "MOST_VALUES", 0)
    for controls, apart, near in ((400, 0.0, 1e-9), (6, 1e-3, 0.8)):
        sampled = by(adjusted(frame, covariate, events_per_parameter=1, controls=controls), model=FULLY_ADJUSTED)
        for one, other in zip(whole, sampled, strict=True):
            assert apart <= abs(one.log_hr - other.log_hr) / one.se_log_hr <= near
            assert other.se_log_hr == pytest.approx(one.se_log_hr, rel=0.15)
