"""The models as users of lifelines meet them: columns, pandas and polars, text, plot, predictions, errors."""

import math
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from lifelines import CoxTimeVaryingFitter
from lifelines.datasets import load_stanford_heart_transplants
from matplotlib.figure import Figure

from cohort.survival.baseline import cumulative_hazard
from cohort.survival.counting import risk_sets
from cohort.survival.cox import fit_cox
from cohort.survival.fine_gray import fit_fine_gray
from cohort.survival.fine_gray_variance import fine_gray_covariance
from cohort.survival.fitter import CoxModel, FineGrayModel
from cohort.survival.inference import likelihood_ratio_test, score_test, wald_test
from cohort.survival.proportional import proportional_hazards_test
from cohort.survival.residuals import dfbeta, martingale, robust_covariance, schoenfeld

COVARIATES = ["age", "year", "surgery", "transplant"]


def heart() -> pd.DataFrame:
    """Under an index that is not the number of the row."""
    table: pd.DataFrame = load_stanford_heart_transplants()
    return table.set_index(pd.Index(range(1000, 1000 + len(table))))


def polars_heart() -> pl.DataFrame:
    return pl.from_pandas(heart())


PANDAS = CoxModel().fit(heart(), id_col="id")
POLARS = CoxModel().fit(polars_heart(), id_col="id")
THEIRS = CoxTimeVaryingFitter().fit(heart(), id_col="id", event_col="event", start_col="start", stop_col="stop")


# --- What lifelines shows --------------------------------------------------------------------------------------


def test_the_summary_is_that_of_lifelines_with_its_columns_and_index() -> None:
    pd.testing.assert_frame_equal(PANDAS.summary, THEIRS.summary, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["params_", "hazard_ratios_", "standard_errors_", "confidence_intervals_"])
def test_estimates_have_the_shape_that_they_have_in_lifelines(name: str) -> None:
    ours, theirs = getattr(PANDAS, name), getattr(THEIRS, name)
    assert type(ours) is type(theirs)
    assert ours.index.equals(theirs.index)
    assert np.asarray(ours) == pytest.approx(np.asarray(theirs), rel=1e-5, abs=1e-6)
    if name == "confidence_intervals_":
        assert ours.columns.to_list() == theirs.columns.to_list()


def test_the_covariance_is_that_of_lifelines_under_the_names_of_covariates() -> None:
    ours = PANDAS.variance_matrix_
    assert ours.to_numpy() == pytest.approx(THEIRS.variance_matrix_.to_numpy(), rel=1e-5, abs=1e-8)
    assert ours.index.to_list() == ours.columns.to_list() == COVARIATES


def test_likelihoods_and_aic_are_those_of_lifelines() -> None:
    assert PANDAS.log_likelihood_ == pytest.approx(THEIRS.log_likelihood_, rel=1e-8)
    assert PANDAS.AIC_partial_ == pytest.approx(THEIRS.AIC_partial_, rel=1e-8)
    test, theirs = PANDAS.log_likelihood_ratio_test(), THEIRS.log_likelihood_ratio_test()
    assert test == pytest.approx((theirs.test_statistic, theirs.degrees_freedom, theirs.p_value), rel=1e-6)


def test_hazards_of_rows_relate_to_each_other_as_in_lifelines() -> None:
    ours, theirs = PANDAS.predict_partial_hazard(heart()), THEIRS.predict_partial_hazard(heart())
    assert ours.index.equals(heart().index)
    assert (ours / ours.iloc[0]).to_numpy() == pytest.approx((theirs / theirs.iloc[0]).to_numpy(), rel=1e-5)
    assert np.log(ours).to_numpy() == pytest.approx(PANDAS.predict_log_partial_hazard(heart()).to_numpy(), abs=1e-14)


# --- Polars ----------------------------------------------------------------------------------------------------

