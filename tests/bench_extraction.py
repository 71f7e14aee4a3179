"""The study's extraction beside pandas and polars: drug exposures in a DuckDB file become the dose ledger.

In: worlds `scale` at growing size. Out: seconds and peak memory of each contender in a fresh process, and as ratios to
ours; a bare scan of the columns of drug_exposure that the study reads is one of them. pandas and polars are written as
an analyst would write them (`tests.bench_extraction_frames` says which rules they leave out: those that change nothing
here), twice each: reading all drug exposures, or those of study drugs, which DuckDB picks out. All get the cohort.

Nobody in `scale` fetches a drug before the last supply is used up, so each contender also does a small world in which
half of the fills are doubled and the cap on what is carried over cuts many. Every result must be the study's, or this
raises: the same fills; for each fill its ingredient, class, days of supply, first day and days on which it accrues; the
dose of each class to a billionth of it; the steps of dose by person, class and day; and the dose that each person has
cumulated of each class in the end. Run alone: `python -m tests.bench_extraction [PERSONS ...]`.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl
import polars.selectors as cs

from cohort.analyses import PRIMARY
from cohort.engine import TableRef, steps_for
from cohort.inputs import study_inputs
from cohort.protocol import load_protocol
from cohort.source import Resources, first_row, open_cdm
from cohort.study import RunSettings, build_table, prepare_run
from cohort.synthetic import simulate
from cohort.synthetic.parameters import Parameters
from tests.bench_extraction_frames import (
    COHORT,
    CONTENDERS,
    DRUG_SCALE,
    FILL_COLUMNS,
    FILLS,
    OURS,
    SCAN,
    STEP_COLUMNS,
    STEPS,
)
from tests.bench_scale import tspo

SIZES = (10_000, 100_000, 300_000)
REPEATS = 3
"""Runs of each contender at each size, in turns; the median is told."""
DOUBLED = 3_000, 0.5
"""Persons of the world for the rules of carry-over, and the share of fills that come twice."""
TOLERANCE = 1e-9
SECONDS, MEMORY_MB = 120, 6_000
"""A contender that is likely to need more of either is left out."""
Run = dict[str, Any]


def make_given(cdm: Path, folder: Path) -> Path:
    """What all are given: the study's cohort, and what its ingredients are in class and dose."""
    prepared, built = prepare_run(RunSettings(cdm=str(cdm), out=str(folder / "run"))), dict[str, TableRef]()
    for step in steps_for((COHORT,)):
        upstream = {name: built[name] for name in step.reads if name in built}
        built[step.name] = build_table(prepared, PRIMARY, step.name, upstream)
    Path(built[COHORT].path).rename(folder / f"{COHORT}.parquet")
    inputs = study_inputs(load_protocol())
    scale = inputs["study_drug"].drop_nulls("concept_id").join(inputs[DRUG_SCALE], on="drug")
    scale = scale.select("tspo_class", "mg_per_dme", ingredient_concept_id="concept_id")
    scale.write_parquet(folder / f"{DRUG_SCALE}.parquet")
    return folder


