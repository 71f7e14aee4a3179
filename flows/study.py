"""The study as a Prefect flow: one task per table, per model, for the release and for the report.

A task takes paths and content keys, calls one function of `cohort`, and returns a path or a key. Run it with
`tspo run`, with `python -m flows.study` (parameters as JSON), or as a deployment.
"""

import datetime as dt
import sys
import time
from collections import Counter, deque
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
from prefect.futures import PrefectFuture, as_completed
from prefect.states import Completed
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import BaseModel

from cohort.analyses import PRIMARY
from cohort.engine import TableRef, load_steps
from cohort.errors import CannotStudy, reason_of
from cohort.feasibility.pages import problems_markdown, survey_markdown
from cohort.models import LARGE
from cohort.release import write_release
from cohort.report import build_report
from cohort.run import peak_memory_mb
from cohort.schedule import content_key, forget_studied, in_new_folder, last_studied, note_studied
from cohort.study import (
    CDM_NAMES,
    DESCRIBED,
    DESCRIPTIONS,
    Prepared,
    RunSettings,
    build_table,
    describe_one,
    fit_one,
    prepare_run,
    steps_of,
    table_keys,
    tables_of,
)
from cohort.summary import artifact_rows, summary_markdown
from flows.blocks import location_of
from flows.faults import contained
from flows.leave import leave
from flows.names import run_name
from flows.notices import GATE_FAILED, NOTHING_NEW, tell_outcome
from flows.progress import tell
from flows.server import at_a_server


class StudyOutcome(BaseModel):
    """What a run ends with: where its report lies, and whether a diagnostic gate failed."""

    report: str
    gate_failed: bool
    warnings: list[str]


@task(name="prepare", cache_policy=NO_CACHE)
@contained
def prepare(settings: RunSettings) -> Prepared:
    """Check the CDM and the protocol, and write the study's lists; what was found is shown in Prefect."""
    try:
        prepared = prepare_run(settings.model_copy(update={"cdm": location_of(settings.cdm)}))
    except CannotStudy as error:
        create_markdown_artifact(key="cdm-check", markdown=problems_markdown(error.problems))
        raise
    threshold = settings.load_protocol().disclosure.min_cell_count
    create_markdown_artifact(key="cdm-check", markdown=survey_markdown(prepared.survey, threshold))
    return prepared


@task(name="table", task_run_name="{analysis}: {step}", cache_policy=NO_CACHE)
@contained
def table(prepared: Prepared, analysis: str, step: str, upstream: Mapping[str, TableRef]) -> TableRef:
    """Build one table."""
    built = build_table(prepared, analysis, step, upstream)
    # No row counts in the log: it leaves the worker, and a table may have one row per person.
    get_run_logger().info("%s: %s", step, "kept" if built.is_fresh else f"built in {built.seconds:.1f} s")
    return built


@task(name="model", task_run_name="{analysis}: {model}", cache_policy=NO_CACHE)
@contained
def model(prepared: Prepared, analysis: str, model: str, tables: Mapping[str, TableRef]) -> str:
    """Fit one model."""
    return fit_one(prepared, analysis, model, tables)


@task(name="description", task_run_name="primary: {name}", cache_policy=NO_CACHE)
@contained
def description(prepared: Prepared, name: str, tables: Mapping[str, TableRef]) -> str:
    """Make curves or risks of the primary analysis."""
    return describe_one(prepared, name, tables)


@task(name="release", cache_policy=NO_CACHE)
@contained
def release(
    prepared: Prepared,
    tables: Mapping[str, TableRef],
    models: Sequence[str],
    described: Mapping[str, str],
    record: Mapping[str, Any],
) -> bool:
    """Write the released files; true when a diagnostic gate failed."""
    return any(d.verdict == "fail" for d in write_release(prepared, tables, models, described, record))


@task(name="report", cache_policy=NO_CACHE)
@contained
def report(prepared: Prepared) -> str:
    """Build report.html from the released files."""
    return str(build_report(prepared.settings.folder.release))


@task(name="publish", cache_policy=NO_CACHE)
@contained
def publish(prepared: Prepared) -> None:
    """Show attrition, hazard ratios and a summary in Prefect: released numbers only."""
    folder = prepared.settings.folder.release
    estimates = pl.read_parquet(folder / "estimates.parquet", glob=False)
    create_table_artifact(key="attrition", table=artifact_rows(pl.read_csv(folder / "attrition.csv", glob=False)))
    create_table_artifact(key="hazard-ratios", table=artifact_rows(estimates))
    create_markdown_artifact(key="summary", markdown=summary_markdown(folder))


