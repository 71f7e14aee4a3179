"""How much of the dose is known, by which rules, and what was discarded?

Ingredients: 723013 diazepam and 19055224 flunitrazepam, binders, 798874 clonazepam, a non-binder.
"""

import pytest

from tests.spec.drawn import drawn

COHORT = """
            person_id | exit_date
            ----------+-----------
                    1 | 2012-12-31
                    2 | 2012-12-31
"""


# --- Coverage ----------------------------------------------------------------------------------------------------


def test_every_fill_is_counted_under_its_drug_route_rule_unit_status_and_reason(build):
    """The rule is that of the strength, also where the dose is imputed; the reason is empty where there is none."""
    assert build(
        "dose_coverage",
        dose="""
            person_id | drug     | tspo_class | route      | strength_rule | strength_unit | mg  | rule               | problem                | status
            ----------+----------+------------+------------+---------------+---------------+-----+--------------------+------------------------+--------------------------------
                    1 | diazepam | binder     | oral       | amount        | mg            | 150 | amount             |                        | computed
                    1 | diazepam | binder     | oral       | amount        | mg            | 300 | amount             |                        | computed
                    2 | diazepam | binder     | oral       | amount        | mg            | 50  | amount             |                        | computed
                    2 | diazepam | binder     | not stated | amount        | mg            | 50  | amount             |                        | computed
                    2 | diazepam | binder     | oral       | amount        | gram          | 50  | amount             |                        | computed
                    2 | diazepam | binder     | oral       | concentration | mg            | 50  | concentration      |                        | computed
                    1 | diazepam | binder     | oral       | none          | mg            | 90  | median of the drug | several strengths      | imputed
                    1 | diazepam | binder     | oral       | amount        | mg            | 60  | none               | days of supply missing | unknown: days of supply missing
                    1 | diazepam | binder     | oral       | amount        | mg            |     | none               | days of supply missing | unknown: days of supply missing
                    2 | diazepam | binder     | oral       | none          | none          |     | none               | several strengths      | unknown: several strengths
                    2 | diazepam | binder     | injectable | concentration | mg            | 10  | none               |                        | out of scope: injectable
                    2 | diazepam | binder     | oral       | amount        | mg            | 50  | none               |                        | duplicate
        """,  # noqa: E501 - a fill's columns
    ) == drawn("""
            drug     | tspo_class | route      | rule          | unit | status       | reason                 | fills | persons | mg
            ---------+------------+------------+---------------+------+--------------+------------------------+-------+---------+----
            diazepam | binder     | oral       | amount        | mg   | computed     | ''                     | 3     | 2       | 500
            diazepam | binder     | not stated | amount        | mg   | computed     | ''                     | 1     | 1       | 50
            diazepam | binder     | oral       | amount        | gram | computed     | ''                     | 1     | 1       | 50
            diazepam | binder     | oral       | concentration | mg   | computed     | ''                     | 1     | 1       | 50
            diazepam | binder     | oral       | none          | mg   | imputed      | several strengths      | 1     | 1       | 90
            diazepam | binder     | oral       | amount        | mg   | unknown      | days of supply missing | 2     | 1       | 60
            diazepam | binder     | oral       | none          | none | unknown      | several strengths      | 1     | 1       |
            diazepam | binder     | injectable | concentration | mg   | out of scope | ''                     | 1     | 1       | 10
            diazepam | binder     | oral       | amount        | mg   | duplicate    | ''                     | 1     | 1       | 50
    """)  # noqa: E501 - a row says it all


