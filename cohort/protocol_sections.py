"""The sections of the protocol: every choice a field with a name, a default, a bound and a sentence.

In: values from a file or a test. Out: frozen sections, closed to unknown keys. The defaults are the primary protocol.
"""

import datetime as dt
import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal, Self, cast, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from cohort.affinity import CutPoints
from cohort.diagnoses import COMPETING, DIED, PRIMARY_DIAGNOSIS, Name, Tier, load_diagnoses
from cohort.errors import nearest

Days = Annotated[int, Field(ge=0, le=36_525)]
MOST_DOSE = 100_000_000
"""More dose units than a life holds; SQL counts their billionths in 64 bits."""


def day(value: object) -> object:
    """A day as a file writes it; pydantic would read a bare number as seconds since 1970.

    Raises:
        ValueError: it is no day, or one that does not exist.
    """
    if isinstance(value, str):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            pass
    if type(value) is not dt.date:
        raise ValueError("write a date as 2001-12-31")
    return value


Day = Annotated[dt.date, BeforeValidator(day)]
_COUNT_ONCE = ("lag_family_days", "missing_dose_bounds")
"""Lists whose repeated values count once."""


class Section(BaseModel):
    """A part of the protocol: frozen, closed to unknown keys, and without infinities."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _holds_no_truth_values(cls, value: Any) -> Any:
        """No field is one; pydantic would read true as 1."""
        if any(isinstance(part, bool) for part in (value if isinstance(value, list | tuple) else (value,))):
            raise ValueError("true and false mean nothing here")
        return value

    @field_validator("*", mode="after")
    @classmethod
    def _holds_no_value_twice(cls, value: Any, info: ValidationInfo) -> Any:
        """What is done for each value of a list would be done, and told, twice."""
        many = value if isinstance(value, tuple) and info.field_name not in _COUNT_ONCE else ()
        if twice := [part for part in many if not isinstance(part, BaseModel) and many.count(part) > 1]:
            raise ValueError(f"{twice[0]} stands twice; keep one")
        return value


class Study(Section):
    """What the study is called."""

    name: str = Field(
        "Benzodiazepine dose by TSPO affinity and dementia",
        min_length=1,
        max_length=200,
        description="Title of the report (omit: it names the diagnosis).",
    )
    seed: int = Field(
        20220301, ge=0, le=2**63 - 1, description="Seed of every random draw of a run (samples, bootstraps)."
    )

    @field_validator("name")
    @classmethod
    def _is_one_line(cls, name: str) -> str:
        if not name.isprintable():
            raise ValueError("write the title on one line, without control characters")
        return name


class Population(Section):
    """Who enters, and when."""

    minimum_age_years: int = Field(50, ge=0, le=110, description="Entry waits for this birthday.")
    prior_observation_days: Days = Field(
        365, description="Days of observation before entry, inside the same observation period."
    )
    washout_days: Days = Field(
        365,
        description="New users: no fill of a study drug in this many days before entry; 0 admits prevalent users.",
    )
    prevalent_sets: tuple[Name, ...] = Field(
        ("dementia", "dementia_broad", "dementia_history", "antidementia_drugs"),
        description="A record of one of these concept sets on or before entry keeps a person out "
        "(omit: the diagnosis's own).",
    )
    study_start: Day | None = Field(None, description="Nobody enters before this day (omit: no limit).")
    study_end: Day | None = Field(None, description="Follow-up ends on this day at the latest (omit: no limit).")

    @model_validator(mode="after")
    def _window_is_not_empty(self) -> Self:
        if self.study_start and self.study_end and self.study_start >= self.study_end:
            raise ValueError(f"study_start {self.study_start} is not before study_end {self.study_end}")
        return self


def _name_the_diagnoses(schema: dict[str, Any]) -> None:
    schema["enum"] = list(load_diagnoses())


class Outcome(Section):
    """Which diagnosis is the outcome, what counts as it, and on which day.

    What is not set follows from the diagnosis: see `cohort.diagnoses`.
    """

    diagnosis: str = Field(
        PRIMARY_DIAGNOSIS,
        description="What is studied. The fields below, `prevalent_sets` and the title follow from it unless they are "
        "set: see diagnoses.toml.",
        json_schema_extra=_name_the_diagnoses,
    )
    concept_set: Name = Field("dementia", description="Concept set of the outcome (omit: the diagnosis's own).")
    explicit_concept_set: Name | None = Field(
        "dementia_explicit",
        description="Used besides it where the CDM has no concept_ancestor (omit: the diagnosis's own).",
    )
    confirming_drugs: Name | None = Field(
        "antidementia_drugs",
        description="A record of these drugs confirms a code (omit: the diagnosis's own; none: only a code does).",
    )
    tier: Tier = Field(
        "D2",
        description="D1: first code. D2: confirmed by a second code on a later day or a confirming drug, dated on "
        "the day of confirmation. D3: D2 without codes during delirium, and without a secondary cause of dementia "
        "(omit: the diagnosis's own).",
    )
    confirmation_days: Days = Field(730, description="The two records of D2 lie at most this many days apart.")
    delirium_days: Days = Field(
        30, description="D3 leaves out a code with a delirium record in this many days up to and including it."
    )
    competing_sets: tuple[Name, ...] = Field(
        (),
        description="Follow-up ends when one of these is diagnosed by the same tier, as a competing event "
        "(omit: the diagnosis's own; []: such persons stay at risk).",
    )

    @model_validator(mode="before")
    @classmethod
    def _what_is_not_set_follows_from_the_diagnosis(cls, data: Any) -> Any:
        # As text, for a file may hold a list there, which is no key.
        named = str(data.get("diagnosis", PRIMARY_DIAGNOSIS)) if isinstance(data, Mapping) else ""
        own = load_diagnoses().get(named)
        return own.outcome_fields() | dict(data) if own else data

    @field_validator("diagnosis")
    @classmethod
    def _is_known(cls, diagnosis: str) -> str:
        if diagnosis not in load_diagnoses():
            raise ValueError(f"there is no diagnosis '{diagnosis}'{nearest(diagnosis, load_diagnoses())}")
        return diagnosis

    @model_validator(mode="after")
    def _fits_the_diagnosis(self) -> Self:
        """What is set does not belong to another diagnosis: results would go by a wrong name."""
        for name, other in load_diagnoses().items():
            if name != self.diagnosis and self.concept_set in (other.concept_set, other.explicit_concept_set):
                raise ValueError(
                    f"concept_set {self.concept_set} is that of another diagnosis: set diagnosis to {name}, or leave "
                    f"concept_set out and it follows from {self.diagnosis}"
                )
        tiers = load_diagnoses()[self.diagnosis].tiers
        if self.tier not in tiers:
            raise ValueError(f"tier {self.tier} is about dementias; for {self.diagnosis} there are {', '.join(tiers)}")
        if self.concept_set in self.competing_sets:
            raise ValueError(f"{self.concept_set} is the outcome; take it out of competing_sets")
        return self

    @property
    def words(self) -> str:
        """What the outcome is called in a sentence."""
        return load_diagnoses()[self.diagnosis].words

    @property
    def causes(self) -> dict[str, str]:
        """What ends follow-up as an event: its name in the results, and its column of `person_time`."""
        competing = {COMPETING: "competing_diagnosis"} if self.competing_sets else {}
        return {self.diagnosis: "event", **competing, DIED: "death"}


class Ledger(Section):
    """How a fill becomes a dose per day."""

    days_supply_order: tuple[Literal["verbatim_end_date", "days_supply", "drug_exposure_end_date"], ...] = Field(
        ("verbatim_end_date", "days_supply", "drug_exposure_end_date"),
        min_length=1,
        description="Where the days of supply come from: the first of these fields that is filled, good or bad.",
    )
    maximum_days_supply: int = Field(
        365, ge=1, le=36_525, description="More days of supply than this are unknown, never clipped."
    )
    maximum_quantity: int = Field(
        100_000, ge=1, le=1_000_000, description="More tablets or mL in one fill than this are unknown, never clipped."
    )
    maximum_strength: int = Field(
        1_000_000_000, ge=1, le=1_000_000_000, description="Larger numbers in drug_strength, in any unit, are unknown."
    )
    missing_strength_unit: Literal["mg", "unknown"] = Field(
        "mg", description="How a strength without a unit is read (RxNorm gives these drugs' oral strengths in mg)."
    )
    same_day_duplicates: Literal["collapse", "add"] = Field(
        "collapse",
        description="collapse: fills equal in person, drug, day, quantity and days count once; add: every one counts.",
    )
    missing_dose: Literal["unknown", "median", "zero", "median_fill", "one_ddd", "draw"] = Field(
        "median",
        description="A fill whose dose cannot be computed. unknown: stays so. median: with known days it gets the "
        "median mg per day of its drug, else it stays unknown. The others are for bounds, and leave unknown only what "
        "has no computed fill of its ingredient, or no DDD, to go by. "
        "zero: no dose. median_fill: as median, and unknown days become the drug's median. one_ddd: one DDD a day. "
        "draw: what is unknown comes from a computed fill of its drug drawn at random.",
    )
    draw: int = Field(1, ge=1, le=10_000, description="Which of the random draws `missing_dose = draw` takes.")
    missing_dose_bounds: tuple[Literal["zero", "median_fill", "one_ddd", "draw"], ...] = Field(
        ("zero", "median_fill", "one_ddd", "draw"),
        description="The primary estimate is repeated with each of these in place of what could not be computed.",
    )
    imputations: int = Field(5, ge=2, le=100, description="Draws that multiple imputation pools by Rubin's rules.")


class Supply(Section):
    """When the tablets of a fill are taken."""

    carryover_cap_days: Days | None = Field(
        90,
        description="Early refills carry at most this many days forward (--set carryover_cap_days=none: all of them).",
    )
    overlap: Literal["add", "switch"] = Field(
        "add",
        description="Supplies of two drugs of one class at one time. add: both are taken. switch: a fill of another "
        "drug ends what is left of the earlier one.",
    )
    hospital_stays: Literal["ignore", "pause"] = Field(
        "ignore",
        description="pause: tablets at home wait during the nights of an inpatient stay, when the ward gives its own.",
    )


Metric = Literal["dme", "ddd", "tspo_weighted", "days", "fills", "duration", "intensity", "recency"]
CUMULATIVE_METRICS: tuple[Metric, ...] = ("dme", "ddd", "tspo_weighted", "days", "fills")


class Exposure(Section):
    """How doses over time become the exposure of a model."""

    metric: Metric = Field(
        "dme",
        description="dme: diazepam-equivalent days (10 mg of oral diazepam); ddd: WHO defined daily doses; "
        "tspo_weighted: mg by affinity for TSPO, in units of 10 mg of diazepam, drugs without a measured affinity left "
        "out; days: days of use; fills: their number; duration: days from the first to the latest day of use; "
        "intensity: dme per day of use; recency: days since the latest day of use, plus one (1 while using).",
    )
    equivalence_table: Literal["ashton", "vadod_2021", "clincalc", "inada", "scotland", "site"] = Field(
        "ashton", description="Table of doses equal to diazepam 10 mg; a drug that it lacks falls back, and says so."
    )
    site_equivalents_mg: Mapping[Name, Annotated[float, Field(gt=0.0001, le=100_000)]] = Field(
        {}, description="The site's own table: mg equal to diazepam 10 mg, by drug (equivalence_table = site)."
    )
    site_equivalents_source: str = Field("", description="Where the site's own table comes from.")
    lag_days: Days = Field(1095, description="The newest this many days of dose do not count (prodromal prescribing).")
    lag_family_days: tuple[Days, ...] = Field(
        (0, 365, 730, 1095, 1825, 2555, 3650),
        description="The analysis is repeated at each of these lags, and all are shown.",
    )
    window_days: Annotated[int, Field(ge=1, le=36_525)] | None = Field(
        None, description="Only dose of this many days before the lag counts (omit: the whole life)."
    )
    category_bounds: tuple[Annotated[float, Field(le=MOST_DOSE)], ...] = Field(
        (0, 90, 180, 365), min_length=1, description="Dose categories: zero, then (lower, upper] between these bounds."
    )
    duration_bounds_days: tuple[Annotated[int, Field(gt=0, le=36_525)], ...] = Field(
        (90, 365), min_length=1, description="Duration against intensity: bounds between short and long use, in days."
    )
    intensity_bounds: tuple[Annotated[float, Field(gt=0, le=MOST_DOSE)], ...] = Field(
        (0.5, 1), min_length=1, description="The same between weak and strong use, in units of the metric a day of use."
    )
    reversibility_lags_days: tuple[Days, ...] = Field(
        (365, 1095),
        min_length=2,
        description="Whether an effect fades is asked at each of these lags: a falling curve at one lag is also what "
        "prescribing for first signs leaves.",
    )
    history_days: Annotated[int, Field(ge=365, le=36_525)] = Field(
        1826, description="Days before the lag over which the weight of past dose is estimated."
    )
    per: float = Field(365, gt=0, le=MOST_DOSE, description="Linear hazard ratios are per this many dose units.")
    dose_update_days: int = Field(
        30, ge=1, le=365, description="While a lagged dose changes, its intervals are at most this long."
    )

    @model_validator(mode="after")
    def _bounds_grow_from_zero(self) -> Self:
        bounds = self.category_bounds
        if bounds[0] != 0 or any(b <= a for a, b in pairwise(bounds)):
            raise ValueError(f"category_bounds must start at 0 and grow; got {list(bounds)}")
        return self

    @field_validator("duration_bounds_days", "intensity_bounds")
    @classmethod
    def _grow(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if any(b <= a for a, b in pairwise(values)):
            raise ValueError(f"must grow; got {list(values)}")
        return values

    @model_validator(mode="after")
    def _window_needs_a_sum(self) -> Self:
        if self.window_days is not None and self.metric not in (*CUMULATIVE_METRICS, "intensity"):
            raise ValueError(f"window_days has no meaning for metric {self.metric}, which is no sum over days")
        return self

    @model_validator(mode="after")
    def _site_table_is_given_with_its_source(self) -> Self:
        if self.equivalence_table == "site" and not self.site_equivalents_mg:
            raise ValueError("equivalence_table is site, but site_equivalents_mg is empty: give mg by drug")
        if self.site_equivalents_mg and not self.site_equivalents_source.strip():
            raise ValueError("site_equivalents_mg needs site_equivalents_source: where the numbers come from")
        return self


class Affinity(CutPoints, Section):
    """How measurements become a TSPO class: cut-points, and which evidence counts."""

    grades: tuple[Literal["A", "B", "C", "D", "E"], ...] = Field(
        ("A", "B", "C"), min_length=1, description="Grades of evidence that count."
    )
    other_bounds_nm: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (100, 500, 5_000), description="The contrast is repeated with each of these as the bound of a binder."
    )
    high_potency_mg: float = Field(
        1, gt=0, description="A drug of which so many mg or fewer equal 10 mg of diazepam is of high potency."
    )
    arrangements: int = Field(
        10_000,
        ge=100,
        le=1_000_000,
        description="The permutation test goes through all arrangements of the classes over the drugs if there are no "
        "more than this, else through this many drawn at random.",
    )


class Strata(Section):
    """Age bands and the strata of the baseline hazard."""

    age_bands: tuple[Annotated[int, Field(ge=0, le=120)], ...] = Field(
        (50, 65, 75, 85), min_length=1, description="Lower ages of the bands of attained age; the last is open."
    )
    period_years: int = Field(
        5, ge=1, le=200, description="Calendar periods of entry this long stratify the baseline hazard."
    )

    @model_validator(mode="after")
    def _bands_grow(self) -> Self:
        if any(b <= a for a, b in pairwise(self.age_bands)):
            raise ValueError(f"age_bands must grow; got {list(self.age_bands)}")
        return self


ModelName = Literal[
    "linear",
    "linear by age",
    "linear by age at entry",
    "linear by continuous age",
    "categories",
    "categories by age",
    "dose-response",
    "death",
    "subdistribution",
    "drugs",
    "duration and intensity",
    "reversibility",
    "adjustment",
]
MODEL_NAMES = cast("tuple[ModelName, ...]", get_args(ModelName))
HEADLINE: tuple[ModelName, ...] = ("linear", "linear by age", "categories", "categories by age", "death")
"""The models of the study's main tables; analyses beside the primary one fit these."""


