"""Cumulative incidence with a competing event: quarters by hand, a slow twin in fractions, and what must not matter."""

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohort.curves import at_ages
from cohort.survival.incidence import aalen_johansen, bounds, interval

Row = tuple[int, int, int]
"""start, stop, and what ends it: 0 nothing, 1 the event, 2 death."""
few = settings(max_examples=40, deadline=None, derandomize=True, database=None)


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


def twin(rows: Sequence[Row], kind: int, weights: Sequence[Fraction] | None = None) -> dict[int, Fraction]:
    """Incidence of a kind of event at each event time, by definition."""
    weight = [Fraction(1)] * len(rows) if weights is None else weights
    survival, incidence, values = Fraction(1), Fraction(0), {}
    for time in sorted({stop for _, stop, k in rows if k}):
        at_risk = [(row, w) for row, w in zip(rows, weight, strict=True) if row[0] < time <= row[1]]
        n = sum(w for _, w in at_risk)
        ended = [(k, w) for (_, stop, k), w in at_risk if k and stop == time]
        incidence += survival * sum(w for k, w in ended if k == kind) / n
        survival *= 1 - sum(w for _, w in ended) / n
        values[time] = incidence
    return values


def influences(rows: Sequence[Row], person: Sequence[int], kind: int) -> np.ndarray:
    """(persons, times): how the incidence moves with the weight of each person (infinitesimal jackknife).

    The change from a weight of 1 - e to 1 + e over 2 e, in fractions: exact but for the square of e.
    """
    e, out = Fraction(1, 10**9), []
    for p in sorted(set(person)):
        more, less = (twin(rows, kind, [1 + side * e if q == p else Fraction(1) for q in person]) for side in (1, -1))
        out.append([float((more[t] - less[t]) / (2 * e)) for t in more])
    return np.array(out)


@st.composite
def studies(draw: st.DrawFn, ties: bool = True) -> list[Row]:
    """Persons with delayed entry; without ties every one of them leaves at another time."""
    size = draw(st.integers(1, 14))
    stops = draw(st.lists(st.integers(2, 12 if ties else 60), min_size=size, max_size=size, unique=not ties))
    kinds = draw(st.lists(st.integers(0, 2), min_size=size, max_size=size))
    return [(draw(st.integers(0, stop - 1)), stop, kind) for stop, kind in zip(stops, kinds, strict=True)]


KINDS = (1, 2)


@few
@given(studies())
def test_incidence_is_that_of_the_twin_in_fractions(rows: list[Row]) -> None:
    curve = aalen_johansen(frame(rows))
    for k, kind in enumerate(KINDS):
        expected = twin(rows, kind)
        assert curve.time.tolist() == list(expected)
        assert curve.incidence[:, k] == pytest.approx(
            [float(value) for value in expected.values()], rel=1e-13, abs=1e-15
        )


@few
@given(studies())
def test_persons_at_risk_and_events_are_counted_at_each_time(rows: list[Row]) -> None:
    curve = aalen_johansen(frame(rows))
    assert curve.at_risk.tolist() == [sum(start < t <= stop for start, stop, _ in rows) for t in curve.time]
    assert curve.events.tolist() == [
        [sum(stop == t and k == kind for _, stop, k in rows) for kind in KINDS] for t in curve.time
    ]


@few
@given(studies())
def test_the_error_is_that_of_moving_each_weight_a_little(rows: list[Row]) -> None:
    curve = aalen_johansen(frame(rows))
    for k, kind in enumerate(KINDS):
        moved = influences(rows, range(len(rows)), kind)
        assert curve.standard_error[:, k] == pytest.approx(np.sqrt((moved**2).sum(axis=0)), rel=1e-9, abs=1e-10)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Row], list[int]]:
    """Persons of one to three intervals, contiguous or with gaps; and whose each interval is."""
    rows, person = [], []
    for p in range(draw(st.integers(1, 7))):
        at = draw(st.integers(0, 4))
        pieces = draw(st.integers(1, 3))
        for piece in range(pieces):
            start = at + draw(st.sampled_from([0, 0, 2]))
            at = start + draw(st.integers(1, 4))
            rows.append((start, at, draw(st.integers(0, 2)) if piece == pieces - 1 else 0))
            person.append(p)
    return rows, person


