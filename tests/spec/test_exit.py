"""When does follow-up end, and why?"""

from datetime import date

from tests.spec.drawn import drawn

PERSON = """
            person_id | year_of_birth
            ----------+--------------
                    1 | 1940
"""
BIRTH = """
            person_id | birth_date
            ----------+-----------
                    1 | 1940-05-17
"""
ENTRY = """
            person_id | entry_date | period_end_date
            ----------+------------+----------------
                    1 | 2011-01-01 | 2019-12-31
"""


def test_follow_up_ends_on_the_day_of_dementia(build):
    """Dementia comes first: the person leaves with the event, and a later death is not looked at."""
    assert build(
        "cohort",
        person=PERSON,
        birth=BIRTH,
        entry=ENTRY,
        outcome="""
            person_id | outcome_date
            ----------+-------------
                    1 | 2015-03-01
        """,
        death="""
            person_id | death_date
            ----------+-----------
                    1 | 2017-08-09
        """,
    ) == drawn("""
            person_id | exit_date  | exit_reason
            ----------+------------+------------
                    1 | 2015-03-01 | dementia
    """)


def test_follow_up_ends_on_the_day_of_death(build):
    """Death comes first: dementia can no longer happen, so death is a competing event and not a loss."""
    assert build(
        "cohort",
        person=PERSON,
        birth=BIRTH,
        entry=ENTRY,
        outcome="""
            person_id | outcome_date
            ----------+-------------
                    1 | 2017-08-10
        """,
        death="""
            person_id | death_date
            ----------+-----------
                    1 | 2017-08-09
        """,
    ) == drawn("""
            person_id | exit_date  | exit_reason
            ----------+------------+------------
                    1 | 2017-08-09 | death
    """)


def test_follow_up_ends_with_the_observation_period(build):
    """Nothing else happened: the last day of the period of entry is the last day at risk."""
    assert build("cohort", person=PERSON, birth=BIRTH, entry=ENTRY) == drawn("""
            person_id | exit_date  | exit_reason
            ----------+------------+-------------------
                    1 | 2019-12-31 | end of observation
    """)


def test_follow_up_ends_with_the_study(build):
    """Where `study_end` comes before the end of observation, it ends follow-up."""
    assert build(
        "cohort",
        study_end=date(2015, 6, 30),
        person=PERSON,
        birth=BIRTH,
        observation_period="""
            person_id | observation_period_start_date | observation_period_end_date
            ----------+-------------------------------+----------------------------
                    1 | 2010-01-01                    | 2019-12-31
        """,
    ) == drawn("""
            person_id | exit_date  | exit_reason
            ----------+------------+-------------------
                    1 | 2015-06-30 | end of observation
    """)


def test_dementia_and_death_on_one_day_count_as_dementia(build):
    """Who dies on the day of the diagnosis had the disease."""
    assert build(
        "cohort",
        person=PERSON,
        birth=BIRTH,
        entry=ENTRY,
        outcome="""
            person_id | outcome_date
            ----------+-------------
                    1 | 2015-03-01
        """,
        death="""
            person_id | death_date
            ----------+-----------
                    1 | 2015-03-01
        """,
    ) == drawn("""
            person_id | exit_date  | exit_reason
            ----------+------------+------------
                    1 | 2015-03-01 | dementia
    """)


def test_what_happens_on_the_last_day_of_observation_is_seen(build):
    """Dementia or death on the period's last day is an event; a day later it is not seen."""
    assert build(
        "cohort",
        person="""
            person_id | year_of_birth
            ----------+--------------
                    1 | 1940
                    2 | 1940
                    3 | 1940
                    4 | 1940
                    5 | 1940
        """,
        birth="""
            person_id | birth_date
            ----------+-----------
                    1 | 1940-05-17
                    2 | 1940-05-17
                    3 | 1940-05-17
                    4 | 1940-05-17
                    5 | 1940-05-17
        """,
        entry="""
            person_id | entry_date | period_end_date
            ----------+------------+----------------
                    1 | 2011-01-01 | 2019-12-31
                    2 | 2011-01-01 | 2019-12-31
                    3 | 2011-01-01 | 2019-12-31
                    4 | 2011-01-01 | 2019-12-31
                    5 | 2011-01-01 | 2019-12-31
        """,
        outcome="""
            person_id | outcome_date
            ----------+-------------
                    1 | 2019-12-31
                    3 | 2020-01-01
                    5 | 2020-01-01
        """,
        death="""
            person_id | death_date
            ----------+-----------
                    2 | 2019-12-31
                    4 | 2020-01-01
                    5 | 2020-01-01
        """,
    ) == drawn("""
            person_id | exit_date  | exit_reason
            ----------+------------+-------------------
                    1 | 2019-12-31 | dementia
                    2 | 2019-12-31 | death
                    3 | 2019-12-31 | end of observation
                    4 | 2019-12-31 | end of observation
                    5 | 2019-12-31 | end of observation
    """)


def test_of_several_dates_of_death_the_first_counts(build):
    """Some sources record a death more than once."""
    assert build(
        "cohort",
        person=PERSON,
        birth=BIRTH,
        entry=ENTRY,
        death="""
            person_id | death_date
            ----------+-----------
                    1 | 2017-08-11
                    1 | 2017-08-09
                    1 |
        """,
    ) == drawn("""
            person_id | exit_date  | exit_reason
            ----------+------------+------------
                    1 | 2017-08-09 | death
    """)


def test_entry_and_exit_are_also_counted_in_days_of_age(build):
    """Age in days is the date less the date of birth, so the day of birth is day 0; time runs on this scale."""
    assert build(
        "cohort",
        person=PERSON,
        birth="""
            person_id | birth_date
            ----------+-----------
                    1 | 1960-01-01
        """,
        entry="""
            person_id | entry_date | period_end_date
            ----------+------------+----------------
                    1 | 2010-12-31 | 2011-01-02
        """,
    ) == drawn("""
            person_id | entry_day | exit_day | index_year
            ----------+-----------+----------+-----------
                    1 | 18627     | 18629    | 2010
    """)
