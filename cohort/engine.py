"""The engine: from a folder of selects to a folder of Parquet tables, each built once for each content.

A file's name is its table's name, and the order follows from what each file reads. A table's key is a hash of its
SQL, of the parameters that the SQL names, and of the keys of what it reads; the key travels inside the Parquet
file. A table whose file carries the right key is not built again. Files appear by rename only.
"""

import errno
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow.parquet as pq

from cohort.content import Content, digest, stored_key
from cohort.errors import TspoError
from cohort.files import appearing
from cohort.paths import sql_folder
from cohort.sql_text import file_literal

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_PARAMETER = re.compile(r"\$([a-z][a-z0-9_]*)")


@dataclass(frozen=True)
class Step:
    """One file of `sql/`: the table it makes, what it reads, and the parameters it names."""

    name: str
    sql: str
    scans: tuple[str, ...]
    """The tables that it reads, each as often as the SQL names it."""
    parameters: tuple[str, ...]

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """The tables that it reads."""
        return tuple(sorted(set(self.scans)))

    @property
    def grain(self) -> str:
        """The file's first line: what one row is."""
        return self.sql.splitlines()[0].removeprefix("--").strip()


@dataclass(frozen=True)
class TableRef:
    """A built table: where it lies, its content key, its rows, and what making it took."""

    name: str
    path: str
    key: str
    rows: int
    seconds: float = 0.0
    is_fresh: bool = field(default=False, compare=False)


@cache
def load_steps(folder: Path | None = None) -> dict[str, Step]:
    """Read every select of a folder, in an order in which each comes after what it reads.

    Raises:
        TspoError: a file is not one select, or files read one another in a circle.
    """
    with duckdb.connect(":memory:") as connection:
        files = sorted((folder or sql_folder()).glob("*.sql"))
        steps = {path.stem: _read_step(path, connection) for path in files}
    graph = {name: [read for read in step.reads if read in steps] for name, step in steps.items()}
    try:
        return {name: steps[name] for name in TopologicalSorter(graph).static_order()}
    except CycleError as error:
        raise TspoError(f"Tables read one another in a circle: {' -> '.join(error.args[1])}.") from None


def steps_for(wanted: Iterable[str], folder: Path | None = None) -> list[Step]:
    """The wanted tables of a folder and all of it that they are made from, each after what it reads."""
    steps, needed = load_steps(folder), set(wanted)
    for step in reversed(steps.values()):
        if step.name in needed:
            needed.update(step.reads)
    return [step for step in steps.values() if step.name in needed]


def create_tables(
    connection: duckdb.DuckDBPyConnection,
    wanted: Iterable[str],
    parameters: Mapping[str, object],
    folder: Path | None = None,
) -> None:
    """Make the wanted tables, and what they need, as temporary tables of a connection that has everything they read.

    For what must be known before a run, or is too small for one; a run builds Parquet files with `build`.

    Args:
        folder: where their selects lie; None for those of the study.
    """
    for step in steps_for(wanted, folder):
        bound = {name: parameters[name] for name in step.parameters}
        connection.execute(f"create or replace temporary table {step.name} as {step.sql}", bound)


def create_inputs(connection: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame]) -> None:
    """Make small tables from frames as temporary tables of a connection."""
    for name, frame in frames.items():
        connection.register("frame", frame.to_arrow())
        connection.execute(f"create or replace temporary table {name} as select * from frame")
        connection.unregister("frame")


def _read_step(path: Path, connection: duckdb.DuckDBPyConnection) -> Step:
    sql = path.read_text(encoding="utf-8")
    (serialized,) = connection.execute("select json_serialize_sql(?)", [sql]).fetchone() or ("{}",)
    statements = json.loads(serialized).get("statements", [])
    if len(statements) != 1:
        raise TspoError(f"{path.name} must hold one select and nothing else.")
    code = "\n".join(line.split("--")[0] for line in sql.splitlines())
    parameters = tuple(sorted(set(_PARAMETER.findall(code))))
    return Step(path.stem, sql, tuple(sorted(_tables_read(statements[0]))), parameters)


def _tables_read(node: Any, hidden: frozenset[str] = frozenset()) -> Iterator[str]:
    """Names of the real tables in a syntax tree of DuckDB's, each as often as it stands there.

    Args:
        hidden: names of the CTEs in scope: one that shares a table's name hides it, but not from its own body.
    """
    if isinstance(node, list):
        for part in node:
            yield from _tables_read(part, hidden)
    elif isinstance(node, dict):
        if node.get("type") == "BASE_TABLE" and node["table_name"] not in hidden:
            yield node["table_name"]
        for cte in node.get("cte_map", {}).get("map", []):
            query, own = cte["value"]["query_node"], {cte["key"]}
            yield from _tables_read(query, hidden | own if query["type"] == "RECURSIVE_CTE_NODE" else hidden)
            hidden |= own
        for name, part in node.items():
            if name != "cte_map":
                yield from _tables_read(part, hidden)


