"""The study in one process, one thing after the other, without Prefect: for comparisons, benchmarks and tests.

In: settings. Out: the run's folder, with tables, models and release as the flow makes them; it is held meanwhile.
"""

from collections.abc import Collection

from cohort.analyses import PRIMARY
from cohort.engine import TableRef
from cohort.release import write_release
from cohort.report import build_report
from cohort.study import DESCRIPTIONS, Prepared, RunSettings, build_tables, describe_one, fit_one, prepare_run


def run_unorchestrated(settings: RunSettings, only: Collection[str] | None = None) -> None:
    """Everything of a run; what its folder holds already is not made again.

    Args:
        only: models to fit; then nothing is described and no report is made.
    """
    with settings.folder.opened():
        finish(prepare_run(settings), only)


def finish(prepared: Prepared, only: Collection[str] | None = None) -> None:
    """Everything of a run after preparing it."""
    tables: dict[str, dict[str, TableRef]] = {PRIMARY: build_tables(prepared, PRIMARY)}
    prepared = prepared.without_idle_bounds(tables[PRIMARY])
    for analysis in prepared.planned[1:]:
        tables[analysis] = build_tables(prepared, analysis, tables[PRIMARY])
    models = [
        fit_one(prepared, analysis, model, tables[analysis])
        for analysis in prepared.planned
        for model in prepared.analysis(analysis).models
        if only is None or model in only
    ]
    described = {} if only else {name: describe_one(prepared, name, tables[PRIMARY]) for name in DESCRIPTIONS}
    record = {"steps": [], "models": [], "scans": {}, "failures": {}, "seconds": 0.0}
    write_release(prepared, tables[PRIMARY], models, described, record)
    if only is None:
        build_report(prepared.settings.folder.release)
