"""`make bench`: what the study costs, as ratios measured in one run on one machine.

The ledger beside a scan of its fills (`tests.bench_ledger`); a whole study from ten thousand persons to a million
(`tests.bench_scale`); its extraction beside pandas and polars (`tests.bench_extraction`); the estimator beside R,
lifelines and others on the same intervals (`tests.bench_estimator`). Every figure is measured here; none is asserted.
"""

import json
import os
import platform
import tempfile
from pathlib import Path
from typing import Any

from cohort.run import versions
from tests import bench_estimator, bench_extraction, bench_scale
from tests.bench_ledger import in_own_process


def print_ledger(ledger: dict[str, Any]) -> None:
    ratio = ledger["ledger_and_supply_s"] / ledger["scan_s"]
    print(
        f"{ledger['fills']:,} fills: ledger {ledger['ledger_s']:.1f} s, with supply "
        f"{ledger['ledger_and_supply_s']:.1f} s, {ratio:.0f} x a scan-and-aggregate of the same table "
        f"({ledger['scan_s']:.1f} s); peak memory {ledger['peak_memory_mb']:,.0f} MB"
    )


def main() -> None:
    record: dict[str, Any] = {"ledger": in_own_process()}
    print_ledger(record["ledger"])
    with tempfile.TemporaryDirectory() as folder:
        record["scale"] = bench_scale.compare(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        record["extraction"] = bench_extraction.compare(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        record["estimator"] = bench_estimator.compare(Path(folder), Path("bench-growth"))
    record["machine"] = {"kind": platform.machine(), "processors": os.cpu_count(), "versions": versions()}
    Path("bench.json").write_text(json.dumps(record, indent=1) + "\n")
    print("Kept in bench.json, bench-growth.svg and bench-growth.png")


if __name__ == "__main__":
    main()