TABLES = ["summary", "variance_matrix_", "confidence_intervals_", "baseline_cumulative_hazard_"]


@pytest.mark.parametrize("name", TABLES)
def test_a_polars_frame_gives_polars_tables_with_the_numbers_of_pandas(name: str) -> None:
    ours, pandas = getattr(POLARS, name), getattr(PANDAS, name)
    assert isinstance(ours, pl.DataFrame)
    pandas = pandas.reset_index() if pandas.index.name else pandas
    assert ours.equals(pl.from_pandas(pandas))


def test_series_of_pandas_are_frames_of_covariates_in_polars() -> None:
    for name, column in (("params_", "coef"), ("hazard_ratios_", "exp(coef)"), ("standard_errors_", "se(coef)")):
        table = getattr(POLARS, name)
        assert table.columns == ["covariate", column]
        assert table[column].to_list() == getattr(PANDAS, name).to_list()


def test_predictions_and_residuals_come_in_the_kind_of_frame_they_are_for() -> None:
    rows = polars_heart().head(2)
    assert isinstance(PANDAS.predict_partial_hazard(rows), pl.Series)
    assert isinstance(POLARS.predict_partial_hazard(heart()), pd.Series)
    assert POLARS.predict_log_partial_hazard(heart()).index.equals(heart().index)
    assert isinstance(POLARS.predict_cumulative_hazard(heart()), pd.DataFrame)
    assert isinstance(POLARS.proportional_hazard_test(), pl.DataFrame)
    assert isinstance(POLARS.compute_residuals("martingale"), pl.DataFrame)


def test_a_lazy_frame_is_collected_and_a_list_is_refused() -> None:
    assert CoxModel().fit(polars_heart().lazy(), id_col="id").params_.equals(POLARS.params_)
    with pytest.raises(TypeError, match=r"^a polars or pandas DataFrame is needed, not list$"):
        CoxModel().fit([1, 2])


# --- Columns and their roles -----------------------------------------------------------------------------------


def test_every_role_reaches_the_fit() -> None:
    frame = polars_heart().with_columns(
        w=1 + pl.col("id") % 3, n=1 + pl.col("id") % 2, known=pl.col("age") / 100, sex=pl.col("id") % 2
    )
    model = CoxModel("breslow", robust=True).fit(
        *(frame, "event", "start", "stop", "id", ["surgery", "sex"], "w", "n", "known"), columns=["age", "year"]
    )
    sets = risk_sets(
        *(frame, ["age", "year"], ["surgery", "sex"], "start", "stop"), weights="w", frequencies="n", offset="known"
    )
    fit = fit_cox(sets, "breslow")
    assert model.params_["coef"].to_list() == fit.params.tolist()
    assert model.log_likelihood_ == fit.log_likelihood
    covariance = robust_covariance(fit, frame["id"])
    assert model.variance_matrix_.drop("covariate").to_numpy() == pytest.approx(covariance, rel=1e-14)


def test_columns_without_a_role_are_covariates() -> None:
    model = CoxModel().fit(polars_heart().drop("id"), strata="surgery")
    assert model.params_["covariate"].to_list() == ["age", "year", "transplant"]


def test_without_a_start_all_are_at_risk_from_the_beginning_also_of_time_zero() -> None:
    frame = pl.DataFrame({"stop": [0, 0, 1, 2, 3, 4], "event": [1, 0, 1, 1, 0, 1], "x": [0.0, 1, 2, 0, 1, 1]})
    model = CoxModel().fit(frame, start_col=None)
    given = CoxModel().fit(frame.with_columns(start=-1))
    assert model.params_.equals(given.params_)
    assert model.baseline_cumulative_hazard_["at_risk"].to_list() == [6, 4, 3, 1]


