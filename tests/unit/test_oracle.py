"""The oracle against cases worked out by hand, in whole days and fractions, and what must always hold."""

import sys
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples

from tests import oracle
from tests.oracle import NANO, Course, Settings
from tests.oracle.exposure import course, lagged
from tests.oracle.ledger import judged_days, stated_days
from tests.worlds import (
    ALZHEIMER,
    ANXIETY,
    CONCEPT_SETS,
    DEMENTIA,
    DONEPEZIL_TABLET,
    DRUG_INDUCED,
    NAMESAKES,
    PHOBIA,
    STUDY_DRUGS,
    VASCULAR,
    cdm_tables,
    settings,
    vocabulary,
)

period = sys.modules["tests.oracle.person_time"]
DIAZEPAM_10, FLUNITRAZEPAM_1, CLONAZEPAM_HALF, LORAZEPAM_1 = range(2_000_000_001, 2_000_000_005)
DIAZEPAM_5, INJECTION, NO_STRENGTH, TWO_STRENGTHS, CAMAZEPAM_10 = (2_000_000_000 + n for n in (11, 14, 16, 22, 41))
BORN = date(1950, 1, 1)
ENTRY = 61 * 365 + 15  # 2011-01-01, a year after observation starts: 15 leap days lie before it
EVE_OF_65 = 65 * 365 + 16 - 1
LAST = 70 * 365 + 17 - 1  # 2019-12-31


def day(age_days: int) -> date:
    """The date on which the person of these tests is so many days old."""
    return BORN + timedelta(days=age_days)


def fill(product: int, start: date | int, quantity: float | None = 30.0, days: int | None = 30, **more):
    start = day(start) if isinstance(start, int) else start
    return {"person_id": 1, "drug_concept_id": product, "drug_exposure_start_date": start,
            "quantity": quantity, "days_supply": days, **more}  # fmt: skip


def code(when: date | int, concept_id: int = DEMENTIA):
    when = day(when) if isinstance(when, int) else when
    return {"person_id": 1, "condition_concept_id": concept_id, "condition_start_date": when}


def world(*fills, person=None, periods=((date(2010, 1, 1), date(2019, 12, 31)),), codes=(), death=None):
    """A CDM of one person, born on 1 January 1950 and observed from 2010 to 2019 unless told otherwise."""
    person = {"year_of_birth": 1950, "month_of_birth": 1, "day_of_birth": 1} if person is None else person
    return vocabulary() | {
        "person": [{"person_id": 1, "gender_concept_id": 8532, **person}],
        "observation_period": [
            {"person_id": 1, "observation_period_start_date": start, "observation_period_end_date": end}
            for start, end in periods
        ],
        "drug_exposure": [{"drug_exposure_id": n, **row} for n, row in enumerate(fills)],
        "condition_occurrence": list(codes),
        "death": [] if death is None else [{"person_id": 1, "death_date": death}],
    }


def ledger(*fills, **choices):
    return oracle.ledger(world(*fills), STUDY_DRUGS, Settings(**choices))


def piled(*fills, **choices):
    return oracle.stockpile(world(*fills), ledger(*fills, **choices), Settings(**choices))


def person_time(cdm, **choices):
    return oracle.person_time(cdm, STUDY_DRUGS, CONCEPT_SETS, Settings(**choices))


def column(rows, name):
    return [row[name] for row in rows]


