"""The long look at a CDM: each rule counts what breaks it and nothing else, and nothing small is told."""

import datetime as dt
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
import pytest

from cohort.cdm import CDM_TABLES
from cohort.feasibility import Check, check
from cohort.feasibility.pages import check_pages
from cohort.feasibility.rules import RULES
from cohort.protocol import load_protocol
from cohort.source import open_cdm

TODAY = dt.date(2021, 6, 30)
CANARY = 777_000_777
"""Persons are numbered from here on: the number can be no count."""
DIAZEPAM, TABLET, DEMENTIA, DONEPEZIL, DEPRESSION = 723013, 19076001, 4182210, 715997, 440383

RECORDS = {
    "drug_exposure": ("drug_exposure_start_date", "drug_exposure_end_date"),
    "condition_occurrence": ("condition_start_date", None),
    "observation": ("observation_date", None),
    "visit_occurrence": ("visit_start_date", "visit_end_date"),
}

CLEAN = f"""
    insert into person by name
        select {CANARY} + i as person_id, 8507 as gender_concept_id, 1940 as year_of_birth, 6 as month_of_birth,
            15 as day_of_birth from range(10) as t(i);
    insert into observation_period by name
        select person_id, date '2005-01-01' as observation_period_start_date,
            date '2012-12-31' as observation_period_end_date from person
        union all by name
        select person_id, date '2014-01-01' as observation_period_start_date,
            date '2020-12-31' as observation_period_end_date from person;
    insert into drug_exposure by name
        select 1000 * (person_id - {CANARY}) + i as drug_exposure_id, person_id, {TABLET} as drug_concept_id,
            date '2006-01-01' + cast(30 * i as integer) as drug_exposure_start_date,
            date '2006-01-01' + cast(30 * i + 29 as integer) as drug_exposure_end_date,
            30 as days_supply, 30 as quantity from person, range(12) as t(i);
    insert into condition_occurrence by name
        select person_id, unnest([{DEMENTIA}, {DEPRESSION}]) as condition_concept_id,
            date '2010-05-05' as condition_start_date from person;
    insert into observation by name
        select person_id, 4059191 as observation_concept_id, date '2010-05-05' as observation_date from person;
    insert into visit_occurrence by name
        select person_id, 9201 as visit_concept_id, date '2010-05-05' as visit_start_date,
            date '2010-05-09' as visit_end_date from person;
    insert into death by name
        select person_id, date '2020-12-01' as death_date from person where person_id % 2 = 0;
    insert into drug_strength by name
        select {TABLET} as drug_concept_id, {DIAZEPAM} as ingredient_concept_id, 5 as amount_value,
            8576 as amount_unit_concept_id;
    insert into concept by name
        select unnest([{DIAZEPAM}, {TABLET}, {DEMENTIA}, {DEPRESSION}]) as concept_id,
            unnest(['diazepam', 'diazepam 5 MG Oral Tablet [Valium]', 'Dementia', 'Depression']) as concept_name,
            'S' as standard_concept;
    insert into concept_ancestor by name
        select {DIAZEPAM} as ancestor_concept_id, unnest([{DIAZEPAM}, {TABLET}]) as descendant_concept_id;
    insert into vocabulary by name select 'None' as vocabulary_id, 'v5.0 test' as vocabulary_version;
    insert into cdm_source by name
        select 'Tiny' as cdm_source_name, '5.4' as cdm_version, date '2021-03-01' as cdm_release_date;
"""

Look = Callable[..., Check]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    """Check the clean CDM after some SQL was run on it; counts are exact unless asked otherwise."""

    def checked(*dirt: str, changes: Sequence[str] = ("min_cell_count=0",), today: dt.date = TODAY) -> Check:
        path = tmp_path / "tiny.duckdb"
        path.unlink(missing_ok=True)
        with duckdb.connect(str(path)) as file:
            for table in CDM_TABLES:
                columns = ", ".join(f"{column.name} {column.type}" for column in table.columns)
                file.execute(f"create table {table.name} ({columns})")
            for statement in (CLEAN, *dirt):
                file.execute(statement)
        with open_cdm(str(path)) as cdm:
            return check(cdm, load_protocol(None, changes), today)

    return checked


