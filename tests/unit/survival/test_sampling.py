"""Nested case-control sets: who is in them, that the draw depends on nothing else, and what they estimate."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cohort.survival.conditional import conditional_logistic, matched_sets
from cohort.survival.counting import risk_sets
from cohort.survival.cox import fit_cox
from cohort.survival.sampling import sample_risk_sets, whole_risk_sets
from tests.unit.survival.slow_cox import Row, frame, risk_sets_of, studies

few = settings(max_examples=60, deadline=None, derandomize=True, database=None)
NAMES = {"person": "person", "start": "start", "stop": "stop"}


def drawn(rows: pl.DataFrame, controls: int = 2, **options: object) -> pl.DataFrame:
    return sample_risk_sets(rows, ["s"], controls, **{**NAMES, **options})  # type: ignore[arg-type]


def cohort(persons: int, seed: int, beta: float = 0.5) -> pl.DataFrame:
    """Delayed entry, hazards that depend on x, no ties; four of ten have the event."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=persons)
    start = draw.uniform(0, 0.3, persons)
    time = start + draw.exponential(2 / np.exp(beta * x))
    rows = {"person_id": np.arange(persons), "start_day": start, "stop_day": np.minimum(time, start + 1), "x": x}
    return pl.DataFrame(rows | {"event": (time < start + 1).astype(int)})


@few
@given(studies(plain=True), st.integers(1, 4))
def test_members_are_the_case_and_distinct_persons_at_risk_of_the_stratum(rows: list[Row], controls: int) -> None:
    assume(any(r.event for r in rows))
    members = drawn(frame(rows), controls)
    sets = {
        own["set"][0]: own.sort("is_case", descending=True, maintain_order=True)
        for own in members.partition_by("set", maintain_order=True)
    }
    slow = list(risk_sets_of(rows, "breslow"))
    assert members["set"].unique(maintain_order=True).to_list() == list(range(sum(len(r.events) for r in slow)))
    number = 0
    for at in slow:
        eligible = {i for i in at.at_risk if i not in at.events}
        for case in sorted(at.events, key=lambda i: rows[i].person):
            own = sets[number]
            number += 1
            assert own["is_case"].to_list() == [1] + [0] * (own.height - 1)
            assert own["row"][0] == case
            others = own["row"][1:].to_list()
            assert set(others) <= eligible
            assert len(set(others)) == len(others) == min(controls, len(eligible))
            assert own["person"].to_list() == [rows[i].person for i in own["row"]]
            assert own["time"].unique().to_list() == [at.time]
            assert own["at_risk"].unique().to_list() == [len(at.at_risk)]


@few
@given(studies(plain=True))
def test_whole_risk_sets_are_all_who_are_at_risk(rows: list[Row]) -> None:
    assume(any(r.event for r in rows))
    members = whole_risk_sets(frame(rows), ["s"], **NAMES)
    sets = members.partition_by("set", maintain_order=True)
    assert members["set"].unique(maintain_order=True).to_list() == list(range(len(sets)))
    for own, at in zip(sets, risk_sets_of(rows, "breslow"), strict=True):
        assert sorted(own["row"]) == at.at_risk
        assert own.filter(pl.col("is_case") == 1)["row"].sort().to_list() == at.events
        assert own["time"].unique().to_list() == [at.time]
        assert own["at_risk"].unique().to_list() == [len(at.at_risk)]


def split(rows: list[Row]) -> list[Row]:
    """Every interval in pieces of one."""
    pieces = []
    for r in rows:
        days = np.arange(r.start, r.stop)
        pieces += [Row(r.person, day, day + 1, int(r.event and day + 1 == r.stop), r.s, r.x) for day in days]
    return pieces


@few
@given(studies(plain=True), st.integers(0, 2**32 - 1))
def test_the_draw_does_not_depend_on_rows_pieces_or_names(rows: list[Row], seed: int) -> None:
    assume(any(r.event for r in rows))
    columns = ["set", "person", "is_case", "time", "at_risk"]
    known = drawn(frame(rows), seed=seed).select(columns)
    order = np.random.default_rng(seed).permutation(len(rows))
    assert drawn(frame([rows[k] for k in order]), seed=seed).select(columns).equals(known)
    assert drawn(frame(split(rows)), seed=seed).select(columns).equals(known)
    # Other names in the same order; whole numbers or text.
    text = pl.format("p{}", pl.col("person") + 100)
    found = drawn(frame(rows).with_columns(text.alias("person")), seed=seed).select(columns)
    assert found.equals(known.with_columns(text.alias("person")))


def test_another_seed_draws_others() -> None:
    rows = cohort(300, 1)
    assert sample_risk_sets(rows, seed=1).equals(sample_risk_sets(rows, seed=1))
    assert not sample_risk_sets(rows, seed=1).equals(sample_risk_sets(rows, seed=2))


