"""Absolute risks by class, age and dose category.

In: rows of `risks.csv`. Out: a table for each class and age, of rows of text by outcome and years. What was suppressed
or not estimable says so in the place of its numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cohort.report.classes import CLASSES, EXPOSURES
from cohort.report.ends import ends
from cohort.report.numbers import ABSENT, EN_DASH, NO_BREAK, capital, count, difference, p_value, percent
from cohort.report.release import Release, Row, told

_SOLE = "reference"


@dataclass(frozen=True)
class RiskRow:
    """A dose category; `reason` is empty where there is a risk."""

    category: str
    risk: str = ""
    difference: str = ""
    p: str = ""
    years_lost: str = ""
    years_lost_difference: str = ""
    at_risk: str = ""
    reason: str = ""


@dataclass(frozen=True)
class RiskGroup:
    """The categories of one outcome within some years."""

    name: str
    rows: Sequence[RiskRow]


@dataclass(frozen=True)
class RiskTable:
    """The risks of one class from one age on; the table that is read first is open."""

    name: str
    colour: str
    age: str
    is_open: bool
    groups: Sequence[RiskGroup]


def risk_tables(release: Release) -> list[RiskTable]:
    """A table for each class and age; the first class at the middle age is open. None where the file is missing."""
    ages = sorted({row["from_age"] for row in release.risks}, key=float)
    middle = ages[len(ages) // 2] if ages else ""
    keys = [(exposure, age) for exposure in CLASSES for age in ages]
    names = ends(release)
    return [_table(release.risks, *key, names, is_open=key == (CLASSES[0], middle)) for key in keys]


def _table(risks: Sequence[Row], exposure: str, age: str, names: Mapping[str, str], is_open: bool) -> RiskTable:
    rows = [row for row in risks if (row["exposure"], row["from_age"]) == (exposure, age)]
    years = sorted({row["years"] for row in rows}, key=float)
    groups = [_group(rows, outcome, name, within) for outcome, name in names.items() for within in years]
    return RiskTable(EXPOSURES[exposure].name, EXPOSURES[exposure].colour, age, is_open, groups)


def _group(rows: Sequence[Row], outcome: str, name: str, years: str) -> RiskGroup:
    own = [row for row in rows if (row["outcome"], row["years"]) == (outcome, years)]
    title = f"{capital(name)} within {years} year{'' if years == '1' else 's'}"
    return RiskGroup(title, [_row(row) for row in own])


def _row(row: Row) -> RiskRow:
    category = row["category"].replace("-", EN_DASH)
    risk, lower, upper = (told(row, name) for name in ("risk", "ci_lower", "ci_upper"))
    if risk is None:
        status = row.get("status", "ok")
        return RiskRow(category, reason="not estimable: no value" if status == "ok" else status)
    has_bounds = lower is not None and upper is not None
    bounds = f" ({percent(lower, 1)}{NO_BREAK}to{NO_BREAK}{percent(upper, 1)})" if has_bounds else ""
    lost, at_risk = told(row, "years_lost"), told(row, "at_risk")
    cells = _differences(row, has_bounds)
    years = ABSENT if lost is None else f"{lost:.2f}"
    return RiskRow(category, f"{percent(risk, 1)}{bounds}", *cells[:2], years, cells[2], count(at_risk))


def _differences(row: Row, has_bounds: bool) -> tuple[str, str, str]:
    """Difference of risk in percentage points, its p, and the difference of years lost.

    A risk without an interval, as that of a category without events, gives its differences none.
    """
    if row["category"] == row["reference"]:
        return _SOLE, ABSENT, _SOLE
    of_risk = [told(row, name) for name in ("difference", "difference_lower", "difference_upper")]
    of_time = [told(row, name) for name in ("years_lost_difference", "years_lost_lower", "years_lost_upper")]
    points = [None if value is None else 100 * value for value in of_risk]
    if not has_bounds:
        return difference(points[:1], 1), ABSENT, difference(of_time[:1], 2)
    return difference(points, 1), p_value(told(row, "p_value")), difference(of_time, 2)
