"""The diagnoses that can be the outcome, from `config/diagnoses.toml`: what of the protocol follows from each, and why.

In: the TOML file. Out: a frozen `Diagnosis` by name, checked when it is read. What a diagnosis is made of is data with
a source, so a further one is a table there and no code.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cohort.errors import UsageError
from cohort.paths import config_folder
from cohort.toml_file import read_toml

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Text = Annotated[str, Field(min_length=1)]
Tier = Literal["D1", "D2", "D3"]

PRIMARY_DIAGNOSIS = "dementia"
DIED, COMPETING = "death", "competing diagnosis"
"""What the results call the other ends of follow-up; the outcome goes by the name of its diagnosis."""
OWN_FIELDS = ("concept_set", "explicit_concept_set", "confirming_drugs", "tier", "competing_sets")
"""The fields of [outcome] that follow from its diagnosis."""
_REASONED = ("concept_set", "confirming_drugs", "tier", "prevalent_sets", "competing_sets")


class Diagnosis(BaseModel):
    """What one diagnosis is as the outcome, and how it is spoken of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    words: Text = Field(description="What it is called in a sentence.")
    concept_set: Name = Field(description="Its codes.")
    explicit_concept_set: Name | None = Field(None, description="Its ids written out, for a CDM without hierarchy.")
    confirming_drugs: Name | None = Field(None, description="Drugs whose record confirms a code.")
    confirmed_by: str = Field("", description="Such a drug in words.")
    tier: Tier = Field(description="What counts as a case unless the protocol says otherwise.")
    tiers: tuple[Tier, ...] = Field(description="What can count as a case: D3 is about dementias.")
    prevalent_sets: tuple[Name, ...] = Field(description="A record of one of these on or before entry keeps out.")
    free_of: Text = Field(description="What is true at entry of who has no such record.")
    competing_sets: tuple[Name, ...] = Field(description="Diagnoses after which it can no longer come first.")
    competing: str = Field("", description="Such a diagnosis in words.")
    rationale: str = Field("", description="Why this outcome is asked about, beside the question of the study.")
    why: Mapping[str, Text] = Field(description="Reason and source of each choice, by field.")

    @model_validator(mode="after")
    def _every_choice_has_a_reason(self) -> Self:
        if missing := [name for name in _REASONED if name not in self.why]:
            raise ValueError(f"why says nothing of {', '.join(missing)}; add the reason and its source")
        return self

    @property
    def title(self) -> str:
        """Title of a study of it."""
        return f"Benzodiazepine dose by TSPO affinity and {self.words}"

    def outcome_fields(self) -> dict[str, Any]:
        """The fields of [outcome] that follow from it, by name."""
        return {name: getattr(self, name) for name in OWN_FIELDS}

    def protocol_fields(self) -> dict[tuple[str, str], Any]:
        """All fields of the protocol that follow from it, by section and name."""
        of_outcome = {("outcome", name): value for name, value in self.outcome_fields().items()}
        return {("study", "name"): self.title, ("population", "prevalent_sets"): self.prevalent_sets, **of_outcome}


@cache
def load_diagnoses() -> Mapping[str, Diagnosis]:
    """The diagnoses by name, in the order of the file.

    Raises:
        UsageError: the file is missing or faulty; each fault is named.
    """
    path = config_folder() / "diagnoses.toml"
    try:
        content = read_toml(path, "file of diagnoses")
        return MappingProxyType({name: Diagnosis.model_validate(table) for name, table in content.items()})
    except UsageError as error:
        raise UsageError(f"{error} Restore the shipped file.") from None
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise UsageError(f"{path} has faults: {faults}") from None


def words_of(outcome: str) -> str:
    """What an outcome of `estimates` is called in a sentence; one that is not known goes by its own name."""
    known = load_diagnoses().get(outcome)
    return known.words if known else outcome.replace("_", " ")
