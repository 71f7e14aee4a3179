"""How each exposure and each curve looks and is called: its words, its colour, its mark.

Colours are those of Okabe and Ito (2008), told apart by colour-blind readers; a shape goes with each, so
that nothing is said by colour alone. The page's style sheet gives the colours their value, once for light
and once for dark.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cohort.results import CONTRAST

STYLE = Path(__file__).with_name("report.css")
"""The style sheet of every page."""
LineStyle = Literal["-", "--", "-.", ":"]


@dataclass(frozen=True)
class Look:
    """Words and appearance of a series: `colour` is a name of `svg.INKS`, `marker` one of matplotlib's."""

    name: str
    plural: str
    colour: str
    marker: str
    line: LineStyle = "-"


EXPOSURES: Mapping[str, Look] = {
    "tspo_binder": Look("TSPO binder", "binders", "binder", "o"),
    "tspo_non_binder": Look("TSPO non-binder", "non-binders", "non_binder", "s"),
    "tspo_unknown": Look("Affinity unknown", "drugs of unknown affinity", "unknown", "^"),
    CONTRAST: Look("Binder ÷ non-binder", "binders compared with non-binders", "contrast", "D"),
}
"""Exposures of the models, in the order of every figure and table."""

CURVES: Mapping[str, Look] = {
    "no study drug": Look("No study drug", "", "none", "", ":"),
    "other study drug only": Look("Other study drug only", "", "other", "", "--"),
    "binder": Look("TSPO binder", "", "binder", ""),
}
"""Groups of the cumulative incidence, in the order in which they are drawn."""

CLASSES = tuple(exposure for exposure in EXPOSURES if exposure != CONTRAST)
"""The TSPO classes as exposures."""


@dataclass(frozen=True)
class Metric:
    """How an exposure is counted: its unit, and what it is called in a sentence and on an axis.

    `noun` is what goes with a hazard: dose, use, or time since use.
    """

    unit: str
    measure: str
    noun: str = "dose"

    @property
    def measured(self) -> str:
        """What is counted with its unit, where the unit does not say it already."""
        return f"{self.measure} in {self.unit}" if self.measure == "cumulative dose" else self.measure


METRICS: Mapping[str, Metric] = {
    "dme": Metric("diazepam-equivalent days", "cumulative dose"),
    "ddd": Metric("WHO defined daily doses", "cumulative dose"),
    "tspo_weighted": Metric("TSPO-weighted doses", "cumulative dose"),
    "days": Metric("days of use", "days of use", "use"),
    "fills": Metric("fills", "number of fills", "use"),
    "duration": Metric("days from first to latest use", "duration of use", "use"),
    "intensity": Metric("diazepam-equivalents per day of use", "dose per day of use"),
    "recency": Metric("days since the latest use", "time since the latest use", "time since use"),
}


def metric_of(name: str) -> Metric:
    """How a metric is called; one that is not known goes by its own name."""
    return METRICS.get(name) or Metric(name, name)


def exposure_of(tspo_class: str) -> str:
    """The exposure of a TSPO class: `binder` is `tspo_binder`."""
    return f"tspo_{tspo_class}"


def look_of(exposure: str) -> Look:
    """The look of an exposure; one that is not known is shown under its own name, without a colour."""
    return EXPOSURES.get(exposure) or Look(exposure, exposure, "contrast", "o")
