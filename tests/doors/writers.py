"""A CDM in every form that a door opens: written from the same tables, as clean or as dirty as sites keep theirs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from cohort.cdm import CDM_TABLES
from cohort.source.delimited import layouts
from cohort.sql_text import quoted

Tables = Mapping[str, str]
"""Table -> what DuckDB reads it from."""


def tables_of_file(path: Path) -> dict[str, str]:
    """The tables of a DuckDB file, as a folder of Parquet files beside it holds them."""
    folder = path.with_suffix(".tables")
    if not folder.exists():
        parquet_folder_of_file(path, folder)
    return tables_of_folder(folder)


def tables_of_folder(folder: Path) -> dict[str, str]:
    """The CDM tables of a folder of Parquet files."""
    files = {path.stem.lower(): path for path in sorted(folder.rglob("*.parquet"))}
    return {table.name: f"read_parquet('{files[table.name]}')" for table in CDM_TABLES if table.name in files}


def parquet_folder_of_file(path: Path, folder: Path) -> None:
    """Export a DuckDB file."""
    folder.mkdir()
    with duckdb.connect(str(path), read_only=True) as connection:
        for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall():
            connection.execute(f"copy {quoted(name)} to '{folder}/{name}.parquet'")


def duckdb_file(tables: Tables, path: Path, schema: Mapping[str, str] | None = None) -> Path:
    """A DuckDB file; tables without a schema are in `main`."""
    with duckdb.connect(str(path)) as connection:
        for name, source in tables.items():
            # A schema may have the name of the file: it is the whole name that tells them apart.
            place = f"{quoted(path.stem)}.{quoted((schema or {}).get(name, 'main'))}"
            connection.execute(f"create schema if not exists {place}")
            connection.execute(f"create table {place}.{quoted(name)} as select * from {source}")
    return path


def parquet_folder(tables: Tables, folder: Path) -> Path:
    """A file for each table."""
    folder.mkdir()
    for name, source in tables.items():
        duckdb.sql(f"copy (select * from {source}) to '{folder}/{name}.parquet'")
    return folder


def spark_folder(tables: Tables, folder: Path) -> Path:
    """A folder for each table, with parts and Spark's own notes in it."""
    folder.mkdir()
    for name, source in tables.items():
        parts = folder / f"{name}.parquet"
        parts.mkdir()
        with duckdb.connect() as connection:
            connection.execute(f"create table t as select *, row_number() over () % 3 as part from {source}")
            for part in range(3):
                connection.execute(
                    f"copy (select * exclude (part) from t where part = {part}) "
                    f"to '{parts}/part-0000{part}-c000.snappy.parquet' (compression snappy)"
                )
        (parts / "_SUCCESS").touch()
        (parts / ".part-00000-c000.snappy.parquet.crc").write_bytes(b"crc")
    return folder


@dataclass(frozen=True)
class Style:
    """How text is written. Without a header every column of the CDM version is there, in its order."""

    delimiter: str = ","
    ending: str = "csv"
    dates: str = "%Y-%m-%d"
    has_header: bool = True
    upper: bool = False
    quote: str = '"'
    layout: int = 0


ATHENA = Style("\t", "csv", "%Y%m%d", upper=True, quote="")
STYLES = {
    "comma": Style(),
    "Athena": ATHENA,
    "semicolon, packed": Style(";", "csv.gz", "%Y-%m-%d 00:00:00"),
    "pipe, upper case": Style("|", "txt", upper=True),
    "no header": Style(has_header=False),
    "no header, tabs": Style("\t", "tsv", "%Y%m%d", has_header=False, quote="", layout=-1),
}


def text_folder(tables: Tables, folder: Path, style: Style) -> Path:
    """A file of delimited text for each table."""
    folder.mkdir()
    for name, source in tables.items():
        with duckdb.connect() as connection:
            columns = {row[0]: row[1] for row in connection.execute(f"describe select * from {source}").fetchall()}
            select = ", ".join(_cell(column, columns, style) for column in _order(name, columns, style))
            path = folder / f"{name.upper() if style.upper else name}.{style.ending}"
            quote = quoted(style.quote, "'")
            connection.execute(
                f"copy (select {select} from {source}) to '{path}' (format csv, delimiter '{style.delimiter}', "
                f"header {style.has_header}, quote {quote}, escape {quote})"
            )
    return folder


def _order(table: str, columns: Mapping[str, str], style: Style) -> list[str]:
    return list(columns) if style.has_header else list(layouts(table)[style.layout])


def _cell(column: str, columns: Mapping[str, str], style: Style) -> str:
    name = quoted(column.upper() if style.upper else column)
    kind = next((kind for there, kind in columns.items() if there.lower() == column), None)
    if style.has_header:
        kind = columns[column]
    if kind is None:
        return f"null as {name}"
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        return f"strftime({quoted(column)}, '{style.dates}') as {name}"
    return f"{quoted(column)} as {name}"
