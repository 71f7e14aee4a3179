"""Replicates in parallel: what is kept, what is made again, what is said of one that fails, and one small real run."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from cohort.errors import TspoError, UsageError
from cohort.release import released_estimates
from cohort.results import OVERALL
from cohort.study import RunSettings, build_and_fit, fit_one, prepare_run, read_models
from cohort.validation import replicate as replicates
from cohort.validation import runner
from cohort.validation.outcome import REPLICATES, Outcome, command_of, conclude
from cohort.validation.performance import performance
from cohort.validation.replicate import MODELS, Replicate, failure_of
from cohort.validation.runner import Design, design_of, read_results, run_replicates
from tests.unit.test_validation import row

ONE = Replicate("primary", 100, 1)
SIX = Design((("primary", 100), ("null", 100)), 3)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[Replicate]:
    """Replicates that take no time, in this process; returns those that were made."""
    made: list[Replicate] = []

    def estimates(of: Replicate) -> pl.DataFrame:
        made.append(of)
        if of.seed == 99:
            raise RuntimeError("the disk is full\nhere\nand there")
        rows = [row(0.1 * of.seed, scenario=of.scenario, seed=of.seed)]
        return pl.DataFrame(rows, schema=replicates.REPLICATE_SCHEMA)

    @contextmanager
    def threads(workers: int) -> Iterator[ThreadPoolExecutor]:
        with ThreadPoolExecutor(workers) as pool:
            yield pool

    monkeypatch.setattr(replicates, "replicate_estimates", estimates)
    monkeypatch.setattr(runner, "worker_processes", threads)
    return made


def test_a_rerun_makes_only_what_is_missing(quick: list[Replicate], tmp_path: Path) -> None:
    run_replicates(SIX, tmp_path, 1)
    assert len(quick) == 6
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}
    gone = SIX.all()[3].path(tmp_path)
    gone.unlink()
    run_replicates(SIX, tmp_path, 1)
    assert quick[6:] == [SIX.all()[3]]
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")} == before


def test_more_replicates_keep_those_that_are_there(quick: list[Replicate], tmp_path: Path) -> None:
    run_replicates(SIX, tmp_path, 1)
    told: list[tuple[int, int]] = []
    run_replicates(replace(SIX, replicates=4), tmp_path, 1, lambda done, total: told.append((done, total)))
    assert [(r.scenario, r.seed) for r in quick[6:]] == [("primary", 4), ("null", 4)]
    assert told == [(7, 8), (8, 8)]


@pytest.mark.parametrize(
    "other",
    [
        replace(ONE, persons=101),
        replace(ONE, seed=2),
        replace(ONE, scenario="null"),
        replace(ONE, changes=("lag_days=0",)),
    ],
)
def test_another_replicate_has_another_key(other: Replicate) -> None:
    assert other.key() != ONE.key()
    assert other.path(Path()) != ONE.path(Path())


def test_other_code_makes_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = ONE.key()
    monkeypatch.setattr(replicates, "source_hash", lambda: "other")
    assert ONE.key() != before


def test_a_protocol_that_says_the_same_has_the_same_key() -> None:
    assert replace(ONE, changes=("lag_days=1095",)).key() == ONE.key()


def test_replicates_of_another_design_are_not_mixed_in(quick: list[Replicate], tmp_path: Path) -> None:
    run_replicates(SIX, tmp_path, 1)
    other = replace(SIX, changes=("lag_days=0",))
    assert read_results(other, tmp_path).estimates.is_empty()
    run_replicates(other, tmp_path, 1)
    assert read_results(SIX, tmp_path).estimates.height == 6
    misnamed = ONE.path(tmp_path)
    replace(ONE, seed=2).path(tmp_path).replace(misnamed)  # a file with a wrong name is not believed
    assert failure_of(ONE, misnamed) is None


def test_a_failing_replicate_is_recorded_and_the_others_go_on(quick: list[Replicate], tmp_path: Path) -> None:
    design = replace(SIX, seed=98)
    run_replicates(design, tmp_path, 1)
    results = read_results(design, tmp_path)
    why = "RuntimeError: the disk is full here"
    assert results.failures == {("primary", 99): why, ("null", 99): why}
    assert results.estimates.height == 4
    counts = performance(results.estimates, [name for name, _ in results.failures])
    assert counts.select("replicates", "estimated", "failed").unique().rows() == [(3, 2, 1)]
    run_replicates(design, tmp_path, 1)
    assert [r.seed for r in quick[6:]] == [99, 99], "it is tried again"


def test_nothing_half_written_counts_as_made(tmp_path: Path) -> None:
    path = ONE.path(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PAR1 not yet")
    assert failure_of(ONE, path) is None


def test_a_worker_that_outlives_its_run_records_no_failure(tmp_path: Path) -> None:
    """What fails then fails because its folder was cleared away; as a failure it would be made, and told, again."""
    parent = f"from tests.unit import test_validation_runner as t; t.leave_an_orphan({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", parent], check=True, timeout=120)
    _until(lambda: (tmp_path / "ended").exists(), 120)
    assert (tmp_path / "ended").read_text() == "UsageError False"


def leave_an_orphan(folder: str) -> None:
    """Start a process that fails to make a replicate once this one has ended, and end."""
    multiprocessing.get_context("spawn").Process(target=_fail_as_an_orphan, args=(folder,)).start()
    os._exit(0)


def _fail_as_an_orphan(folder: str) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    impossible = replace(ONE, persons=-1)
    path = ONE.path(Path(folder))
    reason = replicates.make(impossible, path, ONE.key())
    ended = Path(folder) / "part"
    ended.write_text(f"{reason.split(':')[0]} {path.exists()}")
    ended.replace(Path(folder) / "ended")


def test_where_nothing_could_be_made_the_first_reason_is_told(quick: list[Replicate], tmp_path: Path) -> None:
    design = Design((("primary", 100),), 1, seed=99)
    run_replicates(design, tmp_path / REPLICATES, 1)
    with pytest.raises(TspoError, match="The first says: RuntimeError: the disk is full"):
        conclude(design, tmp_path, "tspo validate")


def test_the_table_counts_the_replicates_that_failed(quick: list[Replicate], tmp_path: Path) -> None:
    design = replace(SIX, seed=98)
    run_replicates(design, tmp_path / REPLICATES, 1)
    table = conclude(design, tmp_path, "tspo validate").table
    assert table.select("replicates", "estimated", "failed").unique().rows() == [(3, 2, 1)]


def test_the_end_is_a_table_a_page_figures_and_a_guide(quick: list[Replicate], tmp_path: Path) -> None:
    out, guide = tmp_path / "out", tmp_path / "guide"
    guide.mkdir()
    (guide / "NOTES.md").write_text("Said by hand.\n")
    run_replicates(SIX, out / REPLICATES, 1)
    outcome = conclude(SIX, out, command_of(SIX, ("S5", "S2"), guide), guide)
    assert pl.read_csv(out / "validation.csv").height == 2
    assert (guide / "README.md").read_text() == (out / "validation.md").read_text()
    assert "Said by hand." in (guide / "README.md").read_text()
    assert (
        f"tspo validate --replicates 3 --scenario S5 --scenario S2 --persons 100 --guide {guide}"
        in (guide / "README.md").read_text()
    )
    assert {"bias.svg", "coverage.svg"} <= {path.name for path in guide.iterdir()}
    assert not outcome.failures


@pytest.mark.parametrize(
    ("verdict", "failures", "failed"),
    [("holds", {}, False), ("open", {}, False), ("fails", {}, True), ("", {("primary", 1): "no disk"}, True)],
)
def test_the_gate_fails_on_a_missed_truth_or_a_missing_replicate(
    verdict: str, failures: dict[tuple[str, int], str], failed: bool
) -> None:
    assert Outcome(pl.DataFrame({"verdict": ["holds", verdict]}), failures).gate_failed is failed


def test_a_design_knows_scenarios_by_any_name_and_their_sizes() -> None:
    assert design_of(["S1", "null-prodrome", "small"], 1).scenarios == (("null-prodrome", 20_000), ("small", 400))
    assert design_of(["small"], 1, persons=50).scenarios == (("small", 50),)


@pytest.mark.parametrize(
    ("scenario", "changes", "message"),
    [("prinary", (), "did you mean 'primary'"), ("primary", ("lagdays=1",), "did you mean 'lag_days'")],
)
def test_what_cannot_be_is_said_before_anything_is_simulated(
    scenario: str, changes: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        design_of([scenario], 1, changes=changes)


def test_a_replicate_releases_what_a_whole_run_releases(small_cdm: Path, tmp_path: Path) -> None:
    """Models that a replicate leaves out change nothing in the rows that it has."""
    settings = RunSettings(cdm=str(small_cdm), out=str(tmp_path / "run"))
    prepared = prepare_run(settings).model_copy(update={"planned": ("primary", "lag-0y")})
    tables, few = build_and_fit(prepared, MODELS)
    every = [fit_one(prepared, a, m, tables[a]) for a in prepared.planned for m in prepared.analysis(a).models]
    assert len(every) > len(few) == 2 * len(MODELS)
    part, whole = (released_estimates(read_models(paths), settings.load_protocol()) for paths in (few, every))
    numbers = ["estimate_id", "log_hr", "se_log_hr", "ci_lower", "ci_upper", "p_value", "status"]
    same = whole.filter(pl.col("estimate_id").is_in(part.get_column("estimate_id").to_list()))
    assert part.select(numbers).sort("estimate_id").equals(same.select(numbers).sort("estimate_id"))
    assert (part.get_column("status") == "suppressed").any()
    assert (part.get_column("status") == "ok").any()


REAL = Design((("global-null", 2_000),), 4)


def tspo(*arguments: str, temporary: Path | None = None) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "flows.cli", "validate", *arguments]
    environment = {**os.environ, **({"TMPDIR": str(temporary)} if temporary else {})}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes], str]:
    """A real validation that was killed after its first replicates and then finished.

    Returns:
        Its folder, the files that were there when it was killed, and what the second run printed.
    """
    out, temporary = tmp_path_factory.mktemp("validation"), tmp_path_factory.mktemp("temporary")
    arguments = ("--replicates", "4", "--scenario", "S0", "--persons", "2000", "--out", str(out))
    first = tspo(*arguments, temporary=temporary)
    _until(lambda: any(out.rglob("*.parquet")), 240)
    os.kill(first.pid, signal.SIGKILL)
    _until(lambda: not any(temporary.iterdir()), 60)  # the workers end, and clear up what was half done
    first.communicate(timeout=60)
    kept = {path.name: path.read_bytes() for path in out.rglob("*.parquet")}
    text, _ = tspo(*arguments).communicate(timeout=600)
    return out, kept, text


def _until(holds: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "nothing was made in time"
        time.sleep(0.05)


def test_a_killed_validation_goes_on_where_it_was(real: tuple[Path, dict[str, bytes], str]) -> None:
    out, kept, _ = real
    assert 1 <= len(kept) < 4
    found = {path.name: path.read_bytes() for path in out.rglob("*.parquet")}
    assert len(found) == 4
    assert {name: found[name] for name in kept} == kept


def test_the_same_replicate_is_the_same_bytes(real: tuple[Path, dict[str, bytes], str], tmp_path: Path) -> None:
    """Made again, by itself, in a process of one thread as before."""
    out, _, _ = real
    one = replace(REAL, replicates=1)
    run_replicates(one, tmp_path, 1)
    (again,) = tmp_path.rglob("*.parquet")
    assert again.read_bytes() == one.all()[0].path(out / REPLICATES).read_bytes()


def test_a_world_without_effect_is_found_without_effect(real: tuple[Path, dict[str, bytes], str]) -> None:
    """Four worlds of 2,000 persons: the mean over lags and classes lies within four standard errors of no effect."""
    out, _, text = real
    results = read_results(REAL, out / REPLICATES)
    assert results.failures == {}
    assert "global-null" in text
    assert f"All of it: {out / 'validation.md'}" in text
    rows = results.estimates.filter(
        (pl.col("age_stratum") == OVERALL) & pl.col("term").str.starts_with("per ") & (pl.col("metric") == "dme")
    )
    assert rows.get_column("is_specified").all()
    for (lag, exposure), of in rows.drop_nulls("log_hr").group_by("lag_days", "exposure"):
        error = of.select((pl.col("se_log_hr") ** 2).sum().sqrt() / pl.len()).item()
        assert abs(of.get_column("log_hr").mean()) < 4 * error, (lag, exposure)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--replicates", "0"), "Invalid value for '--replicates': 0"),
        ((), "Missing option '--replicates'"),
        (("--replicates", "1", "--scenario", "prinary"), "did you mean 'primary'"),
        (("--replicates", "1", "--persons", "0"), "Invalid value for '--persons'"),
        (("--replicates", "1", "--set", "lagdays=1"), "did you mean 'lag_days'"),
        (("--replicates", "1", "--protocol", "nowhere.toml"), "There is no protocol at nowhere.toml"),
    ],
)
def test_a_mistake_gets_a_message_and_code_2(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    done = tspo(*arguments, "--out", str(tmp_path / "out"))
    _, error = done.communicate(timeout=120)
    assert (done.returncode, message in error) == (2, True), error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


def test_help_has_an_example() -> None:
    text, _ = tspo("--help").communicate(timeout=120)
    assert "Example: tspo validate" in text
