"""One extraction by one contender, in a process of its own: drug exposures of a CDM become the dose ledger; JSON.

`python -m tests.bench_extraction_frames CONTENDER CDM GIVEN OUT CAP THREADS`. GIVEN is a folder with what all are
given: the study's `cohort.parquet` and `drug_scale.parquet`; CAP is the most days that a supply may wait. OUT gets the
tables: the study's own, or `fills.parquet` (a fill's dose per day and the days on which it accrues) and
`dose_step.parquet`. Reading the CDM and writing the tables are timed; imports, reading what is given, and the study's
survey of the CDM and reading of its SQL are not. pandas and polars import nothing of the study: their memory is their
own.

They keep only those of its rules that matter in the world `scale`, whose records are clean: nobody there has two fills
of an ingredient on a day, doses in other units than mg, or days of supply that are missing, absurd or contradicted by a
date. Ours applies all its rules, and scales the dose in three ways.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt

from tests.bench_contender import memory_mb

SCAN, OURS, PANDAS, POLARS = "bare scan", "ours", "pandas", "polars"
PANDAS_FILTERED, POLARS_FILTERED = "pandas, DuckDB filters", "polars, DuckDB filters"
COHORT, DRUG_SCALE = "cohort", "drug_scale"
"""The tables that are given."""
DOSE_STEP = "dose_step"
"""The table that the study's extraction ends at."""
FILLS, STEPS = "fills.parquet", f"{DOSE_STEP}.parquet"
QUEUE = ["person_id", "ingredient_concept_id"]
"""Supplies of one person and ingredient are laid end to end."""
FILL_COLUMNS = ["drug_exposure_id", *QUEUE, "tspo_class", "days", "dme_per_day", "start_day", "accruing_days"]
STEP_COLUMNS = ["person_id", "tspo_class", "day", "slope"]
DRUGS = """
    select ancestor_concept_id as ingredient_concept_id, descendant_concept_id as drug_concept_id from concept_ancestor
"""
STRENGTHS = "select drug_concept_id, ingredient_concept_id, amount_value as strength_mg from drug_strength"
BIRTHS = "select person_id, year_of_birth as year, month_of_birth as month, day_of_birth as day from person"
RECORDS = """
    select drug_exposure_id, person_id, drug_concept_id, drug_exposure_start_date as fill_date, quantity,
        days_supply as days
    from drug_exposure
"""
OF_THE_STUDY = "semi join drugs on drugs.drug_concept_id = drug_exposure.drug_concept_id"
Days = npt.NDArray[np.int64]
Extraction = Callable[[], None]
"""What is timed."""


class Task(NamedTuple):
    """What one contender is to do, and with what."""

    cdm: Path
    given: Path
    out: Path
    cap: int
    threads: int
    is_filtered: bool
    """Whether DuckDB hands over the records of study drugs only."""

    def connect(self) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(str(self.cdm), read_only=True, config={"threads": self.threads})

    def records(self, connection: duckdb.DuckDBPyConnection, drugs: Any) -> duckdb.DuckDBPyRelation:
        connection.register("drugs", drugs)
        return connection.sql(f"{RECORDS} {OF_THE_STUDY}" if self.is_filtered else RECORDS)


def scan(task: Task) -> Extraction:
    """Read the study's columns of drug_exposure and nothing else: the physical limit."""
    from cohort.cdm import CDM_TABLES
    from cohort.source import open_cdm

    columns = next(table.columns for table in CDM_TABLES if table.name == "drug_exposure")
    seen = ", ".join(f"max({column.name})" for column in columns)

    def extract() -> None:
        with open_cdm(str(task.cdm)) as opened:
            opened.connection.execute(f"select {seen} from drug_exposure").fetchall()

    return extract


