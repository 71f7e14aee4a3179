"""Small multiples of hazard ratios over dose or over lag.

In: points with their looks, and numbers to stand under them. Out: a picture. A point without an estimate keeps its
place and says why; a line that joins points is broken there.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator

from cohort.report.classes import Look
from cohort.report.effects import Effect, RatioScale, ratio_scale
from cohort.report.marks import mark, mark_truth, ratio_axis
from cohort.report.svg import INKS, SMALL, Picture, Sheet, part, picture


@dataclass(frozen=True)
class Point:
    """A point of a panel, at `x`, labelled by its effect's label."""

    x: float
    effect: Effect


@dataclass(frozen=True)
class Panel:
    """One panel of points: a class or the contrast; `numbers` are rows of text under them, a cell for each point."""

    look: Look
    points: Sequence[Point]
    numbers: Mapping[str, Sequence[str]] = field(default_factory=dict)


_HIGH, _GAP, _LABELS, _ABOVE, _BELOW, _ROW_OF_NUMBERS = 210, 22, 38, 34, 52, 37


def panels(
    name: str,
    title: str,
    description: str,
    drawn: Sequence[Panel],
    x_label: str,
    columns: int,
    primary_at: float | None = None,
) -> Picture:
    """Small multiples of hazard ratios that share one log scale; on phones they stand below each other.

    Args:
        name: prefix of the figure's ids.
        title: what the figure is, for a screen reader.
        description: what is to be seen, for a screen reader.
        drawn: the panels in order.
        x_label: what lies on the horizontal axis.
        columns: how many panels stand side by side on a wide page.
        primary_at: where the primary analysis lies, where a line joins the points; None joins nothing.
    """
    scale = ratio_scale([point.effect for panel in drawn for point in panel.points], 8)

    def draw(width: int) -> Sheet:
        return _panels(width, drawn, scale, x_label, columns if width > 600 else 1, primary_at)

    return picture(name, title, description, draw)


def _panels(
    width: int,
    drawn: Sequence[Panel],
    scale: RatioScale,
    x_label: str,
    columns: int,
    primary_at: float | None,
) -> Sheet:
    has_two_lines = any("\n" in point.effect.label for panel in drawn for point in panel.points)
    below = _BELOW + 14 * has_two_lines
    rows_of_numbers = max(len(panel.numbers) for panel in drawn)
    each_high = _ABOVE + _HIGH + below + _ROW_OF_NUMBERS * rows_of_numbers + 16 * bool(rows_of_numbers)
    sheet = Sheet(width, -(-len(drawn) // columns) * each_high)
    each = (width - _LABELS - _GAP * (columns - 1) - 6) / columns
    for i, panel in enumerate(drawn):
        row, column = divmod(i, columns)
        left, top = _LABELS + column * (each + _GAP), row * each_high + _ABOVE
        axes = sheet.axes(left, top, each, _HIGH)
        _panel(axes, panel, scale, primary_at, has_labels=column == 0)
        sheet.text(left, top - 17, panel.look.name, fontweight="bold", fontsize=12)
        sheet.text(left + each / 2, top + _HIGH + below - 16, x_label, color="muted", fontsize=SMALL, ha="center")
        places = [left + each * axes.transLimits.transform((point.x, 1))[0] for point in panel.points]
        _write_numbers(sheet, left, top + _HIGH + below + 8, places, panel.numbers)
    return sheet


def _write_numbers(
    sheet: Sheet, left: float, top: float, places: Sequence[float], numbers: Mapping[str, Sequence[str]]
) -> None:
    """Each row of numbers under its name, each number under its point."""
    for i, (name, cells) in enumerate(numbers.items()):
        y = top + i * _ROW_OF_NUMBERS
        sheet.text(left, y, name, color="muted", fontsize=SMALL)
        for x, cell in zip(places, cells, strict=True):
            sheet.text(x, y + 16, cell, fontsize=SMALL - 1.5 * sheet.is_narrow, ha="center")


def _panel(axes: Axes, panel: Panel, scale: RatioScale, primary_at: float | None, has_labels: bool) -> None:
    _set_scales(axes, panel, scale, has_labels)
    if primary_at is not None:
        axes.axvspan(primary_at - 0.38, primary_at + 0.38, color=INKS["panel"], linewidth=0, zorder=0)
        heights = [scale.place(p.effect.bounds[0]) if p.effect.bounds else math.nan for p in panel.points]
        axes.plot([p.x for p in panel.points], heights, color=INKS[panel.look.colour], linewidth=1.4, alpha=0.7)
    for point in panel.points:
        words, reach = f"{panel.look.name}, {point.effect.words}", (point.x - 0.4, point.x + 0.4)
        with part(axes, words, panel.look.colour, columns=reach):
            _draw_point(axes, point, panel.look, scale)


def _set_scales(axes: Axes, panel: Panel, scale: RatioScale, has_labels: bool) -> None:
    places = [point.x for point in panel.points]
    margin = max((max(places) - min(places)) * 0.09, 0.4) if places else 1
    axes.set_xlim(min(places, default=0) - margin, max(places, default=1) + margin)
    axes.xaxis.set_major_locator(FixedLocator(places))
    axes.xaxis.set_major_formatter(FixedFormatter([point.effect.label for point in panel.points]))
    ratio_axis(axes, scale, has_labels)


def _draw_point(axes: Axes, point: Point, look: Look, scale: RatioScale) -> None:
    effect, x = point.effect, point.x
    if effect.truth:
        mark_truth(axes, x, scale.place(effect.truth))
    if effect.bounds is None:
        style: Mapping[str, object] = {"rotation": 90, "ha": "center", "va": "bottom", "style": "italic"}
        low = scale.lower * (scale.upper / scale.lower) ** 0.03
        axes.text(x, low, effect.why, color=INKS["muted"], fontsize=SMALL - 0.5, **style)  # type: ignore[arg-type]
        return
    value, lower, upper = effect.bounds
    colour = INKS[look.colour]
    axes.plot([x, x], [scale.place(lower), scale.place(upper)], color=colour, linewidth=1.6)
    for bound, end, marker in ((lower, scale.lower, "v"), (upper, scale.upper, "^")):
        if scale.place(bound) != bound:
            axes.plot([x], [end], marker=marker, markersize=6, color=colour, clip_on=False)
    if scale.place(value) == value:
        mark(axes, x, value, look, 8)
