"""One synthetic CDM through every door: seconds, memory, what is copied, and whether the released numbers are the same.

`python -m tests.bench_doors [PERSONS ...]`; needs PostgreSQL on this machine. Each study runs in a process of its own,
without Prefect, with the primary analysis and one lag. Seconds are by the clock and, in brackets, of the processor: the
second are nearly the same on a busy machine. What PostgreSQL itself takes is in the first only, and not in memory.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from cohort.study import RunSettings, prepare_run
from cohort.unorchestrated import finish
from tests.bench_scale import tspo
from tests.doors.server import binaries, running
from tests.doors.writers import STYLES, parquet_folder, tables_of_file, text_folder

PERSONS = (100_000,)
LEAN = """
analysis = []
[exposure]
lag_family_days = [0]
[ledger]
missing_dose_bounds = []
[model]
bootstrap_replicates = 0
"""
"""The door's share of a whole run would be too small to see."""


@contextmanager
def doors(cdm: Path, folder: Path) -> Iterator[dict[str, tuple[str, int]]]:
    """Door -> its location, and the bytes that the CDM has there."""
    tables = tables_of_file(cdm)
    parquet = parquet_folder(tables, folder / "parquet")
    text = text_folder(tables, folder / "csv", STYLES["comma"])
    found = {"DuckDB": (str(cdm), _bytes(cdm)), "Parquet": (str(parquet), _bytes(parquet))}
    found |= {"CSV": (str(text), _bytes(text))}
    if binaries() is None:
        print("PostgreSQL is not installed here: that door is left out.", file=sys.stderr)
        yield found
        return
    with running() as server:
        server.load("bench", tables)
        server.execute("bench", "vacuum analyze")
        yield found | {"PostgreSQL": (server.url("bench"), _bytes(server.folder / "data" / "base"))}


def measure(persons: int, folder: Path) -> None:
    cdm, protocol = folder / "cdm.duckdb", folder / "lean.toml"
    tspo("simulate", str(cdm), "--persons", str(persons), "--seed", "11")
    protocol.write_text(LEAN)
    first: dict[str, bytes] = {}
    with doors(cdm, folder) as found:
        print(f"\n{persons:,} persons", flush=True)
        print(f"{'door':<12}{'stored MB':>10}{'copied MB':>10}{'open s':>14}{'study s':>16}{'peak MB':>9}  numbers")
        for door, (location, stored) in found.items():
            out = folder / f"run {door}"
            command = [sys.executable, "-m", "tests.bench_doors", "--one", location, str(out), str(protocol)]
            told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            released = {path.name: path.read_bytes() for path in sorted((out / "release").glob("*.csv"))}
            first = first or released
            differ = sorted(name for name in first | released if first.get(name) != released.get(name))
            copied = _bytes(out / "private" / "cdm")
            print(
                f"{door:<12}{stored / 1e6:>10.1f}{copied / 1e6:>10.1f}{_seconds(told['open']):>14}"
                f"{_seconds(told['study']):>16}{told['peak_mb']:>9.0f}  "
                f"{'differ: ' + ', '.join(differ) if differ else f'identical in {len(first)} files'}",
                flush=True,
            )


def one(location: str, out: str, protocol: str) -> None:
    """A study in this process; what it took goes to stdout."""
    marks = [_now()]
    prepared = prepare_run(RunSettings(cdm=location, out=out, protocol=protocol))
    marks.append(_now())
    finish(prepared)
    marks.append(_now())
    taken = [[round(b - a, 1) for a, b in zip(*pair, strict=True)] for pair in pairwise(marks)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"open": taken[0], "study": taken[1], "peak_mb": peak}))


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _seconds(pair: list[float]) -> str:
    return f"{pair[0]:.1f} ({pair[1]:.1f})"


def _bytes(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        one(*sys.argv[2:])
        return
    for persons in [int(word) for word in sys.argv[1:]] or PERSONS:
        with tempfile.TemporaryDirectory() as folder:
            measure(persons, Path(folder))


if __name__ == "__main__":
    main()
