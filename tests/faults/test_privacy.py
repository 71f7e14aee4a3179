"""No id and no date of a patient leaves private/: planted ones are looked for in everything else that runs leave.

Ids are moved beyond a million million, and every condition of one person in seven gets the same day; both would be
recognised in any text. Runs that end well, that are refused and that fail on the way are searched alike.
"""

import re
import subprocess
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tests.faults.conftest import Tspo
from tests.faults.unorchestrated import LEAN

FIRST = 991_234_000_000
CANARY = re.compile(rb"9912340\d{5}|2003-03-13|20030313|13 March 2003|13\.03\.2003|03/13/2003")
WORD = b"Cassandra"
MOVED = {
    "person_id": ("person", "observation_period", "drug_exposure", "condition_occurrence", "death", "observation",
                  "visit_occurrence"),
    "drug_exposure_id": ("drug_exposure",),
    "condition_occurrence_id": ("condition_occurrence",),
}  # fmt: skip


@pytest.fixture(scope="module")
def marked(small_cdm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small CDM with canaries."""
    copy = tmp_path_factory.mktemp("marked") / "cdm.duckdb"
    with duckdb.connect(str(copy)) as file:
        file.execute(f"attach '{small_cdm}' as old (read_only)")
        names = file.execute("select table_name from duckdb_tables() where database_name = 'old'").fetchall()
        for (name,) in names:
            file.execute(f"create table {name} as from old.{name}")
            for column, tables in MOVED.items():
                has = file.execute(f"select 1 from duckdb_columns() where table_name = '{name}' and database_name = "
                                   f"'cdm' and column_name = '{column}'").fetchall()  # fmt: skip
                if name in tables and has:
                    file.execute(f"alter table {name} alter {column} type bigint")
                    file.execute(f"update {name} set {column} = {column} + {FIRST}")
        file.execute("update condition_occurrence set condition_start_date = date '2003-03-13' where person_id % 7 = 0")
    return copy


def canaries(folder: Path) -> list[str]:
    """Files below a folder, but for private/, that hold a canary; Parquet is read, for it is compressed."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file() and "private" not in path.relative_to(folder).parts:
            content = path.read_bytes()
            if path.suffix == ".parquet":
                content += pl.read_parquet(path, glob=False).write_csv().encode()
            if CANARY.search(content) or WORD in content:
                found.append(path.name)
    return found


def told(done: "subprocess.CompletedProcess[str]") -> bytes:
    return (done.stdout + done.stderr).encode()


def test_the_search_finds_what_is_planted(marked: Path, tmp_path: Path) -> None:
    """In the CDM itself, and in the tables that stay private."""
    with duckdb.connect(str(marked), read_only=True) as file:
        rows = file.sql("select person_id, condition_start_date from condition_occurrence limit 2000").pl()
    (tmp_path / "leak.csv").write_text(rows.write_csv())
    rows.write_parquet(tmp_path / "leak.parquet")
    assert sorted(canaries(tmp_path)) == ["leak.csv", "leak.parquet"]


def test_a_run_that_ends_well_leaves_nothing_of_a_patient_outside_private(
    marked: Path, tmp_path: Path, tspo: Tspo
) -> None:
    places = {name: tmp_path / name for name in ("run", "prefect", "temporary")}
    places["temporary"].mkdir()
    environment = {"PREFECT_HOME": str(places["prefect"]), "TMPDIR": str(places["temporary"])}
    done = tspo("run", "--cdm", marked, "--out", places["run"], "--protocol", LEAN, environment=environment)
    assert done.returncode in (0, 3), done.stderr
    assert not CANARY.search(told(done))
    assert {name: canaries(place) for name, place in places.items()} == {"run": [], "prefect": [], "temporary": []}
    kept = b"".join(path.read_bytes() for path in places["prefect"].rglob("*") if path.is_file())
    assert b"tspo-study" in kept  # Prefect's own database was among what was searched
    assert (places["run"] / "private").stat().st_mode & 0o077 == 0
    again = tspo("report", places["run"])
    assert not CANARY.search(told(again))


@pytest.mark.parametrize("command", ["check", "codes"])
def test_what_is_told_before_a_run_names_nobody(marked: Path, tspo: Tspo, command: str) -> None:
    done = tspo(command, "--cdm", marked)
    assert done.returncode == 0, done.stderr
    assert not CANARY.search(told(done))


def test_a_run_that_fails_on_the_way_leaves_nothing_of_a_patient(marked: Path, tmp_path: Path, tspo: Tspo) -> None:
    """A view that fails when a value of it is read: the engine's own message would quote the value."""
    places = {name: tmp_path / name for name in ("run", "prefect", "temporary")}
    places["temporary"].mkdir()
    broken = tmp_path / "broken.duckdb"
    broken.write_bytes(marked.read_bytes())
    with duckdb.connect(str(broken)) as file:
        file.execute("alter table drug_exposure rename to kept")
        file.execute(
            "create view drug_exposure as select * replace ("
            f"if(person_id % 5 = 0, error('{WORD.decode()} ' || person_id || ' 2003-03-13'), quantity) as quantity) "
            "from kept"
        )
    environment = {"PREFECT_HOME": str(places["prefect"]), "TMPDIR": str(places["temporary"])}
    done = tspo("run", "--cdm", broken, "--out", places["run"], "--protocol", LEAN, environment=environment)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert not CANARY.search(told(done))
    assert WORD not in told(done)
    assert {name: canaries(place) for name, place in places.items()} == {"run": [], "prefect": [], "temporary": []}
