"""What a PostgreSQL database has: which schemas hold the CDM and its vocabulary, their tables, columns and rights.

In: a cursor and the place. Out: the tables by name, with their columns as they are. Names may be in any case.
"""

from dataclasses import dataclass
from typing import Any

from cohort.cdm import CDM_TABLES, VOCABULARY_TABLES
from cohort.errors import UsageError
from cohort.source.location import Place
from cohort.sql_text import quoted

_COLUMNS = """
    select
        pg_namespace.nspname::text as schema,
        pg_class.relname::text as "table",
        pg_attribute.attname::text as "column",
        pg_type.typname::text as type,
        pg_type.typcategory::text as category,
        has_schema_privilege(pg_namespace.oid, 'usage')
        and has_column_privilege(pg_class.oid, pg_attribute.attnum, 'select') as may_read
    from pg_catalog.pg_class
    inner join pg_catalog.pg_namespace on pg_namespace.oid = pg_class.relnamespace
    inner join pg_catalog.pg_attribute on pg_attribute.attrelid = pg_class.oid
    inner join pg_catalog.pg_type on pg_type.oid = pg_attribute.atttypid
    where
        pg_class.relkind in ('r', 'p', 'v', 'm', 'f')
        and pg_attribute.attnum > 0
        and not pg_attribute.attisdropped
        and lower(pg_class.relname) in ({names})
        and pg_namespace.nspname not in ('pg_catalog', 'information_schema')
        and pg_namespace.nspname not like 'pg\\_temp\\_%'
    order by 1, 2, pg_attribute.attnum
"""


@dataclass(frozen=True)
class ServerColumn:
    """A column as the server has it: its name, type and category of type (`N` number, `D` date, `S` text)."""

    name: str
    type: str
    category: str
    may_read: bool


@dataclass(frozen=True)
class ServerTable:
    """A table of the CDM as the server has it; `columns` by their name in lower case."""

    schema: str
    name: str
    columns: dict[str, ServerColumn]

    @property
    def sql(self) -> str:
        """The table in a `from`."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"


def find_tables(cursor: Any, place: Place) -> dict[str, ServerTable]:
    """The tables of the CDM by name.

    Raises:
        UsageError: no schema or several hold the CDM, or a table may not be read.
    """
    names = ", ".join(quoted(table.name, "'") for table in CDM_TABLES)
    cursor.execute(_COLUMNS.format(names=names))
    tables: dict[tuple[str, str], ServerTable] = {}
    for schema, table, column, kind, category, may_read in cursor.fetchall():
        held = tables.setdefault((schema, table), ServerTable(schema, table, {}))
        held.columns.setdefault(column.lower(), ServerColumn(column, kind, category, may_read))
    everything = list(tables.values())
    cdm = _schema(everything, "person", place.cdm_schema, "cdm_schema")
    if cdm is None:
        raise UsageError(
            "This PostgreSQL database has no table person in any schema that you may see; name another database in "
            "--cdm, or say where the CDM is: postgresql://host/database?cdm_schema=NAME."
        )
    vocabulary = _schema(everything, "concept", place.vocabulary_schema, "vocabulary_schema") or cdm
    found = {}
    for table in CDM_TABLES:
        own, other = (vocabulary, cdm) if table.name in VOCABULARY_TABLES else (cdm, cdm)
        if chosen := _held(everything, table.name, own) or _held(everything, table.name, other):
            found[table.name] = chosen
    _refuse_unreadable(found)
    return found


def _schema(tables: list[ServerTable], name: str, asked: str | None, option: str) -> str | None:
    """The schema that holds a table: the one that is asked for, or the only one that can be read."""
    holding = sorted({table.schema for table in tables if table.name.lower() == name})
    if asked is not None:
        if asked in holding:
            return asked
        known = ", ".join(holding) or "none"
        raise UsageError(f"The schema {asked} has no table {name}; schemas that have one: {known}.")
    readable = sorted(
        {t.schema for t in tables if t.name.lower() == name and any(c.may_read for c in t.columns.values())}
    )
    if len(readable) > 1:
        raise UsageError(
            f"{len(readable)} schemas hold a table {name} ({', '.join(readable)}); say which is meant: "
            f"postgresql://host/database?{option}={readable[0]}."
        )
    return next(iter(readable or holding), None)


def _held(tables: list[ServerTable], name: str, schema: str) -> ServerTable | None:
    """The table of that name in a schema; of several that differ in case, the one in lower case."""
    held = [table for table in tables if table.schema == schema and table.name.lower() == name]
    return min(held, key=lambda table: table.name != name, default=None)


def _refuse_unreadable(found: dict[str, ServerTable]) -> None:
    columns = {table.name: [column.name for column in table.columns] for table in CDM_TABLES}
    closed = [
        f"{table.schema}.{table.name}"
        for name, table in found.items()
        if not all(table.columns[column].may_read for column in columns[name] if column in table.columns)
    ]
    if closed:
        raise UsageError(
            f"You may not read {len(closed)} table(s) of the CDM: {', '.join(closed)}. Ask the database's owner to "
            "grant usage on the schema and select on them."
        )
