"""Which class is started how long before a diagnosis, and how many starts does matched time expect?

Fills are counted on the days from entry to exit, neither included. The tables give, for each TSPO class, the starts
and the days on which one could have happened.
"""

from tests.spec.drawn import drawn

NEVER_DIAGNOSED = """
            person_id | sex    | birth_date | entry_day | exit_day | exit_date  | index_year | exit_reason
            ----------+--------+------------+-----------+----------+------------+------------+-------------------
                    1 | Female | 1950-01-01 | 22280     | 23011    | 2013-01-01 | 2011       | end of observation
"""
DIAGNOSED = """
            person_id | sex    | birth_date | entry_day | exit_day | exit_date  | index_year | exit_reason
            ----------+--------+------------+-----------+----------+------------+------------+------------
                    1 | Female | 1950-01-01 | 22279     | 22645    | 2012-01-01 | 2010       | dementia
"""


def test_a_new_start_is_the_first_fill_of_a_class_after_a_washout_without_one(build):
    """Day 100 is a start, 30 days later is none, day 500 is one again: 370 days after the latest fill, not 365."""
    assert build(
        "channelling",
        cohort=NEVER_DIAGNOSED,
        dose="""
            person_id | tspo_class | fill_date  | status
            ----------+------------+------------+---------
                    1 | binder     | 2011-04-11 | computed
                    1 | binder     | 2011-05-11 | computed
                    1 | binder     | 2012-05-15 | computed
                    1 | non_binder | 2011-04-11 | computed
                    1 | non_binder | 2012-04-10 | computed
        """,
    ) == drawn("""
            tspo_class | sex    | lower_age | calendar_period | time_before_diagnosis | starts
            -----------+--------+-----------+-----------------+-----------------------+-------
            binder     | Female | 50        | 2010            |                       | 2
            non_binder | Female | 50        | 2010            |                       | 1
            unknown    | Female | 50        | 2010            |                       | 0
    """)


def test_until_a_washout_has_passed_since_a_fill_nobody_is_at_risk_of_a_start(build):
    """Of 730 days the first 100 are at risk, with the day of the fill; the washout of 400 days leaves 230 after it."""
    assert build(
        "channelling",
        washout_days=400,
        cohort=NEVER_DIAGNOSED,
        dose="""
            person_id | tspo_class | fill_date  | status
            ----------+------------+------------+---------
                    1 | binder     | 2011-04-11 | computed
        """,
    ) == drawn("""
            tspo_class | starts | days_at_risk
            -----------+--------+-------------
            binder     | 1      | 330
            non_binder | 0      | 730
            unknown    | 0      | 730
    """)


def test_a_fill_within_the_washout_begins_it_again(build):
    """The second fill, 300 days after the first, keeps the person out of risk until the end."""
    assert build(
        "channelling",
        cohort=NEVER_DIAGNOSED,
        dose="""
            person_id | tspo_class | fill_date  | status
            ----------+------------+------------+---------
                    1 | binder     | 2011-04-11 | computed
                    1 | binder     | 2012-02-05 | computed
        """,
    ) == drawn("""
            tspo_class | starts | days_at_risk
            -----------+--------+-------------
            binder     | 1      | 100
            non_binder | 0      | 730
            unknown    | 0      | 730
    """)


def test_a_fill_on_the_day_of_entry_is_no_start_but_has_its_washout(build):
    """Follow-up begins the day after; of its 730 days the first 365 are not at risk."""
    assert build(
        "channelling",
        cohort=NEVER_DIAGNOSED,
        dose="""
            person_id | tspo_class | fill_date  | status
            ----------+------------+------------+---------
                    1 | binder     | 2011-01-01 | computed
                    1 | unknown    | 2013-01-01 | computed
        """,
    ) == drawn("""
            tspo_class | starts | days_at_risk
            -----------+--------+-------------
            binder     | 0      | 365
            non_binder | 0      | 730
            unknown    | 0      | 730
    """)


def test_without_a_washout_each_day_with_a_fill_is_a_start(build):
    """A protocol that admits prevalent users counts fills; two on one day are one."""
    assert build(
        "channelling",
        washout_days=0,
        cohort=NEVER_DIAGNOSED,
        dose="""
            person_id | tspo_class | fill_date  | status
            ----------+------------+------------+---------
                    1 | binder     | 2011-04-11 | computed
                    1 | binder     | 2011-04-11 | computed
                    1 | binder     | 2011-04-12 | computed
        """,
    ) == drawn("""
            tspo_class | starts | days_at_risk
            -----------+--------+-------------
            binder     | 2      | 730
            non_binder | 0      | 730
            unknown    | 0      | 730
    """)


