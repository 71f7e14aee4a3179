"""Frames as text for the terminal, with small counts hidden."""

from collections.abc import Sequence

import polars as pl


def as_text(table: pl.DataFrame, threshold: int = 0, counts: Sequence[str] = ()) -> list[dict[str, str]]:
    """Rows as text: thousands separated, missing as `-`, and a count below the threshold as `<5`.

    Args:
        counts: columns whose small values are hidden, with every other number that counts records in the row.
    """
    return [{name: _cell(name, value, threshold, counts) for name, value in row.items()} for row in table.to_dicts()]


def _cell(name: str, value: object, threshold: int, counts: Sequence[str]) -> str:
    if value is None:
        return "-"
    if isinstance(value, int) and name in counts and 0 < value < threshold:
        return f"<{threshold}"
    if isinstance(value, int) and not name.endswith("_id"):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)
