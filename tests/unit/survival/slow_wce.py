"""A slow, obvious history: every past day written out, with its dose and its basis functions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from hypothesis import strategies as st
from scipy.interpolate import BSpline


@dataclass(frozen=True)
class Course:
    """A dose on every day from the first to the last."""

    person: int
    first: int
    last: int
    dose: float


def course_frame(courses: Sequence[Course]) -> pl.DataFrame:
    names = {"person_id": pl.Int64, "first_day": pl.Int64, "last_day": pl.Int64, "dose_per_day": pl.Float64}
    return pl.DataFrame([(c.person, c.first, c.last, c.dose) for c in courses], schema=names, orient="row")


def dose_on(courses: Sequence[Course], person: int, day: int) -> float:
    return sum(c.dose for c in courses if c.person == person and c.first <= day <= c.last)


def functions(cutoff: int, interior: Sequence[int]) -> np.ndarray:
    """(cutoff, K) each basis function on days 1 to cutoff, one B-spline at a time."""
    knots = [-3, -2, -1, 0, *interior, cutoff, cutoff + 1, cutoff + 2, cutoff + 3]
    each = [BSpline.basis_element(knots[k : k + 5], extrapolate=False) for k in range(len(knots) - 4)]
    return np.nan_to_num(np.column_stack([one(np.arange(1.0, cutoff + 1)) for one in each]))


def history(
    members: Sequence[tuple[int, int]], courses: Sequence[Course], cutoff: int, interior: Sequence[int], lag: int
) -> np.ndarray:
    """(members, K) sums over the days of the window, the newest first; members are persons with a time."""
    basis = functions(cutoff, interior)
    days = [[time - lag - u + 1 for u in range(1, cutoff + 1)] for _, time in members]
    doses = [[dose_on(courses, person, day) for day in own] for (person, _), own in zip(members, days, strict=True)]
    return np.array(doses).reshape(len(members), cutoff) @ basis


@st.composite
def course_lists(draw: st.DrawFn) -> list[Course]:
    """Courses of some persons, which may overlap, from before all times to after them."""
    made = []
    for _ in range(draw(st.integers(0, 12))):
        first = draw(st.integers(-60, 60))
        made.append(
            Course(
                draw(st.integers(1, 4)),
                first,
                first + draw(st.integers(0, 80)),
                draw(st.sampled_from([0.5, 1.0, 2.0, 3.25])),
            )
        )
    return made