def found(checked: Check) -> dict[tuple[str, str], int | str]:
    return {(rule.table, rule.rule): rule.count for rule in checked.broken}


def verdicts(checked: Check) -> dict[str, str]:
    return {one.capability: one.verdict for one in checked.capabilities}


def test_a_clean_cdm_breaks_no_rule(look: Look) -> None:
    checked = look()
    assert found(checked) == {}
    assert {(rule.table, rule.rule) for rule in checked.rules} == {
        (table, rule) for table in RULES for rule in RULES[table]
    }
    assert checked.can_run
    assert verdicts(checked) == {
        **dict.fromkeys(("population", "follow-up", "vocabulary", "exposure", "dose", "history"), "yes"),
        **dict.fromkeys(("competing death", "hospital stays"), "yes"),
        "outcome": "limited",
        "covariates": "limited",
    }


def test_a_clean_synthetic_cdm_breaks_no_rule(small_cdm: Path) -> None:
    with open_cdm(str(small_cdm)) as cdm:
        checked = check(cdm, load_protocol())
    assert found(checked) == {}
    assert checked.warnings == ()
    assert {fills.with_all for fills in checked.fills} == {1.0}


A_PERIOD = f"insert into observation_period values ({CANARY}"
SET_END = "update observation_period set observation_period_end_date"
ONE = f"person_id = {CANARY}"
PEOPLE = [
    ("person", "duplicates", f"insert into person select * from person where person_id < {CANARY} + 3", 3),
    ("person", "without_birth_year", f"update person set year_of_birth = null where {ONE}", 1),
    ("person", "without_birth_day", f"update person set day_of_birth = null where person_id < {CANARY} + 2", 2),
    ("person", "in_future", f"insert into person values ({CANARY} + 90, 8507, 2021, 3, 2)", 1),
    ("person", "without_observation", f"insert into person values ({CANARY} + 90, 8507, 1950, 3, 2)", 1),
    ("observation_period", "of_nobody", "insert into observation_period values (5, '2010-01-01', '2011-01-01')", 1),
    ("observation_period", "without_date", f"{A_PERIOD}, '2010-01-01', null)", 1),
    (
        "observation_period",
        "end_before_start",
        f"{A_PERIOD}, '2000-02-01', '2000-01-01')",
        1,
    ),
    ("observation_period", "overlapping", f"{A_PERIOD}, '2012-12-31', '2013-05-01')", 1),
    ("observation_period", "in_future", f"{A_PERIOD}, '2021-01-01', '2021-03-02')", 1),
    ("observation_period", "before_birth", f"{A_PERIOD}, '1940-06-14', '1950-01-01')", 1),
    ("death", "duplicates", "insert into death select person_id, death_date from death limit 2", 2),
    ("death", "of_nobody", "insert into death values (5, '2020-12-01')", 1),
    ("death", "without_date", f"update death set death_date = null where person_id = {CANARY} + 1", 1),
    ("death", "in_future", f"insert into death values ({CANARY}, '2021-03-02')", 1),
]  # fmt: skip


@pytest.mark.parametrize(("table", "rule", "dirt", "count"), PEOPLE, ids=[f"{p[0]}-{p[1]}" for p in PEOPLE])
def test_each_rule_about_people_counts_its_rows(look: Look, table: str, rule: str, dirt: str, count: int) -> None:
    checked = look(dirt)
    broken = found(checked)
    # Born in the year of the CDM's release, one cannot be observed yet.
    broken.pop(("person", "without_observation"), None) if rule == "in_future" else None
    assert broken == {(table, rule): count}
    (said,) = [one.says for one in checked.broken if one.rule == rule]
    words = RULES[table][rule].format(latest_day="2021-03-01", latest_day_is="the CDM's release")
    assert said == f"{count} of {dict(rows(checked))[table]} rows of {table} {words}"


