"""The DuckDB file: built beside its final name, and renamed when it is whole.

In: frames by table name, block by block. Out: one CDM file. A world that breaks off leaves no file behind.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
import polars as pl

from cohort.errors import UsageError
from cohort.synthetic.schema import create_statements

# Appending needs little; a large world spills to its file instead of growing in memory.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": "1GB",
    "threads": "2",
    "preserve_insertion_order": "true",
}


class CdmFile:
    """An open CDM under construction, with the rows written so far by table."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.rows = dict.fromkeys(create_statements(), 0)
        for statement in create_statements().values():
            connection.execute(statement)

    def append(self, tables: Mapping[str, pl.DataFrame]) -> None:
        """Add rows, all tables or none. Columns that a frame lacks are null."""
        self._connection.begin()
        for table, frame in tables.items():
            self._connection.register("frame", frame.to_arrow())
            columns = ", ".join(frame.columns)
            self._connection.execute(f"insert into {table} ({columns}) select {columns} from frame")
            self._connection.unregister("frame")
            self.rows[table] += frame.height
        self._connection.commit()


@contextmanager
def new_cdm(out: Path) -> Iterator[CdmFile]:
    """A new CDM that appears at `out`, over any former one, when the block ends without an error.

    Raises:
        UsageError: the folder does not exist or cannot be written to.
    """
    partial = out.with_name(out.name + ".partial")
    try:
        partial.unlink(missing_ok=True)
        connection = duckdb.connect(str(partial), config=_CONFIG)
    except (duckdb.Error, OSError) as error:
        raise UsageError(f"{out} cannot be written: {error}") from None
    try:
        with connection:
            yield CdmFile(connection)
        partial.replace(out)
    finally:
        for left in (partial, partial.with_name(partial.name + ".wal")):
            left.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file that is there whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
