"""What dose does a fill give per day, by which rule, and when is it unknown?

Ingredients: 723013 diazepam, 798874 clonazepam, 791967 lorazepam, 781039 alprazolam. Units: 8576 mg, 9655 microgram,
8504 gram, 8587 mL, 8519 litre, 8505 hour, 8718 international unit.
"""

import pytest

from tests.spec.drawn import drawn

PRODUCT = """
            drug_concept_id | ingredient_concept_id
            ----------------+----------------------
                          1 | 723013
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
            drug_concept_id | strength_mg | strength_rule | strength_problem
            ----------------+-------------+---------------+-----------------
                          1 | 5           | amount        |
                          2 | 0.5         | amount        |
                          3 | 1           | amount        |
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
        person="""
            person_id
            ---------
                    1
        """,
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


def test_each_study_drug_of_a_combination_gives_its_own_dose(build):
    """Product 1 is chlordiazepoxide with amitriptyline (710062), no study drug; product 2 holds two study drugs."""
    assert build(
        "dose",
        person="""
            person_id
            ---------
                    1
        """,
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
            drug_concept_id | strength_mg | strength_problem
            ----------------+-------------+------------------
                          1 |             | several strengths
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
    [("mg", "5 | amount, unit assumed mg | "), ("unknown", " | | strength unit missing")],
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
            strength_mg | strength_rule | strength_problem
            ------------+---------------+-----------------
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
            strength_mg | strength_problem
            ------------+-------------------------
                        | strength unit not a mass
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
            drug_concept_id | strength_mg | strength_problem
            ----------------+-------------+-------------------------------
                          1 |             | no strength for the ingredient
                          2 |             | no strength for the ingredient
    """)


# --- Which fills count -----------------------------------------------------------------------------------------


def test_the_name_of_a_product_tells_whether_its_form_is_out_of_scope(build):
    """Injections and rectal or nasal forms are given in an emergency, not taken for months; no name, no objection."""
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
        """,
        concept="""
            concept_id | concept_name
            -----------+--------------------------------------
                     1 | diazepam 5 MG Oral Tablet
                     2 | diazepam 5 MG/ML INJECTABLE Solution
                     3 | diazepam 5 MG/ML Rectal Gel
                     4 | diazepam 50 MG/ML Nasal Spray
        """,
    ) == drawn("""
            drug_concept_id | form
            ----------------+-----------
                          1 |
                          2 | injectable
                          3 | rectal
                          4 | nasal
                          5 |
                     723013 |
    """)


def test_a_fill_out_of_scope_has_neither_a_known_nor_an_unknown_dose(build):
    """It is counted and named, and is neither exposure nor a reason to call the dose unknown."""
    injection = """
            drug_exposure_id | person_id | ingredient_concept_id | fill_date  | form       | is_duplicate | days | mg
            -----------------+-----------+-----------------------+------------+------------+--------------+------+---
                           7 | 1         | 723013                | 2012-01-01 | injectable | false        | 1    | 10
                           8 | 1         | 723013                | 2012-02-01 | injectable | false        |      |
    """
    assert build("dose", fill=injection) == drawn("""
            drug_exposure_id | mg_per_day | status
            -----------------+------------+-------------------------
                           7 |            | out of scope: injectable
                           8 |            | out of scope: injectable
    """)
    cohort = """
            person_id | birth_date
            ----------+-----------
                    1 | 1940-05-17
    """
    assert build("dose_unknown", fill=injection, cohort=cohort) == drawn("""
            person_id | tspo_class
            ----------+-----------
    """)


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
    """Its twin has it already."""
    assert build(
        "dose",
        fill="""
            drug_exposure_id | ingredient_concept_id | is_duplicate | days | mg  | strength_rule
            -----------------+-----------------------+--------------+------+-----+--------------
                           7 | 723013                | false        | 30   | 300 | amount
                           8 | 723013                | true         | 30   | 300 | amount
        """,
    ) == drawn("""
            drug_exposure_id | mg_per_day | status
            -----------------+------------+----------
                           7 | 10         | computed
                           8 |            | duplicate
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
                           7 | 1               | 2012-01-01  | 2012-01-10        | 30          | 2012-03-30 | true
                           8 | 1               | 2012-01-01  |                   | 30          | 2012-03-30 | true
                           9 | 1               | 2012-01-01  |                   |             | 2012-03-30 | true
        """,  # noqa: E501 - one column for each field
    ) == drawn("""
            drug_exposure_id | days
            -----------------+-----
                           7 | 10
                           8 | 30
                           9 | 90
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
                           7 | 1               | 2012-01-01  | 2012-01-10        | 30          | 2012-03-30 | true
                           8 | 1               | 2012-01-01  | 2012-01-10        | 30          |            | true
                           9 | 1               | 2012-01-01  |                   | 30          |            | true
        """,  # noqa: E501 - one column for each field
    ) == drawn("""
            drug_exposure_id | days | days_problem
            -----------------+------+-----------------------
                           7 | 90   |
                           8 | 10   |
                           9 |      | days of supply missing
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
            drug_exposure_id | days | days_problem
            -----------------+------+---------------------
                           5 | 1    |
                           6 | 365  |
                           7 |      | days of supply > 365
                           8 |      | days of supply <= 0
                           9 |      | days of supply <= 0
    """)


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


# --- Dose per day, and what stands in for it ---------------------------------------------------------------------


def test_a_dose_is_mg_over_days_and_then_over_the_drug_s_own_scale(build):
    """dme: over the mg equal to diazepam 10 mg (clonazepam 0.5). ddd: over the WHO's daily dose (clonazepam 8)."""
    assert build(
        "dose",
        fill="""
            drug_exposure_id | ingredient_concept_id | is_duplicate | days | mg  | strength_rule
            -----------------+-----------------------+--------------+------+-----+--------------
                           7 | 723013                | false        | 30   | 100 | amount
                           8 | 798874                | false        | 30   | 60  | amount
        """,
    ) == drawn("""
            drug_exposure_id | tspo_class | mg_per_day | dme_per_day | ddd_per_day | status
            -----------------+------------+------------+-------------+-------------+---------
                           7 | binder     | 10/3       | 1/3         | 1/3         | computed
                           8 | non_binder | 2          | 4           | 1/4         | computed
    """)


