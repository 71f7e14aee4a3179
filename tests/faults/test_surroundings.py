"""Nights are rough: no room on the disk, little memory, another language, strange paths, a CDM that changes."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from cohort.analyses import PRIMARY
from cohort.errors import TspoError
from cohort.study import RunSettings, build_tables, prepare_run
from tests.faults.conftest import difference, unfinished_files
from tests.faults.unorchestrated import LEAN
from tests.processes import tspo


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    place = tmp_path / "small disk"
    place.mkdir()
    mount("-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place))
    yield place
    subprocess.run(["umount", str(place)], check=True)


def mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")


def test_a_full_disk_is_said_and_with_room_the_run_goes_on(
    small_cdm: Path, small_disk: Path, finished: Path, prefect_home: Path
) -> None:
    out = small_disk / "run"
    command = ("run", "--cdm", small_cdm, "--out", out, "--protocol", LEAN)
    done = tspo(*command, home=prefect_home)
    assert done.returncode == 1, done.stderr
    assert "disk is full; free space where --out lies" in done.stderr
    assert "Traceback" not in done.stderr
    assert unfinished_files(out) == []
    assert not (out / "release" / "run.json").exists()
    mount("-o", "remount,size=200m", str(small_disk))
    again = tspo(*command, home=prefect_home)
    assert again.returncode in (0, 3), again.stderr
    assert difference(out, finished) == []


def test_a_folder_that_cannot_be_written_is_said_before_anything_is_done(
    small_cdm: Path, small_disk: Path, prefect_home: Path
) -> None:
    mount("-o", "remount,ro", str(small_disk))
    done = tspo("run", "--cdm", small_cdm, "--out", small_disk / "run", "--protocol", LEAN, home=prefect_home)
    assert done.returncode == 2
    assert "cannot be written: Read-only file system. Choose another --out." in done.stderr
    assert "Traceback" not in done.stderr


def test_with_little_memory_tables_spill_and_are_the_same(
    small_cdm: Path, tmp_path: Path, finished: Path, prefect_home: Path
) -> None:
    done = tspo(
        "run",
        "--cdm",
        small_cdm,
        "--out",
        tmp_path / "run",
        "--protocol",
        LEAN,
        "--memory",
        "64MB",
        "--threads",
        1,
        home=prefect_home,
    )
    assert done.returncode in (0, 3), done.stderr
    assert difference(tmp_path / "run", finished) == []
    assert [path for path in (tmp_path / "run" / "private" / "spill").rglob("*") if path.is_file()] == []


def test_with_too_little_memory_the_message_says_how_to_have_more(
    small_cdm: Path, tmp_path: Path, prefect_home: Path
) -> None:
    command = ("run", "--cdm", small_cdm, "--out", tmp_path / "run", "--protocol", LEAN, "--memory", "1MB")
    done = tspo(*command, home=prefect_home)
    assert done.returncode == 1
    assert "give more with --memory" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "environment"),
    [
        pytest.param(
            *("it's a [new] run* 100 %", {"LC_ALL": "C", "TZ": "Pacific/Kiritimati", "PYTHONUTF8": "0"}),
            marks=pytest.mark.slow,
        ),
        ("naïve Übung ☃", {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "TZ": "America/Los_Angeles"}),
    ],
)
def test_neither_language_nor_time_zone_nor_path_changes_a_number(
    small_cdm: Path, tmp_path: Path, finished: Path, prefect_home: Path, name: str, environment: dict[str, str]
) -> None:
    """A day has passed on one side of the earth and not on the other."""
    cdm = tmp_path / name / small_cdm.name
    cdm.parent.mkdir()
    cdm.write_bytes(small_cdm.read_bytes())
    out = tmp_path / name / "run out"
    done = tspo("run", "--cdm", cdm, "--out", out, "--protocol", LEAN, home=prefect_home, **environment)
    assert done.returncode in (0, 3), done.stderr
    assert difference(out, finished) == []


def test_a_cdm_that_is_replaced_while_a_run_reads_it_stops_the_run(small_cdm: Path, tmp_path: Path) -> None:
    """No table of the new CDM stays under a name that says it is of the old one."""
    cdm, out = tmp_path / "cdm.duckdb", tmp_path / "run"
    cdm.write_bytes(small_cdm.read_bytes())
    settings = RunSettings(cdm=str(cdm), out=str(out), protocol=str(LEAN))
    prepared = prepare_run(settings)
    new = tmp_path / "new.duckdb"
    new.write_bytes(small_cdm.read_bytes())
    with duckdb.connect(str(new)) as file:
        file.execute("delete from drug_exposure where person_id % 2 = 0")
    new.replace(cdm)
    with pytest.raises(TspoError, match="The CDM changed while the run was reading it"):
        build_tables(prepared, PRIMARY)
    assert {path.stem for path in (out / "private").glob("*.parquet")} <= {"study_ingredient"}  # it reads no CDM
    assert unfinished_files(out) == []
    built = build_tables(prepare_run(settings), PRIMARY)
    assert {name for name, table in built.items() if table.is_fresh} <= {"study_ingredient"}


def test_a_table_cut_short_is_built_again(small_cdm: Path, tmp_path: Path) -> None:
    settings = RunSettings(cdm=str(small_cdm), out=str(tmp_path / "run"), protocol=str(LEAN))
    built = build_tables(prepare_run(settings), PRIMARY)
    path = Path(built["stockpile"].path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    again = build_tables(prepare_run(settings), PRIMARY)
    assert [name for name, table in again.items() if not table.is_fresh] == ["stockpile"]


def test_a_table_whose_inside_is_damaged_is_named_with_the_cure(
    small_cdm: Path, tmp_path: Path, finished: Path, prefect_home: Path
) -> None:
    """Its end says that it is whole, so only reading it shows that it is not."""
    out = tmp_path / "run"
    subprocess.run(["cp", "-r", str(finished), str(out)], check=True)
    for path in (out / "private").glob("*.parquet"):
        content = bytearray(path.read_bytes())
        content[4 : len(content) - 8 - int.from_bytes(content[-8:-4], "little")] = os.urandom(
            len(content) - 12 - int.from_bytes(content[-8:-4], "little")
        )
        path.write_bytes(content)
    done = tspo("run", "--cdm", small_cdm, "--out", out, "--protocol", LEAN, "--set", "lag_days=730", home=prefect_home)
    assert done.returncode == 1, done.stderr
    assert "delete private/ where --out lies, and run the same command again" in done.stderr
    assert "Traceback" not in done.stderr
