"""What the report concludes from a release: the rules on numbers by hand, and what it says where some are missing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from cohort.models.class_checks import BESIDE, LEAVE_ONE_OUT, PERMUTATION
from cohort.models.reversibility import CURRENT, LIFETIME, WEIGHTED, WINDOW
from cohort.protocol import Protocol
from cohort.report import build_report
from cohort.report.conclusions import conclusions, summed_up
from cohort.report.release import read_release
from cohort.report.terms import protocol_of, terms_of
from cohort.report.verdicts import (
    FAILS,
    HOLDS,
    OPEN,
    Conclusion,
    Found,
    builds_up,
    fades,
    is_rare,
    raises,
    stays,
    survives,
    worst,
)
from cohort.results import CONTRAST, FULLY_ADJUSTED
from tests.unit.test_report import diagnostic, estimate, section, visible, write_release

SECRET = 7.7777
"""A number that stands in rows that must not be shown."""
BINDER = "tspo_binder"


BINDING = "The hazard is higher with binders than with non-binders"
LAG = "The association with binders survives the lag"
HALF_LIFE = "The difference is not one of half-life or potency"
ONE_DRUG = "The difference does not hang on one drug"
SORTING = "Few other ways to sort the drugs show as much"
INDICATION = "The difference is not one of recorded indications"
CHANNELLING = "No class is preferred for the first signs"
DURATION = "The association builds up with the time of use"
FADING = "The association fades after stopping"
ALL = dict.fromkeys(
    (BINDING, LAG, HALF_LIFE, ONE_DRUG, SORTING, INDICATION, CHANNELLING, DURATION, FADING), HOLDS
)  # fmt: skip


@dataclass(frozen=True)
class Page:
    """The section as it stands on a page: its verdicts and words by prediction, and what sums them up."""

    verdicts: Mapping[str, str]
    words: Mapping[str, str]
    summed_up: str


def read_page(text):
    section = text.split('<section id="conclusions"')[1].split("</section>")[0]
    name, word = (re.compile(rf'<span class="{kind}[^"]*">([^<]*)</span>') for kind in ("name", "word"))
    items = section.split("<li>")[1:]
    names = [name.findall(item)[0] for item in items]
    verdicts = dict(zip(names, (word.findall(item)[0] for item in items), strict=True))
    return Page(verdicts, dict(zip(names, map(visible, items), strict=True)), section.split("<p>")[1].split("</p>")[0])


def found(*bounds, why=""):
    return Found("it", bounds or None, why)


ABOVE, AROUND, BELOW, NEAR, LOW = (
    found(1.3, 1.1, 1.5), found(1.1, 0.9, 1.4), found(0.8, 0.7, 0.9), found(1.01, 0.95, 1.07), found(1.0, 0.9, 1.2),
)  # fmt: skip
NONE = found(why="suppressed")


@pytest.mark.parametrize(
    ("it", "verdict"),
    [(ABOVE, HOLDS), (AROUND, OPEN), (BELOW, FAILS), (NEAR, FAILS), (LOW, OPEN), (NONE, OPEN),
     (found(1.05, 1.01, 1.09), HOLDS), (found(1.0, 0.92, 1.1), OPEN)],
)  # fmt: skip
def test_an_interval_that_includes_one_is_no_evidence_of_none_unless_it_ends_near_one(it, verdict):
    assert raises(it) == verdict


@pytest.mark.parametrize(
    ("it", "verdict"),
    [(ABOVE, HOLDS), (found(1.05, 1.01, 1.09), HOLDS), (AROUND, OPEN), (LOW, FAILS), (BELOW, FAILS), (NONE, OPEN),
     (found(1.1, 1.0, 1.2), FAILS), (found(1.1, 0.9, 1.3), OPEN)],
)  # fmt: skip
def test_a_difference_goes_where_the_interval_reaches_one_and_ends_below_the_planned_ratio(it, verdict):
    assert stays(ABOVE, it) == verdict
    assert stays(NONE, it) == (verdict if verdict == HOLDS else OPEN)


@pytest.mark.parametrize(
    ("shortest", "planned", "longer", "verdict"),
    [
        (AROUND, ABOVE, [], HOLDS),
        (ABOVE, ABOVE, [AROUND, NONE], HOLDS),
        (ABOVE, ABOVE, [ABOVE, LOW], OPEN),
        (ABOVE, LOW, [ABOVE], FAILS),
        (ABOVE, AROUND, [], OPEN),
        (ABOVE, NONE, [], OPEN),
        (NONE, LOW, [], OPEN),
        (AROUND, LOW, [], OPEN),
    ],
)
def test_an_association_survives_a_lag_or_goes_with_it(shortest, planned, longer, verdict):
    assert survives(shortest, planned, longer) == verdict


def test_what_is_not_rare_is_not_refuted():
    assert [is_rare(share, 0.05) for share in (0.05, 0.051)] == [HOLDS, OPEN]


BIC = {LIFETIME: 106.0, WINDOW: 100.0, CURRENT: 112.0}


@pytest.mark.parametrize(
    ("change", "fading", "building"),
    [
        ({}, HOLDS, HOLDS),
        ({LIFETIME: 105.9}, OPEN, HOLDS),
        ({CURRENT: 105.9}, HOLDS, OPEN),
        ({CURRENT: 94.0}, HOLDS, FAILS),
        ({LIFETIME: 94.0}, FAILS, HOLDS),
        ({LIFETIME: 94.1}, OPEN, HOLDS),
    ],
)
def test_hypotheses_are_told_apart_by_a_difference_of_six(change, fading, building):
    assert (fades(BIC | change), builds_up(ABOVE, BIC | change)) == (fading, building)


@pytest.mark.parametrize("missing", list(BIC))
def test_a_hypothesis_that_could_not_be_fitted_leaves_the_question_open(missing):
    rest = {name: value for name, value in BIC.items() if name != missing}
    assert (fades(rest), builds_up(ABOVE, rest)) == (OPEN, OPEN)


@pytest.mark.parametrize(("duration", "verdict"), [(AROUND, OPEN), (NONE, OPEN), (BELOW, FAILS)])
def test_an_effect_builds_up_only_where_longer_use_goes_with_more(duration, verdict):
    assert builds_up(duration, BIC) == verdict


def test_the_gravest_verdict_counts_and_nothing_is_no_verdict():
    assert [worst([HOLDS, OPEN, FAILS]), worst([HOLDS, OPEN]), worst([HOLDS]), worst([])] == [FAILS, OPEN, HOLDS, OPEN]


# --- From a release ----------------------------------------------------------------------------------------


def check(kind, variant, hr=1.25, lower=1.1, upper=1.4, status="ok", **cells):
    """A row of class_checks.csv."""
    row = {"check": kind, "variant": variant, "exposure": CONTRAST, "drugs": "diazepam / oxazepam", "log_hr": ""}
    row |= {"hazard_ratio": hr, "ci_lower": lower, "ci_upper": upper, "se_log_hr": "", "p_value": ""}
    return row | {"status": status} | cells


def checks(**changed):
    """Every check, with the rows of some variants changed."""
    rows = [check(BESIDE, name) for name in ("half-life", "potency", "half-life and potency")]
    rows += [check(LEAVE_ONE_OUT, f"without {drug}") for drug in ("diazepam", "oxazepam", "flunitrazepam", "zolpidem")]
    rows += [check(BESIDE, "half-life", 1.0, 0.9, 1.1, exposure=BINDER)]  # of a class, and so none of these
    names = {name.replace("_", " "): cells for name, cells in changed.items()}
    return [row | names.get(row["variant"], {}) if row["exposure"] == CONTRAST else row for row in rows]


def used(hr=1.2, lower=1.1, upper=1.3, **cells):
    """A row of use_patterns.csv."""
    row = {"exposure": BINDER, "metric": "dme", "duration": "per 365 days", "intensity": "", "hazard_ratio": hr}
    return row | {"ci_lower": lower, "ci_upper": upper, "status": "ok"} | cells


def rivals(lag=1095, **bic):
    """Rows of hypotheses.csv: at the lag, and at a shorter one that says the reverse."""
    at_lag = {LIFETIME: 106.0, WINDOW: 100.0, CURRENT: 112.0, WEIGHTED: 90.0} | {
        name.replace("_", " "): value for name, value in bic.items()
    }
    before = {name: 200.0 - value for name, value in at_lag.items() if value != ""}
    return [
        {"lag_days": days, "hypothesis": name, "shape": "", "events": 90, "coefficients": 6, "log_likelihood": -40.0,
         "bic": value, "status": "ok" if value != "" else "not estimable: no use"}
        for days, values in ((365, before), (lag, at_lag))
        for name, value in values.items()
    ]  # fmt: skip


def lags(**hr):
    """Binders' hazard ratios by year of lag."""
    ratios = {"lag_0": 1.4, "lag_3": 1.3, "lag_5": 1.3} | hr
    years = {name: int(name.removeprefix("lag_")) for name in ratios}
    return [
        estimate(BINDER, value, analysis="primary" if year == 3 else f"lag-{year}y", lag_days=365 * year)
        for year, value in ((years[name], value) for name, value in ratios.items())
    ]


