"""What stands in for a dose that cannot be computed, and when does it stay unknown?

Unknown is never zero. Products 1 and 2 are diazepam 5 mg and 10 mg (DDD 10 mg), product 3 is lorazepam of unknown
strength (DDD 2.5 mg), and product 4 tetrazepam 10 mg, which has no DDD.
"""

from fractions import Fraction

import pytest

from cohort.inputs import draw_coefficients
from tests.spec.drawn import drawn

SEED = 20220301
PRIME = 2**31 - 1
PRODUCTS = """
            drug_concept_id | ingredient_concept_id
            ----------------+----------------------
                          1 | 723013
                          2 | 723013
                          3 | 791967
                          4 | 19041746
"""
STRENGTHS = """
            drug_concept_id | ingredient_concept_id | strength_mg | strength_rule | strength_problem
            ----------------+-----------------------+-------------+---------------+------------------
                          1 | 723013                | 5           | amount        |
                          2 | 723013                | 10          | amount        |
                          3 | 791967                |             | none          | several strengths
                          4 | 19041746              | 10          | amount        |
"""
FILLS = """
            drug_exposure_id | person_id | drug_concept_id | record_date | days_supply | quantity | is_study_drug
            -----------------+-----------+-----------------+-------------+-------------+----------+--------------
                           1 | 1         | 1               | 2012-01-01  | 30          | 30       | true
                           2 | 1         | 1               | 2012-02-01  | 30          | 60       | true
                           3 | 1         | 1               | 2012-03-01  | 11          | 66       | true
                           4 | 1         | 1               | 2012-04-01  | 90          |          | true
                           5 | 1         | 1               | 2012-05-01  | 0           | 60       | true
                           6 | 1         | 1               | 2012-06-01  |             |          | true
                           7 | 1         | 3               | 2012-07-01  | 30          | 30       | true
                           8 | 1         | 3               | 2012-08-01  |             | 30       | true
"""


def ledger(build, missing_dose, fills=FILLS, **changes):
    """The ledger of these products and fills."""
    return build(
        "dose", missing_dose=missing_dose, drug_product=PRODUCTS, strength=STRENGTHS, drug_record=fills, **changes
    )


def test_a_dose_that_cannot_be_computed_may_stay_unknown(build):
    """`unknown`: it says why, the days before the mg; known days and known mg stay in the row."""
    assert ledger(build, "unknown") == drawn("""
            drug_exposure_id | days | mg  | mg_per_day | rule   | problem                          | status
            -----------------+------+-----+------------+--------+----------------------------------+------------------------------------------
                           1 | 30   | 150 | 5          | amount |                                  | computed
                           2 | 30   | 300 | 10         | amount |                                  | computed
                           3 | 11   | 330 | 30         | amount |                                  | computed
                           4 | 90   |     |            | none   | quantity missing or not positive | unknown: quantity missing or not positive
                           5 |      | 300 |            | none   | days of supply <= 0              | unknown: days of supply <= 0
                           6 |      |     |            | none   | days of supply missing           | unknown: days of supply missing
                           7 | 30   |     |            | none   | several strengths                | unknown: several strengths
                           8 |      |     |            | none   | days of supply missing           | unknown: days of supply missing
    """)  # noqa: E501 - a reason is long


def test_with_known_days_the_median_of_the_drug_stands_in(build):
    """`median`: only the mg per day are imputed; without days there is no day on which a dose could accrue."""
    assert ledger(build, "median") == drawn("""
            drug_exposure_id | days | mg  | mg_per_day | rule               | problem                          | status
            -----------------+------+-----+------------+--------------------+----------------------------------+-----------------------------
                           1 | 30   | 150 | 5          | amount             |                                  | computed
                           2 | 30   | 300 | 10         | amount             |                                  | computed
                           3 | 11   | 330 | 30         | amount             |                                  | computed
                           4 | 90   | 900 | 10         | median of the drug | quantity missing or not positive | imputed
                           5 |      | 300 |            | none               | days of supply <= 0              | unknown: days of supply <= 0
                           6 |      |     |            | none               | days of supply missing           | unknown: days of supply missing
                           7 | 30   |     |            | none               | several strengths                | unknown: several strengths
                           8 |      |     |            | none               | days of supply missing           | unknown: days of supply missing
    """)  # noqa: E501 - a reason is long


