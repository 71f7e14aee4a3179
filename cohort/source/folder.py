"""The door of a folder: Parquet or delimited text, a file for each table or a folder of parts for each table.

In: the folder. Out: `Found`. Names may be in any case. `person.csv.gz` and `person.parquet` are a table by their name,
and so is a folder `person` or `person.parquet` with parts in it, as Spark writes them. Two sources of one table are
refused, for nobody could say which of them a result came from.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from cohort.cdm import CDM_TABLES
from cohort.errors import UsageError
from cohort.source.delimited import read_delimited
from cohort.source.relation import Found, Relation, files_listed

_TABLES = {table.name: table for table in CDM_TABLES}
_TEXT = ("csv", "tsv", "psv", "txt")


def open_folder(folder: Path) -> Found:
    """Find the tables of a folder and below it.

    Raises:
        UsageError: there is none, there are two for one table, or a file or folder cannot be read.
    """
    found = Found()
    for name, sources in sorted(_sources(folder).items()):
        files = _only_source(name, sources, folder)
        kinds = {_kind(file) for file in files}
        if len(kinds) > 1:
            raise UsageError(f"The parts of table {name} in {files[0].parent} are of several kinds; keep those of one.")
        relation = _parquet(files) if kinds == {"parquet"} else read_delimited(_TABLES[name], files)
        if isinstance(relation, Relation):
            found.relations[name] = relation
        else:
            found.faults[name] = relation
    if not found.relations and not found.faults:
        raise UsageError(f"{folder} holds no Parquet or CSV file named by a CDM table, such as person.parquet.")
    return found


def _sources(folder: Path) -> dict[str, dict[Path, list[Path]]]:
    """Table -> what it could be read from, a file or a folder of parts -> its files."""
    sources: dict[str, dict[Path, list[Path]]] = {}
    for file in _files(folder):
        name, source = _table_of(file, folder)
        if name:
            sources.setdefault(name, {}).setdefault(source, []).append(file)
    return sources


def _table_of(file: Path, folder: Path) -> tuple[str | None, Path]:
    """The table that a file belongs to, by its own name or else by that of the nearest folder with a table's name."""
    name, *endings = file.name.lower().split(".")
    kind = _kind(file)
    if not kind:
        return None, file
    if name in _TABLES:
        # `drug_strength.old.csv` is no table: who keeps it beside drug_strength.csv does not mean it.
        return (name if endings in ([kind], [kind, "gz"]) else None), file
    for parent in file.parents:
        if parent == folder:
            break
        name, *endings = parent.name.lower().split(".")
        if name in _TABLES and endings in ([], ["parquet"], *([kind] for kind in _TEXT)):
            return name, parent
    return None, file


def _kind(file: Path) -> str | None:
    """`parquet`, or an ending of delimited text, packed or not."""
    *_, before, last = ("", *file.name.lower().split("."))
    kind = before if last == "gz" else last
    return kind if kind in _TEXT or (kind == "parquet" and last != "gz") else None


def _only_source(name: str, sources: dict[Path, list[Path]], folder: Path) -> list[Path]:
    if len(sources) > 1:
        names = ", ".join(sorted(str(source.relative_to(folder)) for source in sources))
        raise UsageError(
            f"{folder} holds table {name} {len(sources)} times ({names}); keep one and move the rest away."
        )
    (files,) = sources.values()
    return sorted(files)


def _parquet(files: list[Path]) -> Relation:
    options = "hive_partitioning = false, binary_as_string = true"
    if len(files) > 1:
        options += ", union_by_name = true"
    return Relation(f"read_parquet({files_listed(files)}, {options})", tuple(files))


def _files(folder: Path) -> Iterator[Path]:
    """Every file below a folder that is not hidden; links to folders are followed, each folder is entered once."""
    entered: set[Path] = set()
    for place, folders, files in os.walk(folder, onerror=_refuse, followlinks=True):
        entered.add(Path(place).resolve())
        folders[:] = sorted(
            name for name in folders if not _is_hidden(name) and (Path(place) / name).resolve() not in entered
        )
        yield from (Path(place) / name for name in sorted(files) if not _is_hidden(name))


def _is_hidden(name: str) -> bool:
    """Spark's own notes (`_SUCCESS`, `.part-0.parquet.crc`) are no data."""
    return name.startswith((".", "_"))


def _refuse(error: OSError) -> None:
    raise UsageError(f"{error.filename} cannot be read: {error.strerror}. Ask for the right to read it.") from None
