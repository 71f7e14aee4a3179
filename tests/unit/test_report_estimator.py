"""The report's curves, ages, risks and hazards: each number is a cell of a released file, and no hidden cell is one."""

import math
import re
from collections import Counter

import pytest

from cohort.protocol import Protocol
from cohort.report import build_report
from cohort.report import numbers as n
from cohort.report.ages import additive_groups, age_ways, said_of_rates
from cohort.report.checks import checks
from cohort.report.dose_points import curves_of
from cohort.report.dose_response import dose_response
from cohort.report.estimator import MOST_CURVES, estimator_parts
from cohort.report.hazards import three_hazards
from cohort.report.methods import paragraphs
from cohort.report.release import read_release
from cohort.report.risk_tables import risk_tables
from cohort.report.tables import not_shown
from cohort.results import CONTRAST, Diagnostic
from tests.unit.test_report import AGES, EXPOSURES, Outline, all_estimates, diagnostic, estimate, visible, write_release
from tests.unit.test_report import section as words_of

BANDS = AGES[1:]
CLASSES = EXPOSURES[:3]
KNOTS = (9.0, 63.5, 1510.0)
SECRET = 7.7777
"""A number that stands in rows that must not be shown."""


def aged(way="attained age", exposure="tspo_binder", age="50 to 64", hr=1.43, status="ok", **cells):
    """A row of age.csv."""
    row = {"way": way, "exposure": exposure, "age": age, "events": 264, "person_years": 70834.3, "hazard_ratio": hr}
    row |= {"ci_lower": hr - 0.4, "ci_upper": hr + 0.6, "p_value": 0.06, "heterogeneity_p": 0.23}
    row |= dict.fromkeys(("unexposed_rate", "excess_rate", "excess_lower", "excess_upper"), "")
    return row | dict.fromkeys(("reri", "reri_lower", "reri_upper"), "") | {"status": status} | cells


def additive(**cells):
    """What a row of age.csv tells on the additive scale."""
    told = {"unexposed_rate": 36.9, "excess_rate": 6.69, "excess_lower": -5.09, "excess_upper": 18.5}
    return told | {"reri": 1.397, "reri_lower": -1.871, "reri_upper": 4.665} | cells


def all_ages():
    """Three ways; by attained age the additive scale too; one row is suppressed and still carries numbers."""
    untold = {"events": "", "person_years": "", "heterogeneity_p": 0.73}
    youngest = additive(unexposed_rate=3.66, reri="", reri_lower="", reri_upper="")
    rows = [
        aged(exposure=e, age=age, **(youngest if age == BANDS[0] else additive())) for e in CLASSES for age in BANDS
    ]
    rows += [aged(exposure=CONTRAST, age=age, events="", person_years="") for age in BANDS]
    rows += [aged("age at entry", e, age, 1.14, **untold) for e in EXPOSURES for age in BANDS]
    told = {"events": 1820, "person_years": 127641, "heterogeneity_p": 0.54}
    rows += [aged("continuous age", e, str(age), 0.99 + age / 1000, **told) for e in EXPOSURES for age in (60, 90)]
    secret = dict.fromkeys(("events", "hazard_ratio", "ci_upper", "excess_rate", "reri"), SECRET)
    hidden = next(r for r in rows if (r["way"], r["exposure"], r["age"]) == ("attained age", "tspo_unknown", BANDS[3]))
    hidden |= secret | {"status": "suppressed"}
    return rows


def dosed(exposure="tspo_binder", dose=0.0, hr=1.0, is_knot=False, status="ok", **cells):
    """A row of dose_response.csv; without a ratio one of a class that has no curve."""
    bounds = {"ci_lower": hr * 0.9, "ci_upper": hr * 1.2} if hr else {}
    row = {"analysis": "primary", "exposure": exposure, "metric": "dme", "reference": 0.0, "dose": dose}
    row |= {"is_knot": str(is_knot).lower(), "hazard_ratio": hr or "", "ci_lower": "", "ci_upper": ""}
    return row | bounds | {"status": status} | cells


