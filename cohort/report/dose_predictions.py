"""Predictions about the dose of binders: that it counts beyond the lag, is not given for signs, builds up and fades.

In: a release and its terms. Out: a `Conclusion` each. Where dose of binders goes with nothing, how it acts cannot be
told, and the last two say so.
"""

from collections.abc import Mapping

from cohort.models.reversibility import CURRENT, LIFETIME, WINDOW
from cohort.report.channelling import CHECK
from cohort.report.numbers import difference, p_equals, years
from cohort.report.release import Release, told
from cohort.report.reversibility import above_the_best
from cohort.report.terms import Terms
from cohort.report.verdicts import FAILS, HOLDS, OPEN, STRONG, Conclusion, Found, builds_up, fades, survives

_BINDER = "tspo_binder"
_RIVALS = (LIFETIME, WINDOW, CURRENT)
_NO_ASSOCIATION = "The hazard was not found to rise with dose of binders, so nothing can be said of how it does."


def alike_before_diagnosis(release: Release) -> Conclusion:
    """The check of channelling."""
    check = release.diagnostic(CHECK)
    name = "No class is preferred for the first signs"
    rule = "Holds: the check of channelling passes. Does not: it warns."
    if check is None or check.verdict not in {"pass", "warn"}:
        return Conclusion(name, OPEN, "Too few new starts before a diagnosis, or none were looked at.", "", rule)
    passes = check.verdict == "pass"
    meaning = (
        "Before a diagnosis new starts rise alike in all classes, as far as chance lets one see."
        if passes
        else "Before a diagnosis new starts prefer a class, so with too short a lag the classes differ for that alone."
    )
    largest = "" if check.value is None else f"largest difference of shares {difference([100 * check.value], 1)} points"
    figure = ", ".join(
        part
        for part in ("" if check.p_value is None else f"Test of an equal rise: {p_equals(check.p_value)}", largest)
        if part
    )
    return Conclusion(name, HOLDS if passes else FAILS, meaning, figure, rule)


def after_the_lag(release: Release, terms: Terms) -> Conclusion:
    """Binders' hazard ratio at the shortest lag, at the planned one, and at longer ones."""
    family = [(e.lag_days, Found.of_estimate(_lag(e.lag_days), e)) for e in release.lag_family(_BINDER)]
    shorter = [found for days, found in family if days < terms.lag_days]
    longer = [found for days, found in family if days > terms.lag_days]
    no_row = Found(_lag(terms.lag_days), None, "not in this release")
    planned = next((found for days, found in family if days == terms.lag_days), no_row)
    verdict = survives(shorter[0], planned, longer) if shorter else OPEN
    meaning = _said_of_lag(verdict, shorter[0], planned) if shorter else "No shorter lag was tried."
    rule = (
        f"Holds: the {terms.ci} of binders is above 1 at the planned lag, and at no longer one reaches 1 and ends "
        "below that ratio. Does not: it is above 1 at the shortest lag, and at the planned one reaches 1 and ends "
        "below that ratio."
    )
    figure = "; ".join(f"{found.label} {found.text}" for _, found in family)
    figure = f"Hazard ratio of binders {figure}" if figure else ""
    return Conclusion("The association with binders survives the lag", verdict, meaning, figure, rule)


def _said_of_lag(verdict: str, shortest: Found, planned: Found) -> str:
    """What the ratio at the planned lag says beside that at the shortest."""
    if planned.bounds is None:
        return f"There is no estimate {planned.label} ({planned.why})."
    if verdict == HOLDS:
        return f"It is there {planned.label}, too."
    if verdict == FAILS:
        return f"It is there {shortest.label} and gone {planned.label}: prescribing for first signs does that."
    if planned.is_above_one:
        return "It goes at a longer lag: signs that are older than the lag do that, and so does an effect that fades."
    if shortest.is_above_one:
        return f"The interval {planned.label} includes 1 as well as the ratio {shortest.label}."
    return f"The hazard was not found to rise with dose of binders {shortest.label} or {planned.label}."


def _lag(days: int) -> str:
    return f"with a lag of {years(days)}" if days else "without a lag"


def with_time_of_use(release: Release, terms: Terms) -> Conclusion:
    """Duration at the same daily dose, and dose that adds up against that of the day."""
    rows = (r for r in release.use_patterns if r["exposure"] == _BINDER and r["duration"] and not r["intensity"])
    row = next(rows, None)
    found = Found.of_row(row["duration"] if row else "longer use", row)
    lag, bic = _longest(release, terms)
    verdict = builds_up(found, bic)
    meaning = {
        HOLDS: "Longer use of binders goes with more, and dose that has added up says more than that of the day.",
        FAILS: "Dose that has added up says less than that of the day."
        if found.bounds is None or found.bounds[2] >= 1
        else "Longer use of binders goes with less.",
        OPEN: "What longer use shows, or dose that adds up against that of the day, is not enough to tell.",
    }[verdict]
    rule = (
        "Holds: the interval of the hazard ratio of longer use of binders at the same daily dose is above 1, and the "
        f"BIC of the lifetime dose or of that in a window is less than that of the dose of the day by {STRONG:g} or "
        "more. Does not: the interval is below 1, or the BIC is greater by as much."
    )
    figure = "; ".join(part for part in (f"Hazard ratio {found.label} {found.text}", _bics(lag, bic)) if part)
    return _of_binders("The association builds up with the time of use", release, verdict, meaning, figure, rule)


def fading(release: Release, terms: Terms) -> Conclusion:
    """Rival hypotheses of past dose at the longest lag at which they were asked."""
    lag, bic = _longest(release, terms)
    verdict = fades(bic)
    meaning = {
        HOLDS: "Dose long past counts less than recent dose: it fades, unless signs older than the lag are treated.",
        FAILS: "Dose long past counts as much as recent dose: what was done stays done.",
        OPEN: "The data do not tell an effect that lasts from one that fades.",
    }[verdict]
    rule = (
        "Holds: at the longest lag, if it is no shorter than the planned one, the BIC of the dose in a window or of "
        f"the day is less than that of the lifetime dose by {STRONG:g} or more. Does not: it is greater by as much."
    )
    return _of_binders("The association fades after stopping", release, verdict, meaning, _bics(lag, bic), rule)


def _of_binders(name: str, release: Release, verdict: str, meaning: str, figure: str, rule: str) -> Conclusion:
    """A prediction that says how the dose of binders acts; nothing of it can be told where it goes with nothing."""
    if not Found.of_estimate("", release.linear(_BINDER)).is_above_one:
        verdict, meaning = OPEN, _NO_ASSOCIATION
    return Conclusion(name, verdict, meaning, figure, rule)


def _longest(release: Release, terms: Terms) -> tuple[int, dict[str, float]]:
    """The longest lag at which past dose was looked at, and the BIC of each rival there; none below the planned lag."""
    lag = max((int(row["lag_days"]) for row in release.hypotheses), default=0)
    if lag < terms.lag_days:
        return lag, {}
    rows = [row for row in release.hypotheses if int(row["lag_days"]) == lag and row["hypothesis"] in _RIVALS]
    return lag, {row["hypothesis"]: value for row in rows if (value := told(row, "bic")) is not None}


def _bics(lag: int, bic: Mapping[str, float]) -> str:
    """The BIC of each rival."""
    parts = [f"{name} {above_the_best(value, min(bic.values()))}" for name, value in bic.items()]
    return f"BIC {_lag(lag)}: {', '.join(parts)}" if parts else ""
