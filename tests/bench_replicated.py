"""Ten million persons: a million simulated ones ten times over, studied; time, memory and whether the numbers agree.

Run alone: `python -m tests.bench_replicated [PERSONS TIMES FOLDER]`. Its default needs some 30 GB of disk. The primary
analysis is run, with all of its models; analyses beside it come one after the other and need no more memory. Copies
of a person have ids of their own and are else alike, so counts are the copies' number times those of one copy, hazard
ratios are the same (but for ties: Efron's weights see more of them), and standard errors shrink with the root of it.
"""

import json
import shutil
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from tests.bench_scale import tspo

PERSONS, TIMES = 1_000_000, 10
PRIMARY_ALONE = "analysis = []\n[exposure]\nlag_family_days = []\n[ledger]\nmissing_dose_bounds = []\n"
DATABASE = "4GB"
"""What the database may take of it; its default is made for a million."""
MEMORY_MB = 8_000
"""What is asked at ten million persons."""
SHIFT = 10**12
"""Between the ids of one copy and those of the next."""
SHARED_IDS = ("person_id", "visit_occurrence_id", "preceding_visit_occurrence_id")


def replicate(cdm: Path, out: Path, times: int) -> None:
    """A CDM with every person of another one several times; what belongs to no person is there once."""
    with duckdb.connect(str(out), config={"memory_limit": "4GB", "preserve_insertion_order": "true"}) as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(f"attach '{cdm}' as one (read_only)")
        tables = connection.execute(
            "select table_name, list(column_name) from duckdb_columns() where database_name = 'one' group by all"
        ).fetchall()
        for table, columns in tables:
            connection.execute(f"create table {table} as from one.{table} limit 0")
            ids = [column for column in columns if column in (*SHARED_IDS, f"{table}_id")]
            for copy in range(times if "person_id" in columns else 1):
                moved = ", ".join(f"{column} + {copy * SHIFT} as {column}" for column in ids)
                changes = f" replace ({moved})" if "person_id" in columns else ""
                connection.execute(f"insert into {table} select *{changes} from one.{table}")


def study(cdm: Path, out: Path) -> dict[str, Any]:
    """A run of the primary analysis: seconds, peak memory, its record and its estimates."""
    protocol = cdm.with_suffix(".toml")
    protocol.write_text(PRIMARY_ALONE)
    where = ("--cdm", str(cdm), "--out", str(out), "--protocol", str(protocol))
    seconds, peak_mb = tspo("run", *where, "--memory", DATABASE)
    record = json.loads((out / "release" / "run.json").read_text())
    return {
        "seconds": seconds,
        "peak_mb": peak_mb,
        "disk_gb": sum(file.stat().st_size for file in out.rglob("*") if file.is_file()) / 1e9,
        "steps": record["steps"],
        "models": record["models"],
        "estimates": pl.read_csv(out / "release" / "estimates.csv"),
    }


def differences(one: pl.DataFrame, many: pl.DataFrame, times: int) -> dict[str, float]:
    """The largest by which the copies' estimates miss what one copy says they must be."""
    both = one.join(many, on="estimate_id", suffix="_many")
    events = pl.col("events_many") / (times * pl.col("events")) - 1
    errors = pl.col("se_log_hr_many") * times**0.5 / pl.col("se_log_hr") - 1
    shift = (pl.col("log_hr_many") - pl.col("log_hr")) / pl.col("se_log_hr")
    largest = both.select(events=events.abs().max(), se_log_hr=errors.abs().max(), log_hr_in_se=shift.abs().max())
    return {"rows": float(both.height), **largest.row(0, named=True)}


def compare(folder: Path, persons: int, times: int) -> dict[str, Any]:
    """All of it."""
    one, many = folder / "one.duckdb", folder / "many.duckdb"
    if not one.exists():
        tspo("simulate", str(one), "--scenario", "scale", "--persons", str(persons))
    started = time.perf_counter()
    # In a process of its own: what wait4 tells of a child is never less than its parent's own peak.
    copying = get_context("spawn").Process(target=replicate, args=(one, many, times))
    copying.start()
    copying.join()
    replicate_s = time.perf_counter() - started
    print(f"{persons * times:,} persons: copied in {replicate_s:.0f} s, {many.stat().st_size / 1e9:.1f} GB", flush=True)
    studied = study(many, folder / "run-many")
    many.unlink()
    alone = study(one, folder / "run-one")
    found = differences(alone.pop("estimates"), studied.pop("estimates"), times)
    print(
        f"studied in {studied['seconds']:.0f} s with {studied['peak_mb']:,.0f} MB (asked: below {MEMORY_MB:,}) and "
        f"{studied['disk_gb']:.1f} GB of its own; {persons:,} persons: {alone['seconds']:.0f} s, "
        f"{alone['peak_mb']:,.0f} MB"
    )
    print(
        f"{found['rows']:.0f} estimates beside those of one copy: events differ by {found['events']:.0e}, standard "
        f"errors by {found['se_log_hr']:.0e}, log hazard ratios by {found['log_hr_in_se']:.0e} standard errors at most"
    )
    return {"replicate_s": replicate_s, "many": studied, "one": alone, "differences": found}


def main() -> None:
    persons, times = (int(number) for number in sys.argv[1:3] or (PERSONS, TIMES))
    folder = Path(sys.argv[3] if len(sys.argv) > 3 else tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    try:
        found = compare(folder, persons, times)
    finally:
        if len(sys.argv) <= 3:
            shutil.rmtree(folder)
    Path("bench-replicated.json").write_text(json.dumps(found, indent=1) + "\n")
    print("Kept in bench-replicated.json")


if __name__ == "__main__":
    main()
