"""Files that appear whole or not at all: written beside their place, then renamed, which no reader can see half of."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PART = ".part."
_IS_PART = re.compile(re.escape(_PART) + r"\d+$")


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """A place to write a file that appears at `path`, over any former one, when the block ends without an error."""
    part = path.with_name(f"{path.name}{_PART}{os.getpid()}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def remove_parts(folder: Path) -> None:
    """Remove what processes that were killed had begun to write in a folder that nobody writes to now."""
    for part in folder.rglob(f"*{_PART}*"):
        if part.is_file() and _IS_PART.search(part.name):
            part.unlink(missing_ok=True)
