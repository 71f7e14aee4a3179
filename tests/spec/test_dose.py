"""What dose does a fill give per day, by which rule, and which fills count?

Ingredients: 723013 diazepam, 798874 clonazepam, 791967 lorazepam, 781039 alprazolam. Units: 8576 mg, 9655 microgram,
8504 gram, 8587 mL, 8519 litre, 8505 hour, 8718 international unit, 45744809 actuation. Routes: 4132161 oral,
4171047 intravenous.
"""

import pytest

from tests.spec.drawn import drawn

PRODUCT = """
            drug_concept_id | ingredient_concept_id
            ----------------+----------------------
                          1 | 723013
"""
PERSON = """
            person_id
            ---------
                    1
"""
STRENGTH = """
            drug_concept_id | ingredient_concept_id | strength_rule | strength_mg
            ----------------+-----------------------+---------------+------------
                          1 | 723013                | amount        | 5
"""


# --- mg in one unit of quantity ------------------------------------------------------------------------------


def test_a_tablet_holds_the_amount_of_its_strength(build):
    """`amount_value` in mg; micrograms and grams become mg."""
    assert build(
        "strength",
        drug_product="""
            drug_concept_id | ingredient_concept_id
            ----------------+----------------------
                          1 | 723013
                          2 | 798874
                          3 | 791967
        """,
        drug_strength="""
            drug_concept_id | ingredient_concept_id | amount_value | amount_unit_concept_id
            ----------------+-----------------------+--------------+-----------------------
                          1 | 723013                | 5            | 8576
                          2 | 798874                | 500          | 9655
                          3 | 791967                | 0.001        | 8504
        """,
    ) == drawn("""
            drug_concept_id | strength_mg | strength_unit | strength_rule | strength_problem
            ----------------+-------------+---------------+---------------+-----------------
                          1 | 5           | mg            | amount        |
                          2 | 0.5         | microgram     | amount        |
                          3 | 1           | gram          | amount        |
    """)


def test_the_quantity_of_a_liquid_is_in_millilitres(build):
    """A concentration: the numerator is per mL; per litre it is a thousandth of that."""
    assert build(
        "strength",
        drug_product="""
            drug_concept_id | ingredient_concept_id
            ----------------+----------------------
                          1 | 723013
                          2 | 723013
        """,
        drug_strength="""
            drug_concept_id | ingredient_concept_id | numerator_value | numerator_unit_concept_id | denominator_unit_concept_id
            ----------------+-----------------------+-----------------+---------------------------+----------------------------
                          1 | 723013                | 2               | 8576                      | 8587
                          2 | 723013                | 400             | 8576                      | 8519
        """,  # noqa: E501 - the columns are the CDM's
    ) == drawn("""
            drug_concept_id | strength_mg | strength_rule
            ----------------+-------------+--------------
                          1 | 2           | concentration
                          2 | 2/5         | concentration
    """)


def test_the_quantity_of_a_quantified_liquid_is_in_containers(build):
    """10 mg in 2 mL: one container holds the whole numerator, 10 mg and not 5."""
    assert build(
        "strength",
        drug_product=PRODUCT,
        drug_strength="""
            drug_concept_id | ingredient_concept_id | numerator_value | numerator_unit_concept_id | denominator_value | denominator_unit_concept_id
            ----------------+-----------------------+-----------------+---------------------------+-------------------+----------------------------
                          1 | 723013                | 10              | 8576                      | 2                 | 8587
        """,  # noqa: E501 - the columns are the CDM's
    ) == drawn("""
            drug_concept_id | strength_mg | strength_rule
            ----------------+-------------+--------------
                          1 | 10          | quantified
    """)


def test_an_extended_release_tablet_counts_by_the_piece(build):
    """3 mg per 24 hours, 120 tablets for 30 days: 12 mg a day, not the 3 mg that the rate would give."""
    assert build(
        "dose",
        person=PERSON,
        drug_strength="""
            drug_concept_id | ingredient_concept_id | numerator_value | numerator_unit_concept_id | denominator_value | denominator_unit_concept_id
            ----------------+-----------------------+-----------------+---------------------------+-------------------+----------------------------
                          2 | 781039                | 3               | 8576                      | 24                | 8505
        """,  # noqa: E501 - the columns are the CDM's
        drug_exposure="""
            drug_exposure_id | person_id | drug_concept_id | drug_exposure_start_date | days_supply | quantity
            -----------------+-----------+-----------------+--------------------------+-------------+---------
                           7 | 1         | 2               | 2012-01-01               | 30          | 120
        """,
    ) == drawn("""
            drug_exposure_id | drug       | mg_per_day | rule             | status
            -----------------+------------+------------+------------------+---------
                           7 | alprazolam | 12         | per hour release | computed
    """)


