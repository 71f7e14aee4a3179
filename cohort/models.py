"""The study's models: all TSPO classes in one Cox fit, linear and in categories, overall and by attained age.

In: the person-time table and the protocol. Out: estimates and diagnostics, before disclosure control. Person-time
after a fill of unknown dose leaves the linear models and is a category of its own in the others.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace

import numpy as np
import polars as pl

from cohort.analyses import Analysis
from cohort.counts import CONTRASTED, Counts, DoseOfClass, Known, category_counts, linear_counts, nobody
from cohort.fitting import STRATA, Fitted, Setting, fit, fit_sets
from cohort.inputs import EXPOSURES, UNKNOWN_DOSE
from cohort.protocol import Protocol
from cohort.results import CONTRAST, OVERALL, Diagnostic, Estimate, ModelResult
from cohort.survival.cox import Contrast
from cohort.survival.inference import likelihood_ratio_test, wald_interval
from cohort.survival.pattern_counts import PatternCounts

__all__ = ["MODELS", "STRATA", "columns_needed", "fit_model", "prepare"]


def columns_needed(protocol: Protocol) -> list[str]:
    """The columns of person_time that the models read."""
    doses = [f"dose_{e}" for e in EXPOSURES] + [f"category_{e}" for e in EXPOSURES]
    fixed = ["person_id", "start_day", "stop_day", "event", "death", "age_stratum", "sex", "index_year"]
    return [*fixed, *doses, *protocol.model.covariates]


def prepare(person_time: pl.DataFrame, protocol: Protocol) -> pl.DataFrame:
    """Person-time ready for the models.

    Returns:
        The columns of `columns_needed`, and: `days` at risk; `entry_period`; `tspo_*`, the dose of each class in
        units of `exposure.per`; on the follow-up scale `start_day` and `stop_day` count from entry.
    """
    frame = person_time.select(columns_needed(protocol)).with_columns(
        (pl.col("stop_day") - pl.col("start_day")).alias("days"),
        (pl.col("index_year") // protocol.strata.period_years * protocol.strata.period_years).alias("entry_period"),
        *((pl.col(f"dose_{e}") / protocol.exposure.per).alias(e) for e in EXPOSURES),
    )
    if protocol.model.time_scale == "age":
        return frame
    entry = pl.col("start_day").min().over("person_id")
    return frame.with_columns(pl.col("start_day") - entry, pl.col("stop_day") - entry)


def fit_model(
    name: str,
    counts: Mapping[str, PatternCounts],
    frame: pl.DataFrame,
    analysis: Analysis,
    known_dose: Mapping[str, DoseOfClass] | None = None,
) -> ModelResult:
    """Fit one of `MODELS` to the risk sets of an analysis.

    Args:
        name: of the model.
        counts: of each outcome, as `fitting.study_counts` has them.
        frame: what `prepare` returns, for the numbers of persons behind each estimate.
        analysis: the protocol, and its name.
        known_dose: exposure -> (dose computed, dose) of the cohort's fills, as `counts.known_doses` has it; an exposure
            that is absent has no `known_dose_share`.

    Returns:
        An estimate for everything asked for; what cannot be estimated has a row that says why.
    """
    return MODELS[name](Setting(counts, frame, analysis, known_dose or {}))


def _linear(setting: Setting, outcome: str = "dementia") -> ModelResult:
    """All classes per unit of dose, overall, and the contrast of binder and non-binder from the same fit."""
    frame = setting.known_time
    fitted = fit(setting, {e: setting.dose(e) for e in EXPOSURES}, setting.has_known_doses, outcome)
    counts = linear_counts(frame, outcome)
    columns = {e: e for e in EXPOSURES}
    rows = _linear_rows(setting, fitted, columns, OVERALL, counts, setting.known(), outcome)
    return ModelResult(rows, [_events_per_parameter(setting, fitted)] if outcome == "dementia" else [])


def _linear_by_age(setting: Setting) -> ModelResult:
    """Dose effects by band of attained age from one fit, and the tests that they are equal over bands."""
    bands = {label: {e: f"{e} at {label}" for e in EXPOSURES} for label in setting.age_strata}
    doses = {
        column: pl.when(pl.col("age_stratum") == label).then(setting.dose(e)).otherwise(0.0)
        for label, columns in bands.items()
        for e, column in columns.items()
    }
    frame, fitted = setting.known_time, fit(setting, doses, setting.has_known_doses)
    known = setting.known(setting.age_strata)
    rows = []
    for label, columns in bands.items():
        counts = linear_counts(frame.filter(pl.col("age_stratum") == label), "dementia")
        rows += _linear_rows(setting, fitted, columns, label, counts, known)
    return ModelResult(rows, _heterogeneity(setting, fitted, bands))


def _linear_rows(
    setting: Setting,
    fitted: Fitted,
    columns: Mapping[str, str],
    stratum: str,
    counts: Mapping[str, Counts],
    known: Mapping[tuple[str, str], Known],
    outcome: str = "dementia",
) -> list[Estimate]:
    blank = _blank(setting, stratum, outcome)
    of = {e: asdict(counts[e]) | asdict(known[stratum, e]) for e in (*columns, CONTRAST)}
    rows = [
        _row(
            replace(blank, exposure=exposure, term=setting.per, reference="per unit", **of[exposure]),
            fitted.contrast({column: 1}),
            fitted.reason(column, "a dose of this class"),
            setting,
            counts[exposure].mdrr(),
        )
        for exposure, column in columns.items()
    ]
    binder, non_binder = (columns[e] for e in CONTRASTED)
    reason = fitted.reason(binder, "a dose of binders") or fitted.reason(non_binder, "a dose of non-binders")
    contrast = replace(blank, exposure=CONTRAST, term=setting.per, reference="tspo_non_binder", **of[CONTRAST])
    return [*rows, _row(contrast, fitted.contrast({binder: 1, non_binder: -1}), reason, setting)]


def _heterogeneity(setting: Setting, fitted: Fitted, bands: Mapping[str, Mapping[str, str]]) -> list[Diagnostic]:
    """Likelihood-ratio tests that a class's effect, and then all of them, are equal over the age bands."""
    if fitted.fit is None or fitted.sets is None:
        return []
    tests = []
    for tested in (*((e,) for e in EXPOSURES), EXPOSURES):
        equal = {e: [columns[e] for columns in bands.values()] for e in tested}
        free = [c for columns in bands.values() for e, c in columns.items() if e not in tested]
        kept = {c: [c] for c in (*free, *setting.protocol.model.covariates)}
        smaller = fit_sets(setting, fitted.sets.summed({**equal, **kept})).fit
        if smaller is not None and fitted.fit.degrees_of_freedom > smaller.degrees_of_freedom:
            label = tested[0] if len(tested) == 1 else "all classes"
            tests.append(_heterogeneity_row(setting, label, likelihood_ratio_test(fitted.fit, smaller)))
    return tests


