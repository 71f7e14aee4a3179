"""The analyses of a run: each is the protocol with a few fields changed, under a name.

In: the protocol. Out: the primary analysis, the same at every lag of the family, and with the other dose metric.
"""

from dataclasses import dataclass

from cohort.protocol import Protocol

PRIMARY = "primary"


@dataclass(frozen=True)
class Analysis:
    """A protocol with a name: the primary one, or the primary one with a few fields changed."""

    name: str
    protocol: Protocol


def analyses(protocol: Protocol) -> list[Analysis]:
    """The primary analysis, the family of lags, and the other dose metric."""
    exposure = protocol.exposure
    lags = [
        Analysis(lag_name(lag), protocol.changed(lag_days=lag))
        for lag in dict.fromkeys(exposure.lag_family_days)
        if lag != exposure.lag_days
    ]
    other = "ddd" if exposure.metric == "dme" else "dme"
    return [Analysis(PRIMARY, protocol), *lags, Analysis(other, protocol.changed(metric=other))]


def lag_name(days: int) -> str:
    """`lag-3y` for whole years, `lag-90d` otherwise."""
    return f"lag-{days // 365}y" if days % 365 == 0 else f"lag-{days}d"
