"""Baseline hazards per stratum, and what they say of a person: with delayed entry, and ties as in the fit.

In: `CoxFit`. Out: cumulative hazard and survival by event time. Each event time adds the sum of w/z over its tied
events, the jump that goes with the fit's own treatment of ties (R's `basehaz` and `survfit.coxph`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from cohort.survival.arrays import Floats, Ints
from cohort.survival.cox import CoxFit
from cohort.survival.inference import place_of
from cohort.survival.scores import Scores


def baseline_hazard(fit: CoxFit) -> pl.DataFrame:
    """The hazard of somebody with all covariates and the offset zero.

    Returns:
        stratum, time, at_risk, events, cumulative_hazard, survival: one row per event time of each stratum. Of a
        subdistribution model, `at_risk` leaves out who stays at risk after a competing event.
    """
    sets = fit.sets
    hazard = sets.segments.from_start(_jumps(fit, np.zeros(len(sets.columns))).hazard)
    present = np.asarray(sets.change.sum(axis=1)).ravel()
    return pl.DataFrame(
        {
            "stratum": [sets.strata[k] for k in sets.stratum],
            "time": sets.time,
            "at_risk": np.rint(sets.segments.from_end(present)).astype(np.int64),
            "events": sets.deaths,
            "cumulative_hazard": hazard,
            "survival": np.exp(-hazard),
        }
    )


@dataclass(frozen=True)
class PredictedHazard:
    """Cumulative hazard at some times with its standard error, each (T,)."""

    time: Floats
    cumulative_hazard: Floats
    standard_error: Floats

    @property
    def survival(self) -> Floats:
        """(T,) probability to be without event."""
        survival: Floats = np.exp(-self.cumulative_hazard)
        return survival


def cumulative_hazard(
    fit: CoxFit,
    covariates: Mapping[str, float],
    times: Sequence[float] | Floats,
    stratum: str = "all",
    after: float = float("-inf"),
    offset: float = 0.0,
    covariance: Floats | None = None,
) -> PredictedHazard:
    """The hazard of a person with some covariates that stay as they are.

    Args:
        fit: a fitted model.
        covariates: column -> value; absent ones are zero.
        times: when.
        stratum: whose baseline, by its name in `fit.sets.strata`.
        after: the person is without event at this time; hazard up to it does not count.
        offset: the known part of the person's log hazard.
        covariance: (p, p) another covariance of the coefficients, such as the robust one.

    Returns:
        Cumulative hazard, with an error that counts the baseline's as well as the coefficients' (R's `survfit.coxph`;
        Tsiatis 1981).

    Raises:
        ValueError: there is no such stratum or covariate, or the model has no estimate for it.
    """
    _check(fit, covariates, stratum)
    jumps = _jumps(fit, np.array([covariates.get(column, 0.0) for column in fit.sets.columns]), offset)
    counts = (fit.sets.stratum == fit.sets.strata.index(stratum)) & (fit.sets.time > after)
    at = np.asarray(times, np.float64)
    index = np.searchsorted(fit.sets.time[counts], at, side="right")
    hazard, variance = _upto(jumps.hazard[counts], index), _upto(jumps.variance[counts], index)
    drift = _upto(jumps.drift[counts][:, fit.is_estimated], index)
    chosen = fit.covariance if covariance is None else covariance
    variance = variance + np.einsum("ti,ij,tj->t", drift, chosen, drift)
    return PredictedHazard(at, hazard, np.sqrt(variance))


def _check(fit: CoxFit, covariates: Mapping[str, float], stratum: str) -> None:
    for column in covariates:
        place_of(fit, column)
    if stratum in fit.sets.silent:
        raise ValueError(f"there are no events in {stratum}, so its hazard has no estimate")
    if stratum not in fit.sets.strata:
        some = "; ".join(fit.sets.strata[:5]) + ("; ..." if len(fit.sets.strata) > 5 else "")
        raise ValueError(f"there is no stratum '{stratum}'; there are {some}")


@dataclass(frozen=True)
class _Jumps:
    """What each event time adds: hazard (G,), its variance (G,), and how it moves with the coefficients (G, p)."""

    hazard: Floats
    variance: Floats
    drift: Floats


def _jumps(fit: CoxFit, x: Floats, offset: float = 0.0) -> _Jumps:
    scores = Scores(fit)
    at = scores.at
    from_centre = x - scores.likelihood.centre[fit.sets.stratum]
    # All covariates zero may be far from everybody: beyond what a number can hold it is infinite.
    with np.errstate(over="ignore", invalid="ignore"):
        unit = np.exp(from_centre @ fit.full_params + offset - at.log_scale)
        drift = unit[:, None] * (at.hazard[:, None] * from_centre - at.drawn)
        return _Jumps(unit * at.hazard, (unit * np.sqrt(at.variance)) ** 2, drift)


def _upto(values: Floats, index: Ints) -> Floats:
    """Running totals after so many event times; zero before the first."""
    summed: Floats = np.concatenate(
        [np.zeros_like(values[:1], shape=(1, *values.shape[1:])), np.cumsum(values, axis=0)]
    )
    return summed[index]
