"""How well estimates find the truth: bias, standard errors, coverage and power, each with its Monte Carlo error.

In: released estimates of many replicates beside their true values. Out: one row for each scenario, analysis, exposure,
term and age stratum. Formulas: Morris, White and Crowther 2019, Statistics in Medicine 38:2074, doi 10.1002/sim.8086,
table 6. What a replicate did not release is counted and has no part in the other columns.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import polars as pl

from cohort.disclosure import SUPPRESSED

GROUP = ("scenario", "analysis", "lag_days", "metric", "exposure", "term", "age_stratum")
PERFORMANCE_SCHEMA: dict[str, type[pl.DataType]] = {
    **dict.fromkeys(GROUP, pl.String),
    "lag_days": pl.Int64,
    "is_specified": pl.Boolean,
    "true_log_hr": pl.Float64,
    "replicates": pl.Int64,
    "estimated": pl.Int64,
    "suppressed": pl.Int64,
    "not_estimable": pl.Int64,
    "failed": pl.Int64,
    "events_mean": pl.Float64,
    "log_hr_mean": pl.Float64,
    "bias": pl.Float64,
    "bias_mcse": pl.Float64,
    "empirical_se": pl.Float64,
    "empirical_se_mcse": pl.Float64,
    "model_se": pl.Float64,
    "model_se_mcse": pl.Float64,
    "model_se_error": pl.Float64,
    "model_se_error_mcse": pl.Float64,
    "covered": pl.Int64,
    "coverage": pl.Float64,
    "coverage_mcse": pl.Float64,
    "rejected": pl.Float64,
    "rejected_mcse": pl.Float64,
}
"""Columns of the table: `model_se` is the root of the mean squared standard error, `model_se_error` its relative
difference from the empirical one, `rejected` the share of replicates whose test rejects a ratio of one: power where
there is an effect, the type I error where there is none. Standard errors and bias are of the log hazard ratio."""


def performance(estimates: pl.DataFrame, failed: Sequence[str] = (), confidence_level: float = 0.95) -> pl.DataFrame:
    """Sum up replicates.

    Args:
        estimates: columns of `replicate.REPLICATE_SCHEMA`.
        failed: the scenario of every replicate that could not be made.
        confidence_level: of the intervals; the test rejects at one minus it.

    Returns:
        `PERFORMANCE_SCHEMA`, groups in the order in which they first appear. Bias and coverage are empty where no
        number is the truth; a figure that takes two estimates is empty where there are fewer.
    """
    sums = estimates.group_by(GROUP, maintain_order=True).agg(*_sums(confidence_level))
    counted = _counted(sums, Counter(failed))
    figures = _standard_errors(counted).with_columns(
        (pl.col("log_hr_mean") - pl.col("true_log_hr")).alias("bias"),
        (pl.col("empirical_se") / pl.col("estimated").sqrt()).alias("bias_mcse"),
        _share_mcse("coverage"),
        _share_mcse("rejected"),
    )
    no_truth = pl.col("true_log_hr").is_null()
    return figures.with_columns(pl.when(no_truth).then(None).otherwise(pl.col("bias_mcse")).alias("bias_mcse")).select(
        pl.col(name).cast(kind) for name, kind in PERFORMANCE_SCHEMA.items()
    )


def _sums(confidence_level: float) -> list[pl.Expr]:
    estimate, variance = pl.col("log_hr"), pl.col("se_log_hr") ** 2
    covers = pl.col("true_log_hr").is_between(pl.col("ci_lower").log(), pl.col("ci_upper").log())
    return [
        pl.col("is_specified").first(),
        pl.col("true_log_hr").first(),
        pl.len().alias("rows"),
        estimate.count().alias("estimated"),
        (pl.col("status") == SUPPRESSED).sum().alias("suppressed"),
        pl.col("events").mean().alias("events_mean"),
        estimate.mean().alias("log_hr_mean"),
        estimate.std().alias("empirical_se"),
        variance.mean().sqrt().alias("model_se"),
        variance.var().alias("variance_of_variance"),
        # Null where there is no estimate or no truth: a share of nothing is empty, not zero.
        covers.mean().alias("coverage"),
        covers.sum().alias("covered"),
        (pl.col("p_value") < 1 - confidence_level).mean().alias("rejected"),
    ]


def _counted(sums: pl.DataFrame, failed: Mapping[str, int]) -> pl.DataFrame:
    """With the number of replicates asked for, and of those without an estimate by reason: none is lost."""
    of_scenario = pl.col("scenario").replace_strict(failed, default=0, return_dtype=pl.Int64)
    return sums.with_columns(of_scenario.alias("failed")).with_columns(
        (pl.col("rows") + pl.col("failed")).alias("replicates"),
        (pl.col("rows") - pl.col("estimated") - pl.col("suppressed")).alias("not_estimable"),
    )


def _standard_errors(sums: pl.DataFrame) -> pl.DataFrame:
    n, empirical, model = pl.col("estimated"), pl.col("empirical_se"), pl.col("model_se")
    spread = pl.col("variance_of_variance")
    return sums.with_columns(
        (empirical / (2 * (n - 1)).sqrt()).alias("empirical_se_mcse"),
        (spread / (4 * n * model**2)).sqrt().alias("model_se_mcse"),
        (model / empirical - 1).alias("model_se_error"),
        (model / empirical * (spread / (4 * n * model**4) + 1 / (2 * (n - 1))).sqrt()).alias("model_se_error_mcse"),
    )


def _share_mcse(share: str) -> pl.Expr:
    return (pl.col(share) * (1 - pl.col(share)) / pl.col("estimated")).sqrt().alias(f"{share}_mcse")
