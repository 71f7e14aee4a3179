"""Where n persons stand, and their hazards of falling ill, dying and starting a drug.

In: people, their course so far, and a day since enrolment. Out: rates per year, one for each person. The
effects of sex, age, indications and dose multiply.
"""

from dataclasses import dataclass

import numpy as np

from cohort.synthetic.parameters import AGE_BAND_STARTS, AGE_BANDS, CLASSES, LogRateByAge, Parameters
from cohort.synthetic.people import YEAR_DAYS, Arrays, Bools, Floats, Ints, People

NEVER = 10_000_000  # a day that nobody reaches


@dataclass
class Course(Arrays):
    """What has happened so far to n persons; days since enrolment, `NEVER` when it has not.

    `supply_*` describe the latest supply: first day, days, dme a day and class; `finished_dme` (n by class)
    is what all earlier ones gave.
    """

    onset: Ints
    death: Ints
    supply_start: Ints
    supply_days: Ints
    supply_rate: Floats
    supply_class: Ints
    finished_dme: Floats

    @classmethod
    def healthy(cls, count: int) -> "Course":
        """Nobody has fallen ill, died or taken anything."""
        never, zero = np.full(count, NEVER, dtype=np.int64), np.zeros(count, dtype=np.int64)
        none = np.zeros(count)
        return cls(never, never.copy(), zero, zero.copy(), none, zero.copy(), np.zeros((count, len(CLASSES))))

    def supplied_dme(self, day: int) -> Floats:
        """Diazepam-equivalents that the latest supply has given through `day`."""
        given: Floats = self.supply_rate * np.clip(day - self.supply_start + 1, 0, self.supply_days)
        return given

    def is_supplied(self, day: int) -> Bools:
        """Whether a supply covers `day`."""
        return (self.supply_start <= day) & (day < self.supply_start + self.supply_days)


class Hazards:
    """Hazards per year of n persons, as functions of their course and a day since enrolment."""

    def __init__(self, people: People, parameters: Parameters) -> None:
        p, age, kinds = parameters, people.age_years, parameters.indications
        delay_years = p.diagnosis_delay_days / YEAR_DAYS
        self._parameters, self._age = parameters, age
        # The published rate is of diagnosis: an onset has the rate of the diagnosis that follows it.
        self._onset, self._onset_slope = _line(people, delay_years, p.onset_log_rate_men, p.onset_log_rate_women)
        self._death, self._death_slope = _line(people, 0.0, p.death_log_rate_men, p.death_log_rate_women)
        self._start = np.log(p.start_per_year) + p.start_log_slope_per_year * (age - 65)
        self._start += np.log(p.female_start_ratio) * people.female
        self._onset += people.indications @ np.log([kind.onset_ratio for kind in kinds])
        self._death += people.indications @ np.log([kind.death_ratio for kind in kinds])
        self._start += people.indications @ np.log([kind.start_ratio for kind in kinds])
        self._log_hr = np.array([[p.log_hazard_ratio[c][band] for c in CLASSES] for band in AGE_BANDS]) / p.per_dme
        self._band_shift = delay_years if p.band_age == "diagnosis" else 0.0

    def onset(self, course: Course, day: int) -> Floats:
        """Latent onset."""
        years = day / YEAR_DAYS
        rate: Floats = np.exp(self._onset + self._onset_slope * years + self._dose_effect(course, day, years))
        return rate

    def death(self, course: Course, day: int) -> Floats:
        """Death from any cause."""
        p = self._parameters
        is_ill = course.onset < day
        is_diagnosed = course.onset + p.diagnosis_delay_days < day
        state = np.where(is_diagnosed, p.dementia_death_ratio, np.where(is_ill, p.prodrome_death_ratio, 1.0))
        supply = np.where(course.is_supplied(day), p.supply_death_ratio, 1.0)
        rate: Floats = np.exp(self._death + self._death_slope * (day / YEAR_DAYS)) * state * supply
        return rate

    def start(self, course: Course, day: int) -> Floats:
        """Start of an episode of use by someone who has no supply."""
        p = self._parameters
        rate: Floats = np.exp(self._start + p.start_log_slope_per_year * (day / YEAR_DAYS))
        if day < p.prodrome_start_from_day:
            return rate
        is_prodromal = (course.onset <= day) & (day < course.onset + p.diagnosis_delay_days)
        return rate * np.where(is_prodromal, p.prodrome_start_ratio, 1.0)

    def _dose_effect(self, course: Course, day: int, years: float) -> Floats | float:
        if not self._log_hr.any():
            return 0.0
        band = np.searchsorted(AGE_BAND_STARTS, self._age + years + self._band_shift, side="right")
        log_hr = self._log_hr[band]
        latest = log_hr[np.arange(len(band)), course.supply_class] * course.supplied_dme(day)
        effect: Floats = latest + np.einsum("ij,ij->i", log_hr, course.finished_dme)
        return effect


def _line(people: People, later_years: float, men: LogRateByAge, women: LogRateByAge) -> tuple[Floats, Floats]:
    """Log rate at an age `later_years` after enrolment, and its growth per year, by sex."""
    intercept = np.where(people.female, women[0], men[0])
    slope = np.where(people.female, women[1], men[1])
    return intercept + slope * (people.age_years + later_years), slope
