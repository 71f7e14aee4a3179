"""The benchmark of the estimator still runs on the study's tables: nothing is timed here."""

from pathlib import Path

import pytest

from tests.bench_estimator import COUNTS, INTERVALS, make_data, run


def test_contenders_fit_the_same_model_to_the_tables_that_are_made_for_them(tmp_path: Path) -> None:
    made = make_data(2_000, tmp_path / "data")
    from_intervals, after_aggregation = (run(contender, made["folder"]) for contender in (INTERVALS, COUNTS))
    assert made["events"] > 0
    assert after_aggregation["params"] == pytest.approx(from_intervals["params"], rel=1e-9)
