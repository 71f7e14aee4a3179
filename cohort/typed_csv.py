"""Read a small CSV file of facts into typed rows.

In: a UTF-8 file with a header, and the pydantic model of a row. Out: a tuple of models, in the file's order.
A file with faults gives one `UsageError` that lists them by line, so that they can be mended in one go.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from cohort.errors import UsageError, brief, nearest

Row = TypeVar("Row", bound=BaseModel)
_SHOWN = 10  # a file in another encoding or layout has a fault in every line: the first few tell it


def read_csv(
    path: Path,
    row_type: type[Row],
    unique: Sequence[str] = (),
    check: Callable[[Row], str | None] = lambda row: None,
) -> tuple[Row, ...]:
    """Read and validate a whole file.

    Args:
        path: the file; its columns are the fields of `row_type`, in any order. A blank cell is missing.
        row_type: the model of one row; its first field names the row in messages.
        unique: fields in which no two rows may agree; blanks do not count.
        check: what is wrong with a row that is valid by itself, or None.

    Raises:
        UsageError: the file is missing, unreadable or empty, or has faulty columns or rows.
    """
    rows: list[tuple[int, Row]] = []
    problems: list[str] = []
    for line, cells in _lines(path, row_type):
        try:
            row = row_type.model_validate(cells)
        except ValidationError as error:
            problems += [f"{_place(line, cells, row_type)}: {_text(fault)}" for fault in error.errors()]
            continue
        rows.append((line, row))
        if (fault := check(row)) is not None:
            problems.append(f"{_place(line, cells, row_type)}: {fault}")
    problems += [fault for field in unique for fault in _repeats(rows, field)]
    if problems:
        raise UsageError(_report(path, problems))
    if not rows:
        raise UsageError(f"{path} holds no rows below its header; restore the shipped file.")
    return tuple(row for _, row in rows)


def _lines(path: Path, row_type: type[BaseModel]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number (as an editor counts) and the filled cells of every row."""
    try:
        # utf-8-sig: a spreadsheet puts a byte order mark before the first column's name
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            _check_header(path, reader.fieldnames or [], row_type)
            for cells in reader:
                yield reader.line_num, _filled(path, reader.line_num, cells)
    except FileNotFoundError:
        raise UsageError(f"There is no file {path}; restore the shipped one.") from None
    except (OSError, ValueError, csv.Error) as error:
        raise UsageError(f"{path} cannot be read as CSV in UTF-8: {brief(str(error), 200)}. Save it so.") from None


def _check_header(path: Path, found: Sequence[str], row_type: type[BaseModel]) -> None:
    expected = list(row_type.model_fields)
    unknown = [name for name in found if name not in expected]
    if unknown:
        raise UsageError(f"{path}, line 1: unknown column '{brief(unknown[0])}'{nearest(unknown[0], expected)}.")
    if missing := [name for name in expected if name not in found]:
        raise UsageError(f"{path}, line 1: no column {', '.join(missing)}; add it, blank where unknown.")
    if len(set(found)) < len(found):
        twice = next(name for name in found if list(found).count(name) > 1)
        raise UsageError(f"{path}, line 1: the column {twice} stands twice; keep one.")


def _filled(path: Path, line: int, cells: dict[str | Any, str | Any]) -> dict[str, str]:
    if None in cells:
        raise UsageError(f"{path}, line {line}: more cells than columns; quote a text with a comma.")
    if None in cells.values():
        raise UsageError(f"{path}, line {line}: fewer cells than columns; keep the empty ones.")
    return {name: text for name, cell in cells.items() if (text := cell.strip())}


def _place(line: int, cells: dict[str, str], row_type: type[BaseModel]) -> str:
    return f"line {line} ({brief(cells.get(next(iter(row_type.model_fields)), 'no name'))})"


def _text(fault: Any) -> str:
    field = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "missing":
        return f"{field} is empty; fill it"
    if not field:
        return str(fault["msg"]).removeprefix("Value error, ")
    return f"{field} is '{brief(str(fault['input']))}': {fault['msg'][0].lower()}{fault['msg'][1:]}"


def _repeats(rows: Sequence[tuple[int, BaseModel]], field: str) -> Iterator[str]:
    first: dict[object, int] = {}
    for line, row in rows:
        value = getattr(row, field)
        if value is not None and first.setdefault(value, line) != line:
            yield f"line {line}: {field} '{brief(str(value))}' stands in line {first[value]} already; keep one"


def _report(path: Path, problems: Sequence[str]) -> str:
    more = len(problems) - _SHOWN
    lines = [f"{path} has {len(problems)} problem(s); correct the line(s):", *problems[:_SHOWN]]
    return "\n  - ".join([*lines, f"and {more} more"] if more > 0 else lines)
