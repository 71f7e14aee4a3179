"""Dose-response curves that may leave.

In: points of curves, and released estimates. Out: the table `dose_response`.
"""

from collections.abc import Sequence
from dataclasses import asdict, fields

import polars as pl

from cohort.disclosure import SUPPRESSED
from cohort.results import COX, IS_PER_UNIT, OVERALL, DosePoint

_TYPES = {"reference": pl.Float64, "dose": pl.Float64, "is_knot": pl.Boolean}
_NUMBERS = ("hazard_ratio", "ci_lower", "ci_upper")
DOSE_RESPONSE_SCHEMA = {
    f.name: _TYPES.get(f.name, pl.Float64 if f.name in _NUMBERS else pl.String) for f in fields(DosePoint)
}
"""Columns of `dose_response`."""


def dose_response_table(points: Sequence[DosePoint], estimates: pl.DataFrame) -> pl.DataFrame:
    """Curves of the classes whose linear estimate is shown; one row that says so for a class whose is not.

    Args:
        points: of all analyses.
        estimates: released estimates. A curve stands on the same persons and events as the linear model.
    """
    linear = estimates.filter((pl.col("model") == COX) & (pl.col("age_stratum") == OVERALL) & IS_PER_UNIT)
    hidden = set(linear.filter(pl.col("status") == SUPPRESSED).select("analysis", "exposure").iter_rows())
    table = pl.DataFrame([asdict(point) for point in points], schema=DOSE_RESPONSE_SCHEMA)
    is_hidden = pl.Series([key in hidden for key in table.select("analysis", "exposure").iter_rows()], dtype=pl.Boolean)
    numbers = ("dose", "is_knot", *_NUMBERS)
    shut = table.filter(is_hidden).with_columns(*(pl.lit(None).cast(table.schema[c]).alias(c) for c in numbers))
    shut = shut.with_columns(status=pl.lit(SUPPRESSED)).unique(maintain_order=True)
    return pl.concat([table.filter(~is_hidden), shut])
