"""An open CDM: views with the study's names and types over whatever a door found, and what is wrong with it.

In: a location. Out: a `Cdm`. The doors are `duckdb_file`, `folder` and `postgres`; nothing behind them reaches further.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from cohort.cdm import CDM_TABLES, VOCABULARY_TABLES, Column, Table
from cohort.errors import CannotStudy, UsageError
from cohort.inputs import study_inputs
from cohort.needs import Needs, needs_of
from cohort.protocol import Protocol
from cohort.source.database import Resources, first_row, open_database
from cohort.source.duckdb_file import ENDINGS, open_file
from cohort.source.faults import fault_of, kind_of
from cohort.source.folder import open_folder
from cohort.source.location import Place, existing, place_of
from cohort.source.relation import Found, Relation
from cohort.sql_text import quoted

_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DOUBLE", "FLOAT")
_WHOLE_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UINTEGER", "UBIGINT")


@dataclass
class Cdm:
    """An open CDM: the connection, what the door noticed, and the tables that hold rows."""

    connection: duckdb.DuckDBPyConnection
    location: str
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    relations: dict[str, tuple[Relation | None, dict[str, tuple[str, str]]]] = field(default_factory=dict)

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
        text = [c for c in table.columns if c.name in present and _may_be_unreadable(c, present[c.name][1])]
        unreadable = "".join(f", count(*) filter (where {_is_unreadable(c, present[c.name])})" for c in text)
        try:
            counted, *counts = first_row(self.connection, f"select count(*){unreadable} from {relation.sql}")
        except duckdb.Error as error:
            if fault := fault_of(error, relation.files):
                raise fault from None
            self.note(table, f"cannot be read ({kind_of(error)}): mend the view or the file")
            raise CannotStudy([*self.problems, *self.warnings[-1:]]) from None
        rows = int(counted if relation.rows is None else relation.rows)
        if rows == 0:
            self.note(table, "is empty")
        self.warnings += [
            f"{said(count)} values of {table.name}.{column.name} cannot be read as {column.type} and count as missing"
            for column, count in zip(text, counts, strict=True)
            if count
        ]
        return rows


@contextmanager
def open_cdm(
    location: str,
    resources: Resources | None = None,
    spill: Path | None = None,
    *,
    copy: Path | None = None,
    needs: Needs | None = None,
) -> Iterator[Cdm]:
    """Open a CDM read-only.

    Args:
        location: path of a DuckDB file or of a folder of Parquet or CSV files, or a PostgreSQL URL.
        resources: threads and memory of the connection.
        spill: folder for what does not fit in memory.
        copy: folder for what the study needs of a CDM on a server, kept for the next time; none: a temporary one.
        needs: what the study needs of it; none: what the primary protocol does.

    Raises:
        UsageError: there is nothing there, it is not a CDM, or a file of it is broken.
        TspoError: a server went away, or refused what it was asked.
    """
    place = place_of(location)
    with ExitStack() as stack:
        connection = stack.enter_context(open_database(resources, spill))
        if place.is_server and copy is None:
            copy = Path(stack.enter_context(TemporaryDirectory(prefix="tspo-cdm-")))
        found = _found(connection, place, copy, needs)
        cdm = Cdm(connection, location)
        try:
            for table in CDM_TABLES:
                _show(cdm, table, found)
            yield cdm
        except duckdb.Error as error:
            # `from None`: the engine quotes the line that it could not read.
            if fault := fault_of(error, found.files()):
                raise fault from None
            raise


def _found(connection: duckdb.DuckDBPyConnection, place: Place, copy: Path | None, needs: Needs | None) -> Found:
    if place.is_server:
        from cohort.source.postgres import open_server

        assert copy is not None  # open_cdm has made one
        return open_server(place, copy, needs or needs_of([study_inputs(Protocol())]))
    found = _found_here(connection, place)
    if place.vocabulary_cdm:
        lender = place_of(place.vocabulary_cdm)
        is_same = existing(lender) == existing(place)  # in another schema; no file is attached twice
        other = _found_here(connection, lender, "cdm_file" if is_same else "vocabulary_file")
        found = found.without(VOCABULARY_TABLES).beside(other.only(VOCABULARY_TABLES))
    return found


def _found_here(connection: duckdb.DuckDBPyConnection, place: Place, name: str = "cdm_file") -> Found:
    """What a file or a folder holds; a file is attached under a name."""
    path = existing(place)
    is_folder = path.is_dir()
    if is_folder and path.suffix.lower() in ENDINGS and not any(path.iterdir()):
        raise UsageError(f"{path} is an empty folder and no DuckDB file; name the file itself.")
    return open_folder(path) if is_folder else open_file(connection, place, name)


def _show(cdm: Cdm, table: Table, found: Found) -> None:
    """Create the view of one table; a table that is absent, or lacks what we need, becomes an empty view."""
    relation = found.relations.get(table.name)
    try:
        present = _columns(cdm.connection, relation) if relation else {}
    except duckdb.Error as error:  # a view of what is gone; the rest of its message may quote anything
        if fault := fault_of(error, found.files()):
            raise fault from None
        found.faults[table.name] = f"is a view that cannot be read ({kind_of(error)}): mend the view"
        relation, present = None, {}
    missing = [c.name for c in table.columns if c.is_required and c.name not in present]
    if relation is None or missing:
        what = f"has no column {', '.join(missing)}" if relation else found.faults.get(table.name, "is missing")
        cdm.note(table, what)
        relation, present = None, {}
    select = ", ".join(f"{_conversion(c, present.get(c.name))} as {c.name}" for c in table.columns)
    source = relation.sql if relation else "(select 1) as nothing where false"
    cdm.connection.execute(f"create view {table.name} as select {select} from {source}")
    cdm.relations[table.name] = (relation, present)


def _columns(connection: duckdb.DuckDBPyConnection, relation: Relation) -> dict[str, tuple[str, str]]:
    """Lower-case column name -> (name, type) as they are."""
    described = connection.execute(f"describe select * from {relation.sql}").fetchall()
    return {str(row[0]).lower(): (str(row[0]), str(row[1])) for row in described}


def _conversion(column: Column, present: tuple[str, str] | None) -> str:
    if present is None:
        return f"cast(null as {column.type})"
    name, kind = quoted(present[0]), present[1]
    if column.type == "DATE" and kind in _WHOLE_NUMBERS:
        return _in_the_calendar(f"cast(try_strptime(cast({name} as varchar), '%Y%m%d') as date)")
    if kind != "VARCHAR":
        value = f"try_cast({name} as {column.type})"
        return _in_the_calendar(value) if column.type == "DATE" else value
    text = _value(present)
    if column.type == "DATE":
        # Text dates come as 2010-03-01, as 20100301, or with a time of day behind.
        compact = f"cast(try_strptime({text}, '%Y%m%d') as date)"
        return _in_the_calendar(
            f"coalesce(try_cast({text} as date), {compact}, cast(try_cast({text} as timestamp) as date))"
        )
    return text if column.type == "VARCHAR" else f"try_cast({text} as {column.type})"


def _value(present: tuple[str, str]) -> str:
    """What stands in a column, null where nothing does; only text has blanks, and to make text of dates takes long."""
    name, kind = quoted(present[0]), present[1]
    return f"nullif(trim({name}), '')" if kind == "VARCHAR" else name


def _is_unreadable(column: Column, present: tuple[str, str]) -> str:
    return f"{_conversion(column, present)} is null and {_value(present)} is not null"


def _may_be_unreadable(column: Column, kind: str) -> bool:
    """Whether a value of this kind may turn out to be none of the column's type."""
    return column.type == "DATE" or (column.type != "VARCHAR" and kind not in _NUMBERS)


def _in_the_calendar(value: str) -> str:
    """Infinity is a date to DuckDB, and days go on to the year 5,881,580: person-time would not end."""
    return f"case when {value} between date '1800-01-01' and date '9999-12-31' then {value} end"
