"""Does the class hold? The contrast with the drugs sorted in other ways, and with what else they have in common.

In: the doses of drugs. Out: rows of `class_checks`, each from one fit, and the permutation test. A claim about a class
of drugs is one about drugs: it must survive without any one of them, with other bounds and other evidence, beside
half-life and potency, and be more than the classes could show that the same drugs would make if shuffled.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb
from random import Random

import numpy as np

from cohort.classification import other_classifications
from cohort.counts import CONTRASTED
from cohort.fitting import Fitted, Setting, fit_sets
from cohort.inputs import EXPOSURES, classified_drugs
from cohort.models.doses import DrugDoses, Weights
from cohort.models.rows import numbers
from cohort.results import CONTRAST, ClassCheck, Diagnostic
from cohort.survival.arrays import Floats
from cohort.survival.cox import CoxFit, inverse
from cohort.survival.inference import restricted_fits
from cohort.survival.risk_sets import RiskSets

PERMUTATION = "permutation of the classes"
LEAVE_ONE_OUT, BESIDE = "leave one drug out", "in the same model"
WEIGHTED, WITHOUT_VALUE = "tspo_weighted", "without a measured affinity"
_TIE = 1e-9


@dataclass(frozen=True)
class _Variant:
    """A model of sums of doses, and what of it is told.

    Attributes:
        columns: column -> the drugs whose dose it sums, with their weights.
        told: exposure -> the columns that stand on its two sides; the second is empty where it is no contrast.
    """

    check: str
    name: str
    columns: Mapping[str, Weights]
    told: Mapping[str, tuple[str, str]]


def class_checks(setting: Setting, doses: DrugDoses, drugs: Fitted) -> list[ClassCheck]:
    """A row for each check, variant and exposure that it tells; none where there is no fit of drugs.

    Args:
        drugs: the fit of every drug's own dose, of which each model of sums is a restriction.
    """
    if doses.sets is None:
        return []
    fits = _Fits(setting, doses.sets, drugs)
    return [row for variant in _variants(setting, doses.drugs) for row in _rows(setting, doses, variant, fits)]


class _Fits:
    """Fits of sums of the drugs' doses and the covariates; the same sums are fitted once."""

    def __init__(self, setting: Setting, sets: RiskSets, drugs: Fitted) -> None:
        self._setting, self._sets, self._drugs = setting, sets, drugs
        self._made: dict[tuple[tuple[str, tuple[tuple[str, float], ...]], ...], Fitted] = {}

    def of(self, sums: Mapping[str, Weights]) -> Fitted:
        """The fit of these columns."""
        key = tuple((name, tuple(weights.items())) for name, weights in sums.items())
        if key not in self._made:
            own = {covariate: {covariate: 1.0} for covariate in self._setting.protocol.model.covariates}
            self._made[key] = self._fit({**sums, **own})
        return self._made[key]

    def _fit(self, columns: Mapping[str, Weights]) -> Fitted:
        """Within the model of drugs, where that has all its estimates; else anew, with the reason for what has none."""
        if self._drugs.fit is not None:
            try:
                return Fitted(restricted_fits(self._drugs.fit, [columns])[0])
            except (ValueError, np.linalg.LinAlgError):
                pass
        return fit_sets(self._setting, self._sets.combined(columns))


