"""The synthetic world keeps its own rules, so that its truth is one."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from cohort.errors import UsageError
from cohort.synthetic import Parameters, events, simulation, write
from cohort.synthetic.course import NEVER
from cohort.synthetic.parameters import changed
from cohort.synthetic.regimens import classified_drugs, regimens
from cohort.synthetic.vocabulary import drug_forms
from tests.unit.synthetic_world import World, make

PERSONS = 8_000
LATENT_DAYS = timedelta(days=1095)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make(tmp_path_factory.mktemp("world"), persons=PERSONS, seed=11)


# The same world again


def test_the_primary_world_is_what_it_was_when_it_was_first_published(tmp_path: Path) -> None:
    """New parameters and new kinds of records leave a seed's content alone: they draw from streams of their own."""
    hashes = make(tmp_path).hashes()
    recorded = ("person", "observation_period", "death", "visit_occurrence", "condition_occurrence", "observation")
    content = "".join(hashes[table] for table in (*recorded, "drug_exposure", "drug_strength"))
    assert hashlib.sha256(content.encode()).hexdigest()[:16] == "524776311ce11073"


def test_the_same_seed_gives_the_same_rows_in_the_same_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make(tmp_path, "first").hashes()
    monkeypatch.setitem(write._CONFIG, "threads", "1")
    assert make(tmp_path, "second").hashes() == first


def test_another_seed_gives_another_world(tmp_path: Path) -> None:
    first, second = make(tmp_path, "first").hashes(), make(tmp_path, "second", seed=6).hashes()
    changed_tables = {table for table in first if first[table] != second[table]}
    same = {"concept", "concept_ancestor", "concept_relationship", "drug_strength", "vocabulary"}
    assert changed_tables == first.keys() - same


def test_blocks_join_without_a_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "BLOCK_PERSONS", 70)
    world = make(tmp_path, persons=200)
    for table in ("person", "visit_occurrence", "condition_occurrence", "observation", "drug_exposure"):
        ids = world.sql(f"select {table}_id as id from {table}")["id"]
        assert ids.to_list() == list(range(1, len(ids) + 1))
    assert world.ledger["person_id"].to_list() == list(range(1, 201))


def test_more_are_drawn_until_enough_enrol(tmp_path: Path) -> None:
    old = changed(Parameters(), {"youngest_years": 98, "oldest_years": 100})
    assert make(tmp_path, parameters=old).truth["counts"]["rows"]["person"] == 300


@pytest.mark.parametrize("seed", range(8))
def test_one_person_makes_a_world(tmp_path: Path, seed: int) -> None:
    assert make(tmp_path, persons=1, seed=seed).sql("from observation_period").height == 1


def test_a_world_where_nobody_enrols_is_refused(tmp_path: Path) -> None:
    deadly = changed(Parameters(), {"death_log_rate_men": (9, 0), "death_log_rate_women": (9, 0)})
    with pytest.raises(UsageError, match="Nearly nobody lives to enrol"):
        make(tmp_path, persons=1, parameters=deadly)


# The rules of the records


@pytest.mark.parametrize(
    ("table", "day"),
    [
        ("drug_exposure", "drug_exposure_start_date"),
        ("condition_occurrence", "condition_start_date"),
        ("visit_occurrence", "visit_start_date"),
        ("observation", "observation_date"),
    ],
)
def test_records_lie_inside_observation_and_before_death(world: World, table: str, day: str) -> None:
    outside = world.sql(f"""
        select count(*) as n, count(*) filter (where r.{day} not between o.observation_period_start_date
            and o.observation_period_end_date or r.{day} > d.death_date) as outside
        from {table} r inner join observation_period o using (person_id) left join death d using (person_id)""")
    assert outside["n"].item() > 500
    assert outside["outside"].item() == 0


