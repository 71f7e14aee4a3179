"""Whether an effect stays or fades: rival hypotheses, hazard ratios of histories, time since the last dose, weights.

In: a release. Out: rows of text and two pictures. What is shown stands at every lag side by side, for a curve that
falls at one lag is also what prescribing for first signs of the outcome leaves.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cohort.analyses import PRIMARY
from cohort.models.reversibility import LIFETIME, SINCE_LAST, WEIGHTED
from cohort.report.classes import CLASSES, EXPOSURES
from cohort.report.effects import Effect, why_not
from cohort.report.numbers import ABSENT, EN_DASH, to_number, with_bounds, years
from cohort.report.panels import Panel, Point, panels
from cohort.report.release import Release, Row, told
from cohort.report.svg import INKS, SMALL, Picture, Sheet, picture
from cohort.results import COX, OVERALL, Estimate

_BAND, _BOOTSTRAP = ("ci_lower", "ci_upper"), ("bootstrap_lower", "bootstrap_upper")
_DRAWN = CLASSES[:2]
"""The classes of the contrast; the others are in the tables of the release."""


@dataclass(frozen=True)
class HypothesisRow:
    """A hypothesis, and at each lag by how much its BIC exceeds the best one's."""

    name: str
    says: str
    excess: Sequence[str]


@dataclass(frozen=True)
class HistoryTable:
    """A class at a lag: the hazard ratio of each history under each hypothesis."""

    name: str
    colour: str
    lag: str
    histories: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]


_SAYS = {
    LIFETIME: "All dose so far counts alike: what was done stays done.",
    "dose in a window": "Only dose in the window counts: an effect that ends.",
    "dose of the day": "Only what is taken counts: an effect that ends at once.",
    WEIGHTED: "Each past day has a weight of its own, drawn below.",
    SINCE_LAST: "Only how long ago the last dose was counts, not how much.",
}


def lags(release: Release) -> list[str]:
    """The lags at which it was asked, in words."""
    return [years(int(lag)) for lag in dict.fromkeys(row["lag_days"] for row in release.hypotheses)]


def hypothesis_rows(release: Release) -> list[HypothesisRow]:
    """The hypotheses in the order of the file."""
    days = list(dict.fromkeys(row["lag_days"] for row in release.hypotheses))
    names = dict.fromkeys(row["hypothesis"] for row in release.hypotheses)
    found = {(row["hypothesis"], row["lag_days"]): row for row in release.hypotheses}
    least = {lag: min((b for n in names if (b := _bic(found.get((n, lag)))) is not None), default=None) for lag in days}
    return [HypothesisRow(n, _SAYS.get(n, ""), [_excess(found.get((n, d)), least[d]) for d in days]) for n in names]


def _bic(row: Row | None) -> float | None:
    return told(row, "bic") if row else None


def _excess(row: Row | None, least: float | None) -> str:
    own = _bic(row)
    if row is None:
        return ABSENT
    if own is None or least is None:
        return why_not(row["status"])
    return above_the_best(own, least)


def above_the_best(bic: float, least: float) -> str:
    """By how much a BIC exceeds the least one."""
    return "best" if bic == least else f"+{bic - least:.1f}"


def history_tables(release: Release) -> list[HistoryTable]:
    """A table for each of the two classes at each lag."""
    rows = [row for row in release.histories if row["hypothesis"] != SINCE_LAST and row["history"]]
    keys = dict.fromkeys((row["exposure"], row["lag_days"]) for row in rows if row["exposure"] in _DRAWN)
    return [
        _history_table([r for r in rows if (r["exposure"], r["lag_days"]) == key], *key)
        for key in sorted(keys, key=_class_and_lag)
    ]


def _class_and_lag(key: tuple[str, str]) -> tuple[str, int]:
    return key[0], int(key[1])


def _history_table(rows: Sequence[Row], exposure: str, lag: str) -> HistoryTable:
    histories, names = (list(dict.fromkeys(row[column] for row in rows)) for column in ("history", "hypothesis"))
    cells = {(row["hypothesis"], row["history"]): _cell(row) for row in rows}
    look = EXPOSURES[exposure]
    body = [(name, [cells.get((name, history), ABSENT) for history in histories]) for name in names]
    again = {row["history"]: _cell(row, _BOOTSTRAP) for row in rows if row.get("bootstrap_lower")}
    if again:
        body.append((f"{WEIGHTED}, bootstrap", [again.get(history, ABSENT) for history in histories]))
    return HistoryTable(look.name, look.colour, years(int(lag)), histories, body)


def _cell(row: Row, bounds: tuple[str, str] = _BAND) -> str:
    status = row["status"]
    if status != "ok":
        return why_not(status)
    if to_number(row["se_log_hr"]) == 0:
        return "1"
    return with_bounds(told(row, "hazard_ratio"), *(told(row, end) for end in bounds))


