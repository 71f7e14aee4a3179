"""Hazards of the subdistribution (Fine and Gray 1999), also with delayed entry, strata and changing covariates.

In: one row per interval with the event, the competing event, and whose interval it is. Out: `RiskSets` in which
who has the competing event at T stays, with the weight w(t) = G(t-) H(t-) / (G(T-) H(T-)): the probability to be still
under observation at t for one who was at T (Geskus 2011). It is a product of a function of t and one of T, so that
nobody's time is cut into pieces, as R's `finegray` does to the same end. The fit is Cox's on these sets.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from scipy import sparse

from cohort.survival.arrays import Bools, Floats, Ints
from cohort.survival.censoring import Convention, Observation, spells
from cohort.survival.counting import risk_sets
from cohort.survival.cox import CoxFit, Ties, fit_cox
from cohort.survival.frames import require_flags
from cohort.survival.risk_sets import Lasting, RiskSets, Rows, counts, row_changes

_ROW = "_row"


@dataclass(frozen=True)
class LastingRows(Lasting):
    """Who stays at risk after the competing event, one by one: L of them.

    Attributes:
        index: (L,) the interval that ended with the competing event.
        first, last: (L,) at risk again at the event times first to last - 1.
        pattern: (L,) index into the patterns.
        factor: (L,) 1 / (G(T-) H(T-)).
        observation: the distributions G and H.
        keys: (G,) key of each event time in them.
    """

    index: Ints
    first: Ints
    last: Ints
    pattern: Ints
    factor: Floats
    observation: Observation
    keys: Ints


def fit_fine_gray(
    intervals: pl.DataFrame,
    columns: Sequence[str],
    strata: Sequence[str] = (),
    start: str = "start_day",
    stop: str = "stop_day",
    event: str = "event",
    competing: str = "competing",
    id: str | None = None,
    *,
    censoring_strata: Sequence[str] = (),
    convention: Convention = "survival",
    weights: str | None = None,
    offset: str | None = None,
    ties: Ties = "efron",
) -> CoxFit:
    """Subdistribution hazard ratios; arguments of `fine_gray_sets`.

    The fit's own covariance takes the weights for known and persons for independent events; see
    `fine_gray_variance.fine_gray_covariance` for the one to report.
    """
    sets = fine_gray_sets(
        intervals,
        columns,
        strata,
        start,
        stop,
        event,
        competing,
        id,
        censoring_strata=censoring_strata,
        convention=convention,
        weights=weights,
        offset=offset,
    )
    return fit_cox(sets, ties)


def fine_gray_sets(
    intervals: pl.DataFrame,
    columns: Sequence[str],
    strata: Sequence[str] = (),
    start: str = "start_day",
    stop: str = "stop_day",
    event: str = "event",
    competing: str = "competing",
    id: str | None = None,
    *,
    censoring_strata: Sequence[str] = (),
    convention: Convention = "survival",
    weights: str | None = None,
    offset: str | None = None,
) -> RiskSets:
    """Count the risk sets of the subdistribution.

    Args:
        intervals: one row per interval; a person's intervals are contiguous and only the last may end in an event.
            After a competing event the covariates and the stratum of the last interval stay.
        columns: the covariates of the model, numeric.
        strata: columns whose combinations have a baseline hazard each.
        start, stop: the interval (start, stop], in any unit.
        event, competing: 0 or 1; whether the event, or the competing event, is at `stop`.
        id: the person; none: every interval is one person's.
        censoring_strata: columns, constant within a person, whose combinations have distributions of censoring and
            entry of their own; each of `strata` must lie within one of them.
        convention: how ties of events and censoring are taken in G, see `censoring.Convention`.
        weights: column of probability weights of the likelihood; G and H are unweighted, as in R.
        offset: column with a known part of the log hazard.

    Raises:
        ValueError: values out of range, gaps, events before a person's last interval, strata across censoring
            strata, or nobody under observation in between, so that the weights do not exist.
    """
    _check_competing(intervals, event, competing)
    numbers = [*dict.fromkeys((*columns, start, stop, *(c for c in (offset, weights) if c)))]
    stays = _staying(intervals.with_row_index(_ROW), numbers, start, stop, event, competing)
    needed = [*dict.fromkeys((*numbers, *strata, event))]
    everyone = pl.concat([intervals.select(needed), stays.select(needed)], how="vertical_relaxed")
    counted = risk_sets(everyone, columns, strata, start, stop, event, weights=weights, offset=offset)
    observation = Observation(spells(intervals, start, stop, [event, competing], id, censoring_strata), convention)
    return _with_lasting(counted, observation, stays.get_column(_ROW).to_numpy().astype(np.int64))


def _check_competing(intervals: pl.DataFrame, event: str, competing: str) -> None:
    require_flags(intervals, [event, competing])
    both = intervals.filter(pl.col(event).cast(pl.Boolean) & pl.col(competing).cast(pl.Boolean)).height
    if both:
        raise ValueError(f"{both} interval(s) end with {event} and with {competing}; one has to come first")


def _staying(
    rows: pl.DataFrame, numbers: Sequence[str], start: str, stop: str, event: str, competing: str
) -> pl.DataFrame:
    """Intervals from each competing event to after all others; bad values are left to whoever counts them."""
    good = [pl.col(column).cast(pl.Float64).is_finite() for column in numbers]
    ended = rows.filter(pl.col(competing).cast(pl.Boolean), *good)
    kind = pl.Int64 if rows.schema[stop].is_integer() else pl.Float64
    stops = rows.get_column(stop).cast(pl.Float64)
    latest = float(np.max(stops.filter(stops.is_finite()).to_numpy(), initial=0.0))
    never = pl.lit(False).cast(rows.schema[event])
    return ended.with_columns(pl.col(stop).alias(start), pl.lit(latest + 1).cast(kind).alias(stop), never.alias(event))


def _with_lasting(counted: RiskSets, observation: Observation, source: Ints) -> RiskSets:
    """Take the intervals after competing events out of the counts again, and give them their weights.

    Args:
        counted: of all intervals, those after competing events last.
        observation: the distributions of censoring and entry.
        source: for each of the latter, the interval that it follows.
    """
    rows, size = counted.rows, len(observation.starts)
    assert rows is not None
    is_after = rows.index >= size
    after, kept = _chosen(rows, is_after, size), _chosen(rows, ~is_after, size)
    index = source[after.index - size]
    model_stratum = counted.stratum_of[np.concatenate([kept.pattern, after.pattern])]
    within = observation.spells.stratum[np.concatenate([kept.index, index])]
    stratum = _censoring_stratum(len(counted.strata), model_stratum, within)
    keys = observation.keys(counted.time, stratum[counted.stratum])
    change = counted.change - row_changes(after, None, counted.segments.starts, counted.change.shape)
    change.eliminate_zeros()
    last = _last(counted, observation, after, observation.stops[index])
    stays = last > after.lo
    index, first, last, pattern = index[stays], after.lo[stays], last[stays], after.pattern[stays]
    _check_entry(observation, observation.stops[index], keys[last - 1])
    factor = np.exp(-observation.log_probability(observation.stops[index]))
    lasting = LastingRows(
        change=_lasting_change(first, last, pattern, factor, counted),
        share=np.exp(observation.log_probability(keys)),
        index=index,
        first=first,
        last=last,
        pattern=pattern,
        factor=factor,
        observation=observation,
        keys=keys,
    )
    return replace(counted, change=sparse.csc_array(change), rows=kept, lasting=lasting)


def _chosen(rows: Rows, chosen: Bools, size: int) -> Rows:
    return Rows(
        lo=rows.lo[chosen],
        hi=rows.hi[chosen],
        pattern=rows.pattern[chosen],
        is_event=rows.is_event[chosen],
        index=rows.index[chosen],
        start=rows.start[:size],
        stop=rows.stop[:size],
    )


def _censoring_stratum(n_strata: int, own: Ints, within: Ints) -> Ints:
    """The stratum of censoring in which each stratum of the model lies, from the strata of all intervals."""
    found = np.zeros(n_strata, np.int64)
    found[own] = within
    across = len(np.unique(own[found[own] != within]))
    if across:
        raise ValueError(f"{across} of {n_strata} strata reach across censoring strata; stratify the model by them too")
    return found


def _last(counted: RiskSets, observation: Observation, after: Rows, keys: Ints) -> Ints:
    """Up to which event time who had the competing event stays: till all who were there then are censored, if ever.

    With delayed entry that may be before the end, and those who come later say nothing about him.
    """
    width = observation.n_times + 1
    leaves = observation.censoring.next_gap(keys) - keys // observation.n_times * observation.n_times
    times = counted.stratum * width + observation.keys(counted.time, np.zeros_like(counted.stratum))
    last: Ints = np.searchsorted(times, counted.stratum_of[after.pattern] * width + leaves, side="right")
    return last


def _check_entry(observation: Observation, competing: Ints, latest: Ints) -> None:
    """Refuse when, between a competing event and the last event time that it lasts to, all at risk are new."""
    lost = int((observation.entry.next_gap(competing) < latest).sum())
    if lost:
        raise ValueError(
            f"{lost} competing event(s) come before a time at which all under observation have just entered, so their "
            "weight after it has no estimate; start follow-up after that time"
        )


def _lasting_change(first: Ints, last: Ints, pattern: Ints, factor: Floats, sets: RiskSets) -> sparse.csc_array:
    """Who comes in at each event time, less who leaves before it."""
    ends = sets.segments.starts + sets.segments.lengths
    early = last < ends[sets.stratum_of[pattern]]
    at = np.concatenate([first, last[early]])
    values = np.concatenate([factor, -factor[early]])
    return counts(at, np.concatenate([pattern, pattern[early]]), values, sets.change.shape)
