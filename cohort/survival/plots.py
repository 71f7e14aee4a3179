"""Estimates with their intervals, drawn with matplotlib: one line a covariate, the first at the top.

In: names, estimates and bounds. Out: axes.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from cohort.survival.arrays import Floats

_COLOUR = "#2f5d8a"
_WIDE = 8.0


def draw_estimates(
    names: Sequence[str],
    estimate: Floats,
    lower: Floats,
    upper: Floats,
    reference: float,
    axes: Axes | None = None,
    is_ratio: bool = True,
) -> Axes:
    """Draw (p,) estimates on axes, made where none are given; ratios on a log scale, with a line at the reference."""
    at = np.arange(len(names))[::-1]
    if axes is None:
        axes = plt.figure(figsize=(6, 1 + 0.4 * len(names)), layout="constrained").gca()
    axes.hlines(at, lower, upper, color=_COLOUR, linewidth=1.5)
    axes.plot(estimate, at, "s", color=_COLOUR, markersize=5)
    axes.axvline(reference, color="0.6", linewidth=0.8, zorder=0)
    axes.set_yticks(at, list(names))
    axes.set_ylim(-0.5, max(len(names), 1) - 0.5)
    if is_ratio:
        axes.set_xscale("log")
        _plain_numbers(axes)
    return axes


def _plain_numbers(axes: Axes) -> None:
    """0.5, 1 and 2 on a log axis, not powers of ten; evenly spaced numbers where it spans little."""
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)) if high / low > _WIDE else MaxNLocator(6))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
