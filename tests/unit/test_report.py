"""The report: what a reader must find on the page, and what must never be on it."""

import json
import math
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from cohort.analyses import MULTIPLE_IMPUTATION
from cohort.errors import UsageError
from cohort.protocol import Protocol
from cohort.report import build_report
from cohort.report import numbers as n
from cohort.report.checks import reasons_for_no_answer, short
from cohort.report.classes import EXPOSURES as LOOKS
from cohort.report.comparison import in_words
from cohort.report.composition import compositions
from cohort.report.coverage import coverage_groups
from cohort.report.effects import Effect, ratio_scale
from cohort.report.limitations import class_and_drug, known_share
from cohort.report.methods import field_table, paragraphs
from cohort.report.panels import Panel, Point, panels
from cohort.report.release import read_release
from cohort.report.svg import INKS
from cohort.report.tables import facts, known
from cohort.report.terms import Terms, terms_of
from cohort.report.text import answer, key_figures
from cohort.report.truth import read_truth
from cohort.results import CONTRAST, OVERALL, Estimate, estimates_frame
from cohort.summary import headline_rows

EXPOSURES = ("tspo_binder", "tspo_non_binder", "tspo_unknown", CONTRAST)
AGES = (OVERALL, "50 to 64", "65 to 74", "75 to 84", "85 and over")
BOUNDS = {"zero": 1.21, "median-fill": 1.26, "one-ddd": 1.31, "imputed": 1.27}
VOID = {"meta", "link", "br", "img", "input", "hr"}
TRUTH = {
    "scenario": "primary",
    "persons": 5000,
    "seed": 7,
    "dose_unit": "dme",
    "per": 365,
    "diagnosis_delay_days": 1095,
    "log_hazard_ratio": {
        "binder": dict.fromkeys(AGES[1:], math.log(1.25)),
        "non_binder": dict.fromkeys(AGES[1:], 0.0),
        "unknown": {**dict.fromkeys(AGES[1:], 0.0), "85 and over": 0.1},
    },
}


def estimate(exposure="tspo_binder", hr=1.25, se=0.05, **fields):
    """An estimate of the primary linear analysis, with changes."""
    row = Estimate(
        analysis="primary", model="cox", outcome="dementia", time_scale="age", exposure=exposure, metric="dme",
        term="per 365", reference="per unit", age_stratum=OVERALL, lag_days=1095, persons=4321, persons_exposed=987,
        events=654, events_exposed=123, person_years=34567.8, hazard_ratio=hr, ci_lower=hr * math.exp(-1.96 * se),
        ci_upper=hr * math.exp(1.96 * se), log_hr=math.log(hr), se_log_hr=se, p_value=0.012, mdrr=1.15,
        known_time_share=0.987, known_dose_share=0.95,
    )  # fmt: skip
    return replace(row, **fields)


def reference(exposure):
    """The reference category: a hazard ratio of 1 without an interval."""
    row = estimate(exposure, hr=1.0, term="0", reference="0")
    return replace(row, se_log_hr=None, ci_lower=None, ci_upper=None, p_value=None, mdrr=None)


def all_estimates():
    """A full set, with a suppressed row that still carries numbers and one that could not be estimated."""
    rows = [estimate(e, age_stratum=age) for e in EXPOSURES for age in AGES]
    rows += [estimate(e, analysis=f"lag-{lag}y", lag_days=365 * lag) for e in EXPOSURES for lag in (0, 1, 2, 5)]
    rows += [estimate(e, analysis="ddd", metric="ddd") for e in EXPOSURES]
    rows += [estimate(e, model="cause-specific-death", outcome="death") for e in EXPOSURES]
    for exposure in EXPOSURES[:3]:
        rows += [reference(exposure), *(estimate(exposure, term=t, reference="0") for t in ("1-90", "91-180", ">365"))]
    rows += [estimate(e, analysis=f"missing-dose-{b}", hr=hr) for e in EXPOSURES for b, hr in BOUNDS.items()]
    secret = {
        "known_time_share": 0.7654,
        "hazard_ratio": 7.7777,
        "ci_lower": 6.6666,
        "ci_upper": 8.8888,
        "status": "suppressed",
    }
    hidden = dict.fromkeys(("persons", "persons_exposed", "events", "events_exposed", "person_years"))
    rows[4] = replace(rows[4], **secret, **hidden)
    impossible = dict.fromkeys(("hazard_ratio", "ci_lower", "ci_upper", "log_hr", "se_log_hr", "p_value"))
    rows[14] = replace(rows[14], **impossible, status="not estimable: nobody is exposed at 85 and over")
    return rows


def diagnostic(name="events per parameter", verdict="pass", analysis="primary", **fields):
    """A row of diagnostics.csv as text."""
    row = dict.fromkeys(("exposure", "statistic", "df", "p_value", "value"), "")
    row |= {"diagnostic": name, "analysis": analysis, "verdict": verdict, "meaning": "What it is."}
    return row | fields


def drug(name="diazepam", tspo_class="binder", fills="900", persons="300", dose="5000.0", **fields):
    """A row of drugs.csv as text."""
    row = {"drug": name, "tspo_class": tspo_class, "tspo_level": "high", "ki_nm": "46.26", "evidence_grade": "A"}
    row |= {"half_life_class": "long", "mg_per_dme": "10.0", "mg_per_ddd": "10.0", "fills": fills, "persons": persons}
    row |= {"dose_dme": dose, "dose_ddd": dose, "evidence": "Ki 10 nM (rat, heart)", "source": "Saano 1986"}
    return row | fields


def covered(status="computed", reason="", **fields):
    """A row of dose_coverage.csv as text."""
    row = {"drug": "diazepam", "tspo_class": "binder", "route": "oral", "rule": "amount", "unit": "mg", "mg": ""}
    return row | {"status": status, "reason": reason} | fields


def supplied(name="diazepam", **fields):
    """A row of supply.csv as text."""
    row = {"drug": name, "fills": 90, "days_discarded_by_cap": 0, "days_discarded_by_switch": 0, "fills_cut": 0}
    return row | fields


def curve(group, outcome, age, value, status="ok"):
    """A row of curves.csv as text; a suppressed one still carries a number, which must not be shown."""
    shown = status == "ok"
    bounds = {"ci_lower": value * 0.9 if shown else "", "ci_upper": value * 1.1 if shown else ""}
    row = {"curve": "cumulative incidence", "exposure_group": group, "outcome": outcome, "age_years": age}
    return row | bounds | {"estimate": value if shown else 0.4321, "at_risk": 400 if shown else "<5", "status": status}


