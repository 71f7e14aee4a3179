"""New starts before a diagnosis: what is expected, when the classes differ by more than chance, and what is told."""

from collections.abc import Iterable, Mapping
from dataclasses import astuple
from itertools import combinations
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohort.channelling import NOT_DIAGNOSED, WITHIN_LAG, Counted, Starts, counted, homogeneity
from cohort.channelling_table import CHANNELLING_SCHEMA, channelling_check, release_channelling
from cohort.disclosure import TOO_FEW
from cohort.engine import create_inputs, create_tables
from cohort.inputs import EXPOSURES, TIMES_BEFORE_DIAGNOSIS, study_inputs, study_parameters, times_before_diagnosis
from cohort.protocol import Protocol
from cohort.results import OVERALL
from cohort.source import open_cdm
from cohort.synthetic import simulate
from tests.unit.test_disclosure import Reader

PROTOCOL = Protocol()
LAST, THIRD, FOURTH = "0 to 3 months", "2 to 3 years", "3 to 4 years"
STRATUM = {"tspo_class": "binder", "sex": "Female", "lower_age": 65, "calendar_period": 2010}
Row = dict[str, Any]
Key = tuple[str, ...]


def row(time: str | None, starts: int, days: int, **fields: Any) -> Row:
    """A row of the table `channelling`."""
    counts = {"persons": 50, "starts": starts, "starters": starts, "days_at_risk": days}
    return {**STRATUM, "time_before_diagnosis": time, **counts, **fields}


def table(*rows: Row) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema_overrides={"time_before_diagnosis": pl.String})


# --- Observed and expected -------------------------------------------------------------------------------------


def test_times_follow_each_other_without_a_gap_up_to_ten_years() -> None:
    bounds = list(TIMES_BEFORE_DIAGNOSIS.values())
    assert [above for above, _ in bounds] == [0, *(most for _, most in bounds[:-1])]
    assert bounds[-1] == (3285, 3650)
    assert times_before_diagnosis().rows() == [(name, *days) for name, days in TIMES_BEFORE_DIAGNOSIS.items()]


def test_what_is_expected_is_the_rate_of_the_others_times_the_days_at_risk_stratum_by_stratum() -> None:
    """2 x 30/600 + 1 x 8/100, of 1,000 days at 30 in 15,000 and 100 days at 8 in 800."""
    made = counted(
        table(
            row(None, 30, 15_000),
            row(None, 8, 800, sex="Male"),
            row(LAST, 4, 1_000),
            row(LAST, 3, 100, sex="Male"),
        ),
        1095,
    )
    cell = made.cells[LAST, "tspo_binder"]
    assert (cell.starts, cell.expected) == (7, pytest.approx(1_000 * 30 / 15_000 + 100 * 8 / 800))
    assert cell.variance == pytest.approx((1_000 / 15_000) ** 2 * 30 + (100 / 800) ** 2 * 8)


@pytest.mark.parametrize("field", ["sex", "lower_age", "calendar_period", "tspo_class"])
def test_time_without_a_match_is_left_out(field: str) -> None:
    other = {"sex": "Male", "lower_age": 75, "calendar_period": 2015, "tspo_class": "unknown"}[field]
    made = counted(table(row(None, 3, 300), row(LAST, 1, 100), row(LAST, 9, 100, **{field: other})), 1095)
    assert made.cells[LAST, OVERALL].starts == 1
    assert made.cells[LAST, OVERALL].expected == 1


def test_a_stratum_in_which_nobody_else_is_at_risk_has_no_match() -> None:
    made = counted(table(row(None, 0, 0), row(LAST, 2, 100)), 1095)
    assert made.cells[LAST, OVERALL] == Starts()


