"""A small vocabulary of our own: the concepts that the world records, and how they hang together.

In: the facts of `config/` (drugs, concept sets) and the world's products. Out: frames of the vocabulary
tables. Names of concepts come from `config/`; products are local concepts, numbered above two billion as OMOP
reserves for sites, with plain names of our own. It is no extract of the OMOP vocabularies and replaces none.
"""

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import polars as pl

from cohort import __version__
from cohort.concept_sets import concept_set_names, load_concept_set
from cohort.errors import UsageError, nearest
from cohort.paths import config_folder
from cohort.reference import load_drugs
from cohort.synthetic.gaps import Gaps
from cohort.synthetic.ingredients import Item
from cohort.synthetic.parameters import Parameters
from cohort.synthetic.regimens import FIRST_LOCAL_CONCEPT, Regimen, sold_products

MALE, FEMALE = 8507, 8532
INPATIENT_VISIT, OUTPATIENT_VISIT = 9201, 9202
EHR, EHR_PRESCRIPTION = 32817, 32838
MILLIGRAM = 8576
CDM_5_4 = 756265
VERSION = f"synthetic {__version__}"

_FIRST_DAY, _LAST_DAY = dt.date(1970, 1, 1), dt.date(2099, 12, 31)
# Below any local concept of a strength, so that neither list moves the other when it grows
_FIRST_LOCAL_FORM = FIRST_LOCAL_CONCEPT + 100_000
_FIXED = (
    (0, "No matching concept", "Metadata", "None", "Undefined"),
    (MALE, "MALE", "Gender", "Gender", "Gender"),
    (FEMALE, "FEMALE", "Gender", "Gender", "Gender"),
    (OUTPATIENT_VISIT, "Outpatient Visit", "Visit", "Visit", "Visit"),
    (EHR, "EHR", "Type Concept", "Type Concept", "Type Concept"),
    (EHR_PRESCRIPTION, "EHR prescription", "Type Concept", "Type Concept", "Type Concept"),
    (MILLIGRAM, "milligram", "Unit", "UCUM", "Unit"),
    (CDM_5_4, "OMOP CDM Version 5.4.0", "Metadata", "CDM", "CDM"),
)
_INPATIENT = (INPATIENT_VISIT, "Inpatient Visit", "Visit", "Visit", "Visit")


@cache
def concept_id(concept_set: str, concept_name: str) -> int:
    """The id of a concept that a concept set includes, by name.

    Raises:
        UsageError: the set includes no concept of that name.
    """
    included = [item for item in load_concept_set(concept_set).items if not item.is_excluded]
    ids = {item.concept_name.lower(): item.concept_id for item in included}
    if concept_name.lower() not in ids:
        raise UsageError(f"Concept set '{concept_set}' has no '{concept_name}'{nearest(concept_name, ids)}")
    return ids[concept_name.lower()]


def drug_forms(parameters: Parameters) -> dict[Item, int]:
    """Local concepts for the drugs that are no study drugs: a form of the ingredient, without a strength."""
    items = dict.fromkeys((*parameters.antidementia_drugs, *parameters.background_drugs))
    return {item: _FIRST_LOCAL_FORM + number for number, item in enumerate(items)}


def vocabulary_tables(parameters: Parameters, regimens: Sequence[Regimen], gaps: Gaps) -> dict[str, pl.DataFrame]:
    """The vocabulary tables by name, with the columns of theirs that are not null."""
    ingredients = {r.product.drug: r.ingredient_concept_id for r in regimens}
    sold = sold_products(parameters, regimens)
    forms = drug_forms(parameters)
    linked = [product for product in sold if product not in gaps.without_ingredient]
    parents = [(ingredients[product.drug], product.concept_id) for product in linked]
    parents += [(concept_id(item.concept_set, item.concept_name), form) for item, form in forms.items()]
    local = [(product.concept_id, product.name, "Clinical Drug") for product in sold]
    local += [(form, _form_name(item), "Clinical Drug Form") for item, form in forms.items()]
    concepts = _concepts((*_FIXED, _INPATIENT) if parameters.hospital_gap_share else _FIXED, local)
    strong = [product for product in sold if product not in gaps.without_strength]
    strengths = [(p.concept_id, ingredients[p.drug], p.strength_mg, MILLIGRAM) for p in strong]
    strength_columns = ["drug_concept_id", "ingredient_concept_id", "amount_value", "amount_unit_concept_id"]
    return {
        "concept": concepts,
        "concept_ancestor": _ancestors(concepts["concept_id"], [*parents, *_dementia_subtypes()]),
        "concept_relationship": _maps_to(concepts["concept_id"]),
        "drug_strength": _valid(pl.DataFrame(strengths, schema=strength_columns, orient="row")),
        "vocabulary": _vocabularies(concepts["vocabulary_id"]),
    }


