"""Drawing by number: distinct numbers, each choice as likely as the others, and the person of each number."""

from collections import Counter
from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cohort.survival.at_risk import count_at_risk, draw_without_replacement, nth_at_risk

few = settings(max_examples=100, deadline=None, derandomize=True, database=None)
RANGES = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 20)), min_size=1, max_size=12)


@few
@given(RANGES)
def test_the_numbers_of_a_point_are_those_who_hold_it_each_once(ranges: list[tuple[int, int]]) -> None:
    lo = np.array([first for first, _ in ranges])
    hi = lo + [length for _, length in ranges]
    holding = [np.flatnonzero((lo <= point) & (point < hi)) for point in range(42)]
    size = np.array([len(who) for who in holding])
    assert count_at_risk(lo, hi, 42).tolist() == size.tolist()
    point = np.repeat(np.arange(42), size)
    number = np.concatenate([np.arange(count) for count in size])
    # In any order of asking.
    asked = np.random.default_rng(1).permutation(len(point))
    found = np.empty(len(point), np.int64)
    found[asked] = nth_at_risk(lo, hi, point[asked], number[asked])
    for at, who in enumerate(holding):
        assert sorted(found[point == at]) == who.tolist()


def test_every_choice_is_as_likely_as_any_other() -> None:
    """The 35 choices of 3 out of 7, drawn 70,000 times: chi-square on 34 degrees of freedom."""
    many = np.full(70_000, 3)
    of_set, drawn = draw_without_replacement(many, np.full(70_000, 7), np.random.default_rng(11))
    assert of_set.tolist() == np.repeat(np.arange(70_000), 3).tolist()
    chosen = Counter(tuple(sorted(three)) for three in drawn.reshape(-1, 3).tolist())
    assert set(chosen) == set(combinations(range(7), 3))
    assert stats.chisquare(list(chosen.values())).pvalue > 1e-3


def test_who_draws_as_many_as_there_are_draws_each_once() -> None:
    of_set, drawn = draw_without_replacement(np.array([0, 4, 1]), np.array([9, 4, 1]), np.random.default_rng(0))
    assert of_set.tolist() == [1, 1, 1, 1, 2]
    assert sorted(drawn[:4]) == [0, 1, 2, 3]
    assert drawn[4] == 0


def test_blocks_of_draws_have_each_set_once(monkeypatch: object) -> None:
    """A hundred draws are a block: sets of forty go two by two."""
    from cohort.survival import at_risk

    monkeypatch.setattr(at_risk, "_BLOCK", 100)  # type: ignore[attr-defined]
    of_set, drawn = draw_without_replacement(np.full(5, 40), np.full(5, 50), np.random.default_rng(0))
    assert np.bincount(of_set).tolist() == [40] * 5
    assert all(len(set(drawn[of_set == k])) == 40 for k in range(5))
