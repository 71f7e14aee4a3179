"""RECORD-PE's checklist with those of STROBE and RECORD that it extends, for a cohort study.

Source: Langan et al. 2018, BMJ 363:k3532, doi 10.1136/bmj.k3532; what an item asks is said in our words.
"""

from cohort.report.checks import checks, tally
from cohort.report.methods_model import sets
from cohort.report.numbers import listed
from cohort.report.standards.items import Facts, Group, Item, Standard
from cohort.report.text import key_figures


def record_pe(facts: Facts) -> Standard:
    """The checklist by part of a paper. Items of RECORD begin with R, those of RECORD-PE with PE."""
    return Standard(
        key="record-pe",
        name="RECORD-PE, with STROBE and RECORD",
        source="Langan et al. 2018, doi 10.1136/bmj.k3532",
        headings=("Item", "What it asks for", "This study"),
        groups=[
            Group("Title, abstract, introduction", _opening(facts)),
            Group("Methods: design and participants", _design(facts)),
            Group("Methods: exposure, outcome, covariates", _variables(facts)),
            Group("Methods: data and statistics", _statistics(facts)),
            Group("Results", _results(facts)),
            Group("Discussion and other information", _discussion(facts)),
        ],
    )


def _opening(facts: Facts) -> list[Item]:
    terms, said = facts.terms, facts.answer
    return [
        Item(
            "1a",
            "The design, by a common name, in title or abstract",
            "A cohort study with time-varying exposure.",
            "protocol",
        ),
        Item("1b", "A balanced summary", f"{said.headline} {' '.join(said.sentences)}", "answer"),
        Item(
            "R1.1",
            "Kind and name of the data",
            f"Routinely collected records of care in {facts.study.database}." if facts.study.database else "",
            "data",
        ),
        Item("R1.2", "Region and time", ""),
        Item("R1.3", "Linkage between databases", ""),
        Item(
            "2",
            "Background and rationale",
            "In mice diazepam, which binds TSPO of microglial mitochondria, made microglia "
            "remove the spines of nerve cells (Shi et al. 2022, doi 10.1038/s41593-022-01013-9).",
            "question",
        ),
        Item(
            "3",
            "Objectives and hypotheses stated before",
            f"Whether the dose of drugs that bind TSPO goes with another hazard "
            f"of {terms.outcome} than that of drugs that do not, and whether that differs by age.",
            "question",
        ),
        Item("5", "Setting and dates", f"Observation from {facts.observed}." if facts.observed else "", "data"),
    ]


def _design(facts: Facts) -> list[Item]:
    return [
        Item(
            "4, PE 4.a",
            "Key elements of the design, and whether there are several designs",
            "One cohort; exposure changes with time and everybody is followed alike, users or not. Other lags and "
            "other ways to count dose are the same design.",
            "protocol",
        ),
        Item(
            "PE 4.b",
            "A diagram of the design: exposure, washout, lag, observation",
            "Drawn, with the protocol; the flow of persons stands with people.",
            "protocol",
        ),
        Item("6a", "Eligibility, selection, follow-up", facts.methods["Who"], "people"),
        Item(
            "R6.1",
            "How persons are found: codes or algorithms",
            f"By observation and age; a record of "
            f"{sets(facts.protocol.population.prevalent_sets, 'or')} keeps a person out.",
            "protocol",
        ),
        Item("R6.2", "Validation of these codes"),
        Item("R6.3", "A diagram of linkage"),
        Item("PE 6.1.a", "Entry criteria, and the order in which they are applied", facts.left_out, "people"),
    ]


def _variables(facts: Facts) -> list[Item]:
    terms = facts.terms
    return [
        Item("7", "Outcomes, exposures, confounders, modifiers", facts.methods["Outcome"], "protocol"),
        Item(
            "R7.1",
            "Codes and algorithms of all of them",
            "Concept sets and drugs are named in the protocol below; concept_sets/ has every set as ATLAS reads it, "
            "and drugs.csv every drug with its concept.",
            "protocol",
        ),
        Item("PE 7.1.a", "How the definition of exposure was made", facts.methods["Affinity"], "drugs"),
        Item(
            "PE 7.1.b",
            "Where exposure was recorded",
            "In the CDM's drug_exposure: what was dispensed, prescribed or given, as the source records it.",
            "data",
        ),
        Item(
            "PE 7.1.c",
            "When a person counts as exposed, and what is cut off before or after",
            f"{facts.methods['Supply']} Use before observation is not seen; {_washout(facts)}",
            "protocol",
        ),
        Item(
            "PE 7.1.d",
            "Whether events are put down to current, past, ever or cumulative exposure",
            f"To {terms.measured}{_lagged(facts)}; recency and duration stand beside it where the protocol asks.",
            "lag",
        ),
        Item("PE 7.1.e", "How current and past use count where dose is studied", facts.methods["Exposure"], "fades"),
        Item(
            "PE 7.1.f",
            "Comparators, and why",
            "Non-binders: drugs of the same kind for the same complaints, which differ in "
            "affinity. No use is the reference of each class.",
            "class",
        ),
        Item(
            "PE 7.1.g",
            "Persons with more than one of the drugs",
            "All classes are in one model, each adjusted for the others. "
            f"Doses are counted per class in {terms.unit}; those of drugs of one class add up.",
            "protocol",
        ),
    ]


