"""The specification curve: the contrast in every analysis of the run, sorted, with the one that was planned marked.

In: a release. Out: a picture, and the rows behind it. Each specification is the primary one with one choice made
otherwise, so below the curve each stands in the row of the choice that differs. After Simonsohn, Simmons and Nelson
2020, Nature Human Behaviour 4:1208.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from cohort.analyses import LAG, PRIMARY
from cohort.grid import is_cell
from cohort.report.classes import EXPOSURES
from cohort.report.effects import Effect, RatioScale, scale_of
from cohort.report.marks import ratio_axis
from cohort.report.numbers import ratio, with_bounds, years
from cohort.report.release import Release, Row, told
from cohort.report.svg import INKS, SMALL, Picture, Sheet, part, picture
from cohort.results import BOUND, CONTRAST, Estimate

PLANNED = "As planned"
_CHOICES = {
    "leave one drug out": "Drug left out",
    "bound of a binder": "Bound of a binder",
    "grades of evidence": "Evidence",
    "value of a drug": "Value of a drug",
    "in the same model": "In the same model",
    "class by half-life": "Half-life",
}
"""The checks of the class that are the contrast made otherwise, by what differs."""
_CHOICE_ORDER = ("Lag", "Missing dose", "Other analyses", "Grid", *_CHOICES.values())
_HIGH, _ROW, _TOP, _GAP = 230, 19, 16, 20


@dataclass(frozen=True)
class Specification:
    """One analysis: which choice differs from the primary one, how, and the contrast; `bounds` is None without one."""

    choice: str
    how: str
    bounds: tuple[float, float, float] | None
    reason: str = ""

    @property
    def words(self) -> str:
        """What it is, and its ratio."""
        how = f", {self.how}" if self.how else ""
        return f"{self.choice}{how}: {with_bounds(*self.bounds) if self.bounds else self.reason}"

    @property
    def is_planned(self) -> bool:
        """Whether it is the pre-specified one."""
        return self.choice == PLANNED


def specifications(release: Release) -> list[Specification]:
    """All analyses of the primary outcome and unit of dose, sorted by their estimate; those without one come last."""
    planned = release.contrast
    if planned is None:
        return []
    asked = (planned.outcome, planned.metric, planned.term)
    rows = [release.linear(CONTRAST, analysis=name) for name in release.analyses]
    found = [_of_analysis(row) for row in rows if row and (row.outcome, row.metric, row.term) == asked]
    found += [_of_check(row) for row in release.class_checks if _is_contrast(row)]
    return sorted(found, key=lambda one: (one.bounds is None, one.bounds or ()))


def _of_analysis(row: Estimate) -> Specification:
    effect = Effect("", row)
    if row.analysis == PRIMARY:
        choice, how = PLANNED, ""
    elif row.analysis.startswith(LAG):
        choice, how = "Lag", years(row.lag_days) if row.lag_days else "none"
    elif row.analysis.startswith(BOUND):
        choice, how = "Missing dose", row.analysis.removeprefix(BOUND).replace("-", " ")
    else:
        choice, how = "Grid" if is_cell(row.analysis) else "Other analyses", row.analysis
    return Specification(choice, how, effect.bounds, "" if effect.bounds else effect.why)


def _is_contrast(row: Row) -> bool:
    return row["exposure"] == CONTRAST and row["check"] in _CHOICES


def _of_check(row: Row) -> Specification:
    value, lower, upper = (told(row, name) for name in ("hazard_ratio", "ci_lower", "ci_upper"))
    bounds = None if value is None or lower is None or upper is None else (value, lower, upper)
    return Specification(_CHOICES[row["check"]], row["variant"], bounds, "" if bounds else row.get("status", ""))


def summary(found: Sequence[Specification]) -> str:
    """How many there are, between which ratios, and where the planned one lies among them."""
    known = [one for one in found if one.bounds]
    if len(known) < 2:
        return ""
    values = [one.bounds[0] for one in known if one.bounds]
    place = next((i for i, one in enumerate(known, start=1) if one.is_planned), None)
    said = f"{len(known)} specifications give ratios from {ratio(values[0])} to {ratio(values[-1])}"
    said += f"; the planned one is number {place} from below." if place else "."
    apart = sum(one.bounds[1] > 1 or one.bounds[2] < 1 for one in known if one.bounds)
    said += f" The intervals of {apart or 'none'} of them leave out 1"
    missing = len(found) - len(known)
    return said + (f"; {missing} more could not be estimated or shown." if missing else ".")


def specification_curve(found: Sequence[Specification], per: str, ci: str) -> Picture | None:
    """The curve; None where fewer than three analyses have an estimate."""
    known = [one for one in found if one.bounds]
    if len(known) < 3:
        return None
    title = f"Ratio of binders' to non-binders' hazard ratios {per} in every analysis"
    said = f"{summary(found)} Sorted by the estimate, with {ci}; dots below say which choice differs."
    return picture("specification", title, said, lambda width: _draw(width, known))


def _draw(width: int, known: Sequence[Specification]) -> Sheet:
    choices = list(dict.fromkeys([PLANNED, *_CHOICE_ORDER, *(one.choice for one in known)]))
    choices = [choice for choice in choices if any(one.choice == choice for one in known)]
    sheet = Sheet(width, _TOP + _HIGH + _GAP + _ROW * len(choices) + 8)
    left = 132 if sheet.is_narrow else 160
    axes = sheet.axes(left, _TOP, width - left - 10, _HIGH)
    below = sheet.axes(left, _TOP + _HIGH + _GAP, width - left - 10, _ROW * len(choices))
    bounds = [one.bounds for one in known if one.bounds]
    scale = scale_of([value for value, _, _ in bounds], [end for _, *ends in bounds for end in ends], 7)
    ratio_axis(axes, scale, True)
    below.set_ylim(len(choices) - 0.5, -0.5)
    below.yaxis.set_major_locator(NullLocator())
    for panel in (axes, below):
        panel.set_xlim(-1, len(known))
        panel.xaxis.set_major_locator(NullLocator())
    for place, choice in enumerate(choices):
        y = _TOP + _HIGH + _GAP + _ROW * (place + 0.5)
        sheet.text(0, y, choice, fontsize=SMALL, fontweight="bold" if choice == PLANNED else "normal")
        below.axhline(place, color=INKS["rule"], linewidth=0.7, zorder=0)
    for place, one in enumerate(known):
        with part(axes, one.words, columns=(place - 0.5, place + 0.5)):
            _draw_one(axes, place, one, scale)
        style = _style(one)
        below.plot([place], [choices.index(one.choice)], marker="o", markersize=5.5, color=style.colour, zorder=4)
    return sheet


class _Style(NamedTuple):
    colour: str
    line: float
    marker: str
    size: float


def _style(one: Specification) -> _Style:
    look = EXPOSURES[CONTRAST]
    if one.is_planned:
        return _Style(INKS[look.colour], 2.8, look.marker, 8)
    return _Style(INKS["muted"], 1.2, "o", 4.5)


def _draw_one(axes: Axes, x: int, one: Specification, scale: RatioScale) -> None:
    assert one.bounds is not None
    value, lower, upper = one.bounds
    style = _style(one)
    axes.plot([x, x], [scale.place(lower), scale.place(upper)], color=style.colour, linewidth=style.line)
    for bound, end, marker in ((lower, scale.lower, "v"), (upper, scale.upper, "^")):
        if scale.place(bound) != bound:
            axes.plot([x], [end], marker=marker, markersize=5, color=style.colour, clip_on=False)
    if scale.place(value) == value:
        axes.plot([x], [value], marker=style.marker, markersize=style.size, color=style.colour, zorder=4)
