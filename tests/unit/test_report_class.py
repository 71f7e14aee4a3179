"""The report on the class: each drug, the permutation test, and every check with its numbers or its reason."""

import pytest

from cohort.models.class_checks import PERMUTATION
from cohort.report import build_report
from cohort.report.class_checks import check_groups, drug_groups
from cohort.report.release import read_release
from cohort.report.specification import PLANNED, Specification, specification_curve, specifications, summary
from cohort.results import BY_DRUG, CONTRAST
from tests.unit.test_report import TABLES, all_estimates, estimate, visible, write_release

OK = {
    "hazard_ratio": 1.08, "ci_lower": 0.99, "ci_upper": 1.18, "log_hr": 0.077, "se_log_hr": 0.045, "p_value": 0.087,
    "status": "ok",
}  # fmt: skip
NONE = dict.fromkeys(("hazard_ratio", "ci_lower", "ci_upper", "log_hr", "se_log_hr", "p_value"), "")
CHECKS = [
    {
        "check": "leave one drug out",
        "variant": "without oxazepam",
        "exposure": CONTRAST,
        "drugs": "diazepam / clonazepam",
    }
    | OK,
    {"check": "leave one drug out", "variant": "without diazepam", "exposure": CONTRAST, "drugs": "none / oxazepam"}
    | NONE
    | {"status": "not estimable: nobody took a binder"},
    {"check": "class by half-life", "variant": "long-acting", "exposure": "tspo_binder", "drugs": "diazepam"}
    | OK
    | {"status": "suppressed"},
]
TEST = {
    "diagnostic": PERMUTATION, "analysis": "primary", "exposure": CONTRAST, "statistic": 1.7, "df": "", "p_value": 0.2,
    "value": 5, "verdict": "info", "meaning": "Two-sided permutation test of the contrast: all 5 ways.",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    drugs = [estimate("diazepam", hr=1.21, model=BY_DRUG), estimate("clonazepam", model=BY_DRUG, status="suppressed")]
    tables = {"class_checks": CHECKS, "diagnostics": [*TABLES["diagnostics"], TEST]}
    return write_release(tmp_path_factory.mktemp("class"), [*all_estimates(), *drugs], **tables)


def test_each_drug_stands_with_its_class_and_a_hidden_one_without_numbers(folder):
    groups = {group.look.name: group.effects for group in drug_groups(read_release(folder))}
    assert [effect.label for effect in groups["TSPO binder"]] == ["diazepam"]
    (hidden,) = [e for effects in groups.values() for e in effects if e.label == "clonazepam"]
    assert hidden.bounds is None


def test_a_check_has_its_ratio_or_its_reason(folder):
    left_out, by_half_life = check_groups(read_release(folder))
    assert left_out.name == "Leave one drug out"
    with_ratio, without = left_out.rows
    assert (with_ratio.label, with_ratio.hazard_ratio) == ("without oxazepam", "1.08 (0.99\xa0to\xa01.18)")
    assert (with_ratio.p, with_ratio.drugs) == ("0.087", "diazepam against clonazepam")
    assert (without.label, without.reason) == ("without diazepam", "nobody took a binder")
    (hidden,) = by_half_life.rows
    assert (hidden.label, hidden.reason) == ("long-acting, TSPO binder", "suppressed")
    assert "1.08" not in hidden.hazard_ratio


def test_the_page_tells_the_checks_and_the_permutation_test(folder):
    words = visible(build_report(folder).read_text(encoding="utf-8"))
    assert "Is it the class?" in words
    assert "all 5 ways. Here p is 0.20." in words
    assert "nobody took a binder" in words


def test_the_specification_curve_has_every_contrast_in_the_planned_unit_sorted(folder):
    found = specifications(read_release(folder))
    lags = [one for one in found if one.choice == "Lag"]
    assert {one.how for one in lags} == {"none", "1\xa0year", "2\xa0years", "5\xa0years"}
    assert [one.how for one in found if one.choice == "Drug left out"] == ["without oxazepam", "without diazepam"]
    assert sum(one.is_planned for one in found) == 1
    assert not [one for one in found if one.how == "ddd"]
    values = [one.bounds[0] for one in found if one.bounds]
    assert values == sorted(values)
    assert found[-1].bounds is None
    assert found[-1].reason == "not estimable: nobody took a binder"


def test_the_specification_curve_has_no_analysis_of_another_outcome(tmp_path):
    """Its ratio answers another question."""
    other = estimate(CONTRAST, hr=7.77, analysis="alzheimers", outcome="alzheimers_disease")
    release = read_release(write_release(tmp_path, [*all_estimates(), other]))
    assert release.linear(CONTRAST, analysis="alzheimers") is not None
    assert "alzheimers" not in {one.how for one in specifications(release)}


def test_the_specification_curve_says_where_the_planned_one_lies():
    def spec(value, choice="Lag"):
        return Specification(choice, "", (value, value - 0.1, value + 0.1))

    found = [spec(0.8), spec(1.0, PLANNED), spec(1.05), Specification("Lag", "", None, "suppressed")]
    assert summary(found) == (
        "3 specifications give ratios from 0.80 to 1.05; the planned one is number 2 from below. The intervals of 1 of "
        "them leave out 1; 1 more could not be estimated or shown."
    )
    assert summary(found[:1]) == ""
    assert specification_curve(found[:2], "per 365", "95% CI") is None
    picture = specification_curve(found, "per 365", "95% CI")
    assert picture is not None
    assert picture.wide.count("<title id=") == 1


def test_a_release_without_a_model_of_drugs_has_no_such_section(tmp_path):
    words = visible(build_report(write_release(tmp_path)).read_text(encoding="utf-8"))
    assert "Is it the class?" not in words
