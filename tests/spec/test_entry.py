"""Who enters, and on which day?"""

from datetime import date

from tests.spec.drawn import drawn

BORN_1940 = """
            person_id | birth_date
            ----------+-----------
                    1 | 1940-05-17
"""


def test_a_person_enters_a_year_after_observation_starts(build):
    """Entry waits for 365 days of prior observation."""
    assert build(
        "entry",
        birth=BORN_1940,
        observation_period="""
            person_id | observation_period_start_date | observation_period_end_date
            ----------+-------------------------------+----------------------------
                    1 | 2010-01-01                    | 2019-12-31
        """,
    ) == drawn("""
            person_id | entry_date | period_end_date
            ----------+------------+----------------
                    1 | 2011-01-01 | 2019-12-31
    """)


def test_a_person_too_young_enters_on_the_50th_birthday(build):
    """Entry waits for the birthday that `minimum_age_years` names."""
    assert build(
        "entry",
        birth="""
            person_id | birth_date
            ----------+-----------
                    1 | 1965-05-17
        """,
        observation_period="""
            person_id | observation_period_start_date | observation_period_end_date
            ----------+-------------------------------+----------------------------
                    1 | 2010-01-01                    | 2019-12-31
        """,
    ) == drawn("""
            person_id | entry_date
            ----------+-----------
                    1 | 2015-05-17
    """)


def test_nobody_enters_before_the_study_starts(build):
    """Where `study_start` is given, entry waits for it too."""
    assert build(
        "entry",
        study_start=date(2013, 7, 1),
        birth=BORN_1940,
        observation_period="""
            person_id | observation_period_start_date | observation_period_end_date
            ----------+-------------------------------+----------------------------
                    1 | 2010-01-01                    | 2019-12-31
        """,
    ) == drawn("""
            person_id | entry_date
            ----------+-----------
                    1 | 2013-07-01
    """)


def test_prior_observation_lies_inside_one_period(build):
    """Two periods of 300 days are not added up, even where one starts on the day after the other ends."""
    assert build(
        "entry",
        birth=BORN_1940,
        observation_period="""
            person_id | observation_period_start_date | observation_period_end_date
            ----------+-------------------------------+----------------------------
                    1 | 2010-01-01                    | 2010-10-27
                    1 | 2010-10-28                    | 2011-08-23
        """,
    ) == drawn("""
            person_id | entry_date
            ----------+-----------
    """)


def test_the_first_period_that_allows_entry_counts_and_no_other(build):
    """One entry per person: a period that is too short is passed over, and later periods are not used."""
    assert build(
        "entry",
        birth=BORN_1940,
        observation_period="""
            person_id | observation_period_start_date | observation_period_end_date
            ----------+-------------------------------+----------------------------
                    1 | 2015-01-01                    | 2019-12-31
                    1 | 2012-01-01                    | 2014-06-30
                    1 | 2010-01-01                    | 2010-06-30
        """,
    ) == drawn("""
            person_id | entry_date | period_end_date
            ----------+------------+----------------
                    1 | 2012-12-31 | 2014-06-30
    """)


def test_entry_leaves_at_least_a_day_at_risk(build):
    """A period that ends on the day of entry does not allow it; one that ends a day later does."""
    assert build(
        "entry",
        birth="""
            person_id | birth_date
            ----------+-----------
                    1 | 1940-05-17
                    2 | 1940-05-17
        """,
        observation_period="""
            person_id | observation_period_start_date | observation_period_end_date
            ----------+-------------------------------+----------------------------
                    1 | 2010-01-01                    | 2011-01-01
                    2 | 2010-01-01                    | 2011-01-02
        """,
    ) == drawn("""
            person_id | entry_date
            ----------+-----------
                    2 | 2011-01-01
    """)


def test_the_end_of_the_study_ends_every_period(build):
    """Where `study_end` is given, follow-up stops there, and nobody enters on or after it."""
    assert build(
        "entry",
        study_end=date(2015, 6, 30),
        birth="""
            person_id | birth_date
            ----------+-----------
                    1 | 1940-05-17
                    2 | 1965-06-30
        """,
        observation_period="""
            person_id | observation_period_start_date | observation_period_end_date
            ----------+-------------------------------+----------------------------
                    1 | 2010-01-01                    | 2019-12-31
                    2 | 2010-01-01                    | 2019-12-31
        """,
    ) == drawn("""
            person_id | entry_date | period_end_date
            ----------+------------+----------------
                    1 | 2011-01-01 | 2015-06-30
    """)


def test_a_period_that_ends_before_it_starts_allows_no_entry(build):
    """Such a period is an error of the source; the next one is tried."""
    assert build(
        "entry",
        birth=BORN_1940,
        observation_period="""
            person_id | observation_period_start_date | observation_period_end_date
            ----------+-------------------------------+----------------------------
                    1 | 2010-01-01                    | 2009-01-01
                    1 | 2012-01-01                    | 2019-12-31
        """,
    ) == drawn("""
            person_id | entry_date
            ----------+-----------
                    1 | 2012-12-31
    """)
