"""The tables we publish: their columns, their types, and which of them are counts.

A column is marked a count where it is declared; the disclosure rules work on those marks, so a new count cannot be
forgotten. Nothing here computes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

import polars as pl

from cohort.analyses import LAG, PRIMARY

ESTIMATE_SCHEMA: dict[str, type[pl.DataType]] = {
    "estimate_id": pl.String,
    "analysis": pl.String,
    "model": pl.String,
    "outcome": pl.String,
    "time_scale": pl.String,
    "exposure": pl.String,
    "metric": pl.String,
    "term": pl.String,
    "reference": pl.String,
    "age_stratum": pl.String,
    "lag_days": pl.Int64,
    "persons": pl.Int64,
    "persons_exposed": pl.Int64,
    "events": pl.Int64,
    "events_exposed": pl.Int64,
    "person_years": pl.Float64,
    "hazard_ratio": pl.Float64,
    "ci_lower": pl.Float64,
    "ci_upper": pl.Float64,
    "log_hr": pl.Float64,
    "se_log_hr": pl.Float64,
    "p_value": pl.Float64,
    "mdrr": pl.Float64,
    "status": pl.String,
    "known_time_share": pl.Float64,
    "known_dose_share": pl.Float64,
}
"""Columns of `estimates`, in order."""

ESTIMATE_COUNTS = ("persons", "persons_exposed", "events", "events_exposed")
ESTIMATE_NUMBERS = ("person_years", "hazard_ratio", "ci_lower", "ci_upper", "log_hr", "se_log_hr", "p_value", "mdrr")
ESTIMATE_SHARES = ("known_time_share", "known_dose_share")
"""How much of the exposed time has a known dose, and how much of the dose was computed."""

DIAGNOSTIC_SCHEMA: dict[str, type[pl.DataType]] = {
    "diagnostic": pl.String,
    "analysis": pl.String,
    "exposure": pl.String,
    "statistic": pl.Float64,
    "df": pl.Int64,
    "p_value": pl.Float64,
    "value": pl.Float64,
    "verdict": pl.String,
    "meaning": pl.String,
}
"""Columns of `diagnostics`; verdict is pass, warn, fail or info."""

OVERALL = "overall"
IS_PER_UNIT = pl.col("term").str.starts_with("per ")
"""Estimates per unit of dose; the others are of categories."""
IS_OF_LAGS = (pl.col("analysis") == PRIMARY) | pl.col("analysis").str.starts_with(LAG)
"""Estimates of the lag family, of which the primary analysis is one."""
CONTRAST = "binder_minus_non_binder"
BOUND = "missing-dose-"
"""How the names of the analyses begin that put something in place of doses that could not be computed."""


COX = "cox"
DEATH = "cause-specific-death"
FINE_GRAY = "fine-gray"
AGE_AT_ENTRY = "cox-age-at-entry"
CONTINUOUS_AGE = "cox-continuous-age"
BY_DRUG = "cox-by-drug"
UNADJUSTED = "cox-unadjusted"
FULLY_ADJUSTED = "cox-fully-adjusted"
UNCOUNTED_MODELS = (AGE_AT_ENTRY, BY_DRUG, UNADJUSTED, FULLY_ADJUSTED)
"""Models whose rows tell no counts: they are those of other tables, or beside them they would tell small numbers."""
HEADLINE_MODELS = (COX, DEATH)
"""The models whose rows are the study's main tables; the others say the same in another way, and are named for it."""


