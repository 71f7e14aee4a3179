"""Does an effect stay or fade? Rival hypotheses of how past dose acts, on the same cases and controls, at several lags.

In: a `Setting` with the courses of use. Out: for each hypothesis its likelihood, BIC and hazard ratios of histories
that tell them apart, the weight function of the past days, and hazard ratios by time since the last dose. A dose that
acts for ever counts all that was ever taken; one whose effect fades counts the more the newer it is. Risk sets are
sampled (Borgan, Goldstein and Langholz 1995): a weight function needs every member's history at every event time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Literal

import numpy as np
import polars as pl

from cohort.fitting import STRATA, Setting
from cohort.inputs import ADDITIVE_METRICS, EXPOSURES
from cohort.models.histories import PastDose
from cohort.models.rows import numbers
from cohort.results import HistoryEffect, HypothesisFit, ModelResult
from cohort.survival.conditional import conditional_logistic
from cohort.survival.cox import CoxFit
from cohort.survival.history import DOSE, FIRST, LAST
from cohort.survival.inference import bic
from cohort.survival.redrawn import Redrawn, redrawn
from cohort.survival.sampling import sample_risk_sets
from cohort.survival.wce import MANY, WceFit, fit_wce
from cohort.survival.weight_basis import Basis, FlatBasis, WeightBasis, wce_basis

LIFETIME, WINDOW, CURRENT, WEIGHTED = "lifetime dose", "dose in a window", "dose of the day", "weighted dose"
SINCE_LAST = "time since the last dose"
_KNOTS = (1, 2, 3)
_ENDS: tuple[Literal["right"] | None, ...] = ("right", None)
"""The weight is zero at the far end, or free there."""
_EVER = 36_525
RECENCY = (0, 30, 90, 180, 365, 730, 1095)
"""Bounds between times since the last dose, in days."""
_NEVER, _BLOCK_MEMBERS = "never", "_member"


def reversibility(setting: Setting) -> ModelResult:
    """Every hypothesis at every lag of the protocol's `reversibility_lags_days`."""
    setting = setting.sample
    why = _why_not(setting)
    if why or setting.dose_rate is None:
        lags = setting.protocol.exposure.reversibility_lags_days
        rows = [HypothesisFit(lag, LIFETIME, status=f"not estimable: {why}") for lag in lags]
        return ModelResult(hypotheses=rows)
    members = sample_risk_sets(
        setting.intervals("person_id", "start_day", "stop_day", "event", *STRATA, *setting.protocol.model.covariates),
        STRATA,
        setting.protocol.model.controls,
        seed=setting.protocol.study.seed,
        columns=setting.protocol.model.covariates,
    )
    courses = _courses(setting.dose_rate, members)
    members = _without_use_together(members, courses, setting.protocol.model.covariates)
    found = ModelResult()
    for lag in setting.protocol.exposure.reversibility_lags_days:
        found.extend(_at_lag(setting, members, courses, lag))
    return found


def _why_not(setting: Setting) -> str:
    metric = setting.protocol.exposure.metric
    if metric not in ADDITIVE_METRICS:
        return f"the {metric} is no sum of the doses of past days"
    if setting.protocol.model.time_scale != "age":
        return "histories are kept on the scale of age"
    if not setting.known_time.get_column("event").sum():
        return setting.no_events
    return "" if setting.dose_rate is not None else "there is no table of the rates of dose"


