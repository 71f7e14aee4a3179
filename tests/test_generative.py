"""SQL and its slow twin agree, row for row and bit for bit, on drawn CDMs full of trouble."""

import os
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings

from cohort.inputs import EXPOSURES
from cohort.protocol import Protocol
from tests import oracle, worlds
from tests.sql_runner import run_sql

EXAMPLES = int(os.environ.get("TSPO_EXAMPLES", "100"))
"""Drawn CDMs for each test; `make proof` draws thousands."""

LEDGER = (
    "person_id",
    "drug_exposure_id",
    "ingredient_concept_id",
    "fill_date",
    "days",
    "mg_per_day",
    "dme_per_day",
    "ddd_per_day",
    "status",
)
COVARIATES = ("anxiety_disorder", "depression")
generative = settings(
    max_examples=EXAMPLES, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None
)


def protocol_of(chosen: oracle.Settings) -> Protocol:
    """The protocol that says the same as the oracle's settings."""
    names = {f.name for f in fields(chosen)} - {"covariates", "out_of_scope_words", "prevalent_sets"}
    values = {name: getattr(chosen, name) for name in names}
    values["tier"] = values.pop("outcome_tier")
    return Protocol().changed(**values, covariates=COVARIATES, prevalent_sets=chosen.prevalent_sets)


def study_tables() -> dict[str, pl.DataFrame]:
    """The drawn world's own drugs and concept sets, in place of the shipped ones."""
    sets = [
        (name, concept_id, descendants, excluded, False)
        for name, items in worlds.CONCEPT_SETS.items()
        for concept_id, descendants, excluded in items
    ]
    columns = ["concept_set", "concept_id", "include_descendants", "is_excluded", "without_hierarchy_only"]
    drugs = pl.DataFrame(worlds.STUDY_DRUGS, infer_schema_length=None)
    return {
        "study_drug": drugs,
        "concept_set_item": pl.DataFrame(sets, schema=columns, orient="row"),
        "dosage_form": pl.DataFrame({"word": ["inject", "rectal"], "form": ["injectable", "rectal"]}),
    }


@generative
@given(worlds.cdm_tables(), worlds.settings())
def test_sql_equals_the_day_by_day_oracle(cdm: dict[str, Any], chosen: oracle.Settings) -> None:
    """The ledger, the supplies, and person-time with lagged doses, categories, events, strata and covariates."""
    tables = run_sql(cdm, protocol_of(chosen), ["dose", "supply", "person_time"], study_tables())
    expected = oracle.person_time(cdm, worlds.STUDY_DRUGS, worlds.CONCEPT_SETS, chosen)
    columns = list(expected[0]) if expected else []
    assert _rows(tables["person_time"], columns) == _rows(expected, columns)
    ledger = oracle.ledger(cdm, worlds.STUDY_DRUGS, chosen)
    assert _rows(sorted(tables["dose"], key=_key), LEDGER) == _rows(ledger, LEDGER)


def _rows(rows: list[dict[str, Any]], columns: Sequence[str]) -> list[tuple[Any, ...]]:
    return [tuple(row[column] for column in columns) for row in rows]


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["person_id"], row["fill_date"], row["drug_exposure_id"], row["ingredient_concept_id"]


def test_the_exposures_are_those_of_the_oracle() -> None:
    assert tuple(f"tspo_{c}" for c in oracle.CLASSES) == EXPOSURES
