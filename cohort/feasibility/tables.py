"""The CDM's tables and columns beside those that the study reads: what is there, as which type, and how many rows.

In: an open CDM and its rows by table. Out: one `TableFound` per table of the contract (`cohort.cdm`).
"""

from collections.abc import Collection
from typing import Literal

from pydantic import BaseModel, ConfigDict

from cohort.cdm import CDM_TABLES, Column, Table
from cohort.feasibility.said import Said
from cohort.source import Cdm


class ColumnFound(BaseModel):
    """A column that the study reads, and what is there of it."""

    model_config = ConfigDict(frozen=True)

    column: str
    is_required: bool
    type_needed: str
    type_found: str | None
    state: Literal["present", "missing", "not read"]


class TableFound(BaseModel):
    """A table that the study reads, and what is there of it; few rows are a text such as `<5`."""

    model_config = ConfigDict(frozen=True)

    table: str
    is_required: bool
    state: Literal["read", "empty", "missing", "unusable"]
    rows: int | str
    columns: tuple[ColumnFound, ...]


def tables_found(cdm: Cdm, rows: dict[str, int], said: Said) -> tuple[TableFound, ...]:
    """One entry per table of the contract, in its order."""
    return tuple(_table_found(cdm, table, rows[table.name], said) for table in CDM_TABLES)


def _table_found(cdm: Cdm, table: Table, rows: int, said: Said) -> TableFound:
    relation, present = cdm.relations[table.name]
    lacking = _lacking(cdm, table)
    if relation is not None:
        state: Literal["read", "empty", "missing", "unusable"] = "read" if rows else "empty"
    else:
        state = "unusable" if lacking else "missing"
    columns = tuple(
        ColumnFound(
            column=column.name,
            is_required=column.is_required,
            type_needed=column.type,
            type_found=present[column.name][1] if column.name in present else None,
            state=_state(column, present.keys(), lacking, is_read=relation is not None),
        )
        for column in table.columns
    )
    return TableFound(
        table=table.name, is_required=table.is_required, state=state, rows=said.value(rows), columns=columns
    )


def _state(
    column: Column, present: Collection[str], lacking: set[str], *, is_read: bool
) -> Literal["present", "missing", "not read"]:
    if column.name in present:
        return "present"
    return "missing" if is_read or not lacking or column.name in lacking else "not read"


def _lacking(cdm: Cdm, table: Table) -> set[str]:
    """The columns for want of which a table cannot be read, as the door has noted them."""
    start = f"table {table.name} has no column "
    noted = (note for note in (*cdm.problems, *cdm.warnings) if note.startswith(start))
    return {name for note in noted for name in note.removeprefix(start).partition(":")[0].split(", ")}
