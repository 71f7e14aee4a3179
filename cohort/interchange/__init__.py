"""Results and the cohort in the forms that the tools of OMOP people read."""

from cohort.interchange.cohort_tables import cohort_tables
from cohort.interchange.hades import hades_tables, specification
from cohort.interchange.rules import broken_rules
from cohort.interchange.summarised_result import COLUMNS, summarised_result

__all__ = [
    "COLUMNS",
    "broken_rules",
    "cohort_tables",
    "hades_tables",
    "specification",
    "summarised_result",
]
