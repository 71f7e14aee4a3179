"""What the study reads of an OMOP CDM: tables, columns, types, and which of them it cannot do without.

Types are the study's, not the site's: ids are 64-bit, quantities and strengths DOUBLE (DuckDB's NUMERIC keeps three
decimals only), dates DATE. Columns that changed between CDM 5.2, 5.3 and 5.4 are not read at all.
Source: OHDSI CommonDataModel v5.4 DDL; section numbers in the comments are those of the CDM documentation.
"""

from dataclasses import dataclass
from typing import Literal

SqlType = Literal["BIGINT", "INTEGER", "DOUBLE", "DATE", "VARCHAR"]


@dataclass(frozen=True)
class Column:
    """A column: its SQL type, and whether the study can run without it (it is then read as null)."""

    name: str
    type: SqlType
    is_required: bool = True


@dataclass(frozen=True)
class Table:
    """A CDM table: its columns, whether it may be absent, and what the study then does without."""

    name: str
    columns: tuple[Column, ...]
    is_required: bool = True
    without: str = ""


def _ids(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "BIGINT") for name in names)


CDM_TABLES: tuple[Table, ...] = (
    Table(
        "person",
        (
            *_ids("person_id", "gender_concept_id"),
            Column("year_of_birth", "INTEGER"),
            Column("month_of_birth", "INTEGER", is_required=False),
            Column("day_of_birth", "INTEGER", is_required=False),
        ),
    ),
    Table(
        "observation_period",
        (
            *_ids("person_id"),
            Column("observation_period_start_date", "DATE"),
            Column("observation_period_end_date", "DATE"),
        ),
    ),
    Table(
        "drug_exposure",
        (
            *_ids("drug_exposure_id", "person_id", "drug_concept_id"),
            Column("drug_exposure_start_date", "DATE"),
            Column("drug_exposure_end_date", "DATE", is_required=False),
            Column("verbatim_end_date", "DATE", is_required=False),
            Column("days_supply", "INTEGER", is_required=False),
            Column("quantity", "DOUBLE", is_required=False),
            Column("route_concept_id", "BIGINT", is_required=False),
        ),
    ),
    Table("condition_occurrence", (*_ids("person_id", "condition_concept_id"), Column("condition_start_date", "DATE"))),
    Table(
        "drug_strength",
        (
            *_ids("drug_concept_id", "ingredient_concept_id"),
            Column("amount_value", "DOUBLE", is_required=False),
            Column("amount_unit_concept_id", "BIGINT", is_required=False),
            Column("numerator_value", "DOUBLE", is_required=False),
            Column("numerator_unit_concept_id", "BIGINT", is_required=False),
            Column("denominator_value", "DOUBLE", is_required=False),
            Column("denominator_unit_concept_id", "BIGINT", is_required=False),
            Column("invalid_reason", "VARCHAR", is_required=False),
        ),
        is_required=False,
        without="no dose can be computed from quantities",
    ),
    Table(
        "death",
        (*_ids("person_id"), Column("death_date", "DATE")),
        is_required=False,
        without="death cannot compete with dementia, and follow-up of the dead ends with their observation period",
    ),
    Table(
        "observation",
        (*_ids("person_id", "observation_concept_id"), Column("observation_date", "DATE")),
        is_required=False,
        without="a history of dementia kept there is not seen",
    ),
    Table(
        "visit_occurrence",
        (
            *_ids("person_id", "visit_concept_id"),
            Column("visit_start_date", "DATE"),
            Column("visit_end_date", "DATE"),
        ),
        is_required=False,
        without="tablets cannot wait for hospital stays (supply.hospital_stays = pause)",
    ),
    Table(
        "concept",
        (
            *_ids("concept_id"),
            Column("concept_name", "VARCHAR"),
            Column("concept_class_id", "VARCHAR", is_required=False),
            Column("standard_concept", "VARCHAR", is_required=False),
            Column("invalid_reason", "VARCHAR", is_required=False),
        ),
        is_required=False,
        without="injectable and rectal forms cannot be told from tablets, and drugs without a known id are not found",
    ),
    Table(
        "concept_ancestor",
        _ids("ancestor_concept_id", "descendant_concept_id"),
        is_required=False,
        without="concept sets and drugs cannot be expanded to their descendants",
    ),
    Table(
        "vocabulary",
        (Column("vocabulary_id", "VARCHAR"), Column("vocabulary_version", "VARCHAR", is_required=False)),
        is_required=False,
        without="the vocabulary's version is not known",
    ),
    Table(
        "cdm_source",
        (
            Column("cdm_source_name", "VARCHAR", is_required=False),
            Column("cdm_holder", "VARCHAR", is_required=False),
            Column("cdm_version", "VARCHAR", is_required=False),
            Column("cdm_release_date", "DATE", is_required=False),
            Column("vocabulary_version", "VARCHAR", is_required=False),
        ),
        is_required=False,
        without="the CDM's name and version are not known",
    ),
)

VOCABULARY_TABLES = frozenset({"concept", "concept_ancestor", "drug_strength", "vocabulary"})
"""The tables that a site may keep apart from its patients' data, and share between CDMs."""
