"""The simulated world's parameters: each with a default, a description and where the number comes from.

In: nothing, or changes by name. Out: a frozen `Parameters`. `SCENARIOS` holds, by name, what a scenario
changes. "Chosen" marks decisions of the simulation: they are no estimates of anything.
"""

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError

from cohort.errors import UsageError, nearest
from cohort.synthetic.ingredients import (
    ANTIDEMENTIA_DRUGS,
    BACKGROUND_CONDITIONS,
    BACKGROUND_DRUGS,
    CHOSEN,
    DEMENTIA_CODES,
    DRUG_PRODUCTS,
    HISTORY_OF_DEMENTIA,
    INDICATIONS,
    DrugProducts,
    Frozen,
    Indication,
    Item,
    Probability,
    Rate,
    Ratio,
)

OLFSON_2021 = "log-linear fit to diagnosed incidence in US Medicare at 66 to 90 years, Olfson et al. 2021, JGIM"
LIFE_TABLE = "Gompertz fit to the US life table of 2014 at 50 to 95 years (survexp.us of R's survival package)"
GERLACH_2018 = "Gerlach et al. 2018: 26.4 % of new users become long-term users"
PRIMARY_PROTOCOL = "as the primary protocol"

CLASSES = ("binder", "non_binder", "unknown")
AGE_BAND_STARTS = (50, 65, 75, 85)
AGE_BANDS = ("under 50", "50 to 64", "65 to 74", "75 to 84", "85 and over")

Effects = Mapping[str, Mapping[str, float]]
LogRateByAge = tuple[float, float]


def _told(default: Any, description: str, source: str, **bounds: Any) -> Any:
    return Field(default, description=description, json_schema_extra={"source": source}, **bounds)


def same_in_all_bands(binder: float, non_binder: float = 0.0, unknown: float = 0.0) -> Effects:
    """Log hazard ratios by class and age band that do not differ by age."""
    effects = zip(CLASSES, (binder, non_binder, unknown), strict=True)
    return {name: dict.fromkeys(AGE_BANDS, effect) for name, effect in effects}


class Population(Frozen):
    """Who is observed, and for how long."""

    data_start: dt.date = _told(dt.date(2003, 1, 1), "First day of the data.", CHOSEN)
    last_enrolment: dt.date = _told(dt.date(2013, 1, 1), "Nobody enrols after this day.", CHOSEN)
    data_end: dt.date = _told(dt.date(2020, 12, 31), "Last day of the data.", CHOSEN)
    share_enrolled_at_data_start: Probability = _told(
        0.5, "Share observed from the first day; the others enrol evenly until the last enrolment.", CHOSEN
    )
    female_share: Probability = _told(0.55, "Share of women.", CHOSEN)
    youngest_years: Ratio = _told(45.0, "Lowest age at enrolment.", CHOSEN)
    oldest_years: Ratio = _told(90.0, "Highest age at enrolment.", CHOSEN, le=110)
    age_scale_years: Ratio = _told(25.0, "Years of age over which enrolments thin out by 1/e.", CHOSEN)
    disenrolment_per_year: Rate = _told(0.06, "Hazard of leaving observation.", "chosen, within 5 to 8 %")


class Onset(Frozen):
    """Latent onset of dementia, and its diagnosis a fixed time later."""

    diagnosis_delay_days: int = _told(
        1095,
        "Days from latent onset to confirmed diagnosis, the same for everybody: what makes the truth exact. "
        "Persons are followed from this long before enrolment, healthy at first, without drugs until then.",
        "chosen; new prescribing rises 2 to 4 years before diagnosis, Imfeld et al. 2015",
        ge=1,
    )
    onset_log_rate_men: LogRateByAge = _told(
        (-11.2758, 0.098355), "Log rate of diagnosis per year, and its growth per year of age.", OLFSON_2021
    )
    onset_log_rate_women: LogRateByAge = _told(
        (-12.05075, 0.108206), "Log rate of diagnosis per year, and its growth per year of age.", OLFSON_2021
    )
    log_hazard_ratio: Effects = _told(
        same_in_all_bands(binder=math.log(1.25)),
        "Effect of cumulative dose on onset: log hazard ratio per `per_dme`, by TSPO class and age band.",
        "chosen: 1.25 for binders, which 100,000 persons suffice to find",
    )
    per_dme: Ratio = _told(365.0, "Diazepam-equivalent days to which the log hazard ratios refer.", CHOSEN)
    band_age: Literal["onset", "diagnosis"] = _told(
        "onset", "Which age picks the band: at latent onset, or at the diagnosis that follows it.", CHOSEN
    )
    indications: tuple[Indication, ...] = _told(
        INDICATIONS, "Recorded reasons to prescribe: with age and sex the only confounders.", "see each"
    )


class Death(Frozen):
    """Death competes with dementia."""

    death_log_rate_men: LogRateByAge = _told(
        (-9.865885, 0.0891070), "Log rate per year, and its growth per year of age.", LIFE_TABLE
    )
    death_log_rate_women: LogRateByAge = _told(
        (-10.76068, 0.0961334), "Log rate per year, and its growth per year of age.", LIFE_TABLE
    )
    prodrome_death_ratio: Ratio = _told(1.2, "Hazard ratio from onset to diagnosis.", CHOSEN)
    dementia_death_ratio: Ratio = _told(
        2.0, "Hazard ratio from diagnosis on.", "chosen; published ratios run from 1.6 to 3.1"
    )
    supply_death_ratio: Ratio = _told(
        1.0, "Hazard ratio while a supply runs.", "Patorno et al.: 1.00 (0.96 to 1.04) at six months"
    )