def all_curves(**cells):
    """A curve of binders, a class without one, and one that is suppressed and still carries numbers."""
    return [
        *(dosed(dose=d, hr=1 + d / 1000, is_knot=d in KNOTS, **cells) for d in (0.0, 9.0, 63.5, 400.0, 1510.0)),
        dosed("tspo_non_binder", "", None, status="not estimable: too few knots", **cells),
        dosed("tspo_unknown", 30.0, SECRET, is_knot=True, status="suppressed", **cells),
    ]  # fmt: skip


def risky(exposure="tspo_binder", category="1-90", age=75, years=5, outcome="dementia", status="ok", **cells):
    """A row of risks.csv."""
    row = {"exposure": exposure, "category": category, "reference": "0", "from_age": age, "years": years}
    row |= {"outcome": outcome, "risk": 0.1415, "ci_lower": 0.0904, "ci_upper": 0.2179, "difference": 0.0161}
    row |= {"difference_lower": -0.0477, "difference_upper": 0.08, "p_value": 0.6206, "years_lost": 0.3545}
    row |= {"years_lost_difference": 0.0186, "years_lost_lower": -0.1608, "years_lost_upper": 0.1979, "at_risk": 84}
    return row | {"status": status} | cells


EMPTY = {name: "" for name in risky() if name.startswith(("difference", "years_lost_", "p_value"))}


def all_risks():
    """Each class from three ages; binders of 75 have all that can happen to a row."""
    sole = {
        "category": "0",
        "risk": 0.1254,
        "ci_lower": 0.1125,
        "ci_upper": 0.1397,
        "years_lost": 0.336,
        "at_risk": 1534,
    }
    rows = [
        risky(exposure=e, age=age, years=years, outcome=outcome, **cells)
        for e in CLASSES
        for age in (65, 75, 85)
        for years in (10, 5)
        for outcome in ("dementia", "death")
        for cells in (sole | EMPTY, {})
    ]
    return [
        *rows,
        risky(category="91-180", risk=0.77777, at_risk=77777, status="suppressed"),
        risky(category="181-365", risk="", status="not estimable: nobody is followed for so long"),
        risky(category=">365", risk=0.0, ci_lower="", ci_upper="", difference=-0.0492, p_value=1e-47, at_risk=23),
    ]


def all_models():
    """The estimates of the main tables, and those that say the same in other ways."""
    rows = [
        estimate(e, hr, model="fine-gray", p_value=0.39)
        for e, hr in zip(EXPOSURES, (1.11, 1.17, 0.93, 0.95), strict=True)
    ]
    rows += [estimate(e, 1.081, model="cox-continuous-age", term="per 365 per 10 years of age") for e in EXPOSURES]
    rows += [
        estimate(e, 1.5, model="cox-age-at-entry", age_stratum="85 and over", status="suppressed")
        for e in EXPOSURES[:1]
    ]
    return all_estimates() + rows


DIAGNOSTICS = [
    diagnostic("proportional hazards", exposure="tspo_binder", statistic=0.35, df=1, p_value=0.554),
    diagnostic("proportional hazards", "warn", exposure="all terms", statistic=19.1, df=6, p_value=0.004),
    diagnostic("trend over dose categories", "info", exposure="tspo_binder", p_value=0.783, value=0.954),
    diagnostic("trend over dose categories", "info", "lag-0y", exposure="tspo_binder", p_value=0.001, value=1.9),
    diagnostic("non-linearity of dose-response", "info", exposure="tspo_binder", df=2, p_value=0.0182),
]  # fmt: skip
TABLES = {
    "age": all_ages(),
    "dose_response": all_curves(),
    "risks": all_risks(),
    "diagnostics": DIAGNOSTICS,
    "person_time": None,
}


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """A release with everything."""
    return read_release(write_release(tmp_path_factory.mktemp("release"), all_models(), **TABLES))