def test_observation_ends_with_death_disenrolment_or_the_data(world: World) -> None:
    ends = world.sql("""
        select p.observation_period_end_date as last_day, d.death_date, p.observation_period_start_date as first_day
        from observation_period p left join death d using (person_id) order by p.person_id""")
    assert (ends["first_day"] <= ends["last_day"]).all()
    assert ends["last_day"].max() == Parameters().data_end
    assert (ends["death_date"].drop_nulls() <= Parameters().data_end).all()
    assert (ends.filter(pl.col("death_date") > pl.col("last_day"))).height > 100  # dead after disenrolment
    assert ends["last_day"].equals(world.ledger["last_date"])


def test_visits_hold_every_record_except_fills_of_study_drugs(world: World) -> None:
    assert (
        world.sql("""
        select count(*) as n from condition_occurrence c left join visit_occurrence v
            on v.visit_occurrence_id = c.visit_occurrence_id and v.person_id = c.person_id
            and v.visit_start_date = c.condition_start_date
        where v.person_id is null""")["n"].item()
        == 0
    )
    drugs = world.sql("""
        select (drug_concept_id in (select drug_concept_id from drug_strength)) as is_study_drug,
               bool_or(visit_occurrence_id is null) as some_without,
               bool_and(visit_occurrence_id is null) as all_without,
               bool_and(v.visit_start_date = d.drug_exposure_start_date) as same_day
        from drug_exposure d left join visit_occurrence v using (visit_occurrence_id) group by 1 order by 1""")
    assert drugs.rows() == [(False, False, False, True), (True, True, True, None)]


def test_fills_of_a_person_never_overlap_and_run_on_without_a_gap(world: World) -> None:
    fills = world.fills().with_columns(
        gap=(pl.col("start") - (pl.col("start").shift() + pl.duration(days=pl.col("days").shift())))
        .dt.total_days()
        .over("person_id")
    )
    assert fills["gap"].min() == 0
    assert (fills["gap"] == 0).sum() > fills.height / 3


def test_strength_and_quantity_give_the_planted_daily_dose(world: World) -> None:
    drugs = classified_drugs(Parameters())
    scale = {row["concept_id"]: row["mg_per_dme"] for row in drugs.values()}
    planted = {
        (r.ingredient_concept_id, round(r.dme_per_day, 9)) for r in regimens(Parameters(), drugs)
    }  # fmt: skip
    fills = world.fills().with_columns(mg_per_dme=pl.col("ingredient").replace_strict(scale))
    daily = fills["quantity"] * fills["strength_mg"] / fills["days"] / fills["mg_per_dme"]
    assert set(zip(fills["ingredient"], daily.round(9), strict=True)) <= planted
    assert set(fills["days"].unique()) == {14, 30, 90}
    assert ((fills["quantity"] * 2) % 1 == 0).all()


def test_an_indication_is_first_recorded_within_364_days(world: World) -> None:
    first = world.sql("""
        select c.condition_concept_id as concept, min(c.condition_start_date - o.observation_period_start_date) as day
        from condition_occurrence c inner join observation_period o using (person_id)
        where condition_concept_id in (442077, 440383, 436962) group by c.person_id, 1""")
    assert (first["day"].min(), first["day"].max()) == (0, 363)
    shares = first["concept"].value_counts().with_columns(pl.col("count") / PERSONS)
    prevalences = dict(shares.iter_rows())
    assert prevalences == pytest.approx({442077: 0.10, 440383: 0.12, 436962: 0.15}, abs=0.015)


# Onset, diagnosis and its records


def test_diagnosis_is_onset_and_the_delay_and_never_before_enrolment(world: World) -> None:
    ill = world.ledger.drop_nulls("onset_date")
    assert (ill["diagnosis_date"] - ill["onset_date"] == LATENT_DAYS).all()
    assert (ill["diagnosis_date"] > ill["enrolment_date"]).all()
    assert (ill["onset_date"] < ill["enrolment_date"]).any()
    assert (ill.drop_nulls("death_date").select(pl.col("onset_date") <= pl.col("death_date"))).to_series().all()


