"""From TSPO measurements to a class: the rule of the primary contrast.

In: the measurements and findings of `config/tspo_affinity.csv`, with the protocol's cut-points and grades.
Out: per drug a level, a class and the reason in words. Nothing about a drug stands here: change a row of the
file and its class follows.

The rule, for the rows whose grade is admitted:

1. Values (Ki, Kd and IC50 alike) make a geometric mean; the cut-points give its level. Values outrank words.
2. Else the findings of the best grade count, each with the level that `tspo_findings.csv` gives it. Where
   they differ the most affine wins: binding that was seen is evidence, binding that was not seen is ruled out
   only up to the concentration tested.
3. Without either the drug is unknown, a class of its own that is never folded into another.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, model_validator

from cohort.errors import UsageError, nearest
from cohort.reference import EQUIVALENCE_TABLES, Affinity, Drug

Level = Literal["high", "moderate", "low", "none", "unknown"]
TspoClass = Literal["binder", "non_binder", "unknown"]
Summary = Literal["geometric mean", "least", "most"]
"""Which of a drug's values speaks for it."""

LEVELS: tuple[Level, ...] = ("high", "moderate", "low", "none", "unknown")  # most affine first
TSPO_CLASS_OF_LEVEL: Mapping[str, TspoClass] = {
    "high": "binder",
    "moderate": "binder",
    "low": "non_binder",
    "none": "non_binder",
    "unknown": "unknown",
}
STRICT_GRADES = ("A", "B", "C")
# Where the chosen table lacks a drug: the widest table first, and ClinCalc last, for midazolam
EQUIVALENCE_FALLBACK = ("ashton", "inada", "clincalc")

_SITE = "site"
_REFERENCE_DRUG, _MG_OF_REFERENCE = "diazepam", 10.0

STUDY_DRUG_SCHEMA: Mapping[str, type[pl.DataType]] = {
    "drug": pl.String,
    "concept_id": pl.Int64,
    "drug_group": pl.String,
    "tspo_class": pl.String,
    "tspo_level": pl.String,
    "ki_nm": pl.Float64,
    "evidence_grade": pl.String,
    "half_life_class": pl.String,
    "mg_per_dme": pl.Float64,
    "mg_per_ddd": pl.Float64,
    "mg_per_tspo": pl.Float64,
    "equivalence_source": pl.String,
}


