"""Which regimen a new episode brings: the classes' shares may differ by prodrome and by indication.

In: regimens with their probabilities, and of each starter the indications and whether onset has been. Out: an
index of a regimen for each.
"""

from collections.abc import Sequence

import numpy as np

from cohort.synthetic.ingredients import ClassRatios
from cohort.synthetic.parameters import CLASSES, Parameters
from cohort.synthetic.people import Bools, Floats, Ints
from cohort.synthetic.regimens import Regimen


class RegimenChoice:
    """Draws regimens, class by class as the parameters channel them."""

    def __init__(self, parameters: Parameters, regimens: Sequence[Regimen]) -> None:
        self._share = np.array([regimen.probability for regimen in regimens])
        self._class = np.array([regimen.class_index for regimen in regimens])
        self._prodrome = _by_class(parameters.prodrome_class_ratios)
        self._indication = [_by_class(kind.class_ratios) for kind in parameters.indications]

    def drawn(self, indications: Bools, is_prodromal: Bools, rng: np.random.Generator) -> Ints:
        """An index of a regimen for each starter, by the inverse distribution function."""
        ratios = np.where(is_prodromal[:, None], self._prodrome, 1.0)
        for column, of_indication in enumerate(self._indication):
            ratios *= np.where(indications[:, [column]], of_indication, 1.0)
        below = np.cumsum(self._share * ratios[:, self._class], axis=1)
        below /= below[:, -1:]
        chosen: Ints = (below <= rng.random(len(is_prodromal))[:, None]).sum(axis=1)
        return chosen


def _by_class(ratios: ClassRatios) -> Floats:
    return np.array([ratios.get(name, 1.0) for name in CLASSES])  # type: ignore[call-overload]
