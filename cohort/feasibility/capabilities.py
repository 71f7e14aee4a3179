"""What the study can do with a CDM, question by question: yes, limited and why, or no and why.

In: what was counted, and the protocol. Out: one `Capability` per question; nothing is read here.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from cohort.disclosure import shown_share
from cohort.feasibility.said import Said
from cohort.protocol import Protocol

Verdict = Literal["yes", "limited", "no"]
_MANY_WRONG = 0.01
"""More wrong rows than this share of a table limit what rests on it."""


class Capability(BaseModel):
    """A question that the study asks of a CDM, and whether this one can answer it."""

    model_config = ConfigDict(frozen=True)

    capability: str
    verdict: Verdict
    why: str


@dataclass(frozen=True)
class Found:
    """What was counted in a CDM; the counts are true ones.

    Attributes:
        rows: CDM table -> rows.
        broken: CDM table -> rule -> rows that break it.
        entering: persons who are observed long enough and reach the age of entry.
        with_dose: fills with strength, quantity and days of supply.
        set_records: concept set -> records of its concepts.
        stays: visits that are a stay in hospital.
        observed: the first and the last day that anybody is observed.
    """

    rows: Mapping[str, int]
    broken: Mapping[str, Mapping[str, int]]
    entering: int
    fills: int
    with_dose: int
    set_records: Mapping[str, int]
    stays: int
    problems: tuple[str, ...]
    observed: tuple[dt.date | None, dt.date | None]
    vocabulary_version: str | None


def capabilities(found: Found, protocol: Protocol, said: Said) -> tuple[Capability, ...]:
    """One entry per capability, in the order in which the study needs them."""
    judged = {
        "population": _population(found, protocol, said),
        "follow-up": _follow_up(found, protocol),
        "vocabulary": _vocabulary(found),
        "exposure": _exposure(found, said),
        "dose": _dose(found, protocol),
        "outcome": _outcome(found, protocol, said),
        "competing death": _death(found, said),
        "history": _history(found, protocol, said),
        "covariates": _covariates(found, protocol),
        "hospital stays": _stays(found, protocol, said),
    }
    return tuple(Capability(capability=name, verdict=said_so, why=why) for name, (said_so, why) in judged.items())


Judged = tuple[Verdict, str]


def _population(found: Found, protocol: Protocol, said: Said) -> Judged:
    needs = f"reach the age of {protocol.population.minimum_age_years} and are observed long enough"
    if not found.entering:
        return "no", f"nobody is known to {needs.replace('are', 'be')}"
    wrong = list(_much_wrong(found, "person", "observation_period"))
    who = f"{said.part_of(found.entering, found.rows['person'])} persons {needs}"
    return ("limited", f"{who}; {_and(wrong)}") if wrong else ("yes", who)


def _follow_up(found: Found, protocol: Protocol) -> Judged:
    first, last = found.observed
    if first is None or last is None:
        return "no", "nobody is observed"
    needed = protocol.population.prior_observation_days + protocol.exposure.lag_days
    days = (last - first).days
    span = f"observed from {str(first)[:4]} to {str(last)[:4]}"
    if days <= needed:
        return "no", f"{span}, which is less than prior observation and lag take ({needed:,} days)"
    if days <= 2 * needed:
        return "limited", f"{span}: prior observation and lag take {needed:,} of {days:,} days"
    return "yes", span


def _vocabulary(found: Found) -> Judged:
    version = f"version {found.vocabulary_version}" if found.vocabulary_version else "of unknown version"
    if not found.rows["concept"]:
        return "no", "there is no table concept: drugs and sets are found by their ids alone"
    if not found.rows["concept_ancestor"]:
        return "limited", f"{version}, without concept_ancestor: descendants are not found"
    return ("yes" if found.vocabulary_version else "limited"), version


def _exposure(found: Found, said: Said) -> Judged:
    if not found.fills:
        return "no", "there is no record of a study drug"
    wrong = list(_much_wrong(found, "drug_exposure"))
    fills = f"{said(found.fills)} fills of study drugs"
    return ("limited", f"{fills}; {_and(wrong)}") if wrong else ("yes", fills)


def _dose(found: Found, protocol: Protocol) -> Judged:
    if not found.fills:
        return "no", "there is no record of a study drug"
    share = shown_share(found.with_dose / found.fills) or 0
    says = f"{share:.1%} of fills have strength, quantity and days of supply"
    if not found.with_dose:
        return "no", "no fill has strength, quantity and days of supply"
    least = protocol.gates.known_dose_share
    return ("yes", says) if share >= least else ("limited", f"{says}; gates.known_dose_share asks for {least:.0%}")


def _outcome(found: Found, protocol: Protocol, said: Said) -> Judged:
    outcome = protocol.outcome
    records = found.set_records.get(outcome.concept_set, 0)
    if not records:
        return "no", f"there is no record of the concept set {outcome.concept_set}"
    says = f"{said(records)} records of {outcome.concept_set}"
    confirming = outcome.confirming_drugs
    if outcome.tier != "D1" and confirming and not found.set_records.get(confirming, 0):
        return "limited", f"{says}, and none of {confirming}: only a second code confirms"
    if not found.rows["concept_ancestor"]:
        return "limited", f"{says}; without concept_ancestor finer codes are missed"
    return "yes", says


def _death(found: Found, said: Said) -> Judged:
    if not found.rows["death"]:
        return "no", "there are no deaths: follow-up of the dead ends with their observation period"
    wrong = list(_much_wrong(found, "death"))
    deaths = f"{said(found.rows['death'])} deaths"
    return ("limited", f"{deaths}; {_and(wrong)}") if wrong else ("yes", deaths)


def _history(found: Found, protocol: Protocol, said: Said) -> Judged:
    records = sum(found.set_records.get(name, 0) for name in protocol.population.prevalent_sets)
    if not found.rows["observation"]:
        return "limited", "there is no table observation: a history of the outcome that is kept there is not seen"
    return "yes", f"{said(records)} records of the sets that keep out who has the outcome already"


def _covariates(found: Found, protocol: Protocol) -> Judged:
    asked = protocol.model.covariates
    absent = [name for name in asked if not found.set_records.get(name, 0)]
    if not asked:
        return "yes", "the protocol adjusts for none"
    if len(absent) == len(asked):
        return "no", f"there is no record of any of the {len(asked)} covariates"
    if absent:
        return "limited", f"no record of {len(absent)} of {len(asked)}: {', '.join(absent)}"
    return "yes", f"all {len(asked)} have records"


def _stays(found: Found, protocol: Protocol, said: Said) -> Judged:
    if not found.rows["visit_occurrence"]:
        return "no", "there are no visits"
    if not found.stays:
        return "no", f"none of {said(found.rows['visit_occurrence'])} visits is a stay in hospital"
    asked = "" if protocol.supply.hospital_stays == "pause" else " (supply.hospital_stays = ignore: not asked for)"
    return "yes", f"{said(found.stays)} stays{asked}"


def _much_wrong(found: Found, *tables: str) -> Iterator[str]:
    """Rules that more than a hundredth of a table's rows break; who has no full birth date can enter all the same."""
    for table in tables:
        for rule, count in found.broken.get(table, {}).items():
            if rule != "without_birth_day" and count > _MANY_WRONG * found.rows[table]:
                yield f"{rule.replace('_', ' ')} ({table})"


def _and(words: list[str]) -> str:
    return "in more than 1% of rows: " + ", ".join(words)