@pytest.fixture(scope="module")
def standard(tmp_path_factory):
    """Its page."""
    return build_report(write_release(tmp_path_factory.mktemp("page"), all_models(), **TABLES)).read_text("utf-8")


@pytest.fixture
def make(tmp_path):
    """A release with some tables changed."""
    return lambda estimates=None, **changes: read_release(write_release(tmp_path, estimates, **changes))


@pytest.fixture
def page(tmp_path):
    """The page of a release with some tables changed."""
    return lambda estimates=None, **changes: build_report(write_release(tmp_path, estimates, **changes)).read_text(
        "utf-8"
    )


def way(release, name):
    """One way of `age_ways`."""
    return next(found for found in age_ways(release) if found.name == name)


def shown(text):
    """A number with its interval as the page writes it."""
    return text.replace(" to ", f"{n.NO_BREAK}to{n.NO_BREAK}").replace("-", "\N{MINUS SIGN}")


def test_the_page_is_well_formed_and_its_tables_and_figures_have_names(standard):
    outline = Outline(standard)
    assert (outline.wrong, outline.open) == ([], [])
    assert [name for name, count in Counter(outline.values("id")).items() if count > 1] == []
    assert all("scope" in attrs for tag, attrs in outline.tags if tag == "th")
    tags = Counter(tag for tag, _ in outline.tags)
    assert tags["table"] == tags["caption"]
    assert tags["svg"] == tags["desc"] == 2 * tags["figure"]


def test_no_number_of_a_hidden_row_is_on_the_page(standard):
    assert not re.search(r"7\.78|77\.8|77,777|777\.8", visible(standard))


def test_age_is_told_three_ways_with_ratio_and_counts(release):
    assert [found.name for found in age_ways(release)] == ["Attained age", "Age at entry", "Continuous age"]
    first = way(release, "Attained age").rows[0]
    assert (first.age, first.events, first.person_years) == ("50 to 64", "264", "70,834")
    assert list(first.ratios) == [shown("1.43 (1.03 to 2.03)")] * 4


def test_each_way_has_the_test_that_its_ratios_are_equal(release):
    assert list(way(release, "Attained age").equal) == ["0.23"] * 4
    assert list(way(release, "Age at entry").equal) == ["0.73"] * 4
    assert list(way(release, "Continuous age").equal) == ["0.54"] * 4


def test_a_hidden_ratio_by_age_says_why_and_its_neighbours_stay(release):
    oldest = way(release, "Attained age").rows[3]
    assert oldest.ratios[2] == "suppressed"
    assert (oldest.ratios[1], oldest.events) == (shown("1.43 (1.03 to 2.03)"), "264")


def test_counts_by_age_at_entry_are_not_told(release):
    assert {(row.events, row.person_years) for row in way(release, "Age at entry").rows} == {(n.ABSENT, n.ABSENT)}


def test_continuous_age_tells_its_counts_once_and_its_change_in_ten_years(release):
    found = way(release, "Continuous age")
    assert (found.events, found.person_years) == ("1,820", "127,641")
    assert [row.age for row in found.rows] == ["At 60", "At 90", "Change in 10 years"]
    assert found.rows[2].ratios[3] == n.with_bounds(1.081, 1.081 * math.exp(-0.098), 1.081 * math.exp(0.098))
    assert {row.events for row in found.rows} == {""}


def test_without_the_estimates_of_continuous_age_there_is_no_row_of_change(make):
    assert [row.age for row in way(make(age=all_ages()), "Continuous age").rows] == ["At 60", "At 90"]


def test_an_age_that_was_not_released_or_has_no_value_says_so(make):
    rows = [aged(), aged(exposure="tspo_unknown", hazard_ratio="", events="", person_years="", heterogeneity_p="")]
    found = way(make(age=rows), "Attained age")
    assert list(found.rows[0].ratios)[1:3] == ["not in this release", "not estimable: no value"]
    assert list(found.equal) == ["0.23", n.ABSENT, n.ABSENT, n.ABSENT]


