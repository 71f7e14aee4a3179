"""How doses were found, and what of the supply was discarded: tables of the dose ledger.

In: rows of `dose_coverage.csv` and `supply.csv`. Out: rows of text, by class and by the way in which a dose was found.
A sum of which a part is suppressed has a plus sign.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cohort.report.classes import EXPOSURES, exposure_of
from cohort.report.composition import TSPO_CLASSES
from cohort.report.numbers import ABSENT, NO_BREAK, SUPPRESSED, amount, count, released_count, share, to_number
from cohort.report.release import Row

_STATUSES = ("computed", "imputed", "unknown", "duplicate", "out of scope")


@dataclass(frozen=True)
class Coverage:
    """Fills of a class by what became of their dose."""

    name: str
    colour: str
    fills: Mapping[str, str]


def coverage_by_class(rows: Sequence[Row]) -> list[Coverage]:
    """Released fills by class and kind of status; a plus sign says that a part of the sum is suppressed."""
    found = []
    for tspo_class in TSPO_CLASSES:
        own = [row for row in rows if row.get("tspo_class") == tspo_class]
        cells = {kind: _sum([row for row in own if row.get("status", "").startswith(kind)]) for kind in _STATUSES}
        look = EXPOSURES[exposure_of(tspo_class)]
        found.append(Coverage(look.name, look.colour, cells))
    return found


def _sum(rows: Sequence[Row]) -> str:
    values = [to_number(row.get("fills", "")) for row in rows]
    shown = [value for value in values if value is not None]
    if len(shown) == len(values):
        return count(sum(shown))
    return f"{count(sum(shown))}+" if shown else SUPPRESSED


@dataclass(frozen=True)
class CoverageGroup:
    """Fills of one drug by one route whose strength was read by one rule in one unit.

    Attributes:
        drug: its name; empty where the row above has the same.
        how: route, rule and unit in words.
        fills: how many.
        persons: how many; at least so many where the group has several statuses, since persons may be in more.
        computed: share of the fills whose dose was computed.
        rest: what became of the others and why, the most frequent first.
    """

    drug: str
    how: str
    fills: str
    persons: str
    computed: str
    rest: str


@dataclass(frozen=True)
class CoverageClass:
    """The groups of one TSPO class, drug by drug, the most dispensed first."""

    name: str
    colour: str
    groups: Sequence[CoverageGroup]


def coverage_groups(rows: Sequence[Row]) -> list[CoverageClass]:
    """The coverage by class, drug, route, rule and unit."""
    found = []
    for tspo_class in TSPO_CLASSES:
        by_key: dict[tuple[str, ...], list[Row]] = {}
        for row in rows:
            if row.get("tspo_class") == tspo_class:
                by_key.setdefault(tuple(row.get(name, "") for name in ("drug", "route", "rule", "unit")), []).append(
                    row
                )
        look = EXPOSURES[exposure_of(tspo_class)]
        if by_key:
            found.append(CoverageClass(look.name, look.colour, _ordered(by_key)))
    return found


def _ordered(by_key: Mapping[tuple[str, ...], Sequence[Row]]) -> list[CoverageGroup]:
    fills = {key: _fills(rows) for key, rows in by_key.items()}
    of_drug: dict[str, float] = {}
    for key, number in fills.items():
        of_drug[key[0]] = of_drug.get(key[0], 0) + number
    order = sorted(by_key, key=lambda key: (-of_drug[key[0]], key[0], -fills[key], key))
    drugs = [key[0] for key in order]
    return [_group(key, by_key[key], is_first=i == 0 or drugs[i - 1] != key[0]) for i, key in enumerate(order)]


def _fills(rows: Sequence[Row]) -> float:
    return sum(to_number(row.get("fills", "")) or 0.0 for row in rows)


def _group(key: tuple[str, ...], rows: Sequence[Row], is_first: bool) -> CoverageGroup:
    drug, route, rule, unit = key
    # Rows of other statuses than these have no share of their own in the group: nothing of it was computed.
    computed = [row for row in rows if row.get("status") == "computed"]
    told = to_number(computed[0].get("share", "")) if computed else 0.0
    rest = sorted((row for row in rows if row not in computed), key=lambda row: (-_fills([row]), _why(row)))
    return CoverageGroup(
        drug if is_first else "",
        _how(route, rule, unit),
        _sum(rows),
        _persons(rows),
        SUPPRESSED if told is None else share(told),
        "; ".join(f"{_why(row)}:{NO_BREAK}{released_count(row.get('fills', ''))}" for row in rest) or ABSENT,
    )


def _how(route: str, rule: str, unit: str) -> str:
    """Such as `oral, amount in mg`, or `oral, no strength`."""
    if rule in {"", "none"}:
        return f"{route}, no strength"
    # Where no unit is stated, the rule already says how the number was read.
    return f"{route}, {rule}" if unit in {"", "not stated"} else f"{route}, {rule} in {unit}"


def _why(row: Row) -> str:
    """Such as `days of supply missing (imputed)`, or `duplicate`."""
    reason, status = row.get("reason", ""), row.get("status", "")
    return f"{reason} ({status})" if reason else status


def _persons(rows: Sequence[Row]) -> str:
    shown = [value for row in rows if (value := to_number(row.get("persons", ""))) is not None]
    if not shown:
        return SUPPRESSED
    return count(shown[0]) if len(rows) == 1 else f"\N{GREATER-THAN OR EQUAL TO}{NO_BREAK}{count(max(shown))}"


@dataclass(frozen=True)
class SupplyRow:
    """What of a drug's supply was discarded; days of supply as text."""

    drug: str
    fills: str
    days: str
    by_cap: str
    by_switch: str
    discarded: str
    fills_cut: str


def supply_rows(rows: Sequence[Row]) -> list[SupplyRow]:
    """The drugs of which something was discarded, or may have been; the largest supply first."""
    kept = [row for row in rows if to_number(row.get("share_discarded", "")) != 0]
    return [_supply_row(row) for row in sorted(kept, key=lambda row: -(to_number(row.get("days", "")) or 0.0))]


def _supply_row(row: Row) -> SupplyRow:
    told = to_number(row.get("share_discarded", ""))
    return SupplyRow(
        row.get("drug", ""),
        released_count(row.get("fills", "")),
        amount(row.get("days", "")),
        amount(row.get("days_discarded_by_cap", "")),
        amount(row.get("days_discarded_by_switch", "")),
        SUPPRESSED if told is None else share(told),
        released_count(row.get("fills_cut", "")),
    )
