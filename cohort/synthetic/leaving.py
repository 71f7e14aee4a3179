"""When persons leave observation, where that depends on their course.

In: the day on which each would leave without prodrome and without supply. Out: the day on which each leaves.
With a hazard ratio r, time runs r times as fast towards that day; nothing is drawn anew.
"""

import numpy as np

from cohort.synthetic.course import NEVER, Course
from cohort.synthetic.hazards import Hazards
from cohort.synthetic.parameters import Parameters
from cohort.synthetic.people import Ints


class Leaving:
    """Moves with the process; `day` holds the days found, `NEVER` before."""

    def __init__(self, plain_day: Ints, parameters: Parameters) -> None:
        self._is_informative = (parameters.prodrome_leaving_ratio, parameters.supply_leaving_ratio) != (1.0, 1.0)
        self._plain_day, self._passed = plain_day, np.zeros(len(plain_day))
        self.day: Ints = np.full(len(plain_day), NEVER, dtype=np.int64) if self._is_informative else plain_day

    def move_on(self, hazards: Hazards, course: Course, first_day: int, days: int) -> None:
        """A step of `days` days from `first_day` on."""
        if not self._is_informative:
            return
        ratio = hazards.leaving_ratio(course, first_day + days // 2)
        missing = self._plain_day - self._passed
        leaves = np.flatnonzero((missing > 0) & (missing <= ratio * days))
        self.day[leaves] = first_day + np.ceil(missing[leaves] / ratio[leaves]).astype(np.int64)
        self._passed += ratio * days