def curves():
    """Three groups, two outcomes; the binder's last point is suppressed."""
    return [
        curve(g, o, age, (age - 65) * 0.01, "suppressed" if (g, age) == ("binder", 75) else "ok")
        for g in ("no study drug", "binder", "other study drug only")
        for o in ("dementia", "death")
        for age in (65.0, 70.0, 75.0)
    ]


TABLES = {
    "attrition": [
        {"reason_id": 1, "reason": "Initial qualifying events", "number_subjects": 5000, "excluded_subjects": 0},
        {"reason_id": 2, "reason": "Year of birth is recorded", "number_subjects": "-", "excluded_subjects": "<5"},
        {"reason_id": 3, "reason": "Alive at entry", "number_subjects": 4321, "excluded_subjects": 677},
    ],
    "person_time": [
        {"exposure": "tspo_binder", "age_stratum": OVERALL, "category": OVERALL, "persons": 4321, "events": 654,
         "deaths": 900, "person_years": 34567.8, "status": "ok"},
        {"exposure": "tspo_binder", "age_stratum": "85 and over", "category": ">365", "persons": "<5", "events": "-",
         "deaths": "", "person_years": "-", "status": "suppressed"},
    ],
    "curves": curves(),
    "diagnostics": [
        diagnostic(value=72.6),
        diagnostic("dose coverage", "warn", value=0.91),
        diagnostic("heterogeneity over age strata", "info", exposure="all classes", statistic=9.1, df=8, p_value=0.33),
    ],
    "dose_coverage": [
        covered(fills=880, persons=290, mg=44000.0, share=0.971),
        covered("imputed", "quantity missing or not positive", fills=20, persons=12, mg=100.0, share=0.022),
        covered("duplicate", fills=6, persons=6, mg=30.0, share=0.007),
        covered(rule="none", unit="none", status="unknown", reason="several strengths", fills="", persons="", share=""),
    ],
    "supply": [
        supplied("clonazepam", days=9000, share_discarded=0.0),
        supplied(days=50000, days_discarded_by_cap=2500, share_discarded=0.05, fills=900, fills_cut=70),
        supplied("lorazepam", days=9100, days_discarded_by_cap="", share_discarded="", fills="", fills_cut=""),
    ],
    "drugs": [
        drug(),
        drug("clonazepam", "non_binder", tspo_level="low", ki_nm="", evidence_grade="B"),
        drug("lorazepam", "unknown", tspo_level="unknown", ki_nm="", evidence_grade="E", evidence="", source=""),
        drug("midazolam", "unknown", fills="<5", persons="<5", dose="-"),
        drug("flunitrazepam", "binder", fills="0", persons="0", dose="0.0"),
    ],
}  # fmt: skip

RUN = {
    "protocol": Protocol().model_dump(mode="json"),
    "protocol_hash": Protocol().content_hash(),
    "cdm": {"cdm_source_name": "Little CDM", "cdm_version": "5.4", "person_count": 5000},
    "warnings": ["12 of 900 fills have no days of supply; their dose is unknown."],
    "versions": {"tspo-cohort": "0.1.0", "polars": "2.1.0"},
    "steps": [{"name": "fill", "rows": None, "seconds": 0.5, "peak_memory_mb": 99.0, "fresh": True}],
    "conservation": [{"balance": "persons: cohort = person_time", "before": 4321, "after": 4321, "holds": True}],
    "finished": "2026-03-01T09:30:00+00:00",
    "seconds": 12.5,
}


def write_release(folder, estimates=None, run=None, **tables):
    """A release folder, with tables or the record changed, or left out (None)."""
    estimates_frame(estimates or all_estimates()).write_parquet(folder / "estimates.parquet")
    for name, rows in (TABLES | tables).items():
        if rows is not None:
            text = [{key: str(value) for key, value in row.items()} for row in rows]
            pl.DataFrame(text).write_csv(folder / f"{name}.csv")
    (folder / "run.json").write_text(json.dumps(RUN | (run or {})), encoding="utf-8")
    return folder


@pytest.fixture
def make(tmp_path):
    """Write a release folder that differs from the standard one."""
    return lambda **changes: write_release(tmp_path, **changes)


@pytest.fixture
def page(make):
    """The page of a release that differs from the standard one."""
    return lambda **changes: build_report(make(**changes)).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def standard(tmp_path_factory):
    """The page of the standard release."""
    return build_report(write_release(tmp_path_factory.mktemp("real"))).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory):
    """The page of the standard release with a known truth."""
    return build_report(write_release(tmp_path_factory.mktemp("synthetic")), TRUTH).read_text(encoding="utf-8")


class Outline(HTMLParser):
    """Tags in order, attributes, and what does not balance."""

    def __init__(self, text):
        super().__init__()
        self.open, self.wrong, self.tags = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def values(self, attribute):
        return [attrs[attribute] for _, attrs in self.tags if attribute in attrs]


def visible(text):
    """The page's words: no style, no tags, single spaces."""
    text = re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r"<[^>]+>", " ", text).replace(n.NO_BREAK, " ").replace("&lt;", "<").replace("&gt;", ">")
    return re.sub(r"\s+", " ", text)


def test_the_page_has_every_section_in_the_order_of_a_reader(standard):
    sections = [attrs["id"] for tag, attrs in Outline(standard).tags if tag == "section"]
    assert sections == [
        "question", "answer", "conclusions", "trust", "age", "dose", "lag", "specifications", "others", "missing",
        "incidence", "people", "drugs", "protocol", "standards", "data", "limitations", "run",
    ]  # fmt: skip


@pytest.mark.parametrize("which", ["standard", "synthetic"])
def test_the_page_is_well_formed(request, which):
    outline = Outline(request.getfixturevalue(which))
    assert (outline.wrong, outline.open) == ([], [])
    assert [tag for tag, count in Counter(outline.values("id")).items() if count > 1] == []


def test_every_reference_within_the_page_has_its_target(standard):
    outline = Outline(standard)
    wanted = {href[1:] for href in outline.values("href") if href.startswith("#")}
    wanted |= set(re.findall(r"url\(#([^)]+)\)", standard))
    wanted |= {name for names in outline.values("aria-labelledby") for name in names.split()}
    assert wanted - set(outline.values("id")) == set()


