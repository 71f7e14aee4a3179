"""The rules that records are held to: the name of each is a column of a table of `sql/checks`.

A rule says what breaks it and what the study does with such a record; nothing here counts.
"""

from collections.abc import Mapping
from types import MappingProxyType

AFTER_DEATH_DAYS = 30
"""A record is written late: only later than this after the day of death is it wrong."""

_OF_NOBODY = "belong to nobody in person, and are left out"
_IN_FUTURE = "lie after the latest day that can be ({latest_day}, {latest_day_is})"
_RECORD = {
    "of_nobody": _OF_NOBODY,
    "without_date": "have no start date, or one that cannot be read, and are left out",
    "in_future": _IN_FUTURE,
    "before_birth": "lie before the person's birth",
    "after_death": f"lie more than {AFTER_DEATH_DAYS} days after the person's death",
    "outside_observation": "lie outside the person's observation periods",
}
_ENDING = {"end_before_start": "end before they start"}

RULES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "person": {
            "duplicates": "have a person_id that an earlier row has",
            "without_birth_year": "have no year of birth and cannot enter",
            "without_birth_day": "have no full birth date: a missing day counts as the 15th, a missing month as 1 July",
            "without_observation": "have no observation period and cannot enter",
            "in_future": "are born after the latest day that can be ({latest_day}, {latest_day_is})",
        },
        "observation_period": {
            "of_nobody": _OF_NOBODY,
            "without_date": "have no start or no end, and are left out",
            "end_before_start": "end before they start, and are left out",
            "overlapping": "begin before an earlier one of the same person has ended",
            "in_future": "end after the latest day that can be ({latest_day}, {latest_day_is})",
            "before_birth": "begin before the person's birth",
        },
        "death": {
            "duplicates": "are of a person whose death an earlier row has: the earliest date counts",
            "of_nobody": _OF_NOBODY,
            "without_date": "have no date, or one that cannot be read, and are left out",
            "in_future": _IN_FUTURE,
            "before_birth": "lie before the person's birth",
        },
        "drug_exposure": {
            "duplicates": "have a drug_exposure_id that an earlier row has",
            **_RECORD,
            **_ENDING,
        },
        "condition_occurrence": _RECORD,
        "observation": _RECORD,
        "visit_occurrence": {**_RECORD, **_ENDING},
    }
)
"""CDM table -> rule -> what is wrong with the rows that break it."""
