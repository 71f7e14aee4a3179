"""Risk sets as counts: who is at risk, and who has the event, at each event time of each stratum.

Persons with the same covariates in the same stratum are one pattern. For each pattern and event time it is counted
how many leave the risk set after it, less how many come in, and how many have the event: that is all that the partial
likelihood needs, and the fit from the counts equals the fit from the rows. A row (start, stop] is at risk at t when
start < t <= stop, so who enters at t is not at risk at t (delayed entry as in R's `survival`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy import sparse

from cohort.survival.arrays import Bools, Floats, Indices, Ints, narrow
from cohort.survival.segments import Segments
from cohort.survival.threads import each

_BLOCK = 1 << 17
"""Patterns that are worked on together: what is formed on the way stays within some tens of megabytes."""
_LEAST = 1 << 14
"""So few are not worth a second thread."""


@dataclass(frozen=True)
class Rows:
    """Where each interval stands: at risk at the event times lo to hi - 1.

    Attributes:
        lo, hi: (R,) index into the event times, in any width.
        pattern: (R,) index into the patterns.
        is_event: (R,) whether the event is at the last of them.
        index: (R,) number of the interval among those counted; who is at risk at no event time is left out.
        start, stop: (N,) the ends of all N intervals that were counted.
        frequency: (N,) how many of each there are; None: one.
    """

    lo: Indices
    hi: Indices
    pattern: Ints
    is_event: Bools
    index: Ints
    start: Floats
    stop: Floats
    frequency: Floats | None = None

    @property
    def size(self) -> int:
        """How many intervals were counted."""
        return len(self.start)

    def part(self, chosen: slice | Ints) -> "Rows":
        """Some of those that are at risk, in the order of their places; the ends stay those of all intervals."""
        return replace(
            self,
            lo=self.lo[chosen],
            hi=self.hi[chosen],
            pattern=self.pattern[chosen],
            is_event=self.is_event[chosen],
            index=self.index[chosen],
        )


@dataclass(frozen=True)
class Lasting:
    """Persons who stay in the risk set after a competing event, with a share that falls with time (Fine and Gray 1999).

    Attributes:
        change: (G, M) count x share at which a pattern's persons come in, to stay until the stratum's end.
        share: (G,) factor of all of them at each event time.
    """

    change: sparse.csc_array
    share: Floats


class Block(NamedTuple):
    """Consecutive patterns, with their columns of `change`, `events` and `lasting.change` (no copies)."""

    part: slice
    change: sparse.csc_array
    events: sparse.csc_array
    lasting: sparse.csc_array | None


@dataclass(frozen=True)
class RiskSets:
    """Counts over G event times (all strata, one after another) and M patterns (sorted by stratum).

    Attributes:
        columns: names of the p covariates.
        patterns: (M, p) covariate values.
        stratum_of: (M,) stratum of each pattern.
        change: (G, M) number who leave the risk set after this event time, less the number who come in between it and
            the next; the sum from here to the stratum's end is the number at risk.
        events: (G, M) number of events.
        stratum: (G,) stratum of each event time.
        time: (G,) the event times, ascending within a stratum.
        strata: names of the strata with events.
        offset: (M,) known part of the log hazard.
        weight: (M,) probability weight of each person of the pattern; zero takes the pattern out.
        silent: names of strata without events, which say nothing.
        rows: where each interval stands, if the sets were counted from intervals.
        lasting: who stays at risk after a competing event.
    """

    columns: tuple[str, ...]
    patterns: Floats
    stratum_of: Ints
    change: sparse.csc_array
    events: sparse.csc_array
    stratum: Ints
    time: Floats
    strata: tuple[str, ...]
    offset: Floats
    weight: Floats
    silent: tuple[str, ...] = ()
    rows: Rows | None = field(default=None, repr=False)
    lasting: Lasting | None = field(default=None, repr=False)

    @cached_property
    def deaths(self) -> Ints:
        """(G,) number of tied events at each event time; a weight does not multiply them."""
        return np.asarray(self.events.sum(axis=1)).ravel().astype(np.int64)

    @cached_property
    def observed(self) -> Floats:
        """(M,) number of events of each pattern."""
        return np.asarray(self.events.sum(axis=0)).ravel()

    @property
    def n_events(self) -> int:
        """Number of events."""
        return int(self.deaths.sum())

    @cached_property
    def segments(self) -> Segments:
        """The event times of each stratum."""
        return Segments(np.bincount(self.stratum, minlength=len(self.strata)).astype(np.int64))

    @cached_property
    def pattern_starts(self) -> Ints:
        """(strata,) the first pattern of each stratum."""
        return np.searchsorted(self.stratum_of, np.arange(len(self.strata)))

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The patterns in blocks of bounded size."""
        lasting = None if self.lasting is None else self.lasting.change
        parts = _parts(len(self.patterns))
        return tuple(
            Block(
                part,
                columns_of(self.change, part),
                columns_of(self.events, part),
                None if lasting is None else columns_of(lasting, part),
            )
            for part in parts
        )

    def keep(self, columns: Sequence[str], without: Bools | None = None) -> "RiskSets":
        """The same risk sets with fewer columns, and with the patterns marked in `without` taken out."""
        index = [self.columns.index(column) for column in columns]
        weight = self.weight if without is None else np.where(without, 0.0, self.weight)
        return replace(self, columns=tuple(columns), patterns=self.patterns[:, index], weight=weight)

    def combined(self, columns: Mapping[str, Mapping[str, float]]) -> "RiskSets":
        """The same risk sets with new columns, each a weighted sum of old ones: another model without counting again.

        Args:
            columns: new column -> old column -> its weight.
        """
        design = {
            name: sum((w * self.patterns[:, self.columns.index(old)] for old, w in olds.items()), self._zeros())
            for name, olds in columns.items()
        }
        return self.designed(design)

    def _zeros(self) -> Floats:
        return np.zeros(len(self.patterns))

    def designed(self, columns: Mapping[str, Floats]) -> "RiskSets":
        """The same risk sets with other covariates of the patterns: splines, products, indicators."""
        patterns = np.column_stack(list(columns.values())) if columns else np.zeros((len(self.patterns), 0))
        return replace(self, columns=tuple(columns), patterns=patterns)


