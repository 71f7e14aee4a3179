"""Interaction on the additive scale: by hand, and bounds by numeric derivatives."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohort.survival.interaction import additive_interaction

LOG_RATIOS = st.lists(st.floats(-1.5, 1.5), min_size=3, max_size=3)
MEASURES: dict[str, Callable[[np.ndarray], float]] = {
    "reri": lambda b: math.exp(b[0]) - math.exp(b[1]) - math.exp(b[2]) + 1,
    "attributable_proportion": lambda b: (math.exp(b[0]) - math.exp(b[1]) - math.exp(b[2]) + 1) / math.exp(b[0]),
}


def spread(draws: list[float]) -> np.ndarray:
    root = np.array(draws).reshape(3, 3)
    return root @ root.T


def test_ratios_of_3_and_a_half_and_1_8_add_up_to_less_than_both() -> None:
    """RR11 3, RR10 1.5, RR01 1.8: RERI 0.7, AP 0.7 / 3, S 2 / 1.3."""
    found = additive_interaction(np.log([3, 1.5, 1.8]), np.zeros((3, 3)))
    assert found.reri == pytest.approx((0.7, 0.7, 0.7), rel=1e-14)
    assert found.attributable_proportion.estimate == pytest.approx(0.7 / 3, rel=1e-14)
    assert found.synergy_index.estimate == pytest.approx(2 / 1.3, rel=1e-14)


def test_effects_that_add_up_have_no_interaction() -> None:
    found = additive_interaction(np.log([1.7, 1.2, 1.5]), np.eye(3))
    assert found.reri.estimate == pytest.approx(0, abs=1e-14)
    assert found.synergy_index.estimate == pytest.approx(1, rel=1e-14)


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(LOG_RATIOS, st.lists(st.floats(-0.5, 0.5), min_size=9, max_size=9), st.sampled_from([0.8, 0.95]))
def test_bounds_are_those_of_the_delta_method(log_ratios: list[float], draws: list[float], level: float) -> None:
    covariance, at, step = spread(draws), np.array(log_ratios), 1e-6
    found = additive_interaction(log_ratios, covariance, level)
    z = {0.8: 1.2815515655446004, 0.95: 1.959963984540054}[level]
    for name, measure in MEASURES.items():
        slopes = [(measure(at + step * e) - measure(at - step * e)) / (2 * step) for e in np.eye(3)]
        width = z * math.sqrt(max(np.array(slopes) @ covariance @ np.array(slopes), 0))
        value, lower, upper = getattr(found, name)
        assert value == pytest.approx(measure(at), rel=1e-12, abs=1e-12)
        assert (value - lower, upper - value) == pytest.approx((width, width), rel=1e-6, abs=1e-6)


def test_bounds_of_synergy_are_symmetric_on_the_log_scale() -> None:
    covariance, logs, step = np.diag([0.01, 0.02, 0.03]), np.log([3, 1.5, 1.8]), 1e-6

    def log_synergy(b: np.ndarray) -> float:
        both, first, second = np.exp(b)
        return math.log((both - 1) / (first + second - 2))

    slopes = np.array([(log_synergy(logs + step * e) - log_synergy(logs - step * e)) / (2 * step) for e in np.eye(3)])
    width = 1.959963984540054 * math.sqrt(slopes @ covariance @ slopes)
    value, lower, upper = additive_interaction(logs, covariance).synergy_index
    assert (math.log(value) - math.log(lower), math.log(upper) - math.log(value)) == pytest.approx((width, width))


def test_there_is_no_synergy_of_exposures_that_protect() -> None:
    assert np.isnan(additive_interaction(np.log([0.9, 0.8, 0.7]), np.eye(3)).synergy_index).all()
