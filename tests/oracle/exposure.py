"""Exposure on each day of age: the value of every metric counted day by day, its category, and when it is unknown."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from itertools import pairwise

from tests.oracle.base import NANO, Row, Settings, days_of

RATES = {"dme": "dme_per_day", "intensity": "dme_per_day", "ddd": "ddd_per_day", "tspo_weighted": "tspo_per_day"}
USE = ("days", "duration", "recency", "intensity")
Value = tuple[int, int]


def nano(per_day: float) -> int:
    """A daily rate in whole billionths, rounded down."""
    return math.floor(per_day * 1e9)


@dataclass
class Course:
    """What one person took of one class: units and fills by day of age, and the days of use."""

    taken: dict[int, int] = field(default_factory=dict)
    used: set[int] = field(default_factory=set)
    filled: dict[int, int] = field(default_factory=dict)
    rates: list[tuple[int, int, int]] = field(default_factory=list)

    def values(self, metric: str, last: int) -> dict[int, Value]:
        """Day -> (the metric in billionths, the days of use where it is a mean over them, else 1), through that day.

        Days before the first fill and the first use are left out: there it is nothing.
        """
        units = fills = days_used = 0
        first_use = latest_use = None
        values: dict[int, Value] = {}
        for day in range(min([*self.taken, *self.used, *self.filled], default=last + 1), last + 1):
            units += self.taken.get(day, 0)
            fills += self.filled.get(day, 0)
            if day in self.used:
                days_used += 1
                first_use = day if first_use is None else first_use
                latest_use = day
            of_use = 0, 0
            if first_use is not None and latest_use is not None:
                of_use = latest_use - first_use + 1, day - latest_use + 1
            number = {"fills": fills, "days": days_used, "duration": of_use[0], "recency": of_use[1]}
            total = units if metric in RATES else number[metric] * NANO
            values[day] = total, days_used if metric == "intensity" else 1
        return values

    def changes(self, metric: str) -> dict[int, tuple[int, int, int]]:
        """Day -> (change of slope, jump, change of slope of the days of use), as the rules list them; no zeros."""
        found: list[tuple[int, int, int, int]] = []
        if metric in RATES:
            for first, length, rate in self.rates:
                found += [(first - 1, rate, 0, 0), (first - 1 + length, -rate, 0, 0)]
        if metric == "fills":
            found += [(day, 0, n * NANO, 0) for day, n in self.filled.items()]
        if metric in USE:
            found += self._of_use(metric)
        net: dict[int, tuple[int, int, int]] = {}
        for day, *change in found:
            old = net.get(day, (0, 0, 0))
            net[day] = (old[0] + change[0], old[1] + change[1], old[2] + change[2])
        return {day: change for day, change in net.items() if any(change)}

    def _of_use(self, metric: str) -> list[tuple[int, int, int, int]]:
        found: list[tuple[int, int, int, int]] = []
        ends: list[int] = []
        for a in sorted(day for day in self.used if day - 1 not in self.used):
            b = next(day for day in range(a + 1, a + 10**6) if day not in self.used)
            gap = (a - ends[-1]) * NANO if ends else None
            if metric in ("days", "duration"):
                found += [(a - 1, NANO, 0, 0), (b - 1, -NANO, 0, 0)]
            if metric == "duration" and gap is not None:
                found.append((a, 0, gap, 0))
            if metric == "intensity":
                found += [(a - 1, 0, 0, 1), (b - 1, 0, 0, -1)]
            if metric == "recency":
                found.append((b - 1, NANO, 0, 0))
                found += [(a, 0, NANO, 0)] if gap is None else [(a - 1, -NANO, 0, 0), (a, 0, -gap, 0)]
            ends.append(b)
        return found


def course(fills: Iterable[Row], stretches: Iterable[Row], tspo_class: str, birth: date, settings: Settings) -> Course:
    """One person's course of one class: `fills` that count, and the stretches of supply."""
    made = Course()
    for fill in fills:
        if fill["tspo_class"] == tspo_class:
            day = days_of(fill["fill_date"], birth)
            made.filled[day] = made.filled.get(day, 0) + 1
    for row in stretches:
        if row["tspo_class"] != tspo_class:
            continue
        days = range(row["start_day"], row["start_day"] + row["accruing_days"])
        made.used.update(days)
        per_day = row[RATES.get(settings.metric, "dme_per_day")]
        if per_day is not None:
            rate = nano(per_day)
            made.rates.append((row["start_day"], row["accruing_days"], rate))
            for day in days:
                made.taken[day] = made.taken.get(day, 0) + rate
    return made


