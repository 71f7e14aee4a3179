"""Estimates of several analyses side by side: those that count dose otherwise, and the bounds for missing doses.

In: a release, and the protocol as run. Out: rows of text, one for each analysis, with a plain sentence for what was
changed in it. Hazard ratios of other units are not of the same size; they stand beside each other to compare direction.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cohort.analyses import LAG, MULTIPLE_IMPUTATION, PRIMARY
from cohort.diagnoses import words_of
from cohort.grid import is_cell
from cohort.protocol import SECTIONS, Protocol
from cohort.report.classes import CLASSES, EXPOSURES, metric_of
from cohort.report.effects import Effect, full_reason
from cohort.report.methods_dose import EQUIVALENCES
from cohort.report.numbers import ABSENT, EN_DASH, humanised, with_bounds, years
from cohort.report.release import Release
from cohort.report.tables import EffectGroup, effect_group, is_linear, known
from cohort.results import BOUND, CONTRAST, OVERALL, Estimate

COMPARED = ("tspo_binder", "tspo_non_binder", CONTRAST)
"""The exposures that are compared over analyses."""


@dataclass(frozen=True)
class Compared:
    """An analysis in one row.

    Attributes:
        name: of the analysis, in words.
        changed: what was changed in it, as a sentence.
        per: what its hazard ratios are per; empty where it has categories only.
        ratios: hazard ratio and interval of each of `COMPARED`, or the reason why there is none.
        known: share of exposed time with a known dose, and share of the dose computed, of the contrast.
        groups: its other tables, by caption; empty for the primary analysis.
    """

    name: str
    changed: str
    per: str
    ratios: Sequence[str]
    known: str
    groups: Mapping[str, Sequence[EffectGroup]]


def other_analyses(release: Release, protocol: Protocol | None) -> list[Compared]:
    """The primary analysis and those that the protocol asks for by name; none where there are no such."""
    changes = {spec.name: spec.changes for spec in protocol.analysis} if protocol else {}
    named = [a for a in release.analyses if a != PRIMARY and not a.startswith((LAG, BOUND)) and not is_cell(a)]
    rows = [_compared(release, a, a, in_words(changes.get(a, {}), protocol), _groups(release, a)) for a in named]
    return [_compared(release, PRIMARY, "Primary", "", {}), *rows] if named else []


def bounds(release: Release, draws: int | None) -> list[Compared]:
    """The primary analysis and the bounds for missing doses; none where there are no bounds."""
    names = {
        f"{BOUND}zero": ("No dose", "Each missing dose counts as none."),
        f"{BOUND}median-fill": ("Median fill", "Each missing dose is the median fill of its drug."),
        f"{BOUND}one-ddd": ("One DDD a day", "Each missing dose is one DDD a day."),
        MULTIPLE_IMPUTATION: (
            "Drawn fills",
            f"Each missing dose is drawn from computed fills, {draws or 'several'} times, and the results are pooled.",
        ),
    }
    found = [a for a in release.analyses if a.startswith(BOUND)]
    rows = [_compared(release, a, *names.get(a, (a, "")), {}) for a in found]
    return [_compared(release, PRIMARY, "Primary", "As the protocol says.", {}), *rows] if found else []


def bound_effects(release: Release, rows: Sequence[Compared], exposure: str) -> list[Effect]:
    """The estimates of an exposure in the rows of `bounds`."""
    names = [PRIMARY, *(a for a in release.analyses if a.startswith(BOUND))]
    return [Effect(row.name, release.linear(exposure, analysis=a)) for row, a in zip(rows, names, strict=True)]


def _compared(
    release: Release, analysis: str, name: str, changed: str, groups: Mapping[str, Sequence[EffectGroup]]
) -> Compared:
    rows = [release.linear(exposure, analysis=analysis) for exposure in COMPARED]
    some = next((row for row in rows if row), None)
    if some is None:
        return Compared(name, changed, "", ["in categories only"] * len(COMPARED), ABSENT, groups)
    per = f"{some.term.removeprefix('per ')} {metric_of(some.metric).unit}"
    of_dose = known(rows[-1]) if rows[-1] else ABSENT
    return Compared(name, changed, per, [ratio_or_reason(row) for row in rows], of_dose, groups)


def ratio_or_reason(estimate: Estimate | None) -> str:
    """A hazard ratio with its interval, or the reason why there is none."""
    if Effect("", estimate).bounds is None or estimate is None:
        return full_reason(estimate)
    return with_bounds(estimate.hazard_ratio, estimate.ci_lower, estimate.ci_upper)


def _groups(release: Release, analysis: str) -> dict[str, list[EffectGroup]]:
    """The linear estimates of an analysis with their counts, and those of its dose categories, all ages together."""
    linear = {e: release.linear(e, analysis=analysis) for e in EXPOSURES}
    rows = release.rows(analysis=analysis, age_stratum=OVERALL, outcome=release.outcome_of(analysis))
    categories = {e: [row for row in rows if row.exposure == e and not is_linear(row)] for e in CLASSES}
    tables = {
        "Per unit": [effect_group(e, [Effect(EXPOSURES[e].name, row)]) for e, row in linear.items() if row],
        "By category": [
            effect_group(e, [Effect(row.term.replace("-", EN_DASH), row) for row in found])
            for e, found in categories.items()
            if found
        ],
    }
    return {name: groups for name, groups in tables.items() if groups}


def in_words(changes: Mapping[str, Any], protocol: Protocol | None) -> str:
    """What an analysis changes, as plain sentences; the unit and the categories are seen in its rows."""
    leaves = {key.rpartition(".")[2]: value for key, value in changes.items()}
    told = [
        _SENTENCES[field](value) if field in _SENTENCES else _generic(field, value, protocol)
        for field, value in leaves.items()
        if field not in {"per", "category_bounds"}
    ]
    return " ".join(told) or "Only the unit or the categories are others."


def _generic(field: str, value: Any, protocol: Protocol | None) -> str:
    sections = [getattr(protocol, name) for name in SECTIONS] if protocol else []
    primary = next((getattr(section, field) for section in sections if field in type(section).model_fields), None)
    instead = f" instead of {_told(primary)}" if primary is not None else ""
    return f"{humanised(field)} is {_told(value)}{instead}."


def _told(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_told(item) for item in value)
    return "without limit" if value is None else f"{value:,g}" if isinstance(value, float) else str(value)


def _window(days: int | None) -> str:
    return f"Only a window of {years(days)} counts." if days else "The whole life before the lag counts."


def _cap(days: int | None) -> str:
    if days is None:
        return "Early refills carry forward without a limit."
    return f"Early refills carry forward at most {days:,} days."


def _metric(name: str) -> str:
    return f"Exposure is counted as {metric_of(name).measured}."


_SENTENCES: Mapping[str, Callable[[Any], str]] = {
    "metric": _metric,
    "window_days": _window,
    "carryover_cap_days": _cap,
    "lag_days": lambda days: f"The newest {years(days)} do not count." if days else "No recent dose is left out.",
    "equivalence_table": lambda name: f"Dose equivalences are those of {EQUIVALENCES.get(name, name)}.",
    "site_equivalents_mg": lambda mg: f"The site's own table has {len(mg)} drug{'' if len(mg) == 1 else 's'}.",
    "site_equivalents_source": lambda source: f"Its source: {str(source).rstrip('.')}.",
    "overlap": lambda rule: (
        "A fill of another drug of the class ends the earlier one."
        if rule == "switch"
        else "Supplies of two drugs of one class add up."
    ),
    "hospital_stays": lambda rule: (
        "Tablets wait during stays in hospital." if rule == "pause" else "Stays in hospital change nothing."
    ),
    "same_day_duplicates": lambda rule: (
        "Equal fills of one day count once." if rule == "collapse" else "Equal fills of one day all count."
    ),
    "diagnosis": lambda name: f"The outcome is {words_of(name)}.",
    "tier": lambda tier: f"The outcome is defined by tier {tier}.",
}
