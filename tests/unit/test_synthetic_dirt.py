"""Each kind of dirt is as frequent as told, does what it says, and can be undone with the ledger alone."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from cohort.errors import UsageError
from cohort.source import open_cdm
from cohort.synthetic import SCENARIOS, Parameters
from cohort.synthetic.dirt import KINDS
from cohort.synthetic.parameters import changed
from tests.unit.synthetic_world import World, make

PERSONS = 6_000
DIRT = {name: value for name, value in SCENARIOS["dirty-exposure"].changes.items() if name != "hole_share"}
COLUMNS = ["person_id", "drug_concept_id", "start", "end", "days", "quantity"]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make(tmp_path_factory.mktemp("clean"), persons=PERSONS)


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The same world, ten times as dirty as the scenario in its rarest kinds."""
    often = {name: max(value, 0.03) for name, value in DIRT.items()} | {"fill_after_death_share": 0.5}
    parameters = changed(Parameters(), often)
    return make(tmp_path_factory.mktemp("dirty"), persons=PERSONS, parameters=parameters, with_ledger=True)


@pytest.fixture(scope="module")
def holed(tmp_path_factory: pytest.TempPathFactory) -> World:
    parameters = changed(Parameters(), {"hole_share": 0.3})
    return make(tmp_path_factory.mktemp("holed"), persons=PERSONS, parameters=parameters, with_ledger=True)


def fills(world: World) -> pl.DataFrame:
    """Records of study drugs: those that no visit gave."""
    return world.sql("""
        select drug_exposure_id, person_id, drug_concept_id, drug_exposure_start_date as start,
               drug_exposure_end_date as end, days_supply as days, quantity
        from drug_exposure where visit_occurrence_id is null order by person_id, start, drug_concept_id, quantity""")


def dirtied(world: World, kind: str) -> pl.DataFrame:
    """Dirtied records of a kind, beside what they were."""
    rows = fills(world).join(world.truth_of("dirt").filter(pl.col("kind") == kind), on="drug_exposure_id")
    return rows.with_columns(
        late=(pl.col("start") - pl.col("clean_start_date")).dt.total_days(),
        length=(pl.col("end") - pl.col("start")).dt.total_days() + 1,
    )


# What is done to a record of each kind, and what is left as it was
DONE = {
    "missing_days": [pl.col("days").is_null(), pl.col("length") == 30, pl.col("late") == 0],
    "negative_days": [pl.col("days") == -pl.col("clean_days_supply"), pl.col("length") == pl.col("clean_days_supply")],
    "absurd_days": [pl.col("days") == 7_000, pl.col("length") == 7_000, pl.col("late") == 0],
    "missing_quantity": [pl.col("quantity").is_null(), pl.col("days") == pl.col("clean_days_supply")],
    "zero_quantity": [pl.col("quantity") == 0, pl.col("days") == pl.col("clean_days_supply")],
    "absurd_quantity": [pl.col("quantity") == 1_000, pl.col("days") == pl.col("clean_days_supply")],
    "end_before_start": [pl.col("length").is_between(-9, 0), pl.col("days") == pl.col("clean_days_supply")],
    "duplicate": [pl.col("late") == 0, pl.col("is_added")],
    "shifted_duplicate": [pl.col("late").is_between(1, 7), pl.col("is_added")],
    "overlap": [pl.col("late") == pl.col("clean_days_supply") // 2, pl.col("is_added")],
    "early_refill": [pl.col("late").is_between(-10, -1), ~pl.col("is_added")],
    "hospital_gap": [pl.col("late").is_between(3, 14), ~pl.col("is_added")],
    "fill_after_death": [pl.col("is_added"), pl.col("late") > 0],
}
WHOLE = ("duplicate", "shifted_duplicate", "overlap", "early_refill", "hospital_gap", "fill_after_death")


@pytest.mark.parametrize("kind", KINDS)
def test_a_dirtied_record_is_dirty_in_its_own_way_only(dirty: World, kind: str) -> None:
    rows = dirtied(dirty, kind)
    same_quantity = pl.col("quantity") == pl.col("clean_quantity")
    whole = [same_quantity, pl.col("days") == pl.col("clean_days_supply"), pl.col("length") == pl.col("days")]
    held = rows.select(*(rule.alias(str(i)) for i, rule in enumerate(DONE[kind] + (whole if kind in WHOLE else []))))
    assert rows.height > 50
    assert held.row(0) == (True,) * held.width
    assert held.unique().height == 1
    if "quantity" not in kind:
        assert rows.select(same_quantity.all()).item()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "fill_after_death"])
