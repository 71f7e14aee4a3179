"""The study's cohort as OMOP's tools know cohorts: the cohort table and its three satellites, as Parquet.

In: private tables of the primary analysis and the protocol. Out: four frames with omopgenerics' names, order and types.
`cohort` is patient level, and attrition and codes go with it: they lie in the private folder.

Source: omopgenerics 1.3.6, vignette cohorts.
"""

from collections.abc import Mapping

import polars as pl

from cohort.flat import flat
from cohort.protocol import Protocol

COHORT_ID = 1
COHORT: Mapping[str, type[pl.DataType]] = {
    "cohort_definition_id": pl.Int64,
    "subject_id": pl.Int64,
    "cohort_start_date": pl.Date,
    "cohort_end_date": pl.Date,
}
ATTRITION: Mapping[str, type[pl.DataType]] = {
    "cohort_definition_id": pl.Int64,
    "number_records": pl.Int64,
    "number_subjects": pl.Int64,
    "reason_id": pl.Int64,
    "reason": pl.String,
    "excluded_records": pl.Int64,
    "excluded_subjects": pl.Int64,
}
CODELIST: Mapping[str, type[pl.DataType]] = {
    "cohort_definition_id": pl.Int64,
    "codelist_name": pl.String,
    "concept_id": pl.Int64,
    "type": pl.String,
}
INCLUSION, EXIT = "inclusion criteria", "exit criteria"
"""Types of a codelist; a person enters by age and observation, so that none is of an index event."""


def cohort_tables(
    cohort: pl.DataFrame, attrition: pl.DataFrame, members: pl.DataFrame, protocol: Protocol
) -> Mapping[str, pl.DataFrame]:
    """The tables by name.

    Args:
        cohort: person_id, entry_date, exit_date of each person studied.
        attrition: with `ATTRITION`'s columns.
        members: concept_set, concept_id.
        protocol: its population and outcome are the settings.
    """
    number = pl.lit(COHORT_ID, pl.Int64).alias("cohort_definition_id")
    settings = flat(protocol.model_dump(mode="json", include={"study", "population", "outcome"}))
    studied = cohort.select(
        number,
        pl.col("person_id").alias("subject_id"),
        pl.col("entry_date").alias("cohort_start_date"),
        pl.col("exit_date").alias("cohort_end_date"),
    )
    named = {"cohort_definition_id": COHORT_ID, "cohort_name": f"at_risk_of_{protocol.outcome.concept_set}"}
    return {
        "cohort": _typed(studied.sort("subject_id"), COHORT),
        "cohort_set": pl.DataFrame([named | settings], infer_schema_length=None),
        "cohort_attrition": _typed(attrition, ATTRITION),
        "cohort_codelist": _typed(_codelist(members, protocol).with_columns(number), CODELIST),
    }


def _typed(table: pl.DataFrame, schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    return table.select(pl.col(name).cast(kind) for name, kind in schema.items())


def _codelist(members: pl.DataFrame, protocol: Protocol) -> pl.DataFrame:
    """The concepts that keep a person out, and those that end follow-up."""
    outcome = protocol.outcome
    kept_out = {outcome.concept_set, *outcome.competing_sets, *protocol.population.prevalent_sets}
    roles = [(INCLUSION, name) for name in sorted(kept_out)]
    roles += [(EXIT, name) for name in sorted({outcome.concept_set, *outcome.competing_sets})]
    named = pl.DataFrame(roles, schema=["type", "concept_set"], orient="row")
    return (
        named.join(members.unique(), on="concept_set", maintain_order="left")
        .rename({"concept_set": "codelist_name"})
        .sort("type", "codelist_name", "concept_id")
    )
