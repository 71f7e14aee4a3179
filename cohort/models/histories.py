"""What a hypothesis of past dose says: hazard ratios of named histories, and the weight of each past day.

In: a `WceFit` at a lag, and its replicates where there are any. Out: rows of `histories` and `weights`. Beside the
bounds of the likelihood, which take the knots for known, stand those of the bootstrap, which do not.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cohort.fitting import Setting
from cohort.inputs import EXPOSURES
from cohort.results import HistoryEffect, WeightPoint
from cohort.survival.arrays import Floats
from cohort.survival.redrawn import Redrawn
from cohort.survival.wce import WceFit
from cohort.survival.weight_basis import Basis, Stretch

_YEAR, _STEP = 365, 30
HISTORIES: Mapping[str, Stretch] = {
    "a year, until now": (1, _YEAR, 1.0),
    "a year, stopped a year ago": (_YEAR + 1, 2 * _YEAR, 1.0),
    "a year, stopped three years ago": (3 * _YEAR + 1, 4 * _YEAR, 1.0),
    "thirty days, until now": (1, 30, 1.0),
}
"""Histories of one unit a day, by days ago: what they have in common is that hypotheses differ on them."""


@dataclass(frozen=True)
class PastDose:
    """A hypothesis of past dose, fitted.

    Attributes:
        setting: of the model.
        lag: in days.
        hypothesis: its name.
        fit: of the hypothesis.
        exposed: exposure -> persons and cases with a course before the lag.
        again: the replicates; None: there are no bounds of a bootstrap.
    """

    setting: Setting
    lag: int
    hypothesis: str
    fit: WceFit
    exposed: Mapping[str, tuple[int, int]]
    again: Redrawn | None = None

    def effects(self) -> Iterator[HistoryEffect]:
        """The hazard ratio of each history of each class against no use."""
        for exposure in EXPOSURES:
            row = HistoryEffect(self.lag, self.hypothesis, exposure, "", *self.exposed[exposure])
            histories = {name: {exposure: [stretch]} for name, stretch in HISTORIES.items()}
            try:
                told = self.fit.hazard_ratios(histories, level=self._level)
            except ValueError as error:
                yield replace(row, status=f"not estimable: {error}")
                continue
            ends = self._ends(exposure, _sums_of_histories, np.exp)
            for number, found in enumerate(told.iter_rows(named=True)):
                yield replace(row, **found, **_at(ends, number))

    def weights(self) -> Iterator[WeightPoint]:
        """The weight of each class at every thirtieth day of the window."""
        for exposure in EXPOSURES:
            row = WeightPoint(self.lag, exposure, 0, *self.exposed[exposure])
            try:
                told = self.fit.weights(exposure, self._level).drop("se_weight").gather_every(_STEP)
            except ValueError:
                continue
            ends = self._ends(exposure, lambda basis: basis.values[::_STEP])
            row = replace(row, **self._counts(exposure))
            for number, found in enumerate(told.iter_rows(named=True)):
                yield replace(row, **found, **_at(ends, number))

    @property
    def _level(self) -> float:
        return self.setting.protocol.model.confidence_level

    def _counts(self, exposure: str) -> dict[str, Any]:
        """How many replicates there are, and how many say nothing about an exposure."""
        if self.again is None:
            return {}
        return {"replicates": len(self.again.drawn), "replicates_failed": self.again.failed(exposure)}

    def _ends(
        self, exposure: str, sums: Callable[[Basis], Floats], scale: Callable[[Floats], Floats] = np.asarray
    ) -> Mapping[str, Floats]:
        """Bootstrap bounds by the names of their columns."""
        if self.again is None:
            return {}
        lower, upper = self.again.bounds(exposure, sums, self._level)
        with np.errstate(over="ignore"):
            return {"bootstrap_lower": scale(lower), "bootstrap_upper": scale(upper)}


def _sums_of_histories(basis: Basis) -> Floats:
    return np.array([basis.of_stretches([stretch]) for stretch in HISTORIES.values()])


def _at(ends: Mapping[str, Floats], number: int) -> dict[str, Any]:
    """The bounds of one quantity; neither where one of them is infinite."""
    found = {name: float(values[number]) for name, values in ends.items()}
    return found if np.isfinite([*found.values()]).all() else {}
