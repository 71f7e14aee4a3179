"""When a run has nothing to do, and into which folder one from nothing goes."""

import datetime as dt
import os
import pickle
import re
from pathlib import Path

import duckdb
import pytest
from jsonschema import Draft202012Validator

from cohort.errors import CannotStudy, UsageError
from cohort.schedule import content_key, forget_studied, in_new_folder, last_studied, note_studied
from cohort.study import Prepared, RunSettings, prepare_run
from cohort.synthetic import simulate

DAY = dt.date(2026, 3, 1)


@pytest.fixture(scope="module")
def cdm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cdm") / "tiny.duckdb"
    simulate(path, 300, 3)
    return path


def finish(prepared: Prepared) -> None:
    """What the flow does at the end of a run."""
    (prepared.settings.folder.release / "report.html").touch()
    note_studied(prepared, content_key(prepared), gate_failed=True)


def test_the_last_run_is_known_by_cdm_protocol_and_report(cdm: Path, tmp_path: Path) -> None:
    prepared = prepare_run(RunSettings(cdm=str(cdm), out=str(tmp_path / "run")))
    assert last_studied(prepared) is None
    finish(prepared)
    last = last_studied(prepared)
    assert last is not None
    assert last.gate_failed
    settings = prepared.settings.model_copy(update={"changes": ("model.time_scale=follow-up",)})
    assert last_studied(prepared.model_copy(update={"settings": settings})) is None, "another protocol is new"
    forget_studied(prepared)
    assert last_studied(prepared) is None, "a run that began and did not end is not the last one"
    finish(prepared)
    os.utime(cdm)
    assert last_studied(prepare_run(prepared.settings)) is not None, "a CDM that was touched is the same"
    with duckdb.connect(str(cdm)) as file:
        file.execute("update death set death_date = death_date + 1 where rowid = 0")
    assert last_studied(prepare_run(prepared.settings)) is None, "a CDM that was written is new"
    (prepared.settings.folder.private / "studied.json").write_text("{")
    assert last_studied(prepared) is None, "a note that cannot be read is none"
    finish(prepared)
    (prepared.settings.folder.release / "report.html").unlink()
    assert last_studied(prepared) is None, "results that were taken away are made again"


def test_every_run_from_nothing_has_a_folder_of_its_day(tmp_path: Path) -> None:
    settings = RunSettings(cdm="c", out=str(tmp_path / "monthly"), new_folder=True)
    made = [in_new_folder(settings, DAY) for _ in range(3)]
    assert [Path(one.out).name for one in made] == ["2026-03-01", "2026-03-01-2", "2026-03-01-3"]
    assert all(Path(one.out).is_dir() and not one.new_folder for one in made)


def test_a_place_that_cannot_be_written_is_told_with_the_cure() -> None:
    with pytest.raises(UsageError, match=r"cannot be written: .*\. Choose another --out"):
        in_new_folder(RunSettings(cdm="c", out="/proc/nowhere"), DAY)


@pytest.mark.parametrize(
    "cdm", ["postgresql://ann:s3cret@db/omop", "host=db user=ann password=s3cret", "a://:s3cret@b"]
)
def test_an_address_with_a_password_is_refused_by_the_schema_and_by_the_model(cdm: str) -> None:
    """Prefect's server checks the schema before it stores parameters; nobody else does."""
    settings = {"cdm": cdm, "out": "r"}
    assert list(Draft202012Validator(RunSettings.model_json_schema()).iter_errors(settings))
    with pytest.raises(UsageError) as error:
        RunSettings.model_validate(settings)
    assert "s3cret" not in str(error.value)
    assert re.search("holds a password|no CDM that can be opened", str(error.value))


def test_an_address_without_a_password_is_taken() -> None:
    settings = {"cdm": "postgresql://ann@db:5432/omop", "out": "r"}
    assert not list(Draft202012Validator(RunSettings.model_json_schema()).iter_errors(settings))
    assert RunSettings.model_validate(settings).cdm == settings["cdm"]


def test_what_cannot_be_studied_is_the_same_after_passing_between_processes() -> None:
    error = CannotStudy(["the table person is missing", "nobody is there"])
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.problems) == (str(error), error.problems)
