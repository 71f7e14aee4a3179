"""The named worlds: what each changes in the parameters, and what it is there to show.

In: the name of a scenario, its number in the scenario matrix (`S0` to `S15`), or several joined by `+`, each
changing what the ones before it left. Out: `Parameters`.
"""

import math
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from cohort.errors import UsageError, nearest
from cohort.synthetic.ingredients import CONDITIONS_OF_A_DATABASE, Frozen
from cohort.synthetic.parameters import AGE_BANDS, Effects, Parameters, changed, same_in_all_bands

DEFAULT_PERSONS = 20_000
_NOTHING = same_in_all_bands(0.0)
_LOG_HR = math.log(1.25)


class Scenario(Frozen):
    """A world by name: its numbers and other names, what it shows, and what it changes."""

    shows: str
    changes: Mapping[str, Any] = Field(default_factory=dict)
    also: tuple[str, ...] = ()
    persons: int | None = None
    """Persons to simulate when nobody says how many; None: as everywhere."""


def from_65(log_hazard_ratio: float) -> Effects:
    """An effect of binders in the age bands from 65 on."""
    bands = {band: log_hazard_ratio if i >= AGE_BANDS.index("65 to 74") else 0.0 for i, band in enumerate(AGE_BANDS)}
    return {**_NOTHING, "binder": bands}


