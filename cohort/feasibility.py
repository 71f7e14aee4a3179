"""Can this CDM answer the question? What the study needs, what is there, and what may be missed without it.

In: an open CDM and the protocol. Out: a `Survey`: rows per table, problems (the study cannot run) and warnings (it
can, but something is missed), each with its number and its cure.
"""

from typing import Any

import duckdb
import polars as pl
from pydantic import BaseModel, ConfigDict

from cohort.engine import create_inputs, create_tables
from cohort.inputs import study_inputs, study_parameters
from cohort.protocol import Protocol
from cohort.source import Cdm, first_row


class Survey(BaseModel):
    """What was found in a CDM."""

    model_config = ConfigDict(frozen=True)

    rows: dict[str, int]
    problems: list[str]
    warnings: list[str]
    snapshot: dict[str, Any]


def survey(cdm: Cdm, protocol: Protocol) -> Survey:
    """Look at tables, vocabulary and study drugs; `cdm.problems` gets what stops the study.

    Raises:
        UsageError: the protocol names what does not exist.
    """
    said = _Counts(protocol.disclosure.min_cell_count)
    rows = cdm.survey(said)
    resolve_vocabulary(cdm.connection, protocol)
    _look_for_fills(cdm, said)
    _look_for_concepts(cdm, protocol, rows)
    _look_at_people(cdm, said)
    snapshot = _snapshot(cdm, rows)
    _look_at_time(cdm, protocol, snapshot)
    return Survey(rows=rows, problems=cdm.problems, warnings=cdm.warnings, snapshot=snapshot)


def resolve_vocabulary(connection: duckdb.DuckDBPyConnection, protocol: Protocol) -> None:
    """Make temporary tables of the study's drugs and concept sets as this CDM resolves them."""
    create_inputs(connection, study_inputs(protocol))
    create_tables(connection, ("strength", "concept_set_member", "ingredient_scale"), study_parameters(protocol))


def dose_coverage(connection: duckdb.DuckDBPyConnection, protocol: Protocol) -> pl.DataFrame:
    """How the doses of this CDM's fills are found: the table dose_coverage, made before any run.

    Returns:
        The table with true counts: one row per drug, route, rule, unit, status and reason.
    """
    create_inputs(connection, study_inputs(protocol))
    create_tables(connection, ("dose_coverage",), study_parameters(protocol))
    table: pl.DataFrame = connection.sql("select * from dose_coverage order by all").pl()
    return table


