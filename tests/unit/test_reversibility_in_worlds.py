"""Which hypothesis of how past dose acts wins in worlds where it is known: for ever, while it is taken, or fading."""

import math
from pathlib import Path

import pytest

from cohort.analyses import PRIMARY
from cohort.models.histories import HISTORIES
from cohort.models.reversibility import CURRENT, LIFETIME, SINCE_LAST, WEIGHTED, WINDOW, recency_labels
from cohort.results import HistoryEffect, ModelResult
from cohort.study import RunSettings, build_tables, fit_one, prepare_run, read_models
from cohort.synthetic import simulate
from cohort.synthetic.parameters import Parameters, changed, same_in_all_bands

PERSONS, SEED, DELAY = 40_000, 5, 1095
"""The lag at which each world is what it is: the delay from onset to diagnosis."""


def studied(folder: Path, replicates: int = 0, **world: object) -> ModelResult:
    cdm = folder / "cdm.duckdb"
    simulate(cdm, PERSONS, SEED, "primary", parameters=changed(Parameters(), {"prodrome_start_ratio": 1.0, **world}))
    changes = (f"bootstrap_replicates={replicates}",)
    prepared = prepare_run(RunSettings(cdm=str(cdm), out=str(folder / "run"), changes=changes))
    return read_models([fit_one(prepared, PRIMARY, "reversibility", build_tables(prepared, PRIMARY))])


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> ModelResult:
    return studied(tmp_path_factory.mktemp("lasting"), log_hazard_ratio=same_in_all_bands(math.log(2)))


@pytest.fixture(scope="module")
def current(tmp_path_factory: pytest.TempPathFactory) -> ModelResult:
    effects = same_in_all_bands(math.log(3))
    return studied(tmp_path_factory.mktemp("current"), effect_of_running_supply_only=True, log_hazard_ratio=effects)


@pytest.fixture(scope="module")
def fading(tmp_path_factory: pytest.TempPathFactory) -> ModelResult:
    effects = same_in_all_bands(math.log(10))
    return studied(tmp_path_factory.mktemp("fading"), 200, effect_half_life_days=365.0, log_hazard_ratio=effects)


def bic(result: ModelResult, hypothesis: str, lag: int = DELAY) -> float:
    (found,) = [h for h in result.hypotheses if (h.lag_days, h.hypothesis) == (lag, hypothesis)]
    assert found.bic is not None
    return found.bic


def likelihood(result: ModelResult, hypothesis: str) -> float:
    return next(h.log_likelihood or 0.0 for h in result.hypotheses if (h.lag_days, h.hypothesis) == (DELAY, hypothesis))


def effect(result: ModelResult, hypothesis: str, history: str, exposure: str = "tspo_binder") -> HistoryEffect:
    wanted = (DELAY, hypothesis, exposure, history)
    (found,) = [e for e in result.history_effects if (e.lag_days, e.hypothesis, e.exposure, e.history) == wanted]
    return found


def ratio(found: HistoryEffect) -> float:
    assert found.hazard_ratio is not None
    return found.hazard_ratio


def test_an_effect_for_ever_is_told_from_one_of_current_use(lasting: ModelResult) -> None:
    assert bic(lasting, LIFETIME) < bic(lasting, CURRENT) - 6
    assert bic(lasting, LIFETIME) < bic(lasting, WEIGHTED)
    found = effect(lasting, LIFETIME, "a year, stopped three years ago")
    assert found.log_hr == pytest.approx(math.log(2), abs=3 * (found.se_log_hr or 0))


def test_an_effect_of_current_use_is_told_from_one_for_ever(current: ModelResult) -> None:
    assert bic(current, CURRENT) < bic(current, LIFETIME) - 6
    now, long_ago = effect(current, SINCE_LAST, "current"), effect(current, SINCE_LAST, ">1095 days ago")
    assert ratio(now) > 2
    assert now.log_hr == pytest.approx(math.log(3), abs=3 * (now.se_log_hr or 0))
    assert abs(long_ago.log_hr or 0) < 3 * (long_ago.se_log_hr or 0)


def test_an_effect_that_fades_has_a_falling_weight(fading: ModelResult) -> None:
    # Few hundred exposed cases pay for a window, not for a curve; its likelihood says so all the same.
    assert bic(fading, WINDOW) < min(bic(fading, LIFETIME), bic(fading, CURRENT)) - 6
    assert likelihood(fading, WEIGHTED) > likelihood(fading, LIFETIME) + 10
    until_now, year_ago, three_years = (effect(fading, WEIGHTED, h).log_hr or 0.0 for h in list(HISTORIES)[:3])
    assert until_now > year_ago > three_years
    # Halving every year: a year of use that ended now adds twice what one that ended a year ago does.
    error = effect(fading, WEIGHTED, "a year, until now").se_log_hr or 0
    assert until_now == pytest.approx(2 * year_ago, abs=3 * error)
    weights = [p.weight or 0 for p in fading.weight_points if (p.lag_days, p.exposure) == (DELAY, "tspo_binder")]
    assert weights[1] > 2 * weights[-10]


def test_the_bootstrap_band_leaves_out_no_effect_for_new_dose_and_not_for_old(fading: ModelResult) -> None:
    band = [p for p in fading.weight_points if (p.lag_days, p.exposure) == (DELAY, "tspo_binder")]
    assert all(p.bootstrap_lower is not None and p.bootstrap_upper is not None for p in band)
    assert (band[1].bootstrap_lower or 0) > 0
    assert (band[-10].bootstrap_lower or 0) < 0 < (band[-10].bootstrap_upper or 0)
    assert {p.replicates for p in band} == {200}
    until_now = effect(fading, WEIGHTED, "a year, until now")
    assert 1 < (until_now.bootstrap_lower or 0) < ratio(until_now) < (until_now.bootstrap_upper or 0)


def test_both_forms_of_the_far_end_compete(fading: ModelResult) -> None:
    (shape,) = [h.shape for h in fading.hypotheses if (h.lag_days, h.hypothesis) == (DELAY, WEIGHTED)]
    assert shape.endswith((" days, zero at the far end", " days, free at the far end"))


def test_every_hypothesis_and_time_since_the_last_dose_has_its_rows(lasting: ModelResult) -> None:
    assert {h.lag_days for h in lasting.hypotheses} == {365, 1095}
    labels = [e.history for e in lasting.history_effects if (e.lag_days, e.hypothesis) == (DELAY, SINCE_LAST)]
    assert labels == recency_labels() * 3
    assert len({h.events for h in lasting.hypotheses}) == 1
