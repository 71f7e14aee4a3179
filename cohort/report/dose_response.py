"""Dose-response of an analysis: the curves' picture, the values at their knots, and the tests of their shape.

In: a release. Out: a picture and rows of text; None where the release has no curve and no reason for its absence.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cohort.analyses import PRIMARY
from cohort.diagnoses import words_of
from cohort.report.classes import metric_of
from cohort.report.curve_panels import curve_panels
from cohort.report.dose_points import Curve, curves_of
from cohort.report.numbers import capital, p_value, ratio, to_number, with_bounds
from cohort.report.release import Release
from cohort.report.svg import Picture
from cohort.results import Diagnostic

_TREND = "trend over dose categories"
_BEND = "non-linearity of dose-response"


@dataclass(frozen=True)
class Shape:
    """A class's association in text: dose and ratio at each knot, and the tests; `reason` is empty with a curve."""

    name: str
    colour: str
    knots: Sequence[tuple[str, str]]
    trend: str
    trend_p: str
    bend_p: str
    reason: str


@dataclass(frozen=True)
class DoseResponse:
    """Dose-response of an analysis: `against` is the reference dose in words, `measured` what is counted.

    `outcome` is what its hazard is of, in words.
    """

    picture: Picture | None
    shapes: Sequence[Shape]
    against: str
    measured: str
    outcome: str


def dose_response(release: Release, analysis: str = PRIMARY, name: str = "curve") -> DoseResponse | None:
    """The dose-response of an analysis; `name` is the prefix of the figure's ids."""
    rows = [row for row in release.dose_response if row["analysis"] == analysis]
    if not rows:
        return None
    metric, curves = metric_of(rows[0].get("metric", "")), curves_of(rows)
    reference = to_number(rows[0].get("reference", "")) or 0
    against = f"{_dose(reference)} {metric.unit}" if reference else f"no {'dose' if metric.noun == 'dose' else 'use'}"
    outcome = words_of(release.outcome_of(analysis))
    title = f"Dose-response curves of the hazard ratio of {outcome} by {metric.measured}"
    has_curve = any(curve.points for curve in curves.values())
    picture = curve_panels(name, title, list(curves.values()), capital(metric.measure)) if has_curve else None
    shapes = [_shape(release, analysis, exposure, curve) for exposure, curve in curves.items()]
    return DoseResponse(picture, shapes, against, metric.measured, outcome)


def _shape(release: Release, analysis: str, exposure: str, curve: Curve) -> Shape:
    trend, bend = (_test(release, name, analysis, exposure) for name in (_TREND, _BEND))
    knots = [(_dose(knot.dose), with_bounds(knot.hazard_ratio, knot.lower, knot.upper)) for knot in curve.knots]
    p_of_trend, p_of_bend = (p_value(test.p_value if test else None) for test in (trend, bend))
    of_trend = ratio(trend.value if trend else None)
    return Shape(curve.look.name, curve.look.colour, knots, of_trend, p_of_trend, p_of_bend, curve.why)


def _test(release: Release, name: str, analysis: str, exposure: str) -> Diagnostic | None:
    rows = [d for d in release.diagnostics if d.diagnostic == name and d.analysis == analysis]
    return next((row for row in rows if row.exposure == exposure), None)


def _dose(value: float) -> str:
    return f"{value:,.10g}"
