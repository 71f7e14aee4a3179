"""Restricted cubic splines: their shape, their knots, and what a fit says of the curve."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohort.survival.counting import risk_sets
from cohort.survival.cox import fit_cox
from cohort.survival.inference import likelihood_ratio_test, linear_hypothesis
from cohort.survival.risk_sets import RiskSets
from cohort.survival.spline import PERCENTILES, Spline, fit_splines, percentiles, with_splines

few = settings(max_examples=40, deadline=None, derandomize=True, database=None)
KNOTS = st.lists(st.integers(-20, 60), min_size=3, max_size=6, unique=True).map(lambda k: tuple(map(float, sorted(k))))


def made(persons: int = 400) -> RiskSets:
    """Hazards that rise with x up to 3 and then no more, and y that does nothing."""
    draw = np.random.default_rng(4)
    x, y = draw.gamma(2, 1.5, persons).round(2), draw.normal(size=persons).round(1)
    time = draw.exponential(1 / np.exp(0.5 * np.minimum(x, 3))).round(3) + 0.001
    rows = {"start": 0.0, "stop": np.minimum(time, 1.5), "event": (time < 1.5).astype(int), "x": x, "y": y}
    return risk_sets(pl.DataFrame(rows), ["x", "y"], (), "start", "stop")


def test_the_basis_is_harrells_by_hand() -> None:
    """Knots 0, 1, 3; at 2: (8 - 1 x 3/2 + 0) / 9; at 4: (64 - 27 x 3/2 + 1 x 1/2) / 9."""
    basis = Spline((0, 1, 3)).basis([-1, 2, 4])
    assert basis[:, 0].tolist() == [-1, 2, 4]
    assert basis[:, 1] == pytest.approx([0, 6.5 / 9, 24 / 9], rel=1e-14)


@few
@given(KNOTS)
def test_it_is_straight_beyond_the_outer_knots(knots: tuple[float, ...]) -> None:
    below = Spline(knots).basis(knots[0] - np.array([0.0, 1, 2, 10]))
    assert (below[:, 1:] == 0).all()
    above = Spline(knots).basis(knots[-1] + np.array([0.0, 1, 2, 3]))
    assert np.diff(above, 2, axis=0) == pytest.approx(0, abs=1e-8 * max(1.0, np.abs(above).max()))


@few
@given(KNOTS)
def test_it_is_smooth_up_to_the_second_derivative(knots: tuple[float, ...]) -> None:
    """Second differences on both sides of a knot agree but for a term of the step's size."""
    step = 1e-3
    for knot in knots:
        around = Spline(knots).basis(knot + step * np.array([-2.0, -1, 0, 1, 2]))
        left, right = (np.diff(around[part], 2, axis=0) / step**2 for part in (slice(0, 3), slice(2, 5)))
        assert right == pytest.approx(left, abs=0.2)


@few
@given(KNOTS, st.floats(0.1, 50), st.floats(-10, 10))
def test_the_unit_and_the_zero_of_the_values_change_nothing_but_the_scale(
    knots: tuple[float, ...], unit: float, shift: float
) -> None:
    values = np.linspace(-30, 70, 41)
    plain, moved = (
        Spline(knots).basis(values),
        Spline(tuple(unit * (k + shift) for k in knots)).basis(unit * (values + shift)),
    )
    assert moved[:, 1:] == pytest.approx(unit * plain[:, 1:], rel=1e-7, abs=1e-6 * unit)


@pytest.mark.parametrize("knots", [(), (1.0, 2.0), (1.0, 1.0, 2.0), (3.0, 2.0, 1.0)])
def test_knots_have_to_grow_and_be_three(knots: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"^a spline needs three or more ascending knots, not \["):
        Spline(knots)


def test_columns_are_named_after_the_covariate() -> None:
    assert Spline((1, 2, 3, 4)).names("dose") == ("dose", "dose'", "dose''")


def test_every_number_of_knots_has_as_many_percentiles() -> None:
    assert all(len(places) == knots for knots, places in PERCENTILES.items())