def test_nothing_is_loaded_from_elsewhere(standard):
    outline = Outline(standard)
    assert {tag for tag, _ in outline.tags} & {"link", "img", "iframe", "object", "base"} == set()
    assert [attrs for tag, attrs in outline.tags if tag == "script"] == [{}], "its one program is in it"
    assert not re.search(r"fetch\(|XMLHttpRequest|import\(|eval\(|innerHTML", standard)
    assert outline.values("src") == []
    assert {tag for tag, attrs in outline.tags if "://" in attrs.get("href", "")} <= {"a"}
    assert not re.search(r"@import|url\(\s*['\"]?(?!#)", standard)


def test_every_figure_is_told_to_those_who_cannot_see_it(standard):
    outline = Outline(standard)
    assert [attrs["role"] for tag, attrs in outline.tags if tag == "svg"] == ["img"] * 18
    assert Counter(tag for tag, _ in outline.tags)["desc"] == 18
    assert Counter(tag for tag, _ in outline.tags)["figcaption"] == 9


def test_every_table_has_a_caption_and_every_heading_a_scope(standard):
    tags = Outline(standard).tags
    count = Counter(tag for tag, _ in tags)
    assert count["caption"] == count["table"] > 10
    assert all("scope" in attrs for tag, attrs in tags if tag == "th")


def test_figures_take_their_colours_from_the_page(standard):
    assert "#0a0b0" not in standard
    assert "stroke: var(--binder)" in standard


def test_a_suppressed_estimate_never_shows_a_number(standard):
    assert "suppressed" in standard
    assert not re.search(r"7\.7+8?|6\.67|8\.89|76\.5", visible(standard))


def test_small_counts_stay_as_they_were_released(standard):
    words = visible(standard)
    assert "All ages Any 4,321 34,568 654 18.9 900" in words
    assert f"85 and over >365 <5 suppressed suppressed {n.ABSENT} suppressed" in words
    assert "midazolam <5 <5 suppressed suppressed" in words
    assert "TSPO binder 880 20 suppressed 6 0" in words
    assert "fill suppressed 0.5 99" in words


def test_a_suppressed_step_of_the_flow_says_so(standard):
    words = visible(standard)
    assert "Year of birth is recorded: suppressed persons, <5 left out." in words


def test_what_cannot_be_estimated_says_why(standard):
    words = visible(standard)
    assert words.count("not estimable: nobody is exposed at 85 and over") == 2
    assert "1 are suppressed because few persons" in words


def test_a_suppressed_point_of_a_curve_has_no_value(standard):
    words = visible(standard)
    assert "70 5.0% (4.5% to 5.5%) 5.0% (4.5% to 5.5%) 400" in words
    assert "75 suppressed suppressed <5" in words
    assert "43.2%" not in words


@pytest.mark.parametrize("status", ["suppressed", "not estimable: no events"])
def test_only_a_row_whose_status_is_ok_is_drawn(make, status):
    assert Effect("a", estimate(status=status)).bounds is None
    read = read_release(make(estimates=[estimate(status=status)])).estimates[0]
    assert (read.hazard_ratio, read.ci_lower, read.p_value, read.mdrr) == (None, None, None, None)


def test_a_curve_without_bounds_or_points_says_what_it_can(page):
    points = [curve("binder", o, age, 0.1 * (age > 65)) for o in ("dementia", "death") for age in (65, 70, 75)]
    points[1] |= {"ci_lower": "", "ci_upper": ""}
    words = visible(page(curves=[*points[:5], *(curve("unheard", "dementia", age, 0.2) for age in (65, 70, 75))]))
    assert "70 10.0% 10.0% (9.0% to 11.0%) 400" in words
    assert "75 10.0% (9.0% to 11.0%) suppressed 400" in words
    assert "unheard 70 20.0% (18.0% to 22.0%) suppressed 400" in words


def test_a_drug_without_fills_is_told_apart_from_those_dispensed(standard):
    words = visible(standard)
    assert "flunitrazepam" not in words[: words.index("Drugs looked for and not dispensed")]
    assert "flunitrazepam" in words


def test_the_truth_is_shown_only_where_it_is_known(standard, synthetic):
    assert "Synthetic data with a known truth" not in standard
    words = visible(synthetic)
    assert "Synthetic data with a known truth" in words
    assert "Truth" in words
    assert "known truth" in words


def test_a_world_in_which_no_estimate_has_a_truth_says_why(tmp_path):
    why = ["outcomes are misclassified", "leaving depends on the prodrome"]
    page = build_report(write_release(tmp_path), {**TRUTH, "log_hazard_ratio": {}, "why_not_exact": why})
    words = visible(page.read_text(encoding="utf-8"))
    assert "has a known true value here: outcomes are misclassified; leaving depends on the prodrome." in words
    assert "○ known truth" not in words


def test_the_terminal_shows_each_planted_ratio_and_a_dash_where_none_is_known(tmp_path):
    rows = headline_rows(write_release(tmp_path), TRUTH)
    shown = {(row["exposure"], row["age"]): row["planted"] for row in rows}
    assert shown["TSPO binder", OVERALL] == "1.25"
    assert shown["affinity unknown", OVERALL] == "1.00 to 1.11"
    assert shown["binder / non-binder", "75 to 84"] == "1.25"
    no_band = {"binder": {"75 to 84": 0.0}}
    rows = headline_rows(tmp_path, {**TRUTH, "log_hazard_ratio": no_band})
    assert {row["planted"] for row in rows if row["exposure"] != "TSPO binder"} == {"-"}
    assert "-" in {row["planted"] for row in rows if row["exposure"] == "TSPO binder"}


def test_a_step_that_was_kept_is_told_apart_from_one_that_was_built(page):
    cost = {"rows": 10, "seconds": 0.5, "peak_memory_mb": 99.0}
    steps = [{"name": "was_there", **cost, "fresh": True}, {"name": "was_made", **cost, "fresh": False}]
    words = visible(page(run={"steps": steps}))
    assert re.search(r"was_there 10 0.5 99(\.0)? kept", words)
    assert re.search(r"was_made 10 0.5 99(\.0)? built", words)


def test_an_overall_truth_needs_the_same_truth_at_all_ages():
    truth = read_truth(TRUTH, "dme", 365)
    assert truth.hazard_ratio("tspo_binder", OVERALL) == pytest.approx(1.25)
    assert truth.hazard_ratio(CONTRAST, "75 to 84") == pytest.approx(1.25)
    assert truth.hazard_ratio("tspo_unknown", OVERALL) is None


