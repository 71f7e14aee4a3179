"""The person of an expectation file as rows of an OMOP CDM, so that the study's SQL can be run on them.

In: a typed file and the concept ids of `config/`. Out: rows by CDM table. Products, and ingredients for which `config/`
has no id, get made-up ids.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from cohort.expectation.file import ExpectationFile, Fill, Product
from cohort.inputs import study_inputs
from cohort.protocol import Protocol
from cohort.trial import Row

_PERSON = 1
_FIRST_PRODUCT, _FIRST_INGREDIENT = 2_000_000_001, 2_000_500_001
_SEX = {"female": 8532, "male": 8507}
_PER = {"mL": 8587, "L": 8519, "hour": 8505}  # UCUM units in OMOP, as strength.sql reads them


@dataclass(frozen=True)
class Facts:
    """The concept ids behind the names that a file may use; a drug without one is looked up by its name."""

    drugs: Mapping[str, int | None]
    units: Mapping[str, int]
    routes: Mapping[str, int]
    inpatient_visit: int


def load_facts(protocol: Protocol) -> Facts:
    """Names and ids as the study reads them; the first concept where a name has several.

    Raises:
        UsageError: the protocol names a concept set or covariate that does not exist.
    """
    inputs = study_inputs(protocol)
    return Facts(
        drugs=_ids(inputs["study_drug"], "drug", "concept_id"),
        units=_ids(inputs["mass_unit"], "unit", "unit_concept_id"),
        routes=_ids(inputs["route"], "route", "route_concept_id"),
        inpatient_visit=inputs["inpatient_visit"].item(0, "visit_concept_id"),
    )


def _ids(frame: pl.DataFrame, name: str, concept_id: str) -> dict[str, Any]:
    return dict(frame.select(name, concept_id).unique(name, keep="first", maintain_order=True).iter_rows())


def ingredient_ids(file: ExpectationFile, facts: Facts) -> dict[str, int]:
    """Ingredient of the file's products -> concept id."""
    names = dict.fromkeys(row.drug for row in file.product)
    return {name: facts.drugs.get(name) or made_up for made_up, name in enumerate(names, start=_FIRST_INGREDIENT)}


def made_up_cdm(file: ExpectationFile, facts: Facts) -> dict[str, list[Row]]:
    """Rows by CDM table; a fill's id is its `drug_exposure_id`."""
    ingredients = ingredient_ids(file, facts)
    products = {
        name: made_up for made_up, name in enumerate(dict.fromkeys(row.name for row in file.product), _FIRST_PRODUCT)
    }
    pairs = dict.fromkeys((ingredients[row.drug], products[row.name]) for row in file.product)
    return {
        **_person(file),
        # A drug without a known id is found by its name, written with blanks.
        "concept": [
            *(_concept(concept_id, name.replace("_", " "), "Ingredient") for name, concept_id in ingredients.items()),
            *(_concept(concept_id, name, "Clinical Drug") for name, concept_id in products.items()),
        ],
        "concept_ancestor": [
            {"ancestor_concept_id": ingredient, "descendant_concept_id": product} for ingredient, product in pairs
        ],
        "drug_strength": [
            {"drug_concept_id": products[row.name], "ingredient_concept_id": ingredients[row.drug]}
            | _strength(row, facts)
            for row in file.product
            if row.has_strength
        ],
        "drug_exposure": [
            {"drug_exposure_id": fill_id, "drug_concept_id": products[fill.product]} | _fill(fill, facts)
            for fill_id, fill in file.fills().items()
        ],
        "visit_occurrence": [
            {
                "person_id": _PERSON,
                "visit_concept_id": facts.inpatient_visit,
                "visit_start_date": stay.start,
                "visit_end_date": stay.end,
            }
            for stay in file.hospital_stay
        ],
    }


def _person(file: ExpectationFile) -> dict[str, list[Row]]:
    born, (first, last) = file.person.birth_date, file.person.observed
    person = {
        "person_id": _PERSON,
        "gender_concept_id": _SEX[file.person.sex],
        "year_of_birth": born.year,
        "month_of_birth": born.month,
        "day_of_birth": born.day,
    }
    period = {
        "person_id": _PERSON,
        "observation_period_start_date": first,
        "observation_period_end_date": last,
    }
    return {"person": [person], "observation_period": [period]}


def _concept(concept_id: int, name: str, concept_class: str) -> Row:
    return {
        "concept_id": concept_id,
        "concept_name": name,
        "concept_class_id": concept_class,
        "standard_concept": "S",
    }


def _strength(row: Product, facts: Facts) -> Row:
    unit = None if row.unit is None else facts.units[row.unit]
    if row.amount is not None:
        return {"amount_value": row.amount, "amount_unit_concept_id": unit}
    return {
        "numerator_value": row.numerator,
        "numerator_unit_concept_id": unit,
        "denominator_value": row.denominator,
        "denominator_unit_concept_id": _PER[row.denominator_unit or "mL"],
    }


def _fill(fill: Fill, facts: Facts) -> Row:
    return {
        "person_id": _PERSON,
        "drug_exposure_start_date": fill.date,
        "drug_exposure_end_date": fill.end_date,
        "verbatim_end_date": fill.verbatim_end_date,
        "days_supply": fill.days_supply,
        "quantity": fill.quantity,
        "route_concept_id": None if fill.route is None else facts.routes[fill.route],
    }