def ours(task: Task) -> Extraction:
    """Build the study's tables from the CDM to the dose ledger, without those that only the cohort is made from."""
    from cohort.analyses import PRIMARY
    from cohort.engine import TableRef, steps_for, stored_key
    from cohort.study import RunSettings, build_table, prepare_run

    prepared = prepare_run(RunSettings(cdm=str(task.cdm), out=str(task.out)))
    cohort = task.given / f"{COHORT}.parquet"
    built = {COHORT: TableRef(COHORT, str(cohort), stored_key(cohort) or "", 0)}
    steps, needed = steps_for((DOSE_STEP,)), {DOSE_STEP}
    for step in reversed(steps):
        if step.name in needed - {COHORT}:
            needed.update(step.reads)

    def extract() -> None:
        for step in steps:
            if step.name in needed - {COHORT}:
                upstream = {name: built[name] for name in step.reads if name in built}
                built[step.name] = build_table(prepared, PRIMARY, step.name, upstream)

    return extract


def under_cap(cap: int, queue: Days, fill_day: Days, days: Days, start_day: Days) -> tuple[Days, Days]:
    """First day of each supply, and the days on which it accrues, once none waits for longer than the cap.

    Args:
        queue: a number for each; supplies are ordered by queue and day.
        start_day: first days without a cap. Only queues in which one waits for too long are laid again, one supply
            after the other, because what is cut from one moves all that follow.
    """
    start_day, is_first = start_day.copy(), np.diff(queue, prepend=-1) != 0
    end = 0
    for row in np.flatnonzero(np.isin(queue, queue[start_day - fill_day > cap])).tolist():
        earliest = fill_day[row] if is_first[row] else min(end, fill_day[row] + cap)
        start_day[row] = max(fill_day[row], earliest)
        end = start_day[row] + days[row]
    until_next = np.append(start_day[1:], 0) - start_day
    return start_day, np.where(np.append(is_first[1:], True), days, np.minimum(days, until_next))


def with_pandas(task: Task) -> Extraction:
    import pandas as pd

    scale = pd.read_parquet(task.given / f"{DRUG_SCALE}.parquet")

    def extract() -> None:
        with task.connect() as connection:
            drugs = connection.sql(DRUGS).df().merge(scale, on="ingredient_concept_id")
            drugs = drugs.merge(connection.sql(STRENGTHS).df(), on=["drug_concept_id", "ingredient_concept_id"])
            births = connection.sql(BIRTHS).df()
            records = task.records(connection, drugs[["drug_concept_id"]]).df()
        drugs["tspo_class"] = drugs["tspo_class"].astype("category")
        births["birth_date"] = pd.to_datetime(births[["year", "month", "day"]])
        fills = records[records["drug_concept_id"].isin(drugs["drug_concept_id"])].merge(drugs, on="drug_concept_id")
        del records
        fills = fills.merge(births[["person_id", "birth_date"]], on="person_id")
        fills["dme_per_day"] = fills["quantity"] * fills["strength_mg"] / fills["days"] / fills["mg_per_dme"]
        fills["fill_day"] = (fills["fill_date"] - fills["birth_date"]).dt.days
        fills = fills.sort_values([*QUEUE, "fill_day", "drug_exposure_id"], ignore_index=True)
        fills["queue"] = (fills[QUEUE] != fills[QUEUE].shift()).any(axis=1).cumsum()
        fills["before"] = fills.groupby("queue", sort=False)["days"].cumsum() - fills["days"]
        fills["ahead"] = fills["fill_day"] - fills["before"]
        fills["start_day"] = fills["before"] + fills.groupby("queue", sort=False)["ahead"].cummax()
        laid = (fills[name].to_numpy("int64") for name in ("queue", "fill_day", "days", "start_day"))
        fills["start_day"], fills["accruing_days"] = under_cap(task.cap, *laid)
        fills[FILL_COLUMNS].to_parquet(task.out / FILLS, compression="zstd", index=False)

        cohort = pd.read_parquet(task.given / f"{COHORT}.parquet", columns=["person_id"])
        rate = fills[fills["person_id"].isin(cohort["person_id"]) & (fills["accruing_days"] > 0)]
        # Billionths of a unit, as in the study: sums of integers do not depend on their order.
        slope = np.floor(1e9 * rate["dme_per_day"]).astype("int64")
        first = rate[["person_id", "tspo_class"]].assign(day=rate["start_day"] - 1, slope=slope)
        after = first.assign(day=first["day"] + rate["accruing_days"], slope=-first["slope"])
        by_day = pd.concat([first, after]).groupby(STEP_COLUMNS[:-1], observed=True, sort=False)
        steps = by_day["slope"].sum().reset_index()
        steps[steps["slope"] != 0].to_parquet(task.out / STEPS, compression="zstd", index=False)

    return extract


