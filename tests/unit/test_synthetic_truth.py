"""The truth of a world: which analysis finds it, what is hidden of it, and that no step of the study reads it."""

import doctest
import json
import math
import re
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from cohort.errors import UsageError
from cohort.paths import sql_folder
from cohort.report.truth import read_truth
from cohort.results import CONTRAST, OVERALL
from cohort.source import open_cdm
from cohort.synthetic import SCENARIOS, Parameters, events, persons_of, scenarios, schema
from cohort.synthetic.estimand import attained, dose_that_acts, estimand
from cohort.synthetic.parameters import AGE_BANDS, CLASSES, changed, same_in_all_bands
from cohort.synthetic.regimens import classified_drugs, regimens
from cohort.synthetic.scenarios import canonical_name, parameters_of
from flows.cli import main
from tests.unit.synthetic_world import World, make

PERSONS = 3_000
BINDERS = math.log(1.25)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make(tmp_path_factory.mktemp("truth"), persons=PERSONS, seed=11, with_ledger=True)


def estimand_of(scenario: str, **changes: Any) -> dict[str, Any]:
    parameters = changed(parameters_of(scenario), changes)
    return estimand(parameters, regimens(parameters, classified_drugs(parameters)))


# Truth, scenarios, parameters


def test_the_truth_file_says_what_was_planted(world: World) -> None:
    truth = world.truth
    assert (truth["scenario"], truth["persons"], truth["seed"]) == ("primary", PERSONS, 11)
    assert (truth["dose_unit"], truth["per"], truth["diagnosis_delay_days"]) == ("dme", 365, 1095)
    assert truth["log_hazard_ratio"]["binder"] == dict.fromkeys(AGE_BANDS, math.log(1.25))
    assert (
        truth["log_hazard_ratio"]["non_binder"] == truth["log_hazard_ratio"]["unknown"] == dict.fromkeys(AGE_BANDS, 0)
    )
    assert truth["parameters"] == Parameters().model_dump(mode="json")
    assert truth["counts"]["rows"]["drug_exposure"] == world.sql("from drug_exposure").height
    assert truth["counts"]["observed_diagnoses"] == world.ledger["is_diagnosis_observed"].sum()
    assert truth["counts"]["users"] == world.fills()["person_id"].n_unique()
    assert truth["software"]["duckdb"] == duckdb.__version__


def test_a_drug_is_of_the_class_that_the_evidence_gives_it(world: World, tmp_path: Path) -> None:
    assert world.truth["drug_class"]["clonazepam"] == "non_binder"
    strict = make(tmp_path, parameters=changed(Parameters(), {"affinity_grades": ("A",)}))
    assert strict.truth["drug_class"]["clonazepam"] == "unknown"
    menu = regimens(Parameters(), classified_drugs(Parameters()))
    assert world.truth["drug_class"] == {r.product.drug: CLASSES[r.class_index] for r in menu}


@pytest.mark.parametrize("name", list(Parameters.model_fields))
def test_every_parameter_says_what_it_is_and_where_it_comes_from(name: str) -> None:
    field = Parameters.model_fields[name]
    assert field.description
    assert isinstance(field.json_schema_extra, dict)
    assert field.json_schema_extra["source"]


def test_the_cdm_can_be_studied(world: World) -> None:
    with open_cdm(str(world.path)) as cdm:
        assert (cdm.problems, cdm.warnings) == ([], [])
    assert world.sql("select cdm_version from cdm_source")["cdm_version"].to_list() == ["5.4"]
    assert world.sql("from vocabulary where vocabulary_id = 'None'").height == 1


def test_every_concept_recorded_is_in_the_vocabulary(world: World) -> None:
    used = world.sql("""
        select condition_concept_id as id from condition_occurrence union select drug_concept_id from drug_exposure
        union select visit_concept_id from visit_occurrence union select gender_concept_id from person
        union select drug_type_concept_id from drug_exposure
        union select condition_type_concept_id from condition_occurrence
        union select amount_unit_concept_id from drug_strength union select ingredient_concept_id from drug_strength""")
    known = world.sql("select concept_id as id, concept_name from concept")
    assert used.join(known, on="id", how="anti").height == 0
    assert known["id"].is_unique().all()
    assert "diazepam 5 mg oral tablet (synthetic)" in known["concept_name"].to_list()


