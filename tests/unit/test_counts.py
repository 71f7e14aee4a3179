"""Counts behind estimates against counting by hand: persons once, events once, and who is exposed."""

import math
from collections.abc import Callable, Iterable

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohort.counts import (
    Counts,
    KnownDose,
    category_counts,
    known_dose_share,
    known_doses,
    known_shares,
    linear_counts,
    nobody,
)
from cohort.inputs import EXPOSURES, UNKNOWN_DOSE
from cohort.results import CONTRAST, OVERALL
from cohort.survival.inference import minimum_detectable_hazard_ratio

Row = dict[str, int | float | str]
few = settings(max_examples=80, deadline=None, derandomize=True, database=None)


@st.composite
def rows(draw: st.DrawFn) -> Row:
    doses = {e: draw(st.sampled_from([0.0, 0.5, 2.0])) for e in EXPOSURES}
    categories = {f"category_{e}": "0" if dose == 0 else "1-90" if dose < 1 else ">90" for e, dose in doses.items()}
    ends = draw(st.sampled_from([(0, 0), (1, 0), (0, 1)]))
    base = {"person_id": draw(st.integers(1, 4)), "days": draw(st.integers(1, 900)), "event": ends[0], "death": ends[1]}
    return {**base, **doses, **categories}


def by_hand(rows: Iterable[Row], is_exposed: Callable[[Row], bool], event: str) -> Counts:
    rows = list(rows)
    exposed = [row for row in rows if is_exposed(row)]
    return Counts(
        len({row["person_id"] for row in rows}),
        len({row["person_id"] for row in exposed}),
        sum(int(row[event]) for row in rows),
        sum(int(row[event]) for row in exposed),
        sum(int(row["days"]) for row in rows) / 365.25,
    )


@few
@given(st.lists(rows(), min_size=1, max_size=8), st.sampled_from(["event", "death"]))
def test_exposed_is_who_has_a_dose_and_the_contrast_is_of_who_has_either(drawn: list[Row], cause: str) -> None:
    found = linear_counts(pl.DataFrame(drawn), cause)
    for exposure in EXPOSURES:
        assert found[exposure] == by_hand(drawn, lambda row, e=exposure: row[e] > 0, cause)  # type: ignore[misc]
    either = by_hand(drawn, lambda row: row["tspo_binder"] > 0 or row["tspo_non_binder"] > 0, cause)  # type: ignore[operator]
    assert found[CONTRAST] == either
    assert list(found) == [*EXPOSURES, CONTRAST]


@few
@given(st.lists(rows(), min_size=1, max_size=8))
def test_a_category_counts_who_is_in_it_and_its_own_person_years(drawn: list[Row]) -> None:
    found = category_counts(pl.DataFrame(drawn), "tspo_binder")
    assert set(found) == {row["category_tspo_binder"] for row in drawn}
    for label, counts in found.items():
        expected = by_hand(drawn, lambda row, at=label: row["category_tspo_binder"] == at, "event")  # type: ignore[misc]
        years = sum(int(row["days"]) for row in drawn if row["category_tspo_binder"] == label) / 365.25
        assert counts == Counts(
            expected.persons, expected.persons_exposed, expected.events, expected.events_exposed, years
        )


def test_a_category_that_nobody_is_in_counts_all_persons_and_no_exposed() -> None:
    frame = pl.DataFrame({"person_id": [1, 1, 2], "days": [5, 5, 5], "event": [0, 1, 0], "death": [0, 0, 1]})
    assert nobody(frame) == Counts(2, 0, 1, 0, 0.0)


def test_an_empty_frame_counts_zero() -> None:
    columns = {"person_id": pl.Int64, "days": pl.Int32, "event": pl.Int8, "death": pl.Int8}
    frame = pl.DataFrame(schema={**columns, **dict.fromkeys(EXPOSURES, pl.Float64)})
    assert set(linear_counts(frame).values()) == {Counts(0, 0, 0, 0, 0.0)}


def test_the_detectable_ratio_is_that_of_the_share_of_persons_exposed() -> None:
    """Events 100, half of the persons exposed: 1.751228 (OHDSI CohortMethod)."""
    assert Counts(400, 200, 100, 60, 1.0).mdrr() == pytest.approx(1.751228, abs=5e-7)
    assert Counts(400, 100, 100, 60, 1.0).mdrr() == minimum_detectable_hazard_ratio(100, 0.25)


@pytest.mark.parametrize("counts", [Counts(0, 0, 0, 0, 0.0), Counts(9, 0, 5, 0, 1.0), Counts(9, 9, 5, 5, 1.0)])
def test_there_is_no_detectable_ratio_without_events_or_without_contrast(counts: Counts) -> None:
    assert counts.mdrr() is None
    assert math.isfinite(Counts(9, 4, 1, 1, 1.0).mdrr() or math.nan)


# --- How much of the dose is known -------------------------------------------------------------------------

COLUMNS = ("person_id", "days", "age_stratum", *(f"category_{e}" for e in EXPOSURES))


def person_time(*rows: tuple[int, int, str, str, str, str]) -> pl.DataFrame:
    """person, days, stratum, and the category of each class: `0`, `1`, or `?` for an unknown dose."""
    named = [tuple(UNKNOWN_DOSE if cell == "?" else cell for cell in row) for row in rows]
    return pl.DataFrame(named, schema=COLUMNS, orient="row")


def time_shares(frame: pl.DataFrame, threshold: int = 0, **given: object) -> dict[tuple[str, str], float | None]:
    found = known_shares(frame, {}, "0", threshold, **given)  # type: ignore[arg-type]
    return {key: known.known_time_share for key, known in found.items()}