def test_two_records_confirm_each_diagnosis_exactly_on_its_day(world: World) -> None:
    """D2, in plain Python: the earliest day with a code and an earlier code or a drug within 730 days, or so."""
    planted = world.ledger.filter("is_diagnosis_observed").select("person_id", "diagnosis_date")
    found = dict(_confirmed(world))
    assert found == dict(planted.iter_rows())
    assert len(found) > 500


def _confirmed(world: World) -> Iterator[tuple[int, Any]]:
    dementia = "select descendant_concept_id from concept_ancestor where ancestor_concept_id = 4182210"
    drugs = "select descendant_concept_id from concept_ancestor where ancestor_concept_id in (715997, 701322)"
    records = world.sql(f"""
        select person_id, condition_start_date as day, 'code' as kind from condition_occurrence
        where condition_concept_id in ({dementia})
        union select person_id, drug_exposure_start_date, 'drug' from drug_exposure
        where drug_concept_id in ({drugs})""")
    for (person,), rows in records.group_by("person_id"):
        codes = sorted(rows.filter(kind="code")["day"])
        treated = sorted(rows.filter(kind="drug")["day"])
        pairs = [(a, b) for i, a in enumerate(codes) for b in codes[i + 1 :]] + [(a, b) for a in codes for b in treated]
        days = [max(a, b) for a, b in pairs if abs((b - a).days) <= 730]
        if days:
            yield person, min(days)


def test_a_history_of_dementia_is_recorded_within_a_year_after_the_diagnosis(world: World) -> None:
    history = world.sql("from observation").join(world.ledger, on="person_id")
    days = (history["observation_date"] - history["diagnosis_date"]).dt.total_days()
    assert (days.min(), days.max()) == (1, 365)
    assert history["person_id"].is_unique().all()


def test_the_first_code_comes_up_to_180_days_before_and_never_decides_who_may_enter(world: World) -> None:
    lead = world.sql("""
        select c.person_id, min(c.condition_start_date) as first_code from condition_occurrence c
        where c.condition_concept_id in (378419, 443605, 4182210, 380701) group by all
    """).join(world.ledger, on="person_id")
    days = (lead["diagnosis_date"] - lead["first_code"]).dt.total_days()
    in_first_year = lead["first_code"] <= lead["enrolment_date"] + timedelta(days=365)
    late = lead["diagnosis_date"] > lead["enrolment_date"] + timedelta(days=366)
    assert (days.min(), days.max()) == (1, 180)
    assert not (in_first_year & late).any()


def test_a_first_code_may_fall_in_the_first_year_when_told(tmp_path: Path) -> None:
    diagnosis, rng = np.full(1_000, 400), np.random.default_rng(1)
    careful, careless = Parameters(), changed(Parameters(), {"clean_observation_days": 0})
    assert events._first_code_days(diagnosis, careful, rng).min() == 366
    assert events._first_code_days(diagnosis, careless, rng).min() == 220


def test_nothing_confirms_a_diagnosis_that_comes_after_the_last_day() -> None:
    parameters = changed(Parameters(), {"confirmed_by_code_share": 0})
    diagnosis, last, rng = np.array([1_501, NEVER]), np.array([1_500, 1_500]), np.random.default_rng(1)
    codes, drugs = events.dementia(diagnosis, last, parameters, drug_forms(parameters), rng)
    assert (len(codes.day), len(drugs.day)) == (1, 0)


# Calibration: wide bands, which a wrong rate would leave


def test_use_and_incidence_are_those_of_the_literature(world: World) -> None:
    people = world.sql("""
        select person_id, observation_period_start_date as first_day,
               make_date(year_of_birth::bigint, month_of_birth::bigint, day_of_birth::bigint) as birth
        from person inner join observation_period using (person_id)""")
    people = people.join(world.ledger, on="person_id")
    aged = people.filter((pl.col("first_day") - pl.col("birth")).dt.total_days() >= 65 * 365.25)
    assert 0.27 < aged["has_used"].mean() < 0.38
    assert 0.08 < _one_year_prevalence(world, aged) < 0.14
    at_risk = aged.with_columns(stop=pl.min_horizontal("last_date", "diagnosis_date"))
    middle_age = (
        at_risk["first_day"] - at_risk["birth"] + (at_risk["stop"] - at_risk["first_day"]) / 2
    ).dt.total_days()
    years = (at_risk["stop"] - at_risk["first_day"]).dt.total_days() / 365.25
    expected = (years * (-11.66 + 0.1033 * middle_age / 365.25).exp()).sum()  # between men and women
    assert 0.8 < at_risk["is_diagnosis_observed"].sum() / expected < 1.5


