"""The tables of a CDM v5.4 that the synthetic world has, column by column.

Names and order are the CDM's. Types differ from its DuckDB script where that would lose data: ids are BIGINT,
and quantities, strengths and values DOUBLE (there NUMERIC, which keeps three decimals). Source: OHDSI
CommonDataModel v5.4.
"""

from collections.abc import Mapping

# A column's type follows from the ending of its name (`column_type`); an exclamation mark forbids nulls.
_TABLES = {
    "person": """
        person_id! gender_concept_id! year_of_birth! month_of_birth day_of_birth birth_datetime
        race_concept_id! ethnicity_concept_id! location_id provider_id care_site_id person_source_value
        gender_source_value gender_source_concept_id race_source_value race_source_concept_id
        ethnicity_source_value ethnicity_source_concept_id""",
    "observation_period": """
        observation_period_id! person_id! observation_period_start_date! observation_period_end_date!
        period_type_concept_id!""",
    "visit_occurrence": """
        visit_occurrence_id! person_id! visit_concept_id! visit_start_date! visit_start_datetime
        visit_end_date! visit_end_datetime visit_type_concept_id! provider_id care_site_id visit_source_value
        visit_source_concept_id admitted_from_concept_id admitted_from_source_value discharged_to_concept_id
        discharged_to_source_value preceding_visit_occurrence_id""",
    "condition_occurrence": """
        condition_occurrence_id! person_id! condition_concept_id! condition_start_date!
        condition_start_datetime condition_end_date condition_end_datetime condition_type_concept_id!
        condition_status_concept_id stop_reason provider_id visit_occurrence_id visit_detail_id
        condition_source_value condition_source_concept_id condition_status_source_value""",
    "drug_exposure": """
        drug_exposure_id! person_id! drug_concept_id! drug_exposure_start_date! drug_exposure_start_datetime
        drug_exposure_end_date! drug_exposure_end_datetime verbatim_end_date drug_type_concept_id! stop_reason
        refills quantity days_supply sig route_concept_id lot_number provider_id visit_occurrence_id
        visit_detail_id drug_source_value drug_source_concept_id route_source_value dose_unit_source_value""",
    "death": """
        person_id! death_date! death_datetime death_type_concept_id cause_concept_id cause_source_value
        cause_source_concept_id""",
    "observation": """
        observation_id! person_id! observation_concept_id! observation_date! observation_datetime
        observation_type_concept_id! value_as_number value_as_string value_as_concept_id qualifier_concept_id
        unit_concept_id provider_id visit_occurrence_id visit_detail_id observation_source_value
        observation_source_concept_id unit_source_value qualifier_source_value value_source_value
        observation_event_id obs_event_field_concept_id""",
    "drug_strength": """
        drug_concept_id! ingredient_concept_id! amount_value amount_unit_concept_id numerator_value
        numerator_unit_concept_id denominator_value denominator_unit_concept_id box_size valid_start_date!
        valid_end_date! invalid_reason""",
    "concept": """
        concept_id! concept_name! domain_id! vocabulary_id! concept_class_id! standard_concept concept_code!
        valid_start_date! valid_end_date! invalid_reason""",
    "concept_ancestor": """
        ancestor_concept_id! descendant_concept_id! min_levels_of_separation! max_levels_of_separation!""",
    "concept_relationship": """
        concept_id_1! concept_id_2! relationship_id! valid_start_date! valid_end_date! invalid_reason""",
    "vocabulary": """
        vocabulary_id! vocabulary_name! vocabulary_reference vocabulary_version vocabulary_concept_id!""",
    "cdm_source": """
        cdm_source_name! cdm_source_abbreviation! cdm_holder! source_description
        source_documentation_reference cdm_etl_reference source_release_date! cdm_release_date! cdm_version
        cdm_version_concept_id! vocabulary_version!""",
}  # fmt: skip
_TEXT = {"domain_id", "vocabulary_id", "concept_class_id", "relationship_id"}
_INTEGER = {"year_of_birth", "month_of_birth", "day_of_birth", "days_supply", "refills", "box_size",
            "min_levels_of_separation", "max_levels_of_separation"}  # fmt: skip
_DOUBLE = {"quantity", "amount_value", "numerator_value", "denominator_value", "value_as_number"}


def column_type(column: str) -> str:
    """The SQL type of a CDM column, from its name.

    >>> column_type("person_id"), column_type("quantity"), column_type("vocabulary_id")
    ('BIGINT', 'DOUBLE', 'VARCHAR')
    """
    if column in _TEXT:
        return "VARCHAR"
    if column in _INTEGER:
        return "INTEGER"
    if column in _DOUBLE:
        return "DOUBLE"
    endings = {
        "_datetime": "TIMESTAMP",
        "_date": "DATE",
        "_id": "BIGINT",
        "_id_1": "BIGINT",
        "_id_2": "BIGINT",
    }
    return next((sql for ending, sql in endings.items() if column.endswith(ending)), "VARCHAR")


def create_statements() -> Mapping[str, str]:
    """`create table` statements by table name."""
    return {table: f"create table {table} ({_columns(text)})" for table, text in _TABLES.items()}


def _columns(text: str) -> str:
    return ", ".join(
        f"{word.rstrip('!')} {column_type(word.rstrip('!'))}{' not null' if word.endswith('!') else ''}"
        for word in text.split()
    )
