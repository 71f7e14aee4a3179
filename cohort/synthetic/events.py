"""What of the lives comes to be recorded: fills, indications, dementia, and background that changes nothing.

In: a block of `Lives`. Out: `Events` and `Dispensings`. Nothing is recorded before enrolment (day 0), after
death or outside the observation period.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from cohort.synthetic.course import NEVER
from cohort.synthetic.ingredients import Item
from cohort.synthetic.parameters import Parameters
from cohort.synthetic.people import YEAR_DAYS, Arrays, Bools, Floats, Ints
from cohort.synthetic.process import Lives
from cohort.synthetic.regimens import Regimen
from cohort.synthetic.vocabulary import concept_id

INDICATION_DAYS = 364  # first records come in the first 364 days: before any entry after a year of observation
BACKGROUND_SUPPLIES = (30, 90)

CLEAN = -1
Indexes = npt.NDArray[np.int32]
AnyArrays = TypeVar("AnyArrays", bound=Arrays)


@dataclass
class Events(Arrays):
    """Records: person (index in the block), day since enrolment, concept."""

    person: Ints
    day: Ints
    concept: Ints


@dataclass
class Dispensings(Arrays):
    """Drug records: as `Events`, with days of supply, quantity in units, and whether a visit gave them.

    The record ends `end_after` days after it starts. `dirt` is its number among the dirtied ones, `CLEAN` for none.
    """

    person: Ints
    day: Ints
    concept: Ints
    days: Ints
    quantity: Floats
    at_visit: Bools
    end_after: Ints
    dirt: Indexes


def joined(parts: Sequence[AnyArrays]) -> AnyArrays:
    """Several sets of records as one."""
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    return type(parts[0])(*(np.concatenate(column) for column in columns))


def last_days(lives: Lives) -> Ints:
    """The last day on which each person is observed: the end of the data, disenrolment or death."""
    return np.minimum(np.minimum(lives.people.data_end, lives.people.disenrolment), lives.course.death)


def diagnosis_days(lives: Lives) -> Ints:
    """The day of the confirmed diagnosis, `NEVER` without onset; it may lie after death."""
    onset = lives.course.onset
    return np.where(onset == NEVER, NEVER, onset + lives.people.delay)


def fills(lives: Lives, last: Ints, regimens: Sequence[Regimen]) -> tuple[Dispensings, Bools]:
    """One record per fill, each on the day after the former supply has run out, and whether it is a refill."""
    episodes = lives.episodes.taken(np.repeat(np.arange(len(lives.episodes.fills)), lives.episodes.fills))
    first_of_episode = np.cumsum(lives.episodes.fills) - lives.episodes.fills
    number = np.arange(len(episodes.person)) - np.repeat(first_of_episode, lives.episodes.fills)
    day = episodes.start + number * episodes.fill_days
    units: Floats = np.array([regimen.units_per_day for regimen in regimens])[episodes.regimen]
    concept = np.array([regimen.product.concept_id for regimen in regimens])[episodes.regimen]
    every = _dispensed(episodes.person, day, concept, episodes.fill_days, units, at_visit=False)
    kept = np.flatnonzero(day <= last[episodes.person])
    return every.taken(kept), number[kept] > 0


def indications(lives: Lives, last: Ints, parameters: Parameters, rng: np.random.Generator) -> Events:
    """A first record of each indication a person has, early in observation, and repeats."""
    found = []
    for column, kind in enumerate(parameters.indications):
        who = np.flatnonzero(lives.people.indications[:, column])
        first = rng.integers(0, INDICATION_DAYS, size=len(who))
        again, day = between(first, last[who], parameters.indication_repeats_per_year, rng)
        concept = concept_id(kind.concept_set, kind.concept_name)
        person, days = np.concatenate([who, who[again]]), np.concatenate([first, day])
        found.append(Events(person, days, np.full(len(days), concept)))
    every = joined(found)
    return every.taken(np.flatnonzero(every.day <= last[every.person]))


def dementia(
    recorded: Ints, last: Ints, parameters: Parameters, forms: Mapping[Item, int], rng: np.random.Generator
) -> tuple[Events, Dispensings]:
    """A first code, the confirming record exactly on the day recorded as that of diagnosis, and later records."""
    p = parameters
    who = np.flatnonzero(recorded < NEVER)
    diagnosis = recorded[who]
    by_code = rng.random(len(who)) < p.confirmed_by_code_share
    code, drug = _code_and_drug(p, forms, len(who), rng)
    again, later = between(diagnosis, last[who], YEAR_DAYS / p.dementia_interval_days, rng)
    index = np.arange(len(who))
    parts = [
        (index, _first_code_days(diagnosis, p, rng)),
        (index[by_code], diagnosis[by_code]),
        (again, later),
    ]
    codes = [Events(who[i], day, code[i]) for i, day in parts]
    with_drug = ~by_code[again]
    treated = np.concatenate([index[~by_code], again[with_drug]])
    drug_days = np.concatenate([diagnosis[~by_code], later[with_drug]])
    drugs = _dispensed(who[treated], drug_days, drug[treated], np.full(len(treated), BACKGROUND_SUPPLIES[0]))
    every = joined(codes)
    return (
        every.taken(np.flatnonzero(every.day <= last[every.person])),
        drugs.taken(np.flatnonzero(drugs.day <= last[drugs.person])),
    )


def histories(recorded: Ints, last: Ints, parameters: Parameters, rng: np.random.Generator) -> Events:
    """A record that says there has been dementia, once, within `history_days` after the diagnosis."""
    p = parameters
    who = np.flatnonzero(recorded < NEVER)
    diagnosis = recorded[who]
    day = whole_days(diagnosis + 1, diagnosis + p.history_days, rng)
    concept = np.full(len(who), concept_id(p.history.concept_set, p.history.concept_name))
    every = Events(who, day, concept)
    return every.taken(np.flatnonzero(day <= last[who]))


def background(
    last: Ints, parameters: Parameters, forms: Mapping[Item, int], rng: np.random.Generator
) -> tuple[Events, Dispensings]:
    """Visits at a constant rate, each with conditions and drugs, independent of everything else."""
    p = parameters
    who, day = between(np.full(len(last), -1), last, p.background_visits_per_year, rng)
    conditions = [concept_id(item.concept_set, item.concept_name) for item in p.background_conditions]
    ill = _visits(p.background_conditions_per_visit, len(who), rng)
    condition = _drawn(conditions, [item.weight for item in p.background_conditions], len(ill), rng)
    drugs = rng.integers(*p.background_drugs_per_visit, size=len(who), endpoint=True)
    visit = np.repeat(np.arange(len(who)), drugs)
    weights = [item.weight for item in p.background_drugs]
    drug = _drawn([forms[item] for item in p.background_drugs], weights, len(visit), rng)
    supply = rng.choice(BACKGROUND_SUPPLIES, size=len(visit))
    return Events(who[ill], day[ill], condition), _dispensed(who[visit], day[visit], drug, supply)


def _visits(fewest_and_most: tuple[int, int], count: int, rng: np.random.Generator) -> Ints:
    """Each visit as often as it has records; nothing is drawn where all have the same number."""
    fewest, most = fewest_and_most
    records = fewest if fewest == most else rng.integers(fewest, most, size=count, endpoint=True)
    return np.repeat(np.arange(count), records)


def _first_code_days(diagnosis: Ints, parameters: Parameters, rng: np.random.Generator) -> Ints:
    clean = parameters.clean_observation_days
    earliest = np.maximum(diagnosis - parameters.code_lead_days, 0)
    earliest = np.where(diagnosis > clean + 1, np.maximum(earliest, clean + 1), earliest)
    return whole_days(earliest, diagnosis - 1, rng)


def _code_and_drug(
    parameters: Parameters, forms: Mapping[Item, int], count: int, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    codes, drugs = parameters.dementia_codes, parameters.antidementia_drugs
    ids = [concept_id(item.concept_set, item.concept_name) for item in codes]
    return (
        _drawn(ids, [item.weight for item in codes], count, rng),
        _drawn([forms[item] for item in drugs], [item.weight for item in drugs], count, rng),
    )


def between(after: Ints, through: Ints, per_year: float, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Events at a constant rate on the days `after` + 1 to `through`: index of the row, and day."""
    expected = np.maximum(through - after, 0) * (per_year / YEAR_DAYS)
    index = np.repeat(np.arange(len(after)), rng.poisson(expected))
    return index, whole_days(after[index] + 1, through[index], rng)


def whole_days(first: Ints, last: Ints, rng: np.random.Generator) -> Ints:
    """A day from `first` to `last`, both included, for each row."""
    return first + np.floor(rng.random(len(first)) * (last - first + 1)).astype(np.int64)


def _drawn(values: Sequence[int], weights: Sequence[float], count: int, rng: np.random.Generator) -> Ints:
    share = np.array(weights) / np.sum(weights)
    return rng.choice(np.array(values, dtype=np.int64), size=count, p=share)


def _dispensed(
    person: Ints, day: Ints, concept: Ints, days: Ints, units: Floats | float = 1.0, at_visit: bool = True
) -> Dispensings:
    quantity = np.multiply(units, days, dtype=np.float64)
    visit, clean = np.full(len(day), at_visit), np.full(len(day), CLEAN, dtype=np.int32)
    return Dispensings(person, day, concept, days, quantity, visit, days - 1, clean)
