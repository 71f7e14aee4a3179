"""What figures of hazard ratios share: the marks of an estimate and of the truth of synthetic data, and the axis.

In: a place on the axes, or a scale. Out: a filled mark in the shape and colour of its class, an open circle, an axis.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from cohort.report.classes import Look
from cohort.report.effects import RatioScale
from cohort.report.svg import INKS, part

_SIZES: Mapping[str, float] = {"s": 0.9, "D": 0.85, "^": 1.12}  # marks of equal weight to the eye


def mark(axes: Axes, x: float, y: float, look: Look, size: float) -> None:
    """An estimate: the filled shape of its class."""
    axes.plot(
        [x], [y], marker=look.marker, markersize=size * _SIZES.get(look.marker, 1), color=INKS[look.colour],
        markeredgewidth=0, zorder=4,
    )  # fmt: skip


def mark_truth(axes: Axes, x: float, y: float) -> None:
    """The known truth: an open circle around its place."""
    axes.plot(
        [x], [y], marker="o", markersize=15, markerfacecolor="none", markeredgecolor=INKS["ink"],
        markeredgewidth=1.2, zorder=5, clip_on=False,
    )  # fmt: skip


def ratio_axis(axes: Axes, scale: RatioScale, has_labels: bool) -> None:
    """Hazard ratios upwards on a log scale, with a line at one; panels after the first of a row have no labels."""
    axes.set_yscale("log")
    axes.set_ylim(scale.lower, scale.upper)
    axes.yaxis.set_major_locator(FixedLocator(scale.ticks))
    axes.yaxis.set_major_formatter(FixedFormatter([f"{t:g}" if has_labels else "" for t in scale.ticks]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(axis="y", color=INKS["rule"], linewidth=0.7)
    axes.axhline(1, color=INKS["muted"], linewidth=1.1)


def read_off(axes: Axes, places: Sequence[float], words: Sequence[str], exposure: str = "") -> None:
    """What the lines of a panel say at places along it, to be read by pointing anywhere above or below the place."""
    if not places:
        return
    lower, upper = axes.get_xlim()
    edges = [lower, *((a + b) / 2 for a, b in pairwise(places)), upper]
    for left, right, said in zip(edges[:-1], edges[1:], words, strict=True):
        with part(axes, said, exposure, columns=(left, right)):
            pass