@pytest.mark.parametrize(("lag_days", "last_days"), [(1095, 1095), (1094, 730), (91, 91), (3650, 3650), (9999, 3650)])
def test_the_times_that_the_lag_covers_whole_are_added_up(lag_days: int, last_days: int) -> None:
    """Variances are of the sums, for all times expect from the same starts; persons are those of the fullest time."""
    rows = [row(time, 1, 100, persons=20 - place) for place, time in enumerate(TIMES_BEFORE_DIAGNOSIS)]
    made = counted(table(row(None, 50, 1_000), *rows), lag_days)
    inside = [time for time, (_, most) in TIMES_BEFORE_DIAGNOSIS.items() if most <= lag_days]
    cell = made.cells[WITHIN_LAG, "tspo_binder"]
    assert made.times[WITHIN_LAG] == (0, last_days)
    assert made.within_lag == inside
    assert (cell.starts, cell.expected) == (len(inside), pytest.approx(5.0 * len(inside)))
    assert cell.variance == pytest.approx((100 * len(inside) / 1_000) ** 2 * 50)
    assert made.persons[WITHIN_LAG] == 20


def test_a_lag_that_covers_no_whole_time_has_no_row() -> None:
    made = counted(table(row(None, 5, 100), row(LAST, 5, 100)), 90)
    assert WITHIN_LAG not in made.times
    assert made.within_lag == []
    said = channelling_check(made, PROTOCOL)
    assert (said.verdict, said.p_value) == ("info", None)
    assert release_channelling(made, PROTOCOL).get_column("time_before_diagnosis").to_list()[0] == LAST


# --- The test --------------------------------------------------------------------------------------------------


def test_homogeneity_is_pearson_s_chi_square_where_what_is_expected_is_known() -> None:
    """30, 10 and 20 starts where 20 are expected of each, that is (100 + 100 + 0) / 20, on two degrees of freedom."""
    assert homogeneity([Starts(n, n, 10.0) for n in (30, 10, 20)]) == (pytest.approx(10.0), 2)


def test_what_is_expected_brings_its_own_variance() -> None:
    """Two classes, alike in expectation 10 and variance 10 at a ratio of 2: (30 - 20)^2 / (20 + 40), twice."""
    assert homogeneity([Starts(n, n, 10.0, 10.0) for n in (30, 10)]) == (pytest.approx(100 / 60 * 2), 1)


def test_a_rise_that_is_alike_in_all_classes_is_no_difference() -> None:
    statistic, _ = homogeneity([Starts(3 * n, 3 * n, n, 0.4) for n in (10, 20, 30)])
    assert statistic == pytest.approx(0)


WITHIN = [time for time, (_, most) in TIMES_BEFORE_DIAGNOSIS.items() if most <= 1095]
PARTS: dict[Key, list[Key]] = {
    (time, e): [(time, e)] for time in (*TIMES_BEFORE_DIAGNOSIS, NOT_DIAGNOSED) for e in EXPOSURES
}
PARTS |= {(WITHIN_LAG, e): [(time, e) for time in WITHIN] for e in EXPOSURES}
PARTS |= {
    (time, OVERALL): [part for e in EXPOSURES for part in PARTS[time, e]]
    for time in (WITHIN_LAG, *TIMES_BEFORE_DIAGNOSIS, NOT_DIAGNOSED)
}
"""What each count of the table adds up: classes in single times, and those who are not diagnosed."""


def added_up(single: Mapping[Key, Starts], few: Iterable[str] = ()) -> Counted:
    """Counts by class and time with their sums; `few`: times in which four persons are under observation."""
    times = {WITHIN_LAG: (0, 1095), **TIMES_BEFORE_DIAGNOSIS}
    persons = dict.fromkeys((*times, NOT_DIAGNOSED), 900) | dict.fromkeys(few, 4)
    cells = {}
    for key, parts in PARTS.items():
        columns = zip(*(astuple(single.get(part, Starts())) for part in parts), strict=True)
        cells[key] = Starts(*map(sum, columns))
    return Counted(times, cells, persons)