def test_a_rate_of_release_without_its_hours_makes_the_dose_unknown(build):
    """0.01 mg an hour: a patch of a day holds 0.24 mg and one of a week 1.68, and nothing says which it is."""
    assert build(
        "strength",
        drug_product=PRODUCT,
        drug_strength="""
            drug_concept_id | ingredient_concept_id | numerator_value | numerator_unit_concept_id | denominator_unit_concept_id
            ----------------+-----------------------+-----------------+---------------------------+----------------------------
                          1 | 723013                | 0.01            | 8576                      | 8505
        """,  # noqa: E501 - the columns are the CDM's
    ) == drawn("""
            strength_mg | strength_rule | strength_unit | strength_problem
            ------------+---------------+---------------+-----------------------------------
                        | none          | mg            | release per hour without its hours
    """)


def test_each_study_drug_of_a_combination_gives_its_own_dose(build):
    """Product 1 is chlordiazepoxide with amitriptyline (710062), no study drug; product 2 holds two study drugs."""
    assert build(
        "dose",
        person=PERSON,
        drug_strength="""
            drug_concept_id | ingredient_concept_id | amount_value | amount_unit_concept_id
            ----------------+-----------------------+--------------+-----------------------
                          1 | 990678                | 5            | 8576
                          1 | 710062                | 12.5         | 8576
                          2 | 723013                | 10           | 8576
                          2 | 791967                | 1            | 8576
        """,
        drug_exposure="""
            drug_exposure_id | person_id | drug_concept_id | drug_exposure_start_date | days_supply | quantity
            -----------------+-----------+-----------------+--------------------------+-------------+---------
                           7 | 1         | 1               | 2012-01-01               | 30          | 60
                           8 | 1         | 2               | 2012-03-01               | 30          | 60
        """,
    ) == drawn("""
            drug_exposure_id | drug             | mg_per_day
            -----------------+------------------+-----------
                           7 | chlordiazepoxide | 10
                           8 | diazepam         | 20
                           8 | lorazepam        | 2
    """)


def test_strength_rows_that_agree_count_once(build):
    """5 mg and 0.005 g are one strength: a second row must never double a fill."""
    assert build(
        "strength",
        drug_product=PRODUCT,
        drug_strength="""
            drug_concept_id | ingredient_concept_id | amount_value | amount_unit_concept_id
            ----------------+-----------------------+--------------+-----------------------
                          1 | 723013                | 5            | 8576
                          1 | 723013                | 0.005        | 8504
        """,
    ) == drawn("""
            drug_concept_id | strength_mg | strength_problem
            ----------------+-------------+-----------------
                          1 | 5           |
    """)


def test_strength_rows_that_disagree_make_the_dose_unknown(build):
    """A pack of two strengths does not say how many of each were given."""
    assert build(
        "strength",
        drug_product=PRODUCT,
        drug_strength="""
            drug_concept_id | ingredient_concept_id | amount_value | amount_unit_concept_id
            ----------------+-----------------------+--------------+-----------------------
                          1 | 723013                | 5            | 8576
                          1 | 723013                | 10           | 8576
        """,
    ) == drawn("""
            drug_concept_id | strength_mg | strength_rule | strength_unit | strength_problem
            ----------------+-------------+---------------+---------------+------------------
                          1 |             | none          | mg            | several strengths
    """)


def test_an_expired_strength_counts_only_where_no_valid_one_exists(build):
    """Old records of a product that left the market still get its last known strength."""
    assert build(
        "strength",
        drug_product="""
            drug_concept_id | ingredient_concept_id
            ----------------+----------------------
                          1 | 723013
                          2 | 723013
        """,
        drug_strength="""
            drug_concept_id | ingredient_concept_id | amount_value | amount_unit_concept_id | invalid_reason
            ----------------+-----------------------+--------------+------------------------+---------------
                          1 | 723013                | 5            | 8576                   |
                          1 | 723013                | 50           | 8576                   | D
                          2 | 723013                | 2            | 8576                   | D
        """,
    ) == drawn("""
            drug_concept_id | strength_mg
            ----------------+------------
                          1 | 5
                          2 | 2
    """)


@pytest.mark.parametrize(
    ("missing_strength_unit", "outcome"),
    [
        ("mg", "5 | amount, unit assumed mg | not stated | "),
        ("unknown", " | none | not stated | strength unit missing"),
    ],
)
def test_a_strength_without_a_unit_is_in_mg_or_unknown(build, missing_strength_unit, outcome):
    """The protocol says which; the assumption is part of the rule's name, so that its share is seen."""
    assert build(
        "strength",
        missing_strength_unit=missing_strength_unit,
        drug_product=PRODUCT,
        drug_strength="""
            drug_concept_id | ingredient_concept_id | amount_value | amount_unit_concept_id
            ----------------+-----------------------+--------------+-----------------------
                          1 | 723013                | 5            |
        """,
    ) == drawn(f"""
            strength_mg | strength_rule | strength_unit | strength_problem
            ------------+---------------+---------------+-----------------
            {outcome}
    """)


