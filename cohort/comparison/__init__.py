"""Two runs beside each other: what was put in differently, what came out differently, and what both tell together."""

from cohort.comparison.causes import Cause, causes
from cohort.comparison.disclosure import Revealed, revealed
from cohort.comparison.effects import Effects, effects

__all__ = ["Cause", "Effects", "Revealed", "causes", "effects", "revealed"]