# --- Dose of a fill ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "mg", "rule"),
    [
        ({"amount_value": 5, "amount_unit_concept_id": 8576}, 5, "amount"),
        ({"amount_value": 500, "amount_unit_concept_id": 9655}, Fraction(1, 2), "amount"),
        ({"amount_value": 2, "amount_unit_concept_id": 8504}, 2000, "amount"),
        ({"amount_value": 5}, 5, "amount, unit assumed mg"),
        ({"numerator_value": 2, "numerator_unit_concept_id": 8576, "denominator_unit_concept_id": 8587},
         2, "concentration"),
        ({"numerator_value": 2, "numerator_unit_concept_id": 8504, "denominator_unit_concept_id": 8519},
         2, "concentration"),
        ({"numerator_value": 10, "numerator_unit_concept_id": 8576, "denominator_value": 2,
          "denominator_unit_concept_id": 8587}, 10, "quantified"),
        ({"numerator_value": 3, "numerator_unit_concept_id": 8576, "denominator_value": 24,
          "denominator_unit_concept_id": 8505}, 3, "per hour release"),
        ({"amount_value": 0, "numerator_value": 4, "numerator_unit_concept_id": 8576}, 4, "concentration"),
    ],
)  # fmt: skip
def test_mg_of_a_unit_of_quantity(row, mg, rule):
    cdm = {"drug_strength": [{"drug_concept_id": 1, "ingredient_concept_id": 2, **row}]}
    found = oracle.strength(cdm, 1, 2, Settings())
    assert (found[0], found[1], found[3]) == (mg, rule, None)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], (None, "none", "no strength for the ingredient")),
        ([{}], (None, "none", "no strength for the ingredient")),
        ([{"amount_value": -5, "amount_unit_concept_id": 8576}],
         (None, "none", "no strength for the ingredient")),
        ([{"amount_value": 5, "amount_unit_concept_id": 8718}], (None, "none", "strength unit not a mass")),
        ([{"amount_value": 5}], (None, "none", "strength unit missing")),
        ([{"amount_value": n, "amount_unit_concept_id": 8576} for n in (1, 2)],
         (None, "none", "several strengths")),
        ([{"amount_value": 1, "amount_unit_concept_id": u} for u in (8576, 8576)], (1, "amount", None)),
        ([{"amount_value": 1, "amount_unit_concept_id": 8576},
          {"amount_value": 9, "amount_unit_concept_id": 8576, "invalid_reason": "D"}], (1, "amount", None)),
        ([{"amount_value": 9, "amount_unit_concept_id": 8576, "invalid_reason": "D"}], (9, "amount", None)),
    ],
)  # fmt: skip
def test_strength_rows_that_fail_or_compete(rows, expected):
    cdm = {"drug_strength": [{"drug_concept_id": 1, "ingredient_concept_id": 2, **row} for row in rows]}
    found = oracle.strength(cdm, 1, 2, Settings(missing_strength_unit="unknown"))
    assert (found[0], found[1], found[3]) == expected


FIRST = date(2012, 3, 1)


@pytest.mark.parametrize(
    ("verbatim_end", "days_supply", "end", "expected"),
    [
        (None, 30, None, (30, None)),
        (FIRST, 30, None, (1, None)),
        (None, None, date(2012, 3, 10), (10, None)),
        (None, 0, date(2012, 3, 10), (None, "days of supply <= 0")),
        (date(2012, 2, 29), 30, None, (None, "days of supply <= 0")),
        (None, 365, None, (365, None)),
        (None, 366, None, (None, "days of supply > 365")),
        (None, None, None, (None, "days of supply missing")),
    ],
)
def test_days_of_supply_are_those_of_the_first_field_that_is_filled(verbatim_end, days_supply, end, expected):
    record = {"drug_exposure_start_date": FIRST, "verbatim_end_date": verbatim_end,
              "days_supply": days_supply, "drug_exposure_end_date": end}  # fmt: skip
    stated, _, _ = stated_days(record, Settings())
    assert judged_days(stated, Settings()) == expected


def test_a_dose_is_quantity_times_strength_over_days_and_equivalence():
    (row,) = ledger(fill(CLONAZEPAM_HALF, ENTRY, quantity=7.5, days=30))
    assert row["mg_per_day"] == Fraction(15, 2) * Fraction(1, 2) / 30
    assert row["dme_per_day"] == Fraction(1, 4)
    assert row["ddd_per_day"] == Fraction(1, 64)
    assert (row["status"], row["rule"]) == ("computed", "amount")


def test_a_missing_dose_is_the_median_of_the_drug_then_of_the_ingredient():
    rows = ledger(
        fill(DIAZEPAM_10, 1, quantity=30),
        fill(DIAZEPAM_10, 100, quantity=60),
        fill(DIAZEPAM_10, 200, quantity=None),
        fill(NO_STRENGTH, 300),
        fill(TWO_STRENGTHS, 400),
        fill(DIAZEPAM_5, 500, quantity=15),
    )
    assert column(rows, "mg_per_day") == [10, 20, 15, 10, None, Fraction(5, 2)]
    assert column(rows, "rule")[2:5] == ["median of the drug", "median of the ingredient", "none"]
    assert column(rows, "status")[2:5] == ["imputed", "imputed", "unknown: several strengths"]