def test_a_median_of_two_is_their_mean(build):
    """Of an even number of fills the mean of the two in the middle."""
    assert ledger(
        build,
        "median",
        """
            drug_exposure_id | person_id | drug_concept_id | record_date | days_supply | quantity | is_study_drug
            -----------------+-----------+-----------------+-------------+-------------+----------+--------------
                           1 | 1         | 1               | 2012-01-01  | 30          | 30       | true
                           2 | 1         | 1               | 2012-02-01  | 30          | 66       | true
                           3 | 1         | 1               | 2012-03-01  | 30          |          | true
        """,
    ) == drawn("""
            drug_exposure_id | mg_per_day | rule
            -----------------+------------+-------------------
                           1 | 5          | amount
                           2 | 11         | amount
                           3 | 8          | median of the drug
    """)


def test_without_computed_fills_of_the_drug_those_of_the_ingredient_stand_in(build):
    """Another product of the same ingredient; fills out of scope and duplicates are no part of a median."""
    assert ledger(
        build,
        "median",
        """
            drug_exposure_id | person_id | drug_concept_id | record_date | days_supply | quantity | route_concept_id | is_study_drug
            -----------------+-----------+-----------------+-------------+-------------+----------+------------------+--------------
                           1 | 1         | 1               | 2012-01-01  | 30          | 30       |                  | true
                           2 | 1         | 1               | 2012-02-01  | 30          | 60       |                  | true
                           3 | 1         | 1               | 2012-02-01  | 30          | 60       |                  | true
                           4 | 1         | 1               | 2012-03-01  | 1           | 60       | 4171047          | true
                           5 | 1         | 2               | 2012-04-01  | 30          |          |                  | true
        """,  # noqa: E501 - a record's columns
    ) == drawn("""
            drug_exposure_id | mg_per_day | rule                     | status
            -----------------+------------+--------------------------+-------------------------
                           1 | 5          | amount                   | computed
                           2 | 10         | amount                   | computed
                           3 |            | none                     | duplicate
                           4 |            | none                     | out of scope: injectable
                           5 | 15/2       | median of the ingredient | imputed
    """)


def test_zero_gives_no_dose_and_no_days_that_were_not_known(build):
    """`zero`: what the study would say if fills without a dose were no exposure at all. It is a bound."""
    assert ledger(build, "zero") == drawn("""
            drug_exposure_id | days | mg  | mg_per_day | dme_per_day | rule   | status
            -----------------+------+-----+------------+-------------+--------+---------
                           1 | 30   | 150 | 5          | 1/2         | amount | computed
                           2 | 30   | 300 | 10         | 1           | amount | computed
                           3 | 11   | 330 | 30         | 3           | amount | computed
                           4 | 90   | 0   | 0          | 0           | zero   | imputed
                           5 |      |     | 0          | 0           | zero   | imputed
                           6 |      |     | 0          | 0           | zero   | imputed
                           7 | 30   | 0   | 0          | 0           | zero   | imputed
                           8 |      |     | 0          | 0           | zero   | imputed
    """)


def test_a_median_fill_stands_in_for_unknown_days_too(build):
    """`median_fill`: unknown days are the drug's median; known mg are then spread over them. Nothing from nothing."""
    assert ledger(build, "median_fill") == drawn("""
            drug_exposure_id | days | mg  | mg_per_day | rule                    | status
            -----------------+------+-----+------------+-------------------------+--------------------------------
                           1 | 30   | 150 | 5          | amount                  | computed
                           2 | 30   | 300 | 10         | amount                  | computed
                           3 | 11   | 330 | 30         | amount                  | computed
                           4 | 90   | 900 | 10         | median fill of the drug | imputed
                           5 | 30   | 300 | 10         | median fill of the drug | imputed
                           6 | 30   | 300 | 10         | median fill of the drug | imputed
                           7 | 30   |     |            | none                    | unknown: several strengths
                           8 |      |     |            | none                    | unknown: days of supply missing
    """)


