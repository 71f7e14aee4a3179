"""Which numbers of which estimates must be hidden, so that nothing small follows from what is shown.

In: rows of `estimates` with true counts, and which analyses study the same persons. Out: numbers of rows. The sums that
tie the counts together are in `cohort.study_sums`; here the rows are sorted into them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cohort.additive import Key, Shared, is_small
from cohort.analyses import PRIMARY
from cohort.counts import CONTRASTED
from cohort.inputs import UNKNOWN_DOSE
from cohort.results import BOUND, CONTRAST, ESTIMATE_COUNTS, OVERALL, UNCOUNTED_MODELS
from cohort.study_sums import REFERENCES, Categories, Linear, cells_to_hide, linear_to_hide, shared_totals

Row = dict[str, Any]
Numbered = tuple[int, Row]


@dataclass
class Hidden:
    """Numbers of rows.

    Attributes:
        counts: rows that lose their counts.
        rows: dose categories that must be hidden themselves, and lose everything.
        shares: rows that lose their share of known time, from which a hidden person-time would follow.
    """

    counts: set[int] = field(default_factory=set)
    rows: set[int] = field(default_factory=set)
    shares: set[int] = field(default_factory=set)


def estimates_to_hide(rows: Sequence[Row], threshold: int, populations: Mapping[str, str]) -> Hidden:
    """What must be hidden of estimates.

    Args:
        rows: columns of `ESTIMATE_SCHEMA` with true counts.
        threshold: counts from 1 to threshold - 1 are small.
        populations: analysis -> name of its study population; analyses that are absent study the same persons.
    """
    hidden = Hidden(counts=_near_bounds(rows, threshold))
    for measure in ("events", "persons"):
        numbered = [(i, r) for i, r in enumerate(rows) if r[measure] is not None and r["model"] not in UNCOUNTED_MODELS]
        # The models of all outcomes are of the same persons, so persons are decided on once.
        for together in _grouped(numbered, () if measure == "persons" else ("outcome",)):
            _hide_together(hidden, together, measure, threshold, populations)
    return hidden


def _hide_together(
    hidden: Hidden, together: Sequence[Numbered], measure: str, threshold: int, populations: Mapping[str, str]
) -> None:
    """One population after the other; each shows its totals to the next."""
    of_population: dict[str, list[Numbered]] = {}
    for i, row in together:
        of_population.setdefault(populations.get(row["analysis"], ""), []).append((i, row))
    shown: list[Mapping[str, int]] = []
    for numbered in of_population.values():
        totals = _totals(numbered, measure)
        shared = shared_totals(totals, threshold, measure == "persons", shown)
        shown.append(totals)
        for group in _grouped(numbered, ("analysis", "metric")):
            _hide_analysis(hidden, group, measure, totals, shared, threshold)


def _hide_analysis(
    hidden: Hidden,
    group: Sequence[Numbered],
    measure: str,
    totals: Mapping[str, int],
    shared: Shared,
    threshold: int,
) -> None:
    distinct = measure == "persons"
    tables = _category_tables(group, measure, totals, shared, threshold)
    gone = linear_to_hide(_linear_model(group, measure), tables, totals, shared, threshold, distinct)
    untold = _untold(tables, totals, shared) if distinct else set()
    # An estimate's standard error nearly tells how many events its own category has, but not how many persons.
    own = hidden.counts if distinct else hidden.rows
    for i, row in group:
        stratum, exposure = row["age_stratum"], row["exposure"]
        if is_linear(row):
            is_gone = bool(gone & {("known", stratum), (exposure, stratum)})
        else:
            is_gone = (stratum, OVERALL) in shared.keys
            own |= {i} if _cell(row) in tables[exposure].hidden else set()
        hidden.counts |= {i} if is_gone else set()
        hidden.shares |= {i} if (exposure, stratum) in untold else set()


def _untold(tables: Mapping[str, Categories], totals: Mapping[str, int], shared: Shared) -> set[Key]:
    """(exposure, stratum) whose share of known time would tell a hidden person-time: of unknown dose, or of none."""
    telling = (UNKNOWN_DOSE, *REFERENCES)
    untold = {
        (exposure, stratum)
        for exposure, table in tables.items()
        for stratum in totals
        if (stratum, OVERALL) in shared.keys or any((stratum, label) in table.hidden for label in telling)
    }
    return untold | {(CONTRAST, stratum) for exposure, stratum in untold if exposure in CONTRASTED}


def _near_bounds(rows: Sequence[Row], threshold: int) -> set[int]:
    """Bounds whose counts differ by few from those beside them: by who has a dose that was not computed."""
    beside: dict[Key, list[Mapping[str, int | None]]] = {}
    near = set()
    for i, row in enumerate(rows):
        others = beside.setdefault((row["outcome"], row["exposure"], row["age_stratum"]), [])
        if row["analysis"] != PRIMARY and not row["analysis"].startswith(BOUND):
            continue
        if is_linear(row):
            is_bound = row["analysis"] != PRIMARY
            near |= {i} if is_bound and any(_is_near(row, other, threshold) for other in others) else set()
            others.append({count: row[count] for count in ESTIMATE_COUNTS})
        elif row["term"] == row["reference"] and row["events"] is not None:
            others.append({"events_exposed": row["events"] - row["events_exposed"]})
    return near


def _is_near(row: Row, other: Mapping[str, int | None], threshold: int) -> bool:
    pairs = [(row[count], value) for count, value in other.items()]
    return any(a is not None and b is not None and is_small(abs(a - b), threshold) for a, b in pairs)


def _totals(numbered: Sequence[Numbered], measure: str) -> dict[str, int]:
    totals: dict[str, int] = {}
    for _, row in numbered:
        totals[row["age_stratum"]] = max(row[measure], totals.get(row["age_stratum"], 0))
    return totals


def _category_tables(
    group: Sequence[Numbered], measure: str, totals: Mapping[str, int], shared: Shared, threshold: int
) -> dict[str, Categories]:
    cells: dict[str, dict[Key, int]] = {}
    for _, row in group:
        if not is_linear(row):
            cells.setdefault(row["exposure"], {})[_cell(row)] = row[f"{measure}_exposed"]
    return {
        exposure: Categories(table, cells_to_hide(table, totals, shared, threshold, measure == "persons"))
        for exposure, table in cells.items()
    }


def _linear_model(group: Sequence[Numbered], measure: str) -> Linear:
    rows = [row for _, row in group if is_linear(row)]
    return Linear(
        {row["age_stratum"]: row[measure] for row in rows},
        {(row["exposure"], row["age_stratum"]): row[f"{measure}_exposed"] for row in rows},
    )


def is_linear(row: Row) -> bool:
    """Whether an estimate is per unit of dose, not of a dose category."""
    return bool(row["term"].startswith("per "))


def _cell(row: Row) -> Key:
    return (row["age_stratum"], row["term"])


def _grouped(rows: Sequence[Numbered], columns: Sequence[str]) -> Iterable[list[Numbered]]:
    groups: dict[Key, list[Numbered]] = {}
    for number, row in rows:
        groups.setdefault(tuple(row[c] for c in columns), []).append((number, row))
    return groups.values()
