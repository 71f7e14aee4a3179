"""Tables drawn with pipes, and the study's own SQL run on them.

In: text such as

    person_id | entry_date
    ----------+-----------
            1 | 2011-01-01

for CDM tables, for the lists of the protocol, or for any table of `sql/`, which then stands in place of the one
that its file would make. Out: the wanted table, comparable with a drawn one. Types are never guessed: they are those
of the CDM contract, and of what each file makes of an empty CDM. A blank cell is null, '' an empty text, 1/3 a third;
a column that is not drawn is null where a table is given, and not compared where one is expected.
"""

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import duckdb
import polars as pl

from cohort.cdm import CDM_TABLES
from cohort.engine import load_steps
from cohort.inputs import study_inputs, study_parameters
from cohort.protocol import Protocol, load_protocol

Row = tuple[Any, ...]
_READ = {
    "DATE": dt.date.fromisoformat,
    "DOUBLE": lambda cell: float(Fraction(cell)),
    "VARCHAR": lambda cell: "" if cell == "''" else cell,
    "BOOLEAN": {"true": True, "false": False}.__getitem__,
}


@dataclass(frozen=True)
class Drawn:
    """A table as it was drawn: names of columns, and cells as text or None."""

    columns: tuple[str, ...]
    cells: tuple[tuple[str | None, ...], ...]

    def typed(self, types: Mapping[str, str]) -> list[Row]:
        """The rows with each cell read as the type of its column."""
        unknown = [column for column in self.columns if column not in types]
        if unknown:
            raise KeyError(f"no column {', '.join(unknown)}; the table has {', '.join(types)}")
        readers = [_READ.get(types[column], int) for column in self.columns]
        return [
            tuple(None if cell is None else read(cell) for read, cell in zip(readers, row, strict=True))
            for row in self.cells
        ]


@dataclass(frozen=True, eq=False)
class Built:
    """A table as the SQL makes it; equal to a drawn one when the columns drawn hold the same rows in any order."""

    types: Mapping[str, str]
    rows: Sequence[Row]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Drawn):
            return NotImplemented
        expected, found = _sorted(other.typed(self.types)), _sorted(self.only(other.columns))
        return len(expected) == len(found) and all(map(_same_row, expected, found))

    __hash__ = None  # type: ignore[assignment]

    def only(self, columns: Iterable[str]) -> list[Row]:
        """The rows with these columns."""
        places = [list(self.types).index(column) for column in columns]
        return [tuple(row[place] for place in places) for row in self.rows]

    def difference(self, expected: Drawn) -> list[str]:
        """The rows that only the rule has (-) and that only the SQL gives (+), drawn for a reader of a failed test."""
        rule = expected.typed(self.types)
        drawing = _draw(expected.columns, [*rule, *self.only(expected.columns)])
        names, rows = drawing[0], drawing[2:]
        ours, theirs = Counter(rows[len(rule) :]), Counter(rows[: len(rule)])
        missing, surplus = (theirs - ours).elements(), (ours - theirs).elements()
        return ["  " + names, *("- " + row for row in missing), *("+ " + row for row in surplus)]


def drawn(text: str) -> Drawn:
    """Read a drawing: a line of names, a line of dashes, and a line for each row."""
    header, rule, *lines = [line.strip() for line in text.strip().splitlines()]
    if set(rule) - set("-+"):
        raise ValueError(f"a line of dashes and plus signs belongs below the names, not: {rule}")
    columns = tuple(name.strip() for name in header.split("|"))
    cells = tuple(tuple(cell.strip() or None for cell in line.split("|")) for line in lines)
    for line, row in zip(lines, cells, strict=True):
        if len(row) != len(columns):
            raise ValueError(f"{len(row)} cells under {len(columns)} names: {line}")
    return Drawn(columns, cells)