def _variants(setting: Setting, drugs: Sequence[str]) -> Iterator[_Variant]:
    facts = {row["drug"]: row for row in classified_drugs(setting.protocol).iter_rows(named=True)}
    known = {drug: facts[drug] for drug in drugs}
    classes = {drug: row["tspo_class"] for drug, row in known.items()}
    contrast = {CONTRAST: CONTRASTED}
    yield _Variant("as planned", "", _by_class(classes), {**{e: (e, "") for e in EXPOSURES}, **contrast})
    for drug in drugs:
        # Its dose stays in the model, in a column of its own: its takers are not unexposed.
        others = {other: name for other, name in classes.items() if other != drug}
        if classes[drug] != "unknown":
            yield _Variant(LEAVE_ONE_OUT, f"without {drug}", {**_by_class(others), drug: {drug: 1.0}}, contrast)
    for check, name, sorted_otherwise in other_classifications(setting.protocol):
        yield _Variant(check, name, _by_class({drug: sorted_otherwise[drug] for drug in drugs}), contrast)
    yield from _beside(known, classes, setting.protocol.affinity.high_potency_mg)
    weights = {d: row["mg_per_dme"] / row["mg_per_tspo"] for d, row in known.items() if _has_weight(row)}
    rest = {drug: 1.0 for drug in drugs if drug not in weights}
    told = {WEIGHTED: (WEIGHTED, "")}
    yield _Variant("dose by affinity", "all measured drugs", {WEIGHTED: weights, WITHOUT_VALUE: rest}, told)


def _beside(
    known: Mapping[str, Mapping[str, object]], classes: Mapping[str, str], high_potency_mg: float
) -> Iterator[_Variant]:
    """Beside half-life and potency, and within each kind of half-life: the cells of class and half-life."""
    is_long = {drug: 1.0 for drug, row in known.items() if row["half_life_class"] == "long"}
    is_potent = {drug: 1.0 for drug, row in known.items() if _is_at_most(row["mg_per_dme"], high_potency_mg)}
    contrast = {CONTRAST: CONTRASTED}
    for name, more in {
        "half-life": {"long-acting": is_long},
        "potency": {"high potency": is_potent},
        "half-life and potency": {"long-acting": is_long, "high potency": is_potent},
    }.items():
        yield _Variant(BESIDE, name, {**_by_class(classes), **more}, contrast)
    cells = {
        f"{exposure}, {word}": {
            d: 1.0 for d, name in classes.items() if f"tspo_{name}" == exposure and (d in is_long) == is_long_acting
        }
        for exposure in EXPOSURES
        for word, is_long_acting in (("long-acting", True), ("short-acting", False))
    }
    for word in ("long-acting", "short-acting"):
        told = {exposure: (f"{exposure}, {word}", "") for exposure in EXPOSURES}
        pair = (f"{CONTRASTED[0]}, {word}", f"{CONTRASTED[1]}, {word}")
        yield _Variant("class by half-life", word, cells, {**told, CONTRAST: pair})


def _by_class(classes: Mapping[str, str]) -> dict[str, Weights]:
    return {e: {d: 1.0 for d, name in classes.items() if f"tspo_{name}" == e} for e in EXPOSURES}


def _has_weight(row: Mapping[str, object]) -> bool:
    return row["mg_per_dme"] is not None and row["mg_per_tspo"] is not None


def _is_at_most(value: object, bound: float) -> bool:
    return isinstance(value, float) and value <= bound


def _rows(setting: Setting, doses: DrugDoses, variant: _Variant, fits: _Fits) -> Iterator[ClassCheck]:
    columns = {name: weights for name, weights in variant.columns.items() if weights}
    fitted = fits.of(columns)
    for exposure, sides in variant.told.items():
        present = [side for side in sides if side]
        empty = next((side for side in present if side not in columns), None)
        exposed = [doses.exposed(tuple(columns.get(side, {}))) for side in present]
        row = ClassCheck(
            variant.check,
            variant.name,
            exposure,
            " / ".join(", ".join(columns.get(side, {})) or "none" for side in present),
            min(counted.persons for counted in exposed),
            min(counted.events for counted in exposed),
        )
        if empty:
            yield replace(row, status=f"not estimable: nobody took {_in_words(empty)}")
        else:
            yield _with_estimate(row, fitted, present, setting)


def _with_estimate(row: ClassCheck, fitted: Fitted, sides: Sequence[str], setting: Setting) -> ClassCheck:
    reason = next((why for side in sides if (why := fitted.reason(side, _in_words(side)))), "")
    contrast = fitted.contrast(dict(zip(sides, (1.0, -1.0), strict=False)))
    return replace(row, **numbers(contrast, reason, setting))


