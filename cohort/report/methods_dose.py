"""How dose was counted, told from the protocol as it was run: from the fill to the exposure of a model.

In: a protocol. Out: a few sentences each on the dose of a fill, on supply, on exposure and on missing dose. They hold
for every protocol, not only for the primary one.
"""

from collections.abc import Mapping

from cohort.affinity import EQUIVALENCE_FALLBACK
from cohort.protocol import Protocol
from cohort.report.numbers import listed, years

EQUIVALENCES: Mapping[str, str] = {
    "ashton": "Ashton",
    "vadod_2021": "VA/DoD 2021",
    "clincalc": "ClinCalc",
    "inada": "Inada",
    "scotland": "NHS Scotland",
    "site": "the site's own table",
}
_METRICS: Mapping[str, str] = {
    "dme": "the cumulative dose in diazepam-equivalent days (one is 10 mg of oral diazepam; {equivalence})",
    "ddd": "the cumulative dose in WHO defined daily doses; a drug without one has no known dose",
    "tspo_weighted": "the cumulative dose weighted by measured affinity for TSPO: one unit binds it as 10 mg of "
    "diazepam do (10 mg times Ki, divided by Ki of diazepam), and drugs without a measured affinity are left out",
    "days": "the number of days on which there was supply of the class",
    "fills": "the number of fills, whatever their dose",
    "duration": "the number of days from the first to the latest day of use, breaks included",
    "intensity": "the dose per day of use: diazepam equivalents (10 mg of oral diazepam; {equivalence}) divided by the "
    "days of use",
    "recency": "the number of days since the latest day of use, plus one; it is 1 while the class is used, and who "
    "never used it is the reference",
}
_MISSING: Mapping[str, str] = {
    "unknown": "A fill whose dose cannot be computed stays unknown.",
    "median": "A fill whose dose cannot be computed, but whose days are known, gets the median daily amount of its "
    "drug, or of its ingredient where no fill of the drug could be computed; without known days it stays unknown.",
    "zero": "A fill whose dose cannot be computed counts as no dose.",
    "median_fill": "A fill whose dose cannot be computed gets the median days and daily amount of its drug, or of its "
    "ingredient where no fill of the drug could be computed; what is known of it is kept.",
    "one_ddd": "A fill whose dose cannot be computed counts as one DDD per day, over its own days or the median days "
    "of its drug.",
    "draw": "A fill whose dose cannot be computed gets what it lacks from a computed fill of its drug, or of its "
    "ingredient, drawn at random (approximate Bayesian bootstrap).",
}
_BOUNDS: Mapping[str, str] = {
    "zero": "no dose at all",
    "median_fill": "the median fill of the drug",
    "one_ddd": "one DDD per day",
    "draw": "fills drawn at random from the computed ones, {draws} times, pooled by Rubin's rules",
}
_NEEDS: Mapping[str, str] = {
    "days": "Only the days of a fill need to be known. ",
    "duration": "Only the days of a fill need to be known. ",
    "recency": "Only the days of a fill need to be known. ",
}


def ledger(protocol: Protocol) -> str:
    """How a fill becomes milligrams per day."""
    rules = protocol.ledger
    fields = list(rules.days_supply_order)
    first = f"the first of {listed(fields)} that is filled, good or bad" if len(fields) > 1 else fields[0]
    unit = (
        "A strength without a unit is read as mg." if rules.missing_strength_unit == "mg" else "A strength without a "
        "unit is unknown."
    )  # fmt: skip
    twice = "counts once" if rules.same_day_duplicates == "collapse" else "counts each time"
    return (
        "The milligrams of a fill are its quantity times the strength of its product in each study ingredient, and "
        f"they are spread evenly over its days of supply. These are told by {first}; fewer than one or more than "
        f"{rules.maximum_days_supply:,} are unknown, never clipped. {unit} A fill recorded twice on one day, with the "
        f"same drug, quantity and days, {twice}. Injections and rectal and nasal products are out of scope."
    )


def supply(protocol: Protocol) -> str:
    """When the tablets of a fill are taken."""
    rules = protocol.supply
    cap = (
        "however late that is"
        if rules.carryover_cap_days is None
        else f"but starts at most {rules.carryover_cap_days:,} days late; what is left of the earlier one then is "
        "discarded, and counted"
    )
    overlap = (
        "Supplies of two drugs of one class at one time add up."
        if rules.overlap == "add"
        else "A fill of another drug of the same class ends what is left of the earlier drug; that is discarded, and "
        "counted."
    )
    hospital = (
        "Stays in hospital change nothing."
        if rules.hospital_stays == "ignore"
        else "The tablets at home wait during the nights of inpatient stays."
    )
    return (
        f"A refill before the earlier supply of its drug has ended is taken after it, {cap}. Different products of a "
        f"drug filled on one day are taken side by side. {overlap} {hospital}"
    )


def exposure(protocol: Protocol) -> str:
    """What of the doses enters a model."""
    e = protocol.exposure
    metric = _METRICS[e.metric].format(equivalence=_equivalence(protocol))
    noun = "use" if e.metric in {"days", "fills", "duration", "recency"} else "dose"
    lag = (
        f"The newest {years(e.lag_days)} of {noun} do not count on any day at risk."
        if e.lag_days
        else f"{noun.capitalize()} counts from the day on which it is supplied."
    )
    window = f" Only a window of {years(e.window_days)} counts; older {noun} fades out of it." if e.window_days else ""
    return f"Exposure is, for all benzodiazepines and Z-drugs by TSPO class, {metric}. {lag}{window}"


def _equivalence(protocol: Protocol) -> str:
    e = protocol.exposure
    others = [EQUIVALENCES[name] for name in EQUIVALENCE_FALLBACK if name != e.equivalence_table]
    lacks = f"a drug that it lacks takes the first of {listed(others)} that has it"
    if e.equivalence_table != "site":
        return f"equivalences of {EQUIVALENCES[e.equivalence_table]}; {lacks}"
    mg = listed([f"{drug.replace('_', ' ')} {amount:g} mg" for drug, amount in e.site_equivalents_mg.items()])
    return f"equivalences of the site's own table, {mg}, from {e.site_equivalents_source.rstrip('. ')}; {lacks}"


def missing_dose(protocol: Protocol) -> str:
    """What becomes of a fill whose dose cannot be computed, and what is tried in its place."""
    rules, metric = protocol.ledger, protocol.exposure.metric
    unknown = (
        "The number of fills is always known, so no person-time is of unknown dose."
        if metric == "fills"
        else f"{_NEEDS.get(metric, '')}What stays unknown is never zero: from then on the person's time is a category "
        "of its own in that class, and leaves the linear models. The share of exposed time with a known dose, and the "
        "share of the dose that was computed, stand beside every estimate."
    )
    return f"{_MISSING[rules.missing_dose]} {unknown}{_bounds(protocol)}"


def _bounds(protocol: Protocol) -> str:
    wanted = [_BOUNDS[b].format(draws=protocol.ledger.imputations) for b in protocol.ledger.missing_dose_bounds]
    if not wanted:
        return ""
    return f" The linear model is repeated with something else in place of each missing dose: {'; '.join(wanted)}."
