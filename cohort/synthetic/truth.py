"""The truth file of a synthetic world: what was planted, what of it can be found, and how much came of it.

In: parameters, regimens and counts. Out: the content of `truth.json`. Reports show it beside the estimates; no
step of the study reads it.
"""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import polars as pl

from cohort import __version__
from cohort.synthetic.estimand import estimand
from cohort.synthetic.gaps import Gaps
from cohort.synthetic.parameters import CLASSES, Parameters
from cohort.synthetic.regimens import Regimen


@dataclass
class Counts:
    """What came of a world, counted block by block from the ledger of persons."""

    onsets: int = 0
    observed_diagnoses: int = 0
    deaths: int = 0
    users: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)

    def add(self, persons: pl.DataFrame) -> None:
        """Count a block's persons."""
        self.onsets += persons["onset_date"].count()
        self.observed_diagnoses += int(persons["is_diagnosis_observed"].sum())
        self.deaths += persons["death_date"].count()
        self.users += int(persons["has_used"].sum())


def truth(parameters: Parameters, regimens: Sequence[Regimen], gaps: Gaps, counts: Counts) -> dict[str, Any]:
    """What was planted, and how much came of it.

    Args:
        parameters: those of the world.
        regimens: those of the world, which hold each drug's class.
        gaps: products that the vocabulary knows too little of.
        counts: of the whole world, with the rows written by table.
    """
    return {
        "dose_unit": "dme",
        "per": parameters.per_dme,
        "diagnosis_delay_days": parameters.diagnosis_delay_days,
        **estimand(parameters, regimens),
        "drug_class": {regimen.product.drug: CLASSES[regimen.class_index] for regimen in regimens},
        "drug_half_life_class": {regimen.product.drug: regimen.half_life for regimen in regimens},
        "products_without_strength": [product.name for product in gaps.without_strength],
        "products_without_ingredient": [product.name for product in gaps.without_ingredient],
        "parameters": parameters.model_dump(mode="json"),
        "counts": {**vars(counts), "rows": dict(counts.rows)},
        "software": {
            "tspo-cohort": __version__,
            "python": platform.python_version(),
            **{package: version(package) for package in ("duckdb", "numpy", "polars")},
        },
    }
