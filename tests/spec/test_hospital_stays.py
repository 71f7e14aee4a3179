"""Do tablets at home wait while a patient is in hospital?

They do where the protocol says so (`hospital_stays = "pause"`): a ward gives its own drugs. Days are days of age: born
on 1 January 1940, 2 January is day 1. A stay of days 20 to 25 has the nights 20 to 24, and day 25 is spent at home.
"""

import pytest

from tests.spec.drawn import drawn

BIRTH = """
            person_id | birth_date
            ----------+-----------
                    1 | 1940-01-01
"""
STAY = """
            person_id | visit_concept_id | visit_start_date | visit_end_date
            ----------+------------------+------------------+---------------
                    1 | 9201             | 1940-01-21       | 1940-01-26
"""


# --- Nights ------------------------------------------------------------------------------------------------------


def test_a_stay_is_an_inpatient_visit_with_at_least_one_night(build):
    """Inpatient (9201) or emergency with admission (262); no outpatient visit (9202), and no visit within one day."""
    assert build(
        "hospital_stay",
        hospital_stays="pause",
        birth=BIRTH,
        visit_occurrence="""
            person_id | visit_concept_id | visit_start_date | visit_end_date
            ----------+------------------+------------------+---------------
                    1 | 9201             | 1940-01-21       | 1940-01-26
                    1 | 262              | 1940-02-10       | 1940-02-11
                    1 | 9202             | 1940-03-01       | 1940-03-11
                    1 | 9201             | 1940-04-01       | 1940-04-01
                    1 | 9201             | 1940-04-02       |
                    1 | 9201             | 1940-04-11       | 1940-04-10
                    2 | 9201             | 1940-01-21       | 1940-01-26
        """,
    ) == drawn("""
            person_id | first_day | nights
            ----------+-----------+-------
                    1 | 20        | 5
                    1 | 40        | 1
    """)


def test_stays_that_overlap_or_touch_are_one(build):
    """A move to another ward is no day at home, a day between two stays is one. Days at home are numbered on."""
    assert build(
        "hospital_stay",
        hospital_stays="pause",
        birth=BIRTH,
        visit_occurrence="""
            person_id | visit_concept_id | visit_start_date | visit_end_date
            ----------+------------------+------------------+---------------
                    1 | 9201             | 1940-01-11       | 1940-01-21
                    1 | 9201             | 1940-01-13       | 1940-01-15
                    1 | 262              | 1940-01-21       | 1940-01-23
                    1 | 9201             | 1940-01-24       | 1940-01-25
        """,
    ) == drawn("""
            person_id | first_day | nights | home_day
            ----------+-----------+--------+---------
                    1 | 10        | 12     | 10
                    1 | 23        | 1      | 11
    """)


# --- Tablets -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hospital_stays", "stretches"),
    [("pause", ["1 | 10 | 10 | 30", "1 | 25 | 20 | 30"]), ("ignore", ["1 | 10 | 30 | 30"])],
)
def test_a_supply_waits_for_the_nights_of_a_stay(build, hospital_stays, stretches):
    """Thirty days from day 10 on: ten before the stay, twenty from the day of discharge on. Or the stay is ignored."""
    assert build(
        "supply",
        hospital_stays=hospital_stays,
        birth=BIRTH,
        visit_occurrence=STAY,
        dose="""
            drug_exposure_id | person_id | ingredient_concept_id | fill_date  | days | status
            -----------------+-----------+-----------------------+------------+------+---------
                           1 | 1         | 723013                | 1940-01-11 | 30   | computed
        """,
    ) == drawn(
        """
            drug_exposure_id | start_day | accruing_days | days
            -----------------+-----------+---------------+-----
        """
        + "\n".join(stretches)
    )


def test_every_stay_parts_a_supply_once_more(build):
    """Sixty days from day 0 with stays of five nights and of one: three stretches, and no day is lost."""
    assert build(
        "supply",
        hospital_stays="pause",
        birth=BIRTH,
        visit_occurrence=STAY + "                    1 | 262 | 1940-02-10 | 1940-02-11\n",
        dose="""
            drug_exposure_id | person_id | ingredient_concept_id | fill_date  | days | status
            -----------------+-----------+-----------------------+------------+------+---------
                           1 | 1         | 723013                | 1940-01-01 | 60   | computed
        """,
    ) == drawn("""
            drug_exposure_id | start_day | accruing_days | days
            -----------------+-----------+---------------+-----
                           1 | 0         | 20            | 60
                           1 | 25        | 15            | 60
                           1 | 41        | 25            | 60
    """)


def test_a_fill_during_a_stay_is_used_from_the_day_of_discharge_on(build):
    """On the first night, the last night, the day of discharge: all of them start at home on day 25."""
    birth = """
            person_id | birth_date
            ----------+-----------
                    1 | 1940-01-01
                    2 | 1940-01-01
                    3 | 1940-01-01
                    4 | 1940-01-01
    """
    visits = """
            person_id | visit_concept_id | visit_start_date | visit_end_date
            ----------+------------------+------------------+---------------
                    1 | 9201             | 1940-01-21       | 1940-01-26
                    2 | 9201             | 1940-01-21       | 1940-01-26
                    3 | 9201             | 1940-01-21       | 1940-01-26
                    4 | 9201             | 1940-01-21       | 1940-01-26
    """
    assert build(
        "supply",
        hospital_stays="pause",
        birth=birth,
        visit_occurrence=visits,
        dose="""
            drug_exposure_id | person_id | ingredient_concept_id | fill_date  | days | status
            -----------------+-----------+-----------------------+------------+------+---------
                           1 | 1         | 723013                | 1940-01-21 | 30   | computed
                           2 | 2         | 723013                | 1940-01-25 | 30   | computed
                           3 | 3         | 723013                | 1940-01-26 | 30   | computed
                           4 | 4         | 723013                | 1940-01-27 | 30   | computed
        """,
    ) == drawn("""
            drug_exposure_id | start_day | accruing_days
            -----------------+-----------+--------------
                           1 | 25        | 30
                           2 | 25        | 30
                           3 | 25        | 30
                           4 | 26        | 30
    """)