def test_the_truth_is_rescaled_to_the_estimates_and_ignored_in_another_unit():
    assert read_truth(TRUTH, "dme", 730).hazard_ratio("tspo_binder", OVERALL) == pytest.approx(1.25**2)
    assert read_truth(TRUTH, "ddd", 365).hazard_ratio("tspo_binder", OVERALL) is None


def test_the_same_release_gives_the_same_bytes(make):
    folder = make()
    first = build_report(folder, TRUTH).read_bytes()
    assert build_report(folder, TRUTH).read_bytes() == first


def test_the_page_replaces_the_old_one_and_leaves_nothing_beside_it(make):
    folder = make()
    (folder / "report.html").write_text("old")
    assert build_report(folder) == folder / "report.html"
    assert "old" not in (folder / "report.html").read_text(encoding="utf-8")[:100]
    assert list(folder.glob("*.part*")) == []


def test_names_from_the_data_are_escaped(page):
    name = '<script>alert("x")</script> & $a^2$'
    text = page(drugs=[drug(name)], run={"warnings": ["<b>bold</b>"], "cdm": {"cdm_source_name": "<i>x</i>"}})
    assert text.count("<script") == 1, "the page's own"
    assert "<b>bold</b>" not in text
    assert "<i>x</i>" not in text
    assert "&lt;script&gt;" in text
    assert "&amp; $a^2$ 100%" in text  # in the figure, as text and not as mathematics


@pytest.mark.parametrize(
    ("contrast", "headline"),
    [
        (estimate(CONTRAST, hr=1.3), "went with a higher hazard"),
        (estimate(CONTRAST, hr=0.7), "went with a lower hazard"),
        (estimate(CONTRAST, hr=1.02), "do not tell TSPO binders and non-binders apart"),
        (estimate(CONTRAST, status="suppressed"), "No answer can be released: too few persons or events"),
        (estimate(CONTRAST, status="not estimable: no dementia events"), "not estimable: no dementia events"),
        (estimate(CONTRAST, analysis="ddd"), "no row for the primary contrast"),
    ],
)
def test_the_answer_is_what_the_primary_contrast_says(make, contrast, headline):
    release = read_release(make(estimates=[estimate(), estimate("tspo_non_binder"), contrast]))
    given = answer(release, terms_of(release, Protocol()), [], None)
    assert headline in given.headline
    assert given.is_given is (contrast.status == "ok" and contrast.analysis == "primary")


def test_a_failed_gate_takes_the_place_of_the_answer(page):
    text = page(diagnostics=[diagnostic("dose coverage", "fail", value=0.5)])
    words = visible(text[: text.index('<section id="trust"')])
    assert "This run gives no answer" in words
    assert "The check “dose coverage” failed (50.0%). What it is." in words
    assert not re.search(r"1\.25|1\.13", words)


@pytest.mark.parametrize(
    ("row", "is_closed"),
    [
        (diagnostic(verdict="fail"), True),
        (diagnostic(verdict="fail", analysis=""), True),
        (diagnostic(verdict="fail", analysis="ddd"), False),
        (diagnostic(verdict="passs"), True),
        (diagnostic(verdict="warn"), False),
    ],
)
def test_the_gate_closes_for_a_failure_of_the_primary_analysis(make, row, is_closed):
    assert bool(reasons_for_no_answer(read_release(make(diagnostics=[row])))) is is_closed


def test_a_balance_that_does_not_hold_closes_the_gate(page):
    text = page(run={"conservation": [{"balance": "mg: dose = supply", "before": 2, "after": 1, "holds": False}]})
    assert "A balance does not hold: mg: dose = supply." in visible(text)


def test_the_answer_gives_room_age_lag_and_truth(synthetic):
    words = visible(synthetic)
    assert "is 1.25 (95% CI 1.13 to 1.38; p = 0.012)" in words
    assert "leaves room for a hazard 13% to 38% higher with binders" in words
    assert "does not clearly differ between the bands of attained age (likelihood-ratio test, p = 0.33)" in words
    assert "the ratio is 1.25 without a lag and 1.25 with a lag of 5 years" in words
    assert "The simulation planted a ratio of 1.25; the interval holds it." in words


@pytest.mark.parametrize(
    ("drugs", "sentence"),
    [
        ([drug()], "is diazepam alone: all of its fills, all of its users and all of its dose"),
        (
            [drug(), drug("flunitrazepam", fills="100", persons="100", dose="500")],
            "is diazepam almost alone: 90% of its fills, 75% of its users and 91% of its dose",
        ),
        (
            [drug(), drug("flunitrazepam", fills="900", persons="300", dose="4000")],
            "The leading drug of the TSPO binders is diazepam, with 50% of its fills",
        ),
        (
            [drug(), drug("flunitrazepam", fills="<5", persons="<5", dose="-")],
            "is diazepam almost alone: nearly all of its fills, nearly all of its users and nearly all of its dose",
        ),
        ([drug("flunitrazepam", fills="0", persons="0", dose="0")], "No dose of a TSPO binder was released"),
        ([drug(fills="<5", persons="<5", dose="-")], "No dose of a TSPO binder was released"),
    ],
)
def test_the_limitations_say_how_far_the_class_is_one_drug(drugs, sentence):
    assert sentence in class_and_drug(compositions(drugs, "dme")[0])


def test_drugs_too_small_to_be_named_are_drawn_as_one(page):
    small = [drug(f"drug {i}", dose="250") for i in range(10)]
    text = page(drugs=[drug(dose="7000"), drug("tiny", dose="500"), *small])
    assert ">diazepam 70%<" in text
    assert ">10 other 25%<" in text
    assert ">tiny 5%<" not in text  # its segment is shorter than its name


def test_a_changed_protocol_field_is_marked(standard, page):
    assert "changed</span>" not in standard
    text = page(run={"protocol": Protocol().changed(lag_days=0).model_dump(mode="json")})
    assert "changed</span>" in text
    assert "Dose counts from the day on which it is supplied." in text


@pytest.mark.parametrize("protocol", [{"unheard": {"of": 1}}, None])
def test_a_protocol_that_cannot_be_read_is_said(page, protocol):
    assert "is absent, or of another version" in page(run={"protocol": protocol})


