"""Whether the class holds: each drug's hazard ratio, and the contrast with the drugs sorted or adjusted otherwise.

In: a release. Out: groups of a forest plot and rows of a table, every cell already text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cohort.models.class_checks import BESIDE, LEAVE_ONE_OUT, PERMUTATION, WEIGHTED
from cohort.report.classes import EXPOSURES, exposure_of, look_of
from cohort.report.effects import Effect, why_not
from cohort.report.forest import Group
from cohort.report.numbers import ABSENT, p_value, with_bounds
from cohort.report.release import Release, Row, told
from cohort.results import BY_DRUG, CONTRAST

_SAYS: Mapping[str, str] = {
    "as planned": "The classes as the protocol sorts them; by the same model as above.",
    LEAVE_ONE_OUT: "The drug keeps its own dose in the model: who takes it does not become unexposed. A class "
    "effect stays; one that goes with a single drug was that drug's.",
    "bound of a binder": "Up to which value of Ki a drug counts as a binder.",
    "grades of evidence": "A: binding constants; B: findings of binding studies; C: indirect findings; D: inference "
    "from structure, which forces a class on nearly every drug.",
    "value of a drug": "Where a drug has several values, the least or the largest in place of their geometric mean.",
    BESIDE: "The contrast beside what else the drugs have in common: their dose counts a second time in a "
    "column of all long-acting drugs, of all drugs of high potency, or both.",
    "class by half-life": "Binders against non-binders of the same half-life.",
    "dose by affinity": "Every drug of measured affinity in one dose, weighted by how strongly it binds.",
}
_OTHER = {WEIGHTED: "Dose weighted by affinity"}


@dataclass(frozen=True)
class CheckRow:
    """A check; `reason` is empty where there is an estimate."""

    label: str
    drugs: str
    hazard_ratio: str
    p: str
    reason: str


@dataclass(frozen=True)
class CheckGroup:
    """The rows of one kind of check, and what it says."""

    name: str
    says: str
    rows: Sequence[CheckRow]


def check_groups(release: Release) -> list[CheckGroup]:
    """The checks in the order of the file."""
    rows: dict[str, list[CheckRow]] = {}
    for row in release.class_checks:
        rows.setdefault(row["check"], []).append(_check_row(row))
    return [CheckGroup(name[:1].upper() + name[1:], _SAYS.get(name, ""), found) for name, found in rows.items()]


def _check_row(row: Row) -> CheckRow:
    ratio = with_bounds(told(row, "hazard_ratio"), told(row, "ci_lower"), told(row, "ci_upper"))
    exposure = _OTHER.get(row["exposure"]) or look_of(row["exposure"]).name
    label = ", ".join(part for part in (row["variant"], "" if row["exposure"] == CONTRAST else exposure) if part)
    status = row.get("status", "ok")
    reason = "" if status == "ok" else why_not(status)
    drugs = row["drugs"].replace("_", " ").replace(" / ", " against ")
    return CheckRow(label or exposure, drugs or ABSENT, ratio, p_value(told(row, "p_value")), reason)


def drug_groups(release: Release) -> list[Group]:
    """The drugs' estimates by class, the most dispensed drug first; none where the release has no such model."""
    found = {row.exposure: row for row in release.rows(model=BY_DRUG)}
    groups = []
    for tspo_class in ("binder", "non_binder", "unknown"):
        names = [row["drug"] for row in release.drugs if row.get("tspo_class") == tspo_class and row["drug"] in found]
        effects = [Effect(name.replace("_", " "), found[name]) for name in names]
        groups += [Group(EXPOSURES[exposure_of(tspo_class)], effects)] if effects else []
    return groups


def said_of_permutation(release: Release) -> str:
    """The permutation test in a sentence; empty where the release has none."""
    test = release.diagnostic(PERMUTATION)
    return f"{test.meaning} Here p is {p_value(test.p_value)}." if test and test.p_value is not None else ""
