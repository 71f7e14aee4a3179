"""What may leave of how past dose acts: the rival hypotheses, hazard ratios of histories, and weight functions.

In: rows with true counts. Out: the tables `hypotheses`, `histories` and `weights`, without counts of exposed. A row of
few exposed has no numbers, and a cell by time since the last dose is hidden in the company of others.
"""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

import polars as pl

from cohort.disclosure import SUPPRESSED, suppress_counts
from cohort.results import HistoryEffect, HypothesisFit, ModelResult, WeightPoint

_COUNTS = ("persons", "events")
_INTEGERS = ("lag_days", "events", "persons", "coefficients", "day")
_WORDS = ("hypothesis", "shape", "status", "exposure", "history")


def reversibility_tables(result: ModelResult, threshold: int) -> dict[str, pl.DataFrame]:
    """The three tables by name.

    Args:
        threshold: counts from 1 to threshold - 1 are small.
    """
    effects, points = _frame(HistoryEffect, result.history_effects), _frame(WeightPoint, result.weight_points)
    numbers = ("log_hr", "se_log_hr", "hazard_ratio", "ci_lower", "ci_upper")
    by = ["lag_days", "hypothesis", "exposure"]
    return {
        "hypotheses": _frame(HypothesisFit, result.hypotheses),
        "histories": _hidden(effects, by, threshold, numbers),
        "weights": _hidden(points, ["lag_days", "exposure"], threshold, ("weight", "ci_lower", "ci_upper")),
    }


def _frame(kind: Any, rows: Sequence[Any]) -> pl.DataFrame:
    types: dict[str, Any] = {
        f.name: pl.Int64 if f.name in _INTEGERS else pl.String if f.name in _WORDS else pl.Float64 for f in fields(kind)
    }
    return pl.DataFrame([asdict(row) for row in rows], schema=types)


def _hidden(table: pl.DataFrame, by: Sequence[str], threshold: int, numbers: Sequence[str]) -> pl.DataFrame:
    placed = table.with_row_index("_place")
    parts = [suppress_counts(part, _COUNTS, threshold, numbers) for part in placed.partition_by(by)]
    hidden = pl.concat(parts).sort("_place") if parts else placed
    is_gone = placed.get_column("persons").is_not_null() & hidden.get_column("persons").is_null()
    if "status" in table.columns:
        status = pl.when(is_gone & (pl.col("status") == "ok")).then(pl.lit(SUPPRESSED)).otherwise(pl.col("status"))
        hidden = hidden.with_columns(status.alias("status"))
    else:
        hidden = hidden.filter(~is_gone)
    return hidden.drop("_place", *_COUNTS)
