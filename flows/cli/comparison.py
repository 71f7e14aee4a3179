"""`tspo compare`: two runs beside each other."""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cohort.errors import UsageError
from cohort.files import appearing
from flows.cli.options import GATE_FAILED
from flows.terminal import print_rows, progress

if TYPE_CHECKING:
    from cohort.comparison import Share
    from cohort.run import RunFolder

Records = tuple[Mapping[str, Any], Mapping[str, Any]]
_MOST = 40
"""So many letters of a value are told."""


@click.command()
@click.argument("before", metavar="BEFORE")
@click.argument("after", metavar="AFTER")
@click.option(
    "--cdm",
    metavar="CDM",
    help="The CDM that both runs read, or the first alone: say how much of the change belongs to each cause, by runs "
    "made anew in which one at a time is swapped.",
)
@click.option("--cdm-after", metavar="CDM", help="The CDM that the second run read, if it is another.")
@click.option("--html", "page", metavar="FILE", help="Write it as a page too.")
def compare(before: str, after: str, cdm: str | None, cdm_after: str | None, page: str | None) -> None:
    """Say what differs between two runs: what went in, what came out, and what both tell together.

    Exit code 3: with both at hand a small count can be had by subtraction.

    \b
    Example: tspo compare runs/march runs/april
    Example: tspo compare runs/march runs/april --cdm march.duckdb --cdm-after april.duckdb --html april.html
    """
    from cohort.comparison import causes, comparison_page, effects, revealed, words
    from cohort.report.release import read_release
    from cohort.run import RunFolder

    if cdm_after and not cdm:
        raise UsageError("--cdm-after needs --cdm: the CDM that the first run read.")
    runs = RunFolder(Path(before)), RunFolder(Path(after))
    if runs[0].root.resolve() == runs[1].root.resolve():
        raise UsageError("Both are the same folder; name two runs.")
    records = read_release(runs[0].release).run, read_release(runs[1].release).run
    found, came = causes(*runs, records), effects(runs[0].release, runs[1].release)
    cells = revealed(runs[0].release, runs[1].release, records)
    if found:
        rows = words.cause_rows(found)
        print_rows("What went in", [{name: _short(text) for name, text in row.items()} for row in rows])
    else:
        click.echo("The same went into both runs.")
    print_rows("What came out", words.size_rows(came))
    print_rows("Hazard ratios per unit of dose", words.ratio_rows(came))
    click.echo(words.said_of_ratios(came))
    shares = _shares(runs, records, (cdm, cdm_after or cdm)) if cdm else []
    if shares:
        print_rows("What belongs to what", _without_empty(words.share_rows(shares)))
    if cells:
        click.echo(f"warning: {words.said_of_cells(cells)}", err=True)
    if page:
        _write(Path(page), comparison_page((before, after), records, found, came, cells, shares))
    if cells:
        sys.exit(GATE_FAILED)


def _shares(runs: "tuple[RunFolder, RunFolder]", records: Records, cdms: tuple[str, str]) -> "list[Share]":
    """What each cause makes; the runs made anew are gone afterwards, for they hold patients' rows."""
    from cohort.comparison import attribute

    with tempfile.TemporaryDirectory(prefix="tspo-compare-") as work, progress("Runs") as bar:
        return attribute(runs, records, cdms, Path(work), lambda done, of: bar(f"Run {done} of {of}", done / of))


def _write(path: Path, page: str) -> None:
    try:
        with appearing(path) as part:
            part.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}. Choose another --html.") from None
    click.echo(f"Page: {path}")


def _without_empty(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The columns that say something."""
    kept = [name for name in rows[0] if any(row.get(name) for row in rows)]
    return [{name: row.get(name, "") for name in kept} for row in rows]


def _short(text: str) -> str:
    return text if len(text) <= _MOST else f"{text[: _MOST - 1]}…"
