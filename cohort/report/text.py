"""The question, the answer and its limits, in sentences made from the numbers of the run.

In: a release. Out: plain text. When the primary contrast is suppressed or not estimable, or a gate is closed, the
page says that in the place of an answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cohort.analyses import PRIMARY
from cohort.report.checks import reasons_for_no_answer
from cohort.report.classes import CLASSES, EXPOSURES
from cohort.report.composition import Composition
from cohort.report.effects import full_reason, short_reason
from cohort.report.numbers import capital, count, interval, listed, p_equals, range_of_change, ratio, years
from cohort.report.release import Release
from cohort.report.terms import Terms
from cohort.report.truth import Truth
from cohort.results import CONTRAST, OVERALL, Estimate

_HETEROGENEITY = "heterogeneity over age strata"


@dataclass(frozen=True)
class Answer:
    """What the run says: a headline, the sentences below it, and what it does not say."""

    is_given: bool
    is_gate_closed: bool
    headline: str
    sentences: Sequence[str]
    limits: Sequence[str]


@dataclass(frozen=True)
class KeyFigure:
    """A number with its label and a note; `colour` is a class's, or empty."""

    label: str
    value: str
    note: str
    colour: str = ""


def answer(release: Release, terms: Terms, parts: Sequence[Composition], truth: Truth | None) -> Answer:
    """The answer of the primary contrast, or why there is none."""
    closed, contrast = reasons_for_no_answer(release), release.contrast
    limits = _limits(terms, parts)
    if closed:
        headline = "This run gives no answer: a check on which the result depends has failed."
        return Answer(False, True, headline, closed, limits)
    if contrast is None or contrast.status != "ok" or contrast.hazard_ratio is None:
        return Answer(False, False, _no_contrast(contrast), _class_sentences(release, terms), limits)
    sentences = [
        _contrast_sentence(contrast, terms),
        *_class_sentences(release, terms),
        _age_sentence(release, terms),
        _lag_sentence(release, terms),
        _truth_sentence(contrast, truth),
    ]
    return Answer(True, False, _headline(contrast, terms), [s for s in sentences if s], limits)


def _no_contrast(contrast: Estimate | None) -> str:
    if contrast is None:
        return "This run gives no answer: its release has no row for the primary contrast."
    if short_reason(contrast) == "suppressed":
        return "No answer can be released: too few persons or events stand behind the primary contrast."
    return f"This run gives no answer: the primary contrast is {full_reason(contrast)}."


def _headline(contrast: Estimate, terms: Terms) -> str:
    noun = terms.noun
    lower, upper = contrast.ci_lower or 0.0, contrast.ci_upper or float("inf")
    went = (
        f"{noun.capitalize()} of TSPO binders went with a {{}} hazard of {terms.outcome} than the same "
        f"{noun} of non-binders."
    )
    if lower > 1:
        return went.format("higher")
    if upper < 1:
        return went.format("lower")
    return f"The data do not tell TSPO binders and non-binders apart in their association with {terms.outcome}."


def _contrast_sentence(contrast: Estimate, terms: Terms) -> str:
    first = (
        f"The hazard ratio {terms.per_dose} of binders, divided by that of non-binders, is "
        f"{terms.told(contrast, with_p=True)}."
    )
    if contrast.ci_lower is None or contrast.ci_upper is None:
        return first
    room = range_of_change(contrast.ci_lower, contrast.ci_upper)
    return f"{first} For the same {terms.noun}, the interval leaves room for a hazard {room} with binders."


def _class_sentences(release: Release, terms: Terms) -> list[str]:
    estimates = {exposure: release.linear(exposure) for exposure in CLASSES}
    told = [
        f"{terms.told(estimate)} for {EXPOSURES[exposure].plural}"
        for exposure, estimate in estimates.items()
        if estimate and estimate.status == "ok" and estimate.hazard_ratio is not None
    ]
    missing = [
        f"{EXPOSURES[exposure].plural} ({full_reason(estimate)})"
        for exposure, estimate in estimates.items()
        if not (estimate and estimate.status == "ok" and estimate.hazard_ratio is not None)
    ]
    sentences = []
    if told:
        sentences.append(f"By class, in one model, the hazard ratio {terms.per_dose} is {listed(told)}.")
    if missing:
        sentences.append(f"There is no estimate for {listed(missing)}.")
    return sentences


