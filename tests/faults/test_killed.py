"""A run that is killed, wherever it is, goes on where it was and ends as if nothing had happened."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults.conftest import difference, unfinished_files
from tests.faults.unorchestrated import LEAN
from tests.processes import environment, tspo

MOST = 100
"""Lives of a run, at the very most."""
FILES_OF_A_RELEASE = 40


def lives(cdm: Path, out: Path, number: int) -> bool:
    """Run, and be killed before the file of this number appears; whether the run lived to its end."""
    command = [sys.executable, "-m", "tests.faults.unorchestrated", str(cdm), str(out), str(number)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode == 0


@pytest.fixture(scope="module")
def undisturbed(small_cdm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run without being killed."""
    out = tmp_path_factory.mktemp("alive") / "run"
    assert lives(small_cdm, out, 0)
    return out


def test_a_run_that_is_killed_again_and_again_ends_as_if_nothing_had_happened(
    small_cdm: Path, tmp_path: Path, undisturbed: Path
) -> None:
    """The files of the release are written anew each time: a life must be longer than they are many."""
    out, deaths = tmp_path / "run", 0
    while not lives(small_cdm, out, 1 + FILES_OF_A_RELEASE):
        deaths += 1
        assert deaths < MOST, "the run makes no progress"
    assert deaths >= 3
    assert unfinished_files(out) == []
    assert difference(out, undisturbed) == []


@pytest.mark.slow
def test_a_run_may_be_killed_before_every_file(small_cdm: Path, tmp_path: Path, undisturbed: Path) -> None:
    """Before each table and model, a life for each; and then before each file of the release."""
    out, deaths, there = tmp_path / "run", 0, -1
    while (now := private_files(out)) > there:
        there = now
        deaths += not lives(small_cdm, out, 2)
    number = 1
    while not lives(small_cdm, out, number):
        number += 1
        assert number < MOST
    inputs = sum(1 for _ in (out / "private").rglob("inputs/*.parquet"))
    assert deaths >= private_files(out) - inputs > 50, "no life made two tables or models"
    assert number >= len([*(out / "release").iterdir()])
    assert difference(out, undisturbed) == []


def private_files(out: Path) -> int:
    return sum(1 for path in (out / "private").rglob("*") if path.suffix in (".parquet", ".json"))


def new_tables(out: Path) -> int:
    return sum(1 for _ in (out / "private").rglob("*.parquet")) if out.exists() else 0


@pytest.mark.parametrize("tables", [30, pytest.param(75, marks=pytest.mark.slow)])
def test_tspo_run_killed_and_started_again_gives_the_same_release(
    small_cdm: Path, tmp_path: Path, finished: Path, prefect_home: Path, tables: int
) -> None:
    out = tmp_path / "run"
    command = ["run", "--cdm", str(small_cdm), "--out", str(out), "--protocol", str(LEAN)]
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", *command],
        env=environment(prefect_home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while new_tables(out) < tables and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # Prefect's server, which outlives a run that is killed
    assert not (out / "release" / "run.json").exists()
    refused = tspo("report", out)
    assert (refused.returncode, "holds no finished run" in refused.stderr) == (2, True)
    again = tspo(*command, home=prefect_home)
    assert again.returncode in (0, 3), again.stderr
    assert difference(out, finished) == []
    explained = tspo(*command, "--explain")
    assert "; 0 are to be made." in explained.stdout