def _heterogeneity_row(setting: Setting, label: str, test: tuple[float, int, float]) -> Diagnostic:
    meaning = "Likelihood-ratio test that the hazard ratio per dose is the same in all bands of attained age."
    return Diagnostic("heterogeneity over age strata", setting.analysis.name, "info", meaning, label, *test)


def _events_per_parameter(setting: Setting, fitted: Fitted) -> Diagnostic:
    events = int(setting.known_time.get_column("event").sum())
    parameters = len(fitted.fit.columns) if fitted.fit else len(EXPOSURES) + len(setting.protocol.model.covariates)
    wanted = setting.protocol.gates.events_per_parameter
    value = events / max(parameters, 1)
    verdict = "pass" if value >= wanted else "warn" if value >= wanted / 2 else "fail"
    meaning = f"Dementia events for each coefficient of the linear model; below {wanted:g} estimates are unstable."
    return Diagnostic("events per parameter", setting.analysis.name, verdict, meaning, value=value)


def _categories(setting: Setting) -> ModelResult:
    """Each class's dose categories against zero, all classes in one fit, overall."""
    return ModelResult(_category_rows(setting, setting.frame, OVERALL, setting.known()))


def _categories_by_age(setting: Setting) -> ModelResult:
    """The same within each band of attained age."""
    known = setting.known(setting.age_strata)
    rows = []
    for label in setting.age_strata:
        rows += _category_rows(setting, setting.frame.filter(pl.col("age_stratum") == label), label, known)
    return ModelResult(rows)


