"""The sections of the protocol that say what results are worth and what of them may leave the building.

In: values from a file or a test. Out: frozen sections, as those of `protocol_sections`.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from cohort.protocol_sections import Section


class Gates(Section):
    """When a result is marked as not to be relied on."""

    events_per_parameter: float = Field(
        10, ge=0, description="Fewer events per coefficient warn; fewer than half of it fail the gate."
    )
    proportional_hazards_p: float = Field(
        0.01,
        ge=0,
        le=1,
        description="A score test of proportional hazards with a smaller p warns: the ratio is a mean.",
    )
    detectable_hazard_ratio: float = Field(
        2,
        gt=1,
        description="A class or an age that could only have shown a larger hazard ratio with 80 % power warns.",
    )
    known_dose_share: float = Field(
        0.95, ge=0, le=1, description="A smaller share of exposed time with known dose warns."
    )
    known_dose_share_fail: float = Field(0.8, ge=0, le=1, description="A smaller share than this fails the gate.")
    channelling_p: float = Field(
        0.01,
        ge=0,
        le=1,
        description="A test that new starts rise alike in all TSPO classes within the lag before a diagnosis; with a "
        "smaller p it warns: the first signs of the outcome are treated rather with one class.",
    )
    channelling_starts: float = Field(
        5, ge=0, description="A class of which fewer starts than this are to be expected there is left out of the test."
    )
    cross_check_difference: float = Field(
        1e-6, gt=0, description="Largest difference from lifelines on a sample of the run; above it the gate fails."
    )
    cross_check_persons: int = Field(
        1_000, ge=0, le=1_000_000, description="Persons in that sample; 0 leaves the check out."
    )


DISCLOSURE_POLICIES: Mapping[str, Mapping[str, int]] = {
    "omop5": {"min_cell_count": 5, "round_counts_to": 1},
    "opensafely": {"min_cell_count": 8, "round_counts_to": 5},
}
"""What each policy asks for at least: that of HADES and DARWIN EU; and OpenSAFELY's, counts of seven or fewer
suppressed and the others rounded to five."""


class Disclosure(Section):
    """What may leave the building. A policy is a floor: what is stricter beside it stands, what is laxer does not."""

    policy: Literal["none", "omop5", "opensafely"] = Field(
        "none",
        description="omop5: at least 5 as min_cell_count; opensafely: at least 8, and counts in multiples of 5.",
    )
    min_cell_count: int = Field(
        5, ge=0, le=1_000_000, description="Counts from 1 up to one less than this are suppressed."
    )
    round_counts_to: int = Field(
        1,
        ge=1,
        le=100,
        description="Released counts are rounded to a multiple of this, after suppression, and shares formed anew from "
        "them; 1 leaves them as they are.",
    )

    @model_validator(mode="before")
    @classmethod
    def _at_least(cls, given: Any) -> Any:
        """The numbers of the policy where those given are laxer."""
        if not isinstance(given, dict) or not isinstance(policy := given.get("policy", "none"), str):
            return given
        floors = DISCLOSURE_POLICIES.get(policy, {})
        # What is no whole number stays, to be refused.
        return given | {k: v for k, v in floors.items() if type(given.get(k, 0)) is int and given.get(k, 0) < v}
