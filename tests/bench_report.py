"""How long a report of 200 analyses takes, and how large it is: `python -m tests.bench_report RUN`.

RUN is the folder of a finished run; the rows of its primary analysis stand for those of 199 more, of which some have
curves of dose-response.
"""

import shutil
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from cohort.analyses import PRIMARY
from cohort.report import build_report
from cohort.results import HEADLINE_MODELS

ANALYSES, WITH_CURVES = 200, 40


def multiplied(release: Path, to: Path) -> None:
    """A release folder with so many analyses."""
    shutil.copytree(release, to)
    for name, many in (("estimates", ANALYSES), ("diagnostics", ANALYSES), ("dose_response", WITH_CURVES)):
        path = to / (f"{name}.parquet" if name == "estimates" else f"{name}.csv")
        whole = pl.read_parquet(path) if name == "estimates" else pl.read_csv(path, infer_schema_length=None)
        own = whole.filter(analysis=PRIMARY)
        if name == "estimates":
            own = own.filter(pl.col("model").is_in(HEADLINE_MODELS))
        more = [own.with_columns(analysis=pl.lit(f"analysis {i}")) for i in range(1, many)]
        table = pl.concat([whole, *more])
        if name == "estimates":
            table.write_parquet(path)
        else:
            table.write_csv(path)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        multiplied(Path(sys.argv[1]) / "release", Path(folder) / "many")
        started = time.perf_counter()
        page = build_report(Path(folder) / "many")
        seconds = time.perf_counter() - started
        print(f"{ANALYSES} analyses: {seconds:.1f} s, {page.stat().st_size / 1e6:.1f} MB (asked: 20 s, 15 MB)")


if __name__ == "__main__":
    main()