def test_a_strength_that_is_no_mass_makes_the_dose_unknown(build):
    """International units (8718) have no mg."""
    assert build(
        "strength",
        drug_product=PRODUCT,
        drug_strength="""
            drug_concept_id | ingredient_concept_id | amount_value | amount_unit_concept_id
            ----------------+-----------------------+--------------+-----------------------
                          1 | 723013                | 100          | 8718
        """,
    ) == drawn("""
            strength_mg | strength_rule | strength_unit | strength_problem
            ------------+---------------+---------------+-------------------------
                        | none          | not a mass    | strength unit not a mass
    """)


def test_a_strength_that_is_no_mass_does_not_spoil_one_that_is(build):
    """The same content in mg, or without a unit, and in international units: the mg count, and their unit is named."""
    assert build(
        "strength",
        drug_product="""
            drug_concept_id | ingredient_concept_id
            ----------------+----------------------
                          1 | 723013
                          2 | 723013
        """,
        drug_strength="""
            drug_concept_id | ingredient_concept_id | amount_value | amount_unit_concept_id
            ----------------+-----------------------+--------------+-----------------------
                          1 | 723013                | 5            | 8576
                          1 | 723013                | 100          | 8718
                          2 | 723013                | 5            |
                          2 | 723013                | 100          | 8718
        """,
    ) == drawn("""
            drug_concept_id | strength_mg | strength_rule           | strength_unit | strength_problem
            ----------------+-------------+-------------------------+---------------+-----------------
                          1 | 5           | amount                  | mg            |
                          2 | 5           | amount, unit assumed mg | not stated    |
    """)


def test_a_strength_per_puff_makes_the_dose_unknown(build):
    """Per actuation, mg or cm2 nothing says what a quantity counts: puffs, containers or mL."""
    assert build(
        "strength",
        drug_product=PRODUCT,
        drug_strength="""
            drug_concept_id | ingredient_concept_id | numerator_value | numerator_unit_concept_id | denominator_unit_concept_id
            ----------------+-----------------------+-----------------+---------------------------+----------------------------
                          1 | 723013                | 5               | 8576                      | 45744809
        """,  # noqa: E501 - the columns are the CDM's
    ) == drawn("""
            strength_mg | strength_rule | strength_unit | strength_problem
            ------------+---------------+---------------+-----------------------------------
                        | none          | mg            | strength per another unit than mL
    """)


def test_a_strength_of_zero_or_none_makes_the_dose_unknown(build):
    """Zero or less is no strength; neither is the absence of a row for the ingredient."""
    assert build(
        "strength",
        drug_product="""
            drug_concept_id | ingredient_concept_id
            ----------------+----------------------
                          1 | 723013
                          2 | 723013
        """,
        drug_strength="""
            drug_concept_id | ingredient_concept_id | amount_value | amount_unit_concept_id
            ----------------+-----------------------+--------------+-----------------------
                          1 | 723013                | 0            | 8576
                          2 | 710062                | 25           | 8576
        """,
    ) == drawn("""
            drug_concept_id | strength_mg | strength_rule | strength_unit | strength_problem
            ----------------+-------------+---------------+---------------+-------------------------------
                          1 |             | none          | mg            | no strength for the ingredient
                          2 |             | none          | none          | no strength for the ingredient
    """)


# --- What a product's route is, and whether it is in scope -------------------------------------------------------


def test_the_name_of_a_product_tells_its_route(build):
    """Words in the name, in upper or lower case; injections and rectal or nasal forms are no chronic use."""
    assert build(
        "drug_product",
        study_ingredient="""
            drug     | ingredient_concept_id
            ---------+----------------------
            diazepam | 723013
        """,
        drug_strength="""
            drug_concept_id | ingredient_concept_id
            ----------------+----------------------
                          1 | 723013
                          2 | 723013
                          3 | 723013
                          4 | 723013
                          5 | 723013
                          6 | 723013
        """,
        concept="""
            concept_id | concept_name
            -----------+-------------------------------------
                     1 | diazepam 5 MG Oral Tablet
                     2 | diazepam 5 MG/ML INJECTABLE Solution
                     3 | diazepam 5 MG/ML Rectal Gel
                     4 | diazepam 50 MG/ML Nasal Spray
                     5 | diazepam 5 MG
        """,
    ) == drawn("""
            drug_concept_id | route      | in_scope
            ----------------+------------+---------
                          1 | oral       | true
                          2 | injectable | false
                          3 | rectal     | false
                          4 | nasal      | false
                          5 |            |
                          6 |            |
                     723013 |            |
    """)