def rows(checked: Check) -> list[tuple[str, int | str]]:
    return [(table.table, table.rows) for table in checked.tables]


def test_a_death_before_birth_is_counted_and_what_follows_it_too(look: Look) -> None:
    checked = look(f"insert into death values ({CANARY} + 1, '1940-06-14')")
    assert found(checked)["death", "before_birth"] == 1
    assert found(checked)["drug_exposure", "after_death"] == 12


def test_every_record_after_death_by_more_than_thirty_days_is_counted(look: Look) -> None:
    """The fourth fill is on the thirtieth day after death and may be written late; the eight behind it are wrong."""
    checked = look(f"insert into death values ({CANARY} + 1, date '2006-01-01' + 60)")
    assert found(checked)["drug_exposure", "after_death"] == 8


@pytest.mark.parametrize("table", RECORDS)
@pytest.mark.parametrize(
    ("rule", "date"),
    [
        ("without_date", None),
        ("in_future", "2021-03-02"),
        ("before_birth", "1940-06-14"),
        ("outside_observation", "2004-12-31"),
        ("outside_observation", "2013-01-01"),
        ("outside_observation", "2021-01-01"),
        ("after_death", "2021-01-01"),
        ("of_nobody", "2010-01-01"),
    ],
)
def test_each_rule_about_records_counts_its_rows(look: Look, table: str, rule: str, date: str | None) -> None:
    start, end = RECORDS[table]
    person = {"of_nobody": 5, "after_death": CANARY + 1}.get(rule, CANARY)
    day = "null" if date is None else f"date '{date}'"
    ending = f", {day} + 2 as {end}" if end else ""
    key = ", 900001 as drug_exposure_id" if table == "drug_exposure" else ""
    broken = found(look(f"insert into {table} by name select {person} as person_id, {day} as {start} {ending} {key}"))
    assert broken.pop((table, rule)) == 1
    # A day that no person can have is outside their observation too, and that of the dead after their death.
    also = {"in_future", "before_birth", "after_death"}
    assert broken.pop((table, "outside_observation"), 0) == (1 if rule in also else 0)
    assert broken == {}


@pytest.mark.parametrize("table", ["drug_exposure", "visit_occurrence"])
def test_records_that_end_before_they_start_are_counted(look: Look, table: str) -> None:
    start, end = RECORDS[table]
    assert found(look(f"update {table} set {end} = {start} - 1 where {ONE}")) == {
        (table, "end_before_start"): 12 if table == "drug_exposure" else 1
    }


def test_ids_of_fills_that_an_earlier_row_has_are_counted(look: Look) -> None:
    dirt = "insert into drug_exposure select * from drug_exposure where drug_exposure_id in (1, 2, 3)"
    assert found(look(dirt)) == {("drug_exposure", "duplicates"): 3}


def test_without_a_date_of_release_today_is_the_latest_day(look: Look) -> None:
    dirt = ("delete from cdm_source", f"insert into death values ({CANARY}, '2021-06-30')")
    assert found(look(*dirt)) == {}
    checked = look(*dirt, today=dt.date(2021, 6, 29))
    assert (checked.latest_day, checked.latest_day_is) == (dt.date(2021, 6, 29), "today")
    assert found(checked) == {("death", "in_future"): 1}


# --- Doses, concepts and what follows ---------------------------------------------------------------------------


def test_shares_of_fills_are_told_by_drug(look: Look) -> None:
    """Of 120 fills 60 lose their quantity and 30 others their days, with the date that would tell them."""
    checked = look(
        "update drug_exposure set quantity = 0 where drug_exposure_id % 2 = 0",
        "update drug_exposure set days_supply = null, drug_exposure_end_date = null where drug_exposure_id % 4 = 1",
    )
    (diazepam,) = checked.fills
    assert (diazepam.fills, diazepam.with_strength, diazepam.with_quantity) == (120, 1.0, 0.5)
    assert (diazepam.with_days, diazepam.with_all) == (0.75, 0.25)
    assert verdicts(checked)["dose"] == "limited"


