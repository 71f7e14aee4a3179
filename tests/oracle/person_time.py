"""Who is followed, from when, until when, and what is known of each interval: the oracle's person-time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from tests.oracle import exposure
from tests.oracle.base import CLASSES, Cdm, ConceptSets, Row, Settings, birth_date, counting, days_of, descendants
from tests.oracle.exposure import Value, as_dose, category, change_days, course, lagged
from tests.oracle.ledger import ledger
from tests.oracle.supply import stockpile, supply

DRUG_SETS = ("antidementia_drugs", "tca")
SEX = {8532: "Female", 8507: "Male"}

# --- Who is followed, from when, until when ----------------------------------------------------------------

CRITERIA = (
    "has a year of birth",
    "has an observation period that allows entry",
    "has neither the outcome nor what competes with it on or before entry",
    "has no study drug in the washout",
    "has time at risk",
)


@dataclass(frozen=True)
class Study:
    """Everything that the functions below look things up in."""

    cdm: Cdm
    fills: list[Row]
    concept_sets: ConceptSets
    settings: Settings

    def dates(self, person_id: int, name: str) -> set[date]:
        """The days with a record of the concept set: conditions and observations, or drug records."""
        concepts = resolve(self.cdm, self.concept_sets[name])
        if name in DRUG_SETS:
            concepts -= {fill["drug_concept_id"] for fill in self.fills}  # what holds a study drug is exposure
            return self._dates_in("drug_exposure", "drug_concept_id", "drug_exposure_start_date", person_id, concepts)
        return self._dates_in(
            "condition_occurrence", "condition_concept_id", "condition_start_date", person_id, concepts
        ) | self._dates_in("observation", "observation_concept_id", "observation_date", person_id, concepts)

    def _dates_in(self, table: str, concept: str, day: str, person_id: int, concepts: set[int]) -> set[date]:
        return {
            row[day]
            for row in self.cdm.get(table, [])
            if row.get("person_id") == person_id and row.get(concept) in concepts and row.get(day) is not None
        }


def resolve(cdm: Cdm, items: Iterable[tuple[int, bool, bool]]) -> set[int]:
    """The concept ids of a concept set: what is included, with descendants, less what is excluded."""
    included: set[int] = set()
    excluded: set[int] = set()
    for concept_id, with_descendants, is_excluded in items:
        ids = {concept_id} | (descendants(cdm, concept_id) if with_descendants else set())
        (excluded if is_excluded else included).update(ids)
    return included - excluded


def birthday(birth: date, years: int) -> date:
    """The day on which that age is reached; 1 March in common years for those born on 29 February."""
    return date(birth.year + years, birth.month, 1) + timedelta(days=birth.day - 1)


def entry(cdm: Cdm, person_id: int, birth: date, settings: Settings) -> tuple[date, date] | None:
    """(entry date, last day of observation) of the first period that allows entry."""
    periods = sorted(
        (row["observation_period_start_date"], row["observation_period_end_date"])
        for row in cdm.get("observation_period", [])
        if row.get("person_id") == person_id
        and row.get("observation_period_start_date") is not None
        and row.get("observation_period_end_date") is not None
    )
    for start, end in periods:
        enters = max(
            birthday(birth, settings.minimum_age_years),
            start + timedelta(days=settings.prior_observation_days),
            settings.study_start or date.min,
        )
        last = min(end, settings.study_end or date.max)
        if start <= end and enters < last:
            return enters, last
    return None


def outcome_date(codes: set[date], drugs: set[date], settings: Settings) -> date | None:
    """D1: the first code. D2: the first day by which a code has been confirmed."""
    if settings.outcome_tier == "D1":
        return min(codes, default=None)
    if settings.outcome_tier != "D2":
        raise ValueError(f"the oracle knows the outcome tiers D1 and D2, not {settings.outcome_tier}")
    window = timedelta(days=settings.confirmation_days)
    for day in sorted(codes | drugs):
        earlier_code = any(day - window <= other < day for other in codes)
        recent_code = any(day - window <= other <= day for other in codes)
        recent_drug = any(day - window <= other <= day for other in drugs)
        if (day in codes and (earlier_code or recent_drug)) or (day in drugs and recent_code):
            return day
    return None


def follow(person: Row, study: Study) -> Row:
    """{'failed': criterion or None, ...}: the first criterion a person fails, else entry, exit and why."""
    settings, person_id = study.settings, person["person_id"]
    born = birth_date(person)
    if born is None:
        return {"failed": CRITERIA[0]}
    allowed = entry(study.cdm, person_id, born[0], settings)
    if allowed is None:
        return {"failed": CRITERIA[1]}
    enters, last = allowed
    drugs = study.dates(person_id, settings.confirming_drugs) if settings.confirming_drugs else set()
    outcome = outcome_date(study.dates(person_id, settings.concept_set), drugs, settings)
    rivals = {day for name in settings.competing_sets for day in study.dates(person_id, name)}
    competing = outcome_date(rivals, drugs, settings)
    prevalent = {day for name in settings.prevalent_sets for day in study.dates(person_id, name)}
    if any(day <= enters for day in (*prevalent, outcome, competing) if day is not None):
        return {"failed": CRITERIA[2]}
    washout_start = enters - timedelta(days=settings.washout_days)
    filled = [fill["fill_date"] for fill in study.fills if fill["person_id"] == person_id and fill["in_scope"]]
    if any(washout_start <= day < enters for day in filled):
        return {"failed": CRITERIA[3]}
    exits, why = _exit(outcome, competing, _death_date(study.cdm, person_id), last)
    if exits <= enters:
        return {"failed": CRITERIA[4]}
    return {"failed": None, "birth": born[0], "entry": enters, "exit": exits, "why": why}


def _death_date(cdm: Cdm, person_id: int) -> date | None:
    deaths = (row.get("death_date") for row in cdm.get("death", []) if row.get("person_id") == person_id)
    return min((day for day in deaths if day is not None), default=None)


def _exit(outcome: date | None, competing: date | None, death: date | None, last: date) -> tuple[date, str]:
    """The first of them; of two on one day the outcome goes first, then what competes with it, then death."""
    first = min(day for day in (outcome, competing, death, last) if day is not None)
    reasons = {"outcome": outcome, "competing diagnosis": competing, "death": death}
    return first, next((why for why, day in reasons.items() if day == first), "end")


def attrition(cdm: Cdm, study_drugs: Iterable[Row], concept_sets: ConceptSets, settings: Settings) -> list[Row]:
    """Persons left after each criterion, in order; the first row counts everyone in `person`."""
    study = Study(cdm, ledger(cdm, study_drugs, settings), concept_sets, settings)
    failed = [follow(person, study)["failed"] for person in cdm.get("person", [])]
    rows = [{"criterion": "is in person", "persons": len(failed)}]
    for criterion in CRITERIA:
        lost = sum(1 for reason in failed if reason == criterion)
        rows.append({"criterion": criterion, "persons": rows[-1]["persons"] - lost})
    return rows


def cohort(cdm: Cdm, study_drugs: Iterable[Row], concept_sets: ConceptSets, settings: Settings) -> list[Row]:
    """Those who are followed: the row of `person` with birth, entry, exit and why."""
    study = Study(cdm, ledger(cdm, study_drugs, settings), concept_sets, settings)
    everybody = [person | follow(person, study) for person in cdm.get("person", [])]
    return [person for person in everybody if person["failed"] is None]


# --- Person-time -------------------------------------------------------------------------------------------


def person_time(cdm: Cdm, study_drugs: Iterable[Row], concept_sets: ConceptSets, settings: Settings) -> list[Row]:
    """One row per person and interval (start_day, stop_day] in days of age, by person and start."""
    fills = ledger(cdm, study_drugs, settings)
    study = Study(cdm, fills, concept_sets, settings)
    stretches = supply(cdm, stockpile(cdm, fills, settings), settings)
    rows = []
    for person in sorted(cdm.get("person", []), key=lambda row: row["person_id"]):
        followed = follow(person, study)
        if followed["failed"] is None:
            own = [row for row in stretches if row["person_id"] == person["person_id"]]
            rows.extend(_intervals(person, followed, study, own))
    return rows


def _intervals(person: Row, followed: Row, study: Study, stretches: list[Row]) -> list[Row]:
    settings, birth = study.settings, followed["birth"]
    first, last = days_of(followed["entry"], birth), days_of(followed["exit"], birth)
    fills = counting(fill for fill in study.fills if fill["person_id"] == person["person_id"])
    courses = {c: course(fills, stretches, c, birth, settings) for c in CLASSES}
    values = {c: lagged(courses[c], first, last, settings) for c in CLASSES}
    unknown = {c: exposure.unknown_from(fills, c, birth, settings) for c in CLASSES}
    bends = set().union(*(change_days(made, settings) for made in courses.values()))
    cuts = _cuts(values, bends, unknown, birth, first, last, settings)
    about_person = {
        "sex": SEX.get(person.get("gender_concept_id"), "Unknown"),
        "index_year": followed["entry"].year,
        **{
            name: int(any(_is_in_look_back(day, followed["entry"], settings) for day in found))
            for name in settings.covariates
            for found in [study.dates(person["person_id"], name)]
        },
    }
    return [
        {
            "person_id": person["person_id"],
            "start_day": start,
            "stop_day": stop,
            "event": int(stop == last and followed["why"] == "outcome"),
            "competing_diagnosis": int(stop == last and followed["why"] == "competing diagnosis"),
            "death": int(stop == last and followed["why"] == "death"),
            "age_stratum": age_stratum(birth, start, settings),
            **_exposure(values, unknown, start, settings),
            **about_person,
        }
        for start, stop in pairwise(cuts)
    ]


def _is_in_look_back(day: date, entry_date: date, settings: Settings) -> bool:
    look_back = settings.covariate_lookback_days
    return day <= entry_date and (look_back is None or (entry_date - day).days <= look_back)


def _known(unknown_from: int | None, day: int) -> bool:
    return unknown_from is None or day < unknown_from


def _cuts(
    values: dict[str, dict[int, Value]],
    bends: set[int],
    unknown: dict[str, int | None],
    birth: date,
    first: int,
    last: int,
    settings: Settings,
) -> list[int]:
    """All the days on which an interval starts or stops, in order."""
    eves = {days_of(birthday(birth, years), birth) - 1 for years in settings.age_bands}
    inner = (bends | eves | {day for day in unknown.values() if day is not None}) & set(range(first + 1, last))
    cuts = {first, last} | inner
    for start, stop in pairwise(sorted(cuts)):
        for c, value in values.items():
            if not _known(unknown[c], start):
                continue
            if value[start + 1] != value[start]:
                cuts |= set(range(start + settings.dose_update_days, stop, settings.dose_update_days))
            for day in range(start + 1, stop):
                if category(value[day], settings) != category(value[day - 1], settings):
                    cuts.add(day)
    return sorted(cuts)


def _exposure(
    values: dict[str, dict[int, Value]], unknown: dict[str, int | None], start: int, settings: Settings
) -> Row:
    row: Row = {}
    for c, value in values.items():
        known = _known(unknown[c], start)
        row[f"dose_tspo_{c}"] = as_dose(value[start]) if known else None
        row[f"category_tspo_{c}"] = category(value[start], settings) if known else "unknown dose"
    return row


def age_stratum(birth: date, start: int, settings: Settings) -> str | None:
    label = None
    bands = settings.age_bands
    for lower, following in zip(bands, [*bands[1:], None], strict=True):
        if days_of(birthday(birth, lower), birth) - 1 <= start:
            label = f"{lower} to {following - 1}" if following is not None else f"{lower} and over"
    return label