def test_a_robust_model_has_the_sandwich_by_person_or_by_interval() -> None:
    fit = fit_cox(risk_sets(polars_heart(), COVARIATES, (), "start", "stop"))
    for id_col, clusters in (("id", polars_heart()["id"]), (None, None)):
        frame = polars_heart() if id_col else polars_heart().drop("id")
        model = CoxModel(robust=True).fit(frame, id_col=id_col)
        covariance = robust_covariance(fit, clusters)
        assert model.standard_errors_["se(coef)"].to_numpy() == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-14)
        assert model.wald_test(["age", "year"]) == wald_test(fit, ["age", "year"], covariance)
        contrast = model.contrast({"age": 1.0, "year": -1.0})
        assert contrast is not None
        assert contrast == fit.contrast({"age": 1.0, "year": -1.0}, covariance)


def test_a_level_names_its_columns_and_makes_its_bounds() -> None:
    model = CoxModel(level=0.9).fit(polars_heart(), id_col="id")
    row = model.summary.row(0, named=True)
    assert row["coef upper 90%"] == pytest.approx(row["coef"] + 1.6448536269514722 * row["se(coef)"], rel=1e-12)
    assert row["exp(coef) lower 90%"] == pytest.approx(math.exp(row["coef lower 90%"]), rel=1e-14)
    assert model.confidence_intervals_.columns[1:] == ["90% lower-bound", "90% upper-bound"]
    with pytest.raises(ValueError, match=r"between 0 and 1, such as 0\.95; it is 95$"):
        CoxModel(level=95)


def test_minus_the_binary_logarithm_of_p_does_not_run_out_of_digits() -> None:
    """A z of 50, of which p is 0 in a number."""
    model = CoxModel().fit(polars_heart(), id_col="id")
    assert model.fit_ is not None
    model._sandwich = (model.fit_.params[:, None] / 50) ** 2 * np.eye(4)
    row = model.summary.row(0, named=True)
    assert row["p"] == 0
    assert row["-log2(p)"] == pytest.approx(1809.4, abs=0.1)  # p = 2 phi(50) / 50


def test_a_ratio_beyond_all_numbers_is_infinite_and_not_an_error() -> None:
    """Years in units of a million."""
    model = CoxModel().fit(polars_heart().with_columns(year=-pl.col("year") / 1e6), id_col="id")
    row = model.summary.row(1, named=True)
    assert row["exp(coef)"] == row["exp(coef) upper 95%"] == math.inf
    assert math.isfinite(row["coef"])
    assert "inf" in model.describe()


# --- Tests and residuals ---------------------------------------------------------------------------------------


def test_tests_are_those_of_the_functions() -> None:
    fit = POLARS.fit_
    assert fit is not None
    assert POLARS.log_likelihood_ratio_test() == likelihood_ratio_test(fit)
    assert POLARS.score_test() == score_test(fit)
    terms = {"operations": ["surgery", "transplant"]}
    assert POLARS.proportional_hazard_test("rank").equals(proportional_hazards_test(fit, "rank"))
    assert POLARS.proportional_hazard_test(terms=terms).equals(proportional_hazards_test(fit, terms=terms))
    assert PANDAS.proportional_hazard_test().index.to_list() == [*COVARIATES, "GLOBAL"]


def test_residuals_keep_the_rows_of_the_frame_that_was_fitted() -> None:
    fit = PANDAS.fit_
    assert fit is not None
    found = PANDAS.compute_residuals("martingale")
    assert found.index.equals(heart().index)
    assert found["martingale"].to_list() == martingale(fit).tolist()
    assert PANDAS.compute_residuals("dfbeta")["age"].to_list() == dfbeta(fit)[:, 0].tolist()
    assert POLARS.compute_residuals("schoenfeld").equals(schoenfeld(fit))


# --- Predictions -----------------------------------------------------------------------------------------------

STRATIFIED = CoxModel().fit(
    heart().assign(known=lambda d: d["age"] / 50), id_col="id", strata=["surgery"], offset_col="known"
)


