"""Where n persons stand: what has happened to them so far, and the dose they have taken.

In: nothing. Out: `Course`, which `process` moves on and `hazards` reads. Doses are by group: one for each TSPO
class, and one of all long-acting drugs, which so count in two.
"""

from dataclasses import dataclass

import numpy as np

from cohort.synthetic.parameters import CLASSES
from cohort.synthetic.people import Arrays, Bools, Floats, Ints

NEVER = 10_000_000  # a day that nobody reaches
DOSE_GROUPS = (*CLASSES, "long_acting")
LONG_ACTING = DOSE_GROUPS.index("long_acting")


@dataclass
class Course(Arrays):
    """What has happened so far to n persons; days since enrolment, `NEVER` when it has not.

    `supply_*` describe the latest supply: first day, days, dme a day, TSPO class, and whether the drug is long-acting;
    `finished_dose` (n by group) is what all earlier ones gave, as `doses` counts it.
    """

    onset: Ints
    death: Ints
    supply_start: Ints
    supply_days: Ints
    supply_rate: Floats
    supply_class: Ints
    supply_is_long: Bools
    finished_dose: Floats

    @classmethod
    def healthy(cls, count: int) -> "Course":
        """Nobody has fallen ill, died or taken anything."""
        never, zero = np.full(count, NEVER, dtype=np.int64), np.zeros(count, dtype=np.int64)
        finished, is_long = np.zeros((count, len(DOSE_GROUPS))), np.zeros(count, dtype=np.bool_)
        return cls(never, never.copy(), zero, zero.copy(), np.zeros(count), zero.copy(), is_long, finished)

    def supplied_days(self, day: int) -> Ints:
        """Days of the latest supply that have been taken through `day`."""
        return np.clip(day - self.supply_start + 1, 0, self.supply_days)

    def is_supplied(self, day: int) -> Bools:
        """Whether a supply covers `day`."""
        return (self.supply_start <= day) & (day < self.supply_start + self.supply_days)

    def is_of_group(self, group: int) -> Bools:
        """Whether the latest supply is of a dose group."""
        return self.supply_is_long if group == LONG_ACTING else self.supply_class == group
