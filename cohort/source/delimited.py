"""Delimited text as a table: which character parts the columns, whether the first line names them, and what they are.

In: the files of one CDM table. Out: a `Relation` whose columns are all text, or what is wrong with the files.
The study knows the names that a CDM table can have, so the first line decides: the delimiter is the one that parts it
into most of them, and a line without any is data. Then the columns are those of the CDM that has as many.
Tab-separated files without quotes around their names hold no quotes as marks at all, as Athena writes vocabularies.
"""

import csv
import gzip
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, cast

from cohort.cdm import Table
from cohort.errors import UsageError
from cohort.paths import config_folder
from cohort.source.relation import Relation, files_listed
from cohort.sql_text import quoted

_DELIMITERS = (",", "\t", ";", "|")
_LONGEST_LINE = 1_000_000
_MISSING = ("", "NULL", "null", r"\N")
_LOOKS_LIKE = {
    "BIGINT": re.compile(r"[+-]?\d+(\.0*)?"),
    "INTEGER": re.compile(r"[+-]?\d+(\.0*)?"),
    "DOUBLE": re.compile(r"[+-]?[\d.]+([eE][+-]?\d+)?"),
    "DATE": re.compile(r"\d{4}-\d{1,2}-\d{1,2}([ T].*)?|(1[89]|2\d)\d\d[01]\d[0-3]\d"),
    "VARCHAR": re.compile(r".*", re.DOTALL),
}


@dataclass(frozen=True)
class _Form:
    """How a file is written; equal for all parts of a table."""

    delimiter: str
    quote: str
    has_header: bool
    columns: tuple[str, ...]


def read_delimited(table: Table, files: Sequence[Path]) -> Relation | str:
    """What reads the files, or what is wrong with them as the rest of a sentence that begins with the table.

    Raises:
        UsageError: a file cannot be opened or unpacked.
    """
    forms = [_form(table, file) for file in files]
    if faults := [form for form in forms if isinstance(form, str)]:
        return faults[0]
    if len(set(forms)) > 1:
        return f"has {len(files)} parts in {files[0].parent} that are not written alike"
    form = cast(_Form, forms[0])
    columns = ", ".join(f"{quoted(name, chr(39))}: 'VARCHAR'" for name in _named_once(form.columns, table))
    options = {
        "auto_detect": "false",
        "header": str(form.has_header).lower(),
        "delim": quoted(form.delimiter, "'"),
        "quote": quoted(form.quote, "'"),
        "escape": quoted(form.quote, "'"),
        "nullstr": "[" + ", ".join(quoted(text, "'") for text in _MISSING) + "]",
        "columns": "{" + columns + "}",
    }
    told = ", ".join(f"{name} = {value}" for name, value in options.items())
    return Relation(f"read_csv({files_listed(files)}, {told})", tuple(files))


def _form(table: Table, file: Path) -> _Form | str:
    line = _first_line(file)
    if not line.strip():
        return f"is empty: {file.name} has no first line"
    known = {column.name for column in table.columns} | {name for layout in layouts(table.name) for name in layout}
    cells = {delimiter: _cells(line, delimiter) for delimiter in _DELIMITERS}
    named = {d: len(known & {cell.strip().lower() for cell in cells[d]}) for d in _DELIMITERS}
    best = max(_DELIMITERS, key=lambda d: named[d])
    if named[best]:
        columns = tuple(cell.strip().lower() for cell in cells[best])
        twice = [c.name for c in table.columns if columns.count(c.name) > 1]
        return (
            f"has column {twice[0]} twice in {file.name}" if twice else _Form(best, _quote(line, best), True, columns)
        )
    for delimiter in _DELIMITERS:
        for layout in layouts(table.name):
            if len(layout) == len(cells[delimiter]) and _fits(table, layout, cells[delimiter]):
                return _Form(delimiter, _quote(line, delimiter), False, layout)
    width = max(map(len, cells.values()))
    sizes = " or ".join(str(size) for size in sorted({len(layout) for layout in layouts(table.name)}))
    return (
        f"has no header in {file.name}, and its first line of {width} columns is none of CDM 5.2, 5.3 or 5.4 "
        f"({sizes} columns); put the names of the columns into the first line"
    )


def _fits(table: Table, layout: Sequence[str], cells: Sequence[str]) -> bool:
    """Whether a line can be data of these columns, by what the study reads of them."""
    kinds = {column.name: _LOOKS_LIKE[column.type] for column in table.columns}
    pairs = [(kinds[name], cell.strip()) for name, cell in zip(layout, cells, strict=True) if name in kinds]
    return all(cell in _MISSING or kind.fullmatch(cell) for kind, cell in pairs) and any(cell for _, cell in pairs)


def _cells(line: str, delimiter: str) -> list[str]:
    if not _quote(line, delimiter):
        return line.split(delimiter)
    return next(csv.reader([line], delimiter=delimiter), [])


def _quote(line: str, delimiter: str) -> str:
    """The mark around text, or none."""
    cells = line.split(delimiter)
    return '"' if delimiter != "\t" or any(re.fullmatch(r'\s*".*"\s*', cell) for cell in cells) else ""


def _named_once(columns: Sequence[str], table: Table) -> list[str]:
    """Names that are all different; a column that the study does not read goes by its place."""
    wanted = {column.name for column in table.columns}
    return [name if name in wanted else f"column {place}" for place, name in enumerate(columns, 1)]


def _first_line(file: Path) -> str:
    try:
        with cast(IO[bytes], gzip.open(file) if file.suffix.lower() == ".gz" else file.open("rb")) as stream:
            line = stream.readline(_LONGEST_LINE)
    except PermissionError:
        raise UsageError(f"{file} cannot be read: Permission denied. Ask for the right to read it.") from None
    except (OSError, EOFError, zlib.error):
        raise UsageError(f"{file} cannot be unpacked: it is cut short, or no gzip file. Export it again.") from None
    # A line may end in a lone carriage return, as old tables from spreadsheets do.
    return line.decode("utf-8-sig", errors="replace").strip("\r\n").split("\r")[0]


@cache
def layouts(table: str) -> tuple[tuple[str, ...], ...]:
    """The columns of a CDM table in their order, the latest CDM first."""
    with (config_folder() / "cdm_columns.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["table"] == table]
    latest_first = sorted(rows, key=lambda row: row["cdm_versions"].split()[-1], reverse=True)
    return tuple(tuple(row["columns"].split()) for row in latest_first)
