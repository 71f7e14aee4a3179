"""`tspo simulate`, `tspo validate` and `tspo expect`: worlds whose truth is known."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from flows.cli.options import GATE_FAILED, changes_option, protocol_option
from flows.terminal import print_findings, print_rows, progress


@click.command()
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
    truth = simulate_cdm(Path(out), persons, seed, scenario, overwrite, ledger)
    click.echo(f"{out}: {persons:,} persons; the truth is in {truth}")


@click.command()
@click.option("--replicates", required=True, type=click.IntRange(1), help="Simulated worlds of each scenario.")
@click.option(
    "--scenario", "scenarios", multiple=True, metavar="NAME", help="A world to simulate; may be repeated.  [primary]"
)
@click.option("--persons", type=click.IntRange(1), help="Persons of each; none: as the scenario says, mostly 20,000.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Seed of the first replicate.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 256), help="Processes at a time.")
@click.option("--out", default="validation", show_default=True, metavar="DIR", help="Replicates, table and figures.")
@click.option("--guide", metavar="DIR", help="A folder that gets the page as README.md, and the figures.")
@protocol_option
@changes_option
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
    sys.exit(GATE_FAILED if outcome.gate_failed else 0)


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@protocol_option
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
        sys.exit(GATE_FAILED)


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


def simulate_cdm(out: Path, persons: int, seed: int, scenario: str, overwrite: bool, with_ledger: bool = False) -> Path:
    """Simulate a CDM with a progress bar; the path of its truth file is returned."""
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
