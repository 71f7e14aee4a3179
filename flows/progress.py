"""Who is told about progress: a listener set by the command line, and Prefect's progress artifact."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[str, int, int], None]
"""Called with what was just done, how many steps are done, and how many there are."""

_listeners: list[Listener] = []


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell `listener` about every step of the runs inside the block."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def tell(what: str, done: int, total: int) -> None:
    """Tell every listener that a step is done."""
    for listener in _listeners:
        listener(what, done, total)
