"""Cumulative incidence with a competing event: quarters by hand, a slow twin in fractions, and what must not matter."""

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohort.competing import CumulativeIncidence, aalen_johansen, at_ages, incidence_interval

Row = tuple[int, int, int]
"""start, stop, and what ends it: 0 nothing, 1 the event, 2 death."""
few = settings(max_examples=150, deadline=None, derandomize=True, database=None)


def frame(rows: Sequence[Row]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "start_day": [start for start, _, _ in rows],
            "stop_day": [stop for _, stop, _ in rows],
            "event": [int(kind == 1) for *_, kind in rows],
            "death": [int(kind == 2) for *_, kind in rows],
        },
        schema_overrides=dict.fromkeys(("start_day", "stop_day", "event", "death"), pl.Int32),
    )


def twin(rows: Sequence[Row], kind: int) -> tuple[dict[int, Fraction], dict[int, Fraction]]:
    """Incidence of a kind of event and its variance at each event time, by definition.

    The variance is that of Aalen (1978) as in cmprsk: with S the survival after time j, and V the variance of one
    jump, an own event at j adds V (1 - (F(t) - F(j)) / S)^2 and another event V ((F(t) - F(j)) / S)^2.
    """
    survival, incidence = Fraction(1), Fraction(0)
    jumps: list[tuple[bool, Fraction, Fraction, Fraction]] = []
    values, variances = {}, {}
    for time in sorted({stop for _, stop, k in rows if k}):
        at_risk = [row for row in rows if row[0] < time <= row[1]]
        n, ended = len(at_risk), [k for _, stop, k in at_risk if k and stop == time]
        before, survival = survival, survival * Fraction(n - len(ended), n)
        incidence += before * Fraction(ended.count(kind), n)
        for is_own, count in ((True, ended.count(kind)), (False, len(ended) - ended.count(kind))):
            ties = 1 - Fraction(count - 1, n - 1) if count > 1 else Fraction(1)
            if count and (is_own or survival):
                jumps.append((is_own, before**2 * ties * count / n**2, incidence, survival))
        values[time] = incidence
        variances[time] = sum(
            variance * (int(is_own) - ((incidence - then) / after if after else 0)) ** 2
            for is_own, variance, then, after in jumps
        )
    return values, variances


@st.composite
def studies(draw: st.DrawFn, ties: bool = True) -> list[Row]:
    """Persons with delayed entry; without ties every one of them leaves at another time."""
    size = draw(st.integers(1, 14))
    stops = draw(st.lists(st.integers(2, 12 if ties else 60), min_size=size, max_size=size, unique=not ties))
    kinds = draw(st.lists(st.integers(0, 2), min_size=size, max_size=size))
    return [(draw(st.integers(0, stop - 1)), stop, kind) for stop, kind in zip(stops, kinds, strict=True)]


def both(curve: CumulativeIncidence) -> list[tuple[int, np.ndarray, np.ndarray]]:
    return [(1, curve.dementia, curve.dementia_se), (2, curve.death, curve.death_se)]


@few
@given(studies())
def test_incidence_is_that_of_the_twin_in_fractions(rows: list[Row]) -> None:
    curve = aalen_johansen(frame(rows))
    for kind, values, _ in both(curve):
        expected, _ = twin(rows, kind)
        assert curve.time.tolist() == list(expected)
        assert values == pytest.approx([float(value) for value in expected.values()], rel=1e-13, abs=1e-15)


@few
@given(studies())
def test_persons_at_risk_and_events_are_counted_at_each_time(rows: list[Row]) -> None:
    curve = aalen_johansen(frame(rows))
    assert curve.at_risk.tolist() == [sum(start < t <= stop for start, stop, _ in rows) for t in curve.time]
    assert curve.events.tolist() == [sum(stop == t and kind == 1 for _, stop, kind in rows) for t in curve.time]
    assert curve.deaths.tolist() == [sum(stop == t and kind == 2 for _, stop, kind in rows) for t in curve.time]


