"""The known truth of a synthetic CDM, to be shown beside the estimates.

In: what the simulator wrote beside its CDM. Out: hazard ratios per dose unit by exposure and age stratum.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cohort.diagnoses import PRIMARY_DIAGNOSIS, words_of
from cohort.report.classes import exposure_of
from cohort.results import CONTRAST, OVERALL


@dataclass(frozen=True)
class Truth:
    """What was planted.

    Attributes:
        log_hazard_ratios: exposure -> age stratum -> value; empty where no number is the truth of the analysis.
        why_not_exact: why none is, a sentence without its full stop each.
    """

    log_hazard_ratios: Mapping[str, Mapping[str, float]]
    scenario: str
    persons: int | None
    seed: int | None
    delay_days: int | None
    why_not_exact: tuple[str, ...] = ()

    def hazard_ratio(self, exposure: str, age_stratum: str) -> float | None:
        """The planted hazard ratio; overall only where it is the same at all ages."""
        values = self.hazard_ratios(exposure, age_stratum)
        return values[0] if len(values) == 1 else None

    def hazard_ratios(self, exposure: str, age_stratum: str) -> list[float]:
        """The planted hazard ratios, ascending: overall each that is true at some age; none where nothing is known."""
        by_age = self._by_age(exposure)
        values = by_age.values() if age_stratum == OVERALL else [by_age[age_stratum]] if age_stratum in by_age else []
        return [math.exp(value) for value in sorted({round(value, 12) for value in values})]

    def _by_age(self, exposure: str) -> Mapping[str, float]:
        if exposure != CONTRAST:
            return self.log_hazard_ratios.get(exposure, {})
        binder = self.log_hazard_ratios.get("tspo_binder", {})
        non_binder = self.log_hazard_ratios.get("tspo_non_binder", {})
        return {age: value - non_binder[age] for age, value in binder.items() if age in non_binder}


def read_truth(
    content: Mapping[str, Any] | None, metric: str, per: float, outcome: str = PRIMARY_DIAGNOSIS
) -> Truth | None:
    """The truth from the simulator's file, or None for real data.

    Args:
        content: the file's content; `log_hazard_ratio` maps class -> age stratum -> value per `per` units.
        metric: dose unit of the estimates. In another unit than the truth's there is nothing to compare.
        per: how many units the estimates are per; the truth is rescaled to it.
        outcome: of the estimates; the effect is planted on the onset of dementia of any kind, and on nothing else.
    """
    if content is None:
        return None
    is_comparable = content.get("dose_unit", metric) == metric and outcome == PRIMARY_DIAGNOSIS
    other = (
        () if outcome == PRIMARY_DIAGNOSIS else (f"it is planted on dementia of any kind, not on {words_of(outcome)}",)
    )
    scale = per / content.get("per", per)
    return Truth(
        {
            exposure_of(name): {age: value * scale for age, value in by_age.items()}
            for name, by_age in content.get("log_hazard_ratio", {}).items()
            if is_comparable
        },
        str(content.get("scenario", "not named")),
        content.get("persons"),
        content.get("seed"),
        content.get("diagnosis_delay_days"),
        (*content.get("why_not_exact", ()), *other),
    )
