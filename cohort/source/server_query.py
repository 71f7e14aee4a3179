"""The rows and columns that travel from a PostgreSQL server: one select for each CDM table.

In: the tables as they are there, and what the study needs. Out: SQL text. Concepts are resolved by the server's own
concept_ancestor. What stands in the text are quoted names from its catalogue, and ids and names from our own
configuration. Whole tables travel only where the study reads every row: persons, their periods and their deaths.
"""

from collections.abc import Iterable, Mapping

from cohort.cdm import CDM_TABLES, Column
from cohort.needs import Needs
from cohort.source.server_catalog import ServerColumn, ServerTable
from cohort.sql_text import quoted

_WHOLE = ("int2", "int4", "int8")


def selects(tables: Mapping[str, ServerTable], needs: Needs) -> dict[str, str]:
    """CDM table -> the select that fetches what is needed of it, for every table that has a column we read."""
    wanted = _Wanted(tables, needs)
    found = {}
    for table in CDM_TABLES:
        there = tables.get(table.name)
        columns = [column for column in table.columns if there and column.name in there.columns]
        if there is None or not columns:
            continue
        cells = ", ".join(f"{_cell(column, there.columns[column.name])} as {column.name}" for column in columns)
        condition = wanted.condition(table.name)
        found[table.name] = f"select {cells} from {there.sql}" + (f" where {condition}" if condition else "")
    if "concept_ancestor" in found:
        found["concept_ancestor"] = _with_a_row(found["concept_ancestor"], tables["concept_ancestor"])
    return found


class _Wanted:
    """Which rows of each table are asked for."""

    def __init__(self, tables: Mapping[str, ServerTable], needs: Needs) -> None:
        self._tables, self._needs = tables, needs

    def condition(self, table: str) -> str | None:
        """The condition of a table, or None where every row is read."""
        sets = [self._ids(self._needs.concepts), *self._below(self._needs.ancestors)]
        drugs = [*self._ingredients(), *self._products()]
        conditions = {
            "condition_occurrence": self._within("condition_occurrence", "condition_concept_id", sets),
            "observation": self._within("observation", "observation_concept_id", sets),
            "drug_exposure": self._within("drug_exposure", "drug_concept_id", [*sets, *drugs]),
            "drug_strength": self._within("drug_strength", "ingredient_concept_id", self._ingredients()),
            "concept": self._within("concept", "concept_id", [*sets, *drugs]),
            "concept_ancestor": self._within("concept_ancestor", "ancestor_concept_id", self._ancestors()),
            "visit_occurrence": self._within("visit_occurrence", "visit_concept_id", [self._ids(self._needs.visits)]),
        }
        return conditions.get(table)

    def _within(self, table: str, column: str, queries: Iterable[str]) -> str:
        """A table without the column cannot be used, and nothing of it travels."""
        place = self._column(table, column)
        return f"{place} in ({' union all '.join(queries)})" if place else "false"

    def _ids(self, ids: Iterable[int]) -> str:
        return f"select unnest({_array(ids)})"

    def _ancestors(self) -> list[str]:
        needs = self._needs
        ids = {*needs.ancestors, *needs.excluded_ancestors, *needs.ingredients}
        return [self._ids(sorted(ids)), *self._by_name()]

    def _ingredients(self) -> list[str]:
        return [self._ids(self._needs.ingredients), *self._by_name()]

    def _by_name(self) -> list[str]:
        """Ids of the drugs that are looked up by name, as `sql/study_ingredient.sql` does."""
        names = ("concept_id", "concept_name", "concept_class_id", "standard_concept")
        places = [self._column("concept", name) for name in names]
        if not self._needs.ingredient_names or None in places:
            return []
        number, name, kind, standard = places
        drugs = ", ".join(quoted(drug, "'") for drug in self._needs.ingredient_names)
        return [
            f"select {number} from {self._tables['concept'].sql} where trim({kind}) = 'Ingredient' "
            f"and trim({standard}) = 'S' and lower(trim({name})) in ({drugs})"
        ]

    def _products(self) -> list[str]:
        """Products of the study drugs by the hierarchy, and by their strengths."""
        found = [*self._below(self._needs.ingredients)]
        found += [query for name in self._by_name() for query in self._below_query(name)]
        drug, ingredient = (self._column("drug_strength", f"{name}_concept_id") for name in ("drug", "ingredient"))
        if drug and ingredient:
            found.append(
                f"select {drug} from {self._tables['drug_strength'].sql} "
                f"where {ingredient} in ({' union all '.join(self._ingredients())})"
            )
        return found

    def _below(self, ids: Iterable[int]) -> list[str]:
        """Descendants of concepts, where there is a hierarchy."""
        ancestor = self._column("concept_ancestor", "ancestor_concept_id")
        return self._descendants(f"{ancestor} = any ({_array(ids)})")

    def _below_query(self, query: str) -> list[str]:
        ancestor = self._column("concept_ancestor", "ancestor_concept_id")
        return self._descendants(f"{ancestor} in ({query})")

    def _descendants(self, condition: str) -> list[str]:
        descendant = self._column("concept_ancestor", "descendant_concept_id")
        if not descendant or not self._column("concept_ancestor", "ancestor_concept_id"):
            return []
        return [f"select {descendant} from {self._tables['concept_ancestor'].sql} where {condition}"]

    def _column(self, table: str, column: str) -> str | None:
        """An id as a number, or a text as it is; None where the CDM has no such column."""
        there = self._tables.get(table)
        if there is None or column not in there.columns:
            return None
        return _number(there.columns[column]) if column.endswith("concept_id") else quoted(there.columns[column].name)


def _number(column: ServerColumn) -> str:
    """An id to compare with; text that is no number is none."""
    name = quoted(column.name)
    if column.category == "N":
        return name
    return f"case when {name}::text ~ '^\\s*-?[0-9]{{1,18}}\\s*$' then {name}::text::bigint end"


def _with_a_row(select: str, ancestors: ServerTable) -> str:
    """The rows that are asked for, or any one where there is none: the study asks whether there is a hierarchy."""
    columns, _, _ = select.removeprefix("select ").partition(" from ")
    condition = select.partition(" where ")[2]
    return (
        f"{select} union all (select {columns} from {ancestors.sql} "
        f"where not exists (select 1 from {ancestors.sql} where {condition}) limit 1)"
    )


def _cell(column: Column, there: ServerColumn) -> str:
    """A column as it travels: whole numbers, floating numbers, dates, and all else as text for the views to read."""
    name = quoted(there.name)
    if there.type in _WHOLE:
        return f"{name}::bigint"
    if there.category == "N":
        return f"{name}::double precision"
    if there.type in ("date", "timestamp", "timestamptz") and column.type == "DATE":
        return f"case when isfinite({name}) then {name}::date end"
    return f"{name}::text"


def _array(ids: Iterable[int]) -> str:
    return f"'{{{', '.join(str(int(number)) for number in ids)}}}'::bigint[]"