def test_a_missing_dose_stays_unknown_without_imputation_or_days():
    rows = ledger(fill(DIAZEPAM_10, 1), fill(DIAZEPAM_10, 50, quantity=0), missing_dose="unknown")
    assert rows[1]["status"] == "unknown: quantity missing or not positive"
    rows = ledger(fill(DIAZEPAM_10, 1), fill(DIAZEPAM_10, 50, quantity=0, days=-5))
    assert rows[1]["status"] == "unknown: days of supply <= 0"


def test_an_injection_is_out_of_scope_and_never_exposure():
    (row,) = ledger(fill(INJECTION, ENTRY))
    assert (row["status"], row["mg_per_day"], piled(fill(INJECTION, ENTRY))) == ("out of scope: injectable", None, [])
    rows = person_time(world(fill(INJECTION, ENTRY, days=None)), lag_days=0)
    assert column(rows, "category_tspo_binder") == ["0", "0"]


def test_same_day_duplicates_count_once_and_the_lowest_id_stays():
    twice = [fill(DIAZEPAM_10, ENTRY, drug_exposure_id=n) for n in (7, -7)] + [fill(DIAZEPAM_10, ENTRY, 15.0)]
    assert column(ledger(*twice), "drug_exposure_id") == [-7, 2, 7]
    assert column(ledger(*twice), "status") == ["computed", "computed", "duplicate"]
    assert column(ledger(*twice, same_day_duplicates="add"), "status") == ["computed"] * 3


def test_a_product_of_two_study_drugs_gives_a_fill_of_each():
    rows = ledger(fill(2_000_000_034, ENTRY))
    assert [(row["drug"], row["mg_per_day"]) for row in rows] == [("lorazepam", 0.7), ("clonazepam", 0.3)]


def test_a_drug_without_concept_id_is_found_by_name():
    (row,) = ledger(fill(CAMAZEPAM_10, ENTRY), *(fill(namesake, ENTRY) for namesake in NAMESAKES))
    assert (row["drug"], row["mg_per_day"], row["dme_per_day"]) == ("camazepam", 10, None)


# --- Supply ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cap", "starts", "days", "discarded"),
    [
        (None, [0, 30, 60, 100], [30, 30, 30, 30], [0, 0, 0, 0]),
        (0, [0, 20, 30, 100], [20, 10, 30, 30], [10, 20, 0, 0]),
        (15, [0, 30, 45, 100], [30, 15, 30, 30], [0, 15, 0, 0]),
    ],
)
def test_early_refills_are_carried_forward_up_to_the_cap(cap, starts, days, discarded):
    rows = piled(*(fill(DIAZEPAM_10, at) for at in (0, 20, 30, 100)), carryover_cap_days=cap)
    assert column(rows, "home_start") == starts
    assert column(rows, "accruing_days") == days
    assert column(rows, "discarded_by_cap") == discarded


def test_ingredients_do_not_wait_for_each_other():
    assert column(piled(fill(DIAZEPAM_10, 0), fill(FLUNITRAZEPAM_1, 10)), "home_start") == [0, 10]


def test_a_supply_of_unknown_dose_takes_up_its_days():
    rows = piled(fill(DIAZEPAM_10, 0, quantity=None), fill(DIAZEPAM_10, 10), missing_dose="unknown")
    assert column(rows, "home_start") == [0, 30]


def test_two_strengths_of_one_day_run_side_by_side_and_the_next_fill_waits_for_the_longer():
    rows = piled(fill(DIAZEPAM_10, 0), fill(DIAZEPAM_5, 0, days=50), fill(DIAZEPAM_10, 20))
    assert column(rows, "home_start") == [0, 0, 50]
    again = piled(fill(DIAZEPAM_10, 0), fill(DIAZEPAM_10, 0, quantity=15.0, days=10))
    assert column(again, "home_start") == [0, 30]


def test_a_switch_ends_what_is_left_of_the_earlier_drug():
    rows = piled(fill(DIAZEPAM_10, 0), fill(FLUNITRAZEPAM_1, 10), fill(DIAZEPAM_10, 15), overlap="switch")
    assert column(rows, "home_start") == [0, 10, 15]
    assert column(rows, "accruing_days") == [10, 5, 30]
    assert column(rows, "discarded_by_switch") == [20, 25, 0]


