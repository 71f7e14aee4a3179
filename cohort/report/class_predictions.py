"""Predictions about the difference of the classes: that it is there, one of binding, and one of a class of drugs.

In: a release and its terms. Out: a `Conclusion` each. Where there is no difference there is nothing to explain, and all
but the first say so.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cohort.analyses import PRIMARY
from cohort.models.class_checks import BESIDE, LEAVE_ONE_OUT, PERMUTATION
from cohort.report.numbers import capital, count, listed, p_equals, percent, ratio
from cohort.report.release import Release
from cohort.report.terms import Terms
from cohort.report.verdicts import FAILS, HOLDS, NEAR_ONE, OPEN, Conclusion, Found, is_rare, raises, stays, worst
from cohort.results import CONTRAST, FULLY_ADJUSTED, OVERALL

_MOST_NAMED = 3
_LABELS = {"half-life and potency": "both"}
_NO_DIFFERENCE = "The hazard was not found to be higher with binders, so there is no difference to explain."


def binding(release: Release, terms: Terms) -> Conclusion:
    """The pre-specified contrast."""
    found = _contrast(release)
    verdict, within = raises(found), f"{ratio(1 / NEAR_ONE)} to {ratio(NEAR_ONE)}"
    if found.bounds is None:
        meaning = f"There is no estimate ({found.why})."
    elif verdict == HOLDS:
        meaning = f"A dose of binders goes with a higher hazard of {terms.outcome} than the same dose of non-binders."
    elif verdict == OPEN:
        meaning = "The interval leaves room for none and for a difference that matters; it is no evidence of none."
    elif found.bounds[2] < 1:
        meaning = "The hazard is lower with binders, which is the opposite."
    else:
        meaning = f"If the classes differ at all, it is by less than a ratio of {ratio(NEAR_ONE)}."
    figure = f"Ratio of the two hazard ratios {terms.per_dose}: {found.text}"
    rule = (
        f"Holds: the {terms.ci} of the pre-specified contrast is above 1. Does not: it is below 1, or lies within "
        f"{within}, too near 1 to matter."
    )
    return Conclusion("The hazard is higher with binders than with non-binders", verdict, meaning, figure, rule)


@dataclass(frozen=True)
class _Wording:
    """What is said of a difference that stays, goes, or may have gone in other models; `{}` names these."""

    stays: str
    goes: str
    may: str
    missing: str


def beside_half_life_and_potency(release: Release, terms: Terms) -> Conclusion:
    """The contrast with the dose of long-acting drugs, of potent drugs, and of both in the same model."""
    said = _Wording(
        "Neither half-life nor potency, nor both, explain the difference.",
        "Beside {} the difference goes: what looked like binding goes with that.",
        "Beside {} the interval includes no difference as well as the planned one.",
        "Beside {} there is no estimate.",
    )
    name = "The difference is not one of half-life or potency"
    return _stays(name, release, terms, _checks(release, BESIDE), said)


def without_any_drug(release: Release, terms: Terms) -> Conclusion:
    """The contrast without each drug in turn."""
    said = _Wording(
        "It is there whichever drug is left out.",
        "{} it goes: it may be that of one drug, and not of the class.",
        "{} the interval includes no difference as well as the planned one.",
        "{} there is no estimate: the class cannot be told from the drug.",
    )
    name = "The difference does not hang on one drug"
    return _stays(name, release, terms, _checks(release, LEAVE_ONE_OUT), said)


def with_all_covariates(release: Release, terms: Terms) -> Conclusion:
    """The contrast with every covariate that may be adjusted for, indications among them."""
    said = _Wording(
        "All recorded covariates leave it; what is not recorded could still move it.",
        "With all recorded covariates it goes: who is given which class explains it.",
        "With all recorded covariates the interval includes no difference as well as the planned one.",
        "There is no model with all covariates.",
    )
    rows = release.rows(analysis=PRIMARY, model=FULLY_ADJUSTED, exposure=CONTRAST, age_stratum=OVERALL)
    found = [Found.of_estimate("fully adjusted", row) for row in rows]
    return _stays("The difference is not one of recorded indications", release, terms, found, said)


def _stays(name: str, release: Release, terms: Terms, found: Sequence[Found], said: _Wording) -> Conclusion:
    """Whether the difference of the classes is there in other models."""
    planned = _contrast(release)
    by_verdict = {v: [f for f in found if stays(planned, f) == v] for v in (HOLDS, FAILS, OPEN)}
    verdict = worst(stays(planned, f) for f in found)
    shown, meaning = by_verdict[verdict], said.stays
    if not found:
        meaning = "This was not tried in this run."
    elif verdict == FAILS:
        meaning = said.goes.format(_names(shown))
    elif verdict == OPEN:
        missing = [f for f in shown if f.bounds is None]
        shown = missing or shown
        meaning = (said.missing if missing else said.may).format(_names(shown))
    if found and raises(planned) != HOLDS:
        verdict, meaning = OPEN, _NO_DIFFERENCE
    rule = (
        f"Holds: the {terms.ci} is above 1 in each of these models. Does not: in one of them it reaches 1, and ends "
        "below the planned ratio."
    )
    return Conclusion(name, verdict, capital(meaning), _beside(planned, shown), rule)


def _beside(planned: Found, shown: Sequence[Found]) -> str:
    """The planned ratio and those that decide, the one nearest to 1 or below first."""
    ordered = sorted(shown, key=lambda f: f.bounds[1] if f.bounds else 0.0)
    named = [f"{f.label} {f.text}" if f.bounds else f"{f.label}: {f.why}" for f in ordered[:_MOST_NAMED]]
    more = [f"{len(ordered) - _MOST_NAMED} more"] if len(ordered) > _MOST_NAMED else []
    return "; ".join([f"Ratio of the two hazard ratios as planned {planned.text}", *named, *more])


def _names(found: Sequence[Found]) -> str:
    return listed([f.label for f in found], "or")


def _contrast(release: Release) -> Found:
    return Found.of_estimate("as planned", release.contrast)


def _checks(release: Release, check: str) -> list[Found]:
    """The contrast in the variants of a check of the class."""
    rows = [row for row in release.class_checks if (row["check"], row["exposure"]) == (check, CONTRAST)]
    return [Found.of_row(_LABELS.get(row["variant"], row["variant"].replace("_", " ")), row) for row in rows]


def not_any_sorting(release: Release, terms: Terms) -> Conclusion:
    """The permutation test over drugs."""
    test, level = release.diagnostic(PERMUTATION), 1 - terms.level
    name = "Few other ways to sort the drugs show as much"
    rule = (
        f"Holds: at most {percent(level)} of all ways to sort the same drugs into classes of these sizes differ as "
        "much. It is never said not to hold, for what is not rare is not refuted."
    )
    if test is None or test.p_value is None or not test.value:
        return Conclusion(name, OPEN, "There is no permutation test in this run.", "", rule)
    verdict, rarest = is_rare(test.p_value, level), 1 / test.value
    share = f"{percent(test.p_value, 1)} of the ways to sort these drugs make classes that differ as much"
    if raises(_contrast(release)) != HOLDS:
        verdict, meaning = OPEN, _NO_DIFFERENCE
    elif verdict == HOLDS:
        meaning = f"Only {share}."
    elif rarest > level:
        meaning = f"These are so few drugs that no result is rarer than one in {count(test.value)}."
    else:
        meaning = f"As many as {share}: so would drugs that were sorted without looking at binding."
    return Conclusion(
        name, verdict, meaning, f"Permutation test over {count(test.value)} ways: {p_equals(test.p_value)}", rule
    )
