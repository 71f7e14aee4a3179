"""Shared by all tests: one small synthetic CDM and one run of the study on it, made once for each session."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cohort.synthetic import simulate
from tests.processes import prefect_server, python

_EXIT = pytest.StashKey[int]()
_WAITING = ("test_server.py", "test_surroundings.py", "test_walkthrough.py")
SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def small_cdm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CDM of 3,000 persons; read it, do not write to it."""
    path = tmp_path_factory.mktemp("cdm") / "small.duckdb"
    simulate(path, 3_000, 5)
    return path


@pytest.fixture(scope="session")
def prefect_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of Prefect whose database is made, in which nothing runs: that takes ten seconds, once."""
    home = tmp_path_factory.mktemp("prefect")
    done = python("-m", "prefect", "server", "database", "upgrade", "-y", home=home)
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture(scope="session")
def prefect_home(prefect_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home of Prefect with a server, for runs that are about something else."""
    home = Path(shutil.copytree(prefect_database, tmp_path_factory.mktemp("served") / "prefect"))
    with prefect_server(home):
        yield home


@pytest.fixture
def own_home(prefect_database: Path, tmp_path: Path) -> Path:
    """A home for one test alone, in which nothing has run and no server runs."""
    return Path(shutil.copytree(prefect_database, tmp_path / "prefect"))


def shared_data(name: str) -> Path:
    """A folder of real-shaped CDM data kept beside the checkout; the test is skipped where it is absent."""
    folder = SHARED / "data" / name
    if not folder.is_dir():
        pytest.skip(f"the CDM {name} is not beside this checkout (../shared/data)")
    return folder


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: tests of runs wait for servers and processes."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Prefect comes last: its threads draw random numbers, which Hypothesis takes for the test's own.

    Of its tests those come first that wait most of their time, while other workers have work.
    """
    items.sort(key=lambda item: ("flows" in item.path.parts, item.path.name not in _WAITING))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[_EXIT] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave as the command line does: Prefect's threads make the database's bindings complain at an orderly end."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(config.stash.get(_EXIT, 0))
