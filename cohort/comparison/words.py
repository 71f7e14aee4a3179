"""What a comparison says, as text: the same words in the terminal and on the page."""

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from cohort.comparison.attribution import CDM, PROTOCOL, SETS, Share
from cohort.comparison.causes import Cause
from cohort.comparison.disclosure import Revealed
from cohort.comparison.effects import Effects
from cohort.report.numbers import NO_BREAK, with_bounds
from cohort.results import CONTRAST, OVERALL
from cohort.summary import NAMES

HIDDEN = "-"
Rows = list[dict[str, str]]
_MAIN = ("persons studied", "events", "dose told (dme)")
"""Sizes that are told beside each cause where there is little room."""


def cause_rows(causes: Sequence[Cause]) -> Rows:
    """What went in otherwise."""
    ends = [(cause, _apart(cause.before, cause.after)) for cause in causes]
    return [{"of": one.kind, "what": one.what, "before": old, "after": new} for one, (old, new) in ends]


def size_rows(found: Effects) -> Rows:
    """How large both studies are."""
    return [
        {"what": what, "before": _number(before), "after": _number(after), "change": _difference(before, after)}
        for what, before, after in found.sizes.iter_rows()
    ]


def ratio_rows(found: Effects) -> Rows:
    """The headline hazard ratios of both."""
    return [_ratio_row(row) for row in found.headline.iter_rows(named=True)]


def said_of_ratios(found: Effects) -> str:
    """How many of all hazard ratios differ."""
    told = [pl.col(f"hazard_ratio_{end}").is_not_null() for end in ("before", "after")]
    both = found.estimates.filter(*told).height
    return (
        f"{found.changed.height:,} of {both:,} hazard ratios that both runs have differ; "
        f"{found.only('before'):,} are in the first alone, {found.only('after'):,} in the second."
    )


def said_of_cells(cells: Sequence[Revealed]) -> str:
    """What two releases tell together, in one sentence and its cure; empty where they tell nothing."""
    if not cells:
        return ""
    tables = dict.fromkeys(cell.table for cell in cells)
    told = [
        f"{', '.join(f'{one.cells:,} of {one.column}' for one in cells if one.table == table)} in {table}"
        for table in tables
    ]
    return (
        f"Who holds both releases knows small numbers, for these differ by little: {'; '.join(told)}. Release one of "
        "them, or round (disclosure.round_counts_to), and pass this comparison to nobody else."
    )


def share_rows(shares: Sequence[Share]) -> Rows:
    """Each cause with what it makes of the main numbers."""
    return [
        {"cause": _named(share)} | dict(_told(share, is_short=True)) | {"why not": share.why_not} for share in shares
    ]


def share_table(shares: Sequence[Share]) -> Rows:
    """All numbers, a column for each cause."""
    columns = {_named(share): dict(_told(share)) for share in shares}
    names = dict.fromkeys(name for column in columns.values() for name in column)
    return [{"number": n} | {cause: column.get(n, HIDDEN) for cause, column in columns.items()} for n in names]


def _named(share: Share) -> str:
    return f"{share.kind}: {share.what}" if share.kind in (CDM, PROTOCOL, SETS) else f"{share.kind}, {share.what}"


def _told(share: Share, is_short: bool = False) -> Iterator[tuple[str, str]]:
    for kind, what, change in share.changes.iter_rows():
        if kind == "size":
            if not is_short or what in _MAIN:
                yield what, _signed(change)
            continue
        exposure, age = what.split(", ", 1)
        if not is_short:
            yield f"{NAMES.get(exposure, exposure)}, {age}", _factor(change)
        elif age == OVERALL and exposure in ("tspo_binder", "tspo_non_binder", CONTRAST):
            yield NAMES.get(exposure, exposure), _factor(change)


def _signed(change: float | None) -> str:
    return HIDDEN if change is None else "0" if round(change) == 0 else f"{change:+,.0f}"


def _factor(change: float | None) -> str:
    return HIDDEN if change is None else f"x {math.exp(change):.3f}"


def _ratio_row(row: dict[str, Any]) -> dict[str, str]:
    moved = row["standard_errors"]
    return {
        "exposure": NAMES.get(row["exposure"], row["exposure"]),
        "age": row["age_stratum"],
        "events": f"{_number(row['events_before'])} to {_number(row['events_after'])}",
        "before": _ratio(row, "before"),
        "after": _ratio(row, "after"),
        "change": HIDDEN if row["change"] is None else f"x {row['change']:.3f}",
        "in standard errors": HIDDEN if moved is None else f"{moved:+.2f}",
    }


def _ratio(row: dict[str, Any], end: str) -> str:
    if row[f"hazard_ratio_{end}"] is None:
        return row[f"status_{end}"] or HIDDEN
    told = (row[f"{name}_{end}"] for name in ("hazard_ratio", "ci_lower", "ci_upper"))
    return with_bounds(*told).replace(NO_BREAK, " ")


def _number(value: float | None) -> str:
    return HIDDEN if value is None else f"{value:,.0f}"


def _difference(before: float | None, after: float | None) -> str:
    return HIDDEN if before is None or after is None else f"{after - before:+,.0f}"


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
    return (own[0] or HIDDEN, own[1] or HIDDEN) if any(own) else (before, after)
