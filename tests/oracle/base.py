"""What the oracle's rooms share: rows, settings, birth dates, and looking things up in a small CDM."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

Row = dict[str, Any]
Cdm = dict[str, list[Row]]
ConceptSets = dict[str, list[tuple[int, bool, bool]]]

NANO = 10**9
CLASSES = ("binder", "non_binder", "unknown")


@dataclass(frozen=True)
class Settings:
    """The fields of the protocol that the rules read, with their defaults."""

    minimum_age_years: int = 50
    prior_observation_days: int = 365
    washout_days: int = 365
    study_start: date | None = None
    study_end: date | None = None
    prevalent_sets: tuple[str, ...] = ("dementia", "dementia_broad", "dementia_history", "antidementia_drugs")
    diagnosis: str = "dementia"
    concept_set: str = "dementia"
    confirming_drugs: str | None = "antidementia_drugs"
    competing_sets: tuple[str, ...] = ()
    outcome_tier: str = "D2"
    confirmation_days: int = 730
    metric: str = "dme"
    lag_days: int = 1095
    window_days: int | None = None
    category_bounds: tuple[float, ...] = (0, 90, 180, 365)
    dose_update_days: int = 30
    carryover_cap_days: int | None = None
    overlap: str = "add"
    hospital_stays: str = "ignore"
    same_day_duplicates: str = "collapse"
    maximum_days_supply: int = 365
    missing_dose: str = "median"
    draw: int = 1
    seed: int = 20220301
    days_supply_order: tuple[str, ...] = ("verbatim_end_date", "days_supply", "drug_exposure_end_date")
    missing_strength_unit: str = "mg"
    age_bands: tuple[int, ...] = (50, 65, 75, 85)
    covariates: tuple[str, ...] = ()
    covariate_lookback_days: int | None = None
    form_words: tuple[tuple[str, str, bool], ...] = (
        ("inject", "injectable", False),
        ("rectal", "rectal", False),
        ("oral", "oral", True),
    )
    routes: tuple[tuple[int, str, bool], ...] = (
        (4132161, "oral", True),
        (4171047, "injectable", False),
        (4290759, "rectal", False),
    )
    inpatient_visits: tuple[int, ...] = (9201, 262)


def descendants(cdm: Cdm, concept_id: int) -> set[int]:
    """Everything below a concept, as concept_ancestor says it."""
    return {
        row["descendant_concept_id"]
        for row in cdm.get("concept_ancestor", [])
        if row["ancestor_concept_id"] == concept_id
    }


def birth_date(person: Row) -> tuple[date, bool] | None:
    """(birth date, imputed) or None without a year; no month: 1 July, no day: the 15th."""
    year, month, day = (person.get(f"{part}_of_birth") for part in ("year", "month", "day"))
    if year is None:
        return None
    if month is None:
        return date(year, 7, 1), True
    if day is None:
        return date(year, month, 15), True
    return date(year, month, 1) + timedelta(days=day - 1), False


def births(cdm: Cdm) -> dict[int, date]:
    """Birth date by person, for those who have one."""
    known = {person["person_id"]: birth_date(person) for person in cdm.get("person", [])}
    return {person_id: born[0] for person_id, born in known.items() if born is not None}


def days_of(date_: date, birth: date) -> int:
    """Days of age on a date."""
    return (date_ - birth).days


def counting(fills: Iterable[Row]) -> list[Row]:
    """The fills of the ledger that are use of a study drug: in scope, and no copy of another."""
    return [f for f in fills if f["status"] != "duplicate" and not f["status"].startswith("out of scope")]
