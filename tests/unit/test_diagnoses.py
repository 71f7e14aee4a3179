"""The outcome is chosen by one key: what follows from it, what is set goes before it, and what does not fit is said."""

from pathlib import Path

import polars as pl
import pytest

from cohort.analyses import PRIMARY, analyses
from cohort.concept_sets import concept_set_names
from cohort.covariates import covariate_names
from cohort.diagnoses import PRIMARY_DIAGNOSIS, Diagnosis, load_diagnoses, words_of
from cohort.errors import UsageError
from cohort.inputs import study_inputs, study_parameters
from cohort.protocol import Protocol, load_protocol
from cohort.protocol_sections import Outcome, Population, Study

OTHERS = [name for name in load_diagnoses() if name != PRIMARY_DIAGNOSIS]
BIPOLAR = "bipolar_disorder"


def values(protocol: Protocol) -> dict[tuple[str, str], object]:
    """The fields that follow from the diagnosis."""
    places = load_diagnoses()[PRIMARY_DIAGNOSIS].protocol_fields()
    return {(section, name): getattr(getattr(protocol, section), name) for section, name in places}


def test_the_diagnoses_are_those_of_the_question() -> None:
    assert list(load_diagnoses()) == [PRIMARY_DIAGNOSIS, "alzheimers_disease", "vascular_dementia",
                                      "mild_cognitive_impairment", BIPOLAR]  # fmt: skip


@pytest.mark.parametrize("name", list(load_diagnoses()))
def test_every_set_of_a_diagnosis_is_there_and_every_choice_has_a_reason(name: str) -> None:
    found = load_diagnoses()[name]
    named = {found.concept_set, found.explicit_concept_set, found.confirming_drugs, *found.prevalent_sets}
    assert {*named, *found.competing_sets} - {None} <= set(concept_set_names())
    assert set(found.why) >= {"concept_set", "confirming_drugs", "tier", "prevalent_sets", "competing_sets"}
    assert (found.confirmed_by == "", found.competing == "") == (not found.confirming_drugs, not found.competing_sets)
    assert found.tier in found.tiers


def test_a_choice_without_a_reason_is_refused() -> None:
    whole = load_diagnoses()[BIPOLAR].model_dump()
    with pytest.raises(ValueError, match="why says nothing of tier; add the reason and its source"):
        Diagnosis.model_validate(whole | {"why": {k: v for k, v in whole["why"].items() if k != "tier"}})


def test_the_defaults_are_what_follows_from_dementia() -> None:
    """What a field's documentation shows as its default is what the primary protocol has."""
    sections = {"study": Study, "population": Population, "outcome": Outcome}
    for (section, name), value in load_diagnoses()[PRIMARY_DIAGNOSIS].protocol_fields().items():
        assert sections[section].model_fields[name].default == value
    assert values(Protocol()) == load_diagnoses()[PRIMARY_DIAGNOSIS].protocol_fields()


@pytest.mark.parametrize("name", OTHERS)
def test_one_key_changes_all_that_follows_and_nothing_else(name: str, tmp_path: Path) -> None:
    """On the command line, in a file, and in an analysis beside the primary one."""
    chosen = load_protocol(changes=[f"diagnosis={name}"])
    assert values(chosen) == load_diagnoses()[name].protocol_fields()
    assert chosen.changed(diagnosis=PRIMARY_DIAGNOSIS) == Protocol()
    path = tmp_path / "p.toml"
    path.write_text(f"[outcome]\ndiagnosis = '{name}'\n")
    assert load_protocol(path) == chosen
    path.write_text(f"[[analysis]]\nname = 'other'\ndiagnosis = '{name}'\n")
    (other,) = [a.protocol for a in analyses(load_protocol(path)) if a.name == "other"]
    assert other == chosen.alone()
    assert chosen.content_hash() != Protocol().content_hash()