@few
@given(studies(ties=False))
def test_without_ties_the_standard_error_is_that_of_the_twin(rows: list[Row]) -> None:
    """While more than one person is at risk."""
    curve = aalen_johansen(frame(rows))
    alone = np.flatnonzero(curve.at_risk < 2)
    until = alone[0] if len(alone) else len(curve.time)
    for kind, _, error in both(curve):
        _, variances = twin(rows, kind)
        expected = [math.sqrt(variance) for variance in variances.values()][:until]
        assert error[:until] == pytest.approx(expected, rel=1e-7, abs=1e-9)


@pytest.mark.xfail(strict=True, reason="ties, and a last person at risk, are not treated as in cmprsk")
def test_with_ties_the_standard_error_is_that_of_cmprsk() -> None:
    rows = [(0, 1, 1), (0, 1, 2), (0, 1, 2), (0, 2, 1), (0, 2, 1), (0, 3, 0), (0, 4, 2), (0, 4, 0), (0, 5, 1)]
    curve = aalen_johansen(frame(rows))
    for kind, _, error in both(curve):
        _, variances = twin(rows, kind)
        assert error == pytest.approx([math.sqrt(v) for v in variances.values()], rel=1e-10)


def test_the_standard_error_of_quarters() -> None:
    """Four persons, kinds 1, 2, none, 1. First: 1/16. At 2 of the other kind: 1/16 too, as 3/4 x 1/3 is a quarter."""
    curve = aalen_johansen(frame([(0, 1, 1), (0, 2, 2), (0, 3, 0), (0, 4, 1)]))
    assert curve.dementia_se[:2] ** 2 == pytest.approx([1 / 16, 1 / 16], rel=1e-12)
    # The other kind: nothing at 1; at 2 its own jump of (3/4)^2 / 9, and 1/16 moved by (0 - 1/4)^2 / (3/4)^2.
    assert curve.death_se[:2] ** 2 == pytest.approx([0, 1 / 16 + 1 / 16 / 9], rel=1e-12)


def test_one_minus_kaplan_meier_would_be_too_much() -> None:
    """Quarters: 1/4, then no change at 2, then 3/4 at 4; with deaths taken as censoring it would end at 1."""
    rows = [(0, 1, 1), (0, 2, 2), (0, 3, 0), (0, 4, 1)]
    curve = aalen_johansen(frame(rows))
    assert curve.dementia.tolist() == pytest.approx([0.25, 0.25, 0.75], rel=1e-15)
    assert curve.death.tolist() == pytest.approx([0, 0.25, 0.25], rel=1e-15)
    naive = aalen_johansen(frame([(start, stop, kind % 2) for start, stop, kind in rows]))
    assert naive.dementia[-1] == pytest.approx(1)


def test_who_enters_late_is_not_at_risk_before() -> None:
    """At 2 one of two (the third enters at 2), at 3 one of two: 1/2, then 1/2 + 1/2 x 1/2."""
    curve = aalen_johansen(frame([(0, 2, 1), (0, 5, 0), (2, 3, 1)]))
    assert curve.at_risk.tolist() == [2, 2]
    assert curve.dementia.tolist() == [0.5, 0.75]


@few
@given(studies(), st.integers(0, 6))
def test_a_start_age_is_as_if_everybody_had_entered_then(rows: list[Row], start: int) -> None:
    """Conditional on being free of both just after it: what ends at the start age or before is left out."""
    late = [(max(entry, start), stop, kind) for entry, stop, kind in rows if stop > start]
    curve, expected = aalen_johansen(frame(rows), from_time=start), aalen_johansen(frame(late))
    assert curve.time.tolist() == expected.time.tolist()
    assert curve.dementia.tolist() == expected.dementia.tolist()
    assert curve.at_risk.tolist() == expected.at_risk.tolist()


