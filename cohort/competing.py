"""Cumulative incidence with death as a competing event: the exact Aalen-Johansen estimator with delayed entry.

In: intervals (start, stop] in days of age with the event and the death at their end. Out: the probability of
dementia, and of death without dementia, by age, for a person alive and free of dementia at the start age. Ties are
taken as they are (no jitter); death and dementia on one day are told apart by the outcome rule before this.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import stats

from cohort.survival.arrays import Floats

DAYS_PER_YEAR = 365.25


@dataclass(frozen=True)
class CumulativeIncidence:
    """Step functions over T event times.

    Attributes:
        time: (T,) distinct times of an event of either kind.
        at_risk: (T,) number at risk just before each.
        events, deaths: (T,) numbers of each kind at each time.
        dementia, death: (T,) cumulative incidence of each kind.
        dementia_se, death_se: (T,) standard errors (Aalen 1978, as cmprsk's `cuminc`).
        starts, stops: (n,) sorted starts and stops of all intervals, for the number at risk at any time.
    """

    time: Floats
    at_risk: Floats
    events: Floats
    deaths: Floats
    dementia: Floats
    death: Floats
    dementia_se: Floats
    death_se: Floats
    starts: Floats
    stops: Floats


def aalen_johansen(
    intervals: pl.DataFrame,
    from_time: float = float("-inf"),
    start: str = "start_day",
    stop: str = "stop_day",
    event: str = "event",
    death: str = "death",
) -> CumulativeIncidence:
    """Estimate from intervals; what lies before `from_time` is cut off, so the curves are conditional on it."""
    later = intervals.filter(pl.col(stop) > from_time)
    starts = np.sort(np.maximum(later.get_column(start).to_numpy().astype(float), from_time))
    stops = later.get_column(stop).to_numpy().astype(float)
    is_event = later.get_column(event).to_numpy().astype(bool)
    is_death = later.get_column(death).to_numpy().astype(bool)
    time = np.unique(stops[is_event | is_death])
    ends = np.sort(stops)
    at_risk = (np.searchsorted(starts, time) - np.searchsorted(ends, time)).astype(float)
    events, deaths = _tally(time, stops[is_event]), _tally(time, stops[is_death])
    with np.errstate(divide="ignore", invalid="ignore"):
        survival = np.cumprod(1 - (events + deaths) / at_risk)
    before = np.concatenate([[1.0], survival[:-1]])
    dementia, death_incidence = np.cumsum(before * events / at_risk), np.cumsum(before * deaths / at_risk)
    return CumulativeIncidence(
        time,
        at_risk,
        events,
        deaths,
        dementia,
        death_incidence,
        _standard_error(dementia, before, at_risk, events, events + deaths),
        _standard_error(death_incidence, before, at_risk, deaths, events + deaths),
        starts,
        ends,
    )


def at_ages(curve: CumulativeIncidence, ages_years: Floats) -> pl.DataFrame:
    """Read the curves at ages.

    Returns:
        age_years, dementia and death with standard errors, at_risk (just after that age), and counts so far.
    """
    at = ages_years * DAYS_PER_YEAR
    index = np.searchsorted(curve.time, at, side="right") - 1
    at_risk = np.searchsorted(curve.starts, at, side="right") - np.searchsorted(curve.stops, at, side="right")
    is_before = index < 0

    def read(values: Floats) -> Floats:
        return np.where(is_before, 0.0, values[np.maximum(index, 0)]) if len(values) else np.zeros(len(index))

    return pl.DataFrame(
        {
            "age_years": ages_years,
            "dementia": read(curve.dementia),
            "dementia_se": read(curve.dementia_se),
            "death": read(curve.death),
            "death_se": read(curve.death_se),
            "at_risk": at_risk.astype(float),
            "events": read(np.cumsum(curve.events)),
            "deaths": read(np.cumsum(curve.deaths)),
        }
    )


def incidence_interval(estimate: Floats, error: Floats, level: float) -> tuple[Floats, Floats]:
    """Bounds on the complementary log-log scale, within [0, 1]; NaN where the estimate is 0 or 1."""
    z = stats.norm.ppf(0.5 + level / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        width = z * error / ((1 - estimate) * np.abs(np.log1p(-estimate)))
        lower, upper = 1 - (1 - estimate) ** np.exp(-width), 1 - (1 - estimate) ** np.exp(width)
    inside = (estimate > 0) & (estimate < 1)
    return np.where(inside, lower, np.nan), np.where(inside, upper, np.nan)


def _tally(time: Floats, at: Floats) -> Floats:
    return np.bincount(np.searchsorted(time, at), minlength=len(time)).astype(float)


def _standard_error(incidence: Floats, before: Floats, n: Floats, kind: Floats, any_kind: Floats) -> Floats:
    """The variance at t is a quadratic in F(t) whose three coefficients are running sums over earlier times."""
    with np.errstate(divide="ignore", invalid="ignore"):
        total = np.nan_to_num(any_kind / ((n - 1) * (n - any_kind)), posinf=0.0)
        own = np.nan_to_num(before**2 * kind * (n - kind) / (n**2 * (n - 1)), posinf=0.0)
        mixed = np.nan_to_num(before * kind * (n - kind) / (n * (n - any_kind) * (n - 1)), posinf=0.0)
    f = incidence
    variance = (
        f**2 * np.cumsum(total)
        - 2 * f * np.cumsum(total * f)
        + np.cumsum(total * f**2)
        + np.cumsum(own)
        - 2 * (f * np.cumsum(mixed) - np.cumsum(mixed * f))
    )
    return np.sqrt(np.maximum(variance, 0.0))
