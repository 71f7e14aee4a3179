"""Each drug's own dose in one Cox fit; and whether what the classes show is theirs, or one drug's.

In: a `Setting` with the doses of drugs. Out: an estimate for each drug, and the checks of `cohort.models.class_checks`:
all from the same risk sets, in which a class's dose is the sum of its drugs'.
"""

from dataclasses import replace

import polars as pl

from cohort.fitting import DOSE, STRATA, Fitted, Setting, fit_sets
from cohort.inputs import ADDITIVE_METRICS
from cohort.models.class_checks import class_checks, class_permutation
from cohort.models.doses import DrugDoses
from cohort.models.rows import blank, with_estimate
from cohort.results import BY_DRUG, OVERALL, Estimate, ModelResult
from cohort.survival.counting import risk_sets


def drugs(setting: Setting) -> ModelResult:
    """A row for each drug taken, the checks of the classes, and the permutation test of the contrast."""
    setting = setting.sample
    doses, why = drug_doses(setting)
    fitted = fit_sets(setting, doses.sets) if doses.sets is not None else Fitted(None, why)
    checks = class_checks(setting, doses, fitted)
    return ModelResult(_rows(setting, doses, fitted), class_permutation(setting, doses, fitted), class_checks=checks)


def drug_doses(setting: Setting) -> tuple[DrugDoses, str]:
    """Risk sets with a column of dose for each drug, where all doses are known; and why there are none."""
    metric = setting.protocol.exposure.metric
    if metric not in ADDITIVE_METRICS:
        return DrugDoses((), setting.known_time, None), f"the {metric} of a class is no sum over its drugs"
    if setting.accrued is None:
        return DrugDoses((), setting.known_time, None), "there is no table of what has accrued"
    wide, names = _wide(setting, setting.accrued)
    if not names:
        return DrugDoses(names, wide, None), "nobody has a dose of any drug"
    if not wide.get_column("event").sum():
        return DrugDoses(names, wide, None), setting.no_events
    try:
        sets = risk_sets(wide, [*names, *setting.protocol.model.covariates], STRATA)
    except ValueError as error:
        return DrugDoses(names, wide, None), str(error)
    return DrugDoses(names, wide, sets), ""


def _wide(setting: Setting, accrued: pl.LazyFrame) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Person-time of known dose with a column per drug in units of `per`, the drugs by name."""
    key, per = ["person_id", "start_day"], setting.protocol.exposure.per
    doses = accrued.filter(pl.col("quantity") == DOSE).select(*key, "name", pl.col("amount") / per)
    needed = [*key, "stop_day", "event", *STRATA, *setting.protocol.model.covariates]
    frame = setting.intervals(*needed)
    taken = doses.collect().join(frame.select(key), on=key, how="semi")
    names = tuple(sorted(taken.get_column("name").unique()))
    columns = taken.pivot("name", index=key, values="amount")
    wide = frame.join(columns, on=key, how="left", maintain_order="left")
    return wide.with_columns(pl.col(name).fill_null(0.0) for name in names), names


def _rows(setting: Setting, doses: DrugDoses, fitted: Fitted) -> list[Estimate]:
    shared = replace(blank(setting, OVERALL, model=BY_DRUG), persons=doses.persons, events=doses.events)
    shared = replace(shared, term=setting.per, reference="per unit")
    if doses.sets is None and not doses.drugs:
        return [replace(shared, exposure="each drug", status=f"not estimable: {fitted.why}")]
    rows = []
    for drug in doses.drugs:
        exposed = doses.exposed((drug,))
        row = replace(shared, exposure=drug, persons_exposed=exposed.persons, events_exposed=exposed.events)
        rows.append(with_estimate(row, fitted.contrast({drug: 1}), fitted.reason(drug, "a dose of this drug"), setting))
    return rows
