"""The models of another outcome than dementia: its name, its words, and what competes with it beside death."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from cohort.analyses import Analysis
from cohort.covariates import covariate_names
from cohort.curves import incidence_curves
from cohort.fitting import DOSE
from cohort.inputs import EXPOSURES
from cohort.models import STRATA, Setting, columns_needed, fit_model
from cohort.models.rows import unmade
from cohort.protocol import Protocol
from cohort.risks import absolute_risks
from cohort.survival.fine_gray import fit_fine_gray
from cohort.survival.incidence import aalen_johansen
from tests.risk_tables import counts_of, prepare
from tests.unit.models.made import YEAR, interval, made_cohort, person_time, run

ALZHEIMERS = Protocol().changed(diagnosis="alzheimers_disease", covariates=("depression",))
BIPOLAR = Protocol().changed(diagnosis="bipolar_disorder", covariates=("depression",))


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    """The made cohort, in which every second death is a dementia of another kind."""
    made = made_cohort().with_columns(competing_diagnosis=(pl.col("death") * (pl.col("person_id") % 2)).cast(pl.Int8))
    return prepare(made.with_columns(pl.col("death") - pl.col("competing_diagnosis")), ALZHEIMERS)


def test_only_an_outcome_with_rivals_reads_the_mark_of_a_competing_diagnosis() -> None:
    assert "competing_diagnosis" in columns_needed(ALZHEIMERS)
    assert "competing_diagnosis" not in columns_needed(BIPOLAR)


def test_estimates_go_by_the_name_of_the_diagnosis(frame: pl.DataFrame) -> None:
    for model in ("linear", "categories", "subdistribution", "linear by continuous age"):
        assert {row.outcome for row in run(model, frame, ALZHEIMERS).estimates} == {"alzheimers_disease"}
    assert {row.outcome for row in run("death", frame, ALZHEIMERS).estimates} == {"death"}
    (events,) = [d for d in run("linear", frame, ALZHEIMERS).diagnostics if d.diagnostic == "events per parameter"]
    assert events.meaning.startswith("Alzheimer's disease events for each coefficient")


def test_without_events_the_reason_is_in_the_words_of_the_diagnosis() -> None:
    rows = person_time([interval(person, 25000, 25100, (100.0, 0.0, 0.0)) for person in range(5)])
    for model in ("linear", "subdistribution"):
        found = run(model, prepare(rows, BIPOLAR), BIPOLAR).estimates
        assert {row.status for row in found} == {"not estimable: no bipolar disorder events"}


def test_models_with_tables_of_their_own_say_the_same(frame: pl.DataFrame) -> None:
    """And where there are events, their estimates go by the name of the diagnosis."""
    own = prepare(person_time([interval(person, 25000, 25100, (100.0, 0.0, 0.0)) for person in range(5)]), BIPOLAR)

    def setting(frame: pl.DataFrame, protocol: Protocol) -> Setting:
        intervals = frame.select("person_id", "start_day", name=pl.lit("diazepam"), amount=pl.col("dose_tspo_binder"))
        accrued = intervals.drop_nulls().with_columns(quantity=pl.lit(DOSE))
        nobody = {name: pl.lit(0, pl.Int8) for name in covariate_names()}
        covariate = frame.select("person_id").unique().with_columns(**nobody)
        made = Setting(counts_of(frame, protocol), frame.lazy(), Analysis("primary", protocol))
        return replace(made, accrued=accrued.lazy(), covariate=covariate.lazy())

    reasons = set()
    for model in ("adjustment", "drugs", "duration and intensity", "reversibility"):
        found = fit_model(model, setting(own, BIPOLAR))
        reasons |= {row.status for row in (*found.estimates, *found.use_patterns, *found.hypotheses)}
    assert reasons == {"not estimable: no bipolar disorder events"}
    for model in ("adjustment", "drugs"):
        rows = fit_model(model, setting(frame, ALZHEIMERS)).estimates
        assert {row.outcome for row in rows} == {"alzheimers_disease"}


def test_an_analysis_that_failed_has_rows_of_its_own_outcome() -> None:
    assert {row.outcome for row in unmade(Analysis("other", BIPOLAR), "why")} == {"bipolar_disorder"}


def test_a_competing_diagnosis_leaves_the_cause_specific_risk_sets(frame: pl.DataFrame) -> None:
    """For the hazard of the outcome it is a loss, as a death is: which of the two it was does not matter."""
    as_death = frame.with_columns(pl.max_horizontal("death", "competing_diagnosis").alias("death"))
    assert [r.log_hr for r in run("linear", frame, ALZHEIMERS).estimates] == [
        r.log_hr for r in run("linear", as_death, ALZHEIMERS).estimates
    ]


def test_in_hazards_of_the_subdistribution_it_competes_as_death_does(frame: pl.DataFrame) -> None:
    known = frame.drop_nulls(EXPOSURES).with_columns(both=pl.max_horizontal("death", "competing_diagnosis"))
    columns = [*EXPOSURES, "depression"]
    theirs = fit_fine_gray(known, columns, STRATA, competing="both", id="person_id")
    rows = {row.exposure: row for row in run("subdistribution", frame, ALZHEIMERS).estimates}
    assert [rows[e].log_hr for e in EXPOSURES] == pytest.approx(theirs.params[:3], rel=1e-12)
    alone = fit_fine_gray(known, columns, STRATA, competing="death", id="person_id")
    assert rows["tspo_binder"].log_hr != pytest.approx(alone.params[0], rel=1e-6)


def three_ends(persons: int = 600) -> pl.DataFrame:
    """Seen from 70: of six persons one has the outcome at 71, one its rival at 72, two die at 73, two are well."""
    stops = {0: (71, "event"), 1: (72, "competing_diagnosis"), 2: (73, "death"), 3: (73, "death")}
    rows = []
    for person in range(persons):
        age, end = stops.get(person % 6, (75, ""))
        marks = {name: int(name == end) for name in ("event", "competing_diagnosis", "death")}
        rows.append(interval(person, int(70 * YEAR), int(age * YEAR), (0.0, 0.0, 0.0), **marks))
    return prepare(person_time(rows), ALZHEIMERS)


def test_curves_have_a_line_for_each_end_of_follow_up() -> None:
    shown = incidence_curves(three_ends(), ALZHEIMERS).filter(
        pl.col("exposure_group") == "no study drug", pl.col("age_years") == 74
    )
    found = dict(shown.select("outcome", "estimate").iter_rows())
    assert list(found) == ["alzheimers_disease", "competing diagnosis", "death"]
    assert list(found.values()) == pytest.approx([1 / 6, 1 / 6, 2 / 6], rel=1e-12)


def test_risks_have_a_row_for_each_end_of_follow_up() -> None:
    protocol = ALZHEIMERS.changed(risk_ages=(70,), risk_years=(4,))
    rows = absolute_risks(three_ends(), protocol).filter(pl.col("exposure") == "tspo_binder", pl.col("category") == "0")
    found = dict(rows.select("outcome", "risk").iter_rows())
    assert found == pytest.approx(
        {"alzheimers_disease": 1 / 6, "competing diagnosis": 1 / 6, "death": 2 / 6}, rel=1e-12
    )
    as_loss = aalen_johansen(three_ends(), causes=("event", "death"), id="person_id").at(np.array([74 * YEAR]))
    assert as_loss.incidence[0, 1] > found["death"], "taken for a loss, the rival would leave too high a risk"


def test_a_point_of_a_curve_is_hidden_where_few_had_the_rival() -> None:
    """The height of every step times those at risk is its events, so each of the three kinds must be many or none."""
    frame = three_ends().filter((pl.col("competing_diagnosis") == 0) | (pl.col("person_id") < 24))
    assert frame.get_column("competing_diagnosis").sum() == 4
    shown = incidence_curves(frame, ALZHEIMERS).filter(pl.col("exposure_group") == "no study drug")
    assert shown.filter(pl.col("age_years") >= 72).height == 0
    assert shown.filter(pl.col("age_years") == 71).height == 3