def run(contender: str, cdm: Path, given: Path, out: Path) -> Run:
    """One contender in a process of its own, with as many threads as ours."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    cap, threads = str(load_protocol().supply.carryover_cap_days), str(Resources().threads)
    command = [sys.executable, "-m", "tests.bench_extraction_frames", contender]
    command += [str(cdm), str(given), str(out), cap, threads]
    environment = os.environ | {"POLARS_MAX_THREADS": threads}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    found: Run = json.loads(done.stdout)
    return {"contender": contender} | found


def run_all(cdm: Path, folder: Path, contenders: list[str], repeats: int) -> tuple[list[Run], Run]:
    """Runs of contenders on one CDM, and in what their results agree with ours."""
    given = make_given(cdm, folder / "given")
    outs = {contender: folder / f"contender-{number}" for number, contender in enumerate(contenders)}
    runs, agreed = list[Run](), list[Run]()
    for _ in range(repeats):
        for contender, out in outs.items():
            runs.append(run(contender, cdm, given, out))
            if contender not in (SCAN, OURS):
                agreed.append(agreement(contender, outs[OURS] / "private", out))
    for path in (given, *outs.values()):
        shutil.rmtree(path)
    if not agreed:
        return runs, {}
    return runs, agreed[0] | {"dme_differs": max(one["dme_differs"] for one in agreed)}


def study_fills(tables: Path) -> pl.DataFrame:
    """The ledger with the days on which each fill accrues."""
    dose, supply = pl.read_parquet(tables / "dose.parquet"), pl.read_parquet(tables / "supply.parquet")
    fill = ["drug_exposure_id", "ingredient_concept_id"]
    return dose.join(supply.select(*fill, "start_day", "accruing_days"), on=fill, how="left")


def agreement(contender: str, ours: Path, theirs: Path) -> Run:
    """In what the two agree, in numbers.

    Raises:
        ValueError: they do not.
    """
    fills, their_fills = (in_order(f, FILL_COLUMNS) for f in (study_fills(ours), pl.read_parquet(theirs / FILLS)))
    steps, their_steps = (in_order(pl.read_parquet(folder / STEPS), STEP_COLUMNS) for folder in (ours, theirs))
    cumulated = cumulated_dose(steps)
    for what, one, other in (
        ("fills", fills.drop("dme_per_day"), their_fills.drop("dme_per_day")),
        ("steps of dose", steps, their_steps),
        ("cumulated doses", cumulated, cumulated_dose(their_steps)),
    ):
        if one.is_empty() or not one.equals(other):
            raise ValueError(f"{contender}: its {what} ({other.height:,}) are not the study's ({one.height:,})")
    dose, their_dose = dose_by_class(fills), dose_by_class(their_fills)
    differs = max(abs(their_dose[name] / dose[name] - 1) for name in dose)
    if not differs <= TOLERANCE:
        raise ValueError(f"{contender}: the dose of a class differs by {differs:.0e} of it")
    return {
        "fills": fills.height,
        "fills_cut": fills.filter(pl.col("accruing_days") < pl.col("days")).height,
        "steps": steps.height,
        "persons_and_classes": cumulated.height,
        "dme_by_class": dose,
        "dme_differs": differs,
    }


def in_order(frame: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """The columns that are compared, with one type for each kind of value, in an order of their own."""
    same_types = frame.select(columns).cast({cs.integer(): pl.Int64, cs.categorical(): pl.String})
    return same_types.sort(columns[:3])


def cumulated_dose(steps: pl.DataFrame) -> pl.DataFrame:
    """Billionths of a unit that each person has cumulated of each class in the end, when nothing accrues any more."""
    dose = -(pl.col("slope") * pl.col("day")).sum()
    return steps.group_by("person_id", "tspo_class").agg(dose.alias("nano")).sort("person_id", "tspo_class")


def dose_by_class(fills: pl.DataFrame) -> dict[str, float]:
    dose = fills.group_by("tspo_class").agg((pl.col("days") * pl.col("dme_per_day")).sum()).sort("tspo_class")
    return dict(dose.iter_rows())


def check_carry_over(folder: Path) -> Run:
    """In what all agree where supplies pile up."""
    persons, share = DOUBLED
    cdm = folder / "doubled.duckdb"
    simulate(cdm, persons, 1, "scale", parameters=Parameters(overlap_share=share))
    _, agreed = run_all(cdm, folder, list(CONTENDERS), 1)
    cdm.unlink()
    if not agreed["fills_cut"]:
        raise ValueError("no fill was cut by the cap: this world does not show that the rules of carry-over agree")
    return agreed


def measure(persons: int, folder: Path, contenders: list[str]) -> tuple[list[Run], Run]:
    """Medians of contenders in a world, and in what they agree."""
    cdm = folder / f"{persons}.duckdb"
    tspo("simulate", str(cdm), "--scenario", "scale", "--persons", str(persons))
    runs, agreed = run_all(cdm, folder, contenders, REPEATS)
    with open_cdm(str(cdm)) as opened:
        records = first_row(opened.connection, "select count(*) from drug_exposure")[0]
    cdm.unlink()
    rows = []
    for contender in contenders:
        same = [one for one in runs if one["contender"] == contender]
        middle = {key: median(one[key] for one in same) for key in ("seconds", "peak_mb")}
        rows.append({"persons": persons, "contender": contender, **middle})
    return rows, agreed | {"persons": persons, "drug_exposures": records}


def too_much(rows: list[Run], persons: int) -> str | None:
    """Why a contender is left out, by a straight line through its last two sizes; None: it is not."""
    if len(rows) < 2:
        return None
    for what, unit, most in (("seconds", "s", SECONDS), ("peak_mb", "MB", MEMORY_MB)):
        (x0, y0), (x1, y1) = ((row["persons"], row[what]) for row in rows[-2:])
        likely = y1 + (y1 - y0) / (x1 - x0) * (persons - x1)
        if likely > most:
            return f"{likely:,.0f} {unit} are likely, extrapolated from {x0:,} and {x1:,} persons; {most:,} are allowed"
    return None


def print_agreed(agreed: Run, world: str) -> None:
    print(
        f"{world}: {agreed['fills']:,} fills ({agreed['fills_cut']:,} cut by the cap), {agreed['steps']:,} steps of "
        f"dose and {agreed['persons_and_classes']:,} cumulated doses are the same in all; the dose of a class differs "
        f"by {agreed['dme_differs']:.0e} at most",
        flush=True,
    )


def print_table(rows: list[Run]) -> None:
    print(f"{'':24}{'persons':>10}{'seconds':>10}{'/ ours':>9}{'peak MB':>10}{'/ ours':>9}")
    for row in rows:
        times = f"{row['seconds']:>10.2f}{row['seconds_to_ours']:>9.2f}"
        print(
            f"{row['contender']:24}{row['persons']:>10,}{times}{row['peak_mb']:>10,.0f}{row['peak_mb_to_ours']:>9.2f}"
        )


def with_ratios(rows: list[Run]) -> list[Run]:
    ours = {row["persons"]: row for row in rows if row["contender"] == OURS}
    return [
        row | {f"{what}_to_ours": row[what] / ours[row["persons"]][what] for what in ("seconds", "peak_mb")}
        for row in rows
    ]


def compare(folder: Path, sizes: tuple[int, ...] = SIZES) -> dict[str, Any]:
    """All of it: worlds, runs, agreement, table."""
    carry_over = check_carry_over(folder)
    print_agreed(carry_over, f"{DOUBLED[0]:,} persons with {DOUBLED[1]:.0%} of fills doubled")
    rows, agreements, left_out = list[Run](), list[Run](), list[Run]()
    for persons in sorted(sizes):
        why = {name: too_much([row for row in rows if row["contender"] == name], persons) for name in CONTENDERS}
        left_out += [{"persons": persons, "contender": name, "why": reason} for name, reason in why.items() if reason]
        present = [name for name in CONTENDERS if not why[name] or name in (SCAN, OURS)]
        found, agreed = measure(persons, folder, present)
        rows += found
        agreements.append(agreed)
        if "fills" in agreed:
            print_agreed(agreed, f"{persons:,} persons with {agreed['drug_exposures']:,} drug exposures")
    rows = with_ratios(rows)
    print_table(rows)
    for one in left_out:
        print(f"{one['contender']} left out at {one['persons']:,} persons: {one['why']}")
    return {"carry_over": carry_over, "agreements": agreements, "rows": rows, "left_out": left_out}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = compare(Path(folder), tuple(int(persons) for persons in sys.argv[1:]) or SIZES)
    Path("bench-extraction.json").write_text(json.dumps(found, indent=1) + "\n")
    print("Kept in bench-extraction.json")


if __name__ == "__main__":
    main()
