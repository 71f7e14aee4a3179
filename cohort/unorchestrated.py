"""The study in one process, one thing after the other, without Prefect: for comparisons, benchmarks and tests.

In: settings. Out: the run's folder, with tables, models and release as the flow makes them; it is held meanwhile.
"""

from collections.abc import Collection

from cohort.analyses import PRIMARY
from cohort.release import write_release
from cohort.report import build_report
from cohort.study import DESCRIPTIONS, Prepared, RunSettings, build_and_fit, describe_one, prepare_run


def run_unorchestrated(settings: RunSettings, only: Collection[str] | None = None) -> None:
    """Everything of a run; what its folder holds already is not made again.

    Args:
        only: models to fit; then nothing is described and no report is made.
    """
    with settings.folder.opened():
        finish(prepare_run(settings), only)


def finish(prepared: Prepared, only: Collection[str] | None = None) -> None:
    """Everything of a run after preparing it."""
    tables, models = build_and_fit(prepared, only)
    described = {name: describe_one(prepared, name, tables[PRIMARY]) for name in DESCRIPTIONS} if only is None else {}
    record = {"steps": [], "models": [], "scans": {}, "failures": {}, "seconds": 0.0}
    write_release(prepared, tables[PRIMARY], models, described, record)
    if only is None:
        build_report(prepared.settings.folder.release)
