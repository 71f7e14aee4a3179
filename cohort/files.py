"""Files and folders of files that appear whole or not at all: written beside their place, then renamed.

No reader sees half of them.
"""

import os
import re
import shutil
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


@contextmanager
def appearing_folder(path: Path) -> Iterator[Path]:
    """A place for files that belong together: as a folder they appear at `path`, over any former one, at the end."""
    part = path.with_name(f"{path.name}{_PART}{os.getpid()}")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        yield part
        shutil.rmtree(path, ignore_errors=True)
        part.replace(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def remove_parts(folder: Path) -> None:
    """Remove what processes that were killed had begun to write in a folder that nobody writes to now."""
    for part in [part for part in folder.rglob(f"*{_PART}*") if _IS_PART.search(part.name)]:
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)
