"""Expectation files: those of `tests/expectations` hold, what does not hold is shown, and a wrong file says what is."""

import datetime as dt
import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cohort.errors import UsageError
from cohort.expectation.check import Finding, check
from cohort.expectation.file import LedgerRow
from cohort.expectation.reader import read_expectations
from cohort.protocol import Protocol, load_protocol
from cohort.trial import run_tables
from flows.cli import main

FOLDER = Path(__file__).parents[1] / "expectations"
FILES = sorted(FOLDER.glob("*.toml"))
TABLETS = """
title = "Tablets"
[[product]]
name = "diazepam 5 MG Oral Tablet"
drug = "diazepam"
amount = 5
unit = "mg"
[[fill]]
date = 2001-03-01
product = "diazepam 5 MG Oral Tablet"
quantity = 60
days_supply = 30
"""
HOLDS = "[[expected.ledger]]\nfill = 1\nmg = 300\n"


@pytest.fixture
def findings(tmp_path: Path):
    """Findings of TABLETS with more text, or of another text."""

    def of(more: str, text: str = TABLETS) -> list[Finding]:
        (expectation,) = read_expectations([written(tmp_path, text + more)], load_protocol())
        return check(expectation)

    return of


def written(folder: Path, text: str, name: str = "person.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def tspo_expect(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["expect", *map(str, arguments)])


def wrong(folder: Path, text: str) -> str:
    with pytest.raises(UsageError) as error:
        read_expectations([written(folder, text)], load_protocol())
    return str(error.value)


# --- The rules of the study -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_is_expected_of_a_person_holds(path: Path) -> None:
    (expectation,) = read_expectations([path], load_protocol())
    found = check(expectation)
    assert found
    assert [finding for finding in found if not finding.holds] == []


def test_the_example_of_the_readme_holds(findings) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", (FOLDER / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    found = findings("", example)
    assert len(found) == 5
    assert all(finding.holds for finding in found)


# --- What does not hold ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "finding"),
    [
        ("[[expected.ledger]]\nfill = 1\nmg = 301", Finding("ledger, fill 1 (diazepam): mg", "301", "300", False)),
        (
            '[[expected.ledger]]\nfill = 1\nmg = "unknown"',
            Finding("ledger, fill 1 (diazepam): mg", "unknown", "300", False),
        ),
        (
            '[[expected.ledger]]\nfill = 1\nproblem = "several strengths"',
            Finding("ledger, fill 1 (diazepam): problem", "several strengths", "empty", False),
        ),
        (
            "[[expected.ledger]]\nfill = 1\ndays_disagree = true",
            Finding("ledger, fill 1 (diazepam): days_disagree", "true", "false", False),
        ),
        (
            "[[expected.supply]]\nfill = 1\nstart = 2001-03-02\ndays = 30",
            Finding("supply, fill 1 (diazepam)", "30 days from 2001-03-02", "30 days from 2001-03-01", False),
        ),
        (
            "[[expected.supply]]\nfill = 1\ndays = 0",
            Finding("supply, fill 1 (diazepam)", "no day", "30 days from 2001-03-01", False),
        ),
        (
            "[[expected.discarded]]\nfill = 1\nby_cap = 1",
            Finding("discarded, fill 1 (diazepam): by_cap", "1", "0", False),
        ),
        (
            "[[expected.dose]]\ndate = 2010-01-01\ntspo_binder = 30.00001",
            Finding("dose on 2010-01-01: tspo_binder", "30.00001", "30", False),
        ),
        (
            "[[expected.dose]]\ndate = 2010-01-01\ntspo_unknown = 1e-9",
            Finding("dose on 2010-01-01: tspo_unknown", "1e-09", "0", False),
        ),
        (
            '[[expected.dose]]\ndate = 2010-01-01\ncategory_tspo_binder = "unknown dose"',
            Finding("dose on 2010-01-01: category_tspo_binder", "unknown dose", "1-90", False),
        ),
    ],
)
def test_what_does_not_hold_is_shown_beside_what_was_found(findings, expected: str, finding: Finding) -> None:
    assert findings(expected) == [finding]


def test_all_stretches_of_a_fill_must_be_listed(findings) -> None:
    part = "[[expected.supply]]\nfill = 1\nstart = 2001-03-01\ndays = 10\n"
    whole = part + "[[expected.supply]]\nfill = 1\nstart = 2001-03-16\ndays = 20\n"
    stay = '[protocol]\nhospital_stays = "pause"\n[[hospital_stay]]\nstart = 2001-03-11\nend = 2001-03-16\n'
    assert [finding.holds for finding in findings(stay + whole)] == [True]
    (finding,) = findings(stay + part)
    assert not finding.holds
    assert finding.found == "10 days from 2001-03-01, 20 days from 2001-03-16"