def test_tables_that_were_not_made_are_missed_in_words(page):
    bare = {"protocol": RUN["protocol"]} | dict.fromkeys(set(RUN) - {"protocol"})
    text = page(estimates=[estimate()], run=bare, **dict.fromkeys(TABLES))
    outline = Outline(text)
    assert (outline.wrong, outline.open) == ([], [])
    assert "This release holds no diagnostics" in text
    for missing in ("curves", "attrition", "table of drugs", "table of dose coverage", "table of supply",
                    "estimates by dose category"):  # fmt: skip
        assert f"This release has no {missing}" in text


@pytest.mark.parametrize("name", ["estimates.parquet", "run.json"])
def test_a_folder_that_is_no_release_is_refused(make, name):
    folder = make()
    (folder / name).unlink()
    with pytest.raises(UsageError, match=f"There is no {name}"):
        build_report(folder)


@pytest.mark.parametrize(
    ("name", "content"), [("run.json", b"{"), ("run.json", b"[]"), ("estimates.parquet", b"x"), ("drugs.csv", b"")]
)
def test_a_file_that_cannot_be_read_is_named(make, name, content):
    folder = make()
    (folder / name).write_bytes(content)
    with pytest.raises(UsageError, match=re.escape(name)):
        build_report(folder)


def extremes():
    """Estimates beyond every scale: far apart, without bounds, and with points that cannot be drawn."""
    rows = [estimate(e, hr=hr, se=se) for e, hr, se in zip(EXPOSURES, (30, 0.02, 2, 1.5), (1, 1, 2, 0.1), strict=True)]
    rows += [replace(row, analysis="lag-5y", lag_days=1825) for row in rows]
    no_bounds = {"ci_lower": None, "ci_upper": None, "p_value": None}
    categories = [reference("tspo_binder"), estimate(term="1-90", reference="0", **no_bounds)]
    categories += [estimate(term=">365", reference="0", status="suppressed")]
    return [*rows, *categories, estimate(term="unknown dose", reference="0", status="not estimable: nobody")]


def test_extremes_are_drawn_with_arrows_and_words(page):
    text = page(estimates=extremes())
    outline = Outline(text)
    assert (outline.wrong, outline.open) == ([], [])
    dose = text[text.index("dose-wide-title") : text.index("dose-narrow-title")]
    assert ">suppressed<" in dose
    assert ">not estimable<" in dose
    assert f"30.0 ({n.interval(4.23, 213)})".replace(">", "&gt;") in text
    forest = text[text.index("forest-wide-title") : text.index("forest-narrow-title")]
    assert forest.count("<use") == 6  # two marks and four arrows: two estimates lie beyond the scale


def test_a_scale_has_few_ticks_and_always_one():
    wide = [Effect("a", estimate(hr=9.5, se=0.01)), Effect("b", estimate(hr=0.11, se=0.01))]
    for most in (3, 5, 9):
        ticks = ratio_scale(wide, most).ticks
        assert len(ticks) <= most
        assert 1.0 in ticks


def test_the_answer_without_bounds_or_classes_says_what_it_can(make):
    contrast = estimate(CONTRAST, ci_lower=None, ci_upper=None)
    release = read_release(make(estimates=[contrast], diagnostics=[diagnostic()]))
    sentences = " ".join(answer(release, terms_of(release, None), [], None).sentences)
    assert "leaves room" not in sentences
    assert "There is no estimate for binders (not in this release)" in sentences
    assert "Whether the association differs by age was not tested in this run." in sentences


def test_terms_come_from_the_rows_where_the_protocol_cannot_be_read(make):
    row = estimate(CONTRAST, term="per 730", metric="ddd", lag_days=365)
    release = read_release(make(estimates=[row]))
    terms = terms_of(release, None)
    assert (terms.per, terms.metric, terms.lag_days) == (730, "ddd", 365)
    assert terms_of(replace(release, estimates=[]), None).per == 365
    assert terms.per_dose == f"per 730{n.NO_BREAK}WHO defined daily doses"


def test_fills_out_of_scope_do_not_count_as_known_or_unknown(make):
    rows = [("computed", 6), ("imputed", 2), ("unknown: no strength", 2), ("duplicate", 50), ("out of scope: gel", 50)]
    table = [{"drug": "diazepam", "tspo_class": "binder", "rule": "", "status": s, "fills": f, "persons": f, "mg": 1}
             for s, f in rows]  # fmt: skip
    assert known_share(read_release(make(dose_coverage=table))) == pytest.approx(0.8)


def test_methods_name_the_window_and_what_is_not_suppressed():
    protocol = Protocol().changed(study_start="2010-01-01", study_end="2019-12-31", min_cell_count=0)
    told = {paragraph.title: paragraph.text for paragraph in paragraphs(protocol)}
    assert "after the start of an observation period and 2010-01-01" in told["Who"]
    assert "the end of that observation period, or 2019-12-31" in told["Who"]
    assert told["Disclosure"] == "No count is suppressed."


def section(text, name):
    """The words of one section."""
    start = text.index(f'<section id="{name}"')
    return visible(text[start : text.index("</section>", start)])


def test_every_hazard_ratio_stands_beside_how_much_of_its_dose_is_known(standard):
    words = visible(standard)
    assert words.count("98.7% / 95.0%") > 60
    assert "All ages 1.25 (1.13 to 1.38) 0.012 123 987 34,568 1.15 98.7% / 95.0%" in words
    assert "no lag 1.25 (1.13 to 1.38) 0.012 654 123 987 34,568 98.7% / 95.0%" in words


@pytest.mark.parametrize(
    ("shares", "shown"),
    [
        ((1.0, 0.999), "100% / 99.9%"),
        ((None, 0.5), f"{n.ABSENT} / 50.0%"),
        ((None, None), n.ABSENT),
        ((0.0, 0.001), "0% / 0.1%"),
    ],
)
def test_a_share_that_is_not_told_is_a_dash(shares, shown):
    assert known(estimate(known_time_share=shares[0], known_dose_share=shares[1])) == shown


def test_bounds_stand_beside_the_primary_estimate(page):
    information = diagnostic("fraction of missing information", "info", MULTIPLE_IMPUTATION, exposure=CONTRAST)
    words = section(page(diagnostics=[information | {"value": 0.043}]), "missing")
    assert "Of the information on the ratio of the two classes, 4.3% is missing" in words
    assert "Primary As the protocol says. 1.25 (1.13 to 1.38) 1.25 (1.13 to 1.38) 1.25 (1.13 to 1.38) 98.7%" in words
    assert "No dose Each missing dose counts as none. 1.21 (1.10 to 1.33)" in words
    assert "Median fill Each missing dose is the median fill of its drug. 1.26" in words
    assert "One DDD a day Each missing dose is one DDD a day. 1.31" in words
    assert "drawn from computed fills, 5 times, and the results are pooled. 1.27 (1.15 to 1.40)" in words


