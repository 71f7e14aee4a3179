"""Small multiples of hazard ratios over dose or over lag.

In: points with their looks. Out: a picture. A point without an estimate keeps its place and says why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator

from cohort.report.classes import Look
from cohort.report.effects import Effect, RatioScale, ratio_scale
from cohort.report.marks import mark, mark_truth, ratio_axis
from cohort.report.svg import INKS, SMALL, Picture, Sheet, picture


@dataclass(frozen=True)
class Point:
    """A point of a panel, at `x`, labelled by its effect's label."""

    x: float
    effect: Effect


@dataclass(frozen=True)
class Panel:
    """One panel of points: a class or the contrast."""

    look: Look
    points: Sequence[Point]


def panels(
    name: str,
    title: str,
    description: str,
    drawn: Sequence[Panel],
    x_label: str,
    columns_on_phones: int,
    primary_at: float | None = None,
    columns: int | None = None,
) -> Picture:
    """Small multiples of hazard ratios that share one log scale.

    Args:
        name: prefix of the figure's ids.
        title: what the figure is, for a screen reader.
        description: what is to be seen, for a screen reader.
        drawn: the panels in order.
        x_label: what lies on the horizontal axis.
        columns_on_phones: how many panels stand side by side on a phone.
        primary_at: where the primary analysis lies, where a line may join the points; None joins nothing.
        columns: how many stand side by side on a wide page; none: all.
    """
    scale = ratio_scale([point.effect for panel in drawn for point in panel.points], 8)

    def draw(width: int) -> Sheet:
        across = (columns or len(drawn)) if width > 600 else columns_on_phones
        return _panels(width, drawn, scale, x_label, across, primary_at)

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
    high, gap, labels, above, below = 210, 22, 38, 34, 66 if has_two_lines else 52
    rows = -(-len(drawn) // columns)
    sheet = Sheet(width, rows * (high + above + below))
    each = (width - labels - gap * (columns - 1) - 6) / columns
    for i, panel in enumerate(drawn):
        row, column = divmod(i, columns)
        left, top = labels + column * (each + gap), row * (high + above + below) + above
        axes = sheet.axes(left, top, each, high)
        _panel(axes, panel, scale, primary_at, has_labels=column == 0)
        sheet.text(left, top - 17, panel.look.name, fontweight="bold", fontsize=12)
        sheet.text(left + each / 2, top + high + below - 16, x_label, color="muted", fontsize=SMALL, ha="center")
    return sheet


def _panel(axes: Axes, panel: Panel, scale: RatioScale, primary_at: float | None, has_labels: bool) -> None:
    _set_scales(axes, panel, scale, has_labels)
    if primary_at is not None:
        axes.axvspan(primary_at - 0.38, primary_at + 0.38, color=INKS["panel"], linewidth=0, zorder=0)
        known = [(p.x, p.effect.bounds[0]) for p in panel.points if p.effect.bounds]
        axes.plot(
            [x for x, _ in known],
            [y for _, y in known],
            color=INKS[panel.look.colour],
            linewidth=1,
            alpha=0.5,
        )
    for point in panel.points:
        _draw_point(axes, point, panel.look, scale)


def _set_scales(axes: Axes, panel: Panel, scale: RatioScale, has_labels: bool) -> None:
    places = [point.x for point in panel.points]
    margin = max((max(places) - min(places)) * 0.12, 0.4) if places else 1
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
