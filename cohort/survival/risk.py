"""Absolute risks compared: differences between curves, and bands that hold for a whole curve at once.

In: `CumulativeIncidence`. Out: differences of risk and of time lost with their errors, where persons who are in both
curves are counted as the same; simultaneous confidence bands.
"""

from dataclasses import dataclass

import numpy as np

from cohort.survival.arrays import Floats
from cohort.survival.distributions import half_width, two_sided_p
from cohort.survival.incidence import CumulativeIncidence, bounds

_DRAWS = 20_000
_GRID = 200


@dataclass(frozen=True)
class Difference:
    """Differences with their standard errors, bounds and two-sided p, each (A,)."""

    estimate: Floats
    standard_error: Floats
    lower: Floats
    upper: Floats
    p_value: Floats


def risk_difference(
    curve: CumulativeIncidence, reference: CumulativeIncidence, times: Floats, cause: int = 0, level: float = 0.95
) -> Difference:
    """Incidence of one curve less that of another at some times.

    Somebody who is in both, at different times, has one influence on the difference; so the error is that of persons.
    It takes ids to know: curves without ids are taken for curves of different persons.

    Raises:
        ValueError: the curves are of different causes.
    """
    _check(curve, reference)
    at = np.asarray(times, np.float64)
    estimate = curve.at(at).incidence[:, cause] - reference.at(at).incidence[:, cause]
    influences = curve.influence(at, cause), reference.influence(at, cause)
    return _difference(estimate, _error(curve, reference, *influences), level)


def time_lost_difference(
    curve: CumulativeIncidence, reference: CumulativeIncidence, until: float, level: float = 0.95
) -> Difference:
    """Restricted mean time lost to each cause, one curve less another: (K,) each; errors of `risk_difference`."""
    _check(curve, reference)
    estimate = curve.mean_time_lost(until) - reference.mean_time_lost(until)
    influences = curve.time_lost_influence(until), reference.time_lost_influence(until)
    return _difference(estimate, _error(curve, reference, *influences), level)


def _check(curve: CumulativeIncidence, reference: CumulativeIncidence) -> None:
    if curve.causes != reference.causes:
        raise ValueError(f"curves of {', '.join(curve.causes)} and of {', '.join(reference.causes)} have no difference")


def _error(curve: CumulativeIncidence, reference: CumulativeIncidence, own: Floats, others: Floats) -> Floats:
    """Standard error of a difference from the influences (persons, ...) of both; nobody's is counted twice."""
    variance = (own**2).sum(axis=0) + (others**2).sum(axis=0)
    if curve.people is not None and reference.people is not None:
        people = (series.rename("id").to_frame().with_row_index() for series in (curve.people, reference.people))
        shared = next(people).join(next(people), on="id")
        first, second = (shared.get_column(name).to_numpy() for name in ("index", "index_right"))
        variance = variance - 2 * (own[first] * others[second]).sum(axis=0)
    error: Floats = np.sqrt(np.maximum(variance, 0.0))
    return error


def _difference(estimate: Floats, error: Floats, level: float) -> Difference:
    """Bounds and p; p is NaN where the error is zero."""
    z = half_width(level)
    ratio = np.divide(estimate, error, out=np.full(len(estimate), np.nan), where=error > 0)
    return Difference(estimate, error, estimate - z * error, estimate + z * error, two_sided_p(ratio))


@dataclass(frozen=True)
class Band:
    """Bounds that hold at all of these times at once: (A,) each, and how many standard errors they are wide."""

    time: Floats
    lower: Floats
    upper: Floats
    critical_value: float


def confidence_band(
    curve: CumulativeIncidence, cause: int = 0, level: float = 0.95, times: Floats | None = None, seed: int = 1
) -> Band:
    """A simultaneous band of equal precision on the scale log(-log(1 - p)); NaN where the curve is 0 or 1.

    The curve is nearly normal around the truth with the covariance of the persons' influences (Lin 1997 draws it with
    normal multipliers; its covariance is formed here, and 20,000 normal vectors are drawn from that). The critical
    value is the quantile of their largest standardised departure.

    Args:
        curve: the curves.
        cause: which of them.
        level: chance that the whole curve lies within.
        times: where the band is to hold; none: at most 200 event times at which the curve is neither 0 nor 1.
        seed: of the draws.
    """
    at = _grid(curve, cause) if times is None else np.asarray(times, np.float64)
    read = curve.at(at)
    estimate, error = read.incidence[:, cause], read.standard_error[:, cause]
    inside = (estimate > 0) & (estimate < 1) & (error > 0)
    critical = _critical_value(curve.influence(at[inside], cause) / error[inside], level, seed)
    return Band(at, *bounds(estimate, error, critical), critical)


def _critical_value(influence: Floats, level: float, seed: int) -> float:
    """The quantile of the largest of normal variables with the correlation of standardised influences; NaN of none."""
    if not influence.size:
        return float("nan")
    draw, correlation = np.random.default_rng(seed), influence.T @ influence
    draws = draw.multivariate_normal(np.zeros(len(correlation)), correlation, size=_DRAWS, method="eigh")
    return float(np.quantile(np.abs(draws).max(axis=1), level))


def _grid(curve: CumulativeIncidence, cause: int) -> Floats:
    moves = curve.time[curve.events[:, cause] > 0]
    return moves[np.unique(np.linspace(0, len(moves) - 1, min(len(moves), _GRID)).astype(int))] if len(moves) else moves