def test_tablets_wait_for_the_nights_in_hospital():
    stay = {"person_id": 1, "visit_concept_id": 9201, "visit_start_date": day(10), "visit_end_date": day(15)}
    cdm = world(fill(DIAZEPAM_10, 0)) | {"visit_occurrence": [stay]}
    for choice, stretches in (("ignore", [(0, 30)]), ("pause", [(0, 10), (15, 20)])):
        settled = Settings(hospital_stays=choice)
        fills = oracle.stockpile(cdm, oracle.ledger(cdm, STUDY_DRUGS, settled), settled)
        taken = oracle.supply(cdm, fills, settled)
        assert [(row["start_day"], row["accruing_days"]) for row in taken] == stretches


def test_a_draw_is_the_same_twice_and_another_one_differs():
    known = [fill(DIAZEPAM_10, 100 * n, quantity=float(n)) for n in range(1, 40)]
    drawn = [
        column(ledger(*known, *(fill(DIAZEPAM_10, 9000 + n, quantity=None) for n in range(9)), **choices), "mg_per_day")
        for choices in ({"missing_dose": "draw", "draw": draw} for draw in (1, 1, 2))
    ]
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]


# --- Lagged dose -------------------------------------------------------------------------------------------


def lagged_dose(query_day: int, lag: int, first_day_of_supply: int) -> Fraction:
    value = values_of([fill(DIAZEPAM_10, first_day_of_supply)], query_day, lag_days=lag)[query_day]
    return Fraction(value[0], NANO)


def values_of(fills, last, **choices):
    """Day -> value of the binders."""
    chosen, cdm = Settings(**choices), world(*fills)
    rows = oracle.ledger(cdm, STUDY_DRUGS, chosen)
    taken = oracle.supply(cdm, oracle.stockpile(cdm, rows, chosen), chosen)
    return lagged(course(oracle.counting(rows), taken, "binder", BORN, chosen), 0, last, chosen)


@pytest.mark.parametrize(
    ("choices", "values"),
    [
        ({"metric": "dme"}, {9: 0, 10: 1, 39: 30, 99: 30, 100: 31, 129: 60}),
        ({"metric": "dme", "window_days": 30}, {39: 30, 40: 29, 69: 0, 100: 1, 129: 30, 200: 0}),
        ({"metric": "days"}, {9: 0, 10: 1, 39: 30, 129: 60}),
        ({"metric": "fills"}, {9: 0, 10: 1, 99: 1, 100: 2}),
        ({"metric": "duration"}, {9: 0, 10: 1, 39: 30, 99: 30, 100: 91, 129: 120, 500: 120}),
        ({"metric": "recency"}, {9: 0, 10: 1, 39: 1, 40: 2, 99: 61, 100: 1, 130: 2}),
        ({"metric": "intensity"}, {9: 0, 10: 1, 39: 30, 129: 60}),
    ],
)
def test_every_metric_of_two_fills_of_a_month(choices, values):
    """Diazepam 10 mg a day on the days 10 to 39 and 100 to 129, without a lag."""
    found = values_of([fill(DIAZEPAM_10, 10), fill(DIAZEPAM_10, 100)], 500, lag_days=0, **choices)
    assert {at: Fraction(found[at][0], NANO) for at in values} == values


@pytest.mark.parametrize("metric", ["dme", "days", "fills", "duration", "recency", "intensity"])
def test_the_days_of_change_give_the_value_of_every_day(metric):
    """The value is the sum of slope x (t - day) + jump over the changes so far: the form in which the SQL has it."""
    made = Course(
        taken={5: 7, 6: 7, 7: 10, 20: 3}, used={5, 6, 7, 20}, filled={4: 1, 7: 2},
        rates=[(5, 3, 7), (7, 1, 3), (20, 1, 3)],
    )  # fmt: skip
    changes = made.changes(metric)
    for at, (value, per) in made.values(metric, 60).items():
        so_far = [(at - day_, change) for day_, change in changes.items() if day_ <= at]
        assert sum(slope * n + jump for n, (slope, jump, _) in so_far) == value
        assert metric != "intensity" or sum(use * n for n, (_, _, use) in so_far) == per


