"""Weighted cumulative exposure: how much a dose counts by how long ago it was, estimated from the data.

In: members of risk sets, whole or sampled, and courses of one or several drugs. Out: `WceFit`: weight functions with
bands, and hazard ratios of named histories. The model is Cox's, with the sums of dose x basis function as covariates
(Sylvestre and Abrahamowicz 2009, Statistics in Medicine 28:3437); of risk sets that were sampled, one case each, it is
the conditional logistic one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import polars as pl

from cohort.survival.arrays import Floats, ratio_of
from cohort.survival.conditional import matched_sets
from cohort.survival.cox import CoxFit, fit_cox
from cohort.survival.distributions import half_width
from cohort.survival.history import history_covariates
from cohort.survival.inference import bic, place_of
from cohort.survival.likelihood import Ties
from cohort.survival.weight_basis import Basis, FlatBasis, Stretch, WeightBasis

History: TypeAlias = Mapping[str, Sequence[Stretch]]
"""Exposure -> its stretches of past days, such as {"dose": [(1, 365, 1.0)]}; who has no stretch had no dose."""
SET, CASE, PERSON, MANY = "_set", "_case", "_person", "_many"
"""Columns of a design beside those of the model."""


@dataclass(frozen=True)
class WceFit:
    """A model of weighted cumulative exposures.

    Attributes:
        fit: with the columns `basis.names(exposure)` of each exposure, after the covariates.
        basis: of each weight function.
        exposures: their names.
        design: one row per row of the members: SET, CASE, PERSON, MANY (members that it stands for), and the columns of
            the model.
        others: the fits with other bases, by ascending `bic`.
    """

    fit: CoxFit
    basis: Basis
    exposures: tuple[str, ...]
    design: pl.DataFrame = field(repr=False)
    others: "tuple[WceFit, ...]" = field(default=(), repr=False)

    @property
    def bic(self) -> float:
        """Schwarz's criterion by events; the least is the best."""
        return bic(self.fit)

    def weights(self, exposure: str, level: float = 0.95, covariance: Floats | None = None) -> pl.DataFrame:
        """The weight function of an exposure: what a unit of dose on a past day adds to the log hazard.

        Args:
            exposure: its name.
            level: of the pointwise band.
            covariance: another covariance of the coefficients, such as that of a bootstrap.

        Returns:
            A row for each day 1 to cutoff: day, weight, se_weight, ci_lower, ci_upper.

        Raises:
            ValueError: a column has no estimate; the message says why.
        """
        estimate, error = self._combined(self._loadings({exposure: self.basis.values}), covariance)
        width = half_width(level) * error
        return pl.DataFrame(
            {
                "day": np.arange(1, self.basis.cutoff + 1),
                "weight": estimate,
                "se_weight": error,
                "ci_lower": estimate - width,
                "ci_upper": estimate + width,
            }
        )

    def hazard_ratios(
        self,
        histories: Mapping[str, History],
        reference: History | None = None,
        level: float = 0.95,
        covariance: Floats | None = None,
    ) -> pl.DataFrame:
        """Hazard ratios of named histories against one of them, or against no dose at all.

        Args:
            histories: name -> history.
            reference: the history whose hazard ratio is one; none: no dose on any day.
            level: of the intervals.
            covariance: another covariance of the coefficients.

        Returns:
            history, log_hr, se_log_hr, hazard_ratio, ci_lower, ci_upper; a row for each.

        Raises:
            ValueError: there is no such exposure, or a column has no estimate; the message says why.
        """
        apart = np.array([self._of(history) - self._of(reference or {}) for history in histories.values()])
        log_hr, error = self._combined(apart, covariance)
        width = half_width(level) * error
        return pl.DataFrame(
            {
                "history": list(histories),
                "log_hr": log_hr,
                "se_log_hr": error,
                "hazard_ratio": ratio_of(log_hr),
                "ci_lower": ratio_of(log_hr - width),
                "ci_upper": ratio_of(log_hr + width),
            }
        )

    def _of(self, history: History) -> Floats:
        """(p,) what a history adds to the covariates of the model."""
        sums = {name: self.basis.of_stretches(stretches)[None, :] for name, stretches in history.items()}
        loadings: Floats = self._loadings(sums)[0] if sums else np.zeros(len(self.fit.columns))
        return loadings

    def _loadings(self, sums: Mapping[str, Floats]) -> Floats:
        """(n, p) basis sums of exposures, each (n, K), at the places of their columns."""
        rows = len(next(iter(sums.values())))
        placed = np.zeros((rows, len(self.fit.columns)))
        for exposure, values in sums.items():
            if exposure not in self.exposures:
                raise ValueError(f"there is no exposure {exposure} in the model; it has {', '.join(self.exposures)}")
            placed[:, [place_of(self.fit, name) for name in self.basis.names(exposure)]] = values
        return placed

    def _combined(self, loadings: Floats, covariance: Floats | None) -> tuple[Floats, Floats]:
        """(n,) combinations of the coefficients, and their standard errors."""
        chosen = self.fit.covariance if covariance is None else covariance
        variance = np.einsum("ij,jk,ik->i", loadings, chosen, loadings)
        return loadings @ self.fit.params, np.sqrt(np.maximum(variance, 0.0))