@dataclass(frozen=True)
class Estimate:
    """One row of `estimates`, before disclosure control. Counts that do not apply are None."""

    analysis: str
    model: str
    outcome: str
    time_scale: str
    exposure: str
    metric: str
    term: str
    reference: str
    age_stratum: str
    lag_days: int
    persons: int | None = None
    persons_exposed: int | None = None
    events: int | None = None
    events_exposed: int | None = None
    person_years: float | None = None
    hazard_ratio: float | None = None
    ci_lower: float | None = None
    ci_upper: float | None = None
    log_hr: float | None = None
    se_log_hr: float | None = None
    p_value: float | None = None
    mdrr: float | None = None
    status: str = "ok"
    known_time_share: float | None = None
    known_dose_share: float | None = None

    @property
    def estimate_id(self) -> str:
        """Stable text that names the row across runs."""
        parts = (self.analysis, self.model, self.outcome, self.exposure, self.metric, self.term, self.age_stratum)
        return "|".join(part.replace(" ", "_") for part in parts)

    def as_row(self) -> dict[str, Any]:
        """The row by column name."""
        return {"estimate_id": self.estimate_id, **asdict(self)}


PERSON_SAMPLE = "sample of persons"
"""The diagnostic of a model that was fitted to some persons, drawn at random."""


@dataclass(frozen=True)
class Diagnostic:
    """One row of `diagnostics`: a figure, what it means, and a verdict."""

    diagnostic: str
    analysis: str
    verdict: str
    meaning: str
    exposure: str = ""
    statistic: float | None = None
    df: int | None = None
    p_value: float | None = None
    value: float | None = None


@dataclass(frozen=True)
class DosePoint:
    """One row of `dose_response`: the hazard ratio of a dose against the reference, or why a class has no curve."""

    analysis: str
    exposure: str
    metric: str
    reference: float
    dose: float | None = None
    is_knot: bool = False
    hazard_ratio: float | None = None
    ci_lower: float | None = None
    ci_upper: float | None = None
    status: str = "ok"


@dataclass(frozen=True)
class AdditiveEffect:
    """What a unit of dose adds to the rate of the outcome in a band of attained age.

    Attributes:
        unexposed_rate: events per 1,000 person-years without a dose of the class.
        excess_rate: what a unit of dose adds to it, with bounds.
        reri: relative excess risk due to interaction with the band, against the youngest one, with bounds.
        status: `ok`, or `not estimable: <why>`.
    """

    analysis: str
    exposure: str
    age_stratum: str
    unexposed_rate: float | None = None
    excess_rate: float | None = None
    excess_lower: float | None = None
    excess_upper: float | None = None
    reri: float | None = None
    reri_lower: float | None = None
    reri_upper: float | None = None
    status: str = "ok"


@dataclass(frozen=True)
class ClassCheck:
    """An estimate with the drugs sorted in another way, or with more of them in the model: does the class hold?

    Attributes:
        check: what is tried, such as `leave one drug out`.
        variant: how, such as `without diazepam`.
        exposure: a class, the contrast, or a dose of another kind.
        drugs: the drugs whose dose it is of, those of the two sides of a contrast on either side of ` / `.
        persons_exposed, events_exposed: of the smaller side; for disclosure control only, never released.
        status: `ok`, or `not estimable: <why>`.
    """

    check: str
    variant: str
    exposure: str
    drugs: str
    persons_exposed: int | None = None
    events_exposed: int | None = None
    hazard_ratio: float | None = None
    ci_lower: float | None = None
    ci_upper: float | None = None
    log_hr: float | None = None
    se_log_hr: float | None = None
    p_value: float | None = None
    status: str = "ok"


@dataclass(frozen=True)
class UsePattern:
    """A hazard ratio of long against short and of strong against weak use of a class, both in one model.

    Attributes:
        duration: a band of days of use, or `per 365 days`, or empty.
        intensity: a band of mean dose per day of use, or `per 1 a day`, or empty.
        persons, events: in the cell; for disclosure control only, never released.
        status: `ok`, or `not estimable: <why>`.
    """

    exposure: str
    metric: str
    duration: str
    intensity: str
    persons: int | None = None
    events: int | None = None
    hazard_ratio: float | None = None
    ci_lower: float | None = None
    ci_upper: float | None = None
    log_hr: float | None = None
    se_log_hr: float | None = None
    p_value: float | None = None
    status: str = "ok"