def test_a_case_may_be_a_control_before_and_is_none_at_its_own_time() -> None:
    """Persons 1 and 2 have the event at 5, person 3 at 3: only then are 1 and 2 controls, and person 4 always is."""
    rows = pl.DataFrame(
        {"person_id": [1, 2, 3, 4], "start_day": 0, "stop_day": [5, 5, 3, 9], "event": [1, 1, 1, 0], "x": [1, 2, 3, 4]}
    )
    members = sample_risk_sets(rows, controls=9, columns=["x"])
    assert members.columns == ["set", "row", "person_id", "is_case", "time", "at_risk", "x"]
    assert members.rows() == [
        (0, 2, 3, 1, 3, 4, 3),
        (0, 0, 1, 0, 3, 4, 1),
        (0, 1, 2, 0, 3, 4, 2),
        (0, 3, 4, 0, 3, 4, 4),
        (1, 0, 1, 1, 5, 3, 1),
        (1, 3, 4, 0, 5, 3, 4),
        (2, 1, 2, 1, 5, 3, 2),
        (2, 3, 4, 0, 5, 3, 4),
    ]


def test_a_case_without_anybody_to_compare_stays_alone() -> None:
    rows = pl.DataFrame({"person_id": ["a", "b"], "start_day": [0, 0], "stop_day": [2, 5], "event": [1, 1]})
    assert sample_risk_sets(rows)["set"].to_list() == [0, 0, 1]


def test_a_person_may_have_the_event_again_and_change_stratum() -> None:
    """Person 1 has it at 2 and at 6, moves to stratum b at 4, and is a control of person 2 at 3."""
    rows = pl.DataFrame(
        {
            "person_id": [1, 1, 1, 2, 3],
            "start_day": [0, 2, 4, 0, 0],
            "stop_day": [2, 4, 6, 3, 9],
            "event": [1, 0, 1, 1, 0],
            "place": ["a", "a", "b", "a", "b"],
        }
    )
    members = sample_risk_sets(rows, ["place"])
    found = members.group_by("time", maintain_order=True).agg("row").rows()
    assert found == [(2, [0, 3]), (3, [3, 1]), (6, [2, 4])]


def test_all_drawn_without_ties_is_coxs_own_estimate() -> None:
    rows = cohort(200, 3)
    members = sample_risk_sets(rows, controls=200, columns=["x"])
    fit, cox = conditional_logistic(members, ["x"]), fit_cox(risk_sets(rows, ["x"]))
    assert fit.params == pytest.approx(cox.params, rel=1e-12)
    assert fit.covariance == pytest.approx(cox.covariance, rel=1e-12)
    assert fit.log_likelihood == pytest.approx(cox.log_likelihood, rel=1e-12)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_whole_risk_sets_give_coxs_fit_with_its_ties(ties: str) -> None:
    rows = (
        cohort(200, 4)
        .with_columns((pl.col("start_day", "stop_day") * 20).ceil())
        .filter(pl.col("stop_day") > pl.col("start_day"))
    )
    members = whole_risk_sets(rows, columns=["x"])
    fit = fit_cox(matched_sets(members, ["x"]), ties)  # type: ignore[arg-type]
    cox = fit_cox(risk_sets(rows, ["x"]), ties)  # type: ignore[arg-type]
    assert fit.sets.deaths.max() > 1
    assert fit.params == pytest.approx(cox.params, rel=1e-12)
    assert fit.log_likelihood == pytest.approx(cox.log_likelihood, rel=1e-12)


def test_tied_events_push_the_estimate_from_the_hazard_ratio_to_the_odds_ratio() -> None:
    """One day on which 400 of 1,000 exposed and 200 of 1,000 others have the event: a ratio of 2, of odds 8/3."""
    counts = [(1, 1, 400), (1, 0, 600), (0, 1, 200), (0, 0, 800)]
    rows = [row for x, event, many in counts for row in [(0, 1, event, x)] * many]
    days = pl.DataFrame(rows, schema=["start_day", "stop_day", "event", "x"], orient="row").with_row_index("person_id")
    assert np.exp(fit_cox(risk_sets(days, ["x"]), "breslow").params) == pytest.approx(2, rel=1e-9)
    members = sample_risk_sets(days, controls=50, columns=["x"])
    # The log of 30,000 controls' odds is known within 0.012; four of these are allowed.
    assert conditional_logistic(members, ["x"]).params == pytest.approx(np.log(8 / 3), abs=0.1)


