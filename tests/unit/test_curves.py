"""Cumulative incidence by exposure: who is in which group, what is read off, and what is too thin to be shown."""

import math

import numpy as np
import polars as pl
import pytest

from cohort.curves import GROUPS, at_ages, incidence_curves
from cohort.disclosure import SUPPRESSED
from cohort.inputs import EXPOSURES
from cohort.protocol import Protocol
from cohort.survival.incidence import aalen_johansen

PROTOCOL = Protocol()
YEAR = 365.25
Row = tuple[float, float, int, int, float | None, float | None, float | None]
"""Age at start and stop in years, event, death, and the doses of binders, non-binders and unknown affinity."""


def frame(rows: list[Row]) -> pl.DataFrame:
    columns = ["start", "stop", "event", "death", *EXPOSURES]
    schema = {**dict.fromkeys(columns, pl.Float64), "event": pl.Int8, "death": pl.Int8}
    ages = pl.DataFrame(rows, schema=schema, orient="row")
    return ages.with_row_index("person_id").with_columns(
        (pl.col("start") * YEAR).round().cast(pl.Int32).alias("start_day"),
        (pl.col("stop") * YEAR).round().cast(pl.Int32).alias("stop_day"),
    )


def many(persons: int, dose: tuple[float, float, float] = (0, 0, 0)) -> list[Row]:
    """Persons at risk from 66 on; in each year of age a twelfth of those who began ends with dementia, another dies."""
    rows: list[Row] = []
    for person in range(persons):
        stop, kind = 67 + person % 12 + 0.5, person // 12 % 3
        rows.append((66, stop, int(kind == 0), int(kind == 1), *dose))
    return rows


def curve(rows: list[Row], protocol: Protocol = PROTOCOL) -> pl.DataFrame:
    return incidence_curves(frame(rows), protocol)


def test_groups_go_by_the_lagged_dose_and_a_binder_goes_before_all_else() -> None:
    rows = [*many(720), *many(720, (1, 0, 0)), *many(720, (2, 3, 0)), *many(360, (0, 1, 0)), *many(360, (0, 0, 1))]
    first = curve(rows).filter(pl.col("age_years") == 68, pl.col("outcome") == "dementia")
    # At risk just after the 68th birthday: a twelfth of each group has left at 67 and a half.
    assert dict(first.select("exposure_group", "at_risk").iter_rows()) == {
        "no study drug": 660,
        "binder": 1320,
        "other study drug only": 660,
    }


def test_person_time_of_unknown_dose_is_in_no_group() -> None:
    rows = [*many(720), *((start, stop, e, d, None, 0.0, 0.0) for start, stop, e, d, *_ in many(720))]
    assert curve(rows).equals(curve(many(720)))


def test_points_are_those_of_the_estimator_for_who_is_well_at_the_start_age() -> None:
    rows = [*many(720), (50, 60, 1, 0, 0, 0, 0), (50, 64.9, 0, 1, 0, 0, 0)]
    shown = curve(rows).filter(pl.col("exposure_group") == GROUPS[0])
    expected = aalen_johansen(frame(many(720)))
    ages = shown.filter(pl.col("outcome") == "dementia").get_column("age_years")
    assert ages.to_list()[:4] == [66, 67, 68, 69]  # nobody is at risk before 66
    points = at_ages(expected, ages.to_numpy())
    for outcome, cause in PROTOCOL.outcome.causes.items():
        own = shown.filter(pl.col("outcome") == outcome)
        assert own.get_column("estimate").to_list() == points.get_column(cause).to_list()
        inner = own.filter(pl.col("estimate") > 0)
        assert (inner.get_column("ci_lower") < inner.get_column("estimate")).all()
        assert (inner.get_column("ci_upper") > inner.get_column("estimate")).all()
    # By 68 one twelfth of 720 has left, a third of them with dementia.
    assert shown.filter(pl.col("age_years") == 68).get_column("estimate").to_list() == pytest.approx(
        [20 / 720, 20 / 720]
    )


def test_a_group_too_thin_for_a_curve_has_a_row_that_says_so() -> None:
    shown = curve([*many(720), *many(3, (1, 0, 0))])
    thin = shown.filter(pl.col("exposure_group") != GROUPS[0])
    assert thin.select("exposure_group", "outcome", "estimate", "at_risk", "status").rows() == [
        (group, outcome, None, None, SUPPRESSED) for group in GROUPS[1:] for outcome in ("dementia", "death")
    ]
    assert shown.schema == curve(many(720)).schema


def test_between_points_lie_no_events_or_as_many_as_the_threshold() -> None:
    shown = curve(many(72), PROTOCOL).filter(pl.col("exposure_group") == GROUPS[0], pl.col("outcome") == "dementia")
    counts = at_ages(aalen_johansen(frame(many(72))), shown.get_column("age_years").to_numpy())
    so_far = (counts.get_column("event_events") + counts.get_column("death_events")).to_numpy()
    assert set(np.diff(so_far, prepend=0).astype(int)) & set(range(1, 5)) == set()
    assert shown.height >= 5


def test_between_points_lie_no_events_of_either_kind_or_as_many_as_the_threshold() -> None:
    """Both curves and the numbers at risk are shown: the height of a step times those at risk is its events."""
    shown = curve(many(72), PROTOCOL).filter(pl.col("exposure_group") == GROUPS[0], pl.col("outcome") == "dementia")
    counts = at_ages(aalen_johansen(frame(many(72))), shown.get_column("age_years").to_numpy())
    for cause in ("event", "death"):
        steps = np.diff(counts.get_column(f"{cause}_events").to_numpy(), prepend=0).astype(int)
        assert set(steps) & set(range(1, 5)) == set()


def test_points_with_few_at_risk_are_left_out() -> None:
    shown = curve(many(72), PROTOCOL).drop_nulls("estimate")
    assert min(shown.get_column("at_risk")) >= PROTOCOL.disclosure.min_cell_count
    assert not shown.get_column("estimate").is_nan().any()
    assert all(math.isfinite(value) for value in shown.get_column("ci_upper").drop_nulls())


def test_the_start_age_and_the_confidence_level_are_those_of_the_protocol() -> None:
    later = curve(many(720), PROTOCOL.changed(curve_start_age=70)).filter(pl.col("exposure_group") == GROUPS[0])
    assert later.get_column("age_years").min() == 70
    wide, narrow = (
        curve(many(720), PROTOCOL.changed(confidence_level=level)).filter(pl.col("age_years") == 70)
        for level in (0.99, 0.9)
    )
    assert (wide.get_column("ci_upper").drop_nulls() > narrow.get_column("ci_upper").drop_nulls()).all()
