"""The report's new starts before a diagnosis: what it says, draws and tables, and what it must not show."""

import re

import pytest

from cohort.inputs import TIMES_BEFORE_DIAGNOSIS
from cohort.protocol import Protocol
from cohort.report import build_report
from cohort.report import numbers as n
from cohort.report.channelling import new_start
from cohort.report.classes import CLASSES
from cohort.results import OVERALL
from tests.unit.test_report import Outline, diagnostic, section, texts, visible, write_release

SECRET = 7777
"""A number that stands in rows that must not be shown."""
TIMES = {"within the lag": (0, 1095), **TIMES_BEFORE_DIAGNOSIS}


def row(time, exposure, starts, status="ok", **cells):
    """A row of channelling.csv; all classes together have no share."""
    above, most = TIMES.get(time, ("", ""))
    row = {"time_before_diagnosis": time, "above_days": above, "at_most_days": most, "exposure": exposure}
    shares = dict.fromkeys(("share", "share_lower", "share_upper", "expected_share"), "")
    if exposure != OVERALL:
        shares = {"share": starts / 300, "share_lower": 0.2, "share_upper": 0.75, "expected_share": 0.31}
    return row | {"starts": starts, "expected": 120.0, "rate_ratio": 2.5} | shares | {"status": status} | cells


def all_starts():
    """Every time; the unknown drugs of the earliest are suppressed and still carry numbers."""
    rows = [
        row(time, e, starts)
        for time in (*TIMES, "not diagnosed")
        for e, starts in (*zip(CLASSES, (60, 150, 90), strict=True), (OVERALL, 300))
    ]
    for hidden in rows:
        if hidden["time_before_diagnosis"] == "not diagnosed":
            hidden |= {"expected": "", "expected_share": "", "rate_ratio": ""}
        if (hidden["time_before_diagnosis"], hidden["exposure"]) == ("9 to 10 years", "tspo_unknown"):
            hidden |= {"starts": SECRET, "share": 0.7777, "rate_ratio": SECRET, "status": "suppressed"}
    return rows


def checked(verdict="warn", p=0.00004):
    return diagnostic("channelling", verdict, exposure="tspo_non_binder", statistic=20.2, df=2, p_value=p, value=0.19)


@pytest.fixture
def page(tmp_path):
    """The page of a release with these starts and diagnostics."""

    def made(starts=None, checks=(), run=None):
        rows = all_starts() if starts is None else starts
        folder = write_release(tmp_path, run=run, channelling=rows or None, diagnostics=[diagnostic(), *checks])
        return build_report(folder).read_text("utf-8")

    return made


def test_a_sentence_says_how_starts_rise_and_which_class_the_first_signs_get(page):
    words = section(page(checks=[checked()]), "lag")
    assert (
        "Within 3 years before a diagnosis these drugs were newly started 2.50 times as often as by matched people "
        "without one. Of these starts 20% were of binders (expected 31%), 50% were of non-binders (expected 31%) and "
        "30% were of drugs of unknown affinity (expected 31%). The shares differ by more than chance explains "
        "(p < 0.001): the first signs are treated rather with non-binders, and with a shorter lag the classes would "
        "differ for that reason alone."
    ) in words


def test_a_rise_that_is_alike_in_all_classes_is_said_to_be(page):
    words = section(page(checks=[checked("pass", 0.31)]), "lag")
    assert "The shares differ by no more than chance explains (p = 0.31)." in words


@pytest.mark.parametrize("checks", [(), (diagnostic("channelling", "info"),)])
def test_without_a_test_nothing_is_said_of_chance(page, checks):
    assert "Whether the shares differ by more than chance was not tested." in section(page(checks=checks), "lag")


@pytest.mark.parametrize("hidden", ["tspo_binder", OVERALL])
def test_where_the_starts_within_the_lag_are_hidden_the_page_says_so_in_place_of_numbers(page, hidden):
    rows = all_starts()
    at = next(r for r in rows if (r["time_before_diagnosis"], r["exposure"]) == ("within the lag", hidden))
    at |= {"starts": SECRET, "share": 0.7777, "rate_ratio": SECRET, "status": "suppressed"}
    words = section(page(rows, [checked()]), "lag")
    assert "Too few new starts within the lag may be told to say whether they prefer a class." in words
    assert "of these starts" not in words.lower()


def test_a_lag_that_covers_no_whole_time_compares_nothing(page):
    rows = [r for r in all_starts() if r["time_before_diagnosis"] != "within the lag"]
    text = page(rows)
    assert "The lag covers no whole time before a diagnosis, so no shares are compared." in section(text, "lag")
    assert "0 to 3 months 300 2.50" in visible(text)


