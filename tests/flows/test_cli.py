"""The command line, as a person uses it: in its own process, with good and with bad input."""

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from flows.cli.runs import QUIET
from tests.conftest import shared_data
from tests.processes import python, tspo


class Ended(NamedTuple):
    """A run that has ended."""

    cdm: Path
    out: Path
    process: "subprocess.CompletedProcess[str]"


COMMANDS = ("demo", "simulate", "check", "codes", "plan", "run", "report", "compare", "explain", "validate", "expect")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command: str) -> None:
    done = tspo(command, "--help")
    assert done.returncode == 0
    assert f"Example: tspo {command}" in done.stdout


def test_help_does_not_import_what_it_does_not_need() -> None:
    """What makes help slow is imports; none of the heavy ones may happen."""
    heavy = "('prefect', 'polars', 'duckdb', 'numpy', 'rich')"
    code = f"import sys, flows.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_demo_ends_with_estimates_beside_the_truth(tmp_path: Path, prefect_home: Path) -> None:
    out = tmp_path / "demo"
    done = tspo("demo", "--out", str(out), "--persons", "3000", "--seed", "2", home=prefect_home)
    assert done.returncode in (0, 3), done.stderr
    assert "planted" in done.stdout
    assert "TSPO binder" in done.stdout
    assert "1.25" in done.stdout
    report = out / "run" / "release" / "report.html"
    assert f"Report: {report}" in done.stdout
    assert "known truth" in report.read_text()
    assert "Traceback" not in done.stderr + done.stdout
    assert "nanobind" not in done.stderr
    again = tspo("demo", "--out", str(out), "--persons", "3000", "--seed", "2", home=prefect_home)
    assert "Keeping" in again.stderr
    assert [line for line in again.stdout.splitlines() if "binder" in line] == [
        line for line in done.stdout.splitlines() if "binder" in line
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("run", "--cdm", "nowhere.duckdb", "--out", "{tmp}/r"), 2, "There is no CDM at nowhere.duckdb"),
        (("run", "--cdm", "{cdm}", "--out", "{tmp}/r", "--set", "lagdays=3"), 2, "did you mean 'lag_days'"),
        (("run", "--cdm", "{cdm}", "--out", "{tmp}/r", "--protocol", "no.toml"), 2, "There is no protocol at no.toml"),
        (("run", "--cdm", "{cdm}", "--out", "/proc/nowhere"), 2, "cannot be written"),
        (("run", "--cdm", "{cdm}"), 2, "Missing option '--out'"),
        (("runn",), 2, "No such command 'runn'"),
        (("simulate", "{cdm}", "--persons", "10"), 2, "exists"),
        (("simulate", "{tmp}/x.duckdb", "--scenario", "primry", "--persons", "10"), 2, "primary"),
        (("report", "{tmp}"), 2, "holds no finished run"),
        (("check", "--cdm", "{tmp}"), 2, "holds no Parquet or CSV file"),
    ],
)
def test_a_mistake_gets_a_message_and_an_exit_code(
    small_cdm: Path, tmp_path: Path, prefect_home: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = tspo(*(a.format(cdm=small_cdm, tmp=tmp_path) for a in arguments), home=prefect_home)
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "r" / "release").exists()


