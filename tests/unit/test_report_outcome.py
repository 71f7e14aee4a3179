"""The report, the terminal and Prefect speak of the outcome that was studied, and of no other."""

import re
from dataclasses import replace

import polars as pl
import pytest

from cohort.protocol import Protocol
from cohort.report import build_report
from cohort.report.comparison import in_words, other_analyses
from cohort.report.composition import compositions
from cohort.report.ends import competing_words, ends
from cohort.report.limitations import limitations
from cohort.report.methods import paragraphs
from cohort.report.numbers import NO_BREAK
from cohort.report.release import read_release
from cohort.report.tables import not_shown
from cohort.report.terms import terms_of
from cohort.results import BY_DRUG, CONTRAST, FULLY_ADJUSTED, PERSON_SAMPLE, UNADJUSTED
from cohort.reversibility_tables import reversibility_tables
from cohort.summary import headline_outcome, headline_rows, summary_markdown
from flows.terminal import print_headline
from tests.unit.test_report import (
    EXPOSURES,
    RUN,
    TRUTH,
    all_estimates,
    curve,
    diagnostic,
    estimate,
    reference,
    section,
    visible,
    write_release,
)
from tests.unit.test_report_baseline import BALANCE
from tests.unit.test_report_channelling import all_starts
from tests.unit.test_report_class import CHECKS
from tests.unit.test_report_estimator import all_ages, all_curves, all_models, risky
from tests.unit.test_report_reversibility import RESULT
from tests.unit.test_report_use_pattern import ROWS as USE_PATTERNS

GROUPS = ("no study drug", "binder", "other study drug only")
DEMENTIA = re.compile("dementia", re.IGNORECASE)


def of_outcome(diagnosis):
    """A release of another outcome, with everything that a page can have."""
    protocol = Protocol().changed(diagnosis=diagnosis)
    beside = [estimate(e, model=model) for e in EXPOSURES for model in (UNADJUSTED, FULLY_ADJUSTED)]
    rows = [*all_models(), *beside, estimate("diazepam", model=BY_DRUG)]
    rows = [replace(row, outcome=diagnosis) if row.outcome == "dementia" else row for row in rows]
    names = list(protocol.outcome.causes)
    return {
        "estimates": rows,
        "run": RUN | {"protocol": protocol.model_dump(mode="json")},
        "curves": [curve(g, o, age, 0.01 * (age - 65)) for g in GROUPS for o in names for age in (65.0, 70.0, 75.0)],
        "risks": [risky(outcome=o, years=5, category=c) for o in names for c in ("0", "1-90")],
        "age": all_ages(),
        "dose_response": all_curves(),
        "channelling": all_starts(),
        "class_checks": CHECKS,
        "use_patterns": USE_PATTERNS,
        "balance": BALANCE,
        **{
            name: table.with_columns(pl.all().cast(pl.String).fill_null("")).to_dicts()
            for name, table in reversibility_tables(RESULT, 5).items()
        },
        "attrition": None,
        "diagnostics": None,
    }


@pytest.fixture(scope="module")
def bipolar(tmp_path_factory):
    return build_report(write_release(tmp_path_factory.mktemp("bipolar"), **of_outcome("bipolar_disorder"))).read_text()


@pytest.fixture(scope="module")
def alzheimers(tmp_path_factory):
    folder = write_release(tmp_path_factory.mktemp("alzheimers"), **of_outcome("alzheimers_disease"))
    return build_report(folder).read_text()


