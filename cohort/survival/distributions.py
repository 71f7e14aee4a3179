"""Tails and quantiles of the normal and the chi-square distribution.

In: statistics. Out: probabilities, and the reverse. From `scipy.special`, whose functions `scipy.stats` calls for these
distributions too: to import all of that takes most of a second, before every run and every `--help`.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special


def two_sided_p(z: npt.ArrayLike) -> Any:
    """The probability that a standard normal lies at least as far from zero as z, on either side."""
    return 2 * special.ndtr(-np.abs(z))


def log_two_sided_p(z: npt.ArrayLike) -> Any:
    """The logarithm of `two_sided_p`, also where that is too small for a number."""
    return np.log(2) + special.log_ndtr(-np.abs(z))


def normal_quantile(probability: float) -> float:
    """The value below which a standard normal lies with a probability."""
    return float(special.ndtri(probability))


def half_width(level: float) -> float:
    """Standard errors on either side that make an interval of a level: 1.96 for 0.95."""
    return normal_quantile(0.5 + level / 2)


def chi_square_p(statistic: float, degrees_of_freedom: float) -> float:
    """The probability that a chi-square is at least as large as a statistic."""
    return float(special.chdtrc(degrees_of_freedom, max(statistic, 0.0)))


def chi_square_quantile(probability: float, degrees_of_freedom: float) -> float:
    """The value below which a chi-square lies with a probability."""
    return float(2 * special.gammaincinv(degrees_of_freedom / 2, probability))
