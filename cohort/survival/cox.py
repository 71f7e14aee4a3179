"""Cox's model by maximum partial likelihood: coefficients, their covariance, and reasons in words where there are none.

In: `RiskSets`. Out: `CoxFit`. Newton's method with step halving; a coefficient that runs off without bound
(separation) is named and held, and the others stand at the limit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from scipy import linalg

from cohort.survival.arrays import Bools, Floats
from cohort.survival.distributions import two_sided_p
from cohort.survival.estimable import estimable
from cohort.survival.likelihood import Derivatives, PartialLikelihood, Ties
from cohort.survival.risk_sets import RiskSets

__all__ = ["SETTLED", "TOLERANCE", "Contrast", "CoxFit", "Ties", "fit_cox", "inverse", "newton", "newton_step"]

TOLERANCE = 1e-12
"""The last step is at most a millionth of a standard error; what is then left of the way is its square."""
SETTLED = 1e-20
"""A step of a ten-thousand-millionth of a standard error leaves the derivatives as they are; and one that is longer by
the square root of the number of events, for they change the less from step to step the more events there are."""
_ROUNDING = 1e-12
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
        log_likelihood: log partial likelihood at `params`; `log_likelihood_null` with all coefficients zero.
        score_statistic: of the score test that all estimated coefficients are zero.
        not_estimable: column -> why, for the columns asked for and left out.
        n_unbounded: how many of those have an estimate without bound (no events, or only events).
        notes: strata in which a column is constant or has no events, and strata without events.
        sets: the risk sets of the columns that were kept, those held at `held` included.
        held: column -> the value at which it stands without an estimate.
    """

    columns: tuple[str, ...]
    params: Floats
    covariance: Floats
    log_likelihood: float
    log_likelihood_null: float
    score_statistic: float
    n_events: int
    iterations: int
    ties: Ties
    sets: RiskSets = field(repr=False)
    held: Mapping[str, float] = field(default_factory=dict)
    not_estimable: Mapping[str, str] = field(default_factory=dict)
    n_unbounded: int = 0
    notes: tuple[str, ...] = ()

    @property
    def degrees_of_freedom(self) -> int:
        """Coefficients over which the likelihood was maximised, those without bound included."""
        return len(self.columns) + self.n_unbounded

    @property
    def full_params(self) -> Floats:
        """Coefficients of all columns of `sets`, those held included."""
        estimated = dict(zip(self.columns, self.params, strict=True))
        return np.array([estimated.get(c, self.held.get(c, 0.0)) for c in self.sets.columns])

    @property
    def is_estimated(self) -> Bools:
        """Which columns of `sets` have an estimate."""
        return np.array([column in self.columns for column in self.sets.columns], bool)

    def contrast(self, weights: Mapping[str, float], covariance: Floats | None = None) -> Contrast | None:
        """The combination sum(weight x coefficient) from this one fit; None when a column was not estimated.

        Args:
            weights: of the columns; absent ones are zero.
            covariance: another covariance of the coefficients, such as the robust one.
        """
        if any(column not in self.columns for column in weights):
            return None
        vector = np.zeros(len(self.columns))
        for column, weight in weights.items():
            vector[self.columns.index(column)] = weight
        estimate = float(vector @ self.params)
        chosen = self.covariance if covariance is None else covariance
        error = float(np.sqrt(vector @ chosen @ vector))
        return Contrast(estimate, error, float(two_sided_p(estimate / error)))


def fit_cox(sets: RiskSets, ties: Ties = "efron") -> CoxFit:
    """Maximise the partial likelihood.

    Columns that the data cannot speak to are left out and named in `not_estimable`.

    Raises:
        ValueError: there are no events.
    """
    if sets.n_events == 0:
        raise ValueError("there are no events")
    asked = PartialLikelihood(sets, ties)
    chosen = estimable(asked)
    reasons, likelihood = dict(chosen.reasons), chosen.likelihood
    kept = likelihood.sets
    found = newton(likelihood)
    for column, is_free, value in zip(kept.columns, found.free, found.params, strict=True):
        if not is_free:
            side = "only events" if value > 0 else "no events"
            reasons[column] = f"{column} separates: among those at risk with it there are {side} to compare"
    free = found.free
    return CoxFit(
        columns=tuple(column for column, is_free in zip(kept.columns, free, strict=True) if is_free),
        params=found.params[free],
        covariance=inverse(found.at.information[np.ix_(free, free)]) / likelihood.scale,
        log_likelihood=found.at.log_likelihood * likelihood.scale,
        log_likelihood_null=asked.at_zero.log_likelihood * asked.scale,
        score_statistic=_score_statistic(found.null, free) * likelihood.scale,
        n_events=sets.n_events,
        iterations=found.iterations,
        ties=ties,
        sets=kept,
        held={c: float(v) for c, is_free, v in zip(kept.columns, free, found.params, strict=True) if not is_free},
        not_estimable=reasons,
        n_unbounded=chosen.n_without_events + int((~free).sum()),
        notes=chosen.notes,
    )