class CutPoints(BaseModel):
    """Upper bounds of the levels in nM; a value on a bound belongs to the more affine level."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    high_nm: float = Field(100, gt=0, description="Up to here an affinity is high.")
    moderate_nm: float = Field(1_000, gt=0, description="Up to here it is moderate: the bound of a binder.")
    low_nm: float = Field(10_000, gt=0, description="Up to here it is low; above, none.")

    @model_validator(mode="after")
    def _grow(self) -> Self:
        if not self.high_nm < self.moderate_nm < self.low_nm:
            raise ValueError("cut-points must grow: high_nm < moderate_nm < low_nm")
        return self


@dataclass(frozen=True, slots=True)
class DrugAffinity:
    """What the evidence says of one drug.

    `ki_nm` is the value that speaks for it, by the rule the geometric mean of those used, `ki_nm_min` and `ki_nm_max`
    their range (nM; None where words decided), `evidence_grade` the weakest grade that was used (E without evidence).
    """

    level: Level
    tspo_class: TspoClass
    ki_nm: float | None
    ki_nm_min: float | None
    ki_nm_max: float | None
    evidence_grade: str
    basis: str


def level_of(value_nm: float, cut_points: CutPoints) -> Level:
    """The affinity level of a value in nM.

    >>> level_of(1000, CutPoints())
    'moderate'

    Raises:
        ValueError: the value is not positive.
    """
    if not value_nm > 0:
        raise ValueError(f"an affinity in nM is positive; got {value_nm}")
    if value_nm <= cut_points.high_nm:
        return "high"
    if value_nm <= cut_points.moderate_nm:
        return "moderate"
    return "low" if value_nm <= cut_points.low_nm else "none"


def classify(
    measurements: Sequence[Affinity],
    findings: Mapping[str, str],
    cut_points: CutPoints,
    grades: Sequence[str] = STRICT_GRADES,
    summary: Summary = "geometric mean",
) -> DrugAffinity:
    """Apply the rule to the rows of one drug.

    Args:
        measurements: every row of the drug; the order does not matter.
        findings: the level of each finding in words.
        cut_points: upper bounds of the levels, nM.
        grades: the grades of evidence that count.
        summary: which of several values speaks for the drug.
    """
    admitted = [row for row in measurements if row.grade in grades]
    if any(row.value_nm is not None for row in admitted):
        return _by_value([row for row in admitted if row.value_nm is not None], cut_points, summary)
    if admitted:
        return _by_finding(admitted, findings)
    return _drug_affinity("unknown", "E", f"no evidence of grade {', '.join(grades)}")


def study_drugs(
    drugs: Sequence[Drug],
    affinities: Sequence[Affinity],
    findings: Mapping[str, str],
    cut_points: CutPoints,
    grades: Sequence[str] = STRICT_GRADES,
    equivalence_table: str = "ashton",
    site_equivalents_mg: Mapping[str, float] | None = None,
) -> pl.DataFrame:
    """The study drugs with class and dose scales, as SQL reads them.

    Args:
        drugs: the drugs of the study; their order is kept.
        affinities: rows of any drug; those of others are ignored.
        findings: the level of each finding in words.
        cut_points: upper bounds of the levels, nM.
        grades: the grades of evidence that count.
        equivalence_table: the table of doses equal to diazepam 10 mg, one of `EQUIVALENCE_TABLES` or `site`.
        site_equivalents_mg: the site's own table, by drug, for `site`.

    Returns:
        One row per drug, columns `STUDY_DRUG_SCHEMA`. `mg_per_dme` are the mg worth one dme (10 mg of oral
        diazepam) by the table in `equivalence_source`; both are null where no usable table lists the drug.
        `mg_per_ddd` is WHO's oral defined daily dose, null where there is none. `mg_per_tspo` are the mg that bind
        TSPO as 10 mg of diazepam do, 10 x Ki / Ki of diazepam; null where no value was measured.

    Raises:
        UsageError: an unknown equivalence table, or a drug of the site's table that the study does not know.
    """
    site = dict(site_equivalents_mg or {})
    _check_equivalents(equivalence_table, site, [drug.drug for drug in drugs])
    rows_of: defaultdict[str, list[Affinity]] = defaultdict(list)
    for row in affinities:
        rows_of[row.drug].append(row)
    found = [classify(rows_of[drug.drug], findings, cut_points, grades) for drug in drugs]
    ki_of = {drug.drug: affinity.ki_nm for drug, affinity in zip(drugs, found, strict=True)}
    records = [
        _record(drug, affinity, equivalence_table, site.get(drug.drug), ki_of.get(_REFERENCE_DRUG))
        for drug, affinity in zip(drugs, found, strict=True)
    ]
    return pl.DataFrame(records, schema=STUDY_DRUG_SCHEMA, orient="row")


def _check_equivalents(equivalence_table: str, site: Mapping[str, float], drugs: Sequence[str]) -> None:
    tables = (*EQUIVALENCE_TABLES, _SITE)
    if equivalence_table not in tables:
        raise UsageError(f"There is no equivalence table '{equivalence_table}'{nearest(equivalence_table, tables)}")
    for name in site:
        if name not in drugs:
            raise UsageError(f"site_equivalents_mg names '{name}', which is no study drug{nearest(name, drugs)}")


def _by_value(rows: Sequence[Affinity], cut_points: CutPoints, summary: Summary) -> DrugAffinity:
    values = [row.value_nm for row in rows if row.value_nm is not None]
    grade = max(row.grade for row in rows)
    each = ", ".join(f"{row.measure} {row.value_nm:g} nM" for row in rows)
    basis = f"{f'{summary} of ' if len(values) > 1 else ''}{each} (grade {grade})"
    chosen = {"geometric mean": _geometric_mean(values), "least": min(values), "most": max(values)}[summary]
    return _drug_affinity(level_of(chosen, cut_points), grade, basis, chosen, min(values), max(values))


def _by_finding(rows: Sequence[Affinity], findings: Mapping[str, str]) -> DrugAffinity:
    grade = min(row.grade for row in rows)
    words = sorted({row.finding for row in rows if row.grade == grade and row.finding is not None})
    level = next(level for level in LEVELS if level in {findings[word] for word in words})
    return _drug_affinity(level, grade, f"{', '.join(words).replace('_', ' ')} (grade {grade})")


def _drug_affinity(
    level: Level,
    grade: str,
    basis: str,
    mean: float | None = None,
    least: float | None = None,
    most: float | None = None,
) -> DrugAffinity:
    return DrugAffinity(level, TSPO_CLASS_OF_LEVEL[level], mean, least, most, grade, basis)


def _geometric_mean(values: Sequence[float]) -> float:
    """Rounded to 12 digits, so that values on a cut-point stay on it through the logarithms and back."""
    mean = math.exp(math.fsum(math.log(value) for value in values) / len(values))
    return float(f"{mean:.12g}")


def _record(
    drug: Drug, affinity: DrugAffinity, equivalence_table: str, site_mg: float | None, diazepam_ki_nm: float | None
) -> tuple[object, ...]:
    listed = drug.equivalents_mg() | ({_SITE: site_mg} if site_mg is not None and equivalence_table == _SITE else {})
    table = next((name for name in (equivalence_table, *EQUIVALENCE_FALLBACK) if name in listed), None)
    relative = affinity.ki_nm / diazepam_ki_nm if affinity.ki_nm is not None and diazepam_ki_nm is not None else None
    return (
        drug.drug,
        drug.concept_id,
        drug.drug_group,
        affinity.tspo_class,
        affinity.level,
        affinity.ki_nm,
        affinity.evidence_grade,
        drug.half_life_class,
        listed[table] if table else None,
        drug.ddd_oral_mg,
        _MG_OF_REFERENCE * relative if relative is not None else None,
        table,
    )
