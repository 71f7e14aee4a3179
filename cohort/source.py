"""The door: a CDM as it is, opened read-only and shown to the SQL as views with the study's names and types.

In: a `.duckdb` file, or a folder of Parquet or CSV files named by table. Out: a DuckDB connection whose views hold
just the columns that the study reads. Whatever is missing or cannot be read is said by table and column.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from cohort.cdm import CDM_TABLES, Column, Table
from cohort.errors import CannotStudy, UsageError

_DUCKDB_ENDINGS = {".duckdb", ".db"}


@dataclass(frozen=True)
class Resources:
    """What a run may use. Memory beyond the limit spills to disk beside the run's private tables."""

    threads: int = 2
    memory: str = "1500MB"


@dataclass
class Cdm:
    """An open CDM: the connection, what the door noticed, and the tables that hold rows."""

    connection: duckdb.DuckDBPyConnection
    location: str
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    relations: dict[str, tuple[str | None, dict[str, tuple[str, str]]]] = field(default_factory=dict)

    def note(self, table: Table, what: str) -> None:
        """Remember what is wrong with a table: a problem when it is required, else a warning."""
        said = f"table {table.name} {what}" + (f": {table.without}" if table.without else "")
        (self.problems if table.is_required else self.warnings).append(said)

    def require(self) -> "Cdm":
        """Return self, or raise CannotStudy with everything that is missing."""
        if self.problems:
            raise CannotStudy(self.problems)
        return self

    def survey(self, said: Callable[[int], str]) -> dict[str, int]:
        """Count the rows of every table, and note tables without rows and text that cannot be read.

        Args:
            said: a count as text that may be released.
        """
        return {table.name: self._survey(table, said) for table in CDM_TABLES}

    def _survey(self, table: Table, said: Callable[[int], str]) -> int:
        relation, present = self.relations[table.name]
        if relation is None:
            return 0
        text = [c for c in table.columns if c.type != "VARCHAR" and present.get(c.name, ("", ""))[1] == "VARCHAR"]
        unreadable = "".join(
            f", count(*) filter (where {_conversion(c, present[c.name])} is null"
            f" and nullif(trim({_quoted(present[c.name][0])}), '') is not null)"
            for c in text
        )
        row = first_row(self.connection, f"select count(*){unreadable} from {relation}")
        if row[0] == 0:
            self.note(table, "is empty")
        self.warnings += [
            f"{said(count)} values of {table.name}.{column.name} cannot be read as {column.type} and count as missing"
            for column, count in zip(text, row[1:], strict=True)
            if count
        ]
        return int(row[0])


@contextmanager
def open_cdm(location: str, resources: Resources | None = None, spill: Path | None = None) -> Iterator[Cdm]:
    """Open a CDM read-only.

    Args:
        location: path of a DuckDB file, or of a folder of Parquet or CSV files.
        resources: threads and memory of the connection.
        spill: folder for what does not fit in memory.

    Raises:
        UsageError: there is nothing at that path, or it is not a CDM.
    """
    with open_database(resources, spill) as connection:
        cdm = Cdm(connection, location)
        relations = _relations(connection, location)
        for table in CDM_TABLES:
            _show(cdm, table, relations.get(table.name))
        yield cdm


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


def _relations(connection: duckdb.DuckDBPyConnection, location: str) -> dict[str, str]:
    """CDM table name (lower case) -> SQL text that reads it."""
    path = Path(location).expanduser()
    if "://" in location:
        raise UsageError(f"'{location}' is no CDM that can be opened: give a .duckdb file or a folder of files.")
    if path.is_dir():
        return _folder_relations(path)
    if not path.exists():
        raise UsageError(f"There is no CDM at {location}.")
    if path.suffix.lower() not in _DUCKDB_ENDINGS:
        raise UsageError(f"{location} is neither a .duckdb file nor a folder of Parquet or CSV files.")
    return _database_relations(connection, path)


def _database_relations(connection: duckdb.DuckDBPyConnection, path: Path) -> dict[str, str]:
    try:
        connection.execute(f"attach {_quoted(str(path), chr(39))} as cdm_file (read_only)")
    except duckdb.IOException as error:
        busy = "lock" in str(error).lower()
        cure = "another process is writing to it; try again when it is done" if busy else "it is no DuckDB database"
        raise UsageError(f"{path} cannot be opened: {cure}.") from None
    known = {table.name for table in CDM_TABLES}
    found = connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = 'cdm_file' "
        "union all select schema_name, view_name from duckdb_views() where database_name = 'cdm_file' and not internal "
        "order by schema_name = 'main' desc, schema_name"
    ).fetchall()
    relations: dict[str, str] = {}
    for schema, name in found:
        if name.lower() in known:
            relations.setdefault(name.lower(), f"cdm_file.{_quoted(schema)}.{_quoted(name)}")
    return relations


def _folder_relations(folder: Path) -> dict[str, str]:
    known = {table.name for table in CDM_TABLES}
    relations: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        name, *endings = path.name.lower().split(".")
        if name not in known or name in relations or not path.is_file():
            continue
        quoted = _quoted(str(path), "'")
        if endings == ["parquet"]:
            relations[name] = f"read_parquet({quoted})"
        elif endings in (["csv"], ["csv", "gz"], ["tsv"], ["tsv", "gz"]):
            relations[name] = f"read_csv({quoted}, header = true, all_varchar = true)"
    if not relations:
        raise UsageError(f"{folder} holds no Parquet or CSV file named by a CDM table, such as person.parquet.")
    return relations


def _show(cdm: Cdm, table: Table, relation: str | None) -> None:
    """Create the view of one table; a table that is absent, or lacks what we need, becomes an empty view."""
    present = _columns(cdm.connection, relation) if relation else {}
    missing = [c.name for c in table.columns if c.is_required and c.name not in present]
    if relation is None or missing:
        what = f"has no column {', '.join(missing)}" if relation else "is missing"
        cdm.note(table, what)
        relation, present = None, {}
    select = ", ".join(_cast(column, present.get(column.name)) for column in table.columns)
    source = relation or "(select 1) as nothing where false"
    cdm.connection.execute(f"create view {table.name} as select {select} from {source}")
    cdm.relations[table.name] = (relation, present)


def _columns(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, tuple[str, str]]:
    """Lower-case column name -> (name, type) as they are."""
    described = connection.execute(f"describe select * from {relation}").fetchall()
    return {str(row[0]).lower(): (str(row[0]), str(row[1])) for row in described}


def _cast(column: Column, present: tuple[str, str] | None) -> str:
    return f"{_conversion(column, present)} as {column.name}"


def _conversion(column: Column, present: tuple[str, str] | None) -> str:
    if present is None:
        return f"cast(null as {column.type})"
    name, kind = _quoted(present[0]), present[1]
    if kind != "VARCHAR":
        return f"try_cast({name} as {column.type})"
    text = f"nullif(trim({name}), '')"
    if column.type == "DATE":
        # Text dates come as 2010-03-01, as 20100301, or with a time of day behind.
        compact = f"cast(try_strptime({text}, '%Y%m%d') as date)"
        return f"coalesce(try_cast({text} as date), {compact}, cast(try_cast({text} as timestamp) as date))"
    return text if column.type == "VARCHAR" else f"try_cast({text} as {column.type})"


def _quoted(name: str, mark: str = '"') -> str:
    return mark + name.replace(mark, mark * 2) + mark
