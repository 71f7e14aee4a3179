"""Cox's partial likelihood from risk-set counts, with Efron or Breslow ties, strata and delayed entry.

In: `RiskSets`. Out: coefficients, their covariance, the log partial likelihood, and for each column that cannot be
estimated the reason in words. Exact arithmetic of the row-level likelihood: numbers agree with R's `coxph`.

With w the weights exp(x'b), S0 and S1 the sums of w and w x over a risk set, and z = S0 - (l/d) S0_events for the
l-th of d tied events (Efron 1977), the information is
    X' diag(w u) X  -  X' diag(w v) X  -  sum of m m'   with m = (S1 - (l/d) S1_events) / z,
where u adds 1/z over the event times at which a pattern is at risk, v adds (l/d)/z where it has events. So no sum of
squares per event time is ever formed: one matrix product over patterns does it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import linalg, stats

from cohort.risk_sets import Floats, RiskSets

Ties = Literal["efron", "breslow"]
_TOLERANCE = 1e-11
_MAX_ITERATIONS = 50
_NO_INFORMATION = 1e-7
_LITTLE_INFORMATION = 1e-4
_UNSETTLED = 1e-4
_FARTHEST = 5.0


@dataclass(frozen=True)
class Contrast:
    """A linear combination of coefficients: estimate, standard error, two-sided p (Wald)."""

    estimate: float
    standard_error: float
    p_value: float


@dataclass(frozen=True)
class CoxFit:
    """A fitted model.

    Attributes:
        columns: names of the estimated coefficients, in the order of `params` and `covariance`.
        params: (p,) log hazard ratios.
        covariance: (p, p) inverse observed information.
        log_likelihood: log partial likelihood at `params`; `log_likelihood_null` at zero.
        not_estimable: column -> why, for the columns asked for and left out.
        n_unbounded: how many of those have an estimate without bound (no events, or only events).
    """

    columns: tuple[str, ...]
    params: Floats
    covariance: Floats
    log_likelihood: float
    log_likelihood_null: float
    n_events: int
    iterations: int
    not_estimable: Mapping[str, str] = field(default_factory=dict)
    n_unbounded: int = 0

    @property
    def degrees_of_freedom(self) -> int:
        """Coefficients over which the likelihood was maximised, those without bound included."""
        return len(self.columns) + self.n_unbounded

    def contrast(self, weights: Mapping[str, float]) -> Contrast | None:
        """The combination sum(weight x coefficient) from this one fit; None when a column was not estimated."""
        if any(column not in self.columns for column in weights):
            return None
        vector = np.zeros(len(self.columns))
        for column, weight in weights.items():
            vector[self.columns.index(column)] = weight
        estimate = float(vector @ self.params)
        error = float(np.sqrt(vector @ self.covariance @ vector))
        return Contrast(estimate, error, float(2 * stats.norm.sf(abs(estimate / error))))


@dataclass(frozen=True)
class _Derivatives:
    log_likelihood: float
    score: Floats
    information: Floats

    @property
    def is_finite(self) -> bool:
        return bool(np.isfinite([self.log_likelihood, self.score.sum(), self.information.sum()]).all())


def fit_cox(sets: RiskSets, ties: Ties = "efron") -> CoxFit:
    """Maximise the partial likelihood.

    Columns that the data cannot speak to are left out and named in `not_estimable`: constant or collinear ones, and
    indicator-like ones without events, whose estimate is zero hazard (their patterns then leave the risk sets, the
    limit of the likelihood).

    Raises:
        ValueError: there are no events.
    """
    if sets.n_events == 0:
        raise ValueError("there are no events")
    null = _derivatives(sets, _Ties(sets, ties), np.zeros(len(sets.columns))).log_likelihood
    sets, reasons, n_without_events = _estimable(sets, ties)
    found = _maximise(sets, _Ties(sets, ties))
    for column, is_free, value in zip(sets.columns, found.free, found.params, strict=True):
        if not is_free:
            side = "only events" if value > 0 else "no events"
            reasons[column] = f"{column} separates: among those at risk with it there are {side} to compare"
    return CoxFit(
        tuple(column for column, is_free in zip(sets.columns, found.free, strict=True) if is_free),
        found.params[found.free],
        _inverse(found.at.information[np.ix_(found.free, found.free)]),
        found.at.log_likelihood,
        null,
        sets.n_events,
        found.iterations,
        reasons,
        n_without_events + int((~found.free).sum()),
    )


def likelihood_ratio_test(larger: CoxFit, smaller: CoxFit) -> tuple[float, int, float]:
    """Statistic, degrees of freedom and p of two nested fits to the same risk sets."""
    statistic = max(0.0, 2 * (larger.log_likelihood - smaller.log_likelihood))
    df = larger.degrees_of_freedom - smaller.degrees_of_freedom
    return statistic, df, float(stats.chi2.sf(statistic, df)) if df > 0 else float("nan")


class _Ties:
    """Tied events written out: one entry per event, with its event time and its share l/d (0 for Breslow)."""

    def __init__(self, sets: RiskSets, ties: Ties) -> None:
        self.at = np.repeat(np.arange(len(sets.deaths)), sets.deaths)
        first = np.repeat(np.cumsum(sets.deaths) - sets.deaths, sets.deaths)
        rank = np.arange(len(self.at)) - first
        self.share = rank / sets.deaths[self.at] if ties == "efron" else np.zeros(len(self.at))

    def sum(self, values: Floats, size: int) -> Floats:
        """Add up values of events over each event time."""
        return np.bincount(self.at, weights=values, minlength=size).astype(np.float64)


def _derivatives(sets: RiskSets, ties: _Ties, params: Floats) -> _Derivatives:
    x, size = sets.patterns, len(sets.deaths)
    eta = x @ params
    weight = np.exp(eta)
    moments = weight[:, None] * np.column_stack([np.ones(len(x)), x])
    at_risk = np.cumsum(sets.change @ moments, axis=0)
    at_event = sets.events @ moments
    z = at_risk[ties.at, 0] - ties.share * at_event[ties.at, 0]
    inverse, share = 1 / z, ties.share
    a, b = ties.sum(inverse, size), ties.sum(share * inverse, size)
    observed = np.asarray(sets.events.sum(axis=0)).ravel()
    s1, s1_events = at_risk[:, 1:], at_event[:, 1:]
    # A pattern present from event time k on collects every 1/z from k on, and gives it back where it leaves.
    u = sets.change.T @ np.cumsum(a[::-1])[::-1]
    v = sets.events.T @ b
    c0, c1 = ties.sum(inverse**2, size), ties.sum(share * inverse**2, size)
    c2 = ties.sum(share**2 * inverse**2, size)
    cross = s1.T @ (c1[:, None] * s1_events)
    products = s1.T @ (c0[:, None] * s1) - cross - cross.T + s1_events.T @ (c2[:, None] * s1_events)
    return _Derivatives(
        float(observed @ eta - np.log(z).sum()),
        observed @ x - a @ s1 + b @ s1_events,
        x.T @ ((weight * (u - v))[:, None] * x) - products,
    )


@dataclass(frozen=True)
class _Maximum:
    """Where Newton's method ended; `free` is False for the columns whose estimate runs off without bound."""

    params: Floats
    at: _Derivatives
    free: npt.NDArray[np.bool_]
    iterations: int


