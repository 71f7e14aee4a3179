"""What every model of the study needs: person-time, the words of the protocol, one Cox fit or why there is none.

In: prepared person-time and the protocol. Out: `Setting` and `Fitted`, from which `cohort.models` makes its rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from cohort.analyses import Analysis
from cohort.counts import DoseOfClass, Known, known_shares
from cohort.inputs import EXPOSURES, age_stratum_labels, dose_category_labels
from cohort.protocol import Protocol
from cohort.results import OVERALL
from cohort.survival.counting import risk_sets
from cohort.survival.cox import Contrast, CoxFit, fit_cox
from cohort.survival.risk_sets import RiskSets

STRATA = ("sex", "entry_period")
"""Columns whose combinations have a baseline hazard each."""


@dataclass(frozen=True)
class Setting:
    """What every model needs: the prepared person-time, the analysis, and the dose of the cohort's fills."""

    frame: pl.DataFrame
    analysis: Analysis
    known_dose: Mapping[str, DoseOfClass]

    @property
    def protocol(self) -> Protocol:
        """The protocol of the analysis."""
        return self.analysis.protocol

    @property
    def known_time(self) -> pl.DataFrame:
        """Person-time of known dose."""
        return self.frame.drop_nulls(list(EXPOSURES))

    def known(self, strata: Sequence[str] = (OVERALL,)) -> dict[tuple[str, str], Known]:
        """How much of the dose is known, by (age stratum, exposure)."""
        has_categories = ("categories" if OVERALL in strata else "categories by age") in self.analysis.models
        least = self.protocol.disclosure.min_cell_count
        return known_shares(self.frame, self.known_dose, self.categories[0], least, strata, has_categories)

    @property
    def age_strata(self) -> list[str]:
        """Labels of the bands of attained age."""
        return age_stratum_labels(self.protocol.strata.age_bands)

    @property
    def categories(self) -> list[str]:
        """Labels of the dose categories; the first is without a dose."""
        return dose_category_labels(self.protocol.exposure)

    @property
    def per(self) -> str:
        """The term of a linear estimate, such as `per 365`."""
        return f"per {self.protocol.exposure.per:g}"


@dataclass(frozen=True)
class Fitted:
    """A fit, or the reason why there is none."""

    fit: CoxFit | None
    why: str = ""
    sets: RiskSets | None = None

    def reason(self, column: str, in_words: str) -> str:
        """Why a column has no estimate, with the column in words; empty when it has one."""
        return self.why or (self.fit.not_estimable.get(column, "") if self.fit else "").replace(column, in_words)

    def contrast(self, weights: Mapping[str, float]) -> Contrast | None:
        """The weighted sum of coefficients, or None where one of them has no estimate."""
        return self.fit.contrast(weights) if self.fit else None


def fit(setting: Setting, frame: pl.DataFrame, columns: Sequence[str], outcome: str = "dementia") -> Fitted:
    """One Cox fit of these columns and the covariates."""
    event = "death" if outcome == "death" else "event"
    if not frame.get_column(event).sum():
        return Fitted(None, "no deaths" if outcome == "death" else "no dementia events")
    return fit_sets(setting, risk_sets(frame, [*columns, *setting.protocol.model.covariates], STRATA, event=event))


def fit_sets(setting: Setting, sets: RiskSets) -> Fitted:
    """One Cox fit to risk sets that are there already."""
    try:
        return Fitted(fit_cox(sets, setting.protocol.model.ties), sets=sets)
    except (ValueError, np.linalg.LinAlgError) as error:
        return Fitted(None, str(error))
