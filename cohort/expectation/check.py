"""Check an expectation file: the study's own SQL on one made-up person, compared with what was expected.

In: an `Expectation`. Out: one `Finding` for each value that was written down, with what the study found. Numbers are
equal within a relative difference of 1e-9; a dose over time also within a millionth of a unit, because the study adds
it up in whole billionths a day.
"""

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb

from cohort.errors import UsageError
from cohort.expectation.file import DoseOn, OfAFill, Stretch
from cohort.expectation.person import ingredient_ids, made_up_cdm
from cohort.expectation.reader import Expectation
from cohort.trial import Row, run_tables

Tables = dict[str, list[Row]]

_TABLES = {
    "ledger": ("dose",),
    "supply": ("supply",),
    "discarded": ("stockpile",),
    "dose": ("cohort", "eligibility", "person_time"),
}
_TEXTS = {"tspo_class", "route", "strength_unit", "strength_rule", "days_source", "rule", "problem", "status"}
_DOSE_TOLERANCE = 1e-6
_OBSTACLES = {
    "has_entry": "nothing allows entry: too young, or not observed for long enough",
    "is_new_user": "a study drug was filled in the washout before entry on {entry_date}",
    "has_time_at_risk": "there is no time at risk after entry on {entry_date}",
}


@dataclass(frozen=True)
class Finding:
    """One value: what it is about, what was expected and what was found, as text, and whether they agree."""

    about: str
    expected: str
    found: str
    holds: bool


def check(expectation: Expectation) -> list[Finding]:
    """Every value that a file expects, beside what the study's SQL gives.

    Raises:
        UsageError: the SQL cannot be run on this person, as when a quantity is beyond all measure.
    """
    tables, expected = _run(expectation), expectation.file.expected
    findings = [_columns(expectation, row, tables["dose"], "ledger") for row in expected.ledger]
    findings += [_stretches(expectation, rows, tables["supply"]) for rows in _by_fill(expectation)]
    findings += [_columns(expectation, row, tables["stockpile"], "discarded") for row in expected.discarded]
    findings += [_doses(expectation, row, tables) for row in expected.dose]
    return [finding for group in findings for finding in group]


def _run(expectation: Expectation) -> Tables:
    file = expectation.file
    wanted = [table for name, tables in _TABLES.items() if getattr(file.expected, name) for table in tables]
    # An interval for every day of change: the row that covers a date then holds the dose of that date.
    protocol = expectation.protocol.changed(dose_update_days=1)
    try:
        return run_tables(made_up_cdm(file, expectation.facts), protocol, wanted)
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"{expectation.path}: the study's SQL cannot be run on this person; is a number far too large? {reason}"
        ) from None


def _of_fill(expectation: Expectation, row: OfAFill, rows: Sequence[Row]) -> list[Row]:
    """The rows of a table that belong to an expectation's fill and drug."""
    ingredient = ingredient_ids(expectation.file, expectation.facts)[_drug(expectation, row)]
    return [r for r in rows if (r["drug_exposure_id"], r["ingredient_concept_id"]) == (row.fill, ingredient)]


def _drug(expectation: Expectation, row: OfAFill) -> str:
    file = expectation.file
    return row.drug or file.study_drugs(file.fills()[row.fill].product)[0]


def _columns(expectation: Expectation, row: OfAFill, rows: Sequence[Row], name: str) -> Iterator[Finding]:
    """The columns of the one row that a table has of a fill and drug."""
    about = f"{name}, fill {row.fill} ({_drug(expectation, row)})"
    found = _of_fill(expectation, row, rows)
    for column, value in row.compared().items():
        what, expected = f"{about}: {column}", _shown(column, value)
        if not found:
            yield Finding(what, expected, "no row of this fill", holds=False)
            continue
        cell = found[0][f"discarded_{column}" if name == "discarded" else column]
        yield Finding(what, expected, _shown(column, cell), _same(value, cell))


def _by_fill(expectation: Expectation) -> list[list[Stretch]]:
    """The stretches that are expected, together for each fill and drug."""
    groups: dict[tuple[int, str], list[Stretch]] = {}
    for row in expectation.file.expected.supply:
        groups.setdefault((row.fill, _drug(expectation, row)), []).append(row)
    return list(groups.values())


def _stretches(expectation: Expectation, rows: Sequence[Stretch], supply: Sequence[Row]) -> Iterator[Finding]:
    """All stretches of a fill and drug, as one value."""
    born = expectation.file.person.birth_date
    expected = sorted((row.start, row.days) for row in rows if row.start is not None and row.days)
    found = sorted(
        (born + dt.timedelta(row["start_day"]), row["accruing_days"])
        for row in _of_fill(expectation, rows[0], supply)
        if row["accruing_days"]
    )
    about = f"supply, fill {rows[0].fill} ({_drug(expectation, rows[0])})"
    yield Finding(about, _listed(expected), _listed(found), expected == found)


def _listed(stretches: Sequence[tuple[dt.date, int]]) -> str:
    return ", ".join(f"{days} days from {start}" for start, days in stretches) or "no day"


def _doses(expectation: Expectation, row: DoseOn, tables: Tables) -> Iterator[Finding]:
    """The dose of each class, and its category, in the interval that covers a date."""
    day = (row.date - expectation.file.person.birth_date).days
    covering = [time for time in tables["person_time"] if time["start_day"] <= day < time["stop_day"]]
    for column, value in row.compared().items():
        about, expected = f"dose on {row.date}: {column}", _shown(column, value)
        if not covering:
            yield Finding(about, expected, _why_not_followed(tables), holds=False)
            continue
        is_category = column.startswith("category")
        cell = covering[0][column if is_category else f"dose_{column}"]
        # Of what was added up in rounded parts; a zero is exact.
        tolerance = _DOSE_TOLERANCE if value and cell else 0
        yield Finding(about, expected, _shown(column, cell), _same(value, cell, tolerance))


def _why_not_followed(tables: Tables) -> str:
    for person in tables["cohort"]:
        last = person["exit_date"] - dt.timedelta(1)
        return f"not followed then, but from {person['entry_date']} to {last} ({person['exit_reason']})"
    (person,) = tables["eligibility"]
    reason = next((text for criterion, text in _OBSTACLES.items() if not person[criterion]), "no criterion holds")
    return f"never followed: {reason.format(**person)}"


def _same(expected: object, found: object, tolerance: float = 0) -> bool:
    if isinstance(expected, float) and isinstance(found, int | float):
        return math.isclose(expected, found, rel_tol=1e-9, abs_tol=tolerance)
    return expected == found


def _shown(column: str, value: object) -> str:
    if value is None:
        return "empty" if column in _TEXTS else "unknown"
    return (
        f"{value:.12g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
    )
