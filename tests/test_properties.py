"""What must hold for any CDM: the future does not reach into the past, nothing is lost, names do not matter."""

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cohort.protocol import Protocol
from cohort.trial import run_tables
from tests import oracle, worlds
from tests.test_generative import COVARIATES, EXAMPLES, protocol_of, study_tables

drawn = settings(
    max_examples=EXAMPLES // 4, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
DATES = {
    "drug_exposure": ("drug_exposure_start_date", "drug_exposure_end_date", "verbatim_end_date"),
    "condition_occurrence": ("condition_start_date",),
    "observation": ("observation_date",),
    "death": ("death_date",),
}


def moved(cdm: dict[str, Any], table: str, index: int, days: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The CDM with one record moved by some days; and the record as it was."""
    rows = [dict(row) for row in cdm[table]]
    was = dict(rows[index])
    for column in DATES[table]:
        if rows[index].get(column) is not None:
            rows[index][column] += dt.timedelta(days=days)
    return {**cdm, table: rows}, was


@drawn
@given(worlds.cdm_tables(), worlds.settings(), st.data())
def test_moving_a_later_record_leaves_what_was_known_before_it(
    cdm: dict[str, Any], chosen: oracle.Settings, data: st.DataObject
) -> None:
    """Every interval that starts before the record's old and new day keeps its start, doses, categories, covariates.

    Imputed doses are medians over all fills, so the property is about doses that are computed.
    """
    tables = [t for t in DATES if cdm.get(t)]
    assume(tables)
    table = data.draw(st.sampled_from(tables))
    index = data.draw(st.integers(0, len(cdm[table]) - 1))
    other, was = moved(cdm, table, index, data.draw(st.integers(1, 900)))
    day, person_id = was[DATES[table][0]], was["person_id"]
    assume(day is not None)
    protocol = protocol_of(replace(chosen, impute=False))
    before, after = (
        {
            (r["person_id"], r["start_day"]): r
            for r in run_tables(c, protocol, ["person_time"], study_tables())["person_time"]
        }
        for c in (cdm, other)
    )
    births = {r["person_id"]: r["birth_date"] for r in run_tables(cdm, protocol, ["birth"], study_tables())["birth"]}
    entry = min((start for p, start in before if p == person_id), default=None)
    assume(entry is None or births[person_id] + dt.timedelta(days=entry) < day)
    for key, row in before.items():
        if key[0] == person_id and births[key[0]] + dt.timedelta(days=key[1]) >= day:
            continue
        same = after[key]
        known = [k for k in row if k not in {"stop_day", "event", "death"}]
        assert {k: row[k] for k in known} == {k: same[k] for k in known}
        if births[key[0]] + dt.timedelta(days=row["stop_day"]) < day:
            assert row == same


@drawn
@given(worlds.cdm_tables(), worlds.settings())
def test_every_balance_holds_on_drawn_cdms(cdm: dict[str, Any], chosen: oracle.Settings) -> None:
    for row in run_tables(cdm, protocol_of(chosen), ["conservation"], study_tables())["conservation"]:
        assert row["before_step"] == pytest.approx(row["after_step"], rel=1e-9, abs=1e-6), row["balance"]


@drawn
@given(worlds.cdm_tables(), worlds.settings(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(cdm: dict[str, Any], chosen: oracle.Settings, random: Any) -> None:
    shuffled = {name: random.sample(rows, len(rows)) for name, rows in cdm.items()}
    protocol = protocol_of(chosen)
    wanted = ["person_time", "supply", "attrition"]
    assert run_tables(cdm, protocol, wanted, study_tables()) == run_tables(shuffled, protocol, wanted, study_tables())


@drawn
@given(worlds.cdm_tables(), worlds.settings())
def test_attrition_equals_the_oracle(cdm: dict[str, Any], chosen: oracle.Settings) -> None:
    steps = run_tables(cdm, protocol_of(chosen), ["attrition"], study_tables())["attrition"]
    ours = [row["number_subjects"] for row in sorted(steps, key=lambda row: row["reason_id"])]
    expected = oracle.attrition(cdm, worlds.STUDY_DRUGS, worlds.CONCEPT_SETS, chosen)
    assert ours == [row["persons"] for row in expected]


def test_the_catalogue_of_drawn_covariates_is_real() -> None:
    assert set(COVARIATES) <= set(Protocol().changed(covariates=COVARIATES).model.covariates)
