"""A study at growing size: `tspo simulate --scenario scale`, and `tspo run` of what is asked, each by itself.

Time by part, memory, what extraction costs beside a bare scan of the same columns, and how all of it grows with the
number of persons. Run alone: `python -m tests.bench_scale [PERSONS ...]`.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from cohort.cdm import CDM_TABLES
from cohort.engine import load_steps
from cohort.protocol_sections import HEADLINE
from cohort.source import open_cdm

SIZES = (10_000, 100_000, 1_000_000)
GROWING = ("simulate_s", "scan_s", "extraction_s", "tables_s", "models_s", "run_s", "again_s", "peak_mb")
PARTS = (*GROWING, "orchestration_s")
ASKED = f"""analysis = []
[exposure]
lag_family_days = [0, 365, 730, 1095, 1825]
[model]
models = {list(HEADLINE)}
"""
"""The primary models, categories and ages, at five lags: the protocol that the bar of `run_s` is for."""
TSPO = str(Path(sys.executable).with_name("tspo"))
BARS = {"simulate_s": 900, "run_s": 180, "orchestration_s": 15, "peak_mb": 4_000}
"""What is asked at a million persons, on two cores."""


def tspo(*arguments: str) -> tuple[float, float]:
    """Seconds and peak memory (MB) of one command; what it prints is thrown away."""
    return command(TSPO, *arguments)


def command(*words: str) -> tuple[float, float]:
    """The same of any command."""
    started = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 3):
        raise SystemExit(f"{' '.join(words)} failed")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def scan(cdm: Path) -> float:
    """Seconds to read the study's columns of the tables that hold most rows, and nothing else: the physical limit."""
    started = time.perf_counter()
    with open_cdm(str(cdm)) as opened:
        for table in ("drug_exposure", "condition_occurrence"):
            columns = next(t.columns for t in CDM_TABLES if t.name == table)
            seen = ", ".join(f"max({column.name})" for column in columns)
            opened.connection.execute(f"select {seen} from {table}").fetchall()
    return time.perf_counter() - started


def measure(persons: int, folder: Path) -> dict[str, Any]:
    cdm, out = folder / f"{persons}.duckdb", folder / f"run-{persons}"
    simulate_s, simulate_mb = tspo("simulate", str(cdm), "--scenario", "scale", "--persons", str(persons))
    scan_s = scan(cdm)
    asked = folder / "asked.toml"
    asked.write_text(ASKED)
    run = ("run", "--cdm", str(cdm), "--out", str(out), "--protocol", str(asked))
    run_s, peak_mb = tspo(*run)
    record = json.loads((out / "release" / "run.json").read_text())
    again_s, _ = tspo(*run)
    bare_s, _ = command(sys.executable, "-m", "tests.bench_unorchestrated", str(cdm), str(out), str(asked))
    large = {step.name for step in load_steps().values() if {"drug_exposure", "condition_occurrence"} & set(step.reads)}
    cdm.unlink()
    return {
        "persons": persons,
        "simulate_s": simulate_s,
        "scan_s": scan_s,
        "extraction_s": sum(step["seconds"] for step in record["steps"] if step["name"] in large),
        "tables_s": sum(step["seconds"] for step in record["steps"]),
        "models_s": sum(fit["seconds"] for fit in record["models"]),
        "run_s": run_s,
        "again_s": again_s,
        "orchestration_s": again_s - bare_s,
        "peak_mb": peak_mb,
        "simulate_mb": simulate_mb,
        "scans": record["scans"],
        "steps": record["steps"],
        "models": record["models"],
    }


def growth(rows: list[dict[str, Any]]) -> dict[str, float]:
    """The exponent of each part's growth with the number of persons, fitted over all sizes."""
    persons = np.log([row["persons"] for row in rows])
    return {part: float(np.polyfit(persons, np.log([row[part] for row in rows]), 1)[0]) for part in GROWING}


def compare(folder: Path, sizes: tuple[int, ...] = SIZES) -> dict[str, Any]:
    """All of it: measurements, table, exponents, bars."""
    help_s, _ = tspo("--help")
    rows = [measure(persons, folder) for persons in sizes]
    with pl.Config(tbl_cols=-1, tbl_width_chars=150):
        print(pl.DataFrame(rows).select("persons", *PARTS).with_columns(pl.col(pl.Float64).round(1)))
    last, exponents = rows[-1], growth(rows) if len(rows) > 1 else {}
    if exponents:
        print("growth exponents: " + ", ".join(f"{part} {value:.2f}" for part, value in exponents.items()))
    print(f"extraction / bare scan at {last['persons']:,} persons: {last['extraction_s'] / last['scan_s']:.1f} x")
    print("tables of the CDM read: " + ", ".join(f"{table} {count} x" for table, count in last["scans"].items()))
    if last["persons"] == SIZES[-1]:
        print("asked: " + ", ".join(f"{part} below {bar:,}: {last[part]:,.0f}" for part, bar in BARS.items()))
    print(f"tspo --help: {help_s:.2f} s (asked: below 1)")
    return {"sizes": rows, "growth": exponents, "help_s": help_s}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = compare(Path(folder), tuple(int(persons) for persons in sys.argv[1:]) or SIZES)
    Path("bench-scale.json").write_text(json.dumps(found, indent=1) + "\n")
    print("Kept in bench-scale.json")


if __name__ == "__main__":
    main()
