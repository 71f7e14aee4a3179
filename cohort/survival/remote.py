"""Risk sets far below the largest of their stratum, counted anew so that no digit is lost.

The number at risk is a running sum, and what is left of a sum after far larger hazards have been taken from it is their
rounding. Where a risk set's sum of hazards falls that low (weights or offsets of very different size), its persons are
counted, in whole numbers, and their hazards added up relative to the largest among them.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from cohort.survival.arrays import Bools, Floats, Ints
from cohort.survival.risk_sets import RiskSets

_LOST = 1e-10
_LARGEST = 50_000_000


@dataclass(frozen=True)
class Remote:
    """K event times whose risk sets were counted anew.

    Attributes:
        rows: (K,) the event times.
        at_risk: (K, M) number at risk x hazard, relative to the largest among them.
        tied: (K, M) number of events x hazard, relative to the same.
        log_scale: (K,) log of that hazard.
    """

    rows: Ints
    at_risk: sparse.csr_array
    tied: sparse.csr_array
    log_scale: Floats


def remote(sets: RiskSets, hazards_at_risk: Floats, log_hazard: Floats) -> Remote | None:
    """The event times that need it, or None; None too where there are too many to be counted one by one.

    Args:
        sets: the risk sets.
        hazards_at_risk: (G,) sums of hazards by running sum, relative to the largest of each stratum.
        log_hazard: (M,) log hazard of each pattern.
    """
    if not len(sets.time):
        return None
    largest = np.maximum.reduceat(hazards_at_risk, sets.segments.starts)
    is_lost = ~(hazards_at_risk > _LOST * sets.segments.repeat(largest))
    rows = np.flatnonzero(is_lost)
    if not len(rows) or len(rows) * len(sets.patterns) > _LARGEST:
        return None
    at_risk, tied = _numbers(sets, is_lost), sparse.csr_array(sets.events)[rows]
    log_scale = np.full(len(rows), -np.inf)
    owner, pattern = at_risk.nonzero()
    np.maximum.at(log_scale, owner, log_hazard[pattern])
    at_risk, tied = (_relative(numbers, log_hazard, log_scale) for numbers in (at_risk, tied))
    return Remote(rows, at_risk, tied, log_scale)


def _numbers(sets: RiskSets, is_wanted: Bools) -> sparse.csr_array:
    """(K, M) whole numbers at risk: the changes at this event time and all later ones of the stratum."""
    rows = np.flatnonzero(is_wanted)
    last = (sets.segments.starts + sets.segments.lengths)[sets.stratum[rows]]
    later = np.concatenate([np.arange(first, end) for first, end in zip(rows, last, strict=True)])
    pointers = np.concatenate([[0], np.cumsum(last - rows)])
    summing = sparse.csr_array((np.ones(len(later)), later, pointers), shape=(len(rows), len(sets.time)))
    numbers = sparse.csr_array(summing @ sets.change)
    numbers.eliminate_zeros()
    return numbers


def _relative(numbers: sparse.csr_array, log_hazard: Floats, log_scale: Floats) -> sparse.csr_array:
    found = numbers.tocoo()
    with np.errstate(invalid="ignore"):
        relative = found.data * np.exp(log_hazard[found.coords[1]] - log_scale[found.coords[0]])
    return sparse.csr_array((relative, found.coords), shape=numbers.shape)
