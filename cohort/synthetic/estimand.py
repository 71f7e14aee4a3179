"""Which analysis of a world is correctly specified, and what its true log hazard ratios are.

In: parameters. Out: words and numbers for the truth file. A Cox model of diagnosis, with the dose that acts
lagged by the delay, is correctly specified as long as the delay is one and the same, everybody's outcome and use
are recorded as they are, and leaving does not depend on the prodrome; deaths in the prodrome are as many among
users as among others to first order. The study's primary model has all dose so far, by TSPO class, at attained
age: where the world differs from that, no number is its truth.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from cohort.synthetic.dirt_parameters import Dirt
from cohort.synthetic.parameters import AGE_BAND_STARTS, AGE_BANDS, CLASSES, Effects, Parameters
from cohort.synthetic.people import YEAR_DAYS
from cohort.synthetic.regimens import Regimen

Bands = Mapping[str, float]


def estimand(parameters: Parameters, regimens: Sequence[Regimen]) -> dict[str, Any]:
    """What is planted, which analysis finds it, and whether that is the study's primary one.

    `log_hazard_ratio` has the true values of the primary analysis by class and attained age band. It lacks a band
    that the ages at onset mix, and is empty where no number is its truth.
    """
    p = parameters
    flaws, other_dose = obstacles(p), _other_dose(p)
    primary = {} if flaws or other_dose else {name: attained(p, p.log_hazard_ratio[name]) for name in CLASSES}
    primary = {name: bands for name, bands in primary.items() if bands}
    return {
        "log_hazard_ratio": primary,
        "log_hazard_ratio_at_all_ages": {name: at_all_ages(bands) for name, bands in primary.items()},
        "is_primary_analysis_exact": bool(primary),
        "why_not_exact": [*flaws, *other_dose],
        "planted": {
            "on": "hazard of latent onset",
            "per": p.per_dme,
            "dose_that_acts": dose_that_acts(p),
            "band_age": p.band_age,
            "log_hazard_ratio": p.log_hazard_ratio,
            "long_acting_log_hazard_ratio": p.long_acting_log_hazard_ratio,
        },
        "exact_analysis": None if flaws else _exact_analysis(p),
        "long_acting_share_of_dose": long_acting_shares(regimens),
        "first_order_log_hazard_ratio": _by_mix(p, regimens) if p.long_acting_log_hazard_ratio else None,
    }


def obstacles(parameters: Parameters) -> list[str]:
    """What keeps any model of the recorded data from being correctly specified, in words."""
    p = parameters
    found = {
        f"the delay from onset to diagnosis varies (mean {p.diagnosis_delay_days} days, standard deviation "
        f"{p.diagnosis_delay_sd_days:g}): no lag is the right one": p.diagnosis_delay_sd_days > 0,
        f"outcomes are misclassified: sensitivity {p.outcome_sensitivity:g}, of users "
        f"{_of_users(p):g}, specificity {p.outcome_specificity:g}": min(
            p.outcome_sensitivity, _of_users(p), p.outcome_specificity
        )
        < 1,
        f"leaving depends on the prodrome (ratio {p.prodrome_leaving_ratio:g}) and so on the diagnosis that would "
        "have followed": p.prodrome_leaving_ratio != 1,
        "records of use, of observation or of the vocabulary are dirty": any(
            getattr(p, name) > 0 for name in Dirt.model_fields
        ),
    }
    return [sentence for sentence, holds in found.items() if holds]


def dose_that_acts(parameters: Parameters) -> str:
    """What of the dose taken acts, in words."""
    p = parameters
    if p.effect_of_running_supply_only:
        return f"a supply that runs counts {p.per_dme:g}, whatever its dose; past dose counts nothing"
    words = "all diazepam-equivalents so far"
    if p.effect_half_life_days is not None:
        words += f", those of a day halving every {p.effect_half_life_days:g} days"
    if p.effect_threshold_dme:
        words += f", of each class what exceeds {p.effect_threshold_dme:g}"
    return words


def attained(parameters: Parameters, planted: Bands) -> dict[str, float]:
    """The true values by age at diagnosis, of bands in which one value is true.

    Empty where the bands left would seem to say that one value is true at all ages.
    """
    if parameters.band_age == "diagnosis":
        return dict(planted)
    delay, found = parameters.diagnosis_delay_days / YEAR_DAYS, {}
    edges = (-float("inf"), *AGE_BAND_STARTS, float("inf"))
    spans = list(zip(AGE_BANDS, edges[:-1], edges[1:], strict=True))
    for band, start, end in spans:
        values = {planted[name] for name, low, high in spans if low < end - delay and high > start - delay}
        if len(values) == 1:
            found[band] = values.pop()
    return found if len(set(found.values())) == len(set(planted.values())) else {}


def at_all_ages(bands: Bands) -> float | None:
    """The value that is true at all ages, None where there is no such single number."""
    values = set(bands.values())
    return values.pop() if len(values) == 1 else None


def long_acting_shares(regimens: Sequence[Regimen]) -> dict[str, float]:
    """Of each TSPO class, the share of long-acting drugs in the dose of episodes of equal length."""
    shares = {}
    for index, name in enumerate(CLASSES):
        of_class = [r for r in regimens if r.class_index == index]
        total = sum(r.probability * r.dme_per_day for r in of_class)
        long = sum(r.probability * r.dme_per_day for r in of_class if r.half_life == "long")
        if total:
            shares[name] = long / total
    return shares


def _of_users(parameters: Parameters) -> float:
    of_users = parameters.outcome_sensitivity_of_users
    return parameters.outcome_sensitivity if of_users is None else of_users


def _other_dose(parameters: Parameters) -> list[str]:
    """What makes the dose that acts another than the primary model's, in words."""
    p, found = parameters, []
    by_class = any(value for bands in p.log_hazard_ratio.values() for value in bands.values())
    if p.long_acting_log_hazard_ratio:
        found.append("long-acting drugs act beside TSPO class: a model of TSPO classes only credits each with its mix")
    is_all_dose = not (p.effect_of_running_supply_only or p.effect_half_life_days or p.effect_threshold_dme)
    if (by_class or p.long_acting_log_hazard_ratio) and not is_all_dose:
        found.append(f"what acts is {dose_that_acts(p)}")
    return found


def _exact_analysis(parameters: Parameters) -> dict[str, Any]:
    p = parameters
    ages = "attained age" if p.band_age == "diagnosis" else "attained age less the lag (the age at onset)"
    of_long = p.long_acting_log_hazard_ratio
    groups = "TSPO class, and that of all long-acting drugs beside them" if of_long else "TSPO class"
    return {
        "model": f"Cox, age as time scale, by sex; {dose_that_acts(p)}, by {groups}",
        "lag_days": p.diagnosis_delay_days,
        "adjusted_for": [kind.concept_set for kind in p.indications],
        "age_bands_by": ages,
        "log_hazard_ratio": p.log_hazard_ratio,
        "log_hazard_ratio_at_all_ages": {name: at_all_ages(p.log_hazard_ratio[name]) for name in CLASSES},
        **({"long_acting_log_hazard_ratio": of_long} if of_long else {}),
    }


def _by_mix(parameters: Parameters, regimens: Sequence[Regimen]) -> Effects:
    """What a model with TSPO classes only finds to first order: each class's own effect and that of its mix."""
    mixes, of_long = long_acting_shares(regimens), parameters.long_acting_log_hazard_ratio
    return {
        name: {band: value + share * of_long for band, value in bands.items()}
        for name, bands in parameters.log_hazard_ratio.items()
        if (share := mixes.get(name)) is not None
    }
