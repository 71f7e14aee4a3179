"""Duration against intensity of use, on a made cohort whose days of use are known."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from cohort.analyses import Analysis
from cohort.fitting import Setting
from cohort.inputs import EXPOSURES
from cohort.models import fit_model
from cohort.models.use_pattern import PER_DURATION, PER_INTENSITY
from cohort.protocol import Protocol
from cohort.results import ModelResult, UsePattern
from cohort.survival.counting import risk_sets
from cohort.survival.cox import CoxFit, fit_cox
from cohort.use_pattern_table import use_pattern_table
from tests.risk_tables import counts_of
from tests.unit.models.made import PROTOCOL


@pytest.fixture(scope="module")
def used(frame: pl.DataFrame) -> pl.DataFrame:
    """Days of use: each person takes a class at a pace of his own, so many units a day."""
    draw, rows = np.random.default_rng(2), []
    pace = {person: draw.choice([0.25, 0.75, 2.0], 3) for person in frame.get_column("person_id").unique().sort()}
    for row in frame.iter_rows(named=True):
        for place, exposure in enumerate(EXPOSURES):
            if row[f"dose_{exposure}"]:
                days = row[f"dose_{exposure}"] / pace[row["person_id"]][place]
                rows.append((row["person_id"], row["start_day"], exposure.removeprefix("tspo_"), days))
    table = pl.DataFrame(rows, ["person_id", "start_day", "name", "amount"], orient="row")
    return table.with_columns(pl.col("start_day").cast(pl.Int32), quantity=pl.lit("days of use"))


def fitted(frame: pl.DataFrame, used: pl.DataFrame, protocol: Protocol = PROTOCOL) -> ModelResult:
    setting = Setting(counts_of(frame, protocol), frame.lazy(), Analysis("primary", protocol), {}, used.lazy())
    return fit_model("duration and intensity", setting)


@pytest.fixture(scope="module")
def result(frame: pl.DataFrame, used: pl.DataFrame) -> ModelResult:
    return fitted(frame, used)


def with_use(frame: pl.DataFrame, used: pl.DataFrame) -> pl.DataFrame:
    """Days of use and mean dose a day of each class, put together anew."""
    known = frame.drop_nulls(EXPOSURES)
    for exposure in EXPOSURES:
        own = used.filter(pl.col("name") == exposure.removeprefix("tspo_"))
        own = own.select("person_id", "start_day", pl.col("amount").alias(f"days {exposure}"))
        known = known.join(own, on=["person_id", "start_day"], how="left").with_columns(
            pl.col(f"days {exposure}").fill_null(0.0)
        )
        mean = pl.col(f"dose_{exposure}") / pl.col(f"days {exposure}")
        known = known.with_columns(
            pl.when(pl.col(f"days {exposure}") > 0).then(mean).otherwise(0).alias(f"mean {exposure}")
        )
    return known


def own_fit(table: pl.DataFrame, columns: list[str]) -> CoxFit:
    return fit_cox(risk_sets(table, [*columns, "depression"], ["sex", "entry_period"]))


def row(result: ModelResult, exposure: str, duration: str, intensity: str) -> UsePattern:
    (found,) = [
        r for r in result.use_patterns if (r.exposure, r.duration, r.intensity) == (exposure, duration, intensity)
    ]
    return found


def test_duration_and_mean_dose_a_day_are_in_one_model(
    frame: pl.DataFrame, used: pl.DataFrame, result: ModelResult
) -> None:
    table = with_use(frame, used).with_columns(pl.col(f"days {e}") / 365 for e in EXPOSURES)
    expected = own_fit(table, [f"{what} {e}" for e in EXPOSURES for what in ("days", "mean")])
    found = [row(result, e, *words).log_hr for e in EXPOSURES for words in ((PER_DURATION, ""), ("", PER_INTENSITY))]
    assert found == pytest.approx(expected.params[:6], rel=1e-8)


def test_the_cells_of_the_grid_stand_against_no_use(
    frame: pl.DataFrame, used: pl.DataFrame, result: ModelResult
) -> None:
    table = with_use(frame, used)
    cells = {}
    for exposure in EXPOSURES:
        days, mean = pl.col(f"days {exposure}"), pl.col(f"mean {exposure}")
        for duration, long in (
            ("<=90 days", days <= 90),
            (">90-365 days", (days > 90) & (days <= 365)),
            (">365 days", days > 365),
        ):
            for intensity, strong in (
                ("<=0.5 a day", mean <= 0.5),
                (">0.5-1 a day", (mean > 0.5) & (mean <= 1)),
                (">1 a day", mean > 1),
            ):
                cells[exposure, duration, intensity] = (days > 0) & long & strong
    marked = table.with_columns(cell.cast(pl.Float64).alias(", ".join(key)) for key, cell in cells.items())
    expected = own_fit(marked, [", ".join(key) for key in cells])
    for key in cells:
        found, exposed = row(result, *key), marked.filter(pl.col(", ".join(key)) > 0)
        assert (found.persons, found.events) == (
            exposed.get_column("person_id").n_unique(),
            exposed.get_column("event").sum(),
        )
        if ", ".join(key) in expected.columns:
            assert found.log_hr == pytest.approx(expected.params[expected.columns.index(", ".join(key))], rel=1e-7)
        else:
            assert found.status.startswith("not estimable: ")


def test_a_cell_that_nobody_is_in_and_a_metric_without_days_say_so(frame: pl.DataFrame, used: pl.DataFrame) -> None:
    short = used.with_columns(amount=pl.min_horizontal("amount", pl.lit(90.0)))
    assert (
        row(fitted(frame, short), "tspo_binder", ">365 days", ">1 a day").status == "not estimable: nobody used it so"
    )
    found = fitted(frame, used, PROTOCOL.changed(metric="recency")).use_patterns
    assert [r.exposure for r in found] == list(EXPOSURES)
    assert {r.status for r in found} == {"not estimable: a mean recency per day of use is no intensity"}


def test_a_cell_of_few_is_hidden_in_company_and_no_count_leaves(result: ModelResult) -> None:
    cells = [r for r in result.use_patterns if r.exposure == "tspo_binder" and r.duration and r.intensity]
    cells = [
        replace(r, persons=100 + 10 * i, events=20 + i, hazard_ratio=1.5, status="ok") for i, r in enumerate(cells)
    ]
    cells[4] = replace(cells[4], events=3)
    table = use_pattern_table(cells, 5)
    hidden = [place for place, status in enumerate(table.get_column("status")) if status == "suppressed"]
    assert hidden == [0, 4]  # the smallest of the others keeps it company
    assert table.get_column("hazard_ratio").null_count() == 2
    assert not {"persons", "events"} & set(table.columns)
