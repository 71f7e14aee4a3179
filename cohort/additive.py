"""Which counts must be hidden in tables that add up, so that nothing small follows from what is shown.

In: counts, the sums that tie them together, and a threshold. Out: the counts to hide. A count from 1 to one less than
the threshold is small. A reader may add and subtract whatever is shown: the hidden counts can then be anything on
the solutions of the sums, and one is known to the reader when it is the same on all of them (the audit of
L. H. Cox, J Am Stat Assoc 1980;75:377). Hidden first is all that may be hidden; then each count is shown again whose
showing gives nothing small away, the most useful first. What stays hidden could not be shown.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.linalg import null_space

from cohort.survival.arrays import Floats

Key = tuple[str, ...]
_SAME = 1e-9


@dataclass(frozen=True)
class Sum:
    """A total that equals the sum of its parts, as every reader knows."""

    total: Key
    parts: tuple[Key, ...]


@dataclass(frozen=True)
class Shared:
    """Hidden counts about which other tables tell too.

    Attributes:
        keys: the hidden counts.
        freedom: in how many independent directions they can move, given all other tables. A table that would leave
            them less is refused: then tables that are safe one by one are safe together.
    """

    keys: frozenset[Key] = frozenset()
    freedom: int = 0


def is_small(count: int, threshold: int) -> bool:
    """Whether a count is too small to be shown; zero is shown."""
    return 0 < count < threshold


def lines(keys: Collection[Key], total: str) -> Iterator[Sum]:
    """Every total of a table with its parts: all dimensions but one are fixed, and its labels add up to `total`."""
    for dimension in range(len(next(iter(keys), ()))):
        groups: dict[Key, list[Key]] = {}
        for key in keys:
            groups.setdefault((*key[:dimension], total, *key[dimension + 1 :]), []).append(key)
        for margin, members in groups.items():
            if margin in members and len(members) > 1:
                yield Sum(margin, tuple(key for key in members if key != margin))


def to_hide(
    counts: Mapping[Key, int],
    sums: Sequence[Sum],
    threshold: int,
    order: Sequence[Key],
    unknown: Collection[Key] = (),
    shared: Shared | None = None,
) -> set[Key]:
    """Which of the counts in `order` must be hidden.

    Args:
        counts: every count that occurs in `sums`, published or not.
        threshold: counts from 1 to threshold - 1 are small.
        order: what is to be published, the most useful first; a count in neither `order` nor `unknown` is shown.
        unknown: what is never shown (such as the persons who are *not* exposed), or is hidden elsewhere already.
        shared: what among `unknown` other tables tell about too.
    """
    small = {key for key in order if is_small(counts[key], threshold)}
    large = [key for key in order if counts[key] >= threshold]
    unknown = {*unknown, *small} - _nothing(counts, sums, {*unknown, *small})
    reader = _Reader(counts, sums, threshold, shared or Shared(), sorted({*unknown, *large}))
    free, hidden = _directions(sums, reader.keys), set(large)
    for key in large:
        less_free = _shown(free, reader.keys.index(key))
        if not reader.learns_too_much(less_free):
            free = less_free
            hidden.remove(key)
    return small | hidden


def freedom(sums: Sequence[Sum], hidden: Collection[Key]) -> int:
    """In how many independent directions hidden counts can move without changing anything that is shown."""
    return int(np.linalg.matrix_rank(_directions(sums, sorted(hidden)))) if hidden else 0


@dataclass(frozen=True)
class _Reader:
    """Somebody who adds and subtracts; `keys` are the counts that may be hidden from them."""

    counts: Mapping[Key, int]
    sums: Sequence[Sum]
    threshold: int
    shared: Shared
    keys: Sequence[Key]

    def learns_too_much(self, free: Floats) -> bool:
        """Whether a small count, or a small sum within a line, follows; or anything new about what is shared."""
        row = dict(zip(self.keys, free, strict=True))
        shared = [row[key] for key in sorted(self.shared.keys)]
        if shared and np.linalg.matrix_rank(shared, tol=_SAME) < self.shared.freedom:
            return True
        small = {key for key in self.keys if is_small(self.counts[key], self.threshold)}
        if any(_is_fixed(row[key]) for key in small):
            return True
        return any(
            is_small(sum(self.counts[key] for key in chosen), self.threshold)
            and _is_fixed(np.sum([row[key] for key in chosen], axis=0))
            for line in self.sums
            for chosen in _several([key for key in line.parts if key in small], self.threshold)
        )


def _nothing(counts: Mapping[Key, int], sums: Sequence[Sum], unknown: Collection[Key]) -> set[Key]:
    """What is known to be zero: shown zeros, the parts of a zero, and what has no other parts than zeros."""
    zero = {key for key, count in counts.items() if not count}
    known = zero - {*unknown}
    while True:
        found = {part for line in sums if line.total in known for part in line.parts}
        found |= {line.total for line in sums if known.issuperset(line.parts)}
        if found & zero <= known:
            return known
        known |= found & zero


def _directions(sums: Sequence[Sum], keys: Sequence[Key]) -> Floats:
    """(keys, directions): the changes of hidden counts that leave all that is shown as it is."""
    index = {key: i for i, key in enumerate(keys)}
    rows = np.zeros((len(sums), len(keys)))
    for number, line in enumerate(sums):
        for key, sign in ((line.total, 1.0), *((part, -1.0) for part in line.parts)):
            if key in index:
                rows[number, index[key]] += sign
    rows = rows[np.abs(rows).any(axis=1)]
    return np.asarray(null_space(rows)) if len(rows) else np.eye(len(keys))


def _shown(free: Floats, index: int) -> Floats:
    """The directions that are left when one of the counts is shown: those in which it does not move."""
    row = free[index]
    length = float(row @ row)
    return free if length < _SAME**2 else free - np.outer(free @ row, row / length)


def _is_fixed(row: Floats) -> bool:
    return bool(np.abs(row).max(initial=0.0) < _SAME)


def _several(keys: Sequence[Key], threshold: int) -> Iterator[tuple[Key, ...]]:
    """Every choice of two or more of these counts; threshold or more of them cannot add up to less."""
    for size in range(2, min(len(keys), threshold - 1) + 1):
        yield from combinations(keys, size)
