"""A folder belongs to one run at a time, and is free again however that run ended."""

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from cohort.errors import UsageError
from cohort.run import RunFolder

HOLD = """
import sys
from pathlib import Path
from cohort.run import RunFolder

with RunFolder(Path(sys.argv[1])).opened():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> "Iterator[subprocess.Popen[str]]":
    """Another process, which has the folder `run` and waits."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_run_on_a_folder_is_told_whose_it_is(holder: "subprocess.Popen[str]", tmp_path: Path) -> None:
    kept = tmp_path / "run" / "release" / "run.json"
    kept.write_text("{}")
    with pytest.raises(UsageError) as error, RunFolder(tmp_path / "run").opened():
        pass
    whose = rf"Another run \(process {holder.pid}, since \d{{4}}-\d\d-\d\d \d\d:\d\d UTC\) is writing to "
    assert pytest.RaisesExc(UsageError, match=whose).matches(error.value)
    assert "Wait until it is done, or choose another --out." in str(error.value)
    assert kept.exists()
    with RunFolder(tmp_path / "other").opened():
        assert (tmp_path / "other" / "private").is_dir()


def test_the_folder_of_a_run_that_was_killed_is_free(holder: "subprocess.Popen[str]", tmp_path: Path) -> None:
    """And what it had begun to write is taken away."""
    whole, begun = (tmp_path / "run" / "private" / name for name in ("dose.parquet", "cohort.parquet.part.4711"))
    others = tmp_path / "run" / "film.part.1.mkv", tmp_path / "run" / "nightly" / "private" / "dose.parquet.part.99"
    others[1].parent.mkdir(parents=True)
    for other in others:
        other.touch()
    whole.touch()
    begun.touch()
    holder.kill()
    holder.wait()
    with RunFolder(tmp_path / "run").opened():
        assert (whole.exists(), begun.exists()) == (True, False)
        assert all(other.exists() for other in others), "what is not of this run stays"


def test_a_lock_that_was_taken_away_while_it_was_got_is_got_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run before has ended and taken its empty folder away, between our opening the lock and having it."""
    real, calls = fcntl.flock, []

    def flock(file: IO[str], how: int) -> None:
        calls.append(file)
        if len(calls) == 1:
            shutil.rmtree(tmp_path / "run")
        real(file, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with RunFolder(tmp_path / "run").opened():
        assert len(calls) == 2
        with (tmp_path / "run" / "private" / "lock").open() as lock, pytest.raises(BlockingIOError):
            real(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_run_that_never_began_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), RunFolder(tmp_path / "deep" / "run").opened():
        _ = 1 / 0
    assert not (tmp_path / "deep" / "run").exists()
