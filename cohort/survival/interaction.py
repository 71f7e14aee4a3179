"""Interaction on the additive scale: whether two exposures together do more than the sum of what each does.

In: log hazard ratios with their covariance. Out: relative excess risk due to interaction, attributable proportion and
synergy index, with bounds by the delta method (Hosmer and Lemeshow 1992, Epidemiology 3:452).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cohort.survival.arrays import Floats, ratio_of
from cohort.survival.distributions import half_width


class Bounded(NamedTuple):
    """An estimate with its bounds."""

    estimate: float
    lower: float
    upper: float


class AdditiveInteraction(NamedTuple):
    """Measures of interaction.

    Attributes:
        reri: relative excess risk due to interaction, RR11 - RR10 - RR01 + 1; zero where effects add up.
        attributable_proportion: reri / RR11.
        synergy_index: (RR11 - 1) / ((RR10 - 1) + (RR01 - 1)); one where effects add up, NaN where an excess is not
            positive. Its bounds are symmetric on the log scale.
    """

    reri: Bounded
    attributable_proportion: Bounded
    synergy_index: Bounded


def additive_interaction(
    log_ratios: Sequence[float] | Floats, covariance: Floats, level: float = 0.95
) -> AdditiveInteraction:
    """Measures of additive interaction of two exposures.

    Args:
        log_ratios: (3,) log hazard ratios of both exposures, of the first alone, and of the second alone, each against
            neither.
        covariance: (3, 3) of them.
        level: of the bounds.
    """
    both, first, second = np.exp(np.asarray(log_ratios, np.float64))
    z = half_width(level)
    reri = both - first - second + 1
    gradient = np.array([both, -first, -second])
    proportion, of_proportion = reri / both, np.array([(first + second - 1) / both, -first / both, -second / both])
    return AdditiveInteraction(
        _bounded(reri, gradient, covariance, z),
        _bounded(proportion, of_proportion, covariance, z),
        _synergy(both, first, second, covariance, z),
    )


def _bounded(value: float, gradient: Floats, covariance: Floats, z: float) -> Bounded:
    width = z * float(np.sqrt(gradient @ covariance @ gradient))
    return Bounded(float(value), float(value) - width, float(value) + width)


def _synergy(both: float, first: float, second: float, covariance: Floats, z: float) -> Bounded:
    above, below = both - 1, first + second - 2
    if not (above > 0 and below > 0):
        return Bounded(*[float("nan")] * 3)
    gradient = np.array([both / above, -first / below, -second / below])
    logged = _bounded(float(np.log(above / below)), gradient, covariance, z)
    return Bounded(*(float(value) for value in ratio_of(np.array(logged))))
