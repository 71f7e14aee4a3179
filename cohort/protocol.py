"""The study protocol: every choice a field with a name, a default, a bound and a sentence.

In: a TOML file and `key=value` changes. Out: a frozen `Protocol`. A key that does not exist is an error that
names the nearest one that does. The defaults are the primary protocol; `config/study.toml` writes them out.
"""

import datetime as dt
import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cohort.affinity import CutPoints
from cohort.errors import UsageError, nearest
from cohort.paths import config_folder

Days = Annotated[int, Field(ge=0, le=36_525)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Section(BaseModel):
    """A part of the protocol: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Study(Section):
    """What the study is called."""

    name: str = Field("Benzodiazepine dose by TSPO affinity and dementia", description="Title of the report.")
    seed: int = Field(20220301, ge=0, description="Seed of every random draw of a run (samples, bootstraps).")


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
        description="A record of one of these concept sets on or before entry keeps a person out.",
    )
    study_start: dt.date | None = Field(None, description="Nobody enters before this day (omit: no limit).")
    study_end: dt.date | None = Field(None, description="Follow-up ends on this day at the latest (omit: no limit).")

    @model_validator(mode="after")
    def _window_is_not_empty(self) -> Self:
        if self.study_start and self.study_end and self.study_start >= self.study_end:
            raise ValueError(f"study_start {self.study_start} is not before study_end {self.study_end}")
        return self


class Outcome(Section):
    """What counts as dementia, and on which day."""

    concept_set: Name = Field("dementia", description="Concept set of the outcome.")
    explicit_concept_set: Name = Field(
        "dementia_explicit", description="Used besides it where the CDM has no concept_ancestor."
    )
    confirming_drugs: Name = Field("antidementia_drugs", description="A record of these drugs confirms a code.")
    tier: Literal["D1", "D2", "D3"] = Field(
        "D2",
        description="D1: first code. D2: confirmed by a second code on a later day or an anti-dementia drug, dated on "
        "the day of confirmation. D3: D2 without codes during delirium, and without a secondary cause.",
    )
    confirmation_days: Days = Field(730, description="The two records of D2 lie at most this many days apart.")
    delirium_days: Days = Field(
        30, description="D3 leaves out a code with a delirium record in this many days up to and including it."
    )


class Exposure(Section):
    """How fills become a cumulative dose over time."""

    metric: Literal["dme", "ddd"] = Field(
        "dme", description="dme: diazepam-equivalent days (10 mg of oral diazepam); ddd: WHO defined daily doses."
    )
    equivalence_table: Literal["ashton", "vadod_2021", "clincalc", "inada", "scotland"] = Field(
        "ashton", description="Table of doses equal to diazepam 10 mg; a drug that it lacks falls back, and says so."
    )
    lag_days: Days = Field(1095, description="The newest this many days of dose do not count (prodromal prescribing).")
    lag_family_days: tuple[Days, ...] = Field(
        (0, 365, 730, 1095, 1825), description="The analysis is repeated at each of these lags, and all are shown."
    )
    category_bounds: tuple[float, ...] = Field(
        (0, 90, 180, 365), min_length=1, description="Dose categories: zero, then (lower, upper] between these bounds."
    )
    per: int = Field(365, gt=0, description="Linear hazard ratios are per this many dose units.")
    dose_update_days: int = Field(
        30, ge=1, le=365, description="While a lagged dose grows, its intervals are at most this long."
    )
    days_supply_order: tuple[Literal["verbatim_end_date", "days_supply", "drug_exposure_end_date"], ...] = Field(
        ("verbatim_end_date", "days_supply", "drug_exposure_end_date"),
        min_length=1,
        description="Where the days of supply come from: the first of these fields that is filled.",
    )
    maximum_days_supply: int = Field(365, ge=1, description="More days of supply than this are unknown, never clipped.")
    carryover_cap_days: Days | None = Field(
        90,
        description="Early refills carry at most this many days forward (--set carryover_cap_days=none: all of them).",
    )
    same_day_duplicates: Literal["collapse", "add"] = Field(
        "collapse",
        description="collapse: fills equal in person, drug, day, quantity and days count once; add: every one counts.",
    )
    impute: bool = Field(
        True, description="A fill with known days and unknown mg gets the median mg per day of its drug; shares shown."
    )
    missing_strength_unit: Literal["mg", "unknown"] = Field(
        "mg", description="How a strength without a unit is read (RxNorm gives these drugs' oral strengths in mg)."
    )

    @model_validator(mode="after")
    def _bounds_grow_from_zero(self) -> Self:
        bounds = self.category_bounds
        if bounds[0] != 0 or any(b <= a for a, b in pairwise(bounds)):
            raise ValueError(f"category_bounds must start at 0 and grow; got {list(bounds)}")
        return self


class Affinity(CutPoints):
    """How measurements become a TSPO class: cut-points, and which evidence counts."""

    grades: tuple[Literal["A", "B", "C", "D", "E"], ...] = Field(
        ("A", "B", "C"), min_length=1, description="Grades of evidence that count."
    )


class Strata(Section):
    """Age bands and the strata of the baseline hazard."""

    age_bands: tuple[Annotated[int, Field(ge=0, le=120)], ...] = Field(
        (50, 65, 75, 85), min_length=1, description="Lower ages of the bands of attained age; the last is open."
    )
    period_years: int = Field(5, ge=1, description="Calendar periods of entry this long stratify the baseline hazard.")

    @model_validator(mode="after")
    def _bands_grow(self) -> Self:
        if any(b <= a for a, b in pairwise(self.age_bands)):
            raise ValueError(f"age_bands must grow; got {list(self.age_bands)}")
        return self


class Model(Section):
    """The survival model."""

    time_scale: Literal["age", "follow-up"] = Field("age", description="Time axis; age enters late (delayed entry).")
    ties: Literal["efron", "breslow"] = Field("efron", description="How tied events are treated.")
    covariates: tuple[Name, ...] = Field(
        ("anxiety_disorder", "depression", "insomnia"),
        description="Concept sets recorded on or before entry that enter every model.",
    )
    curve_start_age: int = Field(
        65, ge=0, le=110, description="Cumulative incidence is for a person alive and without dementia at this age."
    )
    confidence_level: float = Field(0.95, gt=0.5, lt=1, description="Level of every interval.")


class Gates(Section):
    """When a result is marked as not to be relied on."""

    events_per_parameter: float = Field(
        10, ge=0, description="Fewer events per coefficient warn; fewer than half of it fail the gate."
    )
    known_dose_share: float = Field(
        0.95, ge=0, le=1, description="A smaller share of exposed time with known dose warns."
    )
    known_dose_share_fail: float = Field(0.8, ge=0, le=1, description="A smaller share than this fails the gate.")
    cross_check_difference: float = Field(
        1e-6, gt=0, description="Largest difference from lifelines on a sample of the run; above it the gate fails."
    )
    cross_check_persons: int = Field(1_000, ge=0, description="Persons in that sample; 0 leaves the check out.")


class Disclosure(Section):
    """What may leave the building."""

    min_cell_count: int = Field(5, ge=0, description="Counts from 1 up to one less than this are suppressed.")


class Protocol(Section):
    """The whole protocol of a run."""

    study: Study = Field(default_factory=Study, description="Name and seed.")
    population: Population = Field(default_factory=Population, description="Who enters, and when.")
    outcome: Outcome = Field(default_factory=Outcome, description="What counts as dementia.")
    exposure: Exposure = Field(default_factory=Exposure, description="How fills become dose.")
    affinity: Affinity = Field(default_factory=Affinity, description="How measurements become a class.")
    strata: Strata = Field(default_factory=Strata, description="Age bands and baseline strata.")
    model: Model = Field(default_factory=Model, description="The survival model.")
    gates: Gates = Field(default_factory=Gates, description="When a result is marked.")
    disclosure: Disclosure = Field(default_factory=Disclosure, description="What may leave the building.")

    @model_validator(mode="after")
    def _bands_cover_the_entrants(self) -> Self:
        youngest, band = self.population.minimum_age_years, self.strata.age_bands[0]
        if youngest < band:
            raise ValueError(
                f"age_bands start at {band}, but minimum_age_years is {youngest}: "
                f"time before {band} would belong to no band"
            )
        return self

    def content_hash(self) -> str:
        """SHA-256 of the protocol's canonical JSON: equal protocols have equal hashes."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def changed(self, **fields: object) -> "Protocol":
        """A copy with leaf fields changed by name, e.g. `changed(lag_days=0)`; validated anew."""
        return _validated(_with_changes(self.model_dump(), fields), "a changed protocol")


def load_protocol(path: Path | None = None, changes: Sequence[str] = ()) -> Protocol:
    """Read a protocol and apply `key=value` changes.

    Args:
        path: a TOML file; None for the primary protocol, `config/study.toml`.
        changes: such as `exposure.lag_days=0` or, where the last word is unambiguous, `lag_days=0`; values are TOML.

    Raises:
        UsageError: the file cannot be read, a key is unknown, or a value is out of its bounds.
    """
    path = path or config_folder() / "study.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"There is no protocol at {path}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"{path} is not a TOML file that can be read: {error}.") from None
    protocol = _validated(data, str(path))
    parsed = dict(_parse_change(change) for change in changes)
    return _validated(_with_changes(protocol.model_dump(), parsed), "--set") if parsed else protocol


