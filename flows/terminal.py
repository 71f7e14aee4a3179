"""What the command line shows: a progress bar, tables, and the findings of expectation files."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

_WORDS = {
    *("exposure", "age", "table", "drug", "concept_set", "class", "how", "rest"),
    *("expectation", "expected", "found"),
    *("analysis", "tables", "models", "state", "why"),
    *("scenario", "verdict"),
    *("found", "columns missing", "read as", "rule", "what", "concepts of", "first", "capability", "why", "of"),
    *("cause", "why not"),
}
"""Columns that hold words, and stand to the left."""

_COLOURS = {"yes": "[green]{}[/green]", "limited": "[yellow]{}[/yellow]", "no": "[red]{}[/red]"}
"""Verdicts, on a terminal that has colours."""


class progress:  # noqa: N801 - used as a function
    """A progress bar on standard error, on a terminal; nothing elsewhere."""

    def __init__(self, what: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<60}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(what, total=1.0)

    def __enter__(self) -> Callable[[str, float], None]:
        self._bar.start()
        return lambda what, share: self._bar.update(self._task, description=what[:60], completed=share)

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


def print_headline(release: Path, truth: dict[str, Any] | None = None) -> None:
    """The headline table of a run's released results, and what of them is hidden, and why."""
    from cohort.summary import headline_outcome, headline_rows, headline_unit, said_of_hidden

    title = f"Hazard ratio of {headline_outcome(release)} {headline_unit(release)}"
    print_rows(title + (" beside the planted truth" if truth else ""), headline_rows(release, truth))
    for said in said_of_hidden(release):
        click.echo(said)


def print_rows(title: str, rows: Sequence[dict[str, str]]) -> None:
    """A table with a title; the rows of one age stand together."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title), title_justify="left", title_style="bold")
    for name in rows[0] if rows else ():
        table.add_column(name, justify="left" if name in _WORDS else "right")
    for row, following in zip(rows, [*rows[1:], {}], strict=True):
        cells = [_COLOURS.get(cell, "{}").format(escape(cell)) for cell in row.values()]
        table.add_row(*cells, end_section=row.get("age") != following.get("age"))
    Console(width=None if sys.stdout.isatty() else 130).print(table)


def print_findings(title: str, findings: Sequence[Any]) -> bool:
    """Print how many of a file's expectations hold, and those that do not; true when all do."""
    failed = [finding for finding in findings if not finding.holds]
    click.echo(f"{title}: {len(findings) - len(failed)} of {len(findings)} expectations hold")
    rows = [{"expectation": f.about, "expected": f.expected, "found": f.found} for f in failed]
    if rows:
        print_rows("", rows)
    return not rows
