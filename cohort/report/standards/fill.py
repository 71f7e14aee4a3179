"""All standards of a study, and how far they are filled in."""

from cohort.report.standards.harper import harper
from cohort.report.standards.items import Facts, Standard
from cohort.report.standards.record_pe import record_pe
from cohort.report.standards.target_trial import target_trial
from cohort.report.study import Study


def standards(study: Study) -> list[Standard]:
    """The target trial, HARPER and RECORD-PE; none where the protocol cannot be read."""
    if study.protocol is None:
        return []
    facts = Facts(study, study.protocol)
    return [target_trial(facts), harper(facts), record_pe(facts)]


def filled_in(standard: Standard) -> str:
    """How many items are filled in, in words."""
    every = standard.items
    known = sum(bool(item.says) for item in every)
    return f"all {known} items" if known == len(every) else f"{known} of {len(every)} items"
