"""The estimator beside others, on the study's own person-time: time, memory, coefficients, and how they grow.

The simulator's persons go through the study's SQL; the linear model is then fitted by each contender in a fresh process
that times its fit alone, not its reading. Run alone: `python -m tests.bench_estimator`. `TSPO_BENCH_RIVALS` may name a
Python that has statsmodels or adelie; `--whole` lets lifelines fit a million intervals (minutes) and R try ten million.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl

from cohort.analyses import PRIMARY
from cohort.engine import TableRef, steps_for
from cohort.fitting import STRATA, prepared_time
from cohort.study import RunSettings, build_table, prepare_run
from cohort.synthetic import simulate
from tests.bench_contender import COVARIATES, DOSES
from tests.bench_plot import Point, growth_plot

SIZES = (3_000, 30_000, 300_000)
"""Persons to simulate; of each come three to four intervals."""
LARGEST = 3_000_000
STEPS = (3_000, 10_000, 30_000, 100_000)
"""Persons of the last of SIZES, for those whose time grows with intervals x events."""
SECONDS = 60.0
"""They go on to the next step if it is likely to take no longer."""
REPEATS = 5
"""Runs of ours and of R at the last of SIZES; the median is told."""
ALL = 0
COUNTED = ("risk_pattern", "risk_change")
"""The tables that the counts are read from."""
AGGREGATING = (*COUNTED, "event_time")
INTERVALS, COUNTS, R = "ours, from intervals", "ours, after aggregation", "R coxph"
LIFELINES, STATSMODELS, ADELIE = "lifelines CoxTimeVaryingFitter", "statsmodels PHReg", "adelie grpnet"
PACKAGES = {LIFELINES: "lifelines", STATSMODELS: "statsmodels", ADELIE: "adelie"}
NOT_APPLICABLE = (
    "scikit-survival's CoxPHSurvivalAnalysis knows neither delayed entry nor strata: it cannot fit this model"
)
SWIFT = (INTERVALS, COUNTS, R, ADELIE)
Run = dict[str, Any]


def make_data(persons: int, folder: Path) -> Run:
    """Person-time of simulated persons as `intervals.parquet`, tables of counts and bare columns; seconds of each."""
    folder.mkdir(exist_ok=True)
    cdm, took = folder / "cdm.duckdb", {}
    with _timed(took, "simulate_s"):
        simulate(cdm, persons, 1)
    prepared, built = prepare_run(RunSettings(cdm=str(cdm), out=str(folder / "run"))), dict[str, TableRef]()
    for step in steps_for(("risk_change", "person_time")):
        upstream = {name: built[name] for name in step.reads if name in built}
        with _timed(took, "aggregate_s" if step.name in AGGREGATING else "tables_s"):
            built[step.name] = build_table(prepared, PRIMARY, step.name, upstream)
    for name in COUNTED:
        Path(built[name].path).rename(folder / f"{name}.parquet")
    protocol = prepared.analysis(PRIMARY).protocol
    person_time = prepared_time(pl.scan_parquet(built["person_time"].path), protocol)
    frame = person_time.select("person_id", *STRATA, "start_day", "stop_day", "event", *COVARIATES).collect()
    write_columns(frame.sort("person_id", "start_day"), folder)
    shutil.rmtree(folder / "run")
    cdm.unlink()
    return took | {
        "folder": folder,
        "persons": persons,
        "intervals": frame.height,
        "events": int(frame.get_column("event").sum()),
    }


@contextmanager
def _timed(took: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    took[name] = took.get(name, 0.0) + time.perf_counter() - started


def write_columns(frame: pl.DataFrame, folder: Path) -> None:
    frame.write_parquet(folder / "intervals.parquet")
    coded = frame.with_columns(pl.struct(STRATA).rank("dense").alias("stratum")).drop(STRATA)
    for column in coded.iter_columns():
        kind = "f8" if column.name in DOSES else "i4"
        column.to_numpy().astype(f"<{kind}").tofile(folder / f"{column.name}.{kind}")


def run(contender: str, folder: Path, persons: int = ALL) -> Run:
    """One contender in a process of its own."""
    python = sys.executable if contender not in (STATSMODELS, ADELIE) else rivals_python()
    command = [python, "-m", "tests.bench_contender", contender, str(folder), str(persons)]
    if contender == R:
        command = ["Rscript", str(Path(__file__).with_name("bench_contender.R")), str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {"contender": contender, "persons": persons} | json.loads(done.stdout)


def rivals_python() -> str:
    return os.environ.get("TSPO_BENCH_RIVALS", sys.executable)


def missing() -> dict[str, str]:
    """Contenders that are not here, and how to have them."""
    lacking = {}
    for contender, package in PACKAGES.items():
        python = sys.executable if contender == LIFELINES else rivals_python()
        if subprocess.run([python, "-c", f"import {package}"], capture_output=True, check=False).returncode:
            lacking[contender] = f"not installed: pip install {package}, or name in TSPO_BENCH_RIVALS a Python with it"
    if (
        not shutil.which("Rscript")
        or subprocess.run(["Rscript", "-e", "library(survival)"], capture_output=True).returncode
    ):
        lacking[R] = "not installed: apt-get install r-base-core r-cran-survival"
    return lacking


def run_sizes(data: dict[int, Run], present: list[str]) -> list[Run]:
    """Those whose time grows with intervals, at all sizes; at the last several times, in turns."""
    runs = []
    for persons, made in data.items():
        for _ in range(REPEATS if persons == SIZES[-1] else 1):
            runs += [run(c, made["folder"]) | {"intervals": made["intervals"]} for c in SWIFT if c in present]
    return runs


def run_steps(contender: str, folder: Path) -> list[Run]:
    """A slower contender on more and more persons, while it bears them."""
    runs: list[Run] = []
    is_whole = "--whole" in sys.argv and contender == LIFELINES
    for persons in (*STEPS, *(SIZES[-1:] if is_whole else ())):
        if not is_whole and len(runs) > 1 and extrapolated(runs, persons, "persons") > SECONDS:
            break
        found = run(contender, folder, persons)
        runs.append(found | {"intervals": found["rows"]})
    return runs


def extrapolated(runs: list[Run], to: int, by: str = "intervals") -> float:
    """Seconds at another size, by the growth between the last two."""
    (x0, y0), (x1, y1) = ((one[by], one["seconds"]) for one in runs[-2:])
    return float(y1 * (to / x1) ** (np.log(y1 / y0) / np.log(x1 / x0)))


def summary(runs: list[Run], ours: dict[int, list[float]]) -> list[Run]:
    """A row per contender and size: medians, and the largest difference of a coefficient from ours."""
    rows = []
    for contender, intervals in dict.fromkeys((one["contender"], one["intervals"]) for one in runs):
        same = [one for one in runs if (one["contender"], one["intervals"]) == (contender, intervals)]
        middle = {key: median(one[key] for one in same) for key in same[0] if isinstance(same[0][key], float)}
        differs = float(np.abs(np.subtract(same[0]["params"], ours[intervals])).max())
        rows.append({"contender": contender, "intervals": intervals, "runs": len(same), **middle, "differs": differs})
    return rows


def print_table(rows: list[Run]) -> None:
    head = f"{'':34}{'intervals':>12}{'seconds':>10}{'CPU s':>9}{'peak MB':>10}{'before fit':>12}{'differs by':>12}"
    print(head)
    for row in sorted(rows, key=lambda row: (row["intervals"], row["seconds"])):
        numbers = f"{row['seconds']:>10.2f}{row['cpu_seconds']:>9.2f}{row['peak_mb']:>10,.0f}{row['before_mb']:>12,.0f}"
        print(f"{row['contender']:34}{row['intervals']:>12,}{numbers}{row['differs']:>12.0e}")


def bars(rows: list[Run], slow: list[Run]) -> dict[str, float]:
    """What is asked of the estimator, as measured in this run; what could not be measured is left out."""
    size = max(row["intervals"] for row in rows if row["contender"] == INTERVALS and row["runs"] == REPEATS)
    ours, theirs = (
        next((r for r in rows if r["contender"] == c and r["intervals"] == size), None) for c in (INTERVALS, R)
    )
    found = {
        "intervals": float(size),
        "ours_s": ours["seconds"],
        "robust_s": ours["robust_s"],
        "ours_mb": ours["peak_mb"],
    }
    if theirs:
        found |= {"r_ratio": theirs["seconds"] / ours["seconds"], "bare_r_ratio": theirs["bare_s"] / ours["seconds"]}
        found |= {"r_mb": theirs["peak_mb"]}
    if len(slow) > 1:
        found["lifelines_s"] = extrapolated(slow, size)
        found["lifelines_ratio"] = found["lifelines_s"] / ours["seconds"]
    last = max((row for row in rows if row["contender"] == COUNTS), key=lambda row: row["intervals"])
    return found | {
        "largest": float(last["intervals"]),
        "largest_s": last["seconds"],
        "next_model_s": last["next_model_s"],
    }


def print_bars(found: dict[str, float], slow: list[Run]) -> None:
    print(f"On {found['intervals']:,.0f} intervals, medians of {REPEATS} runs in turns, each a process of its own:")
    if "r_ratio" in found:
        print(f"  R coxph / ours: {found['r_ratio']:.0f} x (asked: 12)")
        print(f"  R's bare agreg.fit, without concordance and residuals / ours: {found['bare_r_ratio']:.1f} x")
        print(f"  peak memory: ours {found['ours_mb']:,.0f} MB, R {found['r_mb']:,.0f} MB (asked: below R's)")
    if "lifelines_ratio" in found:
        sizes = " and ".join(f"{one['intervals']:,} ({one['seconds']:.1f} s)" for one in slow[-2:])
        is_measured = slow[-1]["intervals"] == found["intervals"]
        print(
            f"  lifelines / ours: {found['lifelines_ratio']:,.0f} x (asked: 1,000); lifelines' "
            f"{found['lifelines_s']:,.0f} s are {'measured' if is_measured else f'EXTRAPOLATED from {sizes}'}"
        )
    print(f"  person-clustered sandwich, in addition: {found['robust_s']:.2f} s")
    print(f"{found['largest']:,.0f} intervals after aggregation: {found['largest_s']:.1f} s (asked: below 20)")
    print(f"  each further model of the same counts: {found['next_model_s']:.1f} s")


def lines(rows: list[Run], at: int) -> dict[str, list[Point]]:
    """The points of the plot; the slower contenders go on to `at`, extrapolated."""
    drawn: dict[str, list[Point]] = {}
    for row in sorted(rows, key=lambda row: row["intervals"]):
        drawn.setdefault(row["contender"], []).append(Point(row["intervals"], row["seconds"]))
    for name in (LIFELINES, STATSMODELS):
        same = [row for row in rows if row["contender"] == name]
        if len(same) > 1 and same[-1]["intervals"] < at:
            drawn[name].append(Point(at, extrapolated(same, at), True))
    return drawn


def compare(folder: Path, plot: Path) -> Run:
    """All of it: data, runs, table, bars, plot."""
    lacking = missing()
    present = [c for c in (*SWIFT, LIFELINES, STATSMODELS) if c not in lacking]
    data = {persons: make_data(persons, folder / str(persons)) for persons in (*SIZES, LARGEST)}
    for made in data.values():
        print(
            f"{made['persons']:,} persons: {made['intervals']:,} intervals, {made['events']:,} events; simulated in "
            f"{made['simulate_s']:.0f} s, person-time {made['tables_s']:.1f} s, aggregated {made['aggregate_s']:.1f} s"
        )
    middle = data[SIZES[-1]]["folder"]
    runs = [one for c in (LIFELINES, STATSMODELS) if c in present for one in run_steps(c, middle)]
    ours = {one["intervals"]: run(INTERVALS, middle, one["persons"])["params"] for one in runs}
    runs += run_sizes({persons: data[persons] for persons in SIZES}, present)
    at_largest = [c for c in (COUNTS, INTERVALS, *([R] if "--whole" in sys.argv else [])) if c in present]
    runs += [run(c, data[LARGEST]["folder"]) | {"intervals": data[LARGEST]["intervals"]} for c in at_largest]
    ours |= {one["intervals"]: one["params"] for one in runs if one["contender"] == INTERVALS}
    rows = summary(runs, ours)
    print_table(rows)
    for contender, why in lacking.items():
        print(f"{contender}: {why}")
    print(NOT_APPLICABLE)
    slow = [one for one in runs if one["contender"] == LIFELINES]
    found = bars(rows, slow)
    print_bars(found, slow)
    growth_plot(
        lines(rows, int(found["intervals"])),
        plot,
        "the study's person-time, 6 covariates, Efron ties; fresh process each",
    )
    kept = [{key: value for key, value in made.items() if key != "folder"} for made in data.values()]
    return {
        "data": kept,
        "runs": runs,
        "rows": rows,
        "bars": found,
        "missing": lacking | {"scikit-survival": NOT_APPLICABLE},
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = compare(Path(folder), Path("bench-growth"))
    Path("bench-estimator.json").write_text(json.dumps(found, indent=1) + "\n")
    print("Kept in bench-estimator.json, bench-growth.svg and bench-growth.png")


if __name__ == "__main__":
    main()
