"""Rows of the page's tables, every cell already text.

In: a release. Out: small frozen rows that the template prints as they are. A row without an estimate
carries its reason in the place of the numbers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cohort.diagnoses import words_of
from cohort.report.classes import EXPOSURES, exposure_of, look_of
from cohort.report.composition import TSPO_CLASSES, was_dispensed
from cohort.report.effects import Effect, full_reason
from cohort.report.numbers import ABSENT, count, humanised, p_value, ratio, share, to_number, with_bounds
from cohort.report.release import Release, Row
from cohort.results import (
    AGE_AT_ENTRY,
    BY_DRUG,
    CONTINUOUS_AGE,
    FINE_GRAY,
    FULLY_ADJUSTED,
    OVERALL,
    UNADJUSTED,
    Estimate,
)

_MODELS: Mapping[str, str] = {
    FINE_GRAY: "subdistribution",
    AGE_AT_ENTRY: "by age at entry",
    CONTINUOUS_AGE: "by continuous age",
    BY_DRUG: "drug by drug",
    UNADJUSTED: "unadjusted",
    FULLY_ADJUSTED: "fully adjusted",
}
"""What is said of the models beside those of the main tables."""


@dataclass(frozen=True)
class EffectRow:
    """A row of a table of hazard ratios; `reason` is empty where there is one."""

    label: str
    persons_exposed: str
    events: str
    events_exposed: str
    person_years: str
    hazard_ratio: str
    p: str
    detectable: str
    truth: str
    reason: str
    known: str


@dataclass(frozen=True)
class EffectGroup:
    """Rows of one exposure."""

    name: str
    colour: str
    rows: Sequence[EffectRow]

    @property
    def is_single(self) -> bool:
        """Whether the group has one row, which then needs no heading."""
        return len(self.rows) == 1


def effect_group(exposure: str, effects: Iterable[Effect]) -> EffectGroup:
    """The rows of one exposure in order."""
    look = look_of(exposure)
    return EffectGroup(look.name, look.colour, [effect_row(effect) for effect in effects])


def effect_row(effect: Effect) -> EffectRow:
    """One hazard ratio with its counts."""
    e = effect.estimate
    truth = ABSENT if effect.truth is None else ratio(effect.truth)
    if e is None:
        return EffectRow(effect.label, *4 * (ABSENT,), "", "", ABSENT, truth, full_reason(None), ABSENT)
    is_reference = effect.bounds is not None and e.se_log_hr is None and e.hazard_ratio == 1
    return EffectRow(
        effect.label,
        count(e.persons_exposed),
        count(e.events),
        count(e.events_exposed),
        count(e.person_years),
        "1 (reference)" if is_reference else with_bounds(e.hazard_ratio, e.ci_lower, e.ci_upper),
        p_value(e.p_value),
        ratio(e.mdrr),
        truth,
        "" if effect.bounds else full_reason(e),
        known(e),
    )


def known(estimate: Estimate) -> str:
    """Share of exposed time with a known dose, and share of the dose that was computed."""
    if estimate.known_time_share is None and estimate.known_dose_share is None:
        return ABSENT
    return f"{share(estimate.known_time_share)} / {share(estimate.known_dose_share)}"


@dataclass(frozen=True)
class NotShown:
    """Estimates that were asked for and have no number, alike in everything but the age stratum."""

    analysis: str
    outcome: str
    exposure: str
    term: str
    reason: str
    ages: str


def not_shown(release: Release) -> list[NotShown]:
    """Every estimate without a number, with its reason."""
    ages: dict[tuple[str, str, str, str, str], list[str]] = {}
    for e in release.estimates:
        if e.status != "ok" or e.hazard_ratio is None:
            key = (e.analysis, _outcome(e), look_of(e.exposure).name, e.term, full_reason(e))
            ages.setdefault(key, []).append(age_label(e.age_stratum))
    return [NotShown(*key, ages=", ".join(found)) for key, found in ages.items()]


def _outcome(estimate: Estimate) -> str:
    """The outcome, and the model where it is not one of the main tables' models."""
    model, outcome = _MODELS.get(estimate.model, ""), words_of(estimate.outcome)
    return f"{outcome}, {model}" if model else outcome


def age_label(stratum: str) -> str:
    """An age stratum as a reader calls it."""
    return "All ages" if stratum == OVERALL else stratum


@dataclass(frozen=True)
class DrugClass:
    """The drugs of one class: those dispensed to the cohort, and the rest."""

    name: str
    colour: str
    dispensed: Sequence[Row]
    others: Sequence[Row]


def drug_classes(drugs: Sequence[Row]) -> list[DrugClass]:
    """Drugs by class, the most dispensed first."""
    classes = []
    for tspo_class in TSPO_CLASSES:
        look = EXPOSURES[exposure_of(tspo_class)]
        rows = sorted((row for row in drugs if row.get("tspo_class") == tspo_class), key=_most_dispensed)
        used = [row for row in rows if was_dispensed(row)]
        classes.append(DrugClass(look.name, look.colour, used, [row for row in rows if not was_dispensed(row)]))
    return classes


def _most_dispensed(row: Row) -> tuple[float, str]:
    return -(to_number(row.get("fills", "")) or 0.0), row.get("drug", "")


@dataclass(frozen=True)
class TimeGroup:
    """Person-time of one exposure: rows of age stratum and dose category."""

    name: str
    colour: str
    rows: Sequence[Row]


def time_groups(person_time: Sequence[Row]) -> list[TimeGroup]:
    """Person-time by exposure, in the order of the file."""
    exposures = dict.fromkeys(row["exposure"] for row in person_time)
    return [
        TimeGroup(look_of(e).name, look_of(e).colour, [row for row in person_time if row["exposure"] == e])
        for e in exposures
    ]


def crude_rate(row: Row) -> str:
    """Events of the outcome per 1,000 person-years, where both were released."""
    events, time = to_number(row.get("events", "")), to_number(row.get("person_years", ""))
    return f"{events / time * 1000:.1f}" if events is not None and time else ABSENT


def facts(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A record of the run as names and values, nested ones joined."""
    return [(humanised(str(key)), _fact(value)) for key, value in record.items()]


def _fact(value: Any) -> str:
    if value is None or value == "":
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_fact(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_fact(item) for item in value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


def is_linear(estimate: Estimate) -> bool:
    """Whether an estimate is per unit of dose, not of a category."""
    return estimate.term.startswith("per ")
