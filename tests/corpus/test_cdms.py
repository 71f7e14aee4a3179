"""Broken CDMs: a run is refused with all reasons to the letter, or goes through and says what it could not estimate."""

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
from click.testing import Result

from cohort.analyses import PRIMARY
from cohort.engine import TableRef, steps_for
from cohort.errors import TspoError
from cohort.release import check_conservation
from cohort.study import RunSettings, build_table, fit_one, prepare_run, read_models, tables_of
from tests.corpus.cases import CdmCase, broken_cdm, cdm_cases

Tspo = Callable[..., Result]
FEWER = ("lag_family_days=[]", "missing_dose_bounds=[]", "model.bootstrap_replicates=0", "arrangements=100")


def _marked() -> Iterator[object]:
    for case in cdm_cases():
        marks = pytest.mark.xfail(reason=case.awaits, run=False) if case.awaits else ()
        yield pytest.param(case, id=case.name, marks=marks)


@pytest.mark.parametrize("case", _marked())
def test_a_broken_cdm_is_told_to_the_letter(case: CdmCase, clean: Path, tmp_path: Path, tspo: Tspo) -> None:
    cdm = broken_cdm(case, clean, tmp_path / "cdm.duckdb")
    checked = tspo("check", "--cdm", str(cdm))
    assert checked.exit_code == case.exit
    assert "Jane Doe" not in checked.output
    settings = RunSettings(cdm=str(cdm), out=str(tmp_path / "run"), changes=FEWER)
    if case.exit:
        with pytest.raises(TspoError) as refused:
            prepare_run(settings)
        said = str(refused.value).replace(str(cdm), "{cdm}")
        assert (f"tspo: {said}\n", refused.value.exit_code) == (case.run_says, case.exit)
        assert not (tmp_path / "run").exists()
        return
    prepared = prepare_run(settings)
    assert prepared.survey.warnings == list(case.warnings)
    tables: dict[str, TableRef] = {}
    for step in steps_for((*tables_of(*prepared.analysis(PRIMARY).models), "conservation")):
        upstream = {name: tables[name] for name in step.reads if name in tables}
        tables[step.name] = build_table(prepared, PRIMARY, step.name, upstream)
    check_conservation(tables["conservation"])
    rows = read_models([fit_one(prepared, PRIMARY, "linear", tables)]).estimates
    (binder,) = (row for row in rows if (row.exposure, row.age_stratum) == ("tspo_binder", "overall"))
    assert binder.status == case.status
    assert (binder.hazard_ratio is not None) == (binder.status == "ok")
    numbers = pl.DataFrame([row.as_row() for row in rows], infer_schema_length=None).select(pl.col(pl.Float64))
    assert not any(column.is_nan().any() or column.is_infinite().any() for column in numbers)
