"""What two releases tell together that neither tells alone: a count less the same count, where that is small.

Whoever holds both can subtract. Rounding (`disclosure.round_counts_to`) is what protects releases of the same study
that follow each other; here it is said where that was needed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

COUNTS = {
    "attrition": ("number_records", "number_subjects", "excluded_records", "excluded_subjects"),
    "estimates": ("persons", "persons_exposed", "events", "events_exposed"),
    "person_time": ("persons", "events", "deaths"),
    "dose_coverage": ("fills", "persons"),
    "drugs": ("fills", "persons"),
    "supply": ("fills", "persons", "fills_cut", "persons_cut"),
    "channelling": ("starts",),
    "curves": ("at_risk",),
    "risks": ("at_risk",),
}
"""The counts of each released table."""
KEYS: Mapping[str, tuple[str, ...]] = {
    "attrition": ("reason_id",),
    "estimates": ("estimate_id",),
    "person_time": ("exposure", "age_stratum", "category"),
    "dose_coverage": ("drug", "route", "rule", "unit", "status", "reason"),
    "drugs": ("drug",),
    "supply": ("drug",),
    "channelling": ("time_before_diagnosis", "exposure"),
    "curves": ("curve", "exposure_group", "outcome", "age_years"),
    "risks": ("exposure", "category", "reference", "from_age", "years", "outcome"),
}
"""What tells the rows of each table apart."""


@dataclass(frozen=True)
class Revealed:
    """How many cells of a column of a table tell a small number by subtraction."""

    table: str
    column: str
    cells: int


def revealed(one: Path, other: Path, threshold: int) -> list[Revealed]:
    """Columns whose cells, of the same row of both releases, differ by more than nothing and less than the threshold.

    Args:
        one, other: release folders.
        threshold: the larger `min_cell_count` of the two.
    """
    found = []
    for table, columns in COUNTS.items():
        paths = [release / f"{table}.csv" for release in (one, other)]
        if not all(path.exists() for path in paths):
            continue
        ends = [pl.read_csv(path, infer_schema_length=None, glob=False) for path in paths]
        both = ends[0].join(ends[1], on=KEYS[table], nulls_equal=True, suffix="_other")
        for column in columns:
            cells = both.filter(_difference(column).is_between(1, threshold - 1)).height
            if cells:
                found.append(Revealed(table, column, cells))
    return found


def _difference(column: str) -> pl.Expr:
    return (pl.col(column).cast(pl.Float64) - pl.col(f"{column}_other").cast(pl.Float64)).abs()
