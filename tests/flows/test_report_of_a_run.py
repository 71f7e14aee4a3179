"""The report in a browser and by its numbers, as a run leaves it and with everything that it can have in it.

Every number on the page is one that was released, as it was released, and no small count can be read from it. The page
asks for nothing, keeps nobody out, and its tables and figures do what they say.
"""

import re
from collections.abc import Iterator
from math import exp
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from playwright.sync_api import Browser, Page

from cohort.report import build_report
from cohort.report.numbers import ABSENT, EN_DASH, count, ratio, with_bounds
from cohort.results import CONTRAST, OVERALL
from cohort.rounding import COUNTS
from tests.browser import barriers, chromium, opened
from tests.page import NUMBER, Cells, follows, is_tick, released, table_of, ways_to_say
from tests.unit.test_report import TRUTH, write_release

CLASSES = {
    "TSPO binder": "tspo_binder",
    "TSPO non-binder": "tspo_non_binder",
    "Affinity unknown": "tspo_unknown",
    "Binder ÷ non-binder": CONTRAST,
}
_OF_THE_SOURCE = ("drugs", "protocol", "standards", "data", "limitations", "run")
"""Sections of facts and settings: what they tell is not estimated."""


# --- Numbers ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def release(finished_run: Path) -> Path:
    return finished_run / "release"


@pytest.fixture(scope="module")
def cells(release: Path) -> Cells:
    return Cells((release / "report.html").read_text(encoding="utf-8"))


def test_every_number_in_a_table_or_a_figure_was_released(release: Path, cells: Cells) -> None:
    numbers = {*released(release), *follows(release)}
    known = {way for value in numbers for way in ways_to_say(value)}
    estimated = [table for table in cells.tables if table["section"] not in _OF_THE_SOURCE]
    assert len(estimated) > 15
    drawn = [text for text in cells.drawn if text in known or not NUMBER.fullmatch(text) or not is_tick(text)]
    told = [text for table in estimated for _, row in table["rows"] for text in row[1:]] + drawn
    shown = {number for text in told for number in NUMBER.findall(text)}
    assert len(shown) > 150
    unknown = {number for number in shown - known if number.lstrip("<>") not in known}
    assert not unknown, sorted(unknown)


def test_a_number_that_was_not_released_would_be_found(release: Path, cells: Cells) -> None:
    known = {way for value in {*released(release), *follows(release)} for way in ways_to_say(value)}
    assert "1.2345" not in known
    assert "87,654" not in known
    assert len(known & {f"{value / 100:.2f}" for value in range(5_000, 6_000)}) < 500, "the net is too wide to catch"


def ratio_in_words(row: dict[str, Any]) -> str:
    if row["status"] != "ok":
        return str(row["status"])
    bounds = [ratio(row[name]) for name in ("hazard_ratio", "ci_lower", "ci_upper")]
    return f"{bounds[0]} ({bounds[1]} to {bounds[2]})"


@pytest.mark.parametrize(
    ("section", "caption", "pick"),
    [
        ("age", "The numbers of the figure.", {"age_stratum": None, "analysis": "primary"}),
        ("dose", "The numbers of the categories.", {"term": None, "analysis": "primary"}),
    ],
)
def test_a_hazard_ratio_and_its_counts_are_those_of_its_row(
    release: Path, cells: Cells, section: str, caption: str, pick: dict[str, str | None]
) -> None:
    table = table_of(cells, section, caption)
    estimates = pl.read_parquet(release / "estimates.parquet").filter(model="cox", outcome="dementia")
    checked = 0
    for group, row in table["rows"]:
        if len(row) < 3:
            continue
        label = OVERALL if row[0] == "All ages" else row[0].replace(EN_DASH, "-")
        wanted = {name: label if value is None else value for name, value in pick.items()}
        linear = pl.col("term").str.starts_with("per ")
        rows = estimates.filter(linear if section == "age" else ~linear & (pl.col("age_stratum") == OVERALL), **wanted)
        (own,) = rows.filter(exposure=CLASSES[group]).to_dicts()
        assert row[1] == ratio_in_words(own) or (own["term"] == own["reference"] and row[1] == "1 (reference)")
        at = len(row) - 5
        shown = ["suppressed" if own[name] is None else count(own[name])
                 for name in ("events_exposed", "persons_exposed", "person_years")]  # fmt: skip
        assert row[at : at + 3] == shown, (group, row)
        checked += 1
    assert checked >= 12


