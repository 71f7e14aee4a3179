"""The diagnostics that judge estimates: what they could have shown, and what another lag or other doses make of them.

In: estimates as they are released, so that nothing suppressed is told. Out: rows of `diagnostics`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import polars as pl

from cohort.analyses import PRIMARY
from cohort.disclosure import SUPPRESSED, TOO_FEW
from cohort.inputs import EXPOSURES, age_stratum_labels
from cohort.protocol import Protocol
from cohort.results import BOUND, CONTRAST, COX, IS_OF_LAGS, IS_PER_UNIT, OVERALL, Diagnostic

Interval = tuple[float, float, float]
"""A hazard ratio, and the bounds of its confidence interval."""
_IS_LINEAR = (pl.col("model") == COX) & IS_PER_UNIT
_IS_TOLD = _IS_LINEAR & (pl.col("age_stratum") == OVERALL) & (pl.col("status") == "ok")
"""Linear estimates of all ages that have a number."""
_RATIO = ("hazard_ratio", "ci_lower", "ci_upper")


def falls_short(found: Interval, of: Interval) -> bool:
    """Whether an interval reaches 1 or lies below it, and ends below another's ratio."""
    _, lower, upper = found
    return lower <= 1 and upper < of[0]


def told(diagnostics: Sequence[Diagnostic], estimates: pl.DataFrame) -> list[Diagnostic]:
    """Diagnostics of models, without the figures that would tell what the released estimates do not.

    The number of coefficients is known, so events per parameter are as good as the events of the linear model.
    """
    linear = estimates.filter(_IS_LINEAR & (pl.col("age_stratum") == OVERALL))
    uncounted = set(linear.filter(pl.col("events").is_null()).get_column("analysis"))
    suppressed = set(linear.filter(pl.col("status") == SUPPRESSED).select("analysis", "exposure").iter_rows())

    def is_hidden(d: Diagnostic) -> bool:
        if d.diagnostic == "fraction of missing information":
            return (d.analysis, d.exposure) in suppressed
        return d.diagnostic == "events per parameter" and d.analysis in uncounted

    return [replace(d, value=None, meaning=d.meaning + TOO_FEW) if is_hidden(d) else d for d in diagnostics]


def detectable_ratios(estimates: pl.DataFrame, protocol: Protocol) -> list[Diagnostic]:
    """The smallest hazard ratio that the primary analysis would have shown, of each class, against the gate.

    Where it is large, an estimate near 1 is no evidence of none. The figure is that of all ages; ages that are beyond
    the gate, or whose figure is hidden, are named.
    """
    name, most = "detectable hazard ratio", protocol.gates.detectable_hazard_ratio
    rows = estimates.filter(_IS_LINEAR & (pl.col("analysis") == PRIMARY))
    found = {(e, a): ratio for e, a, ratio in rows.select("exposure", "age_stratum", "mdrr").iter_rows()}
    meaning = (
        "Smallest hazard ratio above 1, of ever against never, that these persons and events would show with 80% "
        f"power; where it is above {most:g}, an estimate near 1 is no evidence of none."
    )
    checks, ages = [], (OVERALL, *age_stratum_labels(protocol.strata.age_bands))
    for exposure in EXPOSURES:
        ratios = {"all ages" if age == OVERALL else age: found.get((exposure, age)) for age in ages}
        weak = {age: ratio for age, ratio in ratios.items() if ratio is None or ratio > most}
        beyond = ", ".join(f"{age} ({'not told' if ratio is None else f'{ratio:.2f}'})" for age, ratio in weak.items())
        said = meaning + (f" Beyond it: {beyond}." if weak else "")
        verdict, value = "warn" if weak else "pass", found.get((exposure, OVERALL))
        checks.append(Diagnostic(name, PRIMARY, verdict, said, exposure, value=value))
    return checks