@pytest.mark.parametrize(("lag", "dose"), [(90, 10), (0, 30), (100, 0), (70, 30), (71, 29), (99, 1)])
def test_thirty_days_that_start_with_day_one_seen_on_day_one_hundred(lag, dose):
    """The published toy counts (0, 30]: its first day of supply ends at time 1."""
    assert lagged_dose(100, lag, first_day_of_supply=1) == dose


@pytest.mark.parametrize(("lag", "dose"), [(90, 11), (0, 30), (100, 1), (101, 0)])
def test_the_day_of_a_fill_is_a_day_of_supply(lag, dose):
    assert lagged_dose(100, lag, first_day_of_supply=0) == dose


@pytest.mark.parametrize(("per_day", "billionths"), [(1 / 7, 142857142), (2.5e-9, 2), (1.5e-9, 1), (0.0, 0)])
def test_rates_are_whole_billionths_rounded_down(per_day, billionths):
    assert oracle.nano(per_day) == billionths


# --- Birth, entry, outcome, exit ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("year", "month", "birth_day", "expected"),
    [
        (1950, 3, 2, (date(1950, 3, 2), False)),
        (1950, 3, None, (date(1950, 3, 15), True)),
        (1950, None, 2, (date(1950, 7, 1), True)),
        (1948, 2, 29, (date(1948, 2, 29), False)),
        (None, 3, 2, None),
    ],
)
def test_birth_date(year, month, birth_day, expected):
    person = {"year_of_birth": year, "month_of_birth": month, "day_of_birth": birth_day}
    assert oracle.birth_date(person) == expected


def test_born_on_29_february_is_a_year_older_on_1_march_of_a_common_year():
    assert oracle.birthday(date(1960, 2, 29), 50) == date(2010, 3, 1)
    assert oracle.birthday(date(1960, 2, 29), 60) == date(2020, 2, 29)


@pytest.mark.parametrize(
    ("birth", "periods", "choices", "expected"),
    [
        (BORN, [("2010-01-01", "2015-12-31")], {}, "2011-01-01"),
        (date(1962, 5, 6), [("2010-01-01", "2015-12-31")], {}, "2012-05-06"),
        (BORN, [("2010-01-01", "2015-12-31")], {"study_start": date(2013, 1, 1)}, "2013-01-01"),
        (BORN, [("2010-01-01", "2011-01-01")], {}, None),
        (BORN, [("2010-01-01", "2011-01-02")], {}, "2011-01-01"),
        (BORN, [("2010-01-01", "2015-12-31")], {"study_end": date(2011, 1, 1)}, None),
        (BORN, [("2014-01-01", "2018-12-31"), ("2010-01-01", "2010-12-31")], {}, "2015-01-01"),
    ],
)
def test_entry_is_in_the_first_period_that_leaves_time_at_risk(birth, periods, choices, expected):
    periods = [tuple(map(date.fromisoformat, period)) for period in periods]
    entered = oracle.entry(world(periods=periods), 1, birth, Settings(**choices))
    assert (entered and entered[0].isoformat()) == expected


@pytest.mark.parametrize(
    ("codes", "drugs", "d1", "d2"),
    [
        ([0], [], 0, None),
        ([0, 1], [], 0, 1),
        ([0, 730], [], 0, 730),
        ([0, 731], [], 0, None),
        ([0, 731, 1461], [], 0, 1461),
        ([0, 800, 900], [], 0, 900),
        ([0], [0], 0, 0),
        ([10], [3], 10, 10),
        ([10], [40], 10, 40),
        ([740], [10], 740, 740),
        ([741], [10], 741, None),
        ([0], [731], 0, None),
        ([0, 50], [20], 0, 20),
        ([], [1, 2], None, None),
    ],
)
def test_dementia_is_dated_by_its_confirmation(codes, drugs, d1, d2):
    codes, drugs = {day(n) for n in codes}, {day(n) for n in drugs}
    for tier, expected in (("D1", d1), ("D2", d2)):
        found = oracle.outcome_date(codes, drugs, Settings(outcome_tier=tier))
        assert found == (None if expected is None else day(expected))


def test_an_outcome_tier_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match="not D3"):
        oracle.outcome_date(set(), set(), Settings(outcome_tier="D3"))


CASE = (code(ENTRY + 10), code(ENTRY + 100))


