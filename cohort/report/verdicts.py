"""The rules by which a prediction holds, does not hold, or cannot be told: on intervals, BIC and shares alone.

In: hazard ratios as released, or the reasons why there are none. Out: one of three words. An interval that includes 1
is never taken for no effect: only one that ends near 1, or short of what was to be kept, speaks against a prediction.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from cohort.estimate_checks import falls_short
from cohort.models.reversibility import CURRENT, LIFETIME, WINDOW
from cohort.report.effects import full_reason, why_not
from cohort.report.numbers import with_bounds
from cohort.report.release import Row, told
from cohort.results import Estimate

HOLDS, FAILS, OPEN = "holds", "does not hold", "cannot be told"
_GRAVITY = (FAILS, OPEN, HOLDS)
NEAR_ONE = 1.1
"""Hazard ratio per unit of dose, either way, below which two classes count as alike: the smallest for which the design
was planned with 80 % power (about 160,000 persons over ten years)."""
STRONG = 6.0
"""Difference of BIC that is strong evidence: Kass and Raftery 1995, doi 10.1080/01621459.1995.10476572."""


@dataclass(frozen=True)
class Found:
    """A hazard ratio with both bounds, or why there is none; `label` says what was done to get it."""

    label: str
    bounds: tuple[float, float, float] | None
    why: str = ""

    @classmethod
    def of_estimate(cls, label: str, estimate: Estimate | None) -> Self:
        """The ratio of a row of `estimates`."""
        if estimate is None or estimate.status != "ok":
            return cls(label, None, why_not(full_reason(estimate)))
        return cls._of(label, estimate.hazard_ratio, estimate.ci_lower, estimate.ci_upper)

    @classmethod
    def of_row(cls, label: str, row: Row | None) -> Self:
        """The ratio of a row of another table."""
        if row is None or row.get("status", "ok") != "ok":
            return cls(label, None, why_not(row["status"]) if row else full_reason(None))
        return cls._of(label, *(told(row, name) for name in ("hazard_ratio", "ci_lower", "ci_upper")))

    @classmethod
    def _of(cls, label: str, value: float | None, lower: float | None, upper: float | None) -> Self:
        if value is None or lower is None or upper is None:
            return cls(label, None, "no value" if value is None else "no interval")
        return cls(label, (value, lower, upper))

    @property
    def text(self) -> str:
        """The ratio with its interval, or the reason."""
        return with_bounds(*self.bounds) if self.bounds else self.why

    @property
    def is_above_one(self) -> bool:
        """Whether there is an interval, and all of it is above 1."""
        return self.bounds is not None and self.bounds[1] > 1

    def falls_short_of(self, other: "Found") -> bool:
        """Whether the interval reaches 1 or lies below it, and ends below the other's ratio."""
        if self.bounds is None or other.bounds is None:
            return False
        return falls_short(self.bounds, other.bounds)


@dataclass(frozen=True)
class Conclusion:
    """A prediction with its verdict.

    Attributes:
        name: the prediction as a statement.
        verdict: `HOLDS`, `FAILS` or `OPEN`.
        meaning: one plain sentence on it.
        figure: the numbers behind the verdict.
        rule: when it holds, and when it does not.
    """

    name: str
    verdict: str
    meaning: str
    figure: str
    rule: str


def raises(found: Found) -> str:
    """Above 1: holds. Below 1, or within `NEAR_ONE` of it: does not. Else, or without an interval: cannot be told."""
    if found.bounds is None:
        return OPEN
    _, lower, upper = found.bounds
    if lower > 1:
        return HOLDS
    return FAILS if upper < 1 or (lower > 1 / NEAR_ONE and upper < NEAR_ONE) else OPEN


def stays(planned: Found, found: Found) -> str:
    """Whether what `planned` shows is there in another model, too.

    Above 1: holds. Reaches 1, and ends below the planned ratio: does not. Else, or no interval: cannot be told.
    """
    if found.is_above_one:
        return HOLDS
    return FAILS if found.falls_short_of(planned) else OPEN


def survives(shortest: Found, planned: Found, longer: Sequence[Found]) -> str:
    """Whether an association is there at the planned lag, and not only because recent dose counts.

    Above 1 at the planned lag, and no longer one falls short of it: holds. Above 1 at the shortest lag, and the planned
    one falls short of that: does not. Where a longer lag falls short, prescribing for signs older than the planned lag
    and an effect that fades look alike: cannot be told.
    """
    if planned.is_above_one:
        return OPEN if any(found.falls_short_of(planned) for found in longer) else HOLDS
    return FAILS if shortest.is_above_one and planned.falls_short_of(shortest) else OPEN


def is_rare(share: float, level: float) -> str:
    """At most `level` of all arrangements: holds. More: cannot be told, for what is not rare is not refuted."""
    return HOLDS if share <= level else OPEN


def builds_up(duration: Found, bic: Mapping[str, float]) -> str:
    """Longer use at the same daily dose goes with more, and dose that adds up explains it better than that of the day.

    Args:
        duration: hazard ratio of longer use at the same dose per day.
        bic: hypothesis of past dose -> BIC, on the same cases and controls.
    """
    against_day = _preferred(bic, (LIFETIME, WINDOW), (CURRENT,))
    if against_day == FAILS or (duration.bounds is not None and duration.bounds[2] < 1):
        return FAILS
    return HOLDS if against_day == HOLDS and duration.is_above_one else OPEN


def fades(bic: Mapping[str, float]) -> str:
    """Dose in a window, or of the day, explains it better than dose of a lifetime."""
    return _preferred(bic, (WINDOW, CURRENT), (LIFETIME,))


def _preferred(bic: Mapping[str, float], wanted: Sequence[str], rivals: Sequence[str]) -> str:
    """Whether the best of some hypotheses has a BIC less than the best rival's by `STRONG`, or the reverse."""
    if not {*wanted, *rivals} <= bic.keys():
        return OPEN
    ahead = min(bic[name] for name in rivals) - min(bic[name] for name in wanted)
    return HOLDS if ahead >= STRONG else FAILS if ahead <= -STRONG else OPEN


def worst(verdicts: Iterable[str]) -> str:
    """One that does not hold before one that cannot be told before those that hold; none: cannot be told."""
    return min(verdicts, key=_GRAVITY.index, default=OPEN)
