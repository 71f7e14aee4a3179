"""The study as a Prefect flow: one task per table, per model, for the release and for the report.

A task takes paths and content keys, calls one function of `cohort`, and returns a path or a key. Run it with
`tspo run`, with `python -m flows.study` (parameters as JSON), or as a deployment.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import polars as pl
from prefect import flow, get_run_logger, task
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import BaseModel

from cohort.analyses import PRIMARY
from cohort.engine import TableRef
from cohort.release import write_release
from cohort.report import build_report
from cohort.study import (
    DOSE_REMEDY,
    MODEL_TABLES,
    Prepared,
    RunSettings,
    build_table,
    fit_one,
    prepare_run,
    steps_of,
)
from cohort.summary import artifact_rows, summary_markdown
from flows.progress import tell


class StudyOutcome(BaseModel):
    """What a run ends with: where its report lies, and whether a diagnostic gate failed."""

    report: str
    gate_failed: bool
    warnings: list[str]


@task(name="prepare", cache_policy=NO_CACHE)
def prepare(settings: RunSettings) -> Prepared:
    """Check the CDM and the protocol, and write the study's lists."""
    return prepare_run(settings)


@task(name="table", task_run_name="{analysis}: {step}", cache_policy=NO_CACHE)
def table(
    prepared: Prepared, analysis: str, step: str, upstream: Mapping[str, TableRef], primary: TableRef | None
) -> TableRef:
    """Build one table."""
    built = build_table(prepared, analysis, step, upstream, primary)
    # No row counts in the log: it leaves the worker, and a table may have one row per person.
    get_run_logger().info("%s: %s", step, "kept" if built.is_fresh else f"built in {built.seconds:.1f} s")
    return built


@task(name="model", task_run_name="{analysis}: {model}", cache_policy=NO_CACHE)
def model(prepared: Prepared, analysis: str, model: str, tables: Mapping[str, TableRef]) -> str:
    """Fit one model."""
    return fit_one(prepared, analysis, model, tables)


@task(name="release", cache_policy=NO_CACHE)
def release(
    prepared: Prepared, tables: Mapping[str, TableRef], models: Sequence[str], record: Mapping[str, Any]
) -> bool:
    """Write the released files; true when a diagnostic gate failed."""
    return any(d.verdict == "fail" for d in write_release(prepared, tables, models, record))


@task(name="report", cache_policy=NO_CACHE)
def report(prepared: Prepared, is_released: object) -> str:
    """Build report.html from the released files."""
    return str(build_report(prepared.settings.folder.release))


@task(name="publish", cache_policy=NO_CACHE)
def publish(prepared: Prepared, is_released: object) -> None:
    """Show attrition, hazard ratios and a summary in Prefect: released numbers only."""
    folder = prepared.settings.folder.release
    estimates = pl.read_parquet(folder / "estimates.parquet")
    create_table_artifact(key="attrition", table=artifact_rows(pl.read_csv(folder / "attrition.csv")))
    create_table_artifact(key="hazard-ratios", table=artifact_rows(estimates))
    create_markdown_artifact(key="summary", markdown=summary_markdown(folder))


@flow(name="tspo-study", task_runner=ThreadPoolTaskRunner(max_workers=1))  # type: ignore[arg-type]
def study(settings: RunSettings) -> StudyOutcome:
    """Run the whole study: tables, models, release, report."""
    started = time.perf_counter()
    prepared = prepare(settings)
    for warning in prepared.survey.warnings:
        get_run_logger().warning(warning)
    tables: dict[str, dict[str, PrefectFuture[TableRef]]] = {}
    tables[PRIMARY] = _submit_tables(prepared, PRIMARY, {})
    if not tables[PRIMARY][DOSE_REMEDY].result().rows:
        prepared = prepared.without_bounds()
    for analysis in prepared.planned[1:]:
        tables[analysis] = _submit_tables(prepared, analysis, tables[PRIMARY])
    models: dict[tuple[str, str], PrefectFuture[str]] = {
        (analysis, name): _submit_model(prepared, analysis, name, built)
        for analysis, built in tables.items()
        for name in prepared.analysis(analysis).models
    }
    steps = {(a, s): future for a, built in tables.items() for s, future in built.items()}
    _follow({**steps, **models})
    refs = {name: future.result() for name, future in tables[PRIMARY].items()}
    record = {"steps": _steps(tables), "seconds": round(time.perf_counter() - started, 1)}
    gate_failed = release.submit(prepared, refs, [future.result() for future in models.values()], record)
    page = report.submit(prepared, gate_failed)
    publish.submit(prepared, gate_failed).result()
    outcome = StudyOutcome(report=page.result(), gate_failed=gate_failed.result(), warnings=prepared.survey.warnings)
    tell("report", 1, 1)
    return outcome


def _submit_tables(
    prepared: Prepared, analysis: str, primary: Mapping[str, PrefectFuture[TableRef]]
) -> dict[str, PrefectFuture[TableRef]]:
    futures: dict[str, PrefectFuture[TableRef]] = {}
    for step in steps_of(analysis):
        upstream: Any = {name: futures[name] for name in step.reads if name in futures}
        same: Any = primary.get(step.name)
        futures[step.name] = table.submit(prepared, analysis, step.name, upstream, same)
    return futures


def _submit_model(prepared: Prepared, analysis: str, name: str, built: Mapping[str, Any]) -> PrefectFuture[str]:
    tables: Any = {table: built[table] for table in MODEL_TABLES}
    return model.submit(prepared, analysis, name, tables)


def _follow(futures: Mapping[tuple[str, str], PrefectFuture[Any]]) -> None:
    """Wait for every task in order, and say how far the run is; the first failure ends the run."""
    artifact = cast("UUID", create_progress_artifact(0.0, key="progress", description="Tables and models of the run"))
    for done, ((analysis, name), future) in enumerate(futures.items(), start=1):
        future.result()
        tell(f"{analysis}: {name.replace('_', ' ')}", done, len(futures))
        if done % 10 == 0 or done == len(futures):
            update_progress_artifact(artifact, 100 * done / len(futures))


def _steps(tables: Mapping[str, Mapping[str, PrefectFuture[TableRef]]]) -> list[dict[str, Any]]:
    """What each table took, for run.json; a table shared by analyses stands once."""
    seen: dict[str, dict[str, Any]] = {}
    for analysis, built in tables.items():
        for future in built.values():
            ref = future.result()
            entry = {"name": ref.name, "analysis": analysis, "rows": ref.rows, "key": ref.key}
            seen.setdefault(ref.path, entry | {"seconds": round(ref.seconds, 2), "fresh": ref.is_fresh})
    return list(seen.values())


if __name__ == "__main__":
    text = Path(sys.argv[1]).read_text(encoding="utf-8") if len(sys.argv) > 1 else sys.stdin.read()
    study(RunSettings.model_validate_json(text))