def test_person_time_and_attrition_are_those_released(release: Path, cells: Cells) -> None:
    time = pl.read_csv(release / "person_time.csv", infer_schema_length=None).to_dicts()
    by_key = {(row["exposure"], row["age_stratum"], row["category"]): row for row in time}
    rows = table_of(cells, "dose", "Person-time at risk.")["rows"]
    seen = 0
    for group, row in rows:
        if len(row) < 3:
            continue
        age = OVERALL if row[0] == "All ages" else row[0]
        dose = OVERALL if row[1] == "Any" else row[1].replace(EN_DASH, "-")
        own = by_key[CLASSES[group], age, dose]
        shown = [("suppressed" if own[name] is None else count(own[name])) for name in ("persons", "events", "deaths")]
        assert [row[2], row[4], row[6]] == shown
        seen += 1
    assert seen == len(time)
    attrition = pl.read_csv(release / "attrition.csv").select("number_subjects", "excluded_subjects").rows()
    told = [tuple(row[1:]) for _, row in table_of(cells, "people", "Attrition.")["rows"]]
    assert told == [tuple("suppressed" if n is None else count(n) for n in row) for row in attrition]


def test_no_small_count_is_released_or_said(release: Path, cells: Cells) -> None:
    """Zero is told; one to four never is, in a table or in what the figures hold."""
    for name, columns in COUNTS.items():
        path = release / f"{name}.csv"
        table = pl.read_csv(path, infer_schema_length=None)
        for column in columns:
            if column in table.columns:
                assert not table.get_column(column).is_in([1, 2, 3, 4]).any(), (name, column)
    counted = re.compile(r"persons|events|deaths|fills|at risk|starts", re.IGNORECASE)
    looked_at = 0
    for table in cells.tables:
        if table["section"] in _OF_THE_SOURCE[1:] or not table["heads"]:
            continue
        for at, head in enumerate(table["heads"][-1]):
            if counted.search(head) and "percent" not in head.lower():
                texts = [row[at] for _, row in table["rows"] if len(row) == len(table["heads"][-1])]
                assert not {"1", "2", "3", "4"} & set(texts), (table["caption"], head)
                looked_at += len(texts)
    assert looked_at > 100


# --- The browser --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a release with every kind of row."""
    return build_report(write_release(tmp_path_factory.mktemp("written")), TRUTH)


@pytest.fixture(scope="module", params=["written", "of a run"])
def report(request: pytest.FixtureRequest, written: Path, finished_run: Path) -> Path:
    return written if request.param == "written" else finished_run / "release" / "report.html"


@pytest.fixture
def page(browser: Browser, written: Path) -> Iterator[Page]:
    with opened(browser, written) as seen:
        yield seen.page


