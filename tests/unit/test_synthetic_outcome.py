"""Some diagnoses are never recorded, and some records have no diagnosis: as often as told, and told in the ledger."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from cohort.synthetic import Parameters
from cohort.synthetic.course import NEVER
from cohort.synthetic.events import diagnosis_days, last_days
from cohort.synthetic.outcome import recorded_diagnosis_days
from cohort.synthetic.parameters import changed
from cohort.synthetic.process import Lives
from tests.unit.synthetic_world import World, lives_of, make

DEMENTIA = "select descendant_concept_id from concept_ancestor where ancestor_concept_id = 4182210"
ANTIDEMENTIA = "select descendant_concept_id from concept_ancestor where ancestor_concept_id in (715997, 701322)"


@pytest.fixture(scope="module")
def lives() -> Lives:
    return lives_of(20_000)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make(tmp_path_factory.mktemp("outcome"), persons=4_000, scenario="S11", with_ledger=True)


def recorded(lives: Lives, **changes: Any) -> Any:
    return recorded_diagnosis_days(lives, last_days(lives), changed(Parameters(), changes), np.random.default_rng(1))


def test_all_diagnoses_and_no_others_are_recorded_by_default(lives: Lives) -> None:
    assert (recorded(lives) == diagnosis_days(lives)).all()


def test_sensitivity_and_specificity_are_shares_of_persons(lives: Lives) -> None:
    found, last = recorded(lives, outcome_sensitivity=0.5, outcome_specificity=0.98), last_days(lives)
    is_diagnosed = diagnosis_days(lives) <= last
    assert (found[is_diagnosed] <= last[is_diagnosed]).mean() == pytest.approx(0.5, abs=0.03)
    assert (found[~is_diagnosed] <= last[~is_diagnosed]).mean() == pytest.approx(0.02, abs=0.004)
    kept = is_diagnosed & (found < NEVER)
    assert (found[kept] == diagnosis_days(lives)[kept]).all()


def test_false_records_are_spread_over_observation(lives: Lives) -> None:
    found, last = recorded(lives, outcome_specificity=0.5), last_days(lives)
    is_false = (found != diagnosis_days(lives)) & (last > 100)
    assert (found[is_false] / last[is_false]).mean() == pytest.approx(0.5, abs=0.02)
    assert (found[is_false] >= 2).all()


def test_users_diagnoses_may_be_seen_more_often(lives: Lives) -> None:
    found = recorded(lives, outcome_sensitivity=0.4, outcome_sensitivity_of_users=0.8)
    diagnosis, last = diagnosis_days(lives), last_days(lives)
    episodes = lives.episodes
    users = np.unique(episodes.person[episodes.start < diagnosis[episodes.person]])
    has_used = np.isin(np.arange(len(last)), users)
    seen = found <= last
    assert seen[(diagnosis <= last) & has_used].mean() == pytest.approx(0.8, abs=0.04)
    assert seen[(diagnosis <= last) & ~has_used].mean() == pytest.approx(0.4, abs=0.03)


def test_the_ledger_has_every_misclassified_person_and_nobody_else(world: World) -> None:
    recorded_dates = world.sql(f"""
        select person_id, max(condition_start_date) as code from condition_occurrence
        where condition_concept_id in ({DEMENTIA}) group by 1
        union all select person_id, max(drug_exposure_start_date) from drug_exposure
        where drug_concept_id in ({ANTIDEMENTIA}) group by 1""")
    outcome = world.truth_of("outcome")
    missed, false = (outcome.filter(pl.col("kind") == kind) for kind in ("missed", "false"))
    assert missed.join(recorded_dates, on="person_id").is_empty()
    assert missed.join(world.sql("from observation"), on="person_id").is_empty()
    observed = world.ledger.filter("is_diagnosis_observed")
    assert missed.join(observed, on="person_id", how="anti").is_empty()
    assert false.join(observed, on="person_id").is_empty()
    assert observed.join(recorded_dates, on="person_id", how="anti").height == missed.height > 100
    has_two = recorded_dates.join(world.ledger.filter(~pl.col("is_diagnosis_observed")), on="person_id")
    in_time = has_two.filter(pl.col("diagnosis_date").is_null())["person_id"].unique()
    assert set(in_time) <= set(false["person_id"])
    assert false.height == pytest.approx(0.02 * (4_000 - observed.height), rel=0.35)


def test_a_false_diagnosis_is_confirmed_on_the_day_that_the_ledger_says(world: World) -> None:
    false = world.truth_of("outcome").filter(pl.col("kind") == "false")
    records = world.sql(f"""
        select person_id, condition_start_date as day from condition_occurrence
        where condition_concept_id in ({DEMENTIA})
        union all select person_id, drug_exposure_start_date from drug_exposure
        where drug_concept_id in ({ANTIDEMENTIA})""")
    second = records.sort("day").group_by("person_id").agg(pl.col("day").slice(1, 1).first())
    found = false.join(second, on="person_id")
    assert found.height == false.height > 30
    assert (found["day"] == found["date"]).all()


def test_misclassifying_outcomes_changes_nothing_else(world: World, tmp_path: Path) -> None:
    plain = make(tmp_path, persons=4_000).hashes()
    differs = {table for table, content in world.hashes().items() if plain[table] != content}
    assert differs == {"cdm_source", "condition_occurrence", "drug_exposure", "observation", "visit_occurrence"}
    query = "select d.* exclude (drug_exposure_id) from drug_exposure d semi join drug_strength using (drug_concept_id)"
    assert world.sql(query).equals(World(tmp_path / "cdm.duckdb").sql(query))
