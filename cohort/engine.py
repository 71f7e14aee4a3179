"""The engine: from a folder of selects to a folder of Parquet tables, each built once for each content.

A file's name is its table's name, and the order follows from what each file reads. A table's key is a hash of its
SQL, of the parameters that the SQL names, and of the keys of what it reads; the key travels inside the Parquet
file. A table whose file carries the right key is not built again. Files appear by rename only.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache, cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import sqlglot
from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope

from cohort.errors import TspoError
from cohort.paths import sql_folder

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
    steps = {path.stem: _read_step(path) for path in sorted((folder or sql_folder()).glob("*.sql"))}
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


def _read_step(path: Path) -> Step:
    sql = path.read_text(encoding="utf-8")
    trees = sqlglot.parse(sql, read="duckdb")
    if len(trees) != 1 or not isinstance(trees[0], exp.Query):
        raise TspoError(f"{path.name} must hold one select and nothing else.")
    code = "\n".join(line.split("--")[0] for line in sql.splitlines())
    parameters = tuple(sorted(set(_PARAMETER.findall(code))))
    reads = _tables_read(trees[0])
    scans = sorted(table.name for table in trees[0].find_all(exp.Table) if table.name in reads)
    return Step(path.stem, sql, tuple(scans), parameters)


def _tables_read(tree: exp.Query) -> set[str]:
    """Names of real tables in every scope: a CTE that shares a table's name hides it only where it is in scope."""
    names: set[str] = set()
    for scope in traverse_scope(tree):
        names |= {source.name for source in scope.sources.values() if isinstance(source, exp.Table)}
        names |= {
            table.name
            for table in scope.tables
            if table.name not in scope.cte_sources and not isinstance(scope.sources.get(table.alias_or_name), exp.Query)
        }
    return names - _recursive_names(tree)


def _recursive_names(tree: exp.Query) -> set[str]:
    """CTEs of `with recursive` that read themselves: inside their own body sqlglot reports them as tables."""
    return {
        cte.alias
        for block in tree.find_all(exp.With)
        if block.recursive
        for cte in block.expressions
        if any(table.name == cte.alias for table in cte.this.find_all(exp.Table))
    }


def write_input(frame: pl.DataFrame, name: str, folder: Path) -> TableRef:
    """Write a small table made in Python (drugs, concept sets, age bands) where the SQL can read it.

    The key is a hash of the frame's canonical CSV, so equal content has an equal key.
    """
    folder.mkdir(parents=True, exist_ok=True)
    key = input_key(frame, name)
    path = folder / f"{name}.parquet"
    temporary = path.with_suffix(".parquet.part")
    frame.write_parquet(temporary)
    temporary.replace(path)
    return TableRef(name, str(path), key, frame.height, is_fresh=True)


def input_key(frame: pl.DataFrame, name: str) -> str:
    """The content key of a small table made in Python."""
    schema = json.dumps({column: str(kind) for column, kind in frame.schema.items()})
    return _digest([name, schema, frame.write_csv()])


def table_key(step: Step, parameters: Mapping[str, object], upstream: Mapping[str, str]) -> str:
    """The content key of a step: SQL, its own parameters, and the keys of what it reads.

    Args:
        parameters: all parameters of the run; only those that the step names count.
        upstream: table name -> key, for everything that the step reads.
    """
    bound = {name: str(parameters[name]) for name in step.parameters}
    read = {name: upstream[name] for name in step.reads}
    return _digest([step.name, step.sql, json.dumps(bound, sort_keys=True), json.dumps(read, sort_keys=True)])


def stored_key(path: Path) -> str | None:
    """The content key inside a Parquet file, or None when there is no such file or key."""
    try:
        metadata = pq.read_metadata(path).metadata or {}
    except (OSError, pa.ArrowException):
        return None
    key = metadata.get(b"content_key")
    return key.decode() if key else None


def build(
    connect: Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]],
    step: Step,
    parameters: Mapping[str, object],
    inputs: Iterable[TableRef],
    key: str,
    path: Path,
) -> TableRef:
    """Build one table into a Parquet file, or return it as it is when the file already carries the key.

    Args:
        connect: opens the database, with a view of every CDM table that the step reads, if there is something to build;
            views of `inputs` are created here.
        inputs: the tables that the step reads and that are not CDM tables.

    Raises:
        TspoError: the engine refused the query; the message names the table, never a row.
    """
    started = time.perf_counter()
    if stored_key(path) == key:
        return TableRef(step.name, str(path), key, pq.read_metadata(path).num_rows, is_fresh=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".parquet.part")
    bound = {name: parameters[name] for name in step.parameters}
    try:
        with connect() as connection:
            for table in inputs:
                connection.execute(
                    f"create or replace view {table.name} as select * from read_parquet('{_escaped(table.path)}')"
                )
            connection.execute(
                f"copy ({step.sql}) to '{_escaped(str(temporary))}' "
                f"(format parquet, compression zstd, kv_metadata {{content_key: '{key}'}})",
                bound,
            )
    except duckdb.Error as error:
        temporary.unlink(missing_ok=True)
        # `from None`: what the database says below its first line may quote a value of a patient.
        raise TspoError(f"Table {step.name} could not be built: {_reason(error)}") from None
    temporary.replace(path)
    rows = pq.read_metadata(path).num_rows
    return TableRef(step.name, str(path), key, rows, seconds=time.perf_counter() - started)


def _reason(error: duckdb.Error) -> str:
    """What the engine says, without anything after the first line: later lines may quote values."""
    kind = type(error).__name__.removesuffix("Exception")
    if isinstance(error, duckdb.OutOfMemoryException):
        return "out of memory or of disk for spilling; give more with --memory, or free space where --out lies."
    if isinstance(error, duckdb.ConversionException | duckdb.InvalidInputException):
        return f"a value in the CDM has an unexpected form ({kind}); run `tspo check`."
    return f"{kind}: {str(error).splitlines()[0]}"


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _escaped(text: str) -> str:
    return text.replace("'", "''")