def drug_codes(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """One row per study drug of this CDM: concepts found, records and persons, share with a strength."""
    table: pl.DataFrame = connection.sql("""
        select
            ingredient_scale.drug,
            ingredient_scale.ingredient_concept_id as concept_id,
            ingredient_scale.tspo_class as class,
            ingredient_scale.mg_per_dme,
            ingredient_scale.mg_per_ddd,
            count(distinct product.drug_concept_id) as products,
            count(drug_exposure.drug_exposure_id) as records,
            count(distinct drug_exposure.person_id) as persons,
            count(drug_exposure.drug_exposure_id) filter (where strength.strength_mg is not null) as with_strength,
            count(drug_exposure.drug_exposure_id) filter (where drug_exposure.quantity > 0) as with_quantity
        from ingredient_scale
        inner join drug_product as product on product.ingredient_concept_id = ingredient_scale.ingredient_concept_id
        inner join strength
            on
                strength.drug_concept_id = product.drug_concept_id
                and strength.ingredient_concept_id = product.ingredient_concept_id
        left join drug_exposure on drug_exposure.drug_concept_id = product.drug_concept_id
        group by all
        order by records desc, ingredient_scale.drug
    """).pl()
    return table


def concept_set_codes(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """One row per concept set: ids written, concepts after resolving, and those that this CDM's vocabulary knows."""
    table: pl.DataFrame = connection.sql("""
        select
            item.concept_set,
            item.ids,
            count(member.concept_id) as concepts,
            count(concept.concept_id) as known_here
        from (
            select concept_set, count(*) filter (where not is_excluded and not without_hierarchy_only) as ids
            from concept_set_item
            group by concept_set
        ) as item
        left join concept_set_member as member on member.concept_set = item.concept_set
        left join (select distinct concept_id from concept) as concept on concept.concept_id = member.concept_id
        group by item.concept_set, item.ids
        order by item.concept_set
    """).pl()
    return table


class _Counts:
    """Counts as text that may be released: a small one is said to be small."""

    def __init__(self, threshold: int) -> None:
        self._threshold = threshold

    def __call__(self, count: int) -> str:
        return f"fewer than {self._threshold}" if 0 < count < self._threshold else f"{count:,}"


def _look_for_fills(cdm: Cdm, said: _Counts) -> None:
    codes = drug_codes(cdm.connection)
    fills = int(codes.get_column("records").sum())
    if fills == 0:
        cdm.problems.append(
            "drug_exposure holds no record of a benzodiazepine or Z-drug; check that drug_concept_id holds standard "
            "concepts (`tspo codes` lists what was looked for)"
        )
        return
    without = {
        "a quantity above zero": ("with_quantity", "drug_exposure.quantity"),
        "a strength in drug_strength": ("with_strength", "drug_strength"),
    }
    for what, (column, source) in without.items():
        count = fills - int(codes.get_column(column).sum())
        if count == fills:
            cdm.problems.append(
                f"none of the {said(fills)} fills of study drugs has {what}, so no dose can be computed; their doses "
                f"are unknown, which is not zero: load {source}"
            )
        elif count:
            cdm.warnings.append(
                f"{said(count)} of {said(fills)} fills of study drugs lack {what}; their dose is imputed or unknown "
                "(see dose_coverage.csv)"
            )


def _look_for_concepts(cdm: Cdm, protocol: Protocol, rows: dict[str, int]) -> None:
    if not rows["concept_ancestor"]:
        (written,) = first_row(
            cdm.connection,
            "select count(distinct concept_id) from concept_set_item where include_descendants and not is_excluded",
        )
        cdm.warnings.append(
            f"without concept_ancestor the descendants of {written:,} concepts are not found: conditions coded more "
            "finely, and products of drugs that drug_strength does not list, are missed"
        )
    used = {
        protocol.outcome.concept_set,
        *protocol.outcome.competing_sets,
        *([protocol.outcome.confirming_drugs] if protocol.outcome.confirming_drugs else []),
        *protocol.population.prevalent_sets,
        *protocol.model.covariates,
    }
    known = concept_set_codes(cdm.connection).filter(pl.col("known_here") > 0).get_column("concept_set")
    absent = sorted(used - set(known))
    if rows["concept"] and absent:
        cdm.warnings.append(
            f"no concept of {len(absent)} concept set(s) of the study is in this CDM's vocabulary, so that their "
            f"records, if any, are not seen: {', '.join(absent)}"
        )


def _look_at_people(cdm: Cdm, said: _Counts) -> None:
    checks = {
        "{n} observation periods belong to nobody in person and are left out": """
            select count(*) from observation_period anti join person using (person_id)""",
        "{n} persons have no observation period and cannot enter": """
            select count(*) from person anti join observation_period using (person_id)""",
        "{n} persons have no year of birth and cannot enter": """
            select count(*) from person where year_of_birth is null""",
        "{n} persons have no full birth date: a missing day counts as the 15th, a missing month as 1 July": """
            select count(*) from person
            where year_of_birth is not null and (month_of_birth is null or day_of_birth is null)""",
        "{n} observation periods end before they start and are left out": """
            select count(*) from observation_period
            where observation_period_end_date < observation_period_start_date""",
    }
    for message, query in checks.items():
        (count,) = first_row(cdm.connection, query)
        if count:
            cdm.warnings.append(message.format(n=said(count)))


def _look_at_time(cdm: Cdm, protocol: Protocol, snapshot: dict[str, Any]) -> None:
    start, end = protocol.population.study_start, protocol.population.study_end
    first, last = snapshot["earliest_observation_date"], snapshot["latest_observation_date"]
    if first and last and ((end and first > end) or (start and last < start)):
        cdm.problems.append(
            f"nobody is observed between study_start ({start or 'no limit'}) and study_end ({end or 'no limit'}): this "
            f"CDM reaches from {first} to {last}; set them to lie in it, or --set study_start=none and study_end=none"
        )


def _snapshot(cdm: Cdm, rows: dict[str, int]) -> dict[str, Any]:
    """The CDM as CDMConnector's `snapshot` describes it."""
    source = cdm.connection.sql("select * from cdm_source limit 1").pl().to_dicts()
    described = source[0] if source else {}
    (version,) = first_row(
        cdm.connection, "select min(vocabulary_version) from vocabulary where vocabulary_id = 'None'"
    )
    earliest, latest = first_row(
        cdm.connection,
        "select min(observation_period_start_date), max(observation_period_end_date) from observation_period",
    )
    return {
        "cdm_source_name": described.get("cdm_source_name"),
        "cdm_holder": described.get("cdm_holder"),
        "cdm_release_date": described.get("cdm_release_date"),
        "cdm_version": described.get("cdm_version"),
        "vocabulary_version": version or described.get("vocabulary_version"),
        "person_count": rows["person"],
        "observation_period_count": rows["observation_period"],
        "earliest_observation_date": earliest,
        "latest_observation_date": latest,
    }
