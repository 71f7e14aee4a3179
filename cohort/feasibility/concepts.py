"""The concepts that the study names, and what this CDM's vocabulary knows of them.

In: the table concept_check. Out: one `NamedConcepts` for the study drugs, and one per concept set of the protocol.
"""

from collections.abc import Collection, Mapping
from typing import Literal

import polars as pl
from pydantic import BaseModel, ConfigDict

from cohort.concept_sets import ConceptSet

DRUGS = "study drugs"


class FaultyConcept(BaseModel):
    """A concept that the study names and that this vocabulary does not have, or not as a valid standard one."""

    model_config = ConfigDict(frozen=True)

    concept_id: int
    name: str
    status: Literal["absent", "invalid", "not standard"]


class NamedConcepts(BaseModel):
    """The study drugs or a concept set: how many ids it names, and those that are not as they should be."""

    model_config = ConfigDict(frozen=True)

    name: str
    ids: int
    faulty: tuple[FaultyConcept, ...]

    def count(self, status: str) -> int:
        """How many have this status."""
        return sum(concept.status == status for concept in self.faulty)


def named_concepts(
    table: pl.DataFrame, used: Collection[ConceptSet], *, knows_standard: bool = True
) -> tuple[NamedConcepts, ...]:
    """The study drugs, then the used concept sets by name.

    Args:
        table: kind, asked_by, concept_id, concept_name (null where absent), status.
        knows_standard: whether the vocabulary says what is standard; if not, nothing is called not standard.
    """
    rows = table.sort("asked_by", "concept_id").to_dicts()
    fine = {"standard"} if knows_standard else {"standard", "not standard"}
    drugs = [row for row in rows if row["kind"] == "drug"]
    of_sets = [row for row in rows if row["kind"] == "concept set"]
    own = {row["concept_id"]: str(row["asked_by"]).replace("_", " ") for row in drugs}
    return (
        _entry(DRUGS, drugs, own, fine),
        *(
            _entry(one.name, [row for row in of_sets if row["asked_by"] == one.name], _names(one), fine)
            for one in sorted(used, key=lambda one: one.name)
        ),
    )


def _names(concept_set: ConceptSet) -> dict[int, str]:
    return {item.concept_id: item.concept_name for item in concept_set.items}


def _entry(name: str, rows: list[dict[str, object]], own: Mapping[int, str], fine: Collection[str]) -> NamedConcepts:
    """An entry; a concept goes by its name in this vocabulary, else by the name that the study has for it."""
    faulty = [row for row in rows if row["status"] not in fine]
    named = [{**row, "name": row["concept_name"] or own.get(int(str(row["concept_id"])), "")} for row in faulty]
    return NamedConcepts(name=name, ids=len(rows), faulty=tuple(FaultyConcept.model_validate(row) for row in named))
