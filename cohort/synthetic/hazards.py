"""Where n persons stand, and their hazards of falling ill, dying, starting a drug and leaving observation.

In: people, their course so far, and a day since enrolment. Out: rates per year, one for each person. The
effects of sex, age, indications and dose multiply.
"""

import numpy as np

from cohort.synthetic.course import Course
from cohort.synthetic.doses import ActingDose
from cohort.synthetic.parameters import AGE_BAND_STARTS, AGE_BANDS, CLASSES, LogRateByAge, Parameters
from cohort.synthetic.people import YEAR_DAYS, Bools, Floats, People


class Hazards:
    """Hazards per year of n persons, as functions of their course and a day since enrolment."""

    def __init__(self, people: People, parameters: Parameters) -> None:
        p, age, kinds = parameters, people.age_years, parameters.indications
        delay_years = p.diagnosis_delay_days / YEAR_DAYS
        self._parameters, self._age, self._delay = parameters, age, people.delay
        # The published rate is of diagnosis: an onset has the rate of the diagnosis that follows it.
        self._onset, self._onset_slope = _line(people, delay_years, p.onset_log_rate_men, p.onset_log_rate_women)
        self._death, self._death_slope = _line(people, 0.0, p.death_log_rate_men, p.death_log_rate_women)
        self._start = np.log(p.start_per_year) + p.start_log_slope_per_year * (age - 65)
        self._start += np.log(p.female_start_ratio) * people.female
        self._onset += people.indications @ (p.confounding_strength * np.log([kind.onset_ratio for kind in kinds]))
        self._death += people.indications @ np.log([kind.death_ratio for kind in kinds])
        self._start += people.indications @ np.log([kind.start_ratio for kind in kinds])
        of_long = p.long_acting_log_hazard_ratio
        log_hr = np.array([[p.log_hazard_ratio[c][band] for c in CLASSES] + [of_long] for band in AGE_BANDS])
        groups = np.flatnonzero(log_hr.any(axis=0))
        self._log_hr, self._dose = log_hr[:, groups] / p.per_dme, ActingDose(p, groups)
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
        is_diagnosed = course.onset + self._delay < day
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
        return rate * np.where(self.is_prodromal(course, day), p.prodrome_start_ratio, 1.0)

    def leaving_ratio(self, course: Course, day: int) -> Floats:
        """The hazard of leaving observation against that of persons without prodrome and supply."""
        p = self._parameters
        prodrome = np.where(self.is_prodromal(course, day), p.prodrome_leaving_ratio, 1.0)
        return prodrome * np.where(course.is_supplied(day), p.supply_leaving_ratio, 1.0)

    def is_prodromal(self, course: Course, day: int) -> Bools:
        """Whether onset has been and diagnosis has not."""
        return (course.onset <= day) & (day < course.onset + self._delay)

    def _dose_effect(self, course: Course, day: int, years: float) -> Floats | float:
        if not self._log_hr.size:
            return 0.0
        band = np.searchsorted(AGE_BAND_STARTS, self._age + years + self._band_shift, side="right")
        effect: Floats = np.einsum("ij,ij->i", self._log_hr[band], self._dose.at(course, day))
        return effect


def _line(people: People, later_years: float, men: LogRateByAge, women: LogRateByAge) -> tuple[Floats, Floats]:
    """Log rate at an age `later_years` after enrolment, and its growth per year, by sex."""
    intercept = np.where(people.female, women[0], men[0])
    slope = np.where(people.female, women[1], men[1])
    return intercept + slope * (people.age_years + later_years), slope
