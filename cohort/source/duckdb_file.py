"""The door of a DuckDB file: opened read-only, its tables and views in whatever schema they are.

In: the path, and the schemas where they are given. Out: `Found`.
"""

from pathlib import Path

import duckdb

from cohort.cdm import CDM_TABLES, VOCABULARY_TABLES
from cohort.errors import UsageError
from cohort.source.database import first_row
from cohort.source.location import Place
from cohort.source.relation import Found, Relation
from cohort.sql_text import quoted

ENDINGS = {".duckdb", ".db"}


def open_file(connection: duckdb.DuckDBPyConnection, place: Place, name: str = "cdm_file") -> Found:
    """Attach a file under a name and find its tables.

    Raises:
        UsageError: it is no DuckDB file, cannot be read, or holds a table with rows in two schemas.
    """
    path = Path(place.text).expanduser()
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"{path} is neither a .duckdb file nor a folder of Parquet or CSV files.")
    try:
        connection.execute(f"attach if not exists {quoted(str(path), chr(39))} as {name} (read_only)")
    except duckdb.Error as error:
        raise UsageError(f"{path} cannot be opened: {_why(str(error))}.") from None
    rows = connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = $name "
        "union all select schema_name, view_name from duckdb_views() where database_name = $name and not internal "
        "order by schema_name = 'main' desc, schema_name",
        {"name": name},
    ).fetchall()
    found, known = Found(), {table.name for table in CDM_TABLES}
    _refuse_unknown({schema for schema, table in rows if table.lower() in known}, place)
    for table in sorted({table.lower() for _, table in rows} & known):
        places = {schema: f"{name}.{quoted(schema)}.{quoted(own)}" for schema, own in rows if own.lower() == table}
        schema = _schema(connection, table, places, place)
        if schema is not None:
            found.relations[table] = Relation(places[schema], (path,))
    return found


def _schema(connection: duckdb.DuckDBPyConnection, name: str, places: dict[str, str], place: Place) -> str | None:
    """The schema whose table is meant: the one that is asked for, or the only one with rows in it."""
    asked = place.vocabulary_schema if name in VOCABULARY_TABLES else place.cdm_schema
    if asked is not None:
        return next((schema for schema in places if schema.lower() == asked.lower()), None)
    filled = [schema for schema, sql in places.items() if len(places) == 1 or _has_rows(connection, sql)]
    if len(filled) > 1:
        option = "vocabulary_schema" if name in VOCABULARY_TABLES else "cdm_schema"
        raise UsageError(
            f"{place.text} holds table {name} in the schemas {', '.join(filled)}; say which is meant: "
            f"--cdm '{place.text}?{option}={filled[0]}'."
        )
    return (filled or list(places))[0]


def _refuse_unknown(schemas: set[str], place: Place) -> None:
    for asked in (place.cdm_schema, place.vocabulary_schema):
        if asked is not None and asked.lower() not in {schema.lower() for schema in schemas}:
            known = ", ".join(sorted(schemas)) or "none"
            raise UsageError(f"{place.text} has no CDM tables in a schema {asked}; schemas that have some: {known}.")


def _has_rows(connection: duckdb.DuckDBPyConnection, sql: str) -> bool:
    (answer,) = first_row(connection, f"select exists (select 1 from {sql})")
    return bool(answer)


def _why(said: str) -> str:
    text = said.lower()
    causes = {
        "lock": "another process is writing to it; try again when it is done",
        "permission denied": "you may not read it; ask for the right to",
        "newer version": "a newer DuckDB wrote it; update duckdb here, or export the CDM as Parquet",
        "not a valid duckdb": "it is no DuckDB database",
        "encrypt": "it is encrypted; export the CDM without encryption into a folder that is",
    }
    return next((cure for word, cure in causes.items() if word in text), "it is cut short or damaged; copy it again")
