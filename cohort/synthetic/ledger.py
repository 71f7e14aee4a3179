"""The truth's ledger: what happened to whom, and what the records hide of it.

In: blocks of `Lives` and of what was recorded. Out: frames, one row per person, episode of use, dirtied record,
misclassified outcome or hole. Tests and reports compare with them; no step of the study reads them.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl

from cohort.synthetic.course import NEVER
from cohort.synthetic.dirt import KINDS
from cohort.synthetic.events import diagnosis_days
from cohort.synthetic.outcome import misclassified
from cohort.synthetic.parameters import CLASSES
from cohort.synthetic.people import Ints
from cohort.synthetic.place import dates
from cohort.synthetic.process import Lives
from cohort.synthetic.records import Recorded
from cohort.synthetic.regimens import Regimen


def persons(lives: Lives, recorded: Recorded) -> pl.DataFrame:
    """One row per person: first and last day observed, latent days (null: never), whether a drug was taken.

    Days may lie after disenrolment, a diagnosis also after death: `is_diagnosis_observed` says which fall into
    observation. `disenrolment_date` is null when the data end or death come first.
    """
    enrolment, course, episodes = lives.people.enrolment_date, lives.course, lives.episodes
    diagnosis, last = diagnosis_days(lives), recorded.last
    users = episodes.person[episodes.start <= last[episodes.person]]
    everybody = np.arange(len(last))
    leaves = (lives.people.disenrolment == last) & (last < lives.people.data_end) & (last < course.death)
    return pl.DataFrame(
        {
            "person_id": recorded.place.person_id,
            "enrolment_date": dates(enrolment),
            "last_date": dates(enrolment + last),
            "onset_date": dates(enrolment + course.onset),
            "diagnosis_date": dates(enrolment + diagnosis),
            "is_diagnosis_observed": (diagnosis <= last) & recorded.holes.spare(everybody, diagnosis),
            "death_date": dates(enrolment + course.death),
            "has_used": np.isin(everybody, users),
            "disenrolment_date": dates(enrolment + np.where(leaves, last, NEVER)),
        }
    )


def episodes(lives: Lives, recorded: Recorded, regimens: Sequence[Regimen]) -> pl.DataFrame:
    """One row per episode of use, as taken: gapless fills of one product, also outside observation.

    It ends with the data or with death if these come first.
    """
    place, data_end = recorded.place, lives.people.data_end
    e = lives.episodes.taken(np.flatnonzero(lives.episodes.start <= data_end[lives.episodes.person]))
    fields = {
        "drug": [r.product.drug for r in regimens],
        "drug_concept_id": [r.product.concept_id for r in regimens],
        "tspo_class": [CLASSES[r.class_index] for r in regimens],
        "half_life_class": [r.half_life for r in regimens],
        "mg_per_day": [r.units_per_day * r.product.strength_mg for r in regimens],
        "dme_per_day": [r.dme_per_day for r in regimens],
    }
    days = e.fill_days * e.fills
    return pl.DataFrame(
        {
            "person_id": place.person_id[e.person],
            "start_date": place.date(e.person, e.start),
            "end_date": place.date(e.person, e.start + days - 1),
            **{name: np.array(values)[e.regimen] for name, values in fields.items()},
            "fill_days": e.fill_days,
            "fills": e.fills,
        }
    )


def dirt(lives: Lives, recorded: Recorded, regimens: Sequence[Regimen]) -> pl.DataFrame:
    """One row per dirtied record: its id, kind, and what it was before (or the record that it repeats was).

    A record that a hole in observation swallowed has no row here.
    """
    kept = np.flatnonzero(recorded.dirty_ids)
    before, person = recorded.before.taken(kept), recorded.dirty_person[kept]
    return pl.DataFrame(
        {
            "drug_exposure_id": recorded.dirty_ids[kept],
            "person_id": recorded.place.person_id[person],
            "kind": np.array(KINDS)[before.kind],
            "is_added": before.is_added,
            "clean_start_date": recorded.place.date(person, before.day),
            "clean_days_supply": before.days,
            "clean_quantity": before.quantity,
        },
        schema_overrides={"kind": pl.String},
    )


def outcomes(lives: Lives, recorded: Recorded, regimens: Sequence[Regimen]) -> pl.DataFrame:
    """One row per person whose records of dementia differ from the truth."""
    return misclassified(lives, recorded.recorded, recorded.place)


def holes(lives: Lives, recorded: Recorded, regimens: Sequence[Regimen]) -> pl.DataFrame:
    """One row per hole in observation: person, first and last day of it."""
    holed = np.flatnonzero(recorded.holes.first < NEVER)
    ends: Mapping[str, Ints] = {"first_date": recorded.holes.first, "last_date": recorded.holes.last}
    dated = {name: recorded.place.date(holed, day[holed]) for name, day in ends.items()}
    return pl.DataFrame({"person_id": recorded.place.person_id[holed], **dated})


LEDGER: Mapping[str, Callable[[Lives, Recorded, Sequence[Regimen]], pl.DataFrame]] = {
    "episode": episodes,
    "dirt": dirt,
    "outcome": outcomes,
    "hole": holes,
}
