"""Who takes these drugs: Table 1 by the class of the first drug, and what adjusting for it changes.

In: a release. Out: rows of tables, every cell already text, and a sentence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cohort.analyses import PRIMARY
from cohort.balance import EVER, GROUPS, LAST_YEAR, YEARS
from cohort.report.classes import EXPOSURES
from cohort.report.effects import full_reason
from cohort.report.numbers import ABSENT, NO_BREAK, SUPPRESSED, count, listed, ratio, to_number, with_bounds
from cohort.report.release import Release, Row
from cohort.results import CONTRAST, COX, FULLY_ADJUSTED, OVERALL, UNADJUSTED, Estimate

HEADINGS = ("TSPO binder", "TSPO non-binder", "Affinity unknown", "Several at once", "No study drug")
"""What the groups of the table are called, in the order of `GROUPS`."""
_MINUS = "\N{MINUS SIGN}"
_LARGE = 0.1
_DIFFERENCES = ("smd_binder_non_binder", "smd_users_non_users")
_SPELLED: Mapping[str, str] = {
    "ptsd": "PTSD",
    "copd": "COPD",
    "ssri": "SSRI",
    "snri": "SNRI",
    "tca": "tricyclic antidepressants",
    "smoking_pl1166": "smoking",
    "arbs": "angiotensin receptor blockers",
    "ace_inhibitors": "ACE inhibitors",
    "antiepileptics_nonbenzo": "antiepileptics other than benzodiazepines",
    "anticholinergics_strong": "strong anticholinergics",
    "stroke_any": "stroke",
    "parkinsons_disease": "Parkinson's disease",
}


@dataclass(frozen=True)
class Difference:
    """A standardised difference; a large one is one of more than 0.1 either way."""

    text: str
    is_large: bool = False


@dataclass(frozen=True)
class BaselineRow:
    """A characteristic, with a cell for each group and the two differences."""

    label: str
    cells: Sequence[str]
    differences: Sequence[Difference]


@dataclass(frozen=True)
class BaselineGroup:
    """Rows under one heading; `absent` names what was recorded in nobody."""

    name: str
    rows: Sequence[BaselineRow]
    absent: str


def baseline_groups(release: Release) -> list[BaselineGroup]:
    """Table 1 in the order of the file."""
    rows: dict[str, list[Row]] = {}
    for row in release.balance:
        rows.setdefault(row["heading"], []).append(row)
    return [_group(heading, found) for heading, found in rows.items()]


def _group(heading: str, rows: Sequence[Row]) -> BaselineGroup:
    nobody = [row["characteristic"] for row in rows if row["level"] == EVER and _is_in_nobody(row)]
    shown = [_row(row) for row in rows if row["characteristic"] not in nobody]
    return BaselineGroup(heading, shown, listed([_name(name) for name in nobody]) if nobody else "")


def _is_in_nobody(row: Row) -> bool:
    return all(to_number(row[f"persons_{g}"]) == 0 for g in GROUPS)


def _row(row: Row) -> BaselineRow:
    differences = () if row["characteristic"] == "persons" else _DIFFERENCES
    return BaselineRow(_label(row), [_cell(row, g) for g in GROUPS], [_difference(row[name]) for name in differences])


def _label(row: Row) -> str:
    characteristic, level = row["characteristic"], row["level"]
    if level == YEARS:
        return "Age at entry, mean (SD)"
    if characteristic == "year of entry":
        return f"Entered from {level}"
    if level in (EVER, LAST_YEAR):
        name = _name(characteristic)
        return f"{name[:1].upper()}{name[1:]}, {level}"
    return level or "Persons"


def _name(concept_set: str) -> str:
    """A covariate as it stands within a sentence."""
    return _SPELLED.get(concept_set) or concept_set.replace("_", " ")


def _cell(row: Row, group: str) -> str:
    persons, percent = to_number(row[f"persons_{group}"]), to_number(row[f"percent_{group}"])
    if row["level"] == YEARS:
        mean, sd = to_number(row[f"mean_{group}"]), to_number(row[f"sd_{group}"])
        spread = "" if sd is None else f"{NO_BREAK}({sd:.1f})"
        return f"{mean:.1f}{spread}" if mean is not None else SUPPRESSED if persons is None else ABSENT
    if persons is None:
        return SUPPRESSED
    return count(persons) + ("" if percent is None else f"{NO_BREAK}({percent:.1f}%)")


def _difference(cell: str) -> Difference:
    value = to_number(cell)
    if value is None:
        return Difference(ABSENT)
    return Difference(f"{value:.2f}".replace("-0.00", "0.00").replace("-", _MINUS), abs(value) > _LARGE)


def said_of_balance(release: Release) -> str:
    """How many characteristics differ by more than 0.1, in a sentence; empty without a table."""
    rows = [row for row in release.balance if not _is_in_nobody(row)]
    told = {name: [v for row in rows if (v := to_number(row[name])) is not None] for name in _DIFFERENCES}
    if not any(told.values()):
        return ""
    classes, users = (f"{sum(abs(v) > _LARGE for v in found)} of {len(found)}" for found in told.values())
    return (
        f"Of the standardised differences that can be shown, {classes} are larger than {_LARGE:g} between those who "
        f"start with a binder and with a non-binder, and {users} between users and non-users."
    )


@dataclass(frozen=True)
class AdjustmentRow:
    """A class or the contrast, with a cell for each model."""

    name: str
    colour: str
    cells: Sequence[str]


_MODELS: Mapping[str, str] = {UNADJUSTED: "unadjusted", COX: "adjusted", FULLY_ADJUSTED: "fully adjusted"}


def adjustment_rows(release: Release) -> list[AdjustmentRow]:
    """The hazard ratios of the three models; none where the release has no other model than its own."""
    if not any(release.rows(model=model) for model in (UNADJUSTED, FULLY_ADJUSTED)):
        return []
    return [
        AdjustmentRow(look.name, look.colour, [_ratio(_linear(release, exposure, model)) for model in _MODELS])
        for exposure, look in EXPOSURES.items()
    ]


def _linear(release: Release, exposure: str, model: str) -> Estimate | None:
    own = release.outcome_of(PRIMARY)
    rows = release.rows(analysis=PRIMARY, exposure=exposure, model=model, age_stratum=OVERALL, outcome=own)
    return next((row for row in rows if row.term.startswith("per ")), None)


def _ratio(estimate: Estimate | None) -> str:
    if estimate is None or estimate.status != "ok" or estimate.hazard_ratio is None:
        return full_reason(estimate)
    return with_bounds(estimate.hazard_ratio, estimate.ci_lower, estimate.ci_upper)


def said_of_adjustment(release: Release) -> str:
    """What adjustment does to the ratio of the two classes, in a sentence; empty where fewer than two have a number."""
    found = {label: _linear(release, CONTRAST, model) for model, label in _MODELS.items()}
    ratios = {
        label: e.hazard_ratio for label, e in found.items() if e and e.status == "ok" and e.hazard_ratio is not None
    }
    if len(ratios) < 2:
        return ""
    told = listed([f"{ratio(value)} {label}" for label, value in ratios.items()])
    return (
        f"The ratio of binders to non-binders is {told}: what a model adjusts for moves it by a factor of "
        f"{ratio(max(ratios.values()) / min(ratios.values()))} at most."
    )
