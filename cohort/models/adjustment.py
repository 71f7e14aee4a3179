"""The linear model without covariates, and with every covariate that may be adjusted for: what adjustment changes.

In: a `Setting` with the covariates of each person. Out: estimates beside those of the protocol's own model, of the same
persons and time. All three have the strata of sex and period of entry, and the protocol's time scale.
"""

from collections.abc import Sequence

import polars as pl

from cohort.counts import linear_counts
from cohort.covariates import covariate_names
from cohort.fitting import STRATA, Fitted, Setting, fit, fit_sets
from cohort.inputs import EXPOSURES
from cohort.models.linear import linear_rows
from cohort.results import FULLY_ADJUSTED, OVERALL, UNADJUSTED, ModelResult
from cohort.survival.conditional import conditional_logistic
from cohort.survival.counting import risk_sets
from cohort.survival.cox import CoxFit
from cohort.survival.sampling import sample_risk_sets

MOST_VALUES = 1 << 26
"""Intervals x coefficients of the model with all covariates; with more, risk sets are sampled (Borgan, Goldstein and
Langholz 1995): the estimate stays the same, its variance grows by about one part in the number of controls."""


def adjustment(setting: Setting) -> ModelResult:
    """Rows for each class and the contrast, of the model without covariates and of that with all."""
    doses, columns, drawn = {e: setting.dose(e) for e in EXPOSURES}, {e: e for e in EXPOSURES}, setting.sample
    everyone = linear_counts(setting.known_time)
    of_drawn = everyone if drawn is setting else linear_counts(drawn.known_time)
    fits = {
        UNADJUSTED: (fit(setting, doses, setting.has_known_doses, covariates=()), everyone),
        FULLY_ADJUSTED: (_fully_adjusted(drawn), of_drawn),
    }
    rows = [
        row
        for model, (fitted, counts) in fits.items()
        for row in linear_rows(setting, fitted, columns, OVERALL, counts, {}, model=model)
    ]
    return ModelResult(rows)


def _fully_adjusted(setting: Setting) -> Fitted:
    """The fit, or why there is none: a coefficient that few events stand behind is worse than none."""
    if setting.covariate is None:
        return Fitted(None, "there is no table of covariates")
    needed = ("person_id", "start_day", "stop_day", "event", *STRATA, *EXPOSURES)
    frame = setting.intervals(*needed)
    known = setting.covariate.select("person_id", *covariate_names()).collect()
    known = known.join(frame.select("person_id"), on="person_id", how="semi")
    names = [name for name in covariate_names() if known.get_column(name).n_unique() > 1]
    events, least = int(frame.get_column("event").sum()), setting.protocol.gates.events_per_parameter
    if not events:
        return Fitted(None, setting.no_events)
    if events < least * (len(EXPOSURES) + len(names)):
        several = f"{len(EXPOSURES) + len(names)} coefficients (gates.events_per_parameter)"
        return Fitted(None, f"fewer than {least:g} events for each of {several}")
    columns = [*EXPOSURES, *names]
    try:
        if frame.height * len(columns) > MOST_VALUES:
            return Fitted(_sampled(setting, frame, known, columns))
        wide = frame.join(known.select("person_id", *names), on="person_id", how="left", maintain_order="left")
        return fit_sets(setting, risk_sets(wide, columns, STRATA))
    except ValueError as error:
        return Fitted(None, str(error))


def _sampled(setting: Setting, frame: pl.DataFrame, known: pl.DataFrame, columns: Sequence[str]) -> CoxFit:
    """The fit to each case and some controls of its risk set: all covariates of all intervals would not fit."""
    model = setting.protocol.model
    members = sample_risk_sets(frame, STRATA, model.controls, seed=setting.protocol.study.seed, columns=EXPOSURES)
    own = [name for name in columns if name not in EXPOSURES]
    wide = members.join(known.select("person_id", *own), on="person_id", how="left", maintain_order="left")
    return conditional_logistic(wide, columns)
