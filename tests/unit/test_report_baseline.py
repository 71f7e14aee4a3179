"""The report on who takes these drugs, and on what adjustment changes."""

import pytest

from cohort.balance import BALANCE_SCHEMA
from cohort.protocol import Protocol
from cohort.report import build_report
from cohort.report.baseline import adjustment_rows, baseline_groups, said_of_adjustment, said_of_balance
from cohort.report.methods_model import model
from cohort.report.numbers import ABSENT
from cohort.report.release import read_release
from cohort.results import CONTRAST, FULLY_ADJUSTED, UNADJUSTED
from tests.unit.test_report import EXPOSURES, all_estimates, estimate, visible, write_release

GROUPS = ("binder", "non_binder", "unknown", "several", "none")
SIZES = dict(zip(GROUPS, (200, 100, 50, 20, 640), strict=True))
FEW = "not estimable: fewer than 10 events for each of 46 coefficients (gates.events_per_parameter)"


def row(heading, characteristic, level, persons, **fields):
    cells = dict.fromkeys(BALANCE_SCHEMA, "") | {"heading": heading, "characteristic": characteristic, "level": level}
    for group, n in zip(GROUPS, persons, strict=True):
        cells[f"persons_{group}"] = n
        cells[f"percent_{group}"] = round(100 * n / SIZES[group], 1) if n != "" and characteristic != "persons" else ""
    return cells | {"status": "ok"} | fields


AGE = {"mean_binder": 61.25, "sd_binder": 9.5, "smd_users_non_users": -0.002}
BALANCE = [
    row("Persons", "persons", "", SIZES.values()),
    row("Persons", "age at entry", "years", SIZES.values(), **AGE),
    row("Persons", "sex", "Female", (120, 60, 30, 12, 320), smd_binder_non_binder=0.0, smd_users_non_users=0.2),
    row("Mind", "depression", "ever", (60, 40, 20, "", ""), smd_binder_non_binder=-0.211, status="suppressed"),
    row("Mind", "stroke_any", "ever", (0, 0, 0, 0, 0), smd_binder_non_binder=0.0, smd_users_non_users=0.0),
    row("Mind", "ptsd", "ever", (0, 0, 0, 0, 0), smd_binder_non_binder=0.0, smd_users_non_users=0.0),
    row("Mind", "ptsd", "last year", (0, 0, 0, 0, 0), smd_binder_non_binder=0.0, smd_users_non_users=0.0),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    beside = [estimate(e, hr=1.5, model=UNADJUSTED) for e in EXPOSURES]
    beside += [estimate(e, model=FULLY_ADJUSTED, status=FEW, hr=1.1) for e in EXPOSURES]
    return write_release(tmp_path_factory.mktemp("baseline"), [*all_estimates(), *beside], balance=BALANCE)


def test_a_row_has_persons_with_their_percentage_and_a_hidden_cell_says_so(folder):
    about, mind = baseline_groups(read_release(folder))
    assert [cell.replace("\xa0", " ") for cell in about.rows[2].cells][:2] == ["120 (60.0%)", "60 (60.0%)"]
    (depression,) = mind.rows
    assert depression.label == "Depression, ever"
    assert depression.cells[3:] == ["suppressed", "suppressed"]
    assert [d.text for d in depression.differences] == ["\N{MINUS SIGN}0.21", ABSENT]
    assert [d.is_large for d in depression.differences] == [True, False]


def test_what_nobody_has_is_named_in_one_line(folder):
    _, mind = baseline_groups(read_release(folder))
    assert mind.absent == "stroke and PTSD"


def test_age_has_its_mean_and_deviation_and_persons_have_no_difference(folder):
    about, _ = baseline_groups(read_release(folder))
    persons, age, _ = about.rows
    assert persons.differences == []
    assert age.cells[0].replace("\xa0", " ") == "61.2 (9.5)"
    assert age.differences[1].text == "0.00"


def test_large_differences_are_counted_in_a_sentence(folder):
    assert said_of_balance(read_release(folder)) == (
        "Of the standardised differences that can be shown, 1 of 2 are larger than 0.1 between those who start with a "
        "binder and with a non-binder, and 1 of 2 between users and non-users."
    )


def test_the_three_models_stand_side_by_side_and_a_missing_one_says_why(folder):
    rows = {row.name: row.cells for row in adjustment_rows(read_release(folder))}
    unadjusted, adjusted, full = rows["TSPO binder"]
    assert unadjusted.startswith("1.50")
    assert adjusted.startswith("1.25")
    assert full == FEW
    assert said_of_adjustment(read_release(folder)) == (
        "The ratio of binders to non-binders is 1.50 unadjusted and 1.25 adjusted: what a model adjusts for moves it "
        "by a factor of 1.20 at most."
    )


def test_the_page_has_both_sections(folder):
    words = visible(build_report(folder).read_text(encoding="utf-8"))
    assert "Who takes these drugs" in words
    assert "What adjustment changes" in words
    assert "Recorded in nobody: stroke and PTSD." in words


def test_a_suppressed_contrast_is_not_told_in_the_sentence(tmp_path):
    rows = [estimate(CONTRAST, model=model, status="suppressed") for model in (UNADJUSTED, FULLY_ADJUSTED)]
    release = read_release(write_release(tmp_path, [*all_estimates(), *rows]))
    assert said_of_adjustment(release) == ""
    assert {cell for row in adjustment_rows(release) if row.name.startswith("Binder") for cell in row.cells} >= {
        "suppressed"
    }


def test_a_release_without_them_has_no_such_sections(tmp_path):
    words = visible(build_report(write_release(tmp_path)).read_text(encoding="utf-8"))
    assert "Who takes these drugs" not in words
    assert "What adjustment changes" not in words


@pytest.mark.parametrize(("days", "said"), [(None, "insomnia at entry"), (365, "recorded in the 365 days up to entry")])
def test_the_methods_say_how_far_the_covariates_look_back(days, said):
    assert said in model(Protocol().changed(covariate_lookback_days=days))
