"""What every fitted regression shows: `summary`, intervals, tests, predictions and a plot, under lifelines' names.

In: a `CoxFit`, and where there is one, the covariance to report instead of its own. Out: tables in the kind of frame
that was fitted, polars or pandas; in pandas the covariates are the index, as in lifelines.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from cohort.survival.arrays import Floats, ratio_of
from cohort.survival.baseline import baseline_hazard, cumulative_hazard
from cohort.survival.cox import Contrast, CoxFit
from cohort.survival.design import Design
from cohort.survival.distributions import half_width, log_two_sided_p, two_sided_p
from cohort.survival.frames import Frame, as_polars, is_pandas, like, numbers, one_by_one, require
from cohort.survival.inference import Test, likelihood_ratio_test, wald_test


class Regression:
    """A regression of hazards, with or without a fit.

    Attributes:
        name: of the model.
        level: of every interval.
        fit_: the `CoxFit` with arrays and covariance; None before `fit`.
    """

    name: ClassVar[str]

    def __init__(self, level: float) -> None:
        if not 0 < level < 1:
            raise ValueError(f"the level of intervals is between 0 and 1, such as 0.95; it is {level}")
        self.level = level
        self.fit_: CoxFit | None = None
        self._sandwich: Floats | None = None
        self._given: Frame = None
        self._strata: dict[str, pl.DataType] = {}
        self._offset: str | None = None

    def _keep(self, given: Frame, design: Design, fit: CoxFit, sandwich: Floats | None, offset: str | None) -> Self:
        self._given, self._strata, self._offset = given, design.strata_types, offset
        self.fit_, self._sandwich = fit, sandwich
        return self

    @property
    def _fitted(self) -> CoxFit:
        if self.fit_ is None:
            raise ValueError("the model has not been fitted; call fit first")
        return self.fit_

    @property
    def _covariance(self) -> Floats:
        return self._fitted.covariance if self._sandwich is None else self._sandwich

    @property
    def _errors(self) -> Floats:
        errors: Floats = np.sqrt(np.diag(self._covariance))
        return errors

    @property
    def _bounds(self) -> tuple[Floats, Floats]:
        """Of the log hazard ratios."""
        params, width = self._fitted.params, half_width(self.level) * self._errors
        return params - width, params + width

    @property
    def _percent(self) -> str:
        return f"{100 * self.level:g}%"

    # --- Coefficients ---------------------------------------------------------------------------------------

    @property
    def summary(self) -> Frame:
        """One row per covariate with an estimate, with lifelines' columns."""
        return like(self._summary(), self._given, "covariate")

    def _summary(self) -> pl.DataFrame:
        params, errors, percent = self._fitted.params, self._errors, self._percent
        lower, upper = self._bounds
        z = np.divide(params, errors, out=np.full(len(params), np.nan), where=errors > 0)
        return pl.DataFrame(
            {
                "covariate": list(self._fitted.columns),
                "coef": params,
                "exp(coef)": ratio_of(params),
                "se(coef)": errors,
                f"coef lower {percent}": lower,
                f"coef upper {percent}": upper,
                f"exp(coef) lower {percent}": ratio_of(lower),
                f"exp(coef) upper {percent}": ratio_of(upper),
                "cmp to": np.zeros(len(params)),
                "z": z,
                "p": two_sided_p(z),
                "-log2(p)": -log_two_sided_p(z) / np.log(2),
            },
            schema_overrides={"covariate": pl.String},
        )

    @property
    def params_(self) -> Any:
        """Log hazard ratios: a series by covariate in pandas; in polars the columns covariate and coef."""
        return self._by_covariate("coef")

    @property
    def hazard_ratios_(self) -> Any:
        """The same of exp(coef)."""
        return self._by_covariate("exp(coef)")

    @property
    def standard_errors_(self) -> Any:
        """The same of se(coef); robust where the model is."""
        return self._by_covariate("se(coef)")

    def _by_covariate(self, column: str) -> Any:
        table = like(self._summary().select("covariate", column), self._given, "covariate")
        return table[column] if is_pandas(table) else table

    @property
    def variance_matrix_(self) -> Frame:
        """covariate, and a column for each covariate; robust where the model is."""
        columns = self._fitted.columns
        table = pl.DataFrame({"covariate": list(columns), **dict(zip(columns, self._covariance, strict=True))})
        return like(table, self._given, "covariate")

    @property
    def confidence_intervals_(self) -> Frame:
        """covariate, and bounds of the log hazard ratio."""
        names = [f"{self._percent} {side}-bound" for side in ("lower", "upper")]
        table = pl.DataFrame({"covariate": list(self._fitted.columns), **dict(zip(names, self._bounds, strict=True))})
        return like(table, self._given, "covariate")

    @property
    def not_estimable_(self) -> dict[str, str]:
        """Covariate -> why it has no estimate."""
        return dict(self._fitted.not_estimable)

    @property
    def notes_(self) -> tuple[str, ...]:
        """Strata in which a covariate is constant or has no events, and strata without events."""
        return self._fitted.notes

    @property
    def log_likelihood_(self) -> float:
        """Log partial likelihood at the estimates."""
        return self._fitted.log_likelihood

    def wald_test(self, columns: Sequence[str] | None = None) -> Test:
        """Wald's test that some coefficients, or all, are zero; by the robust variance where the model has it.

        Raises:
            ValueError: a column has no estimate.
        """
        return wald_test(self._fitted, columns, self._covariance)

    def contrast(self, weights: Mapping[str, float]) -> Contrast | None:
        """A weighted sum of coefficients with its standard error; None where one has no estimate."""
        return self._fitted.contrast(weights, self._covariance)

    # --- Predictions ----------------------------------------------------------------------------------------

    @property
    def baseline_cumulative_hazard_(self) -> Frame:
        """stratum, time, at_risk, events, cumulative_hazard and survival of somebody with all covariates zero."""
        return like(baseline_hazard(self._fitted), self._given)

    def predict_log_partial_hazard(self, df: Frame) -> Any:
        """x'b of new rows with the offset, a series; zero is all covariates zero, where lifelines subtracts the mean.

        Raises:
            ValueError: a covariate is not there, or has values that are missing or not finite.
        """
        return one_by_one(self._linear(as_polars(df)), "log_partial_hazard", df)

    def predict_partial_hazard(self, df: Frame) -> Any:
        """Hazards of new rows relative to somebody with all covariates zero, a series."""
        return one_by_one(np.exp(self._linear(as_polars(df))), "partial_hazard", df)

    def predict_cumulative_hazard(
        self, df: Frame, times: Sequence[float] | None = None, conditional_after: float = float("-inf")
    ) -> Frame:
        """time, and a column for each row of `df`, of the stratum that the row names.

        Args:
            df: new rows with the covariates, and the columns of the strata and of the offset.
            times: when; none: every event time.
            conditional_after: hazard up to it does not count: the row is alive and without event then.

        Returns:
            In pandas, times are the index, and columns are named by the index of `df`; in polars by row number.

        Raises:
            ValueError: columns or values are missing, or a row is of a stratum without events.
        """
        at, hazards = self._hazards(as_polars(df), times, conditional_after)
        return curves(at, hazards, df)

    def _hazards(self, frame: pl.DataFrame, times: Sequence[float] | None, after: float) -> tuple[Floats, Floats]:
        """(T,) times and (T, rows) cumulative hazards; rows of one stratum share its curve."""
        fit, at = self._fitted, np.asarray(np.unique(self._fitted.sets.time) if times is None else times, np.float64)
        x, linear, strata = numbers(frame, fit.columns), self._linear(frame), np.array(self._named_strata(frame))
        hazards = np.zeros((len(at), frame.height))
        for stratum in dict.fromkeys(strata.tolist()):
            own = np.flatnonzero(strata == stratum)
            one = dict(zip(fit.columns, x[own[0]], strict=True))
            curve = cumulative_hazard(fit, one, at, stratum, after, float(linear[own[0]] - x[own[0]] @ fit.params))
            hazards[:, own] = curve.cumulative_hazard[:, None] * np.exp(linear[own] - linear[own[0]])
        return at, hazards

    def _linear(self, frame: pl.DataFrame) -> Floats:
        columns = self._fitted.columns
        known = np.zeros(frame.height) if self._offset is None else numbers(frame, [self._offset])[:, 0]
        linear: Floats = numbers(frame, columns) @ self._fitted.params + known
        return linear

    def _named_strata(self, frame: pl.DataFrame) -> list[str]:
        """The stratum of each row, by its name in the fit; values are read as of the type that was fitted."""
        require(frame, list(self._strata))
        if not self._strata:
            return ["all"] * frame.height
        own = frame.select(pl.col(column).cast(kind, strict=False) for column, kind in self._strata.items())
        return [", ".join(f"{c}={value}" for c, value in row.items()) for row in own.iter_rows(named=True)]

    # --- Text and plot --------------------------------------------------------------------------------------

    def print_summary(self, decimals: int = 3) -> None:
        """Print what was fitted, the table, the tests, and what has no estimate."""
        print(self.describe(decimals))

    def describe(self, decimals: int = 3) -> str:
        """The text of `print_summary`."""
        fit, percent = self._fitted, self._percent
        shown = ["coef", "exp(coef)", "se(coef)", f"exp(coef) lower {percent}", f"exp(coef) upper {percent}", "z", "p"]
        width = max([len("covariate"), *(len(c) for c in fit.columns)])
        lines = [self._title(), "", "  ".join(["covariate".ljust(width), *(name.rjust(9) for name in shown)])]
        for row in self._summary().iter_rows(named=True):
            cells = [_number(row[name], decimals).rjust(max(len(name), 9)) for name in shown]
            lines.append("  ".join([row["covariate"].ljust(width), *cells]))
        lines += ["", self._overall(decimals)]
        lines += [f"no estimate of {column}: {why}" for column, why in fit.not_estimable.items()]
        return "\n".join([*lines, *(f"note: {note}" for note in fit.notes)])

    def _title(self) -> str:
        fit, spread = self._fitted, "" if self._sandwich is None else ", robust errors"
        intervals = "" if fit.sets.rows is None else f"{fit.sets.rows.size:,} intervals, "
        strata = f"{len(fit.sets.strata):,} strata, " if self._strata else ""
        return f"{self.name}: {fit.n_events:,} events, {intervals}{strata}{fit.ties} ties{spread}"

    def _overall(self, decimals: int) -> str:
        """The test of all covariates: of likelihoods, or where intervals are not independent, Wald's."""
        is_robust = self._sandwich is not None
        name = "robust Wald test" if is_robust else "likelihood ratio test"
        test = self.wald_test() if is_robust else likelihood_ratio_test(self._fitted)
        return (
            f"{name} {test.statistic:.{decimals}f} on {test.degrees_of_freedom} df, "
            f"p = {_number(test.p_value, decimals)}; log partial likelihood {self.log_likelihood_:.{decimals}f}"
        ).replace("= <", "< ")

    def plot(self, ax: Any = None, hazard_ratios: bool = True) -> Any:
        """Estimates with their intervals, one line a covariate from the top, on matplotlib axes (made where none are).

        Returns:
            The axes.
        """
        from cohort.survival.plots import draw_estimates  # matplotlib takes half a second, which only a plot is worth

        values = [self._fitted.params, *self._bounds, np.zeros(1)]
        estimate, lower, upper, none = (ratio_of(v) if hazard_ratios else v for v in values)
        axes = draw_estimates(self._fitted.columns, estimate, lower, upper, float(none[0]), ax, hazard_ratios)
        axes.set_xlabel(f"{'hazard ratio' if hazard_ratios else 'log hazard ratio'} ({self._percent} interval)")
        return axes


def curves(at: Floats, values: Floats, df: Frame) -> Frame:
    """time, and a (T, rows) column for each row of the frame."""
    table = like(pl.DataFrame({"time": at, **{str(k): column for k, column in enumerate(values.T)}}), df, "time")
    if is_pandas(df):
        table.columns = df.index
    return table


def _number(value: float, decimals: int) -> str:
    least = 10**-decimals
    return f"<{least:.{decimals}f}" if 0 <= value < least / 2 else f"{value:.{decimals}f}"
