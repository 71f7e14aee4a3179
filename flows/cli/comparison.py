"""`tspo compare`: two runs beside each other."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cohort.errors import UsageError
from flows.cli.options import GATE_FAILED
from flows.terminal import print_rows

if TYPE_CHECKING:
    import polars as pl

    from cohort.comparison import Effects

_HIDDEN = "-"


@click.command()
@click.argument("before", metavar="BEFORE")
@click.argument("after", metavar="AFTER")
def compare(before: str, after: str) -> None:
    """Say what differs between two runs: what went in, what came out, and what both tell together.

    Exit code 3: with both at hand a small count can be had by subtraction.

    \b
    Example: tspo compare runs/march runs/april
    """
    from cohort.comparison import causes, effects, revealed
    from cohort.report.release import read_release
    from cohort.run import RunFolder

    one, other = (RunFolder(Path(folder)) for folder in (before, after))
    if one.root.resolve() == other.root.resolve():
        raise UsageError("Both are the same folder; name two runs.")
    records = read_release(one.release).run, read_release(other.release).run
    _print_causes(causes(one, other, records))
    _print_effects(effects(one.release, other.release))
    cells = revealed(one.release, other.release, records)
    for found in cells:
        click.echo(
            f"warning: {found.cells:,} of {found.column} in {found.table} differ by little from one release to the "
            "other: who holds both knows a small number. Release one of them, or round (disclosure.round_counts_to).",
            err=True,
        )
    if cells:
        sys.exit(GATE_FAILED)


def _print_causes(causes: list[Any]) -> None:
    if not causes:
        click.echo("The same went into both runs.")
        return
    rows = []
    for cause in causes:
        before, after = _apart(cause.before, cause.after)
        rows.append({"of": cause.kind, "what": cause.what, "before": _short(before), "after": _short(after)})
    print_rows("What went in", rows)


def _print_effects(found: "Effects") -> None:
    sizes = [
        {"what": what, "before": _number(before), "after": _number(after), "change": _change(before, after)}
        for what, before, after in found.sizes.iter_rows()
    ]
    print_rows("What came out", sizes)
    print_rows("Hazard ratios per unit of dose", [_ratio_row(row) for row in found.headline.iter_rows(named=True)])
    both = found.estimates.filter(_told(found.estimates, "before") & _told(found.estimates, "after")).height
    click.echo(
        f"{found.changed.height:,} of {both:,} hazard ratios that both runs have differ; "
        f"{found.only('before'):,} are in the first alone, {found.only('after'):,} in the second."
    )


def _told(estimates: "pl.DataFrame", end: str) -> "pl.Series":
    return estimates.get_column(f"hazard_ratio_{end}").is_not_null()


def _ratio_row(row: dict[str, Any]) -> dict[str, str]:
    from cohort.summary import NAMES

    moved = row["standard_errors"]
    return {
        "exposure": NAMES.get(row["exposure"], row["exposure"]),
        "age": row["age_stratum"],
        "events": f"{_number(row['events_before'])} to {_number(row['events_after'])}",
        "before": _ratio(row, "before"),
        "after": _ratio(row, "after"),
        "change": _HIDDEN if row["change"] is None else f"x {row['change']:.3f}",
        "in standard errors": _HIDDEN if moved is None else f"{moved:+.2f}",
    }


def _ratio(row: dict[str, Any], end: str) -> str:
    if row[f"hazard_ratio_{end}"] is None:
        return row[f"status_{end}"] or _HIDDEN
    lower, upper = row[f"ci_lower_{end}"], row[f"ci_upper_{end}"]
    return f"{row[f'hazard_ratio_{end}']:.2f} ({lower:.2f}-{upper:.2f})"


def _number(value: float | None) -> str:
    return _HIDDEN if value is None else f"{value:,.0f}"


def _change(before: float | None, after: float | None) -> str:
    return _HIDDEN if before is None or after is None else f"{after - before:+,.0f}"


def _apart(before: str, after: str) -> tuple[str, str]:
    """Two values, or of two lists what each has and the other has not."""
    try:
        lists = json.loads(before), json.loads(after)
    except ValueError:
        return before, after
    if not all(isinstance(items, list) for items in lists):
        return before, after
    texts = [[item if isinstance(item, str) else json.dumps(item) for item in items] for items in lists]
    own = [", ".join(text for text in texts[i] if text not in texts[1 - i]) for i in (0, 1)]
    return (own[0] or "-", own[1] or "-") if any(own) else (before, after)


def _short(text: str, most: int = 40) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