def test_a_supply_that_ends_on_the_eve_of_a_stay_is_not_parted(build):
    """Ten days from day 10 on are days 10 to 19; the stay from day 20 on leaves no stretch of no days behind."""
    assert build(
        "supply",
        hospital_stays="pause",
        birth=BIRTH,
        visit_occurrence=STAY,
        dose="""
            drug_exposure_id | person_id | ingredient_concept_id | fill_date  | days | status
            -----------------+-----------+-----------------------+------------+------+---------
                           1 | 1         | 723013                | 1940-01-11 | 10   | computed
        """,
    ) == drawn("""
            drug_exposure_id | start_day | accruing_days
            -----------------+-----------+--------------
                           1 | 10        | 10
    """)


def test_a_refill_waits_for_tablets_that_waited(build):
    """Thirty days from day 0 with a stay of five nights last until day 34: the refill of day 30 starts on day 35."""
    assert build(
        "supply",
        hospital_stays="pause",
        birth=BIRTH,
        visit_occurrence=STAY,
        dose="""
            drug_exposure_id | person_id | ingredient_concept_id | fill_date  | days | status
            -----------------+-----------+-----------------------+------------+------+---------
                           1 | 1         | 723013                | 1940-01-01 | 30   | computed
                           2 | 1         | 723013                | 1940-01-31 | 10   | computed
        """,
    ) == drawn("""
            drug_exposure_id | start_day | accruing_days
            -----------------+-----------+--------------
                           1 | 0         | 20
                           1 | 25        | 10
                           2 | 35        | 10
    """)


def test_fills_before_and_in_a_stay_are_fills_of_one_day_at_home(build):
    """Two fills of one product during a stay and on the day of discharge follow each other, and are lost to no cap."""
    assert build(
        "stockpile",
        hospital_stays="pause",
        carryover_cap_days=0,
        birth=BIRTH,
        visit_occurrence=STAY,
        dose="""
            drug_exposure_id | person_id | drug_concept_id | ingredient_concept_id | fill_date  | days | status
            -----------------+-----------+-----------------+-----------------------+------------+------+---------
                           1 | 1         | 1               | 723013                | 1940-01-22 | 10   | computed
                           2 | 1         | 1               | 723013                | 1940-01-26 | 10   | computed
        """,
    ) == drawn("""
            drug_exposure_id | home_start | accruing_days | discarded_by_cap
            -----------------+------------+---------------+-----------------
                           1 | 20         | 10            | 0
                           2 | 30         | 10            | 0
    """)


def test_the_cap_counts_days_at_home(build):
    """The refill of day 15 waits its 10 days at home, which are days 15 to 19 and 25 to 29: it starts on day 30."""
    fills = """
            drug_exposure_id | person_id | ingredient_concept_id | fill_date  | days | status
            -----------------+-----------+-----------------------+------------+------+---------
                           1 | 1         | 723013                | 1940-01-01 | 40   | computed
                           2 | 1         | 723013                | 1940-01-16 | 10   | computed
    """
    changes = {"hospital_stays": "pause", "carryover_cap_days": 10, "birth": BIRTH, "visit_occurrence": STAY}
    assert build("stockpile", dose=fills, **changes) == drawn("""
            drug_exposure_id | home_start | accruing_days | discarded_by_cap
            -----------------+------------+---------------+-----------------
                           1 | 0          | 25            | 15
                           2 | 25         | 10            | 0
    """)
    assert build("supply", dose=fills, **changes) == drawn("""
            drug_exposure_id | start_day | accruing_days
            -----------------+-----------+--------------
                           1 | 0         | 20
                           1 | 25        | 5
                           2 | 30        | 10
    """)


def test_a_switch_during_a_stay_takes_place_at_discharge(build):
    """Flunitrazepam filled on day 22, in a stay, ends diazepam with the last day at home, and starts on day 25."""
    assert build(
        "supply",
        hospital_stays="pause",
        overlap="switch",
        birth=BIRTH,
        visit_occurrence=STAY,
        dose="""
            drug_exposure_id | person_id | ingredient_concept_id | tspo_class | fill_date  | days | status
            -----------------+-----------+-----------------------+------------+------------+------+---------
                           1 | 1         | 723013                | binder     | 1940-01-11 | 30   | computed
                           2 | 1         | 19055224              | binder     | 1940-01-23 | 30   | computed
        """,
    ) == drawn("""
            drug_exposure_id | start_day | accruing_days | days
            -----------------+-----------+---------------+-----
                           1 | 10        | 10            | 30
                           2 | 25        | 30            | 30
    """)


def test_the_nights_of_a_stay_are_no_days_of_use(build):
    """Dose and days of use pause with the tablets: what ward drugs add is not in the records."""
    assert build(
        "use_period",
        hospital_stays="pause",
        birth=BIRTH,
        cohort="""
            person_id | birth_date
            ----------+-----------
                    1 | 1940-01-01
        """,
        visit_occurrence=STAY,
        dose="""
            drug_exposure_id | person_id | ingredient_concept_id | tspo_class | fill_date  | days | status
            -----------------+-----------+-----------------------+------------+------------+------+---------
                           1 | 1         | 723013                | binder     | 1940-01-11 | 30   | computed
        """,
    ) == drawn("""
            tspo_class | first_day | end_day
            -----------+-----------+--------
            binder     | 10        | 20
            binder     | 25        | 45
    """)