def lagged(made: Course, first: int, last: int, settings: Settings) -> dict[int, Value]:
    """Day of age -> the value that counts on it: of the day a lag earlier, less what has left the window."""

    values = made.values(settings.metric, last - settings.lag_days)
    nothing = (0, 0 if settings.metric == "intensity" else 1)

    def through(day: int) -> Value:
        total, per = values.get(day, nothing)
        if settings.window_days is None:
            return total, per
        old_total, old_per = values.get(day - settings.window_days, nothing)
        return total - old_total, per - old_per if settings.metric == "intensity" else 1

    return {day: through(day - settings.lag_days) for day in range(first, last + 1)}


def change_days(made: Course, settings: Settings) -> set[int]:
    """The lagged days on which the course bends or jumps; what leaves a window does so with the opposite sign."""
    net: dict[int, tuple[int, int, int]] = {}
    for day, change in made.changes(settings.metric).items():
        shifts = [(0, 1)] if settings.window_days is None else [(0, 1), (settings.window_days, -1)]
        for shift, sign in shifts:
            at = day + settings.lag_days + shift
            old = net.get(at, (0, 0, 0))
            net[at] = (old[0] + sign * change[0], old[1] + sign * change[1], old[2] + sign * change[2])
    return {day for day, change in net.items() if any(change)}


def unknown_from(fills: Iterable[Row], tspo_class: str, birth: date, settings: Settings) -> int | None:
    """The day of age from which the class is not known, or None when it always is; `fills` count."""
    days = [
        days_of(fill["fill_date"], birth)
        for fill in fills
        if fill["tspo_class"] == tspo_class and _is_unknown(fill, settings.metric)
    ]
    return min(days) + settings.lag_days if days else None


def _is_unknown(fill: Row, metric: str) -> bool:
    if fill["rule"] == "zero" or metric == "fills":
        return False
    if metric in RATES:
        is_part = metric != "tspo_weighted" or fill["mg_per_tspo"] is not None
        return is_part and fill[RATES[metric]] is None
    return fill["days"] is None


def labels(settings: Settings) -> list[str]:
    """Names of the categories, the one without exposure first."""
    bounds = settings.category_bounds
    if settings.metric == "recency":
        between = ["current" if high == 1 else f"{low:g}-{high - 1:g} days ago" for low, high in pairwise(bounds)]
        return ["never", *between, f">{bounds[-1] - 1:g} days ago" if bounds[-1] else "ever"]
    if settings.metric != "intensity" and all(bound == int(bound) for bound in bounds):
        return ["0", *(f"{low + 1:g}-{high:g}" for low, high in pairwise(bounds)), f">{bounds[-1]:g}"]
    return ["0", *(f">{low:g}-{high:g}" for low, high in pairwise(bounds)), f">{bounds[-1]:g}"]


def category(value: Value, settings: Settings) -> str:
    """The label of a value; an upper bound belongs below. In exact fractions."""
    exact = Fraction(value[0], NANO * max(value[1], 1))
    names = labels(settings)
    if exact == 0:
        return names[0]
    for name, bound in zip(names[1:], settings.category_bounds[1:], strict=False):
        if exact <= Fraction(round(bound * NANO), NANO):
            return name
    return names[-1]


def as_dose(value: Value) -> float:
    """The value as the models read it."""
    return value[0] / (1e9 * max(value[1], 1))
