"""A run's folder: what lies where, files that appear whole or not at all, and what a run says of its machine.

`release/` may leave the building, `private/` never does. Each analysis has its tables in a folder of its own, but
only those whose content differs from the primary analysis.
"""

import ctypes
import datetime as dt
import fcntl
import json
import os
import platform
import resource
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from cohort.analyses import PRIMARY
from cohort.errors import UsageError
from cohort.files import appearing, remove_parts
from cohort.grid import file_name

_PACKAGES = ("duckdb", "adbc-driver-postgresql", "polars", "numpy", "scipy", "lifelines", "prefect")
_LOCK = "lock"


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

    def model(self, analysis: str, name: str) -> Path:
        """Where the result of a model lies."""
        return self.private / "models" / f"{file_name(analysis)}-{name.replace(' ', '-')}.json"

    def create(self) -> "RunFolder":
        """Make the folders, the private one closed to other users.

        Raises:
            UsageError: the folder cannot be made or written to.
        """
        try:
            self.release.mkdir(parents=True, exist_ok=True)
            self.private.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.private.chmod(0o700)  # also where it was there already, for whoever made it
        except OSError as error:
            raise UsageError(f"{self.root} cannot be written: {error.strerror}. Choose another --out.") from None
        return self

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Make the folder if it is not there, and keep it for this run; what stays empty is taken away again.

        The system gives it free when the process ends, however it ends.

        Raises:
            UsageError: another run has it, or it cannot be written to.
        """
        made = [path for path in (self.release, self.private, self.root) if not path.exists()]
        with self._locked():
            try:
                yield
            finally:
                self._take_away(made)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        path = self.create().private / _LOCK
        with path.open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.seek(0)
                whose = f" ({text})" if (text := file.read(80).strip()) else ""
                raise UsageError(
                    f"Another run{whose} is writing to {self.root}. Wait until it is done, or choose another --out."
                ) from None
            is_here = path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat())
            if is_here:
                file.truncate(0)
                file.write(f"process {os.getpid()}, since {dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC")
                file.flush()
                for folder in (self.release, self.private):
                    remove_parts(folder)
                yield
        if not is_here:  # the run that had it has just taken it away
            with self._locked():
                yield

    def _take_away(self, made: Sequence[Path]) -> None:
        """Take the folders away that this run has made and left empty; it still has the lock."""
        with suppress(OSError):
            if self.private in made and [path.name for path in self.private.iterdir()] == [_LOCK]:
                (self.private / _LOCK).unlink()
        for path in made:
            with suppress(OSError):  # it is not empty
                path.rmdir()


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
    with appearing(path) as part:
        part.write_text(json_text(content), encoding="utf-8")


def json_text(content: Mapping[str, Any] | Sequence[Any]) -> str:
    """JSON for people and machines."""
    return json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n"


def write_table(path: Path, table: pl.DataFrame, key: str = "") -> None:
    """Write a table as CSV or Parquet, by the path's suffix; the file appears whole or not at all.

    Args:
        key: content key to travel inside a Parquet file, for `engine.stored_key`.
    """
    with appearing(path) as part:
        if path.suffix == ".parquet":
            table.write_parquet(part, metadata={"content_key": key} if key else None)
        else:
            table.write_csv(part)