CHECKED = [
    diagnostic(PERMUTATION, "info", exposure=CONTRAST, p_value=0.01, value=200),
    diagnostic("channelling", exposure="tspo_unknown", p_value=0.4, value=0.021),
]


def estimates(contrast=None, adjusted=None, binders=None):
    """What the section reads of `estimates`."""
    planned = estimate(CONTRAST) if contrast is None else contrast
    beside = estimate(CONTRAST, model=FULLY_ADJUSTED) if adjusted is None else adjusted
    return [planned, beside, *(lags() if binders is None else binders)]


@pytest.fixture
def concluded(tmp_path):
    """The conclusions by name, of a release that differs from one in which everything holds."""

    def made(**changes):
        tables = {"class_checks": checks(), "use_patterns": [used()], "hypotheses": rivals(), "diagnostics": CHECKED}
        folder = write_release(tmp_path, **({"estimates": estimates()} | tables | changes))
        release = read_release(folder)
        return {one.name: one for one in conclusions(release, terms_of(release, protocol_of(release)))}

    return made


def verdicts(concluded):
    return {name: one.verdict for name, one in concluded.items()}


def test_a_release_in_which_everything_holds(concluded):
    found = concluded()
    assert verdicts(found) == ALL
    assert found[BINDING].figure.endswith("1.25 (1.13\xa0to\xa01.38)")
    assert summed_up(list(found.values())) == (
        "Of 9 predictions 9 hold. That is what drugs that act by binding TSPO would leave; it is still an association."
    )