@pytest.mark.parametrize(
    ("wanted", "expected"), [(1, 10), (20, 10), (21, 20), (50, 20), (50.1, 30), (99, 30), (100, 30)]
)
def test_a_percentile_is_the_least_value_with_so_much_of_the_weight(wanted: float, expected: float) -> None:
    """Weights 2, 3 and 5 of ten: 20 % lie at 10, 50 % at 20 or below."""
    assert percentiles(np.array([30.0, 10, 20]), np.array([5.0, 2, 3]), [wanted]).tolist() == [expected]


@few
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 4)), min_size=1, max_size=12), st.floats(1, 99))
def test_a_weight_counts_as_so_many_values(pairs: list[tuple[int, int]], wanted: float) -> None:
    values, weights = (np.array(part, float) for part in zip(*pairs, strict=True))
    repeated = np.repeat(values, weights.astype(int))
    assert percentiles(values, weights, [wanted]) == percentiles(repeated, np.ones(len(repeated)), [wanted])


def test_other_covariates_stay_and_splines_stand_in_their_place() -> None:
    sets = with_splines(made(), {"x": Spline((1, 2, 4))})
    assert sets.columns == ("x", "x'", "y")
    assert sets.patterns[:, [0, 2]].tolist() == made().patterns.tolist()


def test_the_curve_is_the_fit_at_each_value_less_that_at_the_reference() -> None:
    spline = Spline((1, 2, 4, 7))
    found = fit_splines(made(), {"x": spline})
    assert found.curve("x", [2.5], reference=2.5).row(0) == (2.5, 0.0, 0.0, 1.0, 1.0, 1.0)
    curve = found.curve("x", [0.0, 9.0], reference=2.5, level=0.9)
    for value, log_hr, error, ratio, lower, upper in curve.iter_rows():
        apart = (spline.basis([value]) - spline.basis([2.5]))[0]
        contrast = found.fit.contrast(dict(zip(spline.names("x"), apart.tolist(), strict=True)))
        assert contrast is not None
        assert (log_hr, error) == pytest.approx((contrast.estimate, contrast.standard_error), rel=1e-10, abs=1e-12)
        width = 1.6448536269514722 * error
        assert (ratio, lower, upper) == pytest.approx(
            tuple(math.exp(log_hr + side * width) for side in (0, -1, 1)), rel=1e-12
        )


def test_a_threshold_is_found_not_to_be_straight_and_a_straight_line_is() -> None:
    found = fit_splines(made(2_000), {"x": Spline((1, 2, 4, 7)), "y": Spline((-1, 0, 1))})
    assert found.nonlinearity_test("x").p_value < 1e-4
    assert found.nonlinearity_test("y").p_value > 0.05
    assert found.association_test("x").p_value < 1e-9 < found.association_test("y").p_value
    high, plateau = found.curve("x", [3.0, 8.0], 0.0)["log_hr"]
    assert (high, plateau) == pytest.approx((1.5, 1.5), abs=0.35)


def test_tests_of_one_covariate_leave_the_spline_of_the_other() -> None:
    sets, splines = made(), {"x": Spline((1, 2, 4)), "y": Spline((-1, 0, 1))}
    found = fit_splines(sets, splines)
    straight = fit_cox(with_splines(sets, {"y": splines["y"]}))
    assert found.nonlinearity_test("x") == likelihood_ratio_test(found.fit, straight)
    curved = np.array([[float(c == "x'") for c in found.fit.columns]])
    assert found.nonlinearity_wald_test("x") == linear_hypothesis(found.fit, curved)
    assert found.linear.log_likelihood == pytest.approx(fit_cox(sets).log_likelihood, rel=1e-14)


def test_without_a_second_spline_the_straight_model_is_the_linear_one() -> None:
    found = fit_splines(made(), {"x": Spline((1, 2, 4))})
    assert found.nonlinearity_test("x") == likelihood_ratio_test(found.fit, found.linear)


def test_a_term_without_estimate_is_named_in_the_error() -> None:
    """All values lie below the second knot: the third term is the second's multiple or nothing."""
    found = fit_splines(made(), {"x": Spline((100, 200, 300))})
    with pytest.raises(ValueError, match=r"^x' does not vary among those at risk$"):
        found.curve("x", [1.0], 0.0)
    assert found.association_test("x").degrees_of_freedom == 1