# Scenarios


@pytest.mark.parametrize("number", range(16))
def test_every_scenario_of_the_matrix_has_a_world(number: int) -> None:
    assert canonical_name(f"S{number}") in SCENARIOS


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_says_what_it_shows_and_changes_something(name: str) -> None:
    assert SCENARIOS[name].shows.endswith(".")
    assert (parameters_of(name) != Parameters()) == (name not in ("primary", "small"))


def test_the_first_names_still_mean_the_same_worlds() -> None:
    assert parameters_of("primary") == parameters_of("S5") == Parameters()
    assert parameters_of("null") == parameters_of("confounding")
    assert parameters_of("null").prodrome_start_ratio == 1.0
    assert parameters_of("null-prodrome").prodrome_start_ratio == 3.0


@pytest.mark.parametrize("name", ["global-null", "null", "null-prodrome", "channelling", "differential-outcome"])
def test_the_null_worlds_plant_nothing(name: str) -> None:
    parameters = parameters_of(name)
    assert {v for bands in parameters.log_hazard_ratio.values() for v in bands.values()} == {0}
    assert parameters.long_acting_log_hazard_ratio == 0


def test_a_scenario_changes_the_given_parameters() -> None:
    parameters = parameters_of("null", changed(Parameters(), {"female_share": 0.1}))
    assert (parameters.female_share, parameters.prodrome_start_ratio) == (0.1, 1.0)


def test_scenarios_add_up() -> None:
    both = parameters_of("S3+dirty")
    assert (both.prodrome_class_ratios, both.missing_days_share) == ({"binder": 0.4, "non_binder": 1.6}, 0.05)
    assert canonical_name("S3+dirty") == "channelling+dirty-exposure"
    with pytest.raises(UsageError, match="no scenario 'S33'; did you mean 'S3'"):
        parameters_of("dirty+S33")


def test_a_scenario_may_have_a_size_of_its_own() -> None:
    sizes = [persons_of(name) for name in ("primary", "small", "scale", "small+dirty", "small+scale")]
    assert sizes == [20_000, 400, 1_000_000, 400, 1_000_000]


def test_the_command_writes_a_scenario_of_its_own_size_with_its_ledger(tmp_path: Path) -> None:
    out = tmp_path / "small.duckdb"
    result = CliRunner().invoke(main, ["simulate", str(out), "--scenario", "S15", "--ledger"])
    assert "400 persons" in result.output
    assert {p.name for p in (tmp_path / "small.truth").iterdir()} == {
        "episode.parquet", "dirt.parquet", "outcome.parquet", "hole.parquet"
    }  # fmt: skip
    CliRunner().invoke(main, ["simulate", str(out), "--scenario", "S15", "--persons", "50", "--overwrite"])
    assert World(out).truth["persons"] == 50
    assert not (tmp_path / "small.truth").exists()


def test_the_scale_world_has_the_records_of_fifteen_years(tmp_path: Path) -> None:
    rows = make(tmp_path, persons=2_000, scenario="scale").truth["counts"]["rows"]
    assert rows["drug_exposure"] / 2_000 == pytest.approx(60, rel=0.1)
    assert rows["condition_occurrence"] / 2_000 == pytest.approx(40, rel=0.1)


def test_a_background_visit_has_as_many_conditions_as_told() -> None:
    none = {"background_drugs_per_visit": (0, 0)}
    last, rng = np.full(500, 1_000), np.random.default_rng(1)
    for told, found in (((1, 1), {1}), ((2, 4), {2, 3, 4}), ((0, 0), set())):
        parameters = changed(Parameters(), none | {"background_conditions_per_visit": told})
        ill, _ = events.background(last, parameters, dict.fromkeys(parameters.background_drugs, 1), rng)
        visits = pl.DataFrame({"person": ill.person, "day": ill.day}).group_by("person", "day").len()
        assert found <= set(visits["len"])
        assert len(ill.day) == pytest.approx(500 * 1_000 / 365.25 * 2 * sum(told) / 2, rel=0.1)


# The analysis that finds the truth


