"""Tests and intervals from fitted models: Wald, score, likelihood ratio, profile likelihood, heterogeneity.

In: `CoxFit`. Out: `Test` (statistic, degrees of freedom, p) and intervals.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from cohort.survival.arrays import Bools, Floats
from cohort.survival.cox import SETTLED, TOLERANCE, CoxFit, inverse, newton, newton_step
from cohort.survival.distributions import chi_square_p, chi_square_quantile, half_width, normal_quantile
from cohort.survival.likelihood import Derivatives, PartialLikelihood

_NEARLY = 1e-8
"""Of a step that gains so little the quadratic leaves out a ten-thousandth: nothing that a test would show."""
_NO_INFORMATION = 1e-9
"""What is left of a variance, as a share, when it is nothing but rounding."""

_SMALL_STEP = 1e-3
"""Of a standard error: for differences where a derivative is wanted."""


class Test(NamedTuple):
    """A test: its statistic, degrees of freedom, and p (NaN without a degree of freedom)."""

    statistic: float
    degrees_of_freedom: int
    p_value: float


def chi_square(statistic: float, degrees_of_freedom: int) -> Test:
    """A test by the upper tail of the chi-square distribution."""
    p_value = chi_square_p(statistic, degrees_of_freedom) if degrees_of_freedom > 0 else float("nan")
    return Test(statistic, degrees_of_freedom, p_value)


def place_of(fit: CoxFit, column: str) -> int:
    """Where a column stands among the coefficients.

    Raises:
        ValueError: it has no estimate; the message says why.
    """
    if column not in fit.columns:
        raise ValueError(fit.not_estimable.get(column, f"the model has no column {column}"))
    return fit.columns.index(column)


def quadratic_test(values: Floats, covariance: Floats, scale: Floats | None = None) -> Test:
    """The test that values are zero, over the directions in which they vary; those are its degrees of freedom.

    Args:
        values: (q,) estimates or scores.
        covariance: (q, q) of them.
        scale: (q,) variances beside which a direction that has next to none has none; none: those of the covariance.
    """
    size = np.diag(covariance) if scale is None else scale
    varies = size > 0
    unit = 1 / np.sqrt(size[varies])
    spread, directions = np.linalg.eigh(covariance[np.ix_(varies, varies)] * unit * unit[:, None])
    seen = spread > _NO_INFORMATION
    along = (values[varies] * unit) @ directions[:, seen]
    return chi_square(float(along**2 @ (1 / spread[seen])), int(seen.sum()))


def likelihood_ratio_test(larger: CoxFit, smaller: CoxFit | None = None) -> Test:
    """Two nested fits to the same risk sets; without a smaller one, against no effect of anything."""
    if smaller is None:
        gain, fewer = larger.log_likelihood - larger.log_likelihood_null, 0
    else:
        gain, fewer = larger.log_likelihood - smaller.log_likelihood, smaller.degrees_of_freedom
    return chi_square(max(0.0, 2 * gain), larger.degrees_of_freedom - fewer)


def bic(fit: CoxFit) -> float:
    """Schwarz's criterion by events: -2 x log likelihood + coefficients x log(events); the least is the best."""
    return float(-2 * fit.log_likelihood + fit.degrees_of_freedom * np.log(fit.n_events))


def score_test(fit: CoxFit) -> Test:
    """Rao's score test that all coefficients with an estimate are zero."""
    return chi_square(fit.score_statistic, len(fit.columns))


def wald_test(fit: CoxFit, columns: Sequence[str] | None = None, covariance: Floats | None = None) -> Test:
    """Wald's test that coefficients are zero.

    Args:
        fit: a fitted model.
        columns: which coefficients; none: all with an estimate.
        covariance: another covariance of the coefficients, such as the robust one.

    Raises:
        ValueError: a column has no estimate; the message says why.
    """
    chosen = [place_of(fit, column) for column in (fit.columns if columns is None else columns)]
    return linear_hypothesis(fit, np.eye(len(fit.columns))[chosen], covariance)


def linear_hypothesis(fit: CoxFit, combinations: Floats, covariance: Floats | None = None) -> Test:
    """Wald's test that linear combinations of the coefficients are zero.

    Args:
        fit: a fitted model.
        combinations: (q, p) weights of the coefficients with an estimate, a row a combination.
        covariance: another covariance of the coefficients.
    """
    chosen = fit.covariance if covariance is None else covariance
    estimate, spread = combinations @ fit.params, combinations @ chosen @ combinations.T
    return quadratic_test(estimate, spread)