def lag_curve(estimates: pl.DataFrame, protocol: Protocol) -> list[Diagnostic]:
    """Whether an association at the planned lag is still there at longer ones, of each class and of the contrast.

    What goes with more lag was signs older than the planned one, or an effect that fades; the two look alike here. The
    value is the ratio at the longest lag that is told over that at the planned one.
    """
    name, planned_days = "lag curve", protocol.exposure.lag_days
    if not any(days > planned_days for days in protocol.exposure.lag_family_days):
        return [Diagnostic(name, PRIMARY, "info", "No lag longer than the planned one was asked for.")]
    return [
        _lag_check(name, exposure, _by_lag(estimates, exposure), planned_days) for exposure in (*EXPOSURES, CONTRAST)
    ]


def _lag_check(name: str, exposure: str, by_lag: Mapping[int, Interval], planned_days: int) -> Diagnostic:
    longer = {days: interval for days, interval in by_lag.items() if days > planned_days}
    if planned_days not in by_lag or not longer:
        untold = "The ratio at the planned lag, or that at every longer one, is suppressed or not estimable."
        return Diagnostic(name, PRIMARY, "info", untold, exposure)
    planned = by_lag[planned_days]
    meaning = (
        "Whether an association above 1 at the planned lag is still there at longer ones; it is gone where an interval "
        "reaches 1 and ends below the planned ratio. The value is the ratio at the longest lag over the planned one."
    )
    gone = [days for days, interval in longer.items() if planned[1] > 1 and falls_short(interval, planned)]
    if gone:
        meaning += (
            f" It is gone with a lag of {min(gone):,} days: older signs do that, and so does an effect that fades."
        )
    value = longer[max(longer)][0] / planned[0]
    return Diagnostic(name, PRIMARY, "warn" if gone else "pass", meaning, exposure, value=value)


def _by_lag(estimates: pl.DataFrame, exposure: str) -> dict[int, Interval]:
    """Lag in days -> the linear hazard ratio of an exposure at all ages, where it is told."""
    rows = estimates.filter(_IS_TOLD & IS_OF_LAGS & (pl.col("exposure") == exposure)).drop_nulls("ci_lower")
    return {days: (r, low, up) for days, r, low, up in rows.select("lag_days", *_RATIO).iter_rows()}


def missing_dose_bounds(estimates: pl.DataFrame, protocol: Protocol, planned: Collection[str]) -> Diagnostic:
    """How far the bounds for missing doses move the contrast away from the primary analysis.

    Args:
        estimates: as released; what was suppressed has no number.
        protocol: the run's.
        planned: names of the analyses that were run.
    """
    name = "missing dose bounds"
    if not protocol.ledger.missing_dose_bounds:
        return Diagnostic(name, PRIMARY, "info", "No bounds were asked for (ledger.missing_dose_bounds is empty).")
    if not any(analysis.startswith(BOUND) for analysis in planned):
        return Diagnostic(name, PRIMARY, "info", "Every fill's dose could be computed: nothing to bound.")
    values = _contrasts(estimates)
    bounds = [value for analysis, value in values.items() if analysis.startswith(BOUND)]
    if PRIMARY not in values or not bounds:
        return Diagnostic(name, PRIMARY, "info", "The contrast, or every bound of it, is suppressed or not estimable.")
    meaning = (
        "Largest difference of the log hazard ratio of binder and non-binder between the primary analysis and the "
        f"{len(bounds)} bounds that put something else in place of missing doses."
    )
    largest = max(abs(value - values[PRIMARY]) for value in bounds)
    return Diagnostic(name, PRIMARY, "info", meaning, CONTRAST, value=largest)


def _contrasts(estimates: pl.DataFrame) -> dict[str, float]:
    """Analysis -> log hazard ratio of the contrast at all ages, where it is shown."""
    rows = estimates.filter(_IS_TOLD & (pl.col("exposure") == CONTRAST))
    return dict(rows.select("analysis", "log_hr").iter_rows())