def leaf_fields() -> Iterator[tuple[str, str, Any]]:
    """Every field as (section, name, pydantic field), in the order in which a protocol is read."""
    for section, field in Protocol.model_fields.items():
        assert isinstance(field.annotation, type)
        assert issubclass(field.annotation, BaseModel)
        for name, leaf in field.annotation.model_fields.items():
            yield section, name, leaf


def _parse_change(change: str) -> tuple[str, object]:
    key, equals, text = change.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"--set takes key=value; got '{change}'. Example: --set exposure.lag_days=0")
    if text.strip().lower() in {"none", "null", ""}:
        return key.strip(), None
    try:
        return key.strip(), tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), text.strip()


def _with_changes(data: dict[str, Any], changes: Mapping[str, object]) -> dict[str, Any]:
    known = [(section, name) for section, name, _ in leaf_fields()]
    for key, value in changes.items():
        matches = [(s, n) for s, n in known if key in (n, f"{s}.{n}")]
        if len(matches) != 1:
            names = [f"{s}.{n}" for s, n in known] if "." in key else [n for _, n in known]
            raise UsageError(f"The protocol has no field '{key}'{nearest(key, names)}")
        section, name = matches[0]
        data[section][name] = value
    return data


def _validated(data: Mapping[str, Any], where: str) -> Protocol:
    try:
        return Protocol.model_validate(data)
    except ValidationError as error:
        lines = [_line(problem) for problem in error.errors()]
        raise UsageError(f"The protocol in {where} has {len(lines)} problem(s):\n" + "\n".join(lines)) from None


def _line(problem: Any) -> str:
    place = [str(part) for part in problem["loc"]]
    key = ".".join(place)
    if problem["type"] == "extra_forbidden":
        if len(place) == 1:
            return f"  - unknown section [{key}]{nearest(key, Protocol.model_fields)}"
        known = [name for section, name, _ in leaf_fields() if section == place[0]]
        return f"  - unknown key '{key}'{nearest(place[-1], known)}"
    return f"  - {key + ': ' if key else ''}{problem['msg'].removeprefix('Value error, ')} (got {problem['input']!r})"