def test_each_kind_is_as_frequent_as_told(clean: World, dirty: World, kind: str) -> None:
    found = dirty.truth_of("dirt").filter(pl.col("kind") == kind).height
    all_fills = fills(clean)
    gap = (pl.col("start") - pl.col("end").shift()).dt.total_days().over("person_id", "drug_concept_id")
    refills = all_fills.filter(gap == 1).height
    of = refills if kind in ("early_refill", "hospital_gap") else all_fills.height
    told = dirty.truth["parameters"][f"{kind}_share"]
    assert found / of == pytest.approx(told, rel=0.15)


def test_half_of_the_dead_users_have_a_fill_after_death(clean: World, dirty: World) -> None:
    users = fills(clean).join(clean.ledger.filter(pl.col("death_date") == pl.col("last_date")), on="person_id")
    after = dirtied(dirty, "fill_after_death").join(dirty.ledger, on="person_id")
    days = (after["start"] - after["death_date"]).dt.total_days()
    assert (days.min(), days.max()) == (1, 30)
    assert after["person_id"].is_unique().all()
    assert after.height / users["person_id"].n_unique() == pytest.approx(0.5, abs=0.08)
    last_fill = users.group_by("person_id").agg(pl.col("start").max())
    assert (
        (after.join(last_fill, on="person_id").select(pl.col("clean_start_date") == pl.col("start_right")))
        .to_series()
        .all()
    )


def test_the_ledger_undoes_all_dirt(clean: World, dirty: World) -> None:
    """Added records taken away, the others put back as the ledger has them: the clean fills, and no other."""
    ledger, records = dirty.truth_of("dirt"), fills(dirty)
    untouched = records.join(ledger, on="drug_exposure_id", how="anti")
    changed_back = records.join(ledger.filter(~pl.col("is_added")), on="drug_exposure_id").with_columns(
        start=pl.col("clean_start_date"),
        end=pl.col("clean_start_date") + pl.duration(days=pl.col("clean_days_supply") - 1),
        days=pl.col("clean_days_supply").cast(pl.Int32),
        quantity=pl.col("clean_quantity"),
    )
    undone = pl.concat([untouched.select(COLUMNS), changed_back.select(COLUMNS)]).sort(COLUMNS)
    assert undone.equals(fills(clean).select(COLUMNS).sort(COLUMNS))
    assert ledger["drug_exposure_id"].is_unique().all()
    assert ledger.height > 3_000


def test_dirt_touches_nothing_but_fills_stays_and_the_vocabulary(clean: World, dirty: World) -> None:
    before, after = clean.hashes(), dirty.hashes()
    vocabulary = {"concept", "concept_ancestor", "concept_relationship", "drug_strength"}
    assert {t for t in before if before[t] != after[t]} == {"drug_exposure", "visit_occurrence", *vocabulary}
    others = "select * exclude (drug_exposure_id) from drug_exposure where visit_occurrence_id is not null"
    assert clean.sql(others).equals(dirty.sql(others))
    outpatient = "from visit_occurrence where visit_concept_id = 9202"
    assert clean.sql(outpatient).equals(dirty.sql(outpatient))


def test_a_stay_in_hospital_begins_within_the_former_supply_and_makes_the_refill_late(dirty: World) -> None:
    late = dirtied(dirty, "hospital_gap")
    stays = dirty.sql("""
        select person_id, visit_start_date as first, visit_end_date as last from visit_occurrence
        where visit_concept_id = 9201""")
    nights = (pl.col("last") - pl.col("first")).dt.total_days()
    before = (pl.col("clean_start_date") - pl.col("first")).dt.total_days()
    of_fill = late.join(stays, on="person_id").filter(
        nights == pl.col("late"), before.is_between(1, pl.col("clean_days_supply"))
    )
    assert stays.height == late.height
    assert of_fill["drug_exposure_id"].n_unique() == late.height
    assert (stays.select(nights.min()).item(), stays.select(nights.max()).item()) == (3, 14)
    assert dirty.sql("from concept where concept_id = 9201").height == 1


def test_ids_stay_whole_where_records_are_added(dirty: World) -> None:
    for table in ("drug_exposure", "visit_occurrence"):
        ids = dirty.sql(f"select {table}_id as id from {table} order by 1")["id"]
        assert ids.to_list() == list(range(1, len(ids) + 1))


# Holes in observation


