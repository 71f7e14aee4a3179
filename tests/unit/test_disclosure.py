"""Nothing small can be had from the released tables by adding and subtracting, and nothing is hidden for nothing.

The reader of these tests is exact: whatever is a rational combination of the shown numbers is known to them, and so
is every part of a shown zero.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import chain, combinations, pairwise, product
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohort.disclosure import (
    SUPPRESSED,
    hidden_cells,
    releasable_steps,
    shown_share,
    suppress_attrition,
    suppress_cells,
    suppress_counts,
    suppress_estimates,
    suppress_time_at_risk,
)
from cohort.inputs import EXPOSURES, UNKNOWN_DOSE
from cohort.results import CONTRAST, ESTIMATE_COUNTS, OVERALL, Estimate, estimates_frame

Cell = tuple[str, ...]
few_examples = settings(max_examples=60, deadline=None, derandomize=True, database=None)
many_examples = settings(max_examples=300, deadline=None, derandomize=True, database=None)
counts_near_the_threshold = st.sampled_from([0, 1, 2, 3, 4, 5, 6, 9, 20, 60])


class Reader:
    """What follows from sums of unknown numbers by exact linear algebra.

    A sum is the set of its terms. `knows` says whether the sum of a set is a combination of the sums that were told.
    """

    def __init__(self, told: Iterable[Collection[Any]]) -> None:
        self.rows: dict[Any, dict[Any, Fraction]] = {}
        for terms in told:
            rest = self._reduced({term: Fraction(1) for term in terms})
            if rest:
                self._add(rest)

    def knows(self, terms: Collection[Any]) -> bool:
        return not self._reduced({term: Fraction(1) for term in terms})

    def _reduced(self, vector: dict[Any, Fraction]) -> dict[Any, Fraction]:
        for pivot in [term for term in vector if term in self.rows]:
            vector = _minus(vector, vector[pivot], self.rows[pivot])
        return vector

    def _add(self, vector: dict[Any, Fraction]) -> None:
        pivot = next(iter(vector))
        row = {term: value / vector[pivot] for term, value in vector.items()}
        self.rows = {p: _minus(r, r[pivot], row) if pivot in r else r for p, r in self.rows.items()}
        self.rows[pivot] = row


def _minus(vector: dict[Any, Fraction], times: Fraction, row: dict[Any, Fraction]) -> dict[Any, Fraction]:
    result = dict(vector)
    for term, value in row.items():
        result[term] = result.get(term, Fraction(0)) - times * value
    return {term: value for term, value in result.items() if value}


def is_small(count: int, threshold: int) -> bool:
    return 0 < count < threshold


def subsets(cells: Sequence[Cell]) -> Iterable[tuple[Cell, ...]]:
    return chain.from_iterable(combinations(cells, size) for size in range(1, len(cells) + 1))


# --- Tables with margins -----------------------------------------------------------------------------------


def with_margins(cells: Mapping[Cell, int]) -> dict[Cell, int]:
    """The cells, and every margin of them."""
    table: dict[Cell, int] = {}
    for cell, count in cells.items():
        for margin in product(*((label, OVERALL) for label in cell)):
            table[margin] = table.get(margin, 0) + count
    return table


def inner(key: Cell, table: Iterable[Cell]) -> frozenset[Cell]:
    """The cells without margins that a cell or margin is the sum of."""
    return frozenset(
        cell for cell in table if OVERALL not in cell and all(k in (c, OVERALL) for k, c in zip(key, cell, strict=True))
    )


def lines_of(table: Iterable[Cell]) -> list[list[Cell]]:
    """The parts of every line that has a total."""
    lines: dict[tuple[int, Cell], list[Cell]] = {}
    for key in table:
        for dimension, label in enumerate(key):
            if label != OVERALL:
                lines.setdefault((dimension, (*key[:dimension], OVERALL, *key[dimension + 1 :])), []).append(key)
    return list(lines.values())


def revealed(table: Mapping[Cell, int], hidden: Collection[Cell], threshold: int) -> set[tuple[Cell, ...]]:
    """Hidden cells, and small sums of hidden cells along a line, that follow from what is shown."""
    reader = Reader(inner(key, table) for key in table if key not in hidden)
    known = {(key,) for key in hidden if reader.knows(inner(key, table))}
    sums = {
        chosen
        for line in lines_of(table)
        for chosen in subsets([key for key in line if key in hidden and is_small(table[key], threshold)])
        if is_small(sum(table[key] for key in chosen), threshold)
        and reader.knows(frozenset(chain.from_iterable(inner(key, table) for key in chosen)))
    }
    return known | sums


@st.composite
def tables(draw: st.DrawFn, shapes: Sequence[tuple[int, ...]]) -> dict[Cell, int]:
    shape = draw(st.sampled_from(shapes))
    labels = [tuple(f"{'rcl'[d]}{i}" for i in range(size)) for d, size in enumerate(shape)]
    return with_margins({cell: draw(counts_near_the_threshold) for cell in product(*labels)})


SHAPES = ((1,), (3,), (6,), (2, 2), (3, 3), (2, 5), (4, 4), (2, 2, 2))


@many_examples
@given(tables(SHAPES), st.sampled_from([3, 5, 11]))
def test_no_hidden_cell_and_no_small_sum_follows_from_the_shown_cells(table: dict[Cell, int], threshold: int) -> None:
    hidden = hidden_cells(table, threshold)
    assert not revealed(table, hidden, threshold)


@many_examples
@given(tables(SHAPES), st.sampled_from([3, 5]))
def test_small_cells_are_hidden_zero_is_shown_and_nothing_is_hidden_without_need(
    table: dict[Cell, int], threshold: int
) -> None:
    hidden = hidden_cells(table, threshold)
    small = {key for key, count in table.items() if is_small(count, threshold)}
    assert small <= hidden
    assert all(table[key] for key in hidden)
    for key in hidden - small:
        assert revealed(table, hidden - {key}, threshold), f"{key} is hidden, and could be shown"


@many_examples
@given(tables(((3,), (3, 3), (2, 2, 2))))
def test_which_cells_are_hidden_does_not_depend_on_their_order(table: dict[Cell, int]) -> None:
    assert hidden_cells(table, 5) == hidden_cells(dict(reversed(table.items())), 5)


def test_a_table_without_small_cells_is_shown_whole() -> None:
    assert hidden_cells(with_margins({("r", "a"): 5, ("r", "b"): 0, ("s", "a"): 7, ("s", "b"): 90}), 5) == set()
    assert hidden_cells(with_margins({("r", "a"): 1, ("r", "b"): 2}), 0) == set()


def test_a_single_small_cell_takes_the_smallest_other_cell_with_it() -> None:
    table = with_margins({("a",): 3, ("b",): 40, ("c",): 7, ("d",): 0})
    assert hidden_cells(table, 5) == {("a",), ("c",)}


def test_two_small_cells_that_add_up_to_a_small_number_take_a_third_with_them() -> None:
    table = with_margins({("a",): 1, ("b",): 2, ("c",): 30, ("d",): 60})
    assert hidden_cells(table, 5) == {("a",), ("b",), ("c",)}


def test_a_cell_that_follows_only_from_rows_and_columns_together_is_protected() -> None:
    """Two rows and two columns without their shared cells leave the one hidden cell that lies in the two rows only.

    Each line by itself hides two cells that add up to 5 or more, but rows 1 + 2 less columns 1 + 2 are the cell (2, 3).
    """
    rows = ((3, 4, 50, 60), (4, 3, 2, 70), (80, 90, 4, 4), (60, 50, 3, 4))
    table = with_margins({(f"r{i}", f"c{j}"): n for i, row in enumerate(rows) for j, n in enumerate(row)})
    small = {key for key, count in table.items() if is_small(count, 5)}
    assert revealed(table, small, 5) == {(("r1", "c2"),)}
    assert not revealed(table, hidden_cells(table, 5), 5)


def test_rows_of_a_table_are_marked_in_their_own_order() -> None:
    table = pl.DataFrame({"drug": ["a", "overall", "b", "c"], "fills": [40, 63, 3, 20]})
    assert suppress_cells(table, ["drug"], "fills", 5).to_list() == [False, False, True, True]


# --- Attrition ---------------------------------------------------------------------------------------------


def attrition(first: int, excluded: Sequence[int]) -> pl.DataFrame:
    remaining = [first - sum(excluded[:i]) for i in range(len(excluded) + 1)]
    exclusions = [0, *excluded]
    return pl.DataFrame(
        {
            "number_records": remaining,
            "number_subjects": remaining,
            "reason_id": range(1, len(remaining) + 1),
            "excluded_records": exclusions,
            "excluded_subjects": exclusions,
        }
    )


@many_examples
@given(
    st.lists(counts_near_the_threshold, min_size=1, max_size=6),
    st.sampled_from([0, 1, 3, 5, 8, 1000]),
    st.sampled_from([3, 5, 11]),
)
def test_no_small_step_of_the_attrition_follows_from_the_shown_ones(
    excluded: list[int], left: int, threshold: int
) -> None:
    table = attrition(sum(excluded) + left, excluded)
    shown = suppress_attrition(table, threshold)
    assert shown.get_column("number_records").equals(shown.get_column("number_subjects"), check_names=False)
    terms = [*range(1, len(excluded) + 1), "left"]
    size = dict(zip(terms, [*excluded, left], strict=True))
    told = [
        frozenset(terms[step:])
        for step, number in enumerate(shown.get_column("number_subjects").to_list())
        if number is not None
    ]
    told += [
        frozenset([step])
        for step, number in enumerate(shown.get_column("excluded_subjects").to_list())
        if step and number is not None
    ]
    reader = Reader(told)
    nothing = {term for term in terms if not size[term]}
    for chosen in subsets([(term,) for term in terms if term not in nothing]):
        sum_of = frozenset(term for (term,) in chosen)
        if is_small(sum(size[term] for term in sum_of), threshold):
            assert not reader.knows(sum_of), f"{sorted(map(str, sum_of))} follows from {shown.rows()}"


@many_examples
@given(st.lists(st.sampled_from([0, 5, 40]), min_size=1, max_size=6), st.sampled_from([0, 5, 100]))
def test_an_attrition_without_small_steps_is_shown_whole(excluded: list[int], left: int) -> None:
    table = attrition(sum(excluded) + left, excluded)
    assert suppress_attrition(table, 5).equals(table)


def test_the_persons_left_at_the_end_stay_shown_since_other_tables_count_them() -> None:
    shown = suppress_attrition(attrition(1000, [0, 3, 0]), 5)
    assert shown.get_column("number_subjects").to_list() == [None, None, 997, 997]
    assert shown.get_column("excluded_subjects").to_list() == [0, 0, None, 0]


def test_a_small_exclusion_is_hidden_among_others() -> None:
    shown = suppress_attrition(attrition(1000, [20, 3, 40, 100]), 5)
    assert shown.get_column("excluded_subjects").to_list() == [0, None, None, 40, 100]
    assert shown.get_column("number_subjects").to_list() == [1000, None, 977, 937, 837]


# --- Person-time and estimates of one small world ----------------------------------------------------------

STRATA = ("50 to 64", "65 and over")
CATEGORIES = ("0", "1-90", UNKNOWN_DOSE)
Atom = tuple[str, str, str, str]
"""An age stratum and the dose category under each exposure: every released count is a sum over atoms."""
Atoms = frozenset[Atom]
ALL: Atoms = frozenset(product(STRATA, CATEGORIES, CATEGORIES, CATEGORIES))


def where(stratum: str = OVERALL, **categories: Collection[str]) -> Atoms:
    """Atoms of a stratum, restricted to categories under some exposures."""
    return frozenset(
        atom
        for atom in ALL
        if stratum in (OVERALL, atom[0])
        and all(atom[1 + EXPOSURES.index(e)] in allowed for e, allowed in categories.items())
    )


@cache
def in_category(exposure: str, category: str, stratum: str) -> Atoms:
    return where(stratum) if category == OVERALL else where(stratum, **{exposure: (category,)})


@cache
def known_dose(stratum: str) -> Atoms:
    """Person-time of the linear models: all doses are known."""
    return where(stratum, **dict.fromkeys(EXPOSURES, ("0", "1-90")))


@cache
def exposed(exposure: str, stratum: str) -> Atoms:
    """The exposed of the linear models."""
    if exposure == CONTRAST:
        return exposed("tspo_binder", stratum) | exposed("tspo_non_binder", stratum)
    return known_dose(stratum) & in_category(exposure, "1-90", stratum)


def sensitive() -> dict[str, Atoms]:
    """What a reader may ask for: every count that is released, and every difference of two that are nested."""
    asked: dict[str, Atoms] = {}
    for s in (*STRATA, OVERALL):
        known = known_dose(s)
        asked |= {f"all {s}": where(s), f"known {s}": known, f"unknown dose {s}": where(s) - known}
        for e in EXPOSURES:
            asked |= {f"{e} {c} {s}": in_category(e, c, s) for c in CATEGORIES}
            asked[f"{e} 0, other dose unknown {s}"] = in_category(e, "0", s) - known
            asked[f"{e} above 0, other dose unknown {s}"] = in_category(e, "1-90", s) - known
        for e in (*EXPOSURES, CONTRAST):
            asked |= {f"exposed {e} {s}": exposed(e, s), f"unexposed {e} {s}": known - exposed(e, s)}
        binder, other = exposed("tspo_binder", s), exposed("tspo_non_binder", s)
        asked |= {
            f"only one of two {s}": binder - other,
            f"only the other {s}": other - binder,
            f"both {s}": binder & other,
        }
    return asked


SENSITIVE = sensitive()
World = dict[Atom, int]


def size(world: World, atoms: Atoms) -> int:
    return sum(count for atom, count in world.items() if atom in atoms)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Counts of the atoms: few atoms hold anything, and what they hold is around the threshold."""
    atoms = sorted(ALL if draw(st.booleans()) else known_dose(OVERALL))
    chosen = draw(st.lists(st.sampled_from(atoms), min_size=1, max_size=10, unique=True))
    world = {atom: draw(st.sampled_from([1, 2, 3, 4, 5, 7, 30])) for atom in chosen}
    for stratum in STRATA:
        never = (stratum, "0", "0", "0")
        world[never] = world.get(never, 0) + draw(st.sampled_from([0, 2, 40]))
    return world