def _maximise(sets: RiskSets, ties: _Ties) -> _Maximum:
    """Newton's method; a column whose information has gone is held where it is, and the others go on.

    Under separation a coefficient grows for ever while the likelihood hardly moves. Held when its information has gone,
    it leaves the others at their limit; farther on, sums of weights would lose the digits of the rest.
    """
    params = np.zeros(len(sets.columns))
    null = now = _derivatives(sets, ties, params)
    free = np.ones(len(params), bool)
    iterations = 0
    while free.any() and iterations < _MAX_ITERATIONS:
        iterations += 1
        before, step = now, _newton(now, free)
        params, now, is_done = _step(sets, ties, params, now, step)
        gone = free & _is_gone(now, before, null)
        free &= ~gone
        if is_done and not gone.any():
            break
    # Together columns can run off that have information one by one: then the next step is still not small.
    settled = np.abs(_newton(now, free)) <= _UNSETTLED * np.maximum(1.0, np.abs(params))
    return _Maximum(params, now, free & settled, iterations)


def _newton(now: _Derivatives, free: npt.NDArray[np.bool_]) -> Floats:
    """Newton's step of the free columns; the others stay."""
    step = np.zeros(len(free))
    step[free] = _inverse(now.information[np.ix_(free, free)]) @ now.score[free]
    return step


def _is_gone(now: _Derivatives, before: _Derivatives, null: _Derivatives) -> npt.NDArray[np.bool_]:
    """Columns without information: 1e-7 of what they began with; or little, of which the rest is rounding.

    A coefficient that runs off by one each step loses more than half of its information each time, until what is left
    are the last digits of far larger numbers, which do not shrink.
    """
    left = np.diag(now.information) / np.diag(null.information)
    shrinks = np.diag(now.information) <= 0.6 * np.diag(before.information)
    gone: npt.NDArray[np.bool_] = (left <= _NO_INFORMATION) | ((left <= _LITTLE_INFORMATION) & ~shrinks)
    return gone


