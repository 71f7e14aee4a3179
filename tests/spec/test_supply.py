"""On which days does a fill accrue, when refills come early or late?

Days are days of age: the person of these tests was born on 1 January 1940, so 2 January is day 1.
"""

from tests.spec.drawn import drawn

BIRTH = """
            person_id | birth_date
            ----------+-----------
                    1 | 1940-01-01
"""


def test_a_supply_accrues_from_the_day_of_the_fill(build):
    """Thirty days of supply are the day of the fill and the 29 days after it."""
    assert build(
        "supply",
        birth=BIRTH,
        dose="""
            drug_exposure_id | person_id | ingredient_concept_id | fill_date  | days | status
            -----------------+-----------+-----------------------+------------+------+---------
                           1 | 1         | 723013                | 1940-01-11 | 30   | computed
        """,
    ) == drawn("""
            drug_exposure_id | start_day | days | accruing_days
            -----------------+-----------+------+--------------
                           1 | 10        | 30   | 30
    """)


def test_an_early_refill_waits_until_the_earlier_supply_is_used_up(build):
    """Stockpiling: three fills of 30 days at 20-day steps are 90 days without a gap or an overlap."""
    assert build(
        "supply",
        birth=BIRTH,
        dose="""
            drug_exposure_id | person_id | ingredient_concept_id | fill_date  | days | status
            -----------------+-----------+-----------------------+------------+------+---------
                           1 | 1         | 723013                | 1940-01-01 | 30   | computed
                           2 | 1         | 723013                | 1940-01-21 | 30   | computed
                           3 | 1         | 723013                | 1940-02-10 | 30   | computed
        """,
    ) == drawn("""
            drug_exposure_id | start_day | accruing_days
            -----------------+-----------+--------------
                           1 | 0         | 30
                           2 | 30        | 30
                           3 | 60        | 30
    """)


def test_a_late_refill_leaves_a_gap(build):
    """What is used up is not stretched: no dose accrues between the end of one supply and the next fill."""
    assert build(
        "supply",
        birth=BIRTH,
        dose="""
            drug_exposure_id | person_id | ingredient_concept_id | fill_date  | days | status
            -----------------+-----------+-----------------------+------------+------+---------
                           1 | 1         | 723013                | 1940-01-01 | 30   | computed
                           2 | 1         | 723013                | 1940-03-01 | 30   | computed
        """,
    ) == drawn("""
            drug_exposure_id | start_day | accruing_days
            -----------------+-----------+--------------
                           1 | 0         | 30
                           2 | 60        | 30
    """)


def test_a_refill_waits_no_longer_than_the_cap_and_the_overhang_is_discarded(build):
    """The refill of day 10 could wait until day 200, but waits 90 days: the earlier supply stops on day 100."""
    assert build(
        "supply",
        carryover_cap_days=90,
        birth=BIRTH,
        dose="""
            drug_exposure_id | person_id | ingredient_concept_id | fill_date  | days | status
            -----------------+-----------+-----------------------+------------+------+---------
                           1 | 1         | 723013                | 1940-01-01 | 200  | computed
                           2 | 1         | 723013                | 1940-01-11 | 30   | computed
        """,
    ) == drawn("""
            drug_exposure_id | start_day | days | accruing_days
            -----------------+-----------+------+--------------
                           1 | 0         | 200  | 100
                           2 | 100       | 30   | 30
    """)


def test_the_cap_does_not_add_up_over_refills(build):
    """Each refill looks at what is left on its own day: with a cap of 20 no refill ever waits more than 20 days."""
    assert build(
        "supply",
        carryover_cap_days=20,
        birth=BIRTH,
        dose="""
            drug_exposure_id | person_id | ingredient_concept_id | fill_date  | days | status
            -----------------+-----------+-----------------------+------------+------+---------
                           1 | 1         | 723013                | 1940-01-01 | 40   | computed
                           2 | 1         | 723013                | 1940-01-11 | 40   | computed
                           3 | 1         | 723013                | 1940-01-21 | 40   | computed
                           4 | 1         | 723013                | 1940-12-31 | 40   | computed
        """,
    ) == drawn("""
            drug_exposure_id | start_day | accruing_days
            -----------------+-----------+--------------
                           1 | 0         | 30
                           2 | 30        | 10
                           3 | 40        | 40
                           4 | 365       | 40
    """)


