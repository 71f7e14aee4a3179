"""Shared by all tests: one small synthetic CDM and one run of the study on it, made once for each session."""

import os
import sys
from pathlib import Path

import pytest

from cohort.synthetic import simulate

_EXIT = pytest.StashKey[int]()
SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def small_cdm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CDM of 3,000 persons; read it, do not write to it."""
    path = tmp_path_factory.mktemp("cdm") / "small.duckdb"
    simulate(path, 3_000, 5)
    return path


def shared_data(name: str) -> Path:
    """A folder of real-shaped CDM data kept beside the checkout; the test is skipped where it is absent."""
    folder = SHARED / "data" / name
    if not folder.is_dir():
        pytest.skip(f"the CDM {name} is not beside this checkout (../shared/data)")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Prefect comes last: its threads draw random numbers, which Hypothesis takes for the test's own."""
    items.sort(key=lambda item: "flows" in item.path.parts)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[_EXIT] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave as the command line does: Prefect's threads make the database's bindings complain at an orderly end."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(config.stash.get(_EXIT, 0))
