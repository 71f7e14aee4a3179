"""What a door finds: where each CDM table lies, and what is wrong with those that cannot be read.

Shared by the doors and by `cdm`; it opens nothing.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cohort.sql_text import file_literal


@dataclass(frozen=True)
class Relation:
    """One CDM table.

    Attributes:
        sql: what reads it in a `from`.
        files: the files behind it.
        rows: its number of rows where the door knows it, for `files` may hold only what the study asks for.
    """

    sql: str
    files: tuple[Path, ...] = ()
    rows: int | None = None


@dataclass
class Found:
    """What is behind a door: the tables by name, and what is wrong with a table that is there but cannot be used."""

    relations: dict[str, Relation] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)

    def only(self, names: Collection[str]) -> "Found":
        """Some of the tables."""
        relations = {name: relation for name, relation in self.relations.items() if name in names}
        return Found(relations, {name: fault for name, fault in self.faults.items() if name in names})

    def without(self, names: Collection[str]) -> "Found":
        """The other tables."""
        return self.only({*self.relations, *self.faults} - {*names})

    def beside(self, other: "Found") -> "Found":
        """The tables of two doors that have none in common."""
        return Found(self.relations | other.relations, self.faults | other.faults)

    def files(self) -> list[Path]:
        """All files behind the tables."""
        return list(dict.fromkeys(file for relation in self.relations.values() for file in relation.files))


def files_listed(files: Iterable[Path]) -> str:
    """Files as a list of literals that DuckDB reads."""
    return "[" + ", ".join(map(file_literal, files)) + "]"
