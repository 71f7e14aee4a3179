"""A finished run gone through once more without Prefect: by how much `tspo run` takes longer, that is orchestration.

`python -m tests.bench_unorchestrated CDM OUT`: OUT is the folder of a finished run of the default protocol, whose
tables and models are found again; release and report are made anew, as in every run.
"""

import sys

from cohort.analyses import PRIMARY
from cohort.engine import TableRef
from cohort.release import write_release
from cohort.report import build_report
from cohort.study import DESCRIPTIONS, Prepared, RunSettings, build_tables, describe_one, fit_one, prepare_run


def finish(prepared: Prepared) -> None:
    """Everything of a run after preparing it, one after the other."""
    tables: dict[str, dict[str, TableRef]] = {PRIMARY: build_tables(prepared, PRIMARY)}
    prepared = prepared.without_idle_bounds(tables[PRIMARY])
    for analysis in prepared.planned[1:]:
        tables[analysis] = build_tables(prepared, analysis, tables[PRIMARY])
    models = [fit_one(prepared, a, model, tables[a]) for a in prepared.planned for model in prepared.analysis(a).models]
    described = {name: describe_one(prepared, name, tables[PRIMARY]) for name in DESCRIPTIONS}
    record = {"steps": [], "models": [], "scans": {}, "failures": {}, "seconds": 0.0}
    write_release(prepared, tables[PRIMARY], models, described, record)
    build_report(prepared.settings.folder.release)


def main() -> None:
    finish(prepare_run(RunSettings(cdm=sys.argv[1], out=sys.argv[2])))


if __name__ == "__main__":
    main()