def test_a_fill_that_the_supply_leaves_out_has_no_row_of_discarded_days(findings) -> None:
    text = TABLETS.replace("days_supply = 30", "days_supply = 0")
    (finding,) = findings("[[expected.discarded]]\nfill = 1\nby_cap = 0\n", text)
    assert (finding.found, finding.holds) == ("no row of this fill", False)


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ("", "not followed then, but from 2000-12-31 to 2030-12-30 (end of observation)"),
        (
            "[person]\nbirth_date = 1970-01-01\nobserved = [2000-01-01, 2019-12-31]\n",
            "never followed: nothing allows entry: too young, or not observed for long enough",
        ),
        (
            "[person]\nobserved = [2000-06-01, 2030-12-31]\n",
            "never followed: a study drug was filled in the washout before entry on 2001-06-01",
        ),
    ],
)
def test_a_date_without_follow_up_says_why(findings, more: str, found: str) -> None:
    (finding,) = findings(f"{more}[[expected.dose]]\ndate = 2000-01-01\ntspo_binder = 0\n")
    assert (finding.found, finding.holds) == (found, False)


@pytest.mark.parametrize(("date", "holds"), [("2000-12-31", True), ("2030-12-30", True), ("2030-12-31", False)])
def test_a_person_is_followed_from_entry_to_the_eve_of_exit(findings, date: str, holds: bool) -> None:
    (finding,) = findings(f"[[expected.dose]]\ndate = {date}\ntspo_non_binder = 0\n")
    assert finding.holds is holds


# --- Numbers and names ----------------------------------------------------------------------------------------


def test_a_number_may_be_a_fraction_and_is_not_loosely_equal(findings) -> None:
    text = TABLETS.replace("days_supply = 30", "days_supply = 90")
    (good,) = findings('[[expected.ledger]]\nfill = 1\ndme_per_day = "1/3"', text)
    (bad,) = findings("[[expected.ledger]]\nfill = 1\ndme_per_day = 0.33333333", text)
    assert (good.holds, bad.holds) == (True, False)


def test_a_dose_that_is_added_up_in_billionths_equals_its_fraction(findings) -> None:
    """A thirtieth a day is counted as 33,333,333 billionths: 90 days of it are 2.99999997, meant as 3."""
    text = TABLETS.replace("quantity = 60", "quantity = 6").replace("days_supply = 30", "days_supply = 90")
    (finding,) = findings("[protocol]\nlag_days = 0\n[[expected.dose]]\ndate = 2001-12-31\ntspo_binder = 3\n", text)
    assert (finding.found, finding.holds) == ("2.99999997", True)


def test_the_drug_says_which_row_of_a_combination_is_meant(findings) -> None:
    more = '[[product]]\nname = "diazepam 5 MG Oral Tablet"\ndrug = "etizolam"\namount = 1\nunit = "mg"\n'
    rows = (
        '[[expected.ledger]]\nfill = 1\ndrug = "diazepam"\nmg = 300\n'
        '[[expected.ledger]]\nfill = 1\ndrug = "etizolam"\nmg = 60\n'
    )
    assert [finding.holds for finding in findings(more + rows)] == [True, True]


def test_a_fill_has_the_id_that_it_is_given(findings) -> None:
    text = TABLETS.replace("[[fill]]", "[[fill]]\nid = 7")
    (finding,) = findings("[[expected.ledger]]\nfill = 7\nmg = 300\n", text)
    assert finding.holds


def test_every_column_of_the_ledger_can_be_expected() -> None:
    record = {"drug_exposure_id": 1, "drug_concept_id": 723013, "drug_exposure_start_date": dt.date(2001, 3, 1)}
    cdm = {"person": [{"person_id": 1, "year_of_birth": 1940}], "drug_exposure": [{"person_id": 1} | record]}
    (row,) = run_tables(cdm, Protocol(), ["dose"])["dose"]
    ids = {"drug_exposure_id", "person_id", "drug_concept_id", "ingredient_concept_id"}
    assert set(LedgerRow.model_fields) == set(row) - ids | {"fill"}


