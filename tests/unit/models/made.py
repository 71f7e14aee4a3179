"""A small made cohort and its models, for the tests of this folder."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import polars as pl

from cohort.analyses import Analysis
from cohort.inputs import EXPOSURES, UNKNOWN_DOSE, age_stratum_labels, dose_category_labels
from cohort.models import Setting, fit_model
from cohort.protocol import Protocol
from cohort.results import Estimate, ModelResult
from cohort.survival.counting import risk_sets
from cohort.survival.cox import CoxFit, fit_cox
from tests.risk_tables import counts_of

PROTOCOL = Protocol().changed(covariates=("depression",))
BANDS = age_stratum_labels(PROTOCOL.strata.age_bands)
CATEGORIES = dose_category_labels(PROTOCOL.exposure)
YEAR = 365.25
Row = dict[str, Any]
NUMBERS = ("hazard_ratio", "ci_lower", "ci_upper", "log_hr", "se_log_hr", "p_value", "mdrr")
NO_NUMBERS = dict.fromkeys(NUMBERS)


def category(dose: float | None) -> str:
    if dose is None:
        return UNKNOWN_DOSE
    return CATEGORIES[sum(dose > bound for bound in PROTOCOL.exposure.category_bounds)]


def interval(person: int, start: int, stop: int, doses: Sequence[float | None], **fields: Any) -> Row:
    band = BANDS[max(sum(start >= low * YEAR for low in PROTOCOL.strata.age_bands) - 1, 0)]
    row = {"person_id": person, "start_day": start, "stop_day": stop, "event": 0, "death": 0, "age_stratum": band}
    row |= {"sex": "F", "index_year": 2001, "depression": 0}
    row |= {f"dose_{e}": dose for e, dose in zip(EXPOSURES, doses, strict=True)}
    row |= {f"category_{e}": category(dose) for e, dose in zip(EXPOSURES, doses, strict=True)}
    return row | fields


def person_time(rows: Iterable[Row]) -> pl.DataFrame:
    whole = dict.fromkeys(("start_day", "stop_day", "index_year"), pl.Int32)
    doses = {f"dose_{e}": pl.Float64 for e in EXPOSURES}
    return pl.DataFrame(list(rows), schema_overrides={**whole, **doses, "event": pl.Int8, "death": pl.Int8})


def made_cohort(persons: int = 500) -> pl.DataFrame:
    """Intervals of 200 days, cut at no age; doses grow, a few become unknown, and hazards rise with dose."""
    draw = np.random.default_rng(20220301)
    rows: list[Row] = []
    for person in range(persons):
        start, dose, unknown = int(draw.uniform(58, 90) * YEAR), [0.0, 0.0, 0.0], None
        growth = draw.choice([0.0, 20.0, 90.0], size=3, p=[0.5, 0.3, 0.2])
        fixed = {
            "sex": str(draw.choice(["F", "M"])),
            "index_year": int(draw.integers(2000, 2010)),
            "depression": int(draw.integers(0, 2)),
        }
        for _ in range(int(draw.integers(1, 10))):
            stop = start + 200
            ends = draw.random(2) < (0.04 + 0.0002 * sum(dose), 0.05)
            shown = [None if e == unknown else d for e, d in enumerate(dose)]
            row = interval(person, start, stop, shown, **fixed, event=int(ends[0]), death=int(ends[1] and not ends[0]))
            rows.append(row)
            if ends.any():
                break
            start, dose = stop, [d + float(g) for d, g in zip(dose, growth, strict=True)]
            unknown = int(draw.integers(0, 3)) if draw.random() < 0.02 else unknown
    return person_time(rows)


def run(name: str, frame: pl.DataFrame, protocol: Protocol = PROTOCOL) -> ModelResult:
    return fit(name, frame, Analysis("primary", protocol))


def fit(name: str, frame: pl.DataFrame, analysis: Analysis, known_dose: Any = None) -> ModelResult:
    return fit_model(name, Setting(counts_of(frame, analysis.protocol), frame.lazy(), analysis, known_dose or {}))


def by(result: ModelResult, **fields: str) -> list[Estimate]:
    return [row for row in result.estimates if all(getattr(row, name) == value for name, value in fields.items())]


def own_fit(frame: pl.DataFrame, columns: Sequence[str], event: str = "event") -> CoxFit:
    """The model as the protocol states it, put together anew."""
    return fit_cox(risk_sets(frame, [*columns, "depression"], ["sex", "entry_period"], event=event))