SOME = person_time(
    (1, 30, "young", "1", "0", "0"),
    (1, 10, "old", "?", "1", "0"),
    (2, 60, "young", "1", "?", "0"),
    (3, 900, "old", "0", "0", "0"),
)


def test_known_time_is_the_exposed_time_without_unknown_dose_and_the_contrast_is_of_either_class() -> None:
    """Binder: 90 of 100 days; non-binder: 10 of 70; either: 100 days exposed, 30 of them known in both."""
    found = time_shares(SOME)
    assert found == {
        (OVERALL, "tspo_binder"): 0.9,
        (OVERALL, "tspo_non_binder"): pytest.approx(1 / 7),
        (OVERALL, "tspo_unknown"): None,
        (OVERALL, CONTRAST): pytest.approx(0.3),
    }


def test_shares_of_age_strata_are_of_their_own_time() -> None:
    found = time_shares(SOME, strata=["young", "old"])
    assert (found["young", "tspo_binder"], found["old", "tspo_binder"]) == (1.0, 0.0)
    assert found["old", CONTRAST] == 0.0
    assert len(found) == 8


def test_the_category_without_a_dose_is_the_first_one_by_any_name() -> None:
    frame = SOME.with_columns(pl.col("category_tspo_binder").replace("0", "never"))
    assert known_shares(frame, {}, "never", 0)[OVERALL, "tspo_binder"].known_time_share == 0.9


def cohort_of(unknown_young: int, unknown_old: int, of: str = "tspo_binder") -> pl.DataFrame:
    """Twenty exposed persons in each stratum, of whom some have an unknown dose of a class."""
    rows = []
    for stratum, unknown in (("young", unknown_young), ("old", unknown_old)):
        for person in range(20):
            category = "?" if person < unknown else "1"
            cells = tuple(category if e == of else "0" for e in EXPOSURES)
            rows.append((len(rows), 10, stratum, *cells))
    return person_time(*rows)  # type: ignore[arg-type]


def test_a_share_that_stands_on_few_persons_is_not_told_nor_are_those_from_which_it_follows() -> None:
    """Two young persons have an unknown dose: the old stratum and all ages would give their time away."""
    frame = cohort_of(2, 10)
    by_age = time_shares(frame, 5, strata=["young", "old"])
    assert set(by_age.values()) == {None}
    assert time_shares(frame, 5)[OVERALL, "tspo_binder"] == pytest.approx(28 / 40)
    assert time_shares(cohort_of(17, 17), 5, strata=["young"])["young", "tspo_binder"] is None, "three are known"
    assert time_shares(cohort_of(5, 0), 5, strata=["young", "old"])["young", "tspo_binder"] == 0.75


def test_the_contrast_is_not_told_where_one_of_its_classes_is_not() -> None:
    both = pl.concat([cohort_of(2, 0, "tspo_binder"), cohort_of(9, 0, "tspo_non_binder")])
    found = time_shares(both, 5)
    assert (found[OVERALL, "tspo_binder"], found[OVERALL, CONTRAST]) == (None, None)
    assert found[OVERALL, "tspo_non_binder"] is not None


def test_where_dose_categories_are_counted_disclosure_control_decides_later() -> None:
    assert time_shares(cohort_of(2, 0), 5, has_categories=True)[OVERALL, CONTRAST] == pytest.approx(38 / 40)
    assert time_shares(cohort_of(2, 0), 5)[OVERALL, CONTRAST] is None


TABLE = pl.DataFrame(
    {
        "tspo_class": ["binder", "non_binder", "unknown"],
        "persons_computed": [90, 50, 0],
        "persons_missing": [10, 0, 10],
        "dose": [1000.0, 500.0, None],
        "dose_computed": [800.0, 500.0, 0.0],
    }
)


def test_known_doses_are_named_by_exposure() -> None:
    assert known_doses(TABLE) == {
        "tspo_binder": KnownDose(800.0, 1000.0, 90, 10),
        "tspo_non_binder": KnownDose(500.0, 500.0, 50, 0),
        "tspo_unknown": KnownDose(0.0, None, 0, 10),
    }


def test_the_share_of_dose_computed_is_the_same_in_all_strata_and_the_contrast_is_of_both_classes() -> None:
    found = known_shares(SOME, known_doses(TABLE), "0", 5, ["young", "old"])
    for stratum in ("young", "old"):
        shares = [found[stratum, e].known_dose_share for e in (*EXPOSURES, CONTRAST)]
        assert shares == [0.8, 1.0, None, pytest.approx(1300 / 1500)]


def test_dose_shares_may_be_given_as_pairs_and_absent_classes_have_none() -> None:
    found = known_shares(SOME, {"tspo_binder": (3.0, 4.0)}, "0", 5)
    assert [found[OVERALL, e].known_dose_share for e in (*EXPOSURES, CONTRAST)] == [0.75, None, None, 0.75]


@pytest.mark.parametrize(
    ("known", "share"),
    [
        ([], None),
        ([KnownDose(0.0, 0.0, 9, 0)], None),
        ([KnownDose(5.0, None, 9, 9)], None),
        ([KnownDose(5.0, 10.0, 9, 9), KnownDose(5.0, None, 9, 9)], None),
        ([KnownDose(5.0, 10.0, 9, 4)], None),
        ([KnownDose(5.0, 10.0, 4, 9)], None),
        ([KnownDose(5.0, 10.0, 5, 5)], 0.5),
        ([KnownDose(5.0, 10.0, 9, 9), KnownDose(9.0, 10.0, 9, 1)], None),
        ([KnownDose(5.0, 10.0, 9, 9), KnownDose(10.0, 10.0, 9, 0)], 0.75),
    ],
)
def test_a_dose_share_needs_a_dose_and_enough_fills(known: list[KnownDose], share: float | None) -> None:
    assert known_dose_share(known, 5) == share
