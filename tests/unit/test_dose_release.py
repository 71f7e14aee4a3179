"""What is released of the dose ledger tells nothing small, and its diagnostics say what a reader must know."""

from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohort.counts import KnownDose
from cohort.dose_checks import dose_computed, dose_discarded, time_known
from cohort.dose_tables import GROUP, drugs_with_hidden_fills, release_coverage, release_supply
from cohort.inputs import EXPOSURES, UNKNOWN_DOSE
from cohort.protocol import Protocol
from cohort.results import Diagnostic

PROTOCOL = Protocol()
many_examples = settings(max_examples=200, deadline=None, derandomize=True, database=None)
Row = dict[str, Any]


# --- Coverage ----------------------------------------------------------------------------------------------


def covered(drug: str, fills: int, status: str = "computed", reason: str = "", **fields: Any) -> Row:
    row = {"drug": drug, "tspo_class": "binder", "route": "oral", "rule": "amount", "unit": "mg", "status": status}
    return row | {"reason": reason, "fills": fills, "persons": fills, "mg": 10.0 * fills} | fields


def coverage(*rows: Row) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema_overrides={"mg": pl.Float64})


def test_shares_are_of_the_fills_of_one_drug_route_rule_and_unit() -> None:
    shown = release_coverage(
        coverage(
            covered("b", 60),
            covered("a", 30, "imputed", "no strength"),
            covered("a", 60),
            covered("a", 10, "duplicate"),
            covered("a", 7, unit="gram"),
        ),
        5,
    )
    assert shown.select("drug", "unit", "status", "fills", "share").rows() == [
        ("a", "gram", "computed", 7, 1.0),
        ("a", "mg", "computed", 60, 0.6),
        ("a", "mg", "duplicate", 10, 0.1),
        ("a", "mg", "imputed", 30, 0.3),
        ("b", "mg", "computed", 60, 1.0),
    ]


def test_a_group_with_a_hidden_row_has_no_shares() -> None:
    """3 of 93 would follow from 90 fills that are 96.8 %."""
    rows = [covered("a", 90), covered("a", 3, "unknown", "no strength"), covered("b", 50), covered("c", 9)]
    shown = release_coverage(coverage(*rows), 5)
    assert shown.select("drug", "fills", "mg", "share").rows() == [
        ("a", 90, 900.0, None),
        ("a", None, None, None),
        ("b", 50, 500.0, 1.0),
        ("c", None, None, None),
    ]
    assert drugs_with_hidden_fills(shown) == {"a", "c"}


def test_hidden_duplicates_and_fills_out_of_scope_are_no_part_of_the_supply() -> None:
    rows = [covered("a", 90), covered("a", 3, "duplicate"), covered("b", 50), covered("b", 4, "out of scope")]
    assert drugs_with_hidden_fills(release_coverage(coverage(*rows), 5)) == set()


@many_examples
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([1, 3, 4, 5, 9, 60])), min_size=1, max_size=9))
def test_no_share_stands_beside_a_hidden_count(cells: list[tuple[str, int]]) -> None:
    rows = [covered(drug, fills, reason=f"reason {i}") for i, (drug, fills) in enumerate(cells)]
    for _, group in release_coverage(coverage(*rows), 5).group_by(GROUP):
        hidden = group.get_column("fills").is_null()
        assert group.get_column("share").is_null().all() == hidden.any()
        if not hidden.any():
            assert group.get_column("share").sum() == pytest.approx(1, abs=0.005)


# --- Supply ------------------------------------------------------------------------------------------------


def supplied(drug: str, fills: int, cut: int, **fields: Any) -> Row:
    """A drug whose fills are of ten days; each cut fill loses one day to the cap and one to a switch."""
    row = {"drug": drug, "fills": fills, "persons": fills, "days": 10 * fills, "days_taken": 10 * fills - 2 * cut}
    row |= {"days_discarded_by_cap": cut, "days_discarded_by_switch": cut, "fills_cut": cut, "persons_cut": cut}
    return row | {"dme_discarded": 0.5 * cut} | fields


def supply(*rows: Row, untold: Sequence[str] = ()) -> pl.DataFrame:
    return release_supply(pl.DataFrame(list(rows)), untold, 5)


def test_the_share_discarded_is_of_the_days() -> None:
    shown = supply(supplied("b", 100, 30), supplied("a", 50, 0))
    assert shown.columns[-1] == "share_discarded"
    assert shown.select("drug", "days", "days_taken", "share_discarded").rows() == [
        ("a", 500, 500, 0.0),
        ("b", 1000, 940, 0.06),
    ]


def test_few_cut_fills_hide_what_tells_of_cutting_in_two_drugs_or_more() -> None:
    """The days taken of all drugs are a balance of the run, so one hidden drug would follow."""
    shown = supply(supplied("a", 100, 3), supplied("b", 100, 20), supplied("c", 100, 50))
    assert shown.get_column("fills").to_list() == [100, 100, 100]
    assert shown.get_column("days").to_list() == [1000, 1000, 1000]
    for name in ("days_taken", "days_discarded_by_cap", "dme_discarded", "fills_cut", "persons_cut", "share_discarded"):
        assert shown.get_column(name).is_null().to_list() == [True, True, False], name