def test_a_page_on_bipolar_disorder_says_nothing_of_dementia(bipolar):
    """But where the fields of the protocol are described, which are the same for every outcome."""
    told = bipolar[: bipolar.index("Every field of the protocol, as run")] + bipolar[bipolar.index('id="data"') :]
    assert [m.group() for m in re.finditer(r".{40}dementia.{40}", visible(told), re.IGNORECASE)] == []
    assert not DEMENTIA.search(" ".join(re.findall(r"<(?:title|desc)[^>]*>([^<]*)<", bipolar)))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("question", "change the hazard of Alzheimer&#39;s disease, and does that differ by age?"),
        ("answer", "prevents Alzheimer&#39;s disease:"),
        ("answer", "Alzheimer&#39;s disease events 654"),
        ("age", "Hazard ratio of Alzheimer&#39;s disease per 365 diazepam-equivalent days by TSPO class"),
        ("age", "Where the rate of Alzheimer&#39;s disease grows with age"),
        ("age", "Rates are Alzheimer&#39;s disease events per 1,000 person-years"),
        ("dose", "Hazard ratio of Alzheimer&#39;s disease by cumulative dose"),
        ("lag", "come before the diagnosis of Alzheimer&#39;s disease and are"),
        ("lag", "Below each lag stand the Alzheimer&#39;s disease events"),
        ("lag", "If the first signs of Alzheimer&#39;s disease are treated rather with one class"),
        ("lag", "Share of each class among new starts, by time before a diagnosis of Alzheimer&#39;s disease"),
        ("lag", "New starts before a diagnosis of Alzheimer&#39;s disease"),
        ("use", "TSPO binder: hazard ratio of Alzheimer&#39;s disease by days and daily dose of use"),
        ("fades", "prescribing for the first signs of Alzheimer&#39;s disease also makes"),
        ("fades", "Hazard ratio of Alzheimer&#39;s disease by days since the last dose"),
        ("adjustment", "Hazard ratio of Alzheimer&#39;s disease per 365 diazepam-equivalent days, all ages, by what"),
        ("class", "Hazard ratio of Alzheimer&#39;s disease per 365 diazepam-equivalent days of each drug"),
        ("incidence", "Alzheimer&#39;s disease and death by exposure"),
        ("incidence", "and on how many get another dementia first"),
        ("incidence", "of Alzheimer&#39;s disease, and of another dementia, and of death without either, by exposure"),
        ("incidence", "Age Alzheimer&#39;s disease Another dementia Death without either At risk"),
        ("incidence", "70 5.0% (4.5% to 5.5%) 5.0% (4.5% to 5.5%) 5.0% (4.5% to 5.5%) 400"),
        ("incidence", "Another dementia within 5 years"),
        ("incidence", "Alzheimer&#39;s disease, cause-specific (95% CI)"),
        ("protocol", "Alzheimer's disease is a code confirmed within 2 years by a second code on a later day or by an"),
        ("limitations", "Alzheimer's disease is what was coded or treated."),
    ],
)
def test_every_section_speaks_of_the_outcome(alzheimers, name, words):
    assert words.replace("&#39;", "'") in section(alzheimers, name).replace("&#39;", "'")


def test_the_reason_to_ask_about_bipolar_disorder_stands_beside_the_question(bipolar, alzheimers):
    assert "rs6971" in section(bipolar, "question")
    assert "Colasanti et al. 2013" in section(bipolar, "question")
    assert "rs6971" not in section(alzheimers, "question")


@pytest.mark.parametrize(
    ("changes", "said", "unsaid"),
    [
        ({}, "Dementia is a code confirmed within 2 years by a second code on a later day or by an anti-dementia drug",
         "ends follow-up before it"),
        ({"tier": "D1"}, "Dementia is the first record of one of its codes, on its day.", "confirmed"),
        ({"confirming_drugs": "lithium"}, "later day or by a record of lithium, and", "anti-dementia"),
        ({"diagnosis": "bipolar_disorder"}, "Bipolar disorder is a code confirmed within 2 years by a second code on a "
         "later day, and its date", "drug"),
        ({"diagnosis": "alzheimers_disease"}, "Vascular dementia, Lewy body dementia or frontotemporal dementia by the "
         "same rule ends follow-up before it: hazards are specific to the cause, so for them this is a loss from the "
         "risk set; in cumulative incidence and hazards of the subdistribution it competes, as death does. Where both "
         "are met on one day, the outcome counts. A dementia of unspecified kind ends nothing.", "none"),
        ({"diagnosis": "mild_cognitive_impairment"}, "Dementia by the same rule ends follow-up before it",
         "unspecified"),
    ],
)  # fmt: skip
def test_methods_tell_what_the_outcome_is_and_what_ends_follow_up(changes, said, unsaid):
    told = {paragraph.title: paragraph.text for paragraph in paragraphs(Protocol().changed(**changes))}
    words = told["Outcome"].replace(NO_BREAK, " ")
    assert said in words
    assert unsaid not in words


def test_methods_tell_where_a_competing_diagnosis_counts_as_one():
    told = {p.title: p.text for p in paragraphs(Protocol().changed(diagnosis="vascular_dementia"))}
    assert "Follow-up ends with vascular dementia, Alzheimer's disease, Lewy body dementia or" in told["Who"]
    assert "who dies or gets a competing diagnosis stays at risk" in told["Competing death"]
    assert "with death and these diagnoses competing" in told["Competing death"]
    plain = {p.title: p.text for p in paragraphs(Protocol())}
    assert "who dies stays at risk" in plain["Competing death"]
    assert "with death competing" in plain["Competing death"]


def test_limitations_say_what_telling_diagnoses_apart_is_worth(tmp_path):
    def of(diagnosis):
        protocol = Protocol().changed(diagnosis=diagnosis)
        release = read_release(write_release(tmp_path, **of_outcome(diagnosis)))
        told = limitations(release, terms_of(release, protocol), compositions(release.drugs, "dme"), protocol)
        return {p.title: p.text for p in told}["Outcome"]

    assert "Records tell vascular dementia from Alzheimer's disease, Lewy body dementia or" in of("vascular_dementia")
    assert of("bipolar_disorder").startswith("Bipolar disorder is what was coded. Codes miss cases")
    assert "Records tell" not in of("bipolar_disorder")


