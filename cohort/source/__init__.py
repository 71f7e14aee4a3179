"""The door: a CDM as it is, opened read-only and shown to the SQL as views with the study's names and types.

In: a DuckDB file, a folder of Parquet or CSV files, or a PostgreSQL database. Out: a DuckDB connection whose views hold
just the columns that the study reads. Whatever is missing or cannot be read is said by table and column.
"""

from cohort.source.cdm import Cdm, open_cdm
from cohort.source.database import Resources, first_row, open_database
from cohort.source.faults import kind_of
from cohort.source.location import (
    is_on_server,
    local,
    refuse_absent,
    refuse_password,
    released_location,
    with_vocabulary_of,
)

__all__ = [
    "Cdm",
    "Resources",
    "first_row",
    "is_on_server",
    "kind_of",
    "local",
    "open_cdm",
    "open_database",
    "refuse_absent",
    "refuse_password",
    "released_location",
    "with_vocabulary_of",
]
