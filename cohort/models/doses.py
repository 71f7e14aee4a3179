"""The doses of single drugs as columns of risk sets, and who is exposed to some of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import polars as pl

from cohort.survival.risk_sets import RiskSets

Weights = Mapping[str, float]
"""Drug -> what a unit of its dose counts in a sum over drugs."""


class Exposed(NamedTuple):
    """How many persons are ever exposed to any of some drugs, and how many events are while exposed."""

    persons: int
    events: int


@dataclass(frozen=True)
class DrugDoses:
    """Person-time of known dose with a column per drug.

    Attributes:
        drugs: those of which some person of it has a dose.
        frame: person_id, event and the drugs' doses.
        sets: the same as risk sets, with the covariates after the drugs; None where there is nothing to compare.
    """

    drugs: tuple[str, ...]
    frame: pl.DataFrame
    sets: RiskSets | None
    _counted: dict[frozenset[str], Exposed] = field(default_factory=dict, repr=False)

    @cached_property
    def persons(self) -> int:
        """Persons at risk."""
        return self.frame.get_column("person_id").n_unique()

    @cached_property
    def events(self) -> int:
        """Events of the outcome."""
        return int(self.frame.get_column("event").sum())

    def exposed(self, drugs: Sequence[str]) -> Exposed:
        """Persons and events exposed to any of these drugs."""
        key = frozenset(drugs)
        if key not in self._counted:
            is_exposed = pl.any_horizontal(pl.col(drug) > 0 for drug in sorted(key)) if key else pl.lit(False)
            counted = pl.col("person_id").n_unique(), pl.col("event").cast(pl.Int64).sum()
            self._counted[key] = Exposed(*self.frame.lazy().filter(is_exposed).select(counted).collect().row(0))
        return self._counted[key]
