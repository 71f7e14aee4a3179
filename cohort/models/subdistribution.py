"""Hazards of the subdistribution of the outcome (Fine and Gray 1999): what dose does to the share who ever get it.

In: a `Setting`. Out: estimates per unit of dose, all classes in one fit. Who dies, or gets a competing diagnosis,
stays in the risk set with the last dose, with the chance to be still under observation; so a ratio is one of risks, for
prediction, not of causes. Standard errors are of persons, and count that the weights are estimated.
"""

from dataclasses import replace

import numpy as np
import polars as pl

from cohort.counts import linear_counts
from cohort.fitting import STRATA, Fitted, Setting
from cohort.inputs import EXPOSURES
from cohort.models.linear import linear_rows
from cohort.results import FINE_GRAY, OVERALL, ModelResult
from cohort.survival.fine_gray import fit_fine_gray
from cohort.survival.fine_gray_variance import fine_gray_covariance


def subdistribution(setting: Setting) -> ModelResult:
    """All classes per unit of dose, overall, and the contrast of binder and non-binder from the same fit."""
    setting = setting.sample
    frame = setting.known_time
    columns = {e: e for e in EXPOSURES}
    counts = linear_counts(frame)
    rows = linear_rows(setting, _fitted(setting), columns, OVERALL, counts, setting.known(), model=FINE_GRAY)
    return ModelResult(rows)


def _fitted(setting: Setting) -> Fitted:
    model = setting.protocol.model
    if not setting.known_time.get_column("event").sum():
        return Fitted(None, setting.no_events)
    covariates = [*EXPOSURES, *model.covariates]
    _, *others = setting.protocol.outcome.causes.values()
    frame = setting.intervals("person_id", "start_day", "stop_day", "event", *others, *STRATA, *covariates)
    with_others = frame.with_columns(pl.max_horizontal(others).alias("competing"))
    try:
        fit = fit_fine_gray(with_others, covariates, STRATA, id="person_id", ties=model.ties)
        return Fitted(replace(fit, covariance=fine_gray_covariance(fit)))
    except (ValueError, np.linalg.LinAlgError) as error:
        return Fitted(None, str(error))
