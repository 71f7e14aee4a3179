"""What readers of a released table have to know of it: which empty counts are hidden, and what the CDM is called."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from cohort.disclosure import SUPPRESSED
from cohort.results import UNCOUNTED_MODELS


def hides_count() -> pl.Expr:
    """Whether an empty count of a row of `estimates` is hidden; models whose rows tell no counts have none."""
    return (pl.col("status") == SUPPRESSED) | ~pl.col("model").is_in(UNCOUNTED_MODELS)


def cdm_name(record: Mapping[str, Any]) -> str:
    """What the CDM of a run is called: as its source says, else where it lies.

    Args:
        record: the run's record (`run.json`).
    """
    return str(record["cdm"].get("cdm_source_name") or record["cdm"]["location"])
