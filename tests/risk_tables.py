"""The tables of risk sets of made-up person-time, by the study's own SQL."""

from typing import Any

import duckdb
import polars as pl

from cohort.engine import create_inputs, load_steps
from cohort.fitting import CAUSES, PATTERN_COLUMNS, prepared_time, study_counts
from cohort.protocol import Protocol
from cohort.survival.pattern_counts import PatternCounts

TABLES = ("risk_pattern", "event_time", "risk_change")


def prepare(person_time: pl.DataFrame, protocol: Protocol) -> pl.DataFrame:
    """All that the models may read of made-up person-time."""
    return prepared_time(person_time, protocol).collect()


def risk_tables(prepared: pl.DataFrame, protocol: Protocol) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Patterns and changes of prepared person-time (on the time scale of the protocol already)."""
    has = [pl.when(pl.col(c) == 1).then(pl.lit(c)) for c in sorted(protocol.model.covariates)]
    covariates = pl.concat_str(has, separator=", ", ignore_nulls=True) if has else pl.lit("")
    described = ["person_id", "sex", "entry_period", pl.col("age_stratum").alias("entry_age_stratum")]
    entered = prepared.sort("person_id", "start_day").unique("person_id", keep="first", maintain_order=True)
    profile = entered.select(*described, covariates.alias("covariates"))
    connection = duckdb.connect(":memory:")
    try:
        create_inputs(connection, {"exposure_time": prepared, "profile": profile.with_columns(origin_day=pl.lit(0))})
        for name in TABLES:
            connection.execute(f"create temporary table {name} as {load_steps()[name].sql}")
        patterns = connection.sql(f"select {', '.join(PATTERN_COLUMNS)} from risk_pattern").pl()
        return patterns, connection.sql("select * from risk_change").pl()
    finally:
        connection.close()


def counts_of(prepared: pl.DataFrame, protocol: Protocol) -> dict[str, PatternCounts]:
    """The counts of each cause, as the models take them."""
    return study_counts(*risk_tables(prepared, protocol), protocol)


def changes_of(patterns: pl.DataFrame, changes: pl.DataFrame) -> list[dict[str, Any]]:
    """Both tables as one, a row per cause, pattern and event day with a change or an event: as the oracle has it."""
    rows: list[dict[str, Any]] = []
    for cause in CAUSES:
        day = pl.col(f"{cause}_day")
        summed = (
            changes.filter(day.is_not_null())
            .group_by("pattern", day.alias("event_day"))
            .agg(pl.col("change").sum(), pl.col(cause).sum().alias("events"))
            .filter((pl.col("change") != 0) | (pl.col("events") != 0))
        )
        described = summed.join(patterns, on="pattern", validate="m:1").drop("pattern")
        rows += described.with_columns(cause=pl.lit(cause)).to_dicts()
    return rows
