"""Who is at risk, by number: a few drawn out of each of many large risk sets, none of which is written out.

In: for each person the range of event times at which they are at risk, and numbers from 0 up to the size of a risk set.
Out: the persons with these numbers.
"""

import numpy as np

from cohort.survival.arrays import Indices, Ints

_BLOCK = 1 << 20
"""Numbers that are drawn together."""


def draw_without_replacement(many: Ints, among: Ints, generator: np.random.Generator) -> tuple[Ints, Ints]:
    """Draw distinct numbers below `among`, every choice of them as likely as any other (Floyd's algorithm).

    Args:
        many: (S,) how many to draw for each set, at most `among`.
        among: (S,) how many there are.
        generator: of random numbers; each set takes its own from it in turn.

    Returns:
        (D,) the set of each draw, ascending, and (D,) what was drawn.
    """
    sets, drawn = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    step = max(_BLOCK // max(int(many.max(initial=0)), 1), 1)
    for first in range(0, len(many), step):
        part = slice(first, first + step)
        chosen = _floyd(many[part], among[part], generator)
        of_set, _ = np.nonzero(chosen >= 0)
        sets.append(of_set + first)
        drawn.append(chosen[chosen >= 0])
    return np.concatenate(sets), np.concatenate(drawn)


def _floyd(many: Ints, among: Ints, generator: np.random.Generator) -> Ints:
    """(S, most) what was drawn for each set; -1 where a set has fewer.

    (Bentley and Floyd 1987, Communications of the ACM 30:754.)
    """
    chosen = np.full((len(many), int(many.max(initial=0))), -1)
    for turn in range(chosen.shape[1]):
        rows = np.flatnonzero(turn < many)
        last = among[rows] - many[rows] + turn
        number = generator.integers(0, last + 1)
        is_taken = (chosen[rows, :turn] == number[:, None]).any(axis=1)
        chosen[rows, turn] = np.where(is_taken, last, number)
    return chosen


def count_at_risk(lo: Indices, hi: Indices, size: int) -> Ints:
    """(size,) how many of the ranges lo to hi - 1 hold each point."""
    return np.cumsum(np.bincount(lo, minlength=size + 1) - np.bincount(hi, minlength=size + 1))[:size]


def nth_at_risk(lo: Indices, hi: Indices, point: Ints, number: Ints) -> Ints:
    """Which range is the n-th of those that hold a point, in an order that depends on nothing but the ranges.

    A range is a union of aligned blocks of lengths 1, 2, 4, ..., at most two of each; a point lies in one block of each
    length. So those who hold a point are the lists of its blocks, one after another: a segment tree, of which one level
    at a time is in memory.

    Args:
        lo, hi: (N,) ranges lo to hi - 1, none empty.
        point: (D,) points.
        number: (D,) from 0, below the count of the ranges that hold the point.

    Returns:
        (D,) index of a range for each.
    """
    found = np.full(len(point), -1)
    left, right, owner = lo, hi, np.arange(len(lo))
    asked, block, rest = np.arange(len(point)), point, number
    while len(asked) and len(owner):
        begins, ends = (left & 1) == 1, (right & 1) == 1
        # What is left of a range begins and ends with whole blocks of twice the length.
        blocks = np.concatenate([left[begins], right[ends] - 1])
        owners = np.concatenate([owner[begins], owner[ends]])
        size = np.bincount(blocks, minlength=int(block.max()) + 1)
        listed = owners[np.argsort(blocks.astype(np.min_scalar_type(len(size))), kind="stable")]
        start = np.cumsum(size) - size
        here = rest < size[block]
        found[asked[here]] = listed[start[block[here]] + rest[here]]
        asked, rest, block = asked[~here], (rest - size[block])[~here], block[~here] >> 1
        left, right = (left + begins) >> 1, (right - ends) >> 1
        is_left = left < right
        left, right, owner = left[is_left], right[is_left], owner[is_left]
    return found