def alike(binder: int = 50, non_binder: int = 50, unknown: int = 50, **changes: Any) -> Counted:
    """Starts in the latest time, where 50 are expected of each class; 40 of 50 from three years on, 2,000 of others.

    Args:
        changes: `few`, or by exposure the starts of those who are not diagnosed.
    """
    single = {(time, e): Starts(40, 40, 50.0, 1.0) for time in TIMES_BEFORE_DIAGNOSIS for e in EXPOSURES}
    single |= {(time, e): Starts() for time in WITHIN for e in EXPOSURES}
    for e, count in zip(EXPOSURES, (binder, non_binder, unknown), strict=True):
        single[LAST, e] = Starts(count, count, 50.0, 1.0)
        others = changes.get(e, 2_000)
        single[NOT_DIAGNOSED, e] = Starts(others, others)
    return added_up(single | changes.get("cells", {}), changes.get("few", ()))


def test_a_class_that_is_preferred_warns_and_is_named() -> None:
    said = channelling_check(alike(60, 180, 120), PROTOCOL)
    assert (said.diagnostic, said.analysis, said.verdict, said.df) == ("channelling", "primary", "warn", 2)
    assert said.exposure in {"tspo_binder", "tspo_non_binder"}
    assert abs(said.value or 0) == pytest.approx(1 / 6)
    assert (said.p_value or 1) < 1e-9
    assert "prefer a TSPO class by more than chance" in said.meaning


@pytest.mark.parametrize("binders", [60, 120])
def test_the_check_speaks_of_the_outcome_that_was_studied(binders: int) -> None:
    made = alike(binders, 180 if binders == 60 else 120, 120)
    said = channelling_check(made, PROTOCOL.changed(diagnosis="bipolar_disorder"))
    assert said.meaning.startswith("Within the lag before a diagnosis of bipolar disorder new starts ")
    assert "dementia" not in said.meaning
    of_dementia = channelling_check(made, PROTOCOL)
    assert of_dementia.meaning == said.meaning.replace("bipolar disorder", "dementia")


def test_what_chance_explains_passes_up_to_the_limit_of_the_protocol() -> None:
    made = alike(100, 109, 120)
    said = channelling_check(made, PROTOCOL)
    assert (said.verdict, said.exposure) == ("pass", "tspo_unknown")
    assert said.value == pytest.approx(120 / 329 - 1 / 3)
    assert "rise alike" in said.meaning
    assert said.p_value is not None
    assert channelling_check(made, PROTOCOL.changed(channelling_p=said.p_value + 1e-9)).verdict == "warn"


def test_a_class_of_which_few_starts_are_to_be_expected_is_no_part_of_the_test() -> None:
    """Each class is to have 329 / 3 = 109.7 starts; a limit above that leaves nothing to compare."""
    made = alike(100, 109, 120)
    assert channelling_check(made, PROTOCOL.changed(channelling_starts=109.6)).df == 2
    said = channelling_check(made, PROTOCOL.changed(channelling_starts=109.7))
    assert (said.verdict, said.df) == ("info", None)
    assert "Too few new starts" in said.meaning


def test_a_class_that_is_never_started_in_the_prodrome_is_the_plainest_channelling() -> None:
    said = channelling_check(alike(0, 110, 120), PROTOCOL)
    assert (said.verdict, said.exposure) == ("warn", "tspo_binder")


@pytest.mark.parametrize(
    "made",
    [
        alike(binder=3),
        alike(tspo_unknown=4),
        alike(few=[WITHIN_LAG]),
    ],
)
def test_the_figures_of_the_check_go_where_the_counts_may_not_be_told(made: Counted) -> None:
    """The verdict stays: a reader must know that there is channelling."""
    said = channelling_check(made, PROTOCOL)
    assert said.verdict in {"warn", "pass"}
    assert (said.statistic, said.p_value, said.value, said.exposure) == (None, None, None, "")
    assert said.meaning.endswith(TOO_FEW)


# --- What is released ------------------------------------------------------------------------------------------


def of(released: pl.DataFrame, time: str, exposure: str) -> Row:
    return released.filter(time_before_diagnosis=time, exposure=exposure).row(0, named=True)


