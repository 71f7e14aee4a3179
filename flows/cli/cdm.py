"""`tspo check` and `tspo codes`: what a CDM offers to the study."""

import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from flows.blocks import location_of
from flows.cli.options import cdm_option, changes_option, protocol_option
from flows.terminal import print_rows


@click.command()
@cdm_option
@protocol_option
@changes_option
def check(cdm: str, protocol: str | None, changes: Sequence[str]) -> None:
    """Say what the study needs of a CDM, and what it finds there.

    \b
    Example: tspo check --cdm cdm.duckdb
    """
    from cohort.feasibility import survey
    from cohort.inputs import study_inputs
    from cohort.needs import needs_of
    from cohort.protocol import load_protocol
    from cohort.source import open_cdm

    chosen = load_protocol(Path(protocol) if protocol else None, changes)
    with open_cdm(location_of(cdm), needs=needs_of([study_inputs(chosen)])) as opened:
        found = survey(opened, chosen)
    print_rows("Rows by table", [{"table": name, "rows": f"{rows:,}"} for name, rows in found.rows.items()])
    for warning in found.warnings:
        click.echo(f"warning: {warning}")
    for problem in found.problems:
        click.echo(f"problem: {problem}", err=True)
    if found.problems:
        sys.exit(1)
    click.echo("This CDM can be studied.")


@click.command()
@cdm_option
@protocol_option
@changes_option
def codes(cdm: str, protocol: str | None, changes: Sequence[str]) -> None:
    """List the study's drugs and concept sets as this CDM resolves them, and how doses are found.

    \b
    Example: tspo codes --cdm cdm.duckdb
    """
    from cohort.feasibility import concept_set_codes, dose_coverage, drug_codes, resolve_vocabulary
    from cohort.inputs import study_inputs
    from cohort.needs import needs_of
    from cohort.protocol import load_protocol
    from cohort.source import open_cdm
    from cohort.summary import coverage_rows
    from cohort.tabular import as_text

    chosen = load_protocol(Path(protocol) if protocol else None, changes)
    needs = needs_of([study_inputs(chosen)])
    with TemporaryDirectory() as spill, open_cdm(location_of(cdm), spill=Path(spill), needs=needs) as opened:
        opened.require()
        resolve_vocabulary(opened.connection, chosen)
        drugs, sets = drug_codes(opened.connection), concept_set_codes(opened.connection)
        coverage = dose_coverage(opened.connection, chosen)
    print_rows("Study drugs", as_text(drugs, chosen.disclosure.min_cell_count, ("records", "persons")))
    print_rows("Concept sets", as_text(sets))
    print_rows("How the doses of fills are found", coverage_rows(coverage, chosen.disclosure.min_cell_count))