def test_what_a_dose_adds_to_the_rate_stands_beside_its_ratio(release):
    binder = additive_groups(release)[0]
    assert [row.age for row in binder.rows] == list(BANDS)
    youngest, next_one = binder.rows[:2]
    assert (youngest.unexposed_rate, youngest.reri) == ("3.66", "reference")
    assert (next_one.hazard_ratio, next_one.unexposed_rate) == (shown("1.43 (1.03 to 2.03)"), "36.9")
    assert (next_one.excess, next_one.reri) == (shown("+6.7 (-5.1 to +18.5)"), shown("+1.40 (-1.87 to +4.67)"))


def test_a_hidden_band_has_no_additive_scale(release):
    row = additive_groups(release)[2].rows[3]
    assert (row.excess, row.reri, row.unexposed_rate, row.reason) == (n.ABSENT, n.ABSENT, n.ABSENT, "suppressed")


def test_bands_whose_counts_are_not_told_have_a_ratio_only(make):
    release = make(age=[aged(**additive()), aged(age="65 to 74")])
    row = additive_groups(release)[0].rows[1]
    assert (row.hazard_ratio, row.excess, row.reri, row.reason) == (
        shown("1.43 (1.03 to 2.03)"),
        n.ABSENT,
        n.ABSENT,
        "",
    )
    assert additive_groups(make(age=[aged()])) == []


def test_one_more_case_is_a_smaller_ratio_where_the_rate_is_higher(release):
    assert said_of_rates(release) == (
        "In this run dementia has a rate of 3.66 per 1,000 person-years without a dose of binders at 50 to 64, and of "
        "36.9 at 85 and over: one more case per 1,000 person-years would be a ratio of 1.27 at the one age and 1.03 at "
        "the other."
    )


@pytest.mark.parametrize("hidden", [{"unexposed_rate": ""}, {"unexposed_rate": SECRET, "status": "suppressed"}])
def test_without_two_rates_ages_are_not_compared(make, hidden):
    assert said_of_rates(make(age=[aged(**additive()), aged(age="65 to 74", **(additive() | hidden))])) == ""


def test_the_page_says_why_ratios_shrink(standard):
    words = words_of(standard, "age")
    assert "how many more. In this run dementia has a rate of 3.66" in words
    assert "a ratio can shrink with age where the excess does not. The two scales can disagree" in words
    assert "“Change in 10 years” is by how many times the ratio is multiplied." in words
    assert "85 and over suppressed" in words


def test_a_curve_has_the_points_of_the_file(release):
    curve = curves_of(release.dose_response)["tspo_binder"]
    assert [point.dose for point in curve.points] == [0.0, 9.0, 63.5, 400.0, 1510.0]
    assert (curve.points[3].hazard_ratio, curve.points[3].lower, curve.points[3].upper) == (1.4, 1.26, 1.68)
    assert [point.dose for point in curve.knots] == [9.0, 63.5, 1510.0]


@pytest.mark.parametrize(
    ("exposure", "why"), [("tspo_non_binder", "not estimable: too few knots"), ("tspo_unknown", "suppressed")]
)
def test_a_class_without_a_curve_says_why(release, standard, exposure, why):
    curve = curves_of(release.dose_response)[exposure]
    assert (list(curve.points), curve.why) == ([], why)
    assert words_of(standard, "dose").count(why) == 3  # two drawings and the table


def test_a_class_that_is_not_in_the_file_says_so():
    assert curves_of([])["tspo_binder"].why == "not in this release"


def test_the_values_at_the_knots_are_those_of_the_file(release):
    binder = dose_response(release).shapes[0]
    told = [("9", 1.009), ("63.5", 1.0635), ("1,510", 2.51)]
    assert list(binder.knots) == [(dose, n.with_bounds(hr, hr * 0.9, hr * 1.2)) for dose, hr in told]


