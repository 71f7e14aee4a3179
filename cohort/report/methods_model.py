"""What was estimated, told from the protocol as it was run: the models, dose-response, age, and competing death.

In: a protocol. Out: a few sentences each. The primary analysis fits all of these models.
"""

from collections.abc import Sequence
from functools import reduce

from cohort.protocol import Protocol
from cohort.report.classes import metric_of
from cohort.report.numbers import EN_DASH, listed, years

_PROPER = {"alzheimers": "Alzheimer's", "parkinsons": "Parkinson's", "lewy": "Lewy"}
"""Words of concept sets that their names cannot spell."""


def model(protocol: Protocol) -> str:
    """The Cox model of the primary test."""
    m, s = protocol.model, protocol.strata
    scale = (
        "age in days as its time scale and entry taken into account"
        if m.time_scale == "age"
        else "time since entry as its time scale"
    )
    days = m.covariate_lookback_days
    when = "at entry" if days is None else f"recorded in the {days} days up to entry"
    covariates = f" and adjusts for {sets(m.covariates)} {when}" if m.covariates else ""
    return (
        f"One Cox model holds the doses of all classes, so each is adjusted for the others. It has {scale}, "
        f"and {m.ties.capitalize()}'s treatment of ties; it is stratified by sex and by period of entry "
        f"({s.period_years} years each){covariates}. Binder and non-binder are compared within that one fit: "
        "their contrast is the one primary test, two-sided. The same model without covariates, and with all that may "
        "be adjusted for, stands beside it. That hazards are proportional is tested by score tests; "
        f"below p = {protocol.gates.proportional_hazards_p:g} they warn that a ratio is a mean over time. Intervals "
        f"are at the {m.confidence_level * 100:g}% level."
    )


def dose_response(protocol: Protocol) -> str:
    """The shape of the association."""
    m, unit = protocol.model, metric_of(protocol.exposure.metric).unit
    knots = (
        f"at {_numbers(m.spline_knots)} {unit}"
        if m.spline_knots
        else f"at percentiles {_numbers(m.spline_percentiles)} of the doses of exposed person-time, to two digits"
    )
    reference = f"{m.spline_reference:g} {unit}" if m.spline_reference else "no dose"
    return (
        "Categories assume no shape; their trend is that through the median doses of the categories. Curves are "
        f"restricted cubic splines of each class's dose, all classes in one Cox model, with knots {knots}; they are "
        f"drawn against {reference} and up to the last knot. That they are straight is tested by likelihood ratio."
    )


def age(protocol: Protocol) -> str:
    """Age as a modifier, on two scales."""
    return (
        "Hazard ratios by age come from one model with a dose effect in each band of attained age, from one with a "
        "dose effect in each band of age at entry, and from one in which the log hazard ratio changes in a straight "
        f"line with attained age. Bands begin at {_numbers(protocol.strata.age_bands)} years. That ratios are equal "
        "over age is tested by likelihood ratio, for the contrast by Wald's test. Additive interaction: the rate "
        "without a dose of a class times the hazard ratio less one is what a unit of dose adds, and RERI compares it "
        "with the youngest band; bounds are by the delta method."
    )


def channelling(protocol: Protocol) -> str:
    """New starts before a diagnosis, and the test that they rise alike."""
    washout, gates = protocol.population.washout_days, protocol.gates
    free = f" that comes after {years(washout)} without one; until then nobody is at risk of one" if washout else ""
    return (
        f"A new start is a fill of a class{free}. New starts before a diagnosis stand beside those expected by "
        "indirect standardisation: the rates of persons who are not diagnosed in follow-up, by sex, band of attained "
        f"age and calendar period ({protocol.strata.period_years} years each), times the days at risk of those who "
        "are. That starts rise by one ratio in all classes within the lag is tested by Pearson's chi-square, with the "
        f"variance of what is expected added; below p = {gates.channelling_p:g} it warns."
    )


def competing(protocol: Protocol) -> str:
    """Death as a competing event, and the diagnoses that compete too."""
    m, outcome = protocol.model, protocol.outcome
    rivals = f" or {sets(outcome.competing_sets, 'or')}" if outcome.competing_sets else ""
    dies = "dies or gets a competing diagnosis" if rivals else "dies"
    spans = f"Risks over {_numbers(m.risk_years)} years are counted from the ages {_numbers(m.risk_ages)}"
    risks = f" {spans}, by current dose category, with the mean time lost to each outcome." if m.risk_ages else ""
    return (
        f"Hazard ratios are cause-specific, and those of death stand beside those of {outcome.words}. Hazards of the "
        f"subdistribution are Fine and Gray's with delayed entry: who {dies} stays at risk with the chance to be still "
        "under observation, and standard errors are of persons. Cumulative incidence is the "
        f"Aalen{EN_DASH}Johansen estimate for a person alive and without {outcome.words}{rivals} at "
        f"{m.curve_start_age}, with death{' and these diagnoses' if rivals else ''} competing; it is descriptive and "
        f"not adjusted.{risks}"
    )


def sets(names: Sequence[str], conjunction: str = "and") -> str:
    """Names of concept sets as words in a sentence."""
    plain = [name.replace("_", " ") for name in names]
    return listed([reduce(lambda name, to: name.replace(*to), _PROPER.items(), name) for name in plain], conjunction)


def _numbers(values: Sequence[float]) -> str:
    return listed([f"{value:g}" for value in values])
