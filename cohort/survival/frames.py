"""Frames in, frames of the same kind out: polars or pandas. And what a frame must hold, with errors in words.

An error names the column and counts the values; it never shows them.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from cohort.survival.arrays import Floats

Frame: TypeAlias = Any
"""A polars or a pandas DataFrame."""


def as_polars(frame: Frame) -> pl.DataFrame:
    """The frame in polars; an index of pandas is no column.

    Raises:
        TypeError: it is neither a polars nor a pandas DataFrame.
        ValueError: a column of pandas holds values of several types, or has the name of another.
    """
    if isinstance(frame, pl.DataFrame):
        return frame
    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    if not is_pandas(frame):
        raise TypeError(f"a polars or pandas DataFrame is needed, not {type(frame).__name__}")
    require_once([str(column) for column in frame.columns])
    return pl.DataFrame([_series(frame[column], str(column)) for column in frame.columns])


def _series(column: Any, name: str) -> pl.Series:
    try:
        series: pl.Series = pl.from_pandas(column, nan_to_null=False)
        return series.alias(name)
    except (TypeError, ValueError) as error:  # pyarrow's errors are among these
        raise ValueError(f"column {name} holds values of several types") from error


def is_pandas(frame: Frame) -> bool:
    """Whether this is a pandas DataFrame; pandas is not imported to find out."""
    return type(frame).__module__.partition(".")[0] == "pandas" and hasattr(frame, "columns")


def like(table: pl.DataFrame, given: Frame, index: str | None = None) -> Frame:
    """A table in the kind of frame that was given; in pandas with one of its columns for an index."""
    if not is_pandas(given):
        return table
    made = table.to_pandas()
    return made if index is None else made.set_index(index)


def row_by_row(table: pl.DataFrame, given: Frame) -> Frame:
    """A table with a row for each row given, in the same kind of frame; in pandas under the same index."""
    return like(table, given).set_index(given.index) if is_pandas(given) else table


def one_by_one(values: Floats, name: str, given: Frame) -> Any:
    """A series with a value for each row given, in the same kind; in pandas under the same index."""
    found = row_by_row(pl.DataFrame({name: values}), given)
    return found[name]


def require(frame: pl.DataFrame, columns: Sequence[str]) -> None:
    """Raise ValueError where columns are not there."""
    missing = [column for column in dict.fromkeys(columns) if column not in frame.columns]
    if missing:
        raise ValueError(f"the frame has no column {', '.join(missing)}; it has {', '.join(frame.columns)}")


def require_once(columns: Sequence[str]) -> None:
    """Raise ValueError where a column is named twice."""
    twice = [column for column in dict.fromkeys(columns) if columns.count(column) > 1]
    if twice:
        raise ValueError(f"columns are named once; {', '.join(twice)} is there more often")


def require_numeric(frame: pl.DataFrame, columns: Sequence[str], cure: str = "") -> None:
    """Raise ValueError where columns are not there, or hold something other than numbers."""
    require(frame, columns)
    for column in dict.fromkeys(columns):
        kind = frame.schema[column]
        if kind.is_numeric() or kind == pl.Boolean or not frame.height:
            continue
        if frame.get_column(column).null_count() == frame.height:  # a column of None has any type
            raise ValueError(f"column {column} has {frame.height} value(s) that are missing")
        raise ValueError(f"column {column} holds {kind}, not numbers{cure and '; '}{cure}")


def require_numbers(frame: pl.DataFrame, columns: Sequence[str]) -> None:
    """Raise ValueError where columns are not there, or hold values that are no finite numbers."""
    require_numeric(frame, columns)
    for column in dict.fromkeys(columns):
        _count(frame, pl.col(column).cast(pl.Float64).is_finite(), column, "missing or not finite")


def require_flags(frame: pl.DataFrame, columns: Sequence[str]) -> None:
    """Raise ValueError where columns are not there, or hold values other than 0 and 1."""
    require_numeric(frame, columns)
    for column in dict.fromkeys(columns):
        _count(frame, pl.col(column).cast(pl.Float64).is_in([0.0, 1.0]), column, "neither 0 nor 1")


def _count(frame: pl.DataFrame, is_good: pl.Expr, column: str, what: str) -> None:
    bad = frame.height - int(frame.select(is_good.sum()).item() or 0)
    if bad:
        raise ValueError(f"column {column} has {bad} value(s) that are {what}")


def numbers(frame: pl.DataFrame, columns: Sequence[str]) -> Floats:
    """(R, p) columns as numbers.

    Raises:
        ValueError: a column is not there, or holds values that are no finite numbers.
    """
    require_numbers(frame, columns)
    if not columns:
        return np.zeros((frame.height, 0))
    return frame.select(pl.col(column).cast(pl.Float64) for column in columns).to_numpy()
