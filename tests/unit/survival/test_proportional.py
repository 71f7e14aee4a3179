"""The test of proportional hazards against the larger model written out; what must not change it; what is refused.

Agreement with R's `cox.zph` is in tests/numbers.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cohort.survival.cox import CoxFit
from cohort.survival.likelihood import Ties
from cohort.survival.proportional import Transform, proportional_hazards_test
from tests.unit.survival.slow_cox import Row, arrays, fit, frame, ordinary, risk_sets_of, singly, studies

few = settings(max_examples=20, deadline=None, derandomize=True, database=None)
both_ties = st.sampled_from(["efron", "breslow"])


def larger_model(
    rows: Sequence[Row], beta: np.ndarray, ties: Ties, g: Callable[[float], float]
) -> tuple[np.ndarray, np.ndarray]:
    """Score and information of x, z, x g(t), z g(t) at (beta, 0): the rows as they stand at each event time."""
    x, weight, offset = arrays(rows)
    score, information = np.zeros(4), np.zeros((4, 4))
    for at in risk_sets_of(rows, ties):
        now = np.column_stack([x, x * g(at.time)])
        hazard = (weight * np.exp(x @ beta + offset))[at.at_risk]
        score += weight[at.events] @ now[at.events]
        for factor in at.factors:
            own, seen = factor * hazard / (factor @ hazard), now[at.at_risk]
            mean = own @ seen
            score -= weight[at.events].mean() * mean
            information += weight[at.events].mean() * ((seen.T * own) @ seen - np.outer(mean, mean))
    return score, information


def slow_test(score: np.ndarray, information: np.ndarray, added: list[int]) -> float:
    kept = [0, 1, *(2 + k for k in added)]
    u = np.where(np.isin(kept, [0, 1]), 0.0, score[kept])
    return float(u @ np.linalg.solve(information[np.ix_(kept, kept)], u))


def g_of(rows: Sequence[Row], transform: str) -> Callable[[float], float]:
    """Each transform by its definition; intervals count, whoever's they are."""
    ends = sorted(r.stop for r in rows)
    if transform == "rank":
        return lambda t: float(np.mean([k + 1 for k, end in enumerate(ends) if end == t]))
    if transform == "km":

        def one_less_survival_before(t: float) -> float:
            survival = 1.0
            for time in sorted({r.stop for r in rows if r.event and r.stop < t}):
                at_risk = sum(r.start < time <= r.stop for r in rows)
                survival *= 1 - sum(r.stop == time for r in rows if r.event) / at_risk
            return 1 - survival

        return one_less_survival_before
    return {"identity": lambda t: t, "log": lambda t: float(np.log(t)), "root": lambda t: t**0.5}[transform]


def statistics(found: CoxFit, transform: Transform = "km", **options: object) -> dict[str, float]:
    table = proportional_hazards_test(found, transform, **options)  # type: ignore[arg-type]
    return dict(table.select("term", "chisq").iter_rows())


@pytest.mark.parametrize("transform", ["km", "rank", "identity", "log", "root"])
@few
@given(rows=studies(), ties=both_ties)
def test_it_is_the_score_test_of_the_larger_model_written_out(transform: str, rows: list[Row], ties: Ties) -> None:
    found, copies = ordinary(rows, ties), singly(rows)
    score, information = larger_model(copies, found.params, ties, g_of(copies, transform))
    if np.linalg.cond(information) > 1e8:
        return
    given_transform: Transform = np.sqrt if transform == "root" else transform  # type: ignore[assignment]
    ours = proportional_hazards_test(found, given_transform)
    expected = [slow_test(score, information, added) for added in ([0], [1], [0, 1])]
    assert ours["term"].to_list() == ["x", "z", "GLOBAL"]
    assert ours["chisq"].to_list() == pytest.approx(expected, rel=1e-6, abs=1e-8)
    assert ours["df"].to_list() == [1, 1, 2]
    assert ours["p"].to_list() == pytest.approx(stats.chi2.sf(expected, [1, 1, 2]), rel=1e-5)


# --- What must not change it ---------------------------------------------------------------------------------

PERSONS = [
    Row(i, i % 3, i % 3 + 1 + (7 * i) % 11, int(i % 4 != 0), i % 2, (float(i % 5), float((i * i) % 3)))
    for i in range(40)
]


def test_a_term_of_all_columns_is_the_global_test() -> None:
    found = fit(PERSONS)
    both = statistics(found, terms={"both": ["x", "z"]})
    assert both["both"] == both["GLOBAL"] == statistics(found)["GLOBAL"]


def test_terms_have_as_many_degrees_of_freedom_as_columns() -> None:
    table = proportional_hazards_test(fit(PERSONS), terms={"two": ["x", "z"], "one": ["z"]})
    assert table.select("term", "df").rows() == [("two", 2), ("one", 1), ("GLOBAL", 2)]