@pytest.mark.parametrize(
    ("codes", "death", "stop", "event", "died"),
    [
        ((), None, LAST, 0, 0),
        (CASE, None, ENTRY + 100, 1, 0),
        (CASE, ENTRY + 100, ENTRY + 100, 1, 0),
        (CASE, ENTRY + 99, ENTRY + 99, 0, 1),
        ((), LAST, LAST, 0, 1),
        ((), LAST + 1, LAST, 0, 0),
        ((code(LAST - 100), code(LAST)), LAST, LAST, 1, 0),
    ],
)
def test_exit_is_dementia_before_death_before_the_end_of_observation(codes, death, stop, event, died):
    cdm = world(codes=codes, death=None if death is None else day(death))
    last = person_time(cdm)[-1]
    assert (last["stop_day"], last["event"], last["death"]) == (stop, event, died)


AS_ALZHEIMERS = {
    "diagnosis": "alzheimers_disease",
    "concept_set": "alzheimers_disease",
    "competing_sets": ("vascular_dementia",),
}


@pytest.mark.parametrize(
    ("codes", "death", "stop", "ends"),
    [
        ([(VASCULAR, 10), (VASCULAR, 100), (ALZHEIMER, 200), (ALZHEIMER, 300)], None, ENTRY + 100, (0, 1, 0)),
        ([(VASCULAR, 10), (ALZHEIMER, 20), (ALZHEIMER, 100)], None, ENTRY + 100, (1, 0, 0)),
        ([(VASCULAR, 10), (ALZHEIMER, 10), (VASCULAR, 100), (ALZHEIMER, 100)], None, ENTRY + 100, (1, 0, 0)),
        ([(VASCULAR, 10), (VASCULAR, 100)], ENTRY + 100, ENTRY + 100, (0, 1, 0)),
        ([(VASCULAR, 10), (VASCULAR, 100)], ENTRY + 99, ENTRY + 99, (0, 0, 1)),
        ([(DEMENTIA, 10), (DEMENTIA, 100)], None, LAST, (0, 0, 0)),
    ],
)
def test_the_outcome_goes_before_what_competes_with_it_and_that_before_death(codes, death, stop, ends):
    cdm = world(codes=[code(ENTRY + n, c) for c, n in codes], death=None if death is None else day(death))
    last = person_time(cdm, **AS_ALZHEIMERS)[-1]
    assert (last["stop_day"], (last["event"], last["competing_diagnosis"], last["death"])) == (stop, ends)


@pytest.mark.parametrize(
    ("cdm", "left"),
    [
        (world(person={}), [1, 0, 0, 0, 0, 0]),
        (world(periods=()), [1, 1, 0, 0, 0, 0]),
        (world(codes=[code(ENTRY)]), [1, 1, 1, 0, 0, 0]),
        (world(fill(DONEPEZIL_TABLET, ENTRY)), [1, 1, 1, 0, 0, 0]),
        (world(fill(DIAZEPAM_10, ENTRY - 1)), [1, 1, 1, 1, 0, 0]),
        (world(fill(DIAZEPAM_10, ENTRY - 365)), [1, 1, 1, 1, 0, 0]),
        (world(death=day(ENTRY)), [1, 1, 1, 1, 1, 0]),
        (world(fill(DIAZEPAM_10, ENTRY - 366)), [1, 1, 1, 1, 1, 1]),
        (world(fill(DIAZEPAM_10, ENTRY)), [1, 1, 1, 1, 1, 1]),
        (world(fill(INJECTION, ENTRY - 1)), [1, 1, 1, 1, 1, 1]),
        (world(codes=[code(ENTRY + 1)]), [1, 1, 1, 1, 1, 1]),
    ],
)
def test_attrition_counts_the_first_criterion_that_fails(cdm, left):
    rows = oracle.attrition(cdm, STUDY_DRUGS, CONCEPT_SETS, Settings())
    assert column(rows, "persons") == left
    assert bool(person_time(cdm)) == bool(left[-1])


def test_a_concept_set_is_what_is_included_less_what_is_excluded():
    assert oracle.resolve(vocabulary(), CONCEPT_SETS["dementia"]) == {DEMENTIA, ALZHEIMER, VASCULAR}
    assert DRUG_INDUCED in oracle.resolve(vocabulary(), CONCEPT_SETS["dementia_broad"])
    assert PHOBIA not in oracle.resolve(vocabulary(), CONCEPT_SETS["anxiety_disorder"])


