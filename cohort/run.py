"""A run's folder: what lies where, files that appear whole or not at all, and what a run says of its machine.

`release/` may leave the building, `private/` never does. Each analysis has its tables in a folder of its own, but
only those whose content differs from the primary analysis.
"""

import ctypes
import json
import os
import platform
import resource
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from cohort.analyses import PRIMARY
from cohort.errors import UsageError
from cohort.grid import file_name

_PACKAGES = ("duckdb", "polars", "numpy", "scipy", "lifelines", "prefect", "sqlglot")


@dataclass(frozen=True)
class RunFolder:
    """Paths below the folder that `--out` names."""

    root: Path

    @property
    def release(self) -> Path:
        """What may leave the building: suppressed and aggregate."""
        return self.root / "release"

    @property
    def private(self) -> Path:
        """Patient level: never leaves."""
        return self.root / "private"

    def tables(self, analysis: str) -> Path:
        """The folder of an analysis's tables; the primary's are `private/` itself."""
        return self.private if analysis == PRIMARY else self.private / file_name(analysis)

    def create(self) -> "RunFolder":
        """Make the folders, the private one closed to other users.

        Raises:
            UsageError: the folder cannot be made or written to, or its name is a pattern that stands for other folders.
        """
        if signs := [sign for sign in "*?[" if sign in str(self.root)]:
            raise UsageError(
                f"{self.root} has {' and '.join(signs)} in its name, with which it would stand for other folders too. "
                "Choose another --out."
            )
        try:
            self.release.mkdir(parents=True, exist_ok=True)
            self.private.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{self.root} cannot be written: {error.strerror}. Choose another --out.") from None
        return self


def versions() -> dict[str, str]:
    """Versions of everything that a number may depend on."""
    packages = {name: version(name) for name in _PACKAGES}
    return {"tspo-cohort": version("tspo-cohort"), "python": platform.python_version(), **packages}


def peak_memory_mb() -> float:
    """Largest resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def return_memory() -> None:
    """Give freed memory back to the system, where the C library can: threads keep much of it, each its own."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def write_json(path: Path, content: Mapping[str, Any] | Sequence[Any]) -> None:
    """Write JSON for people and machines; the file appears whole or not at all."""
    temporary = path.with_name(f"{path.name}.part.{os.getpid()}")
    temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n", encoding="utf-8")
    temporary.replace(path)


def write_table(path: Path, table: pl.DataFrame, key: str = "") -> None:
    """Write a table as CSV or Parquet, by the path's suffix; the file appears whole or not at all.

    Args:
        key: content key to travel inside a Parquet file, for `engine.stored_key`.
    """
    temporary = path.with_name(path.name + ".part")
    if path.suffix == ".parquet":
        table.write_parquet(temporary, metadata={"content_key": key} if key else None)
    else:
        table.write_csv(temporary)
    temporary.replace(path)
