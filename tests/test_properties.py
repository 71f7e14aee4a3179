"""What must hold for any CDM: the future does not reach into the past, nothing is lost, names do not matter."""

import datetime as dt
from collections import Counter
from dataclasses import replace
from math import fsum
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cohort.inputs import ADDITIVE_METRICS, EXPOSURES
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
    "visit_occurrence": ("visit_start_date", "visit_end_date"),
}
ZERO = ("0", "never")


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
    protocol = protocol_of(replace(chosen, missing_dose="unknown"))
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
    wanted = ["person_time", "dose", "stockpile", "supply", "attrition"]
    assert run_tables(cdm, protocol, wanted, study_tables()) == run_tables(shuffled, protocol, wanted, study_tables())


@drawn
@given(worlds.cdm_tables(), worlds.settings())
def test_attrition_equals_the_oracle(cdm: dict[str, Any], chosen: oracle.Settings) -> None:
    steps = run_tables(cdm, protocol_of(chosen), ["attrition"], study_tables())["attrition"]
    ours = [row["number_subjects"] for row in sorted(steps, key=lambda row: row["reason_id"])]
    expected = oracle.attrition(cdm, worlds.STUDY_DRUGS, worlds.CONCEPT_SETS, chosen)
    assert ours == [row["persons"] for row in expected]


@drawn
@given(worlds.cdm_tables(), worlds.settings())
def test_dose_is_conserved_from_the_ledger_to_the_days(cdm: dict[str, Any], chosen: oracle.Settings) -> None:
    """What was dispensed is taken or discarded: in days exactly, in mg to the last digits of doubles."""
    tables = run_tables(cdm, protocol_of(chosen), ["dose", "stockpile", "supply"], study_tables())
    born = oracle.births(cdm)
    known = [r for r in oracle.counting(tables["dose"]) if r["days"] is not None and r["person_id"] in born]
    taken = fsum(r["mg_per_day"] * r["accruing_days"] for r in tables["supply"] if r["mg_per_day"] is not None)
    lost = fsum(
        r["mg_per_day"] * (r["discarded_by_cap"] + r["discarded_by_switch"])
        for r in tables["stockpile"]
        if r["mg_per_day"] is not None
    )
    dispensed = fsum(r["mg"] for r in known if r["status"] in ("computed", "imputed"))
    assert taken + lost == pytest.approx(dispensed, rel=1e-12)
    assert sum(r["days"] for r in known) == sum(r["days"] for r in tables["stockpile"])
    assert sum(r["accruing_days"] for r in tables["stockpile"]) == sum(r["accruing_days"] for r in tables["supply"])


@drawn
@given(worlds.cdm_tables(), worlds.settings(), st.sampled_from(ADDITIVE_METRICS))
def test_the_doses_of_drugs_add_up_to_those_of_their_classes(
    cdm: dict[str, Any], chosen: oracle.Settings, metric: str
) -> None:
    """In every interval of known dose, bit for bit: both are sums of the same billionths."""
    protocol = protocol_of(replace(chosen, metric=metric))
    tables = run_tables(cdm, protocol, ["person_time", "profile", "accrued"], study_tables())
    class_of = {drug["drug"]: f"dose_tspo_{drug['tspo_class']}" for drug in worlds.STUDY_DRUGS}
    origin = {row["person_id"]: row["origin_day"] for row in tables["profile"]}
    summed: Counter[tuple[int, int, str]] = Counter()
    for row in tables["accrued"]:
        if row["quantity"] == "dose":
            key = (row["person_id"], row["start_day"] + origin[row["person_id"]], class_of[row["name"]])
            summed[key] += round(row["amount"] * 1_000_000_000)
    for row in tables["person_time"]:
        for dose in (f"dose_{exposure}" for exposure in EXPOSURES):
            if row[dose] is not None:
                assert summed[row["person_id"], row["start_day"], dose] == round(row[dose] * 1_000_000_000)


@drawn
@given(worlds.cdm_tables(), worlds.settings(), st.sampled_from(["unknown", "median"]), st.data())
def test_a_missing_quantity_never_makes_anybody_unexposed(
    cdm: dict[str, Any], chosen: oracle.Settings, missing_dose: str, data: st.DataObject
) -> None:
    """Whichever share of the quantities is deleted: on no day at risk does a class turn to no dose."""
    fills = cdm["drug_exposure"]
    gone = data.draw(st.lists(st.booleans(), min_size=len(fills), max_size=len(fills)))
    poorer = {**cdm, "drug_exposure": [{**r, "quantity": None} if g else r for r, g in zip(fills, gone, strict=True)]}
    # Without collapsing: of two fills that were told apart by their quantity alone, one would now be a copy.
    protocol = protocol_of(replace(chosen, missing_dose=missing_dose, same_day_duplicates="add", window_days=None))
    before, after = (_exposed_days(c, protocol) for c in (cdm, poorer))
    assert before <= after


def _exposed_days(cdm: dict[str, Any], protocol: Protocol) -> set[tuple[int, str, int]]:
    """(person, class, day) of every day at risk whose class is not known to be without a dose."""
    return {
        (row["person_id"], name, day)
        for row in run_tables(cdm, protocol, ["person_time"], study_tables())["person_time"]
        for name in (f"category_{exposure}" for exposure in EXPOSURES)
        if row[name] not in ZERO
        for day in range(row["start_day"], row["stop_day"])
    }


@drawn
@given(worlds.cdm_tables(), worlds.settings())
def test_a_stay_in_two_parts_that_touch_is_one_stay(cdm: dict[str, Any], chosen: oracle.Settings) -> None:
    protocol = protocol_of(replace(chosen, hospital_stays="pause"))
    parts = [part for stay in cdm["visit_occurrence"] for part in _halves(stay)]
    whole, parted = (
        run_tables(c, protocol, ["supply"], study_tables()) for c in (cdm, {**cdm, "visit_occurrence": parts})
    )
    assert whole == parted


def _halves(stay: dict[str, Any]) -> list[dict[str, Any]]:
    start, end = stay["visit_start_date"], stay["visit_end_date"]
    if end is None or (end - start).days < 2:
        return [stay]
    middle = start + dt.timedelta(days=1)
    return [{**stay, "visit_end_date": middle}, {**stay, "visit_start_date": middle}]


def test_the_catalogue_of_drawn_covariates_is_real() -> None:
    assert set(COVARIATES) <= set(Protocol().changed(covariates=COVARIATES).model.covariates)
