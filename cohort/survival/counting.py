"""From intervals to risk sets.

In: one row per interval (start, stop] with an event at its end, covariates, strata. Out: `RiskSets`. Nothing is
sorted by time: event times are few, so each interval finds its place among them by lookup.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from cohort.survival.arrays import Bools, Floats, Indices, Ints, ascending, narrow
from cohort.survival.distinct import TABLE, distinct, numbered
from cohort.survival.risk_sets import RiskSets, Rows, counts, row_changes
from cohort.survival.threads import each

_NOTHING = pl.repeat(0, pl.len()).alias("_nothing")
"""In place of the columns of a model that has none: all its rows are alike."""


def risk_sets(
    intervals: pl.DataFrame,
    columns: Sequence[str],
    strata: Sequence[str] = (),
    start: str = "start_day",
    stop: str = "stop_day",
    event: str = "event",
    *,
    weights: str | None = None,
    frequencies: str | None = None,
    offset: str | None = None,
) -> RiskSets:
    """Count risk sets from intervals.

    Args:
        intervals: one row per interval; `columns` numeric, `event` 0 or 1.
        columns: the covariates of the model.
        strata: columns whose combinations have a baseline hazard each.
        start, stop: the interval (start, stop], in any unit.
        event: whether the event is at `stop`.
        weights: column of probability weights, above zero; as R's `coxph(weights=)`, a death is one death however
            heavy it is.
        frequencies: column of whole numbers: how many such rows there are.
        offset: column with a known part of the log hazard.

    Raises:
        ValueError: an interval does not end after it starts, or a value is missing or out of range; the message says
            in which column, and how many.
    """
    numbers = [*columns, *(c for c in (offset, weights) if c)]
    apart: tuple[Callable[[], Any], ...] = (
        partial(_check, intervals, numbers, start, stop, event, weights, frequencies),
        partial(stratum_codes, intervals, strata),
    )
    _, (stratum, names) = each(lambda work: work(), apart)
    is_event = intervals.get_column(event).cast(pl.Boolean).to_numpy()
    begin, end = (intervals.get_column(side).to_numpy() for side in (start, stop))
    times, first, last = _ranks(begin, end, is_event, len(names))
    grid, lo, hi = _grid(stratum, len(names), len(times), first, last, np.flatnonzero(is_event))
    loud, stratum_of_time = np.unique(grid // max(len(times), 1), return_inverse=True)
    is_loud = np.isin(np.arange(len(names)), loud)
    index = np.flatnonzero(lo < hi)
    own = stratum[index] if is_loud.all() else (np.cumsum(is_loud) - 1)[stratum[index]]
    rows = intervals.select(list(dict.fromkeys(numbers)) or _NOTHING).filter(lo < hi)
    pattern, example = distinct(rows, own)
    values = dict(zip(rows.columns, each(partial(_taken, example), rows.get_columns()), strict=True))
    frequency = None if frequencies is None else intervals.get_column(frequencies).to_numpy().astype(np.float64)
    many = None if frequency is None else frequency[index]
    found = Rows(lo[index], hi[index], pattern, is_event[index], index, begin, end, frequency)
    shape = (len(grid), len(example))
    first_time = np.searchsorted(stratum_of_time, np.arange(len(loud)))
    return RiskSets(
        columns=tuple(columns),
        patterns=np.column_stack([values[name] for name in columns]) if columns else np.zeros((len(example), 0)),
        stratum_of=own[example],
        change=row_changes(found, many, first_time, shape),
        events=_events(found, many, shape),
        stratum=stratum_of_time.astype(np.int64),
        time=times[grid % max(len(times), 1)].astype(np.float64),
        strata=tuple(names[k] for k in loud),
        offset=values[offset] if offset else np.zeros(len(example)),
        weight=values[weights] if weights else np.ones(len(example)),
        silent=tuple(name for name, has_events in zip(names, is_loud, strict=True) if not has_events),
        rows=found,
    )


def _taken(rows: Ints, column: pl.Series) -> Floats:
    return column.to_numpy().take(rows).astype(np.float64)


def _check(
    intervals: pl.DataFrame,
    numbers: Sequence[str],
    start: str,
    stop: str,
    event: str,
    weights: str | None,
    frequencies: str | None,
) -> None:
    finite = dict.fromkeys((*numbers, start, stop, *([frequencies] if frequencies else [])))
    checks = [(_is_finite(intervals, column), _bad(column, "missing or not finite")) for column in finite]
    checks.append((pl.col(event).cast(pl.Float64).is_in([0.0, 1.0]), _bad(event, "neither 0 nor 1")))
    checks.append((pl.col(stop) > pl.col(start), "{} interval(s) do not end after they start"))
    if weights:
        checks.append((pl.col(weights) > 0, _bad(weights, "not above zero; leave such rows out")))
    if frequencies:
        is_whole = (pl.col(frequencies) > 0) & (pl.col(frequencies) == pl.col(frequencies).round())
        checks.append((is_whole, _bad(frequencies, "no whole number above zero; leave rows of none out")))
    good = intervals.select(is_good.sum().alias(str(number)) for number, (is_good, _) in enumerate(checks)).row(0)
    for n_good, (_, message) in zip(good, checks, strict=True):
        if n_good != intervals.height:
            raise ValueError(message.format(intervals.height - (n_good or 0)))


def _is_finite(intervals: pl.DataFrame, column: str) -> pl.Expr:
    if intervals.schema[column].is_integer():
        return pl.col(column).is_not_null()
    return pl.col(column).cast(pl.Float64).is_finite()


def _bad(column: str, what: str) -> str:
    """A message with a place for the number."""
    return f"column {column.replace('{', '{{').replace('}', '}}')} has {{}} value(s) that are {what}"


def stratum_codes(intervals: pl.DataFrame, strata: Sequence[str]) -> tuple[Ints, list[str]]:
    """The stratum of each row, from 0 in the order of the strata's values; and their names, `sex=F, period=402`."""
    if not strata or not intervals.height:
        return np.zeros(intervals.height, np.int64), ["all"]
    found = numbered(intervals.select(list(strata)))
    kinds = intervals[found.example].select(list(strata)).with_row_index("_kind").sort(list(strata), nulls_last=True)
    names = [
        ", ".join(f"{k}={v}" for k, v in zip(strata, row, strict=True)) for row in kinds.select(strata).iter_rows()
    ]
    return found.ordered(kinds.get_column("_kind").to_numpy()), names


