"""Cumulative incidence of the outcome, and of what competes with it: the curves, and a table of what they say.

In: rows of `curves.csv`. Out: a picture, and a row for each group and age. A point that was suppressed ends
the line there; nothing is drawn across it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from cohort.report.classes import CURVES, Look
from cohort.report.marks import read_off
from cohort.report.numbers import SUPPRESSED, capital, percent, released_count, to_number
from cohort.report.release import Row, told
from cohort.report.svg import INKS, SMALL, Picture, Sheet, picture

_GAP = float("nan")


@dataclass(frozen=True)
class Line:
    """A curve: ages in years, estimates and bounds as shares; NaN where suppressed."""

    group: str
    outcome: str
    age: Sequence[float]
    estimate: Sequence[float]
    lower: Sequence[float]
    upper: Sequence[float]


@dataclass(frozen=True)
class AtAge:
    """What the curves of a group say at one age, as text."""

    age: str
    shares: Sequence[str]
    at_risk: str


def lines(curves: Sequence[Row], ends: Iterable[str]) -> list[Line]:
    """The curves, group by group in the order in which they are drawn, and of each what ends follow-up."""
    known = [
        *CURVES,
        *dict.fromkeys(row["exposure_group"] for row in curves if row["exposure_group"] not in CURVES),
    ]
    found = [_line(curves, group, outcome) for group in known for outcome in ends]
    return [line for line in found if line.age]


def _line(curves: Sequence[Row], group: str, outcome: str) -> Line:
    rows = _rows(curves, group, outcome)
    estimate, lower, upper = ([_value(row, name) for row in rows] for name in ("estimate", "ci_lower", "ci_upper"))
    return Line(group, outcome, [float(row["age_years"]) for row in rows], estimate, lower, upper)


def _rows(curves: Sequence[Row], group: str, outcome: str) -> list[Row]:
    rows = [
        row
        for row in curves
        if (row["exposure_group"], row["outcome"]) == (group, outcome) and to_number(row["age_years"]) is not None
    ]
    return sorted(rows, key=lambda row: float(row["age_years"]))


def _value(row: Row, name: str) -> float:
    value = told(row, name)
    return _GAP if value is None else value


def incidence(curves: Sequence[Line], ends: Mapping[str, str], description: str) -> Picture:
    """Each end of follow-up by exposure group, on one scale; `ends` has their names."""
    title = f"Cumulative incidence of {' and of '.join(ends.values())} by exposure"
    return picture("incidence", title, description, lambda width: _incidence(width, curves, ends))


def _incidence(width: int, curves: Sequence[Line], ends: Mapping[str, str]) -> Sheet:
    groups = list(dict.fromkeys(line.group for line in curves))
    labels, gap, high, below, heading = 44, 34, 250, 52, 30
    columns = 1 if width < 600 else len(ends)
    key = 26 * (1 if columns > 1 else len(groups)) + 8
    rows = -(-len(ends) // columns)
    sheet = Sheet(width, key + rows * (heading + high + below))
    each = (width - labels - gap * (columns - 1) - 8) / columns
    _key(sheet, groups, is_stacked=columns == 1)
    for i, (outcome, name) in enumerate(ends.items()):
        row, column = divmod(i, columns)
        left, top = labels + column * (each + gap), key + row * (heading + high + below) + heading
        axes = sheet.axes(left, top, each, high)
        _curves(axes, [line for line in curves if line.outcome == outcome], curves, has_labels=column == 0)
        sheet.text(left, top - 16, capital(name), fontweight="bold", fontsize=12)
        sheet.text(left + each / 2, top + high + 38, "Age in years", color="muted", fontsize=SMALL, ha="center")
    return sheet


def _key(sheet: Sheet, groups: Sequence[str], is_stacked: bool) -> None:
    x, y = 0.0, 14.0
    for group in groups:
        look = look_of_curve(group)
        ends = [x / sheet.width, (x + 30) / sheet.width]
        line = Line2D(ends, [1 - y / sheet.height] * 2, color=INKS[look.colour], linewidth=2)
        line.set(linestyle=look.line, transform=sheet.figure.transFigure)
        sheet.figure.add_artist(line)
        sheet.text(x + 38, y, look.name, fontsize=12)
        x, y = (x, y + 26) if is_stacked else (x + 66 + 7.2 * len(look.name), y)


def look_of_curve(group: str) -> Look:
    """The look of a group of curves; one that is not known is drawn in ink."""
    return CURVES.get(group) or Look(group, "", "contrast", "", "-.")


def _curves(axes: Axes, drawn: Sequence[Line], every: Sequence[Line], has_labels: bool) -> None:
    ages = [age for line in every for age in line.age]
    tops = [value for line in every for value in [*line.estimate, *line.upper] if value == value]
    axes.set_xlim(min(ages), max(max(ages), min(ages) + 1))
    axes.set_ylim(0, max([*tops, 0.01]) * 1.04)
    axes.xaxis.set_major_locator(FixedLocator(_ticks(ages)))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share * 100:g}%" if has_labels else ""))
    axes.grid(axis="y", color=INKS["rule"], linewidth=0.7)
    for line in drawn:
        look = look_of_curve(line.group)
        colour = INKS[look.colour]
        axes.fill_between(line.age, line.lower, line.upper, color=colour, alpha=0.13, linewidth=0)
        axes.plot(line.age, line.estimate, color=colour, linestyle=look.line, linewidth=2)
    places = sorted({age for line in drawn for age in line.age})
    read_off(axes, places, [_said_at(drawn, age) for age in places])


def _said_at(drawn: Sequence[Line], age: float) -> str:
    """What each curve says at an age; one that has no point there, or none that may be told, is left out."""
    said = [
        f"{look_of_curve(line.group).name} {_of_share(*bounds)}"
        for line in drawn
        for at, *bounds in zip(line.age, line.estimate, line.lower, line.upper, strict=True)
        if at == age and bounds[0] == bounds[0]
    ]
    return f"Age {age:g}: {'; '.join(said) or SUPPRESSED}"


def _ticks(ages: Sequence[float]) -> list[float]:
    """The first age, and every fifth or tenth year after it."""
    step = 5 if max(ages) - min(ages) <= 40 else 10
    later = range(int(min(ages) // step + 1) * step, int(max(ages)) + 1, step)
    return [min(ages), *map(float, later)]


def incidence_table(curves: Sequence[Row], ends: Iterable[str], every_years: int = 5) -> dict[str, list[AtAge]]:
    """By group, what the curves say at every fifth year of age that is released, the start excepted."""
    ages = sorted({float(row["age_years"]) for row in curves if to_number(row["age_years"]) is not None})
    wanted = [age for age in ages if age % every_years == 0 and age > ages[0]]
    shown = tuple(ends)
    groups = dict.fromkeys(line.group for line in lines(curves, shown))
    return {look_of_curve(group).name: [_at_age(curves, group, age, shown) for age in wanted] for group in groups}


def _at_age(curves: Sequence[Row], group: str, age: float, ends: Iterable[str]) -> AtAge:
    cells = [
        next((row for row in _rows(curves, group, outcome) if float(row["age_years"]) == age), None) for outcome in ends
    ]
    at_risk = next((released_count(row.get("at_risk", "")) for row in cells if row), SUPPRESSED)
    return AtAge(f"{age:g}", [_share(cell) for cell in cells], at_risk)


def _share(row: Row | None) -> str:
    if row is None:
        return SUPPRESSED  # points that must not be shown are left out of the file
    estimate, lower, upper = (_value(row, name) for name in ("estimate", "ci_lower", "ci_upper"))
    if estimate != estimate:
        return row.get("status", "") if row.get("status", "") not in {"", "ok"} else SUPPRESSED
    return _of_share(estimate, lower, upper)


def _of_share(estimate: float, lower: float, upper: float) -> str:
    """A share with its bounds, where it has any."""
    if lower != lower or upper != upper:
        return percent(estimate, 1)
    return f"{percent(estimate, 1)} ({percent(lower, 1)} to {percent(upper, 1)})"
