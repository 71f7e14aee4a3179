"""All TSPO classes per unit of dose in one Cox fit, overall and by band of attained age, and the contrast of the two.

In: a `Setting`. Out: estimates; tests that hazards are proportional, and that effects are equal over age bands; events
for each coefficient; and what a unit of dose adds to the rate in each band.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace

import polars as pl

from cohort.counts import CONTRASTED, Counts, Known, linear_counts
from cohort.fitting import Fitted, Setting, fit
from cohort.inputs import EXPOSURES
from cohort.models.excess import additive_effects
from cohort.models.heterogeneity import heterogeneity
from cohort.models.rows import blank, with_estimate
from cohort.results import CONTRAST, OVERALL, Diagnostic, Estimate, ModelResult
from cohort.survival.proportional import proportional_hazards_test


def linear(setting: Setting, cause: str = "event") -> ModelResult:
    """All classes per unit of dose, overall, and the contrast of binder and non-binder from the same fit."""
    frame = setting.known_time
    fitted = fit(setting, {e: setting.dose(e) for e in EXPOSURES}, setting.has_known_doses, cause)
    columns = {e: e for e in EXPOSURES}
    rows = linear_rows(setting, fitted, columns, OVERALL, linear_counts(frame, cause), setting.known(), cause)
    if cause != "event":
        return ModelResult(rows)
    return ModelResult(rows, [_events_per_parameter(setting, fitted), *_proportionality(setting, fitted)])


def linear_by_age(setting: Setting) -> ModelResult:
    """Dose effects by band of attained age from one fit, and the tests that they are equal over bands."""
    frame, bands = setting.known_time, band_columns(setting.age_strata)
    fitted = fit(setting, doses_by_band(setting, bands, "age_stratum"), setting.has_known_doses)
    known = setting.known(setting.age_strata)
    rows = []
    for label, columns in bands.items():
        counts = linear_counts(frame.filter(pl.col("age_stratum") == label))
        rows += linear_rows(setting, fitted, columns, label, counts, known)
    tests = heterogeneity(setting, fitted, bands, "heterogeneity over age strata", "in all bands of attained age")
    return ModelResult(rows, tests, additive=additive_effects(setting, fitted, bands))


def band_columns(labels: list[str]) -> dict[str, dict[str, str]]:
    """Band -> exposure -> its column in a fit of dose by band."""
    return {label: {e: f"{e} at {label}" for e in EXPOSURES} for label in labels}


def doses_by_band(setting: Setting, bands: Mapping[str, Mapping[str, str]], column: str) -> dict[str, pl.Expr]:
    """The columns of `band_columns` as expressions; `column` of the patterns says in which band they are."""
    return {
        name: pl.when(pl.col(column) == label).then(setting.dose(e)).otherwise(0.0)
        for label, columns in bands.items()
        for e, name in columns.items()
    }


def linear_rows(
    setting: Setting,
    fitted: Fitted,
    columns: Mapping[str, str],
    stratum: str,
    counts: Mapping[str, Counts],
    known: Mapping[tuple[str, str], Known],
    cause: str = "event",
    model: str = "",
) -> list[Estimate]:
    """A row for each class, and one for the contrast of binder and non-binder.

    Args:
        columns: exposure -> its column in the fit.
        known: shares of known dose by (stratum, exposure); where there are none, rows have none.
        model: name of the model in `estimates`; none: the Cox model of the cause.
    """
    shared = blank(setting, stratum, cause, model)
    of = {e: asdict(counts[e]) | asdict(known.get((stratum, e), Known())) for e in (*columns, CONTRAST)}
    rows = [
        with_estimate(
            replace(shared, exposure=exposure, term=setting.per, reference="per unit", **of[exposure]),
            fitted.contrast({column: 1}),
            fitted.reason(column, "a dose of this class"),
            setting,
            counts[exposure].mdrr(),
        )
        for exposure, column in columns.items()
    ]
    binder, non_binder = (columns[e] for e in CONTRASTED)
    reason = fitted.reason(binder, "a dose of binders") or fitted.reason(non_binder, "a dose of non-binders")
    contrast = replace(shared, exposure=CONTRAST, term=setting.per, reference="tspo_non_binder", **of[CONTRAST])
    return [*rows, with_estimate(contrast, fitted.contrast({binder: 1, non_binder: -1}), reason, setting)]


def _events_per_parameter(setting: Setting, fitted: Fitted) -> Diagnostic:
    events = int(setting.known_time.get_column("event").sum())
    parameters = len(fitted.fit.columns) if fitted.fit else len(EXPOSURES) + len(setting.protocol.model.covariates)
    wanted = setting.protocol.gates.events_per_parameter
    value = events / max(parameters, 1)
    verdict = "pass" if value >= wanted else "warn" if value >= wanted / 2 else "fail"
    events_of = setting.protocol.outcome.words
    meaning = (
        f"{events_of[0].upper()}{events_of[1:]} events for each coefficient of the linear model; below {wanted:g} "
        "estimates are unstable."
    )
    return Diagnostic("events per parameter", setting.analysis.name, verdict, meaning, value=value)


def _proportionality(setting: Setting, fitted: Fitted) -> list[Diagnostic]:
    """Score tests that hazard ratios per dose do not drift with time, as R's `cox.zph(transform = "identity")`."""
    if fitted.fit is None or not fitted.fit.columns or setting.analysis.is_bound:
        return []
    axis = "age" if setting.protocol.model.time_scale == "age" else "time since entry"
    meaning = (
        f"Score test that the hazard ratio does not drift with {axis}; where it does, the estimate is a mean over "
    )
    meaning += f"{axis}, and the age strata say more."
    tests = proportional_hazards_test(fitted.fit, "identity")
    least = setting.protocol.gates.proportional_hazards_p
    rows = []
    for term, statistic, df, p_value in tests.iter_rows():
        if term in EXPOSURES or term == "GLOBAL":
            verdict = "warn" if p_value < least else "pass"
            label = "all terms" if term == "GLOBAL" else term
            names = ("proportional hazards", setting.analysis.name, verdict, meaning, label)
            rows.append(Diagnostic(*names, statistic, df, p_value))
    return rows
