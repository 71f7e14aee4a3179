"""What a page is made from, and the rows behind each figure and its table, so that both show the same.

In: a release and, for synthetic data, the truth. Out: a `Study`: protocol, terms, drugs, and effects by age, by dose
category and by lag.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from cohort.analyses import PRIMARY
from cohort.protocol import Protocol
from cohort.report.comparison import Compared, bounds, other_analyses
from cohort.report.composition import Composition, compositions
from cohort.report.effects import Effect
from cohort.report.numbers import EN_DASH, years
from cohort.report.release import Release
from cohort.report.tables import age_label, is_linear
from cohort.report.terms import Terms, protocol_of, terms_of
from cohort.report.truth import Truth, read_truth
from cohort.results import OVERALL


@dataclass(frozen=True)
class Study:
    """A release with what is needed to read it; `parts` are the drugs of each class."""

    release: Release
    protocol: Protocol | None
    terms: Terms
    truth: Truth | None
    parts: Sequence[Composition]

    @classmethod
    def of(cls, release: Release, truth: Mapping[str, Any] | None = None) -> Self:
        """The study of a release.

        Args:
            truth: what the simulator wrote beside a synthetic CDM; None for real data.
        """
        protocol = protocol_of(release)
        terms = terms_of(release, protocol)
        planted = read_truth(truth, terms.metric, terms.per, release.outcome_of(PRIMARY))
        return cls(release, protocol, terms, planted, compositions(release.drugs, terms.drug_metric))

    @cached_property
    def others(self) -> Sequence[Compared]:
        """The primary analysis beside those that the protocol asks for by name."""
        return other_analyses(self.release, self.protocol)

    @cached_property
    def bounds(self) -> Sequence[Compared]:
        """The primary analysis beside the bounds for missing doses."""
        return bounds(self.release, self.protocol.ledger.imputations if self.protocol else None)

    @property
    def database(self) -> str:
        """What the CDM is called; empty where the record does not say."""
        cdm = self.release.run.get("cdm") or {}
        return str(next((cdm[name] for name in ("cdm_source_name", "name", "location") if cdm.get(name)), ""))

    @property
    def title(self) -> str:
        """What the study is called."""
        if self.protocol:
            return self.protocol.study.name
        return f"Benzodiazepine dose by TSPO affinity and {self.release.outcome}"

    def effects(self, exposure: str) -> list[Effect]:
        """The linear estimates of an exposure, all ages together and then by age."""
        return [
            Effect(
                age_label(age),
                self.release.linear(exposure, age),
                self.truth.hazard_ratio(exposure, age) if self.truth else None,
            )
            for age in self.release.age_strata
        ]

    def dose_effects(self, exposure: str) -> list[Effect]:
        """The estimates of an exposure's dose categories, all ages together."""
        own = self.release.outcome_of(PRIMARY)
        rows = self.release.rows(analysis=PRIMARY, exposure=exposure, age_stratum=OVERALL, outcome=own)
        return [Effect(row.term.replace("-", EN_DASH), row) for row in rows if not is_linear(row)]

    def lag_effects(self, exposure: str) -> list[Effect]:
        """The linear estimates of an exposure at every lag; the truth holds at the simulation's own delay."""
        planted = self.truth.hazard_ratio(exposure, OVERALL) if self.truth else None
        delay = self.truth.delay_days if self.truth else None
        return [
            Effect(
                years(row.lag_days) if row.lag_days else "no lag",
                row,
                planted if row.lag_days == delay else None,
            )
            for row in self.release.lag_family(exposure)
        ]
