"""The facts in `config/`: study drugs, TSPO measurements and concept sets, each with its source.

In: the CSV and JSON files of the configuration folder. Out: frozen rows, checked when they are read. No fact
of the study stands in code: it stands in a row here, and a row without a source is an error.
"""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Self

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cohort.errors import UsageError, brief, nearest
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


class ConceptSetItem(_Fact):
    """One concept of a concept set, with ATLAS's three flags."""

    model_config = ConfigDict(frozen=True, extra="ignore", validate_by_name=True, validate_by_alias=True)

    concept_id: int = Field(alias="CONCEPT_ID", gt=0, lt=2**63)
    concept_name: str = Field("", alias="CONCEPT_NAME")
    include_descendants: bool = Field(False, alias="includeDescendants")
    is_excluded: bool = Field(False, alias="isExcluded")
    include_mapped: bool = Field(False, alias="includeMapped")


class ConceptSet(_Fact):
    """A named set of concepts."""

    name: str
    items: tuple[ConceptSetItem, ...]


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


def concept_set_names(folder: Path | None = None) -> tuple[str, ...]:
    """The names of the concept sets in the configuration folder, sorted."""
    return tuple(sorted(path.stem for path in _in(folder, "concept_sets").glob("*.json")))


def load_concept_set(name_or_path: str | Path, folder: Path | None = None) -> ConceptSet:
    """Read a concept set as ATLAS exports it.

    Args:
        name_or_path: a name of `config/concept_sets`, or the path of a JSON file (`sets/my_set.json`).
        folder: the configuration folder; None for the shipped one.

    Raises:
        UsageError: an unknown name, a file that is no concept set, or one that the study cannot resolve.
    """
    path = _concept_set_path(name_or_path, folder)
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise UsageError(f"There is no concept set at {path}.") from None
    except RecursionError:
        raise UsageError(f"{path} cannot be read as JSON: lists in lists, too many. Export it again.") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as JSON: {brief(str(error), 200)}. Export it again.") from None
    items = tuple(_item(path, number, raw) for number, raw in enumerate(_raw_items(path, content), start=1))
    _check_items(path, items)
    return ConceptSet(name=path.stem, items=items)


def concept_set_items(names: Iterable[str | Path], folder: Path | None = None) -> pl.DataFrame:
    """Concept sets as one table, a row per item: what SQL resolves against the site's vocabulary.

    Returns:
        concept_set (str), concept_id (int64), include_descendants (bool), is_excluded (bool).

    Raises:
        UsageError: as `load_concept_set`; or two different files would share a name.
    """
    sets = [load_concept_set(name, folder) for name in dict.fromkeys(names)]
    called = [concept_set.name for concept_set in sets]
    if twice := [name for name in called if called.count(name) > 1]:
        raise UsageError(f"Two concept sets are called '{twice[0]}'; rename one of the files.")
    schema = {"concept_set": pl.String, "concept_id": pl.Int64, "include_descendants": pl.Boolean}
    rows = [(s.name, i.concept_id, i.include_descendants, i.is_excluded) for s in sets for i in s.items]
    return pl.DataFrame(rows, schema=schema | {"is_excluded": pl.Boolean}, orient="row")


def _in(folder: Path | None, name: str) -> Path:
    return (folder or config_folder()) / name


def _concept_set_path(name_or_path: str | Path, folder: Path | None) -> Path:
    path = Path(name_or_path)
    if path.suffix == ".json" or path.name != str(name_or_path):
        return path
    known = concept_set_names(folder)
    if str(name_or_path) not in known:
        raise UsageError(f"There is no concept set '{brief(str(name_or_path))}'{nearest(str(name_or_path), known)}")
    return _in(folder, "concept_sets") / f"{name_or_path}.json"


def _raw_items(path: Path, content: object) -> list[object]:
    """The items of an ATLAS export, bare or wrapped with its id and name."""
    if isinstance(content, dict):
        content = content.get("expression", content)
    if not isinstance(content, dict) or not isinstance(content.get("items"), list):
        raise UsageError(f'{path} is no concept set: it needs {{"items": [...]}}, as ATLAS exports it.')
    return list(content["items"])


def _item(path: Path, number: int, raw: object) -> ConceptSetItem:
    try:
        if not isinstance(raw, dict) or not isinstance(raw.get("concept"), dict):
            raise UsageError(f"{path}, item {number}: no concept; export it again.")
        return ConceptSetItem.model_validate(raw["concept"] | raw)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise UsageError(f"{path}, item {number}: {where}: {fault['msg']}; export it again.") from None


def _check_items(path: Path, items: tuple[ConceptSetItem, ...]) -> None:
    times = Counter(item.concept_id for item in items)
    if twice := [concept_id for concept_id, count in times.items() if count > 1]:
        raise UsageError(f"{path}: concept {twice[0]} stands twice; keep one item.")
    if mapped := [item.concept_id for item in items if item.include_mapped]:
        raise UsageError(
            f"{path}: {len(mapped)} item(s), first {mapped[0]}, ask for mapped source concepts; the study "
            "reads standard concepts: set includeMapped to false."
        )
    if all(item.is_excluded for item in items):
        raise UsageError(f"{path} includes no concept and would find nobody; add one.")
