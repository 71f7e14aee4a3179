"""What if another diagnosis than dementia is the outcome?

`outcome.diagnosis` chooses it. Its codes, the drugs that confirm them, the tier, what keeps a person out at entry and
what ends follow-up are those of `config/diagnoses.toml`, each with its reason.
"""

import pytest

from cohort.diagnoses import load_diagnoses
from tests.spec.drawn import drawn

KINDS = ("alzheimers_disease", "vascular_dementia")
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
FOLLOWED = {"person": PERSON, "birth": BIRTH, "entry": ENTRY}
NOBODY = drawn("""
            person_id | outcome_date
            ----------+-------------
""")


def test_only_codes_of_the_diagnosis_are_the_outcome(build):
    """For Alzheimer's disease neither an unspecified dementia (4182210) nor a vascular one (443605) is a case."""
    assert build(
        "outcome",
        diagnosis="alzheimers_disease",
        person="""
            person_id
            ---------
                    1
                    2
                    3
        """,
        condition_occurrence="""
            person_id | condition_concept_id | condition_start_date
            ----------+----------------------+---------------------
                    1 | 378419               | 2015-03-01
                    1 | 378419               | 2015-06-01
                    2 | 4182210              | 2015-03-01
                    2 | 4182210              | 2015-06-01
                    3 | 443605               | 2015-03-01
                    3 | 443605               | 2015-06-01
        """,
    ) == drawn("""
            person_id | outcome_date
            ----------+-------------
                    1 | 2015-06-01
    """)


@pytest.mark.parametrize("diagnosis", KINDS)
def test_an_anti_dementia_drug_confirms_a_dementia_of_a_stated_kind(build, diagnosis):
    """The code says which dementia, the drug that it is one."""
    assert build(
        "outcome",
        diagnosis=diagnosis,
        clinical_record=f"""
            person_id | concept_set        | record_date
            ----------+--------------------+------------
                    1 | {diagnosis}        | 2015-03-01
                    1 | antidementia_drugs | 2015-05-01
                    2 | dementia           | 2015-03-01
                    2 | antidementia_drugs | 2015-05-01
        """,
    ) == drawn("""
            person_id | outcome_date
            ----------+-------------
                    1 | 2015-05-01
    """)


def test_no_drug_confirms_bipolar_disorder(build):
    """Neither anti-dementia drugs nor lithium; a second code within two years does."""
    assert build(
        "outcome",
        diagnosis="bipolar_disorder",
        clinical_record="""
            person_id | concept_set        | record_date
            ----------+--------------------+------------
                    1 | bipolar_disorder   | 2013-01-01
                    1 | antidementia_drugs | 2013-02-01
                    1 | lithium            | 2013-02-01
                    2 | bipolar_disorder   | 2013-01-01
                    2 | bipolar_disorder   | 2015-01-01
                    3 | bipolar_disorder   | 2013-01-01
                    3 | bipolar_disorder   | 2015-01-02
        """,
    ) == drawn("""
            person_id | outcome_date
            ----------+-------------
                    2 | 2015-01-01
    """)


def test_the_first_code_is_mild_cognitive_impairment(build):
    """D1 is its own tier: the state comes and goes, so a second code may never come."""
    assert build(
        "outcome",
        diagnosis="mild_cognitive_impairment",
        clinical_record="""
            person_id | concept_set               | record_date
            ----------+---------------------------+------------
                    1 | mild_cognitive_impairment | 2015-03-01
                    1 | mild_cognitive_impairment | 2016-03-01
                    2 | antidementia_drugs        | 2015-03-01
        """,
    ) == drawn("""
            person_id | outcome_date
            ----------+-------------
                    1 | 2015-03-01
    """)


def test_a_tier_that_is_set_goes_before_the_diagnosis_s_own(build):
    """So does every other field: here mild cognitive impairment needs a second code."""
    assert (
        build(
            "outcome",
            diagnosis="mild_cognitive_impairment",
            tier="D2",
            clinical_record="""
            person_id | concept_set               | record_date
            ----------+---------------------------+------------
                    1 | mild_cognitive_impairment | 2015-03-01
            """,
        )
        == NOBODY
    )


@pytest.mark.parametrize("diagnosis", KINDS)
@pytest.mark.parametrize("found", ["dementia", "dementia_broad", "dementia_history", "antidementia_drugs"])
def test_any_dementia_at_entry_keeps_a_person_out_of_a_study_of_one_kind(build, diagnosis, found):
    """Who has a dementia already can no longer be followed for the first diagnosis of one kind of it."""
    assert build(
        "eligibility",
        diagnosis=diagnosis,
        **FOLLOWED,
        clinical_record=f"""
            person_id | concept_set | record_date
            ----------+-------------+------------
                    1 | {found}     | 2011-01-01
        """,
    ) == drawn("""
            person_id | has_no_prior_outcome
            ----------+---------------------
                    1 | false
    """)


