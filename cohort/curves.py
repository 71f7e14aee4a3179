"""Cumulative incidence by exposure, thinned to what may be released.

In: prepared person-time. Out: one row per curve point: the probability of the outcome, or of what competes with it, by
age, for somebody alive and free of both at the start age whose lagged exposure stays in one group (hazards by current
group, put together by Aalen and Johansen's estimator). Not the risk of a person who changes group.
"""

import numpy as np
import polars as pl

from cohort.counts import DAYS_PER_YEAR
from cohort.disclosure import SUPPRESSED, releasable_steps
from cohort.inputs import EXPOSURES
from cohort.protocol import Protocol
from cohort.survival.arrays import Floats
from cohort.survival.incidence import CumulativeIncidence, aalen_johansen, interval

_SCHEMA: dict[str, type[pl.DataType]] = {
    "curve": pl.String,
    "exposure_group": pl.String,
    "outcome": pl.String,
    "age_years": pl.Float64,
    "estimate": pl.Float64,
    "ci_lower": pl.Float64,
    "ci_upper": pl.Float64,
    "at_risk": pl.Int64,
    "status": pl.String,
}
GROUPS = ("no study drug", "binder", "other study drug only")
_OLDEST = 100


def incidence_curves(person_time: pl.DataFrame | pl.LazyFrame, protocol: Protocol) -> pl.DataFrame:
    """Points of every curve at whole years of age.

    Args:
        person_time: as `fitting.prepared_time` has it, on the age scale (start_day and stop_day in days of age).

    Returns:
        curve, exposure_group, outcome, age_years, estimate, ci_lower, ci_upper, at_risk, status; points that stand on
        too few persons or events are left out, and a group without any point has one row that says so.
    """
    known = person_time.lazy().drop_nulls(list(EXPOSURES))
    needed = ["person_id", "start_day", "stop_day", *protocol.outcome.causes.values()]
    parts = []
    for group in GROUPS:
        own = known.filter(_group() == group).select(needed).collect(engine="streaming")
        parts.append(_group_curves(own, group, protocol))
    return pl.concat(parts)


def _group() -> pl.Expr:
    binder = pl.col("tspo_binder") > 0
    other = (pl.col("tspo_non_binder") > 0) | (pl.col("tspo_unknown") > 0)
    no_drug, with_binder, other_only = (pl.lit(group) for group in GROUPS)
    return pl.when(binder).then(with_binder).when(other).then(other_only).otherwise(no_drug).alias("group")


def _group_curves(frame: pl.DataFrame, group: str, protocol: Protocol) -> pl.DataFrame:
    start = protocol.model.curve_start_age
    threshold = protocol.disclosure.min_cell_count
    causes = protocol.outcome.causes
    curve = aalen_johansen(frame, from_time=start * DAYS_PER_YEAR, causes=list(causes.values()), id="person_id")
    points = at_ages(curve, np.arange(start, _OLDEST + 1, dtype=float))
    counted = points.select(f"{cause}_events" for cause in causes.values())
    every = [tuple(int(events) for events in row) for row in counted.iter_rows()]
    at_risk = points.get_column("at_risk").cast(pl.Int64).to_list()
    shown = points.filter(pl.Series(releasable_steps(every, at_risk, threshold)))
    if shown.height < 2:
        return pl.concat([_nothing(group, outcome, start) for outcome in causes])
    return pl.concat([_points(shown, group, outcome, cause, protocol) for outcome, cause in causes.items()])


def at_ages(curve: CumulativeIncidence, ages_years: Floats) -> pl.DataFrame:
    """The curves of each cause read at ages.

    Returns:
        age_years, at_risk (just after that age), and for each cause x: x, x_se (its standard error) and x_events (so
        far).
    """
    read = curve.at(ages_years * DAYS_PER_YEAR)
    return pl.DataFrame(
        {
            "age_years": ages_years,
            "at_risk": read.at_risk.astype(float),
            **{cause: read.incidence[:, k] for k, cause in enumerate(curve.causes)},
            **{f"{cause}_se": read.standard_error[:, k] for k, cause in enumerate(curve.causes)},
            **{f"{cause}_events": read.events[:, k] for k, cause in enumerate(curve.causes)},
        }
    )


def _nothing(group: str, outcome: str, start: int) -> pl.DataFrame:
    """The row of a curve that has no point to show, so that it is not missing in silence."""
    row = ("cumulative incidence", group, outcome, float(start), None, None, None, None, SUPPRESSED)
    return pl.DataFrame([row], schema=_SCHEMA, orient="row")


def _points(points: pl.DataFrame, group: str, outcome: str, cause: str, protocol: Protocol) -> pl.DataFrame:
    estimate, error = points.get_column(cause).to_numpy(), points.get_column(f"{cause}_se").to_numpy()
    lower, upper = interval(estimate, error, protocol.model.confidence_level)
    return points.select(
        pl.lit("cumulative incidence").alias("curve"),
        pl.lit(group).alias("exposure_group"),
        pl.lit(outcome).alias("outcome"),
        "age_years",
        pl.Series("estimate", estimate),
        pl.Series("ci_lower", lower, dtype=pl.Float64).fill_nan(None),
        pl.Series("ci_upper", upper, dtype=pl.Float64).fill_nan(None),
        pl.col("at_risk").cast(pl.Int64),
        pl.lit("ok").alias("status"),
    )
