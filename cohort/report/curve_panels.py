"""The picture of dose-response curves: a panel for each class, all on one log scale of hazard ratios.

In: curves. Out: a picture. A class without a curve keeps its panel, which says why.
"""

from collections.abc import Sequence
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from cohort.report.dose_points import Curve
from cohort.report.effects import RatioScale, scale_of
from cohort.report.marks import mark, ratio_axis, read_off
from cohort.report.numbers import with_bounds
from cohort.report.svg import INKS, SMALL, Picture, Sheet, picture

_HIGH, _GAP, _LABELS, _ABOVE, _BELOW = 210, 24, 38, 34, 54
_READ_AT = 20
"""A curve can be read at about so many places."""
_SAID = "One panel for each TSPO class, with a pointwise band. The values at the knots are in the table below."


def curve_panels(name: str, title: str, curves: Sequence[Curve], x_label: str) -> Picture:
    """Small multiples of curves; each ends at its own last point.

    Args:
        name: prefix of the figure's ids.
        title: what the figure is, for a screen reader.
        curves: one for each panel.
        x_label: what lies on the horizontal axis.
    """
    points = [point for curve in curves for point in curve.points]
    bounds = [bound for point in points for bound in (point.lower, point.upper)]
    scale = scale_of([point.hazard_ratio for point in points], bounds, 8)
    return picture(name, title, _SAID, lambda width: _sheet(width, curves, scale, x_label))


def _sheet(width: int, curves: Sequence[Curve], scale: RatioScale, x_label: str) -> Sheet:
    columns = len(curves) if width > 600 else 1
    rows = -(-len(curves) // columns)
    sheet = Sheet(width, rows * (_HIGH + _ABOVE + _BELOW))
    each = (width - _LABELS - _GAP * (columns - 1) - 12) / columns
    for i, curve in enumerate(curves):
        row, column = divmod(i, columns)
        left, top = _LABELS + column * (each + _GAP), row * (_HIGH + _ABOVE + _BELOW) + _ABOVE
        axes = sheet.axes(left, top, each, _HIGH)
        _set_scales(axes, curve, scale, has_labels=column == 0)
        _draw(axes, curve)
        sheet.text(left, top - 17, curve.look.name, fontweight="bold", fontsize=12)
        if curve.points:
            sheet.text(left + each / 2, top + _HIGH + 38, x_label, color="muted", fontsize=SMALL, ha="center")
    return sheet


def _set_scales(axes: Axes, curve: Curve, scale: RatioScale, has_labels: bool) -> None:
    last = curve.points[-1].dose if curve.points else 0
    axes.set_xlim(0, last or 1)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]) if last else NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda dose, _: f"{dose:,g}"))
    ratio_axis(axes, scale, has_labels)


def _draw(axes: Axes, curve: Curve) -> None:
    """The band, the line, a stroke at the foot for each knot, and the mark of the class at the reference."""
    if not curve.points:
        style = {"color": INKS["muted"], "fontsize": SMALL, "style": "italic", "ha": "center", "va": "bottom"}
        axes.text(0.5, 0.06, fill(curve.why, 30), transform=axes.transAxes, **style)  # type: ignore[arg-type]
        return
    colour, doses = INKS[curve.look.colour], [point.dose for point in curve.points]
    lower, upper = [point.lower for point in curve.points], [point.upper for point in curve.points]
    axes.fill_between(doses, lower, upper, color=colour, alpha=0.13, linewidth=0)
    axes.plot(doses, [point.hazard_ratio for point in curve.points], color=colour, linewidth=2)
    told = curve.points[:: max(len(curve.points) // _READ_AT, 1)]
    said = [f"{point.dose:,g}: {with_bounds(point.hazard_ratio, point.lower, point.upper)}" for point in told]
    words = [f"{curve.look.name}, {text}" for text in said]
    read_off(axes, [point.dose for point in told], words, curve.look.colour)
    knots = [point.dose for point in curve.knots]
    axes.vlines(knots, 0, 0.05, transform=axes.get_xaxis_transform(), color=colour, linewidth=2, clip_on=False)
    if curve.reference <= doses[-1]:
        mark(axes, curve.reference, 1, curve.look, 8)
        axes.lines[-1].set_clip_on(False)
