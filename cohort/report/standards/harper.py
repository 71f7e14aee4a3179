"""The structured tables of HARPER, the protocol template of ISPE and ISPOR, as they were run.

Source: Wang et al. 2022, Pharmacoepidemiol Drug Saf 32:44, doi 10.1002/pds.5507, tables 1 to 13 of its contents.
"""

from cohort.analyses import LAG, PRIMARY
from cohort.report.classes import metric_of
from cohort.report.flow import steps
from cohort.report.methods_model import sets
from cohort.report.numbers import count, listed, ordinal, ratio, years
from cohort.report.standards.items import Facts, Group, Item, Standard


def harper(facts: Facts) -> Standard:
    """HARPER's tables, one group each."""
    return Standard(
        key="harper",
        name="HARPER",
        source="Wang et al. 2022, doi 10.1002/pds.5507",
        headings=("Table", "Element", "Specification"),
        groups=[
            Group("Table 1. Milestones", _milestones(facts)),
            Group("Table 2. Research question", _question(facts)),
            Group("Table 3. Time 0", _time_zero(facts)),
            Group("Tables 4 and 5. Inclusion and exclusion criteria", _criteria(facts)),
            Group("Table 6. Exposure", _exposure(facts)),
            Group("Table 7. Outcome", _outcome(facts)),
            Group("Table 8. Follow-up", _follow_up(facts)),
            Group("Table 9. Covariates", _covariates(facts)),
            Group("Table 10. Primary, secondary and subgroup analyses", _analyses(facts)),
            Group("Table 11. Sensitivity analyses", _sensitivity(facts)),
            Group("Table 12. Data sources and software", _data(facts)),
            Group("Table 13. Power and size", _power(facts)),
        ],
    )


def _milestones(facts: Facts) -> list[Item]:
    run = facts.release.run
    return [
        Item("1", "Registration of the protocol"),
        Item(
            "1", "Version of the protocol", f"Hash {run['protocol_hash']}." if run.get("protocol_hash") else "", "run"
        ),
        Item("1", "Analysis", f"Run finished {run['finished']}." if run.get("finished") else "", "run"),
    ]


def _question(facts: Facts) -> list[Item]:
    p, terms = facts.protocol.population, facts.terms
    return [
        Item(
            "2",
            "Objective",
            "Whether the dose of drugs that bind TSPO goes with another hazard of "
            f"{terms.outcome} than the same dose of those that do not, and whether that differs by age.",
            "question",
        ),
        Item(
            "2",
            "Hypothesis",
            "The hazard ratio of binders over that of non-binders is 1, tested two-sided at all ages "
            "together; the one primary test.",
            "answer",
        ),
        Item(
            "2",
            "Population",
            f"Persons of {p.minimum_age_years} years and more with "
            f"{p.prior_observation_days:,} days of observation and without {sets(p.prevalent_sets, 'or')}.",
            "people",
        ),
        Item("2", "Exposure", f"{terms.measured.capitalize()} of TSPO binders.", "drugs"),
        Item("2", "Comparator", "The same of non-binders.", "drugs"),
        Item("2", "Outcome", f"{terms.outcome.capitalize()}.", "protocol"),
        Item("2", "Time", f"From entry to {terms.outcome}, death or the end of observation.", "people"),
        Item("2", "Setting", f"Records of care in {facts.study.database}." if facts.study.database else "", "data"),
        Item("2", "Main measure of effect", f"Ratio of hazard ratios {terms.per_dose}.", "answer"),
    ]


def _time_zero(facts: Facts) -> list[Item]:
    p = facts.protocol.population
    return [
        Item(
            "3",
            "Anchor",
            f"Entry: the latest of the {ordinal(p.minimum_age_years)} birthday, "
            f"{p.prior_observation_days:,} days after the start of an observation period"
            + (f", and {p.study_start}." if p.study_start else "."),
            "people",
        ),
        Item("3", "Entries of a person", "One.", "people"),
        Item(
            "3",
            "Kind of entry",
            f"New users: no fill in the {p.washout_days:,} days before entry."
            if p.washout_days
            else "Prevalent users are admitted.",
            "people",
        ),
        Item(
            "3",
            "Time scale",
            "Age in days, with delayed entry." if facts.protocol.model.time_scale == "age" else "Time since entry.",
            "protocol",
        ),
    ]


def _criteria(facts: Facts) -> list[Item]:
    found = steps(facts.release.attrition)
    return [Item("4, 5", step.reason, f"{step.persons} left; {step.excluded} left out.", "people") for step in found]


