"""Gray's test: small data against R, what must not change it, its size where there is no difference, what is refused.

R's answers on larger data are in tests/numbers.
"""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohort.survival.counting import risk_sets
from cohort.survival.cox import fit_cox
from cohort.survival.gray import gray_test
from cohort.survival.inference import Test as Outcome  # pytest would take it for tests
from cohort.survival.inference import score_test

few = settings(max_examples=25, deadline=None, derandomize=True, database=None)
Row = tuple[int, int, int, int]
"""stop, kind (0 nothing, 1 the event, 2 death), group, stratum."""


def frame(rows: list[Row]) -> pl.DataFrame:
    made = pl.DataFrame(rows, schema=["stop", "kind", "group", "s"], orient="row")
    return made.with_columns(event=pl.col("kind") == 1, death=pl.col("kind") == 2)


def kind_of(i: int) -> int:
    return [0, 1, 2, 1][5 * i % 4]


DRAWN = frame([(1 + 7 * i % 13, kind_of(i), i % 3, i % 2) for i in range(1, 61)])
ROWS = st.lists(
    st.tuples(st.integers(1, 8), st.integers(0, 2), st.integers(0, 2), st.integers(0, 1)), min_size=6, max_size=24
)


def same(found: Outcome, wanted: Outcome, rel: float = 1e-8) -> bool:
    return found.degrees_of_freedom == wanted.degrees_of_freedom and found.statistic == pytest.approx(
        wanted.statistic, rel=rel, abs=1e-9
    )


# --- R -------------------------------------------------------------------------------------------------------

R_SAYS: dict[str, tuple[pl.DataFrame, list[str], float, float, int]] = {
    "three groups, many ties": (DRAWN, [], 0.06231744071394411, 0.00426135700108783, 2),
    "within strata": (DRAWN, ["s"], 0.481132652719165, 0.200155654674215, 2),
    "two groups, no ties": (
        frame([(i, kind_of(i), int(i % 5 < 2), 0) for i in range(1, 61)]),
        [],
        *(0.00172551193924875, 0.00198787972977965, 1),
    ),
}


@pytest.mark.parametrize("case", list(R_SAYS))
def test_both_causes_are_as_r_says(case: str) -> None:
    """R 4.2.2, cmprsk 2.2-11: cuminc(stop, kind, group, strata)$Tests, with the rows above, 15 digits."""
    rows, strata, of_event, of_death, df = R_SAYS[case]
    for cause, other, wanted in (("event", "death", of_event), ("death", "event", of_death)):
        test = gray_test(rows, "group", cause, (other,), strata=strata)
        assert (test.statistic, test.degrees_of_freedom) == (pytest.approx(wanted, rel=1e-10), df)


def test_without_other_causes_it_is_as_r_says() -> None:
    """R: cuminc(stop, ifelse(kind == 2, 0, kind), group)$Tests."""
    test = gray_test(DRAWN, "group", "event", ())
    assert test.statistic == pytest.approx(0.159045578057785, rel=1e-10)


def test_one_event_is_as_r_says() -> None:
    """Of three groups one has the event: R says 2 on 2 degrees of freedom, p = exp(-1)."""
    one = DRAWN.with_columns(event=pl.int_range(pl.len()) == 9, death=pl.lit(False))
    test = gray_test(one, "group")
    assert (test.statistic, test.degrees_of_freedom) == (pytest.approx(2, rel=1e-12), 2)
    assert test.p_value == pytest.approx(math.exp(-1), rel=1e-12)


# --- What must not change it ---------------------------------------------------------------------------------


@few
@given(ROWS)
def test_the_order_of_rows_the_names_of_groups_and_a_clock_that_runs_otherwise_change_nothing(rows: list[Row]) -> None:
    test = gray_test(frame(rows), "group")
    assert same(gray_test(frame(rows[::-1]), "group"), test)
    renamed = frame(rows).with_columns(group=pl.lit("group ") + (9 - pl.col("group")).cast(pl.String))
    assert same(gray_test(renamed, "group"), test)
    assert same(gray_test(frame([(stop**3, *rest) for stop, *rest in rows]), "group"), test)  # type: ignore[misc]


@few
@given(ROWS)
def test_strata_that_hold_everybody_or_nobody_but_the_same_change_nothing(rows: list[Row]) -> None:
    one = frame([(stop, kind, group, 0) for stop, kind, group, _ in rows])
    assert same(gray_test(one, "group", strata=["s"]), gray_test(one, "group"))


@few
@given(ROWS)
def test_a_second_stratum_like_the_first_doubles_the_statistic(rows: list[Row]) -> None:
    """Scores and variances add up."""
    one = frame([(stop, kind, group, 0) for stop, kind, group, _ in rows])
    two = pl.concat([one, one.with_columns(s=pl.lit(1, pl.Int64))])
    single, double = gray_test(one, "group"), gray_test(two, "group", strata=["s"])
    assert double.statistic == pytest.approx(2 * single.statistic, rel=1e-8, abs=1e-9)
    assert double.degrees_of_freedom == single.degrees_of_freedom


