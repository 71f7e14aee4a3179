"""A timeline as text: what a person reads who checks the study against the records."""

import datetime as dt

from cohort.inputs import EXPOSURES
from cohort.timeline.person import Fill, Interval, Timeline

_YEAR = 365.25
Table = tuple[tuple[str, ...], list[tuple[str, ...]]]


def words(person: Timeline) -> str:
    """The timeline, in the order in which the study uses it: who, whether in, fills, person-time, events."""
    return "\n".join([*_who(person), *_rules(person), *_fills(person), *_intervals(person), *_events(person), ""])


def _who(person: Timeline) -> list[str]:
    imputed = ", of which a part is not recorded" if person.is_birth_imputed else ""
    born = f"born {person.birth}{imputed}" if person.birth else "without a date of birth"
    lines = [f"Person {person.person_id}: {person.sex}, {born}"]
    if person.exit:
        return [
            *lines,
            f"Studied from {_dated(person, person.entry)} to {_dated(person, person.exit)}: {person.exit_reason}",
        ]
    return [*lines, f'Not studied: does not meet "{person.excluded_by}"']


def _rules(person: Timeline) -> list[str]:
    first = person.excluded_by
    rows: list[tuple[str, ...]] = []
    for rule, holds in person.rules:
        rows.append((rule, "met" if holds else "not met, and so left out" if rule == first else "not met"))
    return ["", "Rules", *_table((("rule", "this person"), rows))]


def _fills(person: Timeline) -> list[str]:
    if not person.fills:
        return ["", "Fills of study drugs: none"]
    head = (
        *("filled", "drug", "class", "quantity", "strength", "days", "dme/day", "taken from", "until", "days lost"),
        "status",
    )
    return ["", f"Fills of study drugs: {len(person.fills)}", *_table((head, [_fill(fill) for fill in person.fills]))]


def _fill(fill: Fill) -> tuple[str, ...]:
    return (
        *(str(fill.date), fill.drug, fill.tspo_class.replace("_", "-"), _number(fill.quantity), fill.strength),
        *(_number(fill.days), _number(fill.dme_per_day), _day(fill.taken_from), _day(fill.taken_until)),
        *(str(fill.days_lost) if fill.days_lost else "", fill.status),
    )


def _intervals(person: Timeline) -> list[str]:
    if not person.intervals:
        return ["", "Person-time: none"]
    head = ("after", "until", "age", *(name.removeprefix("tspo_").replace("_", "-") for name in EXPOSURES), "ends with")
    rows = [_interval(interval) for interval in person.intervals]
    return [
        "",
        f"Person-time, with the lagged cumulative exposure ({person.metric}) that holds in it",
        *_table((head, rows)),
    ]


def _interval(interval: Interval) -> tuple[str, ...]:
    dose = (_number(value, "unknown") for value in interval.dose.values())
    return (str(interval.start), str(interval.stop), interval.age_stratum, *dose, interval.ends_with)


def _events(person: Timeline) -> list[str]:
    rows = sorted((str(date), name) for name, date in person.events.items())
    return ["", "What is recorded", *_table((("date", "what"), [tuple(row) for row in rows]))]


def _table(table: Table) -> list[str]:
    head, rows = table
    widths = [max(len(row[k]) for row in (head, *rows)) for k in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)]
    return [f"  {line}".rstrip() for line in (lines[0], "  ".join("-" * width for width in widths), *lines[1:])]


def _dated(person: Timeline, date: dt.date | None) -> str:
    if date is None or person.birth is None:
        return str(date)
    return f"{date} (age {(date - person.birth).days / _YEAR:.1f})"


def _number(value: float | None, missing: str = "") -> str:
    return missing if value is None else f"{value:.6g}"


def _day(date: dt.date | None) -> str:
    return str(date) if date else ""
