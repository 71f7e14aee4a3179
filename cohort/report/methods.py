"""What was done, told from the protocol as it was run: paragraphs, and the table of its fields.

In: a protocol. Out: titled paragraphs and rows. Nothing is said here that the protocol does not hold or the
program does not always do.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cohort.diagnoses import load_diagnoses
from cohort.protocol import Protocol, leaf_fields
from cohort.protocol_sections import Outcome
from cohort.report.methods_dose import exposure, ledger, missing_dose, supply
from cohort.report.methods_model import age, channelling, competing, dose_response, model, sets
from cohort.report.numbers import capital, humanised, listed, ordinal, years

_TIERS: Mapping[str, str] = {
    "D1": "{Outcome} is the first record of one of its codes, on its day.",
    "D2": "{Outcome} is a code confirmed within {days} by a second code on a later day{drug}, "
    "and its date is the day of confirmation, so that nothing later decides about an earlier day.",
    "D3": "{Outcome} is a code confirmed within {days} by a second code on a later day{drug}, "
    "dated on the day of confirmation; codes during delirium and dementias with a secondary cause do not count.",
}


@dataclass(frozen=True)
class Paragraph:
    """A few sentences under a word that says what they are about."""

    title: str
    text: str


@dataclass(frozen=True)
class FieldRow:
    """A protocol field with its value, what it means, and whether it differs from the primary protocol."""

    name: str
    value: str
    meaning: str
    is_changed: bool


def paragraphs(protocol: Protocol) -> list[Paragraph]:
    """The methods, in the order of a paper."""
    return [
        Paragraph("Who", _population(protocol)),
        Paragraph("Outcome", _outcome(protocol)),
        Paragraph("Dose of a fill", ledger(protocol)),
        Paragraph("Supply", supply(protocol)),
        Paragraph("Exposure", exposure(protocol)),
        Paragraph("Missing dose", missing_dose(protocol)),
        Paragraph("Affinity", _affinity(protocol)),
        Paragraph("Model", model(protocol)),
        Paragraph("Dose-response", dose_response(protocol)),
        Paragraph("Age", age(protocol)),
        Paragraph("Channelling", channelling(protocol)),
        Paragraph("Competing death", competing(protocol)),
        Paragraph("Disclosure", _disclosure(protocol)),
    ]


def _population(protocol: Protocol) -> str:
    p, o = protocol.population, protocol.outcome
    rivals = f"{sets(o.competing_sets, 'or')}, " if o.competing_sets else ""
    first = [
        f"their {ordinal(p.minimum_age_years)} birthday",
        f"{p.prior_observation_days:,} days after the start of an observation period",
    ]
    if p.study_start:
        first.append(f"{p.study_start}")
    washout = (
        f"Persons with a fill of a study drug in the {p.washout_days:,} days before entry are left out (new users)."
        if p.washout_days
        else "Persons who already used study drugs at entry are admitted."
    )
    end = f", or {p.study_end}" if p.study_end else ""
    return (
        f"A person enters once, on the latest of {listed(first)}. A record of any of these on or before "
        f"entry keeps a person out: {sets(p.prevalent_sets)}. {washout} Follow-up ends with {o.words}, "
        f"{rivals}death, or the end of that observation period{end}, whichever comes first."
    )


def _outcome(protocol: Protocol) -> str:
    outcome = protocol.outcome
    told = _TIERS[outcome.tier].format(
        Outcome=capital(outcome.words), days=years(outcome.confirmation_days), drug=_confirming_drug(outcome)
    )
    if not outcome.competing_sets:
        return told
    others = "" if "dementia" in outcome.competing_sets else " A dementia of unspecified kind ends nothing."
    return (
        f"{told} {capital(sets(outcome.competing_sets, 'or'))} by the same rule ends follow-up before it: hazards are "
        "specific to the cause, so for them this is a loss from the risk set; in cumulative incidence and hazards of "
        f"the subdistribution it competes, as death does. Where both are met on one day, the outcome counts.{others}"
    )


def _confirming_drug(outcome: Outcome) -> str:
    own = load_diagnoses()[outcome.diagnosis]
    if outcome.confirming_drugs is None:
        return ""
    is_own = outcome.confirming_drugs == own.confirming_drugs
    return f" or by {own.confirmed_by if is_own else f'a record of {sets([outcome.confirming_drugs])}'}"


def _affinity(protocol: Protocol) -> str:
    a = protocol.affinity
    return (
        f"A drug's class follows by rule from measurements and findings of grade {listed(list(a.grades))}. "
        f"Values in nM make a geometric mean: up to {a.high_nm:,g} high, up to {a.moderate_nm:,g} moderate, "
        f"up to {a.low_nm:,g} low, above that none. High and moderate are binders, low and none are "
        "non-binders. A drug without such evidence is unknown, a class of its own that is never folded into "
        "another."
    )


def _disclosure(protocol: Protocol) -> str:
    least = protocol.disclosure.min_cell_count
    if least <= 1:
        return "No count is suppressed."
    return (
        f"Counts from 1 to {least - 1} are suppressed, together with everything from which they could be "
        "worked out. This page was made from the suppressed files alone."
    )


def field_table(protocol: Protocol) -> dict[str, list[FieldRow]]:
    """The protocol's fields by section."""
    sections: dict[str, list[FieldRow]] = {}
    default = Protocol()
    for section, name, field in leaf_fields():
        value = getattr(getattr(protocol, section), name)
        is_changed = value != getattr(getattr(default, section), name)
        row = FieldRow(name, _told(value), field.description or "", is_changed)
        sections.setdefault(humanised(section), []).append(row)
    return sections


def _told(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_told(item)}" for name, item in value.items()) or "none"
    if isinstance(value, tuple | list):
        return ", ".join(_told(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
