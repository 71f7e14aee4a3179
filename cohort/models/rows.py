"""Rows of estimates: what all rows of a model share; a row with its estimate, or the reason why it has none."""

from dataclasses import replace
from typing import Any

import numpy as np

from cohort.analyses import Analysis
from cohort.diagnoses import DIED
from cohort.fitting import Setting
from cohort.inputs import EXPOSURES
from cohort.results import CONTRAST, COX, DEATH, OVERALL, Estimate
from cohort.survival.cox import Contrast
from cohort.survival.inference import wald_interval


def blank(setting: Setting, stratum: str, cause: str = "event", model: str = "") -> Estimate:
    """A row without exposure, term and numbers; the model is the Cox model of the cause where none is named."""
    return _blank(setting.analysis, stratum, cause, model)


def _blank(analysis: Analysis, stratum: str, cause: str = "event", model: str = "") -> Estimate:
    protocol = analysis.protocol
    return Estimate(
        analysis=analysis.name,
        model=model or (DEATH if cause == "death" else COX),
        outcome=DIED if cause == "death" else protocol.outcome.diagnosis,
        time_scale=protocol.model.time_scale,
        exposure="",
        metric=protocol.exposure.metric,
        term="",
        reference="",
        age_stratum=stratum,
        lag_days=protocol.exposure.lag_days,
    )


def unmade(analysis: Analysis, why: str) -> list[Estimate]:
    """The rows of an analysis that could not be finished: each exposure at all ages, without a number.

    Args:
        why: in words, after `not estimable: `.
    """
    shared = replace(
        _blank(analysis, OVERALL), term=f"per {analysis.protocol.exposure.per:g}", status=f"not estimable: {why}"
    )
    references = {**dict.fromkeys(EXPOSURES, "per unit"), CONTRAST: "tspo_non_binder"}
    return [replace(shared, exposure=name, reference=reference) for name, reference in references.items()]


def with_estimate(
    row: Estimate, contrast: Contrast | None, reason: str, setting: Setting, mdrr: float | None = None
) -> Estimate:
    """The row with its estimate, or with the reason why there is none."""
    found = numbers(contrast, reason, setting)
    return replace(row, **found) if "status" in found else replace(row, **found, mdrr=mdrr)


def numbers(contrast: Contrast | None, reason: str, setting: Setting) -> dict[str, Any]:
    """What a row of any table has of an estimate, by field; or its `status` alone, which says why there is none."""
    if contrast is None or reason:
        return {"status": f"not estimable: {reason or 'the model has no such coefficient'}"}
    level = setting.protocol.model.confidence_level
    with np.errstate(over="ignore"):
        lower, upper = wald_interval(contrast.estimate, contrast.standard_error, level)
    if not np.isfinite(upper):
        return {"status": "not estimable: its interval has no end"}
    return {
        "hazard_ratio": float(np.exp(contrast.estimate)),
        "ci_lower": lower,
        "ci_upper": upper,
        "log_hr": contrast.estimate,
        "se_log_hr": contrast.standard_error,
        "p_value": contrast.p_value,
    }