def _age_sentence(release: Release, terms: Terms) -> str:
    tests = [d for d in release.diagnostics if d.diagnostic == _HETEROGENEITY and d.analysis in {PRIMARY, ""}]
    joint = next((d for d in tests if d.exposure in {"all classes", ""}), tests[0] if tests else None)
    if joint is None or joint.p_value is None:
        return "Whether the association differs by age was not tested in this run."
    found = "differs" if joint.p_value < 0.05 else "does not clearly differ"
    test = f"likelihood-ratio test, {p_equals(joint.p_value)}"
    return f"The association with {terms.noun} {found} between the bands of attained age ({test})."


def _lag_sentence(release: Release, terms: Terms) -> str:
    known = [e for e in release.lag_family(CONTRAST) if e.status == "ok" and e.hazard_ratio is not None]
    if len(known) < 2:
        return ""
    first, last = (f"{ratio(e.hazard_ratio)} {_with_lag(e.lag_days)}" for e in (known[0], known[-1]))
    return f"With more or less of the recent {terms.noun} left out, the ratio is {first} and {last}."


def _with_lag(days: int) -> str:
    return f"with a lag of {years(days)}" if days else "without a lag"


def _truth_sentence(contrast: Estimate, truth: Truth | None) -> str:
    planted = truth.hazard_ratio(CONTRAST, OVERALL) if truth else None
    if planted is None or contrast.ci_lower is None or contrast.ci_upper is None:
        return ""
    holds = "holds" if contrast.ci_lower <= planted <= contrast.ci_upper else "does not hold"
    return f"The simulation planted a ratio of {ratio(planted)}; the interval {holds} it."


def _limits(terms: Terms, parts: Sequence[Composition]) -> list[str]:
    binder = next((part for part in parts if part.tspo_class == "binder"), None)
    drug = (
        f"It does not separate the class from its drugs: {binder.leader.drug} carries "
        f"{binder.part_of(binder.leader.dose)} the binders' dose, so whatever else sets that drug apart is in the "
        "answer too."
        if binder and binder.leader
        else "It does not separate the class from its drugs: no dose of a binder was released."
    )
    return [
        f"It does not say that dose causes or prevents {terms.outcome}: who is prescribed which drug, and why, is "
        "observed, not assigned.",
        drug,
        f"It says nothing of the newest {terms.lag} of dose before each day at risk."
        if terms.lag_days
        else f"No recent dose is left out, so prescribing for early symptoms of {terms.outcome} is in the answer.",
        "It is no advice to start, stop or change a medicine.",
    ]


def key_figures(release: Release, terms: Terms) -> list[KeyFigure]:
    """The few numbers that a reader wants first."""
    is_closed = bool(reasons_for_no_answer(release))
    effects = [_effect_figure(release, e, terms, is_closed) for e in (CONTRAST, "tspo_binder", "tspo_non_binder")]
    counted = _counted(release)
    persons, events, time = (counted.persons, counted.events, counted.person_years) if counted else (None, None, None)
    is_linear = counted is not None and counted.term.startswith("per ")
    each = f"{time / persons:.1f} years a person" if time and persons else "at risk, with known dose"
    return [
        *effects,
        KeyFigure("Persons", count(persons), "in the primary model" if is_linear else "with known or unknown dose"),
        KeyFigure(f"{capital(terms.outcome)} events", count(events), "confirmed as the protocol says"),
        KeyFigure("Person-years", count(time), each),
    ]


def _counted(release: Release) -> Estimate | None:
    """A row with the counts of the primary model; else one of all persons at risk, without person-years."""
    rows = [
        *(e for e in map(release.linear, EXPOSURES) if e),
        *(
            replace(e, person_years=None)
            for e in release.rows(analysis=PRIMARY, age_stratum=OVERALL, outcome=release.outcome_of(PRIMARY))
        ),
    ]
    return next((e for e in rows if e.persons is not None), None)


def _effect_figure(release: Release, exposure: str, terms: Terms, is_closed: bool) -> KeyFigure:
    look, estimate = EXPOSURES[exposure], release.linear(exposure)
    label = "Ratio of hazard ratios" if exposure == CONTRAST else f"Hazard ratio, {look.name}"
    if is_closed:
        return KeyFigure(label, "no answer", "a check has failed", look.colour)
    if estimate is None or estimate.status != "ok" or estimate.hazard_ratio is None:
        return KeyFigure(label, short_reason(estimate), "", look.colour)
    bounds = interval(estimate.ci_lower, estimate.ci_upper)
    return KeyFigure(label, ratio(estimate.hazard_ratio), f"{terms.ci} {bounds}", look.colour)