def test_few_uncut_fills_are_few_too() -> None:
    shown = supply(supplied("a", 50, 48), supplied("b", 100, 60), supplied("c", 300, 100))
    assert shown.get_column("share_discarded").is_null().to_list() == [True, True, False]


def test_a_drug_of_few_fills_loses_everything() -> None:
    shown = supply(supplied("a", 4, 0), supplied("b", 100, 20), supplied("c", 300, 100))
    assert shown.row(0) == ("a", *[None] * 10)
    assert shown.row(1)[1:5] == (None,) * 4
    assert shown.row(2, named=True)["fills"] == 300


def test_fills_that_would_tell_a_hidden_row_of_the_coverage_are_hidden() -> None:
    """90 computed fills are shown and 3 imputed are not: 93 supplied would tell."""
    released = release_coverage(coverage(covered("a", 90), covered("a", 3, "imputed", "x"), covered("b", 50)), 5)
    untold = drugs_with_hidden_fills(released)
    shown = supply(supplied("a", 93, 20), supplied("b", 50, 20), supplied("c", 60, 20), untold=sorted(untold))
    assert shown.get_column("fills").to_list() == [None, None, 60]
    assert shown.get_column("persons").to_list() == [None, None, 60]
    assert shown.get_column("share_discarded").null_count() == 0


# --- Diagnostics -------------------------------------------------------------------------------------------


def person_time(unknown: int, exposed: int = 100) -> pl.DataFrame:
    """One day each of exposed persons, of whom some have an unknown dose of a binder, and of one unexposed."""
    binder = [UNKNOWN_DOSE] * unknown + ["1-90"] * (exposed - unknown) + ["0"]
    zero = ["0"] * len(binder)
    columns = dict(zip(EXPOSURES, (binder, zero, zero), strict=True))
    return pl.DataFrame(
        {"person_id": range(len(binder)), "days": 1} | {f"category_{e}": cells for e, cells in columns.items()}
    )


@pytest.mark.parametrize(
    ("unknown", "verdict", "value"),
    [(0, "pass", 1.0), (4, "pass", None), (5, "pass", 0.95), (6, "warn", 0.94), (20, "warn", 0.8), (21, "fail", 0.79)],
)
def test_the_share_of_time_known_has_gates_and_is_not_told_of_few(
    unknown: int, verdict: str, value: float | None
) -> None:
    found = time_known(person_time(unknown), PROTOCOL)
    assert (found.diagnostic, found.verdict, found.value) == ("dose coverage", verdict, value)
    assert ("too few to be told" in found.meaning) == (value is None)


def test_without_exposed_time_there_is_nothing_to_study() -> None:
    assert time_known(person_time(0, exposed=0), PROTOCOL).verdict == "fail"


@pytest.mark.parametrize(
    ("known", "verdict", "value"),
    [
        ({"a": KnownDose(95.0, 100.0, 90, 5)}, "pass", 0.95),
        ({"a": KnownDose(100.0, 100.0, 90, 0), "b": KnownDose(70.0, 100.0, 90, 30)}, "warn", 0.85),
        ({"a": KnownDose(60.0, 100.0, 90, 30)}, "fail", 0.6),
        ({"a": KnownDose(60.0, 100.0, 90, 3)}, "fail", None),
        ({"a": KnownDose(0.0, None, 0, 30)}, "warn", None),
        ({"a": KnownDose(0.0, 0.0, 0, 0)}, "info", None),
        ({}, "info", None),
    ],
)
def test_the_share_of_dose_computed_has_the_same_gates(
    known: dict[str, KnownDose], verdict: str, value: float | None
) -> None:
    found = dose_computed(known, PROTOCOL)
    assert (found.diagnostic, found.verdict, found.value) == ("dose computed", verdict, value)


DRUGS = pl.DataFrame({"drug": ["a", "b", "c"], "mg_per_dme": [10.0, 0.5, None]})


def discarded(dme: float, cut: int = 50) -> Diagnostic:
    loss = pl.DataFrame([supplied("a", 100, cut, dme_discarded=dme), supplied("c", 10, 0, dme_discarded=0.0)])
    table = coverage(
        covered("a", 90, mg=400.0),
        covered("b", 9, "imputed", mg=30.0),
        covered("b", 9, "duplicate", mg=900.0),
        covered("c", 9, mg=900.0),
        covered("a", 9, "unknown", mg=None),
    )
    return dose_discarded(loss, table, DRUGS, PROTOCOL)


@pytest.mark.parametrize(
    ("dme", "cut", "verdict", "value"),
    [(0.0, 0, "info", 0.0), (1.9, 50, "info", 0.019), (2.0, 50, "warn", 0.02), (50.0, 4, "warn", None)],
)
def test_the_share_discarded_is_of_the_computed_and_imputed_dose(
    dme: float, cut: int, verdict: str, value: float | None
) -> None:
    """400 mg of a are 40 dme and 30 mg of b are 60; duplicates are no supply, and c has no equivalence."""
    found = discarded(dme, cut)
    assert (found.diagnostic, found.verdict, found.value) == ("dose discarded", verdict, value)


def test_without_supply_nothing_can_be_discarded() -> None:
    nothing = coverage(covered("a", 9, "unknown", mg=None))
    found = dose_discarded(pl.DataFrame([supplied("a", 9, 0)]), nothing, DRUGS, PROTOCOL)
    assert (found.verdict, found.value) == ("info", None)
