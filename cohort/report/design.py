"""The design as a picture: what must hold before entry, what is known at entry, and which dose counts on a day at risk.

In: a protocol. Out: a picture with a bar for each window, before and after entry, not to scale. Source of the form:
HARPER's design diagram (Wang et al. 2022, doi 10.1002/pds.5507) and Schneeweiss et al. 2019, Ann Intern Med 170:398.
"""

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Rectangle

from cohort.protocol import Protocol
from cohort.report.methods_model import sets
from cohort.report.numbers import capital, years
from cohort.report.svg import INKS, SMALL, Picture, Sheet, picture

_ROW, _TOP, _BELOW, _BAR = 46, 34, 34, 13
_PALE = 0.15
_ENTRY, _DAY = 0.36, 0.9
"""Where entry and the day at risk lie on the way from left to right."""


@dataclass(frozen=True)
class Window:
    """A stretch of time: its words, from where to where, how dark its bar is; `is_open`: it has no beginning."""

    words: str
    begins: float
    ends: float
    shade: float = 0.45
    is_open: bool = False


def windows(protocol: Protocol) -> list[Window]:
    """The windows from top to bottom."""
    p, m, e, outcome = protocol.population, protocol.model, protocol.exposure, protocol.outcome
    found = [
        Window(f"Observed for {years(p.prior_observation_days)}, without a gap", 0.12, _ENTRY),
        Window(f"No record of {sets(p.prevalent_sets, 'or')}", 0.0, _ENTRY, is_open=True),
    ]
    if p.washout_days:
        found.insert(1, Window(f"No study drug for {years(p.washout_days)}", 0.12, _ENTRY))
    if m.covariates:
        ever = m.covariate_lookback_days is None
        when = "ever" if ever else f"in {years(m.covariate_lookback_days or 0)}"
        found.append(Window(f"Adjusted for: {sets(m.covariates)}, {when}", 0.0 if ever else 0.12, _ENTRY, is_open=ever))
    last = _DAY - 0.2 if e.lag_days else _DAY
    whole = "since entry" if e.window_days is None else f"of {years(e.window_days)}"
    begins = _ENTRY if e.window_days is None else last - 0.24
    found.append(Window(f"Dose {whole} that counts on the day at risk", begins, last, 0.8))
    if e.lag_days:
        found.append(Window(f"Lag: the newest {years(e.lag_days)} do not count", last, _DAY, _PALE))
    found.append(Window(f"Follow-up to {outcome.words}, death or the end of observation", _ENTRY, 1.0))
    return found


def design(protocol: Protocol) -> Picture:
    """The design of the primary analysis."""
    found = windows(protocol)
    said = " ".join(f"{capital(window.words)}." for window in found)
    return picture("design", "Design of the study around a person's entry", said, lambda width: _draw(width, found))


def _draw(width: int, found: list[Window]) -> Sheet:
    sheet = Sheet(width, _TOP + _ROW * len(found) + _BELOW)
    axes = sheet.axes(0, 0, width, sheet.height)
    axes.set_xlim(0, width)
    axes.set_ylim(sheet.height, 0)
    axes.set_axis_off()
    for place, name in ((_ENTRY, "Entry"), (_DAY, "A day at risk")):
        x = place * width
        axes.plot([x, x], [_TOP - 8, sheet.height - _BELOW], color=INKS["rule"], linewidth=1.2, zorder=0)
        sheet.text(x, _TOP - 20, name, fontweight="bold", fontsize=12, ha="center" if place < 0.5 else "right")
    for i, window in enumerate(found):
        _window(sheet, axes, window, _TOP + i * _ROW, width)
    arrow = FancyArrowPatch(
        (0, sheet.height - 20), (width, sheet.height - 20), arrowstyle="-|>", mutation_scale=11, color=INKS["muted"]
    )
    axes.add_patch(arrow)
    sheet.text(width, sheet.height - 8, "time, not to scale", color="muted", fontsize=SMALL, ha="right")
    return sheet


def _window(sheet: Sheet, axes: Axes, window: Window, top: float, width: int) -> None:
    """A bar under its words; one without a beginning fades out."""
    left, right = window.begins * width, window.ends * width
    begins = left + 0.06 * width if window.is_open else left
    axes.add_patch(
        Rectangle((begins, top + 18), right - begins, _BAR, color=INKS["ink"], alpha=window.shade, linewidth=0)
    )
    if window.is_open:
        axes.add_patch(Rectangle((left, top + 18), begins - left, _BAR, color=INKS["ink"], alpha=_PALE, linewidth=0))
    room = (width - left) / 6.4
    words = window.words if len(window.words) < room else f"{window.words[: int(room) - 1]}…"
    sheet.text(left, top + 8, words, fontsize=SMALL)