def test_a_predicted_hazard_is_that_of_the_rows_own_stratum_and_offset() -> None:
    rows = heart().assign(known=lambda d: d["age"] / 50).groupby("surgery").head(2)
    assert set(rows["surgery"]) == {0, 1}
    fit, times = STRATIFIED.fit_, [10, 100, 500]
    assert fit is not None
    hazards = STRATIFIED.predict_cumulative_hazard(rows, times)
    assert hazards.index.to_list() == times
    assert hazards.columns.to_list() == rows.index.to_list()
    for label, row in rows.iterrows():
        person = {column: row[column] for column in fit.columns}
        wanted = cumulative_hazard(fit, person, times, f"surgery={row['surgery']:.0f}", offset=row["known"])
        assert hazards[label].to_list() == pytest.approx(wanted.cumulative_hazard, rel=1e-12)
    survival = STRATIFIED.predict_survival_function(rows, times)
    assert survival.to_numpy() == pytest.approx(np.exp(-hazards.to_numpy()), rel=1e-14)


def test_what_is_conditional_starts_at_nothing() -> None:
    rows = polars_heart().head(1)
    every, later = (POLARS.predict_cumulative_hazard(rows, [50, 400], conditional_after=a)["0"] for a in (-1e9, 50))
    assert later.to_list() == pytest.approx([0, every[1] - every[0]], rel=1e-12)
    alive = POLARS.predict_survival_function(rows, [50, 400], conditional_after=50)["0"]
    assert alive.to_list() == pytest.approx([1, math.exp(every[0] - every[1])], rel=1e-12)


def test_without_times_a_prediction_has_every_event_time() -> None:
    found = POLARS.predict_survival_function(polars_heart().head(3))
    assert found.columns == ["time", "0", "1", "2"]
    assert found["time"].to_list() == sorted(polars_heart().filter(pl.col("event") == 1)["stop"].unique())


def test_strata_of_a_prediction_are_read_as_of_the_type_that_was_fitted() -> None:
    rows = heart().assign(known=0.0).head(2)
    as_floats = rows.assign(surgery=rows["surgery"].astype(float))
    there, back = (STRATIFIED.predict_cumulative_hazard(r, [100]) for r in (rows, as_floats))
    assert back.equals(there)


def test_nobody_is_predicted_nothing() -> None:
    assert POLARS.predict_cumulative_hazard(polars_heart().head(0), [1, 2]).shape == (2, 1)
    assert POLARS.predict_partial_hazard(polars_heart().head(0)).to_list() == []


# --- Text and plot ---------------------------------------------------------------------------------------------

SUMMARY = """
Cox model: 75 events, 172 intervals, 2 strata, efron ties, robust errors

covariate        coef  exp(coef)   se(coef)  exp(coef) lower 95%  exp(coef) upper 95%          z          p
age             0.027      1.027      0.014                1.000                1.055      1.980      0.048
year           -0.149      0.861      0.072                0.748                0.992     -2.065      0.039
transplant     -0.022      0.978      0.315                0.528                1.812     -0.069      0.945

robust Wald test 10.537 on 3 df, p = 0.015; log partial likelihood -265.315
no estimate of always: always does not vary among those at risk
no estimate of months: months is a combination of age, year, transplant
"""


def test_a_summary_reads_like_this(capsys: pytest.CaptureFixture[str]) -> None:
    frame = polars_heart().with_columns(always=1, months=12 * pl.col("age"))
    CoxModel(robust=True).fit(frame, id_col="id", strata="surgery").print_summary()
    assert capsys.readouterr().out.strip() == SUMMARY.strip()


def test_a_summary_without_any_estimate_still_reads() -> None:
    text = CoxModel().fit(polars_heart().with_columns(always=1), columns=["always"]).describe()
    assert "no estimate of always: always does not vary among those at risk" in text
    assert "likelihood ratio test 0.000 on 0 df, p = nan" in text


