"""Which CDM is this: the same content has the same fingerprint wherever it lies, and any change has another."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from cohort.cdm import CDM_TABLES
from cohort.errors import TspoError
from cohort.fingerprint import fingerprint, require_same, stamp
from cohort.source import open_cdm

Changed = Callable[[str], Path]


@pytest.fixture(scope="module")
def known(small_cdm: Path) -> dict[str, str]:
    return fingerprint_of(small_cdm)


@pytest.fixture
def changed(small_cdm: Path, tmp_path: Path) -> Changed:
    def make(statement: str) -> Path:
        copy = tmp_path / "other name.duckdb"
        copy.write_bytes(small_cdm.read_bytes())
        with duckdb.connect(str(copy)) as file:
            file.execute(statement)
        return copy

    return make


def fingerprint_of(location: Path) -> dict[str, str]:
    with open_cdm(str(location)) as cdm:
        return fingerprint(cdm.connection)


def test_every_table_of_the_cdm_has_one(known: dict[str, str]) -> None:
    assert list(known) == [table.name for table in CDM_TABLES]
    assert len(set(known.values())) == len(known)


def test_neither_place_nor_time_nor_order_of_rows_matters(changed: Changed, known: dict[str, str]) -> None:
    turned = "create or replace table drug_exposure as select * from drug_exposure order by drug_exposure_id desc"
    assert fingerprint_of(changed(turned)) == known


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        ("drug_exposure", "update drug_exposure set quantity = quantity + 1 where rowid = 7"),
        ("drug_exposure", "update drug_exposure set days_supply = days_supply + 1 where rowid = 7"),
        ("drug_exposure", "insert into drug_exposure select * from drug_exposure where rowid = 7"),
        ("person", "delete from person where rowid = 7"),
        ("vocabulary", "update vocabulary set vocabulary_version = 'another' where rowid = 0"),
        ("cdm_source", "update cdm_source set cdm_source_name = 'another'"),
    ],
)
def test_a_change_is_seen_in_its_table_alone(
    changed: Changed, known: dict[str, str], table: str, statement: str
) -> None:
    found = fingerprint_of(changed(statement))
    assert [name for name in known if found[name] != known[name]] == [table]


def test_a_column_that_the_study_does_not_read_may_change(changed: Changed, known: dict[str, str]) -> None:
    assert fingerprint_of(changed("alter table person add column note varchar default 'x'")) == known


def test_a_cdm_that_is_written_to_or_replaced_is_no_longer_the_same(changed: Changed, small_cdm: Path) -> None:
    copy = changed("select 1")
    before = stamp(str(copy))
    require_same(str(copy), before)
    other = copy.with_name("new.duckdb")
    other.write_bytes(small_cdm.read_bytes())
    other.replace(copy)
    with pytest.raises(TspoError, match="The CDM changed while the run was reading it"):
        require_same(str(copy), before)
    copy.unlink()
    with pytest.raises(TspoError, match="The CDM changed"):
        require_same(str(copy), before)


def test_a_file_more_in_a_folder_is_a_change(tmp_path: Path) -> None:
    (tmp_path / "person.csv").write_text("person_id\n")
    before = stamp(str(tmp_path))
    (tmp_path / "death.csv").write_text("person_id\n")
    assert stamp(str(tmp_path)) != before


def test_a_server_has_no_files() -> None:
    assert stamp("postgresql://localhost/cdm") == ""