@pytest.mark.parametrize(
    ("contrast", "verdict", "said"),
    [
        (estimate(CONTRAST, 1.1, 0.2), OPEN, "it is no evidence of none"),
        (estimate(CONTRAST, 0.7), FAILS, "which is the opposite"),
        (estimate(CONTRAST, 1.0, 0.02), FAILS, "by less than a ratio of 1.10"),
        (estimate(CONTRAST, SECRET, status="suppressed"), OPEN, "There is no estimate (suppressed)."),
        (estimate(CONTRAST, status="not estimable: no dementia events"), OPEN, "(no dementia events)"),
        (replace(estimate(CONTRAST), ci_upper=None), OPEN, "(no interval)"),
        (replace(estimate(CONTRAST), hazard_ratio=None), OPEN, "(no value)"),
    ],
)
def test_without_a_difference_nothing_else_speaks_of_binding(concluded, contrast, verdict, said):
    found = concluded(estimates=estimates(contrast))
    assert found[BINDING].verdict == verdict
    assert said in found[BINDING].meaning
    nothing = dict.fromkeys((HALF_LIFE, ONE_DRUG, SORTING, INDICATION), OPEN)
    assert verdicts(found) == ALL | nothing | {BINDING: verdict}
    assert all("no difference to explain" in found[name].meaning for name in nothing)
    assert "without it the others say nothing of binding" in summed_up(list(found.values()))
    assert "7.78" not in repr(found)


@pytest.mark.parametrize(
    ("rows", "name", "verdict", "said"),
    [
        (checks(), HALF_LIFE, HOLDS, "Neither half-life nor potency"),
        (checks(potency={"hazard_ratio": 1.02, "ci_lower": 0.9, "ci_upper": 1.15}), HALF_LIFE, FAILS,
         "Beside potency the difference goes"),
        (checks(potency={"hazard_ratio": 1.15, "ci_lower": 0.9, "ci_upper": 1.4}), HALF_LIFE, OPEN,
         "Beside potency the interval includes no difference as well as the planned one."),
        (checks(potency={"hazard_ratio": SECRET, "status": "suppressed"}), HALF_LIFE, OPEN,
         "Beside potency there is no estimate."),
        (checks(without_diazepam={"hazard_ratio": "", "status": "not estimable: nobody took a binder"}), ONE_DRUG, OPEN,
         "Without diazepam there is no estimate: the class cannot be told from the drug."),
        (checks(without_diazepam={"hazard_ratio": 1.0, "ci_lower": 0.9, "ci_upper": 1.1},
                without_oxazepam={"status": "suppressed"}), ONE_DRUG, FAILS, "Without diazepam it goes"),
        (checks(without_diazepam={"ci_lower": 0.9}, without_oxazepam={"ci_lower": 0.95}), ONE_DRUG, OPEN,
         "Without diazepam or without oxazepam the interval includes no difference"),
        (None, ONE_DRUG, OPEN, "This was not tried in this run."),
    ],
)  # fmt: skip
def test_each_check_of_the_class_decides_and_says_which_variant_did(concluded, rows, name, verdict, said):
    found = concluded(class_checks=rows)
    assert found[name].verdict == verdict
    assert said in found[name].meaning
    assert "7.78" not in repr(found)