def time_at_risk(count: Callable[[Atoms], int]) -> tuple[pl.DataFrame, list[Atoms]]:
    """The person-time table and the atoms of each row, where persons and events are counted alike."""
    rows, atoms = [], []
    for e, s, c in product(EXPOSURES, (*STRATA, OVERALL), (*CATEGORIES, OVERALL)):
        n = count(in_category(e, c, s))
        atoms.append(in_category(e, c, s))
        rows.append((e, s, c, n, n, 0, n / 3))
    columns = ["exposure", "age_stratum", "category", "persons", "events", "deaths", "person_years"]
    return pl.DataFrame(rows, schema=columns, orient="row"), atoms


NUMBERS = ("hazard_ratio", "ci_lower", "ci_upper", "log_hr", "se_log_hr", "p_value", "mdrr")


def estimate(exposure: str, term: str, stratum: str, total: int, of_them: int, **fields: Any) -> Estimate:
    values: dict[str, Any] = {
        **{"analysis": "primary", "model": "cox", "outcome": "dementia", "time_scale": "age", "metric": "dme"},
        **{"reference": "per unit" if term.startswith("per ") else "0", "lag_days": 1095},
        **{"persons": total, "persons_exposed": of_them, "events": total, "events_exposed": of_them},
        **{"person_years": total / 3, **dict.fromkeys(NUMBERS, 0.5)},
        **fields,
    }
    return Estimate(exposure=exposure, term=term, age_stratum=stratum, **values)


