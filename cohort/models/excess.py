"""What a unit of dose adds to the rate of the outcome in each band of attained age, and whether age and dose add up.

In: the fit of dose by band. Out: excess rates and the relative excess risk due to interaction, RERI. A hazard ratio
shrinks with age where the same excess stands on a growing rate; so ratios alone cannot say in whom a dose does more.
The rate without a dose of the class is that of the band's person-time; ratios are from the fit. Its error is that of
its events, and it is independent of the ratios as far as they compare within risk sets.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from cohort.counts import DAYS_PER_YEAR
from cohort.fitting import Fitted, Setting
from cohort.inputs import EXPOSURES
from cohort.results import AdditiveEffect
from cohort.survival.arrays import Floats
from cohort.survival.distributions import half_width
from cohort.survival.inference import contrast_covariance
from cohort.survival.interaction import Bounded, additive_interaction

_PER_YEARS = 1000
_DIGITS = 3


def additive_effects(setting: Setting, fitted: Fitted, bands: Mapping[str, Mapping[str, str]]) -> list[AdditiveEffect]:
    """A row for each class and band of attained age; the youngest band is the reference of RERI.

    Args:
        bands: band -> exposure -> its column in the fit, youngest first.
    """
    rows = []
    for exposure in EXPOSURES:
        rates = {label: _rate(setting.known_time, exposure, label) for label in bands}
        columns = {label: of_band[exposure] for label, of_band in bands.items()}
        rows += [_additive_effect(setting, fitted, exposure, label, columns, rates) for label in bands]
    return rows


def _additive_effect(
    setting: Setting,
    fitted: Fitted,
    exposure: str,
    label: str,
    columns: Mapping[str, str],
    rates: Mapping[str, "_Rate"],
) -> AdditiveEffect:
    names, level = (setting.analysis.name, exposure, label), setting.protocol.model.confidence_level
    why = fitted.reason(columns[label], "a dose of this class") or rates[label].why
    if fitted.fit is None or why:
        return AdditiveEffect(*names, status=f"not estimable: {why}")
    youngest, (log_ratio,), variance = next(iter(columns)), *contrast_covariance(fitted.fit, [{columns[label]: 1.0}])
    excess = _excess(rates[label], float(log_ratio), float(variance[0, 0]), level)
    shown = [_rounded(value) for value in (rates[label].per_years, *excess)]
    found = AdditiveEffect(
        *names, unexposed_rate=shown[0], excess_rate=shown[1], excess_lower=shown[2], excess_upper=shown[3]
    )
    if label == youngest or rates[youngest].why or columns[youngest] not in fitted.fit.columns:
        return found
    pair = contrast_covariance(fitted.fit, [{columns[youngest]: 1.0}, {columns[label]: 1.0}])
    reri = _reri(rates[youngest], rates[label], *pair, level)
    return replace(found, reri=reri.estimate, reri_lower=reri.lower, reri_upper=reri.upper)


@dataclass(frozen=True)
class _Rate:
    """Events and years without a dose of a class, all doses known; `why` says why there is no rate."""

    events: int
    years: float

    @property
    def why(self) -> str:
        return "" if self.events else "no events without a dose of this class"

    @property
    def per_years(self) -> float:
        return _PER_YEARS * self.events / self.years


def _rate(known_time: pl.DataFrame, exposure: str, label: str) -> _Rate:
    unexposed = known_time.filter((pl.col(exposure) == 0) & (pl.col("age_stratum") == label))
    events, days = unexposed.select(pl.col("event").sum(), pl.col("days").sum()).row(0)
    return _Rate(int(events), days / DAYS_PER_YEAR)


def _excess(rate: _Rate, log_ratio: float, variance: float, level: float) -> Bounded:
    """Rate x (HR - 1) with its bounds, by the delta method."""
    ratio, base = np.exp(log_ratio), rate.per_years
    error = base * np.sqrt(ratio**2 * variance + (ratio - 1) ** 2 / rate.events)
    width = half_width(level) * error
    excess = float(base * (ratio - 1))
    return Bounded(excess, excess - width, excess + width)


def _reri(youngest: _Rate, own: _Rate, log_ratios: Floats, covariance: Floats, level: float) -> Bounded:
    """RERI of a unit of dose and this band: both against no dose in the youngest band."""
    log_rates = float(np.log(own.per_years / youngest.per_years))
    # Both exposures: the band's ratio x the ratio of rates; the dose alone: the youngest band's ratio; age alone.
    logs = np.array([log_ratios[1] + log_rates, log_ratios[0], log_rates])
    between = 1 / own.events + 1 / youngest.events
    spread = np.array(
        [
            [covariance[1, 1] + between, covariance[0, 1], between],
            [covariance[0, 1], covariance[0, 0], 0.0],
            [between, 0.0, between],
        ]
    )
    return additive_interaction(logs, spread, level).reri


def _rounded(value: float) -> float:
    """To three significant digits, so that a rate does not tell the days of single persons."""
    return float(f"{value:.{_DIGITS}g}")
