"""Other ways to sort the drugs into TSPO classes than the protocol's: other bounds, other evidence, other values.

In: the protocol and the facts of `config/`. Out: for each way, the class of every study drug.
"""

from collections.abc import Iterator, Mapping, Sequence

from cohort.affinity import CutPoints, Summary, classify
from cohort.protocol import Protocol
from cohort.reference import load_affinities, load_drugs, load_findings

_GRADES = {"A only": ("A",), "A and B": ("A", "B"), "A to C": ("A", "B", "C"), "A to D": ("A", "B", "C", "D")}
"""Evidence from binding constants alone to inference from structure, which forces a class on nearly every drug."""
_VALUES: Mapping[str, Summary] = {"the least value of each drug": "least", "the largest value of each drug": "most"}

Classes = Mapping[str, str]
"""Drug -> binder, non_binder or unknown."""


def other_classifications(protocol: Protocol) -> Iterator[tuple[str, str, Classes]]:
    """What is tried, how, and the classes that follow; ways that are the protocol's own are left out."""
    own = protocol.affinity
    for bound in own.other_bounds_nm:
        if bound != own.moderate_nm:
            yield "bound of a binder", f"{bound:,g} nM", _classes(_with_bound(own, bound), own.grades)
    for name, grades in _GRADES.items():
        if grades != own.grades:
            yield "grades of evidence", name, _classes(own, grades)
    for name, summary in _VALUES.items():
        yield "value of a drug", name, _classes(own, own.grades, summary)


def _with_bound(cut_points: CutPoints, bound: float) -> CutPoints:
    """The bound of a binder moved; the other bounds, which part levels within a class, make room."""
    high, low = min(cut_points.high_nm, bound / 2), max(cut_points.low_nm, bound * 2)
    return CutPoints(high_nm=high, moderate_nm=bound, low_nm=low)


def _classes(cut_points: CutPoints, grades: Sequence[str], summary: Summary = "geometric mean") -> Classes:
    findings = load_findings()
    rows = [row for row in load_affinities() if row.role == "study_drug"]
    return {
        drug.drug: classify([r for r in rows if r.drug == drug.drug], findings, cut_points, grades, summary).tspo_class
        for drug in load_drugs()
    }