@pytest.mark.parametrize(
    ("diagnosis", "found", "is_free"),
    [
        ("mild_cognitive_impairment", "mild_cognitive_impairment", "false"),
        ("mild_cognitive_impairment", "dementia", "false"),
        ("mild_cognitive_impairment", "antidementia_drugs", "false"),
        ("mild_cognitive_impairment", "bipolar_disorder", "true"),
        ("bipolar_disorder", "bipolar_disorder", "false"),
        ("bipolar_disorder", "dementia", "true"),
        ("bipolar_disorder", "antidementia_drugs", "true"),
        ("dementia", "mild_cognitive_impairment", "true"),
    ],
)
def test_each_diagnosis_has_exclusions_of_its_own_at_entry(build, diagnosis, found, is_free):
    """Dementia is past mild cognitive impairment and keeps out of it; it has no part in bipolar disorder."""
    record = f"""
            person_id | concept_set | record_date
            ----------+-------------+------------
                    1 | {found}     | 2010-01-01
    """
    assert build("eligibility", diagnosis=diagnosis, **FOLLOWED, clinical_record=record) == drawn(f"""
            person_id | has_no_prior_outcome
            ----------+---------------------
                    1 | {is_free}
    """)


def test_another_stated_dementia_ends_follow_up_and_is_no_event(build):
    """It competes as death does: from then on nobody can be followed for a first Alzheimer's disease.

    It is confirmed by the same tier, and dated on that day; what comes later is not looked at.
    """
    assert build(
        "cohort",
        diagnosis="alzheimers_disease",
        **FOLLOWED,
        clinical_record="""
            person_id | concept_set        | record_date
            ----------+--------------------+------------
                    1 | vascular_dementia  | 2013-01-01
                    1 | lewy_body_dementia | 2014-01-01
                    1 | alzheimers_disease | 2015-01-01
                    1 | alzheimers_disease | 2016-01-01
        """,
    ) == drawn("""
            person_id | exit_date  | exit_reason
            ----------+------------+--------------------
                    1 | 2014-01-01 | competing diagnosis
    """)


def test_one_code_of_another_dementia_ends_nothing(build):
    """An error as likely as one code of the outcome: the person stays at risk, and may become a case."""
    assert build(
        "cohort",
        diagnosis="alzheimers_disease",
        **FOLLOWED,
        clinical_record="""
            person_id | concept_set        | record_date
            ----------+--------------------+------------
                    1 | vascular_dementia  | 2013-01-01
                    1 | alzheimers_disease | 2015-01-01
                    1 | alzheimers_disease | 2016-01-01
        """,
    ) == drawn("""
            person_id | exit_date  | exit_reason
            ----------+------------+-------------------
                    1 | 2016-01-01 | alzheimers_disease
    """)


def test_an_unspecified_dementia_does_not_end_follow_up(build):
    """It often comes before the code of its kind (4182210 twice, then 378419 twice)."""
    assert build(
        "cohort",
        diagnosis="alzheimers_disease",
        **FOLLOWED,
        condition_occurrence="""
            person_id | condition_concept_id | condition_start_date
            ----------+----------------------+---------------------
                    1 | 4182210              | 2013-01-01
                    1 | 4182210              | 2013-06-01
                    1 | 378419               | 2015-01-01
                    1 | 378419               | 2016-01-01
        """,
    ) == drawn("""
            person_id | exit_date  | exit_reason
            ----------+------------+-------------------
                    1 | 2016-01-01 | alzheimers_disease
    """)


def test_of_two_dementias_confirmed_on_one_day_the_outcome_counts(build):
    """A mixed dementia has codes of both kinds: it is a case of either."""
    assert build(
        "cohort",
        diagnosis="vascular_dementia",
        **FOLLOWED,
        clinical_record="""
            person_id | concept_set        | record_date
            ----------+--------------------+------------
                    1 | vascular_dementia  | 2013-01-01
                    1 | alzheimers_disease | 2013-01-01
                    1 | antidementia_drugs | 2014-01-01
        """,
    ) == drawn("""
            person_id | exit_date  | exit_reason
            ----------+------------+------------------
                    1 | 2014-01-01 | vascular_dementia
    """)


def test_what_competes_and_death_on_one_day_count_as_what_competes(build):
    """As for the outcome: who dies on the day of a diagnosis had the disease."""
    assert build(
        "cohort",
        diagnosis="mild_cognitive_impairment",
        **FOLLOWED,
        death="""
            person_id | death_date
            ----------+-----------
                    1 | 2014-01-01
        """,
        clinical_record="""
            person_id | concept_set | record_date
            ----------+-------------+------------
                    1 | dementia    | 2014-01-01
        """,
    ) == drawn("""
            person_id | exit_date  | exit_reason
            ----------+------------+--------------------
                    1 | 2014-01-01 | competing diagnosis
    """)


