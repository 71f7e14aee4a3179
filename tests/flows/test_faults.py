"""An error that nobody foresaw is told by its kind: Prefect keeps none of its text, which may quote a patient."""

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from flows.cli import main
from tests.processes import python

PATIENT = (b"990000000042", b"2441-02-03")
FAULT = """
import flows
from prefect import flow, task
from cohort.study import RunSettings
from flows.faults import contained
from flows.notices import tell_outcome

def build(settings):
    raise ValueError("person 990000000042 was born on 2441-02-03")

if {guarded}:
    build = contained(build)

@flow(on_failure=[tell_outcome])
def short(settings: RunSettings):
    return task(build)(settings)

short(RunSettings(cdm="a.duckdb", out={out!r}), return_state=True)
"""


@pytest.fixture(scope="session", autouse=True)
def prefect_server() -> None:
    """Every run here has a server and a home of its own."""


def kept(home: Path) -> set[bytes]:
    """What Prefect's home holds of the patient; its database must be there."""
    files = [path for path in home.rglob("*") if path.is_file()]
    assert "prefect.db" in {path.name for path in files}
    return {value for path in files for value in PATIENT if value in path.read_bytes()}


@click.command
def failing() -> None:
    raise ValueError("person 990000000042 was born on 2441-02-03")


def test_the_command_line_tells_the_kind_and_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(main.commands, "demo", failing)
    done = CliRunner().invoke(main, ["demo"])
    assert done.exit_code == 1
    assert re.search(
        r"tspo: a fault of this program: ValueError at tests/flows/test_faults\.py:\d+\. Please", done.stderr
    )
    assert [value for value in PATIENT if value.decode() in done.output] == []
    monkeypatch.setenv("TSPO_TRACEBACK", "1")
    assert isinstance(CliRunner().invoke(main, ["demo"]).exception, ValueError)


def test_the_text_of_an_error_reaches_prefect_only_where_a_task_is_not_contained(
    tmp_path: Path, own_home: Path
) -> None:
    """The search finds what there is: without `contained`, Prefect keeps the text in its database and its storage."""
    out, script = tmp_path / "run", tmp_path / "short.py"
    for guarded in (True, False):
        script.write_text(FAULT.format(guarded=guarded, out=str(out)))
        done = python(script, home=own_home, PREFECT_RESULTS_PERSIST_BY_DEFAULT="true", PREFECT_LOGGING_LEVEL="DEBUG")
        assert kept(own_home) == (set() if guarded else set(PATIENT))
        assert any(value in done.stderr.encode() for value in PATIENT) is not guarded
    assert "990000000042 was born" in (out / "private" / "fault.txt").read_text()
