"""The database engine in this process, with the threads and the memory that a run may use."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from cohort.errors import UsageError


@dataclass(frozen=True)
class Resources:
    """What a run may use. Memory beyond the limit spills to disk beside the run's private tables."""

    threads: int = 2
    memory: str = "1500MB"


@contextmanager
def open_database(resources: Resources | None = None, spill: Path | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """The database engine without a CDM, for tables that are made of other tables alone.

    Raises:
        UsageError: the memory is no amount.
    """
    connection = duckdb.connect(":memory:")
    try:
        _configure(connection, resources or Resources(), spill)
        yield connection
    finally:
        connection.close()


def first_row(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    """The first row of a query that has one; all rows are fetched, since an open result blocks the connection."""
    rows: list[tuple[Any, ...]] = connection.execute(query).fetchall()
    return rows[0]


def _configure(connection: duckdb.DuckDBPyConnection, resources: Resources, spill: Path | None) -> None:
    try:
        connection.execute(f"set threads = {int(resources.threads)}")
        connection.execute("set memory_limit = $memory", {"memory": resources.memory})
    except duckdb.Error:
        raise UsageError(f"--memory takes an amount such as 2GB; got '{resources.memory}'.") from None
    connection.execute("set enable_progress_bar = false")
    connection.execute("set preserve_insertion_order = false")
    if spill is not None:
        spill.mkdir(parents=True, exist_ok=True)
        connection.execute("set temp_directory = $spill", {"spill": str(spill)})
