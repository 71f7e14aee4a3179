"""Little for long, or much for a short time: duration and mean intensity of use of each class in one model.

In: a `Setting` with the days of use. Out: per class the hazard ratio of a year of use at the same mean dose a day, that
of a unit more a day at the same duration, and those of the grid of both against no use. The mouse work saw damage
fast at a high dose and slowly at a low one (Shi et al. 2022, doi 10.1038/s41593-022-01013-9).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise, product

import polars as pl

from cohort.fitting import DAYS_OF_USE, STRATA, Fitted, Setting, fit_sets
from cohort.inputs import ADDITIVE_METRICS, EXPOSURES
from cohort.models.rows import numbers
from cohort.results import ModelResult, UsePattern
from cohort.survival.counting import risk_sets

_YEAR = 365
PER_DURATION, PER_INTENSITY = f"per {_YEAR} days", "per 1 a day"


def duration_and_intensity(setting: Setting) -> ModelResult:
    """A row for duration and one for intensity of each class, and one for each cell of their grid."""
    setting = setting.sample
    metric = setting.protocol.exposure.metric
    if metric not in ADDITIVE_METRICS:
        return _nothing(setting, f"a mean {metric} per day of use is no intensity")
    if setting.accrued is None:
        return _nothing(setting, "there is no table of what has accrued")
    frame = _with_use(setting, setting.accrued)
    if not frame.get_column("event").sum():
        return _nothing(setting, setting.no_events)
    return ModelResult(use_patterns=[*_slopes(setting, frame), *_grid(setting, frame)])


def _nothing(setting: Setting, why: str) -> ModelResult:
    rows = [_row(setting, exposure, PER_DURATION, "") for exposure in EXPOSURES]
    return ModelResult(use_patterns=[replace(row, status=f"not estimable: {why}") for row in rows])


def _row(setting: Setting, exposure: str, duration: str, intensity: str) -> UsePattern:
    return UsePattern(exposure, setting.protocol.exposure.metric, duration, intensity)


def _with_use(setting: Setting, accrued: pl.LazyFrame) -> pl.DataFrame:
    """Person-time of known dose, with days of use and mean dose per day of use of each class; both zero before use."""
    key = ["person_id", "start_day"]
    used = accrued.filter(pl.col("quantity") == DAYS_OF_USE).select(*key, "name", "amount").collect()
    days = used.pivot("name", index=key, values="amount")
    needed = [*key, "stop_day", "event", *STRATA, *EXPOSURES, *setting.protocol.model.covariates]
    joined = setting.intervals(*needed).join(days, on=key, how="left", maintain_order="left")
    per = setting.protocol.exposure.per
    for exposure in EXPOSURES:
        own = exposure.removeprefix("tspo_")
        taken = pl.col(own).fill_null(0.0) if own in joined.columns else pl.lit(0.0)
        mean = pl.when(taken > 0).then(pl.col(exposure) * per / taken).otherwise(0.0)
        joined = joined.with_columns(taken.alias(_days(exposure)), mean.alias(_mean(exposure)))
    return joined


def _days(exposure: str) -> str:
    return f"{exposure}, days"


def _mean(exposure: str) -> str:
    return f"{exposure}, a day"


def _fit(setting: Setting, frame: pl.DataFrame, columns: Sequence[str]) -> Fitted:
    try:
        return fit_sets(setting, risk_sets(frame, [*columns, *setting.protocol.model.covariates], STRATA))
    except ValueError as error:
        return Fitted(None, str(error))


def _slopes(setting: Setting, frame: pl.DataFrame) -> Iterator[UsePattern]:
    years = frame.with_columns(pl.col(_days(e)) / _YEAR for e in EXPOSURES)
    fitted = _fit(setting, years, [name(e) for e in EXPOSURES for name in (_days, _mean)])
    for exposure in EXPOSURES:
        exposed = _exposed(frame, _days(exposure))
        for column, words in ((_days(exposure), (PER_DURATION, "")), (_mean(exposure), ("", PER_INTENSITY))):
            yield _told(setting, fitted, _row(setting, exposure, *words), column, exposed)


def _grid(setting: Setting, frame: pl.DataFrame) -> Iterator[UsePattern]:
    exposure = setting.protocol.exposure
    durations = _bands(exposure.duration_bounds_days, " days")
    intensities = _bands(exposure.intensity_bounds, " a day")
    cells: dict[tuple[str, str, str], pl.Expr] = {
        (e, duration, intensity): _is_in(_days(e), durations[duration]) & _is_in(_mean(e), intensities[intensity])
        for e, duration, intensity in product(EXPOSURES, durations, intensities)
    }
    names = {cell: ", ".join(cell) for cell in cells}
    marked = frame.with_columns(cells[cell].cast(pl.Int8).alias(name) for cell, name in names.items())
    taken = [name for name in names.values() if marked.get_column(name).sum()]
    fitted = _fit(setting, marked, taken)
    for cell, name in names.items():
        row = _row(setting, *cell)
        if name in taken:
            yield _told(setting, fitted, row, name, _exposed(marked, name))
        else:
            yield replace(row, persons=0, events=0, status="not estimable: nobody used it so")


def _bands(bounds: Sequence[float], unit: str) -> Mapping[str, tuple[float, float]]:
    """Label -> (above, up to): `<=90 days`, `>90-365 days`, `>365 days`."""
    ends = [0.0, *bounds, float("inf")]
    labels = [
        f"<={bounds[0]:g}",
        *(f">{a:g}-{b:g}" for a, b in pairwise(bounds)),
        f">{bounds[-1]:g}",
    ]
    return {f"{label}{unit}": pair for label, pair in zip(labels, pairwise(ends), strict=True)}


def _is_in(column: str, band: tuple[float, float]) -> pl.Expr:
    above, up_to = band
    return (pl.col(column) > above) & (pl.col(column) <= up_to)


def _exposed(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """Whom and what is counted where a column is above zero: only these columns are copied."""
    return frame.select("person_id", "event", column).filter(pl.col(column) > 0)


def _told(setting: Setting, fitted: Fitted, row: UsePattern, column: str, exposed: pl.DataFrame) -> UsePattern:
    persons, events = exposed.get_column("person_id").n_unique(), int(exposed.get_column("event").sum())
    found = numbers(fitted.contrast({column: 1}), fitted.reason(column, "such use"), setting)
    return replace(row, persons=persons, events=events, **found)