def test_a_word_that_is_out_of_scope_outranks_one_that_is_not(build):
    """A solution for rectal use is no oral one. Of several words on one side the first route in the alphabet counts."""
    assert build(
        "drug_product",
        study_ingredient="""
            drug     | ingredient_concept_id
            ---------+----------------------
            diazepam | 1
        """,
        concept="""
            concept_id | concept_name
            -----------+-----------------------------------------
                     1 | diazepam Oral Solution for Rectal Use
        """,
    ) == drawn("""
            drug_concept_id | route  | in_scope
            ----------------+--------+---------
                          1 | rectal | false
    """)
    assert build(
        "drug_product",
        study_ingredient="""
            drug      | ingredient_concept_id
            ----------+----------------------
            lorazepam | 1
            diazepam  | 2
        """,
        concept="""
            concept_id | concept_name
            -----------+------------------------------------------
                     1 | lorazepam Sublingual or Oral Tablet
                     2 | diazepam Rectal or Injectable Solution
        """,
    ) == drawn("""
            drug_concept_id | route      | in_scope
            ----------------+------------+---------
                          1 | oral       | true
                          2 | injectable | false
    """)


def test_where_the_name_states_no_route_the_record_does(build):
    """`route_concept_id`, as routes.csv reads it; a record that says nothing, or nothing known, leaves it in scope."""
    assert build(
        "fill",
        drug_product=PRODUCT,
        strength=STRENGTH,
        drug_record="""
            drug_exposure_id | drug_concept_id | route_concept_id | is_study_drug
            -----------------+-----------------+------------------+--------------
                           5 | 1               | 4132161          | true
                           6 | 1               | 4171047          | true
                           7 | 1               | 999              | true
                           8 | 1               | 0                | true
                           9 | 1               |                  | true
        """,
    ) == drawn("""
            drug_exposure_id | route      | in_scope
            -----------------+------------+---------
                           5 | oral       | true
                           6 | injectable | false
                           7 | not stated | true
                           8 | not stated | true
                           9 | not stated | true
    """)


def test_the_product_s_name_outranks_the_record_s_route(build):
    """An injection recorded as oral stays out, and a tablet recorded as intravenous stays in."""
    assert build(
        "fill",
        drug_product="""
            drug_concept_id | ingredient_concept_id | route      | in_scope
            ----------------+-----------------------+------------+---------
                          1 | 723013                | oral       | true
                          2 | 723013                | injectable | false
        """,
        strength="""
            drug_concept_id | ingredient_concept_id
            ----------------+----------------------
                          1 | 723013
                          2 | 723013
        """,
        drug_record="""
            drug_exposure_id | drug_concept_id | route_concept_id | is_study_drug
            -----------------+-----------------+------------------+--------------
                           7 | 1               | 4171047          | true
                           8 | 2               | 4132161          | true
        """,
    ) == drawn("""
            drug_exposure_id | route      | in_scope
            -----------------+------------+---------
                           7 | oral       | true
                           8 | injectable | false
    """)


def test_a_fill_out_of_scope_has_neither_a_known_nor_an_unknown_dose(build):
    """It is counted and named with its mg, and is neither exposure nor a reason to call the dose unknown."""
    injections = """
            drug_exposure_id | person_id | drug_concept_id | record_date | days_supply | quantity | route_concept_id | is_study_drug
            -----------------+-----------+-----------------+-------------+-------------+----------+------------------+--------------
                           7 | 1         | 1               | 2012-01-01  | 1           | 2        | 4171047          | true
                           8 | 1         | 1               | 2012-02-01  |             |          | 4171047          | true
    """  # noqa: E501 - a record's columns
    assert build("dose", drug_product=PRODUCT, strength=STRENGTH, drug_record=injections) == drawn("""
            drug_exposure_id | mg | mg_per_day | rule | problem | status
            -----------------+----+------------+------+---------+-------------------------
                           7 | 10 |            | none |         | out of scope: injectable
                           8 |    |            | none |         | out of scope: injectable
    """)
    cohort = """
            person_id | birth_date
            ----------+-----------
                    1 | 1940-05-17
    """
    assert build(
        "dose_unknown", drug_product=PRODUCT, strength=STRENGTH, drug_record=injections, cohort=cohort
    ) == drawn("""
            person_id | tspo_class
            ----------+-----------
    """)


