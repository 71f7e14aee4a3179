"""Nothing of a patient is in what Prefect keeps: its database and every file of its home, after success and failure.

The persons of this CDM are recognisable: their identifiers begin at 990 thousand million, and their dates lie in the
25th century. Four hundred years are the same number of days for every date, so that the study is the same.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tests.flows.conftest import SHORT

ROOT = Path(__file__).resolve().parents[2]
CANARY = re.compile(rb"9900000\d{5}|\b24\d\d-[01]\d-[0-3]\d")
FAULT = """
import flows
from prefect import flow, task
from cohort.study import RunSettings
from flows.faults import contained
from flows.notices import tell_outcome

pytestmark = pytest.mark.slow

def build(settings):
    raise ValueError("person 990000000042 was born on 2441-02-03")

if {guarded}:
    build = contained(build)

@flow(on_failure=[tell_outcome])
def short(settings: RunSettings):
    return task(build)(settings)

short(RunSettings(cdm="a.duckdb", out={out!r}), return_state=True)
"""


@pytest.fixture(scope="session", autouse=True)
def prefect_server() -> None:
    """Every run here has a server and a home of its own."""


@pytest.fixture(scope="module")
def canaries(small_cdm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("canary") / "cdm.duckdb"
    shutil.copy(small_cdm, path)
    with duckdb.connect(str(path)) as connection:
        query = "select table_name, column_name, data_type from duckdb_columns() where not internal"
        columns = connection.execute(query).fetchall()
        tables = {table for table, column, _ in columns if column == "person_id"}
        for table, column, kind in columns:
            if table not in tables:
                continue
            if column == "person_id":
                connection.execute(f"alter table {table} alter person_id type bigint")
                connection.execute(f"update {table} set person_id = person_id + 990000000000")
            elif column == "year_of_birth":
                connection.execute(f"update {table} set {column} = {column} + 400")
            elif kind in ("DATE", "TIMESTAMP"):
                later = f"cast({column} + interval 400 year as {kind})"
                connection.execute(f"update {table} set {column} = {later}")
    return path


def python(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A process with a Prefect home of its own, which keeps results unless it is told otherwise."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    environment |= {"PREFECT_HOME": str(home), "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true"}
    environment["PREFECT_LOGGING_LEVEL"] = "DEBUG"
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=300, check=False)


def kept(home: Path) -> dict[str, set[bytes]]:
    """File of Prefect's home -> what there is of a patient in it; the database must be there."""
    files = [path for path in home.rglob("*") if path.is_file()]
    assert "prefect.db" in {path.name for path in files}
    found = {str(path.relative_to(home)): set(CANARY.findall(path.read_bytes())) for path in files}
    return {name: values for name, values in found.items() if values}


def test_a_run_that_succeeds_leaves_nothing_of_a_patient_in_prefect(canaries: Path, tmp_path: Path) -> None:
    changes = [word for change in SHORT for word in ("--set", change)]
    home, out = tmp_path / "home", tmp_path / "run"
    done = python(home, "-m", "flows.cli", "run", "--cdm", str(canaries), "--out", str(out), *changes)
    assert done.returncode in (0, 3), done.stderr
    assert pl.read_parquet(out / "private" / "cohort.parquet").get_column("person_id").min() > 990_000_000_000  # type: ignore[operator]
    assert kept(home) == {}
    assert not CANARY.search((done.stdout + done.stderr).encode())
    names = [path.name for path in (home / "storage").rglob("*")] if (home / "storage").exists() else []
    assert names == [], "no result is kept, whatever is set"


def test_a_run_that_fails_leaves_nothing_of_a_patient_in_prefect(canaries: Path, tmp_path: Path) -> None:
    """A folder lies where a table must go: a failure that nobody foresaw."""
    home, out = tmp_path / "home", tmp_path / "run"
    (out / "private" / "person_time.parquet").mkdir(parents=True)
    done = python(home, "-m", "flows.cli", "run", "--cdm", str(canaries), "--out", str(out))
    assert done.returncode == 1
    assert "a fault of this program (IsADirectoryError)" in done.stderr
    assert "private/fault.txt" in done.stderr
    assert "IsADirectoryError" in (out / "private" / "fault.txt").read_text()
    assert kept(home) == {}


@pytest.mark.parametrize("guarded", [True, False])
def test_the_text_of_an_error_reaches_prefect_only_where_a_task_is_not_contained(tmp_path: Path, guarded: bool) -> None:
    """The search finds what there is: without `contained`, Prefect keeps the text in its database and its storage."""
    home, out = tmp_path / "home", tmp_path / "run"
    (tmp_path / "short.py").write_text(FAULT.format(guarded=guarded, out=str(out)))
    done = python(home, str(tmp_path / "short.py"))
    found = {value for values in kept(home).values() for value in values}
    assert found == (set() if guarded else {b"990000000042", b"2441-02-03"})
    assert bool(CANARY.search(done.stderr.encode())) is not guarded
    if guarded:
        assert "990000000042 was born" in (out / "private" / "fault.txt").read_text()
