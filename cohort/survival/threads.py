"""Independent pieces of arithmetic on several processors: numpy, scipy and polars leave Python's lock meanwhile.

What a piece is does not depend on the processors that there are, and results come in the order of the pieces: so sums
are the same to the last digit on every machine.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import pairwise
from typing import Any, TypeVar

from cohort.survival.arrays import Floats

Item = TypeVar("Item")
Found = TypeVar("Found")
THREADS = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, 4)
"""More would only wait for memory."""
_SUMS = 4
"""Sums that are there at once, on however many processors: a sum of each piece could take more memory than the data."""
_POOL = ThreadPoolExecutor(max(THREADS - 1, 1), "arithmetic")
"""It begins its threads when they are first needed, and keeps them: to begin one takes as long as a piece."""


def each(work: Callable[[Item], Found], items: Sequence[Item]) -> list[Found]:
    """What the work makes of each item, in their order.

    The caller works too, from the first and then from the last on, and does what no thread has begun: so it may be
    called from many threads, from within work, and in a forked child, where none of the threads is left.
    """
    if len(items) < 2 or THREADS < 2:
        return [work(item) for item in items]
    # Each in the caller's context, for that is where numpy keeps what to do about an overflow.
    others = [_POOL.submit(copy_context().run, work, item) for item in items[1:]]
    found: dict[int, Any] = {0: work(items[0])}
    for index in range(len(items) - 1, 0, -1):
        if others[index - 1].cancel():
            found[index] = work(items[index])
    return [found[k] if k in found else others[k - 1].result() for k in range(len(items))]


def added(work: Callable[[Item], list[Floats]], items: Sequence[Item]) -> list[Floats]:
    """The sums over all items, at least one, of the arrays that the work makes of each."""

    def of_some(some: Sequence[Item]) -> list[Floats]:
        sums = work(some[0])
        for item in some[1:]:
            for total, more in zip(sums, work(item), strict=True):
                total += more
        return sums

    bounds = [len(items) * k // _SUMS for k in range(_SUMS + 1)]
    runs = [items[first:last] for first, last in pairwise(bounds) if first < last]
    return [sum(arrays[1:], arrays[0]) for arrays in zip(*each(of_some, runs), strict=True)]