SCENARIOS: Mapping[str, Scenario] = {
    "primary": Scenario(
        shows="Binders raise the hazard of onset at all ages.",
        also=("tspo-only", "S5"),
    ),
    "global-null": Scenario(
        shows="Nothing: no effect, no prodromal prescribing, no confounding.",
        changes={"log_hazard_ratio": _NOTHING, "prodrome_start_ratio": 1.0, "confounding_strength": 0.0},
        also=("S0",),
    ),
    "null-prodrome": Scenario(
        shows="No effect, but drugs are started in the prodrome: without a lag they seem to do harm.",
        changes={"log_hazard_ratio": _NOTHING},
        also=("prodrome", "S1"),
    ),
    "null": Scenario(
        shows="No effect and no prodromal prescribing, but indications that move both: confounding.",
        changes={"log_hazard_ratio": _NOTHING, "prodrome_start_ratio": 1.0},
        also=("null-confounding", "confounding", "S2"),
    ),
    "channelling": Scenario(
        shows="No effect, but the prodromal are given non-binders: without a lag binders seem to protect.",
        changes={"log_hazard_ratio": _NOTHING, "prodrome_class_ratios": {"binder": 0.4, "non_binder": 1.6}},
        also=("S3",),
    ),
    "tspo-only-65": Scenario(
        shows="Binders raise the hazard of onset at 65 and over only, so that no single number is true at all ages.",
        changes={"log_hazard_ratio": from_65(_LOG_HR)},
        also=("S4",),
    ),
    "half-life-only": Scenario(
        shows="Long-acting drugs raise the hazard, whatever their TSPO class: binding must not be credited.",
        changes={"log_hazard_ratio": _NOTHING, "long_acting_log_hazard_ratio": _LOG_HR},
        also=("S6",),
    ),
    "reversible": Scenario(
        shows="The effect of a dose halves every eighteen months.",
        changes={"effect_half_life_days": 548.0, "log_hazard_ratio": same_in_all_bands(math.log(1.5))},
        also=("S7",),
    ),
    "current-use": Scenario(
        shows="Binders act only while a supply runs.",
        changes={"effect_of_running_supply_only": True, "log_hazard_ratio": same_in_all_bands(math.log(1.5))},
        also=("S8",),
    ),
    "threshold": Scenario(
        shows="Binders do nothing up to 180 diazepam-equivalent days, and act linearly above.",
        changes={"effect_threshold_dme": 180.0},
        also=("S9",),
    ),
    "random-delay": Scenario(
        shows="Diagnosis follows onset after three years on average, with a standard deviation of a year and a half.",
        changes={"diagnosis_delay_sd_days": 547.5},
        also=("S10",),
    ),
    "misclassified-outcome": Scenario(
        shows="Half of the diagnoses are never recorded; one person in fifty is recorded without one.",
        changes={"outcome_sensitivity": 0.5, "outcome_specificity": 0.98},
        also=("S11",),
    ),
    "differential-outcome": Scenario(
        shows="The same, and users' diagnoses are recorded more often: no effect is planted.",
        changes={
            "log_hazard_ratio": _NOTHING,
            "outcome_sensitivity": 0.5,
            "outcome_sensitivity_of_users": 0.65,
            "outcome_specificity": 0.98,
        },
        also=("S11-differential",),
    ),
    "informative-disenrolment": Scenario(
        shows="The prodromal and those with a supply leave observation more often.",
        changes={"prodrome_leaving_ratio": 3.0, "supply_leaving_ratio": 1.5},
        also=("S12",),
    ),
    "drug-mortality": Scenario(
        shows="Persons with a supply die more often.",
        changes={"supply_death_ratio": 1.5},
        also=("S13",),
    ),
    "dirty-exposure": Scenario(
        shows="The primary world with dirty records of fills, holes in observation and gaps in the vocabulary.",
        changes={
            "missing_days_share": 0.05,
            "negative_days_share": 0.005,
            "absurd_days_share": 0.005,
            "missing_quantity_share": 0.01,
            "zero_quantity_share": 0.01,
            "absurd_quantity_share": 0.01,
            "end_before_start_share": 0.005,
            "duplicate_share": 0.02,
            "shifted_duplicate_share": 0.01,
            "overlap_share": 0.01,
            "early_refill_share": 0.10,
            "hospital_gap_share": 0.02,
            "fill_after_death_share": 0.05,
            "hole_share": 0.05,
            "product_without_strength_share": 0.05,
            "product_without_ingredient_share": 0.05,
        },
        also=("dirty", "S14"),
    ),
    "small": Scenario(
        shows="So few persons that most counts must be hidden.",
        also=("S15",),
        persons=400,
    ),
    "scale": Scenario(
        shows="As many records a person as a large claims database has in fifteen years, most of no use to the study.",
        changes={
            "data_start": "2006-01-01",
            "last_enrolment": "2006-01-01",
            "share_enrolled_at_data_start": 1.0,
            "disenrolment_per_year": 0.01,
            "background_visits_per_year": 3.0,
            "background_conditions": CONDITIONS_OF_A_DATABASE,
        },
        also=("background",),
        persons=1_000_000,
    ),
}
_NAMES = {other: name for name, scenario in SCENARIOS.items() for other in (name, *scenario.also)}


def canonical_name(scenario: str) -> str:
    """The scenario's own name; of several joined by `+`, each one's.

    >>> canonical_name("S3+dirty")
    'channelling+dirty-exposure'

    Raises:
        UsageError: there is no scenario of that name.
    """
    return "+".join(_NAMES[_known(part)] for part in scenario.split("+"))


def parameters_of(scenario: str, base: Parameters | None = None) -> Parameters:
    """The parameters of a scenario: `base` (or the defaults) with what the scenario changes.

    Raises:
        UsageError: there is no scenario of that name.
    """
    parameters = base or Parameters()
    for name in canonical_name(scenario).split("+"):
        parameters = changed(parameters, SCENARIOS[name].changes)
    return parameters


def persons_of(scenario: str) -> int:
    """How many persons the scenario has when nobody says; of several joined by `+` the last that says so."""
    own = [SCENARIOS[name].persons for name in canonical_name(scenario).split("+")]
    return next((persons for persons in reversed(own) if persons), DEFAULT_PERSONS)


def _known(name: str) -> str:
    if name not in _NAMES:
        raise UsageError(f"There is no scenario '{name}'{nearest(name, _NAMES)}")
    return name
