"""Histories as covariates: they are sums over past days, and nothing later or older than the window matters."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohort.survival import history
from cohort.survival.history import history_covariates
from cohort.survival.weight_basis import WeightBasis, wce_basis
from tests.unit.survival import slow_wce
from tests.unit.survival.slow_wce import Course, course_frame, course_lists

few = settings(max_examples=60, deadline=None, derandomize=True, database=None)
MEMBERS = st.lists(st.tuples(st.integers(1, 5), st.integers(-20, 80)), min_size=1, max_size=8)
BASES = st.sampled_from([(30, (9,)), (30, (8, 21)), (12, (3, 6, 9)), (7, (2,))])


def member_frame(members: list[tuple[int, int]]) -> pl.DataFrame:
    return pl.DataFrame(members, schema=["person_id", "time"], orient="row")


@few
@given(MEMBERS, course_lists(), BASES, st.integers(0, 15))
def test_it_is_the_sum_over_days(
    members: list[tuple[int, int]], courses: list[Course], window: tuple[int, tuple[int, ...]], lag: int
) -> None:
    wanted = slow_wce.history(members, courses, *window, lag)
    found = history_covariates(member_frame(members), course_frame(courses), WeightBasis(*window, None), lag)
    assert found == pytest.approx(wanted, rel=1e-12, abs=1e-12)
    held = history_covariates(member_frame(members), course_frame(courses), WeightBasis(*window), lag)
    assert held == pytest.approx(wanted[:, :-2], rel=1e-12, abs=1e-12)


@few
@given(MEMBERS, course_lists(), course_lists(), BASES, st.integers(0, 15))
def test_what_comes_later_and_what_is_older_than_the_window_leaves_every_bit(
    members: list[tuple[int, int]],
    courses: list[Course],
    more: list[Course],
    window: tuple[int, tuple[int, ...]],
    lag: int,
) -> None:
    basis = WeightBasis(*window)
    latest, earliest = max(t for _, t in members) - lag, min(t for _, t in members) - lag - basis.cutoff + 1
    later = [Course(c.person, c.first + latest + 61, c.last + latest + 61, c.dose) for c in more]
    older = [Course(c.person, c.first + earliest - 141, c.last + earliest - 141, c.dose) for c in more]
    frame = member_frame(members)
    known = history_covariates(frame, course_frame(courses), basis, lag)
    assert (history_covariates(frame, course_frame([*later, *courses, *older]), basis, lag) == known).all()


@few
@given(MEMBERS, course_lists(), st.randoms(use_true_random=False))
def test_order_and_names_and_the_clock_leave_every_bit(
    members: list[tuple[int, int]], courses: list[Course], random: object
) -> None:
    basis = wce_basis(30)
    known = history_covariates(member_frame(members), course_frame(courses), basis)
    shuffled = list(courses)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    named = [pl.col("person_id").replace_strict({k: f"p{9 - k}" for k in range(1, 6)}, return_dtype=pl.String)]
    moved = [(person, time + 10_000) for person, time in members]
    late = [Course(c.person, c.first + 10_000, c.last + 10_000, c.dose) for c in shuffled]
    found = history_covariates(member_frame(moved).with_columns(named), course_frame(late).with_columns(named), basis)
    assert (found == known).all()


@few
@given(MEMBERS, course_lists(), BASES)
def test_a_basis_that_is_added_up_is_the_dose_of_the_window(
    members: list[tuple[int, int]], courses: list[Course], window: tuple[int, tuple[int, ...]]
) -> None:
    """B-splines add up to one on every day of the window: a constant weight is the cumulative dose."""
    cutoff = window[0]
    doses = [sum(slow_wce.dose_on(courses, p, t - u) for u in range(cutoff)) for p, t in members]
    found = history_covariates(member_frame(members), course_frame(courses), WeightBasis(*window, None))
    assert found.sum(axis=1) == pytest.approx(doses, rel=1e-12, abs=1e-12)


def test_by_hand_which_day_is_the_newest() -> None:
    """One dose on day 10: day 1 of the window at time 10; at time 12 day 3, or day 1 with lag 2; at time 9 not yet."""
    basis = wce_basis(5, [2])
    dose = course_frame([Course(1, 10, 10, 1.0)])
    found = history_covariates(member_frame([(1, 10), (1, 12), (1, 9), (1, 14), (1, 15), (2, 10)]), dose, basis)
    assert found[:2] == pytest.approx(basis.values[[0, 2]], abs=1e-16)
    assert (found[2] == 0).all()
    assert found[3] == pytest.approx(basis.values[4], abs=1e-16)
    assert (found[4:] == 0).all()
    assert history_covariates(member_frame([(1, 12)]), dose, basis, 2)[0] == pytest.approx(basis.values[0], abs=1e-16)


def test_sums_do_not_depend_on_the_order_of_courses_in_their_last_digit() -> None:
    courses = [Course(1, k % 17, k % 17 + k % 5, 0.1 * (k + 1)) for k in range(40)]
    known = history_covariates(member_frame([(1, 20)]), course_frame(courses), wce_basis(30))
    assert (history_covariates(member_frame([(1, 20)]), course_frame(courses[::-1]), wce_basis(30)) == known).all()


def test_blocks_of_members_are_as_one_and_as_large_as_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eleven pairs are a block: members of one, ten, twelve and no courses."""
    courses = [Course(p, k, k + 3, 1.0) for p, many in ((1, 1), (2, 10), (3, 12)) for k in range(many)]
    persons = [1, 2, 3, 4, 4, 1] * 2
    members = member_frame([(p, t) for t, p in enumerate(persons)])
    whole = history_covariates(members, course_frame(courses), wce_basis(30))
    monkeypatch.setattr(history, "_BLOCK", 11)
    assert (history_covariates(members, course_frame(courses), wce_basis(30)) == whole).all()
    count = np.array([{1: 1, 2: 10, 3: 12, 4: 0}[p] for p in persons])
    assert [count[part].tolist() for part in history._blocks(count)] == [
        [1, 10],
        [12],
        [0, 0, 1, 1],
        [10],
        [12],
        [0, 0, 1],
    ]