# --- Which records are fills, and which are copies of another ----------------------------------------------------


def test_two_equal_fills_on_one_day_count_once(build):
    """Equal in person, drug, day, quantity and days of supply: the lowest id stays, the others are duplicates."""
    assert build(
        "fill",
        drug_product=PRODUCT,
        strength=STRENGTH,
        drug_record="""
            drug_exposure_id | person_id | drug_concept_id | record_date | days_supply | quantity | is_study_drug
            -----------------+-----------+-----------------+-------------+-------------+----------+--------------
                           9 | 1         | 1               | 2012-01-01  | 30          |          | true
                           8 | 1         | 1               | 2012-01-01  | 30          |          | true
                           7 | 1         | 1               | 2012-01-01  | 30          | 60       | true
                           6 | 1         | 1               | 2012-01-01  | 60          | 60       | true
                           5 | 1         | 1               | 2012-01-02  | 60          | 60       | true
                           4 | 2         | 1               | 2012-01-02  | 60          | 60       | true
        """,
    ) == drawn("""
            drug_exposure_id | is_duplicate
            -----------------+-------------
                           9 | true
                           8 | false
                           7 | false
                           6 | false
                           5 | false
                           4 | false
    """)


def test_equal_days_are_equal_as_they_are_stated(build):
    """0 and -1 days are both unknown and yet not the same; 30 days from one field are 30 days from another."""
    assert build(
        "fill",
        drug_product=PRODUCT,
        strength=STRENGTH,
        drug_record="""
            drug_exposure_id | person_id | drug_concept_id | record_date | days_supply | end_date   | is_study_drug
            -----------------+-----------+-----------------+-------------+-------------+------------+--------------
                           4 | 1         | 1               | 2012-01-01  | 0           |            | true
                           5 | 1         | 1               | 2012-01-01  | -1          |            | true
                           6 | 1         | 1               | 2012-01-01  | 0           |            | true
                           7 | 1         | 1               | 2012-01-01  | 30          |            | true
                           8 | 1         | 1               | 2012-01-01  |             | 2012-01-30 | true
        """,
    ) == drawn("""
            drug_exposure_id | is_duplicate
            -----------------+-------------
                           4 | false
                           5 | false
                           6 | true
                           7 | false
                           8 | true
    """)


def test_equal_fills_are_added_where_the_protocol_says_so(build):
    """`same_day_duplicates = "add"`: every record is a fill."""
    assert build(
        "fill",
        same_day_duplicates="add",
        drug_product=PRODUCT,
        strength=STRENGTH,
        drug_record="""
            drug_exposure_id | person_id | drug_concept_id | record_date | days_supply | quantity | is_study_drug
            -----------------+-----------+-----------------+-------------+-------------+----------+--------------
                           8 | 1         | 1               | 2012-01-01  | 30          | 60       | true
                           7 | 1         | 1               | 2012-01-01  | 30          | 60       | true
        """,
    ) == drawn("""
            drug_exposure_id | is_duplicate
            -----------------+-------------
                           8 | false
                           7 | false
    """)


def test_a_duplicate_has_no_dose(build):
    """Its twin has it already; the mg that it would have held are still in its row."""
    assert build(
        "dose",
        drug_product=PRODUCT,
        strength=STRENGTH,
        drug_record="""
            drug_exposure_id | person_id | drug_concept_id | record_date | days_supply | quantity | is_study_drug
            -----------------+-----------+-----------------+-------------+-------------+----------+--------------
                           7 | 1         | 1               | 2012-01-01  | 30          | 60       | true
                           8 | 1         | 1               | 2012-01-01  | 30          | 60       | true
        """,
    ) == drawn("""
            drug_exposure_id | mg  | mg_per_day | rule   | problem | status
            -----------------+-----+------------+--------+---------+----------
                           7 | 300 | 10         | amount |         | computed
                           8 | 300 |            | none   |         | duplicate
    """)


def test_a_copy_out_of_scope_is_called_out_of_scope(build):
    """The route comes first: a second injection on one day is one more injection, and no duplicate."""
    assert build(
        "dose",
        drug_product=PRODUCT,
        strength=STRENGTH,
        drug_record="""
            drug_exposure_id | person_id | drug_concept_id | record_date | quantity | route_concept_id | is_study_drug
            -----------------+-----------+-----------------+-------------+----------+------------------+--------------
                           7 | 1         | 1               | 2012-01-01  | 2        | 4171047          | true
                           8 | 1         | 1               | 2012-01-01  | 2        | 4171047          | true
        """,
    ) == drawn("""
            drug_exposure_id | status
            -----------------+-------------------------
                           7 | out of scope: injectable
                           8 | out of scope: injectable
    """)


