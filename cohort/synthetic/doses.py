"""Which of the dose taken acts on onset at a day: all of it, or what the parameters leave of it.

In: a `Course`. Out: diazepam-equivalents that act, by person and dose group. A dose of day u counts 2^(u/h) when
its effect halves every h days, and 1 when it lasts: sums of these need no history, and are brought to a day by
dividing by 2^(day/h).
"""

import numpy as np

from cohort.synthetic.course import LONG_ACTING, Course
from cohort.synthetic.parameters import Parameters
from cohort.synthetic.people import Floats, Ints


class ActingDose:
    """The dose that acts, of some groups."""

    def __init__(self, parameters: Parameters, groups: Ints) -> None:
        self._parameters, self._groups = parameters, groups

    def at(self, course: Course, day: int) -> Floats:
        """Diazepam-equivalents that act at `day`, n by group."""
        columns = [self._of_group(course, day, int(group)) for group in self._groups]
        return np.stack(columns, axis=1)

    def _of_group(self, course: Course, day: int, group: int) -> Floats:
        p = self._parameters
        is_of_group = course.is_of_group(group)
        if p.effect_of_running_supply_only:
            return np.where(is_of_group & course.is_supplied(day), p.per_dme, 0.0)
        latest = course.supply_rate * weights(course.supply_start, course.supplied_days(day), p)
        dose = course.finished_dose[:, group] + np.where(is_of_group, latest, 0.0)
        if p.effect_half_life_days is not None:
            dose *= 2.0 ** (-day / p.effect_half_life_days)
        return np.maximum(dose - p.effect_threshold_dme, 0.0) if p.effect_threshold_dme else dose


def finish_supplies(course: Course, who: Ints, parameters: Parameters) -> None:
    """Count the latest supplies of `who`, which have run out, with the finished ones."""
    start, days = course.supply_start[who], course.supply_days[who]
    dose = course.supply_rate[who] * weights(start, days, parameters)
    course.finished_dose[who, course.supply_class[who]] += dose
    course.finished_dose[who, LONG_ACTING] += dose * course.supply_is_long[who]


def weights(start: Ints, days: Ints, parameters: Parameters) -> Ints | Floats:
    """What `days` days from `start` on count together."""
    half_life = parameters.effect_half_life_days
    if half_life is None:
        return days
    one_day = np.log(2.0) / half_life
    together: Floats = np.exp(one_day * start) * np.expm1(one_day * days) / np.expm1(one_day)
    return together