def _exposure(facts: Facts) -> list[Item]:
    e = facts.protocol.exposure
    window = f"The last {years(e.window_days)} before the lag." if e.window_days else "All time since entry."
    return [
        Item("6", "Definition", facts.methods["Exposure"], "protocol"),
        Item("6", "Classes of drugs", facts.methods["Affinity"], "drugs"),
        Item("6", "Dose of a record", facts.methods["Dose of a fill"], "protocol"),
        Item("6", "Supply of successive records", facts.methods["Supply"], "protocol"),
        Item("6", "Doses that are not known", facts.methods["Missing dose"], "missing"),
        Item("6", "Lag", f"{years(e.lag_days)}." if e.lag_days else "None.", "lag"),
        Item("6", "Window", window, "protocol"),
    ]


def _outcome(facts: Facts) -> list[Item]:
    o = facts.protocol.outcome
    return [
        Item("7", "Definition", facts.methods["Outcome"], "protocol"),
        Item("7", "Codes", f"Concept set {o.concept_set}, resolved with the CDM's own vocabulary.", "protocol"),
        Item("7", "Validity of the definition in these data"),
    ]


def _follow_up(facts: Facts) -> list[Item]:
    return [
        Item("8", "Begins", "On the day after entry.", "people"),
        Item("8", "Ends", f"With {facts.ends}", "people"),
        Item("8", "Competing events", facts.methods["Competing death"], "incidence"),
    ]


def _covariates(facts: Facts) -> list[Item]:
    m = facts.protocol.model
    when = (
        "ever before entry"
        if m.covariate_lookback_days is None
        else f"in the {m.covariate_lookback_days} days to entry"
    )
    return [
        Item(
            "9",
            "In the primary model",
            f"{sets(m.covariates).capitalize()}, {when}; strata of sex and period of entry."
            if m.covariates
            else "None; strata of sex and period of entry.",
            "adjustment",
        ),
        Item("9", "Described", "Everything in Table 1, on or before entry.", "baseline"),
        Item("9", "Effect modifier", facts.methods["Age"], "age"),
    ]


def _analyses(facts: Facts) -> list[Item]:
    return [
        Item("10", "Primary", facts.methods["Model"], "answer"),
        Item("10", "By age", facts.methods["Age"], "age"),
        Item("10", "Dose-response", facts.methods["Dose-response"], "dose"),
        Item("10", "Competing death", facts.methods["Competing death"], "incidence"),
        Item("10", "Missing data", facts.methods["Missing dose"], "missing"),
    ]


def _sensitivity(facts: Facts) -> list[Item]:
    """One row for each analysis beside the primary one, with what it changes."""
    lags = sorted({e.lag_days for e in facts.release.estimates if e.analysis.startswith(LAG)})
    named = [*facts.study.others, *facts.study.bounds]
    told = listed([years(days) if days else "none" for days in lags])
    return [
        *(
            [
                Item(
                    "11",
                    "Lag",
                    f"Other lags: {told}. A path from early disease to prescribing is open at short lags.",
                    "lag",
                )
            ]
            if lags
            else []
        ),
        *(
            Item("11", row.name, row.changed, "others" if row.groups else "missing")
            for row in named
            if row.changed and row.name.lower() != PRIMARY
        ),
        Item("11", "Channelling", facts.methods["Channelling"], "trust"),
    ]


def _data(facts: Facts) -> list[Item]:
    cdm, versions = facts.cdm, facts.release.run.get("versions") or {}
    return [
        Item("12", "Source", facts.study.database, "data"),
        Item(
            "12",
            "Model and vocabulary",
            _pairs(
                {
                    "OMOP CDM": cdm.get("cdm_version"),
                    "vocabulary": cdm.get("vocabulary_version"),
                    "released": cdm.get("cdm_release_date"),
                }
            ),
            "data",
        ),
        Item("12", "Time covered", f"{facts.observed}." if facts.observed else "", "data"),
        Item("12", "Linkage, and what leads to a record in this source"),
        Item("12", "Software", _pairs(versions), "run"),
    ]


def _pairs(values: dict[str, object]) -> str:
    told = [f"{name} {value}" for name, value in values.items() if value]
    return f"{', '.join(told)}." if told else ""


def _power(facts: Facts) -> list[Item]:
    unit = metric_of(facts.terms.metric).noun
    rows = [
        (label, facts.release.linear(name))
        for label, name in (("TSPO binders", "tspo_binder"), ("Non-binders", "tspo_non_binder"))
    ]
    return [
        Item(
            "13",
            label,
            f"{count(row.persons_exposed)} of {count(row.persons)} persons with a {unit}, "
            f"{count(row.events)} events: with 80% power a hazard ratio of {ratio(row.mdrr)}, of ever against never, "
            "is detected."
            if row and row.mdrr is not None
            else "Too few, or suppressed, to tell.",
            "age",
        )
        for label, row in rows
    ]