def _washout(facts: Facts) -> str:
    days = facts.protocol.population.washout_days
    return f"{days:,} days without a fill before entry bound it." if days else "prevalent users are admitted."


def _lagged(facts: Facts) -> str:
    return f", without the newest {facts.terms.lag}" if facts.terms.lag_days else ""


def _statistics(facts: Facts) -> list[Item]:
    return [
        Item("8", "Sources and measurement", facts.methods["Dose of a fill"], "protocol"),
        Item("PE 8.a", "The healthcare system, and how it makes records of drugs"),
        Item("9", "Bias", facts.methods["Channelling"], "trust"),
        Item(
            "10",
            "Size of the study",
            "All persons who meet the criteria; what can be detected stands beside each estimate.",
            "age",
        ),
        Item("11", "Quantitative variables", facts.methods["Dose-response"], "dose"),
        Item(
            "12a, b",
            "Statistical methods, subgroups, interactions",
            f"{facts.methods['Model']} {facts.methods['Age']}",
            "protocol",
        ),
        Item("12c", "Missing data", facts.methods["Missing dose"], "missing"),
        Item("12d", "Loss to follow-up", facts.methods["Competing death"], "incidence"),
        Item(
            "12e",
            "Sensitivity analyses",
            f"Analyses beside the primary one: {listed(facts.release.analyses[1:])}."
            if facts.release.analyses[1:]
            else "None were asked for.",
            "specifications",
        ),
        Item("R12.1", "How far the authors had access to the database", "To the whole CDM, read-only.", "data"),
        Item(
            "R12.2",
            "Cleaning of the data",
            "Rules for records that cannot be right are part of the protocol; what they cost "
            "is tabled, and balances between steps hold.",
            "run",
        ),
        Item("R12.3", "Level and methods of linkage"),
        Item(
            "PE 12.1.a", "How assumptions are checked", f"Checks of this run: {tally(checks(facts.release))}.", "trust"
        ),
        Item(
            "PE 12.1.b",
            "Several designs or approaches, and why",
            "Hazard ratios on other scales, at other lags and with other models stand beside the primary one.",
            "specifications",
        ),
    ]


def _results(facts: Facts) -> list[Item]:
    counts = [figure for figure in key_figures(facts.release, facts.terms) if not figure.colour]
    counted = "; ".join(f"{figure.label} {figure.value}" for figure in counts)
    return [
        Item("13, R13.1", "Numbers at each stage, with a diagram", facts.left_out, "people"),
        Item(
            "14",
            "Characteristics, missing data, follow-up",
            "Table 1 by class of the first drug; dose that is not known stands under Missing dose.",
            "baseline",
        ),
        Item("15", "Events", f"{counted}.", "answer"),
        Item(
            "16",
            "Estimates, unadjusted and adjusted, with intervals",
            "Unadjusted, adjusted and fully adjusted side by side; categories with their bounds; absolute risks.",
            "adjustment",
        ),
        Item("17", "Other analyses", "By age, by lag, by drug, by dose, with death competing.", "specifications"),
    ]


def _discussion(facts: Facts) -> list[Item]:
    limits = facts.limits
    return [
        Item("18", "Key results", facts.answer.headline, "answer"),
        Item("19", "Limitations", f"{limits['Observational']} {limits['Class and drug']}", "limitations"),
        Item(
            "R19.1",
            "What follows from data that were not collected for this question",
            limits["Outcome"],
            "limitations",
        ),
        Item("PE 19.1.a", "How well the database captures the exposure", limits["Dose"], "missing"),
        Item(
            "20, PE 20.a",
            "Interpretation; confounding by indication or severity, and selection, as other explanations",
            limits["Lag"],
            "conclusions",
        ),
        Item("21", "Generalisability"),
        Item("22", "Funding"),
        Item(
            "R22.1",
            "Where protocol, data and code can be had",
            "The protocol is in run.json of the release, with the versions of all that was run.",
            "run",
        ),
    ]