@few
@given(studies(), st.randoms(use_true_random=False))
def test_splitting_intervals_and_their_order_do_not_matter(rows: list[Row], random: "np.random.Generator") -> None:
    pieces = []
    for start, stop, kind in rows:
        middle = (start + stop) // 2
        pieces += [(start, middle, 0), (middle, stop, kind)] if middle > start else [(start, stop, kind)]
    random.shuffle(pieces)
    curve, expected = aalen_johansen(frame(pieces)), aalen_johansen(frame(rows))
    assert curve.dementia.tolist() == expected.dementia.tolist()
    assert curve.death_se == pytest.approx(expected.death_se, rel=1e-14)


@few
@given(studies())
def test_the_two_incidences_and_survival_are_one_and_never_fall(rows: list[Row]) -> None:
    curve = aalen_johansen(frame(rows))
    total = curve.dementia + curve.death
    assert (np.diff(curve.dementia) >= 0).all()
    assert (np.diff(curve.death) >= 0).all()
    assert (total <= 1 + 1e-12).all()
    survival = np.cumprod(1 - (curve.events + curve.deaths) / curve.at_risk) if len(total) else total
    assert 1 - total == pytest.approx(survival, abs=1e-12)


def test_without_events_there_is_no_time_and_every_age_is_zero() -> None:
    curve = aalen_johansen(frame([(0, 9, 0)]))
    assert curve.time.tolist() == []
    points = at_ages(curve, np.array([0.0, 1.0]))
    assert points.select("dementia", "death", "dementia_se", "events").rows() == [(0.0, 0.0, 0.0, 0.0)] * 2


def test_curves_are_read_at_whole_ages_as_they_stand_on_that_day() -> None:
    """An event on day 731 is after the second birthday (730.5); one on day 365 is before the first (365.25)."""
    curve = aalen_johansen(frame([(0, 365, 1), (0, 731, 2), (0, 900, 0), (0, 1200, 0)]))
    points = at_ages(curve, np.array([0.0, 1.0, 2.0, 3.0]))
    assert points.get_column("dementia").to_list() == [0.0, 0.25, 0.25, 0.25]
    assert points.get_column("death").to_list() == pytest.approx([0.0, 0.0, 0.0, 0.25], rel=1e-15)
    assert points.get_column("events").to_list() == [0, 1, 1, 1]
    assert points.get_column("deaths").to_list() == [0, 0, 0, 1]


def test_the_number_at_risk_is_that_of_the_age_at_which_a_curve_is_read() -> None:
    """After the last of four persons has left, at day 1200, nobody is at risk at the age of ten."""
    curve = aalen_johansen(frame([(0, 365, 1), (0, 731, 2), (0, 900, 0), (0, 1200, 0)]))
    assert at_ages(curve, np.array([10.0])).get_column("at_risk").to_list() == [0]


def test_bounds_are_on_the_complementary_log_log_scale() -> None:
    lower, upper = incidence_interval(np.array([0.2]), np.array([0.05]), 0.95)
    for bound, sign in ((lower, -1), (upper, 1)):
        width = sign * 1.959963984540054 * 0.05 / (0.8 * abs(math.log(0.8)))
        assert math.log(-math.log(1 - bound[0])) == pytest.approx(math.log(-math.log(0.8)) + width, rel=1e-12)


@few
@given(st.floats(0.001, 0.999), st.floats(1e-4, 0.3), st.sampled_from([0.8, 0.95, 0.99]))
def test_bounds_hold_the_estimate_and_stay_between_zero_and_one(estimate: float, error: float, level: float) -> None:
    lower, upper = incidence_interval(np.array([estimate]), np.array([error]), level)
    assert 0 <= lower[0] <= estimate <= upper[0] <= 1


def test_there_are_no_bounds_where_the_estimate_is_one() -> None:
    lower, upper = incidence_interval(np.array([1.0]), np.array([0.0]), 0.95)
    assert np.isnan([*lower, *upper]).all()


def test_there_are_no_bounds_where_the_estimate_is_zero() -> None:
    lower, upper = incidence_interval(np.array([0.0]), np.array([0.0]), 0.95)
    assert np.isnan([*lower, *upper]).all()