@pytest.mark.parametrize(
    ("courses", "message"),
    [
        ({"last_day": [3, 9]}, r"1 course\(s\) end before they begin"),
        ({"dose_per_day": [None, 1.0]}, "column dose_per_day has 1 value.* missing"),
        ({"person_id": [None, 1]}, "column person_id has 1 value.* missing"),
        ({"first_day": [5.5, 4.0]}, "column first_day has 1 value.* no whole days"),
    ],
)
def test_what_is_wrong_with_courses_is_said(courses: dict[str, list[float]], message: str) -> None:
    good = pl.DataFrame({"person_id": [1, 1], "first_day": [5, 5], "last_day": [9, 9], "dose_per_day": [1.0, 2.0]})
    wrong = good.with_columns(pl.Series(name, values) for name, values in courses.items())
    with pytest.raises(ValueError, match=message):
        history_covariates(member_frame([(1, 10)]), wrong, wce_basis(30))


def test_times_that_are_missing_or_no_days_are_said() -> None:
    good = course_frame([Course(1, 5, 9, 1.0)])
    for time, message in (([1.5, 2.0], "no whole days"), ([None, 2], "missing")):
        with pytest.raises(ValueError, match=f"column time has 1 value.*{message}"):
            history_covariates(pl.DataFrame({"person_id": [1, 1], "time": time}), good, wce_basis(30))


def test_no_courses_and_no_members_are_no_trouble() -> None:
    assert history_covariates(member_frame([(1, 3)]), course_frame([]), wce_basis(30)).tolist() == [[0.0, 0.0, 0.0]]
    nobody = pl.DataFrame(schema={"person_id": pl.Int64, "time": pl.Int64})
    assert history_covariates(nobody, course_frame([]), wce_basis(30)).shape == (0, 3)


def test_the_weight_goes_to_zero_after_the_window_when_it_is_constrained() -> None:
    """The last function that is kept ends, as a cube, on the day after the window: next to nothing is left."""
    for knots in (1, 2, 3):
        basis = wce_basis(365, knots)
        before, last = [0, *basis.interior_knots][-2:]
        assert basis.values[-1, :-1] == pytest.approx(0, abs=1e-15)
        assert basis.values[-1, -1] == pytest.approx(1 / ((366 - before) * (366 - last)), rel=1e-9)
        assert basis.values[-1, -1] < 1e-3 * basis.values[:, -1].max()
        assert wce_basis(365, knots, None).values[-1].sum() == pytest.approx(1)


def test_stretches_are_courses_told_from_the_other_end() -> None:
    basis = wce_basis(30, 2)
    courses = course_frame([Course(1, 71, 100, 2.0), Course(1, 41, 80, 0.5)])
    wanted = history_covariates(member_frame([(1, 100)]), courses, basis)[0]
    assert basis.of_stretches([(1, 30, 2.0), (21, 60, 0.5)]) == pytest.approx(wanted, rel=1e-14)
    assert basis.of_stretches([(31, 400, 1.0)]).tolist() == [0.0] * 4
    for wrong in ((0, 5), (7, 6)):
        with pytest.raises(ValueError, match=r"a stretch runs from day 1 or older"):
            basis.of_stretches([(*wrong, 1.0)])


@pytest.mark.parametrize("knots", [[], [0, 4], [4, 4], [5, 4], [30], 0, 40])
def test_knots_that_are_no_ascending_days_of_the_window_are_refused(knots: list[int]) -> None:
    with pytest.raises(ValueError, match="one or more ascending knots"):
        wce_basis(30, knots)


def test_an_unknown_constraint_is_refused() -> None:
    with pytest.raises(ValueError, match="no constraint 'left'"):
        wce_basis(30, 1, "left")  # type: ignore[arg-type]