def test_a_bound_without_an_estimate_says_why(page):
    rows = [estimate(), estimate(CONTRAST), estimate(analysis="missing-dose-imputed", status="suppressed")]
    words = section(page(estimates=rows, run={"protocol": None}), "missing")
    assert "drawn from computed fills, several times, and the results are pooled. suppressed" in words
    assert "suppressed not in this release not in this release" in words
    assert "information" not in words


def test_without_bounds_the_run_says_why_there_are_none(page):
    rows = [estimate(e) for e in EXPOSURES]
    said = diagnostic("missing dose bounds", "info", meaning="Every dose was computed: nothing to bound.")
    assert "Every dose was computed: nothing to bound." in section(page(estimates=rows, diagnostics=[said]), "missing")
    assert "nothing to bound" not in section(page(estimates=rows), "missing")


def test_the_coverage_names_how_a_dose_was_found_and_what_became_of_the_rest(standard):
    words = section(standard, "missing")
    assert (
        "diazepam oral, amount in mg 906 ≥ 290 97.1% "
        "quantity missing or not positive (imputed): 20; duplicate: 6" in words
    )
    assert "oral, no strength suppressed suppressed 0% several strengths (unknown): suppressed" in words
    assert "Of the released fills in scope, 100.0% have a dose." in words


def test_groups_of_a_drug_follow_each_other_the_most_dispensed_first():
    rows = [
        covered(fills="5", persons="5", share="", drug="a", unit="gram"),
        covered(fills="50", persons="9", share="1.0", drug="b"),
        covered(fills="70", persons="8", share="1.0", drug="a"),
        covered("unknown", "no strength", fills="900", persons="9", share="1.0", drug="c", tspo_class="unknown"),
    ]
    binder, unknown = coverage_groups(rows)
    assert [(g.drug, g.how, g.fills, g.persons, g.computed) for g in binder.groups] == [
        ("a", "oral, amount in mg", "70", "8", "100%"),
        ("", "oral, amount in gram", "5", "5", "suppressed"),
        ("b", "oral, amount in mg", "50", "9", "100%"),
    ]
    assert [(g.computed, g.rest) for g in unknown.groups] == [("0%", f"no strength (unknown):{n.NO_BREAK}900")]


def test_discarded_supply_is_told_by_drug(standard):
    words = section(standard, "missing")
    assert "diazepam 900 50,000 2,500 0 5.0% 70 lorazepam suppressed 9,100 suppressed 0 suppressed suppressed" in words
    assert "clonazepam 90" not in words


def test_a_run_that_discarded_nothing_says_so_and_one_without_the_table_too(page):
    assert "No supply was discarded" in section(page(supply=[supplied(days=90, share_discarded=0.0)]), "missing")


def test_other_analyses_are_compared_with_a_sentence_for_what_was_changed(page):
    protocol = Protocol().model_dump(mode="json")
    protocol["analysis"] = [
        {"name": "fills", "models": ["linear"], "metric": "fills", "per": 12},
        {"name": "recency", "models": ["categories"], "metric": "recency"},
    ]
    rows = [estimate(e) for e in EXPOSURES]
    rows += [estimate(e, hr=1.11, analysis="fills", metric="fills", term="per 12") for e in EXPOSURES]
    rows += [estimate(term="1-30 days ago", reference="never", analysis="recency", metric="recency", hr=1.5)]
    words = section(page(estimates=rows, run={"protocol": protocol}), "others")
    assert "Primary Per 365 diazepam-equivalent days. 1.25 (1.13 to 1.38)" in words
    assert "fills Exposure is counted as number of fills. Per 12 fills. 1.11 (1.01 to 1.22)" in words
    assert "recency Exposure is counted as time since the latest use. in categories only" in words
    assert "fills, per unit (12 fills). " in words
    assert f"1{n.EN_DASH}30 days ago 1.50" in words
    assert "recency, by category." in words


def texts(page, figure):
    """The words of a figure in the order in which they are drawn."""
    drawing = page.split(f'aria-labelledby="{figure}-title')[1].split("</svg>")[0]
    return re.findall(r"<text[^>]*>([^<]*)</text>", drawing)


def test_under_the_curve_of_lags_stand_the_events_and_persons_of_each_class_and_of_the_contrast(page):
    """A suppressed count is hidden in the figure, and says so in the table; a panel has a number for each lag."""
    lags = {"lag-0y": 0, "lag-1y": 1, "primary": 3, "lag-7y": 7, "lag-10y": 10}
    counts = {(e, lag): 100 * place + 10 * lag + 1000 for place, e in enumerate(EXPOSURES) for lag in lags.values()}
    rows = [
        estimate(e, hr=1 + lag / 10, analysis=name, lag_days=365 * lag, events=counts[e, lag],
                 events_exposed=counts[e, lag] + 1, persons_exposed=counts[e, lag] + 2)
        for e in EXPOSURES for name, lag in lags.items()
    ]  # fmt: skip
    rows[-2] = replace(rows[-2], persons_exposed=None)
    text = page(estimates=rows)
    for width in ("wide", "narrow"):
        drawn, at = texts(text, f"lag-{width}"), -1
        for e in EXPOSURES:
            at = drawn.index(LOOKS[e].name, at + 1)
            assert drawn[at + 1] == "Lag, years"
            shown = [[f"{counts[e, lag] + more:,}" for lag in lags.values()] for more in range(3)]
            shown[2][3] = "hidden" if e == CONTRAST else shown[2][3]
            names = ("Dementia events", "Events of the exposed", "Persons exposed")
            assert drawn[at + 2 : at + 20] == [
                word for row in zip(names, shown, strict=True) for word in (row[0], *row[1])
            ]
    assert "7 years 1.70 (1.54 to 1.88) 0.012 1,370 1,371 suppressed 34,568" in visible(text)


def test_the_curve_of_lags_is_broken_where_there_is_no_estimate():
    """A line across the gap would look like an estimate."""
    points = [Point(x, Effect(str(x), estimate(hr=1.2))) for x in range(4)]
    points[2] = Point(2, Effect("2", estimate(status="suppressed", hazard_ratio=None)))
    drawn = panels("x", "", "", [Panel(LOOKS["tspo_binder"], points)], "Lag, years", 1, primary_at=1).wide
    (line,) = re.findall(r'<path d="([^"]*)"[^>]*stroke-opacity: 0.7', drawn)
    assert re.findall("[ML]", line) == ["M", "L", "M"]
    assert "suppressed" in drawn


