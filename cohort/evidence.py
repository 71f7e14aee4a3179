"""The table of drugs: class, evidence with its sources, dose scales, and use in this run.

In: the protocol, and what the cohort used. Out: one row per study drug, whether used or not.
"""

import polars as pl

from cohort.inputs import classified_drugs
from cohort.protocol import Protocol
from cohort.reference import Affinity, load_affinities

_USE = {"fills": pl.Int64, "persons": pl.Int64, "dose_dme": pl.Float64, "dose_ddd": pl.Float64}


def drug_table(protocol: Protocol, use: pl.DataFrame) -> pl.DataFrame:
    """One row per study drug, the most used first.

    Args:
        use: drug, fills, persons, dose_dme, dose_ddd of the cohort; drugs that nobody used are absent.

    Returns:
        drug, concept_id, tspo_class, tspo_level, ki_nm, evidence_grade, half_life_class, mg_per_dme, mg_per_ddd, fills,
        persons, dose_dme, dose_ddd (0 where nobody used it), evidence and source as text.
    """
    rows: dict[str, list[Affinity]] = {}
    for row in load_affinities():
        if row.grade in protocol.affinity.grades:
            rows.setdefault(row.drug, []).append(row)
    drugs = classified_drugs(protocol).join(use, on="drug", how="left", maintain_order="left")
    names = drugs.get_column("drug").to_list()
    return drugs.select(
        "drug",
        "concept_id",
        "tspo_class",
        "tspo_level",
        "ki_nm",
        "evidence_grade",
        "half_life_class",
        "mg_per_dme",
        "mg_per_ddd",
        *(pl.col(name).cast(kind).fill_null(0) for name, kind in _USE.items()),
        pl.Series("evidence", ["; ".join(_in_words(r) for r in rows.get(name, [])) for name in names]),
        pl.Series("source", ["; ".join(dict.fromkeys(r.citation for r in rows.get(name, []))) for name in names]),
    ).sort("fills", descending=True, maintain_order=True)


def _in_words(row: Affinity) -> str:
    what = row.finding.replace("_", " ") if row.finding else f"{row.measure} {row.value_nm:g} nM"
    where = ", ".join(part for part in (row.species, row.tissue) if part)
    return f"{what} ({where})" if where else what