def write_input(frame: pl.DataFrame, name: str, folder: Path) -> TableRef:
    """Write a small table made in Python (drugs, concept sets, age bands) where the SQL can read it, or keep it.

    The key is a hash of the frame's canonical CSV, so equal content has an equal key.
    """
    table = input_table(frame, name, folder)
    if stored_key(Path(table.path)) == table.key:
        return table
    folder.mkdir(parents=True, exist_ok=True)
    with appearing(Path(table.path)) as part:
        frame.write_parquet(part, metadata={"content_key": table.key})
    return table


def input_table(frame: pl.DataFrame, name: str, folder: Path) -> TableRef:
    """Where `write_input` puts a table, and under which key; nothing is written."""
    return TableRef(name, str(folder / f"{name}.parquet"), input_key(frame, name), frame.height, is_fresh=True)


def input_key(frame: pl.DataFrame, name: str) -> str:
    """The content key of a small table made in Python."""
    schema = json.dumps({column: str(kind) for column, kind in frame.schema.items()})
    return digest([name, schema, frame.write_csv()])


def content_of(step: Step, parameters: Mapping[str, object], upstream: Mapping[str, str]) -> Content:
    """What a step's table is made of: SQL, its own parameters, and the keys of what it reads.

    Args:
        parameters: all parameters of the run; only those that the step names count.
        upstream: table name -> key, for everything that the step reads.
    """
    bound = {name: str(parameters[name]) for name in step.parameters}
    return Content(step.name, digest([step.sql]), bound, {name: upstream[name] for name in step.reads})


def build(
    connect: Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]],
    step: Step,
    parameters: Mapping[str, object],
    inputs: Iterable[TableRef],
    content: Content,
    path: Path,
) -> TableRef:
    """Build one table into a Parquet file, or return it as it is when the file already carries the content's key.

    Args:
        connect: opens the database, with a view of every CDM table that the step reads, if there is something to build;
            views of `inputs` are created here.
        inputs: the tables that the step reads and that are not CDM tables.

    Raises:
        TspoError: the engine refused the query; the message names the table, never a row.
    """
    started, key = time.perf_counter(), content.key
    if stored_key(path) == key:
        return TableRef(step.name, str(path), key, pq.read_metadata(path).num_rows, is_fresh=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    bound = {name: parameters[name] for name in step.parameters}
    with plain_errors(f"Table {step.name} could not be built"), appearing(path) as part, connect() as connection:
        for table in inputs:
            connection.execute(
                f"create or replace view {table.name} as select * from read_parquet({file_literal(table.path)})"
            )
        connection.execute(
            f"copy ({step.sql}) to '{_escaped(str(part))}' "
            f"(format parquet, compression zstd, kv_metadata {{content_key: '{key}', "
            f"content: '{_escaped(content.as_text())}'}})",
            bound,
        )
    rows = pq.read_metadata(path).num_rows
    return TableRef(step.name, str(path), key, rows, seconds=time.perf_counter() - started)


@contextmanager
def plain_errors(what: str) -> Iterator[None]:
    """Tell what the engine or the disk refuses in our words: `what: why, and the cure`.

    Raises:
        TspoError: in place of what they raise, whose text may quote a value of a patient.
    """
    try:
        yield
    except (duckdb.Error, OSError) as error:
        raise TspoError(f"{what}: {_reason(error)}") from None


def _reason(error: duckdb.Error | OSError) -> str:
    """What went wrong, in our words: the engine's own may quote values."""
    if isinstance(error, duckdb.OutOfMemoryException):
        return "out of memory or of disk for spilling; give more with --memory, or free space where --out lies."
    if is_disk_full(error):
        return "the disk is full; free space where --out lies, and run the same command again."
    if isinstance(error, OSError):
        return f"{error.strerror or type(error).__name__} where --out lies."
    kind = type(error).__name__.removesuffix("Exception")
    # What the engine finds in a damaged file is often of no kind of its own.
    is_of_file = isinstance(error, duckdb.IOException | duckdb.SerializationException | duckdb.InternalException)
    if is_of_file or type(error) is duckdb.Error:
        return (
            f"a file cannot be read or written ({kind}); if those of the CDM are whole, delete private/ where --out "
            "lies, and run the same command again."
        )
    if isinstance(error, duckdb.BinderException | duckdb.CatalogException | duckdb.ParserException):
        return f"{kind}: {str(error).splitlines()[0]}"
    return f"a value in the CDM has an unexpected form ({kind}); run `tspo check`."


def is_disk_full(error: Exception) -> bool:
    """Whether writing failed for want of room: on the device, in a quota, or beyond a limit of the process."""
    if isinstance(error, OSError):
        return error.errno in _NO_ROOM
    return isinstance(error, duckdb.IOException) and any(os.strerror(n) in str(error) for n in _NO_ROOM)


def _escaped(text: str) -> str:
    return text.replace("'", "''")
