"""Multiple imputation put together again: Rubin's rules for the draws of what a missing dose may have been.

In: one estimate with its standard error from each draw. Out: one estimate whose interval is wider by as much as the
draws disagree. Rubin 1987, Multiple Imputation for Nonresponse in Surveys, (3.1.2) to (3.1.10); with few degrees of
freedom in the complete data Barnard and Rubin, Biometrika 1999;86:948, doi 10.1093/biomet/86.4.948.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, variance
from typing import Any

import numpy as np
from scipy.stats import t as student

from cohort.analyses import MULTIPLE_IMPUTATION
from cohort.diagnoses import DIED
from cohort.results import (
    ESTIMATE_COUNTS,
    ESTIMATE_NUMBERS,
    ESTIMATE_SHARES,
    OVERALL,
    Diagnostic,
    Estimate,
    ModelResult,
)

_DRAW = f"{MULTIPLE_IMPUTATION}-"
_NOT_ESTIMABLE = "not estimable: "
_MEANS = ("person_years", "mdrr", *ESTIMATE_SHARES)
_RESULTS = tuple(name for name in ESTIMATE_NUMBERS if name not in _MEANS)


@dataclass(frozen=True)
class Pooled:
    """An estimate over all draws.

    Attributes:
        estimate: the mean of the draws' estimates.
        within: the mean of their variances, W.
        between: the variance of their estimates, B.
        variance: T = W + (1 + 1/m) B.
        df: degrees of freedom of the t distribution; infinite where the draws agree.
        missing_information: the fraction of the information about this estimate that is missing, 0 to 1.
    """

    estimate: float
    within: float
    between: float
    variance: float
    df: float
    missing_information: float

    @property
    def standard_error(self) -> float:
        """The square root of the total variance."""
        return math.sqrt(self.variance)

    def interval(self, level: float) -> tuple[float, float]:
        """Bounds of the interval at a level such as 0.95."""
        half = float(student.ppf((1 + level) / 2, self.df)) * self.standard_error
        return self.estimate - half, self.estimate + half

    def p_value(self) -> float:
        """Two-sided p-value that the estimate is zero."""
        return float(2 * student.sf(abs(self.estimate) / self.standard_error, self.df))


def pool(estimates: Sequence[float], standard_errors: Sequence[float], complete_df: float | None = None) -> Pooled:
    """Put the estimates of all draws together by Rubin's rules.

    Args:
        estimates: one from each draw.
        standard_errors: theirs, all above zero.
        complete_df: degrees of freedom that the complete data would have; None for infinitely many.

    Raises:
        ValueError: fewer than two draws, or a standard error that is not above zero.
    """
    draws = len(estimates)
    if draws < 2 or len(standard_errors) != draws:
        raise ValueError(f"two or more draws are needed, each with its standard error; got {draws}")
    if min(standard_errors) <= 0:
        raise ValueError("a draw has no standard error above zero")
    within = fmean(error**2 for error in standard_errors)
    between = variance(estimates)
    total = within + (1 + 1 / draws) * between
    missing = (1 + 1 / draws) * between / total
    df = _degrees_of_freedom(draws, missing, complete_df)
    return Pooled(fmean(estimates), within, between, total, df, missing + (1 - missing) * 2 / (df + 3))


def _degrees_of_freedom(draws: int, missing: float, complete_df: float | None) -> float:
    """Those of the draws (Rubin 1987) and of the observed data (Barnard and Rubin 1999) together."""
    of_draws = (draws - 1) / missing / missing if missing else math.inf
    if complete_df is None:
        return of_draws
    observed = (complete_df + 1) / (complete_df + 3) * complete_df * (1 - missing)
    return 1 / (1 / of_draws + 1 / observed)


def pooled(result: ModelResult, level: float) -> ModelResult:
    """The result with the draws of the missing doses pooled into one analysis.

    Args:
        result: estimates and diagnostics of all analyses; `missing-dose-imputed-1`, ... are the draws.
        level: of the intervals.

    Returns:
        All other rows, and for each estimate of the draws one of `missing-dose-imputed`; counts are the draws' mean.
        What some draw cannot estimate is not estimable. Diagnostics of single draws are left out, and the fraction of
        missing information is added for each exposure at all ages.
    """
    rows = [row for row in result.estimates if _draw(row.analysis) is None]
    diagnostics = [row for row in result.diagnostics if _draw(row.analysis) is None]
    of_draws = _by_estimate(result)
    draws = sorted({draw for drawn in of_draws for draw in drawn})
    for drawn in of_draws:
        row, fit = _over_draws(drawn, draws, level)
        rows.append(row)
        if fit and row.outcome != DIED and row.age_stratum == OVERALL:
            diagnostics.append(_information(row, fit))
    return replace(result, estimates=rows, diagnostics=diagnostics)


def _draw(analysis: str) -> int | None:
    """The number of the draw that an analysis is, or None."""
    number = analysis.removeprefix(_DRAW)
    return int(number) if analysis.startswith(_DRAW) and number.isdecimal() else None


def _by_estimate(result: ModelResult) -> list[dict[int, Estimate]]:
    """For each estimate of the draws, in order: draw -> its row."""
    groups: dict[str, dict[int, Estimate]] = {}
    for row in result.estimates:
        if (draw := _draw(row.analysis)) is not None:
            groups.setdefault(replace(row, analysis="").estimate_id, {})[draw] = row
    return list(groups.values())


def _over_draws(drawn: Mapping[int, Estimate], draws: Sequence[int], level: float) -> tuple[Estimate, Pooled | None]:
    """The pooled row and its fit; None, and a status that says why, where there is none."""
    counted = _counted([drawn[draw] for draw in draws if draw in drawn])
    why = _why_not(drawn, draws)
    if why:
        return replace(counted, status=f"{_NOT_ESTIMABLE}{why}"), None
    fit = pool([row.log_hr or 0.0 for row in drawn.values()], [row.se_log_hr or 0.0 for row in drawn.values()])
    return _estimated(counted, fit, level), fit


def _why_not(drawn: Mapping[int, Estimate], draws: Sequence[int]) -> str:
    """Why an estimate cannot be pooled, by the first draw that lacks it; empty where it can."""
    for draw in draws:
        row = drawn.get(draw)
        if row is None:
            return f"in draw {draw}: the model has no such coefficient"
        if row.status != "ok":
            return f"in draw {draw}: {row.status.removeprefix(_NOT_ESTIMABLE)}"
        if not row.se_log_hr:
            return f"in draw {draw}: it has no standard error"
    return "" if len(draws) > 1 else "one draw tells nothing of what is missing"


def _counted(rows: Sequence[Estimate]) -> Estimate:
    """The row without results: what the draws have in common, with their mean counts and shares."""
    means: dict[str, Any] = {name: _mean([getattr(row, name) for row in rows]) for name in (*ESTIMATE_COUNTS, *_MEANS)}
    whole = {name: round(means[name]) for name in ESTIMATE_COUNTS if means[name] is not None}
    numbers: dict[str, Any] = dict.fromkeys(_RESULTS) | means | whole
    return replace(rows[0], analysis=MULTIPLE_IMPUTATION, status="ok", **numbers)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None


def _estimated(row: Estimate, fit: Pooled, level: float) -> Estimate:
    lower, upper = fit.interval(level)
    return replace(
        row,
        hazard_ratio=float(np.exp(fit.estimate)),
        ci_lower=float(np.exp(lower)),
        ci_upper=float(np.exp(upper)),
        log_hr=fit.estimate,
        se_log_hr=fit.standard_error,
        p_value=fit.p_value(),
    )


def _information(row: Estimate, fit: Pooled) -> Diagnostic:
    meaning = "Share of what could be known about the log hazard ratio that the missing doses take away (Rubin 1987)."
    name, value = "fraction of missing information", fit.missing_information
    return Diagnostic(name, MULTIPLE_IMPUTATION, "info", meaning, row.exposure, value=value)
