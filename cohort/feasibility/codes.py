"""What the study's names are in this CDM: its drugs, its concept sets, and how the doses of fills are found.

In: the connection of an open CDM, and the protocol. Out: one small frame each, with true counts.
"""

import duckdb
import polars as pl

from cohort.engine import create_inputs, create_tables
from cohort.inputs import study_inputs, study_parameters
from cohort.protocol import Protocol


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
