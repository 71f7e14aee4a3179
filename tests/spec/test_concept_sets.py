"""Which concepts, and which drug products, does the study ask for?"""

import pytest

from tests.spec.drawn import drawn

CAMAZEPAM = """
            drug      | concept_id
            ----------+-----------
            camazepam |
"""


def test_descendants_count_where_the_set_asks_for_them(build):
    """`includeDescendants`, resolved in the site's own hierarchy; the concept itself always counts."""
    assert build(
        "concept_set_member",
        concept_set_item="""
            concept_set | concept_id | include_descendants | is_excluded | without_hierarchy_only
            ------------+------------+---------------------+-------------+-----------------------
            insomnia    | 1          | true                | false       | false
            depression  | 2          | false               | false       | false
        """,
        concept_ancestor="""
            ancestor_concept_id | descendant_concept_id
            --------------------+----------------------
                              1 | 1
                              1 | 11
                              2 | 2
                              2 | 21
        """,
    ) == drawn("""
            concept_set | concept_id
            ------------+-----------
            insomnia    | 1
            insomnia    | 11
            depression  | 2
    """)


def test_an_exclusion_goes_before_every_inclusion(build):
    """What is excluded with its descendants is out, though an included concept is above it."""
    assert build(
        "concept_set_member",
        concept_set_item="""
            concept_set | concept_id | include_descendants | is_excluded | without_hierarchy_only
            ------------+------------+---------------------+-------------+-----------------------
            depression  | 1          | true                | false       | false
            depression  | 11         | true                | true        | false
        """,
        concept_ancestor="""
            ancestor_concept_id | descendant_concept_id
            --------------------+----------------------
                              1 | 11
                              1 | 12
                              1 | 111
                             11 | 111
        """,
    ) == drawn("""
            concept_set | concept_id
            ------------+-----------
            depression  | 1
            depression  | 12
    """)


def test_an_exclusion_without_descendants_takes_out_one_concept(build):
    """Its descendants stay, where an included concept is above them; and it is out of its own set alone."""
    assert build(
        "concept_set_member",
        concept_set_item="""
            concept_set | concept_id | include_descendants | is_excluded | without_hierarchy_only
            ------------+------------+---------------------+-------------+-----------------------
            depression  | 1          | true                | false       | false
            depression  | 11         | false               | true        | false
            insomnia    | 11         | false               | false       | false
        """,
        concept_ancestor="""
            ancestor_concept_id | descendant_concept_id
            --------------------+----------------------
                              1 | 11
                              1 | 111
                             11 | 111
        """,
    ) == drawn("""
            concept_set | concept_id
            ------------+-----------
            depression  | 1
            depression  | 111
            insomnia    | 11
    """)


def test_ids_written_out_count_only_where_the_cdm_has_no_hierarchy(build):
    """A CDM without `concept_ancestor` has no descendants to find: the explicit set of dementia stands in."""
    written_out = """
            concept_set | concept_id | include_descendants | is_excluded | without_hierarchy_only
            ------------+------------+---------------------+-------------+-----------------------
            dementia    | 1          | true                | false       | false
            dementia    | 11         | false               | false       | true
    """
    assert build("concept_set_member", concept_set_item=written_out) == drawn("""
            concept_set | concept_id
            ------------+-----------
            dementia    | 1
            dementia    | 11
    """)
    assert build(
        "concept_set_member",
        concept_set_item=written_out,
        concept_ancestor="""
            ancestor_concept_id | descendant_concept_id
            --------------------+----------------------
                              1 | 12
        """,
    ) == drawn("""
            concept_set | concept_id
            ------------+-----------
            dementia    | 1
            dementia    | 12
    """)


def test_dementia_caused_by_sedatives_is_not_the_outcome(build):
    """Concept 4245766 lies below dementia; the exposure would be its own outcome. At entry it is prevalent dementia."""
    assert build(
        "clinical_record",
        person="""
            person_id
            ---------
                    1
        """,
        condition_occurrence="""
            person_id | condition_concept_id | condition_start_date
            ----------+----------------------+---------------------
                    1 | 4245766              | 2015-03-01
        """,
        concept_ancestor="""
            ancestor_concept_id | descendant_concept_id
            --------------------+----------------------
            4182210             | 4245766
            376095              | 4245766
        """,
    ) == drawn("""
            concept_set              | record_date
            -------------------------+------------
            dementia_broad           | 2015-03-01
            dementia_secondary_cause | 2015-03-01
    """)


def test_a_drug_without_a_known_id_is_found_by_its_name(build):
    """The standard concept of class Ingredient with that name, in any case of letters."""
    assert build(
        "study_ingredient",
        study_drug=CAMAZEPAM,
        concept="""
            concept_id | concept_name | concept_class_id | standard_concept
            -----------+--------------+------------------+-----------------
                     1 | camazepam    | Brand Name       | S
                     2 | camazepam    | Ingredient       |
                     3 | Camazepam    | Ingredient       | S
                     4 | temazepam    | Ingredient       | S
        """,
    ) == drawn("""
            drug      | ingredient_concept_id
            ----------+----------------------
            camazepam | 3
    """)


def test_a_drug_that_the_site_does_not_know_is_left_out(build):
    """Nothing by that name, no records to find: the drug has no row, and the others keep theirs."""
    assert build(
        "study_ingredient",
        study_drug="""
            drug      | concept_id
            ----------+-----------
            camazepam |
            diazepam  | 723013
        """,
    ) == drawn("""
            drug     | ingredient_concept_id
            ---------+----------------------
            diazepam | 723013
    """)


@pytest.mark.parametrize(
    "found_by",
    [
        {"concept_ancestor": "ancestor_concept_id | descendant_concept_id\n---+---\n 723013 | 7"},
        {"drug_strength": "ingredient_concept_id | drug_concept_id\n---+---\n 723013 | 7"},
    ],
    ids=["concept_ancestor", "drug_strength"],
)
def test_a_product_is_found_by_the_hierarchy_or_by_its_strength(build, found_by):
    """Either is enough; a record coded to the ingredient itself is found in any case."""
    assert build(
        "drug_product",
        study_ingredient="""
            drug     | ingredient_concept_id
            ---------+----------------------
            diazepam | 723013
        """,
        **found_by,
    ) == drawn("""
            drug_concept_id | ingredient_concept_id
            ----------------+----------------------
                          7 | 723013
                     723013 | 723013
    """)