def test_the_table_tells_shares_with_wilson_s_interval_beside_those_expected() -> None:
    """10 of 40: 0.25 (0.1419 to 0.4019), as R's prop.test(10, 40, correct = FALSE) gives."""
    made = alike(10, 10, 20)
    released = release_channelling(made, PROTOCOL)
    assert dict(released.schema) == CHANNELLING_SCHEMA
    assert released.height == (1 + len(TIMES_BEFORE_DIAGNOSIS) + 1) * 4
    shown = of(released, LAST, "tspo_binder")
    assert (shown["above_days"], shown["at_most_days"], shown["starts"], shown["rate_ratio"]) == (0, 91, 10, 0.2)
    assert (shown["share"], shown["expected_share"], shown["status"]) == (0.25, pytest.approx(1 / 3), "ok")
    assert (round(shown["share_lower"], 4), round(shown["share_upper"], 4)) == (0.1419, 0.4019)
    total = of(released, LAST, OVERALL)
    assert (total["starts"], total["expected"], total["share"], total["expected_share"]) == (40, 150.0, None, None)


def test_those_who_are_not_diagnosed_have_starts_and_shares_and_nothing_to_expect() -> None:
    released = release_channelling(alike(), PROTOCOL)
    shown = of(released, NOT_DIAGNOSED, "tspo_binder")
    assert (shown["starts"], shown["share"], shown["status"]) == (2_000, pytest.approx(1 / 3), "ok")
    assert (shown["at_most_days"], shown["expected"], shown["expected_share"], shown["rate_ratio"]) == 4 * (None,)


def test_where_no_count_is_small_nothing_is_hidden() -> None:
    released = release_channelling(alike(), PROTOCOL)
    assert set(released.get_column("status")) == {"ok"}
    assert released.get_column("starts").null_count() == 0


def test_starts_without_a_total_have_no_share() -> None:
    released = release_channelling(alike(), PROTOCOL)
    shown = of(released, THIRD, "tspo_binder")
    assert (shown["starts"], shown["share"], shown["expected_share"], shown["rate_ratio"]) == (0, None, None, None)


def test_few_starts_of_those_not_diagnosed_hide_what_they_lead_to_expect() -> None:
    """A second class goes with the few; of all classes the shares go, for with one share the number would follow."""
    released = release_channelling(alike(tspo_unknown=4), PROTOCOL)
    assert [of(released, NOT_DIAGNOSED, e)["starts"] for e in (*EXPOSURES, OVERALL)] == [2_000, None, None, 4_004]
    assert [of(released, LAST, e)["expected"] for e in (*EXPOSURES, OVERALL)] == [50.0, None, None, None]
    assert [of(released, LAST, e)["rate_ratio"] for e in (*EXPOSURES, OVERALL)] == [1.0, None, None, None]
    assert [of(released, LAST, e)["expected_share"] for e in EXPOSURES] == 3 * [None]
    assert of(released, LAST, "tspo_unknown")["share"] == pytest.approx(1 / 3)
    assert of(released, LAST, "tspo_binder")["status"] == "suppressed"


def test_a_time_in_which_few_persons_are_under_observation_tells_nothing() -> None:
    released = release_channelling(alike(few=[FOURTH]), PROTOCOL)
    numbers = ("starts", "share", "share_lower", "share_upper", "expected", "expected_share", "rate_ratio")
    for exposure in (*EXPOSURES, OVERALL):
        shown = of(released, FOURTH, exposure)
        assert [shown[name] for name in numbers] == 7 * [None]
        assert shown["status"] == "suppressed"
    assert of(released, "4 to 5 years", "tspo_binder")["starts"] == 40


def test_many_starts_of_few_persons_are_hidden() -> None:
    released = release_channelling(alike(cells={(FOURTH, "tspo_binder"): Starts(40, 4, 50.0, 1.0)}), PROTOCOL)
    shown = of(released, FOURTH, "tspo_binder")
    assert (shown["starts"], shown["share"], shown["rate_ratio"], shown["expected"]) == (None, None, None, 50.0)


