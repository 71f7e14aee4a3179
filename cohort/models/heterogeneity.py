"""Tests that the effect of dose is the same in all bands of age.

In: a fit of dose by band. Out: likelihood-ratio tests of each class and of all together, from the same risk sets; and
Wald's test of the contrast, which no smaller model of doses alone would leave equal.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from cohort.counts import CONTRASTED
from cohort.fitting import Fitted, Setting, nested_tests
from cohort.inputs import EXPOSURES
from cohort.results import CONTRAST, Diagnostic
from cohort.survival.cox import CoxFit
from cohort.survival.inference import Test, linear_hypothesis

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
    smaller = {label: _with_equal_effects(setting, bands, exposures) for label, exposures in tested.items()}
    rows = [
        Diagnostic(name, setting.analysis.name, "info", meaning, label, *test)
        for label, test in nested_tests(setting, fitted, smaller).items()
    ]
    contrast = _of_contrast(fitted.fit, bands)
    if contrast is not None:
        meaning = f"Wald's test that the ratio of binders' to non-binders' hazard ratios is the same {where}."
        rows.append(Diagnostic(name, setting.analysis.name, "info", meaning, CONTRAST, *contrast))
    return rows


def _with_equal_effects(setting: Setting, bands: Bands, exposures: Sequence[str]) -> dict[str, dict[str, float]]:
    """The columns of the model in which some classes have the same effect in all bands."""
    equal = {e: {columns[e]: 1.0 for columns in bands.values()} for e in exposures}
    free = [c for columns in bands.values() for e, c in columns.items() if e not in exposures]
    return {**equal, **{c: {c: 1.0} for c in (*free, *setting.protocol.model.covariates)}}


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
