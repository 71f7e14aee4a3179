"""The dose-response of each class as a restricted cubic spline, all classes in one Cox fit.

In: a `Setting`. Out: points of curves against the reference dose, and the tests that the lines are straight. Knots are
given by the protocol, or lie at percentiles of the doses of exposed person-time, rounded, so that none is the dose of
one person.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from cohort.fitting import Setting, fit
from cohort.inputs import EXPOSURES
from cohort.results import Diagnostic, DosePoint, ModelResult
from cohort.survival.spline import Spline, SplineFit, fit_splines, percentiles

_POINTS = 40
_LEAST_KNOTS = 3


def dose_response(setting: Setting) -> ModelResult:
    """Curves of all classes from one fit; a class whose doses are too much alike keeps a straight line."""
    doses = {e: pl.col(f"dose_{e}") for e in EXPOSURES}
    fitted = fit(setting, doses, setting.has_known_doses)
    if fitted.sets is None or fitted.fit is None:
        return ModelResult(dose_points=[_nothing(setting, e, fitted.why) for e in EXPOSURES])
    knots = {e: _knots(setting, e) for e in EXPOSURES}
    splines = {e: Spline(tuple(k)) for e, k in knots.items() if len(k) >= _LEAST_KNOTS and e in fitted.fit.columns}
    found = fit_splines(fitted.sets, splines, setting.protocol.model.ties) if splines else None
    result = ModelResult()
    for exposure in EXPOSURES:
        why = fitted.reason(exposure, "a dose of this class")
        if found is None or exposure not in splines:
            why = why or f"its doses give fewer than {_LEAST_KNOTS} different knots"
            result.dose_points.append(_nothing(setting, exposure, why))
            continue
        result.extend(_of_class(setting, found, exposure))
    return result


def _knots(setting: Setting, exposure: str) -> list[float]:
    """Those of the protocol; or percentiles of the doses of exposed person-time, to two significant digits."""
    model = setting.protocol.model
    if model.spline_knots is not None:
        return list(model.spline_knots)
    exposed = setting.intervals(f"dose_{exposure}", "days", where=pl.col(exposure) > 0)
    if not exposed.height:
        return []
    doses = exposed.get_column(f"dose_{exposure}").to_numpy()
    days = exposed.get_column("days").to_numpy().astype(np.float64)
    found = percentiles(doses, days, model.spline_percentiles)
    return sorted({float(f"{dose:.2g}") for dose in found})


def _of_class(setting: Setting, found: SplineFit, exposure: str) -> ModelResult:
    try:
        points = _curve(setting, found, exposure)
    except ValueError as error:
        return ModelResult(dose_points=[_nothing(setting, exposure, str(error))])
    meaning = "Likelihood-ratio test that the log hazard is a straight line in the dose of this class."
    test = found.nonlinearity_test(exposure)
    row = Diagnostic("non-linearity of dose-response", setting.analysis.name, "info", meaning, exposure, *test)
    return ModelResult(diagnostics=[row], dose_points=points)


def _curve(setting: Setting, found: SplineFit, exposure: str) -> list[DosePoint]:
    knots, model = found.splines[exposure].knots, setting.protocol.model
    at = _grid(knots, model.spline_reference)
    curve = found.curve(exposure, at, model.spline_reference, model.confidence_level)
    ratios = curve.select("hazard_ratio", "ci_lower", "ci_upper").iter_rows()
    return [
        DosePoint(*_named(setting, exposure), dose, dose in knots, *ratio)
        for dose, ratio in zip(at, ratios, strict=True)
    ]


def _grid(knots: Sequence[float], reference: float) -> list[float]:
    """Doses from none to the last knot, beyond which few have any; closer where doses are small and common."""
    spread = np.linspace(0.0, 1.0, _POINTS + 1) ** 2
    return sorted({*(knots[-1] * spread).round(6).tolist(), *knots, reference})


def _named(setting: Setting, exposure: str) -> tuple[str, str, str, float]:
    return setting.analysis.name, exposure, setting.protocol.exposure.metric, setting.protocol.model.spline_reference


def _nothing(setting: Setting, exposure: str, why: str) -> DosePoint:
    return DosePoint(*_named(setting, exposure), status=f"not estimable: {why}")
