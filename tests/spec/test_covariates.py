"""What is known of a person at entry?"""

import pytest

from cohort.covariates import covariate_names
from tests.spec.drawn import drawn

COHORT = """
            person_id | birth_date | entry_date | entry_day | exit_day
            ----------+------------+------------+-----------+---------
                    1 | 1950-01-01 | 2012-01-01 | 22645     | 23000
                    2 | 1950-01-01 | 2011-12-31 | 22644     | 23000
"""


def test_a_covariate_is_a_record_on_or_before_entry(build):
    """The day of entry counts, the day after does not: nothing after time zero is adjusted for."""
    assert build(
        "covariate",
        cohort=COHORT,
        clinical_record="""
            person_id | concept_set | record_date
            ----------+-------------+------------
                    1 | depression  | 2012-01-01
                    2 | depression  | 2012-01-01
        """,
    ) == drawn("""
            person_id | depression
            ----------+-----------
                    1 | 1
                    2 | 0
    """)


def test_covariates_look_at_the_whole_history(build):
    """However long ago, and however often; each covariate is looked at on its own."""
    assert build(
        "covariate",
        cohort=COHORT,
        clinical_record="""
            person_id | concept_set      | record_date
            ----------+------------------+------------
                    1 | anxiety_disorder | 1971-08-09
                    1 | anxiety_disorder | 2010-08-09
                    1 | insomnia         | 2011-12-31
                    2 | insomnia         | 2013-08-09
        """,
    ) == drawn("""
            person_id | anxiety_disorder | depression | insomnia
            ----------+------------------+------------+---------
                    1 | 1                | 0          | 1
                    2 | 0                | 0          | 0
    """)


def test_covariates_are_read_from_conditions_and_observations(build):
    """Depressive disorder (440383) and panic disorder (436074), wherever a source keeps them."""
    assert build(
        "covariate",
        cohort=COHORT,
        person="""
            person_id
            ---------
                    1
                    2
        """,
        condition_occurrence="""
            person_id | condition_concept_id | condition_start_date
            ----------+----------------------+---------------------
                    1 | 440383               | 2011-05-06
        """,
        observation="""
            person_id | observation_concept_id | observation_date
            ----------+------------------------+-----------------
                    2 | 436074                 | 2011-05-06
        """,
    ) == drawn("""
            person_id | anxiety_disorder | depression
            ----------+------------------+-----------
                    1 | 0                | 1
                    2 | 1                | 0
    """)


def test_records_of_persons_outside_the_cohort_make_no_row(build):
    """One row per person of the cohort, with a value for each covariate, and no other row."""
    assert build(
        "covariate",
        cohort=COHORT,
        clinical_record="""
            person_id | concept_set | record_date
            ----------+-------------+------------
                    3 | depression  | 2011-05-06
        """,
    ) == drawn("""
            person_id | depression
            ----------+-----------
                    1 | 0
                    2 | 0
    """)


@pytest.mark.parametrize("covariate", covariate_names())
def test_each_covariate_has_its_own_column(build, covariate):
    """A record of one concept set is seen in the column of that name and in no other, to the end of the way."""
    rows = build(
        "person_time",
        cohort="""
            person_id | birth_date | entry_date | entry_day | exit_day
            ----------+------------+------------+-----------+---------
                    1 | 1950-01-01 | 2012-01-01 | 22645     | 23000
        """,
        clinical_record=f"""
            person_id | concept_set | record_date
            ----------+-------------+------------
                    1 | {covariate} | 2011-05-06
        """,
    ).only(covariate_names())
    assert rows == [tuple(int(name == covariate) for name in covariate_names())]


def test_covariates_stay_the_same_through_a_person_s_time(build):
    """Every interval carries what was known at entry."""
    assert build(
        "person_time",
        cohort="""
            person_id | birth_date | entry_date | entry_day | exit_day
            ----------+------------+------------+-----------+---------
                    1 | 1950-01-01 | 2012-01-01 | 22645     | 24000
        """,
        clinical_record="""
            person_id | concept_set      | record_date
            ----------+------------------+------------
                    1 | anxiety_disorder | 2011-05-06
                    1 | depression       | 2012-05-06
        """,
    ) == drawn("""
            start_day | stop_day | anxiety_disorder | depression
            ----------+----------+------------------+-----------
            22645     | 23740    | 1                | 0
            23740     | 24000    | 1                | 0
    """)


