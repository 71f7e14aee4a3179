"""On which days does a fill accrue, when refills come early or late, together, or of another drug?

Days are days of age: the person of these tests was born on 1 January 1940, so 2 January is day 1. What is discarded is
counted. Ingredients: 723013 diazepam and 19055224 flunitrazepam, both binders, 798874 clonazepam, a non-binder.
"""

from tests.spec.drawn import drawn

BIRTH = """
            person_id | birth_date
            ----------+-----------
                    1 | 1940-01-01
"""


# --- Refills of one drug -----------------------------------------------------------------------------------------


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


def test_a_refill_of_another_product_of_the_ingredient_waits_too(build):
    """The queue is the ingredient's: tablets of 10 mg wait for those of 5 mg."""
    assert build(
        "supply",
        birth=BIRTH,
        dose="""
            drug_exposure_id | person_id | drug_concept_id | ingredient_concept_id | fill_date  | days | status
            -----------------+-----------+-----------------+-----------------------+------------+------+---------
                           1 | 1         | 1               | 723013                | 1940-01-01 | 30   | computed
                           2 | 1         | 2               | 723013                | 1940-01-21 | 30   | computed
        """,
    ) == drawn("""
            drug_exposure_id | start_day | accruing_days
            -----------------+-----------+--------------
                           1 | 0         | 30
                           2 | 30        | 30
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
        "stockpile",
        carryover_cap_days=90,
        birth=BIRTH,
        dose="""
            drug_exposure_id | person_id | ingredient_concept_id | fill_date  | days | status
            -----------------+-----------+-----------------------+------------+------+---------
                           1 | 1         | 723013                | 1940-01-01 | 200  | computed
                           2 | 1         | 723013                | 1940-01-11 | 30   | computed
        """,
    ) == drawn("""
            drug_exposure_id | home_start | days | accruing_days | discarded_by_cap | discarded_by_switch
            -----------------+------------+------+---------------+------------------+--------------------
                           1 | 0          | 200  | 100           | 100              | 0
                           2 | 100        | 30   | 30            | 0                | 0
    """)


def test_the_cap_does_not_add_up_over_refills(build):
    """Each refill looks at what is left on its own day: with a cap of 20 no refill ever waits more than 20 days."""
    assert build(
        "stockpile",
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
            drug_exposure_id | home_start | accruing_days | discarded_by_cap
            -----------------+------------+---------------+-----------------
                           1 | 0          | 30            | 10
                           2 | 30         | 10            | 30
                           3 | 40         | 40            | 0
                           4 | 365        | 40            | 0
    """)


def test_with_a_cap_of_zero_a_refill_replaces_what_is_left(build):
    """Nothing is carried over: the earlier supply ends where the refill starts."""
    assert build(
        "stockpile",
        carryover_cap_days=0,
        birth=BIRTH,
        dose="""
            drug_exposure_id | person_id | ingredient_concept_id | fill_date  | days | status
            -----------------+-----------+-----------------------+------------+------+---------
                           1 | 1         | 723013                | 1940-01-01 | 30   | computed
                           2 | 1         | 723013                | 1940-01-21 | 30   | computed
        """,
    ) == drawn("""
            drug_exposure_id | home_start | accruing_days | discarded_by_cap
            -----------------+------------+---------------+-----------------
                           1 | 0          | 20            | 10
                           2 | 20         | 30            | 0
    """)


