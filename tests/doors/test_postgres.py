"""A CDM in PostgreSQL: what travels, what is kept, how it is asked for, and what is said when it cannot be had."""

import datetime as dt
import os
import threading
import time
from pathlib import Path
from typing import Any

import adbc_driver_manager
import duckdb
import pytest
from click.testing import CliRunner

from cohort.errors import TspoError, UsageError
from cohort.fingerprint import fingerprint
from cohort.source import open_cdm, released_location
from cohort.source.location import place_of
from cohort.source.postgres import _state, _transaction
from cohort.study import RunSettings
from flows.cli import main
from tests.doors.server import PASSWORD, Server

ROWS = {
    "person": "(select 1 as person_id, 8507 as gender_concept_id, 1940 as year_of_birth)",
    "observation_period": "(select 1 as person_id, date '2000-01-01' as observation_period_start_date, "
    "date '2010-01-01' as observation_period_end_date)",
    "drug_exposure": "(select * from (values (1, 1, 723013, date '2010-03-01', 0.0625::decimal(9,4)), "
    "(2, 1, 5, date '2010-03-01', 1.0)) as t "
    "(drug_exposure_id, person_id, drug_concept_id, drug_exposure_start_date, quantity))",
    "condition_occurrence": "(select 1 as person_id, 2 as condition_concept_id, date '2001-01-01' as "
    "condition_start_date)",
    "concept": "(select * from (values (723013, 'Diazepam', 'Ingredient', 'S'), (5, 'Water', 'Ingredient', 'S')) "
    "as t (concept_id, concept_name, concept_class_id, standard_concept))",
    "concept_ancestor": "(select 723013 as ancestor_concept_id, 723013 as descendant_concept_id)",
}

Rows = list[tuple[Any, ...]]


def rows(location: str, query: str) -> Rows:
    with open_cdm(location) as cdm:
        return cdm.connection.execute(query).fetchall()


def said(location: str, kind: type[TspoError] = UsageError) -> str:
    """The one line of the error; without the password, the user, and where the server is."""
    with pytest.raises(kind) as error, open_cdm(location):
        pass
    text = str(error.value)
    assert "\n" not in text
    for secret in (PASSWORD, "stranger", "/pg-", "127.0.0.1", ".invalid"):
        assert secret not in text
    return text


@pytest.fixture(scope="module")
def made(server: Server) -> str:
    """A database that no test changes."""
    return server.load("made", ROWS)


def test_only_the_columns_and_rows_of_the_study_travel(server: Server, made: str, tmp_path: Path) -> None:
    with open_cdm(server.url(made), copy=tmp_path / "copy") as cdm:
        counted = cdm.survey(str)
    kept = {path.stem: duckdb.sql(f"select * from '{path}'") for path in (tmp_path / "copy").iterdir()}
    assert kept["drug_exposure"].fetchall() == [(1, 1, 723013, dt.date(2010, 3, 1), 0.0625)]
    assert [row[0] for row in kept["concept"].fetchall()] == [723013]
    assert kept["condition_occurrence"].fetchall() == []
    assert (counted["drug_exposure"], counted["concept"], counted["condition_occurrence"]) == (2, 2, 1)


def test_a_hierarchy_without_any_of_our_concepts_is_still_a_hierarchy(server: Server) -> None:
    """Where there is one, lists of descendants that were written out by hand are not used."""
    other = "(select range + 10 as ancestor_concept_id, range as descendant_concept_id from range(50))"
    server.load("other_hierarchy", ROWS | {"concept_ancestor": other})
    assert rows(server.url("other_hierarchy"), "select count(*) from concept_ancestor") == [(1,)]


def test_the_copy_is_closed_to_others_and_complete(server: Server, made: str, tmp_path: Path) -> None:
    copy = tmp_path / "private" / "cdm"
    with open_cdm(server.url(made), copy=copy):
        pass
    assert {path.stat().st_mode & 0o777 for path in copy.iterdir()} == {0o600}
    assert [folder.stat().st_mode & 0o777 for folder in (copy, copy.parent)] == [0o700, 0o700]
    assert {path.suffix for path in copy.iterdir()} == {".parquet"}


