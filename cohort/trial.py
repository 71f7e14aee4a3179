"""Run the study's SQL on small tables given as dicts, in one DuckDB in memory, without files in between.

In: rows of CDM tables and a protocol. Out: the wanted tables of `sql/` as lists of dicts. The engine writes each table
to Parquet; here the same text makes tables in memory, so that one made-up person, or hundreds of drawn CDMs, take
seconds. What the engine adds (keys, files) is no part of this.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import duckdb
import polars as pl

from cohort.cdm import CDM_TABLES, Table
from cohort.engine import create_inputs, create_tables
from cohort.inputs import study_inputs, study_parameters
from cohort.protocol import Protocol

Row = dict[str, Any]
_POLARS = {"BIGINT": pl.Int64, "INTEGER": pl.Int32, "DOUBLE": pl.Float64, "DATE": pl.Date, "VARCHAR": pl.String}


def run_tables(
    cdm: Mapping[str, Iterable[Row]],
    protocol: Protocol,
    wanted: Iterable[str],
    inputs: Mapping[str, pl.DataFrame] | None = None,
) -> dict[str, list[Row]]:
    """Tables by name, each as a list of dicts sorted by all columns.

    Args:
        cdm: rows of the raw CDM tables; absent tables are empty, absent columns null.
        wanted: names of tables of `sql/`; what they are made from is made too.
        inputs: input tables that replace those of the protocol.

    Raises:
        UsageError: the protocol names a concept set or covariate that does not exist.
        duckdb.Error: the SQL cannot be run on these rows.
    """
    tables = list(wanted)
    connection = duckdb.connect(":memory:")
    try:
        connection.execute("set threads = 1")
        create_inputs(connection, {table.name: _typed(table, cdm.get(table.name, [])) for table in CDM_TABLES})
        create_inputs(connection, {**study_inputs(protocol), **(inputs or {})})
        create_tables(connection, tables, study_parameters(protocol))
        return {name: _rows(connection, name) for name in tables}
    finally:
        connection.close()


def _typed(table: Table, rows: Iterable[Row]) -> pl.DataFrame:
    types = {column.name: _POLARS[column.type] for column in table.columns}
    return pl.DataFrame([{name: row.get(name) for name in types} for row in rows], schema=types)


def _rows(connection: duckdb.DuckDBPyConnection, name: str) -> list[Row]:
    result = connection.execute(f"select * from {name} order by all")
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
