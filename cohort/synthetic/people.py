"""Persons on the day they enrol: sex, birth, enrolment, indications, and how long they could be observed.

In: the parameters and a random generator. Out: `People`, arrays of one value per person. Calendar days are
days since 1970-01-01; all other days of the simulation are counted from the person's own enrolment (day 0).
"""

import datetime as dt
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from cohort.synthetic.parameters import Parameters

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

YEAR_DAYS = 365.25
_EPOCH = dt.date(1970, 1, 1)


class Arrays:
    """A dataclass of arrays with a first axis in common: persons, or records."""

    def taken(self, index: Ints) -> Self:
        """The rows at `index`, in that order."""
        return type(self)(**{name: values[index] for name, values in vars(self).items()})


@dataclass
class People(Arrays):
    """n persons.

    `indications` is n by the number of indications; `data_end` and `disenrolment` are days since enrolment, `delay`
    days from onset to diagnosis.
    """

    female: Bools
    birth_date: Ints
    enrolment_date: Ints
    indications: Bools
    data_end: Ints
    disenrolment: Ints
    delay: Ints

    def __len__(self) -> int:
        return len(self.female)

    @property
    def age_years(self) -> Floats:
        """Age at enrolment."""
        return (self.enrolment_date - self.birth_date) / YEAR_DAYS


def calendar_day(date: dt.date) -> int:
    """Days since 1970-01-01."""
    return (date - _EPOCH).days


def draw_people(parameters: Parameters, count: int, rng: np.random.Generator, delay_rng: np.random.Generator) -> People:
    """`count` independent persons."""
    enrolment = _enrolment_dates(parameters, count, rng)
    prevalence = np.array([indication.prevalence for indication in parameters.indications])
    return People(
        female=rng.random(count) < parameters.female_share,
        birth_date=enrolment - np.floor(_ages(parameters, count, rng) * YEAR_DAYS).astype(np.int64),
        enrolment_date=enrolment,
        indications=rng.random((count, len(prevalence))) < prevalence,
        data_end=calendar_day(parameters.data_end) - enrolment,
        disenrolment=_disenrolment_days(parameters, count, rng),
        delay=_delays(parameters, count, delay_rng),
    )


def _enrolment_dates(parameters: Parameters, count: int, rng: np.random.Generator) -> Ints:
    first, last = calendar_day(parameters.data_start), calendar_day(parameters.last_enrolment)
    later = rng.integers(first, last, size=count, endpoint=True)
    return np.where(rng.random(count) < parameters.share_enrolled_at_data_start, first, later)


def _ages(parameters: Parameters, count: int, rng: np.random.Generator) -> Floats:
    # An exponential density cut off at both ends, by its inverse distribution function.
    span = (parameters.oldest_years - parameters.youngest_years) / parameters.age_scale_years
    ages: Floats = -np.log1p(rng.random(count) * np.expm1(-span)) * parameters.age_scale_years
    return ages + parameters.youngest_years


def _disenrolment_days(parameters: Parameters, count: int, rng: np.random.Generator) -> Ints:
    # Beyond two centuries nobody is followed: the bound keeps a rate of zero finite.
    scale = YEAR_DAYS / max(parameters.disenrolment_per_year, 1e-9)
    days: Ints = np.minimum(rng.exponential(scale, count), 73_000).astype(np.int64) + 1
    return days


def _delays(parameters: Parameters, count: int, rng: np.random.Generator) -> Ints:
    mean, sd = parameters.diagnosis_delay_days, parameters.diagnosis_delay_sd_days
    if sd == 0:
        return np.full(count, mean, dtype=np.int64)
    days: Ints = np.rint(rng.gamma((mean / sd) ** 2, sd**2 / mean, count)).astype(np.int64)
    return np.maximum(days, 1)
