"""The CDM's rows: persons, observation periods, deaths, conditions, observations, drugs and the visits they come from.

In: blocks of `Lives`. Out: one frame per CDM table, with the columns that are not null, ordered by person,
day and concept. No dose is written anywhere: it follows from strength and quantity.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import polars as pl

from cohort.synthetic import events
from cohort.synthetic.events import Dispensings, Events
from cohort.synthetic.hazards import NEVER
from cohort.synthetic.parameters import Parameters
from cohort.synthetic.people import Ints
from cohort.synthetic.process import Lives
from cohort.synthetic.regimens import Regimen
from cohort.synthetic.vocabulary import EHR, EHR_PRESCRIPTION, FEMALE, MALE, OUTPATIENT_VISIT, drug_forms

Records = TypeVar("Records", Events, Dispensings)

_DAYS_OF_A_LIFE = 100_000  # person x this + day is one number that sorts by person and day


class Recorder:
    """Turns blocks of lives into CDM rows; ids continue from block to block."""

    def __init__(self, parameters: Parameters, regimens: Sequence[Regimen]) -> None:
        self._parameters, self._regimens = parameters, regimens
        self._forms = drug_forms(parameters)
        self._next_id: dict[str, int] = {}

    def tables(self, lives: Lives, rng: np.random.Generator) -> dict[str, pl.DataFrame]:
        """The block's rows by table name."""
        p, last = self._parameters, events.last_days(lives)
        dementia, dementia_drugs = events.dementia(lives, last, p, self._forms, rng)
        background, background_drugs = events.background(last, p, self._forms, rng)
        conditions = events.joined([events.indications(lives, last, p, rng), dementia, background])
        drugs = events.joined([events.fills(lives, last, self._regimens), dementia_drugs, background_drugs])
        observations = events.histories(lives, last, p, rng)
        place = _Place(self._ids("person", len(last)), lives.people.enrolment_date)
        return {
            "person": _persons(lives, place),
            "observation_period": _observation_periods(last, place),
            "death": _deaths(lives, place),
            **self._contacts(_sorted(conditions), _sorted(observations), _sorted(drugs), place),
        }

    def _contacts(
        self, conditions: Events, observations: Events, drugs: Dispensings, place: "_Place"
    ) -> dict[str, pl.DataFrame]:
        keys = np.sort(np.concatenate([_key(conditions), _key(observations), _key(drugs)[drugs.at_visit]]))
        keys = keys[np.diff(keys, prepend=-1) > 0]
        visits = Events(*np.divmod(keys, _DAYS_OF_A_LIFE), concept=np.full(len(keys), OUTPATIENT_VISIT))
        visit_id = self._ids("visit_occurrence", len(keys))

        def id_and_visit(table: str, records: Events | Dispensings) -> dict[str, Any]:
            of_visit = np.append(visit_id, 0)[np.searchsorted(keys, _key(records))]
            return {f"{table}_id": self._ids(table, len(records.day)), "visit_occurrence_id": of_visit}

        return {
            "visit_occurrence": _visits(visits, visit_id, place),
            "condition_occurrence": _conditions(conditions, id_and_visit("condition_occurrence", conditions), place),
            "observation": _observations(observations, id_and_visit("observation", observations), place),
            "drug_exposure": _drugs(drugs, id_and_visit("drug_exposure", drugs), place),
        }

    def _ids(self, table: str, count: int) -> Ints:
        first = self._next_id.get(table, 1)
        self._next_id[table] = first + count
        return np.arange(first, first + count, dtype=np.int64)


def dates(days_since_1970: Ints) -> pl.Series:
    """A date column; `NEVER` and beyond become null."""
    series = pl.Series(days_since_1970)
    return series.set(series >= NEVER, None).cast(pl.Int32).cast(pl.Date)


@dataclass(frozen=True)
class _Place:
    """What turns a person's index into an id, and a day since enrolment into a date."""

    person_id: Ints
    enrolment_date: Ints

    def date(self, person: Ints, day: Ints) -> pl.Series:
        return dates(self.enrolment_date[person] + day)


def _persons(lives: Lives, place: _Place) -> pl.DataFrame:
    birth, nothing = dates(lives.people.birth_date), np.zeros_like(place.person_id)
    return pl.DataFrame(
        {
            "person_id": place.person_id,
            "gender_concept_id": np.where(lives.people.female, FEMALE, MALE),
            "year_of_birth": birth.dt.year(),
            "month_of_birth": birth.dt.month(),
            "day_of_birth": birth.dt.day(),
            "race_concept_id": nothing,
            "ethnicity_concept_id": nothing,
        }
    )


def _observation_periods(last: Ints, place: _Place) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "observation_period_id": place.person_id,
            "person_id": place.person_id,
            "observation_period_start_date": dates(place.enrolment_date),
            "observation_period_end_date": dates(place.enrolment_date + last),
            "period_type_concept_id": np.full(len(last), EHR),
        }
    )


def _deaths(lives: Lives, place: _Place) -> pl.DataFrame:
    dead = np.flatnonzero(lives.course.death < NEVER)
    return pl.DataFrame(
        {
            "person_id": place.person_id[dead],
            "death_date": place.date(dead, lives.course.death[dead]),
            "death_type_concept_id": np.full(len(dead), EHR),
        }
    )


def _visits(visits: Events, visit_id: Ints, place: _Place) -> pl.DataFrame:
    date = place.date(visits.person, visits.day)
    return pl.DataFrame(
        {
            "visit_occurrence_id": visit_id,
            "person_id": place.person_id[visits.person],
            "visit_concept_id": visits.concept,
            "visit_start_date": date,
            "visit_end_date": date,
            "visit_type_concept_id": np.full(len(visit_id), EHR),
        }
    )


def _conditions(conditions: Events, id_and_visit: Mapping[str, Any], place: _Place) -> pl.DataFrame:
    return pl.DataFrame(
        {
            **id_and_visit,
            "person_id": place.person_id[conditions.person],
            "condition_concept_id": conditions.concept,
            "condition_start_date": place.date(conditions.person, conditions.day),
            "condition_type_concept_id": np.full(len(conditions.day), EHR),
        }
    )


def _observations(observations: Events, id_and_visit: Mapping[str, Any], place: _Place) -> pl.DataFrame:
    return pl.DataFrame(
        {
            **id_and_visit,
            "person_id": place.person_id[observations.person],
            "observation_concept_id": observations.concept,
            "observation_date": place.date(observations.person, observations.day),
            "observation_type_concept_id": np.full(len(observations.day), EHR),
        }
    )


def _drugs(drugs: Dispensings, id_and_visit: Mapping[str, Any], place: _Place) -> pl.DataFrame:
    visit = pl.Series(id_and_visit["visit_occurrence_id"]).set(~pl.Series(drugs.at_visit), None)
    return pl.DataFrame(
        {
            **id_and_visit,
            "visit_occurrence_id": visit,
            "person_id": place.person_id[drugs.person],
            "drug_concept_id": drugs.concept,
            "drug_exposure_start_date": place.date(drugs.person, drugs.day),
            "drug_exposure_end_date": place.date(drugs.person, drugs.day + drugs.days - 1),
            "drug_type_concept_id": np.full(len(drugs.day), EHR_PRESCRIPTION),
            "quantity": drugs.quantity,
            "days_supply": drugs.days,
        }
    )


def _key(records: Events | Dispensings) -> Ints:
    return records.person * _DAYS_OF_A_LIFE + records.day


def _sorted(records: Records) -> Records:
    return records.taken(np.lexsort((records.concept, _key(records))))
