"""What two releases tell together that neither tells alone: a count less the same count, where that is small.

Whoever holds both can subtract. Rounding (`disclosure.round_counts_to`) is what protects releases of the same study
that follow each other; here it is said where that was needed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from cohort.rounding import COUNTS

KEYS: Mapping[str, tuple[str, ...]] = {
    "attrition": ("reason_id",),
    "estimates": ("estimate_id",),
    "person_time": ("exposure", "age_stratum", "category"),
    "dose_coverage": ("drug", "route", "rule", "unit", "status", "reason"),
    "drugs": ("drug",),
    "supply": ("drug",),
    "balance": ("heading", "characteristic", "level"),
    "age": ("way", "exposure", "age"),
    "channelling": ("time_before_diagnosis", "exposure"),
    "curves": ("curve", "exposure_group", "outcome", "age_years"),
    "risks": ("exposure", "category", "reference", "from_age", "years", "outcome"),
    "hypotheses": ("lag_days", "hypothesis", "shape"),
}
"""What tells the rows of each released table with counts apart."""
RECORD = "run.json"
_OF_THE_CDM = ("person_count", "observation_period_count")


@dataclass(frozen=True)
class Revealed:
    """How many cells of a column of a table tell a small number by subtraction."""

    table: str
    column: str
    cells: int


def revealed(one: Path, other: Path, records: tuple[Mapping[str, Any], Mapping[str, Any]]) -> list[Revealed]:
    """Columns whose cells, of the same row of both releases, differ by more than nothing and less than the threshold.

    The threshold is the larger `min_cell_count` of the two. Where one of them is rounded no exact difference is to be
    had, and nothing is told. A cell that one release hides and the other shows is not looked at.

    Args:
        one, other: release folders.
        records: `run.json` of both.
    """
    policies = [record["protocol"]["disclosure"] for record in records]
    if any(policy["round_counts_to"] > 1 for policy in policies):
        return []
    least = max(int(policy["min_cell_count"]) for policy in policies)
    found = []
    for table, keys in KEYS.items():
        paths = [release / f"{table}.csv" for release in (one, other)]
        if all(path.exists() for path in paths):
            ends = [pl.read_csv(path, infer_schema=False, glob=False) for path in paths]
            both = ends[0].join(ends[1], on=keys, nulls_equal=True, suffix="_other")
            found += [_small(table, column, both, least) for column in COUNTS[table]]
    rows = [pl.DataFrame(_counts_of(record), schema=["what", "rows"], orient="row") for record in records]
    found.append(_small(RECORD, "rows", rows[0].join(rows[1], on="what", suffix="_other"), least))
    return [columns for columns in found if columns.cells]


def _small(table: str, column: str, both: pl.DataFrame, least: int) -> Revealed:
    values = (pl.col(name).cast(pl.Float64) for name in (column, f"{column}_other"))
    difference = (next(values) - next(values)).abs()
    return Revealed(table, column, both.filter(difference.is_between(1, least - 1)).height)


def _counts_of(record: Mapping[str, Any]) -> list[tuple[str, float | None]]:
    """The numbers of rows that the record of a run tells: of the CDM, and of each table."""
    steps = [(f"{step['analysis']}: {step['name']}", step["rows"]) for step in record["steps"]]
    return [*((name, record["cdm"].get(name)) for name in _OF_THE_CDM), *steps]
