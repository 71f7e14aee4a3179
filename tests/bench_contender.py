"""One fit of the study's linear model by one estimator, in a process of its own; prints JSON.

`python -m tests.bench_contender CONTENDER FOLDER PERSONS`: FOLDER has `intervals.parquet` and counts, for ours,
and the same intervals as bare columns (`NAME.f8`, `NAME.i4`), for the others; all ordered by person, of whom the first
PERSONS are taken, or with 0 all. Only numpy and the contender are needed: any Python that has it can run this.
Reading is not timed; whatever is then made of the columns is.
"""

import json
import re
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

DOSES = ("tspo_binder", "tspo_non_binder", "tspo_unknown")
COVARIATES = (*DOSES, "anxiety_disorder", "depression", "insomnia")
STRATA = ("sex", "entry_period")
COLUMNS = ("person_id", "stratum", "start_day", "stop_day", "event", *COVARIATES)
Found = tuple[list[float], int, Callable[[], dict[str, float]] | None]
"""Coefficients in the order of COVARIATES, the number of intervals, and what else is to be timed afterwards."""
Fit = Callable[[Any], Found]


def memory_mb(field: str) -> float:
    """`VmHWM`, the most that was ever resident in this process, or `VmRSS`, what is now."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


def seconds(do: Callable[[], Any]) -> float:
    started = time.perf_counter()
    do()
    return time.perf_counter() - started


def read_intervals(folder: Path, persons: int) -> Any:
    import polars as pl

    needed = ["person_id", *STRATA, "start_day", "stop_day", "event", *COVARIATES]
    found = pl.read_parquet(folder / "intervals.parquet", columns=needed)
    return found.filter(pl.col("person_id").rle_id() < persons) if persons else found


def ours_from_intervals() -> Fit:
    from cohort.survival.counting import risk_sets
    from cohort.survival.cox import fit_cox
    from cohort.survival.residuals import robust_covariance

    def fit(intervals: Any) -> Found:
        found = fit_cox(risk_sets(intervals, COVARIATES, STRATA))

        def afterwards() -> dict[str, float]:
            return {"robust_s": seconds(lambda: robust_covariance(found, intervals.get_column("person_id")))}

        return list(found.params), intervals.height, afterwards

    return fit


def read_counts(folder: Path, _: int) -> Any:
    import polars as pl

    from cohort.fitting import PATTERN_COLUMNS

    patterns = pl.read_parquet(folder / "risk_pattern.parquet", columns=list(PATTERN_COLUMNS))
    return patterns, pl.read_parquet(folder / "risk_change.parquet")


def ours_after_aggregation() -> Fit:
    import polars as pl

    from cohort.fitting import study_counts
    from cohort.protocol import load_protocol
    from cohort.survival.cox import fit_cox

    protocol = load_protocol()
    model = {
        name: pl.col(f"dose_{name}") / protocol.exposure.per if name in DOSES else pl.col(name) for name in COVARIATES
    }

    def fit(tables: Any) -> Found:
        patterns, changes = tables
        counts = study_counts(patterns, changes, protocol)["event"]
        found = fit_cox(counts.model(model))

        def afterwards() -> dict[str, float]:
            return {"next_model_s": seconds(lambda: fit_cox(counts.model(model)))}

        return list(found.params), changes.height, afterwards

    return fit


def read_columns(folder: Path, persons: int) -> dict[str, Any]:
    ids = np.fromfile(folder / "person_id.i4", "<i4")
    many = int(np.flatnonzero(np.diff(ids, append=-1))[persons - 1]) + 1
    kinds = {path.stem: path.suffix[1:] for path in folder.glob("*.[if]?")}
    return {name: np.fromfile(folder / f"{name}.{kinds[name]}", f"<{kinds[name]}", count=many) for name in COLUMNS}


def lifelines_time_varying() -> Fit:
    import pandas as pd
    from lifelines import CoxTimeVaryingFitter

    columns = {"id_col": "person_id", "event_col": "event", "start_col": "start_day", "stop_col": "stop_day"}

    def fit(table: dict[str, Any]) -> Found:
        fitter = CoxTimeVaryingFitter().fit(pd.DataFrame(table), strata=["stratum"], **columns)
        return list(fitter.params_[list(COVARIATES)]), len(table["event"]), None

    return fit


def statsmodels_phreg() -> Fit:
    from statsmodels.duration.hazard_regression import PHReg

    def fit(table: dict[str, Any]) -> Found:
        x = np.column_stack([table[name] for name in COVARIATES])
        # It takes who enters at an event time for at risk at it. Days are whole: half a day later he is not.
        entry = table["start_day"] + 0.5
        model = PHReg(table["stop_day"], x, table["event"], entry=entry, strata=table["stratum"], ties="efron")
        return list(model.fit(disp=0).params), len(x), None

    return fit


def adelie_grpnet() -> Fit:
    import adelie as ad

    # No penalty, and as near to the maximum as the others come; its own tolerance (1e-7) leaves three digits.
    exact = {"lmda_path": [0.0], "intercept": False, "early_exit": False, "tol": 1e-14, "irls_tol": 1e-14}

    def fit(table: dict[str, Any]) -> Found:
        x = np.asfortranarray(np.column_stack([table[name] for name in COVARIATES]).astype(float))
        start, stop, event = (table[name].astype(float) for name in ("start_day", "stop_day", "event"))
        glm = ad.glm.cox(start, stop, event, strata=table["stratum"], tie_method="efron")
        state = ad.grpnet(x, glm, progress_bar=False, **exact)
        return list(state.betas.toarray()[-1]), len(x), None

    return fit


class Contender(NamedTuple):
    package: str
    read: Callable[[Path, int], Any]
    load: Callable[[], Fit]


CONTENDERS = {
    "ours, from intervals": Contender("tspo-cohort", read_intervals, ours_from_intervals),
    "ours, after aggregation": Contender("tspo-cohort", read_counts, ours_after_aggregation),
    "lifelines CoxTimeVaryingFitter": Contender("lifelines", read_columns, lifelines_time_varying),
    "statsmodels PHReg": Contender("statsmodels", read_columns, statsmodels_phreg),
    "adelie grpnet": Contender("adelie", read_columns, adelie_grpnet),
}


def main() -> None:
    contender = CONTENDERS[sys.argv[1]]
    warnings.simplefilter("ignore")
    fit, table = contender.load(), contender.read(Path(sys.argv[2]), int(sys.argv[3]))
    before, cpu, wall = memory_mb("VmRSS"), time.process_time(), time.perf_counter()
    params, rows, afterwards = fit(table)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    found = {"seconds": wall, "cpu_seconds": cpu, "before_mb": before, "peak_mb": memory_mb("VmHWM"), "rows": rows}
    more = afterwards() if afterwards else {}
    print(json.dumps(found | more | {"params": [float(b) for b in params], "version": version(contender.package)}))


if __name__ == "__main__":
    main()
