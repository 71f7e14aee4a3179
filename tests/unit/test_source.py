"""The door: any CDM that people have, opened read-only, with names and types of the study."""

import datetime as dt
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from cohort.cdm import CDM_TABLES
from cohort.errors import CannotStudy, UsageError
from cohort.source import Resources, open_cdm

Folder = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    def make(**files: str) -> Path:
        for name, text in files.items():
            (tmp_path / name.replace("__", ".")).write_text(text)
        return tmp_path

    return make


PERSON = "PERSON_ID,Gender_Concept_Id,year_of_birth,month_of_birth\n-3589912774911670296,8532,1940,\n2,8507,1950,x\n"


def test_names_in_any_case_and_ids_beyond_32_bits(folder: Folder) -> None:
    with open_cdm(str(folder(PERSON__csv=PERSON))) as cdm:
        rows = cdm.connection.execute(
            "select person_id, month_of_birth, day_of_birth from person order by 1"
        ).fetchall()
    assert rows == [(-3589912774911670296, None, None), (2, None, None)]


@pytest.mark.parametrize("text", ["2010-03-01", "20100301", "2010-03-01 00:00:00"])
def test_text_dates_are_read_in_every_usual_form(folder: Folder, text: str) -> None:
    death = folder(person__csv=PERSON, death__csv=f"person_id,death_date\n2,{text}\n")
    with open_cdm(str(death)) as cdm:
        assert cdm.connection.execute("select death_date from death").fetchall() == [(dt.date(2010, 3, 1),)]


def test_what_cannot_be_read_is_counted_not_dropped_in_silence(folder: Folder) -> None:
    with open_cdm(str(folder(person__csv=PERSON))) as cdm:
        cdm.survey(str)
    assert "1 values of person.month_of_birth cannot be read as INTEGER and count as missing" in cdm.warnings


def test_decimal_quantities_keep_their_digits(tmp_path: Path) -> None:
    path = tmp_path / "d.duckdb"
    with duckdb.connect(str(path)) as file:
        file.execute("create table drug_strength (drug_concept_id int, ingredient_concept_id int, amount_value double)")
        file.execute("insert into drug_strength values (1, 2, 0.0625)")
    with open_cdm(str(path)) as cdm:
        assert cdm.connection.execute("select amount_value from drug_strength").fetchall() == [(0.0625,)]


def test_a_missing_required_table_stops_the_study_and_an_optional_one_warns(folder: Folder) -> None:
    with open_cdm(str(folder(person__csv=PERSON))) as cdm:
        assert "table condition_occurrence is missing" in cdm.problems
        assert any(w.startswith("table concept_ancestor is missing: ") for w in cdm.warnings)
        with pytest.raises(CannotStudy, match="table drug_exposure is missing"):
            cdm.require()


def test_a_missing_required_column_is_named(folder: Folder) -> None:
    with open_cdm(str(folder(person__csv="person_id,year_of_birth\n1,1940\n"))) as cdm:
        assert "table person has no column gender_concept_id" in cdm.problems


def test_every_view_exists_even_where_the_table_does_not(folder: Folder) -> None:
    with open_cdm(str(folder(person__csv=PERSON))) as cdm:
        for table in CDM_TABLES:
            described = cdm.connection.execute(f"describe {table.name}").fetchall()
            assert [(c[0], c[1]) for c in described] == [(c.name, c.type) for c in table.columns]


def test_the_cdm_is_opened_read_only(small_cdm: Path) -> None:
    before = small_cdm.read_bytes()
    with open_cdm(str(small_cdm)) as cdm, pytest.raises(duckdb.Error, match="read-only"):
        cdm.connection.execute("delete from cdm_file.main.person")
    assert small_cdm.read_bytes() == before


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("nowhere.duckdb", "There is no CDM at"),
        ("oracle://db", "no CDM that can be opened"),
        ("{tmp}/notes.txt", "neither a .duckdb file nor a folder"),
        ("{tmp}/broken.duckdb", "it is no DuckDB database"),
        ("{tmp}/empty", "holds no Parquet or CSV file named by a CDM table"),
    ],
)
def test_a_wrong_location_is_a_clear_error(tmp_path: Path, location: str, message: str) -> None:
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "broken.duckdb").write_bytes(b"no database at all" * 1000)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError) as error, open_cdm(location.format(tmp=tmp_path)):
        pass
    assert message in str(error.value)
    assert "\n" not in str(error.value)


WRITER = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
connection.execute("create table t (x int)")
print("ready", flush=True)
sys.stdin.read()
"""


def test_a_file_that_is_being_written_is_said_to_be_busy(tmp_path: Path) -> None:
    path = tmp_path / "busy.duckdb"
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        with pytest.raises(UsageError, match="another process is writing to it"), open_cdm(str(path)):
            pass
        writer.communicate(b"")


def test_an_amount_of_memory_that_is_none_is_a_usage_error(small_cdm: Path) -> None:
    with (
        pytest.raises(UsageError, match="--memory takes an amount"),
        open_cdm(str(small_cdm), Resources(memory="lots")),
    ):
        pass
