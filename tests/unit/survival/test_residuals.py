"""Residuals as derivatives of a slow likelihood; what must not change them; and data at the edge.

Agreement with R is in tests/numbers.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohort.survival.cox import CoxFit
from cohort.survival.fine_gray import fit_fine_gray
from cohort.survival.likelihood import PartialLikelihood, Ties
from cohort.survival.residuals import (
    deviance,
    dfbeta,
    martingale,
    residuals,
    robust_covariance,
    robust_score_test,
    schoenfeld,
    score_residuals,
)
from tests.unit.survival.slow_cox import (
    H,
    Row,
    arrays,
    first_copies,
    fit,
    frame,
    log_likelihood,
    ordinary,
    risk_sets_of,
    score,
    scores_by_row,
    singly,
    studies,
)

few = settings(max_examples=15, deadline=None, derandomize=True, database=None)
both_ties = st.sampled_from(["efron", "breslow"])


# --- The slow twin -------------------------------------------------------------------------------------------


@few
@given(studies(), both_ties)
def test_the_twins_score_is_the_derivative_of_its_likelihood(rows: list[Row], ties: Ties) -> None:
    beta = np.array([0.3, -0.2])
    slopes = [log_likelihood(rows, beta + step, ties).imag / H for step in np.eye(2) * H * 1j]
    assert score(rows, beta, ties).real == pytest.approx(slopes, rel=1e-12, abs=1e-12)


@few
@given(studies(), both_ties)
def test_a_martingale_residual_is_the_slope_of_the_likelihood_along_the_rows_own_log_hazard(
    rows: list[Row], ties: Ties
) -> None:
    found, copies = ordinary(rows, ties), singly(rows)
    weight, offset = arrays(copies)[1:]
    slopes = [
        log_likelihood(copies, found.params, ties, offset=offset + H * 1j * np.eye(len(copies))[k]).imag / H / weight[k]
        for k in first_copies(rows)
    ]
    assert martingale(found) == pytest.approx(slopes, rel=1e-9, abs=1e-10)


@few
@given(studies(), both_ties)
def test_a_score_residual_is_the_slope_of_the_score_along_the_rows_weight(rows: list[Row], ties: Ties) -> None:
    found = ordinary(rows, ties)
    slopes = scores_by_row(singly(rows), found.params, ties)[first_copies(rows)]
    assert score_residuals(found) == pytest.approx(slopes, rel=1e-9, abs=1e-9)


@few
@given(studies(), both_ties)
def test_dfbeta_is_how_the_estimates_move_with_a_rows_weight(rows: list[Row], ties: Ties) -> None:
    one, e, k = [replace(r, many=1) for r in rows], 1e-4, len(rows) // 2
    found = ordinary(one, ties)
    more, less = (
        fit([replace(r, weight=r.weight * (1 + side * e)) if i == k else r for i, r in enumerate(one)], ties).params
        for side in (1, -1)
    )
    assert dfbeta(found)[k] == pytest.approx((more - less) / (2 * e), rel=1e-4, abs=1e-6)


@few
@given(studies(), both_ties)
def test_a_deviance_residual_is_the_signed_root_of_twice_the_saturated_gain(rows: list[Row], ties: Ties) -> None:
    found = ordinary(rows, ties)
    for r, m, d in zip(rows, martingale(found), deviance(found), strict=True):
        gain = m + (math.log(1 - m) if r.event else 0.0)
        assert d == pytest.approx(math.copysign(math.sqrt(max(-2 * gain, 0.0)), m), rel=1e-9, abs=1e-7)


@few
@given(studies(), both_ties)
def test_a_schoenfeld_residual_is_the_value_less_the_mean_at_risk(rows: list[Row], ties: Ties) -> None:
    found, copies = ordinary(rows, ties), singly(rows)
    x, weight, offset = arrays(copies)
    hazard = weight * np.exp(x @ found.params + offset)
    expected = []
    for at in risk_sets_of(copies, ties):
        means = [(f * hazard[at.at_risk]) @ x[at.at_risk] / (f @ hazard[at.at_risk]) for f in at.factors]
        seen = sorted(first for first in first_copies(rows) if first in at.events)
        expected += [(f"s={at.s}", at.time, *(x[k] - np.mean(means, axis=0))) for k in seen]
    ours = schoenfeld(found)
    assert ours.select("stratum", "time").rows() == [row[:2] for row in expected]
    assert ours.select("x", "z").to_numpy() == pytest.approx(
        np.array([row[2:] for row in expected]), rel=1e-9, abs=1e-9
    )


@few
@given(studies())
def test_scaled_schoenfeld_residuals_have_the_estimates_for_their_mean(rows: list[Row]) -> None:
    """Each event counting with its weight and frequency."""
    found = ordinary(rows)
    order = sorted((r.s, r.stop, i) for i, r in enumerate(rows) if r.event)
    counts = np.array([rows[i].weight * rows[i].many for *_, i in order])
    scaled = schoenfeld(found, scaled=True).select("x", "z").to_numpy()
    assert counts @ scaled / counts.sum() == pytest.approx(found.params, rel=1e-7, abs=1e-7)
    doubled = fit([replace(r, weight=2 * r.weight) for r in rows])
    assert schoenfeld(doubled, scaled=True).select("x", "z").to_numpy() == pytest.approx(scaled, rel=1e-8, abs=1e-8)


@few
@given(studies(), both_ties, st.booleans())
def test_the_sandwich_sums_the_scores_of_a_cluster_before_they_are_squared(
    rows: list[Row], ties: Ties, by_person: bool
) -> None:
    found, copies = ordinary(rows, ties), singly(rows)
    slopes = arrays(copies)[1][:, None] * scores_by_row(copies, found.params, ties)
    owner = [r.person if by_person else k for k, r in enumerate(copies)]
    sums = [slopes[[o == one for o in owner]].sum(axis=0) for one in sorted(set(owner))]
    spread = sum(np.outer(s, s) for s in sums)
    ours = robust_covariance(found, [r.person for r in rows] if by_person else None)
    assert ours == pytest.approx(found.covariance @ spread @ found.covariance, rel=1e-8, abs=1e-10)


@few
@given(studies(), both_ties)
def test_the_robust_score_test_is_that_of_scores_at_zero(rows: list[Row], ties: Ties) -> None:
    found, copies = ordinary(rows, ties), singly(rows)
    slopes = arrays(copies)[1][:, None] * scores_by_row(copies, np.zeros(2), ties)
    sums = np.array([slopes[[r.person == p for r in copies]].sum(axis=0) for p in sorted({r.person for r in rows})])
    if np.linalg.cond(sums.T @ sums) > 1e6:
        return
    total = score(copies, np.zeros(2), ties).real
    wanted = total @ np.linalg.solve(sums.T @ sums, total)
    test = robust_score_test(found, [r.person for r in rows])
    assert (test.statistic, test.degrees_of_freedom) == (pytest.approx(wanted, rel=1e-7, abs=1e-9), 2)


# --- What they add up to, and what must not change them ------------------------------------------------------


@few
@given(studies(), both_ties)
def test_martingale_residuals_add_up_to_nothing_in_each_stratum_and_scores_at_the_maximum(
    rows: list[Row], ties: Ties
) -> None:
    found = ordinary(rows, ties)
    counts = np.array([r.weight * r.many for r in rows])
    for s in (0, 1):
        own = np.array([r.s == s for r in rows])
        assert (counts * martingale(found))[own].sum() == pytest.approx(0, abs=1e-10)
    assert counts @ score_residuals(found) == pytest.approx(np.zeros(2), abs=1e-6)


@few
@given(studies(), both_ties)
def test_a_row_of_frequency_two_is_two_rows(rows: list[Row], ties: Ties) -> None:
    merged, copies = ordinary(rows, ties), singly(rows)
    apart, many = fit(copies, ties), [r.many for r in rows]
    for kind in (martingale, deviance, score_residuals, dfbeta):
        assert np.repeat(kind(merged), many, axis=0) == pytest.approx(kind(apart), rel=1e-7, abs=1e-7)
    assert robust_covariance(merged) == pytest.approx(robust_covariance(apart), rel=1e-7, abs=1e-9)
    by_person = robust_covariance(merged, [r.person for r in rows])
    assert by_person == pytest.approx(robust_covariance(apart, [r.person for r in copies]), rel=1e-7, abs=1e-9)


def split(rows: Sequence[Row]) -> list[Row]:
    """Every interval cut at every whole day inside it."""
    pieces = []
    for r in rows:
        for day in np.arange(r.start, r.stop):
            last = day + 1 == r.stop
            pieces.append(replace(r, start=day, stop=day + 1, event=r.event if last else 0))
    return pieces


@few
@given(studies(plain=True), both_ties)
def test_splitting_intervals_splits_residuals_and_leaves_the_sandwich_by_person(rows: list[Row], ties: Ties) -> None:
    whole, pieces = ordinary(rows, ties), split(rows)
    parts = fit(pieces, ties)
    owner = np.repeat(np.arange(len(rows)), [int(r.stop - r.start) for r in rows])
    assert np.bincount(owner, weights=martingale(parts)) == pytest.approx(martingale(whole), rel=1e-8, abs=1e-9)
    clustered = robust_covariance(whole, [r.person for r in rows])
    assert robust_covariance(parts, [r.person for r in pieces]) == pytest.approx(clustered, rel=1e-8, abs=1e-10)


CHANGES: dict[str, Callable[[Sequence[Row]], list[Row]]] = {
    "rows are in another order": lambda rows: list(reversed(rows)),
    "strata have other names": lambda rows: [replace(r, s=9 - r.s) for r in rows],
    "time starts elsewhere": lambda rows: [replace(r, start=r.start - 7, stop=r.stop - 7) for r in rows],
    "a constant is added to a covariate": lambda rows: [replace(r, x=(r.x[0] + 50, r.x[1])) for r in rows],
    "all weights are in another unit": lambda rows: [replace(r, weight=r.weight * 64) for r in rows],
}


@pytest.mark.parametrize("change", list(CHANGES))
@settings(max_examples=10, deadline=None, derandomize=True, database=None)
@given(rows=studies())
def test_residuals_and_the_sandwich_stay_the_same_when(change: str, rows: list[Row]) -> None:
    before, changed = ordinary(rows), CHANGES[change](rows)
    after, order = fit(changed), -1 if "order" in change else 1
    assert martingale(after)[::order] == pytest.approx(martingale(before), rel=1e-8, abs=1e-8)
    assert score_residuals(after)[::order] == pytest.approx(score_residuals(before), rel=1e-7, abs=1e-7)
    clusters = [[f"person {r.person}" for r in made] for made in (rows, changed)]
    robust = [robust_covariance(f, c) for f, c in zip((before, after), clusters, strict=True)]
    assert robust[1] == pytest.approx(robust[0], rel=1e-7, abs=1e-9)


def test_a_covariate_in_another_unit_has_scores_in_that_unit() -> None:
    there, back = fit(MIXED), fit([replace(r, x=(r.x[0] * 1e6, r.x[1])) for r in MIXED])
    assert score_residuals(back) == pytest.approx(score_residuals(there) * [1e6, 1], rel=1e-9)
    unit = np.array([1e6, 1])
    assert robust_covariance(back) * np.outer(unit, unit) == pytest.approx(robust_covariance(there), rel=1e-9)


MIXED = [
    Row(i, start, stop, event, 0, x)
    for i, (start, stop, event, x) in enumerate(
        [
            *((0, 1, 1, (1.0, 0.0)), (0, 2, 1, (0.0, 1.0)), (1, 3, 1, (1.0, 1.0)), (0, 3, 1, (0.0, 0.0))),
            *((2, 4, 1, (0.0, 0.0)), (0, 5, 1, (1.0, 0.0)), (0, 6, 0, (1.0, 1.0)), (3, 7, 1, (0.0, 1.0))),
            (0, 8, 0, (0.0, 0.0)),
        ]
    )
]


# --- At the edge ---------------------------------------------------------------------------------------------


def every_kind(found: CoxFit) -> list[np.ndarray]:
    kinds = [martingale, deviance, score_residuals, dfbeta, robust_covariance]
    made = [kind(found) for kind in kinds] + [schoenfeld(found, scaled=True).select(found.columns).to_numpy()]
    assert all(np.isfinite(values).all() for values in made)
    return made


EDGES = {
    "one event": [Row(i, 0, 2, int(x == (1, 1)), 0, x) for i, x in enumerate([(0, 0), (1, 1), (3, 0), (0, 2), (2, 2)])],
    "all events at one time": [replace(r, start=0, stop=1) for r in MIXED],
}


@pytest.mark.parametrize("edge", list(EDGES))
def test_at_the_edge_residuals_are_those_of_the_twin(edge: str) -> None:
    rows = EDGES[edge]
    found = fit(rows)
    every_kind(found)
    assert found.columns == ("x", "z")
    slopes = scores_by_row(rows, found.params, "efron")
    assert score_residuals(found) == pytest.approx(slopes, rel=1e-9, abs=1e-9)
    assert martingale(found).sum() == pytest.approx(0, abs=1e-9)


def test_every_row_its_own_stratum_has_no_residual() -> None:
    """Each is compared with itself alone: it was expected whenever it came."""
    found = fit([replace(r, s=i) for i, r in enumerate(MIXED)])
    assert martingale(found) == pytest.approx(np.zeros(len(MIXED)), abs=1e-15)
    assert score_residuals(found).shape == (len(MIXED), 0)


def test_who_is_at_risk_at_no_event_time_has_no_residual() -> None:
    found = fit([*MIXED, Row(20, 8, 9, 0, 0, (1.0, 0.0)), Row(21, 3.25, 3.75, 0, 0, (0.0, 1.0))])
    assert martingale(found)[-2:].tolist() == [0, 0]
    assert score_residuals(found)[-2:].tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("light", [1e-300, 1e-12])
def test_weights_of_very_different_size_lose_no_digit(light: float) -> None:
    """The last risk sets hold light rows alone; their sums are nothing beside those before."""
    rows = [replace(r, weight=light if r.stop > 4 else 1.0) for r in (*MIXED, replace(MIXED[1], person=9, stop=9))]
    found = fit(rows, "breslow")
    weight, offset = arrays(rows)[1:]
    assert score_residuals(found) == pytest.approx(scores_by_row_of_light(rows, found.params), rel=1e-9, abs=1e-9)
    hazard = np.exp(arrays(rows)[0] @ found.params + offset)
    expected = np.zeros(len(rows))
    for at in risk_sets_of(rows, "breslow"):
        expected[at.at_risk] += hazard[at.at_risk] * weight[at.events].sum() / (weight * hazard)[at.at_risk].sum()
    assert martingale(found) == pytest.approx([r.event - e for r, e in zip(rows, expected, strict=True)], rel=1e-9)


def test_hazards_of_very_different_size_lose_no_digit() -> None:
    """As above by an offset, just past where risk sets are counted anew."""
    rows = [replace(r, offset=-25.0 if r.stop > 4 else 0.0) for r in (*MIXED, replace(MIXED[1], person=9, stop=9))]
    found = fit(rows, "breslow")
    assert PartialLikelihood(found.sets, "breslow").sums(found.params).remote is not None
    x, _, offset = arrays(rows)
    hazard, expected = np.exp(x @ found.params + offset), np.zeros(len(rows))
    for at in risk_sets_of(rows, "breslow"):
        expected[at.at_risk] += hazard[at.at_risk] * len(at.events) / hazard[at.at_risk].sum()
    assert martingale(found) == pytest.approx([r.event - e for r, e in zip(rows, expected, strict=True)], rel=2e-13)


def scores_by_row_of_light(rows: Sequence[Row], beta: np.ndarray) -> np.ndarray:
    """By the definition of a score residual: a complex step would be lost beside a weight of 1e-300."""
    x, weight, _ = arrays(rows)
    hazard, total = np.exp(x @ beta), np.zeros((len(rows), 2))
    for at in risk_sets_of(rows, "breslow"):
        own = (weight * hazard)[at.at_risk]
        mean = own @ x[at.at_risk] / own.sum()
        for i in at.at_risk:
            total[i] += ((i in at.events) - hazard[i] * weight[at.events].sum() / own.sum()) * (x[i] - mean)
    return total


def test_a_column_at_zero_hazard_has_rows_of_which_nothing_is_expected() -> None:
    """Nobody with x has the event: x has no estimate, and at its limit those with x are expected to have none."""
    rows = [replace(r, event=int(r.event and r.x[0] == 0)) for r in MIXED]
    found = fit(rows)
    assert found.columns == ("z",)
    assert [m for m, r in zip(martingale(found), rows, strict=True) if r.x[0] == 1] == [0] * 4
    assert martingale(found).sum() == pytest.approx(0, abs=1e-12)


# --- What is refused -----------------------------------------------------------------------------------------


def test_residuals_need_the_intervals() -> None:
    found = fit(MIXED)
    without = replace(found, sets=replace(found.sets, rows=None))
    for kind in (martingale, deviance, score_residuals, dfbeta, robust_covariance, robust_score_test, schoenfeld):
        with pytest.raises(ValueError, match=r"^residuals need the intervals, and these risk sets were counted"):
            kind(without)  # type: ignore[operator]


def test_residuals_of_a_subdistribution_model_are_elsewhere() -> None:
    data = frame(MIXED).with_columns(competing=(pl.col("person") == 6))
    found = fit_fine_gray(data, ["x"], (), "start", "stop", "event", "competing", "person")
    with pytest.raises(ValueError, match=r"are those of persons: see fine_gray_variance$"):
        martingale(found)


@pytest.mark.parametrize(
    ("clusters", "message"),
    [
        ([1, 2], r"^there are 2 clusters for 9 intervals; one for each is needed$"),
        ([None, *range(8)], r"^1 interval\(s\) have no cluster$"),
    ],
)
def test_every_interval_needs_a_cluster(clusters: list[int | None], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        robust_covariance(fit(MIXED), clusters)


def test_residuals_by_name_are_those_of_the_functions() -> None:
    found = fit(MIXED)
    assert residuals(found, "martingale").get_column("martingale").to_list() == martingale(found).tolist()
    assert residuals(found, "deviance").get_column("deviance").to_list() == deviance(found).tolist()
    assert residuals(found, "score").to_dict(as_series=False) == dict(
        zip(("x", "z"), score_residuals(found).T.tolist(), strict=True)
    )
    assert residuals(found, "dfbeta").get_column("z").to_list() == dfbeta(found)[:, 1].tolist()
    assert residuals(found, "schoenfeld").equals(schoenfeld(found))
    assert residuals(found, "scaled_schoenfeld").equals(schoenfeld(found, scaled=True))
    with pytest.raises(ValueError, match=r"^there are no residuals 'pearson': martingale, deviance, score, dfbeta"):
        residuals(found, "pearson")  # type: ignore[arg-type]
