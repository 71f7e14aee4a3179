"""Filled-in standards as Markdown, to be pasted into a manuscript's appendix."""

from collections.abc import Sequence

from cohort.report.standards.items import AUTHORS, Item, Standard


def as_markdown(title: str, standards: Sequence[Standard]) -> str:
    """A page with a table for each standard.

    Args:
        title: of the study.
    """
    parts = [f"# {_cell(title)}: reporting standards", "Filled in from the protocol and the released results."]
    for standard in standards:
        parts += [f"## {standard.name}", f"{standard.source}."]
        for group in standard.groups:
            parts += [f"### {group.name}"] if group.name else []
            parts.append(_table(standard.headings, group.items))
    return "\n\n".join(parts) + "\n"


def _table(headings: Sequence[str], items: Sequence[Item]) -> str:
    rows = [headings, ["---"] * len(headings), *((i.number, i.asks, i.says or AUTHORS) for i in items)]
    return "\n".join(f"| {' | '.join(_cell(text) for text in row)} |" for row in rows)


def _cell(text: str) -> str:
    """Text that stays in its cell, and is read as it stands."""
    plain = " ".join(text.split()).replace("\\", "\\\\")
    for mark in "|<>*_`[]":
        plain = plain.replace(mark, f"\\{mark}")
    return plain