@pytest.mark.parametrize(("when", "expected"), [(1, 1), (ENTRY, 1), (ENTRY + 1, 0)])
def test_a_covariate_is_recorded_on_or_before_entry(when, expected):
    rows = person_time(world(codes=[code(when, ANXIETY)]), covariates=("anxiety_disorder",))
    assert set(column(rows, "anxiety_disorder")) == {expected}


# --- Intervals ---------------------------------------------------------------------------------------------

HUNDRED_DAYS = fill(DIAZEPAM_10, ENTRY + 10, quantity=100.0, days=100)


@pytest.mark.parametrize("lag", [0, 365, 1095])
def test_intervals_of_one_supply(lag):
    """100 dme in 100 days from day 10: slopes at 9 and 109, updates, and crossings of 0 and 90."""
    rows = person_time(world(HUNDRED_DAYS), lag_days=lag)
    own_cuts = [ENTRY + lag + n for n in (9, 10, 39, 69, 99, 100, 109)]
    dose_after = dict(zip(own_cuts, [0, 1, 30, 60, 90, 91, 100], strict=True))
    cuts = sorted({ENTRY, *own_cuts, EVE_OF_65, LAST})
    dose_after |= {ENTRY: 0, EVE_OF_65: 100}
    assert [(row["start_day"], row["stop_day"]) for row in rows] == list(pairwise(cuts))
    assert column(rows, "dose_tspo_binder") == [dose_after[start] for start in cuts[:-1]]
    label = {0: "0", 1: "1-90", 30: "1-90", 60: "1-90", 90: "1-90", 91: "91-180", 100: "91-180"}
    assert column(rows, "category_tspo_binder") == [label[dose_after[start]] for start in cuts[:-1]]
    assert set(column(rows, "dose_tspo_non_binder")) == {0}
    assert {(row["sex"], row["index_year"]) for row in rows} == {("Female", 2011)}


def test_a_refill_at_the_same_rate_leaves_no_cut():
    """Thirty days of diazepam, then thirty of flunitrazepam, at one dme a day: the binders' slope stays."""
    rows = person_time(
        world(fill(DIAZEPAM_10, ENTRY + 1), fill(FLUNITRAZEPAM_1, ENTRY + 31, quantity=30.0)),
        lag_days=0,
        dose_update_days=1000,
    )
    assert column(rows, "start_day") == [ENTRY, ENTRY + 1, ENTRY + 60, EVE_OF_65]


def test_an_event_on_the_65th_birthday_belongs_to_65_to_74():
    rows = person_time(world(codes=[code(ENTRY + 1000), code(EVE_OF_65 + 1)]))
    assert [(row["stop_day"], row["event"], row["age_stratum"]) for row in rows] == [
        (EVE_OF_65, 0, "50 to 64"),
        (EVE_OF_65 + 1, 1, "65 to 74"),
    ]


def test_an_event_the_day_before_belongs_to_50_to_64():
    (row,) = person_time(world(codes=[code(ENTRY + 1000), code(EVE_OF_65)]))
    assert (row["event"], row["age_stratum"]) == (1, "50 to 64")


@pytest.mark.parametrize(("choices", "expected"), [({"metric": "dme"}, None), ({"metric": "days"}, 1)])
def test_dose_is_unknown_from_the_lagged_day_of_the_fill(choices, expected):
    """Camazepam has no place on a scale, but its days are days of use; the cut is where its first day would count."""
    rows = person_time(world(fill(CAMAZEPAM_10, ENTRY + 5, quantity=4.0, days=1)), lag_days=365, **choices)
    last = rows[-1]
    assert last["dose_tspo_unknown"] == expected
    assert last["category_tspo_unknown"] == ("unknown dose" if expected is None else "1-90")
    first_after = next(row for row in rows if row["category_tspo_unknown"] != "0")
    assert first_after["start_day"] == ENTRY + 370
    assert last["category_tspo_binder"] == "0"


def test_a_class_of_unknown_dose_asks_for_no_updates():
    rows = person_time(
        world(fill(DIAZEPAM_10, ENTRY + 1, quantity=None, days=None), fill(DIAZEPAM_10, ENTRY + 2)),
        lag_days=0,
        dose_update_days=7,
    )
    assert column(rows, "start_day") == [ENTRY, *(ENTRY + n for n in (1, 31)), EVE_OF_65]
    assert column(rows, "category_tspo_binder") == ["0", "unknown dose", "unknown dose", "unknown dose"]