@flow(
    name="tspo-study",
    flow_run_name=run_name,
    task_runner=ThreadPoolTaskRunner(max_workers=2),  # type: ignore[arg-type]
    persist_result=False,
    on_completion=[tell_outcome],
    on_failure=[tell_outcome],
    on_crashed=[tell_outcome],
    on_cancellation=[tell_outcome],
)
def study(settings: RunSettings) -> StudyOutcome:
    """Run the whole study: tables, models, release, report."""
    started = time.perf_counter()
    if settings.new_folder:
        settings = in_new_folder(settings, dt.datetime.now(dt.UTC).date())
    with settings.folder.opened():
        prepared = prepare(settings)
        for warning in prepared.survey.warnings:
            get_run_logger().warning(warning)
        last = last_studied(prepared) if settings.only_if_new else None
        if last is not None:
            return _ended(prepared, last.gate_failed, NOTHING_NEW)
        key = content_key(prepared)
        forget_studied(prepared)
        work = _Work(prepared, started)
        work.do()
        record = {
            "steps": work.steps(),
            "models": work.fits(),
            "scans": work.scans(),
            "failures": work.failures,
            "seconds": round(time.perf_counter() - started, 1),
        }
        gate_failed = release(work.prepared, work.primary_tables(), work.models(), work.descriptions(), record)
        report(work.prepared)
    publish(work.prepared)
    note_studied(prepared, key, gate_failed)
    tell("report", 1, 1)
    return _ended(prepared, gate_failed, GATE_FAILED if gate_failed else None)


def _ended(prepared: Prepared, gate_failed: bool, state: str | None) -> StudyOutcome:
    """The outcome, as the data of a state that has a name where the end has one; the caller gets the outcome."""
    page = str(prepared.settings.folder.release / "report.html")
    outcome = StudyOutcome(report=page, gate_failed=gate_failed, warnings=prepared.survey.warnings)
    return cast("StudyOutcome", Completed(name=state, data=outcome))


Job = tuple[str, str]
"""An analysis, and one of its tables, models or descriptions."""


