"""Whether an effect fades: what leaves the run of it, and how the report tells it."""

from dataclasses import replace

import polars as pl
import pytest

from cohort.models.reversibility import CURRENT, LIFETIME, SINCE_LAST, WEIGHTED
from cohort.report import build_report
from cohort.report.numbers import ABSENT
from cohort.report.release import read_release
from cohort.report.reversibility import (
    history_tables,
    hypothesis_rows,
    lags,
    recency_picture,
    said_of_bootstrap,
    weight_picture,
)
from cohort.results import HistoryEffect, HypothesisFit, ModelResult, WeightPoint
from cohort.reversibility_tables import reversibility_tables
from tests.unit.test_report import visible, write_release


def effect(hypothesis, history, lag=365, exposure="tspo_binder", persons=90, events=40, ratio=1.5):
    return HistoryEffect(lag, hypothesis, exposure, history, persons, events, 0.4, 0.1, ratio, 1.2, 1.8)


RESULT = ModelResult(
    hypotheses=[
        HypothesisFit(365, LIFETIME, "", 400, 6, -1000.0, 2036.0),
        HypothesisFit(365, CURRENT, "", 400, 6, -990.0, 2016.0),
        HypothesisFit(1095, LIFETIME, "", 400, 6, -1000.0, 2036.0),
        HypothesisFit(1095, CURRENT, status="not estimable: no use"),
    ],
    history_effects=[
        *(
            effect(LIFETIME, history, lag)
            for lag in (365, 1095)
            for history in ("a year, until now", "a year, stopped")
        ),
        replace(effect(WEIGHTED, "a year, stopped"), bootstrap_lower=1.1, bootstrap_upper=2.4),
        replace(effect(CURRENT, "a year, stopped"), log_hr=0.0, se_log_hr=0.0, hazard_ratio=1.0),
        effect(SINCE_LAST, "current"),
        effect(SINCE_LAST, "1-30 days ago", persons=30, events=4),
        effect(SINCE_LAST, ">1095 days ago", persons=60, events=20),
    ],
    weight_points=[
        *(
            WeightPoint(lag, "tspo_binder", day, 90, 40, 0.001, 0.0, 0.002, -0.001, 0.003, 200, 3)
            for lag in (365, 1095)
            for day in (1, 31, 61)
        ),
        *(WeightPoint(365, "tspo_unknown", day, 4, 2, 0.001, 0.0, 0.002) for day in (1, 31)),
    ],
)


@pytest.fixture
def folder(tmp_path):
    tables = {name: table.to_dicts() for name, table in reversibility_tables(RESULT, 5).items()}
    blank = {
        name: [{k: "" if v is None else v for k, v in row.items()} for row in rows] for name, rows in tables.items()
    }
    return write_release(tmp_path, **blank)


def test_no_count_of_exposed_leaves_and_a_cell_of_few_goes_in_company():
    tables = reversibility_tables(RESULT, 5)
    assert not {"persons", "events"} & {*tables["histories"].columns, *tables["weights"].columns}
    since = {row["history"]: row for row in tables["histories"].to_dicts() if row["hypothesis"] == SINCE_LAST}
    assert since["1-30 days ago"]["status"] == since[">1095 days ago"]["status"] == "suppressed"
    assert since["1-30 days ago"]["hazard_ratio"] is None
    assert since["current"]["hazard_ratio"] == 1.5
    assert set(tables["weights"].get_column("exposure")) == {"tspo_binder"}
    # Few were exposed to the others: no band of theirs leaves, of either kind.
    assert tables["weights"].filter(pl.col("bootstrap_lower") != -0.001).is_empty()
    assert tables["hypotheses"].get_column("bic").to_list() == [2036.0, 2016.0, 2036.0, None]


def test_an_empty_result_has_its_tables_all_the_same():
    assert {name: table.height for name, table in reversibility_tables(ModelResult(), 5).items()} == {
        "hypotheses": 0, "histories": 0, "weights": 0,
    }  # fmt: skip


def test_each_hypothesis_stands_by_how_far_it_is_from_the_best_at_each_lag(folder):
    release = read_release(folder)
    assert lags(release) == ["1\xa0year", "3\xa0years"]
    rows = {row.name: row.excess for row in hypothesis_rows(release)}
    assert rows == {LIFETIME: ["+20.0", "best"], CURRENT: ["best", "no use"]}


def test_a_history_that_a_hypothesis_rules_out_is_one_without_an_interval(folder):
    tables = history_tables(read_release(folder))
    assert [(table.name, table.lag) for table in tables] == [
        ("TSPO binder", "1\xa0year"),
        ("TSPO binder", "3\xa0years"),
    ]
    cells = dict(tables[0].rows)
    assert cells[CURRENT] == [ABSENT, "1"]
    assert cells[LIFETIME][0] == "1.50 (1.20\xa0to\xa01.80)"


def test_the_page_draws_time_since_the_last_dose_and_the_weights(folder):
    release = read_release(folder)
    drawn = recency_picture(release)
    assert drawn is not None
    assert "suppressed" in drawn.wide
    assert weight_picture(release) is not None
    words = visible(build_report(folder).read_text(encoding="utf-8"))
    assert "Does it fade?" in words
    assert "Thin lines: percentiles of the weight functions of 200 replicates" in words
    assert "Without an estimate were up to 3 of them." in words
    assert "1.50 (1.10 to 2.40)" in words


def test_bounds_of_the_bootstrap_are_drawn_and_told_where_there_are_any(folder):
    with_them = read_release(folder)
    without = replace(
        with_them, weights=[{**row, "replicates": "", "bootstrap_lower": ""} for row in with_them.weights]
    )
    assert said_of_bootstrap(without) == ""
    assert weight_picture(without).wide != weight_picture(with_them).wide
    (table, _) = history_tables(with_them)
    assert dict(table.rows)[f"{WEIGHTED}, bootstrap"] == [ABSENT, "1.50 (1.10\xa0to\xa02.40)"]


def test_a_few_suppressed_exposed_lose_their_bootstrap_bounds_too():
    few = replace(effect(WEIGHTED, "a year, until now", events=3), bootstrap_lower=1.1, bootstrap_upper=2.4)
    (row,) = reversibility_tables(ModelResult(history_effects=[few]), 5)["histories"].to_dicts()
    assert (row["status"], row["bootstrap_lower"], row["bootstrap_upper"]) == ("suppressed", None, None)


def test_a_release_without_it_has_no_such_section(tmp_path):
    release = read_release(write_release(tmp_path))
    assert recency_picture(release) is None
    assert weight_picture(release) is None
    assert "Does it fade?" not in visible(build_report(tmp_path).read_text(encoding="utf-8"))
