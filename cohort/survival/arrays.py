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


def ratio_of(logarithm: Floats) -> Floats:
    """Hazard ratios from their logarithms; infinite beyond all numbers, as the end of an interval may be."""
    with np.errstate(over="ignore"):
        return np.exp(logarithm)