def test_a_wrong_grid_gets_the_cure_and_its_exit_code(small_cdm: Path, tmp_path: Path, prefect_home: Path) -> None:
    (tmp_path / "p.toml").write_text("[[grid]]\nlag_days = [30, 30]\n")
    places = ("--cdm", str(small_cdm), "--out", str(tmp_path / "r"), "--protocol", str(tmp_path / "p.toml"))
    done = tspo("run", *places, home=prefect_home)
    assert (done.returncode, "give each value once" in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr


def test_check_and_codes_say_what_is_there(small_cdm: Path) -> None:
    checked = tspo("check", "--cdm", str(small_cdm))
    assert checked.returncode == 0
    assert "This CDM can be studied." in checked.stdout
    codes = tspo("codes", "--cdm", str(small_cdm))
    assert codes.returncode == 0
    assert "diazepam" in codes.stdout
    assert "antidementia_drugs" in codes.stdout


def test_check_and_plan_as_json_print_nothing_else(small_cdm: Path, tmp_path: Path) -> None:
    checked = tspo("check", "--cdm", str(small_cdm), "--json", "-")
    assert (checked.returncode, checked.stderr) == (0, "")
    told = json.loads(checked.stdout)
    assert (told["version"], told["can_run"], told["problems"]) == (1, True, [])
    planned = tspo("plan", "--cdm", str(small_cdm), "--json", str(tmp_path / "plan.json"))
    assert planned.returncode == 0, planned.stderr
    assert [word for word in ("Rows to read", "exposure_time", "nothing spills") if word not in planned.stdout] == []
    assert json.loads((tmp_path / "plan.json").read_text())["spills"] == "no"


def test_check_tells_each_problem_on_a_line_of_its_own() -> None:
    done = tspo("check", "--cdm", str(shared_data("gibleed_5.3")), "--json", "-")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["can_run"] is False
    assert done.stderr.splitlines() == [f"problem: {problem}" for problem in told["problems"]]
    assert len(told["problems"]) == 2


@pytest.mark.parametrize("command", ["check", "plan"])
def test_a_json_file_that_cannot_be_written_is_a_mistake(small_cdm: Path, command: str) -> None:
    done = tspo(command, "--cdm", str(small_cdm), "--json", "/proc/nowhere/x.json")
    assert (done.returncode, "cannot be written" in done.stderr) == (2, True), done.stderr


@pytest.fixture(scope="module")
def run_on_synpuf(tmp_path_factory: pytest.TempPathFactory, prefect_home: Path) -> Ended:
    """A run on SynPUF, and how it ended."""
    cdm, out = shared_data("synpuf_50p_5.2"), tmp_path_factory.mktemp("synpuf") / "run"
    return Ended(cdm, out, tspo("run", "--cdm", cdm, "--out", out, home=prefect_home))


def test_real_shaped_data_without_a_hierarchy_give_results_and_a_warning(run_on_synpuf: Ended) -> None:
    done = run_on_synpuf.process
    assert done.returncode == 3, done.stderr
    assert "without concept_ancestor the descendants of" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("gibleed_5.3", 1, "has a quantity above zero, so no dose can be computed"),
        ("synthea27nj_5.4", 1, "no record of a benzodiazepine or Z-drug"),
    ],
)
def test_real_shaped_data_that_cannot_be_studied_get_a_reason(
    tmp_path: Path, prefect_home: Path, name: str, code: int, message: str
) -> None:
    done = tspo("run", "--cdm", str(shared_data(name)), "--out", str(tmp_path / "run"), home=prefect_home)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_doses_of_real_fills_equal_quantity_times_strength(run_on_synpuf: Ended) -> None:
    """The 27 benzodiazepine fills of SynPUF whose mg were worked out by others; injectables are out of scope."""
    golden = pl.read_csv(run_on_synpuf.cdm.parents[1] / "reference" / "golden_wileylab_benzo_doses.csv")
    dose = pl.read_parquet(run_on_synpuf.out / "private" / "dose.parquet").with_columns(
        mg=pl.col("mg_per_day") * pl.col("days")
    )
    both = golden.join(dose, on="drug_exposure_id", how="left")
    computed = both.filter(pl.col("status") == "computed")
    assert computed.height == 22
    assert computed.get_column("mg").to_list() == pytest.approx(
        computed.get_column("total_mg_quantity_x_strength").to_list()
    )
    others = both.filter(pl.col("status") != "computed").get_column("status").sort().to_list()
    assert others == ["imputed"] * 2 + ["out of scope: injectable"] * 2 + ["unknown: days of supply <= 0"]


def test_what_the_temporary_server_s_libraries_say_when_it_is_stopped_stays_out_of_the_terminal() -> None:
    script = (
        "import logging; from prefect.logging.configuration import setup_logging; setup_logging()\n"
        "logging.getLogger('sqlalchemy').setLevel(logging.WARNING)\n"
        "logging.getLogger('sqlalchemy.pool').error('Exception during reset')"
    )
    assert "Exception during reset" in python("-c", script).stderr
    assert "Exception during reset" not in python("-c", script, **dict.fromkeys(QUIET, "CRITICAL")).stderr