def test_other_causes_may_be_one_column_or_several() -> None:
    apart = DRAWN.with_columns(
        early=pl.col("death") & (pl.col("stop") < 6), late=pl.col("death") & (pl.col("stop") >= 6)
    )
    assert gray_test(apart, "group", competing=("early", "late")) == gray_test(DRAWN, "group")


def test_where_there_is_no_difference_one_in_twenty_is_found() -> None:
    """400 studies of 90: rejections at 5% within three standard errors of 20, with a competing event and censoring."""
    draw, rejected = np.random.default_rng(5), 0
    for _ in range(400):
        kind = draw.choice([0, 1, 2], 90, p=[0.3, 0.4, 0.3])
        rows = pl.DataFrame({"stop": draw.exponential(size=90), "event": kind == 1, "death": kind == 2})
        rejected += gray_test(rows.with_columns(group=pl.int_range(90) % 3), "group").p_value < 0.05
    assert abs(rejected - 20) < 3 * math.sqrt(400 * 0.05 * 0.95)


def test_a_difference_is_found_that_comes_of_the_other_cause_alone() -> None:
    """Group 1 dies sixteen times as fast: the event is rarer in it, at the same hazard, so Cox's test sees nothing."""
    draw, group = np.random.default_rng(6), np.arange(600) % 2
    event, death = draw.exponential(size=600), draw.exponential(size=600) / np.where(group, 4.0, 0.25)
    rows = pl.DataFrame({"start": -1.0, "stop": np.minimum(event, death), "event": event < death, "group": group})
    assert gray_test(rows.with_columns(death=~pl.col("event")), "group").p_value < 1e-6
    assert score_test(fit_cox(risk_sets(rows, ["group"], (), "start", "stop"))).p_value > 0.05


# --- At the edge ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rows",
    [
        frame([(stop, 1, 7, 0) for stop in range(1, 9)]),
        frame([(stop, 0, stop % 2, 0) for stop in range(1, 9)]),
        frame([(stop, 2, stop % 2, 0) for stop in range(1, 9)]),
        frame([]),
        frame([(stop, 1, stop, stop) for stop in range(1, 9)]),
    ],
    ids=["one group", "no events", "no events of the cause", "nobody", "every row a group and a stratum"],
)
def test_without_a_comparison_there_is_no_degree_of_freedom(rows: pl.DataFrame) -> None:
    test = gray_test(rows, "group", strata=["s"])
    assert (test.statistic, test.degrees_of_freedom) == (0, 0)
    assert math.isnan(test.p_value)


def test_a_group_without_anybody_at_risk_at_an_event_has_no_degree_of_freedom() -> None:
    """Group 2 is gone before the first event."""
    rows = [(stop, 1 + stop % 2, stop // 2 % 2, 0) for stop in range(3, 20)]
    without = gray_test(frame(rows), "group")
    assert same(gray_test(frame([*rows, (1, 0, 2, 0), (2, 0, 2, 0)]), "group"), without)


def test_groups_that_meet_in_no_stratum_with_events_have_no_degree_of_freedom() -> None:
    """Group 2 is in the stratum without the event only; R's cuminc gives -1 there."""
    rows = [(stop, 1, stop // 2 % 2, 0) for stop in range(1, 20)]
    test = gray_test(frame([*rows, *((stop, 2, 2, 1) for stop in range(1, 5))]), "group", strata=["s"])
    assert same(test, gray_test(frame(rows), "group"))


def test_all_tied_at_one_time_with_like_shares_is_no_difference() -> None:
    test = gray_test(frame([(5, i // 3 % 3, i % 3, 0) for i in range(36)]), "group")
    assert (test.statistic, test.degrees_of_freedom) == (pytest.approx(0, abs=1e-12), 2)


# --- What is refused -----------------------------------------------------------------------------------------

REFUSED = {
    "delayed entry": (
        {"start": [0, 1, 0]},
        r"^Gray's test is for data without delayed entry; test the groups in a Fine-Gray model instead$",
    ),
    "several rows": ({"id": [1, 2, 1]}, r"^1 row\(s\) are of persons who have one already; Gray's test needs one row"),
    "two causes": ({"event": [1, 1, 0], "death": [1, 1, 0]}, r"^2 row\(s\) end with events of two causes$"),
    "no group": ({"group": [None, 1, 0]}, r"^column group has 1 missing value\(s\)$"),
    "no time": ({"stop": [None, 1.0, float("inf")]}, r"^column stop has 2 value\(s\) that are missing or not finite$"),
    "no kind": ({"death": [2, 0, None]}, r"^column death has 2 value\(s\) that are neither 0 nor 1$"),
    "words": ({"event": ["yes", "no", "no"]}, r"^column event holds String, not numbers$"),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_what_is_refused_is_named_with_its_number(case: str) -> None:
    columns, message = REFUSED[case]
    rows = frame([(1, 1, 0, 0), (2, 1, 1, 0), (3, 0, 1, 0)]).with_columns(start=pl.lit(0), id=pl.int_range(3))
    rows = rows.with_columns(pl.Series(name, values, strict=False) for name, values in columns.items())
    with pytest.raises(ValueError, match=message):
        gray_test(rows, "group", start="start", id="id")


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match=r"^the frame has no column arm; it has stop, kind, group, s, event, death$"):
        gray_test(DRAWN, "arm")