def test_the_variants_nearest_to_one_stand_first_and_the_rest_are_counted(concluded):
    figure = concluded(class_checks=checks(without_zolpidem={"ci_lower": 1.02}))[ONE_DRUG].figure
    assert figure.startswith(
        "Ratio of the two hazard ratios as planned 1.25 (1.13\xa0to\xa01.38); without zolpidem 1.25 "
    )
    assert figure.endswith("; 1 more")


def test_a_variant_without_an_estimate_says_why(concluded):
    rows = checks(without_diazepam={"hazard_ratio": "", "status": "not estimable: nobody took a binder"})
    assert "; without diazepam: nobody took a binder" in concluded(class_checks=rows)[ONE_DRUG].figure


@pytest.mark.parametrize(
    ("adjusted", "verdict", "said"),
    [
        (estimate(CONTRAST, 1.02, model=FULLY_ADJUSTED), FAILS, "who is given which class explains it"),
        (estimate(CONTRAST, 1.15, 0.1, model=FULLY_ADJUSTED), OPEN, "as well as the planned one"),
        (estimate(CONTRAST, model=FULLY_ADJUSTED, status="not estimable: few events"), OPEN, "There is no model"),
        (estimate(BINDER, model=FULLY_ADJUSTED), OPEN, "This was not tried in this run."),
    ],
)
def test_adjustment_leaves_the_difference_or_explains_it(concluded, adjusted, verdict, said):
    found = concluded(estimates=estimates(adjusted=adjusted))[INDICATION]
    assert (found.verdict, said in found.meaning) == (verdict, True)


@pytest.mark.parametrize(
    ("test", "verdict", "said"),
    [
        ({"p_value": 0.05, "value": 200}, HOLDS, "Only 5.0% of the ways"),
        ({"p_value": 0.051, "value": 200}, OPEN, "As many as 5.1% of the ways"),
        ({"p_value": 0.2, "value": 5}, OPEN, "no result is rarer than one in 5."),
        ({"p_value": "", "value": 5}, OPEN, "There is no permutation test in this run."),
        ({"p_value": 0.01, "value": ""}, OPEN, "There is no permutation test in this run."),
        ({"p_value": 0.01, "value": 200, "analysis": "ddd"}, OPEN, "There is no permutation test in this run."),
    ],
)
def test_a_sorting_is_rare_or_cannot_be_told_from_chance(concluded, test, verdict, said):
    found = concluded(diagnostics=[diagnostic(PERMUTATION, "info", **test)])[SORTING]
    assert (found.verdict, said in found.meaning) == (verdict, True)


@pytest.mark.parametrize(
    ("rows", "verdict", "figure"),
    [
        ([diagnostic("channelling", "warn", p_value=0.00004, value=-0.194)], FAILS,
         "Test of an equal rise: p\xa0<\xa00.001, largest difference of shares \N{MINUS SIGN}19.4 points"),
        ([diagnostic("channelling", "pass")], HOLDS, ""),
        ([diagnostic("channelling", "info")], OPEN, ""),
        ([diagnostic()], OPEN, ""),
    ],
)  # fmt: skip
def test_channelling_speaks_where_it_warns_or_passes(concluded, rows, verdict, figure):
    found = concluded(diagnostics=rows)[CHANNELLING]
    assert (found.verdict, found.figure) == (verdict, figure)


@pytest.mark.parametrize(
    ("binders", "verdict", "said"),
    [
        (lags(lag_3=1.0), FAILS, "It is there without a lag and gone with a lag of 3\xa0years"),
        (lags(lag_5=1.0), OPEN, "and so does an effect that fades"),
        (lags(lag_0=1.12, lag_3=1.05), OPEN, "includes 1 as well as the ratio without a lag"),
        (lags(lag_0=1.0, lag_3=1.0), OPEN, "was not found to rise with dose of binders without a lag or with a lag"),
        (lags()[:1], OPEN, "There is no estimate with a lag of 3\xa0years (not in this release)."),
        ([lags()[0], replace(lags()[1], status="suppressed")], OPEN, "3\xa0years (suppressed)."),
        (lags()[1:], OPEN, "No shorter lag was tried."),
    ],
)
def test_the_lag_leaves_what_binders_show_or_takes_it(concluded, binders, verdict, said):
    found = concluded(estimates=estimates(binders=binders))[LAG]
    assert (found.verdict, said in found.meaning) == (verdict, True)


