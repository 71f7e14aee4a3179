"""Being another user for a while: files that root may read are closed to others."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def without_rights() -> Iterator[None]:
    """What is read in here is read without root's rights. The test is skipped where they cannot be laid down."""
    if os.geteuid() != 0:
        yield
        return
    try:
        os.seteuid(65534)
    except OSError:
        pytest.skip("root cannot become another user here")
    try:
        yield
    finally:
        os.seteuid(0)