@few
@given(histories())
def test_intervals_of_one_person_move_together(history: tuple[list[Row], list[int]]) -> None:
    """The error, the influence of each person, and the error of the time lost, with gaps between intervals."""
    rows, person = history
    curve = aalen_johansen(frame(rows).with_columns(person_id=pl.Series(person)), id="person_id")
    for k, kind in enumerate(KINDS):
        moved = influences(rows, person, kind)
        if not len(curve.time):
            continue
        assert curve.standard_error[:, k] == pytest.approx(np.sqrt((moved**2).sum(axis=0)), rel=1e-9, abs=1e-10)
        assert curve.influence(curve.time, k) == pytest.approx(moved, rel=1e-9, abs=1e-10)
        until = float(curve.time[-1]) + 1.5
        widths = np.diff([*curve.time, until])
        assert curve.time_lost_influence(until)[:, k] == pytest.approx(moved @ widths, rel=1e-9, abs=1e-10)
        lost, error = curve.restricted_mean_time_lost(until)
        assert lost[k] == pytest.approx(curve.incidence[:, k] @ widths, rel=1e-12)
        assert error[k] == pytest.approx(np.sqrt(((moved @ widths) ** 2).sum()), rel=1e-9, abs=1e-10)


def test_the_standard_error_of_quarters() -> None:
    """Four persons, the first ends by the event: 1/4 with the binomial error sqrt(1/4 x 3/4 / 4)."""
    curve = aalen_johansen(frame([(0, 1, 1), (0, 2, 2), (0, 3, 0), (0, 4, 1)]))
    assert curve.standard_error[0, 0] ** 2 == pytest.approx(3 / 64, rel=1e-12)


def test_one_minus_kaplan_meier_would_be_too_much() -> None:
    """Quarters: 1/4, then no change at 2, then 3/4 at 4; with deaths taken as censoring it would end at 1."""
    rows = [(0, 1, 1), (0, 2, 2), (0, 3, 0), (0, 4, 1)]
    curve = aalen_johansen(frame(rows))
    assert curve.incidence[:, 0].tolist() == pytest.approx([0.25, 0.25, 0.75], rel=1e-15)
    assert curve.incidence[:, 1].tolist() == pytest.approx([0, 0.25, 0.25], rel=1e-15)
    naive = aalen_johansen(frame([(start, stop, kind % 2) for start, stop, kind in rows]))
    assert naive.incidence[-1, 0] == pytest.approx(1)


def test_who_enters_late_is_not_at_risk_before() -> None:
    """At 2 one of two (the third enters at 2), at 3 one of two: 1/2, then 1/2 + 1/2 x 1/2."""
    curve = aalen_johansen(frame([(0, 2, 1), (0, 5, 0), (2, 3, 1)]))
    assert curve.at_risk.tolist() == [2, 2]
    assert curve.incidence[:, 0].tolist() == [0.5, 0.75]


@few
@given(studies(), st.integers(0, 6))
def test_a_start_age_is_as_if_everybody_had_entered_then(rows: list[Row], start: int) -> None:
    """Conditional on being free of both just after it: what ends at the start age or before is left out."""
    late = [(max(entry, start), stop, kind) for entry, stop, kind in rows if stop > start]
    curve, expected = aalen_johansen(frame(rows), from_time=start), aalen_johansen(frame(late))
    assert curve.time.tolist() == expected.time.tolist()
    assert curve.incidence[:, 0].tolist() == expected.incidence[:, 0].tolist()
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
    assert curve.incidence[:, 0].tolist() == expected.incidence[:, 0].tolist()
    assert curve.survival.tolist() == expected.survival.tolist()


@few
@given(studies())
def test_the_two_incidences_and_survival_are_one_and_never_fall(rows: list[Row]) -> None:
    curve = aalen_johansen(frame(rows))
    total = curve.incidence[:, 0] + curve.incidence[:, 1]
    assert (np.diff(curve.incidence[:, 0]) >= 0).all()
    assert (np.diff(curve.incidence[:, 1]) >= 0).all()
    assert (total <= 1 + 1e-12).all()
    assert 1 - total == pytest.approx(curve.survival, abs=1e-12)


def test_without_events_there_is_no_time_and_every_age_is_zero() -> None:
    curve = aalen_johansen(frame([(0, 9, 0)]))
    assert curve.time.tolist() == []
    points = at_ages(curve, np.array([0.0, 1.0]))
    assert points.select("event", "death", "event_se", "event_events").rows() == [(0.0, 0.0, 0.0, 0.0)] * 2


def test_curves_are_read_at_whole_ages_as_they_stand_on_that_day() -> None:
    """An event on day 731 is after the second birthday (730.5); one on day 365 is before the first (365.25)."""
    curve = aalen_johansen(frame([(0, 365, 1), (0, 731, 2), (0, 900, 0), (0, 1200, 0)]))
    points = at_ages(curve, np.array([0.0, 1.0, 2.0, 3.0]))
    assert points.get_column("event").to_list() == [0.0, 0.25, 0.25, 0.25]
    assert points.get_column("death").to_list() == pytest.approx([0.0, 0.0, 0.0, 0.25], rel=1e-15)
    assert points.get_column("event_events").to_list() == [0, 1, 1, 1]
    assert points.get_column("death_events").to_list() == [0, 0, 0, 1]


