"""Covariance of subdistribution hazard ratios: by person, and with the estimation of the weights.

In: a fit of `fine_gray_sets`. Out: the sandwich of Lin and Wei (1989), in which everything of one person is summed
first; and with the second part of Fine and Gray (1999, section 3), for G and H are estimated from the same persons.
All of a person follows from running sums over the event times, so it costs what the data cost, not their product.
"""

from typing import Literal

import numpy as np

from cohort.survival.arrays import Floats, Ints
from cohort.survival.censoring import Moments, Observation
from cohort.survival.cox import CoxFit
from cohort.survival.fine_gray import LastingRows
from cohort.survival.scores import Scores

Weights = Literal["known", "estimated"]


def fine_gray_covariance(fit: CoxFit, weights: Weights = "estimated", clusters: Ints | None = None) -> Floats:
    """The sandwich covariance of a fit of `fine_gray_sets`.

    Args:
        fit: of risk sets counted from intervals.
        weights: "known" is R's `coxph(..., cluster = id)` on `finegray` data; "estimated" adds that the weights vary
            from sample to sample: with the convention "crr" as `cmprsk::crr`; with "survival" the infinitesimal
            jackknife, exact at ties, also with delayed entry.
        clusters: (R,) number from 0 of each interval's independent unit; none: the persons of the sets.

    Returns:
        (p, p), in the order of `fit.columns`.

    Raises:
        ValueError: the fit is not of `fine_gray_sets`.
    """
    changes = score_residuals(fit, weights, clusters) @ fit.covariance
    covariance: Floats = changes.T @ changes
    return covariance


def score_residuals(fit: CoxFit, weights: Weights = "estimated", clusters: Ints | None = None) -> Floats:
    """(units, p) what each independent unit adds to the score; arguments of `fine_gray_covariance`."""
    lasting, rows = fit.sets.lasting, fit.sets.rows
    if rows is None or not isinstance(lasting, LastingRows):
        raise ValueError("the risk sets are not those of fine_gray_sets")
    unit = lasting.observation.spells.person if clusters is None else clusters
    score = _Score(fit, lasting)
    of_rows = fit.sets.weight[rows.pattern, None] * score.of_rows(rows)
    after, lost, places = score.of_lasting(), score.lost(), _Places(lasting.observation)
    residuals = np.zeros((int(unit.max(initial=-1)) + 1, len(fit.columns)))
    for place, k in enumerate(np.flatnonzero(fit.is_estimated)):
        total = _added(unit[rows.index], of_rows[:, k], unit) + _added(unit[lasting.index], after[:, k], unit)
        if weights == "estimated":
            weighting = _Weighting(lasting, places, after[:, k], lost[:, k])
            total += _added(unit, weighting.of_censoring() - weighting.of_entry(), unit)
        residuals[:, place] = total
    return residuals


def _added(unit: Ints, values: Floats, units: Ints) -> Floats:
    added: Floats = np.bincount(unit, weights=values, minlength=int(units.max(initial=-1)) + 1).astype(np.float64)
    return added


class _Score(Scores):
    """Score residuals of those too who stay at risk after the competing event; weighted, (L, p) and (G, p)."""

    def __init__(self, fit: CoxFit, lasting: LastingRows) -> None:
        super().__init__(fit)
        self._lasting = lasting

    def of_lasting(self) -> Floats:
        """(L, p) the part after the competing event, one by one."""
        who, share = self._lasting, self._lasting.share[:, None]
        hazard = who.factor * self.sets.weight[who.pattern] * self.hazard[who.pattern]
        expected = self.centred(who.pattern) * self.between(share * self.at.hazard[:, None], who.first, who.last)
        return -hazard[:, None] * (expected - self.between(share * self.at.drawn, who.first, who.last))

    def lost(self) -> Floats:
        """(G, p) how much of it all of them together have at each event time."""
        everyone = np.arange(len(self.sets.patterns))
        hazard = self.sets.weight * self.hazard
        moments = hazard[:, None] * np.column_stack([np.ones(len(everyone)), self.centred(everyone)])
        present = self.sets.segments.from_start(self._lasting.change @ moments)
        drawn = present[:, 1:] * self.at.hazard[:, None] - present[:, :1] * self.at.drawn
        return -self._lasting.share[:, None] * drawn