def test_trend_and_bend_are_those_of_the_primary_analysis(release):
    binder, other, _ = dose_response(release).shapes
    assert (binder.trend, binder.trend_p, binder.bend_p, binder.reason) == ("0.95", "0.78", "0.018", "")
    assert (other.trend, other.trend_p, other.reason) == (n.ABSENT, n.ABSENT, "not estimable: too few knots")


def test_the_curve_figure_is_told_to_those_who_cannot_see_it(standard):
    words = words_of(standard, "dose")
    assert (
        "Dose-response curves of the hazard ratio of dementia by cumulative dose in diazepam-equivalent days" in words
    )
    assert "Against no dose, at the mark. Bands are the pointwise 95% CI" in words


@pytest.mark.parametrize(
    ("cells", "against"),
    [
        ({"reference": 30.0}, "30 diazepam-equivalent days"),
        ({"reference": 9000.0}, "9,000 diazepam-equivalent days"),
        ({"metric": "fills"}, "no use"),
        ({"reference": ""}, "no dose"),
    ],
)
def test_the_reference_dose_is_told(make, cells, against):
    assert dose_response(make(dose_response=all_curves(**cells))).against == against


def test_without_any_curve_the_reasons_remain(page):
    words = words_of(page(dose_response=all_curves()[5:]), "dose")
    assert "not estimable: too few knots" in words
    assert "all ages, as a curve" not in words
    assert "The curves at their knots" not in words


def test_a_named_analysis_has_its_own_curve(page):
    own = all_curves(analysis="ddd", metric="ddd")
    words = words_of(page(dose_response=all_curves() + own), "others")
    assert "by cumulative dose in WHO defined daily doses, all ages, as a curve, ddd." in words
    assert "“Trend” is the hazard ratio per 365 WHO defined daily doses" in words


def test_the_middle_age_of_binders_is_open(release, standard):
    tables = risk_tables(release)
    assert [(t.name, t.age) for t in tables if t.is_open] == [("TSPO binder", "75")]
    assert len(tables) == 9
    assert re.findall(r"<details open>\s*<summary>.*?</span>(.*?)</summary>", standard) == ["TSPO binder, from age 75"]


def binders_of_75(release):
    """The groups of the table that is open."""
    return next(table for table in risk_tables(release) if table.is_open).groups


def test_risks_are_grouped_by_outcome_and_years(release):
    assert [group.name for group in binders_of_75(release)] == [
        "Dementia within 5 years", "Dementia within 10 years", "Death without dementia within 5 years",
        "Death without dementia within 10 years",
    ]  # fmt: skip


def test_a_risk_has_the_numbers_of_its_row(release):
    row = binders_of_75(release)[0].rows[1]
    assert (row.category, row.risk) == (f"1{n.EN_DASH}90", f"14.1% (9.0%{n.NO_BREAK}to{n.NO_BREAK}21.8%)")
    assert (row.difference, row.p) == (shown("+1.6 (-4.8 to +8.0)"), "0.62")
    assert (row.years_lost, row.years_lost_difference) == ("0.35", shown("+0.02 (-0.16 to +0.20)"))
    assert (row.at_risk, row.reason) == ("84", "")


def test_the_reference_category_differs_from_nothing(release):
    row = binders_of_75(release)[0].rows[0]
    assert (row.difference, row.p, row.years_lost_difference, row.at_risk) == (
        "reference",
        n.ABSENT,
        "reference",
        "1,534",
    )


def test_a_risk_that_cannot_be_told_says_why(release, standard):
    hidden, impossible = binders_of_75(release)[0].rows[2:4]
    assert (hidden.category, hidden.risk, hidden.at_risk, hidden.reason) == (f"91{n.EN_DASH}180", "", "", "suppressed")
    assert impossible.reason == "not estimable: nobody is followed for so long"
    assert words_of(standard, "incidence").count("not estimable: nobody is followed for so long") == 1


