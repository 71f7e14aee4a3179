"""When was a person born, and when is a birthday?"""

import pytest

from tests.spec.drawn import drawn


def test_a_full_date_of_birth_is_taken_as_it_is(build):
    """Year, month and day are known: nothing is imputed."""
    assert build(
        "birth",
        person="""
            person_id | gender_concept_id | year_of_birth | month_of_birth | day_of_birth
            ----------+-------------------+---------------+----------------+-------------
                    1 | 8532              | 1940          | 5              | 17
        """,
    ) == drawn("""
            person_id | sex    | birth_date | birth_date_imputed
            ----------+--------+------------+-------------------
                    1 | Female | 1940-05-17 | false
    """)


def test_a_missing_day_of_birth_is_the_15th(build):
    """A known month without a day: the middle of the month, marked as imputed."""
    assert build(
        "birth",
        person="""
            person_id | year_of_birth | month_of_birth | day_of_birth
            ----------+---------------+----------------+-------------
                    1 | 1940          | 5              |
        """,
    ) == drawn("""
            person_id | birth_date | birth_date_imputed
            ----------+------------+-------------------
                    1 | 1940-05-15 | true
    """)


def test_a_missing_month_of_birth_is_the_first_of_july(build):
    """Without a month the day says nothing: 1 July, marked as imputed, whatever the day."""
    assert build(
        "birth",
        person="""
            person_id | year_of_birth | month_of_birth | day_of_birth
            ----------+---------------+----------------+-------------
                    1 | 1940          |                |
                    2 | 1940          |                | 28
        """,
    ) == drawn("""
            person_id | birth_date | birth_date_imputed
            ----------+------------+-------------------
                    1 | 1940-07-01 | true
                    2 | 1940-07-01 | true
    """)


def test_a_month_or_day_that_no_calendar_has_counts_as_missing(build):
    """Sources write 0 or 99 for what they do not know."""
    assert build(
        "birth",
        person="""
            person_id | year_of_birth | month_of_birth | day_of_birth
            ----------+---------------+----------------+-------------
                    1 | 1940          | 0              | 17
                    2 | 1940          | 5              | 99
        """,
    ) == drawn("""
            person_id | birth_date | birth_date_imputed
            ----------+------------+-------------------
                    1 | 1940-07-01 | true
                    2 | 1940-05-15 | true
    """)


def test_a_person_without_a_year_of_birth_is_left_out_and_counted(build):
    """Nothing stands in for the year: the person has no age, never enters, and is a line of the flow chart."""
    nobody_knows_when = """
            person_id | year_of_birth | month_of_birth | day_of_birth
            ----------+---------------+----------------+-------------
                    1 |               | 5              | 17
    """
    assert build("birth", person=nobody_knows_when) == drawn("""
            person_id | birth_date
            ----------+-----------
    """)
    assert build("eligibility", person=nobody_knows_when) == drawn("""
            person_id | has_birth_date | has_entry
            ----------+----------------+----------
                    1 | false          | false
    """)


def test_sex_is_read_from_the_gender_concept(build):
    """8532 is Female, 8507 is Male; any other concept, and none, is Unknown, a stratum of its own."""
    assert build(
        "birth",
        person="""
            person_id | gender_concept_id | year_of_birth
            ----------+-------------------+--------------
                    1 | 8532              | 1940
                    2 | 8507              | 1940
                    3 | 0                 | 1940
                    4 |                   | 1940
        """,
    ) == drawn("""
            person_id | sex
            ----------+--------
                    1 | Female
                    2 | Male
                    3 | Unknown
                    4 | Unknown
    """)


@pytest.mark.parametrize(("minimum_age_years", "birthday"), [(50, "2010-03-01"), (52, "2012-02-29")])
def test_who_is_born_on_29_february_has_the_birthday_on_1_march_in_common_years(build, minimum_age_years, birthday):
    """In leap years the birthday is 29 February itself."""
    assert build(
        "entry",
        minimum_age_years=minimum_age_years,
        birth="""
            person_id | birth_date
            ----------+-----------
                    1 | 1960-02-29
        """,
        observation_period="""
            person_id | observation_period_start_date | observation_period_end_date
            ----------+-------------------------------+----------------------------
                    1 | 2000-01-01                    | 2019-12-31
        """,
    ) == drawn(f"""
            person_id | entry_date
            ----------+-----------
                    1 | {birthday}
    """)