def test_lags_and_bounds_have_sections_of_their_own(standard):
    words = section(standard, "others")
    assert "ddd Exposure is counted as cumulative dose in WHO defined daily doses." in words
    assert "missing-dose" not in words
    assert "lag-1y" not in words


def test_without_other_analyses_there_is_no_section_for_them(page):
    text = page(estimates=[estimate(e) for e in EXPOSURES])
    assert 'id="others"' not in text
    assert '"#others"' not in text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"metric": "ddd"}, "Exposure is counted as cumulative dose in WHO defined daily doses."),
        ({"metric": "intensity", "per": 1}, "Exposure is counted as dose per day of use."),
        ({"window_days": 3650}, f"Only a window of 10{n.NO_BREAK}years counts."),
        ({"window_days": None}, "The whole life before the lag counts."),
        ({"carryover_cap_days": 30}, "Early refills carry forward at most 30 days."),
        ({"carryover_cap_days": None}, "Early refills carry forward without a limit."),
        ({"exposure.lag_days": 730}, f"The newest 2{n.NO_BREAK}years do not count."),
        ({"lag_days": 0}, "No recent dose is left out."),
        ({"equivalence_table": "vadod_2021"}, "Dose equivalences are those of VA/DoD 2021."),
        (
            {"site_equivalents_mg": {"lorazepam": 1}, "site_equivalents_source": "Us."},
            "The site's own table has 1 drug. Its source: Us.",
        ),
        ({"overlap": "switch"}, "A fill of another drug of the class ends the earlier one."),
        ({"overlap": "add"}, "Supplies of two drugs of one class add up."),
        ({"hospital_stays": "pause"}, "Tablets wait during stays in hospital."),
        ({"hospital_stays": "ignore"}, "Stays in hospital change nothing."),
        ({"same_day_duplicates": "add"}, "Equal fills of one day all count."),
        ({"same_day_duplicates": "collapse"}, "Equal fills of one day count once."),
        ({"tier": "D1"}, "The outcome is defined by tier D1."),
        ({"minimum_age_years": 60}, "Minimum age years is 60 instead of 50."),
        ({"age_bands": [50, 70]}, "Age bands is 50, 70 instead of 50, 65, 75, 85."),
        ({"confidence_level": 0.9}, "Confidence level is 0.9 instead of 0.95."),
        ({"study_end": None}, "Study end is without limit."),
        ({"per": 12, "category_bounds": [0, 6]}, "Only the unit or the categories are others."),
    ],
)
def test_what_an_analysis_changes_is_told_in_plain_words(changes, sentence):
    assert in_words(changes, Protocol()) == sentence


def test_what_an_analysis_changes_is_told_without_a_protocol_too():
    assert in_words({"minimum_age_years": 60}, None) == "Minimum age years is 60."


@pytest.mark.parametrize(
    ("metric", "measured", "noun", "per"),
    [
        ("dme", "cumulative dose in diazepam-equivalent days", "dose", "per 365 diazepam-equivalent days"),
        ("tspo_weighted", "cumulative dose in TSPO-weighted doses", "dose", "per 365 TSPO-weighted doses"),
        ("days", "days of use", "use", "per 365 days of use"),
        ("fills", "number of fills", "use", "per 365 fills"),
        ("duration", "duration of use", "use", "per 365 days from first to latest use"),
        ("intensity", "dose per day of use", "dose", "per 365 diazepam-equivalents per day of use"),
        ("recency", "time since the latest use", "time since use", "per 365 days since the latest use"),
        ("unheard", "unheard", "dose", "per 365 unheard"),
    ],
)
def test_every_metric_has_its_words(metric, measured, noun, per):
    terms = Terms(365, metric, 0, 0.95)
    assert (terms.measured, terms.noun, terms.per_dose.replace(n.NO_BREAK, " ")) == (measured, noun, per)
    assert replace(terms, window_days=730).measured == f"{measured} in a window of 2{n.NO_BREAK}years"
    assert terms.drug_metric == "dme"


def test_another_primary_metric_is_told_as_such(page):
    protocol = Protocol().changed(metric="fills", per=12, category_bounds=(0, 3), window_days=730)
    rows = [estimate(e, hr=1.3, metric="fills", term="per 12") for e in EXPOSURES]
    rows += [replace(reference("tspo_binder"), metric="fills"), estimate(term="1-3", reference="0", metric="fills")]
    text = page(estimates=rows, run={"protocol": protocol.model_dump(mode="json")})
    words = visible(text)
    assert "Use of TSPO binders went with a higher hazard of dementia than the same use of non-binders." in words
    assert "Hazard ratio of dementia by number of fills in a window of 2 years, all ages." in words
    assert "each category of number of fills is compared with no use of that class" in words
    assert "only a window of 2 years counts" in section(text, "age")
    assert "Number of fills" in section(text, "dose")
    assert "Which drugs carry the dose of each class , in diazepam-equivalent days." in words


def test_key_figures_fall_back_on_all_persons_where_the_model_counts_are_hidden(make):
    hidden = dict.fromkeys(("persons", "persons_exposed", "events", "events_exposed", "person_years"))
    rows = [*(estimate(e, **hidden) for e in EXPOSURES), estimate(term="1-90", reference="0", persons=5000)]
    release = read_release(make(estimates=rows))
    figures = {f.label: (f.value, f.note) for f in key_figures(release, terms_of(release, None))}
    assert figures["Persons"] == ("5,000", "with known or unknown dose")
    assert figures["Person-years"] == ("suppressed", "at risk, with known dose")
    none = replace(release, estimates=rows[:4])
    assert [f.value for f in key_figures(none, terms_of(none, None))][3:] == ["suppressed"] * 3


def test_a_check_whose_figure_is_hidden_begins_with_its_words(page):
    found = [diagnostic(meaning="Hidden here."), diagnostic(analysis="ddd", value=3, meaning="Shown there.")]
    assert "passed Hidden here." in visible(page(diagnostics=found))


