"""The doors' own fixtures: a PostgreSQL server for the session, and one CDM as tables to write in every form."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doors.server import Server, binaries, running
from tests.doors.writers import tables_of_file


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server; the test is skipped where PostgreSQL is not installed, unless it is said to be required."""
    if binaries() is None:
        if os.environ.get("TSPO_POSTGRESQL") == "required":
            pytest.fail(
                "PostgreSQL is required here (TSPO_POSTGRESQL) and is not installed: apt-get install postgresql"
            )
        pytest.skip("PostgreSQL is not installed here (apt-get install postgresql)")
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def small_tables(small_cdm: Path) -> dict[str, str]:
    """The tables of the small synthetic CDM."""
    return tables_of_file(small_cdm)
