"""Absolute risks by dose category and age: each cell is the curve of its own person-time, or says why it has none."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from cohort.counts import DAYS_PER_YEAR
from cohort.disclosure import SUPPRESSED
from cohort.protocol import Protocol
from cohort.risks import RISK_SCHEMA, absolute_risks
from cohort.survival.incidence import aalen_johansen
from tests.risk_tables import prepare
from tests.unit.models.made import interval, person_time

PROTOCOL = Protocol().changed(covariates=(), risk_ages=(70,), risk_years=(2, 4))
YEAR = DAYS_PER_YEAR


def made(persons: int = 600, rate: float = 0.05, dose: float = 200.0) -> pl.DataFrame:
    """From about 69 to 76 years; a third has a dose of a binder for the first half of the time, then none."""
    draw = np.random.default_rng(11)
    rows = []
    for person in range(persons):
        start, own = int(draw.uniform(68, 71) * YEAR), dose if person % 3 == 0 else 0.0
        for piece in range(16):
            ends = draw.random(2) < (rate / 2 * (1 + own / 200), 0.02)
            doses = (own if piece < 8 else 0.0, 0.0, 0.0)
            event, death = int(ends[0]), int(ends[1] and not ends[0])
            rows.append(interval(person, start, start + 180, doses, event=event, death=death))
            start += 180
            if ends.any():
                break
    return prepare(person_time(rows), PROTOCOL)


def cell(table: pl.DataFrame, **wanted: Any) -> dict[str, Any]:
    (row,) = table.filter(**wanted).to_dicts()
    return row


def test_every_cell_that_is_asked_for_has_a_row() -> None:
    table = absolute_risks(made(), PROTOCOL)
    assert dict(table.schema) == RISK_SCHEMA
    assert table.height == 3 * 5 * 2 * 2, "classes, categories, numbers of years, outcomes"
    assert table.select("exposure", "category", "from_age", "years", "outcome").is_unique().all()


def test_a_risk_is_that_of_the_curve_of_its_own_person_time() -> None:
    frame = made()
    own = frame.filter(pl.col("category_tspo_binder") == "181-365")
    curve = aalen_johansen(own, 70 * YEAR, id="person_id").at(np.array([72 * YEAR]))
    for cause, outcome in enumerate(("dementia", "death")):
        row = cell(
            absolute_risks(frame, PROTOCOL), exposure="tspo_binder", category="181-365", years=2, outcome=outcome
        )
        assert row["risk"] == pytest.approx(curve.incidence[0, cause], rel=1e-12)
        assert row["ci_lower"] < row["risk"] < row["ci_upper"]
        assert (row["at_risk"], row["status"]) == (curve.at_risk[0], "ok")


def test_without_censoring_a_risk_is_a_share_and_years_lost_are_days_counted() -> None:
    """Everybody is seen from 70 on for four years: ten of forty have dementia after one year, eight die after two."""
    rows = []
    for person in range(40):
        event, death = person < 10, 10 <= person < 18
        stop = int((71 if event else 72 if death else 75) * YEAR)
        rows.append(interval(person, int(70 * YEAR), stop, (0.0, 0.0, 0.0), event=int(event), death=int(death)))
    table = absolute_risks(prepare(person_time(rows), PROTOCOL), PROTOCOL)
    dementia = cell(table, exposure="tspo_binder", category="0", years=4, outcome="dementia")
    death = cell(table, exposure="tspo_binder", category="0", years=4, outcome="death")
    assert (dementia["risk"], death["risk"]) == pytest.approx((0.25, 0.2), rel=1e-12)
    assert (dementia["years_lost"], death["years_lost"]) == pytest.approx((0.25 * 3, 0.2 * 2), rel=1e-3)
    assert dementia["at_risk"] == 22


def test_differences_are_from_the_category_without_a_dose_and_it_has_none_itself() -> None:
    table = absolute_risks(made(), PROTOCOL)
    none, some = (
        cell(table, exposure="tspo_binder", category=c, years=2, outcome="dementia") for c in ("0", "181-365")
    )
    assert none["difference"] is None
    assert some["difference"] == pytest.approx(some["risk"] - none["risk"], rel=1e-12)
    assert some["difference_lower"] < some["difference"] < some["difference_upper"]
    assert some["years_lost_difference"] == pytest.approx(some["years_lost"] - none["years_lost"], rel=1e-9)
    assert some["reference"] == "0"


def test_who_has_an_unknown_dose_is_in_no_category() -> None:
    frame = made()
    unknown = frame.with_columns(category_tspo_binder=pl.lit("unknown dose"))
    table = absolute_risks(unknown, PROTOCOL).filter(exposure="tspo_binder")
    assert set(table["status"]) == {"not estimable: nobody is followed for so long"}


@pytest.mark.parametrize(("persons", "rate"), [(12, 0.05), (600, 0.0008)])
def test_cells_of_few_persons_or_few_events_are_suppressed(persons: int, rate: float) -> None:
    row = cell(
        absolute_risks(made(persons, rate), PROTOCOL),
        exposure="tspo_binder",
        category="181-365",
        years=2,
        outcome="dementia",
    )
    assert row["status"] == SUPPRESSED
    assert {k for k, v in row.items() if v is not None} == {
        *("exposure", "category", "reference", "from_age", "years", "outcome", "status")
    }


def test_without_an_event_a_risk_of_zero_has_no_bounds_and_no_difference() -> None:
    """Nothing tells how far from zero it may be."""
    frame = made().with_columns(
        event=pl.when(pl.col("category_tspo_binder") == "181-365").then(0).otherwise(pl.col("event"))
    )
    row = cell(absolute_risks(frame, PROTOCOL), exposure="tspo_binder", category="181-365", years=2, outcome="dementia")
    assert (row["risk"], row["status"]) == (0, "ok")
    assert {row[name] for name in ("ci_lower", "ci_upper", "difference", "p_value")} == {None}


def test_a_horizon_beyond_all_follow_up_has_no_risk() -> None:
    far = PROTOCOL.changed(risk_years=(2, 30))
    row = cell(absolute_risks(made(), far), exposure="tspo_binder", category="0", years=30, outcome="dementia")
    assert (row["risk"], row["status"]) == (None, "not estimable: nobody is followed for so long")
