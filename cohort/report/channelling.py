"""New starts before a diagnosis: what the table says in a sentence, and its rows.

In: rows of `channelling.csv`, and the check of that name. Out: text. What was suppressed says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cohort.channelling import WITHIN_LAG
from cohort.report.classes import CLASSES, EXPOSURES
from cohort.report.numbers import count, listed, p_equals, percent, ratio, years
from cohort.report.release import Release, Row, told
from cohort.results import OVERALL

CHECK = "channelling"
"""The diagnostic that says whether the first signs are treated rather with one class."""


@dataclass(frozen=True)
class StartsRow:
    """A time before diagnosis: starts of all classes, and of each class with its share and the share expected."""

    time: str
    starts: str
    rise: str
    classes: Sequence[str]
    is_total: bool


def starts_rows(release: Release) -> list[StartsRow]:
    """All times within the lag together, each time, and those who are not diagnosed."""
    return [
        _starts_row(release, time)
        for time in dict.fromkeys(row["time_before_diagnosis"] for row in release.channelling)
    ]


def starts_of(release: Release, time: str, exposure: str) -> Row:
    """A row of the table; an empty one where the release has none."""
    rows = (r for r in release.channelling if (r["time_before_diagnosis"], r["exposure"]) == (time, exposure))
    return next(rows, {})


def _starts_row(release: Release, time: str) -> StartsRow:
    total = starts_of(release, time, OVERALL)
    name = f"{time[:1].upper()}{time[1:]}"
    if time == WITHIN_LAG:
        name = f"{name}, {lag_covered(release)}"
    cells = [_of_class(starts_of(release, time, e)) for e in CLASSES]
    rise = ratio(told(total, "rate_ratio"))
    return StartsRow(name, count(told(total, "starts")), rise, cells, time == WITHIN_LAG)


def _of_class(row: Row) -> str:
    """Starts, their share, and the share expected, as far as they are told."""
    starts, share, expected = (told(row, name) for name in ("starts", "share", "expected_share"))
    if starts is None:
        return count(None)
    shares = [percent(share)] if share is not None else []
    shares += [f"({percent(expected)})"] if expected is not None else []
    return ", ".join([count(starts), " ".join(shares)]) if shares else count(starts)


def lag_covered(release: Release) -> str:
    """The days before diagnosis that the lag covers, in words."""
    return years(float(starts_of(release, WITHIN_LAG, OVERALL)["at_most_days"]))


def new_start(washout_days: int | None) -> str:
    """What counts as a new start; None: the protocol is not known."""
    if washout_days == 0:
        return "each day with a fill of a class"
    gap = "the washout" if washout_days is None else years(washout_days)
    return f"the first fill of a class after {gap} without one"


def said_of_starts(release: Release) -> str:
    """What the starts within the lag say of channelling."""
    total = starts_of(release, WITHIN_LAG, OVERALL)
    if not total:
        return "The lag covers no whole time before a diagnosis, so no shares are compared."
    rise = told(total, "rate_ratio")
    rows = {e: starts_of(release, WITHIN_LAG, e) for e in CLASSES}
    shares = {e: (told(row, "share"), told(row, "expected_share")) for e, row in rows.items()}
    known = {e: (share, wanted) for e, (share, wanted) in shares.items() if share is not None and wanted is not None}
    if rise is None or len(known) < len(shares):
        return "Too few new starts within the lag may be told to say whether they prefer a class."
    parts = [f"{percent(s)} were of {EXPOSURES[e].plural} (expected {percent(x)})" for e, (s, x) in known.items()]
    preferred = max(known, key=lambda e: known[e][0] - known[e][1])
    return (
        f"Within {lag_covered(release)} before a diagnosis these drugs were newly started {ratio(rise)} times as often "
        f"as by matched people without one. Of these starts {listed(parts)}. "
        f"{_judged(release, EXPOSURES[preferred].plural)}"
    )


def _judged(release: Release, preferred: str) -> str:
    check = release.diagnostic(CHECK)
    if check is None or check.p_value is None:
        return "Whether the shares differ by more than chance was not tested."
    if check.verdict == "pass":
        return f"The shares differ by no more than chance explains ({p_equals(check.p_value)})."
    return (
        f"The shares differ by more than chance explains ({p_equals(check.p_value)}): the first signs are treated "
        f"rather with {preferred}, and with a shorter lag the classes would differ for that reason alone."
    )
