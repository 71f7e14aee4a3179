"""New starts before a diagnosis, day by day: on which days a class could start, and on which it did."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from tests.oracle.base import CLASSES, Cdm, ConceptSets, Row, Settings, counting, days_of
from tests.oracle.ledger import ledger
from tests.oracle.person_time import SEX, birthday, cohort

PERIOD_YEARS = 5
COUNTS = ("persons", "starts", "starters", "days_at_risk")


def channelling(
    cdm: Cdm,
    study_drugs: Iterable[Row],
    concept_sets: ConceptSets,
    settings: Settings,
    times: Mapping[str, tuple[int, int]],
) -> list[Row]:
    """One row per class, sex, lower age, calendar period and time before diagnosis (None: not diagnosed)."""
    fills = counting(ledger(cdm, study_drugs, settings))
    cells: dict[tuple[object, ...], dict[str, int]] = {}
    for person in cohort(cdm, study_drugs, concept_sets, settings):
        own = [fill for fill in fills if fill["person_id"] == person["person_id"]]
        for name in CLASSES:
            filled = {fill["fill_date"] for fill in own if fill["tspo_class"] == name}
            for key, counts in _of_class(person, filled, settings, times).items():
                total = cells.setdefault((name, *key), dict.fromkeys(COUNTS, 0))
                for count in COUNTS:
                    total[count] += counts[count]
    names = ("tspo_class", "sex", "lower_age", "calendar_period", "time_before_diagnosis")
    return [dict(zip(names, key, strict=True)) | counts for key, counts in cells.items()]


def _of_class(
    person: Row, filled: set[date], settings: Settings, times: Mapping[str, tuple[int, int]]
) -> dict[tuple[object, ...], dict[str, int]]:
    cells: dict[tuple[object, ...], dict[str, int]] = {}
    seen, started = set(), set()
    washout = {day + timedelta(days=after) for day in filled for after in range(1, settings.washout_days + 1)}
    for after in range(1, (person["exit"] - person["entry"]).days):
        day = person["entry"] + timedelta(days=after)
        before = (person["exit"] - day).days
        time = next((name for name, (above, most) in times.items() if above < before <= most), None)
        if person["why"] != "outcome":
            time = None
        elif time is None:
            continue
        key = (SEX.get(person["gender_concept_id"], "Unknown"), _lower_age(person["birth"], day, settings),
               day.year // PERIOD_YEARS * PERIOD_YEARS, time)  # fmt: skip
        counts = cells.setdefault(key, dict.fromkeys(COUNTS, 0))
        counts["persons"] += time not in seen
        seen.add(time)
        if day in washout:
            continue
        counts["days_at_risk"] += 1
        if day in filled:
            counts["starts"] += 1
            counts["starters"] += time not in started
            started.add(time)
    return cells


def _lower_age(birth: date, day: date, settings: Settings) -> int:
    """The band of a day: who has a birthday on it is that old."""
    return max(age for age in settings.age_bands if days_of(birthday(birth, age), birth) <= days_of(day, birth))
