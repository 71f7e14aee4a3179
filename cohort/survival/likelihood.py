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
from typing import Literal

import numpy as np

from cohort.survival.arrays import Floats, Ints
from cohort.survival.remote import Remote, remote
from cohort.survival.risk_sets import RiskSets, columns_of

Ties = Literal["efron", "breslow"]


@dataclass(frozen=True)
class Derivatives:
    """The log partial likelihood, its score (p,) and observed information (p, p), as if the largest weight were one."""

    log_likelihood: float
    score: Floats
    information: Floats

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
    """

    def __init__(self, sets: RiskSets, ties: Ties) -> None:
        self.sets = sets
        self.tied = TiedEvents(sets, ties)
        self.scale = float(sets.weight.max(initial=0.0))
        self.centre = _centre(sets)
        self._observed = sets.observed * (sets.weight / self.scale)
        with np.errstate(divide="ignore"):
            self._log_weight = np.log(sets.weight)

    def at(self, params: Floats) -> Derivatives:
        """Log-likelihood, score and information at (p,) coefficients."""
        sums, ties = self.sums(params), self.tied
        s0, s1, e0, e1 = sums.at_risk[:, 0], sums.at_risk[:, 1:], sums.tied[:, 0], sums.tied[:, 1:]
        z = s0[ties.at] - ties.share * e0[ties.at]
        once, twice = ties.weight / z, ties.weight / z**2
        a, b = ties.sum(once), ties.sum(ties.share * once)
        c0, c1 = ties.sum(twice), ties.sum(ties.share * twice)
        c2 = ties.sum(ties.share**2 * twice)
        cross = s1.T @ (c1[:, None] * e1)
        products = s1.T @ (c0[:, None] * s1) - cross - cross.T + e1.T @ (c2[:, None] * e1)
        squares, observed, expected_logs = self._over_patterns(params, sums, a, b)
        relative = ties.weight @ (np.log(z) + sums.log_scale[ties.at])
        return Derivatives(float(expected_logs - relative), observed - a @ s1 + b @ e1, squares - products)

    def sums(self, params: Floats) -> RiskSums:
        """What the risk sets add up to at (p,) coefficients."""
        sets = self.sets
        log_hazard = self._log_weight + sets.offset + self.linear(params)
        largest = np.maximum.reduceat(log_hazard, sets.pattern_starts) if len(log_hazard) else np.zeros(0)
        hazard = np.exp(log_hazard - largest[sets.stratum_of])
        change, tied = np.zeros((2, len(sets.time), 1 + len(params)))
        lasting = np.zeros_like(change)
        for part, changes, events in sets.blocks():
            moments = hazard[part, None] * self._once(part)
            change += changes @ moments
            tied += events @ moments
            if sets.lasting is not None:
                lasting += columns_of(sets.lasting.change, part) @ moments
        at_risk = sets.segments.from_end(change)
        if sets.lasting is not None:
            at_risk += sets.lasting.share[:, None] * sets.segments.from_start(lasting)
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
        """(patterns, 1 + p) a one and the centred covariates."""
        return np.column_stack([np.ones(part.stop - part.start), self.centred(part)])

    def linear(self, params: Floats) -> Floats:
        """(M,) x'b of each pattern, with x relative to the centre of its stratum."""
        linear: Floats = self.sets.patterns @ params - (self.centre @ params)[self.sets.stratum_of]
        return linear

    def centred(self, part: slice) -> Floats:
        """Covariates of some patterns, relative to the centre of their stratum."""
        centred: Floats = self.sets.patterns[part] - self.centre[self.sets.stratum_of[part]]
        return centred

    def collected(self, per_time: Floats, part: slice) -> Floats:
        """(patterns,) sums of a (G,) quantity over the event times at which one person of each pattern is at risk.

        Counted once for every person: a pattern of n persons has the sum over all n.
        """
        sets = self.sets
        collected: Floats = columns_of(sets.change, part).T @ sets.segments.from_start(per_time)
        if sets.lasting is not None:
            later = sets.segments.from_end(sets.lasting.share * per_time)
            collected = collected + columns_of(sets.lasting.change, part).T @ later
        return collected

    def _over_patterns(self, params: Floats, sums: RiskSums, a: Floats, b: Floats) -> tuple[Floats, Floats, float]:
        """X' diag(r (u - v)) X; the observed sum of x; the observed sum of the log hazard."""
        squares, observed, log_hazard = np.zeros((len(params), len(params))), np.zeros(len(params)), 0.0
        near, far = self._apart(sums, a, b)
        for part, _, events in self.sets.blocks():
            x, seen = self.centred(part), self._observed[part]
            persons = sums.hazard[part] * (self.collected(near[0], part) - events.T @ near[1]) + far[part]
            squares += x.T @ (persons[:, None] * x)
            observed += seen @ x
            log_hazard += float(seen @ (x @ params + self.sets.offset[part]))
        return squares, observed, log_hazard

    def _apart(self, sums: RiskSums, a: Floats, b: Floats) -> tuple[tuple[Floats, Floats], Floats]:
        """What the event times add up to over patterns, and for those counted anew the sums themselves: (M,)."""
        if sums.remote is None:
            return (a, b), np.zeros(len(self.sets.patterns))
        rows, near = sums.remote.rows, np.ones(len(a))
        near[rows] = 0.0
        return (a * near, b * near), sums.remote.at_risk.T @ a[rows] - sums.remote.tied.T @ b[rows]


def _centre(sets: RiskSets) -> Floats:
    """The mean covariates of each stratum's events."""
    if not len(sets.patterns):
        return np.zeros((0, sets.patterns.shape[1]))
    total = np.add.reduceat(sets.observed, sets.pattern_starts)
    summed = np.add.reduceat(sets.observed[:, None] * sets.patterns, sets.pattern_starts, axis=0)
    centre: Floats = summed / total[:, None]
    return centre