class Use(Frozen):
    """Starting, continuing and dosing of study drugs."""

    # Calibration (100,000 persons, seed 1): at 65 and over 9.7, 10.7 and 11.4 % have a supply in 2005, 2010 and 2016.
    # Of those who enrol at 65 or over 32 % ever use a study drug in 6.7 years on average (55 % of those observed for
    # ten years and more); of all persons 33 %. Diagnosed incidence is 1.0 to 1.25 times the published fit, which
    # holds for persons without indications.
    start_per_year: Ratio = _told(
        0.025, "Rate of starting: men of 65 without an indication.", "chosen by the calibration beside it"
    )
    female_start_ratio: Ratio = _told(1.65, "Start rate of women against men.", "Olfson et al. 2015: about 2")
    start_log_slope_per_year: float = _told(0.008, "Growth of the log start rate per year of age.", CHOSEN)
    prodrome_start_ratio: Ratio = _told(
        3.0, "Start rate between onset and diagnosis against before.", "Imfeld et al. 2015: 2.2 to 3.3"
    )
    prodrome_start_from_day: int = _told(
        365,
        "Day of observation from which the prodrome moves the start rate: after the washout, or else entrants "
        "would be picked for having none. 0 lets it.",
        CHOSEN,
        ge=0,
    )
    class_shares: Mapping[str, Probability] = _told(
        {"binder": 0.35, "non_binder": 0.35, "unknown": 0.30},
        "Class of the drug of a new episode.",
        "chosen for power: in US data binders are about 10 % of person-days",
    )
    drug_products: tuple[DrugProducts, ...] = _told(
        DRUG_PRODUCTS,
        "Drugs, drawn within their class by share of users; the class follows from evidence.",
        "see each",
    )
    equivalence_table: str = _told("ashton", "Table of doses equal to diazepam 10 mg.", PRIMARY_PROTOCOL)
    affinity_grades: tuple[str, ...] = _told(("A", "B", "C"), "Grades of evidence that count.", PRIMARY_PROTOCOL)
    long_term_share: Probability = _told(0.26, "Share of episodes that are long.", GERLACH_2018)
    long_term_months: float = _told(30.0, "Mean months (of 30 days) of a long episode; geometric.", CHOSEN, ge=1)
    short_months: float = _told(2.0, "Mean months (of 30 days) of a short episode; geometric.", CHOSEN, ge=1)
    fill_days: Mapping[int, Probability] = _told(
        {30: 0.70, 90: 0.15, 14: 0.15},
        "Days of supply of the fills of an episode.",
        "chosen, as in US claims",
    )
    daily_doses_dme: Mapping[float, Probability] = _told(
        {0.33: 0.4, 0.67: 0.4, 1.0: 0.2},
        "Daily dose aimed at; taken is the nearest that whole units (of tablets also halves) give.",
        CHOSEN,
    )


class Recording(Frozen):
    """What the world leaves in the CDM."""

    code_lead_days: int = _told(
        180, "The first dementia code comes 1 to this many days before confirmation.", CHOSEN, ge=1
    )
    clean_observation_days: int = _told(
        365,
        "No first code in these first days of observation when confirmation comes later: entrants would else "
        "be picked for a late confirmation. 0 lets it.",
        CHOSEN,
        ge=0,
    )
    confirmed_by_code_share: Probability = _told(0.7, "Confirmed by a second code; the others by a drug.", CHOSEN)
    dementia_interval_days: Ratio = _told(120.0, "Mean days between later dementia records.", CHOSEN)
    dementia_codes: tuple[Item, ...] = _told(DEMENTIA_CODES, "Type of dementia, one per person.", CHOSEN)
    antidementia_drugs: tuple[Item, ...] = _told(ANTIDEMENTIA_DRUGS, "Confirming drug, one per person.", CHOSEN)
    history: Item = _told(HISTORY_OF_DEMENTIA, "Observation that says there has been dementia.", CHOSEN)
    history_days: int = _told(365, "It comes once, 1 to this many days after diagnosis.", CHOSEN, ge=1)
    indication_repeats_per_year: Rate = _told(0.5, "Further records of an indication.", CHOSEN)
    background_visits_per_year: Rate = _told(2.0, "Visits with one condition that changes nothing.", CHOSEN)
    background_drugs_per_visit: tuple[int, int] = _told(
        (1, 2), "Fewest and most drugs of such a visit; they change nothing.", CHOSEN
    )
    background_conditions: tuple[Item, ...] = _told(BACKGROUND_CONDITIONS, "The conditions.", CHOSEN)
    background_drugs: tuple[Item, ...] = _told(BACKGROUND_DRUGS, "The drugs.", CHOSEN)


class Parameters(Recording, Use, Death, Onset, Population):
    """Everything the simulation can be told."""


SCENARIOS: Mapping[str, Mapping[str, Any]] = {
    "primary": {},
    "null": {"log_hazard_ratio": same_in_all_bands(0.0), "prodrome_start_ratio": 1.0},
    "null-prodrome": {"log_hazard_ratio": same_in_all_bands(0.0)},
}


def parameters_of(scenario: str, base: Parameters | None = None) -> Parameters:
    """The parameters of a scenario: `base` (or the defaults) with what the scenario changes.

    Raises:
        UsageError: there is no scenario of that name.
    """
    if scenario not in SCENARIOS:
        raise UsageError(f"There is no scenario '{scenario}'{nearest(scenario, SCENARIOS)}")
    return changed(base or Parameters(), SCENARIOS[scenario])


def changed(base: Parameters, changes: Mapping[str, Any]) -> Parameters:
    """`base` with fields changed by name, and validated anew.

    Raises:
        UsageError: a field does not exist, or a value is out of its bounds.
    """
    try:
        return Parameters.model_validate({**base.model_dump(), **changes})
    except ValidationError as error:
        lines = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise UsageError(f"The simulation's parameters are wrong: {lines}") from None