# --- A wrong file ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("title", "titel", "unknown key 'titel'; did you mean 'title'?"),
        ("title", "titel", "title is missing"),
        ('title = "Tablets"', 'title = ""', "title: string should have at least 1 character"),
        ("[[fill]]", "[[fil]]", "unknown key 'fil'; did you mean 'fill'?"),
        ("[[fill]]", "[fill]", "fill: write it in double brackets, [[fill]]"),
        ("[[fill]]", "[[person]]\n[[fill]]", "person: write it in single brackets, [person]"),
        ("quantity", "quantiy", "fill 1: unknown key 'quantiy'; did you mean 'quantity'?"),
        ("quantity = 60", 'quantity = "sixty"', "fill 1, quantity: write a number, or a fraction in quotes"),
        ("quantity = 60", 'quantity = "1/0"', "fill 1, quantity: write a number, or a fraction in quotes"),
        ("quantity = 60", "quantity = true", "fill 1, quantity: write a number (got True)"),
        ("quantity = 60", "quantity = nan", "fill 1, quantity: input should be a finite number"),
        ("days_supply = 30", "days_supply = 30.5", "fill 1, days_supply: input should be a valid integer (got 30.5)"),
        ("date = 2001-03-01", "date = 2001", "fill 1, date: write a date as 2001-12-31 (got 2001)"),
        ("date = 2001-03-01", 'date = "March"', "fill 1, date: write a date as 2001-12-31 (got 'March')"),
        ("date = 2001-03-01", "date = 2001-03-01T08:00:00", "fill 1, date: write a date as 2001-12-31"),
        ("date = 2001-03-01", "", "fill 1: date is missing"),
        (
            'product = "diazepam 5',
            'product = "diazepan 5',
            "fill 1: there is no product 'diazepan 5 MG Oral Tablet'; did",
        ),
        ("quantity", 'route = "oal"\nquantity', "fill 1: there is no route 'oal'; did you mean 'oral'?"),
        ("[[fill]]", "[[fill]]\nid = 0", "fill 1, id: input should be greater than or equal to 1"),
        (
            'drug = "diazepam"',
            'drug = "diazepan"',
            "product 1: there is no study drug 'diazepan'; did you mean 'diazepam'",
        ),
        (
            "amount",
            "other_ingredient = true\namount",
            "product 1: 'diazepam' is a study drug; leave other_ingredient out",
        ),
        ('unit = "mg"', 'unit = "mgg"', "product 1: there is no unit 'mgg'; did you mean 'mg'?"),
        ("amount = 5", 'amount = 5\nnumerator = 5\ndenominator_unit = "mL"', "product 1: give amount or numerator"),
        ("amount = 5", "numerator = 5", "product 1: numerator and denominator_unit go together"),
        ("amount = 5", "amount = 5\ndenominator = 5", "product 1: a denominator needs a numerator"),
        ("fill = 1", "fill = 2", "expected.ledger 1: there is no fill 2; known: 1"),
        ("fill = 1", 'fill = 1\ndrug = "lorazepam"', "expected.ledger 1: there is no study drug 'lorazepam' in fill 1"),
        ("mg = 300", "mgs = 300", "expected.ledger 1: unknown key 'mgs'; did you mean 'mg'?"),
        ("mg = 300", "", "expected.ledger 1: it compares nothing"),
        (HOLDS, "", "expected is missing"),
        (HOLDS, "[expected]", "it expects nothing; add [[expected.ledger]], .supply, .discarded or .dose"),
        (HOLDS, "[[expected.supply]]\nfill = 1\ndays = 3", "expected.supply 1: start is missing; only days = 0 goes"),
        (HOLDS, "[[expected.dose]]\ndate = 2001-03-01", "expected.dose 1: it compares nothing"),
        (
            HOLDS,
            '[[expected.dose]]\ndate = 2001-03-01\ncategory_tspo_binder = "1-91"',
            "expected.dose 1: there is no category '1-91'; did you mean '1-90'?",
        ),
        (
            "[[fill]]",
            "[person]\nobserved = [2001-01-01, 2000-01-01]\n[[fill]]",
            "observed: the first day is not before",
        ),
        (
            "[[fill]]",
            "[[hospital_stay]]\nstart = 2001-01-02\nend = 2001-01-01\n[[fill]]",
            "hospital_stay 1: end is before",
        ),
        (
            "[[fill]]",
            "[protocol]\nlagdays = 3\n[[fill]]",
            "protocol: The protocol has no field 'lagdays'; did you mean 'lag_d",
        ),
        (
            "[[fill]]",
            "[protocol]\nlag_days = -3\n[[fill]]",
            "exposure.lag_days: Input should be greater than or equal to 0",
        ),
        ("[[fill]]", '[protocol]\ncovariates = ["anxity"]\n[[fill]]', "there is no covariate 'anxity'"),
        ("title", "title =", "is not a TOML file that can be read"),
    ],
)
def test_a_wrong_file_says_what_is_wrong_and_what_was_meant(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = TABLETS + HOLDS
    assert old in text
    assert message in wrong(tmp_path, text.replace(old, new, 1))


def test_two_fills_with_one_id_are_refused(tmp_path: Path) -> None:
    again = TABLETS[TABLETS.index("[[fill]]") :].replace("[[fill]]", "[[fill]]\nid = 1")
    assert "two fills have one id" in wrong(tmp_path, TABLETS + again + HOLDS)


def test_a_combination_of_study_drugs_needs_the_drug_named(tmp_path: Path) -> None:
    more = '[[product]]\nname = "diazepam 5 MG Oral Tablet"\ndrug = "lorazepam"\n'
    assert "fill 1 has 2 study drugs; say which" in wrong(tmp_path, TABLETS + more + HOLDS)


def test_all_problems_of_a_file_come_in_one_message(tmp_path: Path) -> None:
    text = (TABLETS + HOLDS).replace('"mg"', '"mgg"').replace("fill = 1", "fill = 4")
    assert "has 2 problem(s)" in wrong(tmp_path, text)


# --- The command ----------------------------------------------------------------------------------------------


def test_the_command_ends_with_0_when_all_hold(tmp_path: Path) -> None:
    done = tspo_expect(written(tmp_path, TABLETS + HOLDS))
    assert (done.exit_code, done.output) == (0, "person.toml: Tablets: 1 of 1 expectations hold\n")


def test_the_command_ends_with_3_when_something_does_not_hold(tmp_path: Path) -> None:
    bad = written(tmp_path, TABLETS + HOLDS + "days = 31\n", "bad.toml")
    done = tspo_expect(bad, written(tmp_path, TABLETS + HOLDS))
    assert done.exit_code == 3
    assert "bad.toml: Tablets: 1 of 2 expectations hold" in done.output
    assert "ledger, fill 1 (diazepam): days │ 31       │ 30" in done.output
    assert "person.toml: Tablets: 1 of 1 expectations hold" in done.output


def test_the_command_ends_with_2_before_it_runs_anything_when_a_file_is_wrong(tmp_path: Path) -> None:
    wrong_file = written(tmp_path, "titel = 1", "wrong.toml")
    done = tspo_expect(written(tmp_path, TABLETS + HOLDS), wrong_file, tmp_path / "nowhere.toml", tmp_path)
    assert done.exit_code == 2
    assert "did you mean 'title'" in done.output
    assert f"There is no expectation file at {tmp_path / 'nowhere.toml'}." in done.output
    assert f"{tmp_path} cannot be read: Is a directory." in done.output
    assert "expectations hold" not in done.output


def test_a_number_beyond_all_measure_is_an_unknown_dose(tmp_path: Path) -> None:
    text = TABLETS.replace("quantity = 60", "quantity = 1e300")
    expected = '[[expected.dose]]\ndate = 2010-01-01\ntspo_binder = "unknown"\n'
    assert tspo_expect(written(tmp_path, text + expected)).exit_code == 0


def test_a_dose_beyond_all_measure_is_a_message(tmp_path: Path) -> None:
    text = TABLETS.replace("quantity = 60", "quantity = 100000").replace("amount = 5", "amount = 1e9")
    done = tspo_expect(written(tmp_path, text + "[[expected.dose]]\ndate = 2010-01-01\ntspo_binder = 3\n"))
    assert done.exit_code == 2
    assert "is a number far too large?" in done.output


def test_the_files_start_from_the_protocol_that_is_given(tmp_path: Path) -> None:
    protocol = written(tmp_path, "[exposure]\nlag_days = 0\n", "protocol.toml")
    path = written(tmp_path, TABLETS + "[[expected.dose]]\ndate = 2001-03-01\ntspo_binder = 1\n")
    assert tspo_expect(path).exit_code == 3
    assert tspo_expect(path, "--protocol", protocol).exit_code == 0


def test_the_help_has_an_example_that_is_there() -> None:
    said = tspo_expect("--help").output
    (example,) = re.findall(r"Example: tspo expect (\S+)", said)
    assert tomllib.loads((FOLDER.parents[1] / example).read_text(encoding="utf-8"))["title"]
