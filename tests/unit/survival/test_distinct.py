"""Numbering the distinct rows of a frame: by code or by hash, and right where hashes are the same."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohort.survival import distinct as module
from cohort.survival.counting import not_later
from cohort.survival.distinct import distinct

few = settings(max_examples=100, deadline=None, derandomize=True, database=None)
VALUES = st.tuples(st.sampled_from([0.0, -0.0, 1.5, None, float("nan")]), st.sampled_from(["a", "b", None]))


def by_hand(rows: list[tuple[object, ...]], group: list[int]) -> tuple[list[int], list[int]]:
    """Group after group in the order of first appearance; 0 and -0 are one number, and so is what is no number."""
    kinds = [
        (g, *(repr(value + 0.0 if isinstance(value, float) else value) for value in row))
        for g, row in zip(group, rows, strict=True)
    ]
    firsts = sorted(dict.fromkeys(kinds), key=lambda kind: (kind[0], kinds.index(kind)))
    return [firsts.index(kind) for kind in kinds], [kinds.index(kind) for kind in firsts]


@few
@given(st.lists(st.tuples(st.integers(0, 2), VALUES), min_size=1, max_size=30))
def test_rows_alike_have_one_number(drawn: list[tuple[int, tuple[object, ...]]]) -> None:
    group, rows = [g for g, _ in drawn], [row for _, row in drawn]
    frame = pl.DataFrame(rows, schema={"x": pl.Float64, "y": pl.String}, orient="row")
    number, example = distinct(frame, np.array(group))
    assert (number.tolist(), example.tolist()) == by_hand(rows, group)


@few
@given(st.lists(st.tuples(st.integers(0, 2), VALUES), min_size=1, max_size=30), st.sampled_from([0, 1, 3]))
def test_rows_of_one_hash_are_told_apart(drawn: list[tuple[int, tuple[object, ...]]], digits: int) -> None:
    group, rows = [g for g, _ in drawn], [row for _, row in drawn]
    frame = pl.DataFrame(rows, schema={"x": pl.Float64, "y": pl.String}, orient="row")
    with pytest.MonkeyPatch.context() as patch:
        whole = module._hashes
        patch.setattr(module, "_hashes", lambda keyed: whole(keyed) & np.uint64((1 << 63) - (1 << (63 - digits))))
        number, example = distinct(frame, np.array(group))
    assert (number.tolist(), example.tolist()) == by_hand(rows, group)


SMALL = {
    "whole": [3, -7, 3, 3, -7, 100],
    "wide": [10**15, -(10**15), 10**15, 5, 5, -(2**63)],
    "far": [2**62, 2**62 + 1, 2**62, 2**62 + 3, 2**62 + 3, 2**62],
    "logical": [True, False, True, True, False, False],
    "missing": [1, None, 1, None, 2, 2],
}


@pytest.mark.parametrize(
    "columns", [["whole"], ["wide"], ["far"], ["logical", "whole"], ["missing", "logical"], [*SMALL]]
)
@pytest.mark.parametrize("group", [[0] * 6, [1, 0, 1, 0, 1, 0]])
def test_whole_numbers_are_found_by_code_and_others_by_hash(columns: list[str], group: list[int]) -> None:
    frame = pl.DataFrame(SMALL).select(columns)
    number, example = distinct(frame, np.array(group))
    assert (number.tolist(), example.tolist()) == by_hand(frame.rows(), group)


CATEGORIES = [
    pl.Categorical,
    pl.Categorical(pl.Categories("distinct-test", physical=pl.UInt16)),
    pl.Enum(["a", "b", "c"]),
]


@pytest.mark.parametrize("kind", CATEGORIES)
def test_categories_of_one_frame_are_told_apart_by_what_they_say(kind: pl.DataType) -> None:
    frame = pl.DataFrame({"x": ["b", "a", "b", "c"]}, schema={"x": kind})
    assert distinct(frame)[0].tolist() == [0, 1, 0, 2]
    assert not module._coded(frame)[2].width, "categories are codes: to hash them takes ten times as long"


def test_what_comes_late_is_found_beside_what_is_among_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST", 2)
    number, example = distinct(pl.DataFrame({"x": [4, 4, 7, 4, 9, 7]}))
    assert (number.tolist(), example.tolist()) == ([0, 0, 1, 0, 2, 1], [0, 2, 4])


def test_no_rows_and_no_columns_have_no_numbers() -> None:
    for frame in (pl.DataFrame({"x": []}, schema={"x": pl.Int64}), pl.DataFrame({"x": []}, schema={"x": pl.Float64})):
        number, example = distinct(frame)
        assert (number.size, example.size) == (0, 0)


@pytest.mark.parametrize("kind", [np.int8, np.int32, np.float64])
@pytest.mark.parametrize("moments", [[-100, 3, 100, 4], [], [-5]])
def test_moments_find_their_place_among_the_times(kind: type, moments: list[int]) -> None:
    """By table, by search where whole numbers lie far apart, and by search where they are not whole."""
    found = not_later(np.array([-7, 3, 9], kind), np.array(moments, kind))
    assert found.tolist() == [sum(time <= moment for time in (-7, 3, 9)) for moment in moments]