def cdm_source(scenario: str, persons: int, seed: int, data_end: dt.date) -> pl.DataFrame:
    """The one row of cdm_source; scenario, size and seed tell one world from another."""
    return pl.DataFrame(
        {
            "cdm_source_name": [f"Synthetic CDM, scenario {scenario}"],
            "cdm_source_abbreviation": ["synthetic"],
            "cdm_holder": ["tspo-cohort"],
            "source_description": [f"Simulated persons, no real ones: {persons} persons, seed {seed}."],
            "source_release_date": [data_end],
            "cdm_release_date": [data_end],
            "cdm_version": ["5.4"],
            "cdm_version_concept_id": [CDM_5_4],
            "vocabulary_version": [VERSION],
        }
    )


def _concepts(fixed: Iterable[tuple[int, str, str, str, str]], local: Iterable[tuple[int, str, str]]) -> pl.DataFrame:
    known = [(i, name, domain, vocabulary, kind, str(i)) for i, name, domain, vocabulary, kind in fixed]
    known += [
        (
            drug.concept_id,
            drug.concept_name,
            "Drug",
            "RxNorm",
            "Ingredient",
            drug.rxcui or str(drug.concept_id),
        )
        for drug in load_drugs()
        if drug.concept_id is not None
    ]
    known += [_of_concept_set(concept) for concept in _concept_set_concepts()]
    known += [(i, name, "Drug", "Synthetic", kind, str(i)) for i, name, kind in local]
    columns = ["concept_id", "concept_name", "domain_id", "vocabulary_id", "concept_class_id", "concept_code"]
    frame = pl.DataFrame(known, schema=columns, orient="row")
    once = frame.unique("concept_id", keep="first", maintain_order=True)
    return _valid(once.with_columns(standard_concept=pl.lit("S")))


def _form_name(item: Item) -> str:
    return f"{item.concept_name.lower()} oral form (synthetic)"


def _concept_set_concepts() -> Iterator[Mapping[str, Any]]:
    """Every concept of the shipped concept sets, with its domain and vocabulary."""
    for name in concept_set_names():
        text = (config_folder() / "concept_sets" / f"{name}.json").read_text(encoding="utf-8")
        yield from (item["concept"] for item in json.loads(text)["items"])


def _of_concept_set(concept: Mapping[str, Any]) -> tuple[int, str, str, str, str, str]:
    i, domain, vocabulary = (
        concept["CONCEPT_ID"],
        concept["DOMAIN_ID"] or "Metadata",
        concept["VOCABULARY_ID"],
    )
    kind = {"Condition": "Disorder", "Drug": "Ingredient"}.get(domain, "Undefined")
    return i, concept["CONCEPT_NAME"], domain, vocabulary, kind, str(i)


def _dementia_subtypes() -> list[tuple[int, int]]:
    items = load_concept_set("dementia").items
    root = concept_id("dementia", "Dementia")
    return [(root, i.concept_id) for i in items if not i.is_excluded and i.concept_id != root]


def _ancestors(concepts: pl.Series, parents: Sequence[tuple[int, int]]) -> pl.DataFrame:
    rows = [(i, i, 0, 0) for i in concepts] + [(parent, child, 1, 1) for parent, child in parents]
    levels = ["min_levels_of_separation", "max_levels_of_separation"]
    return pl.DataFrame(rows, schema=["ancestor_concept_id", "descendant_concept_id", *levels], orient="row")


def _maps_to(concepts: pl.Series) -> pl.DataFrame:
    frame = pl.DataFrame({"concept_id_1": concepts, "concept_id_2": concepts})
    return _valid(frame.with_columns(relationship_id=pl.lit("Maps to")))


def _vocabularies(used: pl.Series) -> pl.DataFrame:
    names = used.unique(maintain_order=True)
    described = {"None": f"Concepts of a synthetic CDM ({VERSION}); not the OMOP vocabularies"}
    return pl.DataFrame({"vocabulary_id": names}).with_columns(
        vocabulary_name=pl.col("vocabulary_id").replace(described),
        vocabulary_version=pl.lit(VERSION),
        vocabulary_concept_id=pl.lit(0),
    )


def _valid(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(valid_start_date=pl.lit(_FIRST_DAY), valid_end_date=pl.lit(_LAST_DAY))