def restriction_tests(fit: CoxFit, smaller: Sequence[Mapping[str, Mapping[str, float]]]) -> list[Test]:
    """Likelihood-ratio tests of a fit against smaller models, without counting again or fitting from the beginning.

    A smaller model is the larger one where its coefficients are those of fewer columns; Newton's method stays there,
    and begins at the maximum of the larger one's quadratic, which is near.

    Args:
        fit: a fitted model in which every column has an estimate.
        smaller: of each model, column -> column of the fit -> its weight in it, as `RiskSets.combined` takes them; no
            column is a combination of others.

    Raises:
        ValueError: a column of the fit has no estimate, but may have one in the smaller model.
    """
    likelihood = _whole_likelihood(fit)
    tests = []
    for columns in smaller:
        within = _maximum_within(likelihood, fit, columns, _NEARLY)
        largest = (within.at.log_likelihood + within.gain) * likelihood.scale
        tests.append(chi_square(max(0.0, 2 * (fit.log_likelihood - largest)), len(fit.columns) - len(columns)))
    return tests


def restricted_fits(fit: CoxFit, smaller: Sequence[Mapping[str, Mapping[str, float]]]) -> list[CoxFit]:
    """Fits of smaller models, without counting again or fitting from the beginning.

    Args:
        fit, smaller: as `restriction_tests` takes them.

    Raises:
        ValueError: a column of the fit has no estimate, but may have one in the smaller model; or a column of a smaller
            model is a combination of its others.
    """
    likelihood = _whole_likelihood(fit)
    return [_restricted(likelihood, fit, columns) for columns in smaller]


def _whole_likelihood(fit: CoxFit) -> PartialLikelihood:
    """The likelihood of a fit in which every column has an estimate; ValueError for another."""
    if fit.not_estimable:
        raise ValueError("; ".join(fit.not_estimable.values()))
    return PartialLikelihood(fit.sets, fit.ties)


class _Within(NamedTuple):
    """A maximum where the coefficients are combinations of the columns of a (p, q) basis.

    `at` are the derivatives one step before it where that step is short enough; `gain` is what it adds to the
    log-likelihood, by its quadratic.
    """

    basis: Floats
    params: Floats
    at: Derivatives
    gain: float
    iterations: int


def _maximum_within(
    likelihood: PartialLikelihood, fit: CoxFit, columns: Mapping[str, Mapping[str, float]], enough: float
) -> _Within:
    """The maximum; a step that gains no more than `enough` in twice the log-likelihood is the last."""
    basis = np.array([[weights.get(c, 0.0) for weights in columns.values()] for c in fit.columns])
    basis = basis.reshape(len(fit.columns), len(columns))
    scaled = basis.T @ np.linalg.inv(fit.covariance)
    params = basis @ (inverse(scaled @ basis) @ (scaled @ fit.params))
    now, has_moved, iterations = likelihood.at(params), True, 0
    while has_moved and len(columns):
        step = basis @ (inverse(basis.T @ now.information @ basis) @ (basis.T @ now.score))
        gain = float(now.score @ step)
        if 0 <= gain <= enough:
            return _Within(basis, params + step, now, gain / 2, iterations)
        params, now, has_moved = newton_step(likelihood, params, now, step)
        iterations += 1
        if gain <= TOLERANCE:
            break
    return _Within(basis, params, now, 0.0, iterations)


def _restricted(likelihood: PartialLikelihood, fit: CoxFit, columns: Mapping[str, Mapping[str, float]]) -> CoxFit:
    basis, params, now, gain, iterations = _maximum_within(likelihood, fit, columns, SETTLED * fit.n_events)
    information = basis.T @ now.information @ basis
    _require_information(information, list(columns))
    score = basis.T @ likelihood.at_zero.score
    at_zero = basis.T @ likelihood.at_zero.information @ basis
    combined = np.linalg.lstsq(basis, params, rcond=None)[0].astype(np.float64)
    return replace(
        fit,
        columns=tuple(columns),
        params=combined,
        covariance=inverse(information) / likelihood.scale,
        log_likelihood=(now.log_likelihood + gain) * likelihood.scale,
        score_statistic=float(score @ inverse(at_zero) @ score) * likelihood.scale,
        iterations=iterations,
        sets=fit.sets.combined(columns),
    )


def _require_information(information: Floats, columns: Sequence[str]) -> None:
    """ValueError where columns cannot be told apart."""
    if not columns:
        return
    unit = 1 / np.sqrt(np.maximum(np.diag(information), 1e-300))
    if float(np.linalg.eigvalsh(information * unit * unit[:, None])[0]) <= _NO_INFORMATION:
        raise ValueError(f"{', '.join(columns)}: one is a combination of the others")


