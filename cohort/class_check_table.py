"""The checks of the TSPO class that may leave.

In: rows of `ClassCheck` with true counts. Out: the table `class_checks`, without counts; a row of which one side has
few persons or events has no numbers.
"""

from collections.abc import Sequence
from dataclasses import asdict, fields

import polars as pl

from cohort.additive import is_small
from cohort.disclosure import SUPPRESSED
from cohort.results import ClassCheck

_COUNTS = ("persons_exposed", "events_exposed")
_NUMBERS = ("hazard_ratio", "ci_lower", "ci_upper", "log_hr", "se_log_hr", "p_value")
CLASS_CHECK_SCHEMA = {
    f.name: pl.Float64 if f.name in _NUMBERS else pl.String for f in fields(ClassCheck) if f.name not in _COUNTS
}
"""Columns of `class_checks`."""


def class_check_table(rows: Sequence[ClassCheck], threshold: int) -> pl.DataFrame:
    """The table `class_checks`.

    Args:
        threshold: counts from 1 to threshold - 1 are small.
    """
    return pl.DataFrame([_released(row, threshold) for row in rows], schema=CLASS_CHECK_SCHEMA)


def _released(row: ClassCheck, threshold: int) -> dict[str, object]:
    shown = {name: value for name, value in asdict(row).items() if name not in _COUNTS}
    if not any(is_small(getattr(row, count) or 0, threshold) for count in _COUNTS):
        return shown
    hidden = dict.fromkeys(_NUMBERS)
    return shown | hidden | ({"status": SUPPRESSED} if row.status == "ok" else {})
