"""Numbering the distinct rows of a frame: by hash, and right where hashes or the places of the table are the same."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohort.survival import counting
from cohort.survival.counting import distinct, first_alike, not_later

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


@pytest.mark.parametrize("group", [None, np.array([1, 0, 1, 0])])
def test_rows_of_one_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch, group: np.ndarray | None) -> None:
    frame = pl.DataFrame({"x": [7, 5, 5, 5]})
    expected = [found.tolist() for found in distinct(frame, group)]
    monkeypatch.setattr(counting, "first_alike", lambda keys: np.zeros(len(keys), np.int64))
    assert [found.tolist() for found in distinct(frame, group)] == expected


@few
@given(st.lists(st.integers(0, 40), max_size=60), st.sampled_from([1, 1 << 52, 0x9E3779B97F4A7C15]))
def test_keys_that_meet_in_one_place_are_told_apart(numbers: list[int], factor: int) -> None:
    """A table of four places, keys with few digits, and keys whose digits are at one end."""
    keys = np.array(numbers, np.uint64) * np.uint64(factor)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "_DIGITS", 2)
        assert first_alike(keys).tolist() == [numbers.index(number) for number in numbers]


@pytest.mark.parametrize("kind", [np.int8, np.int32, np.float64])
@pytest.mark.parametrize("moments", [[-100, 3, 100, 4], [], [-5]])
def test_moments_find_their_place_among_the_times(kind: type, moments: list[int]) -> None:
    """By table, by search where whole numbers lie far apart, and by search where they are not whole."""
    found = not_later(np.array([-7, 3, 9], kind), np.array(moments, kind))
    assert found.tolist() == [sum(time <= moment for time in (-7, 3, 9)) for moment in moments]


def test_a_long_frame_is_compared_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "_BLOCK", 2)
    assert distinct(pl.DataFrame({"x": [1, 2, 1, 3, 2]}))[0].tolist() == [0, 1, 0, 2, 1]