def estimates(count: Callable[[Atoms], int]) -> tuple[pl.DataFrame, list[tuple[Atoms, Atoms]]]:
    """The rows of all models of dementia, and the atoms of each row's total and of its exposed."""
    rows, atoms = [], []
    for s in (*STRATA, OVERALL):
        linear = [(e, "per 365", known_dose(s), exposed(e, s)) for e in (*EXPOSURES, CONTRAST)]
        categories = [(e, c, where(s), in_category(e, c, s)) for e in EXPOSURES for c in CATEGORIES]
        for e, term, total, part in linear + categories:
            if term != UNKNOWN_DOSE or count(part):
                rows.append(estimate(e, term, s, count(total), count(part)))
                atoms.append((total, part))
    return estimates_frame(rows), atoms


Told = list[tuple[Atoms, int]]


def told_by_time(shown: pl.DataFrame, atoms: Sequence[Atoms], count: str) -> Told:
    return [(a, n) for a, n in zip(atoms, shown.get_column(count).to_list(), strict=True) if n is not None]


def told_by_estimates(shown: pl.DataFrame, atoms: Sequence[tuple[Atoms, Atoms]], count: str) -> Told:
    totals = told_by_time(shown, [total for total, _ in atoms], count)
    return totals + told_by_time(shown, [part for _, part in atoms], f"{count}_exposed")


