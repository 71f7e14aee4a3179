"""The table `risk_change` of made-up person-time, by the study's own SQL."""

import duckdb
import polars as pl

from cohort.engine import create_inputs, load_steps
from cohort.fitting import study_counts
from cohort.protocol import Protocol
from cohort.survival.pattern_counts import PatternCounts


def risk_change(prepared: pl.DataFrame, protocol: Protocol) -> pl.DataFrame:
    """Changes of the risk sets of prepared person-time (on the time scale of the protocol already)."""
    has = [pl.when(pl.col(c) == 1).then(pl.lit(c)) for c in sorted(protocol.model.covariates)]
    covariates = pl.concat_str(has, separator=", ", ignore_nulls=True) if has else pl.lit("")
    described = ["person_id", "sex", "entry_period", pl.col("age_stratum").alias("entry_age_stratum")]
    entered = prepared.sort("person_id", "start_day").unique("person_id", keep="first", maintain_order=True)
    profile = entered.select(*described, covariates.alias("covariates"))
    connection = duckdb.connect(":memory:")
    try:
        create_inputs(connection, {"person_time": prepared, "profile": profile.with_columns(origin_day=pl.lit(0))})
        for name in ("event_time", "risk_change"):
            connection.execute(f"create temporary table {name} as {load_steps()[name].sql}")
        return connection.sql("select * from risk_change").pl()
    finally:
        connection.close()


def counts_of(prepared: pl.DataFrame, protocol: Protocol) -> dict[str, PatternCounts]:
    """The counts of each outcome, as the models take them."""
    return study_counts(risk_change(prepared, protocol), protocol)