def test_a_hole_parts_observation_in_two_and_swallows_all_records(clean: World, holed: World) -> None:
    holes, periods = holed.truth_of("hole"), holed.sql("from observation_period order by observation_period_id")
    assert periods["observation_period_id"].to_list() == list(range(1, PERSONS + holes.height + 1))
    assert (periods["observation_period_start_date"] <= periods["observation_period_end_date"]).all()
    days = (holes["last_date"] - holes["first_date"]).dt.total_days() + 1
    assert (days.min(), days.max()) == (30, 400)
    observed = (clean.ledger["last_date"] - clean.ledger["enrolment_date"]).dt.total_days()
    assert holes.height / (observed > 400).sum() == pytest.approx(0.3, abs=0.03)
    firsts = periods.group_by("person_id", maintain_order=True).agg(
        pl.col("observation_period_start_date"), pl.col("observation_period_end_date")
    )
    parted = holes.join(firsts, on="person_id", maintain_order="left")
    one_day = timedelta(days=1)
    assert parted["observation_period_end_date"].list.get(0).equals(parted["first_date"] - one_day, check_names=False)
    assert parted["observation_period_start_date"].list.get(1).equals(parted["last_date"] + one_day, check_names=False)
    assert (firsts["observation_period_start_date"].list.get(0) == holed.ledger["enrolment_date"]).all()
    assert (firsts["observation_period_end_date"].list.get(-1) == holed.ledger["last_date"]).all()


@pytest.mark.parametrize(
    ("table", "day"),
    [
        ("drug_exposure", "drug_exposure_start_date"),
        ("condition_occurrence", "condition_start_date"),
        ("visit_occurrence", "visit_start_date"),
        ("observation", "observation_date"),
    ],
)
def test_holes_take_what_lies_in_them_and_nothing_else(clean: World, holed: World, table: str, day: str) -> None:
    concept = f"{table.removesuffix('_occurrence').removesuffix('_exposure')}_concept_id"
    query = f"select person_id, {day} as day, {concept} as concept from {table} order by 1, 2, 3"
    every = clean.sql(query).join(holed.truth_of("hole"), on="person_id", how="left", maintain_order="left")
    is_in_hole = pl.col("day").is_between("first_date", "last_date").fill_null(False)
    assert holed.sql(query).equals(every.filter(~is_in_hole).select("person_id", "day", "concept"))
    assert every.filter(is_in_hole).height > 5


def test_a_diagnosis_in_a_hole_is_not_observed(holed: World) -> None:
    in_hole = holed.ledger.join(holed.truth_of("hole"), on="person_id").filter(
        pl.col("diagnosis_date").is_between(pl.col("first_date"), pl.col("last_date_right"))
    )
    assert in_hole.height > 5
    assert not in_hole["is_diagnosis_observed"].any()


# Gaps in the vocabulary, and worlds that can be studied all the same


def test_products_miss_their_strength_or_their_ingredient(clean: World, dirty: World) -> None:
    names = "select concept_id, concept_name from concept where concept_name like '% mg oral %'"
    strong = dirty.sql(f"{names} and concept_id not in (select drug_concept_id from drug_strength)")
    linked = dirty.sql(f"""{names} and concept_id not in (
        select descendant_concept_id from concept_ancestor where min_levels_of_separation = 1)""")
    assert sorted(strong["concept_name"]) == sorted(dirty.truth["products_without_strength"])
    assert sorted(linked["concept_name"]) == sorted(dirty.truth["products_without_ingredient"])
    assert (strong.height, linked.height) == (2, 2)  # a twentieth of 26, rounded up
    assert not set(strong["concept_id"]) & set(linked["concept_id"])
    assert clean.truth["products_without_strength"] == clean.truth["products_without_ingredient"] == []


def test_another_seed_has_other_gaps_and_another_share_more(tmp_path: Path) -> None:
    half = changed(Parameters(), {"product_without_strength_share": 0.5})
    worlds = [make(tmp_path, str(seed), persons=1, seed=seed, parameters=half) for seed in (1, 2)]
    first, second = (set(world.truth["products_without_strength"]) for world in worlds)
    assert len(first) == len(second) == 13
    assert first != second


def test_the_dirty_scenario_can_be_opened_and_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    first = make(tmp_path, "first", persons=800, scenario="S14", with_ledger=True)
    again = make(tmp_path, "again", persons=800, scenario="S14", with_ledger=True)
    assert first.hashes() == again.hashes()
    for table in ("episode", "dirt", "outcome", "hole"):
        assert first.truth_of(table).equals(again.truth_of(table))
    with open_cdm(str(first.path)) as cdm:
        assert cdm.problems == []


def test_shares_of_fills_must_not_exceed_one_together() -> None:
    with pytest.raises(UsageError, match="must not exceed one together"):
        changed(Parameters(), {"missing_days_share": 0.6, "overlap_share": 0.5})
    with pytest.raises(UsageError, match="shares of products"):
        changed(Parameters(), {"product_without_strength_share": 0.6, "product_without_ingredient_share": 0.5})
