"""`tspo demo`, `tspo run` and `tspo report`: the study, and its report."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cohort.errors import UsageError
from flows.cli.options import GATE_FAILED, cdm_option, changes_option, memory_option, protocol_option, threads_option
from flows.cli.worlds import simulate_cdm
from flows.terminal import print_headline, print_rows, progress

QUIET = ("PREFECT_LOGGING_LEVEL", "PREFECT_INTERNAL_LOGGING_LEVEL", "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL")
"""What keeps Prefect, its temporary server and that server's libraries from the terminal."""

if TYPE_CHECKING:
    from cohort.study import RunSettings

_DEMO_PERSONS, _DEMO_SEED = 20_000, 11


@click.command()
@click.option("--out", default="demo", show_default=True, metavar="DIR", help="Where everything goes.")
@click.option("--persons", default=_DEMO_PERSONS, show_default=True, type=click.IntRange(1_000, 1_000_000))
@click.option("--seed", default=_DEMO_SEED, show_default=True, type=click.IntRange(0))
@threads_option
@memory_option
def demo(out: str, persons: int, seed: int, threads: int, memory: str) -> None:
    """Simulate a CDM with a known truth, run the study, and compare.

    \b
    Example: tspo demo
    """
    from cohort.report import build_report

    cdm = Path(out) / "cdm.duckdb"
    truth = _known_truth(cdm, persons, seed)
    folder = Path(out) / "run"
    failed = _run_study(_settings(str(cdm), str(folder), None, (), threads, memory))
    page = build_report(folder / "release", truth=truth)
    print_headline(folder / "release", truth)
    click.echo(f"\nReport: {page}")
    sys.exit(GATE_FAILED if failed else 0)


@click.command()
@cdm_option
@protocol_option
@changes_option
@click.option("--out", required=True, metavar="DIR", help="The run's folder; made if it is not there.")
@threads_option
@memory_option
@click.option("--explain", is_flag=True, help="Say what would be made again, and why; nothing is run or written.")
def run(
    cdm: str, protocol: str | None, changes: Sequence[str], out: str, threads: int, memory: str, explain: bool
) -> None:
    """Run the whole study.

    \b
    Example: tspo run --cdm cdm.duckdb --out runs/first --set exposure.lag_days=730
    """
    if explain:
        _explain(_settings(cdm, out, protocol, changes, threads, memory))
        return
    failed = _run_study(_settings(cdm, out, protocol, changes, threads, memory))
    print_headline(Path(out) / "release")
    click.echo(f"\nReport: {Path(out) / 'release' / 'report.html'}")
    if failed:
        click.echo(
            "A diagnostic gate failed: read diagnostics.csv and the report before using these results.", err=True
        )
        sys.exit(GATE_FAILED)


@click.command()
@click.argument("folder", metavar="DIR")
@click.option(
    "--truth", metavar="FILE", help="The truth of a synthetic CDM (OUT.truth.json), shown beside the results."
)
def report(folder: str, truth: str | None) -> None:
    """Build report.html again from a run's released results.

    \b
    Example: tspo report runs/first
    """
    from cohort.report import build_report

    release = Path(folder) / "release"
    if not (release / "run.json").exists():
        raise UsageError(f"{folder} holds no finished run: there is no release/run.json. Start one with `tspo run`.")
    click.echo(f"Report: {build_report(release, truth=_read_truth(Path(truth)) if truth else None)}")


def _known_truth(cdm: Path, persons: int, seed: int) -> dict[str, Any]:
    """Simulate the demo's CDM unless it is there already, and return its truth."""
    path = cdm.with_suffix(".truth.json")
    if cdm.exists() and path.exists():
        truth = _read_truth(path)
        if (truth["persons"], truth["seed"], truth["scenario"]) == (persons, seed, "primary"):
            click.echo(f"Keeping {cdm}: the same {persons:,} persons as before.", err=True)
            return truth
    cdm.parent.mkdir(parents=True, exist_ok=True)
    simulate_cdm(cdm, persons, seed, "primary", overwrite=True)
    return _read_truth(path)


def _read_truth(path: Path) -> dict[str, Any]:
    try:
        truth = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        truth = None
    if not isinstance(truth, dict) or "log_hazard_ratio" not in truth:
        raise UsageError(f"{path} is not the truth file of a synthetic CDM (`tspo simulate` writes it).")
    return truth


def _settings(
    cdm: str, out: str, protocol: str | None, changes: Sequence[str], threads: int, memory: str
) -> "RunSettings":
    """The settings of a run, whose protocol can be read and whose CDM is somewhere."""
    from cohort.source import refuse_absent
    from cohort.study import RunSettings

    settings = RunSettings(cdm=cdm, out=out, protocol=protocol, changes=tuple(changes), threads=threads, memory=memory)
    settings.load_protocol()
    refuse_absent(settings.cdm)
    return settings


def _explain(settings: "RunSettings") -> None:
    """Show what a run would make; what is kept is told in a line."""
    from cohort.explain import FRESH, SHARED, explain
    from cohort.study import prepare_run

    with progress("Looking at the CDM"):
        rows = explain(prepare_run(settings, is_dry=True))
    kept = sum(row.state in (FRESH, SHARED) for row in rows)
    for kind in ("table", "model"):
        made: dict[tuple[str, str, str], list[str]] = {}
        for row in rows:
            if row.kind == kind and row.state not in (FRESH, SHARED):
                made.setdefault((row.analysis, row.state, row.why), []).append(row.name)
        told = [
            {"analysis": analysis, "state": state, "why": why, f"{kind}s": ", ".join(names)}
            for (analysis, state, why), names in made.items()
        ]
        if told:
            print_rows(f"{kind.capitalize()}s to make", told)
    click.echo(f"{kept:,} of {len(rows):,} tables and models are kept; {len(rows) - kept:,} are to be made.")


def _run_study(settings: "RunSettings") -> bool:
    """Run the flow with a progress bar; true when a diagnostic gate failed."""
    # Prefect's own log is for its server; here the bar tells, and errors come as messages. A server that is stopped
    # has its database's library complain, whose logger has a level of its own.
    for logger in QUIET:
        os.environ.setdefault(logger, "CRITICAL")
    with settings.folder.opened():
        pass  # it can be; or that is said before a server is started
    with progress("Starting") as move:
        from flows.progress import listening
        from flows.server import at_a_server
        from flows.study import study

        with listening(lambda what, done, total: move(what, done / total)):
            outcome = at_a_server(lambda: study(settings), _warn)
    for warning in outcome.warnings:
        _warn(warning)
    return outcome.gate_failed


def _warn(text: str) -> None:
    click.echo(f"warning: {text}", err=True)