def test_the_starts_come_after_the_curve_of_lags_with_a_picture_and_its_numbers(page):
    text = page(checks=[checked()])
    assert text.index("lag-wide-title") < text.index("channelling-wide-title") < text.index('id="missing"')
    assert Outline(text).wrong == []
    for width in ("wide", "narrow"):
        drawn = texts(text, f"channelling-{width}")
        assert [drawn.count(name) for name in ("TSPO binder", "TSPO non-binder", "Affinity unknown")] == [1, 1, 1]
        assert drawn.count("Years before diagnosis") == 3
    edges = ["10", "9", "8", "7", "6", "5", "4", "3", "2", "1", "½", "¼", "0"]
    assert texts(text, "channelling-wide")[:13] == edges


def test_the_picture_has_a_mark_for_each_share_and_a_line_for_each_expected_one(page):
    """Twelve times of three classes, one of them suppressed."""
    drawing = page().split('aria-labelledby="channelling-wide-title')[1].split("</svg>")[0]
    lines = re.findall(r'<path d="M ([\d.]+) ([\d.]+) \nL ([\d.]+) ([\d.]+) \n" [^>]*stroke: var\(--ink\)', drawing)
    assert len(lines) == 35
    assert {round(float(b), 3) for _, b, _, _ in lines} == {round(float(d), 3) for _, _, _, d in lines}
    bars = re.findall(r"stroke: var\(--(binder|non-binder|unknown)\); stroke-width: 1\.6", drawing)
    assert [bars.count(name) for name in ("binder", "non-binder", "unknown")] == [12, 12, 11]


def test_the_shaded_times_are_those_that_the_lag_covers(page):
    """Five of twelve times: their width is 5/12 of the panel's, up to its right end."""
    drawing = page().split('aria-labelledby="channelling-wide-title')[1].split("</svg>")[0]
    panel = re.findall(r'<path d="M ([\d.]+) [\d.]+ \nL [\d.]+ [\d.]+ \nL ([\d.]+) ', drawing)
    shaded = next((float(a), float(b)) for a, b in panel)
    spans = [(float(a), float(c)) for a, _, c, _ in re.findall(
        r'<path d="M ([\d.]+) ([\d.]+) \nL ([\d.]+) ([\d.]+) \n" [^>]*stroke: var\(--ink\)', drawing)][:12]  # fmt: skip
    assert sorted(shaded) == pytest.approx([spans[7][0], spans[11][1]], abs=0.01)


def test_the_table_has_a_row_for_each_time_and_tells_only_what_is_released(page):
    text = page(checks=[checked()])
    words = visible(text)
    assert "Within the lag, 3 years 300 2.50 60, 20% (31%) 150, 50% (31%) 90, 30% (31%) 0 to 3 months 300" in words
    assert "9 to 10 years 300 2.50 60, 20% (31%) 150, 50% (31%) suppressed Not diagnosed 300" in words
    assert f"Not diagnosed 300 {n.ABSENT} 60, 20% 150, 50% 90, 30%" in words
    assert "7,777" not in words
    assert "78%" not in words


def test_starts_without_a_share_stand_alone(page):
    rows = [row("0 to 3 months", e, 0, share="", share_lower="", share_upper="", expected_share="") for e in CLASSES]
    rows += [row("0 to 3 months", OVERALL, 0, rate_ratio="")]
    assert f"0 to 3 months 0 {n.ABSENT} 0 0 0" in visible(page(rows))


def test_a_release_without_the_table_says_so(page):
    words = section(page([]), "lag")
    assert "This release has no table of new starts before diagnosis." in words
    assert "Too few new starts" not in words


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (365, f"the first fill of a class after 1{n.NO_BREAK}year without one"),
        (180, f"the first fill of a class after 180{n.NO_BREAK}days without one"),
        (0, "each day with a fill of a class"),
        (None, "the first fill of a class after the washout without one"),
    ],
)
def test_a_new_start_is_told_as_the_protocol_has_it(days, said):
    assert new_start(days) == said


def test_the_washout_of_the_run_stands_below_the_picture(page):
    run = {"protocol": Protocol().changed(washout_days=730).model_dump(mode="json")}
    assert "A new start is the first fill of a class after 2 years without one" in visible(page(run=run))


def test_the_methods_say_how_starts_are_matched_and_tested(page):
    words = section(page(), "protocol")
    assert "A new start is a fill of a class that comes after 1 year without one; until then nobody is at risk" in words
    assert "calendar period (5 years each), times the days at risk" in words
    assert "below p = 0.01 it warns" in words


def test_without_a_washout_the_methods_count_each_fill(page):
    run = {"protocol": Protocol().changed(washout_days=0).model_dump(mode="json")}
    assert "A new start is a fill of a class. New starts before a diagnosis" in section(page(run=run), "protocol")
