"""The files of a world: built beside their final names, and renamed when they are whole.

In: frames by table name, block by block. Out: one CDM file, and the Parquet files of the truth's ledger. A world
that breaks off leaves no file behind.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq

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
            connection.execute("set enable_progress_bar = false")
            yield CdmFile(connection)
        partial.replace(out)
    finally:
        for left in (partial, partial.with_name(partial.name + ".wal")):
            left.unlink(missing_ok=True)


class LedgerFiles:
    """Parquet files under construction, one per table, each of which grows by a row group per block."""

    def __init__(self, paths: Mapping[str, Path], stack: ExitStack) -> None:
        self.tables = paths.keys()
        self._paths, self._stack = paths, stack
        self._writers: dict[str, pq.ParquetWriter] = {}

    def append(self, table: str, frame: pl.DataFrame) -> None:
        """Add rows; the first frame of a table decides on its columns."""
        rows = frame.to_arrow()
        if table not in self._writers:
            writer = pq.ParquetWriter(self._paths[table], rows.schema, compression="zstd")
            self._writers[table] = self._stack.enter_context(writer)
        self._writers[table].write_table(rows)


@contextmanager
def new_ledger(truth: Path, tables: Sequence[str]) -> Iterator[LedgerFiles]:
    """The ledger beside a truth file: of persons in `a.truth.parquet`, of the other tables in a folder `a.truth`.

    Files of a former world are replaced when the block ends without an error, and a folder that this world does not
    write is removed.
    """
    folder, persons = truth.with_suffix(""), truth.with_suffix(".parquet")
    partial, partial_persons = folder.with_name(f"{folder.name}.partial"), persons.with_name(f"{persons.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    paths = {table: partial / f"{table}.parquet" for table in tables} | {"person": partial_persons}
    try:
        with ExitStack() as stack:
            yield LedgerFiles(paths, stack)
        shutil.rmtree(folder, ignore_errors=True)
        partial_persons.replace(persons)
        if len(tables) > 1:
            partial.rename(folder)
    finally:
        partial_persons.unlink(missing_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