def test_without_a_cap_all_supply_is_carried_forward(build):
    """`carryover_cap_days` set to none: nothing is ever discarded."""
    assert build(
        "supply",
        carryover_cap_days=None,
        birth=BIRTH,
        dose="""
            drug_exposure_id | person_id | ingredient_concept_id | fill_date  | days | status
            -----------------+-----------+-----------------------+------------+------+---------
                           1 | 1         | 723013                | 1940-01-01 | 200  | computed
                           2 | 1         | 723013                | 1940-01-11 | 30   | computed
        """,
    ) == drawn("""
            drug_exposure_id | start_day | accruing_days
            -----------------+-----------+--------------
                           1 | 0         | 200
                           2 | 200       | 30
    """)


def test_ingredients_and_persons_do_not_wait_for_each_other(build):
    """Supplies queue per person and ingredient; two drugs at a time are taken at a time, and their doses add."""
    assert build(
        "supply",
        birth="""
            person_id | birth_date
            ----------+-----------
                    1 | 1940-01-01
                    2 | 1940-01-01
        """,
        dose="""
            drug_exposure_id | person_id | ingredient_concept_id | fill_date  | days | status
            -----------------+-----------+-----------------------+------------+------+---------
                           1 | 1         | 723013                | 1940-01-01 | 30   | computed
                           2 | 1         | 798874                | 1940-01-11 | 30   | computed
                           3 | 2         | 723013                | 1940-01-11 | 30   | computed
        """,
    ) == drawn("""
            drug_exposure_id | start_day | accruing_days
            -----------------+-----------+--------------
                           1 | 0         | 30
                           2 | 10        | 30
                           3 | 10        | 30
    """)


def test_different_fills_of_one_day_are_used_one_after_the_other(build):
    """In the order of their record ids."""
    assert build(
        "supply",
        birth=BIRTH,
        dose="""
            drug_exposure_id | person_id | ingredient_concept_id | fill_date  | days | status
            -----------------+-----------+-----------------------+------------+------+---------
                           2 | 1         | 723013                | 1940-01-01 | 10   | computed
                           1 | 1         | 723013                | 1940-01-01 | 30   | computed
        """,
    ) == drawn("""
            drug_exposure_id | start_day | accruing_days
            -----------------+-----------+--------------
                           1 | 0         | 30
                           2 | 30        | 10
    """)


def test_a_fill_of_unknown_mg_takes_up_its_days(build):
    """The tablets are there, whatever their strength: the next fill waits for them."""
    assert build(
        "supply",
        birth=BIRTH,
        dose="""
            drug_exposure_id | person_id | ingredient_concept_id | fill_date  | days | mg_per_day | status
            -----------------+-----------+-----------------------+------------+------+------------+---------------------------
                           1 | 1         | 723013                | 1940-01-01 | 30   |            | unknown: several strengths
                           2 | 1         | 723013                | 1940-01-11 | 30   | 10         | imputed
        """,  # noqa: E501 - a status is long
    ) == drawn("""
            drug_exposure_id | start_day | accruing_days | mg_per_day
            -----------------+-----------+---------------+-----------
                           1 | 0         | 30            |
                           2 | 30        | 30            | 10
    """)


def test_only_fills_that_count_and_have_days_are_supply(build):
    """Duplicates, fills out of scope and fills without days take up no days, so nothing waits for them."""
    assert build(
        "supply",
        birth=BIRTH,
        dose="""
            drug_exposure_id | person_id | ingredient_concept_id | fill_date  | days | status
            -----------------+-----------+-----------------------+------------+------+------------------------------
                           1 | 1         | 723013                | 1940-01-01 | 30   | duplicate
                           2 | 1         | 723013                | 1940-01-01 | 30   | out of scope: injectable
                           3 | 1         | 723013                | 1940-01-01 |      | unknown: days of supply <= 0
                           4 | 1         | 723013                | 1940-01-11 | 30   | computed
        """,
    ) == drawn("""
            drug_exposure_id | start_day | accruing_days
            -----------------+-----------+--------------
                           4 | 10        | 30
    """)