def test_a_first_dementia_code_ends_follow_up_for_mild_cognitive_impairment(build):
    """Nobody gets it after dementia; a code of it that comes later is not counted."""
    assert build(
        "cohort",
        diagnosis="mild_cognitive_impairment",
        **FOLLOWED,
        clinical_record="""
            person_id | concept_set               | record_date
            ----------+---------------------------+------------
                    1 | dementia                  | 2014-01-01
                    1 | mild_cognitive_impairment | 2015-01-01
        """,
    ) == drawn("""
            person_id | exit_date  | exit_reason
            ----------+------------+--------------------
                    1 | 2014-01-01 | competing diagnosis
    """)


def test_dementia_does_not_end_follow_up_for_bipolar_disorder(build):
    """Nothing competes with it but death."""
    assert build(
        "cohort",
        diagnosis="bipolar_disorder",
        **FOLLOWED,
        clinical_record="""
            person_id | concept_set      | record_date
            ----------+------------------+------------
                    1 | dementia         | 2013-01-01
                    1 | dementia         | 2013-06-01
                    1 | bipolar_disorder | 2015-01-01
                    1 | bipolar_disorder | 2016-01-01
        """,
    ) == drawn("""
            person_id | exit_date  | exit_reason
            ----------+------------+-----------------
                    1 | 2016-01-01 | bipolar_disorder
    """)


def test_without_competing_sets_who_has_another_dementia_stays_at_risk(build):
    """`competing_sets = []` is the other convention; it is a choice of the protocol."""
    assert build(
        "cohort",
        diagnosis="alzheimers_disease",
        competing_sets=(),
        **FOLLOWED,
        clinical_record="""
            person_id | concept_set       | record_date
            ----------+-------------------+------------
                    1 | vascular_dementia | 2013-01-01
                    1 | vascular_dementia | 2014-01-01
        """,
    ) == drawn("""
            person_id | exit_date  | exit_reason
            ----------+------------+-------------------
                    1 | 2019-12-31 | end of observation
    """)


def test_what_competes_on_or_before_entry_keeps_a_person_out(build):
    """Whatever `prevalent_sets` says, as for the outcome itself: follow-up cannot end before it begins."""
    assert build(
        "eligibility",
        diagnosis="alzheimers_disease",
        prevalent_sets=("dementia_history",),
        **FOLLOWED,
        clinical_record="""
            person_id | concept_set       | record_date
            ----------+-------------------+------------
                    1 | vascular_dementia | 2010-06-01
                    1 | vascular_dementia | 2011-01-01
        """,
    ) == drawn("""
            person_id | has_no_prior_outcome
            ----------+---------------------
                    1 | false
    """)


def test_a_competing_diagnosis_is_a_mark_of_its_own_in_person_time(build):
    """It stands in the last interval, which has neither an event nor a death."""
    assert build(
        "person_time",
        diagnosis="alzheimers_disease",
        cohort="""
            person_id | birth_date | entry_date | entry_day | exit_day | exit_reason
            ----------+------------+------------+-----------+----------+--------------------
                    1 | 1950-01-01 | 2012-01-01 | 22645     | 24000    | competing diagnosis
                    2 | 1950-01-01 | 2012-01-01 | 22645     | 23000    | alzheimers_disease
                    3 | 1950-01-01 | 2012-01-01 | 22645     | 23000    | death
        """,
    ) == drawn("""
            person_id | start_day | stop_day | event | competing_diagnosis | death
            ----------+-----------+----------+-------+---------------------+------
                    1 | 22645     | 23740    | 0     | 0                   | 0
                    1 | 23740     | 24000    | 0     | 1                   | 0
                    2 | 22645     | 23000    | 1     | 0                   | 0
                    3 | 22645     | 23000    | 0     | 0                   | 1
    """)


@pytest.mark.parametrize("diagnosis", list(load_diagnoses()))
def test_the_flow_chart_names_what_kept_a_person_out(build, diagnosis):
    """In the words of the diagnosis, or by the names of the sets where the protocol has others."""
    own = {row[1] for row in build("attrition", diagnosis=diagnosis, person=PERSON).only(["reason_id", "reason"])}
    assert load_diagnoses()[diagnosis].free_of in own
    changed = build("attrition", diagnosis=diagnosis, prevalent_sets=("delirium",), person=PERSON)
    words = load_diagnoses()[diagnosis].words
    assert (4, f"No record of {words}, delirium on or before entry") in changed.only(["reason_id", "reason"])


@pytest.mark.parametrize(
    ("concept_id", "diagnosis"),
    [(4043241, "alzheimers_disease"), (377254, "vascular_dementia"), (4178618, "lewy_body_dementia")],
)
def test_without_a_hierarchy_the_descendants_of_a_kind_are_written_out(build, concept_id, diagnosis):
    """As for dementia: a set `x_explicit` stands in for the descendants of `x`, whichever of its roles `x` has."""
    record = f"""
            person_id | condition_concept_id | condition_start_date
            ----------+----------------------+---------------------
                    1 | {concept_id}         | 2015-03-01
    """
    chosen = diagnosis if diagnosis in KINDS else "alzheimers_disease"
    rows = build("clinical_record", diagnosis=chosen, person=PERSON, condition_occurrence=record)
    assert {(diagnosis,), ("dementia",)} <= set(rows.only(["concept_set"]))