def _ranks(
    begin: npt.NDArray[Any], end: npt.NDArray[Any], is_event: Bools, n_strata: int
) -> tuple[npt.NDArray[Any], Indices, Indices]:
    """Ascending times with all those of events among them, and how many are not later than each interval's ends.

    Where moments are whole and lie close together, every whole number is such a time: a rank is then a difference.
    """
    if len(end) and begin.dtype.kind in "iu" and end.dtype.kind in "iu":
        least, most = int(begin.min()), int(end.max())
        size = n_strata * (most - least)
        if size <= TABLE * len(end):
            # In the rank's own width; what is cut off cancels, for the difference has room.
            first, last = (
                np.subtract(side, np.int64(least), dtype=narrow(size), casting="unsafe") for side in (begin, end)
            )
            return np.arange(least + 1, most + 1), first, last
    times = ascending(end[is_event])
    return times, not_later(times, begin), not_later(times, end)


def not_later(times: npt.NDArray[Any], moments: npt.NDArray[Any]) -> Indices:
    """How many of ascending times are not later than each moment: by table where moments are whole, else by search."""
    if moments.dtype.kind in "iu":
        least = int(moments.min(initial=0))
        span = int(moments.max(initial=0)) - least + 1
        if span <= TABLE * len(moments):
            table = np.searchsorted(times, np.arange(least, least + span), side="right")
            found: Indices = table.astype(narrow(len(times)))[np.subtract(moments, least, dtype=np.int64)]
            return found
    return np.searchsorted(times, moments, side="right")


def _grid(
    stratum: Ints, n_strata: int, n_times: int, first: Indices, last: Indices, happened: Ints
) -> tuple[Ints, Indices, Indices]:
    """The event times of each stratum (as stratum x times + time), and which of them each row is at risk at.

    Returns:
        (G,) the grid; (R,) lo and (R,) hi: at risk at lo to hi - 1.
    """
    width = max(n_times, 1)
    grid = ascending(stratum[happened] * width + last[happened] - 1)
    begins = stratum.astype(narrow(n_strata * width))
    begins *= width
    lo, hi = each(lambda rank: count_below(grid, begins + rank, n_strata * width), (first, last))
    return grid, lo, hi


def count_below(grid: Ints, keys: Indices, size: int) -> Indices:
    """How many entries of an ascending grid are below each key.

    Args:
        grid: whole numbers below `size`.
        keys: whole numbers up to `size`.
        size: by table where it is not much longer than the keys; else by search.
    """
    if size > TABLE * max(len(keys), 1):
        return np.searchsorted(grid, keys)
    below = np.zeros(size + 1, narrow(len(grid)))
    below[1:] = np.cumsum(np.bincount(grid, minlength=size))
    return below.take(keys)


def _events(rows: Rows, many: Floats | None, shape: tuple[int, int]) -> sparse.csc_array:
    """(G, M) number of events of each pattern."""
    happened = np.flatnonzero(rows.is_event)
    number = np.ones(len(happened)) if many is None else many[happened]
    return counts(rows.hi[happened] - 1, rows.pattern[happened], number, shape)