@dataclass(frozen=True)
class HypothesisFit:
    """How well a hypothesis of how past dose acts explains the same cases and controls.

    Attributes:
        hypothesis: such as `lifetime dose`; `shape` says what was chosen of it.
        events: cases.
        bic: -2 log likelihood + coefficients x log(events); the least is the best.
        status: `ok`, or `not estimable: <why>`.
    """

    lag_days: int
    hypothesis: str
    shape: str = ""
    events: int | None = None
    coefficients: int | None = None
    log_likelihood: float | None = None
    bic: float | None = None
    status: str = "ok"


@dataclass(frozen=True)
class HistoryEffect:
    """The hazard ratio of a history of use of a class against no use, under a hypothesis.

    Attributes:
        persons, events: exposed; for disclosure control only, never released.
        bootstrap_lower, bootstrap_upper: percentile bounds of replicates in which the knots were chosen anew.
    """

    lag_days: int
    hypothesis: str
    exposure: str
    history: str
    persons: int | None = None
    events: int | None = None
    log_hr: float | None = None
    se_log_hr: float | None = None
    hazard_ratio: float | None = None
    ci_lower: float | None = None
    ci_upper: float | None = None
    status: str = "ok"
    bootstrap_lower: float | None = None
    bootstrap_upper: float | None = None


@dataclass(frozen=True)
class WeightPoint:
    """The weight of a unit of dose on a past day: what it adds to the log hazard, with pointwise bands.

    Attributes:
        ci_lower, ci_upper: by the likelihood, which takes the knots for known.
        bootstrap_lower, bootstrap_upper: percentiles of replicates in which the knots were chosen anew.
        replicates: how many there were; `replicates_failed`: of these, without an estimate for the class. They count as
            beyond either bound, so that there is none where they are too many.
    """

    lag_days: int
    exposure: str
    day: int
    persons: int | None = None
    events: int | None = None
    weight: float | None = None
    ci_lower: float | None = None
    ci_upper: float | None = None
    bootstrap_lower: float | None = None
    bootstrap_upper: float | None = None
    replicates: int | None = None
    replicates_failed: int | None = None


@dataclass
class ModelResult:
    """What one model gives: rows for the tables that we publish."""

    estimates: list[Estimate] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    dose_points: list[DosePoint] = field(default_factory=list)
    additive: list[AdditiveEffect] = field(default_factory=list)
    class_checks: list[ClassCheck] = field(default_factory=list)
    use_patterns: list[UsePattern] = field(default_factory=list)
    hypotheses: list[HypothesisFit] = field(default_factory=list)
    history_effects: list[HistoryEffect] = field(default_factory=list)
    weight_points: list[WeightPoint] = field(default_factory=list)

    @classmethod
    def from_rows(cls, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> Self:
        """The result whose `asdict` these rows are."""
        return cls(**{name: [kind(**row) for row in rows[name]] for name, kind in _KINDS.items()})

    def extend(self, other: "ModelResult") -> "ModelResult":
        """Add another model's rows to these."""
        for rows in fields(self):
            getattr(self, rows.name).extend(getattr(other, rows.name))
        return self


_KINDS: Mapping[str, Any] = {
    "estimates": Estimate,
    "diagnostics": Diagnostic,
    "dose_points": DosePoint,
    "additive": AdditiveEffect,
    "class_checks": ClassCheck,
    "use_patterns": UsePattern,
    "hypotheses": HypothesisFit,
    "history_effects": HistoryEffect,
    "weight_points": WeightPoint,
}
"""What the rows of each field of a `ModelResult` are."""


def estimates_frame(estimates: list[Estimate]) -> pl.DataFrame:
    """Estimates as a frame with `ESTIMATE_SCHEMA`."""
    return pl.DataFrame([e.as_row() for e in estimates], schema=ESTIMATE_SCHEMA)


def diagnostics_frame(diagnostics: list[Diagnostic]) -> pl.DataFrame:
    """Diagnostics as a frame with `DIAGNOSTIC_SCHEMA`."""
    names = [f.name for f in fields(Diagnostic)]
    return pl.DataFrame([{n: getattr(d, n) for n in names} for d in diagnostics], schema=DIAGNOSTIC_SCHEMA)
