"""Age three ways, and what a unit of dose adds to the rate at each age.

In: rows of `age.csv`. Out: rows of text: the hazard ratios of each way with the test that they are equal, and by class
the ratio beside the rate without a dose, what a unit of dose adds to it, and whether dose and age add up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cohort.analyses import PRIMARY
from cohort.report.classes import CLASSES, EXPOSURES
from cohort.report.comparison import ratio_or_reason
from cohort.report.numbers import ABSENT, count, difference, p_value, rate, ratio, to_number, with_bounds
from cohort.report.release import Release, Row, told
from cohort.results import CONTINUOUS_AGE, OVERALL

_ATTAINED = "attained age"
_CONTINUOUS = "continuous age"


@dataclass(frozen=True)
class AgeRow:
    """Hazard ratios at one age: a cell for each of `EXPOSURES`, and the counts behind them."""

    age: str
    ratios: Sequence[str]
    events: str
    person_years: str


@dataclass(frozen=True)
class Way:
    """One way to count age; `equal` holds the p of each exposure that its ratios are equal over age.

    `events` and `person_years` are those of all ages where the rows have none of their own.
    """

    name: str
    rows: Sequence[AgeRow]
    equal: Sequence[str]
    events: str = ""
    person_years: str = ""


@dataclass(frozen=True)
class AdditiveRow:
    """A band of attained age on both scales; `reason` is empty where there is a ratio."""

    age: str
    hazard_ratio: str
    unexposed_rate: str
    excess: str
    reri: str
    reason: str


@dataclass(frozen=True)
class AdditiveGroup:
    """The bands of one class."""

    name: str
    colour: str
    rows: Sequence[AdditiveRow]


def age_ways(release: Release) -> list[Way]:
    """The ways in the order of the file; none where it is missing."""
    return [_way(release, way) for way in dict.fromkeys(row["way"] for row in release.age)]


def _way(release: Release, way: str) -> Way:
    own = [row for row in release.age if row["way"] == way]
    ages = dict.fromkeys(row["age"] for row in own)
    rows = [_age_row(age, [row for row in own if row["age"] == age]) for age in ages]
    name, equal = way[:1].upper() + way[1:], [_p_of(own, exposure) for exposure in EXPOSURES]
    if way != _CONTINUOUS:
        return Way(name, rows, equal)
    # One straight line through all ages: each row stands on everybody.
    at = [AgeRow(f"At {row.age}", row.ratios, "", "") for row in rows]
    return Way(name, [*at, *_per_decade(release)], equal, rows[0].events, rows[0].person_years)


def _age_row(age: str, rows: Sequence[Row]) -> AgeRow:
    cells = {row["exposure"]: row for row in rows}
    ratios = [_ratio(cells.get(exposure)) for exposure in EXPOSURES]
    return AgeRow(age, ratios, _first(rows, "events"), _first(rows, "person_years"))


def _ratio(row: Row | None) -> str:
    if row is None:
        return "not in this release"
    ratio, *bounds = (told(row, name) for name in ("hazard_ratio", "ci_lower", "ci_upper"))
    if ratio is None:
        return "not estimable: no value" if row.get("status", "ok") == "ok" else row["status"]
    return with_bounds(ratio, *bounds)


def _first(rows: Sequence[Row], name: str) -> str:
    """The first count that is told: all exposures stand on the same persons."""
    values = [value for row in rows if (value := told(row, name)) is not None]
    return count(values[0]) if values else ABSENT


def _per_decade(release: Release) -> list[AgeRow]:
    """By how many times the ratio grows in ten years of age."""
    rows = release.rows(analysis=PRIMARY, model=CONTINUOUS_AGE, age_stratum=OVERALL)
    found = {row.exposure: row for row in rows if row.term.endswith(" per 10 years of age")}
    cells = [ratio_or_reason(found.get(exposure)) for exposure in EXPOSURES]
    return [AgeRow("Change in 10 years", cells, "", "")] if found else []


def _p_of(rows: Sequence[Row], exposure: str) -> str:
    values = [to_number(row.get("heterogeneity_p", "")) for row in rows if row["exposure"] == exposure]
    return p_value(next((value for value in values if value is not None), None))


def additive_groups(release: Release) -> list[AdditiveGroup]:
    """By class, attained age on both scales; none where nothing of it was released."""
    rows = [row for row in release.age if row["way"] == _ATTAINED]
    if not any(told(row, "excess_rate") is not None for row in rows):
        return []
    youngest = rows[0]["age"]
    return [
        AdditiveGroup(look.name, look.colour, [_additive(row, youngest) for row in rows if row["exposure"] == exposure])
        for exposure, look in EXPOSURES.items()
        if exposure in CLASSES
    ]


def _additive(row: Row, youngest: str) -> AdditiveRow:
    ratio = _ratio(row)
    excess = difference([told(row, name) for name in ("excess_rate", "excess_lower", "excess_upper")])
    reri = difference([told(row, name) for name in ("reri", "reri_lower", "reri_upper")])
    if row["age"] == youngest and told(row, "excess_rate") is not None:
        reri = "reference"
    reason = "" if told(row, "hazard_ratio") is not None else ratio
    return AdditiveRow(row["age"], ratio, rate(told(row, "unexposed_rate")), excess, reri, reason)


def said_of_rates(release: Release) -> str:
    """The same excess as a ratio in the youngest and in the oldest band; empty where fewer than two rates were told."""
    own = [row for row in release.age if (row["way"], row["exposure"]) == (_ATTAINED, CLASSES[0])]
    rates = [(row["age"], value) for row in own if (value := told(row, "unexposed_rate"))]
    if len(rates) < 2:
        return ""
    (young, low), (old, high) = rates[0], rates[-1]
    return (
        f"In this run {release.outcome} has a rate of {rate(low)} per 1,000 person-years without a dose of "
        f"{EXPOSURES[CLASSES[0]].plural} at {young}, and of {rate(high)} at {old}: one more case per 1,000 "
        f"person-years would be a ratio of {ratio(1 + 1 / low)} at the one age and {ratio(1 + 1 / high)} at the other."
    )
