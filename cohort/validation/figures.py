"""Bias and coverage against lag, a panel for each scenario, in the colours and marks of the report.

In: the judged table. Out: SVG and PNG files. No pyplot, and no date: the bytes depend on the numbers only.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import matplotlib
import matplotlib.lines
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import beta

from cohort.report.classes import EXPOSURES, Look
from cohort.results import IS_OF_LAGS, IS_PER_UNIT, OVERALL
from cohort.validation.verdict import ACCEPTED_BIAS, ACCEPTED_COVERAGE

_Z: Final = 1.96
_TAIL: Final = 0.025
_DAYS_PER_YEAR: Final = 365
_COLUMNS: Final = 3
_STYLE: Final[dict[str, Any]] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tspo-validate",
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "text.parse_math": False,
    "axes.unicode_minus": True,
}


@dataclass(frozen=True)
class Drawing:
    """One figure: its file's name, what is drawn of a panel's rows, and the words of its vertical axis."""

    name: str
    y_label: str
    draw: Callable[[Axes, pl.DataFrame, Look, float], None]
    band: tuple[float, float]
    at: float


def write_figures(table: pl.DataFrame, folder: Path) -> list[Path]:
    """Write `bias.svg`, `bias.png`, `coverage.svg` and `coverage.png`; nothing where no row has a truth."""
    rows = by_lag(table)
    if rows.is_empty():
        return []
    folder.mkdir(parents=True, exist_ok=True)
    return [path for drawing in DRAWINGS for path in _written(drawing, rows, folder)]


def by_lag(table: pl.DataFrame) -> pl.DataFrame:
    """The linear rows of all ages of the primary analysis and the family of lags, in order of lag."""
    linear = IS_PER_UNIT & (pl.col("age_stratum") == OVERALL)
    return table.filter(IS_OF_LAGS & linear & pl.col("bias").is_not_null()).sort("lag_days", maintain_order=True)


def exact_interval(covered: int, n: int) -> tuple[float, float]:
    """Clopper and Pearson's 95 % interval of a share."""
    low = float(beta.ppf(_TAIL, covered, n - covered + 1)) if covered else 0.0
    high = float(beta.ppf(1 - _TAIL, covered + 1, n - covered)) if covered < n else 1.0
    return low, high


def _bias(axes: Axes, rows: pl.DataFrame, look: Look, shift: float) -> None:
    error = [_Z * (value or 0.0) for value in rows.get_column("bias_mcse")]
    _series(axes, rows, rows.get_column("bias").to_list(), [error, error], look, shift)


def _coverage(axes: Axes, rows: pl.DataFrame, look: Look, shift: float) -> None:
    shares = rows.get_column("coverage").to_list()
    bounds = [exact_interval(*row) for row in rows.select("covered", "estimated").iter_rows()]
    below = [share - low for share, (low, _) in zip(shares, bounds, strict=True)]
    above = [high - share for share, (_, high) in zip(shares, bounds, strict=True)]
    _series(axes, rows, shares, [below, above], look, shift)


DRAWINGS = (
    Drawing("bias", "bias of the log hazard ratio", _bias, (-ACCEPTED_BIAS, ACCEPTED_BIAS), 0.0),
    Drawing("coverage", "coverage of 95 % intervals", _coverage, ACCEPTED_COVERAGE, 0.95),
)


def _series(
    axes: Axes, rows: pl.DataFrame, values: Sequence[float], errors: Sequence[Sequence[float]], look: Look, shift: float
) -> None:
    years = [lag / _DAYS_PER_YEAR + shift for lag in rows.get_column("lag_days")]
    ink, specified = _inks()[look.colour], rows.get_column("is_specified").to_list()
    axes.errorbar(years, values, yerr=errors, fmt="none", ecolor=ink, elinewidth=1.1, zorder=3)
    axes.plot(years, values, color=ink, linewidth=0.7, alpha=0.55, zorder=2)
    for x, y, is_filled in zip(years, values, specified, strict=True):
        face = ink if is_filled else _inks()["paper"]
        axes.plot([x], [y], look.marker, color=ink, markerfacecolor=face, markersize=5, zorder=4)