_NOUNS = {
    "tspo_binder": "a{} binder",
    "tspo_non_binder": "a{} non-binder",
    "tspo_unknown": "a{} drug of unknown affinity",
    WEIGHTED: "a drug of measured affinity",
}


def _in_words(column: str) -> str:
    """Who takes what the column sums, such as `a long-acting binder`."""
    name, _, kind = column.partition(", ")
    return _NOUNS.get(name, name).format(f" {kind}" if kind else "")


def class_permutation(setting: Setting, doses: DrugDoses, fitted: Fitted) -> list[Diagnostic]:
    """Whether the classes differ by more than the same drugs would, sorted into classes of the same sizes at random.

    Drugs are shuffled, not persons: the class varies between drugs. The statistic is the contrast over its standard
    error on the quadratic of the drugs' likelihood, of which a model of classes is a restriction; it is the same for
    every arrangement, so the test is exact whatever it is. Drugs of unknown affinity stay what they are.
    """
    if fitted.fit is None:
        return []
    classes = dict(classified_drugs(setting.protocol).select("drug", "tspo_class").iter_rows())
    measured = [d for d in doses.drugs if f"tspo_{classes[d]}" in CONTRASTED and d in fitted.fit.columns]
    binders = [d for d in measured if f"tspo_{classes[d]}" == CONTRASTED[0]]
    if not binders or len(binders) == len(measured):
        return []
    limit = setting.protocol.affinity.arrangements
    statistic = _Contrast(fitted.fit, measured, [d for d in doses.drugs if d not in measured])
    observed = statistic.of(binders)
    total = comb(len(measured), len(binders))
    is_exact = total <= limit
    shuffled = combinations(measured, len(binders)) if is_exact else _drawn(measured, len(binders), limit, setting)
    as_far = sum(abs(statistic.of(chosen)) >= abs(observed) - _TIE for chosen in shuffled)
    count, p_value = (total, as_far / total) if is_exact else (limit, (1 + as_far) / (1 + limit))
    how = f"all {total:,} ways" if is_exact else f"{limit:,} of {total:,} ways, drawn at random,"
    meaning = (
        f"Two-sided permutation test of the contrast: {how} to call {len(binders)} of {len(measured)} drugs binders; "
        f"p can be no smaller than {(1 / total if is_exact else 1 / (1 + limit)):.2g}."
    )
    name = setting.analysis.name
    return [Diagnostic(PERMUTATION, name, "info", meaning, CONTRAST, observed, None, p_value, float(count))]


def _drawn(drugs: Sequence[str], size: int, times: int, setting: Setting) -> Iterator[list[str]]:
    random = Random(f"{setting.protocol.study.seed}:{PERMUTATION}")
    return (random.sample(drugs, size) for _ in range(times))


class _Contrast:
    """The contrast of two classes of drugs over its standard error, for any arrangement of the drugs."""

    def __init__(self, fit: CoxFit, measured: Sequence[str], others: Sequence[str]) -> None:
        self._information = inverse(fit.covariance)
        self._pull: Floats = self._information @ fit.params
        self._measured = {drug: fit.columns.index(drug) for drug in measured}
        left = [c for c in fit.columns if c not in measured and c not in others]
        self._fixed = np.zeros((len(fit.columns), 3 + len(left)))
        self._fixed[[fit.columns.index(drug) for drug in others if drug in fit.columns], 2] = 1.0
        for place, column in enumerate(left, start=3):
            self._fixed[fit.columns.index(column), place] = 1.0
        self._fixed = self._fixed[:, [0, 1, *(k for k in range(2, self._fixed.shape[1]) if self._fixed[:, k].any())]]

    def of(self, binders: Sequence[str]) -> float:
        """The statistic if these drugs were the binders."""
        design = self._fixed.copy()
        for drug, place in self._measured.items():
            design[place, 0 if drug in binders else 1] = 1.0
        information = design.T @ self._information @ design
        covariance = inverse(information)
        estimate = covariance @ (design.T @ self._pull)
        error = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
        return float((estimate[0] - estimate[1]) / np.sqrt(error))