def test_a_drug_without_an_equivalence_has_mg_and_no_dme(build):
    """Tetrazepam (19041746) is in no table of equivalents: its mg are known, its place on the scale is not."""
    assert build(
        "dose",
        fill="""
            drug_exposure_id | ingredient_concept_id | is_duplicate | days | mg   | strength_rule
            -----------------+-----------------------+--------------+------+------+--------------
                           7 | 19041746              | false        | 30   | 1500 | amount
        """,
    ) == drawn("""
            drug_exposure_id | mg_per_day | dme_per_day | ddd_per_day | status
            -----------------+------------+-------------+-------------+---------
                           7 | 50         |             |             | computed
    """)


def test_unknown_mg_become_the_median_of_the_same_drug(build):
    """Known days and unknown mg: the median mg per day over the computed fills of that product. It is imputed."""
    assert build(
        "dose",
        fill="""
            drug_exposure_id | drug_concept_id | ingredient_concept_id | is_duplicate | days | mg
            -----------------+-----------------+-----------------------+--------------+------+-----
                           1 | 1               | 723013                | false        | 30   | 150
                           2 | 1               | 723013                | false        | 30   | 300
                           3 | 1               | 723013                | false        | 10   | 600
                           4 | 2               | 723013                | false        | 30   | 60
                           5 | 1               | 723013                | false        | 90   |
        """,
    ) == drawn("""
            drug_exposure_id | mg_per_day | status   | rule
            -----------------+------------+----------+-------------------
                           1 | 5          | computed |
                           2 | 10         | computed |
                           3 | 60         | computed |
                           4 | 2          | computed |
                           5 | 10         | imputed  | median of the drug
    """)


def test_without_computed_fills_of_the_drug_the_median_of_the_ingredient_stands_in(build):
    """Fills out of scope and duplicates are no part of a median."""
    assert build(
        "dose",
        fill="""
            drug_exposure_id | drug_concept_id | ingredient_concept_id | form       | is_duplicate | days | mg
            -----------------+-----------------+-----------------------+------------+--------------+------+-----
                           1 | 1               | 723013                |            | false        | 30   | 150
                           2 | 2               | 723013                |            | false        | 30   | 300
                           3 | 2               | 723013                |            | true         | 30   | 300
                           4 | 3               | 723013                | injectable | false        | 1    | 500
                           5 | 4               | 723013                |            | false        | 30   |
        """,
    ) == drawn("""
            drug_exposure_id | mg_per_day | status                   | rule
            -----------------+------------+--------------------------+-------------------------
                           1 | 5          | computed                 |
                           2 | 10         | computed                 |
                           3 |            | duplicate                | none
                           4 |            | out of scope: injectable | none
                           5 | 15/2       | imputed                  | median of the ingredient
    """)


def test_where_nothing_can_stand_in_the_dose_is_unknown_and_says_why(build):
    """Unknown is never zero: the reason stays with the fill."""
    assert build(
        "dose",
        fill="""
            drug_exposure_id | ingredient_concept_id | is_duplicate | days | mg_problem
            -----------------+-----------------------+--------------+------+------------------
                           7 | 723013                | false        | 30   | several strengths
        """,
    ) == drawn("""
            drug_exposure_id | mg_per_day | status                     | rule
            -----------------+------------+----------------------------+-----
                           7 |            | unknown: several strengths | none
    """)


def test_nothing_is_imputed_where_the_protocol_forbids_it(build):
    """`impute = false`: a fill of unknown mg stays unknown, though its drug has computed fills."""
    assert build(
        "dose",
        impute=False,
        fill="""
            drug_exposure_id | drug_concept_id | ingredient_concept_id | is_duplicate | days | mg  | mg_problem
            -----------------+-----------------+-----------------------+--------------+------+-----+------------------
                           7 | 1               | 723013                | false        | 30   | 300 |
                           8 | 1               | 723013                | false        | 30   |     | several strengths
        """,
    ) == drawn("""
            drug_exposure_id | mg_per_day | status
            -----------------+------------+---------------------------
                           7 | 10         | computed
                           8 |            | unknown: several strengths
    """)


def test_unknown_days_of_supply_are_never_imputed(build):
    """Without days there is no day on which the dose could accrue, though the mg are known."""
    assert build(
        "dose",
        fill="""
            drug_exposure_id | drug_concept_id | ingredient_concept_id | is_duplicate | days | mg  | days_problem
            -----------------+-----------------+-----------------------+--------------+------+-----+--------------------
                           7 | 1               | 723013                | false        | 30   | 300 |
                           8 | 1               | 723013                | false        |      | 300 | days of supply <= 0
        """,
    ) == drawn("""
            drug_exposure_id | days | mg_per_day | status
            -----------------+------+------------+-----------------------------
                           7 | 30   | 10         | computed
                           8 |      |            | unknown: days of supply <= 0
    """)
