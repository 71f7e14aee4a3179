"""What counts as dementia, and on which day?"""

import pytest

from tests.spec.drawn import drawn

NOBODY = drawn("""
            person_id | outcome_date
            ----------+-------------
""")


def test_one_code_is_not_dementia(build):
    """D2 asks for a confirmation: a single code may be a suspicion, or an error."""
    assert (
        build(
            "outcome",
            clinical_record="""
            person_id | concept_set | record_date
            ----------+-------------+------------
                    1 | dementia    | 2015-03-01
            """,
        )
        == NOBODY
    )


def test_under_d1_the_first_code_is_dementia(build):
    """D1, a sensitivity analysis, takes the first code as it is; a drug alone is still no dementia."""
    assert build(
        "outcome",
        tier="D1",
        clinical_record="""
            person_id | concept_set        | record_date
            ----------+--------------------+------------
                    1 | antidementia_drugs | 2015-01-01
                    1 | dementia           | 2015-03-01
                    1 | dementia           | 2016-03-01
                    2 | antidementia_drugs | 2015-01-01
        """,
    ) == drawn("""
            person_id | outcome_date
            ----------+-------------
                    1 | 2015-03-01
    """)


def test_a_second_code_on_a_later_day_confirms_the_first(build):
    """The date is the day of confirmation: dating at the first code would condition on the future."""
    assert build(
        "outcome",
        clinical_record="""
            person_id | concept_set | record_date
            ----------+-------------+------------
                    1 | dementia    | 2015-03-01
                    1 | dementia    | 2015-03-02
                    1 | dementia    | 2015-07-01
        """,
    ) == drawn("""
            person_id | outcome_date
            ----------+-------------
                    1 | 2015-03-02
    """)


def test_two_codes_on_one_day_confirm_nothing(build):
    """One visit can leave several rows; only a later day is a second opinion."""
    assert (
        build(
            "outcome",
            person="""
            person_id
            ---------
                    1
            """,
            condition_occurrence="""
            person_id | condition_concept_id | condition_start_date
            ----------+----------------------+---------------------
                    1 | 378419               | 2015-03-01
                    1 | 443605               | 2015-03-01
            """,
        )
        == NOBODY
    )


def test_a_code_in_observation_counts_like_one_in_conditions(build):
    """Where a source keeps a diagnosis is no matter."""
    assert build(
        "outcome",
        person="""
            person_id
            ---------
                    1
        """,
        condition_occurrence="""
            person_id | condition_concept_id | condition_start_date
            ----------+----------------------+---------------------
                    1 | 378419               | 2015-03-01
        """,
        observation="""
            person_id | observation_concept_id | observation_date
            ----------+------------------------+-----------------
                    1 | 378419                 | 2015-05-01
        """,
    ) == drawn("""
            person_id | outcome_date
            ----------+-------------
                    1 | 2015-05-01
    """)


def test_codes_730_days_apart_confirm_each_other_and_731_do_not(build):
    """The two records lie at most `confirmation_days` apart, whatever else is recorded between them."""
    assert build(
        "outcome",
        clinical_record="""
            person_id | concept_set | record_date
            ----------+-------------+------------
                    1 | dementia    | 2013-01-01
                    1 | depression  | 2014-01-01
                    1 | dementia    | 2015-01-01
                    2 | dementia    | 2013-01-01
                    2 | dementia    | 2015-01-02
        """,
    ) == drawn("""
            person_id | outcome_date
            ----------+-------------
                    1 | 2015-01-01
    """)


def test_a_code_too_old_to_be_confirmed_leaves_the_next_one_open(build):
    """Any two records in the window will do: here the third code confirms the second."""
    assert build(
        "outcome",
        clinical_record="""
            person_id | concept_set | record_date
            ----------+-------------+------------
                    1 | dementia    | 2011-01-01
                    1 | dementia    | 2015-03-01
                    1 | dementia    | 2016-03-01
        """,
    ) == drawn("""
            person_id | outcome_date
            ----------+-------------
                    1 | 2016-03-01
    """)


