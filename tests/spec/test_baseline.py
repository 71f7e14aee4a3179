"""Who takes these drugs?

Persons stand in the group of the class of their first study drug from entry to exit. That describes them by what they
later take; no follow-up is counted in these groups.
"""

from tests.spec.drawn import drawn

COHORT = """
            person_id | birth_date | sex    | entry_date | exit_date  | entry_day | exit_day | index_year
            ----------+------------+--------+------------+------------+-----------+----------+-----------
                    1 | 1950-01-01 | Female | 2012-01-01 | 2015-01-01 | 22645     | 23741    | 2012
                    2 | 1950-01-01 | Male   | 2012-01-01 | 2015-01-01 | 22645     | 23741    | 2012
                    3 | 1960-01-01 | Female | 2014-01-01 | 2015-01-01 | 19724     | 20089    | 2014
"""


def test_a_person_belongs_to_the_class_of_the_first_drug(build):
    """Whatever follows, and however much of it; who takes none is a group too."""
    assert build(
        "first_class",
        cohort=COHORT,
        dose="""
            person_id | tspo_class | fill_date  | status
            ----------+------------+------------+---------
                    1 | binder     | 2013-01-01 | computed
                    1 | non_binder | 2013-02-01 | computed
                    2 | unknown    | 2014-01-01 | unknown: no strength
        """,
    ) == drawn("""
            person_id | first_class
            ----------+------------
                    1 | binder
                    2 | unknown
                    3 | none
    """)


def test_the_first_drug_is_looked_for_from_entry_to_exit(build):
    """Both days count. A fill before the washout, or after exit, puts nobody in a group."""
    assert build(
        "first_class",
        cohort=COHORT,
        dose="""
            person_id | tspo_class | fill_date  | status
            ----------+------------+------------+---------
                    1 | binder     | 2009-01-01 | computed
                    1 | non_binder | 2012-01-01 | computed
                    2 | binder     | 2015-01-01 | computed
                    3 | binder     | 2015-01-02 | computed
        """,
    ) == drawn("""
            person_id | first_class
            ----------+------------
                    1 | non_binder
                    2 | binder
                    3 | none
    """)


def test_drugs_of_several_classes_on_the_first_day_are_a_group_of_their_own(build):
    """Two drugs of one class are not; an injection and a copy of a fill do not count."""
    assert build(
        "first_class",
        cohort=COHORT,
        dose="""
            person_id | tspo_class | fill_date  | status
            ----------+------------+------------+------------------------
                    1 | binder     | 2013-01-01 | computed
                    1 | unknown    | 2013-01-01 | computed
                    2 | binder     | 2013-01-01 | computed
                    2 | binder     | 2013-01-01 | imputed
                    2 | unknown    | 2013-01-01 | out of scope: injectable
                    3 | binder     | 2014-05-01 | duplicate
        """,
    ) == drawn("""
            person_id | first_class
            ----------+------------
                    1 | several
                    2 | binder
                    3 | none
    """)


def test_each_group_is_counted_by_what_is_known_at_entry(build):
    """Persons with sums for the mean of their age, by age, sex and year of entry, and by what was recorded."""
    assert build(
        "baseline",
        cohort=COHORT,
        first_class="""
            person_id | first_class
            ----------+------------
                    1 | binder
                    2 | binder
                    3 | none
        """,
        profile="""
            person_id | entry_period | entry_age_stratum
            ----------+--------------+------------------
                    1 | 2010         | 50 to 64
                    2 | 2010         | 50 to 64
                    3 | 2010         | 50 to 64
        """,
        clinical_record="""
            person_id | concept_set | record_date
            ----------+-------------+------------
                    1 | depression  | 2005-05-05
        """,
    ) == drawn("""
            first_class | characteristic | level    | persons | days  | squared_days
            ------------+----------------+----------+---------+-------+-------------
            binder      | persons        | ''       | 2       | 45290 | 1025592050
            none        | persons        | ''       | 1       | 19724 | 389036176
            binder      | age at entry   | 50 to 64 | 2       |       |
            none        | age at entry   | 50 to 64 | 1       |       |
            binder      | sex            | Female   | 1       |       |
            binder      | sex            | Male     | 1       |       |
            none        | sex            | Female   | 1       |       |
            binder      | year of entry  | 2010     | 2       |       |
            none        | year of entry  | 2010     | 1       |       |
            binder      | depression     | ever     | 1       |       |
    """)


def test_the_last_year_is_365_days_up_to_the_day_of_entry(build):
    """What was recorded in it was recorded ever; the latest record decides, and none after entry counts."""
    assert build(
        "baseline",
        cohort=COHORT,
        first_class="""
            person_id | first_class
            ----------+------------
                    1 | binder
                    2 | unknown
                    3 | none
        """,
        profile="""
            person_id
            ---------
        """,
        clinical_record="""
            person_id | concept_set | record_date
            ----------+-------------+------------
                    1 | insomnia    | 2011-01-01
                    1 | insomnia    | 2001-01-01
                    1 | insomnia    | 2013-01-01
                    2 | insomnia    | 2010-12-31
                    3 | insomnia    | 2014-01-02
                    3 | statins     | 2014-01-01
        """,
    ) == drawn("""
            first_class | characteristic | level     | persons
            ------------+----------------+-----------+--------
            binder      | insomnia       | ever      | 1
            binder      | insomnia       | last year | 1
            unknown     | insomnia       | ever      | 1
            none        | statins        | ever      | 1
            none        | statins        | last year | 1
    """)
