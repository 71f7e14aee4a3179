"""A timeline as a picture, of three rows: fills, the dose of each day, the lagged cumulative dose in person-time."""

import datetime as dt
import io
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from cohort.inputs import EXPOSURES
from cohort.timeline.person import Timeline

_LOOKS = {"binder": ("#0072b2", "-"), "non_binder": ("#d55e00", "--"), "unknown": ("#6b6b6b", ":")}
"""Colours of Okabe and Ito (2008), told apart by colour-blind readers, and a line with each."""
_SETTINGS: Any = {"svg.fonttype": "none", "svg.hashsalt": "timeline", "font.family": ["DejaVu Sans"],
                             "font.size": 10, "text.parse_math": False}  # fmt: skip

_NEVER = dt.date(2200, 1, 1)
"""Dates from here on stand for none (databases write 9999-12-31), and cannot be drawn; the text tells them."""


def picture(person: Timeline) -> str:
    """The timeline as an SVG of its own; its bytes depend on nothing but the timeline."""
    with matplotlib.rc_context(_SETTINGS):
        figure = Figure(figsize=(10, 6.4), layout="constrained")
        above, middle, below = figure.subplots(3, 1, sharex=True, height_ratios=[1.1, 1.0, 1.6])
        _fills(above, person)
        _daily(middle, person)
        _cumulative(below, person)
        _events((above, middle, below), person)
        locator = AutoDateLocator()  # type: ignore[no-untyped-call]
        below.xaxis.set_major_locator(locator)
        below.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        figure.suptitle(_title(person), x=0.01, ha="left", fontsize=11)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Title": _title(person)})
    return buffer.getvalue()


def _title(person: Timeline) -> str:
    if person.exit:
        return f"Person {person.person_id}: studied from {person.entry} to {person.exit} ({person.exit_reason})"
    return f"Person {person.person_id}: not studied ({person.excluded_by})"


def _fills(axes: Axes, person: Timeline) -> None:
    drugs = list(dict.fromkeys(fill.drug for fill in person.fills))
    for fill in person.fills:
        row, colour = drugs.index(fill.drug), _LOOKS[fill.tspo_class][0]
        axes.plot([_at(fill.date)], [row], "|", color=colour, markersize=11, markeredgewidth=1.6)
        if fill.taken_from and fill.taken_until:
            ends = [_at(fill.taken_from), _at(fill.taken_until + dt.timedelta(days=1))]
            axes.plot(ends, [row, row], color=colour, linewidth=5, alpha=0.45, solid_capstyle="butt")
    axes.set_yticks(range(len(drugs)), drugs)
    axes.set_ylim(-0.7, max(len(drugs), 1) - 0.3)
    axes.invert_yaxis()
    axes.set_title("Fills (strokes) and when they are taken (bars)", loc="left", fontsize=10)


def _daily(axes: Axes, person: Timeline) -> None:
    for tspo_class, (colour, line) in _LOOKS.items():
        changes: dict[dt.date, float] = {}
        for days in person.daily:
            if days.tspo_class == tspo_class:
                changes[days.first] = changes.get(days.first, 0.0) + days.per_day
                changes[days.until] = changes.get(days.until, 0.0) - days.per_day
        if changes:
            dates, level, levels = sorted(changes), 0.0, []
            for date in dates:
                level += changes[date]
                levels.append(level)
            axes.step([_at(date) for date in dates], levels, where="post", color=colour, linestyle=line)
    axes.set_ylim(bottom=0)
    axes.set_title(f"Known dose of each day ({person.metric})", loc="left", fontsize=10)


def _cumulative(axes: Axes, person: Timeline) -> None:
    for exposure in EXPOSURES:
        colour, line = _LOOKS[exposure.removeprefix("tspo_")]
        known = [(i, dose) for i in person.intervals if (dose := i.dose[exposure]) is not None]
        if not known:
            continue
        dates = [*(_at(interval.start) for interval, _ in known), _at(known[-1][0].stop)]
        doses = [dose for _, dose in known]
        name = exposure.removeprefix("tspo_").replace("_", "-")
        axes.step(dates, [*doses, doses[-1]], where="post", color=colour, linestyle=line, label=name)
    if person.intervals:
        axes.legend(loc="upper left", frameon=False, ncols=3)
    axes.set_ylim(bottom=0)
    axes.set_title(f"Lagged cumulative exposure in person-time ({person.metric})", loc="left", fontsize=10)


def _events(every: tuple[Axes, ...], person: Timeline) -> None:
    for axes in every:
        axes.spines[["top", "right"]].set_visible(False)
        if person.entry and person.exit:
            axes.axvspan(_at(person.entry), _at(person.exit), color="#000000", alpha=0.05, linewidth=0)
    for name, date in ((name, date) for name, date in person.events.items() if date < _NEVER):
        for axes in every:
            axes.axvline(_at(date), color="#333333", linewidth=0.8, linestyle=(0, (2, 2)))
        every[-1].annotate(
            name,
            (_at(date), 0.62),
            xycoords=("data", "axes fraction"),
            rotation=90,
            ha="right",
            va="center",
            fontsize=8,
        )


def _at(date: dt.date) -> float:
    return float((date - dt.date(1970, 1, 1)).days)  # as matplotlib counts days