def test_an_anti_dementia_drug_after_the_code_confirms_it(build):
    """Dated on the day of the drug, up to 730 days after the code."""
    assert build(
        "outcome",
        clinical_record="""
            person_id | concept_set        | record_date
            ----------+--------------------+------------
                    1 | dementia           | 2013-01-01
                    1 | antidementia_drugs | 2015-01-01
                    2 | dementia           | 2013-01-01
                    2 | antidementia_drugs | 2015-01-02
        """,
    ) == drawn("""
            person_id | outcome_date
            ----------+-------------
                    1 | 2015-01-01
    """)


def test_an_anti_dementia_drug_before_the_code_confirms_it(build):
    """Dated on the day of the code, up to 730 days after the drug."""
    assert build(
        "outcome",
        clinical_record="""
            person_id | concept_set        | record_date
            ----------+--------------------+------------
                    1 | antidementia_drugs | 2013-01-01
                    1 | dementia           | 2015-01-01
                    2 | antidementia_drugs | 2013-01-01
                    2 | dementia           | 2015-01-02
        """,
    ) == drawn("""
            person_id | outcome_date
            ----------+-------------
                    1 | 2015-01-01
    """)


def test_a_code_and_a_drug_on_one_day_are_dementia_on_that_day(build):
    """Two kinds of evidence need no second day."""
    assert build(
        "outcome",
        clinical_record="""
            person_id | concept_set        | record_date
            ----------+--------------------+------------
                    1 | dementia           | 2015-03-01
                    1 | antidementia_drugs | 2015-03-01
        """,
    ) == drawn("""
            person_id | outcome_date
            ----------+-------------
                    1 | 2015-03-01
    """)


def test_anti_dementia_drugs_alone_are_not_dementia(build):
    """They are given for other reasons too, so any number of them is support and never the outcome."""
    assert (
        build(
            "outcome",
            clinical_record="""
            person_id | concept_set        | record_date
            ----------+--------------------+------------
                    1 | antidementia_drugs | 2015-03-01
                    1 | antidementia_drugs | 2015-04-01
            """,
        )
        == NOBODY
    )


def test_under_d3_a_code_within_30_days_of_delirium_does_not_count(build):
    """Delirium on the day of the first code or up to 30 days before it takes the code away; 31 days do not."""
    assert build(
        "outcome",
        tier="D3",
        clinical_record="""
            person_id | concept_set | record_date
            ----------+-------------+------------
                    1 | delirium    | 2015-03-01
                    1 | dementia    | 2015-03-01
                    1 | dementia    | 2015-06-01
                    2 | delirium    | 2015-03-01
                    2 | dementia    | 2015-03-31
                    2 | dementia    | 2015-06-01
                    3 | delirium    | 2015-03-01
                    3 | dementia    | 2015-04-01
                    3 | dementia    | 2015-06-01
        """,
    ) == drawn("""
            person_id | outcome_date
            ----------+-------------
                    3 | 2015-06-01
    """)


def test_under_d3_no_code_counts_once_a_secondary_cause_is_known(build):
    """A cause such as normal pressure hydrocephalus on or before the day of a code takes it away, not later."""
    assert build(
        "outcome",
        tier="D3",
        clinical_record="""
            person_id | concept_set              | record_date
            ----------+--------------------------+------------
                    1 | dementia                 | 2015-03-01
                    1 | dementia                 | 2015-06-01
                    1 | dementia_secondary_cause | 2015-06-01
                    2 | dementia                 | 2015-03-01
                    2 | dementia                 | 2015-06-01
                    2 | dementia_secondary_cause | 2015-06-02
        """,
    ) == drawn("""
            person_id | outcome_date
            ----------+-------------
                    2 | 2015-06-01
    """)


@pytest.mark.parametrize("other_set", ["delirium", "dementia_secondary_cause"])
def test_only_d3_asks_about_delirium_and_secondary_causes(build, other_set):
    """Under D2, the primary tier, neither takes a code away."""
    assert build(
        "outcome",
        clinical_record=f"""
            person_id | concept_set | record_date
            ----------+-------------+------------
                    1 | {other_set} | 2015-03-01
                    1 | dementia    | 2015-03-01
                    1 | dementia    | 2015-03-15
        """,
    ) == drawn("""
            person_id | outcome_date
            ----------+-------------
                    1 | 2015-03-15
    """)
