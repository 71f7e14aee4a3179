"""Who entered the study: the attrition as a flow diagram.

In: rows of `attrition.csv`. Out: a picture, one box for each criterion, with those whom it left out beside
the arrow.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from cohort.report.numbers import SUPPRESSED, released_count, to_number
from cohort.report.release import Row
from cohort.report.svg import INKS, SMALL, Picture, Sheet, picture

_ARROW = 48
_LINE = 17
_FIRST = "Initial qualifying events"  # omopgenerics' words for all who could enter


@dataclass(frozen=True)
class Step:
    """A criterion: how many persons are left, and how many it left out."""

    reason: str
    persons: str
    excluded: str


def steps(attrition: Sequence[Row]) -> list[Step]:
    """The criteria in order, as released."""
    rows = sorted(attrition, key=lambda row: to_number(row.get("reason_id", "")) or 0)
    return [
        Step(
            "Persons in the CDM" if row["reason"] == _FIRST else row["reason"],
            released_count(row.get("number_subjects", "")),
            released_count(row.get("excluded_subjects", "")),
        )
        for row in rows
    ]


def flow(criteria: Sequence[Step]) -> Picture:
    """The flow diagram."""
    description = " ".join(f"{step.reason}: {step.persons} persons, {step.excluded} left out." for step in criteria)
    return picture("flow", "Flow of persons into the study", description, lambda width: _flow(width, criteria))


def _flow(width: int, criteria: Sequence[Step]) -> Sheet:
    box = width if width < 600 else 460
    wrapped = [textwrap.wrap(step.reason, int(box / 7.6)) or [""] for step in criteria]
    heights = [_LINE * (len(lines) + 1) + 18 for lines in wrapped]
    sheet = Sheet(width, sum(heights) + _ARROW * (len(criteria) - 1) + 4)
    axes = sheet.axes(0, 0, sheet.width, sheet.height)
    axes.set_xlim(0, sheet.width)
    axes.set_ylim(sheet.height, 0)
    axes.set_axis_off()
    y = 2.0
    for i, (step, lines, height) in enumerate(zip(criteria, wrapped, heights, strict=True)):
        if i:
            _left_out(sheet, axes, step, y, box)
            y += _ARROW
        _box(axes, (1.5, y, box - 3, height), "ink" if i == len(criteria) - 1 else "rule")
        sheet.text(16, y + 19, _persons(step.persons), fontweight="bold")
        for n, line in enumerate(lines, 1):
            sheet.text(16, y + 19 + _LINE * n, line, color="muted", fontsize=SMALL)
        y += height
    return sheet


def _left_out(sheet: Sheet, axes: Axes, step: Step, y: float, box: float) -> None:
    """The arrow down from one box to the next and, beside it, how many it left out."""
    words = "left out: suppressed" if step.excluded == SUPPRESSED else f"{step.excluded} left out"
    x, middle = (28.0, y + _ARROW / 2) if sheet.is_narrow else (box / 2, y + _ARROW / 2)
    axes.add_patch(_arrow((x, y), (x, y + _ARROW - 1)))
    if sheet.is_narrow:
        sheet.text(46, middle, words, fontsize=SMALL)
        return
    side = box + 40
    axes.add_patch(_arrow((x, middle), (side - 1, middle)))
    _box(axes, (side, middle - 16, 210, 32), "rule")
    sheet.text(side + 16, middle, words, fontsize=12)


def _box(axes: Axes, place: tuple[float, float, float, float], edge: str) -> None:
    left, top, width, height = place
    shape = FancyBboxPatch(
        (left, top), width, height, boxstyle="round,pad=0,rounding_size=5",
        facecolor=INKS["panel"], edgecolor=INKS[edge],
    )  # fmt: skip
    axes.add_patch(shape)


def _persons(number: str) -> str:
    return number if number == SUPPRESSED else f"{number} persons"


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> FancyArrowPatch:
    return FancyArrowPatch(
        start,
        end,
        arrowstyle="-|>",
        mutation_scale=11,
        color=INKS["muted"],
        linewidth=1.1,
        shrinkA=0,
        shrinkB=0,
    )