def test_records_without_a_date_or_of_nobody_are_not_fills(build):
    """A record needs a start date and a person who is in `person`."""
    assert build(
        "drug_record",
        person="""
            person_id
            ---------
                    1
        """,
        drug_product=PRODUCT,
        drug_exposure="""
            drug_exposure_id | person_id | drug_concept_id | drug_exposure_start_date
            -----------------+-----------+-----------------+-------------------------
                           7 | 1         | 1               | 2012-01-01
                           8 | 1         | 1               |
                           9 | 2         | 1               | 2012-01-01
        """,
    ) == drawn("""
            drug_exposure_id | is_study_drug
            -----------------+--------------
                           7 | true
    """)


# --- Days of supply --------------------------------------------------------------------------------------------


def test_days_of_supply_are_those_of_the_first_field_that_is_filled(build):
    """`verbatim_end_date`, else `days_supply`, else `drug_exposure_end_date`; an end date is itself a day of supply."""
    assert build(
        "fill",
        drug_product=PRODUCT,
        strength=STRENGTH,
        drug_record="""
            drug_exposure_id | drug_concept_id | record_date | verbatim_end_date | days_supply | end_date   | is_study_drug
            -----------------+-----------------+-------------+-------------------+-------------+------------+--------------
                           6 | 1               | 2012-01-01  |                   |             |            | true
                           7 | 1               | 2012-01-01  | 2012-01-10        | 30          | 2012-03-30 | true
                           8 | 1               | 2012-01-01  |                   | 30          | 2012-03-30 | true
                           9 | 1               | 2012-01-01  |                   |             | 2012-03-30 | true
        """,  # noqa: E501 - one column for each field
    ) == drawn("""
            drug_exposure_id | days | days_source            | days_problem
            -----------------+------+------------------------+-----------------------
                           6 |      |                        | days of supply missing
                           7 | 10   | verbatim_end_date      |
                           8 | 30   | days_supply            |
                           9 | 90   | drug_exposure_end_date |
    """)


def test_the_order_of_these_fields_is_a_choice_of_the_protocol(build):
    """`days_supply_order` names the fields to look at; one that it leaves out is not looked at."""
    assert build(
        "fill",
        days_supply_order=("drug_exposure_end_date", "verbatim_end_date"),
        drug_product=PRODUCT,
        strength=STRENGTH,
        drug_record="""
            drug_exposure_id | drug_concept_id | record_date | verbatim_end_date | days_supply | end_date   | is_study_drug
            -----------------+-----------------+-------------+-------------------+-------------+------------+--------------
                           7 | 1               | 2012-01-01  | 2012-03-30        | 30          | 2012-03-30 | true
                           8 | 1               | 2012-01-01  | 2012-01-10        | 30          |            | true
                           9 | 1               | 2012-01-01  |                   | 30          |            | true
        """,  # noqa: E501 - one column for each field
    ) == drawn("""
            drug_exposure_id | days | days_source            | days_disagree | days_problem
            -----------------+------+------------------------+---------------+-----------------------
                           7 | 90   | drug_exposure_end_date | false         |
                           8 | 10   | verbatim_end_date      | false         |
                           9 |      |                        | false         | days of supply missing
    """)


def test_fields_that_give_other_days_are_told(build):
    """The first field decides all the same; an empty field disagrees with nothing."""
    assert build(
        "fill",
        drug_product=PRODUCT,
        strength=STRENGTH,
        drug_record="""
            drug_exposure_id | drug_concept_id | record_date | verbatim_end_date | days_supply | end_date   | is_study_drug
            -----------------+-----------------+-------------+-------------------+-------------+------------+--------------
                           4 | 1               | 2012-01-01  |                   |             |            | true
                           5 | 1               | 2012-01-01  |                   | 30          |            | true
                           6 | 1               | 2012-01-01  | 2012-01-30        | 30          | 2012-01-30 | true
                           7 | 1               | 2012-01-01  | 2012-01-30        | 28          |            | true
                           8 | 1               | 2012-01-01  | 2012-01-30        |             | 2012-01-31 | true
                           9 | 1               | 2012-01-01  |                   | 30          | 2012-01-01 | true
        """,  # noqa: E501 - one column for each field
    ) == drawn("""
            drug_exposure_id | days | days_disagree
            -----------------+------+--------------
                           4 |      | false
                           5 | 30   | false
                           6 | 30   | false
                           7 | 30   | true
                           8 | 30   | true
                           9 | 30   | true
    """)


