"""The plot of `make bench`: seconds of each estimator against intervals, both on log scales."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, NullLocator

COLOURS = {"ours, from intervals": "#0b5fa5", "ours, after aggregation": "#4fa3dc"}
GREY = "#6b6b6b"
SHORT = {"adelie grpnet": "adelie"}
LEAST_RATIO = 1.5
"""Between the seconds at which two names stand."""


class Point(NamedTuple):
    intervals: int
    seconds: float
    is_extrapolated: bool = False


def growth_plot(lines: Mapping[str, Sequence[Point]], path: Path, subtitle: str) -> None:
    """Draw a line per contender, its name at its end; save as SVG and PNG under `path` with another suffix."""
    plt.rcParams.update({"font.family": "DejaVu Sans", "font.size": 10, "svg.hashsalt": "tspo-cohort"})
    figure, axes = plt.subplots(figsize=(8.4, 5.2), layout="constrained")
    for name, points in lines.items():
        draw(axes, points, COLOURS.get(name, GREY), 2.4 if name in COLOURS else 1.3)
    finish(axes, lines)
    figure.suptitle("Seconds to count risk sets and fit", x=0.015, ha="left", fontsize=13, fontweight="bold")
    axes.set_title(subtitle, loc="left", fontsize=9, color=GREY, pad=10)
    label_ends(axes, lines)
    for suffix in (".svg", ".png"):
        figure.savefig(path.with_suffix(suffix), dpi=160, metadata={"Date": None} if suffix == ".svg" else None)
    plt.close(figure)


def draw(axes: Axes, points: Sequence[Point], colour: str, width: float) -> None:
    measured = [point for point in points if not point.is_extrapolated]
    axes.plot(*zip(*[p[:2] for p in measured], strict=True), "o-", color=colour, lw=width, ms=4, clip_on=False)
    beyond = [measured[-1], *(point for point in points if point.is_extrapolated)]
    if len(beyond) > 1:
        axes.plot(*zip(*[p[:2] for p in beyond], strict=True), ":", color=colour, lw=width)
        axes.plot(*beyond[-1][:2], "o", color=colour, mfc="white", ms=4, clip_on=False)


def finish(axes: Axes, lines: Mapping[str, Sequence[Point]]) -> None:
    axes.set(xscale="log", yscale="log", xlabel="intervals")
    axes.set_xlim(right=1.05 * max(point.intervals for points in lines.values() for point in points))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e4e4e4", lw=0.7)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_formatter(FuncFormatter(in_words))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} s"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_locator(NullLocator())


def in_words(value: float, _: int | None = None) -> str:
    return f"{value / 1e6:g} million" if value >= 1e6 else f"{value:,.0f}"


def label_ends(axes: Axes, lines: Mapping[str, Sequence[Point]]) -> None:
    """Each name beside the end of its line; pushed up where another name is in its way."""
    levels: dict[int, float] = {}
    ends = {name: points[-1] for name, points in lines.items()}
    last = max(end.intervals for end in ends.values())
    for name, end in sorted(ends.items(), key=lambda item: item[1].seconds):
        level = max(end.seconds, levels.get(end.intervals, 0.0) * LEAST_RATIO)
        levels[end.intervals] = level
        axes.annotate(
            SHORT.get(name, name) + ("\nextrapolated" if end.is_extrapolated else ""),
            (end.intervals, level),
            xytext=(9, 0) if end.intervals == last else (6, 5),
            textcoords="offset points",
            va="center",
            color=COLOURS.get(name, "#333333"),
            fontweight="bold" if name in COLOURS else "normal",
            annotation_clip=False,
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )
