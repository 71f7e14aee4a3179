"""Run the study's SQL on small tables given as dicts, in one in-memory DuckDB, without files in between.

The engine writes each table to Parquet; here the same text makes temporary tables, so that hundreds of drawn CDMs
take seconds. What the engine adds (keys, files) is tested on its own.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import duckdb
import polars as pl

from cohort.cdm import CDM_TABLES
from cohort.engine import load_steps
from cohort.inputs import study_inputs, study_parameters
from cohort.protocol import Protocol

Row = dict[str, Any]
_POLARS = {"BIGINT": pl.Int64, "INTEGER": pl.Int32, "DOUBLE": pl.Float64, "DATE": pl.Date, "VARCHAR": pl.String}


def run_sql(
    cdm: Mapping[str, Iterable[Row]],
    protocol: Protocol,
    wanted: Iterable[str],
    inputs: Mapping[str, pl.DataFrame] | None = None,
) -> dict[str, list[Row]]:
    """Tables by name, each as a list of dicts sorted by all columns.

    Args:
        cdm: rows of the raw CDM tables; absent tables are empty.
        inputs: input tables that replace those of the protocol.
    """
    connection = duckdb.connect(":memory:")
    try:
        connection.execute("set threads = 1")
        for table in CDM_TABLES:
            types = {c.name: _POLARS[c.type] for c in table.columns}
            rows = [{c: row.get(c) for c in types} for row in cdm.get(table.name, [])]
            _create(connection, table.name, pl.DataFrame(rows, schema=types))
        return _run(connection, protocol, set(wanted), {**study_inputs(protocol), **(inputs or {})})
    finally:
        connection.close()


def _run(
    connection: duckdb.DuckDBPyConnection,
    protocol: Protocol,
    wanted: set[str],
    inputs: Mapping[str, pl.DataFrame],
) -> dict[str, list[Row]]:
    for name, frame in inputs.items():
        _create(connection, name, frame)
    parameters = study_parameters(protocol)
    for name, step in load_steps().items():
        if name in _needed(wanted):
            bound = {p: parameters[p] for p in step.parameters}
            connection.execute(f"create table {name} as {step.sql}", bound)
    return {name: _rows(connection, name) for name in wanted}


def _create(connection: duckdb.DuckDBPyConnection, name: str, frame: pl.DataFrame) -> None:
    connection.register("frame", frame.to_arrow())
    connection.execute(f"create table {name} as select * from frame")
    connection.unregister("frame")


def _needed(wanted: set[str]) -> set[str]:
    """The wanted tables and everything that they are made from."""
    steps, needed = load_steps(), set(wanted)
    while True:
        more = {read for name in needed for read in steps[name].reads if read in steps} - needed
        if not more:
            return needed
        needed |= more


def _rows(connection: duckdb.DuckDBPyConnection, name: str) -> list[Row]:
    result = connection.execute(f"select * from {name} order by all")
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