def test_implausible_days_of_supply_are_unknown_and_never_clipped(build):
    """Fewer than 1 or more than 365 days; the first field that is filled decides, and no other stands in."""
    assert build(
        "fill",
        drug_product=PRODUCT,
        strength=STRENGTH,
        drug_record="""
            drug_exposure_id | drug_concept_id | record_date | days_supply | end_date   | is_study_drug
            -----------------+-----------------+-------------+-------------+------------+--------------
                           5 | 1               | 2012-01-01  | 1           |            | true
                           6 | 1               | 2012-01-01  | 365         |            | true
                           7 | 1               | 2012-01-01  | 366         | 2012-01-30 | true
                           8 | 1               | 2012-01-01  | 0           | 2012-01-30 | true
                           9 | 1               | 2012-01-01  |             | 2011-12-31 | true
        """,
    ) == drawn("""
            drug_exposure_id | days | days_source            | days_problem
            -----------------+------+------------------------+---------------------
                           5 | 1    | days_supply            |
                           6 | 365  | days_supply            |
                           7 |      | days_supply            | days of supply > 365
                           8 |      | days_supply            | days of supply <= 0
                           9 |      | drug_exposure_end_date | days of supply <= 0
    """)


def test_how_many_days_are_too_many_is_a_choice_of_the_protocol(build):
    """`maximum_days_supply`: the number itself is still days of supply."""
    assert build(
        "fill",
        maximum_days_supply=100,
        drug_product=PRODUCT,
        strength=STRENGTH,
        drug_record="""
            drug_exposure_id | drug_concept_id | record_date | days_supply | is_study_drug
            -----------------+-----------------+-------------+-------------+--------------
                           6 | 1               | 2012-01-01  | 100         | true
                           7 | 1               | 2012-01-01  | 101         | true
        """,
    ) == drawn("""
            drug_exposure_id | days | days_problem
            -----------------+------+---------------------
                           6 | 100  |
                           7 |      | days of supply > 100
    """)


# --- Dose per day ------------------------------------------------------------------------------------------------


def test_a_quantity_that_is_not_positive_gives_no_mg(build):
    """A return, a zero or an empty field is not a dose of zero: the mg are unknown."""
    assert build(
        "fill",
        drug_product=PRODUCT,
        strength=STRENGTH,
        drug_record="""
            drug_exposure_id | drug_concept_id | record_date | days_supply | quantity | is_study_drug
            -----------------+-----------------+-------------+-------------+----------+--------------
                           6 | 1               | 2012-01-01  | 30          | 60       | true
                           7 | 1               | 2012-01-01  | 30          |          | true
                           8 | 1               | 2012-01-01  | 30          | 0        | true
                           9 | 1               | 2012-01-01  | 30          | -60      | true
        """,
    ) == drawn("""
            drug_exposure_id | mg  | mg_problem
            -----------------+-----+---------------------------------
                           6 | 300 |
                           7 |     | quantity missing or not positive
                           8 |     | quantity missing or not positive
                           9 |     | quantity missing or not positive
    """)


def test_a_quantity_that_no_fill_has_gives_no_mg(build):
    """More than 100,000 tablets or mL: the mg are unknown. So are those of infinity, and of what is no number."""
    assert build(
        "fill",
        drug_product=PRODUCT,
        strength=STRENGTH,
        drug_record="""
            drug_exposure_id | drug_concept_id | record_date | days_supply | quantity | is_study_drug
            -----------------+-----------------+-------------+-------------+----------+--------------
                           6 | 1               | 2012-01-01  | 30          | 100000   | true
                           7 | 1               | 2012-01-01  | 30          | 100001   | true
                           8 | 1               | 2012-01-01  | 30          | 1e300    | true
        """,
    ) == drawn("""
            drug_exposure_id | mg     | mg_problem
            -----------------+--------+-------------------
                           6 | 500000 |
                           7 |        | quantity > 100000
                           8 |        | quantity > 100000
    """)


def test_a_computed_dose_is_mg_over_days(build):
    """60 tablets of 5 mg over 30 days are 10 mg a day; the row says from which fields and by which rule."""
    assert build(
        "dose",
        drug_product=PRODUCT,
        strength=STRENGTH,
        drug_record="""
            drug_exposure_id | drug_concept_id | record_date | days_supply | quantity | is_study_drug
            -----------------+-----------------+-------------+-------------+----------+--------------
                           7 | 1               | 2012-01-01  | 30          | 60       | true
        """,
    ) == drawn("""
            quantity | strength_mg | days_source | days | mg  | mg_per_day | strength_rule | rule   | problem | status
            ---------+-------------+-------------+------+-----+------------+---------------+--------+---------+---------
            60       | 5           | days_supply | 30   | 300 | 10         | amount        | amount |         | computed
    """)