def _parts(size: int) -> list[slice]:
    """Pieces of about equal size, an even number of them unless that would be too little for each."""
    many = 1 if size <= _LEAST else 2 * -(-size // (2 * _BLOCK))
    bounds = np.linspace(0, size, many + 1).astype(int).tolist()
    return [slice(first, last) for first, last in pairwise(bounds)]


def columns_of(matrix: sparse.csc_array, part: slice) -> sparse.csc_array:
    """Consecutive columns of a matrix, without copying them."""
    first, last = matrix.indptr[part.start], matrix.indptr[part.stop]
    # Put in one by one: the constructor copies what is less than half of its matrix.
    columns = sparse.csc_array((matrix.shape[0], part.stop - part.start))
    columns.data, columns.indices = matrix.data[first:last], matrix.indices[first:last]
    columns.indptr = matrix.indptr[part.start : part.stop + 1] - first
    return columns


def row_changes(rows: Rows, many: Floats | None, starts: Ints, shape: tuple[int, int]) -> sparse.csc_array:
    """(G, M) who leaves after each event time, less who comes in before the next; see `RiskSets.change`.

    Args:
        rows: R intervals, each at risk at event times of one stratum.
        many: (R,) how many of each there are; None: one.
        starts: (strata,) first event time of each stratum.
        shape: of the matrix.
    """
    was_before = np.zeros(shape[0] + 1, bool)
    was_before[starts] = True
    width = narrow(max(len(rows.lo), *shape))
    pattern = rows.pattern.astype(width, copy=False)
    one = np.ones(len(rows.lo), np.int32) if many is None else many

    def leave() -> sparse.csc_array:
        return _added(rows.hi.astype(width) - 1, pattern, one, shape)

    def come() -> sparse.csc_array:
        # Of who is there from the first time on nothing is taken off.
        return _added(np.maximum(rows.lo.astype(width) - 1, 0), pattern, one * ~was_before.take(rows.lo), shape)

    leaving, coming = each(lambda side: side(), (leave, come))
    return _as_floats(leaving - coming)


def counts(row: Indices, column: Indices, values: Floats | Indices, shape: tuple[int, int]) -> sparse.csc_array:
    """A (G, M) matrix of sums of values."""
    width = narrow(max(len(row), *shape))
    return _as_floats(_added(row.astype(width, copy=False), column.astype(width, copy=False), values, shape))


def _added(row: Indices, column: Indices, values: Floats | Indices, shape: tuple[int, int]) -> sparse.csc_array:
    """The same of indices that are of one width, in the kind of the values."""
    if (column[1:] >= column[:-1]).all():
        # A copy, for sums are formed in place.
        pointers = np.searchsorted(column, np.arange(shape[1] + 1))
        made = sparse.csc_array((values, row, pointers), shape=shape, copy=True)
    else:
        placed = sparse.coo_array((values, (row, column)), shape=shape)
        # Not yet; placed by row and then by column, what falls together stands together.
        placed.has_canonical_format = True
        made = placed.tocsr().tocsc()
    made.sum_duplicates()
    return made


def _as_floats(matrix: sparse.csc_array) -> sparse.csc_array:
    matrix.eliminate_zeros()
    matrix.data = matrix.data.astype(np.float64, copy=False)
    return matrix