def small_sample_bias(fit: CoxFit) -> Floats:
    """By how much the estimates are expected to miss, for want of events, to first order: zero with many of them.

    Maximum likelihood with few events and a skewed covariate is biased; Firth's penalty, half the log determinant of
    the information, would take the bias away, so its pull on each coefficient is the bias (Firth 1993, Biometrika
    80:27; for Cox's model Heinze and Schemper 2001, Biometrics 57:114). The risk sets are taken as given.

    Returns:
        (p,) expected estimate less the true value, of the coefficients with an estimate.
    """
    likelihood, free = PartialLikelihood(fit.sets, fit.ties), fit.is_estimated
    errors = np.sqrt(np.diag(fit.covariance))

    def log_determinant(params: Floats) -> float:
        information = likelihood.at(params).information[np.ix_(free, free)] * errors * errors[:, None]
        return float(np.linalg.slogdet(information)[1])

    slope = np.zeros(len(errors))
    for index, place in enumerate(np.flatnonzero(free)):
        step = np.zeros(len(free))
        step[place] = _SMALL_STEP * errors[index]
        rise = log_determinant(fit.full_params + step) - log_determinant(fit.full_params - step)
        slope[index] = rise / (2 * step[place])
    bias: Floats = -fit.covariance @ slope / 2
    return bias


def heterogeneity_test(estimates: Sequence[float], standard_errors: Sequence[float]) -> Test:
    """Cochran's Q over independent estimates, such as those of separate strata (Cochran 1954)."""
    values, weights = np.array(estimates), 1 / np.array(standard_errors) ** 2
    mean = weights @ values / weights.sum() if len(values) else 0.0
    return chi_square(float(weights @ (values - mean) ** 2), len(values) - 1)


def profile_interval(fit: CoxFit, column: str, level: float = 0.95) -> tuple[float, float]:
    """Profile-likelihood interval of a coefficient: where the deviance has risen by the chi-square quantile.

    Returns:
        Bounds on the log scale; infinite where the likelihood does not fall far enough on that side.

    Raises:
        ValueError: the column has no estimate; the message says why.
    """
    at, index = place_of(fit, column), fit.sets.columns.index(column)
    likelihood = PartialLikelihood(fit.sets, fit.ties)
    fixed = ~fit.is_estimated
    fixed[index] = True
    allowed = chi_square_quantile(level, 1) / 2
    width = float(np.sqrt(fit.covariance[at, at] * 2 * allowed))
    profile = _Profile(likelihood, fit, index, fixed)
    return _crossing(profile, -width, allowed), _crossing(profile, width, allowed)


class _Profile:
    """How far the log-likelihood falls when one coefficient is moved and the others follow."""

    def __init__(self, likelihood: PartialLikelihood, fit: CoxFit, index: int, fixed: Bools) -> None:
        self.estimate = float(fit.full_params[index])
        self._likelihood, self._best, self._index, self._fixed = likelihood, fit.log_likelihood, index, fixed
        self._near = fit.full_params

    def fall(self, move: float) -> float:
        """The fall of the log-likelihood at the estimate plus a move; infinite where it cannot be computed."""
        start = self._near.copy()
        start[self._index] = self.estimate + move
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            found = newton(self._likelihood, start, self._fixed)
        if not found.at.is_finite:
            return float("inf")
        self._near = found.params
        return self._best - found.at.log_likelihood * self._likelihood.scale


def _crossing(profile: _Profile, width: float, allowed: float) -> float:
    """Where the fall equals what is allowed, on the side of `width`; the Wald bound is where the search begins."""
    from scipy.optimize import brentq  # which takes long to import, and few ask for profiles

    inner, outer = 0.0, width
    for _ in range(12):
        if profile.fall(outer) >= allowed:
            found = brentq(lambda move: profile.fall(move) - allowed, inner, outer, xtol=1e-12, rtol=1e-13)
            return profile.estimate + float(found)
        inner, outer = outer, outer * 2
    return float(np.copysign(np.inf, width))


def contrast_covariance(
    fit: CoxFit, combinations: Sequence[Mapping[str, float]], covariance: Floats | None = None
) -> tuple[Floats, Floats]:
    """Several linear combinations of coefficients at once.

    Returns:
        (q,) estimates and their (q, q) covariance.

    Raises:
        ValueError: a column has no estimate.
    """
    matrix = np.zeros((len(combinations), len(fit.columns)))
    for row, weights in enumerate(combinations):
        for column, weight in weights.items():
            matrix[row, place_of(fit, column)] = weight
    chosen = fit.covariance if covariance is None else covariance
    return matrix @ fit.params, matrix @ chosen @ matrix.T


def wald_interval(estimate: float, standard_error: float, level: float) -> tuple[float, float]:
    """Hazard-ratio bounds exp(estimate -+ z x error) at a confidence level."""
    z = half_width(level)
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
    return float(np.exp((normal_quantile(1 - alpha / 2) + normal_quantile(power)) / np.sqrt(variance)))
