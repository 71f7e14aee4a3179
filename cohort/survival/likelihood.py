"""Cox's log partial likelihood with its derivatives, from risk-set counts.

With r the hazards relative to each other, S0 and S1 the sums of r and r x over a risk set, E0 and E1 the same over its
tied events, and z = S0 - (l/d) E0 for the l-th of d ties (Efron 1977; the share l/d is 0 for Breslow 1974), each tie
weighted by the mean weight w of the tied events, the information is
    X' diag(r u) X  -  X' diag(r v) X  -  sum of w m m'   with m = (S1 - (l/d) E1) / z,
where u adds w/z over the event times at which a pattern is at risk, and v adds w (l/d)/z where it has events. So no sum
of squares per event time is ever formed: one matrix product over patterns does it, in blocks of bounded memory.

Hazards are relative to the largest of their stratum and covariates to the mean of its events, so neither
overflow, nor units, nor what all of a stratum share costs a digit.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from cohort.survival.arrays import Bools, Floats, Ints
from cohort.survival.remote import Remote, remote
from cohort.survival.risk_sets import Block, RiskSets
from cohort.survival.threads import added, each

Ties = Literal["efron", "breslow"]

_KEPT = 1 << 24
"""Up to so many centred covariates (128 MB) are kept; beyond it they are centred anew, block by block."""
_PIECE = 1 << 13
"""Values of a thin matrix that are multiplied together."""


@dataclass(frozen=True)
class Derivatives:
    """The log partial likelihood, its score (p,) and observed information (p, p), as if the largest weight were one."""

    log_likelihood: float
    score: Floats
    information: Floats

    def of(self, columns: Bools) -> "Derivatives":
        """Those of some of the coefficients, (p,) true."""
        return Derivatives(self.log_likelihood, self.score[columns], self.information[np.ix_(columns, columns)])

    @property
    def is_finite(self) -> bool:
        """Whether all of it is a number."""
        return bool(np.isfinite([self.log_likelihood, self.score.sum(), self.information.sum()]).all())


@dataclass(frozen=True)
class RiskSums:
    """What the risk sets add up to at some coefficients; x is relative to its stratum's centre.

    Attributes:
        hazard: (M,) hazard x weight of one person of each pattern, relative to the largest of its stratum.
        at_risk: (G, 1 + p) sums S0 and S1 over those at risk.
        tied: (G, 1 + p) sums E0 and E1 over those with the event.
        log_scale: (G,) log of the hazard to which the sums of each event time are relative.
        remote: risk sets that were counted anew, relative to a hazard of their own.
    """

    hazard: Floats
    at_risk: Floats
    tied: Floats
    log_scale: Floats
    remote: Remote | None


@dataclass(frozen=True)
class Moments:
    """Sums over the tied events of each event time, w being their mean weight.

    Attributes:
        z: (L,) sum of hazards that each tied event is compared with.
        a, b: (G,) sums of w/z and of w share/z.
        c0, c1, c2: (G,) sums of w/z^2, w share/z^2 and w share^2/z^2.
    """

    z: Floats
    a: Floats
    b: Floats
    c0: Floats
    c1: Floats
    c2: Floats


class TiedEvents:
    """The events of risk sets written out one by one: L of them.

    Attributes:
        at: (L,) event time of each.
        share: (L,) which part of the events of its time has happened before it: l/d, or 0 for Breslow.
        weight: (L,) mean weight of the events of its time.
    """

    def __init__(self, sets: RiskSets, ties: Ties) -> None:
        deaths = sets.deaths
        self.at: Ints = np.repeat(np.arange(len(deaths)), deaths)
        rank = np.arange(len(self.at)) - np.repeat(np.cumsum(deaths) - deaths, deaths)
        self.share: Floats = rank / deaths[self.at] if ties == "efron" else np.zeros(len(self.at))
        largest = sets.weight.max(initial=0.0)
        self.weight: Floats = (sets.events @ (sets.weight / largest) / np.maximum(deaths, 1))[self.at]
        self._size = len(deaths)

    def sum(self, values: Floats) -> Floats:
        """(G,) values of events added up over each event time."""
        return np.bincount(self.at, weights=values, minlength=self._size).astype(np.float64)


class PartialLikelihood:
    """The partial likelihood of risk sets as a function of the coefficients.

    Attributes:
        scale: the largest weight; log-likelihood, score and information of `at` are to be multiplied by it.
        centre: (strata, p) mean covariates of each stratum's events.
        ties: how tied events are compared.
    """

    def __init__(self, sets: RiskSets, ties: Ties) -> None:
        self.sets = sets
        self.ties: Ties = ties
        self.tied = TiedEvents(sets, ties)
        self.scale = float(sets.weight.max(initial=0.0))
        self.centre = _centre(sets)
        with np.errstate(divide="ignore"):
            self._log_weight = np.log(sets.weight)
        is_small = len(sets.patterns) * (1 + len(sets.columns)) <= _KEPT
        self._kept: Floats | None = None
        self._kept = self._once(slice(0, len(sets.patterns))) if is_small else None
        self._observed, self._observed_offset = self._observed_sums()

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the p coefficients."""
        return self.sets.columns

    @property
    def n_events(self) -> int:
        """Number of events."""
        return self.sets.n_events

    @cached_property
    def at_zero(self) -> Derivatives:
        """Log-likelihood, score and information where all coefficients are zero."""
        return self.at(np.zeros(len(self.sets.columns)))

    @cached_property
    def reach(self) -> Floats:
        """(p,) the largest size of each covariate, relative to the centre of its stratum."""
        largest = np.zeros(len(self.sets.columns))
        for block in self.sets.blocks:
            for index, values in enumerate(self.centred(block.part).T):
                largest[index] = max(largest[index], values.max(), -values.min())
        return largest

    def at(self, params: Floats) -> Derivatives:
        """Log-likelihood, score and information at (p,) coefficients."""
        sums, ties = self.sums(params), self.tied
        moments = self.moments(sums)
        log_hazard = self._observed @ params + self._observed_offset
        relative = (ties.weight * (np.log(moments.z) + sums.log_scale[ties.at])).sum()
        expected = _weighted_product(sums.at_risk[:, 1:], moments.a) - _weighted_product(sums.tied[:, 1:], moments.b)
        score = self._observed - expected
        return Derivatives(float(log_hazard - relative), score, self.information(sums, moments))

    def moments(self, sums: RiskSums) -> Moments:
        """Sums over the tied events of each event time."""
        ties = self.tied
        z = sums.at_risk[ties.at, 0] - ties.share * sums.tied[ties.at, 0]
        once, twice = ties.weight / z, ties.weight / z**2
        per_time = [once, ties.share * once, twice, ties.share * twice, ties.share**2 * twice]
        return Moments(z, *(ties.sum(values) for values in per_time))

    def information(self, sums: RiskSums, moments: Moments, factor: Floats | None = None) -> Floats:
        """(p, p) information, that of each event time multiplied by a (G,) factor."""
        by = np.ones(len(moments.a)) if factor is None else factor
        s1, e1 = sums.at_risk[:, 1:], sums.tied[:, 1:]
        cross = _weighted_product(s1, by * moments.c1, e1)
        squared = _weighted_product(s1, by * moments.c0, s1) + _weighted_product(e1, by * moments.c2, e1)
        products = squared - cross - cross.T
        near, far = self._apart(sums, by * moments.a, by * moments.b)
        segments, lasting = self.sets.segments, self.sets.lasting
        so_far = segments.from_start(near[0])
        later = None if lasting is None else segments.from_end(lasting.share * near[0])

        def squares(block: Block) -> list[Floats]:
            x, part = self.centred(block.part), block.part
            collected = _collected(block, so_far, later)
            return [_weighted_product(x, sums.hazard[part] * (collected - block.events.T @ near[1]) + far[part], x)]

        return added(squares, self.sets.blocks)[0] - products

    def sums(self, params: Floats) -> RiskSums:
        """What the risk sets add up to at (p,) coefficients."""
        sets = self.sets
        log_hazard = self._log_weight + sets.offset + self.linear(params)
        largest = np.maximum.reduceat(log_hazard, sets.pattern_starts) if len(log_hazard) else np.zeros(0)
        hazard = np.exp(log_hazard - largest[sets.stratum_of])

        def summed(block: Block) -> list[Floats]:
            moments = hazard[block.part, None] * self._once(block.part)
            matrices = (block.change, block.events, block.lasting)
            return [matrix @ moments for matrix in matrices if matrix is not None]

        change, tied, *lasting = added(summed, sets.blocks)
        at_risk = sets.segments.from_end(change)
        if sets.lasting is not None:
            at_risk += sets.lasting.share[:, None] * sets.segments.from_start(lasting[0])
        found = RiskSums(hazard, at_risk, tied, largest[sets.stratum], None)
        far = None if sets.lasting is not None else remote(sets, at_risk[:, 0], log_hazard)
        return found if far is None else self._with(found, far)

    def _with(self, sums: RiskSums, far: Remote) -> RiskSums:
        """The sums with those of some event times as they were counted anew."""
        everyone = self._once(slice(0, len(self.sets.patterns)))
        sums.at_risk[far.rows], sums.tied[far.rows] = far.at_risk @ everyone, far.tied @ everyone
        sums.log_scale[far.rows] = far.log_scale
        return replace(sums, remote=far)

    def _once(self, part: slice) -> Floats:
        """(patterns, 1 + p) a one, and the covariates relative to the centre of their stratum."""
        if self._kept is not None:
            return self._kept[part]
        once = np.ones((part.stop - part.start, 1 + len(self.sets.columns)))
        once[:, 1:] = self.sets.patterns[part] - self.centre[self.sets.stratum_of[part]]
        return once

    def linear(self, params: Floats) -> Floats:
        """(M,) x'b of each pattern, with x relative to the centre of its stratum."""
        sets, of_centre = self.sets, self.centre @ params

        def linear(block: Block) -> Floats:
            own, stratum = sets.patterns[block.part], sets.stratum_of[block.part]
            return np.concatenate([own[part] @ params for part in _pieces(own)]) - of_centre.take(stratum)

        return np.concatenate(each(linear, sets.blocks))

    def centred(self, part: slice) -> Floats:
        """Covariates of some patterns, relative to the centre of their stratum."""
        return self._once(part)[:, 1:]

    def _observed_sums(self) -> tuple[Floats, float]:
        """The sums of x and of the offset over the events, as weighted."""
        sets, seen = self.sets, np.flatnonzero(self.sets.observed)
        number = sets.observed[seen] * (sets.weight[seen] / self.scale)
        centred = sets.patterns[seen] - self.centre[sets.stratum_of[seen]]
        return _weighted_product(centred, number), float(number @ sets.offset[seen])

    def _apart(self, sums: RiskSums, a: Floats, b: Floats) -> tuple[tuple[Floats, Floats], Floats]:
        """What the event times add up to over patterns, and for those counted anew the sums themselves: (M,)."""
        if sums.remote is None:
            return (a, b), np.zeros(len(self.sets.patterns))
        rows, near = sums.remote.rows, np.ones(len(a))
        near[rows] = 0.0
        return (a * near, b * near), sums.remote.at_risk.T @ a[rows] - sums.remote.tied.T @ b[rows]


