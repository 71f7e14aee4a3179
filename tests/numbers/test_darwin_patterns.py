"""The study's SQL on each pattern of strength for which DARWIN EU's DrugUtilisation defines a daily dose.

In: `darwin_patterns.csv`, 41 patterns of `drug_strength` and their formulas (DrugUtilisation, `patternsWithFormula`,
Apache-2.0; Burkard et al., doi 10.1002/pds.5809), and a column `ours`: `same`, or how ours differs on purpose.
Coverage: the 41 hold 84 % of the 2,980,115 pairs of drug and ingredient in the vocabulary of 31 August 2023 (fixed
amounts 37 %, concentrations 47 %, released over time under 1 %). Ours gives 11 of them a dose, 8 with DARWIN's number,
and calls 30 unknown, by name. The study's drugs are tablets, capsules and oral solutions in mg: patterns 9, 2, 34, 18.

What differs, and why:

- `strength unit not a mass` (25): an international unit has no mg, and no place on a scale of equivalent doses.
- `quantity counts` (2): for what is released over time DARWIN takes the rate as the dose of the day, whatever was
  dispensed. Four tablets of "24 HR Alprazolam 3 MG" a day are 12 mg. Used one at a time both agree, which is a test.
- `release per hour without its hours` (2): a rate, and not for how long one piece keeps it up. DARWIN and OHDSI's dose
  page take 24 times the rate, "assuming 1 patch at a time"; what a quantity of them holds is unknown. No study drug is
  a patch.
- `quantity in mL` (1): a strength per litre. DARWIN's formula does not convert the litre; a quantity here is in mL.
- `strength per another unit than mL` (3): per actuation, mg or cm2. By OHDSI's dose page a quantity counts puffs, and
  DARWIN multiplies; but records also count containers, or their mL. It concerns one product of a study drug, zolpidem
  oral spray, 5 mg a puff and 60 puffs in less than 10 mL: 60-fold apart, and nothing in a record tells which. Per mg a
  quantity may be g or mg, 1000-fold apart. That such a dose is unknown, and counted as unknown, is all that is known.
"""

import csv
import datetime as dt
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import pytest

from cohort.protocol import Protocol
from cohort.trial import Row, run_tables
from tests.conftest import SHARED

REFERENCE = SHARED / "reference" / "darwin_dose_patterns.csv"
with (Path(__file__).parent / "darwin_patterns.csv").open(encoding="utf-8", newline="") as _file:
    PATTERNS = {int(row["pattern_id"]): row for row in csv.DictReader(_file)}
each_pattern = pytest.mark.parametrize("pattern", PATTERNS)

UNITS = {
    **{"milligram": 8576, "microgram": 9655, "milliliter": 8587, "liter": 8519, "hour": 8505, "unit": 8510},
    **{"international unit": 8718, "mega-international unit": 9439, "milliequivalent": 9551},
    **{"Actuation": 45744809, "square centimeter": 9483},
}
MG_OF = {"milligram": Fraction(1), "microgram": Fraction(1, 1000)}
AMOUNT, NUMERATOR, DENOMINATOR = 7, 12, 48
QUANTITY, DAYS = 60, 30
DIAZEPAM = 723013
START = dt.date(2012, 1, 1)


def darwin_mg_per_day(pattern: Mapping[str, str], hours: int = DENOMINATOR) -> Fraction | None:
    """The pattern's formula on the numbers above, in mg; None where its unit has no mg."""
    mg = MG_OF.get(pattern["amount_unit"] or pattern["numerator_unit"])
    if mg is None:
        return None
    return (
        mg
        * {
            "fixed amount formulation": Fraction(QUANTITY * AMOUNT, DAYS),
            "concentration formulation": Fraction(QUANTITY * NUMERATOR, DAYS),
            "time based with denominator": Fraction(NUMERATOR * 24, hours) if hours > 24 else Fraction(NUMERATOR),
            "time based no denominator": Fraction(NUMERATOR * 24),
        }[pattern["formula_name"]]
    )


def ledger(quantity: float = QUANTITY, hours: int = DENOMINATOR) -> dict[int, Row]:
    """By pattern, the ledger's row of one fill of a product of diazepam with that pattern."""
    cdm = {
        "person": [{"person_id": 1}],
        "drug_strength": [_strength(number, row, hours) for number, row in PATTERNS.items()],
        "drug_exposure": [_exposure(number, quantity) for number in PATTERNS],
    }
    protocol = Protocol().changed(missing_dose="unknown", days_supply_order=("drug_exposure_end_date",))
    return {row["drug_exposure_id"]: row for row in run_tables(cdm, protocol, ["dose"])["dose"]}