def _written(drawing: Drawing, rows: pl.DataFrame, folder: Path) -> list[Path]:
    settings: Any = _STYLE
    with matplotlib.rc_context(settings):
        figure = _figure(drawing, rows)
        paths = [folder / f"{drawing.name}.{ending}" for ending in ("svg", "png")]
        figure.savefig(paths[0], metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
        figure.savefig(paths[1], dpi=160, metadata={"Software": None})
    return paths


def _figure(drawing: Drawing, rows: pl.DataFrame) -> Figure:
    scenarios = rows.get_column("scenario").unique(maintain_order=True).sort().to_list()
    columns = min(_COLUMNS, len(scenarios))
    lines = -(-len(scenarios) // columns)
    size = (1.3 + 3.0 * columns, 1.2 + 2.6 * lines)
    figure = Figure(figsize=size, facecolor=_inks()["paper"])
    grid = figure.subplots(lines, columns, sharey=True, squeeze=False)
    figure.subplots_adjust(
        left=0.8 / size[0],
        right=1 - 0.15 / size[0],
        top=1 - 0.75 / size[1],
        bottom=0.5 / size[1],
        wspace=0.08,
        hspace=0.4,
    )
    for number, axes in enumerate(grid.flat):
        if number < len(scenarios):
            of_scenario = rows.filter(pl.col("scenario") == scenarios[number])
            _panel(axes, drawing, of_scenario, is_first=number % columns == 0)
        else:
            axes.set_visible(False)
    _legend(figure)
    return figure


def _panel(axes: Axes, drawing: Drawing, rows: pl.DataFrame, is_first: bool) -> None:
    inks = _inks()
    axes.set_facecolor(inks["paper"])
    axes.axhspan(*drawing.band, color=inks["rule"], alpha=0.6, zorder=0, linewidth=0)
    axes.axhline(drawing.at, color=inks["muted"], linewidth=0.8, zorder=1)
    shown = [name for name in EXPOSURES if name in rows.get_column("exposure").to_list()]
    for number, exposure in enumerate(shown):
        shift = 0.13 * (number - (len(shown) - 1) / 2)
        drawing.draw(axes, rows.filter(pl.col("exposure") == exposure), EXPOSURES[exposure], shift)
    axes.set_title(rows.item(0, "scenario"), loc="left", fontsize=9.5, fontweight="bold", color=inks["ink"])
    years = sorted({lag / _DAYS_PER_YEAR for lag in rows.get_column("lag_days")})
    axes.set_xticks(years, [f"{year:g}" for year in years])
    axes.set_xlabel("lag, years", color=inks["muted"], fontsize=8.5)
    if is_first:
        axes.set_ylabel(drawing.y_label, color=inks["muted"], fontsize=8.5)
    axes.tick_params(length=0, labelcolor=inks["muted"], labelsize=8.5)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(inks["rule"])


def _legend(figure: Figure) -> None:
    inks, height = _inks(), figure.get_size_inches()[1]
    lines = [
        matplotlib.lines.Line2D(
            [], [], color=inks[look.colour], marker=look.marker, linewidth=0, markersize=5, label=look.name
        )
        for look in EXPOSURES.values()
    ]
    figure.legend(
        handles=lines,
        loc="upper left",
        bbox_to_anchor=(0.01, 1 - 0.03 / height),
        ncols=2 if _is_slim(figure) else 4,
        frameon=False,
        fontsize=8.5,
        labelcolor=inks["ink"],
        handletextpad=0.2,
    )


def _is_slim(figure: Figure) -> bool:
    return bool(figure.get_size_inches()[0] < 6)


@cache
def _inks() -> dict[str, str]:
    """The light colours of the report's style sheet, by the names of `svg.INKS`."""
    sheet = (Path(__file__).parents[1] / "report" / "report.css").read_text(encoding="utf-8")
    found = re.findall(r"--([a-z-]+):\s*(#[0-9a-f]{3,6})", sheet)
    light = dict(reversed(found))  # the first mention of a name is the light one
    return {name.replace("-", "_"): value for name, value in light.items()}