def test_a_few_fills_without_quantity_are_not_told_by_their_share(look: Look) -> None:
    dirt = "update drug_exposure set quantity = 0 where drug_exposure_id < 3"
    (diazepam,) = look(dirt, changes=()).fills
    assert (diazepam.with_quantity, diazepam.with_all, diazepam.with_days) == (None, None, 1.0)


def test_concepts_of_the_study_that_this_vocabulary_does_not_hold_are_named(look: Look) -> None:
    checked = look(
        f"update concept set standard_concept = null where concept_id = {DEPRESSION}",
        f"update concept set invalid_reason = 'U' where concept_id = {DEMENTIA}",
    )
    concepts = {one.name: one for one in checked.concepts}
    assert (concepts["study drugs"].ids, concepts["study drugs"].count("absent")) == (34, 33)
    faulty = {one.concept_id: (one.name, one.status) for named in checked.concepts for one in named.faulty}
    assert faulty[DEPRESSION] == ("Depression", "not standard")
    assert faulty[DEMENTIA] == ("Dementia", "invalid")
    assert faulty[781039] == ("alprazolam", "absent")
    assert DIAZEPAM not in faulty


@pytest.mark.parametrize(
    ("dirt", "capability", "verdict", "why"),
    [
        ("delete from person", "population", "no", "nobody is known to reach the age of 50"),
        ("delete from observation_period", "follow-up", "no", "nobody is observed"),
        (f"{SET_END} = '2012-12-30'", "follow-up", "limited", "1,460 of 2,920"),
        (f"{SET_END} = '2008-12-30'", "follow-up", "no", "1,460 days"),
        (f"{SET_END} = '2013-12-30'", "follow-up", "yes", "observed from 2005 to 2013"),
        ("delete from concept", "vocabulary", "no", "there is no table concept"),
        ("delete from concept_ancestor", "vocabulary", "limited", "without concept_ancestor"),
        ("delete from drug_exposure", "exposure", "no", "there is no record of a study drug"),
        ("delete from drug_strength", "dose", "no", "no fill has strength, quantity and days of supply"),
        ("delete from condition_occurrence", "outcome", "no", "there is no record of the concept set dementia"),
        ("delete from death", "competing death", "no", "there are no deaths"),
        ("update death set death_date = null", "competing death", "limited", "without date (death)"),
        ("delete from observation", "history", "limited", "there is no table observation"),
        ("delete from condition_occurrence", "covariates", "no", "there is no record of any of the 3 covariates"),
        ("delete from visit_occurrence", "hospital stays", "no", "there are no visits"),
        ("update visit_occurrence set visit_concept_id = 9202", "hospital stays", "no", "none of 10 visits is a stay"),
    ],
)  # fmt: skip
def test_each_capability_has_a_reason(look: Look, dirt: str, capability: str, verdict: str, why: str) -> None:
    (judged,) = [one for one in look(dirt).capabilities if one.capability == capability]
    assert (judged.verdict, why in judged.why) == (verdict, True), judged.why


def test_a_confirming_drug_makes_the_outcome_whole(look: Look) -> None:
    assert verdicts(look(f"update drug_exposure set drug_concept_id = {DONEPEZIL} where {ONE}"))["outcome"] == "yes"


# --- Tables and columns -----------------------------------------------------------------------------------------


def test_columns_that_are_missing_or_of_another_type_are_told(look: Look) -> None:
    checked = look(
        "alter table drug_exposure drop column verbatim_end_date",
        "alter table drug_exposure alter quantity type varchar",
        "drop table observation",
        "alter table death drop column death_date",
    )
    tables = {table.table: table for table in checked.tables}
    drugs = {column.column: column for column in tables["drug_exposure"].columns}
    assert (drugs["verbatim_end_date"].state, drugs["verbatim_end_date"].type_found) == ("missing", None)
    assert (drugs["quantity"].type_found, drugs["quantity"].type_needed) == ("VARCHAR", "DOUBLE")
    assert (tables["observation"].state, tables["death"].state) == ("missing", "unusable")
    assert {column.column: column.state for column in tables["death"].columns} == {
        "person_id": "not read",
        "death_date": "missing",
    }
    (page,) = [rows for title, rows in check_pages(checked).items() if title.startswith("Tiny")]
    by_name = {row["table"]: row for row in page}
    assert by_name["drug_exposure"]["read as"] == "quantity VARCHAR as DOUBLE"
    assert by_name["drug_exposure"]["columns missing"] == "verbatim_end_date"
    assert by_name["observation (optional)"]["columns missing"] == "all"


