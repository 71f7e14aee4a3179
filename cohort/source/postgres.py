"""The door of a PostgreSQL database: what the study needs of it is copied into Parquet files, in one transaction.

In: the place, a folder for the copy, what the study needs. Out: `Found`, whose relations are the copies. Each table is
counted and hashed on the server first, and fetched only when its copy is not the same any more. Who connects, and with
what password, is a matter of the environment (PGUSER, PGPASSWORD, PGPASSFILE, PGSERVICE), as for every program that
uses PostgreSQL's own library. Messages name tables and causes, never a server, a user, a password or a value.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import adbc_driver_manager
import adbc_driver_postgresql.dbapi
import pyarrow as pa
import pyarrow.parquet as pq

from cohort.cdm import CDM_TABLES
from cohort.content import digest, stored_key
from cohort.errors import UsageError
from cohort.files import appearing
from cohort.needs import Needs
from cohort.source.location import Place
from cohort.source.relation import Found, Relation
from cohort.source.server_catalog import find_tables
from cohort.source.server_faults import connection_fault, read_fault
from cohort.source.server_query import selects
from cohort.sql_text import file_literal

_HASHED_SINCE = 140_000
"""PostgreSQL 14 hashes a row as it is; before, its text is hashed, which takes longer."""
_FAILURES = (adbc_driver_manager.Error, OSError)


def open_server(place: Place, folder: Path, needs: Needs) -> Found:
    """Copy what is needed and has changed, and say where it lies.

    Args:
        folder: made if it is not there, closed to other users; what is there of this CDM is used again.

    Raises:
        UsageError: the server cannot be reached, refuses, or has no CDM; the folder cannot be written.
        TspoError: the connection was lost, or a table could not be read.
    """
    _make(folder)
    found = Found()
    with _transaction(place) as cursor:
        with _reading("the catalogue"):
            tables = find_tables(cursor, place)
            cursor.execute("select current_setting('server_version_num')::int")
            ((version,),) = cursor.fetchall()
        queries = selects(tables, needs)
        for name, query in queries.items():
            with _reading(name):
                rows, key = _state(cursor, tables[name].sql, query, version)
                path = folder / f"{name}.parquet"
                if stored_key(path) != key:
                    _fetch(cursor, query, path, key)
            found.relations[name] = Relation(f"read_parquet({file_literal(path)})", (path,), rows)
    for table in CDM_TABLES:
        if table.name not in queries:
            (folder / f"{table.name}.parquet").unlink(missing_ok=True)
    return found


def _make(folder: Path) -> None:
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}. Choose another --out.") from None


@contextmanager
def _transaction(place: Place) -> Iterator[Any]:
    """A cursor in one read-only transaction that sees the database as it is now, whatever is written meanwhile."""
    try:
        connection = adbc_driver_postgresql.dbapi.connect(place.text)
    except adbc_driver_manager.Error as error:
        raise connection_fault(str(error)) from None
    cursor = connection.cursor()
    try:
        with _reading("the catalogue"):
            cursor.execute("set transaction isolation level repeatable read read only")
            cursor.execute("set client_encoding to 'UTF8'")
        yield cursor
    finally:
        # After a lost connection there is nothing left to close.
        with suppress(*_FAILURES):
            cursor.close()
        with suppress(*_FAILURES):
            connection.rollback()
        with suppress(*_FAILURES):
            connection.close()


@contextmanager
def _reading(table: str) -> Iterator[None]:
    try:
        yield
    except _FAILURES as error:
        if isinstance(error, OSError) and error.errno is not None:  # this machine's disk, and not the server
            raise UsageError(f"The copy of {table} cannot be written: {error.strerror}.") from None
        # `from None`: what the server says may quote a value.
        raise read_fault(str(error), getattr(error, "sqlstate", None), table) from None


def _state(cursor: Any, table: str, query: str, version: int) -> tuple[int, str]:
    """Rows of a table, and a key of what is fetched of it: changes when any value of it does."""
    whole = "kept" if version >= _HASHED_SINCE else "kept::text"
    value = f"hash_record_extended({whole}, 0)" if version >= _HASHED_SINCE else f"hashtext({whole})::bigint"
    cursor.execute(
        f"select (select count(*) from {table}), count(*), coalesce(sum({value}), 0)::text from ({query}) as kept"
    )
    ((rows, kept, value),) = cursor.fetchall()
    return int(rows), digest([query, str(rows), str(kept), value])


def _fetch(cursor: Any, query: str, path: Path, key: str) -> None:
    """Write the rows of a query as Parquet, batch by batch; the file appears whole or not at all."""
    with appearing(path) as part:
        cursor.execute(query)
        reader = cursor.fetch_record_batch()
        plain = [pa.field(column.name, column.type) for column in reader.schema]
        schema = pa.schema(plain, metadata={"content_key": key})
        with (
            os.fdopen(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file,
            pq.ParquetWriter(file, schema, compression="zstd") as writer,
        ):
            for batch in reader:
                writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
