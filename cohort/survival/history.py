"""What courses of a drug add up to at a time, weighted by how long ago each day was.

In: persons with times, and their courses, each with one dose on every day from its first to its last. Out: a sum for
every basis function. A course adds its dose x the difference of two cumulated sums of the function, so that no day is
written out.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl
from scipy import sparse

from cohort.survival.arrays import Floats, Ints
from cohort.survival.frames import require, require_numbers
from cohort.survival.weight_basis import Basis

_BLOCK = 1 << 19
"""Pairs of a member and a course that are worked on together: some tens of megabytes."""
FIRST, LAST, DOSE = "first_day", "last_day", "dose_per_day"


def history_covariates(
    members: pl.DataFrame,
    courses: pl.DataFrame,
    basis: Basis,
    lag: int = 0,
    person: str = "person_id",
    time: str = "time",
) -> Floats:
    """The history of each member at their time, as covariates.

    Day u of the window is day time - lag - u + 1: with no lag, the newest day that counts is the day of the time itself
    (as in R's WCE, whose intervals end with their day); with lag 1 it is the day before. A day without a course has no
    dose, so members should be those whose courses are known for the whole window. Doses of courses that overlap add up.

    Args:
        members: one row per person and time; `time` in whole days.
        courses: one row per course: the person, first_day and last_day (whole days of the same clock, both counted),
            dose_per_day.
        basis: of the weight function.
        lag: in days.
        person, time: columns of the members; the courses have the person in a column of the same name.

    Returns:
        (members, K), the sums of dose x basis function.

    Raises:
        ValueError: days are not whole, a course ends before it begins, or a value is missing; the message says how
            many.
    """
    _require_persons(members, person)
    require_numbers(members, [time])
    ordered = _ordered(courses, person)
    first, last = (_days(ordered, column) for column in (FIRST, LAST))
    dose = ordered.get_column(DOSE).cast(pl.Float64).to_numpy()
    newest = _days(members, time) - lag
    begin, count = _places(members, ordered, person)
    total = np.zeros((members.height, basis.values.shape[1]))
    for part in _blocks(count):
        many = count[part]
        pointers = np.concatenate([[0], np.cumsum(many)])
        course = np.arange(pointers[-1]) + np.repeat(begin[part] - pointers[:-1], many)
        at = np.repeat(newest[part], many)
        older, newer = (
            basis.cumulated[np.clip(days, 0, basis.cutoff)] for days in (at - first[course] + 1, at - last[course])
        )
        weights = sparse.csr_array((dose[course], np.arange(len(course)), pointers), shape=(len(many), len(course)))
        total[part] = weights @ (older - newer)
    return total


def _ordered(courses: pl.DataFrame, person: str) -> pl.DataFrame:
    """Courses by person; those of one person in an order of their own, for sums depend on it in the last digit."""
    _require_persons(courses, person)
    require_numbers(courses, [FIRST, LAST, DOSE])
    backwards = courses.filter(pl.col(LAST) < pl.col(FIRST)).height
    if backwards:
        raise ValueError(f"{backwards} course(s) end before they begin")
    return courses.select(person, FIRST, LAST, DOSE).sort(person, FIRST, LAST, DOSE)


def _require_persons(frame: pl.DataFrame, person: str) -> None:
    require(frame, [person])
    nobody = frame.get_column(person).null_count()
    if nobody:
        raise ValueError(f"column {person} has {nobody} value(s) that are missing")


def _days(frame: pl.DataFrame, column: str) -> Ints:
    values = frame.get_column(column)
    broken = int((values != values.cast(pl.Int64)).sum())
    if broken:
        raise ValueError(f"column {column} has {broken} value(s) that are no whole days")
    return values.cast(pl.Int64).to_numpy()


def _places(members: pl.DataFrame, ordered: pl.DataFrame, person: str) -> tuple[Ints, Ints]:
    """(members,) where each member's courses begin, and how many there are."""
    runs = ordered.with_row_index("_begin").group_by(person).agg(pl.col("_begin").min(), pl.len().alias("_count"))
    found = members.select(person).join(runs, on=person, how="left", maintain_order="left")
    begin, count = (found.get_column(c).fill_null(0).cast(pl.Int64).to_numpy() for c in ("_begin", "_count"))
    return begin, count


def _blocks(count: Ints) -> Iterator[slice]:
    """Consecutive members with about so many courses together as a block has room for."""
    so_far, first = np.cumsum(count), 0
    while first < len(count):
        room = (so_far[first - 1] if first else 0) + _BLOCK
        last = max(int(np.searchsorted(so_far, room, side="right")), first + 1)
        yield slice(first, last)
        first = last
