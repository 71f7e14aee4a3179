"""The forest plot: hazard ratios by class and attained age on one scale.

In: effects with their looks. Out: a picture. A row without an estimate keeps its place and says why.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from cohort.report.classes import Look
from cohort.report.effects import Effect, RatioScale, ratio_scale
from cohort.report.marks import mark, mark_truth
from cohort.report.numbers import interval, ratio
from cohort.report.svg import INKS, SMALL, Picture, Sheet, part, picture
from cohort.report.terms import Terms

_ROW = 25
_HEADING = 34
_AXIS = 84
_BOLD = ("All ages", "Primary")


@dataclass(frozen=True)
class Group:
    """Rows of a forest plot under one heading."""

    look: Look
    effects: Sequence[Effect]


def forest(name: str, groups: Sequence[Group], terms: Terms, description: str) -> Picture:
    """Hazard ratios in groups of rows on one log scale.

    Args:
        name: prefix of the figure's ids.
        groups: the rows, a heading above each group; rows of `_BOLD` labels stand out.
        terms: what the hazard ratios are of and per, and what an interval is called.
        description: what is to be seen, for a screen reader.
    """
    title = f"Hazard ratio of {terms.outcome} {terms.per_dose}"
    return picture(name, title, description, lambda w: _forest(w, groups, terms.per_dose, terms.ci))


def _forest(width: int, groups: Sequence[Group], per: str, ci: str) -> Sheet:
    rows = sum(len(group.effects) for group in groups)
    height = len(groups) * _HEADING + rows * _ROW + _AXIS
    sheet = Sheet(width, height)
    left, plot = (96, width - 96 - 12) if sheet.is_narrow else (150, 530)
    effects = [effect for group in groups for effect in group.effects]
    scale = ratio_scale(effects, 5 if sheet.is_narrow else 9)
    axes = _ratio_axes(sheet, scale, left, plot, height - _AXIS)
    _key_below(sheet, left, plot, per, any(e.truth for e in effects))
    y, is_by_age = 0.0, len({effect.estimate.age_stratum for effect in effects if effect.estimate}) > 1
    if not sheet.is_narrow:
        sheet.text(left + plot + 24, _HEADING / 2 + 3, f"HR ({ci})", color="muted", fontsize=SMALL)
    for group in groups:
        sheet.text(0, y + _HEADING / 2 + 3, group.look.name, fontweight="bold")
        y += _HEADING
        for effect in group.effects:
            words, age = f"{group.look.name}, {effect.words}", effect.label if is_by_age else ""
            with part(axes, words, group.look.colour, age, rows=(y, y + _ROW)):
                _forest_row(sheet, axes, scale, group.look, effect, y + _ROW / 2, left + plot + 24)
            y += _ROW
    return sheet


def _ratio_axes(sheet: Sheet, scale: RatioScale, left: float, width: float, height: float) -> Axes:
    axes = sheet.axes(left, 0, width, height)
    axes.set_xscale("log")
    axes.set_xlim(scale.lower, scale.upper)
    axes.set_ylim(height, 0)
    axes.yaxis.set_major_locator(NullLocator())
    axes.xaxis.set_major_locator(FixedLocator(scale.ticks))
    axes.xaxis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in scale.ticks]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(axis="x", color=INKS["rule"], linewidth=0.7)
    axes.axvline(1, color=INKS["muted"], linewidth=1.1)
    return axes


def _key_below(sheet: Sheet, left: float, width: float, per: str, has_truth: bool) -> None:
    y = sheet.height - _AXIS
    sheet.text(left, y + 32, "← lower hazard", color="muted", fontsize=SMALL)
    sheet.text(left + width, y + 32, "higher hazard →", color="muted", fontsize=SMALL, ha="right")
    sheet.text(0 if sheet.is_narrow else left, y + 54, f"Hazard ratio {per}", color="muted", fontsize=SMALL)
    if has_truth:
        x, y = (0, y + 72) if sheet.is_narrow else (left + width, y + 54)
        sheet.text(x, y, "○ known truth", color="ink", fontsize=SMALL, ha="left" if sheet.is_narrow else "right")


def _forest_row(
    sheet: Sheet, axes: Axes, scale: RatioScale, look: Look, effect: Effect, y: float, numbers_at: float
) -> None:
    is_total = effect.label in _BOLD
    weight = "bold" if is_total else "normal"
    sheet.text(0, y, effect.label, fontsize=SMALL if sheet.is_narrow else 12, fontweight=weight)
    if effect.truth:
        mark_truth(axes, scale.place(effect.truth), y)
    if effect.bounds is None:
        _say_why(axes, effect, y)
        return
    value, lower, upper = effect.bounds
    colour = INKS[look.colour]
    axes.plot([scale.place(lower), scale.place(upper)], [y, y], color=colour, linewidth=2.2 if is_total else 1.6)
    _arrows(axes, scale, lower, upper, y, colour)
    if scale.lower <= value <= scale.upper:
        mark(axes, value, y, look, 10 if is_total else 8)
    if not sheet.is_narrow:
        words = f"{ratio(value)} ({interval(lower, upper)})"
        sheet.text(numbers_at, y, words, fontsize=12, fontweight=weight)


def _say_why(axes: Axes, effect: Effect, y: float) -> None:
    """The reason beside the line at 1, on the side where no truth is drawn."""
    is_left = effect.truth is not None and effect.truth > 1.01
    axes.annotate(
        effect.why, (1, y), (-8 if is_left else 13, 0), textcoords="offset pixels", color=INKS["muted"],
        fontsize=SMALL, style="italic", ha="right" if is_left else "left", va="center",
    )  # fmt: skip


def _arrows(axes: Axes, scale: RatioScale, lower: float, upper: float, y: float, colour: str) -> None:
    if lower < scale.lower:
        axes.plot([scale.lower], [y], marker="<", markersize=7, color=colour, clip_on=False)
    if upper > scale.upper:
        axes.plot([scale.upper], [y], marker=">", markersize=7, color=colour, clip_on=False)
