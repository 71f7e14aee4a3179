"""The report's page as a reader meets it: tables, texts of figures, and how released numbers may stand in them."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl

from cohort.report.numbers import NO_BREAK, amount, count, p_value, percent, rate, ratio

_MINUS = "\N{MINUS SIGN}"
NUMBER = re.compile(r"(?<![\w.,-])[<>]?\d+(?:,\d{3})*(?:\.\d+)?%?(?![\w%]|[.,]\d)")


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


def table_of(cells: Cells, section: str, caption: str) -> dict[str, Any]:
    (found,) = (t for t in cells.tables if t["section"] == section and said(t["caption"]).startswith(caption))
    return found


def released(release: Path) -> Iterator[float]:
    """Every number of the released tables and of the run's record."""
    for path in release.glob("*.csv"):
        if path.stem != "summarised_result":  # it says the others' numbers again
            table = pl.read_csv(path, infer_schema_length=None)
            for column in table.select(pl.selectors.numeric()).iter_columns():
                yield from column.drop_nulls().cast(pl.Float64)
            for column in table.select(pl.selectors.string()).iter_columns():
                for text in column.drop_nulls().unique():
                    yield from (float(found.strip("<>%").replace(",", "")) for found in NUMBER.findall(text))
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
