"""Absolute risks of the outcome, and of what competes with it, by dose category and age, and what they differ by.

In: prepared person-time on the age scale. Out: one row per class, dose category, age, years and outcome. The risk is of
somebody alive and without the outcome at that age whose lagged dose stays in one category (hazards by current category,
put together by Aalen and Johansen's estimator). Not the risk of a person who changes category, and not adjusted.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from cohort.counts import DAYS_PER_YEAR
from cohort.disclosure import SUPPRESSED, releasable_steps
from cohort.inputs import EXPOSURES, dose_category_labels
from cohort.protocol import Protocol
from cohort.survival.incidence import CumulativeIncidence, aalen_johansen, interval
from cohort.survival.risk import risk_difference, time_lost_difference

RISK_SCHEMA: dict[str, type[pl.DataType]] = {
    "exposure": pl.String,
    "category": pl.String,
    "reference": pl.String,
    "from_age": pl.Int64,
    "years": pl.Int64,
    "outcome": pl.String,
    "risk": pl.Float64,
    "ci_lower": pl.Float64,
    "ci_upper": pl.Float64,
    "difference": pl.Float64,
    "difference_lower": pl.Float64,
    "difference_upper": pl.Float64,
    "p_value": pl.Float64,
    "years_lost": pl.Float64,
    "years_lost_difference": pl.Float64,
    "years_lost_lower": pl.Float64,
    "years_lost_upper": pl.Float64,
    "at_risk": pl.Int64,
    "status": pl.String,
}
"""Columns of `risks`. Years lost are the mean time lost to the outcome within the years (restricted mean time lost)."""


def absolute_risks(person_time: pl.DataFrame | pl.LazyFrame, protocol: Protocol) -> pl.DataFrame:
    """Risks of every class, category, age and number of years that the protocol asks for.

    Args:
        person_time: as `fitting.prepared_time` has it, on the age scale (start_day and stop_day in days of age).

    Returns:
        Columns of `RISK_SCHEMA`. What stands on too few persons or events has a row without numbers that says so. The
        difference from the category without a dose is null for that category itself; and where a category has no
        events, since nothing then says how far from zero its risk may be.
    """
    longest = max(protocol.model.risk_years)
    needed = ["person_id", "start_day", "stop_day", *protocol.outcome.causes.values()]
    needed += [f"category_{exposure}" for exposure in EXPOSURES]
    rows: list[dict[str, object]] = []
    for age in protocol.model.risk_ages:
        first, last = age * DAYS_PER_YEAR, (age + longest) * DAYS_PER_YEAR
        inside = (pl.col("stop_day") > first) & (pl.col("start_day") < last)
        window = person_time.lazy().filter(inside).select(needed).collect(engine="streaming")
        for exposure in EXPOSURES:
            rows += _of_class(window, exposure, age, protocol)
    return pl.DataFrame(rows, schema=RISK_SCHEMA)


@dataclass(frozen=True)
class _Curve:
    """The curves of one category from an age on, and over how many years they may be shown."""

    curve: CumulativeIncidence
    is_shown: Mapping[int, bool]
    at_risk: Mapping[int, int]


def _of_class(window: pl.DataFrame, exposure: str, age: int, protocol: Protocol) -> list[dict[str, object]]:
    labels = dose_category_labels(protocol.exposure)
    curves = {c: _curve(window.filter(pl.col(f"category_{exposure}") == c), age, protocol) for c in labels}
    rows: list[dict[str, object]] = []
    for label in labels:
        for years in protocol.model.risk_years:
            named = {"exposure": exposure, "category": label, "reference": labels[0], "from_age": age, "years": years}
            found = _numbers(curves[label], curves[labels[0]], age, years, protocol)
            rows += [{**named, "outcome": outcome, **found[k]} for k, outcome in enumerate(protocol.outcome.causes)]
    return rows


def _curve(frame: pl.DataFrame, age: int, protocol: Protocol) -> _Curve:
    horizons = protocol.model.risk_years
    curve = aalen_johansen(
        frame, from_time=age * DAYS_PER_YEAR, causes=list(protocol.outcome.causes.values()), id="person_id"
    )
    read = curve.at(np.array([(age + years) * DAYS_PER_YEAR for years in horizons]))
    events = [tuple(int(count) for count in row) for row in read.events]
    shown = releasable_steps(events, read.at_risk.tolist(), protocol.disclosure.min_cell_count)
    # A curve that ends before the horizon because nobody is left says nothing of it.
    return _Curve(
        curve,
        {years: ok and n > 0 for years, ok, n in zip(horizons, shown, read.at_risk, strict=True)},
        dict(zip(horizons, read.at_risk.tolist(), strict=True)),
    )


def _numbers(own: _Curve, reference: _Curve, age: int, years: int, protocol: Protocol) -> list[dict[str, object]]:
    """The numbers of each outcome, or why there are none."""
    if not own.is_shown[years]:
        why = SUPPRESSED if own.at_risk[years] else "not estimable: nobody is followed for so long"
        return [{"status": why}] * len(own.curve.causes)
    level, until = protocol.model.confidence_level, (age + years) * DAYS_PER_YEAR
    read = own.curve.at(np.array([until]))
    lower, upper = interval(read.incidence[0], read.standard_error[0], level)
    lost = own.curve.mean_time_lost(until)
    is_compared = own is not reference and reference.is_shown[years]
    differences = (
        _differences(own.curve, reference.curve, until, level) if is_compared else [{}] * len(own.curve.causes)
    )
    return [
        {
            "risk": float(risk),
            "ci_lower": _known(lower[cause]),
            "ci_upper": _known(upper[cause]),
            "years_lost": float(lost[cause]) / DAYS_PER_YEAR,
            **(differences[cause] if risk > 0 else {}),
            "at_risk": own.at_risk[years],
            "status": "ok",
        }
        for cause, risk in enumerate(read.incidence[0])
    ]


def _differences(
    own: CumulativeIncidence, reference: CumulativeIncidence, until: float, level: float
) -> list[dict[str, float | None]]:
    of_time = time_lost_difference(own, reference, until, level)
    of_risk = [risk_difference(own, reference, np.array([until]), k, level) for k in range(len(own.causes))]
    return [
        {
            "difference": float(risk.estimate[0]),
            "difference_lower": _known(risk.lower[0]),
            "difference_upper": _known(risk.upper[0]),
            "p_value": _known(risk.p_value[0]),
            "years_lost_difference": float(of_time.estimate[cause]) / DAYS_PER_YEAR,
            "years_lost_lower": float(of_time.lower[cause]) / DAYS_PER_YEAR,
            "years_lost_upper": float(of_time.upper[cause]) / DAYS_PER_YEAR,
        }
        for cause, risk in enumerate(of_risk)
    ]


def _known(value: float) -> float | None:
    """A number; None where it is none."""
    return float(value) if np.isfinite(value) else None
