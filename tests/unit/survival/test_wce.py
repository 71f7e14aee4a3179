"""Weighted cumulative exposure: one model of whole and of sampled risk sets, its weights, ratios and covariances."""

import numpy as np
import polars as pl
import pytest

from cohort.survival.bootstrap import bootstrap_covariance
from cohort.survival.conditional import conditional_logistic
from cohort.survival.counting import risk_sets
from cohort.survival.cox import fit_cox
from cohort.survival.inference import likelihood_ratio_test
from cohort.survival.residuals import robust_covariance
from cohort.survival.sampling import sample_risk_sets, whole_risk_sets
from cohort.survival.wce import WceFit, fit_wce
from cohort.survival.weight_basis import wce_basis
from tests.unit.survival import slow_wce
from tests.unit.survival.slow_wce import Course

CUTOFF = 60
TRUE = 0.06 * np.exp(-np.arange(CUTOFF) / 10)
"""The weight of a unit of dose on each past day; older days have next to none."""


def simulated(persons: int, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A cohort of up to 150 days, and courses of which one in two is at risk; the hazard follows TRUE and sex."""
    draw = np.random.default_rng(seed)
    days = np.arange(-CUTOFF, 150)
    dose = np.zeros((persons, len(days)))
    courses = []
    for person in range(persons):
        for _ in range(draw.poisson(3)):
            first, length, rate = draw.integers(-CUTOFF, 150), draw.integers(1, 40), draw.choice([0.5, 1.0, 2.0])
            courses.append((person, first, first + length - 1, rate))
            dose[person, first + CUTOFF : first + CUTOFF + length] += rate
    sex = draw.integers(0, 2, persons)
    summed = np.array([np.convolve(own, TRUE)[: len(days)] for own in dose])[:, CUTOFF + 1 :]
    happens = draw.random(summed.shape) < 0.003 * np.exp(0.5 * sex[:, None] + summed)
    first = np.where(happens.any(axis=1), happens.argmax(axis=1) + 1, 150)
    leaves = draw.integers(30, 150, persons)
    cohort = pl.DataFrame(
        {
            "person_id": np.arange(persons),
            "start_day": 0,
            "stop_day": np.minimum(first, leaves),
            "event": (first <= leaves) & (first < 150),
            "sex": sex,
        }
    )
    names = ["person_id", "first_day", "last_day", "dose_per_day"]
    return cohort.with_columns(pl.col("event").cast(pl.Int8)), pl.DataFrame(courses, schema=names, orient="row")


def sampled(persons: int = 1200, seed: int = 1, controls: int = 8, knots: int = 1) -> WceFit:
    cohort, courses = simulated(persons, seed)
    members = sample_risk_sets(cohort, controls=controls, seed=3, columns=["sex"])
    return fit_wce(members, {"dose": courses}, wce_basis(CUTOFF, knots), ["sex"])


def test_a_ratio_beyond_all_numbers_is_infinite_without_a_word() -> None:
    """Of a history that nobody has; a warning would stand among the messages of a run."""
    ratios = sampled(300).hazard_ratios({"absurd": {"dose": [(1, 60, 1e9)]}}, covariance=None)
    assert set(ratios.select("hazard_ratio", "ci_upper").row(0)) <= {0.0, np.inf}


def test_it_is_coxs_model_of_every_day_written_out() -> None:
    """Each person-day a row of the cohort, its history the sum over the days before: all is the same."""
    cohort, courses = simulated(120, 2)
    basis = wce_basis(20, 2)
    days = cohort.with_columns(day=pl.int_ranges(1, pl.col("stop_day") + 1)).explode("day")
    days = days.with_columns(
        ((pl.col("day") == pl.col("stop_day")) & (pl.col("event") == 1)).cast(pl.Int8).alias("event"),
        start=pl.col("day") - 1,
    )
    slow = [Course(*row) for row in courses.iter_rows()]
    sums = slow_wce.history(days.select("person_id", "day").rows(), slow, 20, basis.interior_knots, 1)[:, :-2]
    written = days.hstack(pl.DataFrame(sums, schema=list(basis.names("dose"))))
    cox = fit_cox(risk_sets(written, ["sex", *basis.names("dose")], (), "start", "day"))
    found = fit_wce(whole_risk_sets(cohort, columns=["sex"]), {"dose": courses}, basis, ["sex"], lag=1)
    assert found.fit.columns == cox.columns
    assert found.fit.params == pytest.approx(cox.params, rel=1e-9)
    assert found.fit.covariance == pytest.approx(cox.covariance, rel=1e-9)
    assert found.fit.log_likelihood == pytest.approx(cox.log_likelihood, rel=1e-12)
    robust = robust_covariance(found.fit, found.design["_person"])
    assert robust == pytest.approx(robust_covariance(cox, written["person_id"]), rel=1e-8)


def test_sampled_sets_are_its_conditional_logistic_model() -> None:
    found = sampled(300)
    fit = conditional_logistic(found.design, ["sex", "dose D1", "dose D2", "dose D3"], "_set", "_case")
    assert (fit.params == found.fit.params).all()


def test_a_constant_weight_is_the_model_of_the_cumulative_dose() -> None:
    cohort, courses = simulated(400, 3)
    members = sample_risk_sets(cohort, controls=5, columns=["sex"])
    basis = wce_basis(CUTOFF, 2, None)
    found = fit_wce(members, {"dose": courses}, basis, ["sex"])
    names = basis.names("dose")
    constant = fit_cox(found.fit.sets.combined({"sex": {"sex": 1.0}, "total": dict.fromkeys(names, 1.0)}))
    slow = [Course(*row) for row in courses.iter_rows()]
    total = [
        sum(slow_wce.dose_on(slow, person, time - u) for u in range(CUTOFF))
        for person, time in members.head(200).select("person_id", "time").iter_rows()
    ]
    assert found.design.select(pl.sum_horizontal(names)).to_series()[:200].to_list() == pytest.approx(total, rel=1e-12)
    plain = members.with_columns(total=found.design.select(pl.sum_horizontal(names)).to_series())
    wanted = conditional_logistic(plain, ["sex", "total"])
    assert constant.params == pytest.approx(wanted.params, rel=1e-9)
    assert constant.log_likelihood == pytest.approx(wanted.log_likelihood, rel=1e-12)
    assert likelihood_ratio_test(found.fit, constant).degrees_of_freedom == 5


def test_the_planted_weights_come_back() -> None:
    """1,395 events: weights and ratios within their errors, and the constant weight is rejected."""
    found = sampled(4000, 7, 10)
    weights = found.weights("dose")
    z = (weights["weight"].to_numpy() - TRUE) / weights["se_weight"].to_numpy()
    assert np.abs(z[[0, 4, 9, 14, 19, 29]]).max() < 3
    ratios = found.hazard_ratios({"now": {"dose": [(1, 20, 1.0)]}, "stopped": {"dose": [(21, 40, 1.0)]}})
    planted = np.array([TRUE[:20].sum(), TRUE[20:40].sum()])
    assert np.abs(ratios["log_hr"].to_numpy() - planted) == pytest.approx(0, abs=3 * ratios["se_log_hr"].max())
    assert ratios["se_log_hr"].max() < 0.1
    total = {"sex": {"sex": 1.0}, "total": dict.fromkeys(found.basis.names("dose"), 1.0)}
    assert likelihood_ratio_test(found.fit, fit_cox(found.fit.sets.combined(total))).p_value < 1e-6


def test_the_weights_are_the_coefficients_of_the_days() -> None:
    """By hand: w(u) = sum of basis x coefficient; its error by the delta method, which is exact for a sum."""
    found = sampled(300)
    weights = found.weights("dose", level=0.9)
    basis, covariance = found.basis.values, found.fit.covariance[1:, 1:]
    assert weights["day"].to_list() == list(range(1, CUTOFF + 1))
    assert weights["weight"].to_numpy() == pytest.approx(basis @ found.fit.params[1:], rel=1e-12)
    error = [np.sqrt(row @ covariance @ row) for row in basis]
    assert weights["se_weight"].to_numpy() == pytest.approx(error, rel=1e-12)
    upper = weights["weight"] + 1.6448536269514722 * weights["se_weight"]
    assert weights["ci_upper"].to_numpy() == pytest.approx(upper.to_numpy(), rel=1e-12)
    assert (weights["ci_lower"] + weights["ci_upper"]).to_numpy() == pytest.approx(2 * weights["weight"].to_numpy())
    assert abs(weights["weight"][-1]) < 1e-3 * np.abs(weights["weight"]).max()
    other = found.weights("dose", covariance=4 * found.fit.covariance)
    assert other["se_weight"].to_numpy() == pytest.approx(2 * np.array(error), rel=1e-12)


def test_hazard_ratios_of_histories_are_sums_of_weights() -> None:
    found = sampled(300)
    weight = found.weights("dose")["weight"].to_numpy()
    histories = {
        "two weeks": {"dose": [(1, 14, 2.0)]},
        "and before": {"dose": [(1, 14, 2.0), (31, 500, 1.0)]},
        "never": {},
        "long ago": {"dose": [(CUTOFF + 1, 900, 5.0)]},
    }
    ratios = found.hazard_ratios(histories)
    assert ratios["history"].to_list() == list(histories)
    wanted = [2 * weight[:14].sum(), 2 * weight[:14].sum() + weight[30:].sum(), 0, 0]
    assert ratios["log_hr"].to_numpy() == pytest.approx(wanted, rel=1e-12)
    assert ratios.row(2)[1:] == ratios.row(3)[1:] == (0, 0, 1, 1, 1)
    against = found.hazard_ratios({"never": {}}, reference={"dose": [(1, 14, 2.0)]})
    assert against["hazard_ratio"][0] == pytest.approx(1 / ratios["hazard_ratio"][0], rel=1e-12)
    assert against["ci_lower"][0] == pytest.approx(1 / ratios["ci_upper"][0], rel=1e-12)


def test_two_drugs_have_a_weight_function_each_in_one_model() -> None:
    """Courses dealt to two drugs: each has its own weights, and one can be set against the other."""
    cohort, courses = simulated(600, 4)
    members = sample_risk_sets(cohort, controls=5, columns=["sex"])
    parts = {"a": courses[::2], "b": courses[1::2]}
    found = fit_wce(members, parts, wce_basis(CUTOFF), ["sex"])
    assert found.fit.columns == ("sex", "a D1", "a D2", "a D3", "b D1", "b D2", "b D3")
    apart = found.hazard_ratios({"a": {"a": [(1, 30, 1.0)]}}, reference={"b": [(1, 30, 1.0)]})
    weights = [found.weights(name)["weight"][:30].sum() for name in parts]
    assert apart["log_hr"][0] == pytest.approx(weights[0] - weights[1], rel=1e-9)
    # The dose of one drug is the other's where they share their weights.
    shared = {f"dose D{k}": {f"a D{k}": 1.0, f"b D{k}": 1.0} for k in (1, 2, 3)}
    one = fit_wce(members, {"dose": courses}, wce_basis(CUTOFF), ["sex"])
    together = fit_cox(found.fit.sets.combined({"sex": {"sex": 1.0}, **shared}))
    assert together.params == pytest.approx(one.fit.params, rel=1e-9)
    with pytest.raises(ValueError, match="no exposure c in the model; it has a, b"):
        found.weights("c")


def test_of_several_bases_the_one_with_the_least_bic_is_taken() -> None:
    cohort, courses = simulated(500, 5)
    members = sample_risk_sets(cohort, controls=4)
    bases = [wce_basis(CUTOFF, knots) for knots in (3, 1, 2)]
    found = fit_wce(members, {"dose": courses}, bases)
    alone = {basis: fit_wce(members, {"dose": courses}, basis) for basis in bases}
    ranked = sorted(bases, key=lambda basis: alone[basis].bic)
    assert [found.basis, *(other.basis for other in found.others)] == ranked
    assert found.fit.log_likelihood == alone[ranked[0]].fit.log_likelihood
    events = int(members["is_case"].sum())
    for basis, fit in alone.items():
        wanted = -2 * fit.fit.log_likelihood + (len(basis.interior_knots) + 2) * np.log(events)
        assert fit.bic == pytest.approx(wanted, rel=1e-14)


def test_dose_beyond_the_window_or_later_than_the_time_does_not_matter() -> None:
    cohort, courses = simulated(300, 6)
    members = sample_risk_sets(cohort, controls=4)
    apart = [courses.with_columns(pl.col("first_day", "last_day") + days) for days in (-400, 400)]
    basis = wce_basis(CUTOFF)
    known, found = (fit_wce(members, {"dose": c}, basis) for c in (courses, pl.concat([apart[0], courses, apart[1]])))
    assert (found.fit.params == known.fit.params).all()


def test_a_weight_without_an_estimate_says_why() -> None:
    """Nobody had a dose in the oldest half of the window."""
    cohort, courses = simulated(300, 6)
    recent = courses.filter(pl.col("first_day") > 100)
    found = fit_wce(sample_risk_sets(cohort.filter(pl.col("stop_day") < 105)), {"dose": recent}, wce_basis(CUTOFF))
    with pytest.raises(ValueError, match="dose D"):
        found.weights("dose")


def test_controls_without_a_dose_may_share_a_row() -> None:
    """Of a set those without a course until then, by sex: the same fit and draws of sets, but no draws of persons."""
    cohort, every_course = simulated(400, 13)
    courses = every_course.filter(pl.col("person_id") % 3 == 0)
    members = sample_risk_sets(cohort, controls=8, columns=["sex"])
    first = courses.group_by("person_id").agg(pl.col("first_day").min().alias("began"))
    known = members.join(first, on="person_id", how="left", maintain_order="left")
    had = (known["began"] <= known["time"]).fill_null(False)
    keys = ["set", "is_case", "sex", "time"]
    apart = members.filter(had).with_columns(many=pl.lit(1).cast(pl.UInt32))
    alike = members.filter(~had).group_by(keys).agg(pl.col("person_id").min(), pl.len().alias("many"))
    columns = [*keys, "person_id", "many"]
    shared = pl.concat([apart.select(columns), alike.select(columns)])
    assert shared.height < 0.6 * members.height
    wanted = fit_wce(members, {"dose": courses}, wce_basis(CUTOFF), ["sex"])
    found = fit_wce(shared, {"dose": courses}, wce_basis(CUTOFF), ["sex"], frequencies="many")
    assert found.fit.params == pytest.approx(wanted.fit.params, rel=1e-10)
    assert found.fit.covariance == pytest.approx(wanted.fit.covariance, rel=1e-10)
    assert found.fit.log_likelihood == pytest.approx(wanted.fit.log_likelihood, rel=1e-12)
    drawn = bootstrap_covariance(wanted, "set", 5)
    assert bootstrap_covariance(found, "set", 5) == pytest.approx(drawn, rel=1e-8)
    with pytest.raises(ValueError, match=r"\d+ row\(s\) stand for several members: to draw persons, give each a row"):
        bootstrap_covariance(found, "person", 5)


def test_the_bootstrap_of_sets_agrees_with_the_likelihood_where_the_model_is_true() -> None:
    """200 replicates: standard errors are known within 5%, to which come those of the estimate itself."""
    found = sampled(2500, 8, 6)
    covariance = bootstrap_covariance(found, "set", 200, seed=4)
    ratio = np.sqrt(np.diag(covariance) / np.diag(found.fit.covariance))
    assert ratio == pytest.approx(1, abs=0.2)
    assert (covariance == bootstrap_covariance(found, "set", 200, seed=4)).all()


def test_a_bootstrap_draws_whole_sets_or_whole_persons() -> None:
    """A replicate by hand: sets copied as often as drawn, persons' time as often as drawn."""
    cohort, courses = simulated(250, 9)
    basis = wce_basis(CUTOFF)
    cases = {"set": sample_risk_sets(cohort, controls=5), "person": whole_risk_sets(cohort)}
    for unit, members in cases.items():
        found = fit_wce(members, {"dose": courses}, basis)
        of = "set" if unit == "set" else "person_id"
        names = members[of].unique().sort()
        draw, by_hand = np.random.default_rng(12), []
        for _ in range(3):
            chosen = names[draw.integers(0, len(names), len(names))]
            copies = chosen.to_frame().with_row_index("copy").join(members, on=of)
            if unit == "set":
                copies = copies.with_columns(set=pl.col("copy"))
            again = copies.select("set", "time", "is_case", "person_id")
            by_hand.append(fit_wce(again, {"dose": courses}, basis).fit.params)
        wanted = np.cov(np.array(by_hand), rowvar=False)
        assert bootstrap_covariance(found, unit, 3, seed=12) == pytest.approx(wanted, rel=1e-6)  # type: ignore[arg-type]


def test_the_bootstrap_does_not_depend_on_the_order_of_rows() -> None:
    cohort, courses = simulated(200, 10)
    members = whole_risk_sets(cohort)
    shuffled = members.sample(fraction=1.0, shuffle=True, seed=1)
    first, second = (fit_wce(m, {"dose": courses}, wce_basis(CUTOFF)) for m in (members, shuffled))
    wanted = bootstrap_covariance(first, "person", 5)
    assert bootstrap_covariance(second, "person", 5) == pytest.approx(wanted, rel=1e-8)


def test_a_bootstrap_that_loses_its_estimates_is_refused() -> None:
    cohort, courses = simulated(30, 12)
    found = fit_wce(sample_risk_sets(cohort, controls=3), {"dose": courses}, wce_basis(CUTOFF))
    with pytest.raises(ValueError, match=r"in \d+ of 60 replicates a coefficient has no estimate"):
        bootstrap_covariance(found, "set", 60)
    with pytest.raises(ValueError, match="two or more replicates, not 1"):
        bootstrap_covariance(found, "set", 1)
    with pytest.raises(ValueError, match="no drawing by 'row': set, person"):
        bootstrap_covariance(found, "row")  # type: ignore[arg-type]