def test_without_a_cap_all_supply_is_carried_forward(build):
    """`carryover_cap_days` set to none: nothing is ever discarded."""
    assert build(
        "stockpile",
        carryover_cap_days=None,
        birth=BIRTH,
        dose="""
            drug_exposure_id | person_id | ingredient_concept_id | fill_date  | days | status
            -----------------+-----------+-----------------------+------------+------+---------
                           1 | 1         | 723013                | 1940-01-01 | 200  | computed
                           2 | 1         | 723013                | 1940-01-11 | 30   | computed
        """,
    ) == drawn("""
            drug_exposure_id | home_start | accruing_days | discarded_by_cap
            -----------------+------------+---------------+-----------------
                           1 | 0          | 200           | 0
                           2 | 200        | 30            | 0
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
            drug_exposure_id | person_id | ingredient_concept_id | tspo_class | fill_date  | days | status
            -----------------+-----------+-----------------------+------------+------------+------+---------
                           1 | 1         | 723013                | binder     | 1940-01-01 | 30   | computed
                           2 | 1         | 19055224              | binder     | 1940-01-11 | 30   | computed
                           3 | 2         | 723013                | binder     | 1940-01-11 | 30   | computed
        """,
    ) == drawn("""
            drug_exposure_id | start_day | accruing_days
            -----------------+-----------+--------------
                           1 | 0         | 30
                           2 | 10        | 30
                           3 | 10        | 30
    """)


# --- Fills of one day --------------------------------------------------------------------------------------------


def test_fills_of_one_product_on_one_day_are_used_one_after_the_other(build):
    """In the order of their record ids."""
    assert build(
        "supply",
        birth=BIRTH,
        dose="""
            drug_exposure_id | person_id | drug_concept_id | ingredient_concept_id | fill_date  | days | status
            -----------------+-----------+-----------------+-----------------------+------------+------+---------
                           2 | 1         | 1               | 723013                | 1940-01-01 | 10   | computed
                           1 | 1         | 1               | 723013                | 1940-01-01 | 30   | computed
        """,
    ) == drawn("""
            drug_exposure_id | start_day | accruing_days
            -----------------+-----------+--------------
                           1 | 0         | 30
                           2 | 30        | 10
    """)


def test_fills_of_different_products_on_one_day_are_used_side_by_side(build):
    """Tablets of 5 mg and of 10 mg given together are one daily dose; the next refill waits for the longer of them."""
    assert build(
        "supply",
        birth=BIRTH,
        dose="""
            drug_exposure_id | person_id | drug_concept_id | ingredient_concept_id | fill_date  | days | status
            -----------------+-----------+-----------------+-----------------------+------------+------+---------
                           1 | 1         | 1               | 723013                | 1940-01-01 | 20   | computed
                           2 | 1         | 2               | 723013                | 1940-01-01 | 30   | computed
                           3 | 1         | 1               | 723013                | 1940-01-01 | 15   | computed
                           4 | 1         | 1               | 723013                | 1940-01-11 | 28   | computed
        """,
    ) == drawn("""
            drug_exposure_id | start_day | accruing_days
            -----------------+-----------+--------------
                           1 | 0         | 20
                           2 | 0         | 30
                           3 | 20        | 15
                           4 | 35        | 28
    """)


def test_fills_of_one_day_wait_together_and_are_cut_together(build):
    """The cap holds for the day as a whole; what ends before the next day's start loses nothing."""
    assert build(
        "stockpile",
        carryover_cap_days=10,
        birth=BIRTH,
        dose="""
            drug_exposure_id | person_id | drug_concept_id | ingredient_concept_id | fill_date  | days | status
            -----------------+-----------+-----------------+-----------------------+------------+------+---------
                           1 | 1         | 1               | 723013                | 1940-01-01 | 5    | computed
                           2 | 1         | 2               | 723013                | 1940-01-01 | 30   | computed
                           3 | 1         | 1               | 723013                | 1940-01-01 | 15   | computed
                           4 | 1         | 1               | 723013                | 1940-01-06 | 28   | computed
                           5 | 1         | 2               | 723013                | 1940-01-06 | 28   | computed
        """,
    ) == drawn("""
            drug_exposure_id | home_start | accruing_days | discarded_by_cap
            -----------------+------------+---------------+-----------------
                           1 | 0          | 5             | 0
                           2 | 0          | 15            | 15
                           3 | 5          | 10            | 5
                           4 | 15         | 28            | 0
                           5 | 15         | 28            | 0
    """)


