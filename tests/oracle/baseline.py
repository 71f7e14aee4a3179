"""Who takes which class of drug first, and what is known of them at entry: the oracle's table of baseline."""

from collections import Counter
from collections.abc import Iterable

from tests.oracle.base import Cdm, ConceptSets, Row, Settings, counting, days_of
from tests.oracle.ledger import ledger
from tests.oracle.person_time import Study, age_stratum, follow

PERIOD_YEARS = 5


def first_class(fills: Iterable[Row], followed: Row) -> str:
    """The class of a person's first study drug from entry to exit."""
    own = [f for f in counting(fills) if followed["entry"] <= f["fill_date"] <= followed["exit"]]
    first = min((f["fill_date"] for f in own), default=None)
    classes = {f["tspo_class"] for f in own if f["fill_date"] == first}
    return "none" if not classes else classes.pop() if len(classes) == 1 else "several"


def baseline(cdm: Cdm, study_drugs: Iterable[Row], concept_sets: ConceptSets, settings: Settings) -> list[Row]:
    """One row per class, characteristic and level that somebody has."""
    study = Study(cdm, ledger(cdm, study_drugs, settings), concept_sets, settings)
    persons: Counter[tuple[str, str, str]] = Counter()
    ages: dict[str, list[int]] = {}
    for person in cdm.get("person", []):
        followed = follow(person, study)
        if followed["failed"] is not None:
            continue
        fills = [f for f in study.fills if f["person_id"] == person["person_id"]]
        group = first_class(fills, followed)
        ages.setdefault(group, []).append(days_of(followed["entry"], followed["birth"]))
        for characteristic, level in _known(person, followed, study):
            persons[group, characteristic, level] += 1
    return [
        {
            "first_class": group,
            "characteristic": characteristic,
            "level": level,
            "persons": count,
            "days": sum(ages[group]) if characteristic == "persons" else None,
            "squared_days": sum(age * age for age in ages[group]) if characteristic == "persons" else None,
        }
        for (group, characteristic, level), count in persons.items()
    ]


def _known(person: Row, followed: Row, study: Study) -> list[tuple[str, str]]:
    enters = followed["entry"]
    sex = {8532: "Female", 8507: "Male"}.get(person.get("gender_concept_id"), "Unknown")
    band = age_stratum(followed["birth"], days_of(enters, followed["birth"]), study.settings)
    found = [("persons", ""), ("age at entry", band), ("sex", sex)]
    found.append(("year of entry", str(enters.year // PERIOD_YEARS * PERIOD_YEARS)))
    for name in study.settings.covariates:
        before = [(enters - day).days for day in study.dates(person["person_id"], name) if day <= enters]
        found += [(name, "ever")] if before else []
        found += [(name, "last year")] if any(days <= 365 for days in before) else []
    return found