def test_a_risk_without_an_interval_gives_its_difference_none(release):
    row = binders_of_75(release)[0].rows[4]
    assert (row.risk, row.difference, row.p, row.years_lost_difference) == ("0.0%", shown("-4.9"), n.ABSENT, "+0.02")


def test_a_risk_within_one_year_and_one_without_a_value(make):
    group = risk_tables(make(risks=[risky(years=1, risk="", years_lost="")]))[0].groups[0]
    assert (group.name, group.rows[0].reason) == ("Dementia within 1 year", "not estimable: no value")
    assert risk_tables(make(risks=[risky(years_lost="")]))[0].groups[0].rows[0].years_lost == n.ABSENT


def test_the_page_says_whose_risk_it_is(standard):
    words = words_of(standard, "incidence")
    assert "somebody who stays in the category of lagged dose" in words
    assert "Nothing is adjusted" in words


def test_three_hazards_stand_side_by_side(release, standard):
    first = three_hazards(release)[0]
    assert first.name == "TSPO binder"
    assert list(first.ratios) == [
        n.with_bounds(hr, hr * math.exp(-0.098), hr * math.exp(0.098)) for hr in (1.25, 1.11, 1.25)
    ]
    assert "the one to read for causes" in words_of(standard, "incidence")
    assert "The counts behind the ratios of death" in words_of(standard, "incidence")


def test_a_hidden_subdistribution_ratio_says_so(make):
    rows = [estimate(model="fine-gray", hr=SECRET, status="suppressed"), estimate()]
    assert list(three_hazards(make(rows))[0].ratios)[1:] == ["suppressed", "not in this release"]
    assert [row.name for row in three_hazards(make(rows))] == ["TSPO binder"]


def test_without_a_subdistribution_death_stands_as_before(page):
    words = words_of(page(), "incidence")
    assert "So the two hazards are read side by side." in words
    assert "The counts behind" not in words
    assert "Hazard ratio of death without dementia" in words


def test_proportional_hazards_are_among_the_checks(release, standard):
    check = next(c for c in checks(release) if c.name == "Proportional hazards")
    assert (check.verdict, check.word) == ("warn", "warning")
    assert "all terms : statistic 19.1 on 6 df, p = 0.004" in words_of(standard, "trust")
    assert "TSPO binder : statistic 0.35 on 1 df, p = 0.55 (passed)" in words_of(standard, "trust")


def test_a_meaning_that_most_rows_share_is_said_once(make):
    rows = [diagnostic("x", "info", exposure=e) for e in CLASSES] + [
        diagnostic("x", "info", exposure=CONTRAST, meaning="Wald's.")
    ]
    check = checks(make(diagnostics=rows))[0]
    assert check.meaning == "What it is."
    assert [finding.meaning for finding in check.findings] == ["", "", "", "Wald's."]


def test_a_run_without_these_files_is_shown_and_says_what_it_lacks(page):
    text = page()
    outline = Outline(text)
    assert (outline.wrong, outline.open) == ([], [])
    for missing in ("table of age three ways", "dose-response curves", "absolute risks"):
        assert f"This release has no {missing}" in visible(text)
    assert "Ratios shrink where rates grow" not in text


def test_estimates_that_cannot_be_shown_name_their_model(release):
    rows = {(row.outcome, row.ages) for row in not_shown(release)}
    assert ("dementia, by age at entry", "85 and over") in rows
    assert ("dementia", "85 and over") in rows


