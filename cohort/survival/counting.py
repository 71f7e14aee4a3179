"""From intervals to risk sets.

In: one row per interval (start, stop] with an event at its end, covariates, strata. Out: `RiskSets`. Nothing is
sorted by time: event times are few, so each interval finds its place among them by lookup.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy import sparse

from cohort.survival.arrays import Bools, Floats, Ints
from cohort.survival.risk_sets import RiskSets, Rows, counts

_TABLE = 8
"""A lookup table may be this many times as long as the intervals; beyond it places are searched for."""


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
    times, first, last = _ranks(intervals.get_column(start), intervals.get_column(stop), is_event)
    grid, lo, hi = _grid(stratum, len(names), times, first, last, is_event)
    loud, stratum_of_time = np.unique(grid // max(len(times), 1), return_inverse=True)
    index = np.flatnonzero(lo < hi)
    own = np.searchsorted(loud, stratum[index])
    rows = intervals.select(pl.col(c).cast(pl.Float64) for c in dict.fromkeys(numbers)).filter(lo < hi)
    pattern, example = distinct(rows, own)
    values = rows[example]
    is_loud = np.isin(np.arange(len(names)), loud)
    many = np.ones(len(index)) if frequencies is None else intervals.get_column(frequencies).to_numpy()[index] * 1.0
    found = Rows(lo[index], hi[index], pattern, is_event[index], index, intervals.height)
    shape = (len(grid), len(example))
    return RiskSets(
        columns=tuple(columns),
        patterns=values.select(list(columns)).to_numpy() if columns else np.zeros((len(example), 0)),
        stratum_of=own[example],
        change=_change(found, many, shape, np.searchsorted(stratum_of_time, own)),
        events=counts(found.hi[found.is_event] - 1, pattern[found.is_event], many[found.is_event], shape),
        stratum=stratum_of_time.astype(np.int64),
        time=times[grid % max(len(times), 1)],
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
    for column in dict.fromkeys((*numbers, start, stop, *([frequencies] if frequencies else []))):
        _count_bad(intervals, pl.col(column).cast(pl.Float64).is_finite(), column, "missing or not finite")
    _count_bad(intervals, pl.col(event).cast(pl.Float64).is_in([0.0, 1.0]), event, "neither 0 nor 1")
    reversed_rows = intervals.filter(pl.col(stop) <= pl.col(start)).height
    if reversed_rows:
        raise ValueError(f"{reversed_rows} interval(s) do not end after they start")
    if weights:
        _count_bad(intervals, pl.col(weights) > 0, weights, "not above zero; leave such rows out")
    if frequencies:
        is_whole = (pl.col(frequencies) > 0) & (pl.col(frequencies) == pl.col(frequencies).round())
        _count_bad(intervals, is_whole, frequencies, "no whole number above zero; leave rows of none out")


def _count_bad(intervals: pl.DataFrame, is_good: pl.Expr, column: str, what: str) -> None:
    bad = intervals.height - int(intervals.select(is_good.sum()).item() or 0)
    if bad:
        raise ValueError(f"column {column} has {bad} value(s) that are {what}")


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
    hashes = pl.DataFrame({"hash": keyed.select(pl.struct(pl.all()).hash()).to_series()}).with_row_index("row")
    firsts = hashes.group_by("hash").agg(pl.col("row").first())
    if group is not None:
        firsts = firsts.with_columns(pl.Series("group", group[firsts.get_column("row").to_numpy()]))
    firsts = firsts.sort(["group", "row"] if group is not None else ["row"]).with_row_index("number")
    numbers = hashes.join(firsts.select("hash", "number"), on="hash", how="left", maintain_order="left")
    number = numbers.get_column("number").to_numpy().astype(np.int64)
    example = firsts.get_column("row").to_numpy().astype(np.int64)
    if _differs(keyed, number, example):  # two rows of one hash: one in ten million of tables of a million rows
        number = keyed.select(pl.struct(pl.all()).rank("dense")).to_series().to_numpy().astype(np.int64) - 1
        example = np.unique(number, return_index=True)[1].astype(np.int64)
        if group is not None:
            order = np.lexsort((example, group[example]))
            return np.argsort(order)[number], example[order]
    return number, example


def _differs(frame: pl.DataFrame, number: Ints, example: Ints) -> bool:
    """Whether a row is unlike the first row of its number."""
    return any(bool(column.ne_missing(column[example][number]).any()) for column in frame.iter_columns())


def _ranks(start: pl.Series, stop: pl.Series, is_event: Bools) -> tuple[Floats, Ints, Ints]:
    """The distinct event times, and how many of them are not later than each start and each stop."""
    starts, stops = start.to_numpy(), stop.to_numpy()
    times = np.unique(stops[is_event])
    least = min(starts.min(initial=0), 0)
    span = int(stops.max(initial=0) - least) + 2 if len(stops) else 0
    if start.dtype.is_integer() and stop.dtype.is_integer() and span <= _TABLE * len(stops):
        table = np.searchsorted(times, np.arange(least, least + span), side="right")
        return times.astype(np.float64), table[starts - least], table[stops - least]
    first, last = (np.searchsorted(times, t, side="right") for t in (starts, stops))
    return times.astype(np.float64), first, last


def _grid(
    stratum: Ints, n_strata: int, times: Floats, first: Ints, last: Ints, is_event: Bools
) -> tuple[Ints, Ints, Ints]:
    """The event times of each stratum (as stratum x times + time), and which of them each row is at risk at.

    Returns:
        (G,) the grid; (R,) lo and (R,) hi: at risk at lo to hi - 1.
    """
    width = max(len(times), 1)
    grid = np.unique(stratum[is_event] * width + last[is_event] - 1)
    lo, hi = (count_below(grid, stratum * width + rank, n_strata * width) for rank in (first, last))
    return grid, lo, hi


def count_below(grid: Ints, keys: Ints, size: int) -> Ints:
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
