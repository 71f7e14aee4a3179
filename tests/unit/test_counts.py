"""Counts behind estimates against counting by hand: persons once, events once, and who is exposed."""

import math
from collections.abc import Callable, Iterable

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohort.counts import Counts, category_counts, linear_counts, nobody
from cohort.cox import minimum_detectable_hazard_ratio
from cohort.inputs import EXPOSURES
from cohort.results import CONTRAST

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
@given(st.lists(rows(), min_size=1, max_size=8), st.sampled_from([("dementia", "event"), ("death", "death")]))
def test_exposed_is_who_has_a_dose_and_the_contrast_is_of_who_has_either(
    drawn: list[Row], outcome: tuple[str, str]
) -> None:
    found = linear_counts(pl.DataFrame(drawn), outcome[0])
    for exposure in EXPOSURES:
        assert found[exposure] == by_hand(drawn, lambda row, e=exposure: row[e] > 0, outcome[1])  # type: ignore[misc]
    either = by_hand(drawn, lambda row: row["tspo_binder"] > 0 or row["tspo_non_binder"] > 0, outcome[1])  # type: ignore[operator]
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
    assert set(linear_counts(frame, "dementia").values()) == {Counts(0, 0, 0, 0, 0.0)}


def test_the_detectable_ratio_is_that_of_the_share_of_persons_exposed() -> None:
    """Events 100, half of the persons exposed: 1.751228 (OHDSI CohortMethod)."""
    assert Counts(400, 200, 100, 60, 1.0).mdrr() == pytest.approx(1.751228, abs=5e-7)
    assert Counts(400, 100, 100, 60, 1.0).mdrr() == minimum_detectable_hazard_ratio(100, 0.25)


@pytest.mark.parametrize("counts", [Counts(0, 0, 0, 0, 0.0), Counts(9, 0, 5, 0, 1.0), Counts(9, 9, 5, 5, 1.0)])
def test_there_is_no_detectable_ratio_without_events_or_without_contrast(counts: Counts) -> None:
    assert counts.mdrr() is None
    assert math.isfinite(Counts(9, 4, 1, 1, 1.0).mdrr() or math.nan)
