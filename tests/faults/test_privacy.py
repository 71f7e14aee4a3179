"""No id and no date of a patient leaves private/: planted ones are looked for in everything else that runs leave.

Ids are moved to some million million, and all dates by four hundred years, which are the same number of days for every
date, so that the study is the same; conditions of one person in seven get one day, which is looked for in other forms
too. Runs that end well, that are refused and that fail on the way are searched alike, with Prefect told to keep all
that it can.
"""

import re
import subprocess
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tests.faults.unorchestrated import LEAN
from tests.processes import tspo

FIRST = 991_234_000_000
CANARY = re.compile(rb"9912340\d{5}|\b24\d\d-[01]\d-[0-3]\d|24030313|13 March 2403|13\.03\.2403|03/13/2403")
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
            later(file, name)
            for column, tables in MOVED.items():
                has = file.execute(f"select 1 from duckdb_columns() where table_name = '{name}' and database_name = "
                                   f"'cdm' and column_name = '{column}'").fetchall()  # fmt: skip
                if name in tables and has:
                    file.execute(f"alter table {name} alter {column} type bigint")
                    file.execute(f"update {name} set {column} = {column} + {FIRST}")
        file.execute("update condition_occurrence set condition_start_date = date '2403-03-13' where person_id % 7 = 0")
    return copy


def later(file: duckdb.DuckDBPyConnection, table: str) -> None:
    """Move a table of patients by four hundred years."""
    query = "select column_name, data_type from duckdb_columns() where database_name = 'cdm' and table_name = $1"
    kinds = dict(file.execute(query, [table]).fetchall())
    if "person_id" not in kinds:
        return
    for column, kind in kinds.items():
        if column == "year_of_birth":
            file.execute(f"update {table} set {column} = {column} + 400")
        elif kind in ("DATE", "TIMESTAMP"):
            file.execute(f"update {table} set {column} = cast({column} + interval 400 year as {kind})")


def places_of_a_run(folder: Path, home: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Where a run leaves something, and the environment that says so."""
    places = {"run": folder / "run", "prefect": home, "temporary": folder / "temporary"}
    places["temporary"].mkdir()
    greedy = {"PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true", "PREFECT_LOGGING_LEVEL": "DEBUG"}
    return places, greedy | {"TMPDIR": str(places["temporary"])}


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
    marked: Path, tmp_path: Path, own_home: Path
) -> None:
    places, environment = places_of_a_run(tmp_path, own_home)
    done = tspo("run", "--cdm", marked, "--out", places["run"], "--protocol", LEAN, home=own_home, **environment)
    assert done.returncode in (0, 3), done.stderr
    assert not CANARY.search(told(done))
    assert {name: canaries(place) for name, place in places.items()} == {"run": [], "prefect": [], "temporary": []}
    kept = b"".join(path.read_bytes() for path in places["prefect"].rglob("*") if path.is_file())
    assert b"tspo-study" in kept  # Prefect's own database was among what was searched
    assert [path for path in places["prefect"].glob("storage/*") if path.is_file()] == []  # no result of a task is kept
    assert (places["run"] / "private").stat().st_mode & 0o077 == 0
    again = tspo("report", places["run"])
    assert not CANARY.search(told(again))


@pytest.mark.parametrize("command", ["check", "codes"])
def test_what_is_told_before_a_run_names_nobody(marked: Path, command: str) -> None:
    done = tspo(command, "--cdm", marked)
    assert done.returncode == 0, done.stderr
    assert not CANARY.search(told(done))


def test_a_run_that_fails_on_the_way_leaves_nothing_of_a_patient(marked: Path, tmp_path: Path, own_home: Path) -> None:
    """A view that fails when a value of it is read: the engine's own message would quote the value."""
    places, environment = places_of_a_run(tmp_path, own_home)
    broken = tmp_path / "broken.duckdb"
    broken.write_bytes(marked.read_bytes())
    with duckdb.connect(str(broken)) as file:
        file.execute("alter table drug_exposure rename to kept")
        file.execute(
            "create view drug_exposure as select * replace ("
            f"if(person_id % 5 = 0, error('{WORD.decode()} ' || person_id || ' 2403-03-13'), quantity) as quantity) "
            "from kept"
        )
    done = tspo("run", "--cdm", broken, "--out", places["run"], "--protocol", LEAN, home=own_home, **environment)
    assert done.returncode == 1, done.stderr
    assert not CANARY.search(told(done))
    assert WORD not in told(done)
    assert {name: canaries(place) for name, place in places.items()} == {"run": [], "prefect": [], "temporary": []}
