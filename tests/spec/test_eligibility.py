"""Who is kept out at entry, and how is it counted?"""

from tests.spec.drawn import drawn

PERSON = """
            person_id | year_of_birth
            ----------+--------------
                    1 | 1940
                    2 | 1940
"""
ENTRY = """
            person_id | entry_date | period_end_date
            ----------+------------+----------------
                    1 | 2011-01-01 | 2019-12-31
                    2 | 2011-01-01 | 2019-12-31
"""


def test_a_fill_in_the_365_days_before_entry_keeps_a_person_out(build):
    """New users only: the 365th day before entry is inside the washout, the 366th is outside."""
    assert build(
        "eligibility",
        person=PERSON,
        entry=ENTRY,
        fill="""
            person_id | fill_date  | in_scope
            ----------+------------+---------
                    1 | 2010-01-01 | true
                    2 | 2009-12-31 | true
        """,
    ) == drawn("""
            person_id | is_new_user
            ----------+------------
                    1 | false
                    2 | true
    """)


def test_a_fill_on_the_day_of_entry_is_new_use(build):
    """The washout ends on the day before entry."""
    assert build(
        "eligibility",
        person=PERSON,
        entry=ENTRY,
        fill="""
            person_id | fill_date  | in_scope
            ----------+------------+---------
                    1 | 2010-12-31 | true
                    2 | 2011-01-01 | true
        """,
    ) == drawn("""
            person_id | is_new_user
            ----------+------------
                    1 | false
                    2 | true
    """)


def test_a_washout_of_no_days_admits_prevalent_users(build):
    """`washout_days = 0`: nobody is kept out for an earlier fill."""
    assert build(
        "eligibility",
        washout_days=0,
        person=PERSON,
        entry=ENTRY,
        fill="""
            person_id | fill_date  | in_scope
            ----------+------------+---------
                    1 | 2010-12-31 | true
        """,
    ) == drawn("""
            person_id | is_new_user
            ----------+------------
                    1 | true
                    2 | true
    """)


def test_a_fill_of_unknown_dose_is_use_and_an_injection_is_not(build):
    """A fill out of scope is no exposure, so it ends no washout; any other fill does, whatever is known of it."""
    assert build(
        "eligibility",
        person=PERSON,
        entry=ENTRY,
        fill="""
            person_id | fill_date  | route      | in_scope | mg
            ----------+------------+------------+----------+---
                    1 | 2010-06-01 | oral       | true     |
                    2 | 2010-06-01 | injectable | false    | 10
        """,
    ) == drawn("""
            person_id | is_new_user
            ----------+------------
                    1 | false
                    2 | true
    """)


def test_dementia_on_the_day_of_entry_is_prevalent(build):
    """One code on or before entry keeps a person out, confirmed or not; a code on the day after does not."""
    assert build(
        "eligibility",
        person=PERSON,
        entry=ENTRY,
        clinical_record="""
            person_id | concept_set | record_date
            ----------+-------------+------------
                    1 | dementia    | 2011-01-01
                    2 | dementia    | 2011-01-02
        """,
    ) == drawn("""
            person_id | has_no_prior_outcome
            ----------+----------------------
                    1 | false
                    2 | true
    """)


def test_the_outcome_on_or_before_entry_is_prevalent_too(build):
    """Whatever `prevalent_sets` says, nobody enters who has the outcome already."""
    assert build(
        "eligibility",
        prevalent_sets=("dementia_history",),
        person=PERSON,
        entry=ENTRY,
        outcome="""
            person_id | outcome_date
            ----------+-------------
                    1 | 2011-01-01
                    2 | 2011-01-02
        """,
    ) == drawn("""
            person_id | has_no_prior_outcome
            ----------+----------------------
                    1 | false
                    2 | true
    """)


def test_prevalent_dementia_is_looked_for_in_the_whole_history(build):
    """Records before the observation period count: dementia does not go away."""
    assert build(
        "eligibility",
        person=PERSON,
        entry=ENTRY,
        clinical_record="""
            person_id | concept_set | record_date
            ----------+-------------+------------
                    1 | dementia    | 1999-05-05
        """,
    ) == drawn("""
            person_id | has_no_prior_outcome
            ----------+----------------------
                    1 | false
                    2 | true
    """)