class _Places:
    """Where each interval stands among the moments of censoring and of entry: the same for every covariate.

    Attributes:
        censoring: (R,) bounds of the moments of censoring at which it is at risk; entry: of those of entry.
        lost: the moment of those who are censored; new: that of those who enter.
    """

    def __init__(self, seen: Observation) -> None:
        spells, lost, new = seen.spells, seen.censoring.keys, seen.entry.keys
        upper = np.searchsorted(lost, seen.stops, side="right")
        if seen.convention == "survival":
            upper = np.where(spells.has_event, np.searchsorted(lost, seen.stops), upper)
        self.censoring = np.searchsorted(lost, seen.starts, side="right"), upper
        self.lost = np.searchsorted(lost, seen.stops[spells.is_censored])
        self.entry = np.searchsorted(new, seen.starts), np.searchsorted(new, seen.stops)
        self.new = np.searchsorted(new, seen.starts[spells.is_first])


class _Weighting:
    """How the score changes with each person through the estimates of G and H.

    Who is censored at u lowers the weights of all who had the competing event before u at all event times after u: by
    q(u) / Y(u), with q(u) the sum of what these add to the score from u on.
    """

    def __init__(self, lasting: LastingRows, places: _Places, after: Floats, lost: Floats) -> None:
        self._observation, self._places = lasting.observation, places
        competing = self._observation.stops[lasting.index]
        self._begins, self._ends = (
            _running(keys, values) for keys, values in ((competing, after), (lasting.keys, lost))
        )

    def of_censoring(self) -> Floats:
        """(R,) what each interval adds through G, with the sign of the score."""
        seen, moments = self._observation, self._observation.censoring
        # Fine and Gray's q counts T < u <= t; the weight itself is a product over T <= u < t, in R's convention.
        exact = seen.convention == "survival"
        per_person = self._per_person(moments, "right" if exact else "left", exact)
        part = _integral(moments, per_person, *self._places.censoring)
        part[seen.spells.is_censored] += per_person[self._places.lost]
        return part

    def of_entry(self) -> Floats:
        """(R,) the same for H, of which who enters at u lowers the denominator."""
        seen, moments = self._observation, self._observation.entry
        if not len(moments.keys):
            return np.zeros(len(seen.starts))
        per_person = self._per_person(moments, "right", True)
        part = _integral(moments, per_person, *self._places.entry)
        part[seen.spells.is_first] += per_person[self._places.new]
        return part

    def _per_person(self, moments: Moments, side: Literal["left", "right"], exact: bool) -> Floats:
        """(K,) q over the number at risk; the derivative of log(1 - d/Y) has Y - d there."""
        q = _at(self._ends, moments.keys, side) - _at(self._begins, moments.keys, side)
        number = moments.at_risk - moments.happened if exact else moments.at_risk
        per_person: Floats = np.where(moments.is_gap, 0.0, q / np.where(moments.is_gap, 1, number))
        return per_person


def _running(keys: Ints, values: Floats) -> tuple[Ints, Floats]:
    """Keys in order, and the sums of the values up to each, from zero on."""
    order = np.argsort(keys, kind="stable")
    return keys[order], np.concatenate([[0.0], np.cumsum(values[order])])


def _at(running: tuple[Ints, Floats], keys: Ints, side: Literal["left", "right"]) -> Floats:
    """Sum of the values earlier than each key; or, on the right side, not later."""
    values: Floats = running[1][np.searchsorted(running[0], keys, side=side)]
    return values


def _integral(moments: Moments, per_person: Floats, lower: Ints, upper: Ints) -> Floats:
    """(R,) minus the sum over the moments lower to upper - 1 of the part expected of one person at risk."""
    running = np.concatenate([[0.0], np.cumsum(per_person * moments.happened / moments.at_risk)])
    expected: Floats = running[lower] - running[upper]
    return expected