@pytest.mark.parametrize(
    ("changes", "title", "said"),
    [
        ({}, "Dose of a fill", "the first of verbatim_end_date, days_supply and drug_exposure_end_date that is filled"),
        ({"days_supply_order": ("days_supply",)}, "Dose of a fill", "These are told by days_supply; fewer than one"),
        ({"maximum_days_supply": 90}, "Dose of a fill", "more than 90 are unknown, never clipped"),
        ({"missing_strength_unit": "unknown"}, "Dose of a fill", "A strength without a unit is unknown."),
        ({"same_day_duplicates": "add"}, "Dose of a fill", "same drug, quantity and days, counts each time."),
        ({}, "Supply", "starts at most 90 days late"),
        ({"carryover_cap_days": None}, "Supply", "taken after it, however late that is."),
        ({"overlap": "switch"}, "Supply", "ends what is left of the earlier drug; that is discarded"),
        ({"hospital_stays": "pause"}, "Supply", "wait during the nights of inpatient stays."),
        ({}, "Exposure", "equivalences of Ashton; a drug that it lacks takes the first of Inada and ClinCalc"),
        (
            {"equivalence_table": "site", "site_equivalents_mg": {"lorazepam": 1}, "site_equivalents_source": "Us."},
            "Exposure",
            "the site's own table, lorazepam 1 mg, from Us; a drug that it lacks takes the first of Ashton, Inada and",
        ),
        ({"metric": "tspo_weighted"}, "Exposure", "drugs without a measured affinity are left out"),
        ({"metric": "intensity"}, "Exposure", "equivalences of Ashton"),
        ({"metric": "recency"}, "Exposure", "it is 1 while the class is used"),
        ({"metric": "days", "lag_days": 0}, "Exposure", "Use counts from the day on which it is supplied."),
        ({"window_days": 3650}, "Exposure", f"Only a window of 10{n.NO_BREAK}years counts; older dose fades out"),
        ({}, "Missing dose", "gets the median daily amount of its drug"),
        ({"missing_dose": "unknown"}, "Missing dose", "cannot be computed stays unknown. What stays unknown"),
        ({"missing_dose": "draw"}, "Missing dose", "drawn at random (approximate Bayesian bootstrap)"),
        ({"imputations": 7}, "Missing dose", "7 times, pooled by Rubin's rules."),
        ({"metric": "fills"}, "Missing dose", "The number of fills is always known"),
        ({"metric": "duration"}, "Missing dose", "Only the days of a fill need to be known."),
    ],
)
def test_methods_tell_how_dose_was_counted(changes, title, said):
    told = {paragraph.title: paragraph.text for paragraph in paragraphs(Protocol().changed(**changes))}
    assert said in told[title]


def test_methods_without_bounds_tell_of_none():
    told = {paragraph.title: paragraph.text for paragraph in paragraphs(Protocol().changed(missing_dose_bounds=()))}
    assert "is repeated" not in told["Missing dose"]


def test_a_site_table_is_a_field_like_others():
    site = {"equivalence_table": "site", "site_equivalents_mg": {"lorazepam": 1.0}, "site_equivalents_source": "Us"}
    rows = {row.name: row.value for row in field_table(Protocol().changed(**site))["Exposure"]}
    assert rows["site_equivalents_mg"] == "lorazepam 1"
    assert {row.name: row.value for row in field_table(Protocol())["Exposure"]}["site_equivalents_mg"] == "none"


def test_facts_of_any_kind_become_text():
    record = {"a_b": None, "c": True, "d": {"e": 1}, "f": [1234, "x"], "g": 0.5}
    assert facts(record) == [("A b", n.ABSENT), ("C", "yes"), ("D", "e 1"), ("F", "1,234, x"), ("G", "0.5")]


def test_one_wide_interval_does_not_squeeze_the_others():
    scale = ratio_scale([Effect("a", estimate(hr=1.1)), Effect("b", estimate(hr=1.2, se=3.0))])
    assert scale.lower == pytest.approx(1 / 3, rel=0.1)
    assert scale.upper == pytest.approx(3, rel=0.1)
    assert 1.0 in scale.ticks


@pytest.mark.parametrize(
    ("function", "given", "shown"),
    [
        (n.ratio, 1.254, "1.25"),
        (n.ratio, 12.34, "12.3"),
        (n.ratio, 123.0, ">100"),
        (n.ratio, 0.001, "<0.01"),
        (n.ratio, None, n.ABSENT),
        (n.p_value, 0.0004, "<0.001"),
        (n.p_value, 0.0123, "0.012"),
        (n.p_value, 0.25, "0.25"),
        (n.percent, 0.5, "50%"),
        (n.percent, 0.001, "<1%"),
        (n.percent, 0.999, ">99%"),
        (n.percent, 1.0, "100%"),
        (n.percent, 0.0, "0%"),
        (n.percent, None, n.ABSENT),
        (n.released_count, "12345", "12,345"),
        (n.released_count, "<5", "<5"),
        (n.released_count, "-", n.SUPPRESSED),
        (n.released_count, "", n.SUPPRESSED),
        (n.count, None, n.SUPPRESSED),
        (n.change_of, 0.95, "5% lower"),
        (n.change_of, 1.001, "no different"),
        (n.change_of, 4.0, "4.00 times as high"),
        (n.years, 1095, f"3{n.NO_BREAK}years"),
        (n.years, 90, f"90{n.NO_BREAK}days"),
        (n.range_of_change, (0.9, 1.2), "10% lower to 20% higher"),
        (n.range_of_change, (1.1, 1.2), "10% to 20% higher"),
        (n.amount, "0.5", "0.5"),
        (n.amount, "1234.56", "1,235"),
        (short, 301.0, "301"),
        (short, 12345.6, "12,346"),
        (short, 3.1e-9, "3.1e-09"),
        (short, 0.0, "0"),
        (n.ordinal, 50, "50th"),
        (n.ordinal, 61, "61st"),
        (n.ordinal, 112, "112th"),
        (n.moment, "2026-03-01T09:30:00+00:00", "1 March 2026, 09:30 UTC"),
        (n.moment, "yesterday", "yesterday"),
        (n.moment, None, ""),
        (n.listed, ["a", "b", "c"], "a, b and c"),
        (n.plain, "46.26", "46.3"),
        (n.plain, "", n.ABSENT),
    ],
)
def test_numbers_are_shown_as_a_reader_expects(function, given, shown):
    assert (function(*given) if isinstance(given, tuple) else function(given)) == shown


def test_the_style_names_every_colour_of_the_figures():
    style = (Path(n.__file__).parent / "report.css").read_text(encoding="utf-8")
    for name in INKS:
        assert style.count(f"--{name.replace('_', '-')}:") == 3  # light, dark, print
