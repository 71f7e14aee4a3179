"""The ledger at size: millions of fills with gaps, duplicates and odd values, against a plain scan-and-aggregate.

Run in a process of its own (`python -m tests.bench_ledger FILLS`), so that its peak memory is its own; prints JSON.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb

from cohort.analyses import PRIMARY
from cohort.engine import TableRef, steps_for
from cohort.run import peak_memory_mb
from cohort.source import open_cdm
from cohort.study import RunSettings, build_table, prepare_run

FILLS = 10_000_000
FILLS_EACH = 20
LEDGER, SUPPLY = "dose", "supply"
SCAN = """
    select person_id, drug_concept_id, count(*), sum(quantity), sum(days_supply), min(drug_exposure_start_date),
        max(drug_exposure_end_date)
    from drug_exposure
    group by person_id, drug_concept_id
"""
PRODUCTS = ((1, 723013, 5), (2, 723013, 2), (3, 798874, 0.5), (4, 791967, 1), (5, 836715, 15), (6, 781039, 0.5))
"""Drug concept, ingredient (diazepam twice, clonazepam, lorazepam, temazepam, alprazolam), mg."""


def write_cdm(path: Path, fills: int) -> None:
    """A CDM of persons with twenty fills each, a month apart give or take; some early, missing, absurd or double."""
    connection = duckdb.connect(str(path))
    connection.execute("set memory_limit = '3GB'")
    connection.execute("""
        create table drug_strength (
            drug_concept_id bigint, ingredient_concept_id bigint, amount_value double, amount_unit_concept_id bigint
        )""")
    connection.execute("create table concept (concept_id bigint, concept_name varchar)")
    for product, ingredient, mg in PRODUCTS:
        connection.execute("insert into drug_strength values (?, ?, ?, 8576)", [product, ingredient, mg])
        connection.execute("insert into concept values (?, 'a drug Oral Tablet')", [product])
    connection.execute(f"""
        create table drug_exposure as
        select
            i as drug_exposure_id,
            i // {FILLS_EACH} as person_id,
            1 + ((i // {FILLS_EACH}) * 7 + if(hash(i) % 10 = 0, hash(i + 1) % 6, 0)) % 6 as drug_concept_id,
            date '2008-01-01' + cast(
                (i // {FILLS_EACH}) % 1000 + (i % {FILLS_EACH}) * 30 + hash(i * 3) % 11
                - if((i // {FILLS_EACH}) % 10 = 0, (i % {FILLS_EACH}) * 8, 0) as integer
            ) as drug_exposure_start_date,
            cast(null as date) as verbatim_end_date,
            cast(null as date) as drug_exposure_end_date,
            cast(case when hash(i * 5) % 50 = 0 then null when hash(i * 5) % 71 = 0 then 0 else 30 end as integer)
                as days_supply,
            cast(if(hash(i * 7) % 40 = 0, null, 30 * (1 + hash(i * 9) % 3)) as double) as quantity
        from range({fills}) as t (i)""")
    connection.execute(f"""
        create table person as
        select i as person_id, 8532 as gender_concept_id, 1940 as year_of_birth
        from range({fills // FILLS_EACH + 1}) as t (i)""")
    connection.execute("""
        create table observation_period as
        select person_id, date '2000-01-01' as observation_period_start_date,
            date '2020-01-01' as observation_period_end_date
        from person""")
    connection.execute("""
        create table condition_occurrence as
        select person_id, 1 as condition_concept_id, date '2010-01-01' as condition_start_date from person limit 1""")
    connection.close()


def measure(cdm: Path, out: Path) -> dict[str, Any]:
    """Seconds of a scan, of the ledger and of supply with all that they need, and the peak memory of it all."""
    with open_cdm(str(cdm)) as opened:
        started = time.perf_counter()
        opened.connection.execute(f"create temporary table scanned as {SCAN}")
        scan_s = time.perf_counter() - started
    prepared = prepare_run(RunSettings(cdm=str(cdm), out=str(out)))
    built: dict[str, TableRef] = {}
    started, ledger_s = time.perf_counter(), 0.0
    for step in steps_for((LEDGER, SUPPLY)):
        upstream = {name: built[name] for name in step.reads if name in built}
        built[step.name] = build_table(prepared, PRIMARY, step.name, upstream)
        if step.name == LEDGER:
            ledger_s = time.perf_counter() - started
    return {
        "fills": built[LEDGER].rows,
        "scan_s": scan_s,
        "ledger_s": ledger_s,
        "ledger_and_supply_s": time.perf_counter() - started,
        "peak_memory_mb": peak_memory_mb(),
    }


def in_own_process(fills: int = FILLS) -> dict[str, Any]:
    """`measure` in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench_ledger", str(fills)], check=True, capture_output=True, text=True
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        cdm = Path(folder) / "cdm.duckdb"
        write_cdm(cdm, int(sys.argv[1]))
        print(json.dumps(measure(cdm, Path(folder) / "run")))


if __name__ == "__main__":
    main()
