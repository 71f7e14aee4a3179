"""The simulated world's parameters: each with a default, a description and where the number comes from.

In: nothing, or changes by name. Out: a frozen `Parameters`. "Chosen" marks decisions of the simulation: they
are no estimates of anything. What named worlds change is in `scenarios`.
"""

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ValidationError

from cohort.errors import UsageError
from cohort.synthetic.dirt_parameters import Dirt
from cohort.synthetic.ingredients import (
    ANTIDEMENTIA_DRUGS,
    BACKGROUND_CONDITIONS,
    BACKGROUND_DRUGS,
    CHOSEN,
    DEMENTIA_CODES,
    DRUG_PRODUCTS,
    HISTORY_OF_DEMENTIA,
    INDICATIONS,
    ClassRatios,
    DrugProducts,
    Frozen,
    Indication,
    Item,
    Probability,
    Rate,
    Ratio,
    told,
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


def same_in_all_bands(binder: float, non_binder: float = 0.0, unknown: float = 0.0) -> Effects:
    """Log hazard ratios by class and age band that do not differ by age."""
    effects = zip(CLASSES, (binder, non_binder, unknown), strict=True)
    return {name: dict.fromkeys(AGE_BANDS, effect) for name, effect in effects}


class Population(Frozen):
    """Who is observed, and for how long."""

    data_start: dt.date = told(dt.date(2003, 1, 1), "First day of the data.", CHOSEN)
    last_enrolment: dt.date = told(dt.date(2013, 1, 1), "Nobody enrols after this day.", CHOSEN)
    data_end: dt.date = told(dt.date(2020, 12, 31), "Last day of the data.", CHOSEN)
    share_enrolled_at_data_start: Probability = told(
        0.5, "Share observed from the first day; the others enrol evenly until the last enrolment.", CHOSEN
    )
    female_share: Probability = told(0.55, "Share of women.", CHOSEN)
    youngest_years: Ratio = told(45.0, "Lowest age at enrolment.", CHOSEN)
    oldest_years: Ratio = told(90.0, "Highest age at enrolment.", CHOSEN, le=110)
    age_scale_years: Ratio = told(25.0, "Years of age over which enrolments thin out by 1/e.", CHOSEN)
    disenrolment_per_year: Rate = told(0.06, "Hazard of leaving observation.", "chosen, within 5 to 8 %")
    prodrome_leaving_ratio: Ratio = told(1.0, "Hazard ratio of leaving from onset to diagnosis.", CHOSEN)
    supply_leaving_ratio: Ratio = told(1.0, "Hazard ratio of leaving while a supply runs.", CHOSEN)


class Onset(Frozen):
    """Latent onset of dementia, and its diagnosis some time later."""

    diagnosis_delay_days: int = told(
        1095,
        "Mean days from latent onset to confirmed diagnosis; the same for everybody is what makes the truth "
        "exact. Persons are followed from this long before enrolment, healthy at first, without drugs until then.",
        "chosen; new prescribing rises 2 to 4 years before diagnosis, Imfeld et al. 2015",
        ge=1,
    )
    diagnosis_delay_sd_days: Rate = told(
        0.0,
        "Standard deviation of that delay, which then is a person's own, from a Gamma distribution; persons are "
        "followed from four of these longer before enrolment. 0: the same delay for everybody.",
        CHOSEN,
    )
    onset_log_rate_men: LogRateByAge = told(
        (-11.2758, 0.098355), "Log rate of diagnosis per year, and its growth per year of age.", OLFSON_2021
    )
    onset_log_rate_women: LogRateByAge = told(
        (-12.05075, 0.108206), "Log rate of diagnosis per year, and its growth per year of age.", OLFSON_2021
    )
    log_hazard_ratio: Effects = told(
        same_in_all_bands(binder=math.log(1.25)),
        "Effect of the dose that acts on onset: log hazard ratio per `per_dme`, by TSPO class and age band. All "
        "dose so far acts, unless the next parameters say otherwise.",
        "chosen: 1.25 for binders, which 100,000 persons suffice to find",
    )
    long_acting_log_hazard_ratio: float = told(
        0.0,
        "The same for the dose of long-acting drugs (half-life of 24 hours or more), at all ages; adds to that of "
        "their TSPO class.",
        CHOSEN,
    )
    effect_half_life_days: float | None = told(
        None,
        "Days in which the effect of a day's dose halves: it is reversible. None: it lasts.",
        "chosen; published weights of past use decay over one to two years",
        ge=30,
    )
    effect_threshold_dme: Rate = told(
        0.0, "Dose of a class that does nothing; what exceeds it acts, so that the effect is linear above.", CHOSEN
    )
    effect_of_running_supply_only: bool = told(
        False,
        "A running supply acts as if it were `per_dme`, whatever its dose; dose taken before it does not.",
        CHOSEN,
    )
    per_dme: Ratio = told(365.0, "Diazepam-equivalent days to which the log hazard ratios refer.", CHOSEN)
    band_age: Literal["onset", "diagnosis"] = told(
        "onset", "Which age picks the band: at latent onset, or at the diagnosis that follows it.", CHOSEN
    )
    indications: tuple[Indication, ...] = told(
        INDICATIONS, "Recorded reasons to prescribe: with age and sex the only confounders.", "see each"
    )
    confounding_strength: Rate = told(
        1.0, "Power to which the indications' onset ratios are raised: 0 lets none of them move onset.", CHOSEN
    )


class Death(Frozen):
    """Death competes with dementia."""

    death_log_rate_men: LogRateByAge = told(
        (-9.865885, 0.0891070), "Log rate per year, and its growth per year of age.", LIFE_TABLE
    )
    death_log_rate_women: LogRateByAge = told(
        (-10.76068, 0.0961334), "Log rate per year, and its growth per year of age.", LIFE_TABLE
    )
    prodrome_death_ratio: Ratio = told(1.2, "Hazard ratio from onset to diagnosis.", CHOSEN)
    dementia_death_ratio: Ratio = told(
        2.0, "Hazard ratio from diagnosis on.", "chosen; published ratios run from 1.6 to 3.1"
    )
    supply_death_ratio: Ratio = told(
        1.0, "Hazard ratio while a supply runs.", "Patorno et al.: 1.00 (0.96 to 1.04) at six months"
    )


class Use(Frozen):
    """Starting, continuing and dosing of study drugs."""

    # Calibration (100,000 persons, seed 1): at 65 and over 9.7, 10.7 and 11.4 % have a supply in 2005, 2010 and 2016.
    # Of those who enrol at 65 or over 32 % ever use a study drug in 6.7 years on average (55 % of those observed for
    # ten years and more); of all persons 33 %. Diagnosed incidence is 1.0 to 1.25 times the published fit, which
    # holds for persons without indications.
    start_per_year: Ratio = told(
        0.025, "Rate of starting: men of 65 without an indication.", "chosen by the calibration beside it"
    )
    female_start_ratio: Ratio = told(1.65, "Start rate of women against men.", "Olfson et al. 2015: about 2")
    start_log_slope_per_year: float = told(0.008, "Growth of the log start rate per year of age.", CHOSEN)
    prodrome_start_ratio: Ratio = told(
        3.0, "Start rate between onset and diagnosis against before.", "Imfeld et al. 2015: 2.2 to 3.3"
    )
    prodrome_start_from_day: int = told(
        365,
        "Day of observation from which the prodrome moves the start rate: after the washout, or else entrants "
        "would be picked for having none. 0 lets it.",
        CHOSEN,
        ge=0,
    )
    class_shares: Mapping[str, Probability] = told(
        {"binder": 0.35, "non_binder": 0.35, "unknown": 0.30},
        "Class of the drug of a new episode.",
        "chosen for power: in US data binders are about 10 % of person-days",
    )
    prodrome_class_ratios: ClassRatios = told(
        {},
        "Channelling: what a class's share of starts is multiplied by between onset and diagnosis, from the same day "
        "of observation on. Indications may have such ratios as well.",
        CHOSEN,
    )
    drug_products: tuple[DrugProducts, ...] = told(
        DRUG_PRODUCTS,
        "Drugs, drawn within their class by share of users; the class follows from evidence.",
        "see each",
    )
    equivalence_table: str = told("ashton", "Table of doses equal to diazepam 10 mg.", PRIMARY_PROTOCOL)
    affinity_grades: tuple[str, ...] = told(("A", "B", "C"), "Grades of evidence that count.", PRIMARY_PROTOCOL)
    long_term_share: Probability = told(0.26, "Share of episodes that are long.", GERLACH_2018)
    long_term_months: float = told(30.0, "Mean months (of 30 days) of a long episode; geometric.", CHOSEN, ge=1)
    short_months: float = told(2.0, "Mean months (of 30 days) of a short episode; geometric.", CHOSEN, ge=1)
    fill_days: Mapping[int, Probability] = told(
        {30: 0.70, 90: 0.15, 14: 0.15},
        "Days of supply of the fills of an episode.",
        "chosen, as in US claims",
    )
    daily_doses_dme: Mapping[float, Probability] = told(
        {0.33: 0.4, 0.67: 0.4, 1.0: 0.2},
        "Daily dose aimed at; taken is the nearest that whole units (of tablets also halves) give.",
        CHOSEN,
    )


class Recording(Frozen):
    """What the world leaves in the CDM."""

    code_lead_days: int = told(
        180, "The first dementia code comes 1 to this many days before confirmation.", CHOSEN, ge=1
    )
    clean_observation_days: int = told(
        365,
        "No first code in these first days of observation when confirmation comes later: entrants would else "
        "be picked for a late confirmation. 0 lets it.",
        CHOSEN,
        ge=0,
    )
    confirmed_by_code_share: Probability = told(0.7, "Confirmed by a second code; the others by a drug.", CHOSEN)
    dementia_interval_days: Ratio = told(120.0, "Mean days between later dementia records.", CHOSEN)
    dementia_codes: tuple[Item, ...] = told(DEMENTIA_CODES, "Type of dementia, one per person.", CHOSEN)
    antidementia_drugs: tuple[Item, ...] = told(ANTIDEMENTIA_DRUGS, "Confirming drug, one per person.", CHOSEN)
    history: Item = told(HISTORY_OF_DEMENTIA, "Observation that says there has been dementia.", CHOSEN)
    history_days: int = told(365, "It comes once, 1 to this many days after diagnosis.", CHOSEN, ge=1)
    indication_repeats_per_year: Rate = told(0.5, "Further records of an indication.", CHOSEN)
    outcome_sensitivity: Probability = told(
        1.0,
        "Share of diagnosed persons who have records of dementia; the others have none.",
        "McCarthy et al. 2022: .31 to .57; ADAMS: .86",
    )
    outcome_sensitivity_of_users: float | None = told(
        None,
        "The same for those who took a study drug before the diagnosis, who are seen more often. None: no other.",
        CHOSEN,
        ge=0,
        le=1,
    )
    outcome_specificity: Probability = told(
        1.0,
        "Share of persons without an observed diagnosis who have no records of dementia; the others have them from "
        "a day drawn evenly from their observation.",
        "McCarthy et al. 2022: .92 to .98",
    )
    background_visits_per_year: Rate = told(2.0, "Visits with conditions that change nothing.", CHOSEN)
    background_conditions_per_visit: tuple[int, int] = told(
        (1, 1), "Fewest and most conditions of such a visit.", CHOSEN
    )
    background_drugs_per_visit: tuple[int, int] = told(
        (1, 2), "Fewest and most drugs of such a visit; they change nothing.", CHOSEN
    )
    background_conditions: tuple[Item, ...] = told(BACKGROUND_CONDITIONS, "The conditions.", CHOSEN)
    background_drugs: tuple[Item, ...] = told(BACKGROUND_DRUGS, "The drugs.", CHOSEN)


class Parameters(Dirt, Recording, Use, Death, Onset, Population):
    """Everything the simulation can be told."""


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
