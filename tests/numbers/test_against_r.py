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

from cohort.competing import CumulativeIncidence, aalen_johansen
from cohort.survival.counting import risk_sets
from cohort.survival.cox import CoxFit, fit_cox
from cohort.survival.inference import likelihood_ratio_test, minimum_detectable_hazard_ratio
from cohort.survival.likelihood import PartialLikelihood, Ties
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
    frame = rossi().with_columns(*spline_of_age(), (pl.col("fin") * pl.col("age")).alias("fin:age"))
    return fit_cox(risk_sets(frame, columns, strata, "start", "stop", "arrest"))


def spline_of_age() -> list[pl.Expr]:
    """Harrell's restricted cubic spline beyond its linear term, from its definition."""
    *inner, last_but_one, last = ROSSI["spline"]["knots"]

    def cube(knot: float) -> pl.Expr:
        return (pl.col("age") - knot).clip(0) ** 3

    return [
        (
            cube(knot)
            - cube(last_but_one) * (last - knot) / (last - last_but_one)
            + cube(last) * (last_but_one - knot) / (last - last_but_one)
        )
        .truediv((last - inner[0]) ** 2)
        .alias(f"B{i + 1}")
        for i, knot in enumerate(inner)
    ]


def test_rossi_with_strata() -> None:
    fit = fit_rossi(["fin", "age", "race", "mar", "paro", "prio"], ["wexp"])
    # R's figures are printed to seven decimals.
    assert dict(zip(fit.columns[:2], fit.params, strict=False)) == pytest.approx(ROSSI["strata"]["coef"], abs=5e-8)


def test_rossi_with_a_spline_of_age_and_the_test_that_it_is_not_needed() -> None:
    wanted = ROSSI["spline"]
    curved, straight = fit_rossi(["fin", "age", "B1", "B2"]), fit_rossi(["fin", "age"])
    # Eight or nine digits of R are printed.
    assert dict(zip(curved.columns, curved.params, strict=True)) == pytest.approx(wanted["coef"], rel=2e-8)
    statistic, df, p_value = likelihood_ratio_test(curved, straight)
    assert statistic == pytest.approx(wanted["likelihood_ratio"], abs=5e-10)
    # With two degrees of freedom the upper tail is exp(-x/2).
    assert (df, p_value) == (2, pytest.approx(np.exp(-statistic / 2), rel=1e-12))


def test_likelihood_ratio_tests_of_interactions() -> None:
    statistic, df, _ = likelihood_ratio_test(fit_rossi(["fin", "age", "fin:age"]), fit_rossi(["fin", "age"]))
    assert (statistic, df) == (pytest.approx(ROSSI["interaction"]["likelihood_ratio"], abs=5e-10), 1)
    product = (pl.col("age") * pl.col("transplant")).alias("product")
    sets = risk_sets(heart().with_columns(product), ["age", "transplant", "product"], (), "start", "stop")
    statistic, df, _ = likelihood_ratio_test(fit_cox(sets), fit_cox(sets.keep(["age", "transplant"])))
    assert (statistic, df) == (pytest.approx(ROSSI["interaction_heart"]["likelihood_ratio"], abs=5e-10), 1)


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


CURVES = [("mgus2_cr_overall", None), ("mgus2_cr_by_sex", "F"), ("mgus2_cr_by_sex", "M")]


def at_times(ours: CumulativeIncidence, values: np.ndarray, times: pl.Series) -> np.ndarray:
    """A step function that starts at 0, read at some times."""
    at = np.searchsorted(ours.time, times.to_numpy(), side="right") - 1
    return np.where(at < 0, 0.0, values[np.maximum(at, 0)])


@pytest.mark.parametrize(("curve", "sex"), CURVES)
def test_cumulative_incidence_of_mgus2(curve: str, sex: str | None) -> None:
    """Monthly time, so nearly every time has ties; a jittering estimator fails here."""
    theirs = shared_table("out_aj_curves.csv").filter(pl.col("curve") == curve)
    rows = mgus2()
    if sex:
        theirs, rows = theirs.filter(pl.col("strata") == f"sex={sex}"), rows.filter(pl.col("sex") == sex)
    ours = aalen_johansen(rows, start="start", stop="etime", event="pcm", death="dead")
    for state, values in (("pcm", ours.dementia), ("death", ours.death)):
        points = theirs.filter(pl.col("state") == state)
        assert at_times(ours, values, points["time"]) == pytest.approx(points["pstate"].to_list(), rel=1e-10, abs=1e-14)


def test_cumulative_incidence_at_four_times() -> None:
    for sex, *rest in shared_table("out_aj_mgus2_at_times.csv").select("strata", "time", "pcm", "death").iter_rows():
        rows = mgus2().filter(pl.col("sex") == sex.removeprefix("sex="))
        ours = aalen_johansen(rows, start="start", stop="etime", event="pcm", death="dead")
        time = pl.Series([rest[0]])
        found = [at_times(ours, values, time)[0] for values in (ours.dementia, ours.death)]
        assert found == pytest.approx(rest[1:], rel=1e-10)


def test_survival_with_delayed_entry_on_the_age_axis() -> None:
    """Age in months from 60 on. R's start.time keeps an event at that very time, so ours starts just before it."""
    rows = mgus2().with_columns(entry=pl.col("age") * 12, exit=pl.col("age") * 12 + pl.col("futime"), none=pl.lit(0))
    curves = shared_table("out_km_curves.csv").filter(pl.col("curve") == "mgus2_left_trunc_age_by_sex")
    for sex in ("F", "M"):
        theirs = curves.filter(pl.col("strata") == f"sex={sex}")
        ours = aalen_johansen(rows.filter(pl.col("sex") == sex), 720 - 0.5, "entry", "exit", "death", "none")
        survival = 1 - at_times(ours, ours.dementia, theirs["time"])
        assert survival == pytest.approx(theirs["surv"].to_list(), rel=1e-10)
        at_risk = dict(zip(ours.time.tolist(), ours.at_risk.tolist(), strict=True))
        events = theirs.filter(pl.col("n_event") > 0)
        assert [at_risk[t] for t in events["time"]] == events["n_risk"].to_list()


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


def test_the_closed_form_of_competing_events() -> None:
    """Times 1 to 4 with kinds 1, 2, none, 1: quarters, exactly; one minus Kaplan-Meier would end at 1."""
    toy = pl.DataFrame({"start": [0] * 4, "stop": [1, 2, 3, 4], "event": [1, 0, 0, 1], "death": [0, 1, 0, 0]})
    curve = aalen_johansen(toy, start="start", stop="stop")
    assert curve.time.tolist() == [1, 2, 4]
    assert curve.dementia == pytest.approx([0.25, 0.25, 0.75], rel=1e-15)
    assert curve.death == pytest.approx([0, 0.25, 0.25], rel=1e-15)


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
