"""The points of dose-response curves as released.

In: rows of `dose_response.csv`. Out: a curve for each class; one without points says why it has none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cohort.report.classes import CLASSES, EXPOSURES, Look
from cohort.report.numbers import to_number
from cohort.report.release import Row, told


@dataclass(frozen=True)
class DosePoint:
    """A point of a curve: the hazard ratio of a dose against the reference dose, with its bounds."""

    dose: float
    is_knot: bool
    hazard_ratio: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Curve:
    """The curve of a class; without points, `why` says why there is none."""

    look: Look
    reference: float
    points: Sequence[DosePoint]
    why: str

    @property
    def knots(self) -> list[DosePoint]:
        """The points at the knots of the spline."""
        return [point for point in self.points if point.is_knot]


def curves_of(rows: Sequence[Row]) -> dict[str, Curve]:
    """The curves of one analysis by class, in the order of every figure."""
    return {exposure: _curve([row for row in rows if row["exposure"] == exposure], exposure) for exposure in CLASSES}


def _curve(rows: Sequence[Row], exposure: str) -> Curve:
    points = sorted((point for row in rows if (point := _point(row))), key=lambda point: point.dose)
    statuses = [row.get("status", "") for row in rows]
    why = next((status for status in statuses if status not in {"", "ok"}), "not in this release")
    reference = to_number(rows[0].get("reference", "")) if rows else None
    return Curve(EXPOSURES[exposure], reference or 0.0, points, "" if points else why)


def _point(row: Row) -> DosePoint | None:
    dose, ratio, lower, upper = (told(row, name) for name in ("dose", "hazard_ratio", "ci_lower", "ci_upper"))
    if dose is None or ratio is None or lower is None or upper is None:
        return None
    return DosePoint(dose, row.get("is_knot", "") == "true", ratio, lower, upper)