def test_the_number_at_risk_is_that_of_the_age_at_which_a_curve_is_read() -> None:
    """After the last of four persons has left, at day 1200, nobody is at risk at the age of ten."""
    curve = aalen_johansen(frame([(0, 365, 1), (0, 731, 2), (0, 900, 0), (0, 1200, 0)]))
    assert at_ages(curve, np.array([10.0])).get_column("at_risk").to_list() == [0]


def test_bounds_are_on_the_complementary_log_log_scale() -> None:
    lower, upper = interval(np.array([0.2]), np.array([0.05]), 0.95)
    for bound, sign in ((lower, -1), (upper, 1)):
        width = sign * 1.959963984540054 * 0.05 / (0.8 * abs(math.log(0.8)))
        assert math.log(-math.log(1 - bound[0])) == pytest.approx(math.log(-math.log(0.8)) + width, rel=1e-12)


@few
@given(st.floats(0.001, 0.999), st.floats(1e-4, 0.3), st.sampled_from([0.8, 0.95, 0.99]))
def test_bounds_hold_the_estimate_and_stay_between_zero_and_one(estimate: float, error: float, level: float) -> None:
    lower, upper = interval(np.array([estimate]), np.array([error]), level)
    assert 0 <= lower[0] <= estimate <= upper[0] <= 1


def test_there_are_no_bounds_where_the_estimate_is_one() -> None:
    lower, upper = interval(np.array([1.0]), np.array([0.0]), 0.95)
    assert np.isnan([*lower, *upper]).all()


def test_there_are_no_bounds_where_the_estimate_is_zero() -> None:
    lower, upper = interval(np.array([0.0]), np.array([0.0]), 0.95)
    assert np.isnan([*lower, *upper]).all()


def test_an_interval_with_two_causes_is_counted_in_the_error() -> None:
    rows = frame([(0, 5, 1), (0, 6, 2)]).with_columns(death=pl.lit(1))
    with pytest.raises(ValueError, match=r"^1 interval\(s\) end with events of two causes$"):
        aalen_johansen(rows)


# --- Weights -------------------------------------------------------------------------------------------------

WEIGHTS = st.sampled_from([Fraction(1, 4), Fraction(1), Fraction(3)])


@few
@given(studies(), st.data())
def test_with_weights_curve_and_error_are_those_of_the_twin_in_fractions(rows: list[Row], data: st.DataObject) -> None:
    """A person's influence is his weight times the slope of the curve along it."""
    weight = [data.draw(WEIGHTS) for _ in rows]
    table = frame(rows).with_columns(w=pl.Series([float(w) for w in weight]))
    curve, e = aalen_johansen(table, weights="w"), Fraction(1, 10**9)
    for k, kind in enumerate(KINDS):
        values = [float(value) for value in twin(rows, kind, weight).values()]
        assert curve.incidence[:, k] == pytest.approx(values, rel=1e-13, abs=1e-15)
        moved = []
        for i in range(len(rows)):
            more, less = (
                twin(rows, kind, [w * (1 + side * e * (i == j)) for j, w in enumerate(weight)]) for side in (1, -1)
            )
            moved.append([float((more[t] - less[t]) / (2 * e)) for t in more])
        assert curve.standard_error[:, k] == pytest.approx(np.sqrt((np.array(moved) ** 2).sum(axis=0)), abs=1e-10)


@few
@given(studies(), st.sampled_from([1e-300, 1e-3, 1e150]))
def test_the_unit_of_the_weights_changes_nothing(rows: list[Row], unit: float) -> None:
    curve, plain = aalen_johansen(frame(rows).with_columns(w=pl.lit(unit)), weights="w"), aalen_johansen(frame(rows))
    assert curve.incidence == pytest.approx(plain.incidence, rel=1e-13, abs=1e-15)
    assert curve.standard_error == pytest.approx(plain.standard_error, rel=1e-9, abs=1e-10)


def test_light_persons_who_outlive_heavy_ones_keep_their_digits() -> None:
    """After day 1 three are left of 1e-11 each: thirds, though that is nothing beside what was there before."""
    rows = [(0, 1, 0), (0, 1, 0), (0, 2, 1), (0, 3, 2), (0, 4, 1)]
    curve = aalen_johansen(frame(rows).with_columns(w=pl.Series([1.0, 1.0, 1e-11, 1e-11, 1e-11])), weights="w")
    assert curve.at_risk == pytest.approx([3e-11, 2e-11, 1e-11], rel=1e-14)
    assert curve.incidence[:, 0] == pytest.approx([1 / 3, 1 / 3, 2 / 3], rel=1e-14)
    alone = aalen_johansen(frame(rows[2:]))
    assert curve.standard_error == pytest.approx(alone.standard_error, rel=1e-9)


