"""Tests that the effect of dose is the same in all bands of age.

In: a fit of dose by band. Out: likelihood-ratio tests of each class and of all together, from the same risk sets; and
Wald's test of the contrast, which no smaller model of doses alone would leave equal.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from cohort.counts import CONTRASTED
from cohort.fitting import Fitted, Setting, fit_sets
from cohort.inputs import EXPOSURES
from cohort.results import CONTRAST, Diagnostic
from cohort.survival.cox import CoxFit
from cohort.survival.inference import Test, likelihood_ratio_test, linear_hypothesis, restriction_tests

Bands = Mapping[str, Mapping[str, str]]
"""Band -> exposure -> its column in the fit."""


def heterogeneity(setting: Setting, fitted: Fitted, bands: Bands, name: str, where: str) -> list[Diagnostic]:
    """One test for each class, one for all, and one for the contrast; those that cannot be made are left out.

    Args:
        name: of the diagnostic.
        where: in words, such as `in all bands of attained age`.
    """
    if fitted.fit is None or fitted.sets is None:
        return []
    meaning = f"Likelihood-ratio test that the hazard ratio per dose is the same {where}."
    tested = {**{e: (e,) for e in EXPOSURES}, "all classes": EXPOSURES}
    tests = _restricted(fitted.fit, bands, tested) or _fitted_anew(setting, fitted, bands, tested)
    rows = [
        Diagnostic(name, setting.analysis.name, "info", meaning, label, *test)
        for label, test in tests.items()
        if test.degrees_of_freedom > 0
    ]
    contrast = _of_contrast(fitted.fit, bands)
    if contrast is not None:
        meaning = f"Wald's test that the ratio of binders' to non-binders' hazard ratios is the same {where}."
        rows.append(Diagnostic(name, setting.analysis.name, "info", meaning, CONTRAST, *contrast))
    return rows


def _restricted(fit: CoxFit, bands: Bands, tested: Mapping[str, Sequence[str]]) -> dict[str, Test]:
    """The tests where every column has an estimate; else none, for the smaller model may have estimates of more."""
    if fit.not_estimable:
        return {}
    hypotheses = []
    for exposures in tested.values():
        of_bands = [[float(c == columns[e]) for c in fit.columns] for e in exposures for columns in bands.values()]
        by_exposure = np.array(of_bands).reshape(len(exposures), len(bands), len(fit.columns))
        hypotheses.append(np.diff(by_exposure, axis=1).reshape(-1, len(fit.columns)))
    return dict(zip(tested, restriction_tests(fit, hypotheses), strict=True))


def _fitted_anew(
    setting: Setting, fitted: Fitted, bands: Bands, tested: Mapping[str, Sequence[str]]
) -> dict[str, Test]:
    """The tests from smaller models' own fits; those that cannot be made are left out."""
    if fitted.fit is None or fitted.sets is None:
        return {}
    tests = {}
    for label, exposures in tested.items():
        equal = {e: {columns[e]: 1.0 for columns in bands.values()} for e in exposures}
        free = [c for columns in bands.values() for e, c in columns.items() if e not in exposures]
        kept = {c: {c: 1.0} for c in (*free, *setting.protocol.model.covariates)}
        smaller = fit_sets(setting, fitted.sets.combined({**equal, **kept})).fit
        if smaller is not None:
            tests[label] = likelihood_ratio_test(fitted.fit, smaller)
    return tests


def _of_contrast(fit: CoxFit, bands: Bands) -> Test | None:
    """Whether the contrast is equal over the bands in which both classes have an estimate."""
    contrasts = []
    for columns in bands.values():
        binder, non_binder = (columns[e] for e in CONTRASTED)
        if binder in fit.columns and non_binder in fit.columns:
            row = np.zeros(len(fit.columns))
            row[fit.columns.index(binder)], row[fit.columns.index(non_binder)] = 1.0, -1.0
            contrasts.append(row)
    if len(contrasts) < 2:
        return None
    return linear_hypothesis(fit, np.diff(np.array(contrasts), axis=0))