def _one_year_prevalence(world: World, people: pl.DataFrame) -> float:
    first, last = pl.date(2008, 1, 1), pl.date(2008, 12, 31)
    observed = people.filter((pl.col("first_day") <= first) & (pl.col("last_date") >= last))
    fills = world.fills().filter(
        (pl.col("start") <= last) & (pl.col("start") + pl.duration(days=pl.col("days") - 1) >= first)
    )
    return observed.join(fills, on="person_id", how="semi").height / observed.height


# Refusals


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scenario": "nul"}, "no scenario 'nul'; did you mean 'null'"),
        ({"persons": 0}, "persons must be at least 1"),
        ({"seed": -1}, "seed at least 0"),
        ({"parameters": Parameters(equivalence_table="asthon")}, "did you mean 'ashton'"),
        ({"parameters": Parameters(class_shares={"binder": 0})}, "must not all be zero"),
    ],
)
def test_wrong_arguments_are_refused_and_leave_nothing(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make(tmp_path, **arguments)
    assert list(tmp_path.iterdir()) == []


def test_wrong_parameters_are_named() -> None:
    with pytest.raises(UsageError, match="female_share: Input should be less than or equal to 1"):
        changed(Parameters(), {"female_share": 2})


@pytest.mark.parametrize("drug", [{"drug": "aspirin"}, {"drug": "etizolam"}])
def test_a_drug_without_identity_or_dose_is_refused(tmp_path: Path, drug: dict[str, Any]) -> None:
    products = [{"users_percent": 1, "form": "tablet", "strengths_mg": (1,)} | drug]
    with pytest.raises(UsageError, match=f"'{drug['drug']}' needs a concept id"):
        make(tmp_path, parameters=changed(Parameters(), {"drug_products": products}))


def test_a_concept_that_its_set_lacks_is_refused(tmp_path: Path) -> None:
    items = [{"concept_set": "insomnia", "concept_name": "insomnias", "weight": 1}]
    with pytest.raises(UsageError, match="'insomnia' has no 'insomnias'; did you mean 'insomnia'"):
        make(tmp_path, parameters=changed(Parameters(), {"background_conditions": items}))


def test_a_file_is_only_overwritten_on_request(tmp_path: Path) -> None:
    before = make(tmp_path).hashes()
    with pytest.raises(UsageError, match="exists; choose another name"):
        make(tmp_path, seed=6)
    assert World(tmp_path / "cdm.duckdb").hashes() == before
    assert make(tmp_path, seed=6, overwrite=True).truth["seed"] == 6
    assert {p.name for p in tmp_path.iterdir()} == {"cdm.duckdb", "cdm.truth.json", "cdm.truth.parquet"}


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no folder"):
        make(tmp_path / "nowhere")


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "cdm.duckdb.partial").mkdir()
    with pytest.raises(UsageError, match="cannot be written"):
        make(tmp_path)


def test_a_world_that_breaks_off_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("disk on fire")

    monkeypatch.setattr(simulation.ledger, "persons", fail)
    with pytest.raises(RuntimeError, match="disk on fire"):
        make(tmp_path, with_ledger=True)
    assert list(tmp_path.iterdir()) == []


def test_progress_runs_from_nothing_to_all(tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []
    make(tmp_path, progress=lambda share, sentence: told.append((share, sentence)))
    assert told == [(0.0, "0 of 300 persons"), (1.0, "300 persons")]
