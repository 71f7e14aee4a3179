"""The facts in `config/`: study drugs and TSPO measurements, each with its source. Concept sets: `cohort.concept_sets`.

In: the CSV files of the configuration folder. Out: frozen rows, checked when they are read. No fact
of the study stands in code: it stands in a row here, and a row without a source is an error.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cohort.errors import nearest
from cohort.paths import config_folder
from cohort.typed_csv import read_csv

Grade = Literal["A", "B", "C", "D", "E"]
MeasuredLevel = Literal["high", "moderate", "low", "none"]
EQUIVALENCE_TABLES = ("ashton", "vadod_2021", "clincalc", "inada", "scotland")

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Text = Annotated[str, Field(min_length=1)]
Milligrams = Annotated[float, Field(gt=0)]


class _Fact(BaseModel):
    """A row of facts: frozen, closed to unknown fields, and without infinities."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Drug(_Fact):
    """A benzodiazepine or Z-drug: identity, WHO dose, diazepam equivalents, half-life."""

    drug: Name = Field(description="The drug's name in every table of the study.")
    drug_group: Literal["benzodiazepine", "z_drug"] = Field(description="Chemical group.")
    concept_id: int | None = Field(None, gt=0, description="OMOP ingredient; blank: resolved by name.")
    concept_name: Text = Field(description="Name of that ingredient in OMOP.")
    rxcui: str | None = Field(None, pattern=r"^\d+$", description="RxNorm identifier of the ingredient.")
    atc_code: str | None = Field(None, pattern=r"^[A-Z]\d\d[A-Z]{2}\d\d$", description="WHO ATC code.")
    ddd_oral_mg: Milligrams | None = Field(None, description="WHO defined daily dose by mouth.")
    ashton_mg: Milligrams | None = Field(None, description="Equal to diazepam 10 mg by mouth: Ashton.")
    vadod_2021_mg: Milligrams | None = Field(None, description="The same by VA/DoD 2021.")
    clincalc_mg: Milligrams | None = Field(None, description="The same by ClinCalc.")
    inada_mg: Milligrams | None = Field(None, description="The same by Inada (Japan).")
    scotland_mg: Milligrams | None = Field(None, description="The same by NHS Scotland.")
    half_life_class: Literal["short", "long"] = Field(description="long: 24 h or more, metabolites included.")
    half_life_hours: str | None = Field(None, description="Range in hours; in brackets: active metabolites.")
    active_moiety: Text = Field(description="What acts in the body.")
    id_source: Text = Field(description="Where the identifiers were read.")
    atc_ddd_source: Text = Field(description="Where the ATC code and the DDD were read.")
    equivalence_source: Text = Field(description="Where the diazepam equivalents were read.")
    half_life_source: Text = Field(description="Where the half-life was read.")
    note: str = Field("", description="Traps and disagreements.")

    def equivalents_mg(self) -> dict[str, float]:
        """The mg equal to 10 mg of oral diazepam, by table, for the tables that list the drug."""
        listed = {table: getattr(self, f"{table}_mg") for table in EQUIVALENCE_TABLES}
        return {table: mg for table, mg in listed.items() if mg is not None}


class Affinity(_Fact):
    """One measurement of TSPO binding, or one finding in words."""

    drug: Name = Field(description="A study drug, or a ligand shown for comparison.")
    role: Literal["study_drug", "reference_ligand"] = Field("study_drug", description="Which of the two.")
    measure: Literal["Ki", "Kd", "IC50", "finding"] = Field(description="What was measured.")
    value_nm: float | None = Field(None, gt=0, description="The value in nM; blank for a finding.")
    finding: str | None = Field(None, description="A word of tspo_findings.csv; blank for a value.")
    radioligand: str | None = Field(None, description="The labelled ligand of the assay.")
    tissue: str | None = Field(None, description="The tissue of the assay.")
    species: str | None = Field(None, description="The animal.")
    grade: Grade = Field(description="Strength of the evidence, A (binding constant) to E (none).")
    citation: Text = Field(description="The publication or record.")
    source: Text = Field(description="Where it was read.")
    note: str = Field("", description="What to know before using the row.")

    @model_validator(mode="after")
    def _has_a_value_or_a_finding(self) -> Self:
        is_value = self.measure != "finding"
        if (self.value_nm is not None) != is_value or (self.finding is not None) == is_value:
            raise ValueError("Ki, Kd and IC50 take value_nm alone, a finding takes finding alone; mend it")
        return self


class Finding(_Fact):
    """How a finding in words is read as an affinity level."""

    finding: Name = Field(description="The word used in tspo_affinity.csv.")
    level: MeasuredLevel = Field(description="The level it stands for.")
    why: Text = Field(description="Why.")


def load_drugs(folder: Path | None = None) -> tuple[Drug, ...]:
    """The study drugs of `drugs.csv`, in its order.

    Args:
        folder: the configuration folder; None for the shipped one.

    Raises:
        UsageError: a faulty file, by line, with the cure.
    """
    return read_csv(_in(folder, "drugs.csv"), Drug, unique=("drug", "concept_id", "rxcui"))


def load_findings(folder: Path | None = None) -> dict[str, str]:
    """The affinity level of each finding in words, from `tspo_findings.csv`.

    Raises:
        UsageError: a faulty file, by line, with the cure.
    """
    rows = read_csv(_in(folder, "tspo_findings.csv"), Finding, unique=("finding",))
    return {row.finding: row.level for row in rows}


def load_affinities(folder: Path | None = None) -> tuple[Affinity, ...]:
    """The measurements and findings of `tspo_affinity.csv`, in its order.

    Raises:
        UsageError: a faulty file, an unknown finding, or a row that no study drug would ever use.
    """
    findings = load_findings(folder)
    drugs = {drug.drug for drug in load_drugs(folder)}

    def check(row: Affinity) -> str | None:
        if row.finding is not None and row.finding not in findings:
            return f"tspo_findings.csv has no finding '{row.finding}'{nearest(row.finding, findings)}"
        if row.role == "study_drug" and row.drug not in drugs:
            return f"no drug of drugs.csv, nor marked as reference_ligand{nearest(row.drug, drugs)}"
        if row.role == "reference_ligand" and row.drug in drugs:
            return "a drug of drugs.csv cannot be a reference_ligand; make its role study_drug"
        return None

    return read_csv(_in(folder, "tspo_affinity.csv"), Affinity, check=check)


def _in(folder: Path | None, name: str) -> Path:
    return (folder or config_folder()) / name