@pytest.mark.parametrize("scenario", ["S0", "S1", "S2", "S3", "S5", "S13", "small"])
def test_the_primary_analysis_finds_the_truth_of_worlds_that_it_is_made_for(scenario: str) -> None:
    found = estimand_of(scenario)
    effect = BINDERS if scenario in ("S5", "S13", "small") else 0.0
    assert found["is_primary_analysis_exact"]
    assert found["why_not_exact"] == []
    assert found["log_hazard_ratio"] == same_in_all_bands(effect)
    assert found["log_hazard_ratio_at_all_ages"] == {"binder": effect, "non_binder": 0, "unknown": 0}
    assert found["exact_analysis"]["lag_days"] == 1_095


def test_an_effect_by_age_at_onset_has_no_single_number_and_none_in_the_band_that_it_splits() -> None:
    found = estimand_of("S4")
    assert found["is_primary_analysis_exact"]
    binder = found["log_hazard_ratio"]["binder"]
    assert binder == {"under 50": 0, "50 to 64": 0, "75 to 84": BINDERS, "85 and over": BINDERS}
    assert found["log_hazard_ratio_at_all_ages"] == {"binder": None, "non_binder": 0, "unknown": 0}
    exact = found["exact_analysis"]
    assert exact["log_hazard_ratio"]["binder"]["65 to 74"] == BINDERS
    assert exact["age_bands_by"] == "attained age less the lag (the age at onset)"
    by_diagnosis = estimand_of("S4", band_age="diagnosis")
    assert by_diagnosis["log_hazard_ratio"]["binder"] == exact["log_hazard_ratio"]["binder"]


def test_a_report_never_takes_the_rest_of_a_split_effect_for_the_whole() -> None:
    one_band = dict.fromkeys(AGE_BANDS, 0.0) | {"65 to 74": BINDERS}
    assert attained(Parameters(), one_band) == {}
    shown = read_truth({**estimand_of("S4"), "scenario": "S4"}, "dme", 365)
    assert shown is not None
    assert shown.hazard_ratio("tspo_binder", OVERALL) is None
    assert shown.hazard_ratio(CONTRAST, "65 to 74") is None
    assert shown.hazard_ratio(CONTRAST, "75 to 84") == pytest.approx(1.25)


def test_where_half_life_acts_binding_has_no_effect_once_half_life_is_in_the_model() -> None:
    found = estimand_of("S6")
    assert (found["log_hazard_ratio"], found["is_primary_analysis_exact"]) == ({}, False)
    assert "long-acting" in found["why_not_exact"][0]
    exact = found["exact_analysis"]
    assert exact["log_hazard_ratio"] == same_in_all_bands(0)
    assert exact["long_acting_log_hazard_ratio"] == BINDERS
    mix = found["first_order_log_hazard_ratio"]
    assert mix["binder"]["65 to 74"] == BINDERS  # diazepam alone, long-acting
    assert 0 < mix["unknown"]["65 to 74"] < mix["non_binder"]["65 to 74"] < BINDERS


def test_the_mix_of_a_class_is_that_of_the_episodes_taken(world: World) -> None:
    taken = world.truth_of("episode").with_columns(dose=pl.col("dme_per_day") * pl.col("fill_days") * pl.col("fills"))
    is_long = pl.col("half_life_class") == "long"
    shares = taken.group_by("tspo_class").agg(pl.col("dose").filter(is_long).sum() / pl.col("dose").sum())
    assert dict(shares.iter_rows()) == pytest.approx(world.truth["long_acting_share_of_dose"], abs=0.12)
    assert world.truth["first_order_log_hazard_ratio"] is None


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("S7", "all diazepam-equivalents so far, those of a day halving every 548 days"),
        ("S8", "a supply that runs counts 365, whatever its dose; past dose counts nothing"),
        ("S9", "all diazepam-equivalents so far, of each class what exceeds 180"),
    ],
)
def test_where_another_dose_acts_the_exact_analysis_has_that_dose(scenario: str, words: str) -> None:
    found = estimand_of(scenario)
    assert dose_that_acts(parameters_of(scenario)) == words
    assert words in found["exact_analysis"]["model"]
    assert (found["log_hazard_ratio"], found["is_primary_analysis_exact"]) == ({}, False)
    assert found["why_not_exact"] == [f"what acts is {words}"]
    nothing = estimand_of(scenario, log_hazard_ratio=same_in_all_bands(0.0))
    assert nothing["log_hazard_ratio"] == same_in_all_bands(0.0)


