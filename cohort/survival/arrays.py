"""The types of arrays, and what is done to them everywhere."""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Indices = npt.NDArray[np.signedinteger[Any]]
"""Whole numbers of any width: where there are many, the narrow half is read in half the time."""
Bools = npt.NDArray[np.bool_]


def narrow(largest: int) -> type[np.signedinteger[Any]]:
    """The narrower width of `Indices` that holds a number."""
    return np.int32 if largest < 2**31 else np.int64


def ascending(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The distinct values of an array in ascending order.

    By sorting: `np.unique` would hash first, which takes twenty times as long.
    """
    ordered = np.sort(values)
    is_new = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=is_new[1:])
    found: npt.NDArray[Any] = ordered[is_new]
    return found


def ratio_of(logarithm: Floats) -> Floats:
    """Hazard ratios from their logarithms; infinite beyond all numbers, as the end of an interval may be."""
    with np.errstate(over="ignore"):
        return np.exp(logarithm)