@pytest.mark.parametrize(
    ("dose", "label"),
    [(0, "0"), (1, "1-90"), (90 * NANO, "1-90"), (90 * NANO + 1, "91-180"), (365 * NANO, "181-365"),
     (365 * NANO + 1, ">365")],
)  # fmt: skip
def test_an_upper_bound_belongs_to_the_category_below(dose, label):
    assert oracle.category((dose, 1), Settings()) == label


# --- What holds in every world -----------------------------------------------------------------------------

in_every_world = examples(
    max_examples=60, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip


@in_every_world
@given(cdm_tables(), settings())
def test_intervals_tile_the_time_from_entry_to_exit(cdm, choices):
    rows = oracle.person_time(cdm, STUDY_DRUGS, CONCEPT_SETS, choices)
    study = period.Study(cdm, oracle.ledger(cdm, STUDY_DRUGS, choices), CONCEPT_SETS, choices)
    for person in cdm["person"]:
        own = [row for row in rows if row["person_id"] == person["person_id"]]
        followed = period.follow(person, study)
        assert bool(own) == (followed["failed"] is None)
        if own:
            assert (followed["entry"] - followed["birth"]).days == own[0]["start_day"]
            assert (followed["exit"] - followed["birth"]).days == own[-1]["stop_day"]
        assert all(one["stop_day"] == following["start_day"] for one, following in pairwise(own))
        assert all(row["start_day"] < row["stop_day"] for row in own)
        assert sum(row["event"] + row["death"] for row in own[:-1]) == 0


@in_every_world
@given(cdm_tables(), settings())
def test_a_category_holds_through_its_interval(cdm, choices):
    """Cutting more often leaves each category as it was: no class crosses a bound inside an interval."""
    finer = oracle.person_time(cdm, STUDY_DRUGS, CONCEPT_SETS, replace(choices, dose_update_days=1))
    seen = {(row["person_id"], row["start_day"]): row for row in finer}
    names = [f"category_tspo_{c}" for c in oracle.CLASSES]
    for row in oracle.person_time(cdm, STUDY_DRUGS, CONCEPT_SETS, choices):
        inside = [seen.get((row["person_id"], at)) for at in range(row["start_day"], row["stop_day"])]
        assert all(fine is None or all(fine[n] == row[n] for n in names) for fine in inside)


@in_every_world
@given(cdm_tables(), settings())
def test_no_interval_knows_a_later_fill(cdm, choices):
    """Without imputation, records after an interval's lagged start leave its dose as it was."""
    choices = replace(choices, missing_dose="unknown", washout_days=0, prevalent_sets=())
    born = {p["person_id"]: oracle.birth_date(p) for p in cdm["person"]}
    for row in oracle.person_time(cdm, STUDY_DRUGS, CONCEPT_SETS, choices)[::5]:
        horizon = born[row["person_id"]][0] + timedelta(days=row["start_day"] - choices.lag_days)
        earlier = [r for r in cdm["drug_exposure"] if (r["drug_exposure_start_date"] or horizon) <= horizon]
        rows = oracle.person_time(cdm | {"drug_exposure": earlier}, STUDY_DRUGS, CONCEPT_SETS, choices)
        (again,) = (
            r for r in rows
            if r["person_id"] == row["person_id"] and r["start_day"] <= row["start_day"] < r["stop_day"]
        )  # fmt: skip
        for c in oracle.CLASSES:
            assert again[f"category_tspo_{c}"] == row[f"category_tspo_{c}"]


@in_every_world
@given(cdm_tables(), settings())
def test_supply_conserves_days_and_dose(cdm, choices):
    """What was filled is taken or discarded, and without a cap or a switch nothing is discarded."""
    for row in oracle.stockpile(cdm, oracle.ledger(cdm, STUDY_DRUGS, choices), choices):
        assert row["accruing_days"] + row["discarded_by_cap"] + row["discarded_by_switch"] == row["days"]
        assert min(row["accruing_days"], row["discarded_by_cap"], row["discarded_by_switch"]) >= 0
        assert choices.carryover_cap_days is not None or row["discarded_by_cap"] == 0
        assert choices.overlap == "switch" or row["discarded_by_switch"] == 0