def recency_picture(release: Release) -> Picture | None:
    """Hazard ratios by time since the last dose: a panel for each class of the contrast at each lag."""
    rows = [row for row in release.histories if row["hypothesis"] == SINCE_LAST and row["exposure"] in _DRAWN]
    drawn = []
    for exposure, lag in dict.fromkeys((row["exposure"], row["lag_days"]) for row in rows):
        own = [row for row in rows if (row["exposure"], row["lag_days"]) == (exposure, lag)]
        effects = [Effect(_short(row["history"]), _as_estimate(row, release.outcome_of(PRIMARY))) for row in own]
        points = [Point(place, effect) for place, effect in enumerate(effects)]
        look = EXPOSURES[exposure]
        drawn.append(Panel(replace(look, name=f"{look.name}, lag {years(int(lag))}"), points))
    if not drawn:
        return None
    title = f"Hazard ratio of {release.outcome} by time since the last dose"
    said = "A panel for each class at each lag, against never; the numbers are in histories.csv."
    return panels("recency", title, said, drawn, "Days since the last dose", 2)


def _short(label: str) -> str:
    return label.removesuffix(" days ago").replace("current", "0").replace("-", f"{EN_DASH}\n")


def _as_estimate(row: Row, outcome: str) -> Estimate:
    words = ("", COX, outcome, "age", row["exposure"], "", row["history"], "never", OVERALL)
    return Estimate(
        *words,
        int(row["lag_days"]),
        hazard_ratio=told(row, "hazard_ratio"),
        ci_lower=told(row, "ci_lower"),
        ci_upper=told(row, "ci_upper"),
        status=row["status"],
    )


def weight_picture(release: Release) -> Picture | None:
    """The weight functions of the two classes, a panel for each lag."""
    rows = [row for row in release.weights if row["exposure"] in _DRAWN]
    if not rows:
        return None
    title = "Weight of a unit of dose by how many days ago it was taken"
    said = "A line with its bands for each class, a panel for each lag; the numbers are in weights.csv."
    return picture("weights", title, said, lambda width: _draw_weights(width, rows))


def _draw_weights(width: int, rows: Sequence[Row]) -> Sheet:
    days = list(dict.fromkeys(row["lag_days"] for row in rows))
    columns = 1 if width < 600 else len(days)
    high, above, below, left = 200, 34, 50, 52
    sheet = Sheet(width, -(-len(days) // columns) * (high + above + below))
    each = (width - left - 26 * (columns - 1) - 6) / columns
    bounds = [to_number(row.get(end, "")) or 0.0 for row in rows for end in (*_BAND, *_BOOTSTRAP)]
    reach = sorted(abs(bound) for bound in bounds)[int(0.95 * (len(bounds) - 1))] * 1000 * 1.1
    for place, lag in enumerate(days):
        row, column = divmod(place, columns)
        x, y = left + column * (each + 26), row * (high + above + below) + above
        axes = sheet.axes(x, y, each, high)
        _draw_weight_panel(axes, [one for one in rows if one["lag_days"] == lag])
        axes.set_ylim(-reach, reach)
        axes.yaxis.set_major_locator(MaxNLocator(5))
        if column:
            axes.set_yticklabels([])
        sheet.text(x, y - 17, f"Lag {years(int(lag))}", fontweight="bold", fontsize=12)
        sheet.text(x + each / 2, y + high + below - 16, "Days ago", color="muted", fontsize=SMALL, ha="center")
    return sheet


def _draw_weight_panel(axes: Axes, rows: Sequence[Row]) -> None:
    axes.axhline(0, color=INKS["muted"], linewidth=1.1)
    axes.grid(axis="y", color=INKS["rule"], linewidth=0.7)
    for exposure in _DRAWN:
        own = [row for row in rows if row["exposure"] == exposure]
        day = [to_number(row["day"]) or 0.0 for row in own]
        value, lower, upper, *ends = (_thousandfold(own, name) for name in ("weight", *_BAND, *_BOOTSTRAP))
        look = EXPOSURES[exposure]
        axes.fill_between(day, lower, upper, color=INKS[look.colour], alpha=0.15, linewidth=0)
        style = "-" if exposure == _DRAWN[0] else "--"
        axes.plot(day, value, color=INKS[look.colour], linewidth=1.8, linestyle=style)
        for end in ends:
            axes.plot(day, end, color=INKS[look.colour], linewidth=0.8, linestyle=style, alpha=0.7)


def _thousandfold(rows: Sequence[Row], name: str) -> list[float]:
    """A column times 1,000; what is not told is no number, and not drawn."""
    numbers = [to_number(row.get(name, "")) for row in rows]
    return [math.nan if number is None else 1000 * number for number in numbers]


def said_of_bootstrap(release: Release) -> str:
    """Which lines are the bootstrap's, what it counts, and how many of its replicates said nothing."""
    many = {int(row["replicates"]) for row in release.weights if row.get("replicates")}
    if not many:
        return ""
    failed = max(int(row["replicates_failed"] or 0) for row in release.weights if row["exposure"] in _DRAWN)
    said = (
        f"Thin lines: percentiles of the weight functions of {max(many):,} replicates in which cases were drawn again, "
        "each with its controls, and the knots were chosen anew; the bands take the knots for known."
    )
    beyond = " A replicate without an estimate lies beyond either line; there are no lines where they are too many."
    return f"{said} Without an estimate were up to {failed:,} of them.{beyond}" if failed else said
