"""Restricted cubic splines: smooth in between, straight beyond the outer knots.

In: knots, and values of a covariate. Out: basis columns, so that a spline is a model like any other; from its fit, the
test that the line is straight, and the curve against a chosen reference. A natural spline with its boundary at the
outer knots (R's `ns`) has other columns but the same curve, likelihood and tests. (Harrell 2015, Regression Modeling
Strategies, section 2.4.5.)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from cohort.survival.arrays import Floats, ratio_of
from cohort.survival.cox import CoxFit, fit_cox
from cohort.survival.distributions import half_width
from cohort.survival.inference import Test, likelihood_ratio_test, wald_test
from cohort.survival.likelihood import Ties
from cohort.survival.risk_sets import RiskSets

PERCENTILES: Mapping[int, tuple[float, ...]] = {
    3: (10, 50, 90),
    4: (5, 35, 65, 95),
    5: (5, 27.5, 50, 72.5, 95),
    6: (5, 23, 41, 59, 77, 95),
    7: (2.5, 18.33, 34.17, 50, 65.83, 81.67, 97.5),
}
"""Harrell's percentiles of the values at which so many knots lie (table 2.3)."""


@dataclass(frozen=True)
class Spline:
    """A restricted cubic spline with k knots: a straight line and k - 2 curved terms.

    Args:
        knots: ascending.

    Raises:
        ValueError: fewer than three knots, or not ascending.
    """

    knots: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.knots) < 3 or any(b <= a for a, b in zip(self.knots, self.knots[1:], strict=False)):
            raise ValueError(f"a spline needs three or more ascending knots, not {list(self.knots)}")

    def basis(self, values: Floats | Sequence[float]) -> Floats:
        """(n, k - 1) columns: the values themselves, then the curved terms in the values' own unit.

        Harrell's normalisation: divided by the square of the distance of the outer knots.
        """
        x, knots = np.asarray(values, np.float64), np.array(self.knots)
        first, before, last = knots[0], knots[-2], knots[-1]
        cubes = np.maximum(x[:, None] - knots, 0.0) ** 3
        inner, left = cubes[:, :-2], (last - knots[:-2]) / (last - before)
        right = (before - knots[:-2]) / (last - before)
        curved = (inner - cubes[:, -2:-1] * left + cubes[:, -1:] * right) / (last - first) ** 2
        return np.column_stack([x, curved])

    def names(self, column: str) -> tuple[str, ...]:
        """Names of the columns of `basis`: the covariate's own, then `column'`, `column''` and so on."""
        return tuple(column + "'" * k for k in range(len(self.knots) - 1))


def percentiles(values: Floats, weights: Floats, wanted: Sequence[float]) -> Floats:
    """Weighted percentiles, each the least value that has so much of the weight at or below it.

    Args:
        values: (n,), at least one.
        weights: (n,) such as the days at each.
        wanted: (k,) from 0 to 100.
    """
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weights[order]) / weights.sum()
    # A share that is a percentile but for rounding counts as one.
    at = np.searchsorted(share, np.array(wanted) / 100 - 1e-12)
    found: Floats = np.asarray(values, np.float64)[order][np.minimum(at, len(values) - 1)]
    return found


def with_splines(sets: RiskSets, splines: Mapping[str, Spline]) -> RiskSets:
    """The same risk sets with the columns of splines in place of covariates; the others stay."""
    design: dict[str, Floats] = {}
    for index, column in enumerate(sets.columns):
        values = sets.patterns[:, index]
        if column in splines:
            spline = splines[column]
            design |= dict(zip(spline.names(column), spline.basis(values).T, strict=True))
        else:
            design[column] = values
    return sets.designed(design)


@dataclass(frozen=True)
class SplineFit:
    """A model in which some covariates act by splines.

    Attributes:
        fit: with the columns of the splines.
        splines: covariate -> its spline.
        sets: the risk sets with the covariates themselves.
    """

    fit: CoxFit
    splines: Mapping[str, Spline]
    sets: RiskSets

    @cached_property
    def linear(self) -> CoxFit:
        """The same model with straight lines, from the same risk sets."""
        return fit_cox(self.sets, self.fit.ties)

    def nonlinearity_test(self, column: str) -> Test:
        """Likelihood-ratio test that one covariate's line is straight, the others keeping their splines."""
        others = {name: spline for name, spline in self.splines.items() if name != column}
        straight = fit_cox(with_splines(self.sets, others), self.fit.ties) if others else self.linear
        return likelihood_ratio_test(self.fit, straight)

    def nonlinearity_wald_test(self, column: str, covariance: Floats | None = None) -> Test:
        """Wald's test of the curved terms of one covariate.

        Args:
            column: the covariate.
            covariance: another covariance of the coefficients, such as the robust one.
        """
        return wald_test(self.fit, self._estimated(column)[1:], covariance)

    def association_test(self, column: str) -> Test:
        """Wald's test that one covariate has no effect at all, straight or curved."""
        return wald_test(self.fit, self._estimated(column))

    def _estimated(self, column: str) -> list[str]:
        return [name for name in self.splines[column].names(column) if name in self.fit.columns]

    def curve(
        self,
        column: str,
        at: Floats | Sequence[float],
        reference: float,
        level: float = 0.95,
        covariance: Floats | None = None,
    ) -> pl.DataFrame:
        """The hazard ratio of each value of a covariate against a reference.

        Args:
            column: the covariate.
            at: (n,) its values.
            reference: the value whose hazard ratio is one.
            level: of the pointwise band.
            covariance: another covariance of the coefficients.

        Returns:
            value, log_hr, se_log_hr, hazard_ratio, ci_lower, ci_upper; at the reference the error is zero.

        Raises:
            ValueError: a term of the spline has no estimate; the message says why.
        """
        spline = self.splines[column]
        for name in spline.names(column):
            if name not in self.fit.columns:
                raise ValueError(self.fit.not_estimable.get(name, f"the model has no column {name}"))
        index = [self.fit.columns.index(name) for name in spline.names(column)]
        apart = spline.basis(at) - spline.basis([reference])
        chosen = (self.fit.covariance if covariance is None else covariance)[np.ix_(index, index)]
        log_hr = apart @ self.fit.params[index]
        error = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", apart, chosen, apart), 0.0))
        width = half_width(level) * error
        return pl.DataFrame(
            {
                "value": np.asarray(at, np.float64),
                "log_hr": log_hr,
                "se_log_hr": error,
                "hazard_ratio": ratio_of(log_hr),
                "ci_lower": ratio_of(log_hr - width),
                "ci_upper": ratio_of(log_hr + width),
            }
        )


def fit_splines(sets: RiskSets, splines: Mapping[str, Spline], ties: Ties = "efron") -> SplineFit:
    """Fit a model in which some covariates act by splines.

    Args:
        sets: risk sets with the covariates themselves.
        splines: covariate -> its spline.
        ties: as `fit_cox`.

    Raises:
        ValueError: there are no events.
    """
    return SplineFit(fit_cox(with_splines(sets, splines), ties), splines, sets)
