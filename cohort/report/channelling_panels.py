"""The picture of new starts before a diagnosis: a panel for each class, its share beside the share expected.

In: rows of `channelling.csv`. Out: a picture, or None where the release has no such table. A share that is suppressed
leaves its place empty.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator

from cohort.channelling import NOT_DIAGNOSED, WITHIN_LAG
from cohort.report.channelling import starts_of
from cohort.report.classes import CLASSES, EXPOSURES, Look
from cohort.report.marks import mark
from cohort.report.numbers import to_number
from cohort.report.release import Release, Row, told
from cohort.report.svg import INKS, SMALL, Picture, Sheet, picture

_HIGH, _GAP, _LABELS, _ABOVE, _BELOW = 190, 24, 44, 34, 54
_TITLE = "Share of each TSPO class among new starts, by time before a diagnosis of"
_SAID = "One panel for each TSPO class, with the share expected as a line. The numbers are in the table below."
_PARTS_OF_A_YEAR = {91: "¼", 182: "½"}


@dataclass(frozen=True)
class _Panels:
    """Rows by class, the earliest time first, and how many of the last times the lag covers."""

    rows: dict[str, list[Row]]
    within_lag: int

    @property
    def edges(self) -> list[str]:
        """The years before diagnosis between the times."""
        days = [row["at_most_days"] for row in self.rows[CLASSES[0]]] + ["0"]
        return [_PARTS_OF_A_YEAR.get(int(day), f"{int(day) / 365:.3g}") for day in days]

    @property
    def top(self) -> float:
        """The largest share that is drawn."""
        named = ("share_upper", "expected_share")
        return max(
            [told(row, name) or 0.0 for rows in self.rows.values() for row in rows for name in named], default=0.0
        )


def channelling_picture(release: Release) -> Picture | None:
    """Shares of new starts by time before diagnosis, the diagnosis at the right."""
    times = list(dict.fromkeys(row["time_before_diagnosis"] for row in release.channelling))
    drawn = [time for time in reversed(times) if time not in {WITHIN_LAG, NOT_DIAGNOSED}]
    if not drawn:
        return None
    rows = {e: [starts_of(release, time, e) for time in drawn] for e in CLASSES}
    last = to_number(starts_of(release, WITHIN_LAG, CLASSES[0]).get("at_most_days", "")) or 0.0
    within = sum(float(row["at_most_days"]) <= last for row in rows[CLASSES[0]])
    panels = _Panels(rows, within)
    return picture("channelling", f"{_TITLE} {release.outcome}", _SAID, lambda width: _sheet(width, panels))


def _sheet(width: int, panels: _Panels) -> Sheet:
    columns = len(panels.rows) if width > 600 else 1
    each_high = _ABOVE + _HIGH + _BELOW
    sheet = Sheet(width, -(-len(panels.rows) // columns) * each_high)
    each = (width - _LABELS - _GAP * (columns - 1) - 8) / columns
    for i, (exposure, rows) in enumerate(panels.rows.items()):
        row, column = divmod(i, columns)
        left, top = _LABELS + column * (each + _GAP), row * each_high + _ABOVE
        axes = sheet.axes(left, top, each, _HIGH)
        _set_scales(axes, panels, has_labels=column == 0)
        _draw(axes, rows, EXPOSURES[exposure])
        sheet.text(left, top - 17, EXPOSURES[exposure].name, fontweight="bold", fontsize=12)
        below = "Years before diagnosis"
        sheet.text(left + each / 2, top + _HIGH + 38, below, color="muted", fontsize=SMALL, ha="center")
    return sheet


def _set_scales(axes: Axes, panels: _Panels, has_labels: bool) -> None:
    edges = panels.edges
    axes.set_xlim(-0.5, len(edges) - 1.5)
    axes.set_ylim(0, max(panels.top, 0.1) * 1.05)
    axes.xaxis.set_major_locator(FixedLocator([i - 0.5 for i in range(len(edges))]))
    axes.xaxis.set_major_formatter(FixedFormatter(edges))
    axes.tick_params(axis="x", pad=8)  # the first label stands below that of zero
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share * 100:g}%" if has_labels else ""))
    axes.grid(axis="y", color=INKS["rule"], linewidth=0.7)
    if panels.within_lag:
        axes.axvspan(len(edges) - 1.5 - panels.within_lag, len(edges) - 1.5, color=INKS["panel"], linewidth=0, zorder=0)


def _draw(axes: Axes, rows: Sequence[Row], look: Look) -> None:
    for x, row in enumerate(rows):
        share, lower, upper, expected = (
            told(row, name) for name in ("share", "share_lower", "share_upper", "expected_share")
        )
        if expected is not None:
            axes.plot([x - 0.5, x + 0.5], [expected, expected], color=INKS["ink"], linewidth=1.4, solid_capstyle="butt")
        if share is None or lower is None or upper is None:
            continue
        axes.plot([x, x], [lower, upper], color=INKS[look.colour], linewidth=1.6)
        mark(axes, x, share, look, 7)
