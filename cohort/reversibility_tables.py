"""What may leave of how past dose acts: the rival hypotheses, hazard ratios of histories, and weight functions.

In: rows with true counts. Out: the tables `hypotheses`, `histories` and `weights`, without counts of exposed. A row of
few exposed has no numbers, and a cell by time since the last dose is hidden in the company of others.
"""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

import polars as pl

from cohort.disclosure import suppress_groups
from cohort.results import HistoryEffect, HypothesisFit, ModelResult, WeightPoint

_COUNTS = ("persons", "events")
_INTEGERS = ("lag_days", "events", "persons", "coefficients", "day", "replicates", "replicates_failed")
_BOUNDS = ("ci_lower", "ci_upper", "bootstrap_lower", "bootstrap_upper")
_WORDS = ("hypothesis", "shape", "status", "exposure", "history")


def reversibility_tables(result: ModelResult, threshold: int) -> dict[str, pl.DataFrame]:
    """The three tables by name.

    Args:
        threshold: counts from 1 to threshold - 1 are small.
    """
    effects, points = _frame(HistoryEffect, result.history_effects), _frame(WeightPoint, result.weight_points)
    numbers = ("log_hr", "se_log_hr", "hazard_ratio", *_BOUNDS)
    histories = suppress_groups(effects, ["lag_days", "hypothesis", "exposure"], _COUNTS, threshold, numbers)
    # A curve of which few are exposed is not drawn at all.
    points = points.with_columns(status=pl.lit("ok"))
    weights = suppress_groups(points, ["lag_days", "exposure"], _COUNTS, threshold, ("weight", *_BOUNDS))
    return {
        "hypotheses": _frame(HypothesisFit, result.hypotheses),
        "histories": histories.drop(_COUNTS),
        "weights": weights.filter(pl.col("status") == "ok").drop(*_COUNTS, "status"),
    }


def _frame(kind: Any, rows: Sequence[Any]) -> pl.DataFrame:
    types: dict[str, Any] = {
        f.name: pl.Int64 if f.name in _INTEGERS else pl.String if f.name in _WORDS else pl.Float64 for f in fields(kind)
    }
    return pl.DataFrame([asdict(row) for row in rows], schema=types)
