"""Weight functions drawn again: against the slow way, and beside the bounds of the likelihood."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from cohort.survival.case_sets import CaseSets
from cohort.survival.likelihood import PartialLikelihood
from cohort.survival.redrawn import redrawn
from cohort.survival.sampling import sample_risk_sets, whole_risk_sets
from cohort.survival.wce import WceFit, fit_wce
from cohort.survival.weight_basis import Basis, FlatBasis, WeightBasis, wce_basis
from tests.unit.survival.test_wce import CUTOFF, TRUE, sampled, simulated

BASES = [wce_basis(CUTOFF, knots, end) for end in ("right", None) for knots in (1, 2)]  # type: ignore[arg-type]


def weights(basis: Basis) -> np.ndarray:
    return basis.values


def in_blocks(sets: CaseSets) -> CaseSets:
    """The same twenty times over: more than are worked on together."""
    return replace(
        sets,
        values=np.tile(sets.values, (20, 1)),
        members=np.tile(sets.members, 20),
        lengths=np.tile(sets.lengths, 20),
        times=np.tile(sets.times, 20),
    )


@pytest.fixture(scope="module")
def members() -> tuple[pl.DataFrame, pl.DataFrame]:
    cohort, courses = simulated(700, 11)
    return sample_risk_sets(cohort, controls=5, seed=3, columns=["sex"]), courses


@pytest.fixture(scope="module")
def chosen(members: tuple[pl.DataFrame, pl.DataFrame]) -> WceFit:
    table, courses = members
    return fit_wce(table, {"dose": courses}, BASES, ["sex"])


def test_the_likelihood_of_sets_with_one_case_is_the_partial_likelihood(chosen: WceFit) -> None:
    """Log-likelihood, score and information at any coefficients, in one block or many."""
    params = np.linspace(0.05, -0.03, len(chosen.fit.columns))
    wanted = PartialLikelihood(chosen.fit.sets, "efron").at(params)
    sets = CaseSets.of_fit(chosen.fit)
    for found, many in ((sets.at(params), 1), (in_blocks(sets).at(params), 20)):
        assert found.log_likelihood == pytest.approx(many * wanted.log_likelihood, rel=1e-12)
        assert found.score == pytest.approx(many * wanted.score, rel=1e-9, abs=1e-8)
        assert found.information == pytest.approx(many * wanted.information, rel=1e-9)
    assert sets.at_zero.log_likelihood == pytest.approx(chosen.fit.log_likelihood_null, rel=1e-12)


def test_what_draws_tell_in_one_pass_is_what_each_tells_when_its_sets_are_copied(chosen: WceFit) -> None:
    """In one block and in many; a set that was not drawn counts for nothing."""
    sets = CaseSets.of_fit(chosen.fit)
    params = np.linspace(-0.02, 0.06, len(chosen.fit.columns))
    for own in (sets, in_blocks(sets)):
        draws = np.random.default_rng(5).poisson(1.0, (3, len(own.lengths)))
        for times, found in zip(draws, own.of_draws(params, draws), strict=True):
            wanted = own.drawn(times).at(params)
            log_likelihood, score = own.slope(params, times)
            assert [found.log_likelihood, log_likelihood] == pytest.approx([wanted.log_likelihood] * 2, rel=1e-12)
            assert found.score == pytest.approx(wanted.score, rel=1e-9, abs=1e-8)
            assert score == pytest.approx(wanted.score, rel=1e-9, abs=1e-8)
            assert found.information == pytest.approx(wanted.information, rel=1e-9)


def test_sets_with_several_cases_are_refused() -> None:
    cohort, courses = simulated(300, 6)
    found = fit_wce(whole_risk_sets(cohort), {"dose": courses}, wce_basis(CUTOFF))
    with pytest.raises(ValueError, match=r"cases are in \d+ sets: each needs a set of its own"):
        redrawn(found, 2)


def test_a_replicate_is_the_choice_among_fits_of_the_sets_as_often_as_drawn(
    chosen: WceFit, members: tuple[pl.DataFrame, pl.DataFrame]
) -> None:
    """Slowly: sets copied, every basis fitted from the beginning, the least BIC taken."""
    table, courses = members
    names, draw = table["set"].unique().sort(), np.random.default_rng(12)
    for basis, params in redrawn(chosen, 4, seed=12).drawn:
        taken = names[draw.integers(0, len(names), len(names))]
        copies = taken.to_frame().with_row_index("copy").join(table, on="set").with_columns(set=pl.col("copy"))
        wanted = fit_wce(copies, {"dose": courses}, BASES, ["sex"])
        assert basis == wanted.basis
        assert list(params) == list(wanted.fit.columns)
        assert list(params.values()) == pytest.approx(wanted.fit.params, rel=1e-4, abs=1e-7)


def test_where_the_model_is_fixed_and_true_the_bounds_are_about_those_of_the_likelihood() -> None:
    """200 replicates: the end of an interval is known to about a tenth of its width."""
    found = sampled(2500, 8, 6)
    lower, upper = redrawn(found, 200, seed=4).bounds("dose", weights)
    told = found.weights("dose")
    width = (told["ci_upper"] - told["ci_lower"]).to_numpy()
    for own, wanted in ((lower, told["ci_lower"]), (upper, told["ci_upper"])):
        assert np.abs((own - wanted.to_numpy()) / width)[:50].max() < 0.3


def test_where_the_knots_are_chosen_the_bounds_count_it() -> None:
    """Around the top of a steep weight function one basis or the other is taken: more moves than the bands say."""
    cohort, courses = simulated(2500, 8)
    table = sample_risk_sets(cohort, controls=6, seed=3, columns=["sex"])
    found = fit_wce(table, {"dose": courses}, BASES, ["sex"])
    again = redrawn(found, 100, seed=4)
    assert len({basis for basis, _ in again.drawn}) > 1
    lower, upper = again.bounds("dose", weights)
    told = found.weights("dose")
    assert ((upper - lower) / (told["ci_upper"] - told["ci_lower"]).to_numpy())[:40].mean() > 1.1
    assert lower[0] < TRUE[0] < upper[0]


def test_the_same_seed_draws_the_same_and_another_one_does_not(chosen: WceFit) -> None:
    one, same, other = (redrawn(chosen, 40, seed).bounds("dose", weights) for seed in (1, 1, 2))
    assert (np.array(one) == np.array(same)).all()
    assert (np.array(one) != np.array(other)).any()


def test_replicates_without_an_estimate_are_counted_and_lie_beyond_either_end() -> None:
    """Thirty persons: in some replicates what cases had separates."""
    cohort, courses = simulated(30, 12)
    found = fit_wce(sample_risk_sets(cohort, controls=3), {"dose": courses}, wce_basis(CUTOFF))
    again = redrawn(found, 60)
    failed = again.failed("dose")
    assert 0 < failed < 60
    assert failed == sum(len(params) < 3 for _, params in again.drawn)
    lower, upper = again.bounds("dose", weights, 1 - 2 * (failed - 1) / 60)
    assert (np.isinf(lower) & np.isinf(upper)).all()
    lower, upper = again.bounds("dose", weights, 1 - 2 * (failed + 2) / 60)
    assert np.isfinite([lower, upper]).all()


def test_a_replicate_that_says_nothing_about_an_exposure_has_no_estimate_of_it_and_one_of_the_other() -> None:
    """Two cases and two controls took it: a replicate without the ones or the others cannot tell."""
    many, each, draw = 40, 4, np.random.default_rng(2)
    members = pl.DataFrame(
        {
            "set": np.repeat(np.arange(many), each),
            "person_id": np.arange(many * each),
            "is_case": np.tile([1, 0, 0, 0], many),
            "time": np.full(many * each, 20),
        }
    )
    taken = {
        "dose": draw.choice(many * each, 60, replace=False),
        "rare": np.array([0, each, 2 * each + 1, 3 * each + 1]),
    }
    courses = {
        name: pl.DataFrame({"person_id": persons, "first_day": 11, "last_day": 12, "dose_per_day": 1.0})
        for name, persons in taken.items()
    }
    again = redrawn(fit_wce(members, courses, FlatBasis(15)), 100, seed=9)
    drawn = [{*sets} for sets in np.random.default_rng(9).integers(0, many, (100, many)).tolist()]
    assert any(not {0, 1, 2, 3} & sets for sets in drawn)
    (name,) = FlatBasis(15).names("rare")
    assert [name in params for _, params in again.drawn] == [bool({0, 1} & sets and {2, 3} & sets) for sets in drawn]
    assert again.failed("dose") == 0


def test_the_far_end_is_free_where_that_tells_more() -> None:
    """A window in which the weight is as good as level: to force it to zero costs more than two coefficients."""
    cohort, courses = simulated(4000, 7)
    table = sample_risk_sets(cohort, controls=6, seed=3)
    held, free = (WeightBasis(6, (3,), end) for end in ("right", None))  # type: ignore[arg-type]
    found = fit_wce(table, {"dose": courses}, [held, free])
    assert found.basis == free
    assert free in {basis for basis, _ in redrawn(found, 5).drawn}
