"""What a study needs of a CDM that lies elsewhere: the concepts whose records are asked for.

In: the lists that the SQL is given (`inputs.study_inputs`). Out: `Needs`: ids and names, from our own configuration.
A door that has to carry rows over a network carries those of these concepts and leaves the rest where it is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Needs:
    """Concept ids as the study writes them; the CDM's own hierarchy gives their descendants.

    Attributes:
        ingredients: study drugs with a known id.
        ingredient_names: study drugs that are looked up by name, in lower case.
        concepts: items of concept sets.
        ancestors: items of concept sets that stand for their descendants too.
        excluded_ancestors: items whose descendants are taken out of a set.
        visits: kinds of visit that are a stay in hospital.
    """

    ingredients: tuple[int, ...]
    ingredient_names: tuple[str, ...]
    concepts: tuple[int, ...]
    ancestors: tuple[int, ...]
    excluded_ancestors: tuple[int, ...]
    visits: tuple[int, ...]


def needs_of(inputs: Iterable[Mapping[str, pl.DataFrame]]) -> Needs:
    """What all of these analyses need together.

    Args:
        inputs: the result of `study_inputs` for each analysis.
    """
    every = list(inputs)
    drugs = pl.concat([tables["study_drug"] for tables in every])
    items = pl.concat([tables["concept_set_item"] for tables in every])
    included, excluded = items.filter(~pl.col("is_excluded")), items.filter("is_excluded")
    unknown = drugs.filter(pl.col("concept_id").is_null()).get_column("drug").str.replace_all("_", " ")
    return Needs(
        ingredients=_ids(drugs, "concept_id"),
        ingredient_names=tuple(sorted(set(unknown))),
        concepts=_ids(included, "concept_id"),
        ancestors=_ids(included.filter("include_descendants"), "concept_id"),
        excluded_ancestors=_ids(excluded.filter("include_descendants"), "concept_id"),
        visits=_ids(pl.concat([tables["inpatient_visit"] for tables in every]), "visit_concept_id"),
    )


def _ids(frame: pl.DataFrame, column: str) -> tuple[int, ...]:
    return tuple(sorted({int(value) for value in frame.get_column(column).drop_nulls()}))
