"""Differences of risks and bands: errors against small steps in persons' weights; coverage of a known truth."""

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cohort.survival.incidence import CumulativeIncidence, aalen_johansen
from cohort.survival.risk import confidence_band, risk_difference, time_lost_difference
from tests.unit.survival.test_incidence import Row, frame, twin

few = settings(max_examples=20, deadline=None, derandomize=True, database=None)
Spell = tuple[int, int, int, int, int]
"""person, start, stop, kind, whether exposed."""


@st.composite
def switchers(draw: st.DrawFn) -> list[Spell]:
    """Persons who are exposed, or not, or first one and then the other."""
    spells: list[Spell] = []
    for person in range(draw(st.integers(3, 7))):
        exposed, at = draw(st.integers(0, 1)), draw(st.integers(0, 2))
        lengths = draw(st.lists(st.integers(1, 4), min_size=1, max_size=2))
        for k, length in enumerate(lengths):
            kind = draw(st.integers(0, 2)) if k == len(lengths) - 1 else 0
            spells.append((person, at, at + length, kind, (exposed + k) % 2))
            at += length
    return spells


def rows_of(spells: Sequence[Spell], exposed: int) -> tuple[list[Row], list[int]]:
    own = [spell for spell in spells if spell[4] == exposed]
    return [(start, stop, kind) for _, start, stop, kind, _ in own], [person for person, *_ in own]


def curve_of(spells: Sequence[Spell], exposed: int, id: str | None = "id") -> CumulativeIncidence:
    rows, persons = rows_of(spells, exposed)
    return aalen_johansen(frame(rows).with_columns(id=pl.Series(persons, dtype=pl.Int64)), id=id)


def incidence(spells: Sequence[Spell], exposed: int, weight: dict[int, Fraction], until: int) -> dict[int, Fraction]:
    """Incidence of the event by day, up to a day, with every person's weight."""
    rows, persons = rows_of(spells, exposed)
    steps, value, found = twin(rows, 1, [weight[p] for p in persons]), Fraction(0), {}
    for day in range(until + 1):
        value = steps.get(day, value)
        found[day] = value
    return found


def slow_error(spells: Sequence[Spell], read: "list[tuple[int, Fraction]]", until: int) -> float:
    """Root of the sum over persons of the squared slope, along a person's weight, of a sum of differences by day."""
    persons, e, squares = {p for p, *_ in spells}, Fraction(1, 10**9), 0.0
    for person in persons:
        change = Fraction(0)
        for side in (1, -1):
            weight = {p: 1 + side * e * (p == person) for p in persons}
            one, other = (incidence(spells, exposed, weight, until) for exposed in (1, 0))
            change += side * sum(factor * (one[day] - other[day]) for day, factor in read)
        squares += float(change / (2 * e)) ** 2
    return math.sqrt(squares)


@few
@given(switchers(), st.integers(1, 9))
def test_the_error_of_a_difference_is_that_of_persons_who_are_in_both_curves(spells: list[Spell], day: int) -> None:
    found = risk_difference(curve_of(spells, 1), curve_of(spells, 0), np.array([float(day)]))
    whole = dict.fromkeys([p for p, *_ in spells], Fraction(1))
    expected = incidence(spells, 1, whole, day)[day] - incidence(spells, 0, whole, day)[day]
    assert found.estimate[0] == pytest.approx(float(expected), rel=1e-12, abs=1e-14)
    assert found.standard_error[0] == pytest.approx(slow_error(spells, [(day, Fraction(1))], day), abs=1e-8)


@few
@given(switchers(), st.integers(1, 9))
def test_the_error_of_a_difference_of_time_lost_is_that_of_persons(spells: list[Spell], until: int) -> None:
    found = time_lost_difference(curve_of(spells, 1), curve_of(spells, 0), float(until))
    days = [(day, Fraction(1)) for day in range(until)]
    whole = dict.fromkeys([p for p, *_ in spells], Fraction(1))
    one, other = (incidence(spells, exposed, whole, until) for exposed in (1, 0))
    assert found.estimate[0] == pytest.approx(float(sum(one[d] - other[d] for d, _ in days)), rel=1e-12, abs=1e-13)
    assert found.standard_error[0] == pytest.approx(slow_error(spells, days, until), abs=1e-7)


