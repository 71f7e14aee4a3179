"""Which diagnoses come to be recorded, and who is recorded without one.

In: a block of `Lives`. Out: for each person the day that the records will say; the ledger tells it from the true
one.
"""

import numpy as np
import polars as pl

from cohort.synthetic.course import NEVER
from cohort.synthetic.events import diagnosis_days, whole_days
from cohort.synthetic.parameters import Parameters
from cohort.synthetic.people import Bools, Ints
from cohort.synthetic.place import Place
from cohort.synthetic.process import Lives

MISCLASSIFIED = pl.Schema({"person_id": pl.Int64, "kind": pl.String, "date": pl.Date})


def recorded_diagnosis_days(lives: Lives, last: Ints, parameters: Parameters, rng: np.random.Generator) -> Ints:
    """The day on which records confirm a diagnosis, `NEVER` where none do.

    A diagnosis that comes after the last day, and would leave a first code at most, is left alone.
    """
    p, diagnosis = parameters, diagnosis_days(lives)
    is_observed = diagnosis <= last
    of_users = p.outcome_sensitivity if p.outcome_sensitivity_of_users is None else p.outcome_sensitivity_of_users
    sensitivity = np.where(_had_used(lives, diagnosis), of_users, p.outcome_sensitivity)
    draw = rng.random(len(last))
    is_false = ~is_observed & (draw >= p.outcome_specificity) & (last >= 2)
    recorded = np.where(is_observed & (draw >= sensitivity), NEVER, diagnosis)
    return np.where(is_false, whole_days(np.full(len(last), 2), last, rng), recorded)


def misclassified(lives: Lives, recorded: Ints, place: Place) -> pl.DataFrame:
    """One row per person whose records differ from the truth: `missed` or `false`, and the day of it."""
    diagnosis = diagnosis_days(lives)
    differs = np.flatnonzero(recorded != diagnosis)
    is_missed = recorded[differs] == NEVER
    return pl.DataFrame(
        {
            "person_id": place.person_id[differs],
            "kind": np.where(is_missed, "missed", "false"),
            "date": place.date(differs, np.where(is_missed, diagnosis[differs], recorded[differs])),
        },
        schema=MISCLASSIFIED,
    )


def _had_used(lives: Lives, before: Ints) -> Bools:
    episodes = lives.episodes
    users = episodes.person[episodes.start < before[episodes.person]]
    return np.isin(np.arange(len(before)), users)
