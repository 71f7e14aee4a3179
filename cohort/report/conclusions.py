"""So what does it mean? Each prediction of the mouse work with its verdict, and how many of them hold.

In: a release and its terms. Out: the conclusions in the order of a reader, and one sentence on all of them. Where a
check on which the result depends has failed, nothing is concluded.
"""

from collections.abc import Sequence

from cohort.report.checks import reasons_for_no_answer
from cohort.report.class_predictions import (
    beside_half_life_and_potency,
    binding,
    not_any_sorting,
    with_all_covariates,
    without_any_drug,
)
from cohort.report.dose_predictions import after_the_lag, alike_before_diagnosis, fading, with_time_of_use
from cohort.report.numbers import listed
from cohort.report.release import Release
from cohort.report.terms import Terms
from cohort.report.verdicts import FAILS, HOLDS, OPEN, Conclusion

MARKS = {HOLDS: ("✓", "pass"), FAILS: ("✕", "warn"), OPEN: ("?", "info")}
"""Mark and colour of each verdict: one that does not hold is a finding, no fault of the run."""


def conclusions(release: Release, terms: Terms) -> list[Conclusion]:
    """The predictions, the pre-specified contrast first; none where the gate is closed."""
    if reasons_for_no_answer(release):
        return []
    return [
        binding(release, terms),
        after_the_lag(release, terms),
        beside_half_life_and_potency(release, terms),
        without_any_drug(release, terms),
        not_any_sorting(release, terms),
        with_all_covariates(release, terms),
        alike_before_diagnosis(release),
        with_time_of_use(release, terms),
        fading(release, terms),
    ]


def summed_up(found: Sequence[Conclusion]) -> str:
    """How many hold, and what that makes of the whole."""
    if not found:
        return "A check on which the result depends has failed, so nothing is concluded."
    verdicts = [one.verdict for one in found]
    several = {HOLDS: "hold", FAILS: "do not hold", OPEN: "cannot be told"}
    counts = {verdict: verdicts.count(verdict) for verdict in several}
    told = listed([f"{n} {verdict if n == 1 else several[verdict]}" for verdict, n in counts.items() if n])
    return f"Of {len(found)} predictions {told}. {_so(verdicts)}"


def _so(verdicts: Sequence[str]) -> str:
    """What the verdicts make of the whole; the first is that of the pre-specified contrast."""
    if verdicts[0] != HOLDS:
        return "The first is the one that was planned to decide, and without it the others say nothing of binding."
    if FAILS in verdicts:
        return "What speaks against it makes the association less than the mouse work predicts."
    if OPEN in verdicts:
        return "Nothing here speaks against the mouse work, but what cannot be told does not speak for it."
    return "That is what drugs that act by binding TSPO would leave; it is still an association."
