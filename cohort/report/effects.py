"""Estimates made ready to be drawn and tabled.

In: estimates of a release and, for synthetic data, the truth. Out: `Effect`, a hazard ratio with its
interval or the reason why there is none, and scales that hold them.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from cohort.report.numbers import SUPPRESSED, with_bounds
from cohort.results import Estimate

_TICKS = (
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.33,
    0.5,
    0.67,
    0.8,
    1.0,
    1.25,
    1.5,
    2.0,
    3.0,
    5.0,
    10.0,
    20.0,
    50.0,
    100.0,
)
_WIDEST = 10.0
_WIDEST_FOR_BOUNDS = 3.0
_NARROWEST = 1.25


@dataclass(frozen=True)
class Effect:
    """A row or a point of a figure; `estimate` is None where the release has no such row."""

    label: str
    estimate: Estimate | None
    truth: float | None = None

    @property
    def bounds(self) -> tuple[float, float, float] | None:
        """Hazard ratio, lower and upper bound; None where there is no estimate to draw."""
        e = self.estimate
        if e is None or e.status != "ok" or e.hazard_ratio is None or e.hazard_ratio <= 0:
            return None
        lower = e.hazard_ratio if e.ci_lower is None else e.ci_lower
        upper = e.hazard_ratio if e.ci_upper is None else e.ci_upper
        return e.hazard_ratio, lower, upper

    @property
    def words(self) -> str:
        """The hazard ratio with its interval under its label, or why there is none."""
        label = " ".join(self.label.split())
        return f"{label}: {with_bounds(*self.bounds) if self.bounds else self.why}"

    @property
    def why(self) -> str:
        """Why there is nothing to draw, in a word or two; meant for effects without bounds."""
        return short_reason(self.estimate)


def short_reason(estimate: Estimate | None) -> str:
    """`suppressed`, `not estimable` or `not released`."""
    if estimate is None:
        return "not released"
    return SUPPRESSED if estimate.status == SUPPRESSED else "not estimable"


def why_not(status: str) -> str:
    """The reason alone, of a status that is not `ok`: `no dementia events`, or `suppressed`."""
    return status.removeprefix("not estimable: ")


def full_reason(estimate: Estimate | None) -> str:
    """The status as released, such as `not estimable: no dementia events`."""
    if estimate is None:
        return "not in this release"
    return "not estimable: no value" if estimate.status == "ok" else estimate.status


@dataclass(frozen=True)
class RatioScale:
    """A log scale of hazard ratios: where it ends, and its ticks."""

    lower: float
    upper: float
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """The value moved to the end of the scale where it lies beyond it."""
        return min(max(value, self.lower), self.upper)


def ratio_scale(effects: Iterable[Effect], most_ticks: int = 9) -> RatioScale:
    """The scale that holds estimates up to tenfold and bounds up to threefold; beyond it, arrows are drawn.

    One wide interval shall not make all the others too small to read.
    """
    drawn = list(effects)
    known = [effect.bounds for effect in drawn if effect.bounds]
    values = [value for value, _, _ in known] + [effect.truth for effect in drawn if effect.truth]
    return scale_of(values, [bound for _, *bounds in known for bound in bounds], most_ticks)


def scale_of(values: Iterable[float], bounds: Iterable[float], most_ticks: int) -> RatioScale:
    """The scale that holds such hazard ratios, and such bounds of intervals, as far as `ratio_scale` goes."""
    found = [math.log(_NARROWEST), -math.log(_NARROWEST)]
    found += [_logarithm(value, _WIDEST) for value in values]
    found += [_logarithm(bound, _WIDEST_FOR_BOUNDS) for bound in bounds]
    lower, upper = math.exp(min(found) - 0.06), math.exp(max(found) + 0.06)
    inside = tuple(tick for tick in _TICKS if lower <= tick <= upper)
    return RatioScale(lower, upper, _thinned(inside, most_ticks))


def _logarithm(ratio: float, widest: float) -> float:
    """The logarithm of a ratio, held within a number of times and its inverse."""
    return math.log(min(max(ratio, 1 / widest), widest))


def _thinned(ticks: tuple[float, ...], most: int) -> tuple[float, ...]:
    """Every second tick, always with 1, until few enough are left."""
    while len(ticks) > most:
        one = ticks.index(1.0)
        ticks = tuple(tick for i, tick in enumerate(ticks) if (i - one) % 2 == 0)
    return ticks