def test_a_folder_of_text_is_checked_as_it_is_and_said_once_to_be_text(tmp_path: Path) -> None:
    """Three dates that no calendar has, and a fourth person's that lies in the future."""
    rows = "\n".join(f"{i},8507,19{30 + i}" for i in range(10))
    (tmp_path / "person.csv").write_text(f"person_id,gender_concept_id,year_of_birth\n{rows}\n")
    days = ["2010-02-30"] * 3 + ["2031-01-01"] + ["2010-02-03"] * 2
    deaths = "\n".join(f"{i},{day}" for i, day in enumerate(days))
    (tmp_path / "death.csv").write_text(f"person_id,death_date\n{deaths}\n")
    with open_cdm(str(tmp_path)) as cdm:
        checked = check(cdm, load_protocol(None, ["min_cell_count=0"]), TODAY)
    broken = {rule: count for (table, rule), count in found(checked).items() if table == "death"}
    assert broken == {"without_date": 3, "in_future": 1}
    assert "3 values of death.death_date cannot be read as DATE and count as missing" in checked.warnings
    assert not checked.can_run
    assert "table drug_exposure is missing" in checked.problems
    page = {row["table"]: row for row in next(iter(check_pages(checked).values()))}
    assert page["person"]["read as"] == page["death (optional)"]["read as"] == "a file of text"
    assert verdicts(checked)["population"] == "no"


# --- Disclosure -------------------------------------------------------------------------------------------------


def everything_wrong() -> list[str]:
    return [
        *(dirt for _, _, dirt, _ in PEOPLE if not dirt.startswith("update")),
        f"update visit_occurrence set visit_end_date = visit_start_date - 1 where {ONE}",
        f"update drug_exposure set quantity = null where {ONE}",
    ]


def test_nothing_small_and_no_person_is_told(look: Look) -> None:
    checked = look(*everything_wrong(), changes=())
    assert {rule.count for rule in checked.broken} == {"<5"}
    text = checked.model_dump_json() + json.dumps(check_pages(checked))
    assert str(CANARY)[:6] not in text
    counts = [rule.count for rule in checked.rules] + [table.rows for table in checked.tables]
    assert not [count for count in counts if isinstance(count, int) and 0 < count < 5]


def test_a_part_that_would_tell_a_small_rest_is_nearly_all(look: Look) -> None:
    dirt = f"update person set day_of_birth = null where person_id > {CANARY} + 1"
    (birthdays,) = look(dirt, changes=()).broken
    assert birthdays.says.startswith("nearly all of 10 rows of person have no full birth date")


def test_the_keys_for_machines_stay(look: Look) -> None:
    told = json.loads(look().model_dump_json())
    assert told["version"] == 1
    assert list(told) == [
        *("version", "can_run", "problems", "warnings", "cdm", "latest_day", "latest_day_is"),
        *("tables", "rules", "fills", "concepts", "capabilities"),
    ]
    assert list(told["tables"][0]) == ["table", "is_required", "state", "rows", "columns"]
    assert list(told["tables"][0]["columns"][0]) == ["column", "is_required", "type_needed", "type_found", "state"]
    assert list(told["rules"][0]) == ["rule", "table", "count", "rows", "says"]
    assert list(told["concepts"][0]["faulty"][0]) == ["concept_id", "name", "status"]
    assert list(told["capabilities"][0]) == ["capability", "verdict", "why"]