@pytest.mark.parametrize(
    ("changes", "title", "said"),
    [
        ({}, "Model", "below p = 0.01 they warn"),
        ({"proportional_hazards_p": 0.002}, "Model", "below p = 0.002 they warn"),
        ({"time_scale": "follow-up"}, "Model", "time since entry as its time scale"),
        ({"covariates": ()}, "Model", "(5 years each). Binder"),
        ({}, "Dose-response", "at percentiles 5, 35, 65 and 95 of the doses of exposed person-time"),
        ({"spline_percentiles": (10, 50, 90)}, "Dose-response", "percentiles 10, 50 and 90"),
        ({"spline_knots": (0, 90, 365)}, "Dose-response", "with knots at 0, 90 and 365 diazepam-equivalent days"),
        ({}, "Dose-response", "drawn against no dose"),
        ({"spline_reference": 30}, "Dose-response", "drawn against 30 diazepam-equivalent days"),
        ({}, "Age", "Bands begin at 50, 65, 75 and 85 years."),
        ({}, "Age", "RERI compares it with the youngest band"),
        ({}, "Competing death", "Fine and Gray's with delayed entry"),
        ({}, "Competing death", "Risks over 5 and 10 years are counted from the ages 65, 75 and 85"),
        ({"risk_ages": (70,), "risk_years": (3,)}, "Competing death", "over 3 years are counted from the ages 70"),
        ({"curve_start_age": 60}, "Competing death", "estimate for a person alive and without dementia at 60"),
    ],
)  # fmt: skip
def test_methods_tell_how_it_was_estimated(changes, title, said):
    told = {paragraph.title: paragraph.text for paragraph in paragraphs(Protocol().changed(**changes))}
    assert said in told[title]


def test_methods_without_risks_tell_of_none():
    told = {paragraph.title: paragraph.text for paragraph in paragraphs(Protocol().changed(risk_ages=()))}
    assert "Risks over" not in told["Competing death"]


@pytest.mark.parametrize(
    ("values", "decimals", "text"),
    [
        ([1.57, -0.413, 3.55], None, "+1.57 (-0.41 to +3.55)"),
        ([16.6, -31.8, 65.0], None, "+16.6 (-31.8 to +65.0)"),
        ([-1234.5, -2000, 3.4], None, "-1,234 (-2,000 to +3)"),
        ([0.00012, 0.0, 0.00034], None, "+0.0001 (0.0000 to +0.0003)"),
        ([0.0, -0.04, 0.04], 1, "0.0 (0.0 to 0.0)"),
        ([0.0, None, None], None, "0"),
        ([-4.9, None, 3.0], 1, "-4.9"),
        ([None, 1.0, 2.0], None, n.ABSENT),
        ([], None, n.ABSENT),
    ],
)
def test_differences_have_signs_and_equal_decimals(values, decimals, text):
    assert n.difference(values, decimals) == shown(text)


@pytest.mark.parametrize(
    ("value", "text"), [(3.66, "3.66"), (14.0, "14.0"), (1234.0, "1,234"), (0.0, "0"), (None, n.ABSENT)]
)
def test_rates_keep_three_digits(value, text):
    assert n.rate(value) == text


def test_a_diagnostic_of_another_class_is_not_taken(make):
    rows = [diagnostic("trend over dose categories", "info", exposure="tspo_unknown", value=3.0, p_value=0.5)]
    release = make(dose_response=all_curves(), diagnostics=rows)
    assert isinstance(release.diagnostics[0], Diagnostic)
    assert [shape.trend for shape in dose_response(release).shapes] == [n.ABSENT, n.ABSENT, "3.00"]


def test_more_curves_than_are_drawn_are_counted(make):
    """A page of many analyses stays light: the first have their curves on it, of the others the file tells."""
    rows = [row for i in range(MOST_CURVES + 3) for row in all_curves(analysis=f"more {i}")]
    parts = estimator_parts(make(dose_response=all_curves() + rows))
    assert list(parts["other_curves"]) == [f"more {i}" for i in range(MOST_CURVES)]
    assert parts["curves_left"] == 3
    assert estimator_parts(make(dose_response=all_curves()))["curves_left"] == 0
