"""The CDM's rows: persons, observation periods, deaths, conditions, observations, drugs and the visits they come from.

In: blocks of `Lives`. Out: `Recorded`: one frame per CDM table, with the columns that are not null, ordered by
person, day and concept, and what the records hide of the truth. No dose is written anywhere: it follows from
strength and quantity.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import polars as pl

from cohort.synthetic import events
from cohort.synthetic.course import NEVER
from cohort.synthetic.dirt import NO_DAYS, Before, Dirtied, Holes, Stays, dirtied, draw_holes
from cohort.synthetic.events import Dispensings, Events
from cohort.synthetic.outcome import recorded_diagnosis_days
from cohort.synthetic.parameters import Parameters
from cohort.synthetic.people import Ints
from cohort.synthetic.place import Place, dates
from cohort.synthetic.process import Lives
from cohort.synthetic.regimens import Regimen
from cohort.synthetic.vocabulary import (
    EHR,
    EHR_PRESCRIPTION,
    FEMALE,
    INPATIENT_VISIT,
    MALE,
    OUTPATIENT_VISIT,
    drug_forms,
)

Records = TypeVar("Records", Events, Dispensings)

_DAYS_OF_A_LIFE = 100_000  # person x this + day is one number that sorts by person and day


@dataclass(frozen=True)
class RecordStreams:
    """One random generator for each purpose of recording."""

    records: np.random.Generator
    outcome: np.random.Generator
    dirt: np.random.Generator


@dataclass(frozen=True)
class Recorded:
    """A block's rows by table name, and what a ledger needs beside them.

    `recorded` is each person's day of diagnosis as the records have it; `dirty_ids` are the drug_exposure_ids of
    the records that `before` describes, in its order, 0 where a hole swallowed the record.
    """

    tables: dict[str, pl.DataFrame]
    place: Place
    last: Ints
    recorded: Ints
    holes: Holes
    before: Before
    dirty_ids: Ints
    dirty_person: Ints


class Recorder:
    """Turns blocks of lives into CDM rows; ids continue from block to block."""

    def __init__(self, parameters: Parameters, regimens: Sequence[Regimen]) -> None:
        self._parameters, self._regimens = parameters, regimens
        self._forms = drug_forms(parameters)
        self._next_id: dict[str, int] = {}

    def record(self, lives: Lives, streams: RecordStreams) -> Recorded:
        """The block's rows."""
        p, last, rng = self._parameters, events.last_days(lives), streams.records
        recorded = recorded_diagnosis_days(lives, last, p, streams.outcome)
        holes = draw_holes(last, p, streams.dirt)
        fills = self._fills(lives, last, streams.dirt)
        conditions, drugs = self._conditions_and_drugs(lives, last, recorded, fills.fills, rng)
        conditions, drugs = _outside(holes, conditions), _outside(holes, drugs)
        observations = _outside(holes, events.histories(recorded, last, p, rng))
        place = Place(self._ids("person", len(last)), lives.people.enrolment_date)
        contacts = self._contacts(conditions, observations, drugs, place)
        contacts["visit_occurrence"] = self._with_stays(contacts["visit_occurrence"], fills.stays, holes, place)
        tables = {
            "person": _persons(lives, place),
            "observation_period": self._observation_periods(last, holes, place),
            "death": _deaths(lives, place),
            **contacts,
        }
        ids, person = _dirty(drugs, contacts["drug_exposure"]["drug_exposure_id"], len(fills.before.kind))
        return Recorded(tables, place, last, recorded, holes, fills.before, ids, person)

    def _conditions_and_drugs(
        self, lives: Lives, last: Ints, recorded: Ints, fills: Dispensings, rng: np.random.Generator
    ) -> tuple[Events, Dispensings]:
        p = self._parameters
        dementia, dementia_drugs = events.dementia(recorded, last, p, self._forms, rng)
        background, background_drugs = events.background(last, p, self._forms, rng)
        conditions = events.joined([events.indications(lives, last, p, rng), dementia, background])
        return conditions, events.joined([fills, dementia_drugs, background_drugs])

    def _fills(self, lives: Lives, last: Ints, rng: np.random.Generator) -> Dirtied:
        clean, is_refill = events.fills(lives, last, self._regimens)
        dead = np.flatnonzero(lives.course.death == last)
        return dirtied(clean, is_refill, last, dead, self._parameters, rng)

    def _observation_periods(self, last: Ints, holes: Holes, place: Place) -> pl.DataFrame:
        everybody, holed = np.arange(len(last)), np.flatnonzero(holes.first < NEVER)
        person = np.concatenate([everybody, holed])
        start = np.concatenate([np.zeros_like(last), holes.last[holed] + 1])
        end = np.concatenate([np.where(holes.first < NEVER, holes.first - 1, last), last[holed]])
        order = np.argsort(person, kind="stable")
        return pl.DataFrame(
            {
                "observation_period_id": self._ids("observation_period", len(person)),
                "person_id": place.person_id[person[order]],
                "observation_period_start_date": place.date(person[order], start[order]),
                "observation_period_end_date": place.date(person[order], end[order]),
                "period_type_concept_id": np.full(len(person), EHR),
            }
        )

    def _with_stays(self, visits: pl.DataFrame, stays: Stays, holes: Holes, place: Place) -> pl.DataFrame:
        is_seen = holes.spare(stays.person, stays.day) & holes.spare(stays.person, stays.day + stays.nights)
        seen = stays.taken(np.flatnonzero(is_seen))
        if not len(seen.day):
            return visits
        concept = np.full(len(seen.day), INPATIENT_VISIT)
        events_ = Events(seen.person, seen.day, concept)
        return visits.vstack(_visits(events_, self._ids("visit_occurrence", len(concept)), place, seen.nights))

    def _contacts(
        self, conditions: Events, observations: Events, drugs: Dispensings, place: Place
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


def _persons(lives: Lives, place: Place) -> pl.DataFrame:
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


def _deaths(lives: Lives, place: Place) -> pl.DataFrame:
    dead = np.flatnonzero(lives.course.death < NEVER)
    return pl.DataFrame(
        {
            "person_id": place.person_id[dead],
            "death_date": place.date(dead, lives.course.death[dead]),
            "death_type_concept_id": np.full(len(dead), EHR),
        }
    )


def _visits(visits: Events, visit_id: Ints, place: Place, nights: Ints | int = 0) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "visit_occurrence_id": visit_id,
            "person_id": place.person_id[visits.person],
            "visit_concept_id": visits.concept,
            "visit_start_date": place.date(visits.person, visits.day),
            "visit_end_date": place.date(visits.person, visits.day + nights),
            "visit_type_concept_id": np.full(len(visit_id), EHR),
        }
    )


