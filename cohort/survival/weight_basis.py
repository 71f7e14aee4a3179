"""The weight of a dose by how long ago it was taken, as a cubic spline over a window of past days.

In: the window and the interior knots. Out: `WeightBasis`, whose columns times coefficients are the weight function w(u)
of Sylvestre and Abrahamowicz (2009, Statistics in Medicine 28:3437): the log hazard is the sum over past days of
w(days ago) x dose on that day. Knots, boundary and constraint are those of R's package WCE.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal, TypeAlias

import numpy as np

from cohort.survival.arrays import Floats

_DEGREE = 3
_HELD = 2
"""Basis functions that a constraint holds at zero."""

Stretch: TypeAlias = tuple[int, int, float]
"""A dose per day from so many days ago to so many days ago, both counted; 1 is the newest day that counts."""


@dataclass(frozen=True)
class WeightBasis:
    """Cubic B-splines over days 1 (the newest) to `cutoff` (the oldest that counts).

    Args:
        cutoff: length of the window in days.
        interior_knots: days, ascending, inside the window.
        constrained: `right` leaves out the two functions that are largest at the old end, so that the weight goes to
            zero there: on the day after the window it is zero, with its slope and curvature. None: leaves all.

    Raises:
        ValueError: the knots are not ascending days inside the window.
    """

    cutoff: int
    interior_knots: tuple[int, ...]
    constrained: Literal["right"] | None = "right"

    def __post_init__(self) -> None:
        points = [0, *self.interior_knots, self.cutoff]
        if len(points) < 3 or any(b <= a for a, b in pairwise(points)):
            raise ValueError(
                f"a weight function needs one or more ascending knots between day 0 and the cutoff, not "
                f"{list(self.interior_knots)} with a cutoff of {self.cutoff}"
            )
        if self.constrained not in ("right", None):
            raise ValueError(f"there is no constraint '{self.constrained}': right, or None")

    @cached_property
    def values(self) -> Floats:
        """(cutoff, K) the basis functions on days 1 to cutoff; K is the number of knots + 4, or + 2 if constrained."""
        return self.at(np.arange(1.0, self.cutoff + 1))

    @cached_property
    def cumulated(self) -> Floats:
        """(cutoff + 1, K) their sums over days 1 to u, for u from 0: a course of doses is a difference of two rows."""
        return np.concatenate([np.zeros((1, self.values.shape[1])), np.cumsum(self.values, axis=0)])

    def at(self, days: Floats | Sequence[float]) -> Floats:
        """(n, K) the basis functions at any moments from 0 to cutoff."""
        beyond = self.cutoff + np.arange(_DEGREE + 1)
        knots = np.concatenate([np.arange(-_DEGREE, 1), self.interior_knots, beyond]).astype(np.float64)
        from scipy.interpolate import BSpline  # which takes a quarter of a second to import

        values: Floats = BSpline.design_matrix(np.asarray(days, np.float64), knots, _DEGREE).toarray()
        return values[:, :-_HELD] if self.constrained else values

    def names(self, exposure: str) -> tuple[str, ...]:
        """(K,) names of the columns that an exposure has in a model."""
        return tuple(f"{exposure} D{k}" for k in range(1, self.values.shape[1] + 1))

    def of_stretches(self, stretches: Sequence[Stretch]) -> Floats:
        """(K,) the sums of basis function x dose over stretches of past days; days beyond the window count nothing.

        Raises:
            ValueError: a stretch does not run from day 1 or older to the same or an older day.
        """
        return _of_stretches(self, stretches)


@dataclass(frozen=True)
class FlatBasis:
    """Every day of a window counts the same: the hypothesis that a weight function is compared with.

    Args:
        cutoff: length of the window in days; one day is the dose of the newest day that counts.
    """

    cutoff: int

    @property
    def values(self) -> Floats:
        """(cutoff, 1) ones."""
        return np.ones((self.cutoff, 1))

    @cached_property
    def cumulated(self) -> Floats:
        """(cutoff + 1, 1) their sums over days 1 to u, for u from 0."""
        return np.arange(self.cutoff + 1, dtype=np.float64)[:, None]

    def names(self, exposure: str) -> tuple[str, ...]:
        """The name of the column that an exposure has in a model."""
        return (exposure,)

    def of_stretches(self, stretches: Sequence[Stretch]) -> Floats:
        """(1,) the sum of dose over stretches of past days; see `WeightBasis`."""
        return _of_stretches(self, stretches)


Basis: TypeAlias = WeightBasis | FlatBasis
"""How past doses are summed."""


def _of_stretches(basis: Basis, stretches: Sequence[Stretch]) -> Floats:
    total = np.zeros(basis.values.shape[1])
    for newest, oldest, dose in stretches:
        if not 1 <= newest <= oldest:
            raise ValueError(f"a stretch runs from day 1 or older to an older day, not from {newest} to {oldest}")
        total += dose * (basis.cumulated[min(oldest, basis.cutoff)] - basis.cumulated[min(newest - 1, basis.cutoff)])
    return total


def wce_basis(
    cutoff: int, interior_knots: int | Sequence[int] = 1, constrained: Literal["right"] | None = "right"
) -> WeightBasis:
    """The basis of a weight function.

    Args:
        cutoff: length of the window in days.
        interior_knots: their days; or how many, at equally spaced quantiles of the days 1 to cutoff, rounded to whole
            days as R does.
        constrained: as `WeightBasis`.

    Raises:
        ValueError: the knots are not ascending days inside the window.
    """
    if isinstance(interior_knots, int):
        shares = np.arange(1, interior_knots + 1) / (interior_knots + 1)
        return WeightBasis(cutoff, tuple(int(day) for day in np.round(1 + (cutoff - 1) * shares)), constrained)
    return WeightBasis(cutoff, tuple(interior_knots), constrained)