def _score_statistic(null: Derivatives, free: Bools) -> float:
    score = null.score[free]
    return float(score @ inverse(null.information[np.ix_(free, free)]) @ score)


@dataclass(frozen=True)
class Maximum:
    """Where Newton's method ended; `free` is False for the columns whose estimate runs off without bound."""

    params: Floats
    at: Derivatives
    null: Derivatives
    free: Bools
    iterations: int


class Likelihood(Protocol):
    """What Newton's method asks of a likelihood; see `PartialLikelihood`."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the coefficients."""

    @property
    def n_events(self) -> int:
        """Number of events."""

    @property
    def at_zero(self) -> Derivatives:
        """Log-likelihood, score and information where all coefficients are zero."""

    def at(self, params: Floats) -> Derivatives:
        """The same at (p,) coefficients."""

    @property
    def reach(self) -> Floats:
        """(p,) the largest size of each covariate, relative to what `linear` is relative to."""

    def linear(self, params: Floats) -> Floats:
        """x'b of all who are compared, relative to something that those compared with each other share."""


def newton(
    likelihood: Likelihood, start: Floats | None = None, fixed: Bools | None = None, enough: float | None = None
) -> Maximum:
    """Newton's method; a column whose information has gone is held where it is, and the others go on.

    Under separation a coefficient grows for ever while the likelihood hardly moves. Held when its information has gone,
    it leaves the others at their limit; farther on, sums of weights would lose the digits of the rest.

    Args:
        likelihood: to be maximised.
        start: (p,) where to begin; none: zeros.
        fixed: (p,) columns that stay at their start.
        enough: a step that gains less in twice the log-likelihood is the last; none: one that only rounding is after.
    """
    params = np.zeros(len(likelihood.columns)) if start is None else start
    null = now = likelihood.at_zero if start is None else likelihood.at(params)
    free = np.ones(len(params), bool) if fixed is None else ~fixed
    settled = SETTLED * likelihood.n_events if enough is None else enough
    iterations = 0
    while free.any() and iterations < _MAX_ITERATIONS:
        iterations += 1
        before, step = now, _step_of(now, free)
        gain = float(now.score @ step)
        if 0 <= gain <= settled:
            params = params + step
            break
        is_last = gain <= TOLERANCE
        params, now, has_moved = newton_step(likelihood, params, now, step)
        gone = free & _is_gone(now, before, null)
        free &= ~gone
        if (is_last or not has_moved) and not gone.any():
            break
    # Together columns can run off that have information one by one: then the next step is still not small.
    is_small = np.abs(_step_of(now, free)) <= _UNSETTLED * np.maximum(1.0, np.abs(params))
    return Maximum(params, now, null, free & is_small, iterations)


def _step_of(now: Derivatives, free: Bools) -> Floats:
    """Newton's step of the free columns; the others stay."""
    step = np.zeros(len(free))
    step[free] = inverse(now.information[np.ix_(free, free)]) @ now.score[free]
    return step


def _is_gone(now: Derivatives, before: Derivatives, null: Derivatives) -> Bools:
    """Columns without information: 1e-7 of what they began with; or little, of which the rest is rounding.

    A coefficient that runs off by one each step loses more than half of its information each time, until what is left
    are the last digits of far larger numbers, which do not shrink.
    """
    left = np.diag(now.information) / np.diag(null.information)
    shrinks = np.diag(now.information) <= 0.6 * np.diag(before.information)
    gone: Bools = (left <= _NO_INFORMATION) | ((left <= _LITTLE_INFORMATION) & ~shrinks)
    return gone


def newton_step(
    likelihood: Likelihood, params: Floats, now: Derivatives, step: Floats
) -> tuple[Floats, Derivatives, bool]:
    """A Newton step, halved until the likelihood does not fall; and whether there was such a step.

    No step moves a hazard by more than exp(5): farther, a first step under separation would leave all digits behind.
    """
    if np.abs(step) @ likelihood.reach > _FARTHEST:  # only then is it worth to look at all persons
        step = step * (_FARTHEST / max(float(np.abs(likelihood.linear(step)).max(initial=0.0)), _FARTHEST))
    for _ in range(30):
        # A step too far may overflow, or empty a risk set; it is then halved like one that lowers the likelihood.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            new = likelihood.at(params + step)
        if new.is_finite and new.log_likelihood >= now.log_likelihood - _ROUNDING * (1 + abs(now.log_likelihood)):
            return params + step, new, True
        step = step / 2
    return params, now, False


def inverse(information: Floats) -> Floats:
    """The inverse of a covariance-like matrix, scaled first: columns may differ by many orders of magnitude.

    A direction without information gets zero; the caller has left such columns out.
    """
    if not len(information):
        return np.zeros((0, 0))
    scale = 1 / np.sqrt(np.maximum(np.diag(information), 1e-300))
    inverted: Floats = linalg.pinvh(information * scale * scale[:, None]) * scale * scale[:, None]
    return inverted
