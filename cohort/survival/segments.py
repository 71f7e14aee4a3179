"""Running sums that start anew in every segment: the event times of one stratum after another.

In: an array of G rows, and the length of each segment. Out: sums from a segment's start, or from its end. Many segments
of like length are summed together, so a hundred thousand strata cost as little as one; and none takes rounding from
another, as it would from differences of one long running sum.
"""

import numpy as np

from cohort.survival.arrays import Floats, Ints

_FEW = 200
"""Segments that are summed one by one: to put so few side by side takes longer."""


class Segments:
    """Consecutive segments of rows.

    Args:
        lengths: rows of each segment; none is empty.
    """

    def __init__(self, lengths: Ints) -> None:
        self.lengths = lengths
        self.starts: Ints = np.cumsum(lengths) - lengths
        self._groups = [self._members(width) for width in np.unique(_width(lengths))]

    def _members(self, width: int) -> Ints:
        """(segments, width) row numbers of the segments of about this length; one past the end where one is shorter."""
        chosen = _width(self.lengths) == width
        offset = np.arange(width)
        rows: Ints = self.starts[chosen][:, None] + offset
        rows[offset >= self.lengths[chosen][:, None]] = self.lengths.sum()
        return rows

    def from_start(self, values: Floats) -> Floats:
        """(G, ...) sums of each row and those before it in its segment."""
        return self._sums(values, 1)

    def from_end(self, values: Floats) -> Floats:
        """(G, ...) sums of each row and those after it in its segment."""
        return self._sums(values, -1)

    def repeat(self, values: Floats) -> Floats:
        """(G,) a value of each segment at each of its rows."""
        return np.repeat(values, self.lengths)

    def _sums(self, values: Floats, step: int) -> Floats:
        if len(self.lengths) <= _FEW:
            sums = np.empty(values.shape)
            for first, length in zip(self.starts.tolist(), self.lengths.tolist(), strict=True):
                own = slice(first, first + length)
                np.cumsum(values[own][::step], axis=0, out=sums[own][::step])
            return sums
        padded = (
            np.concatenate([values, np.zeros_like(values[:1])]) if len(values) else np.zeros((1, *values.shape[1:]))
        )
        out = np.empty_like(padded)
        for rows in self._groups:
            out[rows] = np.cumsum(padded[rows][:, ::step], axis=1)[:, ::step]
        return out[:-1]


def _width(lengths: Ints) -> Ints:
    """The next power of two."""
    return 2 ** np.ceil(np.log2(np.maximum(lengths, 1))).astype(np.int64)
