"""`tspo`: the study from the command line.

Exit codes: 0 done; 1 the input cannot be studied; 2 wrong usage; 3 done, but a diagnostic gate failed. Imports are
inside the commands, so that `--help` answers at once.
"""

import atexit
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from cohort import __version__
from cohort.errors import TspoError, UsageError
from cohort.paths import preset_names
from flows.terminal import print_findings, print_headline, print_rows, progress

_DEMO_PERSONS, _DEMO_SEED = 20_000, 11
_GATE_FAILED = 3

_cdm = click.option(
    "--cdm", required=True, metavar="CDM", help="A .duckdb file, or a folder of Parquet or CSV files named by table."
)
_protocol = click.option(
    "--protocol",
    metavar="FILE",
    help="A protocol file (TOML), or a published design by name; none: the primary protocol.  "
    f"[{', '.join(preset_names())}]",
)
_changes = click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change a field of the protocol; may be repeated."
)
_threads = click.option(
    "--threads", default=2, show_default=True, type=click.IntRange(1, 256), help="Threads of the database engine."
)
_memory = click.option(
    "--memory", default="1500MB", show_default=True, help="Memory of the database engine; more spills."
)


class _Group(click.Group):
    """Commands whose foreseen errors end in a message and an exit code, never in a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except TspoError as error:
            click.secho(f"tspo: {error}", err=True, fg="red" if sys.stderr.isatty() else None)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("tspo: stopped; what was finished is kept, and the same command goes on from there.", err=True)
            ctx.exit(130)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tspo")
def main() -> None:
    """Cumulative benzodiazepine dose by TSPO affinity, and the hazard of dementia.

    \b
    Example: tspo demo
    """


@main.command()
@click.option("--out", default="demo", show_default=True, metavar="DIR", help="Where everything goes.")
@click.option("--persons", default=_DEMO_PERSONS, show_default=True, type=click.IntRange(1_000, 1_000_000))
@click.option("--seed", default=_DEMO_SEED, show_default=True, type=click.IntRange(0))
@_threads
@_memory
def demo(out: str, persons: int, seed: int, threads: int, memory: str) -> None:
    """Simulate a CDM with a known truth, run the study, and compare.

    \b
    Example: tspo demo
    """
    from cohort.report import build_report

    cdm = Path(out) / "cdm.duckdb"
    truth = _known_truth(cdm, persons, seed)
    folder = Path(out) / "run"
    failed = _run_study(str(cdm), str(folder), None, (), threads, memory)
    page = build_report(folder / "release", truth=truth)
    print_headline(folder / "release", truth)
    click.echo(f"\nReport: {page}")
    sys.exit(_GATE_FAILED if failed else 0)


@main.command()
@click.argument("out", metavar="OUT.duckdb")
@click.option("--persons", type=click.IntRange(1), help="Persons; none: as the scenario says, mostly 20,000.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0))
@click.option(
    "--scenario", default="primary", show_default=True, help="The world to simulate; several, joined by +, add up."
)
@click.option("--overwrite", is_flag=True, help="Replace OUT.duckdb if it is there.")
@click.option("--ledger", is_flag=True, help="Write OUT.truth/ too: use as taken, and all that the records hide of it.")
def simulate(out: str, persons: int | None, seed: int, scenario: str, overwrite: bool, ledger: bool) -> None:
    """Make a synthetic OMOP CDM v5.4 whose truth is known, with OUT.truth.json beside it.

    \b
    Example: tspo simulate cdm.duckdb --persons 20000 --seed 11
    """
    from cohort.synthetic import persons_of

    persons = persons_of(scenario) if persons is None else persons
    truth = _simulate(Path(out), persons, seed, scenario, overwrite, ledger)
    click.echo(f"{out}: {persons:,} persons; the truth is in {truth}")


@main.command()
@_cdm
@_protocol
@_changes
def check(cdm: str, protocol: str | None, changes: Sequence[str]) -> None:
    """Say what the study needs of a CDM, and what it finds there.

    \b
    Example: tspo check --cdm cdm.duckdb
    """
    from cohort.feasibility import survey
    from cohort.protocol import load_protocol
    from cohort.source import open_cdm

    chosen = load_protocol(Path(protocol) if protocol else None, changes)
    with open_cdm(cdm) as opened:
        found = survey(opened, chosen)
    print_rows("Rows by table", [{"table": name, "rows": f"{rows:,}"} for name, rows in found.rows.items()])
    for warning in found.warnings:
        click.echo(f"warning: {warning}")
    for problem in found.problems:
        click.echo(f"problem: {problem}", err=True)
    if found.problems:
        sys.exit(1)
    click.echo("This CDM can be studied.")


@main.command()
@_cdm
@_protocol
@_changes
def codes(cdm: str, protocol: str | None, changes: Sequence[str]) -> None:
    """List the study's drugs and concept sets as this CDM resolves them, and how doses are found.

    \b
    Example: tspo codes --cdm cdm.duckdb
    """
    from cohort.feasibility import concept_set_codes, dose_coverage, drug_codes, resolve_vocabulary
    from cohort.protocol import load_protocol
    from cohort.source import open_cdm
    from cohort.summary import coverage_rows
    from cohort.tabular import as_text

    chosen = load_protocol(Path(protocol) if protocol else None, changes)
    with TemporaryDirectory() as spill, open_cdm(cdm, spill=Path(spill)) as opened:
        opened.require()
        resolve_vocabulary(opened.connection, chosen)
        drugs, sets = drug_codes(opened.connection), concept_set_codes(opened.connection)
        coverage = dose_coverage(opened.connection, chosen)
    print_rows("Study drugs", as_text(drugs, chosen.disclosure.min_cell_count, ("records", "persons")))
    print_rows("Concept sets", as_text(sets))
    print_rows("How the doses of fills are found", coverage_rows(coverage, chosen.disclosure.min_cell_count))


@main.command()
@_cdm
@_protocol
@_changes
@click.option("--out", required=True, metavar="DIR", help="The run's folder; made if it is not there.")
@_threads
@_memory
def run(cdm: str, protocol: str | None, changes: Sequence[str], out: str, threads: int, memory: str) -> None:
    """Run the whole study.

    \b
    Example: tspo run --cdm cdm.duckdb --out runs/first --set exposure.lag_days=730
    """
    failed = _run_study(cdm, out, protocol, changes, threads, memory)
    print_headline(Path(out) / "release")
    click.echo(f"\nReport: {Path(out) / 'release' / 'report.html'}")
    if failed:
        click.echo(
            "A diagnostic gate failed: read diagnostics.csv and the report before using these results.", err=True
        )
        sys.exit(_GATE_FAILED)


@main.command()
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


@main.command()
@click.option("--replicates", required=True, type=click.IntRange(1), help="Simulated worlds of each scenario.")
@click.option(
    "--scenario", "scenarios", multiple=True, metavar="NAME", help="A world to simulate; may be repeated.  [primary]"
)
@click.option("--persons", type=click.IntRange(1), help="Persons of each; none: as the scenario says, mostly 20,000.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Seed of the first replicate.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 256), help="Processes at a time.")
@click.option("--out", default="validation", show_default=True, metavar="DIR", help="Replicates, table and figures.")
@click.option("--guide", metavar="DIR", help="A folder that gets the page as README.md, and the figures.")
@_protocol
@_changes
def validate(
    replicates: int,
    scenarios: Sequence[str],
    persons: int | None,
    seed: int,
    workers: int,
    out: str,
    guide: str | None,
    protocol: str | None,
    changes: Sequence[str],
) -> None:
    """Simulate worlds whose truth is known, study each, and say how well the truth is found again.

    Replicates that are in DIR already are kept. Exit code 3: a correctly specified analysis misses its truth, or a
    replicate could not be made.

    \b
    Example: tspo validate --replicates 200 --scenario primary --out validation
    """
    from cohort.validation.guide import headline, misses
    from cohort.validation.outcome import command_of, conclude
    from cohort.validation.runner import design_of
    from cohort.validation.verdict import FAILS, OPEN

    names = tuple(scenarios) or ("primary",)
    design = design_of(names, replicates, persons, seed, protocol, tuple(changes))
    _make_replicates(design, Path(out), workers)
    shown = Path(guide) if guide else None
    outcome = conclude(design, Path(out), command_of(design, names, shown), shown)
    print_rows("The primary analysis, at all ages", headline(outcome.table))
    for line in misses(outcome.table, FAILS, OPEN):
        click.echo(line, err=True)
    for (scenario, number), why in outcome.failures.items():
        click.echo(f"could not be made: {scenario}, seed {number}: {why}", err=True)
    click.echo(f"\nAll of it: {Path(out) / 'validation.md'}")
    sys.exit(_GATE_FAILED if outcome.gate_failed else 0)


@main.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@_protocol
def expect(files: Sequence[str], protocol: str | None) -> None:
    """Check what must follow from the fills of one made-up person, as FILE says.

    A FILE is TOML: products, fills, and the doses or days of supply that they must give. The study's own SQL is run
    on that person in memory. Exit code 3: something does not hold.

    \b
    Example: tspo expect tests/expectations/tablets.toml
    """
    from cohort.expectation.check import check
    from cohort.expectation.reader import read_expectations
    from cohort.protocol import load_protocol

    chosen = load_protocol(Path(protocol) if protocol else None)
    read = read_expectations([Path(file) for file in files], chosen)
    held = [print_findings(f"{one.path.name}: {one.file.title}", check(one)) for one in read]
    if not all(held):
        sys.exit(_GATE_FAILED)


def _make_replicates(design: Any, out: Path, workers: int) -> None:
    from cohort.validation.outcome import REPLICATES
    from cohort.validation.runner import run_replicates

    with progress("Replicates") as move:
        run_replicates(
            design,
            out / REPLICATES,
            workers,
            lambda done, total: move(f"{done:,} of {total:,} replicates", done / total),
        )


def _known_truth(cdm: Path, persons: int, seed: int) -> dict[str, Any]:
    """Simulate the demo's CDM unless it is there already, and return its truth."""
    path = cdm.with_suffix(".truth.json")
    if cdm.exists() and path.exists():
        truth = _read_truth(path)
        if (truth["persons"], truth["seed"], truth["scenario"]) == (persons, seed, "primary"):
            click.echo(f"Keeping {cdm}: the same {persons:,} persons as before.", err=True)
            return truth
    cdm.parent.mkdir(parents=True, exist_ok=True)
    _simulate(cdm, persons, seed, "primary", overwrite=True)
    return _read_truth(path)


