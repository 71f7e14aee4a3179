"""The trial that this study stands in for, beside what it does instead.

Source: Hernan and Robins 2016, Am J Epidemiol 183:758, doi 10.1093/aje/kwv254 (memory, unverified).
"""

from cohort.report.methods_model import sets
from cohort.report.numbers import years
from cohort.report.standards.items import Facts, Group, Item, Standard


def target_trial(facts: Facts) -> Standard:
    """The table of the target trial: a component, the trial, and how it is emulated."""
    components = [_eligibility(facts), _strategies(facts), _assignment(facts), *_time(facts), *_effect(facts)]
    return Standard(
        key="target-trial",
        name="Target trial",
        source="Hernán and Robins 2016, doi 10.1093/aje/kwv254",
        headings=("Component", "The trial that would answer the question", "What this study does"),
        groups=[Group("", components)],
    )


def _eligibility(facts: Facts) -> Item:
    p = facts.protocol.population
    lately = " who have not used these drugs lately, and" if p.washout_days else ""
    trial = (
        f"Persons of {p.minimum_age_years} years and more without {facts.terms.outcome}{lately or ','} who could be "
        "given either kind of drug."
    )
    rest = " Whether a person could be given either kind is not recorded; most are given neither."
    return Item("Eligibility", trial, facts.methods["Who"] + rest, "people")


def _strategies(facts: Facts) -> Item:
    terms = facts.terms
    return Item(
        "Treatment strategies",
        f"Over follow-up, stated amounts of TSPO binders and of non-binders, so that groups differ by {terms.per:g} "
        f"{terms.unit} of one class and not in the other.",
        f"{facts.methods['Exposure']} What persons were dispensed is taken as it came; nobody follows a plan.",
        "protocol",
    )


def _assignment(facts: Facts) -> Item:
    m, s = facts.protocol.model, facts.protocol.strata
    adjusted = f", and with {sets(m.covariates)} at entry in the model" if m.covariates else ""
    return Item(
        "Assignment",
        "At random, known to patient and physician.",
        "Not at random. Persons with and without a dose are taken as exchangeable within sex and periods of entry of "
        f"{s.period_years} years, at the same {'age' if m.time_scale == 'age' else 'time since entry'}{adjusted}. "
        "What changes after entry and changes prescribing is not adjusted for: it may be an effect of earlier dose.",
        "adjustment",
    )


def _time(facts: Facts) -> list[Item]:
    lag = facts.terms.lag_days
    late = f" A dose counts from {years(lag)} after it was taken." if lag else ""
    return [
        Item(
            "Time zero",
            "The day on which a person is eligible and assigned.",
            f"The day of entry, which is the same whether a person takes these drugs or not, so that no time is "
            f"immortal. Dose is known day by day and is counted on a day at risk by what was taken before it.{late}",
            "protocol",
        ),
        Item(
            "Follow-up",
            f"From time zero to {facts.terms.outcome}, death, loss, or the end of the trial.",
            f"From entry; it ends with {facts.ends}",
            "people",
        ),
    ]


def _effect(facts: Facts) -> list[Item]:
    terms = facts.terms
    return [
        Item(
            "Outcome",
            f"{terms.outcome.capitalize()}, looked for in everybody alike.",
            facts.methods["Outcome"] + " It is looked for only in those who come to care.",
            "protocol",
        ),
        Item(
            "Causal contrast",
            "Per-protocol effect: hazards under one strategy against the other, had everybody followed it.",
            f"An association: the hazard ratio {terms.per_dose} of binders over that of non-binders, from one model. "
            "It is the effect only if nothing unmeasured bears on both dose and outcome, if the lag is as long as "
            "early disease bears on prescribing, and if classes differ in nothing but affinity.",
            "answer",
        ),
        Item(
            "Analysis",
            "Survival analysis by strategy, with weights for who stops following it.",
            facts.methods["Model"],
            "protocol",
        ),
    ]
