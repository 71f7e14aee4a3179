"""What a preset is besides a protocol: which published design it follows, what its source leaves open, and its ratios.

In: the tables `[preset]` and `[[published]]` of a protocol file. Out: frozen values. A preset sets only what its source
states; what that leaves open is named in `must_set` and has to be set for a run, never guessed. Published ratios are
shown beside those of a run, and nothing is tested against them.
"""

from collections.abc import Collection, Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cohort.diagnoses import Text
from cohort.errors import UsageError
from cohort.protocol_sections import Section

FieldName = Annotated[str, Field(pattern=r"^[a-z_]+\.[a-z_]+$")]
DESIGN = (
    *("population.minimum_age_years", "population.prior_observation_days", "population.washout_days"),
    *("outcome.diagnosis", "outcome.tier"),
    *("exposure.metric", "exposure.lag_days", "exposure.category_bounds", "model.covariates"),
)
"""The fields that make a design: each is set by a preset, or has to be set for a run."""


class Preset(Section):
    """The published design that a protocol follows, as far as a protocol can."""

    study: Text = Field(description="Author and year.")
    citation: Text = Field(description="The publication.")
    source: Text = Field(description="What of it was read, and where.")
    population: Text = Field(description="Who was studied, in words.")
    why: Mapping[FieldName, Text] = Field(description="By field that the preset sets: what the source states.")
    must_set: Mapping[FieldName, Text] = Field(
        description="By field that the source leaves open, or that a protocol has no value for: what is known of it. "
        "A run has to set each."
    )
    differs: tuple[Text, ...] = Field(
        min_length=1, description="Sentences: what of the design a protocol cannot express, and what is done instead."
    )


class Published(Section):
    """A published ratio, to be shown beside those of a run."""

    exposure: Text = Field(description="What was compared, in words.")
    term: Text = Field(description="The category: a label of the run's own where there is one, else in words.")
    reference: Text = Field(description="What it was compared with, in words.")
    measure: Literal["hazard ratio", "odds ratio"] = Field(description="What kind of ratio it is.")
    ratio: Annotated[float, Field(gt=0)] = Field(description="The ratio.")
    ci_lower: Annotated[float, Field(gt=0)] = Field(description="Lower bound of its 95 % interval.")
    ci_upper: Annotated[float, Field(gt=0)] = Field(description="Upper bound.")
    status: Literal["read", "memory"] = Field(description="Whether it was read in a source, or is from memory.")
    analysis: str = Field("primary", description="The analysis of a run that it stands beside.")
    note: str = Field("", description="Adjustment, or what else to know.")

    @model_validator(mode="after")
    def _lies_in_its_interval(self) -> Self:
        if not self.ci_lower <= self.ratio <= self.ci_upper:
            raise ValueError(f"ratio {self.ratio:g} is not between ci_lower and ci_upper: correct the three")
        return self


def require_what_is_open(preset: Preset, given: Collection[str], where: str) -> None:
    """Every field that the source leaves open was set.

    Args:
        given: the fields that were set, as `section.name`.
        where: the preset's name, for the message.

    Raises:
        UsageError: fields were not set; each is named with what is known of it.
    """
    missing = {field: known for field, known in preset.must_set.items() if field not in given}
    if not missing:
        return
    lines = [f"  - {field}: {known}" for field, known in missing.items()]
    raise UsageError(
        f"{where} follows {preset.study}, whose source leaves {len(missing)} field(s) of the protocol open. Choose "
        f"them for your data, with --set {next(iter(missing))}=... and so on, or in a copy of its file:\n"
        + "\n".join(lines)
    )
