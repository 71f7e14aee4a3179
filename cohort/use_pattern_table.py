"""Hazard ratios by duration and intensity of use that may leave.

In: rows of `UsePattern` with true counts. Out: the table `use_patterns`, without counts. A standard error nearly tells
how many events its own cell has, so a cell of few is hidden in the company of others of its class.
"""

from collections.abc import Sequence
from dataclasses import asdict, fields

import polars as pl

from cohort.disclosure import suppress_groups
from cohort.results import UsePattern

_COUNTS = ("persons", "events")
_NUMBERS = ("hazard_ratio", "ci_lower", "ci_upper", "log_hr", "se_log_hr", "p_value")
_TYPES = dict.fromkeys(_COUNTS, pl.Int64) | dict.fromkeys(_NUMBERS, pl.Float64)
_SCHEMA = {f.name: _TYPES.get(f.name, pl.String) for f in fields(UsePattern)}
USE_PATTERN_SCHEMA = {name: kind for name, kind in _SCHEMA.items() if name not in _COUNTS}
"""Columns of `use_patterns`."""


def use_pattern_table(rows: Sequence[UsePattern], threshold: int) -> pl.DataFrame:
    """The table `use_patterns`.

    Args:
        threshold: counts from 1 to threshold - 1 are small.
    """
    is_cell = (pl.col("duration") != "") & (pl.col("intensity") != "")
    table = pl.DataFrame([asdict(row) for row in rows], schema=_SCHEMA).with_columns(is_cell.alias("_is_cell"))
    hidden = suppress_groups(table, ["exposure", "_is_cell"], _COUNTS, threshold, _NUMBERS)
    return hidden.select(list(USE_PATTERN_SCHEMA))
