"""Every number on the page is one that was released, as it was released; and no small count can be read from it."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from cohort.report.numbers import EN_DASH, NO_BREAK, amount, count, p_value, percent, rate, ratio
from cohort.results import CONTRAST, OVERALL
from cohort.rounding import COUNTS

CLASSES = {
    "TSPO binder": "tspo_binder",
    "TSPO non-binder": "tspo_non_binder",
    "Affinity unknown": "tspo_unknown",
    "Binder ÷ non-binder": CONTRAST,
}
_MINUS = "\N{MINUS SIGN}"
_NUMBER = re.compile(r"(?<![\w.,-])[<>]?\d+(?:,\d{3})*(?:\.\d+)?%?(?![\w%]|[.,]\d)")
_OF_THE_SOURCE = ("drugs", "protocol", "standards", "data", "limitations", "run")
"""Sections of facts and settings: what they tell is not estimated."""


class Cells(HTMLParser):
    """Tables of the page: section, caption, and rows of cells, each row with the heading of its group."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.section, self.tables, self.drawn = "", list[dict[str, Any]](), list[str]()
        self._into: list[str] | None = None
        self._group = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "section":
            self.section = given.get("id") or ""
        elif tag == "table":
            self.tables.append({"section": self.section, "caption": [], "heads": [], "rows": []})
        elif tag == "caption":
            self._into = self.tables[-1]["caption"]
        elif tag == "tbody":
            self._group = ""
        elif tag == "tr" and self.tables:
            self._cells: list[list[str]] = []
        elif tag in ("td", "th"):
            self._cells.append([])
            self._into = self._cells[-1]
            self._scope = given.get("scope")
        elif tag in ("text", "title") and self.section:
            self.drawn.append("")
            self._into = []

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "caption"):
            self._into = None
            if tag == "th" and self._scope == "rowgroup":
                self._group = said(self._cells[-1])
        elif tag == "tr" and self.tables:
            cells = [said(cell) for cell in self._cells]
            kind = "heads" if self._scope == "col" else "rows"
            self.tables[-1][kind].append((self._group, cells) if kind == "rows" else cells)
        elif tag in ("text", "title") and self.section and self._into is not None:
            self.drawn[-1] = said(self._into)
            self._into = None

    def handle_data(self, data: str) -> None:
        if self._into is not None:
            self._into.append(data)


def said(parts: list[str]) -> str:
    return " ".join("".join(parts).replace(NO_BREAK, " ").replace(_MINUS, "-").split())


@pytest.fixture(scope="module")
def release(finished_run: Path) -> Path:
    return finished_run / "release"


@pytest.fixture(scope="module")
def cells(release: Path) -> Cells:
    return Cells((release / "report.html").read_text(encoding="utf-8"))


def released(release: Path) -> Iterator[float]:
    """Every number of the released tables and of the run's record."""
    for path in release.glob("*.csv"):
        if path.stem != "summarised_result":  # it says the others' numbers again
            table = pl.read_csv(path, infer_schema_length=None)
            for column in table.select(pl.selectors.numeric()).iter_columns():
                yield from column.drop_nulls().cast(pl.Float64)
            for column in table.select(pl.selectors.string()).iter_columns():
                for text in column.drop_nulls().unique():
                    yield from (float(found.strip("<>%").replace(",", "")) for found in _NUMBER.findall(text))
    yield from numbers_of(json.loads((release / "run.json").read_text(encoding="utf-8")))


def numbers_of(record: object) -> Iterator[float]:
    if isinstance(record, dict):
        for value in record.values():
            yield from numbers_of(value)
    elif isinstance(record, list):
        for value in record:
            yield from numbers_of(value)
    elif isinstance(record, int | float) and not isinstance(record, bool):
        yield float(record)


def ways_to_say(value: float) -> Iterator[str]:
    """How the page may write a released number."""
    size = abs(value)
    yield from (ratio(size), rate(size), count(size), amount(f"{size}"), p_value(size), f"{size:g}", f"{size:,g}")
    yield from (percent(size), percent(size, 1), f"{size:.1f}%", f"{size:.3g}", f"{size:,.0f}", f"{size / 365:.3g}")
    yield from (f"{size:,.{digits}f}" for digits in (1, 2, 3, 4))
    yield from (f"{1000 * size:,.{digits}f}" for digits in (1, 2))


def follows(release: Path) -> Iterator[float]:
    """What the page works out from numbers of one released table: crude rates, differences of BIC, sums over fates."""
    tables = {name: pl.read_csv(release / f"{name}.csv", infer_schema_length=None)
              for name in ("person_time", "hypotheses", "dose_coverage")}  # fmt: skip
    rate_of = pl.col("events") / pl.col("person_years")
    yield from tables["person_time"].select(rate_of.filter(pl.col("person_years") > 0)).to_series().drop_nulls()
    for _, own in tables["hypotheses"].group_by("lag_days"):
        bic = own.get_column("bic").drop_nulls()
        yield from (one - other for one in bic for other in bic)
    by = ("tspo_class", "status")
    yield from tables["dose_coverage"].group_by(by).agg(pl.col("fills").sum()).get_column("fills").cast(pl.Float64)
    yield from tables["dose_coverage"].group_by(by[0]).agg(pl.col("fills").sum()).get_column("fills").cast(pl.Float64)


def is_tick(text: str) -> bool:
    """Whether a text of a figure can be a number at an axis: a round one."""
    number = float(text.strip("%<>").replace(",", ""))
    return number % 250 == 0 or len(f"{number:g}".replace(".", "").strip("0")) <= 2


def test_every_number_in_a_table_or_a_figure_was_released(release: Path, cells: Cells) -> None:
    numbers = {*released(release), *follows(release)}
    known = {way for value in numbers for way in ways_to_say(value)}
    estimated = [table for table in cells.tables if table["section"] not in _OF_THE_SOURCE]
    assert len(estimated) > 15
    drawn = [text for text in cells.drawn if text in known or not _NUMBER.fullmatch(text) or not is_tick(text)]
    told = [text for table in estimated for _, row in table["rows"] for text in row[1:]] + drawn
    shown = {number for text in told for number in _NUMBER.findall(text)}
    assert len(shown) > 150
    unknown = {number for number in shown - known if number.lstrip("<>") not in known}
    assert not unknown, sorted(unknown)


def test_a_number_that_was_not_released_would_be_found(release: Path, cells: Cells) -> None:
    known = {way for value in {*released(release), *follows(release)} for way in ways_to_say(value)}
    assert "1.2345" not in known
    assert "87,654" not in known
    assert len(known & {f"{value / 100:.2f}" for value in range(5_000, 6_000)}) < 500, "the net is too wide to catch"


def table_of(cells: Cells, section: str, caption: str) -> dict[str, Any]:
    (found,) = (t for t in cells.tables if t["section"] == section and said(t["caption"]).startswith(caption))
    return found


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
