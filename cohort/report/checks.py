"""Is the answer to be believed? The run's diagnostics, the gravest first, and what they forbid.

In: `diagnostics.csv`, and the balances of `run.json`. Out: checks with their verdicts. A check that failed
on the primary analysis, or on the run as a whole, closes the gate: the page then gives no answer.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cohort.analyses import PRIMARY
from cohort.report.classes import EXPOSURES
from cohort.report.numbers import count, difference, p_equals, ratio, share
from cohort.report.release import Release
from cohort.results import PERSON_SAMPLE, Diagnostic

VERDICTS: Mapping[str, tuple[str, str]] = {
    "fail": ("✕", "failed"),
    "warn": ("!", "warning"),
    "pass": ("✓", "passed"),
    "info": ("i", "for information"),
}
"""Mark and word of each verdict, the gravest first."""


_VALUES: Mapping[str, Callable[[float], str]] = {
    "channelling": lambda value: f"{difference([100 * value], 1)} points",
    "conservation": lambda value: f"{count(value)} balances",
    "cross-check with lifelines": lambda value: f"difference {short(value)}",
    "detectable hazard ratio": ratio,
    "dose computed": share,
    "dose coverage": share,
    "dose discarded": share,
    "events per parameter": lambda value: f"{short(value)} events",
    "fraction of missing information": share,
    "lag curve": lambda value: f"ratio of ratios {ratio(value)}",
    "missing dose bounds": lambda value: f"difference {short(value)}",
    "permutation of the classes": lambda value: f"{count(value)} ways",
    PERSON_SAMPLE: share,
    "trend over dose categories": lambda value: f"hazard ratio {ratio(value)}",
}
"""How the value of a diagnostic reads; of one that is not here it stands as it is."""


@dataclass(frozen=True)
class Finding:
    """One row of a check. `of` says what was checked; `meaning` is empty where the check's own holds.

    `is_first` marks what is read first: the primary analysis, and all that did not pass.
    """

    of: str
    figures: str
    verdict: str
    meaning: str
    is_first: bool


@dataclass(frozen=True)
class Check:
    """A diagnostic with all its rows; its verdict is the gravest of theirs."""

    name: str
    verdict: str
    meaning: str
    findings: Sequence[Finding]

    @property
    def first(self) -> list[Finding]:
        """The findings that are read first."""
        return [finding for finding in self.findings if finding.is_first]

    @property
    def rest(self) -> list[Finding]:
        """The others: those of other analyses that passed or only inform."""
        return [finding for finding in self.findings if not finding.is_first]

    @property
    def mark(self) -> str:
        """A sign that does not need a colour."""
        return VERDICTS[self.verdict][0]

    @property
    def word(self) -> str:
        """The verdict as a word."""
        return VERDICTS[self.verdict][1]


def checks(release: Release) -> list[Check]:
    """All diagnostics, grouped by name, the gravest first."""
    by_name: dict[str, list[Diagnostic]] = {}
    for row in release.diagnostics:
        by_name.setdefault(row.diagnostic, []).append(row)
    return sorted((_check(name, rows) for name, rows in by_name.items()), key=lambda check: _gravity(check.verdict))


def reasons_for_no_answer(release: Release) -> list[str]:
    """Failed checks that concern the primary analysis, in words; empty where the gate is open."""
    others = {estimate.analysis for estimate in release.estimates} - {PRIMARY}
    failed = [d for d in release.diagnostics if _verdict(d) == "fail" and d.analysis not in others]
    unbalanced = [b for b in release.run.get("conservation") or [] if b.get("holds") is False]
    return [
        *map(_reason, failed),
        *(f"A balance does not hold: {b.get('balance', 'not named')}." for b in unbalanced),
    ]


def _reason(row: Diagnostic) -> str:
    details = "; ".join(part for part in (_of(row), _figures(row)) if part)
    return f"The check “{row.diagnostic}” failed{f' ({details})' if details else ''}. {row.meaning}".strip()


def tally(found: Sequence[Check]) -> str:
    """The verdicts in a phrase, such as `5 checks passed, 1 warning`."""
    counts = {verdict: sum(check.verdict == verdict for check in found) for verdict in VERDICTS}
    parts = [
        f"{counts['fail']} failed" if counts["fail"] else "",
        f"{counts['warn']} with a warning" if counts["warn"] else "",
        f"{counts['pass']} passed" if counts["pass"] else "",
        f"{counts['info']} for information" if counts["info"] else "",
    ]
    return ", ".join(part for part in parts if part)


def _check(name: str, rows: Sequence[Diagnostic]) -> Check:
    shared = _shared_meaning(rows)
    findings = [_finding(row, "" if row.meaning == shared else row.meaning) for row in sorted(rows, key=_row_gravity)]
    verdict = min((finding.verdict for finding in findings), key=_gravity)
    return Check(name[:1].upper() + name[1:], verdict, shared, findings)


def _shared_meaning(rows: Sequence[Diagnostic]) -> str:
    """The meaning of more than half of the rows, said once; empty where there is none."""
    ((meaning, uses),) = Counter(row.meaning for row in rows).most_common(1)
    return meaning if uses > len(rows) / 2 else ""


def _finding(row: Diagnostic, meaning: str) -> Finding:
    verdict = _verdict(row)
    is_first = row.analysis in {PRIMARY, ""} or verdict in {"fail", "warn"}
    return Finding(_of(row), _figures(row), verdict, meaning, is_first)


def _of(row: Diagnostic) -> str:
    """What a row is about; the primary analysis goes without saying."""
    exposure = EXPOSURES[row.exposure].name if row.exposure in EXPOSURES else row.exposure
    analysis = "" if row.analysis == PRIMARY else row.analysis
    return ", ".join(part for part in (analysis, exposure) if part)


def _figures(row: Diagnostic) -> str:
    degrees = f" on {row.df:g} df" if row.df is not None else ""
    parts = [
        _VALUES.get(row.diagnostic, _value)(row.value) if row.value is not None else "",
        f"statistic {short(row.statistic)}{degrees}" if row.statistic is not None else "",
        p_equals(row.p_value) if row.p_value is not None else "",
    ]
    return ", ".join(part for part in parts if part)


def _value(value: float) -> str:
    return f"value {short(value)}"


def short(value: float) -> str:
    """A figure of any size in few characters."""
    if value == 0 or 0.001 <= abs(value) < 100:
        return f"{value:.3g}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1e}"


def _verdict(row: Diagnostic) -> str:
    """The verdict; one that is not known counts as failed, since nothing may pass by a slip of the pen."""
    return row.verdict if row.verdict in VERDICTS else "fail"


def _gravity(verdict: str) -> int:
    return list(VERDICTS).index(verdict)


def _row_gravity(row: Diagnostic) -> int:
    return _gravity(_verdict(row))