def test_a_dose_is_then_put_on_the_drug_s_own_scale(build):
    """dme: over the mg equal to diazepam 10 mg (clonazepam 0.5). ddd: over WHO's daily dose (clonazepam 8)."""
    assert build(
        "dose",
        person=PERSON,
        drug_strength="""
            drug_concept_id | ingredient_concept_id | amount_value | amount_unit_concept_id
            ----------------+-----------------------+--------------+-----------------------
                          1 | 723013                | 5            | 8576
                          2 | 798874                | 2            | 8576
        """,
        drug_exposure="""
            drug_exposure_id | person_id | drug_concept_id | drug_exposure_start_date | days_supply | quantity
            -----------------+-----------+-----------------+--------------------------+-------------+---------
                           7 | 1         | 1               | 2012-01-01               | 30          | 20
                           8 | 1         | 2               | 2012-01-01               | 30          | 30
        """,
    ) == drawn("""
            drug_exposure_id | tspo_class | mg_per_day | dme_per_day | ddd_per_day | status
            -----------------+------------+------------+-------------+-------------+---------
                           7 | binder     | 10/3       | 1/3         | 1/3         | computed
                           8 | non_binder | 2          | 4           | 1/4         | computed
    """)


def test_a_dose_weighted_by_affinity_is_in_units_of_10_mg_of_diazepam(build):
    """mg x (Ki of diazepam / Ki of the drug) / 10, as far as a Ki was measured; words about binding give no weight."""
    assert build(
        "dose",
        drug_product="""
            drug_concept_id | ingredient_concept_id
            ----------------+----------------------
                          1 | 723013
                          2 | 744740
                          3 | 748010
        """,
        ingredient_scale="""
            ingredient_concept_id | mg_per_tspo
            ----------------------+------------
                           723013 | 10
                           744740 | 1000
                           748010 |
        """,
        strength="""
            drug_concept_id | ingredient_concept_id | strength_mg
            ----------------+-----------------------+------------
                          1 | 723013                | 5
                          2 | 744740                | 10
                          3 | 748010                | 2
        """,
        drug_record="""
            drug_exposure_id | drug_concept_id | record_date | days_supply | quantity | is_study_drug
            -----------------+-----------------+-------------+-------------+----------+--------------
                           7 | 1               | 2012-01-01  | 30          | 60       | true
                           8 | 2               | 2012-01-01  | 30          | 30       | true
                           9 | 3               | 2012-01-01  | 30          | 30       | true
        """,
    ) == drawn("""
            drug_exposure_id | mg_per_day | tspo_per_day
            -----------------+------------+-------------
                           7 | 10         | 1
                           8 | 10         | 1/100
                           9 | 2          |
    """)


def test_a_drug_without_an_equivalence_has_mg_and_no_dme(build):
    """Tetrazepam (19041746) is in no table of equivalents: its mg are known, its place on the scale is not."""
    assert build(
        "dose",
        person=PERSON,
        drug_strength="""
            drug_concept_id | ingredient_concept_id | amount_value | amount_unit_concept_id
            ----------------+-----------------------+--------------+-----------------------
                          1 | 19041746              | 50           | 8576
        """,
        drug_exposure="""
            drug_exposure_id | person_id | drug_concept_id | drug_exposure_start_date | days_supply | quantity
            -----------------+-----------+-----------------+--------------------------+-------------+---------
                           7 | 1         | 1               | 2012-01-01               | 30          | 30
        """,
    ) == drawn("""
            drug_exposure_id | mg_per_day | dme_per_day | ddd_per_day | status
            -----------------+------------+-------------+-------------+---------
                           7 | 50         |             |             | computed
    """)


def test_the_site_may_bring_its_own_equivalents(build):
    """`equivalence_table = "site"`: a drug that the site's table lacks falls back to the published ones."""
    assert build(
        "dose",
        equivalence_table="site",
        site_equivalents_mg={"clonazepam": 1},
        site_equivalents_source="formulary of the site, 2026",
        person=PERSON,
        drug_strength="""
            drug_concept_id | ingredient_concept_id | amount_value | amount_unit_concept_id
            ----------------+-----------------------+--------------+-----------------------
                          1 | 723013                | 5            | 8576
                          2 | 798874                | 2            | 8576
        """,
        drug_exposure="""
            drug_exposure_id | person_id | drug_concept_id | drug_exposure_start_date | days_supply | quantity
            -----------------+-----------+-----------------+--------------------------+-------------+---------
                           7 | 1         | 1               | 2012-01-01               | 30          | 30
                           8 | 1         | 2               | 2012-01-01               | 30          | 30
        """,
    ) == drawn("""
            drug       | mg_per_day | dme_per_day
            -----------+------------+------------
            diazepam   | 5          | 1/2
            clonazepam | 2          | 2
    """)
