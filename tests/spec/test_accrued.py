"""How much of each drug had somebody taken by a day, and on how many days any drug of a class?

What has accrued stands beside person-time, at the starts of its intervals. Time is in days of age.
"""

from tests.spec.drawn import drawn

BINDERS = """
            ingredient_concept_id | drug
            ----------------------+--------------
                           723013 | diazepam
                         19055224 | flunitrazepam
"""
PROFILE = """
            person_id | origin_day
            ----------+-----------
                    1 | 0
"""
INTERVALS = """
            person_id | start_day | stop_day
            ----------+-----------+---------
                    1 | 22000     | 22110
                    1 | 22110     | 22130
                    1 | 22130     | 22400
"""


def test_a_drug_s_dose_is_what_of_it_had_accrued_a_lag_before_the_start(build):
    """Thirty days of diazepam at one unit from day 22001 and a lag of 100: nothing yet at day 22000, ten at 22110."""
    assert build(
        "accrued",
        lag_days=100,
        exposure_time=INTERVALS,
        profile=PROFILE,
        study_ingredient=BINDERS,
        dose_rate="""
            person_id | ingredient_concept_id | start_day | accruing_days | nano_per_day
            ----------+-----------------------+-----------+---------------+-------------
                    1 | 723013                | 22001     | 30            | 1000000000
        """,
    ) == drawn("""
            person_id | start_day | name     | amount
            ----------+-----------+----------+-----
                    1 | 22110     | diazepam | 10
                    1 | 22130     | diazepam | 30
    """)


def test_drugs_of_one_class_have_doses_of_their_own(build):
    """Two binders at a time: each has the dose of its own supplies; a drug without any has no row."""
    assert build(
        "accrued",
        lag_days=0,
        exposure_time=INTERVALS,
        profile=PROFILE,
        study_ingredient=BINDERS,
        dose_rate="""
            person_id | ingredient_concept_id | start_day | accruing_days | nano_per_day
            ----------+-----------------------+-----------+---------------+-------------
                    1 | 723013                | 21991     | 20            | 1000000000
                    1 | 19055224              | 22101     | 20            | 500000000
        """,
    ) == drawn("""
            person_id | start_day | name          | amount
            ----------+-----------+---------------+-----
                    1 | 22000     | diazepam      | 10
                    1 | 22110     | diazepam      | 20
                    1 | 22110     | flunitrazepam | 5
                    1 | 22130     | diazepam      | 20
                    1 | 22130     | flunitrazepam | 10
    """)


def test_what_leaves_the_window_leaves_the_dose_of_its_drug(build):
    """With a window of 110 days, half of a supply of the days 21991 to 22010 has left at day 22110; then all."""
    assert build(
        "accrued",
        lag_days=0,
        window_days=110,
        exposure_time=INTERVALS,
        profile=PROFILE,
        study_ingredient=BINDERS,
        dose_rate="""
            person_id | ingredient_concept_id | start_day | accruing_days | nano_per_day
            ----------+-----------------------+-----------+---------------+-------------
                    1 | 723013                | 21991     | 20            | 1000000000
        """,
    ) == drawn("""
            start_day | name     | amount
            ----------+----------+-----
            22000     | diazepam | 10
            22110     | diazepam | 10
    """)


def test_on_the_follow_up_scale_starts_count_from_entry(build):
    """Intervals are named as the models have them: by days since entry, where that is the time scale."""
    assert build(
        "accrued",
        lag_days=0,
        exposure_time=INTERVALS,
        profile="""
            person_id | origin_day
            ----------+-----------
                    1 | 22000
        """,
        study_ingredient=BINDERS,
        dose_rate="""
            person_id | ingredient_concept_id | start_day | accruing_days | nano_per_day
            ----------+-----------------------+-----------+---------------+-------------
                    1 | 723013                | 21991     | 20            | 1000000000
        """,
    ) == drawn("""
            start_day | amount
            ----------+-------
            0         | 10
            110       | 20
            130       | 20
    """)


def test_days_of_use_count_the_days_on_which_any_drug_of_a_class_is_taken(build):
    """Two courses of thirty days, a break between: ten days of use at day 22000, thirty at 22110, fifty at 22130."""
    assert build(
        "accrued",
        lag_days=0,
        exposure_time=INTERVALS,
        profile=PROFILE,
        use_period="""
            person_id | tspo_class | period_number | first_day | end_day
            ----------+------------+---------------+-----------+--------
                    1 | binder     | 1             | 21991     | 22021
                    1 | binder     | 2             | 22111     | 22141
                    1 | unknown    | 1             | 22390     | 22400
        """,
    ) == drawn("""
            start_day | quantity    | name   | amount
            ----------+-------------+--------+-------
            22000     | days of use | binder | 10
            22110     | days of use | binder | 30
            22130     | days of use | binder | 50
    """)
