"""Reporting standards: every item is answered from the protocol and the results, or left to the authors in words."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cohort.protocol import Protocol, load_protocol
from cohort.report import build_report
from cohort.report.numbers import NO_BREAK
from cohort.report.release import read_release
from cohort.report.standards import AUTHORS, Standard, as_markdown, filled_in, standards
from cohort.report.standards.items import Facts
from cohort.report.standards.record_pe import record_pe
from cohort.report.study import Study
from cohort.results import CONTRAST
from tests.unit.test_report import estimate, write_release

PE = ["4.a", "4.b", "6.1.a", *(f"7.1.{letter}" for letter in "abcdefg"), "8.a", "12.1.a", "12.1.b", "19.1.a", "20.a"]
"""The fifteen items of RECORD-PE."""


def protocol(*changes: str) -> Protocol:
    return load_protocol(None, list(changes))


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., list[Standard]]:
    """The standards of a release whose run had a protocol with changes."""

    def make(*changes: str, **release: object) -> list[Standard]:
        run = {"protocol": protocol(*changes).model_dump(mode="json"), "cdm": {"cdm_source_name": "A CDM"}}
        folder = write_release(tmp_path, run=run, **release)
        return standards(Study.of(read_release(folder)))

    return make


def says(made: list[Standard], key: str, *asks: str) -> str:
    (standard,) = (standard for standard in made if standard.key == key)
    return next(item.says for item in standard.items if set(asks) <= {item.number, item.asks})


def test_all_that_the_standards_ask_is_there(made: Callable[..., list[Standard]]) -> None:
    found = {standard.key: standard for standard in made()}
    assert list(found) == ["target-trial", "harper", "record-pe"]
    numbers = {part.removeprefix("PE ") for item in found["record-pe"].items for part in item.number.split(", ")}
    assert set(PE) <= numbers
    strobe = {int(number) for item in found["record-pe"].items for number in re.findall(r"(?<![R.\d])\d+", item.number)}
    assert strobe >= set(range(1, 23))
    tables = " ".join(group.name for group in found["harper"].groups)
    assert {int(number) for number in re.findall(r"\d+", tables)} >= set(range(1, 14))
    assert [item.number for item in found["target-trial"].items] == [
        "Eligibility", "Treatment strategies", "Assignment", "Time zero", "Follow-up", "Outcome", "Causal contrast",
        "Analysis",
    ]  # fmt: skip


def test_what_the_program_cannot_know_is_left_to_the_authors(made: Callable[..., list[Standard]]) -> None:
    record = made()[-1]
    left = {item.number for item in record.items if not item.says}
    assert left == {"R1.2", "R1.3", "R6.2", "R6.3", "PE 8.a", "R12.3", "21", "22", "5"}
    assert filled_in(record) == f"{len(record.items) - len(left)} of {len(record.items)} items"
    assert filled_in(made()[0]) == "all 8 items"


@pytest.mark.parametrize(
    ("changes", "key", "asks", "words"),
    [
        ((), "harper", "Kind of entry", "New users: no fill in the 365 days before entry."),
        (("washout_days=0",), "harper", "Kind of entry", "Prevalent users are admitted."),
        ((), "harper", "Lag", "3 years."),
        (("lag_days=0",), "harper", "Lag", "None."),
        (("time_scale=follow-up",), "harper", "Time scale", "Time since entry."),
        (("covariates=[]",), "harper", "In the primary model", "None; strata of sex and period of entry."),
        (("minimum_age_years=65",), "target-trial", "Eligibility", "their 65th birthday"),
        (("washout_days=0",), "record-pe", "PE 7.1.c", "prevalent users are admitted"),
        (("lag_days=0",), "record-pe", "PE 7.1.d", "To cumulative dose in diazepam-equivalent days;"),
        (("diagnosis=alzheimers_disease",), "target-trial", "Outcome", "Alzheimer"),
    ],
)
def test_the_words_follow_the_protocol(
    made: Callable[..., list[Standard]], changes: tuple[str, ...], key: str, asks: str, words: str
) -> None:
    assert words in says(made(*changes), key, asks).replace(NO_BREAK, " ")


def test_numbers_are_those_released_and_hidden_ones_are_words(made: Callable[..., list[Standard]]) -> None:
    assert "987 of 4,321 persons with a dose, 654 events" in says(made(), "harper", "TSPO binders")
    hidden = dict.fromkeys(("persons", "persons_exposed", "events", "events_exposed", "person_years", "mdrr"))
    estimates = [estimate(), estimate("tspo_non_binder", status="suppressed", **hidden), estimate(CONTRAST, hr=1.5)]
    found = made(estimates=estimates)
    assert says(found, "harper", "Non-binders") == "Too few, or suppressed, to tell."
    assert "1.50" in says(found, "record-pe", "1b")


def test_a_gate_that_failed_takes_the_place_of_the_summary(made: Callable[..., list[Standard]], tmp_path: Path) -> None:
    study = Study.of(read_release(write_release(tmp_path, run={"protocol": protocol().model_dump(mode="json"),
                     "conservation": [{"balance": "persons", "before": 1, "after": 2, "holds": False}]})))  # fmt: skip
    assert study.protocol
    found = {item.number: item.says for item in record_pe(Facts(study, study.protocol)).items}
    assert "gives no answer" in found["1b"]
    assert "gives no answer" in found["18"]


def test_without_a_protocol_there_are_none(tmp_path: Path) -> None:
    unreadable = {"protocol": {"of": "another version"}}
    assert standards(Study.of(read_release(write_release(tmp_path, run=unreadable)))) == []


def test_the_page_leads_to_the_sections_and_the_file_beside_it_says_the_same(tmp_path: Path) -> None:
    folder = write_release(tmp_path)
    text = build_report(folder).read_text(encoding="utf-8")
    section = text.split('<section id="standards"')[1].split("</section>")[0]
    assert AUTHORS in section
    anchors = set(re.findall(r'href="#([\w-]+)"', section))
    assert "people" in anchors
    assert all(f'<section id="{anchor}"' in text for anchor in anchors)
    lines = (folder / "reporting_standards.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {4}
    assert section.count("<tr>") > 90
    assert [line for line in lines if line.startswith("## ")] == [
        "## Target trial", "## HARPER", "## RECORD-PE, with STROBE and RECORD"
    ]  # fmt: skip


def test_text_of_the_data_stays_in_its_cell_of_the_markdown(tmp_path: Path) -> None:
    run = {"protocol": protocol().model_dump(mode="json"), "cdm": {"cdm_source_name": "A | B\n<b>*C*</b>"}}
    found = standards(Study.of(read_release(write_release(tmp_path, run=run))))
    assert r"Records of care in A \| B \<b\>\*C\*\</b\>." in as_markdown("Title", found)
