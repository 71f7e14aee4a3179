"""From intervals to risk sets.

In: one row per interval (start, stop] with an event at its end, covariates, strata. Out: `RiskSets`. Nothing is
sorted by time: event times are few, so each interval finds its place among them by lookup.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from cohort.survival.arrays import Bools, Floats, Indices, Ints
from cohort.survival.risk_sets import RiskSets, Rows, counts

_TABLE = 8
"""A lookup table may be this many times as long as the intervals; beyond it places are searched for."""
_NOTHING = pl.repeat(0, pl.len()).alias("_nothing")
"""In place of the columns of a model that has none: all its rows are alike."""
_BLOCK = 1 << 17
"""Rows that are worked on together."""
_ODD = 0x9E3779B97F4A7C15
"""An odd number without pattern: 2^64 / golden ratio."""
_DIGITS = 20
"""Binary digits of the places of a table: a million."""


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
    _check(intervals, numbers, start, stop, event, weights, frequencies)
    is_event = intervals.get_column(event).cast(pl.Boolean).to_numpy()
    stratum, names = stratum_codes(intervals, strata)
    begin, end = (intervals.get_column(side).to_numpy() for side in (start, stop))
    times = np.unique(end[is_event])
    first, last = not_later(times, begin), not_later(times, end)
    grid, lo, hi = _grid(stratum, len(names), len(times), first, last, is_event)
    loud, stratum_of_time = np.unique(grid // max(len(times), 1), return_inverse=True)
    is_loud = np.isin(np.arange(len(names)), loud)
    index = np.flatnonzero(lo < hi)
    own = (np.cumsum(is_loud) - 1)[stratum[index]]
    rows = intervals.select(list(dict.fromkeys(numbers)) or _NOTHING).filter(lo < hi)
    pattern, example = distinct(rows, own)
    values = rows[example].cast(pl.Float64)
    frequency = None if frequencies is None else intervals.get_column(frequencies).to_numpy().astype(np.float64)
    many = np.ones(len(index)) if frequency is None else frequency[index]
    found = Rows(lo[index], hi[index], pattern, is_event[index], index, begin, end, frequency)
    shape = (len(grid), len(example))
    first_time = np.searchsorted(stratum_of_time, np.arange(len(loud)))
    return RiskSets(
        columns=tuple(columns),
        patterns=values.select(list(columns)).to_numpy() if columns else np.zeros((len(example), 0)),
        stratum_of=own[example],
        change=_change(found, many, shape, first_time[own]),
        events=counts(found.hi[found.is_event] - 1, pattern[found.is_event], many[found.is_event], shape),
        stratum=stratum_of_time.astype(np.int64),
        time=times[grid % max(len(times), 1)].astype(np.float64),
        strata=tuple(names[k] for k in loud),
        offset=values.get_column(offset).to_numpy() if offset else np.zeros(len(example)),
        weight=values.get_column(weights).to_numpy() if weights else np.ones(len(example)),
        silent=tuple(name for name, has_events in zip(names, is_loud, strict=True) if not has_events),
        rows=found,
    )


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
    code, example = distinct(intervals.select(list(strata)))
    kinds = intervals[example].select(list(strata)).with_row_index("_kind").sort(list(strata), nulls_last=True)
    order = np.empty(len(example), np.int64)
    order[kinds.get_column("_kind").to_numpy()] = np.arange(len(example))
    names = [
        ", ".join(f"{k}={v}" for k, v in zip(strata, row, strict=True)) for row in kinds.select(strata).iter_rows()
    ]
    return order[code], names


def distinct(frame: pl.DataFrame, group: Ints | None = None) -> tuple[Ints, Ints]:
    """Number the distinct rows, group after group in the order of first appearance.

    Args:
        frame: any columns.
        group: (R,) number of each row's group; rows of different groups are distinct.

    Returns:
        (R,) the number of each row, and (M,) the first row of each number.
    """
    keyed = frame if group is None else frame.with_columns(pl.Series("_group", group))
    if not keyed.width:
        return np.zeros(frame.height, np.int64), np.zeros(min(frame.height, 1), np.int64)
    # A hash per column and their sum: half the time of one hash of whole rows, which first puts the rows together.
    hashes = [pl.col(name).hash(seed) for seed, name in enumerate(keyed.columns)]
    number, example = _numbered(first_alike(keyed.select(pl.sum_horizontal(hashes)).to_series().to_numpy()), group)
    if _differs(keyed, number, example):  # two rows of one hash: one in ten million of tables of a million rows
        rank = keyed.select(pl.struct(pl.all()).rank("dense")).to_series().to_numpy() - 1
        return _numbered(np.unique(rank, return_index=True)[1][rank], group)
    return number, example


def _numbered(first: Ints, group: Ints | None) -> tuple[Ints, Ints]:
    """The rows that are the first of their kind, group after group, and which of them each row is like."""
    example = np.flatnonzero(first == np.arange(len(first)))
    if group is not None:
        example = example[np.argsort(group[example], kind="stable")]
    number = np.empty(len(first), np.int64)
    number[example] = np.arange(len(example))
    return number[first], example


def first_alike(keys: npt.NDArray[np.uint64]) -> Ints:
    """(R,) the first row with the same key.

    Rows go to places of a table, by the leading digits of the key times an odd number; the first to come stays. Who
    finds another key in its place goes on to the next table. A table is no larger than the processor's cache, and rows
    go in blocks, so that hardly more memory is touched than the answer needs.
    """
    small = np.int32 if len(keys) < 2**31 else np.int64
    first, left, odd = np.empty(len(keys), np.int64), np.arange(len(keys), dtype=small), _ODD
    while len(left):
        digits = min(len(left).bit_length() + 1, _DIGITS)
        blocks = [left[begin : begin + _BLOCK] for begin in range(0, len(left), _BLOCK)]
        table, others = np.zeros(1 << digits, small), []
        for rows in reversed(blocks):
            table[_places(keys[rows], odd, digits)[::-1]] = rows[::-1]
        owners = keys[table]
        for rows in blocks:
            place = _places(keys[rows], odd, digits)
            first[rows] = table[place]
            others.append(rows[owners[place] != keys[rows]])
        left, odd = np.concatenate(others), odd * _ODD % 2**64
    return first


def _places(keys: npt.NDArray[np.uint64], odd: int, digits: int) -> npt.NDArray[np.uint64]:
    """The leading binary digits of keys times an odd number."""
    places: npt.NDArray[np.uint64] = keys * np.uint64(odd) >> np.uint64(64 - digits)
    return places


def _differs(frame: pl.DataFrame, number: Ints, example: Ints) -> bool:
    """Whether a row is unlike the first row of its number."""
    kinds = frame[example]
    blocks = (slice(first, first + _BLOCK) for first in range(0, frame.height, _BLOCK))
    return any(not frame[block].equals(kinds[number[block]]) for block in blocks)


def not_later(times: npt.NDArray[Any], moments: npt.NDArray[Any]) -> Ints:
    """How many of ascending times are not later than each moment: by table where moments are whole, else by search."""
    if moments.dtype.kind in "iu":
        least = int(moments.min(initial=0))
        span = int(moments.max(initial=0)) - least + 1
        if span <= _TABLE * len(moments):
            table = np.searchsorted(times, np.arange(least, least + span), side="right")
            found: Ints = table[np.subtract(moments, least, dtype=np.int64)]
            return found
    return np.searchsorted(times, moments, side="right")


def _grid(
    stratum: Ints, n_strata: int, n_times: int, first: Ints, last: Ints, is_event: Bools
) -> tuple[Ints, Ints, Ints]:
    """The event times of each stratum (as stratum x times + time), and which of them each row is at risk at.

    Returns:
        (G,) the grid; (R,) lo and (R,) hi: at risk at lo to hi - 1.
    """
    width = max(n_times, 1)
    grid = np.unique(stratum[is_event] * width + last[is_event] - 1)
    lo, hi = (count_below(grid, stratum * width + rank, n_strata * width) for rank in (first, last))
    return grid, lo, hi


def count_below(grid: Ints, keys: Indices, size: int) -> Ints:
    """How many entries of an ascending grid are below each key.

    Args:
        grid: whole numbers below `size`.
        keys: whole numbers up to `size`.
        size: by table where it is not much longer than the keys; else by search.
    """
    if size > _TABLE * max(len(keys), 1):
        return np.searchsorted(grid, keys)
    below = np.zeros(size + 1, np.int64)
    below[1:] = np.cumsum(np.bincount(grid, minlength=size))
    return below[keys]


def _change(rows: Rows, many: Floats, shape: tuple[int, int], first_time: Ints) -> sparse.csc_array:
    """Who leaves after each event time, less who comes in before the next."""
    late = rows.lo > first_time
    at = np.concatenate([rows.hi - 1, rows.lo[late] - 1])
    pattern = np.concatenate([rows.pattern, rows.pattern[late]])
    return counts(at, pattern, np.concatenate([many, -many[late]]), shape)
