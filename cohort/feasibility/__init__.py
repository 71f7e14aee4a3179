"""Can this CDM answer the question, and what will it take? Everything that is asked of a CDM before a run.

`survey` is the short look that every run begins with, `check` the long one of `tspo check`, `plan` what a run will
read, make and need; `codes` are the study's drugs and concept sets as this CDM resolves them.
"""

from cohort.feasibility.check import Check, check
from cohort.feasibility.codes import concept_set_codes, dose_coverage, drug_codes, resolve_vocabulary
from cohort.feasibility.survey import Survey, survey, told_snapshot

__all__ = [
    "Check",
    "Survey",
    "check",
    "concept_set_codes",
    "dose_coverage",
    "drug_codes",
    "resolve_vocabulary",
    "survey",
    "told_snapshot",
]