def build_table(wanted: str, **given: Any) -> Built:
    """Make one table of `sql/` from tables drawn, by the primary protocol.

    Args:
        wanted: the table's name.
        given: drawings by table name; what has no table's name is a field of the protocol and changes it.

    Raises:
        ValueError: a table is drawn that the wanted one is not made from, so that drawing it would prove nothing.
    """
    tables = {name: drawn(text) for name, text in given.items() if name in table_types()}
    changes = {name: value for name, value in given.items() if name not in table_types()}
    protocol = load_protocol().changed(**changes)
    steps, reads = _needed(wanted, set(tables))
    if set(tables) - reads:
        raise ValueError(f"{wanted} is not made from {', '.join(sorted(set(tables) - reads))}")
    connection = duckdb.connect(":memory:")
    try:
        connection.execute("set threads = 1")
        for name in reads - set(steps):
            _place(connection, name, tables.get(name), _inputs(protocol).get(name))
        _run(connection, steps, protocol)
        return Built(_described(connection, wanted), connection.execute(f"select * from {wanted}").fetchall())
    finally:
        connection.close()


def _needed(wanted: str, given: set[str]) -> tuple[list[str], set[str]]:
    """(files to run, in order; every table that they read), where a given table needs no file."""
    steps, todo, run = load_steps(), [wanted], set()
    while todo:
        name = todo.pop()
        run.add(name)
        todo += [read for read in steps[name].reads if read in steps and read not in given | run]
    return [name for name in steps if name in run], {read for name in run for read in steps[name].reads}


def _place(connection: duckdb.DuckDBPyConnection, name: str, given: Drawn | None, default: pl.DataFrame | None) -> None:
    """Create a table as drawn; else as the protocol has it; else empty."""
    if given is None and default is not None:
        connection.register("frame", default.to_arrow())
        connection.execute(f"create table {name} as select * from frame")
        connection.unregister("frame")
        return
    types = table_types()[name]
    connection.execute(f"create table {name} ({', '.join(f'{column} {types[column]}' for column in types)})")
    for row in given.typed(types) if given else []:
        places = ", ".join("?" for _ in row)
        connection.execute(f"insert into {name} ({', '.join(given.columns)}) values ({places})", row)


def _run(connection: duckdb.DuckDBPyConnection, names: Iterable[str], protocol: Protocol) -> None:
    parameters = study_parameters(protocol)
    for name in names:
        step = load_steps()[name]
        bound = {parameter: parameters[parameter] for parameter in step.parameters}
        connection.execute(f"create table {name} as {step.sql}", bound)


@cache
def table_types() -> dict[str, dict[str, str]]:
    """Table -> column -> type, of every table that can be drawn: the SQL run on an empty CDM tells."""
    connection = duckdb.connect(":memory:")
    for table in CDM_TABLES:
        columns = ", ".join(f"{column.name} {column.type}" for column in table.columns)
        connection.execute(f"create table {table.name} ({columns})")
    for name, frame in _inputs(load_protocol()).items():
        _place(connection, name, None, frame)
    _run(connection, load_steps(), load_protocol())
    names = [row[0] for row in connection.execute("select table_name from duckdb_tables()").fetchall()]
    types = {name: _described(connection, name) for name in names}
    connection.close()
    return types


@cache
def _inputs(protocol: Protocol) -> dict[str, pl.DataFrame]:
    return study_inputs(protocol)


def _described(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, str]:
    return {row[0]: row[1] for row in connection.execute(f"describe {name}").fetchall()}


def _sorted(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: [(value is not None, value) for value in row])


def _same_row(expected: Row, found: Row) -> bool:
    return all(map(_same, expected, found))


def _same(expected: Any, found: Any) -> bool:
    """Equal; a float may be off by the rounding of the arithmetic that made it, and by no more."""
    if isinstance(expected, float) and isinstance(found, float):
        return math.isclose(expected, found, rel_tol=1e-12, abs_tol=0)
    return bool(expected == found)


def _draw(columns: Sequence[str], rows: Iterable[Row]) -> list[str]:
    lines = [list(columns), *([_shown(value) for value in row] for row in rows)]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    texts = [" | ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    return [texts[0], "-+-".join("-" * width for width in widths), *texts[1:]]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value) or "''"
