"""A CDM in a DuckDB file: whoever else reads it, whatever schema it is in, and files that are none."""

import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from cohort.errors import UsageError
from cohort.fingerprint import stamp
from cohort.source import open_cdm, released_location, with_vocabulary_of
from tests.doors.identity import without_rights
from tests.doors.writers import duckdb_file

PERSON = "(select 1 as person_id, 8507 as gender_concept_id, 1940 as year_of_birth)"
CONCEPT = "(select 723013 as concept_id, 'diazepam' as concept_name)"
VOCABULARY = "(select 'RxNorm' as vocabulary_id)"
NOTHING = "(select 1 as concept_id, 'x' as concept_name where false)"

READER = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1], read_only=True)
print(connection.execute("select count(*) from person").fetchall(), flush=True)
sys.stdin.read()
"""


def said(location: str) -> str:
    """The one line of the error."""
    with pytest.raises(UsageError) as error, open_cdm(location):
        pass
    assert "\n" not in str(error.value)
    return str(error.value)


def names(location: str) -> list[str]:
    with open_cdm(location) as cdm:
        return [name for (name,) in cdm.connection.execute("select concept_name from concept").fetchall()]


def test_a_file_that_another_process_reads_is_read_too(tmp_path: Path) -> None:
    path = duckdb_file({"person": PERSON}, tmp_path / "cdm.duckdb")
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline()
        with open_cdm(str(path)) as cdm:
            assert cdm.connection.execute("select person_id from person").fetchall() == [(1,)]
        other.communicate(b"")


def test_patients_and_vocabulary_may_be_in_schemas_of_their_own(tmp_path: Path) -> None:
    path = duckdb_file(
        {"person": PERSON, "concept": CONCEPT}, tmp_path / "cdm.duckdb", {"person": "CDM 5", "concept": "vocab"}
    )
    with open_cdm(str(path)) as cdm:
        assert cdm.connection.execute("select person_id from person").fetchall() == [(1,)]
    assert names(str(path)) == ["diazepam"]


def with_two(tmp_path: Path, other: str) -> Path:
    path = duckdb_file({"person": PERSON, "concept": CONCEPT}, tmp_path / "cdm.duckdb", {"concept": "vocab"})
    with duckdb.connect(str(path)) as file:
        file.execute(f"create table main.concept as select * from {other}")
    return path


def test_a_table_that_only_its_ddl_has_made_yields_to_the_one_with_rows(tmp_path: Path) -> None:
    assert names(str(with_two(tmp_path, NOTHING))) == ["diazepam"]


def test_a_table_with_rows_in_two_schemas_is_refused_until_one_is_named(tmp_path: Path) -> None:
    path = with_two(tmp_path, "(select 2 as concept_id, 'old' as concept_name)")
    assert "holds table concept in the schemas main, vocab" in said(str(path))
    assert names(f"{path}?vocabulary_schema=vocab") == ["diazepam"]
    assert names(f"{path}?vocabulary_schema=main") == ["old"]
    assert "no CDM tables in a schema vocb; schemas that have some: main, vocab" in said(
        f"{path}?vocabulary_schema=vocb"
    )


def test_the_vocabulary_may_be_that_of_another_cdm(tmp_path: Path) -> None:
    people = "(select 7 as person_id, 8507 as gender_concept_id, 1940 as year_of_birth)"
    own = duckdb_file({"person": PERSON, "concept": CONCEPT, "vocabulary": VOCABULARY}, tmp_path / "own.duckdb")
    other = duckdb_file(
        {"person": people, "concept": "(select 2 as concept_id, 'old' as concept_name)"}, tmp_path / "other.duckdb"
    )
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "concept.csv").write_text("concept_id,concept_name\n3,written\n")
    for lender, name in ((other, "old"), (folder, "written"), (own, "diazepam")):
        location = with_vocabulary_of(str(own), str(lender))
        assert names(location) == [name]
        with open_cdm(location) as cdm:
            assert cdm.connection.execute("select person_id from person").fetchall() == [(1,)]
            (left,) = cdm.connection.execute("select count(*) from vocabulary").fetchall()
            assert left == ((1,) if lender == own else (0,)), "what the other lacks is missing, and not taken from here"
    assert names(with_vocabulary_of(str(folder), str(own))) == ["diazepam"]


def test_schemas_of_one_file_may_lend_each_other_their_vocabulary(tmp_path: Path) -> None:
    path = with_two(tmp_path, "(select 2 as concept_id, 'old' as concept_name)")
    location = f"{path}?vocabulary_schema=vocab"
    assert names(with_vocabulary_of(location, f"{path}?vocabulary_schema=main")) == ["old"]


def test_a_vocabulary_that_cannot_be_lent_is_refused_and_a_run_waits_for_both_files(tmp_path: Path) -> None:
    path = duckdb_file({"person": PERSON, "concept": CONCEPT}, tmp_path / "cdm.duckdb")
    other = Path(shutil.copy(path, tmp_path / "other.duckdb"))
    takes = "vocabulary_cdm takes a .duckdb file or a folder"
    assert takes in said(with_vocabulary_of(str(path), "postgresql://host/database"))
    assert takes in said(with_vocabulary_of(str(path), with_vocabulary_of(str(path), str(path))))
    assert "There is no CDM at" in said(with_vocabulary_of(str(path), str(tmp_path / "gone.duckdb")))
    location = with_vocabulary_of(str(path), str(other))
    before = stamp(location)
    with duckdb.connect(str(other)) as file:
        file.execute("insert into concept values (4, 'new')")
    assert stamp(location) != before
    assert released_location(location) == "cdm.duckdb, vocabulary of other.duckdb"


def test_an_option_that_is_misspelt_is_named(tmp_path: Path) -> None:
    path = duckdb_file({"person": PERSON}, tmp_path / "cdm.duckdb")
    assert "unknown option 'schema'; did you mean 'cdm_schema'?" in said(f"{path}?cdm_schema=main&schema=x")


@pytest.mark.parametrize("kept", [5_000, 20_000, 300_000])
def test_a_file_that_is_cut_short_is_said_to_be(tmp_path: Path, kept: int) -> None:
    people = "(select range as person_id, 8507 as gender_concept_id, 1940 as year_of_birth from range(300000))"
    path = duckdb_file({"person": people}, tmp_path / "cdm.duckdb")
    path.write_bytes(path.read_bytes()[:kept])
    assert said(str(path)) == f"{path} cannot be opened: it is cut short or damaged; copy it again."


def test_a_file_that_is_damaged_inside_is_said_to_be(tmp_path: Path) -> None:
    people = "(select range as person_id, hash(range) as gender_concept_id, 1940 as year_of_birth from range(300000))"
    path = duckdb_file({"person": people}, tmp_path / "cdm.duckdb")
    content = bytearray(path.read_bytes())
    for place in range(20_000, len(content) - 300_000, 1_000):
        content[place] ^= 255
    path.write_bytes(content)
    with pytest.raises(UsageError, match="cut short, damaged or no database"), open_cdm(str(path)) as cdm:
        cdm.connection.execute("select sum(gender_concept_id), max(person_id) from person").fetchall()


def test_a_file_that_may_not_be_read_is_said_so(tmp_path: Path) -> None:
    path = duckdb_file({"person": PERSON}, tmp_path / "cdm.duckdb")
    path.chmod(0)
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(0o755)
    with without_rights():
        assert said(str(path)) == f"{path} cannot be opened: you may not read it; ask for the right to."


def test_a_folder_with_the_name_of_a_file_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "cdm.duckdb").mkdir()
    assert "is an empty folder and no DuckDB file" in said(str(tmp_path / "cdm.duckdb"))