def _category_rows(
    setting: Setting, frame: pl.DataFrame, stratum: str, known: Mapping[tuple[str, str], Known]
) -> list[Estimate]:
    cells = {e: category_counts(frame, e) for e in EXPOSURES}
    columns = {(e, label): f"{e}[{label}]" for e in EXPOSURES for label in cells[e] if label != setting.categories[0]}
    indicators = {column: pl.col(f"category_{e}") == label for (e, label), column in columns.items()}
    fitted = fit(setting, indicators, None if stratum == OVERALL else pl.col("age_stratum") == stratum)
    empty, blank = nobody(frame), _blank(setting, stratum)
    rows = []
    for exposure in EXPOSURES:
        unknown = [UNKNOWN_DOSE] if UNKNOWN_DOSE in cells[exposure] else []
        for label in [*setting.categories, *unknown]:
            counts = cells[exposure].get(label, empty)
            numbers = asdict(counts) | asdict(known[stratum, exposure])
            row = replace(blank, exposure=exposure, term=label, reference=setting.categories[0], **numbers)
            rows.append(_category_row(setting, row, fitted, columns.get((exposure, label)), counts))
    return rows


def _category_row(setting: Setting, row: Estimate, fitted: Fitted, column: str | None, counts: Counts) -> Estimate:
    if row.term == row.reference:
        if fitted.fit is None:
            return replace(row, status=f"not estimable: {fitted.why}")
        return replace(row, hazard_ratio=1.0, log_hr=0.0)
    if column is None:
        return _row(row, None, fitted.why or "nobody is in this category", setting)
    reason = fitted.reason(column, f"a dose of {row.term}" if row.term != UNKNOWN_DOSE else "an unknown dose")
    return _row(row, fitted.contrast({column: 1}), reason, setting, counts.mdrr())


def _blank(setting: Setting, stratum: str, outcome: str = "dementia") -> Estimate:
    protocol = setting.protocol
    return Estimate(
        analysis=setting.analysis.name,
        model="cause-specific-death" if outcome == "death" else "cox",
        outcome=outcome,
        time_scale=protocol.model.time_scale,
        exposure="",
        metric=protocol.exposure.metric,
        term="",
        reference="",
        age_stratum=stratum,
        lag_days=protocol.exposure.lag_days,
    )


def _row(
    row: Estimate, contrast: Contrast | None, reason: str, setting: Setting, mdrr: float | None = None
) -> Estimate:
    """The row with its estimate, or with the reason why there is none."""
    if contrast is None or reason:
        return replace(row, status=f"not estimable: {reason or 'the model has no such coefficient'}")
    level = setting.protocol.model.confidence_level
    lower, upper = wald_interval(contrast.estimate, contrast.standard_error, level)
    return replace(
        row,
        hazard_ratio=float(np.exp(contrast.estimate)),
        ci_lower=lower,
        ci_upper=upper,
        log_hr=contrast.estimate,
        se_log_hr=contrast.standard_error,
        p_value=contrast.p_value,
        mdrr=mdrr,
    )


MODELS: Mapping[str, Callable[[Setting], ModelResult]] = {
    "linear": _linear,
    "linear by age": _linear_by_age,
    "categories": _categories,
    "categories by age": _categories_by_age,
    "death": lambda setting: _linear(setting, "death"),
}
"""The models of an analysis, by the name that `fit_model` takes."""
