"""`tspo check`, `tspo codes` and `tspo plan`: what a CDM offers to the study, and what a run will take."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from flows.blocks import location_of
from flows.cli.options import (
    STDOUT,
    cdm_option,
    changes_option,
    json_option,
    memory_option,
    protocol_option,
    write_json_to,
)
from flows.terminal import print_rows, progress

if TYPE_CHECKING:
    from cohort.protocol import Protocol
    from cohort.source import Cdm


@click.command()
@cdm_option
@protocol_option
@changes_option
@json_option
def check(cdm: str, protocol: str | None, changes: Sequence[str], json_file: str | None) -> None:
    """Say what the study needs of a CDM, and what it finds there.

    \b
    Example: tspo check --cdm cdm.duckdb
    """
    from cohort.feasibility import check as look
    from cohort.feasibility.pages import check_pages
    from cohort.protocol import load_protocol

    chosen = load_protocol(Path(protocol) if protocol else None, changes)
    with progress("Reading the CDM"), _opened(cdm, chosen) as opened:
        found = look(opened, chosen)
    if json_file:
        write_json_to(json_file, found.model_dump_json(indent=2))
    if json_file != STDOUT:
        for title, rows in check_pages(found).items():
            print_rows(title, rows)
        for warning in found.warnings:
            click.echo(f"warning: {warning}")
    for problem in found.problems:
        click.echo(f"problem: {problem}", err=True)
    if not found.can_run:
        sys.exit(1)
    if json_file != STDOUT:
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
    from cohort.protocol import load_protocol
    from cohort.summary import coverage_rows
    from cohort.tabular import as_text

    chosen = load_protocol(Path(protocol) if protocol else None, changes)
    with _opened(cdm, chosen) as opened:
        opened.require()
        resolve_vocabulary(opened.connection, chosen)
        drugs, sets = drug_codes(opened.connection), concept_set_codes(opened.connection)
        coverage = dose_coverage(opened.connection, chosen)
    print_rows("Study drugs", as_text(drugs, chosen.disclosure.min_cell_count, ("records", "persons")))
    print_rows("Concept sets", as_text(sets))
    print_rows("How the doses of fills are found", coverage_rows(coverage, chosen.disclosure.min_cell_count))


@click.command()
@cdm_option
@protocol_option
@changes_option
@memory_option
@json_option
def plan(cdm: str, protocol: str | None, changes: Sequence[str], memory: str, json_file: str | None) -> None:
    """Tell what a run will read, make and need: rows, memory, disk and time.

    \b
    Example: tspo plan --cdm cdm.duckdb
    """
    from cohort.plan import plan as look
    from cohort.plan.pages import plan_pages, spill_sentence
    from cohort.protocol import load_protocol

    chosen = load_protocol(Path(protocol) if protocol else None, changes)
    with progress("Counting"), _opened(cdm, chosen, memory) as opened:
        found = look(opened, chosen, memory)
    if json_file:
        write_json_to(json_file, found.model_dump_json(indent=2))
    if json_file != STDOUT:
        for title, rows in plan_pages(found).items():
            print_rows(title, rows)
        click.echo(spill_sentence(found))


@contextmanager
def _opened(cdm: str, protocol: "Protocol", memory: str | None = None) -> Iterator["Cdm"]:
    """The CDM with what the protocol needs of it; what does not fit in memory spills to a temporary folder."""
    from cohort.inputs import study_inputs
    from cohort.needs import needs_of
    from cohort.source import Resources, open_cdm

    resources = Resources(memory=memory) if memory else None
    needs = needs_of([study_inputs(protocol)])
    with TemporaryDirectory() as spill, open_cdm(location_of(cdm), resources, Path(spill), needs=needs) as opened:
        yield opened
