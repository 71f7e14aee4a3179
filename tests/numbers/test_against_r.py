"""Our estimators against R's `survival`, number by number.

The values of the JSON files travel with the tests, each with the call that gave it; their data come with lifelines.
R's own output on other data is read where it lies beside the checkout. All of it is held to 1e-8 relative, or to the
last printed digit. R stops when its log-likelihood moves by less than 1e-9 of itself, so one of
its models (`mgus2_death`) is a Newton step of 3e-8 away from its maximum; ours is 1e-13 away. There the tolerance is
1e-6, and a test shows that the difference is R's.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from lifelines.datasets import load_rossi, load_stanford_heart_transplants

from cohort.survival.counting import risk_sets
from cohort.survival.cox import CoxFit, fit_cox
from cohort.survival.inference import likelihood_ratio_test, minimum_detectable_hazard_ratio
from cohort.survival.likelihood import PartialLikelihood, Ties
from cohort.survival.residuals import robust_covariance
from cohort.survival.spline import Spline, fit_splines
from tests.conftest import SHARED

HERE = Path(__file__).parent
R = json.loads((HERE / "r_values.json").read_text())
HEART = json.loads((HERE / "cox_heart.json").read_text())["models"]
ROSSI = json.loads((HERE / "cox_rossi.json").read_text())
PRINTED = 1e-9
FULL = 1e-8
TOLERANCE = {"mgus2_death": 1e-6}


def heart() -> pl.DataFrame:
    return pl.from_pandas(load_stanford_heart_transplants())


def rossi() -> pl.DataFrame:
    return pl.from_pandas(load_rossi()).select(pl.lit(0).alias("start"), pl.col("week").alias("stop"), pl.all())


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_heart_with_delayed_entry_and_a_time_varying_covariate(ties: Ties) -> None:
    wanted = R[f"heart_{ties}"]
    fit = fit_cox(risk_sets(heart(), wanted["columns"], start="start", stop="stop"), ties)
    assert fit.params == pytest.approx(wanted["coef"], abs=PRINTED)
    assert fit.log_likelihood == pytest.approx(wanted["log_likelihood"], abs=1e-7)
    if "se" in wanted:
        assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(wanted["se"], abs=PRINTED)


def test_rossi_with_heavy_ties() -> None:
    wanted = R["rossi_efron"]
    fit = fit_cox(risk_sets(rossi(), wanted["columns"], start="start", stop="stop", event="arrest"))
    # Two of R's figures are printed to nine decimals only.
    assert fit.params == pytest.approx(wanted["coef"], abs=3e-9)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(wanted["se"], abs=PRINTED)
    assert fit.log_likelihood == pytest.approx(wanted["log_likelihood"], abs=1e-7)


@pytest.mark.parametrize("name", list(HEART))
def test_every_digit_of_r_on_heart(name: str) -> None:
    """Delayed entry, a covariate that changes, strata, interactions; Efron's and Breslow's ties."""
    wanted = HEART[name]
    strata = ["surgery"] if "strata(" in wanted["call"] else []
    products = [
        (pl.col(a) * pl.col(b)).alias(f"{a}:{b}")
        for a, b in (("age", "transplant"), ("surgery", "transplant"), ("age", "surgery"))
    ]
    # R names the slope of age in the second stratum after the stratum.
    columns = [term.replace("strata(surgery)surgery=1", "surgery") for term in wanted["terms"]]
    sets = risk_sets(heart().with_columns(products), columns, strata, "start", "stop")
    fit = fit_cox(sets, wanted["ties"])
    assert fit.columns == tuple(columns)
    assert fit.n_events == wanted["events"]
    assert fit.params == pytest.approx(wanted["coef"], rel=FULL)
    assert fit.covariance == pytest.approx(np.array(wanted["vcov"]), rel=FULL)
    assert fit.log_likelihood == pytest.approx(wanted["loglik"], rel=FULL)
    assert fit.log_likelihood_null == pytest.approx(wanted["loglik_null"], rel=FULL)


def fit_rossi(columns: list[str], strata: Sequence[str] = ()) -> CoxFit:
    frame = rossi().with_columns((pl.col("fin") * pl.col("age")).alias("fin:age"))
    return fit_cox(risk_sets(frame, columns, strata, "start", "stop", "arrest"))


def test_rossi_with_strata() -> None:
    fit = fit_rossi(["fin", "age", "race", "mar", "paro", "prio"], ["wexp"])
    # R's figures are printed to seven decimals.
    assert dict(zip(fit.columns[:2], fit.params, strict=False)) == pytest.approx(ROSSI["strata"]["coef"], abs=5e-8)


def test_rossi_with_a_spline_of_age_and_the_test_that_it_is_not_needed() -> None:
    wanted = ROSSI["spline"]
    sets = risk_sets(rossi(), ["fin", "age"], (), "start", "stop", "arrest")
    found = fit_splines(sets, {"age": Spline(tuple(wanted["knots"]))})
    # Eight or nine digits of R are printed.
    assert found.fit.params == pytest.approx([wanted["coef"][name] for name in ("fin", "age", "B1", "B2")], rel=2e-8)
    statistic, df, p_value = found.nonlinearity_test("age")
    assert statistic == pytest.approx(wanted["likelihood_ratio"], abs=5e-10)
    # With two degrees of freedom the upper tail is exp(-x/2).
    assert (df, p_value) == (2, pytest.approx(np.exp(-statistic / 2), rel=1e-12))


def test_the_dose_response_of_a_natural_spline() -> None:
    """R: coxph(Surv(futime, death) ~ age + sex + ns(hgb, df = 4)): quartiles and the range of hgb are the knots.

    Its columns are others, its curve is the same.
    """
    rows = mgus2().drop_nulls("hgb")
    knots = tuple(np.quantile(rows["hgb"].to_numpy(), [0, 0.25, 0.5, 0.75, 1]).tolist())
    sets = risk_sets(rows, ["age", "sexM", "hgb"], (), "start", "futime", "death")
    found = fit_splines(sets, {"hgb": Spline(knots)})
    theirs = shared_table("out_ns_dose_response_hgb.csv")
    curve = found.curve("hgb", theirs["hgb"].to_list(), 13.0)
    for ours, name in (("log_hr", "log_hr"), ("se_log_hr", "se"), ("ci_lower", "lower"), ("ci_upper", "upper")):
        assert curve[ours].to_numpy() == pytest.approx(theirs[name].to_numpy(), rel=FULL, abs=1e-9)
    test = shared_table("out_ns_nonlinearity_test.csv").row(0, named=True)
    found_test = found.nonlinearity_test("hgb")
    assert found_test.statistic == pytest.approx(test["chisq"], rel=FULL)
    assert (found_test.degrees_of_freedom, found_test.p_value) == (test["df"], pytest.approx(test["p"], rel=1e-7))


def test_likelihood_ratio_tests_of_interactions() -> None:
    statistic, df, _ = likelihood_ratio_test(fit_rossi(["fin", "age", "fin:age"]), fit_rossi(["fin", "age"]))
    assert (statistic, df) == (pytest.approx(ROSSI["interaction"]["likelihood_ratio"], abs=5e-10), 1)
    product = (pl.col("age") * pl.col("transplant")).alias("product")
    sets = risk_sets(heart().with_columns(product), ["age", "transplant", "product"], (), "start", "stop")
    statistic, df, _ = likelihood_ratio_test(fit_cox(sets), fit_cox(sets.keep(["age", "transplant"])))
    assert (statistic, df) == (pytest.approx(ROSSI["interaction_heart"]["likelihood_ratio"], abs=5e-10), 1)


def stabilised_weights(treated: np.ndarray, covariates: np.ndarray) -> np.ndarray:
    """P(A) / P(A | covariates) of the arm that each person is in, by logistic regression."""
    x, b = np.column_stack([np.ones(len(treated)), covariates]), np.zeros(covariates.shape[1] + 1)
    for _ in range(20):
        p = 1 / (1 + np.exp(-x @ b))
        b += np.linalg.solve(x.T @ (x * (p * (1 - p))[:, None]), x.T @ (treated - p))
    p = 1 / (1 + np.exp(-x @ b))
    return np.where(treated == 1, treated.mean() / p, (1 - treated.mean()) / (1 - p))


def test_rossi_weighted_by_the_inverse_probability_of_treatment() -> None:
    """R: coxph(Surv(week, arrest) ~ fin, weights = stabilised, robust = TRUE), propensity fin ~ age + prio + race."""
    frame = rossi()
    weights = stabilised_weights(frame["fin"].to_numpy(), frame.select("age", "prio", "race").to_numpy())
    assert (weights.sum(), weights.max()) == pytest.approx((431.9898181, 1.310049051), rel=1e-9)
    sets = risk_sets(frame.with_columns(w=weights), ["fin"], (), "start", "stop", "arrest", weights="w")
    fit = fit_cox(sets)
    assert fit.params[0] == pytest.approx(-0.3466217726, abs=1e-9)
    assert np.sqrt(robust_covariance(fit)[0, 0]) == pytest.approx(0.1896944184, abs=1e-9)


def shared_table(name: str) -> pl.DataFrame:
    path = SHARED / "reference" / "survival" / name
    if not path.exists():
        pytest.skip("R's output files are not beside this checkout (../shared/reference/survival)")
    return pl.read_csv(path, infer_schema_length=None, null_values=["NA"])


def mgus2() -> pl.DataFrame:
    frame = shared_table("in_mgus2.csv").with_columns(start=pl.lit(0), sexM=(pl.col("sex") == "M").cast(pl.Int8))
    return frame.with_columns(pcm=(pl.col("estat") == 1).cast(pl.Int8), dead=(pl.col("estat") == 2).cast(pl.Int8))


def veteran() -> pl.DataFrame:
    return shared_table("in_veteran.csv").with_columns(start=pl.lit(0))


MODELS: dict[str, Any] = {
    "veteran": (veteran, ["trt", "karno", "age", "prior"], [], "time", "status"),
    "veteran_strata": (veteran, ["trt", "karno", "age"], ["celltype"], "time", "status"),
    "mgus2_csh_pcm": (mgus2, ["age", "sexM"], [], "etime", "pcm"),
    "mgus2_csh_death": (mgus2, ["age", "sexM"], [], "etime", "dead"),
    "mgus2_death": (mgus2, ["age", "sexM", "hgb", "creat", "mspike"], [], "futime", "death"),
}


def fitted(name: str, ties: Ties) -> CoxFit:
    make, columns, strata, stop, event = MODELS[name]
    return fit_cox(risk_sets(make().drop_nulls(columns), columns, strata, "start", stop, event), ties)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("name", list(MODELS))
def test_coefficients_errors_covariance_and_likelihood_of_every_model(name: str, ties: Ties) -> None:
    fit = fitted(name, ties)
    model = f"{name}_{ties}"
    coefs = shared_table("out_coxph_coefs.csv").filter(pl.col("model") == model)
    stats = shared_table("out_coxph_stats.csv").filter(pl.col("model") == model).row(0, named=True)
    vcov = shared_table("out_coxph_vcov.csv").filter(pl.col("model") == model)
    order = [fit.columns.index(term) for term in coefs.get_column("term")]
    rel = TOLERANCE.get(name, FULL)
    assert fit.params[order] == pytest.approx(coefs.get_column("coef").to_list(), rel=rel)
    errors = np.sqrt(np.diag(fit.covariance))[order]
    assert errors == pytest.approx(coefs.get_column("se_model").to_list(), rel=rel)
    expected = vcov.get_column("naive_var").to_numpy().reshape(len(order), len(order))
    assert fit.covariance[np.ix_(order, order)] == pytest.approx(expected, rel=rel)
    assert fit.log_likelihood == pytest.approx(stats["loglik"], rel=rel)
    assert fit.log_likelihood_null == pytest.approx(stats["loglik_null"], rel=rel)
    assert fit.n_events == stats["nevent"]


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_where_r_stops_early_one_more_newton_step_leads_from_its_estimate_to_ours(ties: Ties) -> None:
    coefs = shared_table("out_coxph_coefs.csv").filter(pl.col("model") == f"mgus2_death_{ties}")
    fit = fitted("mgus2_death", ties)
    theirs = np.array([coefs.filter(pl.col("term") == c).get_column("coef").item() for c in fit.columns])
    at_theirs = PartialLikelihood(fit.sets, ties).at(theirs)
    step = np.linalg.solve(at_theirs.information, at_theirs.score)
    assert np.abs(step / theirs).max() > 1e-8
    assert theirs + step == pytest.approx(fit.params, rel=1e-12)


def test_the_closed_form_of_three_persons() -> None:
    """Events at 1, 2, 3 with x = 1, 0, 1: the log hazard ratio is -ln(2)/2; entry of the third at 1.5 makes it 0."""
    toy = pl.DataFrame({"start": [0.0, 0, 0], "stop": [1.0, 2, 3], "event": [1, 1, 1], "x": [1, 0, 1]})
    assert fit_cox(risk_sets(toy, ["x"], (), "start", "stop")).params[0] == pytest.approx(-np.log(2) / 2, rel=1e-9)
    late = toy.with_columns(start=pl.Series([0.0, 0, 1.5]))
    fit = fit_cox(risk_sets(late, ["x"], (), "start", "stop"))
    assert fit.params[0] == pytest.approx(0, abs=1e-9)
    assert np.sqrt(fit.covariance[0, 0]) == pytest.approx(np.sqrt(2), rel=1e-8)


def test_the_closed_form_of_tied_events() -> None:
    """Two tied events and one later: Efron's estimate is ln 2, with both log-likelihoods in closed form."""
    toy = pl.DataFrame({"start": [0] * 4, "stop": [1, 1, 2, 3], "event": [1, 1, 1, 0], "x": [1, 0, 1, 0]})
    efron, breslow = (fit_cox(risk_sets(toy, ["x"], (), "start", "stop"), ties) for ties in ("efron", "breslow"))  # type: ignore[arg-type]
    assert efron.params[0] == pytest.approx(np.log(2), rel=1e-8)
    assert efron.log_likelihood == pytest.approx(-3.00815479, abs=5e-9)
    assert breslow.log_likelihood == pytest.approx(-3.29583687, abs=5e-9)


@pytest.mark.parametrize(
    ("share", "events", "ratio"),
    [
        (0.5, 100, 1.751228),
        (0.5, 1000, 1.193855),
        (0.1, 1000, 1.343547),
        (0.05, 797, 1.576696),
        (0.285, 41_700, 1.030859),
    ],
)
def test_minimum_detectable_ratios_of_ohdsi(share: float, events: int, ratio: float) -> None:
    """OHDSI CohortMethod's formula, to the six decimals to which its values were taken down."""
    assert minimum_detectable_hazard_ratio(events, share) == pytest.approx(ratio, abs=5e-7)