def test_median_days_are_whole_days(build):
    """The median of 7 and 14 days is 10 days and a half, taken as 10; here it comes from another product."""
    assert ledger(
        build,
        "median_fill",
        """
            drug_exposure_id | person_id | drug_concept_id | record_date | days_supply | quantity | is_study_drug
            -----------------+-----------+-----------------+-------------+-------------+----------+--------------
                           1 | 1         | 1               | 2012-01-01  | 7           | 7        | true
                           2 | 1         | 1               | 2012-02-01  | 14          | 28       | true
                           3 | 1         | 2               | 2012-03-01  |             | 12       | true
        """,
    ) == drawn("""
            drug_exposure_id | days | mg  | mg_per_day | rule
            -----------------+------+-----+------------+------------------------------
                           1 | 7    | 35  | 5          | amount
                           2 | 14   | 140 | 10         | amount
                           3 | 10   | 120 | 12         | median fill of the ingredient
    """)


def test_one_ddd_per_day_stands_in_whatever_was_given(build):
    """`one_ddd`: WHO's daily dose of the drug, for its own days, else the median days of the drug or ingredient."""
    assert ledger(build, "one_ddd") == drawn("""
            drug_exposure_id | days | mg  | mg_per_day | rule            | status
            -----------------+------+-----+------------+-----------------+--------------------------------
                           1 | 30   | 150 | 5          | amount          | computed
                           2 | 30   | 300 | 10         | amount          | computed
                           3 | 11   | 330 | 30         | amount          | computed
                           4 | 90   | 900 | 10         | one DDD per day | imputed
                           5 | 30   | 300 | 10         | one DDD per day | imputed
                           6 | 30   | 300 | 10         | one DDD per day | imputed
                           7 | 30   | 75  | 5/2        | one DDD per day | imputed
                           8 |      |     |            | none            | unknown: days of supply missing
    """)


def test_without_a_ddd_the_dose_stays_unknown(build):
    """No DDD is known of product 4; a fill whose dose can be computed needs none."""
    assert ledger(
        build,
        "one_ddd",
        """
            drug_exposure_id | person_id | drug_concept_id | record_date | days_supply | quantity | is_study_drug
            -----------------+-----------+-----------------+-------------+-------------+----------+--------------
                           1 | 1         | 4               | 2012-01-01  | 30          | 30       | true
                           2 | 1         | 4               | 2012-02-01  | 30          |          | true
        """,
    ) == drawn("""
            drug_exposure_id | mg_per_day | status
            -----------------+------------+------------------------------------------
                           1 | 10         | computed
                           2 |            | unknown: quantity missing or not positive
    """)


def test_what_is_unknown_may_be_drawn_from_a_computed_fill(build):
    """`draw`: a fill gets what it lacks from one donor. Here there is one: the days, the mg per day, or both."""
    assert ledger(
        build,
        "draw",
        """
            drug_exposure_id | person_id | drug_concept_id | record_date | days_supply | quantity | is_study_drug
            -----------------+-----------+-----------------+-------------+-------------+----------+--------------
                           1 | 1         | 1               | 2012-01-01  | 20          | 60       | true
                           2 | 1         | 1               | 2012-02-01  | 90          |          | true
                           3 | 1         | 1               | 2012-03-01  | 0           | 16       | true
                           4 | 1         | 1               | 2012-04-01  |             |          | true
                           5 | 1         | 2               | 2012-05-01  |             |          | true
                           6 | 1         | 3               | 2012-06-01  | 30          | 30       | true
        """,
    ) == drawn("""
            drug_exposure_id | days | mg   | mg_per_day | rule                      | status
            -----------------+------+------+------------+---------------------------+---------------------------
                           1 | 20   | 300  | 15         | amount                    | computed
                           2 | 90   | 1350 | 15         | drawn from the drug       | imputed
                           3 | 20   | 80   | 4          | drawn from the drug       | imputed
                           4 | 20   | 300  | 15         | drawn from the drug       | imputed
                           5 | 20   | 300  | 15         | drawn from the ingredient | imputed
                           6 | 30   |      |            | none                      | unknown: several strengths
    """)


