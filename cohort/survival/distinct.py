"""Numbering the distinct rows of a frame.

In: any columns. Out: a number for each row, and an example of each number. Columns of few whole values or categories
are put together into one code; if nothing else is there, a table over the codes finds the rows alike. Else a hash is
made of code and columns, and sorting the hashes brings the rows alike together: processors of today sort a million
whole numbers in a hundredth of a second.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from cohort.survival.arrays import Indices, Ints, narrow
from cohort.survival.threads import each

TABLE = 8
"""A lookup table may be this many times as long as what is looked up in it."""
_FIRST = 1 << 16
"""Rows in which each code is looked for first."""


class Numbered(NamedTuple):
    """Rows with the number of their kind, the kinds in any order.

    Attributes:
        place: (R,) where in `number` each row's stands.
        number: (K,) numbers from 0 to M - 1.
        example: (M,) the first row of each number.
    """

    place: Indices
    number: Ints
    example: Ints

    def ordered(self, order: Ints) -> Ints:
        """(R,) the place of each row's number in an (M,) order of the numbers."""
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        return rank.take(self.number).take(self.place)


def distinct(frame: pl.DataFrame, group: Ints | None = None) -> tuple[Ints, Ints]:
    """Number the distinct rows, group after group in the order of first appearance.

    Args:
        frame: any columns.
        group: (R,) number of each row's group; rows of different groups are distinct.

    Returns:
        (R,) the number of each row, and (M,) the first row of each number.
    """
    found = numbered(frame if group is None else frame.with_columns(pl.Series("_group", group)))
    example = found.example
    order = np.argsort(example if group is None else group[example] * frame.height + example)
    return found.ordered(order), example[order]


def numbered(frame: pl.DataFrame) -> Numbered:
    """Number the distinct rows, in any order."""
    if not frame.width:
        return Numbered(np.zeros(frame.height, np.int64), *np.zeros((2, min(frame.height, 1)), np.int64))
    code, size, rest = _coded(frame)
    return _by_hash(rest.with_columns(pl.Series("_code", code))) if rest.width else _by_code(code, size)


def _coded(frame: pl.DataFrame) -> tuple[Indices, int, pl.DataFrame]:
    """Whole numbers and categories as one code, below a size that a table may have; and the columns that are left."""
    kind = narrow(TABLE * frame.height)
    code: Indices | None = None
    size, rest = 1, []
    for column in frame.iter_columns():
        is_whole = column.dtype.is_integer() or isinstance(column.dtype, pl.Boolean | pl.Categorical | pl.Enum)
        if not is_whole or column.null_count() or not len(column):
            rest.append(column)
            continue
        values = column.to_physical().to_numpy()
        least = int(values.min())
        span = int(values.max()) - least + 1
        if size * span > TABLE * len(column):
            rest.append(column)
            continue
        # In the code's own width; what is cut off cancels, for the difference has room.
        own: Indices = np.subtract(values, values.dtype.type(least), dtype=kind, casting="unsafe")
        if code is not None:
            code *= kind(span)
            own += code
        code = own
        size *= span
    return np.zeros(frame.height, kind) if code is None else code, size, pl.DataFrame(rest)


def _by_code(code: Indices, size: int) -> Numbered:
    """By a table over the codes. Where all of them are among the first rows, no others are searched."""
    is_there = np.zeros(size, bool)
    is_there[code] = True
    first = np.full(size, -1)
    for end in (min(_FIRST, len(code)), len(code)):
        first[code[:end][::-1]] = np.arange(end - 1, -1, -1)  # of several the last to come stays: the first row
        if (first[is_there] >= 0).all():
            break
    return Numbered(code, np.cumsum(is_there) - 1, first[is_there])


def _by_hash(frame: pl.DataFrame) -> Numbered:
    """By hash; rows that only share its digits with others are then told apart by what they hold."""
    number, example = _by_digits(_hashes(frame))
    other = np.flatnonzero(_differs(frame, number, example))
    if len(other):
        own, first = _by_rank(frame[other])
        number[other], example = len(example) + own, np.concatenate([example, other[first]])
    return Numbered(number, np.arange(len(example)), example)


def _hashes(frame: pl.DataFrame) -> npt.NDArray[np.uint64]:
    """(R,) the sum of a hash per column; one after the other, for fresh memory takes longer than the hashes."""
    total = np.zeros(frame.height, np.uint64)
    for seed, column in enumerate(frame.iter_columns()):
        total += column.hash(seed).to_numpy()
    return total


def _by_digits(hashes: npt.NDArray[np.uint64]) -> tuple[Ints, Ints]:
    """(R,) numbers by the leading digits of hashes, those that leave room for the number of a row; (M,) examples."""
    digits = np.uint64(max(len(hashes) - 1, 0).bit_length())
    keys = hashes >> digits
    keys <<= digits
    keys |= np.arange(len(keys), dtype=np.uint64)
    keys.sort()
    row = (keys & ((np.uint64(1) << digits) - np.uint64(1))).view(np.int64)
    keys >>= digits
    begins = np.ones(len(keys), bool)
    np.not_equal(keys[1:], keys[:-1], out=begins[1:])
    first = np.flatnonzero(begins)
    number = np.empty(len(keys), np.int64)
    number[row] = np.repeat(np.arange(len(first)), np.diff(first, append=len(keys)))
    return number, row[first]


def _differs(frame: pl.DataFrame, number: Ints, example: Ints) -> npt.NDArray[np.bool_]:
    """(R,) whether a row is unlike the example of its number."""

    def differs(column: pl.Series) -> npt.NDArray[np.bool_]:
        if not column.dtype.is_numeric() or column.null_count():
            return column.ne_missing(column[example][number]).to_numpy()  # four times as long as the other way
        values = column.to_numpy()
        found = values.take(example).take(number)
        is_other: npt.NDArray[np.bool_] = found != values
        if is_other.any():  # what is no number is unlike itself
            is_other &= ~((found != found) & (values != values))
        return is_other

    is_unlike: npt.NDArray[np.bool_] = np.logical_or.reduce(each(differs, frame.get_columns()))
    return is_unlike


def _by_rank(frame: pl.DataFrame) -> tuple[Ints, Ints]:
    """The same by sorting the rows themselves: slow, and right whatever they hold."""
    rank = frame.select(pl.struct(pl.all()).rank("dense")).to_series().to_numpy() - 1
    return rank.astype(np.int64), np.unique(rank, return_index=True)[1]
