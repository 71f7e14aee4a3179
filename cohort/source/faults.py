"""What the database engine says of a broken file, as it may be told: which file, which line, the cure, never its text.

In: an error of the engine and the files behind the CDM. Out: a UsageError, or None for an error of another kind.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import duckdb

from cohort.errors import UsageError

_LINE = re.compile(r"CSV Error on Line: (\d+)")
_WIDTH = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")
_OF_FILES = (duckdb.IOException, duckdb.InvalidInputException, duckdb.SerializationException, duckdb.FatalException)


def fault_of(error: duckdb.Error, files: Sequence[Path]) -> UsageError | None:
    """The error as one line about the file that it is about."""
    text = str(error)
    file = next((file for file in files if str(file) in text), None)
    if file is None and "corrupt" in text.lower() and len(files) == 1:
        file = files[0]
    # What the engine finds in a file is often of no kind of its own.
    if file is None or not (type(error) is duckdb.Error or isinstance(error, _OF_FILES)):
        return None
    if "permission denied" in text.lower():
        return UsageError(f"{file} cannot be read: Permission denied. Ask for the right to read it.")
    if not file.exists():
        return UsageError(f"{file} is gone since this CDM was opened; put it back.")
    if "csv" in text.lower() and file.suffix.lower() not in (".parquet", ".duckdb", ".db"):
        return UsageError(f"{file} cannot be read as a table: {_of_text(text)}. Mend it or export it again.")
    kind = "Parquet file" if file.suffix.lower() == ".parquet" else "database"
    return UsageError(f"{file} is cut short, damaged or no {kind}; write or copy it again.")


def kind_of(error: duckdb.Error) -> str:
    """What kind of error the engine had; its message may quote a value of a patient."""
    return type(error).__name__.removesuffix("Exception")


def _of_text(text: str) -> str:
    line, width = _LINE.search(text), _WIDTH.search(text)
    where = f"line {line[1]}" if line else "a line"
    if width:
        return f"{where} has {width[2]} columns where {width[1]} are expected"
    if "unterminated quote" in text:
        return f"{where} has a quote that never ends"
    if "unicode" in text or "utf-8" in text:
        return f"{where} is not in UTF-8"
    if "invalid state" in text:
        return "its lines end in two ways, or its quotes are not in pairs"
    return f"{where} does not follow the form of the first"
