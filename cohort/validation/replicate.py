"""One replicate: a simulated CDM, the study's own steps on it, and the released estimates beside their truth.

In: a `Replicate`. Out: a small Parquet file that appears by rename, with the replicate's key inside. The CDM and
everything of its persons lie in a temporary folder that is gone afterwards. Left out of a run are the report, the
figures of risk, the bounds for missing doses, and models whose estimates have no planted value; what is fitted passes
the same disclosure gate as in a run.
"""

import json
import multiprocessing
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from cohort.analyses import PRIMARY
from cohort.content import digest
from cohort.files import appearing
from cohort.inputs import UNKNOWN_DOSE
from cohort.paths import config_folder, sql_folder
from cohort.protocol import Protocol
from cohort.protocol_sections import ModelName
from cohort.release import check_conservation, released_estimates
from cohort.run import versions
from cohort.study import Prepared, RunSettings, build_and_fit, prepare_run, read_models
from cohort.synthetic import simulate
from cohort.synthetic.scenarios import parameters_of
from cohort.validation.planted import Planted

MODELS: tuple[ModelName, ...] = ("linear", "linear by age", "categories", "categories by age")
"""The models that a replicate fits: those of an exposure's effect on dementia, whose true value can be known."""
MEMORY = "1GB"
TEMPORARY = "tspo-validate-{process}-"
"""How the temporary folders of a process are called."""
_DIGITS = 10

REPLICATE_SCHEMA: dict[str, type[pl.DataType]] = {
    "scenario": pl.String,
    "seed": pl.Int64,
    "analysis": pl.String,
    "lag_days": pl.Int64,
    "metric": pl.String,
    "exposure": pl.String,
    "term": pl.String,
    "age_stratum": pl.String,
    "true_log_hr": pl.Float64,
    "is_specified": pl.Boolean,
    "events": pl.Int64,
    "log_hr": pl.Float64,
    "se_log_hr": pl.Float64,
    "ci_lower": pl.Float64,
    "ci_upper": pl.Float64,
    "p_value": pl.Float64,
    "status": pl.String,
}
"""Columns of a replicate's file: what was planted, and what was released."""


@dataclass(frozen=True)
class Replicate:
    """One world and the study of it; `scenario` is a canonical name."""

    scenario: str
    persons: int
    seed: int
    protocol: str | None = None
    changes: tuple[str, ...] = ()

    def settings(self, folder: Path) -> RunSettings:
        """A run of one thread, in a folder of its own."""
        places = {"cdm": str(folder / "cdm.duckdb"), "out": str(folder / "run")}
        return RunSettings(**places, protocol=self.protocol, changes=self.changes, threads=1, memory=MEMORY)

    def key(self) -> str:
        """A hash of all that the estimates depend on: code, versions, protocol, parameters, persons and seed."""
        protocol = self.settings(Path()).load_protocol().content_hash()
        parameters = parameters_of(self.scenario).model_dump_json()
        return digest([source_hash(), protocol, self.scenario, parameters, str(self.persons), str(self.seed)])

    def path(self, folder: Path) -> Path:
        """Where its estimates lie below a folder."""
        return folder / self.scenario / f"{self.seed:06d}-{self.key()[:12]}.parquet"


def make(replicate: Replicate, path: Path, key: str) -> str:
    """Make one replicate's file; one that cannot be made leaves a file without estimates that says why.

    Args:
        key: of the replicate, as it was when the run began.

    Returns:
        The reason why it failed; empty when it did not. Nothing is written of one that fails after the run that asked
        for it was killed: its folder is cleared away beneath it, which says nothing of the replicate.
    """
    try:
        estimates, reason = replicate_estimates(replicate), ""
    except Exception as error:  # any failure is a result: the other replicates go on
        lines = str(error).splitlines() or [""]
        estimates, reason = pl.DataFrame(schema=REPLICATE_SCHEMA), f"{type(error).__name__}: {' '.join(lines[:2])}"
        if _is_orphan():
            return reason
    path.parent.mkdir(parents=True, exist_ok=True)
    with appearing(path) as part:
        estimates.write_parquet(part, metadata={"key": key, "failure": reason})
    return reason


def _is_orphan() -> bool:
    """Whether the process that this one works for has ended."""
    parent = multiprocessing.parent_process()
    return parent is not None and not parent.is_alive()


def failure_of(replicate: Replicate, path: Path) -> str | None:
    """Why the replicate failed, empty when it did not; None when there is no file of this replicate."""
    try:
        metadata = pl.read_parquet_metadata(path)
    except (OSError, pl.exceptions.PolarsError):
        return None
    return metadata.get("failure", "") if metadata.get("key") == replicate.key() else None


def replicate_estimates(replicate: Replicate) -> pl.DataFrame:
    """Simulate, study, and return the released estimates beside their truth, with `REPLICATE_SCHEMA`."""
    with TemporaryDirectory(prefix=TEMPORARY.format(process=os.getpid())) as temporary:
        folder = Path(temporary)
        settings = replicate.settings(folder)
        told = simulate(Path(settings.cdm), replicate.persons, replicate.seed, replicate.scenario)
        prepared = prepare_run(settings).without_bounds()
        tables, models = build_and_fit(prepared, MODELS)
        check_conservation(tables[PRIMARY]["conservation"])
        released = released_estimates(read_models(models), settings.load_protocol())
        planted = Planted(json.loads(told.read_text(encoding="utf-8")))
    return _beside_truth(replicate, prepared, released, planted)


def _beside_truth(replicate: Replicate, prepared: Prepared, released: pl.DataFrame, planted: Planted) -> pl.DataFrame:
    protocols = {name: prepared.analysis(name).protocol for name in prepared.planned}
    effects = released.filter((pl.col("term") != pl.col("reference")) & (pl.col("term") != UNKNOWN_DOSE))
    rows = [
        row
        | {"scenario": replicate.scenario, "seed": replicate.seed}
        | _truth_of(row, protocols[row["analysis"]], planted)
        for row in effects.iter_rows(named=True)
    ]
    table = pl.DataFrame([{name: row[name] for name in REPLICATE_SCHEMA} for row in rows], schema=REPLICATE_SCHEMA)
    # Sums of floats are taken in an order that differs from process to process: their last digits mean nothing.
    return table.with_columns(pl.col(pl.Float64).round_sig_figs(_DIGITS))


def _truth_of(row: Mapping[str, Any], protocol: Protocol, planted: Planted) -> dict[str, Any]:
    true = planted.log_hazard_ratio(row, protocol.exposure.per)
    is_linear = row["term"].startswith("per ")
    is_specified = true is not None and planted.is_specified(protocol) and (is_linear or planted.is_null)
    return {"true_log_hr": true, "is_specified": is_specified}


@cache
def source_hash() -> str:
    """A hash of the code, the SQL, the facts and the packages that the numbers of a replicate come from."""
    package = Path(__file__).parents[1]
    parts = ("*.py", "models/*.py", "survival/*.py", "synthetic/*.py", "report/truth.py")
    own = [Path(__file__), Path(__file__).with_name("planted.py")]
    code = [file for part in parts for file in package.glob(part)]
    facts = [file for kind in ("*.csv", "*.json") for file in config_folder().rglob(kind)]
    files = sorted([*own, *code, *sql_folder().glob("*.sql"), *facts], key=lambda file: (file.name, str(file)))
    return digest([json.dumps(versions()), *(f"{file.name}\n{file.read_text(encoding='utf-8')}" for file in files)])