def test_a_product_without_a_strength_has_neither_rule_nor_unit(build):
    """Its fills are counted all the same, from the record to the table, on the route of the record."""
    assert build(
        "dose_coverage",
        person="""
            person_id
            ---------
                    1
        """,
        drug_exposure="""
            drug_exposure_id | person_id | drug_concept_id | drug_exposure_start_date | days_supply | quantity | route_concept_id
            -----------------+-----------+-----------------+--------------------------+-------------+----------+-----------------
                           1 | 1         | 723013          | 2012-01-01               | 30          | 30       | 4132161
        """,  # noqa: E501 - a record's columns
    ) == drawn("""
            drug     | route | rule | unit | status  | reason                         | fills | mg
            ---------+-------+------+------+---------+--------------------------------+-------+---
            diazepam | oral  | none | none | unknown | no strength for the ingredient | 1     |
    """)


# --- What stockpiling discards -----------------------------------------------------------------------------------


def test_what_the_cap_and_switches_discard_is_counted_by_drug(build):
    """Days, the fills and persons that lost some, and their dose; a dose that is unknown adds none."""
    assert build(
        "supply_loss",
        stockpile="""
            person_id | ingredient_concept_id | days | accruing_days | discarded_by_cap | discarded_by_switch | dme_per_day
            ----------+-----------------------+------+---------------+------------------+---------------------+------------
                    1 | 723013                | 200  | 100           | 100              | 0                   | 1/2
                    1 | 723013                | 40   | 15            | 20               | 5                   | 2
                    1 | 723013                | 30   | 30            | 0                | 0                   | 9
                    2 | 723013                | 30   | 0             | 0                | 30                  |
                    3 | 723013                | 30   | 30            | 0                | 0                   | 9
                    3 | 798874                | 30   | 30            | 0                | 0                   | 9
        """,  # noqa: E501 - what a supply lost
    ) == drawn("""
            drug       | fills | persons | days | days_taken | days_discarded_by_cap | days_discarded_by_switch | fills_cut | persons_cut | dme_discarded
            -----------+-------+---------+------+------------+-----------------------+--------------------------+-----------+-------------+--------------
            diazepam   | 5     | 3       | 330  | 175        | 120                   | 35                       | 3         | 2           | 100
            clonazepam | 1     | 1       | 30   | 30         | 0                     | 0                        | 0         | 0           | 0
    """)  # noqa: E501 - a row says it all


# --- How much of the dose was computed ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "column"),
    [
        ("dme", "dme_per_day"),
        ("ddd", "ddd_per_day"),
        ("tspo_weighted", "tspo_per_day"),
        ("days", "dme_per_day"),
        ("fills", "dme_per_day"),
        ("duration", "dme_per_day"),
        ("intensity", "dme_per_day"),
        ("recency", "dme_per_day"),
    ],
)
def test_the_share_of_dose_known_is_on_the_metric_s_scale_or_in_diazepam_equivalents(build, metric, column):
    """30 + 90 computed, 60 imputed: two thirds of the dose of binders. Each class has a share of its own."""
    assert build(
        "dose_known",
        metric=metric,
        cohort=COHORT,
        dose=f"""
            person_id | ingredient_concept_id | tspo_class | fill_date  | days | {column} | status
            ----------+-----------------------+------------+------------+------+-----------+---------
                    1 | 723013                | binder     | 2012-01-01 | 30   | 1         | computed
                    1 | 19055224              | binder     | 2012-02-01 | 30   | 3         | computed
                    2 | 723013                | binder     | 2012-01-01 | 30   | 2         | imputed
                    2 | 744740                | non_binder | 2012-01-01 | 10   | 1/2       | computed
        """,
    ) == drawn("""
            tspo_class | fills | fills_computed | dose | dose_computed
            -----------+-------+----------------+------+--------------
            binder     | 3     | 2              | 180  | 120
            non_binder | 1     | 1              | 5    | 5
    """)