def open_all(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")


@pytest.mark.parametrize("how", [{}, {"color_scheme": "dark"}, {"width": 360}, {"java_script_enabled": False}])
def test_it_loads_nothing_and_complains_of_nothing(browser: Browser, report: Path, how: dict[str, object]) -> None:
    with opened(browser, report, **how) as seen:  # type: ignore[arg-type]
        assert seen.page.locator("h1").inner_text()
        assert (seen.requests, seen.complaints) == ([], [])


def test_nothing_keeps_people_out_of_the_report_of_a_run(browser: Browser, finished_run: Path) -> None:
    with opened(browser, finished_run / "release" / "report.html") as seen:
        open_all(seen.page)
        assert barriers(seen.page) == []


@pytest.mark.parametrize("how", [{}, {"color_scheme": "dark"}, {"width": 360}])
def test_nothing_keeps_people_out_in_light_and_dark_and_on_a_phone(
    browser: Browser, written: Path, how: dict[str, object]
) -> None:
    with opened(browser, written, **how) as seen:  # type: ignore[arg-type]
        open_all(seen.page)
        assert barriers(seen.page) == []


def test_a_barrier_would_be_found(browser: Browser, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text("<html lang=en><title>A</title><main><h1>A</h1><img src='data:,'><button></button></main></html>")
    with opened(browser, bad) as seen:
        assert {one.split(":")[0] for one in barriers(seen.page)} == {"image-alt", "button-name"}


def test_every_figure_is_drawn_and_has_a_name(browser: Browser, report: Path) -> None:
    with opened(browser, report) as seen:
        open_all(seen.page)
        figures = seen.page.locator("figure .wide svg")
        assert figures.count() >= 5
        for figure in figures.all():
            box = figure.bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) > 50
            assert figure.locator("path, use, rect").count() > 3
            assert figure.evaluate("(one) => one.getAttribute('aria-labelledby').split(' ').every((id) => "
                                   "document.getElementById(id).textContent.trim())")  # fmt: skip


def column(page: Page, number: int) -> list[str]:
    """The cells of a column of the first group of the first table of hazard ratios; 0 is its heads."""
    rows = page.locator("#age table").first.locator("tbody").first.locator("tr:has(td)")
    return [row.locator("th, td").nth(number).inner_text() for row in rows.all()]


def test_tables_sort_by_a_click_or_a_key_and_come_back(page: Page) -> None:
    head = page.locator("#age table").first.locator("th").nth(4)
    before = column(page, 0)
    page.evaluate(
        """(texts) => [...document.querySelector('#age table tbody').rows].slice(1).forEach((row, i) => {
            row.cells[4].textContent = texts[i];
        })""",
        ["9", "1,200", "suppressed", "85", ABSENT],
    )
    head.locator("button").click()
    assert column(page, 4) == ["9", "85", "1,200", "suppressed", ABSENT]
    assert head.get_attribute("aria-sort") == "ascending"
    head.locator("button").focus()
    page.keyboard.press("Enter")
    assert column(page, 4) == ["1,200", "85", "9", "suppressed", ABSENT]
    assert head.get_attribute("aria-sort") == "descending"
    page.keyboard.press("Space")
    assert column(page, 0) == before
    assert head.get_attribute("aria-sort") == "none"


def test_words_sort_as_words_and_groups_stay_together(page: Page) -> None:
    table = page.locator("#age table").first
    table.locator("th").first.locator("button").click()
    assert column(page, 0)[-1] == "All ages"
    headings = table.locator('th[scope="rowgroup"]')
    assert headings.all_inner_texts() == [
        "TSPO binder", "TSPO non-binder", "Affinity unknown", "Binder ÷ non-binder"
    ]  # fmt: skip
    assert table.evaluate("(one) => [...one.tBodies].every((body) => body.rows[0].querySelector('th[scope=rowgroup]'))")


def shown(page: Page, selector: str) -> list[str]:
    """Rows of the first table of hazard ratios, or of its groups, that can be seen."""
    return [one.inner_text() for one in page.locator("#age table").first.locator(selector).all() if one.is_visible()]


def test_a_class_and_an_age_can_be_chosen_and_all_be_shown_again(page: Page) -> None:
    page.select_option("#show select[name=exposure]", label="TSPO non-binder")
    page.select_option("#show select[name=age]", label="75 to 84")
    assert shown(page, 'th[scope="rowgroup"]') == ["TSPO non-binder"]
    assert shown(page, 'th[scope="row"]') == ["75 to 84"]
    bright = page.locator("#age .wide .part:not(.off-exposure):not(.off-age) > title")
    assert [text.split(":")[0] for text in bright.all_text_contents()][:1] == ["TSPO non-binder, 75 to 84"]
    assert page.locator("#show output").text_content() == "Shown: TSPO non-binder, 75 to 84."
    page.emulate_media(media="print")
    assert len(shown(page, 'th[scope="row"]')) == 20, "on paper all is there"
    page.emulate_media(media="screen")
    page.click("#show button")
    assert len(shown(page, 'th[scope="row"]')) == 20


def test_a_mark_says_its_number_when_it_is_pointed_at(page: Page) -> None:
    row = page.locator("#age .wide .part").nth(1)
    words = f"TSPO binder, 50 to 64: {with_bounds(1.25, 1.25 * exp(-1.96 * 0.05), 1.25 * exp(1.96 * 0.05))}"
    assert row.locator("title").text_content() == words
    page.locator("#age .wide svg").scroll_into_view_if_needed()
    box = row.bounding_box()
    assert box is not None
    middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    said = page.evaluate(
        "([x, y]) => document.elementFromPoint(x, y).closest('.part').querySelector('title').textContent", middle
    )
    assert said == words


def test_it_can_be_read_on_a_phone(browser: Browser, report: Path) -> None:
    with opened(browser, report, width=360) as seen:
        open_all(seen.page)
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= 360
        assert seen.page.locator("#age figure .narrow svg").first.is_visible()
        assert not seen.page.locator("#age figure .wide svg").first.is_visible()


def test_dark_and_paper_have_their_own_colours_and_paper_has_no_controls(browser: Browser, written: Path) -> None:
    colours = {}
    for name, how in {"light": {}, "dark": {"color_scheme": "dark"}}.items():
        with opened(browser, written, **how) as seen:  # type: ignore[arg-type]
            colours[name] = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
            seen.page.emulate_media(media="print")
            colours[f"{name}, printed"] = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert not seen.page.locator(".contents").is_visible()
            assert not seen.page.locator("#show").is_visible()
            assert seen.page.locator("#standards td").first.is_visible(), "what is folded on the screen is printed"
    assert colours["light"] != colours["dark"]
    assert colours["light, printed"] == colours["dark, printed"] == "rgb(255, 255, 255)"


def test_without_its_program_all_is_shown_and_no_control_is(browser: Browser, written: Path) -> None:
    with opened(browser, written, java_script_enabled=False) as seen:
        assert not seen.page.locator("#show").is_visible()
        assert seen.page.locator(".sort").count() == 0
        assert len(shown(seen.page, 'th[scope="row"]')) == 20


def test_the_files_of_the_figures_open_by_themselves(browser: Browser, report: Path) -> None:
    files = sorted((report.parent / "figures").glob("*.svg"))
    assert len(files) >= 5
    for file in files:
        with opened(browser, file) as seen:
            assert (seen.requests, seen.complaints) == ([], [])
            assert seen.page.evaluate("document.documentElement.getBBox().width") > 100
        assert "var(--" not in file.read_text(encoding="utf-8")
