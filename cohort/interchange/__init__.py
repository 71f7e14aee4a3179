"""Released results in the forms that the tools of OMOP people read."""

from cohort.interchange.rules import broken_rules
from cohort.interchange.summarised_result import COLUMNS, summarised_result

__all__ = ["COLUMNS", "broken_rules", "summarised_result"]