def _read_truth(path: Path) -> dict[str, Any]:
    try:
        truth = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        truth = None
    if not isinstance(truth, dict) or "log_hazard_ratio" not in truth:
        raise UsageError(f"{path} is not the truth file of a synthetic CDM (`tspo simulate` writes it).")
    return truth


def _simulate(out: Path, persons: int, seed: int, scenario: str, overwrite: bool, with_ledger: bool = False) -> Path:
    from cohort.synthetic import simulate as make

    with progress(f"Simulating {persons:,} persons") as move:
        return make(
            out,
            persons,
            seed,
            scenario,
            progress=lambda share, what: move(what, share),
            overwrite=overwrite,
            with_ledger=with_ledger,
        )


def _run_study(cdm: str, out: str, protocol: str | None, changes: Sequence[str], threads: int, memory: str) -> bool:
    """Run the flow with a progress bar; true when a diagnostic gate failed."""
    from cohort.study import RunSettings

    settings = RunSettings(cdm=cdm, out=out, protocol=protocol, changes=tuple(changes), threads=threads, memory=memory)
    settings.load_protocol()
    # Prefect's own log is for its server; here the bar tells, and errors come as messages.
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    with progress("Starting") as move:
        from flows.progress import listening
        from flows.study import study

        with listening(lambda what, done, total: move(what, done / total)):
            outcome = study(settings)
    for warning in outcome.warnings:
        click.echo(f"warning: {warning}", err=True)
    return outcome.gate_failed


def entry_point() -> None:
    """Run `tspo` and leave at once when it is done.

    Prefect's background threads outlive the interpreter's orderly end, which makes the database's bindings print a
    page of warnings there; so what is registered for the end runs here, and then the process leaves.
    """
    code = 0
    try:
        main()
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    entry_point()