# --- What a difference is ------------------------------------------------------------------------------------

SPELLS: list[Spell] = [(i, 0, 1 + 7 * i % 11, i % 3, i // 2 % 2) for i in range(30)]
TIMES = np.array([3.0, 6.0, 9.0])


def test_the_other_way_round_it_has_the_other_sign() -> None:
    there, back = (risk_difference(curve_of(SPELLS, k), curve_of(SPELLS, 1 - k), TIMES) for k in (1, 0))
    assert back.estimate.tolist() == (-there.estimate).tolist()
    assert back.standard_error == pytest.approx(there.standard_error, rel=1e-14)
    assert back.lower.tolist() == (-there.upper).tolist()
    assert back.p_value == pytest.approx(there.p_value, rel=1e-12)


def test_bounds_and_p_are_walds() -> None:
    found = risk_difference(curve_of(SPELLS, 1), curve_of(SPELLS, 0), TIMES, level=0.9)
    assert found.upper - found.estimate == pytest.approx(1.6448536269514722 * found.standard_error, rel=1e-12)
    z = np.abs(found.estimate) / found.standard_error
    assert found.p_value == pytest.approx([math.erfc(one / math.sqrt(2)) for one in z], rel=1e-12)


def test_variances_of_different_persons_add_up() -> None:
    one, other = curve_of(SPELLS, 1), curve_of(SPELLS, 0)
    found = risk_difference(one, other, TIMES)
    errors = [curve.at(TIMES).standard_error[:, 0] for curve in (one, other)]
    assert found.standard_error**2 == pytest.approx(errors[0] ** 2 + errors[1] ** 2, rel=1e-12)


def test_curves_without_ids_are_of_different_persons_though_rows_have_like_numbers() -> None:
    with_ids = risk_difference(curve_of(SPELLS, 1), curve_of(SPELLS, 0), TIMES)
    without = risk_difference(curve_of(SPELLS, 1, None), curve_of(SPELLS, 0, None), TIMES)
    assert without.standard_error == pytest.approx(with_ids.standard_error, rel=1e-12)


def test_a_curve_less_itself_is_nothing_with_no_error() -> None:
    curve = curve_of(SPELLS, 1)
    for found in (risk_difference(curve, curve, TIMES), time_lost_difference(curve, curve, 9.0)):
        assert found.estimate.tolist() == [0] * len(found.estimate)
        assert found.standard_error == pytest.approx(np.zeros(len(found.estimate)), abs=1e-8)


def test_the_rounding_of_a_variance_of_nothing_is_not_below_nothing() -> None:
    """Weights of a third each: influences differ in their last digit, and the sum of the three terms is -7e-18."""
    rows, persons = rows_of(SPELLS, 1)
    thirds = frame(rows).with_columns(id=pl.Series(persons), w=pl.lit(1 / 3))
    found = risk_difference(curve_of(SPELLS, 1), aalen_johansen(thirds, id="id", weights="w"), np.arange(3.0, 11.0))
    assert found.standard_error == pytest.approx(np.zeros(8), abs=1e-8)


def test_without_events_there_is_a_difference_of_nothing_without_a_p() -> None:
    nothing = aalen_johansen(frame([(0, 9, 0)]))
    found = risk_difference(nothing, nothing, TIMES)
    assert (found.estimate.tolist(), found.standard_error.tolist()) == ([0, 0, 0], [0, 0, 0])
    assert np.isnan(found.p_value).all()
    assert time_lost_difference(nothing, nothing, 9.0).estimate.tolist() == [0, 0]


def test_curves_of_other_causes_have_no_difference() -> None:
    other = aalen_johansen(frame([(0, 9, 1)]), causes=("death",))
    with pytest.raises(ValueError, match=r"^curves of event, death and of death have no difference$"):
        risk_difference(curve_of(SPELLS, 1), other, TIMES)


# --- Bands ---------------------------------------------------------------------------------------------------


def test_a_band_at_one_time_is_an_interval() -> None:
    """Twenty thousand draws find the 1.96 of one normal variable to within 0.03."""
    curve = curve_of(SPELLS, 1)
    assert confidence_band(curve, times=np.array([6.0])).critical_value == pytest.approx(1.95996, abs=0.03)
    assert confidence_band(curve, times=np.full(5, 6.0)).critical_value == pytest.approx(1.95996, abs=0.03)


def test_a_band_at_more_times_is_wider_but_not_as_for_independent_ones() -> None:
    curve = curve_of(SPELLS, 1)
    some, every = confidence_band(curve, times=TIMES), confidence_band(curve)
    independent = stats.norm.ppf(0.5 + 0.95 ** (1 / len(every.time)) / 2)
    assert 1.99 < some.critical_value < every.critical_value < independent
    assert confidence_band(curve, level=0.8).critical_value < every.critical_value
    assert confidence_band(curve).lower.tolist() == every.lower.tolist(), "the seed is fixed"


def test_a_band_is_of_equal_precision_on_the_complementary_log_log_scale() -> None:
    curve, band = curve_of(SPELLS, 1), confidence_band(curve_of(SPELLS, 1), times=TIMES)
    read = curve.at(TIMES)
    p, error = read.incidence[:, 0], read.standard_error[:, 0]
    scale = np.log(-np.log1p(-p))
    for bound, side in ((band.lower, -1), (band.upper, 1)):
        departure = (np.log(-np.log1p(-bound)) - scale) * (1 - p) * -np.log1p(-p) / error
        assert departure == pytest.approx(np.full(3, side * band.critical_value), rel=1e-10)


def test_the_whole_curve_lies_within_its_band_as_often_as_it_says() -> None:
    """300 studies of 150 with hazards of 1 and 1 and censoring: within three standard errors of 90%."""
    draw, times, held = np.random.default_rng(12), np.array([0.2, 0.4, 0.6, 0.9, 1.2]), 0
    truth = (1 - np.exp(-2 * times)) / 2
    for _ in range(300):
        event, death, end = draw.exponential(size=(3, 150)) * [[1], [1], [2]]
        stop = np.minimum(np.minimum(event, death), end)
        rows = pl.DataFrame({"start_day": 0.0, "stop_day": stop, "event": event == stop, "death": death == stop})
        band = confidence_band(aalen_johansen(rows), level=0.9, times=times)
        held += bool(((band.lower <= truth) & (truth <= band.upper)).all())
    assert abs(held - 270) < 3 * math.sqrt(300 * 0.9 * 0.1)


@pytest.mark.parametrize(
    ("rows", "times"),
    [
        ([(0, 9, 0)], None),
        ([(0, 9, 0)], np.array([1.0, 2.0])),
        ([(0, 2, 1)], None),
        ([(0, 2, 2), (0, 3, 0)], np.array([2.0])),
        ([], None),
    ],
    ids=["no events", "no events, at times", "all at once", "only the other cause", "nobody"],
)
def test_where_the_curve_is_zero_or_one_there_is_no_band(rows: list[Row], times: np.ndarray | None) -> None:
    band = confidence_band(aalen_johansen(frame(rows)), times=times)
    assert math.isnan(band.critical_value)
    assert np.isnan([*band.lower, *band.upper]).all()


def test_times_at_which_the_curve_is_zero_are_left_out_of_the_band() -> None:
    """Before the first event nothing is known: NaN there, and the rest as without it."""
    with_early = confidence_band(curve_of(SPELLS, 1), times=np.array([0.5, *TIMES]))
    without = confidence_band(curve_of(SPELLS, 1), times=TIMES)
    assert math.isnan(with_early.lower[0])
    assert with_early.critical_value == without.critical_value
    assert with_early.upper[1:].tolist() == without.upper.tolist()