def leaks(world: World, told: Told, threshold: int) -> list[str]:
    """What of the sensitive counts is small and follows from what was told; the parts of a zero are zero."""
    nothing = frozenset(chain.from_iterable(atoms for atoms, count in told if not count))
    reader = Reader(atoms - nothing for atoms, _ in told)
    return [
        name
        for name, atoms in SENSITIVE.items()
        if is_small(size(world, atoms), threshold) and reader.knows(atoms - nothing)
    ]


@few_examples
@given(worlds(), st.sampled_from([3, 5]))
def test_nothing_small_follows_from_person_time_and_estimates_together(world: World, threshold: int) -> None:
    time, time_atoms = time_at_risk(lambda atoms: size(world, atoms))
    rows, row_atoms = estimates(lambda atoms: size(world, atoms))
    by_time = suppress_time_at_risk(time, threshold)
    by_estimates = suppress_estimates(rows, threshold)
    told = told_by_time(by_time, time_atoms, "events") + told_by_estimates(by_estimates, row_atoms, "events")
    assert not leaks(world, told, threshold)
    assert not leaks(world, told_by_time(by_time, time_atoms, "persons"), threshold)


Path = frozenset[Atom]
"""Where a person was: one atom after another, and persons do not add up."""


def persons(paths: Mapping[Path, int]) -> Callable[[Atoms], int]:
    return lambda atoms: sum(count for path, count in paths.items() if path & atoms)