def _strength(number: int, pattern: Mapping[str, str], hours: int) -> Row:
    return {
        "drug_concept_id": number,
        "ingredient_concept_id": DIAZEPAM,
        "amount_value": AMOUNT if pattern["amount"] else None,
        "amount_unit_concept_id": UNITS.get(pattern["amount_unit"]),
        "numerator_value": NUMERATOR if pattern["numerator"] else None,
        "numerator_unit_concept_id": UNITS.get(pattern["numerator_unit"]),
        "denominator_value": hours if pattern["denominator"] else None,
        "denominator_unit_concept_id": UNITS.get(pattern["denominator_unit"]),
    }


def _exposure(number: int, quantity: float) -> Row:
    """DARWIN counts days as end - start + 1."""
    return {
        "drug_exposure_id": number,
        "person_id": 1,
        "drug_concept_id": number,
        "drug_exposure_start_date": START,
        "drug_exposure_end_date": START + dt.timedelta(days=DAYS - 1),
        "quantity": quantity,
    }


@pytest.fixture(scope="module")
def doses() -> dict[int, Row]:
    return ledger()


def _exactly(mg_per_day: Fraction) -> object:
    return pytest.approx(float(mg_per_day), rel=1e-15)


# --- Pattern by pattern ------------------------------------------------------------------------------------------


@each_pattern
def test_a_daily_dose_is_darwin_s_or_differs_as_the_file_says(doses, pattern):
    """Every word of the column `ours` is a statement about the number or the problem of that pattern."""
    theirs, row = darwin_mg_per_day(PATTERNS[pattern]), doses[pattern]
    mg = MG_OF.get(PATTERNS[pattern]["numerator_unit"], Fraction(0))
    match PATTERNS[pattern]["ours"]:
        case "same":
            assert row["mg_per_day"] == _exactly(theirs)
        case "quantity counts":
            assert row["mg_per_day"] == _exactly(mg * QUANTITY * NUMERATOR / DAYS)
            assert row["mg_per_day"] != _exactly(theirs)
        case "quantity in mL":
            assert row["mg_per_day"] == _exactly(theirs / 1000)
        case problem:
            assert (row["mg_per_day"], row["problem"]) == (None, problem)
            assert row["status"] == f"unknown: {problem}"


@pytest.mark.parametrize("hours", [24, 48, 72])
@pytest.mark.parametrize("pattern", [1, 2])
def test_pieces_used_one_at_a_time_give_darwin_s_rate(pattern, hours):
    """One tablet a day, or a patch every two or three days: quantity x numerator / days is 24 hours of the rate."""
    pieces = DAYS * 24 / hours
    found = ledger(quantity=pieces, hours=hours)[pattern]
    assert found["mg_per_day"] == _exactly(darwin_mg_per_day(PATTERNS[pattern], hours))
    assert found["rule"] == "per hour release"


def test_only_a_strength_that_is_no_mass_has_no_dose_in_mg_by_darwin():
    """Where DARWIN has a number in mg and ours has none, it is for the denominator."""
    without = {number for number, row in PATTERNS.items() if darwin_mg_per_day(row) is None}
    assert without == {number for number, row in PATTERNS.items() if row["ours"] == "strength unit not a mass"}


# --- The file ----------------------------------------------------------------------------------------------------


def test_the_counts_of_the_docstring_are_those_of_the_file():
    ours = Counter(row["ours"] for row in PATTERNS.values())
    assert (len(PATTERNS), ours["same"], ours["strength unit not a mass"]) == (41, 8, 25)
    assert (ours["strength per another unit than mL"], ours["release per hour without its hours"]) == (3, 2)
    assert (ours["quantity counts"], ours["quantity in mL"]) == (2, 1)


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference facts are not beside the checkout")
def test_the_patterns_are_those_of_the_reference():
    with REFERENCE.open(encoding="utf-8", newline="") as file:
        theirs = {int(float(row["pattern_id"])): row for row in csv.DictReader(file)}
    columns = [name for name in PATTERNS[1] if name not in ("pattern_id", "ours")]
    assert {number: [row[name] for name in columns] for number, row in PATTERNS.items()} == {
        number: [row[name] for name in columns] for number, row in theirs.items()
    }
