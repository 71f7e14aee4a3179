"""The report of a preset: published ratios as an annotation beside the run's own, and in what the run differs."""

from dataclasses import replace
from pathlib import Path

import pytest

from cohort.preset import Published
from cohort.protocol import Protocol, load_protocol
from cohort.report import build_report, published
from cohort.report.numbers import ABSENT, EN_DASH
from cohort.report.release import read_release
from tests.unit.test_report import CONTRAST, EXPOSURES, RUN, Outline, estimate, reference, section, write_release

OPEN = ["prior_observation_days=365", "tier=D2", "metric=ddd", "covariates=[]"]
GRAY = load_protocol(Path("gray2016"), OPEN)
ROW = Published(
    exposure="any drug", term="1-30", reference="no use", measure="odds ratio", ratio=1.25, ci_lower=1.03,
    ci_upper=1.51, status="memory", note="adjusted for sleep",
)  # fmt: skip


def estimates():
    """The categories of Gray's design for each class; the linear rows that every page has."""
    rows = [estimate(e) for e in EXPOSURES]
    for e, hr in zip(EXPOSURES[:3], (1.41, 1.42, 1.43), strict=True):
        rows += [reference(e), *(estimate(e, hr, term=t, reference="0") for t in ("1-30", "31-120", ">120"))]
    hidden = replace(rows[-1], hazard_ratio=7.7777, status="suppressed")
    return [*rows[:-1], hidden, *(estimate(e, model="cause-specific-death", outcome="death") for e in EXPOSURES)]


def run_of(protocol, *changes):
    return RUN | {"protocol": protocol.model_dump(mode="json"), "changes": list(changes)}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = write_release(tmp_path_factory.mktemp("gray"), estimates=estimates(), run=run_of(GRAY, *OPEN))
    return build_report(folder).read_text(encoding="utf-8")


def test_published_ratios_stand_beside_those_of_the_same_category(page):
    words = section(page, "dose")
    assert "Published ratios beside these" in words
    assert (
        f"Any benzodiazepine or Z-drug: 1{EN_DASH}30, against no use as read hazard ratio 1.25 (1.03 to 1.51) "
        "1.41 (1.28 to 1.56) 1.42 (1.29 to 1.57) 1.43 (1.30 to 1.58)"
    ) in words
    assert words.index("1.31 (1.00 to 1.71)") < words.index("1.07 (0.82 to 1.39)")


def test_they_are_clearly_those_of_others(page):
    words = section(page, "dose")
    assert "Ratios of Gray et al. 2016, not of this run" in words
    assert "They are of other people, in other data and by another design, and of all drugs together" in words
    assert "Nothing in this run is tested against them." in words
    assert words.count(", this run (95% CI)") == 3
    answer = section(page, "answer")
    assert "Gray" not in answer
    assert "1.31" not in answer


def test_a_suppressed_ratio_stays_so_beside_a_published_one(page):
    assert "7.78" not in page
    words = section(page, "dose")
    assert f">120, against no use as read hazard ratio 1.07 (0.82 to 1.39) {'1.41 (1.28 to 1.56)'}" in words
    assert "1.42 (1.29 to 1.57) suppressed" in words


def test_methods_and_limitations_say_in_what_the_run_differs(page):
    for name in ("protocol", "limitations"):
        words = section(page, name).replace("&#39;", "'")
        assert all(sentence in words for sentence in GRAY.preset.differs)
        assert published.POOLED in words
    methods = section(page, "protocol")
    assert "follows the design of Gray et al. 2016 as far as a protocol can: Gray SL, Dublin S" in methods
    assert "What the source leaves open was chosen for this run: prior_observation_days, tier, metric and" in methods
    assert "Against the source this run changes" not in methods
    assert "This is not a repetition of Gray et al. 2016." in section(page, "limitations")


def test_the_head_of_the_page_names_the_design_and_leads_to_the_table(page):
    outline = Outline(page)
    assert outline.wrong == []
    assert "#published" in outline.values("href")
    assert "published" in outline.values("id")
    assert "design of Gray et al. 2016" in page[: page.index("</header>")]


def test_what_the_source_states_and_the_run_changes_is_told(tmp_path):
    changes = ("exposure.lag_days=0", "window_days=none")
    folder = write_release(tmp_path, estimates=estimates(), run=run_of(GRAY, *OPEN, *changes))
    (told,) = published.methods(read_release(folder), GRAY)
    assert "Against the source this run changes lag_days and window_days." in told.text


def test_a_row_without_a_category_of_its_own_has_dashes(tmp_path):
    release = read_release(write_release(tmp_path, estimates=estimates()))
    protocol = Protocol.model_validate({"published": [ROW.model_copy(update={"term": "ever"})]})
    (row,) = published.published_rows(release, protocol)
    assert row.ours == [ABSENT] * 3
    assert (row.compared, row.measure) == ("any drug: ever, against no use", "odds ratio")
    assert row.note == "adjusted for sleep; from memory, unverified"


def test_a_row_stands_beside_the_analysis_that_it_names(tmp_path):
    other = [estimate(e, 2.5, analysis="lag-7y", term="1-30", reference="0") for e in EXPOSURES[:3]]
    release = read_release(write_release(tmp_path, estimates=[*estimates(), *other]))
    rows = [ROW, ROW.model_copy(update={"analysis": "lag-7y"})]
    here, there = published.published_rows(release, Protocol.model_validate({"published": rows}))
    assert here.ours[0].startswith("1.41")
    assert [ratio[:4] for ratio in there.ours] == ["2.50"] * 3


def test_without_a_preset_there_is_nothing_of_it(tmp_path):
    page = build_report(write_release(tmp_path, estimates=estimates())).read_text(encoding="utf-8")
    assert "ublished ratio" not in page
    assert 'href="#published"' not in page
    release = read_release(tmp_path)
    assert published.methods(release, Protocol()) == []
    assert published.limitations(Protocol()) == published.limitations(None) == []
    assert published.published_rows(release, None) == []
    assert CONTRAST not in page