def with_polars(task: Task) -> Extraction:
    import polars as pl

    scale = pl.read_parquet(task.given / f"{DRUG_SCALE}.parquet")
    fill_day = (pl.col("fill_date") - pl.col("birth_date")).dt.total_days()
    dme_per_day = pl.col("quantity") * pl.col("strength_mg") / pl.col("days") / pl.col("mg_per_dme")
    before = pl.col("days").cum_sum().over("queue") - pl.col("days")
    start_day = pl.col("before") + (pl.col("fill_day") - pl.col("before")).cum_max().over("queue")

    def extract() -> None:
        with task.connect() as connection:
            drugs = connection.sql(DRUGS).pl().join(scale, on="ingredient_concept_id")
            drugs = drugs.join(connection.sql(STRENGTHS).pl(), on=["drug_concept_id", "ingredient_concept_id"])
            births = connection.sql(BIRTHS).pl().select("person_id", birth_date=pl.date("year", "month", "day"))
            records = task.records(connection, drugs.select("drug_concept_id").to_arrow()).pl()
        fills = (
            records.lazy()
            .join(drugs.lazy(), on="drug_concept_id")
            .join(births.lazy(), on="person_id")
            .with_columns(pl.col("days").cast(pl.Int64), fill_day=fill_day, dme_per_day=dme_per_day)
            .sort(*QUEUE, "fill_day", "drug_exposure_id")
            .with_columns(queue=pl.struct(QUEUE).rle_id().cast(pl.Int64))
            .with_columns(before=before)
            .with_columns(start_day=start_day)
            .collect()
        )
        del records
        laid = (fills.get_column(name).to_numpy() for name in ("queue", "fill_day", "days", "start_day"))
        starts, accruing = under_cap(task.cap, *laid)
        fills = fills.with_columns(start_day=starts, accruing_days=accruing).select(FILL_COLUMNS)
        fills.write_parquet(task.out / FILLS)

        cohort = pl.scan_parquet(task.given / f"{COHORT}.parquet").select("person_id")
        rate = fills.lazy().join(cohort, on="person_id", how="semi").filter(pl.col("accruing_days") > 0)
        # Billionths of a unit, as in the study: sums of integers do not depend on their order.
        slope = (1e9 * pl.col("dme_per_day")).floor().cast(pl.Int64)
        first = rate.select("person_id", "tspo_class", "accruing_days", day=pl.col("start_day") - 1, slope=slope)
        after = first.with_columns(day=pl.col("day") + pl.col("accruing_days"), slope=-pl.col("slope"))
        by_day = pl.concat([first, after]).group_by(STEP_COLUMNS[:-1]).agg(pl.col("slope").sum())
        by_day.filter(pl.col("slope") != 0).collect().write_parquet(task.out / STEPS)

    return extract


CONTENDERS: dict[str, Callable[[Task], Extraction]] = {
    SCAN: scan,
    OURS: ours,
    PANDAS: with_pandas,
    PANDAS_FILTERED: with_pandas,
    POLARS: with_polars,
    POLARS_FILTERED: with_polars,
}


def main() -> None:
    contender = sys.argv[1]
    cdm, given, out = (Path(path) for path in sys.argv[2:5])
    cap, threads = (int(number) for number in sys.argv[5:7])
    is_filtered = contender in (PANDAS_FILTERED, POLARS_FILTERED)
    extract = CONTENDERS[contender](Task(cdm, given, out, cap, threads, is_filtered))
    started = time.perf_counter()
    extract()
    seconds = time.perf_counter() - started
    # What wait4 tells a parent of this process is never less than the parent's own peak.
    print(json.dumps({"seconds": seconds, "peak_mb": memory_mb("VmHWM")}))


if __name__ == "__main__":
    main()
