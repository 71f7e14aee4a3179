"""Each class's dose categories against no dose, all classes in one Cox fit, overall and within bands of attained age.

In: a `Setting`. Out: estimates, and the tests for trend over the categories.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace

import numpy as np
import polars as pl

from cohort.counts import Counts, Known, category_counts, nobody
from cohort.fitting import Fitted, Setting, fit, fit_sets
from cohort.inputs import EXPOSURES, UNKNOWN_DOSE
from cohort.models.rows import blank, with_estimate
from cohort.results import OVERALL, Diagnostic, Estimate, ModelResult
from cohort.survival.inference import wald_test
from cohort.survival.spline import percentiles


def categories(setting: Setting) -> ModelResult:
    """Each class's dose categories against zero, all classes in one fit, overall."""
    cells = _Cells(setting, setting.frame, OVERALL)
    return ModelResult(_category_rows(cells, setting.known()), _trend(cells))


def categories_by_age(setting: Setting) -> ModelResult:
    """The same within each band of attained age."""
    known = setting.known(setting.age_strata)
    rows = []
    for label in setting.age_strata:
        rows += _category_rows(_Cells(setting, setting.frame.filter(pl.col("age_stratum") == label), label), known)
    return ModelResult(rows)


class _Cells:
    """The categories of one age stratum and their fit.

    Attributes:
        counts: exposure -> category -> persons, events and time.
        columns: (exposure, category) -> its column in the fit; the categories without a dose have none.
    """

    def __init__(self, setting: Setting, frame: pl.DataFrame, stratum: str) -> None:
        self.setting, self.frame, self.stratum = setting, frame, stratum
        self.counts = {e: category_counts(frame, e) for e in EXPOSURES}
        labels = [*setting.categories[1:], UNKNOWN_DOSE]
        self.columns = {(e, label): f"{e}[{label}]" for e in EXPOSURES for label in labels if label in self.counts[e]}
        indicators = {column: pl.col(f"category_{e}") == label for (e, label), column in self.columns.items()}
        self.fitted = fit(setting, indicators, None if stratum == OVERALL else pl.col("age_stratum") == stratum)


def _category_rows(cells: _Cells, known: Mapping[tuple[str, str], Known]) -> list[Estimate]:
    setting, empty = cells.setting, nobody(cells.frame)
    shared, rows = blank(setting, cells.stratum), []
    for exposure in EXPOSURES:
        unknown = [UNKNOWN_DOSE] if UNKNOWN_DOSE in cells.counts[exposure] else []
        for label in [*setting.categories, *unknown]:
            counts = cells.counts[exposure].get(label, empty)
            numbers = asdict(counts) | asdict(known[cells.stratum, exposure])
            row = replace(shared, exposure=exposure, term=label, reference=setting.categories[0], **numbers)
            rows.append(_category_row(setting, row, cells.fitted, cells.columns.get((exposure, label)), counts))
    return rows


def _category_row(setting: Setting, row: Estimate, fitted: Fitted, column: str | None, counts: Counts) -> Estimate:
    if row.term == row.reference:
        if fitted.fit is None:
            return replace(row, status=f"not estimable: {fitted.why}")
        return replace(row, hazard_ratio=1.0, log_hr=0.0)
    if column is None:
        return with_estimate(row, None, fitted.why or "nobody is in this category", setting)
    reason = fitted.reason(column, f"a dose of {row.term}" if row.term != UNKNOWN_DOSE else "an unknown dose")
    return with_estimate(row, fitted.contrast({column: 1}), reason, setting, counts.mdrr())


def _trend(cells: _Cells) -> list[Diagnostic]:
    """Wald's test of each class that the log hazard does not change with the median dose of its category.

    All classes are in one fit, and an unknown dose keeps a coefficient of its own.
    """
    sets, medians = cells.fitted.sets, _median_doses(cells)
    if sets is None:
        return []
    kept = [c for c in sets.columns if c not in cells.columns.values()]
    kept += [column for (_, label), column in cells.columns.items() if label == UNKNOWN_DOSE]
    scores: dict[str, dict[str, float]] = {}
    for (exposure, label), column in cells.columns.items():
        if label != UNKNOWN_DOSE:
            scores.setdefault(exposure, {})[column] = medians[exposure, label]
    fitted = fit_sets(cells.setting, sets.combined({**scores, **{column: {column: 1.0} for column in kept}}))
    meaning = (
        "Test that the hazard does not change with the median dose of the category; the value is its hazard ratio "
    )
    meaning += cells.setting.per + "."
    return [
        Diagnostic(
            *("trend over dose categories", cells.setting.analysis.name, "info", meaning, exposure),
            *wald_test(fitted.fit, [exposure]),
            value=float(np.exp(fitted.fit.params[fitted.fit.columns.index(exposure)])),
        )
        for exposure in scores
        if fitted.fit is not None and exposure in fitted.fit.columns
    ]


def _median_doses(cells: _Cells) -> dict[tuple[str, str], float]:
    """(exposure, category) -> the median dose of its person-time, in the unit of the linear models."""
    medians = {}
    for exposure in EXPOSURES:
        category = f"category_{exposure}"
        of_class = cells.setting.person_time.select(exposure, category, "days").drop_nulls(exposure)
        exposed = of_class.filter(pl.col(category) != cells.setting.categories[0]).collect(engine="streaming")
        for (label,), doses in exposed.group_by(category):
            days = doses.get_column("days").to_numpy().astype(np.float64)
            medians[exposure, str(label)] = float(percentiles(doses.get_column(exposure).to_numpy(), days, [50])[0])
    return medians