def test_more_controls_come_closer_to_cox_as_theory_says() -> None:
    """With m controls the variance about Cox's estimate is 1/m of Cox's own (no effect, so efficiency is m / (m + 1)).

    100 draws: the mean square is known within 14%, the mean within a tenth of its spread; four of these are allowed.
    """
    rows = cohort(1500, 5, beta=0.0)
    cox = fit_cox(risk_sets(rows, ["x"]))
    previous = np.inf
    for m in (1, 4, 16):
        missed = []
        for seed in range(100):
            members = sample_risk_sets(rows, controls=m, seed=seed, columns=["x"])
            missed.append(conditional_logistic(members, ["x"]).params[0] - cox.params[0])
        square, expected = np.mean(np.square(missed)), cox.covariance[0, 0] / m
        assert square == pytest.approx(expected, rel=0.57)
        assert abs(np.mean(missed)) < 4 * np.sqrt(expected / 100)
        assert square < previous / 2
        previous = square


def test_inclusion_is_alike_for_all_who_are_at_risk() -> None:
    """4,000 strata with a case and 12 others: each of the 9 who are at risk then is drawn a third of the time."""
    others = pl.DataFrame({"k": range(12), "start_day": [0] * 6 + [4] * 3 + [6] * 3, "stop_day": [5] * 3 + [9] * 9})
    cases = pl.DataFrame({"k": [99], "start_day": [0], "stop_day": [5]})
    strata = pl.DataFrame({"s": range(4000)})
    rows = strata.join(pl.concat([others, cases]), how="cross").with_columns(
        event=(pl.col("k") == 99).cast(pl.Int8), person_id=pl.col("s") * 100 + pl.col("k")
    )
    members = sample_risk_sets(rows, ["s"], 3, columns=["k"]).filter(is_case=0)
    found = dict(members.group_by("k").len().rows())
    assert set(found) == set(range(9))
    # A binomial count of 4,000 thirds has a standard deviation of 30.
    assert all(abs(count - 4000 / 3) < 4 * 30 for count in found.values())


BAD: list[tuple[str, Callable[[pl.DataFrame], pl.DataFrame]]] = [
    ("column person_id has 200 value.* missing", lambda f: f.with_columns(person_id=pl.lit(None, pl.Int64))),
    ("there are no events", lambda f: f.with_columns(event=0)),
    (r"200 interval\(s\) overlap another one of their person", lambda f: pl.concat([f, f])),
    ("the frame has no column stop_day", lambda f: f.drop("stop_day")),
]


@pytest.mark.parametrize(("message", "spoil"), BAD)
def test_what_is_wrong_with_intervals_is_said(message: str, spoil: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    rows = cohort(200, 2).with_columns(start_day=pl.lit(0.0), stop_day=pl.col("stop_day") + 1)
    for make in (sample_risk_sets, whole_risk_sets):
        with pytest.raises(ValueError, match=message):
            make(spoil(rows))


def test_no_controls_and_columns_of_the_same_name_are_refused() -> None:
    with pytest.raises(ValueError, match="one or more controls, not 0"):
        sample_risk_sets(cohort(20, 1), controls=0)
    with pytest.raises(ValueError, match="time is there more often"):
        sample_risk_sets(cohort(20, 1).with_columns(time=1), columns=["time"])


def test_several_cases_in_a_set_are_refused_with_how_many_and_the_cure() -> None:
    members = pl.DataFrame({"set": [1, 1, 2, 2, 2, 3, 3], "is_case": [1, 0, 1, 1, 0, 0, 0], "x": [1, 2, 0, 1, 2, 3, 1]})
    with pytest.raises(ValueError, match=r"1 of 3 sets have several cases.*a set of its own"):
        conditional_logistic(members, ["x"])


def test_a_row_may_stand_for_several_controls_but_for_one_case() -> None:
    members = pl.DataFrame({"set": [1, 1, 1, 2, 2, 2], "is_case": [1, 0, 0, 1, 0, 0], "x": [1, 2, 0, 1, 2, 3]})
    many = members.with_columns(many=pl.Series([1, 1, 3, 1, 2, 1]))
    copies = members[[0, 1, 2, 2, 2, 3, 4, 4, 5]]
    found, wanted = conditional_logistic(many, ["x"], frequencies="many"), conditional_logistic(copies, ["x"])
    assert found.params == pytest.approx(wanted.params, rel=1e-10)
    assert found.log_likelihood == pytest.approx(wanted.log_likelihood, rel=1e-12)
    with pytest.raises(ValueError, match=r"1 of 2 sets have several cases"):
        conditional_logistic(many.with_columns(many=pl.Series([2, 1, 1, 1, 1, 1])), ["x"], frequencies="many")


def test_a_set_without_a_case_says_nothing_and_is_named() -> None:
    members = pl.DataFrame(
        {"set": [1, 1, 2, 2, 4, 4, 3, 3], "is_case": [1, 0, 0, 1, 1, 0, 0, 0], "x": [1, 2, 0, 1, 5, 3, 3, 1]}
    )
    fit = conditional_logistic(members, ["x"])
    assert "no events in set=3" in fit.notes
    assert fit.log_likelihood == conditional_logistic(members.filter(pl.col("set") != 3), ["x"]).log_likelihood