@pytest.mark.parametrize("draw", [1, 2, 5])
def test_which_donor_is_drawn_follows_from_the_seed_the_draw_and_the_numbers_of_the_fill_and_its_drug(build, draw):
    """Fills draw places, and places draw donors (approximate Bayesian bootstrap): two polynomials of degree 3."""
    donors = {number: Fraction(5 * number, 30) for number in range(1, 8)}
    records = [f"{number} | 1 | 30 | {number}" for number in donors]
    asking = [11, 12, 40, 2**31 - 1, 2**31 + 5, -3, 9_007_199_254_740_993]
    records += [f"{number} | {drug} | 30 | " for number, drug in zip(asking, [1, 1, 2, 1, 2, 1, 2], strict=True)]
    built = ledger(
        build,
        "draw",
        """
            drug_exposure_id | drug_concept_id | days_supply | quantity | is_study_drug | record_date
            -----------------+-----------------+-------------+----------+---------------+------------
        """
        + "\n".join(f"{record} | true | 20{12 + place}-01-01" for place, record in enumerate(records)),
        draw=draw,
    )
    found = {row[0]: row[1] for row in built.only(["drug_exposure_id", "mg_per_day"])}
    pools = {11: 1, 12: 1, 40: 723013, 2**31 - 1: 1, 2**31 + 5: 723013, -3: 1, 9_007_199_254_740_993: 723013}
    expected = {number: donors[1 + donor_number(number, key, 7, draw)] for number, key in pools.items()}
    drawn_mg = {number: found[number] for number in asking}
    assert drawn_mg == pytest.approx({number: float(mg) for number, mg in expected.items()}, rel=1e-15)


def donor_number(fill: int, key: int, donors: int, draw: int) -> int:
    """The rule in exact integers: the place of a fill, then the donor in that place."""
    c = draw_coefficients(SEED, draw)
    place = polynomial(fill % PRIME, [c[f"place_{power}"] for power in range(4)]) * donors // PRIME
    spot = (place + 1_000_003 * (key % PRIME)) % PRIME
    return polynomial(spot, [c[f"donor_{power}"] for power in range(4)]) * donors // PRIME


def polynomial(x: int, coefficients) -> int:
    return sum(coefficient * x**power for power, coefficient in enumerate(coefficients)) % PRIME


def test_every_draw_is_another_one_and_each_can_be_repeated(build):
    """Multiple imputation needs draws that differ; a reader of the report needs to get the same ones again."""
    fills = """
            drug_exposure_id | drug_concept_id | days_supply | quantity | is_study_drug | record_date
            -----------------+-----------------+-------------+----------+---------------+------------
    """ + "\n".join(
        f"{number} | 1 | 30 | {number if number <= 20 else ''} | true | 2012-01-{1 + number % 28:02d}"
        for number in range(1, 61)
    )
    one, again, other = (
        dict(ledger(build, "draw", fills, draw=draw).only(["drug_exposure_id", "mg_per_day"])) for draw in (1, 1, 2)
    )
    assert one == again
    assert one != other
    assert {one[number] for number in range(21, 61)} <= {one[number] for number in range(1, 21)}


def test_what_stands_in_changes_no_dose_that_was_computed(build):
    """Bounds differ from the primary analysis in the fills without a computed dose, and in nothing else."""
    computed = {
        missing_dose: [
            row
            for row in sorted(ledger(build, missing_dose).only(["drug_exposure_id", "days", "mg", "mg_per_day"]))
            if row[0] <= 3
        ]
        for missing_dose in ("unknown", "median", "zero", "median_fill", "one_ddd", "draw")
    }
    assert set(map(tuple, computed.values())) == {((1, 30, 150, 5), (2, 30, 300, 10), (3, 11, 330, 30))}


def test_an_imputed_dose_takes_the_drug_s_own_scale(build):
    """Its dme and DDD come from its mg per day like those of any fill: 10 mg of diazepam are one of each."""
    assert ledger(
        build,
        "median",
        """
            drug_exposure_id | person_id | drug_concept_id | record_date | days_supply | quantity | is_study_drug
            -----------------+-----------+-----------------+-------------+-------------+----------+--------------
                           1 | 1         | 2               | 2012-01-01  | 30          | 15       | true
                           2 | 1         | 1               | 2012-02-01  | 30          |          | true
        """,
    ) == drawn("""
            drug_exposure_id | mg_per_day | dme_per_day | ddd_per_day | status
            -----------------+------------+-------------+-------------+---------
                           1 | 5          | 1/2         | 1/2         | computed
                           2 | 5          | 1/2         | 1/2         | imputed
    """)