def test_a_look_back_leaves_out_what_was_recorded_before_it(build):
    """With covariate_lookback_days = 365 a record counts from 365 days before entry to the day of entry."""
    assert build(
        "covariate",
        covariate_lookback_days=365,
        cohort=COHORT,
        clinical_record="""
            person_id | concept_set | record_date
            ----------+-------------+------------
                    1 | depression  | 2011-01-01
                    1 | insomnia    | 2012-01-01
                    1 | insomnia    | 2001-01-01
                    2 | depression  | 2010-12-30
                    2 | insomnia    | 2012-01-01
        """,
    ) == drawn("""
            person_id | depression | insomnia
            ----------+------------+---------
                    1 | 1          | 1
                    2 | 0          | 0
    """)


def test_the_models_look_back_as_far_as_the_covariates_do(build):
    """Person-time and the patterns of the risk sets say the same of a person."""
    assert build(
        "profile",
        covariate_lookback_days=365,
        covariates=["depression", "insomnia"],
        cohort=COHORT,
        clinical_record="""
            person_id | concept_set | record_date
            ----------+-------------+------------
                    1 | depression  | 2011-01-01
                    1 | insomnia    | 2010-12-31
                    2 | insomnia    | 2011-12-31
        """,
    ) == drawn("""
            person_id | covariates
            ----------+-----------
                    1 | depression
                    2 | insomnia
    """)


ENTRIES = """
            person_id | entry_date
            ----------+-----------
                    1 | 2012-01-01
                    2 | 2011-12-31
"""
PERSONS = """
            person_id
            ---------
                    1
                    2
"""


def test_drug_classes_are_read_from_drug_records(build):
    """Citalopram (797617) of the SSRIs on the day of entry, and simvastatin (1539403) of the statins a day late."""
    assert build(
        "covariate",
        cohort=COHORT,
        entry=ENTRIES,
        person=PERSONS,
        drug_exposure="""
            drug_exposure_id | person_id | drug_concept_id | drug_exposure_start_date
            -----------------+-----------+-----------------+-------------------------
                           1 |         1 | 797617          | 2012-01-01
                           2 |         2 | 1539403         | 2012-01-01
        """,
    ) == drawn("""
            person_id | ssri | statins
            ----------+------+--------
                    1 | 1    | 0
                    2 | 0    | 0
    """)


def test_of_drugs_that_are_only_covariates_no_record_after_entry_is_kept(build):
    """They are most of drug_exposure; donepezil (715997), which confirms dementia, is followed to the end."""
    assert build(
        "drug_record",
        entry=ENTRIES,
        person=PERSONS,
        drug_exposure="""
            drug_exposure_id | person_id | drug_concept_id | drug_exposure_start_date
            -----------------+-----------+-----------------+-------------------------
                           1 |         1 | 797617          | 2011-01-01
                           2 |         1 | 797617          | 2012-01-02
                           3 |         1 | 715997          | 2012-01-02
        """,
    ) == drawn("""
            drug_exposure_id
            ----------------
                           1
                           3
    """)


def test_a_product_with_a_study_drug_in_it_is_no_covariate(build):
    """Amitriptyline (710062) with chlordiazepoxide (990678) is exposure, and does not count as a tricyclic too."""
    assert build(
        "covariate",
        cohort=COHORT,
        entry=ENTRIES,
        person=PERSONS,
        concept_ancestor="""
            ancestor_concept_id | descendant_concept_id
            --------------------+----------------------
            710062              | 900
            990678              | 900
            710062              | 901
        """,
        concept="""
            concept_id | concept_name
            -----------+--------------------
            990678     | chlordiazepoxide
        """,
        drug_exposure="""
            drug_exposure_id | person_id | drug_concept_id | drug_exposure_start_date
            -----------------+-----------+-----------------+-------------------------
                           1 |         1 | 900             | 2011-01-01
                           2 |         2 | 901             | 2011-01-01
        """,
    ) == drawn("""
            person_id | tca
            ----------+----
                    1 | 0
                    2 | 1
    """)
