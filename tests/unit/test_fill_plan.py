"""The engine builds its hash tables of `fill` on what is small, however many fills there are.

It once built them on all fills, for it expected few of them: three million persons were more than 1.5 GB could hold.
"""

import re
from pathlib import Path

import polars as pl

from cohort.engine import load_steps, write_input
from cohort.inputs import study_inputs, study_parameters
from cohort.protocol import load_protocol
from cohort.source.database import open_database
from cohort.sql_text import file_literal

RECORDS, PRODUCTS = 200_000, 60
FAR_APART = 700_001
"""Between two concept ids: a vocabulary has millions, of which the study's drugs are few."""


def tables() -> dict[str, pl.DataFrame]:
    """Many records of few products, none a copy of another."""
    number = pl.int_range(RECORDS, eager=True)
    records = pl.DataFrame({"drug_exposure_id": number, "person_id": number // 8}).with_columns(
        drug_concept_id=(number % PRODUCTS + 1) * FAR_APART,
        record_date=pl.date(2010, 1, 1) + pl.duration(days=number % 3000),
        end_date=pl.lit(None, pl.Date),
        verbatim_end_date=pl.lit(None, pl.Date),
        days_supply=pl.lit(30),
        quantity=pl.lit(30.0),
        route_concept_id=pl.lit(None, pl.Int64),
        is_study_drug=pl.lit(True),
    )
    products = pl.DataFrame({"number": pl.int_range(1, PRODUCTS + 1, eager=True)}).select(
        drug_concept_id=pl.col("number") * FAR_APART, ingredient_concept_id=pl.col("number"), route=pl.lit("oral")
    )
    return {
        "drug_record": records,
        "drug_product": products.with_columns(in_scope=pl.lit(True)),
        "strength": products.drop("route").with_columns(
            strength_rule=pl.lit("amount"),
            strength_unit=pl.lit("mg"),
            strength_problem=pl.lit(None, pl.String),
            strength_mg=pl.lit(5.0),
        ),
    }


def test_no_hash_table_is_built_on_the_fills(tmp_path: Path) -> None:
    step, protocol = load_steps()["fill"], load_protocol()
    given = study_inputs(protocol) | tables()
    bound = {name: study_parameters(protocol)[name] for name in step.parameters}
    with open_database() as connection:
        for name in step.reads:
            path = write_input(given[name], name, tmp_path).path
            connection.execute(f"create view {name} as select * from read_parquet({file_literal(path)})")
        (rows,) = connection.execute(f"select count(*) from ({step.sql})", bound).fetchone() or (0,)
        plan = connection.execute(f"explain (format json) {step.sql}", bound).fetchall()[0][1]
    kinds = set(re.findall(r'"Join Type": "(\w+)"', plan))
    assert rows == RECORDS
    # A right join is one whose hash table holds the fills.
    assert kinds == {"LEFT", "SEMI"}