@few_examples
@given(
    st.dictionaries(
        st.frozensets(st.sampled_from(sorted(ALL)), min_size=1, max_size=4),
        st.sampled_from([1, 2, 3, 5, 30]),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from([3, 5]),
)
def test_no_two_nested_numbers_of_persons_differ_by_few(paths: dict[Path, int], threshold: int) -> None:
    """Persons who move are in several cells; who was never in one is the difference to its total."""
    count = persons(paths)
    time, time_atoms = time_at_risk(count)
    rows, row_atoms = estimates(count)
    by_time = dict(told_by_time(suppress_time_at_risk(time, threshold), time_atoms, "persons"))
    by_estimates = dict(told_by_estimates(suppress_estimates(rows, threshold), row_atoms, "persons"))
    told = by_time | by_estimates
    assert not [n for n in told.values() if is_small(n, threshold)]
    for s in (*STRATA, OVERALL):
        cells = [in_category(e, c, s) for e in EXPOSURES for c in CATEGORIES]
        parts = [exposed(e, s) for e in (*EXPOSURES, CONTRAST)]
        nested = [(where(s), a) for a in (*cells, known_dose(s))] + [(known_dose(s), a) for a in parts]
        nested += [(exposed(CONTRAST, s), a) for a in parts[:2]]
        nested += [(where(), where(s)), (known_dose(OVERALL), known_dose(s))]
        nested += [(in_category(e, c, OVERALL), in_category(e, c, s)) for e in EXPOSURES for c in CATEGORIES]
        nested += [(exposed(e, OVERALL), exposed(e, s)) for e in (*EXPOSURES, CONTRAST)]
        for larger, smaller in nested:
            if larger in told and smaller in told:
                assert not is_small(told[larger] - told[smaller], threshold)


@few_examples
@given(worlds(), st.sampled_from([3, 5]))
def test_no_estimate_shows_a_small_count_or_complement_and_zero_exposed_is_shown(world: World, threshold: int) -> None:
    rows, _ = estimates(lambda atoms: size(world, atoms))
    shown = suppress_estimates(rows, threshold)
    for before, after in zip(rows.to_dicts(), shown.to_dicts(), strict=True):
        for count in ("persons", "events"):
            few = [before[count], before[f"{count}_exposed"], before[count] - before[f"{count}_exposed"]]
            if any(is_small(n, threshold) for n in few):
                assert after["status"] == SUPPRESSED
                assert not any(after[number] for number in (*ESTIMATE_COUNTS, "person_years", *NUMBERS))
        words = [name for name, kind in rows.schema.items() if kind == pl.String and name != "status"]
        assert [before[name] for name in words] == [after[name] for name in words]


def with_shares(rows: pl.DataFrame, count: Callable[[Atoms], int]) -> pl.DataFrame:
    """The rows with the share of the exposed time whose dose is known, where a person is a unit of time."""
    shares = []
    for exposure, stratum in rows.select("exposure", "age_stratum").iter_rows():
        of = ("tspo_binder", "tspo_non_binder") if exposure == CONTRAST else (exposure,)
        exposed_to = frozenset(chain.from_iterable(where(stratum) - in_category(e, "0", stratum) for e in of))
        unknown = frozenset(chain.from_iterable(in_category(e, UNKNOWN_DOSE, stratum) for e in of))
        shares.append(1 - count(unknown) / count(exposed_to) if count(exposed_to) else None)
    return rows.with_columns(pl.Series("known_time_share", shares, dtype=pl.Float64), known_dose_share=pl.lit(0.5))


@few_examples
@given(worlds(), st.sampled_from([3, 5]))
def test_no_person_time_that_is_hidden_follows_from_a_share_of_known_time(world: World, threshold: int) -> None:
    """A class's share tells, to one per mille, its time of unknown dose and its exposed time: as if they were shown."""
    count = lambda atoms: size(world, atoms)  # noqa: E731
    time, time_atoms = time_at_risk(count)
    shown = suppress_estimates(with_shares(estimates(count)[0], count), threshold)
    told = told_by_time(suppress_time_at_risk(time, threshold), time_atoms, "persons")
    for row in shown.filter(pl.col("known_time_share").is_not_null(), pl.col("exposure") != CONTRAST).to_dicts():
        unknown = in_category(row["exposure"], UNKNOWN_DOSE, row["age_stratum"])
        zero = in_category(row["exposure"], "0", row["age_stratum"])
        told += [(atoms, count(atoms)) for atoms in (unknown, where(row["age_stratum"]) - zero)]
    assert not leaks(world, told, threshold)


@few_examples
@given(worlds())
def test_the_contrast_has_a_share_only_where_both_of_its_classes_have_one(world: World) -> None:
    count = lambda atoms: size(world, atoms)  # noqa: E731
    shown = suppress_estimates(with_shares(estimates(count)[0], count), 5)
    shares = {(e, s): share for e, s, share, ok in shown.select(
        "exposure", "age_stratum", "known_time_share", "status").iter_rows() if ok == "ok"}  # fmt: skip
    for stratum in (*STRATA, OVERALL):
        if shares.get((CONTRAST, stratum)) is not None:
            for exposure in ("tspo_binder", "tspo_non_binder"):
                cells = in_category(exposure, UNKNOWN_DOSE, stratum)
                assert not is_small(count(cells), 5)


@pytest.mark.parametrize(
    ("share", "shown"),
    [(None, None), (0.0, 0.0), (1.0, 1.0), (0.98765, 0.988), (0.99999, 0.999), (0.00001, 0.001), (1 - 1e-13, 1.0)],
)
def test_a_share_has_three_decimals_and_is_all_or_nothing_only_when_it_is(
    share: float | None, shown: float | None
) -> None:
    assert shown_share(share) == shown


def test_a_suppressed_row_has_no_shares_and_others_have_them_rounded() -> None:
    rows = [
        estimate("tspo_binder", term, OVERALL, 200, n, known_time_share=0.98765, known_dose_share=0.99999)
        for term, n in (("0", 100), ("1-90", 3), (">90", 97))
    ]
    rows += [replace(rows[0], exposure="tspo_unknown", known_time_share=None)]
    shown = suppress_estimates(estimates_frame(rows), 5).select("status", "known_time_share", "known_dose_share").rows()
    assert shown == [("ok", 0.988, 0.999), ("suppressed", None, None), ("suppressed", None, None), ("ok", None, 0.999)]


def test_a_share_is_hidden_where_few_persons_have_an_unknown_dose() -> None:
    """3 of 200 persons have one: their time would be 1.2 % of the exposed time, which the table of time tells."""
    counts = (("0", 100), ("1-90", 40), (">90", 57), (UNKNOWN_DOSE, 3))
    shares = {"known_time_share": 0.988, "known_dose_share": 0.9}
    rows = [estimate("tspo_binder", term, OVERALL, 200, n, **shares) for term, n in counts]
    linear = ("tspo_non_binder", "tspo_binder", CONTRAST, "tspo_unknown")
    rows += [estimate(e, "per 365", OVERALL, 197, 90, **shares) for e in linear]
    shown = suppress_estimates(estimates_frame(rows), 5)
    of_time = dict(shown.filter(pl.col("status") == "ok").select("term", "known_time_share").iter_rows())
    assert of_time["0"] is None
    assert shown.get_column("known_time_share").to_list()[-3:] == [None, None, 0.988]
    assert shown.get_column("known_dose_share").to_list()[-3:] == [0.9, 0.9, 0.9]


def test_the_reference_of_recency_is_the_last_to_be_hidden_too() -> None:
    """Small current use takes other use with it, not who never used."""
    counts = (("never", 30), ("current", 3), ("1-30 days ago", 40), (">30 days ago", 50))
    rows = [estimate("tspo_binder", term, OVERALL, 123, n, reference="never") for term, n in counts]
    shown = suppress_estimates(estimates_frame(rows), 5)
    assert shown.get_column("events_exposed").to_list() == [30, None, None, 50]


def test_never_is_tied_to_the_unexposed_as_zero_is() -> None:
    """48 never used, of whom 45 are in the linear model: 3 have another dose unknown."""
    categories = [estimate("tspo_binder", term, OVERALL, 100, n, reference="never") for term, n in
                  (("never", 48), ("current", 52))]  # fmt: skip
    other = [estimate("tspo_unknown", term, OVERALL, 100, n, reference="never") for term, n in
             (("never", 60), (UNKNOWN_DOSE, 40))]  # fmt: skip
    rows = estimates_frame([*categories, *other, estimate("tspo_binder", "per 365", OVERALL, 60, 15)])
    shown = suppress_estimates(rows, 5)
    assert shown.get_column("events").to_list()[-1] is None


def analysis(name: str, **strata: int) -> list[Estimate]:
    """Two dose categories, half of the events in each, of strata named like `of_50_to_64`."""
    return [
        estimate("tspo_binder", term, stratum.replace("_", " "), n, n // 2 + (n % 2) * (term == "0"), analysis=name)
        for stratum, n in strata.items()
        for term in ("0", "1-90")
    ]


def test_two_study_populations_do_not_tell_few_by_their_difference() -> None:
    """300 events in the one and 298 in the other are 2 that only one of them counts."""
    rows = estimates_frame([*analysis("primary", overall=300), *analysis("sixty", overall=298)])
    shown = suppress_estimates(rows, 5, {"sixty": "from 60 on"})
    assert shown.get_column("events").to_list() == [300, 300, None, None]
    assert shown.get_column("status").to_list() == ["ok", "ok", "ok", SUPPRESSED], "a category tells, never the last"
    far = estimates_frame([*analysis("primary", overall=300), *analysis("sixty", overall=290)])
    assert suppress_estimates(far, 5, {"sixty": "from 60 on"}).equals(far)


def test_a_smaller_population_is_not_taken_for_person_time_of_unknown_dose() -> None:
    """190 of 300: nothing is unknown in either population, so nothing is hidden."""
    rows = [*analysis("primary", overall=300), *analysis("women", overall=190)]
    rows += [estimate("tspo_binder", "per 365", OVERALL, n, n // 2, analysis=name)
             for name, n in (("primary", 300), ("women", 190))]  # fmt: skip
    frame = estimates_frame(rows)
    assert suppress_estimates(frame, 5, {"women": "women"}).equals(frame)


def test_a_total_near_another_populations_takes_a_second_stratum_with_it() -> None:
    """100 + 200 = 300 would give the 98 away that differ from 100 by 2."""
    first = analysis("primary", overall=400, young=100, middle=150, old=150)
    second = analysis("late", overall=300, young=98, middle=52, old=150)
    shown = suppress_estimates(estimates_frame([*first, *second]), 5, {"late": "late"})
    totals = shown.filter(pl.col("analysis") == "late").unique(["age_stratum"], maintain_order=True)
    hidden = dict(totals.select("age_stratum", "events").iter_rows())
    assert hidden["young"] is None
    assert list(hidden.values()).count(None) == 2


def test_bounds_do_not_tell_few_by_their_difference_from_the_primary_analysis() -> None:
    """Where missing doses count as none, 41 exposed have events; with known doses 39: 2 were of unknown dose."""
    counts = (("primary", 100, 39), ("missing-dose-zero", 100, 41), ("missing-dose-one-ddd", 100, 60))
    rows = [estimate("tspo_binder", "per 365", OVERALL, total, n, analysis=name) for name, total, n in counts]
    shown = suppress_estimates(estimates_frame(rows), 5)
    assert shown.get_column("events_exposed").to_list() == [39, None, 60]
    assert shown.get_column("hazard_ratio").to_list() == [0.5, 0.5, 0.5]


def test_bounds_do_not_tell_few_by_their_difference_from_the_categories() -> None:
    """100 events less 57 without a dose are 43 with any; where missing doses count as none there are 40."""
    rows = [estimate("tspo_binder", term, OVERALL, 100, n) for term, n in (("0", 57), ("1-90", 33), (UNKNOWN_DOSE, 10))]
    rows += [estimate("tspo_binder", "per 365", OVERALL, 100, 40, analysis="missing-dose-zero")]
    assert suppress_estimates(estimates_frame(rows), 5).get_column("events").to_list() == [100, 100, 100, None]


@few_examples
@given(worlds())
def test_tables_without_small_counts_are_released_unchanged(world: World) -> None:
    count = lambda atoms: 10 * size(world, atoms)  # noqa: E731
    time, rows = time_at_risk(count)[0], estimates(count)[0]
    assert suppress_time_at_risk(time, 5).drop("status").equals(time)
    assert suppress_time_at_risk(time, 5).get_column("status").unique().to_list() == ["ok"]
    assert suppress_estimates(rows, 5).equals(rows)


def of_strata(name: str, *counts: tuple[str, int, int], **fields: Any) -> list[Estimate]:
    """Linear rows of one exposure: (stratum, events, exposed events)."""
    return [estimate(name, "per 365", stratum, total, part, **fields) for stratum, total, part in counts]


def test_a_small_exposed_stratum_hides_the_counts_of_a_second_but_not_its_hazard_ratio() -> None:
    """6 + 30 + 2 = 38: with 2 hidden, 6 and 38 would give it away; a slope's standard error would not."""
    rows = of_strata(
        "tspo_binder", ("overall", 400, 38), ("50 to 64", 100, 30), ("65 to 74", 150, 6), ("75 and over", 150, 2)
    )
    shown = suppress_estimates(estimates_frame(rows), 5)
    assert shown.get_column("status").to_list() == ["ok", "ok", "ok", SUPPRESSED]
    assert shown.get_column("events_exposed").to_list() == [38, 30, None, None]
    assert shown.get_column("hazard_ratio").to_list() == [0.5, 0.5, 0.5, None]
    assert shown.get_column("mdrr").to_list() == [0.5, 0.5, None, None], "events follow from it"
    assert shown.get_column("person_years").is_null().to_list() == [False, False, True, True]


def test_a_dose_category_hidden_for_another_loses_its_hazard_ratio_too() -> None:
    """The standard error of a category nearly tells its events: 1/6 + 1/400 is its square without adjustment."""
    counts = {"0": 400, "1-90": 60, "91-180": 6, "181-365": 3, ">365": 20}
    rows = [estimate("tspo_binder", term, "overall", 489, n) for term, n in counts.items()]
    shown = suppress_estimates(estimates_frame(rows), 5)
    assert shown.get_column("hazard_ratio").to_list() == [0.5, 0.5, None, None, 0.5]


def test_models_that_differ_by_a_few_events_do_not_show_both_numbers() -> None:
    """100 events in all person-time less 98 in that of known dose are 2 after a fill of unknown dose."""
    rows = [estimate("tspo_binder", term, "overall", 100, n) for term, n in (("0", 60), ("1-90", 40))]
    rows += of_strata("tspo_binder", ("overall", 98, 39))
    shown = suppress_estimates(estimates_frame(rows), 5)
    assert shown.get_column("events").to_list() == [100, 100, None]
    assert shown.get_column("hazard_ratio").to_list() == [0.5, 0.5, 0.5]


def test_persons_hidden_in_one_outcome_are_hidden_in_the_other() -> None:
    """Both outcomes are of the same persons."""
    rows = [estimate("tspo_binder", term, "overall", 100, n) for term, n in (("0", 60), ("1-90", 40))]
    rows += of_strata("tspo_binder", ("overall", 98, 39))
    rows += of_strata("tspo_binder", ("overall", 98, 39), outcome="death", events=50, events_exposed=20)
    assert suppress_estimates(estimates_frame(rows), 5).get_column("persons").to_list() == [100, 100, None, None]


def test_a_stratum_hidden_in_one_analysis_is_hidden_in_all() -> None:
    """Analyses share the totals of the strata: 300 - 207 - 90 would be the 3 events of the youngest."""
    strata = {"overall": 300, "50 to 64": 3, "65 to 74": 90, "75 and over": 207}
    rows = [
        estimate("tspo_binder", term, stratum, total, share * total // 3, analysis=analysis)
        for analysis, split in (("primary", (1, 2)), ("lag-0y", (3, 0)))
        for stratum, total in strata.items()
        for term, share in zip(("0", "1-90"), split, strict=True)
    ]
    shown = suppress_estimates(estimates_frame(rows), 5)
    totals = shown.unique(["analysis", "age_stratum"]).group_by("age_stratum").agg(pl.col("events").max())
    assert dict(totals.iter_rows()) == {"overall": 300, "50 to 64": None, "65 to 74": None, "75 and over": 207}


def test_what_could_not_be_estimated_keeps_its_reason() -> None:
    why = "not estimable: no events where it is above zero"
    rows = [estimate("tspo_binder", "per 365", "overall", 100, 3, status=why)]
    shown = suppress_estimates(estimates_frame(rows), 5)
    assert shown.select("status", "events_exposed", "events").row(0) == (why, None, None)


def test_all_exposures_hide_the_same_total_of_a_stratum() -> None:
    world = {("50 to 64", "0", "0", "0"): 3, ("65 and over", "0", "0", "0"): 40, ("65 and over", "1-90", "0", "0"): 9}
    table, _ = time_at_risk(lambda atoms: size(world, atoms))
    totals = suppress_time_at_risk(table, 5).filter(pl.col("category") == OVERALL)
    assert totals.get_column("events").to_list() == [None, None, 52] * 3


def test_a_cell_of_few_persons_loses_all_its_numbers() -> None:
    columns = {"exposure": "tspo_binder", "age_stratum": OVERALL}
    table = pl.DataFrame(
        {
            "category": ["0", "1-90", ">90", OVERALL],
            "persons": [90, 3, 40, 100],
            "events": [20, 0, 9, 29],
            "deaths": [30, 0, 0, 30],
            "person_years": [400.0, 1.5, 100.0, 501.5],
        }
    ).with_columns(pl.lit(value).alias(name) for name, value in columns.items())
    shown = suppress_time_at_risk(table, 5)
    assert shown.row(1, named=True) | {"events": 0} == {
        **columns,
        **{"category": "1-90", "persons": None, "events": 0, "deaths": None, "person_years": None},
        "status": SUPPRESSED,
    }
    assert shown.get_column("person_years").to_list() == [400.0, None, None, 501.5], "501.5 would give it away"


# --- Tables without margins, and curves --------------------------------------------------------------------


@many_examples
@given(st.lists(counts_near_the_threshold, min_size=1, max_size=8), st.sampled_from([3, 5, 11]))
def test_a_small_row_is_not_what_is_missing_from_a_total(fills: list[int], threshold: int) -> None:
    table = pl.DataFrame({"fills": fills, "mg": [10.0 * n for n in fills]})
    shown = suppress_counts(table, ["fills"], threshold, ["mg"])
    hidden = [n for n, kept in zip(fills, shown.get_column("fills").to_list(), strict=True) if kept is None]
    assert shown.get_column("mg").is_null().equals(shown.get_column("fills").is_null(), check_names=False)
    if not any(is_small(n, threshold) for n in fills):
        assert not hidden
        return
    assert {n for n in fills if is_small(n, threshold)} <= set(hidden)
    assert all(hidden)
    could_be_more = [n for n in fills if n >= threshold]
    assert (len(hidden) > 1 and sum(hidden) >= threshold) or not could_be_more


def test_a_row_with_one_small_count_loses_all_its_counts() -> None:
    table = pl.DataFrame({"fills": [90, 12, 40], "persons": [20, 3, 30], "mg": [1.0, 2.0, 3.0]})
    shown = suppress_counts(table, ["fills", "persons"], 5, ["mg"])
    assert shown.rows() == [(None, None, None), (None, None, None), (40, 30, 3.0)]


@many_examples
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 12)), min_size=1, max_size=12), st.sampled_from([0, 3, 5]))
def test_between_shown_points_of_a_curve_lie_no_events_or_enough(steps: list[tuple[int, int]], threshold: int) -> None:
    events = [sum(n for n, _ in steps[: i + 1]) for i in range(len(steps))]
    at_risk = [n for _, n in steps]
    shown = releasable_steps(events, at_risk, threshold)
    points = [(0, threshold), *((e, r) for e, r, ok in zip(events, at_risk, shown, strict=True) if ok)]
    assert not any(is_small(later - sooner, threshold) for (sooner, _), (later, _) in pairwise(points))
    assert all(at >= threshold for _, at in points)
    assert threshold or all(shown)


def test_a_curve_waits_until_enough_events_have_come_together() -> None:
    assert releasable_steps([0, 2, 4, 6, 6, 9, 12], [50, 40, 30, 20, 10, 9, 4], 5) == [
        *(True, False, False, True, True),
        *(False, False),
    ]
