"""Age as a modifier in two more ways: age at entry in bands, and attained age as a continuous modifier.

In: a `Setting`. Out: estimates and tests beside those of `linear_by_age`. Attained age asks when a dose acts, age at
entry who takes it; the continuous modifier has no bands whose edges could be chosen.
"""

from dataclasses import replace

import polars as pl

from cohort.counts import CONTRASTED, DAYS_PER_YEAR, linear_counts
from cohort.fitting import Fitted, Setting, fit, fit_sets, nested_tests
from cohort.inputs import EXPOSURES
from cohort.models.heterogeneity import heterogeneity
from cohort.models.linear import band_columns, doses_by_band, linear_rows
from cohort.models.rows import blank, with_estimate
from cohort.results import AGE_AT_ENTRY, CONTINUOUS_AGE, CONTRAST, OVERALL, Diagnostic, Estimate, ModelResult
from cohort.survival.cox import Contrast
from cohort.survival.inference import likelihood_ratio_test
from cohort.survival.periods import cut
from cohort.survival.risk_sets import RiskSets

AT_AGES = (60, 70, 80, 90)
"""Ages at which the continuous modifier is read."""
_CENTRE = 75
_YEARS = 10


def by_age_at_entry(setting: Setting) -> ModelResult:
    """Dose effects by band of age at entry from one fit, and the tests that they are equal over bands."""
    frame, bands = setting.known_time, band_columns(setting.age_strata)
    fitted = fit(setting, doses_by_band(setting, bands, "entry_age_stratum"), setting.has_known_doses)
    spells = setting.person_time.select("person_id", "start_day", "age_stratum").group_by("person_id")
    first = spells.agg(pl.col("age_stratum").sort_by("start_day").first().alias("band"))
    entered = first.collect(engine="streaming")
    rows = []
    for label, columns in bands.items():
        own = frame.join(entered.filter(pl.col("band") == label), on="person_id", how="semi")
        rows += linear_rows(setting, fitted, columns, label, linear_counts(own), {}, model=AGE_AT_ENTRY)
    tests = heterogeneity(setting, fitted, bands, "heterogeneity over age at entry", "in all bands of age at entry")
    return ModelResult(rows, tests)


def by_continuous_age(setting: Setting) -> ModelResult:
    """Log hazard ratios that change in a straight line with attained age, read at some ages.

    Risk sets are cut at every year of age, within which age is that of its middle.
    """
    shared = blank(setting, OVERALL, model=CONTINUOUS_AGE)
    counts, known = linear_counts(setting.known_time), setting.known()
    numbers = {e: vars(counts[e]) | vars(known[OVERALL, e]) for e in (*EXPOSURES, CONTRAST)}
    larger, smaller = _fits(setting)
    rows: list[Estimate] = []
    for exposure in (*EXPOSURES, CONTRAST):
        own = replace(shared, exposure=exposure, **numbers[exposure])
        slope = replace(own, term=f"{setting.per} per {_YEARS} years of age", reference="per unit")
        rows.append(with_estimate(slope, *_combination(larger, exposure, 0.0, 1.0), setting))
        for age in AT_AGES:
            row = replace(own, term=f"{setting.per} at age {age}", reference="per unit")
            rows.append(with_estimate(row, *_combination(larger, exposure, 1.0, (age - _CENTRE) / _YEARS), setting))
    return ModelResult(rows, _slope_tests(setting, larger, smaller))


def _fits(setting: Setting) -> tuple[Fitted, Fitted]:
    """The model with a slope in age, and the one without, from the same risk sets."""
    if setting.protocol.model.time_scale != "age":
        return (Fitted(None, "the time scale is not age, so risk sets are not of one age"),) * 2
    smaller = fit(setting, {e: setting.dose(e) for e in EXPOSURES}, setting.has_known_doses)
    if smaller.sets is None:
        return smaller, smaller
    return fit_sets(setting, _with_age(smaller.sets)), smaller


def _with_age(sets: RiskSets) -> RiskSets:
    """The risk sets cut at every year of age, with each dose x age as a column more."""
    first, last = (int(at // DAYS_PER_YEAR) for at in (sets.time.min(), sets.time.max()))
    birthdays = [DAYS_PER_YEAR * age for age in range(first + 1, last + 1)]
    pieces, period = cut(sets, birthdays)
    age = (first + 0.5 + period - _CENTRE) / _YEARS
    own = {column: pieces.patterns[:, index] for index, column in enumerate(pieces.columns)}
    return pieces.designed({**own, **{_slope(e): own[e] * age for e in EXPOSURES}})


def _slope(exposure: str) -> str:
    return f"{exposure} x age"


def _combination(fitted: Fitted, exposure: str, level: float, slope: float) -> tuple[Contrast | None, str]:
    """level x coefficient + slope x its change with age, and why not."""
    signs = dict(zip(CONTRASTED, (1.0, -1.0), strict=True)) if exposure == CONTRAST else {exposure: 1.0}
    weights: dict[str, float] = {}
    for name, sign in signs.items():
        weights |= {name: sign * level} if level else {}
        weights |= {_slope(name): sign * slope} if slope else {}
    reasons = (fitted.reason(c, "a dose of this class") for name in signs for c in (name, _slope(name)))
    return fitted.contrast(weights), next((why for why in reasons if why), "")


def _slope_tests(setting: Setting, larger: Fitted, smaller: Fitted) -> list[Diagnostic]:
    """Likelihood-ratio tests of each class's slope in age, and of all of them."""
    if larger.fit is None or larger.sets is None or smaller.fit is None:
        return []
    name = "heterogeneity over continuous age"
    meaning = "Likelihood-ratio test that the hazard ratio per dose does not change with attained age."
    without = {e: {c: {c: 1.0} for c in larger.sets.columns if c != _slope(e)} for e in EXPOSURES}
    tests = nested_tests(setting, larger, without)
    if larger.fit.degrees_of_freedom > smaller.fit.degrees_of_freedom:
        tests["all classes"] = likelihood_ratio_test(larger.fit, smaller.fit)
    rows = [Diagnostic(name, setting.analysis.name, "info", meaning, label, *test) for label, test in tests.items()]
    contrast, _ = _combination(larger, CONTRAST, 0.0, 1.0)
    if contrast is not None:
        z = contrast.estimate / contrast.standard_error
        meaning = (
            "Wald's test that the ratio of binders' to non-binders' hazard ratios does not change with attained age."
        )
        rows.append(Diagnostic(name, setting.analysis.name, "info", meaning, CONTRAST, z**2, 1, contrast.p_value))
    return rows