def test_limitations_say_which_models_were_fitted_to_some_of_the_persons(tmp_path):
    def of(*rows):
        release = read_release(write_release(tmp_path, diagnostics=list(rows)))
        told = limitations(release, terms_of(release, Protocol()), compositions(release.drugs, "dme"), Protocol())
        return {p.title: p.text for p in told}.get("Sample", "")

    rows = [
        diagnostic(name=PERSON_SAMPLE, verdict="info", exposure=model, value=0.125) for model in ("drugs", "adjustment")
    ]
    said = "than these models can hold: drugs and adjustment. They were fitted to 12.5% of the persons"
    assert said in of(*rows).replace(NO_BREAK, " ")
    assert not of(diagnostic())


def test_what_competes_has_the_diagnosis_s_own_words_unless_the_protocol_has_others(tmp_path):
    own = of_outcome("mild_cognitive_impairment")
    release = read_release(write_release(tmp_path, **own))
    assert list(ends(release).values()) == ["mild cognitive impairment", "dementia", "death without either"]
    changed = Protocol().changed(diagnosis="mild_cognitive_impairment", competing_sets=("delirium",))
    run = RUN | {"protocol": changed.model_dump(mode="json")}
    assert competing_words(read_release(write_release(tmp_path, **own | {"run": run}))) == "a competing diagnosis"
    (tmp_path / "plain").mkdir()
    plain = read_release(write_release(tmp_path / "plain"))
    assert ends(plain) == {"dementia": "dementia", "death": "death without dementia"}


def test_an_analysis_with_another_outcome_stands_beside_the_primary_one_with_its_own_rows(tmp_path):
    """Its ratios are found under its own outcome, and its row says which."""
    other = [replace(r, analysis="alzheimers", outcome="alzheimers_disease", hazard_ratio=1.77) for r in all_estimates()
             if (r.analysis, r.outcome) == ("primary", "dementia")]  # fmt: skip
    specs = [{"name": "alzheimers", "diagnosis": "alzheimers_disease"}]
    protocol = Protocol.model_validate({"analysis": specs})
    release = read_release(write_release(tmp_path, estimates=[*all_estimates(), *other]))
    assert (release.outcome_of("primary"), release.outcome_of("alzheimers")) == ("dementia", "alzheimers_disease")
    row = next(row for row in other_analyses(release, protocol) if row.name == "alzheimers")
    assert row.changed == "The outcome is Alzheimer's disease."
    assert row.ratios[0].startswith("1.77")
    assert in_words({"tier": "D1"}, None) == "The outcome is defined by tier D1."


def test_what_could_not_be_shown_names_the_outcome_in_words(tmp_path):
    release = read_release(write_release(tmp_path, **of_outcome("vascular_dementia")))
    assert {row.outcome for row in not_shown(release)} == {"vascular dementia", "vascular dementia, by age at entry"}


def test_the_planted_truth_is_one_of_dementia_alone(tmp_path):
    """An effect on the onset of dementia is no truth of one of its kinds, whose share the simulator only assigns."""
    page = visible(build_report(write_release(tmp_path, **of_outcome("alzheimers_disease")), TRUTH).read_text())
    assert "it is planted on dementia of any kind, not on Alzheimer&#39;s disease" in page.replace("'", "&#39;")
    assert "Truth" not in section(build_report(write_release(tmp_path)).read_text(), "age")
    assert [row["planted"] for row in headline_rows(tmp_path, TRUTH)][:1] == ["1.25"]
    write_release(tmp_path, **of_outcome("alzheimers_disease"))
    assert {row["planted"] for row in headline_rows(tmp_path, TRUTH)} == {"-"}


def test_terminal_and_prefect_speak_of_the_outcome(tmp_path, capsys):
    write_release(tmp_path, **of_outcome("bipolar_disorder"))
    assert headline_outcome(tmp_path) == "bipolar disorder"
    assert summary_markdown(tmp_path).startswith("# Hazard ratios of bipolar disorder\n")
    print_headline(tmp_path)
    assert "Hazard ratio of bipolar disorder per 365 dme" in capsys.readouterr().out
    write_release(tmp_path)
    assert summary_markdown(tmp_path).startswith("# Hazard ratios of dementia\n")


def test_the_terminal_and_prefect_say_what_is_hidden_and_why(tmp_path, capsys):
    without = "not estimable: no events with a dose of 1-90"
    rows = [estimate(), estimate("tspo_non_binder", status="suppressed"), estimate("tspo_unknown", status=without)]
    rows += [estimate(CONTRAST, status=without), reference("tspo_binder")]
    print_headline(write_release(tmp_path, estimates=rows))
    said = (
        "1 of 4 hazard ratios are suppressed: behind them, or behind what they would tell, stand counts from 1 to 4.",
        "2 could not be estimated: no events with a dose of 1-90 (2).",
    )
    told = capsys.readouterr().out
    assert all(sentence in told for sentence in said)
    assert all(sentence in summary_markdown(tmp_path) for sentence in said)
    print_headline(write_release(tmp_path, estimates=[estimate()]))
    assert "hazard ratios are" not in capsys.readouterr().out
