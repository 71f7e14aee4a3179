"""The two marks of every figure of hazard ratios: an estimate, and the truth of synthetic data.

In: a place on the axes. Out: a filled mark in the shape and colour of its class, or an open circle.
"""

from collections.abc import Mapping

from matplotlib.axes import Axes

from cohort.report.classes import Look
from cohort.report.svg import INKS

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