def _courses(dose_rate: pl.LazyFrame, members: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The members' courses of each class, a dose on every day of each."""
    persons = members.select("person_id").unique().lazy()
    first = pl.col("start_day").cast(pl.Int64)
    own = (
        dose_rate.join(persons, on="person_id", how="semi")
        .select(
            "person_id",
            "tspo_class",
            first.alias(FIRST),
            (first + pl.col("accruing_days") - 1).alias(LAST),
            (pl.col("nano_per_day") / 1e9).alias(DOSE),
        )
        .drop_nulls()
        .collect()
    )
    return {e: own.filter(pl.col("tspo_class") == e.removeprefix("tspo_")).drop("tspo_class") for e in EXPOSURES}


def _without_use_together(
    members: pl.DataFrame, courses: Mapping[str, pl.DataFrame], covariates: Sequence[str]
) -> pl.DataFrame:
    """Controls of a set without a course until then, and alike otherwise, as one row of so many (`MANY`).

    They are most of the members, and the same under every hypothesis at every lag.
    """
    began = pl.concat([own.select("person_id", FIRST) for own in courses.values()]).group_by("person_id").min()
    known = members.join(began, on="person_id", how="left").with_columns(pl.lit(1, pl.Int64).alias(MANY))
    has_use = (pl.col(FIRST) <= pl.col("time")).fill_null(False)
    alike = known.filter(~has_use).group_by("set", "is_case", *covariates)
    together = alike.agg(pl.col("person_id").min(), pl.col("time").first(), pl.col(MANY).sum())
    columns = ["set", "person_id", "is_case", "time", *covariates, MANY]
    rows = pl.concat([known.filter(has_use).select(columns), together.select(columns)])
    return rows.sort("set", "is_case", "person_id", descending=[False, True, False])


def _at_lag(setting: Setting, members: pl.DataFrame, courses: Mapping[str, pl.DataFrame], lag: int) -> ModelResult:
    window = setting.protocol.exposure.history_days
    bases: dict[str, Basis | Sequence[Basis]] = {
        LIFETIME: FlatBasis(_EVER),
        WINDOW: FlatBasis(window),
        CURRENT: FlatBasis(1),
        WEIGHTED: [wce_basis(window, knots, end) for end in _ENDS for knots in _KNOTS],
    }
    found = ModelResult()
    exposed = _exposed(members, courses, lag)
    for name, basis in bases.items():
        try:
            # A day later than the lag: who has the event on a day is compared by what was known the day before.
            fit = fit_wce(members, courses, basis, setting.protocol.model.covariates, lag + 1, frequencies=MANY)
        except ValueError as error:
            found.hypotheses.append(HypothesisFit(lag, name, status=f"not estimable: {error}"))
            continue
        found.hypotheses.append(_hypothesis(lag, name, fit.fit, _shape(fit)))
        again = _redrawn(setting, fit) if name == WEIGHTED else None
        told = PastDose(setting, lag, name, fit, exposed, again)
        found.history_effects.extend(told.effects())
        if name == WEIGHTED:
            found.weight_points.extend(told.weights())
    return found.extend(_since_last(setting, members, courses, lag))


def _shape(fit: WceFit) -> str:
    """What was chosen of a weight function: its interior knots, and its far end."""
    if not isinstance(fit.basis, WeightBasis):
        return ""
    days = ", ".join(f"{day:,}" for day in fit.basis.interior_knots)
    return f"knots at {days} days, {'zero' if fit.basis.constrained else 'free'} at the far end"


def _redrawn(setting: Setting, fit: WceFit) -> Redrawn | None:
    """The weight functions of the replicates, if the protocol asks for any."""
    many = setting.protocol.model.bootstrap_replicates
    return redrawn(fit, many, setting.protocol.study.seed) if many else None


def _hypothesis(lag: int, name: str, fit: CoxFit, shape: str = "") -> HypothesisFit:
    return HypothesisFit(lag, name, shape, fit.n_events, len(fit.columns), fit.log_likelihood, bic(fit))


def _exposed(members: pl.DataFrame, courses: Mapping[str, pl.DataFrame], lag: int) -> dict[str, tuple[int, int]]:
    """Persons and cases with a course of each class before the lag."""
    found = {}
    for exposure, own in courses.items():
        began = own.group_by("person_id").agg(pl.col(FIRST).min())
        taken = members.join(began, on="person_id").filter(pl.col(FIRST) < pl.col("time") - lag)
        found[exposure] = taken.get_column("person_id").n_unique(), int(taken.get_column("is_case").sum())
    return found


def _since_last(setting: Setting, members: pl.DataFrame, courses: Mapping[str, pl.DataFrame], lag: int) -> ModelResult:
    """Hazard ratios by time since the last dose of each class, against never."""
    labels = [_NEVER, *recency_labels()]
    table = members.with_row_index(_BLOCK_MEMBERS)
    for exposure, own in courses.items():
        table = table.join(_recency(table, own, lag, exposure), on=_BLOCK_MEMBERS, how="left", maintain_order="left")
        table = table.with_columns(pl.col(exposure).fill_null(_NEVER))
    columns = {f"{e}, {label}": (e, label) for e in EXPOSURES for label in labels[1:]}
    marked = table.with_columns((pl.col(e) == label).cast(pl.Float64).alias(n) for n, (e, label) in columns.items())
    taken = [name for name in columns if marked.get_column(name).sum()]
    try:
        fit = conditional_logistic(marked, [*taken, *setting.protocol.model.covariates], frequencies=MANY)
    except ValueError as error:
        return ModelResult(hypotheses=[HypothesisFit(lag, SINCE_LAST, status=f"not estimable: {error}")])
    rows = [_recency_row(setting, lag, fit, marked, name, *place) for name, place in columns.items()]
    return ModelResult(hypotheses=[_hypothesis(lag, SINCE_LAST, fit)], history_effects=rows)


def recency_labels() -> list[str]:
    """`current`, `1-30 days ago`, ..., `>1095 days ago`."""
    between = [f"{low + 1}-{high} days ago" for low, high in pairwise(RECENCY)]
    return ["current", *between, f">{RECENCY[-1]} days ago"]


def _recency(members: pl.DataFrame, courses: pl.DataFrame, lag: int, exposure: str) -> pl.DataFrame:
    """The time since the last day of use before the lag, as a label, of the members who have one."""
    at = pl.col("time") - lag - 1
    used = members.select(_BLOCK_MEMBERS, "person_id", "time").join(courses, on="person_id").filter(pl.col(FIRST) <= at)
    last = used.group_by(_BLOCK_MEMBERS).agg((at - pl.min_horizontal(pl.col(LAST), at)).min().alias("ago"))
    band = np.searchsorted(RECENCY, last.get_column("ago").to_numpy())
    return last.select(_BLOCK_MEMBERS, pl.Series(recency_labels())[band].alias(exposure))


def _recency_row(
    setting: Setting, lag: int, fit: CoxFit, marked: pl.DataFrame, name: str, exposure: str, label: str
) -> HistoryEffect:
    cell = marked.select("person_id", "is_case", name).filter(pl.col(name) > 0)
    counts = cell.get_column("person_id").n_unique(), int(cell.get_column("is_case").sum())
    row = HistoryEffect(lag, SINCE_LAST, exposure, label, *counts)
    contrast = fit.contrast({name: 1}) if counts[0] else None
    why = fit.not_estimable.get(name, "nobody's last dose was so long ago").replace(name, "such use")
    found = numbers(contrast, why if contrast is None else "", setting)
    return replace(row, **{field: value for field, value in found.items() if field != "p_value"})