near_the_threshold = st.sampled_from([0, 1, 2, 3, 4, 5, 6, 9, 20, 60])
"""Starts of each class in each time."""


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(
    st.lists(near_the_threshold, min_size=39, max_size=39),
    st.lists(st.sampled_from(list(TIMES_BEFORE_DIAGNOSIS)), max_size=3),
)
def test_no_small_number_of_starts_follows_from_the_released_table(starts: list[int], few: list[str]) -> None:
    """Neither a class in a time, nor all classes, nor all times within the lag, nor a few hidden ones together."""
    single = dict(zip((key for key, parts in PARTS.items() if parts == [key]), starts, strict=True))
    made = added_up({key: Starts(count, count, 1.0, 0.1) for key, count in single.items()}, few)
    released = release_channelling(made, PROTOCOL)
    shown = {(r["time_before_diagnosis"], r["exposure"]): r for r in released.iter_rows(named=True)}
    told = [PARTS[key] for key, r in shown.items() if r["starts"] is not None]
    told += [[part] for key, r in shown.items() if r["starts"] == 0 for part in PARTS[key]]
    reader = Reader(told)
    small = {key for key, cell in made.cells.items() if 0 < cell.starts < 5}
    assert [key for key in small if reader.knows(PARTS[key])] == []
    for time in (*made.times, NOT_DIAGNOSED):
        for two in combinations([key for key in small if key[0] == time and key[1] != OVERALL], 2):
            assert sum(made.cells[key].starts for key in two) >= 5 or not reader.knows([*PARTS[two[0]], *PARTS[two[1]]])
    for key, r in shown.items():
        told_both = r["starts"] is not None and shown[key[0], OVERALL]["starts"] is not None
        assert r["share"] is None or told_both
        assert r["rate_ratio"] is None or r["starts"] is not None


# --- Known worlds ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def starts_of_world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The starts of a simulated world of 6,000 persons, by the study's own SQL."""

    def made(scenario: str) -> Counted:
        path: Path = tmp_path_factory.mktemp("worlds") / f"{scenario}.duckdb"
        simulate(path, 6_000, 5, scenario)
        with open_cdm(str(path)) as cdm:
            create_inputs(cdm.connection, study_inputs(PROTOCOL))
            create_tables(cdm.connection, ("channelling",), study_parameters(PROTOCOL))
            return counted(cdm.connection.sql("select * from channelling").pl(), PROTOCOL.exposure.lag_days)

    return made


def rises(made: Counted, time: str) -> list[float]:
    """The ratio of observed to expected starts of each class."""
    return [made.cells[time, e].starts / made.cells[time, e].expected for e in EXPOSURES]


def test_prodromal_prescribing_that_is_alike_in_all_classes_does_not_warn(starts_of_world: Any) -> None:
    """World S1: starts rise threefold in the three years before diagnosis, and not before.

    Of eighty other seeds none has a p below 0.03, where 0.01 is the limit; this one has 0.66. The planted ratio of 3 is
    diluted by those whose prodrome is not over, and moves by a fifth with the 60 to 90 starts of each class.
    """
    made = starts_of_world("null-prodrome")
    assert all(2.2 < rise < 4.2 for rise in rises(made, WITHIN_LAG))
    assert 0.6 < made.cells[FOURTH, OVERALL].starts / made.cells[FOURTH, OVERALL].expected < 1.6
    said = channelling_check(made, PROTOCOL)
    assert said.verdict == "pass"
    assert (said.p_value or 0) > 0.1


def test_prodromal_prescribing_of_non_binders_warns(starts_of_world: Any) -> None:
    """World S3: the prodromal get non-binders at 1.6 times and binders at 0.4 times their share.

    Eight seeds have chi-squares from 24 to 48, where 9.2 is the limit at p = 0.01 on two degrees of freedom.
    """
    made = starts_of_world("channelling")
    binder, non_binder, _ = rises(made, WITHIN_LAG)
    assert non_binder > 2 * binder
    shares = {e: made.cells[WITHIN_LAG, e].starts / made.cells[WITHIN_LAG, OVERALL].starts for e in EXPOSURES}
    assert shares["tspo_non_binder"] > 0.45 > 0.25 > shares["tspo_binder"]
    said = channelling_check(made, PROTOCOL)
    assert said.verdict == "warn"
    assert (said.statistic or 0) > 20