def _step(
    sets: RiskSets, ties: _Ties, params: Floats, now: _Derivatives, step: Floats
) -> tuple[Floats, _Derivatives, bool]:
    """A Newton step, halved until the likelihood does not fall; done when it hardly moves.

    No step moves a hazard by more than exp(5): farther, a first step under separation would leave all digits behind.
    """
    farthest = float(np.abs(sets.patterns @ step).max(initial=0.0))
    step = step * min(1.0, _FARTHEST / farthest) if farthest > 0 else step
    for _ in range(30):
        # A step too far may overflow, or empty a risk set; it is then halved like one that lowers the likelihood.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            new = _derivatives(sets, ties, params + step)
        if new.is_finite and new.log_likelihood >= now.log_likelihood - 1e-9:
            gain = abs(new.log_likelihood - now.log_likelihood)
            return params + step, new, gain <= _TOLERANCE * (1 + abs(new.log_likelihood))
        step = step / 2
    return params, now, True


def _inverse(information: Floats) -> Floats:
    """The inverse of a covariance-like matrix, scaled first: columns may differ by many orders of magnitude.

    A direction without information gets zero; the caller has left such columns out.
    """
    if not len(information):
        return np.zeros((0, 0))
    scale = 1 / np.sqrt(np.maximum(np.diag(information), 1e-300))
    inverse: Floats = linalg.pinvh(information * scale * scale[:, None]) * scale * scale[:, None]
    return inverse


def _estimable(sets: RiskSets, ties: Ties) -> tuple[RiskSets, dict[str, str], int]:
    """Leave out what cannot be estimated: the rest, the reason for each column, and how many have no events."""
    reasons: dict[str, str] = {}
    observed = np.asarray(sets.events.sum(axis=0)).ravel()
    without = np.zeros(len(sets.patterns), bool)
    for index, column in enumerate(sets.columns):
        values = sets.patterns[:, index]
        if (values >= 0).all() and (values > 0).any() and not observed[values > 0].any():
            reasons[column] = f"no events with {column}"
            without |= values > 0
    n_without_events = len(reasons)
    kept = sets.keep([c for c in sets.columns if c not in reasons], without)
    reasons |= _dependent(kept, ties)
    return kept.keep([c for c in kept.columns if c not in reasons]), reasons, n_without_events


def _dependent(sets: RiskSets, ties: Ties) -> dict[str, str]:
    """Columns without information of their own: constant within the risk sets, or a combination of earlier ones."""
    information = _derivatives(sets, _Ties(sets, ties), np.zeros(len(sets.columns))).information
    spread = _spread(sets)
    reasons: dict[str, str] = {}
    kept: list[int] = []
    for index, column in enumerate(sets.columns):
        own = information[index, index]
        if own <= 1e-9 * spread[index]:
            reasons[column] = f"{column} does not vary among those at risk"
            continue
        others = information[np.ix_(kept, kept)]
        across = information[kept, index]
        left = own - (across @ linalg.solve(others, across, assume_a="pos") if kept else 0.0)
        if left <= 1e-9 * own:
            reasons[column] = f"{column} is a combination of {', '.join(sets.columns[k] for k in kept)}"
        else:
            kept.append(index)
    return reasons


def _spread(sets: RiskSets) -> Floats:
    """A scale for each column's information: its largest square times the number of events."""
    largest: Floats = (sets.patterns**2).max(axis=0, initial=0.0)
    return np.maximum(largest, 1e-300) * max(sets.n_events, 1)


def wald_interval(estimate: float, standard_error: float, level: float) -> tuple[float, float]:
    """Hazard-ratio bounds exp(estimate -+ z x error) at a confidence level."""
    z = stats.norm.ppf(0.5 + level / 2)
    return float(np.exp(estimate - z * standard_error)), float(np.exp(estimate + z * standard_error))


def minimum_detectable_hazard_ratio(
    events: int, exposed_share: float, power: float = 0.8, alpha: float = 0.05
) -> float:
    """exp(sqrt((z_{1-alpha/2} + z_power)^2 / (D p (1 - p)))); OHDSI CohortMethod, after Schoenfeld 1983.

    Returns NaN when there are no events or nobody (or everybody) is exposed.
    """
    variance = events * exposed_share * (1 - exposed_share)
    if not variance > 0:
        return float("nan")
    return float(np.exp((stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(power)) / np.sqrt(variance)))
