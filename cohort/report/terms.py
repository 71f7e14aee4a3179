"""The words that depend on the protocol: outcome, dose unit, amount, lag, level of the intervals.

In: a release. Out: `Terms`, used by every sentence and figure, and the protocol as it was run.
"""

from dataclasses import dataclass

from pydantic import ValidationError

from cohort.protocol import Protocol
from cohort.report.classes import metric_of
from cohort.report.numbers import NO_BREAK, interval, p_equals, ratio, years
from cohort.report.release import Release
from cohort.results import Estimate


@dataclass(frozen=True)
class Terms:
    """What an estimate of the primary analysis is of and per, after which lag, and how wide its interval is."""

    per: float
    metric: str
    lag_days: int
    level: float
    window_days: int | None = None
    outcome: str = "dementia"

    @property
    def unit(self) -> str:
        """The dose unit in words."""
        return metric_of(self.metric).unit

    @property
    def noun(self) -> str:
        """What goes with a hazard: dose, use, or time since use."""
        return metric_of(self.metric).noun

    @property
    def measure(self) -> str:
        """What is counted, such as `cumulative dose` or `number of fills`."""
        return metric_of(self.metric).measure

    @property
    def measured(self) -> str:
        """What is counted, in which unit, over which time."""
        window = f" in a window of {years(self.window_days)}" if self.window_days else ""
        return f"{metric_of(self.metric).measured}{window}"

    @property
    def drug_metric(self) -> str:
        """The dose in which drugs are tabled: drugs.csv has dme and DDD."""
        return "ddd" if self.metric == "ddd" else "dme"

    @property
    def drug_unit(self) -> str:
        """Its unit in words."""
        return metric_of(self.drug_metric).unit

    @property
    def per_dose(self) -> str:
        """Such as `per 365 diazepam-equivalent days`."""
        return f"per {self.per:g}{NO_BREAK}{self.unit}"

    @property
    def lag(self) -> str:
        """The lag in words."""
        return years(self.lag_days) if self.lag_days else "no time at all"

    @property
    def ci(self) -> str:
        """What an interval is called."""
        return f"{self.level * 100:g}%{NO_BREAK}CI"

    def told(self, estimate: Estimate, with_p: bool = False) -> str:
        """A hazard ratio with its interval, for a sentence."""
        p = f"; {p_equals(estimate.p_value)}" if with_p and estimate.p_value is not None else ""
        bounds = interval(estimate.ci_lower, estimate.ci_upper)
        return f"{ratio(estimate.hazard_ratio)} ({self.ci} {bounds}{p})"


def protocol_of(release: Release) -> Protocol | None:
    """The protocol as run; None where the record lacks it or holds fields that this version does not know."""
    try:
        return Protocol.model_validate(release.run["protocol"])
    except (KeyError, ValidationError):
        return None


def terms_of(release: Release, protocol: Protocol | None) -> Terms:
    """The terms of the primary analysis; from its own rows where the protocol cannot be read."""
    if protocol:
        exposure = protocol.exposure
        level = protocol.model.confidence_level
        window, outcome = exposure.window_days, protocol.outcome.words
        return Terms(exposure.per, exposure.metric, exposure.lag_days, level, window, outcome)
    row = release.contrast
    if row is None:
        return Terms(365, "dme", 0, 0.95)
    return Terms(float(row.term.removeprefix("per ")), row.metric, row.lag_days, 0.95, outcome=release.outcome)