def test_what_is_set_goes_before_what_follows(tmp_path: Path) -> None:
    chosen = load_protocol(changes=["diagnosis=alzheimers_disease", "tier=D1", "prevalent_sets=['dementia']"])
    assert (chosen.outcome.tier, chosen.population.prevalent_sets) == ("D1", ("dementia",))
    assert chosen.outcome.competing_sets == load_diagnoses()["alzheimers_disease"].competing_sets
    assert chosen.changed(diagnosis=BIPOLAR).outcome.tier == "D1", "it was set, so it stays"
    path = tmp_path / "p.toml"
    path.write_text("[study]\nname = 'Mine'\n[outcome]\ndiagnosis = 'alzheimers_disease'\nconcept_set = 'delirium'\n")
    own = load_protocol(path)
    assert (own.study.name, own.outcome.concept_set, own.outcome.tier) == ("Mine", "delirium", "D2")
    assert load_protocol(path, ["diagnosis=dementia"]).outcome.concept_set == "delirium"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["diagnosis=alzheimer"], "there is no diagnosis 'alzheimer'; did you mean 'alzheimers_disease'?"),
        (["concept_set=alzheimers_disease"], "concept_set alzheimers_disease is that of another diagnosis: set "
         "diagnosis to alzheimers_disease, or leave concept_set out"),
        (["concept_set=vascular_dementia_explicit"], "that of another diagnosis: set diagnosis to vascular_dementia"),
        ([f"diagnosis={BIPOLAR}", "concept_set=dementia"], "set diagnosis to dementia"),
        ([f"diagnosis={BIPOLAR}", "tier=D3"], "tier D3 is about dementias; for bipolar_disorder there are D1, D2"),
        (["competing_sets=['dementia']"], "dementia is the outcome; take it out of competing_sets"),
        ([f"diagnosis={BIPOLAR}", "covariates=['depression', 'bipolar_disorder']"], "model.covariates has "
         "bipolar_disorder, but whoever has it on or before entry is kept out of a study of bipolar disorder: take it "
         "out of covariates"),
        (["prevalent_sets=['epilepsy']", "covariates=['epilepsy']"], "model.covariates has epilepsy"),
        (["competing_sets=['epilepsy']", "covariates=['epilepsy']"], "model.covariates has epilepsy"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_an_error_with_its_cure(changes: list[str], message: str) -> None:
    with pytest.raises(UsageError) as error:
        load_protocol(changes=changes)
    assert message in str(error.value)


def test_an_analysis_of_bipolar_disorder_may_not_adjust_for_it_either(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    text = (
        "[model]\ncovariates = ['bipolar_disorder']\n[[analysis]]\nname = 'bipolar'\ndiagnosis = 'bipolar_disorder'\n"
    )
    path.write_text(text)
    with pytest.raises(UsageError, match=r"\[\[analysis\]\] bipolar: .*\n.*model.covariates has bipolar_disorder"):
        load_protocol(path)


def test_a_record_of_an_older_run_is_one_of_dementia() -> None:
    """`run.json` of a version that knew one outcome has no diagnosis and no competing sets."""
    old = Protocol().model_dump(mode="json")
    del old["outcome"]["diagnosis"], old["outcome"]["competing_sets"]
    assert Protocol.model_validate(old) == Protocol()


def test_the_sql_is_given_the_codes_of_the_outcome_and_of_what_competes() -> None:
    chosen = Protocol().changed(diagnosis="vascular_dementia")
    roles = dict(study_inputs(chosen)["diagnosis_set"].iter_rows())
    assert roles == {"vascular_dementia": "outcome", "alzheimers_disease": "competing",
                     "lewy_body_dementia": "competing", "frontotemporal_dementia": "competing"}  # fmt: skip
    assert study_parameters(chosen)["diagnosis"] == "vascular_dementia"
    named = set(study_inputs(chosen)["concept_set_item"].get_column("concept_set"))
    assert {*roles, "dementia", "antidementia_drugs", *covariate_names()} <= named


def test_descendants_are_written_out_for_each_set_that_has_an_explicit_one() -> None:
    def written_out(protocol: Protocol) -> set[str]:
        items = study_inputs(protocol)["concept_set_item"].filter(pl.col("without_hierarchy_only"))
        return set(items.get_column("concept_set"))

    kinds = {"vascular_dementia", "lewy_body_dementia", "frontotemporal_dementia"}
    assert written_out(Protocol()) == {"dementia"}
    assert written_out(Protocol().changed(diagnosis="alzheimers_disease")) == {"dementia", "alzheimers_disease", *kinds}
    assert written_out(Protocol().changed(diagnosis=BIPOLAR)) == set()
    assert written_out(Protocol().changed(explicit_concept_set=None)) == set()


def test_an_outcome_is_spoken_of_in_its_own_words() -> None:
    assert words_of("alzheimers_disease") == "Alzheimer's disease"
    assert words_of("death") == "death"
    assert words_of("some_thing") == "some thing"


def test_the_primary_analysis_is_of_the_outcome_that_was_chosen() -> None:
    named = {a.name: a.protocol.outcome.diagnosis for a in analyses(Protocol().changed(diagnosis=BIPOLAR))}
    assert set(named.values()) == {BIPOLAR}
    assert named[PRIMARY] == BIPOLAR
