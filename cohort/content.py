"""What a built table is made of, and so whether it may be used again: its content, the content's key, and both on disk.

In: a table's SQL, the parameters that the SQL names, and the keys of what it reads. Out: a key that is the same
exactly when all of that is the same, whenever and wherever the table was built. Content and key travel inside the
Parquet file, so that a later run can say not only that a table is stale but also why.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_KEY, _CONTENT = b"content_key", b"content"


@dataclass(frozen=True)
class Content:
    """What a table is made of.

    Attributes:
        table: its name.
        sql: a hash of its SQL.
        parameters: of those that the SQL names, the values as text.
        reads: the key of each table that it reads.
    """

    table: str
    sql: str
    parameters: Mapping[str, str]
    reads: Mapping[str, str]

    @cached_property
    def key(self) -> str:
        """32 hexadecimal digits."""
        return digest([self.as_text()])

    def as_text(self) -> str:
        """JSON whose keys are sorted: equal contents have equal texts."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=True)

    def changes(self, before: "Content") -> "Changes":
        """In what this content differs from an earlier one of the same table."""
        values = {name: (before.parameters.get(name), new) for name, new in self.parameters.items()}
        return Changes(
            is_sql=self.sql != before.sql,
            parameters={name: pair for name, pair in values.items() if pair[0] != pair[1]},
            reads=tuple(name for name, key in self.reads.items() if before.reads.get(name) != key),
        )


@dataclass(frozen=True)
class Changes:
    """What has changed of a content: the SQL, parameters (name -> before and now), and tables read."""

    is_sql: bool
    parameters: Mapping[str, tuple[str | None, str]]
    reads: tuple[str, ...]


def digest(parts: Iterable[str]) -> str:
    """A hash of several texts, 32 hexadecimal digits."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def stored_key(path: Path) -> str | None:
    """The content key inside a Parquet file, or None where there is no such file or key."""
    key = _metadata(path).get(_KEY)
    return key.decode() if key else None


def stored_content(path: Path) -> Content | None:
    """The content inside a Parquet file, or None where there is none that can be read."""
    try:
        return Content(**json.loads(_metadata(path)[_CONTENT]))
    except (KeyError, TypeError, ValueError):
        return None


def _metadata(path: Path) -> Mapping[bytes, bytes]:
    try:
        return pq.read_metadata(path).metadata or {}
    except (OSError, pa.ArrowException):
        return {}
