"""What is true of a synthetic world: the effects planted, and a ledger of what happened to whom.

In: parameters, regimens and blocks of `Lives`. Out: the content of `truth.json`, and the rows of
`truth.parquet`. Tests and reports compare with them; no step of the study reads them.
"""

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import polars as pl

from cohort import __version__
from cohort.synthetic.events import diagnosis_days, last_days
from cohort.synthetic.parameters import CLASSES, Parameters
from cohort.synthetic.process import Lives
from cohort.synthetic.records import dates
from cohort.synthetic.regimens import Regimen


def ledger(lives: Lives, parameters: Parameters, person_id: pl.Series) -> pl.DataFrame:
    """One row per person: first and last day observed, latent days (null: never), whether a drug was taken.

    Days may lie after disenrolment, a diagnosis also after death: `is_diagnosis_observed` says which the CDM
    shows.
    """
    enrolment, course, episodes = lives.people.enrolment_date, lives.course, lives.episodes
    diagnosis, last = diagnosis_days(lives, parameters), last_days(lives)
    users = episodes.person[episodes.start <= last[episodes.person]]
    return pl.DataFrame(
        {
            "person_id": person_id,
            "enrolment_date": dates(enrolment),
            "last_date": dates(enrolment + last),
            "onset_date": dates(enrolment + course.onset),
            "diagnosis_date": dates(enrolment + diagnosis),
            "is_diagnosis_observed": diagnosis <= last,
            "death_date": dates(enrolment + course.death),
            "has_used": np.isin(np.arange(len(last)), users),
        }
    )


def truth(
    parameters: Parameters, regimens: Sequence[Regimen], persons: pl.DataFrame, rows: Mapping[str, int]
) -> dict[str, Any]:
    """What was planted, and how much came of it.

    Args:
        parameters: those of the world.
        regimens: those of the world, which hold each drug's class.
        persons: its whole ledger.
        rows: rows written, by table.
    """
    return {
        "dose_unit": "dme",
        "per": parameters.per_dme,
        "diagnosis_delay_days": parameters.diagnosis_delay_days,
        "log_hazard_ratio": parameters.log_hazard_ratio,
        "drug_class": {regimen.product.drug: CLASSES[regimen.class_index] for regimen in regimens},
        "parameters": parameters.model_dump(mode="json"),
        "counts": {
            "onsets": persons["onset_date"].count(),
            "observed_diagnoses": int(persons["is_diagnosis_observed"].sum()),
            "deaths": persons["death_date"].count(),
            "users": int(persons["has_used"].sum()),
            "rows": dict(rows),
        },
        "software": {
            "tspo-cohort": __version__,
            "python": platform.python_version(),
            **{package: version(package) for package in ("duckdb", "numpy", "polars")},
        },
    }