def test_a_fill_of_unknown_dose_is_a_start_but_a_copy_or_an_injection_is_none(build):
    """What counts as use of a drug counts here, whether its dose is known or not."""
    assert build(
        "channelling",
        cohort=NEVER_DIAGNOSED,
        dose="""
            person_id | tspo_class | fill_date  | status
            ----------+------------+------------+--------------------------------
                    1 | binder     | 2011-04-11 | unknown: days of supply missing
                    1 | non_binder | 2011-04-11 | duplicate
                    1 | unknown    | 2011-04-11 | out of scope: injectable
        """,
    ) == drawn("""
            tspo_class | starts
            -----------+-------
            binder     | 1
            non_binder | 0
            unknown    | 0
    """)


def test_starts_are_told_by_the_days_before_the_diagnosis(build):
    """Ninety-one days before belong to the latest three months, ninety-two to those before; follow-up has 365."""
    assert build(
        "channelling",
        cohort=DIAGNOSED,
        dose="""
            person_id | tspo_class | fill_date  | status
            ----------+------------+------------+---------
                    1 | binder     | 2011-10-02 | computed
                    1 | non_binder | 2011-10-01 | computed
                    1 | unknown    | 2011-01-02 | computed
        """,
    ) == drawn("""
            tspo_class | time_before_diagnosis | starts | days_at_risk
            -----------+-----------------------+--------+-------------
            binder     | 0 to 3 months         | 1      | 1
            binder     | 3 to 6 months         | 0      | 91
            binder     | 6 to 12 months        | 0      | 183
            non_binder | 0 to 3 months         | 0      | 0
            non_binder | 3 to 6 months         | 1      | 91
            non_binder | 6 to 12 months        | 0      | 183
            unknown    | 0 to 3 months         | 0      | 0
            unknown    | 3 to 6 months         | 0      | 0
            unknown    | 6 to 12 months        | 1      | 2
    """)


def test_a_fill_on_the_day_of_diagnosis_is_not_before_it(build):
    """Which came first on that day is not known; the day before is the latest that counts."""
    table = build(
        "channelling",
        cohort=DIAGNOSED,
        dose="""
            person_id | tspo_class | fill_date  | status
            ----------+------------+------------+---------
                    1 | binder     | 2012-01-01 | computed
                    1 | non_binder | 2011-12-31 | computed
        """,
    )
    rows = table.only(["tspo_class", "time_before_diagnosis", "starts", "days_at_risk"])
    assert [row for row in rows if row[1] == "0 to 3 months" and row[0] != "unknown"] == [
        ("binder", "0 to 3 months", 0, 91),
        ("non_binder", "0 to 3 months", 1, 91),
    ]
    assert sum(starts for _, _, starts, _ in rows) == 1


def test_what_lies_more_than_ten_years_before_a_diagnosis_is_left_out(build):
    """The start ten years and a day before is lost, and so are the days up to it."""
    table = build(
        "channelling",
        cohort="""
            person_id | sex  | birth_date | entry_day | exit_day | exit_date  | index_year | exit_reason
            ----------+------+------------+-----------+----------+------------+------------+------------
                    1 | Male | 1940-01-01 | 20500     | 26298    | 2012-01-01 | 1996       | dementia
        """,
        dose="""
            person_id | tspo_class | fill_date  | status
            ----------+------------+------------+---------
                    1 | binder     | 2002-01-02 | computed
                    1 | non_binder | 2002-01-03 | computed
        """,
    )
    columns = ["tspo_class", "time_before_diagnosis", "starts"]
    assert [row for row in table.only(columns) if row[2]] == [("non_binder", "9 to 10 years", 1)]
    assert sum(days for name, days in table.only(["tspo_class", "days_at_risk"]) if name == "unknown") == 3650


def test_time_is_matched_by_sex_attained_age_and_calendar_period(build):
    """Who turns 65 on 1 July 2015 is 65 from that day on; a period of five years begins on 1 January 2015."""
    assert build(
        "channelling",
        cohort="""
            person_id | sex    | birth_date | entry_day | exit_day | exit_date  | index_year | exit_reason
            ----------+--------+------------+-----------+----------+------------+------------+-------------------
                    1 | Male   | 1950-07-01 | 23550     | 23752    | 2015-07-12 | 2014       | death
                    2 | Female | 1950-07-01 | 23731     | 23742    | 2015-07-02 | 2015       | end of observation
                    3 | Other  | 1949-07-01 | 23591     | 23619    | 2014-03-01 | 2014       | end of observation
        """,
        dose="""
            person_id | tspo_class | fill_date  | status
            ----------+------------+------------+---------
                    1 | binder     | 2015-06-30 | computed
        """,
    ) == drawn("""
            tspo_class | sex    | lower_age | calendar_period | persons | starts | days_at_risk
            -----------+--------+-----------+-----------------+---------+--------+-------------
            binder     | Male   | 50        | 2010            | 1       | 0      | 9
            binder     | Male   | 50        | 2015            | 0       | 1      | 181
            binder     | Male   | 65        | 2015            | 0       | 0      | 0
            binder     | Female | 50        | 2015            | 1       | 0      | 9
            binder     | Female | 65        | 2015            | 0       | 0      | 1
            binder     | Other  | 50        | 2010            | 1       | 0      | 27
            non_binder | Male   | 50        | 2010            | 1       | 0      | 9
            non_binder | Male   | 50        | 2015            | 0       | 0      | 181
            non_binder | Male   | 65        | 2015            | 0       | 0      | 11
            non_binder | Female | 50        | 2015            | 1       | 0      | 9
            non_binder | Female | 65        | 2015            | 0       | 0      | 1
            non_binder | Other  | 50        | 2010            | 1       | 0      | 27
            unknown    | Male   | 50        | 2010            | 1       | 0      | 9
            unknown    | Male   | 50        | 2015            | 0       | 0      | 181
            unknown    | Male   | 65        | 2015            | 0       | 0      | 11
            unknown    | Female | 50        | 2015            | 1       | 0      | 9
            unknown    | Female | 65        | 2015            | 0       | 0      | 1
            unknown    | Other  | 50        | 2010            | 1       | 0      | 27
    """)


