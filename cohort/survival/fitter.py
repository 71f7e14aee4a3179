"""Cox's and Fine and Gray's models with the surface that users of lifelines know: fit a frame, read `summary`, plot.

In: a polars or pandas frame with one row per interval (start, stop]. Out: tables in the same kind of frame. Unlike
lifelines' `CoxTimeVaryingFitter` they have a robust variance, delayed entry and strata in the baseline, R's test of
proportional hazards, and say in words what cannot be estimated.
"""

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np

from cohort.survival.censoring import Convention
from cohort.survival.counting import risk_sets
from cohort.survival.cox import fit_cox
from cohort.survival.design import Columns, designed, listed
from cohort.survival.fine_gray import fit_fine_gray
from cohort.survival.fine_gray_variance import Weights, fine_gray_covariance
from cohort.survival.frames import Frame, as_polars, like, row_by_row
from cohort.survival.inference import Test, likelihood_ratio_test, score_test
from cohort.survival.likelihood import Ties
from cohort.survival.proportional import Transform, proportional_hazards_test
from cohort.survival.residuals import Kind, residuals, robust_covariance
from cohort.survival.surface import Regression, curves


class CoxModel(Regression):
    """Cox's proportional hazards model on intervals (start, stop].

    Args:
        ties: `efron` (as R) or `breslow`.
        level: of every interval.
        robust: whether standard errors are of the sandwich variance, clustered by `id_col` where it is given.
    """

    name = "Cox model"

    def __init__(self, ties: Ties = "efron", level: float = 0.95, robust: bool = False) -> None:
        super().__init__(level)
        self.ties: Ties = ties
        self.robust = robust

    def fit(
        self,
        df: Frame,
        event_col: str = "event",
        start_col: str | None = "start",
        stop_col: str = "stop",
        id_col: str | None = None,
        strata: Columns = None,
        weights_col: str | None = None,
        frequency_col: str | None = None,
        offset_col: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> Self:
        """Fit the model.

        Args:
            df: polars or pandas, one row per interval; numbers without nulls.
            event_col: 0 or 1: whether the event is at the interval's end.
            start_col, stop_col: the interval (start, stop]; who enters late has a late start. None: all are at risk
                from the beginning, and `stop_col` is how long.
            id_col: whose interval it is; only the robust variance needs it.
            strata: columns whose combinations have a baseline hazard each.
            weights_col: probability weights, as R's `weights`.
            frequency_col: how many such rows there are.
            offset_col: a known part of the log hazard.
            columns: the covariates; none: all columns that have no other role.

        Raises:
            ValueError: there are no events, or values are missing or out of range; the message names the column.
        """
        design = designed(
            df, [event_col], start_col, stop_col, columns, strata, [id_col], [weights_col, frequency_col, offset_col]
        )
        sets = risk_sets(
            *(design.frame, design.covariates, design.strata, design.start, stop_col, event_col),
            weights=weights_col,
            frequencies=frequency_col,
            offset=offset_col,
        )
        fit = fit_cox(sets, self.ties)
        clusters = design.frame.get_column(id_col) if id_col else None
        sandwich = robust_covariance(fit, clusters) if self.robust else None
        return self._keep(df, design, fit, sandwich, offset_col)

    @property
    def AIC_partial_(self) -> float:  # noqa: N802 - lifelines' name
        """Akaike's criterion of the partial likelihood."""
        return 2 * self._fitted.degrees_of_freedom - 2 * self._fitted.log_likelihood

    def log_likelihood_ratio_test(self) -> Test:
        """Against no effect of any covariate; it takes intervals for independent, also in a robust model."""
        return likelihood_ratio_test(self._fitted)

    def score_test(self) -> Test:
        """Rao's test of no effect of any covariate; it takes intervals for independent, also in a robust model."""
        return score_test(self._fitted)

    def proportional_hazard_test(
        self, transform: Transform = "km", terms: Mapping[str, Sequence[str]] | None = None
    ) -> Frame:
        """R's `cox.zph`: term (and GLOBAL), chisq, df, p; arguments of `proportional_hazards_test`."""
        return like(proportional_hazards_test(self._fitted, transform, terms), self._given, "term")

    def compute_residuals(self, kind: Kind) -> Frame:
        """Residuals as a frame, arguments of `residuals`.

        They have the rows, and in pandas the index, of the frame that was fitted; or if Schoenfeld's, a row per event.
        """
        table = residuals(self._fitted, kind)
        return like(table, self._given) if "schoenfeld" in kind else row_by_row(table, self._given)

    def predict_survival_function(
        self, df: Frame, times: Sequence[float] | None = None, conditional_after: float = float("-inf")
    ) -> Frame:
        """Probabilities to be without event; arguments of `predict_cumulative_hazard`."""
        at, hazards = self._hazards(as_polars(df), times, conditional_after)
        return curves(at, np.exp(-hazards), df)


class FineGrayModel(Regression):
    """Fine and Gray's model of the subdistribution hazard on intervals (start, stop].

    Standard errors are of the sandwich variance by person.

    Args:
        ties: `efron` or `breslow`.
        level: of every interval.
        weights: `estimated` counts that the weights of those with a competing event vary from sample to sample; `known`
            is what R's `coxph` says of `finegray` data.
        convention: of ties of events and censoring; `crr` (with `breslow`) is R's `cmprsk`.
    """

    name = "Fine-Gray model"

    def __init__(
        self,
        ties: Ties = "efron",
        level: float = 0.95,
        weights: Weights = "estimated",
        convention: Convention = "survival",
    ) -> None:
        super().__init__(level)
        self.ties: Ties = ties
        self.weights: Weights = weights
        self.convention: Convention = convention

    def fit(
        self,
        df: Frame,
        event_col: str = "event",
        competing_col: str = "competing",
        start_col: str | None = "start",
        stop_col: str = "stop",
        id_col: str | None = None,
        strata: Columns = None,
        censoring_strata: Columns = None,
        weights_col: str | None = None,
        offset_col: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> Self:
        """Fit the model.

        Args:
            df: polars or pandas, one row per interval; a person's intervals are contiguous.
            event_col, competing_col: 0 or 1: whether the event, or the competing event, is at the interval's end.
            start_col, stop_col: the interval (start, stop]. None: all are at risk from the beginning.
            id_col: whose interval it is; none: every interval is one person's.
            strata: columns whose combinations have a baseline hazard each.
            censoring_strata: columns whose combinations have a distribution of censoring each.
            weights_col: probability weights.
            offset_col: a known part of the log hazard.
            columns: the covariates; none: all columns that have no other role.

        Raises:
            ValueError: there are no events, values are missing or out of range, or a person has gaps.
        """
        design = designed(
            *(df, [event_col, competing_col], start_col, stop_col, columns, strata),
            [id_col, *listed(censoring_strata)],
            [weights_col, offset_col],
        )
        fit = fit_fine_gray(
            *(design.frame, design.covariates, design.strata, design.start, stop_col),
            *(event_col, competing_col, id_col),
            censoring_strata=listed(censoring_strata),
            convention=self.convention,
            weights=weights_col,
            offset=offset_col,
            ties=self.ties,
        )
        return self._keep(df, design, fit, fine_gray_covariance(fit, self.weights), offset_col)

    def predict_cumulative_incidence(self, df: Frame, times: Sequence[float] | None = None) -> Frame:
        """Probabilities to have had the event; arguments of `predict_cumulative_hazard`."""
        at, hazards = self._hazards(as_polars(df), times, float("-inf"))
        return curves(at, -np.expm1(-hazards), df)
