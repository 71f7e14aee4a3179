"""The study's SQL on 27 real-strength fills gives the mg that were computed of them by hand.

In: `golden_doses.csv`, 27 benzodiazepine fills of the 50 synthetic patients of WileyLab's SynPUF set, carried over from
the project's reference facts (`golden_wileylab_benzo_doses.csv`): products with the OMOP vocabulary's strengths, all in
mg, `mg` = quantity x strength, and `darwin_daily_mg`, the daily dose by the formulas of DARWIN EU's DrugUtilisation
(Burkard et al., doi 10.1002/pds.5809), to four decimals. Where ours differs from DARWIN's it does so on purpose, and
each difference is a test with its reason. Together the differences concern 7 of the 27 fills and the number of days.
"""

import csv
import datetime as dt
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from cohort.protocol import Protocol
from cohort.trial import run_tables
from tests.conftest import SHARED

GOLDEN = Path(__file__).parent / "golden_doses.csv"
REFERENCE = SHARED / "reference" / "golden_wileylab_benzo_doses.csv"
NUMBERS = ("quantity", "amount_value", "numerator_value", "denominator_value", "mg", "darwin_daily_mg")
IDS = ("drug_exposure_id", "drug_concept_id", "ingredient_concept_id", "denominator_unit_concept_id", "days_supply")
MG = 8576

INJECTIONS = {4083911, 3878526}
EXTENDED_RELEASE = {594322, 3332037}
WITHOUT_QUANTITY = {594337, 3542520}
WITHOUT_DAYS = {4469357}
ALIKE_BUT_FOR_DAYS = 20


@pytest.fixture(scope="module")
def golden() -> dict[int, dict[str, Any]]:
    """The file's rows by fill."""
    with GOLDEN.open(encoding="utf-8", newline="") as file:
        rows: list[dict[str, Any]] = [{k: v or None for k, v in row.items()} for row in csv.DictReader(file)]
    for row in rows:
        row |= {name: None if row[name] is None else float(row[name]) for name in NUMBERS}
        row |= {name: None if row[name] is None else int(row[name]) for name in IDS}
    return {row["drug_exposure_id"]: row for row in rows}


def ledger(golden: Mapping[int, Mapping[str, Any]], **changes: object) -> dict[int, dict[str, Any]]:
    """The study's ledger of these fills, by fill."""
    products = {row["drug_concept_id"]: row for row in golden.values()}.values()
    cdm = {
        "person": [{"person_id": 1}],
        "concept": [{"concept_id": row["drug_concept_id"], "concept_name": row["concept_name"]} for row in products],
        "drug_strength": [_strength(row) for row in products],
        "drug_exposure": [_exposure(row) for row in golden.values()],
    }
    found = run_tables(cdm, Protocol().changed(**changes), ["dose"])["dose"]
    return {row["drug_exposure_id"]: row for row in found}


def _strength(row: Mapping[str, Any]) -> dict[str, Any]:
    copied = ("drug_concept_id", "ingredient_concept_id", "amount_value", "numerator_value", "denominator_value")
    return {name: row[name] for name in (*copied, "denominator_unit_concept_id")} | {
        "amount_unit_concept_id": MG if row["amount_value"] else None,
        "numerator_unit_concept_id": MG if row["numerator_value"] else None,
    }


def _exposure(row: Mapping[str, Any]) -> dict[str, Any]:
    dates = ("drug_exposure_start_date", "drug_exposure_end_date")
    copied = ("drug_exposure_id", "drug_concept_id", "quantity", "days_supply")
    return {
        "person_id": 1,
        **{name: row[name] for name in copied},
        **{name: dt.date.fromisoformat(row[name]) for name in dates},
    }


# --- What agrees -------------------------------------------------------------------------------------------------


def test_the_mg_of_every_fill_with_a_quantity_and_a_strength_are_those_by_hand(golden):
    """Injections and the fill without days too: their mg are in the ledger, though no dose per day follows."""
    found = ledger(golden)
    assert len(found) == len(golden) == 27
    assert {number: row["mg"] for number, row in found.items() if number not in WITHOUT_QUANTITY} == {
        number: row["mg"] for number, row in golden.items() if row["mg"] is not None
    }


def test_the_drug_of_every_fill_is_the_one_in_its_name(golden):
    assert {number: row["drug"] for number, row in ledger(golden).items()} == {
        number: row["ingredient"] for number, row in golden.items()
    }


def test_every_fill_that_is_no_exception_is_computed_as_mg_over_days_of_supply(golden):
    found = ledger(golden)
    computed = {number for number, row in found.items() if row["status"] == "computed"}
    assert computed == set(golden) - INJECTIONS - WITHOUT_QUANTITY - WITHOUT_DAYS
    assert {number: found[number]["mg_per_day"] for number in computed} == {
        number: golden[number]["mg"] / golden[number]["days_supply"] for number in computed
    }