class _Work:
    """Tables and what is fitted to them, two tasks at a time, of which one at most builds a table.

    A table takes all threads and much memory; a model takes one thread and reads tables that are there. Models that
    take much memory too come last, alone, and so do descriptions of more than `model.most_intervals`.

    Attributes:
        prepared: the run; once the primary tables are built, without the bounds that would change nothing.
        failures: analysis -> why it could not be finished.
    """

    def __init__(self, prepared: Prepared, started: float) -> None:
        self.prepared = prepared
        self._started = started
        self.failures: dict[str, str] = {}
        self._built: dict[Job, PrefectFuture[TableRef]] = {}
        self._shared: dict[Job, TableRef] = {}
        self._keys = {PRIMARY: table_keys(prepared, PRIMARY)}
        self._by_key: dict[str, TableRef] = {}
        self._fitted: dict[Job, PrefectFuture[str]] = {}
        self._to_build = deque((PRIMARY, step.name) for step in steps_of(prepared.analysis(PRIMARY)))
        self._to_fit: deque[Job] = deque()
        self._large: list[Job] = []
        self._running: dict[Job, PrefectFuture[Any]] = {}
        self._began: dict[Job, float] = {}
        self._cost: dict[Job, dict[str, float]] = {}
        self._progress = cast("UUID", create_progress_artifact(0.0, key="progress", description="Tables and models"))

    def do(self) -> None:
        """Do all of it; a failure ends the run if it is of the primary analysis, and else that analysis alone."""
        while self._to_build or self._to_fit or self._large or self._running:
            self._start()
            first = next(as_completed(list(self._running.values())))
            job = next(job for job, future in self._running.items() if future is first)
            del self._running[job]
            now = time.perf_counter()
            self._cost[job] = {
                "seconds": round(now - self._began[job], 2),
                "done_after_s": round(now - self._started, 1),
                "peak_memory_mb": round(peak_memory_mb(), 1),
            }
            try:
                first.result()
            except Exception as error:
                if job[0] == PRIMARY:
                    raise
                self._give_up(job, error)
            else:
                self._finish(job)

    def _start(self) -> None:
        while self._to_build and not any(job in self._built for job in self._running):
            self._build(self._to_build.popleft())
        while self._to_fit and len(self._running) < 2:
            self._fit(self._to_fit.popleft())
        if self._large and not self._running:
            self._fit(self._large.pop())

    def _build(self, job: Job) -> None:
        """Begin a table, or take that of another analysis where it has the same content."""
        analysis, step = job
        same = self._by_key.get(self._keys[analysis][step])
        if same is not None:
            self._shared[job] = same
            self._plan_models_if_built(analysis)
            return
        upstream: Any = self._tables(analysis, [name for name in load_steps()[step].reads if name in load_steps()])
        self._began[job] = time.perf_counter()
        self._built[job] = self._running[job] = table.submit(self.prepared, analysis, step, upstream)

    def _fit(self, job: Job) -> None:
        analysis, name = job
        is_described = name in DESCRIPTIONS
        names = (DESCRIBED,) if is_described else tables_of(*self.prepared.analysis(analysis).models)
        tables: Any = self._tables(analysis, names)
        if is_described:
            future = description.submit(self.prepared, name, tables)
        else:
            future = model.submit(self.prepared, analysis, name, tables)
        self._began[job] = time.perf_counter()
        self._fitted[job] = self._running[job] = future

    def _tables(self, analysis: str, names: Sequence[str]) -> dict[str, PrefectFuture[TableRef] | TableRef]:
        """Tables of an analysis that are there: its own, as futures, so that Prefect draws what follows from what."""
        return {name: self._built.get((analysis, name)) or self._shared[analysis, name] for name in names}

    def _give_up(self, job: Job, error: Exception) -> None:
        """Leave out what is left of an analysis that failed, and remember why: the others go on."""
        analysis, name = job
        self.failures.setdefault(analysis, f"{name.replace('_', ' ')}: {reason_of(error)}")
        get_run_logger().warning("%s could not be finished: %s", analysis, self.failures[analysis])
        self._to_build = deque(other for other in self._to_build if other[0] != analysis)
        self._to_fit = deque(other for other in self._to_fit if other[0] != analysis)
        self._large = [other for other in self._large if other[0] != analysis]
        self._built.pop(job, None)

    def _finish(self, job: Job) -> None:
        analysis, name = job
        if analysis in self.failures:
            return
        if job in self._built:
            ref = self._built[job].result()
            self._by_key[ref.key] = ref
            if job == (PRIMARY, steps_of(self.prepared.analysis(PRIMARY))[-1].name):
                self._plan_others()
            self._plan_models_if_built(analysis)
        done = len(self._cost)
        models = sum(len(self.prepared.analysis(a).models) for a in self.prepared.planned)
        left = {self._keys[a][step] for a, step in self._to_build} - self._by_key.keys()
        total = len(self._built) + len(left) + models + len(DESCRIPTIONS)
        tell(f"{analysis}: {name.replace('_', ' ')}, {self._took(job)}", done, total)
        if done % 10 == 0 or done == total:
            update_progress_artifact(self._progress, 100 * done / total)

    def _took(self, job: Job) -> str:
        """Rows and time of a table, time of a model, for whoever waits at a terminal; a log would leave the worker."""
        if job not in self._built:
            return f"{self._cost[job]['seconds']:.1f} s"
        ref = self._built[job].result()
        return f"{ref.rows:,} rows, " + ("kept" if ref.is_fresh else f"{ref.seconds:.1f} s")

    def _plan_others(self) -> None:
        """The other analyses, now that the primary one's tables are there."""
        primary = self.primary_tables()
        self.prepared = self.prepared.without_idle_bounds(primary)
        is_large = primary["person_time"].rows > self.prepared.analysis(PRIMARY).protocol.model.most_intervals
        (self._large if is_large else self._to_fit).extend((PRIMARY, name) for name in DESCRIPTIONS)
        for analysis in self.prepared.planned[1:]:
            self._keys[analysis] = table_keys(self.prepared, analysis)
            self._to_build.extend((analysis, name) for name in self._keys[analysis])

    def _plan_models_if_built(self, analysis: str) -> None:
        """Plan the models of an analysis once no table of it is to be built."""
        if any(a == analysis for a, _ in self._to_build):
            return
        for name in self.prepared.analysis(analysis).models:
            (self._large if name in LARGE else self._to_fit).append((analysis, name))

    def primary_tables(self) -> dict[str, TableRef]:
        """The tables of the primary analysis."""
        return {name: future.result() for (analysis, name), future in self._built.items() if analysis == PRIMARY}

    def models(self) -> list[str]:
        """Paths of the models' results, in the order of the plan."""
        finished = [analysis for analysis in self.prepared.planned if analysis not in self.failures]
        return [self._fitted[a, m].result() for a in finished for m in self.prepared.analysis(a).models]

    def descriptions(self) -> dict[str, str]:
        """Paths of `DESCRIPTIONS`."""
        return {name: self._fitted[PRIMARY, name].result() for name in DESCRIPTIONS}

    def steps(self) -> list[dict[str, Any]]:
        """What each table took, for run.json; one that analyses share stands once. Memory is the most so far."""
        entries = []
        for (analysis, name), future in self._built.items():
            ref = future.result()
            entry = {"name": name, "analysis": analysis, "rows": ref.rows, "key": ref.key, "fresh": ref.is_fresh}
            entries.append(entry | self._cost[analysis, name] | {"seconds": round(ref.seconds, 2)})
        return entries

    def fits(self) -> list[dict[str, Any]]:
        """What each model and description took; two of them may share the processor."""
        return [{"name": name, "analysis": analysis, **self._cost[analysis, name]} for analysis, name in self._fitted]

    def scans(self) -> dict[str, int]:
        """How often each table of the CDM was read to build what was not there yet."""
        built = [future.result() for future in self._built.values()]
        names = (table for ref in built if not ref.is_fresh for table in load_steps()[ref.name].scans)
        return dict(sorted(Counter(name for name in names if name in CDM_NAMES).items()))


if __name__ == "__main__":
    text = Path(sys.argv[1]).read_text(encoding="utf-8") if len(sys.argv) > 1 else sys.stdin.read()
    settings = RunSettings.model_validate_json(text)
    if settings.new_folder:  # chosen once, however often the study has to be begun
        settings = in_new_folder(settings, dt.datetime.now(dt.UTC).date())
    at_a_server(lambda: study(settings), lambda warning: print(f"warning: {warning}", file=sys.stderr))
    leave(0)