@pytest.mark.parametrize(
    ("rows", "verdict", "figure"),
    [
        (rivals(), HOLDS, "lifetime dose +6.0, dose in a window best, dose of the day +12.0"),
        (rivals(lifetime_dose=90.0), FAILS, "lifetime dose best, dose in a window +10.0, dose of the day +22.0"),
        (rivals(lifetime_dose=101.0), OPEN, "lifetime dose +1.0, dose in a window best, dose of the day +12.0"),
        (rivals(lifetime_dose=""), OPEN, "dose in a window best, dose of the day +12.0"),
    ],
)
def test_fading_is_judged_at_the_longest_lag(concluded, rows, verdict, figure):
    found = concluded(hypotheses=rows)[FADING]
    assert (found.verdict, found.figure) == (verdict, f"BIC with a lag of 3\xa0years: {figure}")


@pytest.mark.parametrize("rows", [None, rivals(lag=730)])
def test_fading_is_not_judged_below_the_planned_lag(concluded, rows):
    found = concluded(hypotheses=rows)
    assert (found[FADING].verdict, found[FADING].figure) == (OPEN, "")
    assert found[DURATION].verdict == OPEN


@pytest.mark.parametrize(
    ("rows", "bic", "verdict", "said"),
    [
        ([used(0.8, 0.7, 0.9)], {}, FAILS, "Longer use of binders goes with less."),
        ([used()], {"dose_of_the_day": 80.0}, FAILS, "Dose that has added up says less than that of the day."),
        ([used(hr=SECRET, status="suppressed")], {}, OPEN, "not enough to tell"),
        ([used(intensity="<=1 a day")], {}, OPEN, "not enough to tell"),
    ],
)
def test_an_effect_builds_up_or_does_not(concluded, rows, bic, verdict, said):
    found = concluded(use_patterns=rows, hypotheses=rivals(**bic))[DURATION]
    assert (found.verdict, said in found.meaning) == (verdict, True)
    assert "7.78" not in found.figure


def test_where_dose_of_binders_goes_with_nothing_it_cannot_be_told_how_it_acts(concluded):
    found = concluded(estimates=estimates(binders=lags(lag_3=1.05)))
    assert verdicts(found) == ALL | {LAG: FAILS, DURATION: OPEN, FADING: OPEN}
    assert "nothing can be said of how it does" in found[FADING].meaning


def test_nothing_is_concluded_where_a_check_has_failed(concluded):
    found = concluded(diagnostics=[*CHECKED, diagnostic("cross-check", "fail")])
    assert found == {}
    assert summed_up([]) == "A check on which the result depends has failed, so nothing is concluded."


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([HOLDS, FAILS, FAILS, OPEN], "Of 4 predictions 1 holds, 2 do not hold and 1 cannot be told. What speaks"),
        ([HOLDS, HOLDS, OPEN], "Of 3 predictions 2 hold and 1 cannot be told. Nothing here speaks against"),
        ([FAILS, HOLDS], "Of 2 predictions 1 holds and 1 does not hold. The first is the one"),
    ],
)
def test_the_whole_is_summed_up_in_a_sentence(found, told):
    assert summed_up([Conclusion("", verdict, "", "", "") for verdict in found]).startswith(told)


def test_the_page_tells_each_verdict_and_its_rule_before_the_checks(tmp_path):
    folder = write_release(tmp_path, class_checks=checks(), hypotheses=rivals(lifetime_dose=90.0))
    text = build_report(folder).read_text(encoding="utf-8")
    page = read_page(text)
    assert list(page.verdicts) == list(ALL)
    assert {page.verdicts[BINDING], page.verdicts[FADING], page.verdicts[SORTING]} == {HOLDS, FAILS, OPEN}
    words = section(text, "conclusions")
    assert words.count("Holds: ") == len(ALL)
    assert "(Kass and Raftery 1995)" in words


def test_a_page_with_a_failed_check_lists_no_predictions(tmp_path):
    folder = write_release(tmp_path, diagnostics=[diagnostic("cross-check", "fail")])
    words = section(build_report(folder).read_text(encoding="utf-8"), "conclusions")
    assert "nothing is concluded" in words
    assert "Holds: " not in words


def test_a_run_without_a_lag_has_nothing_to_survive(concluded):
    run = {"protocol": Protocol().changed(lag_days=0).model_dump(mode="json")}
    assert concluded(run=run, estimates=estimates(binders=lags()[:1]))[LAG].meaning == "No shorter lag was tried."
