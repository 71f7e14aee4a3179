"""What was found in a CDM, as rows of text: for the terminal, and as Markdown for Prefect.

In: a `Check` or a `Survey`. Out: rows of text, by title. Every number in them may be told.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from cohort.feasibility.check import Check
from cohort.feasibility.fills import SHARES
from cohort.feasibility.said import Said
from cohort.feasibility.survey import Survey
from cohort.feasibility.tables import ColumnFound, TableFound

Rows = list[dict[str, str]]
_FIRST = 3
"""Faulty concepts that are told by name."""


def check_pages(check: Check) -> dict[str, Rows]:
    """Title -> rows, in the order of reading; a page without rows is left out."""
    held = len(check.rules) - len(check.broken)
    pages = {
        described(check.cdm): [_table_row(table) for table in check.tables],
        f"Records that break a rule ({held} of {len(check.rules)} rules hold)": [
            {
                "table": rule.table,
                "rule": rule.rule.replace("_", " "),
                "rows": _count(rule.count),
                "share": _share_of(rule.count, rule.rows),
                "what": rule.says.partition(f" rows of {rule.table} ")[2],
            }
            for rule in check.broken
        ],
        "Fills of study drugs that have what a dose needs": [
            {
                "drug": drug.drug,
                "class": drug.tspo_class,
                "fills": _count(drug.fills),
                **{share.removeprefix("with_"): _percent(getattr(drug, share)) for share in SHARES},
            }
            for drug in check.fills
        ],
        "Concepts that the study names, and this vocabulary lacks or does not hold as valid standard concepts": [
            {
                "concepts of": concepts.name,
                "ids": f"{concepts.ids:,}",
                **{status: f"{concepts.count(status):,}" for status in ("absent", "invalid", "not standard")},
                "first": "; ".join(f"{one.concept_id} {one.name}".strip() for one in concepts.faulty[:_FIRST]),
            }
            for concepts in check.concepts
            if concepts.faulty
        ],
        "What the study can do with this CDM": [
            {"capability": one.capability, "verdict": one.verdict, "why": one.why} for one in check.capabilities
        ],
    }
    return {title: rows for title, rows in pages.items() if rows}


def described(snapshot: Mapping[str, Any]) -> str:
    """A CDM in a line: its name, versions, and the time it covers."""
    first, last = snapshot["earliest_observation_date"], snapshot["latest_observation_date"]
    parts = [
        f"CDM {snapshot['cdm_version']}" if snapshot["cdm_version"] else "CDM of unknown version",
        f"vocabulary {snapshot['vocabulary_version']}" if snapshot["vocabulary_version"] else "vocabulary unknown",
        f"released {snapshot['cdm_release_date']}" if snapshot["cdm_release_date"] else "",
        f"observed {str(first)[:4]} to {str(last)[:4]}" if first else "nobody observed",
    ]
    return f"{snapshot['cdm_source_name'] or 'A CDM without a name'}: {', '.join(part for part in parts if part)}"


def survey_markdown(survey: Survey, threshold: int) -> str:
    """The look that a run begins with, as Markdown.

    Args:
        threshold: counts from 1 to threshold - 1 are told as `<threshold`.
    """
    said = Said(threshold)
    rows = [{"table": name, "rows": said(count)} for name, count in survey.rows.items()]
    return _page(described(survey.snapshot), rows, survey.problems, survey.warnings)


def problems_markdown(problems: Sequence[str]) -> str:
    """Why a CDM cannot be studied, as Markdown."""
    return _page("This CDM cannot be studied", [], problems, ())


def _page(title: str, rows: Rows, problems: Sequence[str], warnings: Sequence[str]) -> str:
    parts = [f"# {title}"]
    if rows:
        lines = [list(rows[0]), ["---", *["---:" for _ in list(rows[0])[1:]]], *(list(row.values()) for row in rows)]
        parts.append("\n".join("| " + " | ".join(line) + " |" for line in lines))
    for name, notes in (("Problems", problems), ("Warnings", warnings)):
        if notes:
            parts += [f"## {name}", "\n".join(f"- {note}" for note in notes)]
    return "\n\n".join([*parts, "`tspo check` looks at the records too."])


def _table_row(table: TableFound) -> dict[str, str]:
    missing = [column.column for column in table.columns if column.state == "missing"]
    return {
        "table": table.table + ("" if table.is_required else " (optional)"),
        "found": table.state,
        "rows": _count(table.rows),
        "columns missing": "all" if table.state == "missing" else ", ".join(missing),
        "read as": _read_as(table.columns),
    }


def _differs(column: ColumnFound) -> bool:
    """Whether a value changes its kind when it is read: wider and narrower whole numbers are the same kind."""
    return column.type_found is not None and _kind(column.type_found) != _kind(column.type_needed)


def _read_as(columns: Sequence[ColumnFound]) -> str:
    """The columns whose values change their kind; of a file of text it is said once."""
    there = [column for column in columns if column.type_found is not None]
    if there and all(column.type_found == "VARCHAR" for column in there) and any(map(_differs, there)):
        return "a file of text"
    return ", ".join(f"{one.column} {one.type_found} as {one.type_needed}" for one in there if _differs(one))


def _kind(name: str) -> str:
    base = name.partition("(")[0]
    whole = {"BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT", "UBIGINT", "UINTEGER", "USMALLINT", "UTINYINT"}
    return "whole" if base in whole else base


def _count(count: int | str | None) -> str:
    return "hidden" if count is None else f"{count:,}" if isinstance(count, int) else count


def _share_of(count: int | str, rows: int | str) -> str:
    if isinstance(count, str) or isinstance(rows, str):
        return ""
    share = count / rows
    return "<0.1%" if share < 0.001 else f"{share:.1%}"


def _percent(share: float | None) -> str:
    return "hidden" if share is None else f"{share:.1%}"
