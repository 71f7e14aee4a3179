"""The study's models: all TSPO classes in one Cox fit, linear and in categories, overall and by attained age.

In: the person-time table and the protocol. Out: estimates and diagnostics, before disclosure control. Person-time
after a fill of unknown dose leaves the linear models and is a category of its own in the others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import polars as pl

from cohort.analyses import Analysis
from cohort.counts import Counts, category_counts, linear_counts, nobody
from cohort.cox import Contrast, CoxFit, fit_cox, likelihood_ratio_test, wald_interval
from cohort.inputs import EXPOSURES, UNKNOWN_DOSE, age_stratum_labels, dose_category_labels
from cohort.protocol import Protocol
from cohort.results import CONTRAST, OVERALL, Diagnostic, Estimate, ModelResult
from cohort.risk_sets import RiskSets, risk_sets

STRATA = ("sex", "entry_period")
"""Columns whose combinations have a baseline hazard each."""

_CONTRASTED = ("tspo_binder", "tspo_non_binder")


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
        (pl.col("index_year") // protocol.strata.period_years).alias("entry_period"),
        *((pl.col(f"dose_{e}") / protocol.exposure.per).alias(e) for e in EXPOSURES),
    )
    if protocol.model.time_scale == "age":
        return frame
    entry = pl.col("start_day").min().over("person_id")
    return frame.with_columns(pl.col("start_day") - entry, pl.col("stop_day") - entry)


def fit_model(name: str, frame: pl.DataFrame, analysis: Analysis) -> ModelResult:
    """Fit one of `MODELS` to the prepared person-time of an analysis.

    Returns:
        An estimate for everything asked for; what cannot be estimated has a row that says why.
    """
    return MODELS[name](_Setting(frame, analysis))


@dataclass(frozen=True)
class _Setting:
    """What every model needs: the prepared person-time and the analysis."""

    frame: pl.DataFrame
    analysis: Analysis

    @property
    def protocol(self) -> Protocol:
        return self.analysis.protocol

    @property
    def known_dose(self) -> pl.DataFrame:
        return self.frame.drop_nulls(list(EXPOSURES))

    @property
    def age_strata(self) -> list[str]:
        return age_stratum_labels(self.protocol.strata.age_bands)

    @property
    def categories(self) -> list[str]:
        return dose_category_labels(self.protocol.exposure.category_bounds)

    @property
    def per(self) -> str:
        return f"per {self.protocol.exposure.per}"


@dataclass(frozen=True)
class _Fitted:
    """A fit, or the reason why there is none."""

    fit: CoxFit | None
    why: str = ""
    sets: RiskSets | None = None

    def reason(self, column: str, in_words: str) -> str:
        """Why a column has no estimate, with the column in words; empty when it has one."""
        return self.why or (self.fit.not_estimable.get(column, "") if self.fit else "").replace(column, in_words)

    def contrast(self, weights: Mapping[str, float]) -> Contrast | None:
        return self.fit.contrast(weights) if self.fit else None


def _fit(setting: _Setting, frame: pl.DataFrame, columns: Sequence[str], outcome: str = "dementia") -> _Fitted:
    event = "death" if outcome == "death" else "event"
    if not frame.get_column(event).sum():
        return _Fitted(None, "no deaths" if outcome == "death" else "no dementia events")
    return _fit_sets(setting, risk_sets(frame, [*columns, *setting.protocol.model.covariates], STRATA, event=event))


def _fit_sets(setting: _Setting, sets: RiskSets) -> _Fitted:
    try:
        return _Fitted(fit_cox(sets, setting.protocol.model.ties), sets=sets)
    except (ValueError, np.linalg.LinAlgError) as error:
        return _Fitted(None, str(error))


def _linear(setting: _Setting, outcome: str = "dementia") -> ModelResult:
    """All classes per unit of dose, overall, and the contrast of binder and non-binder from the same fit."""
    frame = setting.known_dose
    fitted = _fit(setting, frame, EXPOSURES, outcome)
    counts = linear_counts(frame, outcome)
    rows = _linear_rows(setting, fitted, {e: e for e in EXPOSURES}, OVERALL, counts, outcome)
    return ModelResult(rows, [_events_per_parameter(setting, fitted)] if outcome == "dementia" else [])


def _linear_by_age(setting: _Setting) -> ModelResult:
    """Dose effects by band of attained age from one fit, and the tests that they are equal over bands."""
    bands = {label: {e: f"{e} at {label}" for e in EXPOSURES} for label in setting.age_strata}
    frame = setting.known_dose.with_columns(
        pl.when(pl.col("age_stratum") == label).then(pl.col(e)).otherwise(0.0).alias(column)
        for label, columns in bands.items()
        for e, column in columns.items()
    )
    fitted = _fit(setting, frame, [c for columns in bands.values() for c in columns.values()])
    rows = []
    for label, columns in bands.items():
        counts = linear_counts(frame.filter(pl.col("age_stratum") == label), "dementia")
        rows += _linear_rows(setting, fitted, columns, label, counts)
    return ModelResult(rows, _heterogeneity(setting, fitted, bands))


def _linear_rows(
    setting: _Setting,
    fitted: _Fitted,
    columns: Mapping[str, str],
    stratum: str,
    counts: Mapping[str, Counts],
    outcome: str = "dementia",
) -> list[Estimate]:
    blank = _blank(setting, stratum, outcome)
    rows = [
        _row(
            replace(blank, exposure=exposure, term=setting.per, reference="per unit", **asdict(counts[exposure])),
            fitted.contrast({column: 1}),
            fitted.reason(column, "a dose of this class"),
            setting,
            counts[exposure].mdrr(),
        )
        for exposure, column in columns.items()
    ]
    binder, non_binder = (columns[e] for e in _CONTRASTED)
    reason = fitted.reason(binder, "a dose of binders") or fitted.reason(non_binder, "a dose of non-binders")
    contrast = replace(
        blank, exposure=CONTRAST, term=setting.per, reference="tspo_non_binder", **asdict(counts[CONTRAST])
    )
    return [*rows, _row(contrast, fitted.contrast({binder: 1, non_binder: -1}), reason, setting)]


def _heterogeneity(setting: _Setting, fitted: _Fitted, bands: Mapping[str, Mapping[str, str]]) -> list[Diagnostic]:
    """Likelihood-ratio tests that a class's effect, and then all of them, are equal over the age bands."""
    if fitted.fit is None or fitted.sets is None:
        return []
    tests = []
    for tested in (*((e,) for e in EXPOSURES), EXPOSURES):
        equal = {e: [columns[e] for columns in bands.values()] for e in tested}
        free = [c for columns in bands.values() for e, c in columns.items() if e not in tested]
        kept = {c: [c] for c in (*free, *setting.protocol.model.covariates)}
        smaller = _fit_sets(setting, fitted.sets.summed({**equal, **kept})).fit
        if smaller is not None and fitted.fit.degrees_of_freedom > smaller.degrees_of_freedom:
            label = tested[0] if len(tested) == 1 else "all classes"
            tests.append(_heterogeneity_row(setting, label, likelihood_ratio_test(fitted.fit, smaller)))
    return tests