def split(rows: Sequence[Row]) -> list[Row]:
    return [
        replace(r, start=day, stop=day + 1, event=r.event * int(day + 1 == r.stop))
        for r in rows
        for day in np.arange(r.start, r.stop)
    ]


CHANGES: dict[str, tuple[Transform, Callable[[Sequence[Row]], list[Row]]]] = {
    "rows are in another order": ("km", lambda rows: list(reversed(rows))),
    "intervals are split, as survival is the same": ("km", split),
    "identity time starts elsewhere": (
        "identity",
        lambda rows: [replace(r, start=r.start + 1e7, stop=r.stop + 1e7) for r in rows],
    ),
    "identity time has another unit": (
        "identity",
        lambda rows: [replace(r, start=r.start / 365.25, stop=r.stop / 365.25) for r in rows],
    ),
    "log time has another unit": ("log", lambda rows: [replace(r, start=r.start * 30, stop=r.stop * 30) for r in rows]),
    "a covariate has another unit and origin": (
        "km",
        lambda rows: [replace(r, x=(1e5 * r.x[0] + 7e5, r.x[1])) for r in rows],
    ),
    "strata have other names": ("rank", lambda rows: [replace(r, s=-r.s) for r in rows]),
}


@pytest.mark.parametrize("change", list(CHANGES))
def test_it_stays_the_same_when(change: str) -> None:
    transform, changed = CHANGES[change]
    assert statistics(fit(changed(PERSONS)), transform) == pytest.approx(statistics(fit(PERSONS), transform), rel=1e-7)


@pytest.mark.parametrize("transform", ["km", "rank", "identity"])
def test_a_row_of_frequency_three_is_three_rows(transform: Transform) -> None:
    merged = [replace(r, many=1 + i % 3) for i, r in enumerate(PERSONS)]
    assert statistics(fit(merged), transform) == pytest.approx(statistics(fit(singly(merged)), transform), rel=1e-8)


# --- At the edge ---------------------------------------------------------------------------------------------


def test_when_all_events_are_at_one_time_there_is_nothing_to_change_with() -> None:
    table = proportional_hazards_test(fit([replace(r, start=0, stop=3.7) for r in PERSONS]), "identity")
    assert table.select("chisq", "df").rows() == [(0, 0)] * 3
    assert table["p"].is_nan().all()


def test_a_column_without_an_estimate_is_left_out_of_its_term() -> None:
    rows = [replace(r, x=(r.x[0], 1.0)) for r in PERSONS]
    found = fit(rows)
    assert list(found.not_estimable) == ["z"]
    assert proportional_hazards_test(found)["term"].to_list() == ["x", "GLOBAL"]
    table = proportional_hazards_test(found, terms={"x and z": ["x", "z"], "z": ["z"]})
    assert table.select("term", "df").rows() == [("x and z", 1), ("z", 0), ("GLOBAL", 1)]


def test_rows_that_are_strata_of_their_own_have_no_test() -> None:
    table = proportional_hazards_test(fit([replace(r, s=i) for i, r in enumerate(PERSONS)]))
    assert table.select("term", "chisq", "df").rows() == [("GLOBAL", 0, 0)]


def test_weights_of_1e_300_change_nothing_if_all_have_them() -> None:
    light = fit([replace(r, weight=1e-300) for r in PERSONS])
    scaled = {term: value * 1e300 for term, value in statistics(light).items()}
    assert scaled == pytest.approx(statistics(fit(PERSONS)), rel=1e-8)


# --- What is refused -----------------------------------------------------------------------------------------


def refusal(found: CoxFit, transform: object, **options: object) -> str:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is what is tested
        proportional_hazards_test(found, transform, **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_what_is_refused_and_in_which_words() -> None:
    found = fit(PERSONS)
    without = replace(found, sets=replace(found.sets, rows=None))
    early = fit([replace(r, start=r.start - 2, stop=r.stop - 2) for r in PERSONS])
    times = len(found.sets.time)
    assert refusal(found, "square") == "there is no transform 'square': km, rank, identity, log, or a function"
    assert refusal(without, "km") == "the transform 'km' needs the intervals; identity and log do not"
    assert refusal(early, "log").startswith("the transform is not finite at ")
    assert refusal(found, lambda t: t[:2]) == f"the transform of {times} event times has the shape (2,)"
    assert refusal(found, "km", terms={"a": ["x", "dose"]}) == "the model has no column dose"
    assert proportional_hazards_test(without, "identity").equals(proportional_hazards_test(found, "identity"))


def test_the_frame_of_the_twin_is_that_of_the_fit() -> None:
    """The rows that both see have ties, delayed entry, and two strata with events."""
    table = frame(PERSONS).filter(pl.col("event") == 1)
    assert table["s"].n_unique() == 2
    assert table.group_by("s", "stop").len()["len"].max() > 2  # type: ignore[operator]
    assert (table["start"] > 0).any()