def test_small_p_values_are_below_something_and_notes_are_marked() -> None:
    frame = polars_heart().with_columns(fast=pl.col("stop") % 100 < 50, third=pl.col("id") == 3)
    text = CoxModel().fit(frame, id_col="id", strata="third").describe(1)
    assert "<0.1" in text
    assert "p < 0.1;" in text
    assert "note: surgery is constant in third=true" in text.lower()


@pytest.fixture(autouse=True)
def _no_screen() -> Any:
    plt.switch_backend("Agg")
    yield
    plt.close("all")


def drawn(axes: Any) -> tuple[list[tuple[float, ...]], list[tuple[float, float]]]:
    """The ends of the lines, and the points."""
    (lines,), points = axes.collections, axes.lines[0]
    ends = [(*segment[:, 0], segment[0, 1]) for segment in lines.get_segments()]
    return ends, list(zip(points.get_xdata(), points.get_ydata(), strict=True))


def test_a_plot_has_an_interval_for_each_covariate_from_the_top() -> None:
    axes, table = PANDAS.plot(), PANDAS.summary
    ends, points = drawn(axes)
    labels = {label.get_text(): at for label, at in zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)}
    assert labels == {"age": 3, "year": 2, "surgery": 1, "transplant": 0}
    for k, covariate in enumerate(COVARIATES):
        row = table.loc[covariate]
        lower, upper = row["exp(coef) lower 95%"], row["exp(coef) upper 95%"]
        assert ends[k] == pytest.approx((lower, upper, labels[covariate]), rel=1e-12)
        assert points[k] == pytest.approx((row["exp(coef)"], labels[covariate]), rel=1e-12)
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "hazard ratio (95% interval)"
    assert list(axes.lines[1].get_xdata()) == [1, 1]
    axes.figure.canvas.draw()
    assert "0.5" in [label.get_text() for label in axes.get_xticklabels()], "numbers, not powers of ten"


def test_a_plot_may_be_of_log_ratios_on_axes_that_are_there() -> None:
    axes = Figure().add_subplot()
    assert POLARS.plot(axes, hazard_ratios=False) is axes
    ends, points = drawn(axes)
    assert points[0][0] == POLARS.params_["coef"][0]
    assert ends[0][:2] == tuple(POLARS.confidence_intervals_.row(0)[1:])
    assert list(axes.lines[1].get_xdata()) == [0, 0]
    assert axes.get_xscale() == "linear"


def test_a_plot_of_nothing_is_empty() -> None:
    model = CoxModel().fit(polars_heart().with_columns(always=1), columns=["always"])
    assert list(model.plot().get_yticks()) == []


# --- What is refused -------------------------------------------------------------------------------------------

FITS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no such column": ({}, {"event_col": "died"}, r"^the frame has no column died; it has start, stop, event, age,"),
    "no such person": ({}, {"id_col": "person"}, r"^the frame has no column person; it has start, stop, event, age,"),
    "no such stratum": ({}, {"strata": ["sex"]}, r"^the frame has no column sex; it has start, stop, event, age,"),
    "no start": ({"start": None}, {}, r"^column start has 172 value\(s\) that are missing$"),
    "words for a covariate": (
        {"sex": "F"},
        {},
        r"^column sex holds String, not numbers; code it as 0 and 1, ",
    ),
    "dates for times": (
        {"stop": pd.Timestamp(0)},
        {},
        r"^column stop holds Datetime.*, not numbers; count days",
    ),
    "words for weights": ({"w": "1"}, {"weights_col": "w"}, r"^column w holds String, not numbers$"),
    "words for events": ({"event": "yes"}, {}, r"^column event holds String, not numbers$"),
    "events of two": ({"event": 2}, {}, r"^column event has 172 value\(s\) that are neither 0 nor 1$"),
    "a missing covariate": (
        {"age": float("nan")},
        {},
        r"^column age has 172 value\(s\) that are missing or not",
    ),
    "no events": ({"event": 0}, {}, r"^there are no events$"),
    "a weight of nothing": ({"w": 0}, {"weights_col": "w"}, r"^column w has 172 value\(s\) that are not above zero"),
    "two types": ({"age": [1, "a"] * 86}, {}, r"^column age holds values of several types$"),
    "no cluster": ({"id": None}, {"id_col": "id"}, r"^172 interval\(s\) have no cluster$"),
}


