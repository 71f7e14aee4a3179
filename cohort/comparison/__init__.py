"""Two runs beside each other: what was put in differently, what came out differently, and what both tell together."""

from cohort.comparison.attribution import Share, attribute
from cohort.comparison.causes import Cause, causes
from cohort.comparison.disclosure import Revealed, revealed
from cohort.comparison.effects import Effects, effects
from cohort.comparison.page import comparison_page

__all__ = [
    "Cause",
    "Effects",
    "Revealed",
    "Share",
    "attribute",
    "causes",
    "comparison_page",
    "effects",
    "revealed",
]