def fit_wce(
    members: pl.DataFrame,
    exposures: Mapping[str, pl.DataFrame],
    basis: Basis | Sequence[Basis],
    covariates: Sequence[str] = (),
    lag: int = 0,
    *,
    ties: Ties = "efron",
    sets: str = "set",
    case: str = "is_case",
    person: str = "person_id",
    time: str = "time",
    frequencies: str | None = None,
) -> WceFit:
    """Fit weight functions, one for each exposure, all in one model.

    Args:
        members: one row per member of a risk set, as `sample_risk_sets` or `whole_risk_sets` make them.
        exposures: name -> its courses, as `history_covariates` takes them.
        basis: of every weight function; of several, such as those with 1, 2 and 3 knots, the one whose model has the
            least `bic` is taken, and the `others` stand beside it.
        covariates: further columns of the members, numeric.
        lag: how many days before the time the window ends.
        ties: of sets with several cases; with one case in each all are the same.
        sets, case, person, time: columns of the members.
        frequencies: how many members a row stands for, such as all controls of a set who never had a dose, by the name
            of one of them; none: one.

    Raises:
        ValueError: there are no events, or a value is missing or out of range; the message says where.
    """
    base = members.select(
        pl.col(sets).alias(SET),
        pl.col(case).alias(CASE),
        pl.col(person).alias(PERSON),
        (pl.lit(1) if frequencies is None else pl.col(frequencies)).alias(MANY),
        *covariates,
    )
    fits, histories = [], dict[Basis, pl.DataFrame]()
    for one in [basis] if isinstance(basis, WeightBasis | FlatBasis) else basis:
        # A constraint only leaves functions out, so both forms share their sums.
        full = replace(one, constrained=None) if isinstance(one, WeightBasis) else one
        if full not in histories:
            histories[full] = _histories(members, exposures, full, lag, person, time)
        own = histories[full].select([name for exposure in exposures for name in one.names(exposure)])
        design = base.hstack(own)
        fit = fit_cox(matched_sets(design, [*covariates, *own.columns], SET, CASE, frequencies=MANY), ties)
        fits.append(WceFit(fit, one, tuple(exposures), design))
    best, *others = sorted(fits, key=lambda found: found.bic)
    return replace(best, others=tuple(others))


def _histories(
    members: pl.DataFrame, exposures: Mapping[str, pl.DataFrame], basis: Basis, lag: int, person: str, time: str
) -> pl.DataFrame:
    """The sums of every exposure, a column for each of its functions."""
    parts = [
        pl.DataFrame(history_covariates(members, courses, basis, lag, person, time), schema=list(basis.names(exposure)))
        for exposure, courses in exposures.items()
    ]
    return pl.concat(parts, how="horizontal")