# --- At the edge ---------------------------------------------------------------------------------------------


def test_one_event_all_tied_and_nobody_at_all() -> None:
    one = aalen_johansen(frame([(0, 3, 1), (0, 5, 0), (1, 4, 0)]))
    assert [*one.incidence[0], *one.survival] == pytest.approx([1 / 3, 0, 2 / 3], rel=1e-15)
    tied = aalen_johansen(frame([(0, 3, kind) for kind in (0, 1, 1, 2)]))
    assert tied.incidence.tolist() == [[0.5, 0.25]]
    assert tied.standard_error[0] ** 2 == pytest.approx([0.25 / 4, 0.1875 / 4], rel=1e-12)
    nobody = aalen_johansen(frame([]))
    assert (nobody.n_people, nobody.time.tolist()) == (0, [])
    assert nobody.restricted_mean_time_lost(10.0)[0].tolist() == [0, 0]


def test_when_all_have_had_events_nothing_moves_any_more() -> None:
    """Sevenths of seven weights are a whole, not its rounding; who comes after it cannot change what was."""
    rows = [(0, 2, 1 + i % 2) for i in range(7)]
    weights = pl.Series([0.1, 0.2, 0.3, 0.4, 0.7, 0.11, 0.13, 1.0])
    curve = aalen_johansen(frame([*rows, (3, 5, 1)]).with_columns(w=weights), weights="w")
    assert curve.survival.tolist() == [0, 0]
    assert curve.incidence[1].tolist() == curve.incidence[0].tolist()
    assert curve.survival_error.tolist() == [0, 0]


def test_who_is_sure_to_have_the_event_has_no_error_and_not_its_rounding() -> None:
    draw = np.random.default_rng(0)
    for size in (5, 7, 11, 30):
        stops = pl.Series(draw.integers(1, 6, size))
        rows = pl.DataFrame(
            {"start_day": 0, "stop_day": stops, "event": 1, "death": 0, "w": draw.uniform(0.1, 1, size)}
        )
        curve = aalen_johansen(rows, weights="w")
        assert curve.incidence[-1] == pytest.approx([1, 0], abs=1e-15)
        assert curve.standard_error[-1].tolist() == [0, 0]


def test_without_ids_nobody_is_known() -> None:
    rows = frame([(0, 3, 1), (0, 5, 0)]).with_columns(name=pl.Series(["b", "a"]))
    assert aalen_johansen(rows).people is None
    assert aalen_johansen(rows, id="name").people.to_list() == ["a", "b"]  # type: ignore[union-attr]


REFUSED = {
    "a reversed interval": ({"stop_day": [0, 5]}, r"^1 interval\(s\) do not end after they start$"),
    "a missing end": ({"stop_day": [None, 5]}, r"^column stop_day has 1 value\(s\) that are missing or not finite$"),
    "a cause of two": ({"event": [2, 0]}, r"^column event has 1 value\(s\) that are neither 0 nor 1$"),
    "a missing cause": ({"death": [None, 0]}, r"^column death has 1 value\(s\) that are neither 0 nor 1$"),
    "words": ({"event": ["yes", "no"]}, r"^column event holds String, not numbers$"),
    "no weight": ({"w": [0.0, 1.0]}, r"^column w has 1 value\(s\) not above 1e-12 of the largest$"),
    "a weight that is lost beside others": ({"w": [1e-300, 1.0]}, r"^column w has 1 value\(s\) not above 1e-12 of the"),
    "nobody's interval": ({"id": [None, 1]}, r"^1 interval\(s\) have no id$"),
    "two intervals at once": ({"id": [1, 1]}, r"^1 interval\(s\) begin before the one before them, of the same person"),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_what_is_refused_is_named_with_its_number(case: str) -> None:
    columns, message = REFUSED[case]
    rows = frame([(0, 3, 1), (0, 5, 0)]).with_columns(w=pl.lit(1.0), id=pl.int_range(2))
    rows = rows.with_columns(pl.Series(name, values) for name, values in columns.items())
    with pytest.raises(ValueError, match=message):
        aalen_johansen(rows, id="id", weights="w")


def test_a_transform_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^there is no transform 'logit': cloglog, log-log, log, plain$"):
        interval(np.array([0.5]), np.array([0.1]), 0.95, "logit")  # type: ignore[arg-type]


def test_bounds_of_a_risk_next_to_nothing_are_no_warning() -> None:
    lower, upper = bounds(np.array([1e-300]), np.array([1.0]), 1.96)
    assert (lower[0], upper[0]) == (0, 1)