@pytest.mark.parametrize(
    ("scenario", "word"),
    [
        ("S10", "delay"),
        ("S11", "sensitivity 0.5, of users 0.5, specificity 0.98"),
        ("differential-outcome", "of users 0.65"),
        ("S12", "leaving"),
        ("S14", "dirty"),
    ],
)
def test_where_records_mislead_no_analysis_is_exact_and_the_truth_says_why(scenario: str, word: str) -> None:
    found = estimand_of(scenario)
    assert (found["exact_analysis"], found["log_hazard_ratio"]) == (None, {})
    assert len(found["why_not_exact"]) == 1
    assert word in found["why_not_exact"][0]
    assert found["planted"]["log_hazard_ratio"] == parameters_of(scenario).log_hazard_ratio


def test_several_reasons_are_all_named() -> None:
    assert len(estimand_of("S6+S7+S10+S11+S12+S14")["why_not_exact"]) == 6


# The ledger


def test_the_ledger_has_every_persons_days(world: World) -> None:
    people = world.ledger.join(world.sql("from observation_period"), on="person_id")
    left = people.drop_nulls("disenrolment_date")
    assert left["disenrolment_date"].equals(left["observation_period_end_date"])
    stayed = people.filter(pl.col("disenrolment_date").is_null())
    assert (
        stayed.select(
            (pl.col("last_date") == pl.col("death_date")).fill_null(False)
            | (pl.col("last_date") == Parameters().data_end)
        )
        .to_series()
        .all()
    )
    assert min(left.height, stayed.height) > 500
    deaths = world.sql("select person_id, death_date from death order by 1")
    assert world.ledger.drop_nulls("death_date").select("person_id", "death_date").equals(deaths)


def test_the_ledgers_episodes_are_the_fills_where_nothing_is_dirty(world: World) -> None:
    episodes = world.truth_of("episode")
    lasting = pl.duration(days=pl.col("fill_days") * pl.col("fills") - 1)
    assert episodes.select((pl.col("end_date") == pl.col("start_date") + lasting).all()).item()
    taken = episodes.with_columns(fill=pl.int_ranges(0, "fills")).explode("fill")
    planned = taken.select(
        "person_id",
        "drug_concept_id",
        start=pl.col("start_date") + pl.duration(days=pl.col("fill") * pl.col("fill_days")),
        mg=pl.col("mg_per_day") * pl.col("fill_days"),
    )
    seen = planned.join(world.ledger, on="person_id").filter(pl.col("start") <= pl.col("last_date"))
    fills = world.sql("""
        select person_id, drug_concept_id, drug_exposure_start_date as start, quantity * amount_value as mg
        from drug_exposure inner join drug_strength using (drug_concept_id) order by 1, 3""")
    assert seen.select(fills.columns).sort("person_id", "start").equals(fills)
    assert fills.height > 3_000


def test_a_clean_world_hides_nothing(world: World) -> None:
    assert [world.truth_of(table).height for table in ("dirt", "outcome", "hole")] == [0, 0, 0]


def test_the_study_never_reads_the_ledger() -> None:
    """Nor the truth: the simulator writes them, and only what compares estimates with them may be handed them."""
    package = sql_folder().parent / "cohort"
    files = {
        str(file.relative_to(package.parent)): file.read_text(encoding="utf-8")
        for file in (*package.rglob("*.py"), *sql_folder().glob("*.sql"))
    }
    named = re.compile(r"truth\.(json|parquet|duckdb)|\.truth/")
    readers = {name for name, text in files.items() if named.search(text)}
    compare = ("cohort/synthetic/", "cohort/validation/", "cohort/report/truth.py")
    assert {name for name in readers if not name.startswith(compare)} == set()
    assert "cohort/synthetic/simulation.py" in readers  # the search finds what it should


def test_the_truth_lies_outside_the_cdm(world: World) -> None:
    tables = set(world.sql("select table_name from duckdb_tables()")["table_name"])
    assert tables == set(schema.create_statements())
    json.dumps(world.truth, allow_nan=False)


def test_examples_in_docstrings_run() -> None:
    assert [doctest.testmod(module).failed for module in (schema, scenarios)] == [0, 0]
