"""What each event time adds to hazard and score at a fit's estimates, and what intervals collect of it.

In: `CoxFit`. Out: what residuals, robust variances and baseline hazards are made of. An interval collects the sum over
the event times at which it is at risk: the difference of a running sum at its two ends, found by lookup, so that no
table of intervals by event times is formed.

With z the sum of hazards that the l-th of d tied events is compared with, m the mean covariates there, and w the mean
weight of the d, the event adds dL = w / z to the hazard; who has the event at that time has 1 - l/d of it (Efron 1977).
"""

from dataclasses import dataclass

import numpy as np

from cohort.survival.arrays import Floats, Ints
from cohort.survival.cox import CoxFit
from cohort.survival.likelihood import PartialLikelihood
from cohort.survival.risk_sets import RiskSets, Rows


@dataclass(frozen=True)
class Increments:
    """What each event time adds, to be multiplied by a hazard; covariates are relative to their stratum's centre.

    Attributes:
        hazard: (G,) sum of dL; `tied_hazard` the sum of (l/d) dL.
        drawn: (G, p) sum of m dL; `tied_drawn` the sum of (l/d) m dL.
        variance: (G,) sum of w / z^2.
        mean: (G, p) mean of m.
        log_scale: (G,) log of the hazard that counts as one at each event time.
    """

    hazard: Floats
    tied_hazard: Floats
    drawn: Floats
    tied_drawn: Floats
    variance: Floats
    mean: Floats
    log_scale: Floats


class Scores:
    """A fit's likelihood at its estimates, taken apart by interval.

    Attributes:
        log_hazard: (M,) log hazard of each pattern, its offset included, its weight not.
        hazard: (M,) hazard of each pattern, relative to the largest of its stratum; zero for patterns taken out.
        at: what each event time adds.
    """

    def __init__(self, fit: CoxFit) -> None:
        self.likelihood = PartialLikelihood(fit.sets, fit.ties)
        self.sets: RiskSets = fit.sets
        self._sums = self.likelihood.sums(fit.full_params)
        weight = fit.sets.weight
        self.hazard = np.divide(self._sums.hazard, weight, out=np.zeros(len(weight)), where=weight > 0)
        with np.errstate(divide="ignore"):
            present = np.log((weight > 0).astype(np.float64))
        self.log_hazard = self.likelihood.linear(fit.full_params) + fit.sets.offset + present
        self.at = self._increments()

    def _increments(self) -> Increments:
        likelihood, ties = self.likelihood, self.likelihood.tied
        s1, e1 = self._sums.at_risk[:, 1:], self._sums.tied[:, 1:]
        moments = likelihood.moments(self._sums)
        a, b, c0, c1, c2 = (
            likelihood.scale * part for part in (moments.a, moments.b, moments.c0, moments.c1, moments.c2)
        )
        deaths = np.maximum(self.sets.deaths, 1)
        once, shared = (ties.sum(part / moments.z) / deaths for part in (np.ones_like(ties.share), ties.share))
        return Increments(
            hazard=a,
            tied_hazard=b,
            drawn=c0[:, None] * s1 - c1[:, None] * e1,
            tied_drawn=c1[:, None] * s1 - c2[:, None] * e1,
            variance=c0,
            mean=once[:, None] * s1 - shared[:, None] * e1,
            log_scale=self._sums.log_scale,
        )

    def centred(self, pattern: Ints) -> Floats:
        """(R, p) covariates of patterns, relative to their stratum's centre."""
        centred: Floats = self.sets.patterns[pattern] - self.likelihood.centre[self.sets.stratum_of[pattern]]
        return centred

    def expected(self, rows: Rows) -> Floats:
        """(R,) expected events of each interval."""
        collected = self._collected(self.at.hazard[:, None], rows)[:, 0]
        return collected - self._own_hazard(rows) * np.where(rows.is_event, self.at.tied_hazard[rows.hi - 1], 0.0)

    def of_rows(self, rows: Rows) -> Floats:
        """(R, p) score residual of each interval, unweighted."""
        x, last = self.centred(rows.pattern), rows.hi - 1
        happens = rows.is_event[:, None]
        drawn = self._collected(self.at.drawn, rows)
        drawn -= self._own_hazard(rows)[:, None] * np.where(happens, self.at.tied_drawn[last], 0.0)
        scores: Floats = happens * (x - self.at.mean[last]) - (x * self.expected(rows)[:, None] - drawn)
        return scores

    def between(self, values: Floats, first: Ints, last: Ints) -> Floats:
        """(R, ...) sums of (G, ...) values over the event times first to last - 1 of one stratum."""
        running = self.sets.segments.from_start(values)
        begins = self.sets.segments.starts[self.sets.stratum[first]]
        late = (first > begins).reshape(-1, *(1,) * (values.ndim - 1))
        difference: Floats = running[last - 1] - np.where(late, running[first - 1], 0.0)
        return difference

    def _own_hazard(self, rows: Rows) -> Floats:
        """(R,) hazard in the unit of the event time at which the interval ends; zero without an event."""
        relative = np.where(rows.is_event, self.log_hazard[rows.pattern] - self.at.log_scale[rows.hi - 1], -np.inf)
        return np.exp(relative)

    def _collected(self, values: Floats, rows: Rows) -> Floats:
        """(R, q) sums of hazard x values over the event times at which each interval is at risk."""
        remote = self._sums.remote
        near = values if remote is None else values.copy()
        if remote is not None:
            near[remote.rows] = 0.0
        collected: Floats = self.hazard[rows.pattern, None] * self.between(near, rows.lo, rows.hi)
        return collected if remote is None else collected + self._remote(values, rows, remote.rows)

    def _remote(self, values: Floats, rows: Rows, remote: Ints) -> Floats:
        """The same over event times with a unit of their own (`remote.py`), one by one: few are at risk there."""
        first, last = np.searchsorted(remote, rows.lo), np.searchsorted(remote, rows.hi)
        owner = np.repeat(np.arange(len(first)), last - first)
        place = np.arange(len(owner)) - np.repeat(np.cumsum(last - first) - (last - first), last - first)
        at = remote[first[owner] + place]
        relative = np.exp(self.log_hazard[rows.pattern[owner]] - self.at.log_scale[at])
        total = np.zeros((len(first), values.shape[1]))
        np.add.at(total, owner, relative[:, None] * values[at])
        return total