def test_an_unknown_fill_weighs_as_much_as_the_middle_computed_one_of_its_ingredient(build):
    """Unknown is never zero here either: the median of 30, 40 and 100 is 40, of all computed fills and persons."""
    assert build(
        "dose_known",
        cohort=COHORT,
        dose="""
            person_id | ingredient_concept_id | tspo_class | fill_date  | days | dme_per_day | status
            ----------+-----------------------+------------+------------+------+-------------+--------------------------------
                    1 | 723013                | binder     | 2012-01-01 | 30   | 1           | computed
                    1 | 723013                | binder     | 2012-02-01 | 20   | 2           | computed
                    9 | 723013                | binder     | 2012-02-01 | 100  | 1           | computed
                    1 | 723013                | binder     | 2012-03-01 | 30   | 50          | imputed
                    1 | 723013                | binder     | 2012-04-01 |      |             | unknown: days of supply missing
        """,  # noqa: E501 - a status is long
    ) == drawn("""
            tspo_class | fills | fills_computed | dose | dose_computed
            -----------+-------+----------------+------+--------------
            binder     | 4     | 2              | 1610 | 70
    """)


def test_where_no_fill_of_an_ingredient_was_computed_the_share_is_not_known(build):
    """Nothing says how much such a fill weighs, so the class has no sum; what was computed is still told."""
    assert build(
        "dose_known",
        cohort=COHORT,
        dose="""
            person_id | ingredient_concept_id | tspo_class | fill_date  | days | dme_per_day | status
            ----------+-----------------------+------------+------------+------+-------------+---------------------------
                    1 | 723013                | binder     | 2012-01-01 | 30   | 1           | computed
                    1 | 19055224              | binder     | 2012-01-01 | 30   |             | unknown: several strengths
                    1 | 798874                | non_binder | 2012-01-01 | 30   |             | unknown: several strengths
        """,  # noqa: E501 - a status is long
    ) == drawn("""
            tspo_class | fills | fills_computed | dose | dose_computed
            -----------+-------+----------------+------+--------------
            binder     | 2     | 1              |      | 30
            non_binder | 1     | 0              |      | 0
    """)


def test_a_fill_counted_as_zero_is_no_less_missing(build):
    """`missing_dose = "zero"`: for the share of known dose it weighs what an unknown one would, here 30."""
    assert build(
        "dose_known",
        cohort=COHORT,
        dose="""
            person_id | ingredient_concept_id | tspo_class | fill_date  | days | dme_per_day | rule   | status
            ----------+-----------------------+------------+------------+------+-------------+--------+---------
                    1 | 723013                | binder     | 2012-01-01 | 30   | 1           | amount | computed
                    1 | 723013                | binder     | 2012-02-01 | 30   | 0           | zero   | imputed
                    1 | 723013                | binder     | 2012-03-01 |      | 0           | zero   | imputed
        """,
    ) == drawn("""
            tspo_class | fills | fills_computed | dose | dose_computed
            -----------+-------+----------------+------+--------------
            binder     | 3     | 1              | 90   | 30
    """)


def test_only_fills_of_the_cohort_up_to_exit_have_a_share(build):
    """A fill on the day of exit is in, one after it is not; duplicates and fills out of scope are no fills here."""
    assert build(
        "dose_known",
        cohort=COHORT,
        dose="""
            person_id | ingredient_concept_id | tspo_class | fill_date  | days | dme_per_day | status
            ----------+-----------------------+------------+------------+------+-------------+-------------------------
                    1 | 723013                | binder     | 1999-01-01 | 30   | 1           | computed
                    1 | 723013                | binder     | 2012-12-31 | 30   | 1           | computed
                    1 | 723013                | binder     | 2013-01-01 | 30   | 1           | computed
                    3 | 723013                | binder     | 2012-01-01 | 30   | 1           | computed
                    1 | 723013                | binder     | 2012-02-01 | 30   |             | duplicate
                    1 | 723013                | binder     | 2012-02-01 | 30   |             | out of scope: injectable
        """,
    ) == drawn("""
            tspo_class | fills | fills_computed | dose | dose_computed
            -----------+-------+----------------+------+--------------
            binder     | 2     | 2              | 60   | 60
    """)