def test_without_a_folder_nothing_stays(
    server: Server, made: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with open_cdm(server.url(made)):
        assert len(list(tmp_path.rglob("*.parquet"))) == len(ROWS)
    assert not list(tmp_path.iterdir())


def test_what_has_not_changed_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    url = server.url(server.load("changing", ROWS))

    def copied() -> tuple[dict[str, int], dict[str, str]]:
        with open_cdm(url, copy=tmp_path / "copy") as cdm:
            keys = fingerprint(cdm.connection)
        return {path.stem: path.stat().st_ino for path in (tmp_path / "copy").iterdir()}, keys

    first, second = copied(), copied()
    assert first == second
    server.execute("changing", "update drug_exposure set quantity = 0.0626 where drug_exposure_id = 1")
    files, keys = copied()
    changed = {name for name in files if keys[name] != first[1][name]}
    assert changed == {name for name in files if files[name] != first[0][name]} == {"drug_exposure"}
    server.execute("changing", "drop table concept_ancestor")
    assert "concept_ancestor" not in copied()[0]


def test_a_copy_that_was_cut_short_is_fetched_again(server: Server, made: str, tmp_path: Path) -> None:
    for _ in range(2):
        with open_cdm(server.url(made), copy=tmp_path) as cdm:
            assert cdm.connection.execute("select count(*) from person").fetchall() == [(1,)]
        path = tmp_path / "person.parquet"
        path.write_bytes(path.read_bytes()[:50])


def test_a_value_changes_the_hash_of_older_servers_too(server: Server, made: str) -> None:
    with _transaction(place_of(server.url(made))) as cursor:
        one, same, other = (
            _state(cursor, "person", f"select {value} as person_id", 130_000) for value in ("1", "1", "2")
        )
    assert one == same
    assert one != other


def test_the_transaction_reads_only_and_sees_one_state(server: Server, made: str) -> None:
    with _transaction(place_of(server.url(made))) as cursor:
        cursor.execute("select current_setting('transaction_isolation'), current_setting('transaction_read_only')")
        assert cursor.fetchall() == [("repeatable read", "on")]
        with pytest.raises(adbc_driver_manager.Error, match="read-only transaction"):
            cursor.execute("create table t (x int)")


def test_schemas_are_found_or_named(server: Server) -> None:
    server.load("apart", ROWS, {"concept": "vocab", "concept_ancestor": "vocab"})
    server.execute(
        "apart",
        "create schema empty_one",
        "create table empty_one.concept (concept_id int, concept_name text)",
    )
    assert "2 schemas hold a table concept (empty_one, vocab); say which is meant" in said(server.url("apart"))
    assert rows(server.url("apart", vocabulary_schema="vocab"), "select concept_id from concept") == [(723013,)]
    assert "The schema vocb has no table concept" in said(server.url("apart", vocabulary_schema="vocb"))
    assert "The schema nowhere has no table person; schemas that have one: public" in said(
        server.url("apart", cdm_schema="nowhere")
    )


def test_a_schema_may_have_any_name(server: Server) -> None:
    name = "we\"ird'; drop table x; --"
    server.load("weird", ROWS, dict.fromkeys(ROWS, name))
    for url in (server.url("weird"), server.url("weird", cdm_schema=name, vocabulary_schema=name)):
        assert rows(url, "select year_of_birth from person") == [(1940,)]


def test_names_in_upper_case_and_unusual_types_are_read(server: Server) -> None:
    server.execute("postgres", "create database upper_case")
    server.execute(
        "upper_case",
        'create table "PERSON" ("PERSON_ID" numeric, "GENDER_CONCEPT_ID" smallint, "Year_of_Birth" text)',
        "insert into \"PERSON\" values (-3589912774911670, 8507, ' 1940 '), (2, 8532, 'x')",
        "create table observation_period (person_id bigint, observation_period_start_date timestamp, "
        "observation_period_end_date date)",
        "insert into observation_period values (-3589912774911670296, '2000-01-01 10:00', 'infinity')",
        "create table death (person_id int, death_date varchar(10))",
        "insert into death values (2, '20100301')",
        "create table drug_exposure (drug_exposure_id int, person_id int, drug_concept_id varchar(20), "
        "drug_exposure_start_date date)",
        "insert into drug_exposure values (1, 2, '723013', '2010-01-01'), (2, 2, 'none', '2010-01-01')",
    )
    with open_cdm(server.url("upper_case")) as cdm:
        told = [cdm.connection.execute(f"select * from {name} order by 1").fetchall() for name in ("death",)]
        people = cdm.connection.execute("select person_id, year_of_birth from person order by 1").fetchall()
        periods = cdm.connection.execute("from observation_period").fetchall()
        drugs = cdm.connection.execute("select drug_concept_id from drug_exposure").fetchall()
        cdm.survey(str)
        warnings = "\n".join(cdm.warnings)
    assert told == [[(2, dt.date(2010, 3, 1))]]
    assert people == [(-3589912774911670, 1940), (2, None)]
    assert periods == [(-3589912774911670296, dt.date(2000, 1, 1), None)]
    assert drugs == [(723013,)]
    assert "1 values of person.year_of_birth cannot be read as INTEGER" in warnings
    assert "table concept is missing" in warnings


def test_a_table_without_a_column_that_the_study_needs_is_a_problem(server: Server) -> None:
    server.load("narrow", ROWS | {"condition_occurrence": "(select 1 as person_id)"})
    with open_cdm(server.url("narrow")) as cdm:
        assert "table condition_occurrence has no column condition_concept_id, condition_start_date" in cdm.problems


@pytest.mark.parametrize(
    "location",
    ["postgresql://me:hunter2@db/cdm", "postgresql:///cdm?password=hunter2", "host=db dbname=cdm password=hunter2"],
)
def test_a_password_in_the_location_is_refused_before_anything_records_it(location: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="set PGPASSWORD") as error:
        RunSettings(cdm=location, out=str(tmp_path))
    assert "hunter2" not in str(error.value)
    for command in (["check"], ["run", "--out", str(tmp_path / "run")]):
        done = CliRunner().invoke(main, [*command, "--cdm", location])
        assert done.exit_code == 2
        assert "hunter2" not in done.output


def test_the_name_of_a_released_location_is_the_database_alone() -> None:
    assert released_location("postgresql://me@secret.host/cdm?cdm_schema=a") == "PostgreSQL database cdm"
    assert released_location("postgresql://secret.host") == "PostgreSQL database"
    assert released_location("/home/me/cdm.duckdb") == "cdm.duckdb"


def test_an_option_that_is_misspelt_is_named_in_a_url_too() -> None:
    assert "unknown option 'cdm_shema'; did you mean 'cdm_schema'?" in said("postgresql:///x?cdm_shema=a")


def test_a_password_may_come_from_a_file_or_a_service(
    server: Server, made: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGPASSWORD")
    assert "it asks for a password; set PGPASSWORD" in said(server.url(made))
    secret = tmp_path / "pgpass"
    secret.write_text(f"*:*:*:postgres:{PASSWORD}\n")
    secret.chmod(0o600)
    with monkeypatch.context() as environment:
        environment.setenv("PGPASSFILE", str(secret))
        assert rows(server.url(made), "select person_id from person") == [(1,)]
    service = tmp_path / "service"
    service.write_text(f"[here]\nhost={server.folder}\ndbname={made}\nuser=postgres\npassword={PASSWORD}\n")
    monkeypatch.setenv("PGSERVICEFILE", str(service))
    monkeypatch.setenv("PGSERVICE", "here")
    assert rows("postgresql://", "select person_id from person") == [(1,)]


def test_what_is_wrong_with_a_connection_is_said_with_its_cure(
    server: Server, made: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "it has no database of that name" in said(server.url("stranger"))
    assert "nothing answers at that address" in said("postgresql://127.0.0.1:1/x")
    assert "the server's name is not known here" in said("postgresql://stranger.invalid/x")
    assert "no server listens on this machine" in said("postgresql:///x?host=/nowhere")
    monkeypatch.setenv("PGPASSWORD", "wrong")
    assert "the user or the password is wrong" in said(server.url(made))
    monkeypatch.setenv("PGUSER", "stranger")
    assert "the user or the password is wrong" in said(server.url(made))
    monkeypatch.setenv("PGSERVICE", "stranger")
    assert "PGSERVICE names a service" in said(server.url(made))


def test_a_database_without_a_cdm_is_said_to_have_none(server: Server) -> None:
    assert "has no table person in any schema" in said(server.url("postgres"))


def test_tables_that_may_not_be_read_are_named(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.load("closed", ROWS)
    server.execute(
        "closed",
        f"create role reader login password '{PASSWORD}'",
        "grant select on person, observation_period, concept, concept_ancestor, condition_occurrence to reader",
    )
    monkeypatch.setenv("PGUSER", "reader")
    assert "You may not read 1 table(s) of the CDM: public.drug_exposure." in said(server.url("closed"))


SLOW = """
    create view drug_exposure as
    select g as drug_exposure_id, 1 as person_id, 723013 as drug_concept_id, date '2010-01-01' as
    drug_exposure_start_date, repeat('x', 9) || pg_sleep(0.01)::text as quantity
    from generate_series(1, 1000000) as g
"""


def test_a_server_that_dies_while_it_is_read_leaves_nothing_half(server: Server, tmp_path: Path) -> None:
    server.load("dying", {name: source for name, source in ROWS.items() if name != "drug_exposure"})
    server.execute("dying", SLOW)

    def die() -> None:
        while not (tmp_path / "observation_period.parquet").exists():
            time.sleep(0.05)
        time.sleep(0.5)
        server.stop("immediate")

    executioner = threading.Thread(target=die)
    executioner.start()
    try:
        with pytest.raises(TspoError) as error, open_cdm(server.url("dying"), copy=tmp_path):
            pass
    finally:
        executioner.join()
        server.start()
    assert "The connection to PostgreSQL was lost while drug_exposure was read" in str(error.value)
    assert error.value.exit_code == 1
    assert {path.name for path in tmp_path.iterdir()} == {"person.parquet", "observation_period.parquet"}


def test_a_statement_that_takes_longer_than_allowed_is_said_to(server: Server) -> None:
    server.load("slow", {name: source for name, source in ROWS.items() if name != "drug_exposure"})
    server.execute("slow", SLOW, "alter database slow set statement_timeout = '300ms'")
    assert "PostgreSQL stopped reading drug_exposure" in said(server.url("slow"), TspoError)


def test_a_value_that_the_server_cannot_read_is_not_shown(server: Server) -> None:
    server.load("broken", {name: source for name, source in ROWS.items() if name != "person"})
    server.execute(
        "broken", "create view person as select (repeat('4711', g))::int as person_id from generate_series(1, 9) as g"
    )
    assert said(server.url("broken"), TspoError) == (
        "PostgreSQL could not read person (SQLSTATE 22003); the server's own log says why."
    )


def test_check_reads_a_database(server: Server, made: str) -> None:
    done = CliRunner().invoke(main, ["check", "--cdm", server.url(made)])
    assert done.exit_code == 1
    assert "none of the <5 fills of study drugs has a strength" in done.output
    assert PASSWORD not in done.output
    assert os.environ["PGPASSWORD"] == PASSWORD


def test_an_option_with_a_space_reaches_the_library_as_it_is(server: Server, made: str) -> None:
    url = server.url(made).replace("?", "?application_name=tspo%20cohort&")
    with _transaction(place_of(url)) as cursor:
        cursor.execute("select current_setting('application_name')")
        assert cursor.fetchall() == [("tspo cohort",)]
