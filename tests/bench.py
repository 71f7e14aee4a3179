"""`make bench`: what the study costs, as ratios measured in one run on one machine.

Extraction against a bare scan of the columns that it reads; growth from ten thousand persons to a hundred thousand; the
estimator beside R, lifelines and others on the same intervals (`tests.bench_estimator`). Every figure is measured here;
none is asserted.
"""

import json
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import polars as pl

from cohort.analyses import PRIMARY
from cohort.inputs import EXPOSURES
from cohort.models import STRATA, columns_needed, prepare
from cohort.run import peak_memory_mb, versions
from cohort.source import open_cdm
from cohort.study import RunSettings, build_tables, prepare_run
from cohort.survival.counting import risk_sets
from cohort.survival.cox import fit_cox
from cohort.synthetic import simulate
from tests.bench_estimator import compare
from tests.bench_ledger import in_own_process

T = TypeVar("T")
SIZES = (10_000, 30_000, 100_000)
SCANS = (
    "select sum(person_id), sum(drug_concept_id), sum(quantity), max(drug_exposure_start_date) from drug_exposure",
    "select sum(person_id), sum(condition_concept_id), max(condition_start_date) from condition_occurrence",
)


@dataclass(frozen=True)
class Measured:
    """One size: seconds of each part, and rows."""

    persons: int
    intervals: int
    simulate_s: float
    scan_s: float
    tables_s: float
    risk_sets_s: float
    fit_s: float


def timed(do: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    return do(), time.perf_counter() - started


def scan(cdm: Path) -> None:
    with open_cdm(str(cdm)) as opened:
        for query in SCANS:
            opened.connection.execute(query).fetchall()


def measure(persons: int, folder: Path) -> Measured:
    cdm = folder / f"{persons}.duckdb"
    _, simulate_s = timed(lambda: simulate(cdm, persons, 1))
    _, scan_s = timed(lambda: scan(cdm))
    prepared = prepare_run(RunSettings(cdm=str(cdm), out=str(folder / f"run-{persons}")))
    built, tables_s = timed(lambda: build_tables(prepared, PRIMARY))
    protocol = prepared.analysis(PRIMARY).protocol
    frame = prepare(pl.read_parquet(built["person_time"].path, columns=columns_needed(protocol)), protocol)
    sets, risk_sets_s = timed(lambda: risk_sets(frame, [*EXPOSURES, *protocol.model.covariates], STRATA))
    _, fit_s = timed(lambda: fit_cox(sets))
    return Measured(persons, frame.height, simulate_s, scan_s, tables_s, risk_sets_s, fit_s)


def print_ledger(ledger: dict[str, Any]) -> None:
    ratio = ledger["ledger_and_supply_s"] / ledger["scan_s"]
    print(
        f"{ledger['fills']:,} fills: ledger {ledger['ledger_s']:.1f} s, with supply "
        f"{ledger['ledger_and_supply_s']:.1f} s, {ratio:.0f} x a scan-and-aggregate of the same table "
        f"({ledger['scan_s']:.1f} s); peak memory {ledger['peak_memory_mb']:,.0f} MB"
    )


def main() -> None:
    ledger = in_own_process()
    print_ledger(ledger)
    with tempfile.TemporaryDirectory() as folder:
        rows = [asdict(measure(size, Path(folder))) for size in SIZES]
    growth = {
        part: float(np.polyfit(np.log(SIZES), np.log([row[part] for row in rows]), 1)[0])
        for part in ("simulate_s", "tables_s", "risk_sets_s", "fit_s")
    }
    last = rows[-1]
    print(pl.DataFrame(rows).with_columns(pl.col(pl.Float64).round(2)))
    print(f"tables / bare scan at {last['persons']:,} persons: {last['tables_s'] / last['scan_s']:.1f} x")
    print("growth exponents: " + ", ".join(f"{part} {value:.2f}" for part, value in growth.items()))
    print(f"peak memory: {peak_memory_mb():,.0f} MB")
    with tempfile.TemporaryDirectory() as folder:
        estimator = compare(Path(folder), Path("bench-growth"))
    record = {
        "ledger": ledger,
        "sizes": rows,
        "estimator": estimator,
        "growth": growth,
        "peak_memory_mb": peak_memory_mb(),
    }
    machine = {"machine": platform.machine(), "versions": versions()}
    Path("bench.json").write_text(json.dumps(record | machine, indent=1) + "\n")
    print("Kept in bench.json, bench-growth.svg and bench-growth.png")


if __name__ == "__main__":
    main()