def _collected(block: Block, so_far: Floats, later: Floats | None) -> Floats:
    """(patterns,) sums of a quantity over the event times at which one person of each pattern is at risk.

    Counted once for every person: a pattern of n persons has the sum over all n.

    Args:
        so_far: (G,) the quantity added up from the stratum's start.
        later: (G,) the same times the share of those who last, from the stratum's end; None: nobody lasts.
    """
    collected: Floats = block.change.T @ so_far
    return collected if block.lasting is None else collected + block.lasting.T @ later


def _centre(sets: RiskSets) -> Floats:
    """The mean covariates of each stratum's events."""
    if not len(sets.patterns):
        return np.zeros((0, sets.patterns.shape[1]))
    seen = np.flatnonzero(sets.observed)  # of every stratum some
    starts = np.searchsorted(sets.stratum_of[seen], np.arange(len(sets.strata)))
    number = sets.observed[seen]
    summed = np.add.reduceat(number[:, None] * sets.patterns[seen], starts, axis=0)
    centre: Floats = summed / np.add.reduceat(number, starts)[:, None]
    return centre


def _weighted_product(left: Floats, weights: Floats, right: Floats | None = None) -> Floats:
    """left' diag(weights) right of tall matrices with few columns; without `right`, left' weights."""
    if right is None:
        return sum((weights[part] @ left[part] for part in _pieces(left)), np.zeros(left.shape[1]))
    product = np.zeros((left.shape[1], right.shape[1]))
    for part in _pieces(left):
        product += left[part].T @ (weights[part, None] * right[part])
    return product


def _pieces(tall: Floats) -> list[slice]:
    """Pieces that stay in a processor's cache, and that BLAS does alone: to wait for other threads would cost more."""
    rows = max(_PIECE // max(tall.shape[1], 1), 1)
    return [slice(first, first + rows) for first in range(0, max(len(tall), 1), rows)]
