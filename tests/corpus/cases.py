"""The corpus: broken protocols and broken CDMs, each with what must be told of it, read from two TOML files.

In: `protocols.toml` and `cdms.toml`. Out: frozen cases, the texts that a command must print, and broken copies of a
clean CDM.
"""

import shutil
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from cohort.synthetic import simulate

HERE = Path(__file__).parent
PERSONS, SEED = 500, 5


@dataclass(frozen=True)
class ProtocolCase:
    """A protocol file, or values of `--set`, and the whole of standard error of `tspo check`."""

    name: str
    says: str
    text: str | None = None
    encoding: str = "utf-8"
    set: Sequence[str] = ()
    stretch: tuple[str, int] | None = None
    exit: int = 2

    def written(self, text: str) -> str:
        """A text with its mark stretched."""
        return text.replace("@", self.stretch[0] * self.stretch[1]) if self.stretch else text

    def arguments(self, cdm: Path, protocol: Path) -> list[str]:
        """Write the protocol; the arguments of `tspo check`."""
        given = ["check", "--cdm", str(cdm)]
        if self.text is not None:
            protocol.write_bytes(self.written(self.text).encode(self.encoding))
            given += ["--protocol", str(protocol)]
        return given + [part for change in self.set for part in ("--set", self.written(change))]


@dataclass(frozen=True)
class CdmCase:
    """What `sql` does to a clean CDM, and what is told of it.

    `problems` stop the study (exit 1), `error` is wrong usage (exit 2), `warnings` go with a study that can be done,
    and `status` is then that of the hazard ratio of binders at all ages in the primary analysis. `awaits` says which
    change of the code a message waits for.
    """

    name: str
    sql: Sequence[str]
    problems: Sequence[str] = ()
    warnings: Sequence[str] = ()
    error: str = ""
    status: str = ""
    awaits: str = ""

    @property
    def exit(self) -> int:
        """The exit code of `tspo check`."""
        return 2 if self.error else 1 if self.problems else 0

    @property
    def check_says(self) -> str:
        """Standard error of `tspo check`."""
        return f"tspo: {self.error}\n" if self.error else "".join(f"problem: {line}\n" for line in self.problems)

    @property
    def run_says(self) -> str:
        """Standard error of a `tspo run` that is refused."""
        if self.error:
            return f"tspo: {self.error}\n"
        return "tspo: This CDM cannot be studied:\n" + "".join(f"  - {line}\n" for line in self.problems)


def protocol_cases() -> list[ProtocolCase]:
    """The broken protocols, in the order of their file."""
    return [ProtocolCase(**case) for case in _read("protocols.toml")]


def cdm_cases() -> list[CdmCase]:
    """The broken CDMs, in the order of their file."""
    return [CdmCase(**case) for case in _read("cdms.toml")]


def _read(name: str) -> list[dict]:
    return tomllib.loads((HERE / name).read_text(encoding="utf-8"))["case"]


def clean_cdm(folder: Path) -> Path:
    """A CDM of 500 persons without keys and constraints, which would not let itself be broken."""
    simulate(folder / "simulated.duckdb", PERSONS, SEED)
    path = folder / "clean.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"attach '{folder / 'simulated.duckdb'}' as simulated (read_only)")
        tables = connection.sql("select table_name from duckdb_tables() where database_name = 'simulated'").fetchall()
        for (table,) in tables:
            connection.execute(f"create table {table} as from simulated.{table}")
    return path


def broken_cdm(case: CdmCase, clean: Path, path: Path) -> Path:
    """A copy of the clean CDM, broken."""
    shutil.copy(clean, path)
    with duckdb.connect(str(path)) as connection:
        for statement in case.sql:
            connection.execute(statement)
    return path