def test_any_record_of_a_prevalent_set_keeps_a_person_out(build):
    """Dementia in the broad sense, a history of it, or an anti-dementia drug; delirium, say, keeps nobody out."""
    assert build(
        "eligibility",
        person="""
            person_id
            ---------
                    1
                    2
                    3
                    4
        """,
        entry="""
            person_id | entry_date
            ----------+-----------
                    1 | 2011-01-01
                    2 | 2011-01-01
                    3 | 2011-01-01
                    4 | 2011-01-01
        """,
        clinical_record="""
            person_id | concept_set        | record_date
            ----------+--------------------+------------
                    1 | dementia_broad     | 2010-03-01
                    2 | dementia_history   | 2010-03-01
                    3 | antidementia_drugs | 2010-03-01
                    4 | delirium           | 2010-03-01
        """,
    ) == drawn("""
            person_id | has_no_prior_outcome
            ----------+----------------------
                    1 | false
                    2 | false
                    3 | false
                    4 | true
    """)


def test_records_of_dementia_are_read_from_three_tables(build):
    """Conditions (372608, amnestic disorder), observations (4059191, history of dementia) and drugs, once a day."""
    assert build(
        "clinical_record",
        person=PERSON,
        condition_occurrence="""
            person_id | condition_concept_id | condition_start_date
            ----------+----------------------+---------------------
                    1 | 372608               | 2010-02-03
                    1 | 372608               | 2010-02-03
        """,
        observation="""
            person_id | observation_concept_id | observation_date
            ----------+------------------------+-----------------
                    1 | 4059191                | 2010-03-01
        """,
        drug_exposure="""
            drug_exposure_id | person_id | drug_concept_id | drug_exposure_start_date
            -----------------+-----------+-----------------+-------------------------
                           7 | 1         | 701322          | 2010-04-01
        """,
    ) == drawn("""
            person_id | concept_set        | record_date
            ----------+--------------------+------------
                    1 | dementia_broad     | 2010-02-03
                    1 | dementia_broad     | 2010-03-01
                    1 | dementia_history   | 2010-03-01
                    1 | antidementia_drugs | 2010-04-01
    """)


def test_a_person_who_dies_on_the_day_of_entry_has_no_time_at_risk(build):
    """A death on or before entry keeps a person out; a day later there is one day at risk."""
    assert build(
        "eligibility",
        person=PERSON,
        entry=ENTRY,
        death="""
            person_id | death_date
            ----------+-----------
                    1 | 2011-01-01
                    2 | 2011-01-02
        """,
    ) == drawn("""
            person_id | has_time_at_risk
            ----------+-----------------
                    1 | false
                    2 | true
    """)


def test_each_person_is_lost_at_the_first_criterion_that_fails(build):
    """The flow chart counts in this order; person 6 fails the last two, and is counted at the washout."""
    assert build(
        "attrition",
        eligibility="""
            person_id | has_birth_date | has_entry | has_no_prior_outcome | is_new_user | has_time_at_risk
            ----------+----------------+-----------+-----------------------+-------------+-----------------
                    1 | true           | true      | true                  | true        | true
                    2 | false          | false     | true                  | true        | false
                    3 | true           | false     | true                  | true        | false
                    4 | true           | true      | false                 | true        | true
                    5 | true           | true      | true                  | true        | false
                    6 | true           | true      | true                  | false       | false
        """,
    ) == drawn("""
            reason_id | number_subjects | excluded_subjects | reason
            ----------+-----------------+-------------------+---------------------------------------------
                    1 | 6               | 0                 | Initial qualifying events
                    2 | 5               | 1                 | Year of birth is recorded
                    3 | 4               | 1                 | An observation period allows entry
                    4 | 3               | 1                 | No dementia, anti-dementia drug or history of dementia on or before entry
                    5 | 2               | 1                 | No study drug in the washout before entry
                    6 | 1               | 1                 | Alive at entry, with time at risk
    """)  # noqa: E501 - a reason is a sentence


def test_the_cohort_is_who_meets_every_criterion(build):
    """The criteria stand once, as columns, so that the flow chart and the cohort cannot disagree."""
    assert build(
        "cohort",
        eligibility="""
            person_id | has_birth_date | has_entry | has_no_prior_outcome | is_new_user | has_time_at_risk
            ----------+----------------+-----------+-----------------------+-------------+-----------------
                    1 | true           | true      | true                  | true        | true
                    2 | false          | true      | true                  | true        | true
                    3 | true           | false     | true                  | true        | true
                    4 | true           | true      | false                 | true        | true
                    5 | true           | true      | true                  | false       | true
                    6 | true           | true      | true                  | true        | false
        """,
        birth="""
            person_id | birth_date
            ----------+-----------
                    1 | 1940-05-17
                    2 | 1940-05-17
                    3 | 1940-05-17
                    4 | 1940-05-17
                    5 | 1940-05-17
                    6 | 1940-05-17
        """,
    ) == drawn("""
            person_id
            ---------
                    1
    """)