@pytest.mark.parametrize("case", list(FITS))
def test_a_frame_that_cannot_be_fitted_is_told_which_column(case: str) -> None:
    values, options, message = FITS[case]
    with pytest.raises(ValueError, match=message):
        CoxModel(robust=True).fit(heart().assign(**values), **options)


def test_a_column_that_is_named_twice_is_refused() -> None:
    message = r"^columns are named once; age is there more often$"
    with pytest.raises(ValueError, match=message):
        CoxModel().fit(polars_heart(), columns=["age", "year", "age"])
    with pytest.raises(ValueError, match=message):
        CoxModel().fit(pd.concat([heart(), heart()[["age"]]], axis=1))


def test_a_model_that_was_not_fitted_says_so() -> None:
    for model in (CoxModel(), FineGrayModel()):
        for show in ("summary", "params_", "variance_matrix_", "notes_", "log_likelihood_", "describe", "plot"):
            with pytest.raises(ValueError, match=r"^the model has not been fitted; call fit first$"):
                getattr(model, show)()


def test_a_fit_that_fails_leaves_the_one_before() -> None:
    model = CoxModel().fit(polars_heart(), id_col="id")
    with pytest.raises(ValueError, match="there are no events"):
        model.fit(polars_heart().with_columns(event=0))
    assert model.summary.equals(POLARS.summary)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"age": None}, r"^column age has 2 value\(s\) that are missing$"),
        ({"age": "old"}, r"^column age holds String, not numbers$"),
        ({"surgery": 7}, r"^there is no stratum 'surgery=7'; there are surgery=0; surgery=1$"),
        ({"known": float("nan")}, r"^column known has 2 value\(s\) that are missing or not finite$"),
    ],
)
def test_a_prediction_for_who_cannot_be_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        STRATIFIED.predict_cumulative_hazard(heart().assign(known=0.0).head(2).assign(**values))


@pytest.mark.parametrize("column", ["age", "surgery", "known"])
def test_a_prediction_needs_covariates_strata_and_offset(column: str) -> None:
    with pytest.raises(ValueError, match=f"^the frame has no column {column}; it has "):
        STRATIFIED.predict_cumulative_hazard(heart().assign(known=0.0).drop(columns=column))


def test_a_test_of_a_column_without_an_estimate_says_why() -> None:
    model = CoxModel().fit(polars_heart().with_columns(always=1), id_col="id")
    assert model.not_estimable_ == {"always": "always does not vary among those at risk"}
    assert model.contrast({"always": 1.0}) is None
    with pytest.raises(ValueError, match=r"^always does not vary among those at risk$"):
        model.wald_test(["always"])
    with pytest.raises(ValueError, match=r"^the model has no column dose$"):
        model.wald_test(["dose"])


# --- Fine and Gray ---------------------------------------------------------------------------------------------


def competing() -> pl.DataFrame:
    """Two intervals for each of 60 persons, of whom each is lost, has the event, or the competing one."""
    rows = []
    for i in range(60):
        cut, end, x = 1 + i % 4, 5 + 7 * i % 6, float(i % 5)
        rows += [(i, 0, cut, False, False, x, i % 2), (i, cut, end, i % 3 == 1, i % 3 == 2, x + i % 2, i % 2)]
    return pl.DataFrame(rows, schema=["id", "start", "stop", "event", "competing", "x", "g"], orient="row")


