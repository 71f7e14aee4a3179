"""Whether a correctly specified analysis finds the truth: the gate on bias and coverage.

In: rows of `performance`. Out: a verdict for each. A row `holds` when bias and coverage lie in their accepted ranges;
it `fails` when one lies outside by more than three Monte Carlo standard errors (a coverage: by less than one chance in
740, exactly); between the two it is `open`. What cannot be judged says why: with fewer than nine in ten estimates
released the rest is a selection, and a Monte Carlo error larger than the accepted bias says nothing about it.
"""

from collections.abc import Mapping
from typing import Any

import polars as pl
from scipy.stats import binom, norm

ACCEPTED_BIAS = 0.02
"""Of the log hazard ratio per dose unit of the protocol (365)."""
ACCEPTED_COVERAGE = (0.92, 0.98)
"""Of 95 % intervals."""
RELEASED_SHARE = 0.9
_Z = 3.0
_P = float(norm.sf(_Z))

HOLDS, OPEN, FAILS = "holds", "open", "fails"
HIDDEN, IMPRECISE = "not judged: too few released", "not judged: too few replicates"


def judged(table: pl.DataFrame) -> pl.DataFrame:
    """The table with a column `verdict`, empty where the analysis is not specified to find the truth."""
    verdicts = [verdict(row) for row in table.iter_rows(named=True)]
    return table.with_columns(pl.Series("verdict", verdicts, dtype=pl.String))


def verdict(row: Mapping[str, Any]) -> str:
    """The verdict on one row of `performance`."""
    if not row["is_specified"]:
        return ""
    if row["estimated"] < RELEASED_SHARE * row["replicates"]:
        return HIDDEN
    if row["bias_mcse"] is None or row["bias_mcse"] > ACCEPTED_BIAS:
        return FAILS if _coverage(row) == FAILS else IMPRECISE
    found = {_bias(row), _coverage(row)}
    return FAILS if FAILS in found else OPEN if OPEN in found else HOLDS


def _bias(row: Mapping[str, Any]) -> str:
    excess = abs(row["bias"]) - ACCEPTED_BIAS
    return HOLDS if excess < 0 else FAILS if excess > _Z * row["bias_mcse"] else OPEN


def _coverage(row: Mapping[str, Any]) -> str:
    low, high = ACCEPTED_COVERAGE
    covered, n = row["covered"], row["estimated"]
    if n and low <= covered / n <= high:
        return HOLDS
    chance = binom.cdf(covered, n, low) if covered < low * n else binom.sf(covered - 1, n, high)
    return FAILS if chance < _P else OPEN
