"""The lives: in steps of 30 days, who starts a drug, falls ill (latently) and dies.

In: people and regimens. Out: the `Course` (day of onset and death) of those who enrol, and their `Episodes`
of use. A hazard is constant within a step and taken at its middle; the day of an event is uniform within the
step. A start comes first in a step and sees the state before it, so it can never be an effect of an onset
that its dose may cause. What the CDM shows of a course is derived from it afterwards (`records`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cohort.synthetic.choice import RegimenChoice
from cohort.synthetic.course import NEVER, Course
from cohort.synthetic.doses import finish_supplies
from cohort.synthetic.hazards import Hazards
from cohort.synthetic.leaving import Leaving
from cohort.synthetic.parameters import Parameters
from cohort.synthetic.people import YEAR_DAYS, Arrays, Bools, Floats, Ints, People
from cohort.synthetic.regimens import Regimen, shares

STEP_DAYS = 30


@dataclass
class Episodes(Arrays):
    """Episodes of use, one value each: `fills` gapless fills of one regimen, each of `fill_days` days."""

    person: Ints
    start: Ints
    regimen: Ints
    fill_days: Ints
    fills: Ints


@dataclass(frozen=True)
class Streams:
    """One random generator for each purpose: what one purpose draws does not move the others."""

    onset: np.random.Generator
    death: np.random.Generator
    start: np.random.Generator
    episode: np.random.Generator


@dataclass(frozen=True)
class Lives:
    """Those who enrol, and all that happens to them until the data end."""

    people: People
    course: Course
    episodes: Episodes


class Process:
    """The world's monthly process under given parameters."""

    def __init__(self, parameters: Parameters, regimens: Sequence[Regimen], streams: Streams) -> None:
        self._parameters, self._streams = parameters, streams
        self._choice = RegimenChoice(parameters, regimens)
        self._rate = np.array([regimen.dme_per_day for regimen in regimens])
        self._class = np.array([regimen.class_index for regimen in regimens])
        self._is_long = np.array([regimen.half_life == "long" for regimen in regimens])
        self._fill_days, self._fill_share = zip(*shares(parameters.fill_days).items(), strict=True)

    def live(self, people: People, persons: int) -> Lives | None:
        """The lives of the first `persons` of `people` who enrol; None when fewer do.

        Everybody starts healthy and without drugs one diagnosis delay before enrolment (rounded up to steps; four
        standard deviations more where it varies). Whoever dies before it, or would be diagnosed on or before its
        day, does not enrol. A course runs on after disenrolment; what lies after the data's end is dropped.
        """
        p = self._parameters
        latent_days = p.diagnosis_delay_days + math.ceil(4 * p.diagnosis_delay_sd_days)
        course, hazards = Course.healthy(len(people)), Hazards(people, p)
        for first_day in range(STEP_DAYS * (-latent_days // STEP_DAYS), 0, STEP_DAYS):
            self._fall_ill_and_die(course, hazards, first_day)
        enrolling = np.flatnonzero((course.death == NEVER) & (course.onset > -people.delay))[:persons]
        if len(enrolling) < persons:
            return None
        people, course = people.taken(enrolling), course.taken(enrolling)
        episodes, disenrolment = self._follow(people, course)
        for happened in (course.onset, course.death):
            happened[happened > people.data_end] = NEVER
        return Lives(replace(people, disenrolment=disenrolment), course, episodes)

    def _follow(self, people: People, course: Course) -> tuple[Episodes, Ints]:
        hazards, started = Hazards(people, self._parameters), []
        leaving = Leaving(people.disenrolment, self._parameters)
        for first_day in range(0, int(people.data_end.max()) + 1, STEP_DAYS):
            started.append(self._start(people, course, hazards, first_day))
            self._fall_ill_and_die(course, hazards, first_day)
            leaving.move_on(hazards, course, first_day, STEP_DAYS)
        columns = [np.concatenate(parts) for parts in zip(*(vars(e).values() for e in started), strict=True)]
        episodes = Episodes(*columns)
        return episodes.taken(np.lexsort((episodes.start, episodes.person))), leaving.day

    def _fall_ill_and_die(self, course: Course, hazards: Hazards, first_day: int) -> None:
        middle, streams = first_day + STEP_DAYS // 2, self._streams
        is_alive = course.death == NEVER
        ill = _struck(hazards.onset(course, middle), is_alive & (course.onset == NEVER), streams.onset)
        dead = _struck(hazards.death(course, middle), is_alive, streams.death)
        course.onset[ill] = first_day + streams.onset.integers(0, STEP_DAYS, size=len(ill))
        course.death[dead] = first_day + streams.death.integers(0, STEP_DAYS, size=len(dead))
        course.onset[course.onset > course.death] = NEVER

    def _start(self, people: People, course: Course, hazards: Hazards, first_day: int) -> Episodes:
        is_free = (course.death == NEVER) & (course.supply_start + course.supply_days <= first_day)
        who = _struck(hazards.start(course, first_day), is_free, self._streams.start)
        day = first_day + self._streams.start.integers(0, STEP_DAYS, size=len(who))
        is_channelled = first_day >= self._parameters.prodrome_start_from_day
        is_prodromal = hazards.is_prodromal(course, first_day)[who] & is_channelled
        regimen = self._choice.drawn(people.indications[who], is_prodromal, self._streams.episode)
        episodes = self._draw_episodes(who, day, regimen)
        finish_supplies(course, who, self._parameters)
        course.supply_start[who] = day
        course.supply_days[who] = episodes.fill_days * episodes.fills
        course.supply_rate[who] = self._rate[episodes.regimen]
        course.supply_class[who] = self._class[episodes.regimen]
        course.supply_is_long[who] = self._is_long[episodes.regimen]
        return episodes

    def _draw_episodes(self, who: Ints, day: Ints, regimen: Ints) -> Episodes:
        p, rng, count = self._parameters, self._streams.episode, len(who)
        fill_days = rng.choice(self._fill_days, size=count, p=self._fill_share)
        mean_months = np.where(rng.random(count) < p.long_term_share, p.long_term_months, p.short_months)
        days = rng.geometric(1 / mean_months) * STEP_DAYS
        # Who still takes the drug when a supply runs out fills again: the last may outlast the episode.
        return Episodes(who, day, regimen, fill_days, -(-days // fill_days))


def _struck(rate_per_year: Floats, is_at_risk: Bools, rng: np.random.Generator) -> Ints:
    """Indices of those at risk to whom an event at this rate happens in a step."""
    draws = rng.random(len(rate_per_year))
    probability = -np.expm1(-rate_per_year * (STEP_DAYS / YEAR_DAYS))
    return np.flatnonzero(is_at_risk & (draws < probability))
