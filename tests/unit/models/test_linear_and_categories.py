"""The study's models on a small made cohort: every row asked for is there, with its estimate or the reason why not."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohort.analyses import Analysis
from cohort.counts import category_counts, linear_counts
from cohort.dose_checks import time_known
from cohort.fitting import STRATA, Setting, fit_sets
from cohort.inputs import EXPOSURES, UNKNOWN_DOSE
from cohort.models import MODELS, columns_needed
from cohort.protocol import Protocol
from cohort.results import CONTRAST, OVERALL, ModelResult
from cohort.study import TABLES_OF_MODEL
from cohort.survival.counting import risk_sets
from tests.risk_tables import prepare
from tests.unit.models.made import (
    BANDS,
    CATEGORIES,
    NO_NUMBERS,
    NUMBERS,
    PROTOCOL,
    YEAR,
    Row,
    by,
    fit,
    interval,
    made_cohort,
    own_fit,
    person_time,
    run,
)

OF_CLASSES = [model for model in MODELS if set(TABLES_OF_MODEL.get(model, ())) <= {"person_time"}]
"""The models of class doses; those that read a table of their own have tests of their own."""

# --- Preparation -------------------------------------------------------------------------------------------


def test_prepared_person_time_has_days_periods_and_doses_in_units(frame: pl.DataFrame) -> None:
    made = made_cohort()
    assert set(columns_needed(PROTOCOL)) <= set(made.columns)
    assert frame.get_column("days").to_list() == [200] * made.height
    assert frame.get_column("entry_period").to_list() == [year // 5 * 5 for year in made.get_column("index_year")]
    doses = made.get_column("dose_tspo_binder") / PROTOCOL.exposure.per
    assert frame.get_column("tspo_binder").equals(doses, check_names=False, null_equal=True)


def test_on_the_follow_up_scale_time_starts_at_entry() -> None:
    protocol = PROTOCOL.changed(time_scale="follow-up")
    rows = [interval(1, 30000, 30100, (0, 0, 0)), interval(1, 30100, 30300, (0, 0, 0)), interval(2, 9, 19, (0, 0, 0))]
    follow_up = prepare(person_time(rows), protocol)
    assert follow_up.select("start_day", "stop_day", "days").rows() == [(0, 100, 100), (100, 300, 200), (0, 10, 10)]


def test_the_time_scale_of_the_protocol_is_that_of_the_fit_and_of_its_rows() -> None:
    made = made_cohort()
    protocol = PROTOCOL.changed(time_scale="follow-up")
    first = run("linear", prepare(made, protocol), protocol).estimates[0]
    entry = pl.col("start_day").min().over("person_id")
    expected = own_fit(
        prepare(made, PROTOCOL)
        .drop_nulls(EXPOSURES)
        .with_columns(pl.col("start_day") - entry, pl.col("stop_day") - entry),
        EXPOSURES,
    )
    assert first.time_scale == "follow-up"
    assert first.log_hr == pytest.approx(expected.params[0], rel=1e-12)
    assert first.log_hr != run("linear", prepare(made, PROTOCOL)).estimates[0].log_hr


# --- Linear models -----------------------------------------------------------------------------------------


def test_all_classes_are_in_one_linear_model_of_the_time_with_known_doses(frame: pl.DataFrame) -> None:
    known = frame.drop_nulls(EXPOSURES)
    assert known.height < frame.height, "some doses are unknown"
    fit = own_fit(known, EXPOSURES)
    rows = run("linear", frame).estimates
    assert [row.exposure for row in rows] == [*EXPOSURES, CONTRAST]
    for i, row in enumerate(rows[:3]):
        error = math.sqrt(fit.covariance[i, i])
        assert (row.status, row.term, row.reference, row.age_stratum) == ("ok", "per 365", "per unit", OVERALL)
        assert row.log_hr == pytest.approx(fit.params[i], rel=1e-12)
        assert row.se_log_hr == pytest.approx(error, rel=1e-12)
        assert row.hazard_ratio == pytest.approx(math.exp(fit.params[i]), rel=1e-12)
        assert row.ci_lower == pytest.approx(math.exp(fit.params[i] - 1.959963984540054 * error), rel=1e-12)
        assert row.ci_upper == pytest.approx(math.exp(fit.params[i] + 1.959963984540054 * error), rel=1e-12)
        assert row.p_value == pytest.approx(math.erfc(abs(fit.params[i]) / error / math.sqrt(2)), rel=1e-9)


def test_the_contrast_is_the_difference_in_the_same_fit_with_its_covariance(frame: pl.DataFrame) -> None:
    fit = own_fit(frame.drop_nulls(EXPOSURES), EXPOSURES)
    row = run("linear", frame).estimates[3]
    variance = fit.covariance[0, 0] + fit.covariance[1, 1] - 2 * fit.covariance[0, 1]
    assert (row.exposure, row.reference) == (CONTRAST, "tspo_non_binder")
    assert row.log_hr == pytest.approx(fit.params[0] - fit.params[1], rel=1e-12)
    assert row.se_log_hr == pytest.approx(math.sqrt(variance), rel=1e-12)


def test_counts_of_a_linear_row_are_of_its_own_person_time(frame: pl.DataFrame) -> None:
    known = frame.drop_nulls(EXPOSURES).to_dicts()
    row = run("linear", frame).estimates[0]
    exposed = [r for r in known if r["tspo_binder"] > 0]
    assert row.persons == len({r["person_id"] for r in known})
    assert row.persons_exposed == len({r["person_id"] for r in exposed})
    assert row.events == sum(r["event"] for r in known)
    assert row.events_exposed == sum(r["event"] for r in exposed)
    assert row.person_years == pytest.approx(len(known) * 200 / YEAR, rel=1e-12)
    assert row.mdrr is not None


def test_the_model_of_death_has_deaths_for_events(frame: pl.DataFrame) -> None:
    rows = run("death", frame).estimates
    fit = own_fit(frame.drop_nulls(EXPOSURES), EXPOSURES, "death")
    assert {(row.outcome, row.model) for row in rows} == {("death", "cause-specific-death")}
    assert [row.log_hr for row in rows[:3]] == pytest.approx(fit.params[:3].tolist(), rel=1e-12)
    assert rows[0].events == frame.drop_nulls(EXPOSURES).get_column("death").sum()


def test_the_linear_model_by_age_has_each_class_in_each_band_from_one_fit(frame: pl.DataFrame) -> None:
    result = run("linear by age", frame)
    assert [(row.age_stratum, row.exposure) for row in result.estimates] == [
        (band, exposure) for band in BANDS for exposure in (*EXPOSURES, CONTRAST)
    ]
    columns = [f"{e} {band}" for band in BANDS for e in EXPOSURES]
    split = frame.drop_nulls(EXPOSURES).with_columns(
        (pl.col(e) * (pl.col("age_stratum") == band)).alias(f"{e} {band}") for band in BANDS for e in EXPOSURES
    )
    fit = own_fit(split, columns)
    for row in result.estimates:
        assert row.status == "ok"
        if row.exposure != CONTRAST:
            slope = fit.params[fit.columns.index(f"{row.exposure} {row.age_stratum}")]
            assert row.log_hr == pytest.approx(slope, rel=1e-9)
    own = split.filter(pl.col("age_stratum") == BANDS[1])
    (row,) = by(result, age_stratum=BANDS[1], exposure="tspo_binder")
    assert (row.persons, row.events) == (own.get_column("person_id").n_unique(), own.get_column("event").sum())


def test_heterogeneity_compares_the_fit_with_one_of_equal_slopes(frame: pl.DataFrame) -> None:
    """Each class has one slope in place of one a band; a band at zero hazard was free to be there, and counts."""
    tests = {t.exposure: t for t in run("linear by age", frame).diagnostics}
    split = frame.drop_nulls(EXPOSURES).with_columns(
        (pl.col(e) * (pl.col("age_stratum") == band)).alias(f"{e} {band}") for band in BANDS for e in EXPOSURES
    )
    columns = {e: [f"{e} {band}" for band in BANDS] for e in EXPOSURES}
    larger = own_fit(split, [c for names in columns.values() for c in names])
    for exposure in EXPOSURES:
        others = [c for e, names in columns.items() if e != exposure for c in names]
        smaller = own_fit(split, [exposure, *others])
        found = tests[exposure]
        assert found.statistic == pytest.approx(2 * (larger.log_likelihood - smaller.log_likelihood), abs=1e-6)
        assert found.df == larger.degrees_of_freedom - smaller.degrees_of_freedom
    assert tests["all classes"].statistic == pytest.approx(
        2 * (larger.log_likelihood - own_fit(split, EXPOSURES).log_likelihood), abs=1e-6
    )
    assert tests["all classes"].df == 9, "four bands and three classes: three slopes less in each class"
    assert [tests[e].df for e in EXPOSURES] == [3, 3, 3]


@pytest.mark.parametrize(("wanted", "verdict"), [(1, "pass"), (1.5, "warn"), (1e4, "fail")])
def test_few_events_for_each_parameter_warn_and_fewer_than_half_of_it_fail(
    frame: pl.DataFrame, wanted: float, verdict: str
) -> None:
    """The gate is set to a multiple of what there is: four parameters."""
    per_parameter = frame.drop_nulls(EXPOSURES).get_column("event").sum() / 4
    result = run("linear", frame, PROTOCOL.changed(events_per_parameter=per_parameter * wanted))
    (row,) = [d for d in result.diagnostics if d.diagnostic == "events per parameter"]
    assert (row.value, row.verdict) == (per_parameter, verdict)


# --- Categories --------------------------------------------------------------------------------------------


def test_categories_of_all_classes_are_in_one_model_with_unknown_dose_as_one_of_them(frame: pl.DataFrame) -> None:
    rows = run("categories", frame).estimates
    assert [(row.exposure, row.term) for row in rows] == [
        (e, label) for e in EXPOSURES for label in (*CATEGORIES, UNKNOWN_DOSE)
    ]
    names = [(e, label) for e in EXPOSURES for label in (*CATEGORIES[1:], UNKNOWN_DOSE)]
    indicators = frame.with_columns(
        (pl.col(f"category_{e}") == label).cast(pl.Float64).alias(f"{e} {label}") for e, label in names
    )
    fit = own_fit(indicators, [f"{e} {label}" for e, label in names])
    for row in rows:
        assert row.status == "ok"
        if row.term != row.reference:
            assert row.log_hr == pytest.approx(fit.params[fit.columns.index(f"{row.exposure} {row.term}")], rel=1e-9)


def test_the_reference_category_has_a_hazard_ratio_of_one_and_no_interval(frame: pl.DataFrame) -> None:
    for row in by(run("categories", frame), term="0"):
        assert (row.hazard_ratio, row.log_hr, row.ci_lower, row.se_log_hr, row.status) == (1.0, 0.0, None, None, "ok")


def test_counts_of_a_category_are_of_who_is_in_it(frame: pl.DataFrame) -> None:
    every = frame.to_dicts()
    for row in run("categories", frame).estimates:
        own = [r for r in every if r[f"category_{row.exposure}"] == row.term]
        assert row.persons == len({r["person_id"] for r in every})
        assert row.persons_exposed == len({r["person_id"] for r in own})
        assert row.events == sum(r["event"] for r in every)
        assert row.events_exposed == sum(r["event"] for r in own)
        assert row.person_years == pytest.approx(200 * len(own) / YEAR, rel=1e-12)


def test_categories_by_age_are_fits_within_each_band(frame: pl.DataFrame) -> None:
    result = run("categories by age", frame)
    for band in BANDS:
        alone = run("categories", frame.filter(pl.col("age_stratum") == band)).estimates
        rows = by(result, age_stratum=band)
        assert [replace(row, **NO_NUMBERS, age_stratum=OVERALL) for row in rows] == [
            replace(row, **NO_NUMBERS) for row in alone
        ]
        for row, wanted in zip(rows, alone, strict=True):
            if wanted.log_hr is not None:
                # The maximum is found to about 1e-8, less well beside columns without bound.
                assert row.log_hr == pytest.approx(wanted.log_hr, rel=1e-5, abs=1e-6)


# --- How much of the dose is known -------------------------------------------------------------------------

KNOWN_DOSE = {"tspo_binder": (9.0, 10.0), "tspo_non_binder": (5.0, 10.0)}


def shares_by_hand(rows: Sequence[Row], exposure: str) -> float | None:
    """Days with a known dose of all days that are exposed to a class, or to either class of the contrast."""
    classes = ("tspo_binder", "tspo_non_binder") if exposure == CONTRAST else (exposure,)
    exposed = [r for r in rows if any(r[f"category_{e}"] != "0" for e in classes)]
    known = [r for r in exposed if all(r[f"category_{e}"] != UNKNOWN_DOSE for e in classes)]
    return len(known) / len(exposed) if exposed else None


@pytest.mark.parametrize("model", [model for model in OF_CLASSES if model != "linear by age at entry"])
def test_every_row_says_how_much_of_its_dose_is_known(model: str, frame: pl.DataFrame) -> None:
    result = fit(model, frame, Analysis("primary", PROTOCOL), KNOWN_DOSE)
    every, of_dose = frame.to_dicts(), {"tspo_binder": 0.9, "tspo_non_binder": 0.5, "tspo_unknown": None, CONTRAST: 0.7}
    for row in result.estimates:
        own = [r for r in every if row.age_stratum in (OVERALL, r["age_stratum"])]
        assert row.known_time_share == pytest.approx(shares_by_hand(own, row.exposure), rel=1e-12)
        assert row.known_dose_share == of_dose[row.exposure]


def test_an_analysis_without_categories_tells_no_share_of_few_persons(frame: pl.DataFrame) -> None:
    """Without its categories, disclosure control could not know who has an unknown dose."""
    few = PROTOCOL.changed(min_cell_count=200)
    alone = Analysis("alone", few, ("linear", "linear by age"))
    beside = Analysis("beside", few)
    for model in ("linear", "linear by age"):
        assert {row.known_time_share for row in fit(model, frame, alone).estimates} == {None}
        assert None not in {row.known_time_share for row in fit(model, frame, beside).estimates}


def test_a_linear_term_is_per_any_number_of_units() -> None:
    made = made_cohort(120)
    for per, term in ((0.5, "per 0.5"), (12, "per 12")):
        protocol = PROTOCOL.changed(per=per)
        assert {row.term for row in run("linear", prepare(made, protocol), protocol).estimates} == {term}


def test_the_reference_of_recency_is_who_never_used() -> None:
    protocol = PROTOCOL.changed(metric="recency", category_bounds=(0, 1, 366))
    names = {"0": "never", "1-90": "current", "91-180": "1-365 days ago", "181-365": ">365 days ago"}
    made = made_cohort(200).with_columns(
        pl.col(f"category_{e}").replace(names | {">365": "current"}) for e in EXPOSURES
    )
    rows = run("categories", prepare(made, protocol), protocol).estimates
    assert {row.reference for row in rows} == {"never"}
    assert [(row.hazard_ratio, row.se_log_hr) for row in by(ModelResult(rows), term="never")] == [(1.0, None)] * 3
    assert dict.fromkeys(row.term for row in rows) == dict.fromkeys(
        ["never", "current", "1-365 days ago", ">365 days ago", UNKNOWN_DOSE]
    )


# --- What cannot be estimated ------------------------------------------------------------------------------


def reasons(rows: Iterable[Row], model: str, protocol: Protocol = PROTOCOL) -> dict[tuple[str, str, str], str]:
    result = run(model, prepare(person_time(rows), protocol), protocol)
    return {(row.exposure, row.term, row.age_stratum): row.status for row in result.estimates}


def simple(person: int, dose: float, event: int = 0, age: float = 70, **fields: Any) -> Row:
    start = int(age * YEAR)
    return interval(person, start, start + 100 + person, (dose, 0, 0), event=event, depression=person % 2, **fields)


EXPOSED_AND_NOT = [simple(person, 100.0 * (person % 3 == 0), event=person % 4 == 0) for person in range(40)]


def test_a_class_that_nobody_took_is_said_to_have_no_dose_that_varies() -> None:
    found = reasons(EXPOSED_AND_NOT, "linear")
    assert found["tspo_binder", "per 365", OVERALL] == "ok"
    assert found["tspo_non_binder", "per 365", OVERALL] == (
        "not estimable: a dose of this class does not vary among those at risk"
    )
    assert found[CONTRAST, "per 365", OVERALL] == (
        "not estimable: a dose of non-binders does not vary among those at risk"
    )


def test_a_class_without_events_among_the_exposed_is_said_to_have_none() -> None:
    rows = [simple(person, 100.0 * (person % 3 == 0), event=person % 3 == 1) for person in range(40)]
    found = reasons(rows, "linear")
    assert found["tspo_binder", "per 365", OVERALL] == "not estimable: no events with a dose of this class"
    by_category = reasons(rows, "categories")
    assert by_category["tspo_binder", "91-180", OVERALL] == "not estimable: no events with a dose of 91-180"
    assert by_category["tspo_binder", "1-90", OVERALL] == "not estimable: nobody is in this category"
    assert by_category["tspo_binder", "0", OVERALL] == "ok"


def test_a_band_without_persons_or_without_events_says_so() -> None:
    rows = [*EXPOSED_AND_NOT, *(simple(100 + i, 100.0 * (i % 2), age=80) for i in range(6))]
    found = reasons(rows, "linear by age")
    assert found["tspo_binder", "per 365", "65 to 74"] == "ok"
    assert found["tspo_binder", "per 365", "75 to 84"] == (
        "not estimable: a dose of this class does not vary among those at risk"
    )
    assert found["tspo_binder", "per 365", "85 and over"].startswith("not estimable: a dose of this class")
    by_category = reasons(rows, "categories by age")
    assert {by_category["tspo_binder", label, "75 to 84"] for label in CATEGORIES} == {
        "not estimable: no dementia events"
    }
    assert {by_category["tspo_binder", label, "85 and over"] for label in CATEGORIES} == {
        "not estimable: no dementia events"
    }


def test_a_band_in_which_nobody_has_a_dose_says_so_where_nothing_is_adjusted_for() -> None:
    """Without covariates such a model has no column at all."""
    plain = PROTOCOL.changed(covariates=())
    rows = [*EXPOSED_AND_NOT, *(simple(100 + i, 0.0, event=i % 2 == 0, age=80) for i in range(6))]
    found = by(run("categories by age", prepare(person_time(rows), plain), plain), age_stratum="75 to 84")
    assert {row.status for row in found} == {"not estimable: nobody has a dose"}


def test_without_any_event_every_row_says_so() -> None:
    rows = [simple(person, 100.0) for person in range(5)]
    assert set(reasons(rows, "linear").values()) == {"not estimable: no dementia events"}
    assert set(reasons(rows, "death").values()) == {"not estimable: no deaths"}


def test_a_fit_that_fails_gives_its_reason() -> None:
    frame = prepare(person_time([simple(person, 100.0) for person in range(5)]), PROTOCOL)
    fitted = fit_sets(Setting({}, frame.lazy(), Analysis("primary", PROTOCOL), {}), risk_sets(frame, EXPOSURES, STRATA))
    assert (fitted.fit, fitted.reason("tspo_binder", "a dose")) == (None, "there are no events")


@pytest.mark.parametrize("model", OF_CLASSES)
def test_every_row_is_there_when_nobody_is(model: str, frame: pl.DataFrame) -> None:
    nobody = run(model, frame.clear())
    named = [
        (row.exposure, row.term, row.age_stratum) for row in run(model, frame).estimates if row.term != UNKNOWN_DOSE
    ]
    assert [(row.exposure, row.term, row.age_stratum) for row in nobody.estimates] == named
    assert all(row.status.startswith("not estimable: no ") for row in nobody.estimates)


def test_an_interval_without_an_end_is_no_estimate() -> None:
    """Two categories that run off together keep a coefficient, of which the data say nothing."""
    ends = [
        (18002, 0, 0.0, 0.0),
        (18002, 1, 0.0, 50.0),
        (18001, 0, 0.0, 0.0),
        (18001, 1, 50.0, 0.0),
        (18002, 1, 0.0, 400.0),
    ]
    rows = [
        interval(person, 18000, stop, (0.0, non_binder, unknown), sex="F", depression=person % 2, event=event)
        for person, (stop, event, non_binder, unknown) in enumerate(ends)
    ]
    found = by(run("categories", prepare(person_time(rows), PROTOCOL)), exposure="tspo_unknown", term=">365")
    assert [(row.status, row.log_hr, row.ci_upper) for row in found] == [
        ("not estimable: its interval has no end", None, None)
    ]


@st.composite
def cohorts(draw: st.DrawFn) -> list[Row]:
    """One to eight persons of one or two intervals: too few for nearly everything."""
    rows = []
    for person in range(draw(st.integers(1, 8))):
        start, length = draw(st.integers(18000, 31000)), draw(st.integers(1, 300))
        ends = draw(st.sampled_from([(0, 0), (1, 0), (1, 0), (0, 1)]))
        dose = st.sampled_from([0.0, 0.0, 50.0, 400.0, None])
        drawn = [(draw(dose), draw(dose), draw(dose)) for _ in range(draw(st.integers(1, 2)))]
        for i, doses in enumerate(drawn):
            last = i == len(drawn) - 1
            event, death = ends if last else (0, 0)
            fields = {"sex": "F", "depression": person % 2, "event": event, "death": death}
            rows.append(interval(person, start + i * length, start + (i + 1) * length, doses, **fields))
    return rows


@pytest.mark.parametrize("model", list(MODELS))
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(rows=cohorts())
def test_an_estimate_is_finite_or_there_is_none_and_a_reason(model: str, rows: list[Row]) -> None:
    result = run(model, prepare(person_time(rows), PROTOCOL))
    assert len({row.estimate_id for row in result.estimates}) == len(result.estimates)
    for row in result.estimates:
        values = [getattr(row, name) for name in NUMBERS]
        assert all(value is None or math.isfinite(value) for value in values), row
        if row.status == "ok":
            assert row.log_hr is not None
            assert abs(row.log_hr) < 20, "a hazard ratio without bound"
        else:
            assert row.status.startswith("not estimable: ")
            assert len(row.status) > len("not estimable: ")
            assert values == [None] * len(values)
    for diagnostic in result.diagnostics:
        assert diagnostic.p_value is None or 0 <= diagnostic.p_value <= 1


def test_person_years_of_a_million_persons_are_summed_in_full() -> None:
    """Six million years have more days than 32 bits hold; here a few persons have as many."""
    long = 2_000_000_000
    rows = [interval(person, 0, long, (dose, 0.0, 0.0)) for person, dose in enumerate((0.0, 50.0, 50.0))]
    setting = Setting({}, prepare(person_time(rows), PROTOCOL).lazy(), Analysis("primary", PROTOCOL))
    years = long / 365.25
    assert linear_counts(setting.known_time)["tspo_binder"].person_years == pytest.approx(3 * years, rel=1e-12)
    assert category_counts(setting.frame, "tspo_binder")["1-90"].person_years == pytest.approx(2 * years, rel=1e-12)
    assert {known.known_time_share for (_, e), known in setting.known().items() if e == "tspo_binder"} == {1.0}
    assert time_known(setting.person_time, PROTOCOL).value == 1.0
