"""Which CDM is this? Per table a text that is the same exactly while its content is, and a stamp of the files.

In: an open CDM. Out: for each table the number of its rows, the first and last of its dates, and a hash of everything
that the study reads of it, whatever the order of rows and wherever the CDM lies. The stamp is quick (sizes and times
of files): where it changes while a run reads, tables of two different CDMs would be mixed.
"""

from pathlib import Path

import duckdb

from cohort.cdm import CDM_TABLES, Table
from cohort.content import digest
from cohort.errors import TspoError
from cohort.source.location import place_of


def fingerprint(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """CDM table -> content key.

    Args:
        connection: has a view of every table of `CDM_TABLES`.
    """
    return {table.name: _fingerprint(connection, table) for table in CDM_TABLES}


def _fingerprint(connection: duckdb.DuckDBPyConnection, table: Table) -> str:
    columns = ", ".join(column.name for column in table.columns)
    ends = "".join(f", min({c.name}), max({c.name})" for c in table.columns if c.type == "DATE")
    # A sum of hashes does not depend on the order of rows, and unlike xor it sees rows that are there twice.
    query = f"select count(*), sum(cast(hash({columns}) as hugeint)){ends} from {table.name}"
    return digest([table.name, columns, *map(str, connection.execute(query).fetchall()[0])])


def stamp(location: str) -> str:
    """A text that changes when a file of the CDM is replaced, grows, or is written to; empty for a server."""
    place = place_of(location)
    if place.is_server:  # what is read of it is a copy
        return ""
    path = Path(place.text).expanduser()
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else []
    found = [(str(file), (status := file.stat()).st_ino, status.st_size, status.st_mtime_ns) for file in files]
    others = [stamp(place.vocabulary_cdm)] if place.vocabulary_cdm else []
    return digest([*map(str, found), *others]) if found else ""


def require_same(location: str, before: str) -> None:
    """Raise TspoError where the files of the CDM are not those that had the stamp `before`."""
    try:
        now = stamp(location)
    except OSError:
        now = "gone"
    if now != before:
        raise TspoError(
            "The CDM changed while the run was reading it, so its tables would be of two different CDMs. "
            "Run the same command again when nothing writes to the CDM; what is unchanged is kept."
        )