def test_with_darwin_s_days_and_by_the_piece_the_daily_dose_is_darwin_s(golden):
    """Days from the end date, as DARWIN counts them: 20 fills agree to its four decimals, and the one of 0 days."""
    found = ledger(golden, days_supply_order=("drug_exposure_end_date",))
    alike = set(golden) - INJECTIONS - WITHOUT_QUANTITY - EXTENDED_RELEASE
    assert len(alike - WITHOUT_DAYS) == ALIKE_BUT_FOR_DAYS
    assert {number: round(found[number]["mg_per_day"], 4) for number in alike} == {
        number: golden[number]["darwin_daily_mg"] for number in alike
    }


# --- What differs, and why ---------------------------------------------------------------------------------------


def test_days_are_days_of_supply_and_not_the_dates_with_one_added(golden):
    """These records end at start + days_supply, so that end - start + 1 is 31 for a supply of 30 days.

    A supply of 30 tablets lasts 30 days when one is taken each day. The dose of the fill is the same either way; per
    day DARWIN's is 30/31 of ours.
    """
    by_supply, by_dates = ledger(golden), ledger(golden, days_supply_order=("drug_exposure_end_date",))
    with_days = [number for number, row in golden.items() if row["days_supply"]]
    assert {by_dates[number]["days"] - by_supply[number]["days"] for number in with_days} == {1}
    assert all(by_supply[number]["days_disagree"] for number in with_days)


def test_injections_are_out_of_scope(golden):
    """Given by staff, on a day: no days of supply of an injection say how long anybody took it (OHDSI's dose rules)."""
    found = ledger(golden)
    assert {number for number, row in found.items() if row["status"] == "out of scope: injectable"} == INJECTIONS
    assert {found[number]["mg_per_day"] for number in INJECTIONS} == {None}


def test_extended_release_tablets_count_by_the_piece(golden):
    """120 tablets of 3 mg for 30 days are 12 mg a day. DARWIN reads "3 mg per 24 hours" as the dose of the day: 3 mg.

    The rate is that of one tablet; four a day were dispensed. Of 50 tablets of 1 mg ours makes 5/3 mg a day.
    """
    found = ledger(golden)
    assert {number: found[number]["rule"] for number in EXTENDED_RELEASE} == dict.fromkeys(
        EXTENDED_RELEASE, "per hour release"
    )
    assert (found[594322]["mg_per_day"], found[3332037]["mg_per_day"]) == (12, float(Fraction(5, 3)))
    assert (golden[594322]["darwin_daily_mg"], golden[3332037]["darwin_daily_mg"]) == (3, 1)


def test_zero_days_of_supply_are_unknown(golden):
    """20 tablets of clonazepam 2 mg for 0 days are no 40 mg on one day (800 mg of diazepam), as by the dates."""
    (number,) = WITHOUT_DAYS
    row = ledger(golden)[number]
    assert (row["days"], row["mg"], row["mg_per_day"]) == (None, 40, None)
    assert row["status"] == "unknown: days of supply <= 0"
    assert golden[number]["darwin_daily_mg"] == 40


def test_without_a_quantity_the_dose_is_unknown_or_imputed_and_never_zero(golden):
    """Lorazepam 2 MG from procedure codes: DARWIN has none either, and sums none as 0; here it is told.

    The product has no computed fill, so the median is lorazepam's: of 0.5 mg x 20 and 2 mg x 30 over 30 days, 7/6 mg.
    """
    left, imputed = ledger(golden, missing_dose="unknown"), ledger(golden, missing_dose="median")
    for number in WITHOUT_QUANTITY:
        assert golden[number]["darwin_daily_mg"] is None
        assert left[number]["status"] == "unknown: quantity missing or not positive"
        assert (left[number]["mg"], left[number]["mg_per_day"]) == (None, None)
        assert (imputed[number]["status"], imputed[number]["rule"]) == ("imputed", "median of the ingredient")
        assert imputed[number]["mg_per_day"] == pytest.approx(float(Fraction(7, 6)), rel=1e-15)


# --- The file ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference facts are not beside the checkout")
def test_the_file_says_what_the_reference_says():
    with GOLDEN.open(encoding="utf-8", newline="") as ours, REFERENCE.open(encoding="utf-8", newline="") as theirs:
        reference = [row | {"mg": row["total_mg_quantity_x_strength"]} for row in csv.DictReader(theirs)]
        carried = list(csv.DictReader(ours))
    assert carried == [{name: row[name] for name in carried[0]} for row in reference]