@pytest.mark.parametrize("weights", ["estimated", "known"])
def test_a_fine_gray_model_is_the_fit_with_its_sandwich(weights: Any) -> None:
    model = FineGrayModel("breslow", weights=weights, convention="crr").fit(
        competing(), id_col="id", strata="g", censoring_strata=["g"]
    )
    fit = fit_fine_gray(
        *(competing(), ["x"], ["g"], "start", "stop", "event", "competing", "id"),
        censoring_strata=["g"],
        convention="crr",
        ties="breslow",
    )
    assert model.params_["coef"].to_list() == fit.params.tolist()
    assert model.variance_matrix_["x"].to_list() == fine_gray_covariance(fit, weights)[0].tolist()
    assert model.wald_test().statistic == pytest.approx(fit.params[0] ** 2 / fine_gray_covariance(fit, weights)[0, 0])


def test_columns_of_censoring_strata_are_no_covariates() -> None:
    """Here the strata lie within them."""
    frame = competing().with_columns(finer=2 * pl.col("g") + pl.col("id") // 2 % 2)
    model = FineGrayModel().fit(frame, id_col="id", strata="finer", censoring_strata="g")
    assert model.params_["covariate"].to_list() == ["x"]
    assert model.not_estimable_ == {}
    fit = fit_fine_gray(*(frame, ["x"], ["finer"], "start", "stop", "event", "competing", "id"), censoring_strata=["g"])
    assert model.params_["coef"].to_list() == fit.params.tolist()


def test_a_fine_gray_model_knows_weights_and_an_offset() -> None:
    frame = competing().with_columns(w=1.0 + pl.col("id") % 2, known=pl.col("x") / 10)
    model = FineGrayModel().fit(frame.drop("g"), id_col="id", weights_col="w", offset_col="known")
    fit = fit_fine_gray(*(frame, ["x"], (), "start", "stop", "event", "competing", "id"), weights="w", offset="known")
    assert model.params_["coef"].to_list() == fit.params.tolist()
    assert model.predict_log_partial_hazard(frame).to_list() == pytest.approx(
        (frame["x"] * fit.params[0] + frame["x"] / 10).to_list(), rel=1e-14
    )


def test_a_predicted_incidence_is_one_less_the_exponential_of_the_hazard() -> None:
    frame = competing().to_pandas()
    model = FineGrayModel().fit(frame, id_col="id", strata="g")
    rows = frame.iloc[[3, 8]]
    incidence, hazard = model.predict_cumulative_incidence(rows, [4, 9]), model.predict_cumulative_hazard(rows, [4, 9])
    assert incidence.columns.to_list() == [3, 8]
    assert incidence.to_numpy() == pytest.approx(1 - np.exp(-hazard.to_numpy()), rel=1e-13)
    assert (incidence.loc[9] > incidence.loc[4]).all()


def test_a_fine_gray_model_reads_and_draws_as_coxs_does() -> None:
    model = FineGrayModel().fit(competing().drop("g"), id_col="id")
    assert model.describe().startswith("Fine-Gray model: 20 events, 120 intervals, efron ties, robust errors\n")
    assert "robust Wald test " in model.describe()
    assert [label.get_text() for label in model.plot().get_yticklabels()] == ["x"]
    assert model.summary.columns == POLARS.summary.columns


def test_a_fine_gray_model_is_told_which_column_too() -> None:
    for values, message in (
        ({"competing": pl.lit("yes")}, r"^column competing holds String, not numbers$"),
        ({"competing": pl.lit(2)}, r"^column competing has 120 value\(s\) that are neither 0 nor 1$"),
        ({"x": pl.lit("a")}, r"^column x holds String, not numbers; code it"),
        ({"start": pl.lit(0)}, r"^60 interval\(s\) do not start where the person's one before ends"),
    ):
        with pytest.raises(ValueError, match=message):
            FineGrayModel().fit(competing().with_columns(**values), id_col="id")