def test_a_time_before_diagnosis_that_begins_with_a_period_has_no_part_in_the_one_before(build):
    """Ninety-one days before 2 April 2015 is New Year's Day."""
    table = build(
        "channelling",
        cohort="""
            person_id | sex    | birth_date | entry_day | exit_day | exit_date  | index_year | exit_reason
            ----------+--------+------------+-----------+----------+------------+------------+------------
                    1 | Female | 1960-01-01 | 20058     | 20180    | 2015-04-02 | 2014       | dementia
        """,
    )
    columns = ["tspo_class", "calendar_period", "time_before_diagnosis", "persons", "days_at_risk"]
    assert sorted(row[1:] for row in table.only(columns) if row[0] == "binder") == [
        (2010, "3 to 6 months", 1, 30),
        (2015, "0 to 3 months", 1, 91),
    ]


def test_a_person_who_starts_a_class_twice_in_one_time_is_one_starter(build):
    """Few persons may stand behind many starts; what is hidden goes by the persons."""
    assert build(
        "channelling",
        washout_days=30,
        cohort=NEVER_DIAGNOSED,
        dose="""
            person_id | tspo_class | fill_date  | status
            ----------+------------+------------+---------
                    1 | binder     | 2011-04-11 | computed
                    1 | binder     | 2011-08-11 | computed
                    1 | unknown    | 2011-04-11 | computed
        """,
    ) == drawn("""
            tspo_class | persons | starts | starters
            -----------+---------+--------+---------
            binder     | 1       | 2      | 1
            non_binder | 1       | 0      | 0
            unknown    | 1       | 1      | 1
    """)


def test_a_person_who_starts_a_class_in_two_times_is_a_starter_in_each(build):
    """Starters of a time are persons; the same person may stand in another time too."""
    table = build(
        "channelling",
        washout_days=30,
        cohort=DIAGNOSED,
        dose="""
            person_id | tspo_class | fill_date  | status
            ----------+------------+------------+---------
                    1 | binder     | 2011-04-11 | computed
                    1 | binder     | 2011-12-11 | computed
        """,
    )
    rows = table.only(["time_before_diagnosis", "persons", "starters", "tspo_class"])
    assert sorted(row[:3] for row in rows if row[3] == "binder") == [
        ("0 to 3 months", 1, 1),
        ("3 to 6 months", 1, 0),
        ("6 to 12 months", 1, 1),
    ]


def test_a_competing_diagnosis_is_not_the_diagnosis(build):
    """Times are those before the outcome that is studied; who gets another dementia first is not diagnosed with it."""
    assert build(
        "channelling",
        diagnosis="alzheimers_disease",
        cohort="""
            person_id | sex    | birth_date | entry_day | exit_day | exit_date  | index_year | exit_reason
            ----------+--------+------------+-----------+----------+------------+------------+--------------------
                    1 | Female | 1950-01-01 | 22280     | 22341    | 2011-03-03 | 2011       | alzheimers_disease
                    2 | Male   | 1950-01-01 | 22280     | 22341    | 2011-03-03 | 2011       | competing diagnosis
        """,
        dose="""
            person_id | tspo_class | fill_date  | status
            ----------+------------+------------+---------
                    1 | binder     | 2011-02-01 | computed
                    2 | binder     | 2011-02-01 | computed
        """,
    ) == drawn("""
            tspo_class | sex    | time_before_diagnosis | starts
            -----------+--------+-----------------------+-------
            binder     | Female | 0 to 3 months         | 1
            non_binder | Female | 0 to 3 months         | 0
            unknown    | Female | 0 to 3 months         | 0
            binder     | Male   |                       | 1
            non_binder | Male   |                       | 0
            unknown    | Male   |                       | 0
    """)
