"""Conditional logistic regression and weighted cumulative exposure against R, number by number.

`conditional_logistic.json` and `wce.json` hold data and R's answers; `case_control.R` made them. R's package WCE brings
an example, `drugdata`, which could not be had here. So its model is compared twice: on simulated persons with R's
`splineDesign`, `coxph` and `clogit`, which is what the package does, every day written out; and by what the package
printed of `drugdata`: from its coefficients follow its weights, its hazard ratio and its criterion.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from cohort.survival.conditional import conditional_logistic
from cohort.survival.cox import CoxFit
from cohort.survival.sampling import whole_risk_sets
from cohort.survival.wce import fit_wce
from cohort.survival.weight_basis import wce_basis

HERE = Path(__file__).parent
INFERT = json.loads((HERE / "conditional_logistic.json").read_text())
R = json.loads((HERE / "wce.json").read_text())
FULL = 1e-8


def table(saved: dict[str, Any], name: str) -> pl.DataFrame:
    return pl.DataFrame(saved[name], schema=saved[f"{name}_columns"].split(), orient="row", infer_schema_length=None)


def assert_agree(fit: CoxFit, theirs: dict[str, Any]) -> None:
    assert fit.params == pytest.approx(theirs["coef"], rel=FULL)
    assert fit.covariance.ravel() == pytest.approx(theirs["vcov"], rel=FULL)
    assert [fit.log_likelihood_null, fit.log_likelihood] == pytest.approx(theirs["loglik"], rel=FULL)


def test_every_digit_of_clogit_on_infert() -> None:
    """R: clogit(case ~ spontaneous + induced + strata(stratum), infert)."""
    fit = conditional_logistic(table(INFERT, "infert"), ["spontaneous", "induced"], "stratum", "case")
    assert_agree(fit, INFERT["fit"])
    assert fit.n_events == 83


def test_what_is_printed_of_infert() -> None:
    """By R's own criterion, to the digits printed."""
    fit = conditional_logistic(table(INFERT, "infert"), ["spontaneous", "induced"], "stratum", "case")
    assert fit.params == pytest.approx([1.9858755, 1.4090116], abs=5e-8)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx([0.35244354, 0.36071244], abs=6e-9)
    assert fit.log_likelihood == pytest.approx(-64.20223692, abs=6e-9)


def test_the_basis_is_the_one_of_spline_design() -> None:
    basis = wce_basis(40, 2, None)
    assert basis.interior_knots == (14, 27)
    assert basis.values == pytest.approx(np.array(R["basis"]), rel=1e-12, abs=1e-15)
    assert wce_basis(40, 2).values == pytest.approx(np.array(R["basis"])[:, :-2], rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("knots", [1, 2, 3])
@pytest.mark.parametrize("constrained", ["right", None])
@pytest.mark.parametrize("lag", [0, 7])
def test_every_digit_of_coxph_on_whole_risk_sets(knots: int, constrained: Any, lag: int) -> None:
    """Delayed entry, tied events, courses that overlap, begin before entry, and end after the event."""
    members = whole_risk_sets(table(R, "persons"), start="start", stop="stop", columns=["sex", "age"])
    basis = wce_basis(40, knots, constrained)
    found = fit_wce(members, {"dose": table(R, "courses")}, basis, ["sex", "age"], lag)
    right = " right" if constrained else ""
    assert_agree(found.fit, R["models"][f"cox knots {knots}{right} lag {lag}"])


def test_every_digit_of_clogit_on_sampled_sets() -> None:
    found = fit_wce(table(R, "sampled"), {"dose": table(R, "courses")}, wce_basis(40), ["sex", "age"])
    assert_agree(found.fit, R["models"]["clogit knots 1 right lag 0"])


def test_the_knots_are_those_of_wce() -> None:
    """R: round(quantile(1:90, 1:k / (k + 1))); 45.5 becomes 46, the even one."""
    assert [wce_basis(90, k).interior_knots for k in (1, 2, 3)] == [(46,), (31, 60), (23, 46, 68)]


def test_what_wce_printed_of_drugdata() -> None:
    """WCE 1.0.3: WCE(drugdata, "Cox", 1, 90, constrained = "R", ..., covariates = c("age", "sex")), to ten digits."""
    basis = wce_basis(90, 1)
    weights = basis.values @ [0.03564928217, 0.01292518034, 0.01089158589]
    printed = {1: 0.03287571817, 10: 0.0229710094, 30: 0.01213930106, 60: 0.005127509216}
    assert {day: weights[day - 1] for day in printed} == pytest.approx(printed, rel=1e-9)
    a_dose_a_day = basis.of_stretches([(1, 90, 1.0)]) @ [0.03564928217, 0.01292518034, 0.01089158589]
    assert np.exp(a_dose_a_day) == pytest.approx(2.496371142, rel=1e-9)