def _conditions(conditions: Events, id_and_visit: Mapping[str, Any], place: Place) -> pl.DataFrame:
    return pl.DataFrame(
        {
            **id_and_visit,
            "person_id": place.person_id[conditions.person],
            "condition_concept_id": conditions.concept,
            "condition_start_date": place.date(conditions.person, conditions.day),
            "condition_type_concept_id": np.full(len(conditions.day), EHR),
        }
    )


def _observations(observations: Events, id_and_visit: Mapping[str, Any], place: Place) -> pl.DataFrame:
    return pl.DataFrame(
        {
            **id_and_visit,
            "person_id": place.person_id[observations.person],
            "observation_concept_id": observations.concept,
            "observation_date": place.date(observations.person, observations.day),
            "observation_type_concept_id": np.full(len(observations.day), EHR),
        }
    )


def _drugs(drugs: Dispensings, id_and_visit: Mapping[str, Any], place: Place) -> pl.DataFrame:
    visit = pl.Series(id_and_visit["visit_occurrence_id"]).set(~pl.Series(drugs.at_visit), None)
    days = pl.Series(drugs.days)
    return pl.DataFrame(
        {
            **id_and_visit,
            "visit_occurrence_id": visit,
            "person_id": place.person_id[drugs.person],
            "drug_concept_id": drugs.concept,
            "drug_exposure_start_date": place.date(drugs.person, drugs.day),
            "drug_exposure_end_date": place.date(drugs.person, drugs.day + drugs.end_after),
            "drug_type_concept_id": np.full(len(drugs.day), EHR_PRESCRIPTION),
            "quantity": pl.Series(drugs.quantity, nan_to_null=True),
            "days_supply": days.set(days == NO_DAYS, None),
        }
    )


def _key(records: Events | Dispensings) -> Ints:
    return records.person * _DAYS_OF_A_LIFE + records.day


def _outside(holes: Holes, records: Records) -> Records:
    """The records outside the holes, in order."""
    order = np.lexsort((records.concept, _key(records)))
    return records.taken(order[holes.spare(records.person, records.day)[order]])


def _dirty(drugs: Dispensings, ids: pl.Series, count: int) -> tuple[Ints, Ints]:
    """Of each dirtied record the id (0: not recorded) and the person's index (-1), by its number."""
    of_record, person = np.zeros(count, dtype=np.int64), np.full(count, -1, dtype=np.int64)
    rows = np.flatnonzero(drugs.dirt != events.CLEAN)
    of_record[drugs.dirt[rows]], person[drugs.dirt[rows]] = ids.to_numpy()[rows], drugs.person[rows]
    return of_record, person
