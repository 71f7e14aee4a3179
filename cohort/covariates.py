"""What is known of a person at entry: which concept sets may be adjusted for, which never, and why.

In: `config/covariates.csv`. Out: its rows, and what is wrong with a covariate that a protocol asks for.
"""

from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cohort.errors import nearest
from cohort.paths import config_folder
from cohort.typed_csv import read_csv

Text = Annotated[str, Field(min_length=1)]


class Covariate(BaseModel):
    """A concept set as a characteristic at entry, or one that must not be adjusted for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    concept_set: Text = Field(pattern=r"^[a-z][a-z0-9_]*$", description="Name of the concept set.")
    heading: str = Field("", description="What it stands under in the table of who takes these drugs.")
    adjust: Literal["yes", "never"] = Field(description="Whether a model may adjust for it.")
    why: Text = Field(description="Why.")
    source: Text = Field(description="Where that was read, or whose decision it is.")

    @model_validator(mode="after")
    def _has_a_heading_if_it_is_shown(self) -> Self:
        if (self.adjust == "yes") != bool(self.heading):
            raise ValueError("what may be adjusted for has a heading, and what may not has none; mend it")
        return self


@cache
def load_covariates(folder: Path | None = None) -> tuple[Covariate, ...]:
    """The rows of `covariates.csv`, in its order.

    Args:
        folder: the configuration folder; None for the shipped one.

    Raises:
        UsageError: a faulty file, by line, with the cure.
    """
    return read_csv((folder or config_folder()) / "covariates.csv", Covariate, unique=("concept_set",))


def covariate_names() -> tuple[str, ...]:
    """The concept sets that may be adjusted for; `covariate.sql` makes a column of each."""
    return tuple(row.concept_set for row in load_covariates() if row.adjust == "yes")


def covariate_fault(name: str) -> str | None:
    """What is wrong with adjusting for a concept set, with the cure; None if nothing is."""
    rows = {row.concept_set: row for row in load_covariates()}
    if name not in rows:
        return f"there is no covariate '{name}'{nearest(name, covariate_names())}"
    row = rows[name]
    if row.adjust == "yes":
        return None
    return (
        f"'{name}' is never adjusted for: {row.why} ({row.source}). Take it out; population.prevalent_sets keeps "
        "persons with such a record out of the study."
    )