# --- Which fills are supply --------------------------------------------------------------------------------------


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
            drug_exposure_id | person_id | ingredient_concept_id | fill_date  | days | mg_per_day | status
            -----------------+-----------+-----------------------+------------+------+------------+-----------------------------
                           1 | 1         | 723013                | 1940-01-01 | 30   |            | duplicate
                           2 | 1         | 723013                | 1940-01-01 | 30   |            | out of scope: injectable
                           3 | 1         | 723013                | 1940-01-01 |      |            | unknown: days of supply <= 0
                           4 | 1         | 723013                | 1940-01-01 |      | 0          | imputed
                           5 | 1         | 723013                | 1940-01-11 | 30   | 10         | computed
        """,  # noqa: E501 - a status is long
    ) == drawn("""
            drug_exposure_id | start_day | accruing_days
            -----------------+-----------+--------------
                           5 | 10        | 30
    """)


def test_who_has_no_birth_date_has_no_supply(build):
    """Days are days of age; nobody without an age is in the study."""
    assert build(
        "supply",
        birth=BIRTH,
        dose="""
            drug_exposure_id | person_id | ingredient_concept_id | fill_date  | days | status
            -----------------+-----------+-----------------------+------------+------+---------
                           1 | 2         | 723013                | 1940-01-01 | 30   | computed
        """,
    ) == drawn("""
            drug_exposure_id
            ----------------
    """)


# --- Another drug of the class -----------------------------------------------------------------------------------


def test_under_switch_a_fill_of_another_drug_of_the_class_ends_what_is_left(build):
    """Diazepam on day 0, flunitrazepam on day 20, diazepam on day 30: each ends the one before, and waits for none."""
    assert build(
        "stockpile",
        overlap="switch",
        birth=BIRTH,
        dose="""
            drug_exposure_id | person_id | ingredient_concept_id | tspo_class | fill_date  | days | status
            -----------------+-----------+-----------------------+------------+------------+------+---------
                           1 | 1         | 723013                | binder     | 1940-01-01 | 60   | computed
                           2 | 1         | 19055224              | binder     | 1940-01-21 | 30   | computed
                           3 | 1         | 723013                | binder     | 1940-01-31 | 30   | computed
        """,
    ) == drawn("""
            drug_exposure_id | home_start | days | accruing_days | discarded_by_cap | discarded_by_switch
            -----------------+------------+------+---------------+------------------+--------------------
                           1 | 0          | 60   | 20            | 0                | 40
                           2 | 20         | 30   | 10            | 0                | 20
                           3 | 30         | 30   | 30            | 0                | 0
    """)


def test_under_add_it_ends_nothing(build):
    """`overlap = "add"`: the same fills are taken at a time, and diazepam waits for diazepam."""
    assert build(
        "stockpile",
        overlap="add",
        birth=BIRTH,
        dose="""
            drug_exposure_id | person_id | ingredient_concept_id | tspo_class | fill_date  | days | status
            -----------------+-----------+-----------------------+------------+------------+------+---------
                           1 | 1         | 723013                | binder     | 1940-01-01 | 60   | computed
                           2 | 1         | 19055224              | binder     | 1940-01-21 | 30   | computed
                           3 | 1         | 723013                | binder     | 1940-01-31 | 30   | computed
        """,
    ) == drawn("""
            drug_exposure_id | home_start | days | accruing_days | discarded_by_cap | discarded_by_switch
            -----------------+------------+------+---------------+------------------+--------------------
                           1 | 0          | 60   | 60            | 0                | 0
                           2 | 20         | 30   | 30            | 0                | 0
                           3 | 60         | 30   | 30            | 0                | 0
    """)


def test_a_drug_of_another_class_or_on_the_same_day_ends_nothing(build):
    """Clonazepam is no binder; and of two binders given on one day, neither replaces the other."""
    assert build(
        "stockpile",
        overlap="switch",
        birth=BIRTH,
        dose="""
            drug_exposure_id | person_id | ingredient_concept_id | tspo_class | fill_date  | days | status
            -----------------+-----------+-----------------------+------------+------------+------+---------
                           1 | 1         | 723013                | binder     | 1940-01-01 | 60   | computed
                           2 | 1         | 19055224              | binder     | 1940-01-01 | 60   | computed
                           3 | 1         | 798874                | non_binder | 1940-01-21 | 30   | computed
        """,
    ) == drawn("""
            drug_exposure_id | home_start | accruing_days | discarded_by_switch
            -----------------+------------+---------------+--------------------
                           1 | 0          | 60            | 0
                           2 | 0          | 60            | 0
                           3 | 20         | 30            | 0
    """)


def test_a_refill_still_waiting_at_a_switch_is_never_used(build):
    """Its row stays, with no day that accrues; days that the cap had discarded already are counted there."""
    fills = """
            drug_exposure_id | person_id | ingredient_concept_id | tspo_class | fill_date  | days | status
            -----------------+-----------+-----------------------+------------+------------+------+---------
                           1 | 1         | 723013                | binder     | 1940-01-01 | 40   | computed
                           2 | 1         | 723013                | binder     | 1940-01-11 | 30   | computed
                           3 | 1         | 19055224              | binder     | 1940-01-16 | 30   | computed
    """
    assert build("stockpile", overlap="switch", carryover_cap_days=10, birth=BIRTH, dose=fills) == drawn("""
            drug_exposure_id | home_start | days | accruing_days | discarded_by_cap | discarded_by_switch
            -----------------+------------+------+---------------+------------------+--------------------
                           1 | 0          | 40   | 15            | 20               | 5
                           2 | 20         | 30   | 0             | 0                | 30
                           3 | 15         | 30   | 30            | 0                | 0
    """)
    assert build("supply", overlap="switch", carryover_cap_days=10, birth=BIRTH, dose=fills) == drawn("""
            drug_exposure_id | days | accruing_days
            -----------------+------+--------------
                           1 | 40   | 15
                           2 | 30   | 0
                           3 | 30   | 30
    """)


def test_only_fills_that_are_supply_switch(build):
    """An injection, a duplicate or a fill without days of another drug leaves the tablets as they are."""
    assert build(
        "stockpile",
        overlap="switch",
        birth=BIRTH,
        dose="""
            drug_exposure_id | person_id | ingredient_concept_id | tspo_class | fill_date  | days | status
            -----------------+-----------+-----------------------+------------+------------+------+-----------------------------
                           1 | 1         | 723013                | binder     | 1940-01-01 | 60   | computed
                           2 | 1         | 19055224              | binder     | 1940-01-11 | 30   | duplicate
                           3 | 1         | 19055224              | binder     | 1940-01-12 | 30   | out of scope: injectable
                           4 | 1         | 19055224              | binder     | 1940-01-13 |      | unknown: days of supply <= 0
        """,  # noqa: E501 - a status is long
    ) == drawn("""
            drug_exposure_id | home_start | accruing_days | discarded_by_switch
            -----------------+------------+---------------+--------------------
                           1 | 0          | 60            | 0
    """)


# --- Days of use -------------------------------------------------------------------------------------------------


def test_a_period_of_use_is_an_unbroken_run_of_days_with_any_drug_of_the_class(build):
    """Supplies that overlap or touch are one period, of whatever drug; a day without starts another one."""
    assert build(
        "use_period",
        cohort="""
            person_id
            ---------
                    1
        """,
        supply="""
            person_id | ingredient_concept_id | tspo_class | start_day | accruing_days
            ----------+-----------------------+------------+-----------+--------------
                    1 | 723013                | binder     | 100       | 30
                    1 | 19055224              | binder     | 110       | 5
                    1 | 19055224              | binder     | 130       | 10
                    1 | 723013                | binder     | 141       | 10
                    1 | 723013                | binder     | 200       | 0
                    1 | 798874                | non_binder | 120       | 10
        """,
    ) == drawn("""
            person_id | tspo_class | first_day | end_day
            ----------+------------+-----------+--------
                    1 | binder     | 100       | 140
                    1 | binder     | 141       | 151
                    1 | non_binder | 120       | 130
    """)