def _heterogeneity_row(setting: _Setting, label: str, test: tuple[float, int, float]) -> Diagnostic:
    meaning = "Likelihood-ratio test that the hazard ratio per dose is the same in all bands of attained age."
    return Diagnostic("heterogeneity over age strata", setting.analysis.name, "info", meaning, label, *test)


def _events_per_parameter(setting: _Setting, fitted: _Fitted) -> Diagnostic:
    events = int(setting.known_dose.get_column("event").sum())
    parameters = len(fitted.fit.columns) if fitted.fit else len(EXPOSURES) + len(setting.protocol.model.covariates)
    wanted = setting.protocol.gates.events_per_parameter
    value = events / max(parameters, 1)
    verdict = "pass" if value >= wanted else "warn" if value >= wanted / 2 else "fail"
    meaning = f"Dementia events for each coefficient of the linear model; below {wanted:g} estimates are unstable."
    return Diagnostic("events per parameter", setting.analysis.name, verdict, meaning, value=value)


def _categories(setting: _Setting) -> ModelResult:
    """Each class's dose categories against zero, all classes in one fit, overall."""
    return ModelResult(_category_rows(setting, setting.frame, OVERALL))


def _categories_by_age(setting: _Setting) -> ModelResult:
    """The same within each band of attained age."""
    rows = []
    for label in setting.age_strata:
        rows += _category_rows(setting, setting.frame.filter(pl.col("age_stratum") == label), label)
    return ModelResult(rows)


def _category_rows(setting: _Setting, frame: pl.DataFrame, stratum: str) -> list[Estimate]:
    cells = {e: category_counts(frame, e) for e in EXPOSURES}
    columns = {(e, label): f"{e}[{label}]" for e in EXPOSURES for label in cells[e] if label != setting.categories[0]}
    indicators = frame.with_columns(
        (pl.col(f"category_{e}") == label).cast(pl.Int8).alias(column) for (e, label), column in columns.items()
    )
    fitted = _fit(setting, indicators, list(columns.values()))
    empty, blank = nobody(frame), _blank(setting, stratum)
    rows = []
    for exposure in EXPOSURES:
        unknown = [UNKNOWN_DOSE] if UNKNOWN_DOSE in cells[exposure] else []
        for label in [*setting.categories, *unknown]:
            counts = cells[exposure].get(label, empty)
            row = replace(blank, exposure=exposure, term=label, reference=setting.categories[0], **asdict(counts))
            rows.append(_category_row(setting, row, fitted, columns.get((exposure, label)), counts))
    return rows


def _category_row(setting: _Setting, row: Estimate, fitted: _Fitted, column: str | None, counts: Counts) -> Estimate:
    if row.term == row.reference:
        if fitted.fit is None:
            return replace(row, status=f"not estimable: {fitted.why}")
        return replace(row, hazard_ratio=1.0, log_hr=0.0)
    if column is None:
        return _row(row, None, fitted.why or "nobody is in this category", setting)
    reason = fitted.reason(column, f"a dose of {row.term}" if row.term != UNKNOWN_DOSE else "an unknown dose")
    return _row(row, fitted.contrast({column: 1}), reason, setting, counts.mdrr())


def _blank(setting: _Setting, stratum: str, outcome: str = "dementia") -> Estimate:
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
    row: Estimate, contrast: Contrast | None, reason: str, setting: _Setting, mdrr: float | None = None
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


MODELS: Mapping[str, Callable[[_Setting], ModelResult]] = {
    "linear": _linear,
    "linear by age": _linear_by_age,
    "categories": _categories,
    "categories by age": _categories_by_age,
    "death": lambda setting: _linear(setting, "death"),
}
"""The models of an analysis, by the name that `fit_model` takes."""
