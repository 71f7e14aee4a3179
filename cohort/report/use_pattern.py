"""Long use against strong use: the grid of hazard ratios of each class, and the two ratios of one model.

In: a release. Out: small frozen rows, every cell already text.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cohort.report.classes import CLASSES, EXPOSURES, metric_of
from cohort.report.effects import why_not
from cohort.report.numbers import with_bounds
from cohort.report.release import Release, Row, told


@dataclass(frozen=True)
class GridRow:
    """A duration: its label, and a cell for each intensity."""

    label: str
    cells: Sequence[str]


@dataclass(frozen=True)
class UseGrid:
    """A class: what its two ratios are, and its grid."""

    name: str
    colour: str
    said: str
    intensities: Sequence[str]
    rows: Sequence[GridRow]


def use_grids(release: Release) -> list[UseGrid]:
    """A grid for each class of which the release has one."""
    return [grid for grid in (_grid(release, exposure) for exposure in CLASSES) if grid.rows]


def _grid(release: Release, exposure: str) -> UseGrid:
    own = [row for row in release.use_patterns if row["exposure"] == exposure]
    cells = {(row["duration"], row["intensity"]): _cell(row) for row in own if row["duration"] and row["intensity"]}
    durations, intensities = (list(dict.fromkeys(key[place] for key in cells)) for place in (0, 1))
    rows = [GridRow(_in_words(d), [cells[d, i] for i in intensities]) for d in durations]
    return UseGrid(
        EXPOSURES[exposure].name, EXPOSURES[exposure].colour, _said(own), [_in_words(i) for i in intensities], rows
    )


def _said(rows: Sequence[Row]) -> str:
    """The ratio of a longer use at the same intensity, and of a stronger one at the same duration."""
    longer = next((row for row in rows if row["duration"] and not row["intensity"]), None)
    stronger = next((row for row in rows if row["intensity"] and not row["duration"]), None)
    parts = []
    if longer:
        parts.append(f"{longer['duration'].removeprefix('per ')} more at the same dose a day: {_cell(longer)}")
    if stronger:
        unit = metric_of(stronger["metric"]).unit.removesuffix(" days").removesuffix("s")
        parts.append(f"one {unit} a day more over the same days: {_cell(stronger)}")
    return "; ".join(parts)


def _cell(row: Row) -> str:
    status = row.get("status", "ok")
    if status != "ok":
        return why_not(status)
    return with_bounds(told(row, "hazard_ratio"), told(row, "ci_lower"), told(row, "ci_upper"))


def _in_words(label: str) -> str:
    """`<=90 days` is `up to 90 days`, `>90-365 days` is `over 90 to 365 days`."""
    sign = "<=" if label.startswith("<=") else ">"
    rest = label.removeprefix(sign)
    return f"over {rest.replace('-', ' to ')}" if sign == ">" else f"up to {rest}"