class Model(Section):
    """The survival model."""

    time_scale: Literal["age", "follow-up"] = Field("age", description="Time axis; age enters late (delayed entry).")
    ties: Literal["efron", "breslow"] = Field("efron", description="How tied events are treated.")
    covariates: tuple[Name, ...] = Field(
        ("anxiety_disorder", "depression", "insomnia"),
        description="Concept sets recorded at entry that enter every model: those that covariates.csv allows.",
    )
    covariate_lookback_days: Days | None = Field(
        None, description="Only records of this many days before entry count as covariates (omit: all, however old)."
    )
    curve_start_age: int = Field(
        65, ge=0, le=110, description="Cumulative incidence is for a person alive and without the outcome at this age."
    )
    spline_percentiles: tuple[Annotated[float, Field(gt=0, lt=100)], ...] = Field(
        (5, 35, 65, 95),
        min_length=3,
        max_length=7,
        description="Knots of dose-response curves: percentiles of the doses of exposed person-time (Harrell 2015).",
    )
    models: tuple[ModelName, ...] = Field(
        MODEL_NAMES,
        description="What the primary analysis fits, linear among it; with fewer a run takes less time and says less.",
    )
    spline_knots: tuple[Annotated[float, Field(ge=0, le=MOST_DOSE)], ...] | None = Field(
        None, description="Knots of all classes in dose units, in place of percentiles."
    )
    spline_reference: float = Field(
        0, ge=0, le=MOST_DOSE, description="The dose whose hazard ratio is one in dose-response curves."
    )
    risk_ages: tuple[Annotated[int, Field(ge=0, le=110)], ...] = Field(
        (65, 75, 85), description="Ages from which absolute risks are counted, alive and without the outcome."
    )
    risk_years: tuple[Annotated[int, Field(ge=1, le=40)], ...] = Field(
        (5, 10), min_length=1, description="Years over which absolute risks are counted."
    )
    controls: int = Field(
        15, ge=1, le=1000, description="Controls for each case, where the history of every member is needed."
    )
    bootstrap_replicates: int = Field(
        200,
        ge=0,
        le=10_000,
        description="Weight functions of past dose are fitted again so often to cases drawn anew, with knots chosen "
        "anew, for a band that counts the choice; 0: none.",
    )
    most_intervals: int = Field(
        5_000_000,
        ge=1000,
        le=10**12,
        description="Models that hold every interval of person-time draw a random sample of persons if there are more.",
    )
    confidence_level: float = Field(0.95, gt=0.5, lt=1, description="Level of every interval.")

    @field_validator("spline_percentiles", "spline_knots", "risk_ages", "risk_years")
    @classmethod
    def _grow(cls, values: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if values is not None and any(b <= a for a, b in pairwise(values)):
            raise ValueError(f"must grow; got {list(values)}")
        return values

    @model_validator(mode="after")
    def _replicates_reach_beyond_the_level(self) -> Self:
        least = math.ceil(2 / (1 - self.confidence_level) - 1e-9)
        if 0 < self.bootstrap_replicates < least:
            raise ValueError(
                f"bootstrap_replicates is {self.bootstrap_replicates}, but an interval of level "
                f"{self.confidence_level} needs {least} or more, one beyond each end; 0: no bootstrap"
            )
        return self

    @field_validator("models")
    @classmethod
    def _answer_is_among_them(cls, values: tuple[ModelName, ...]) -> tuple[ModelName, ...]:
        if "linear" not in values:
            raise ValueError("must have linear, which gives the answer")
        return tuple(name for name in MODEL_NAMES if name in values)

    @field_validator("spline_knots")
    @classmethod
    def _three_knots_or_more(cls, values: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if values is not None and len(values) < 3:
            raise ValueError(f"a restricted cubic spline needs three knots or more; got {list(values)}")
        return values


class AnalysisSpec(BaseModel):
    """One more analysis: the protocol with the fields changed that stand beside its name."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=100, description="Its name in `estimates`: lower case, with dashes."
    )
    models: tuple[ModelName, ...] = Field(("linear", "categories"), min_length=1, description="Which models to fit.")

    @property
    def changes(self) -> dict[str, Any]:
        """The protocol's fields that it changes."""
        return dict(self.model_extra or {})
