"""Concept sets of one's own: ATLAS's files in and out, in the protocol and its hash; parts of cohort definitions."""

import json
from pathlib import Path
from typing import Any

import pytest

from cohort.concept_sets import concept_set_items, concept_set_names, concept_set_of, load_concept_set
from cohort.errors import UsageError
from cohort.inputs import study_inputs
from cohort.paths import config_folder
from cohort.protocol import load_protocol


def atlas(*concept_ids: int, **flags: bool) -> dict[str, Any]:
    """An export of ATLAS, with what else it writes of a concept."""
    return {
        "items": [
            {
                "concept": {"CONCEPT_ID": one, "CONCEPT_NAME": f"Concept {one}", "CONCEPT_CODE": one,
                            "STANDARD_CONCEPT": "S", "INVALID_REASON_CAPTION": "Valid", "DOMAIN_ID": "Condition"},
                "includeDescendants": True,
            } | flags
            for one in concept_ids
        ]
    }  # fmt: skip


COHORT = {
    "cdmVersionRange": ">=5.0.0",
    "PrimaryCriteria": {
        "CriteriaList": [
            {"ConditionOccurrence": {"CodesetId": 1, "First": True}},
            {"DrugExposure": {"CodesetId": 2, "Age": {"Value": 50, "Op": "gte"}}},
        ],
        "ObservationWindow": {"PriorDays": 365, "PostDays": 0},
    },
    "ConceptSets": [
        {"id": 1, "name": "Dementia", "expression": atlas(4182210, 378419)},
        {"id": 2, "name": "Donepezil & co", "expression": atlas(715997)},
    ],
    "QualifiedLimit": {"Type": "First"},
    "InclusionRules": [{"name": "Aged", "expression": {"Type": "ALL", "CriteriaList": [{}]}}],
    "CensoringCriteria": [],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A protocol with a set of its own beside it, and a cohort definition."""
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "ours.json").write_text(json.dumps(atlas(4182210, 378419)), encoding="utf-8")
    (tmp_path / "study.toml").write_text('[concept_sets]\ndementia = "sets/ours.json"\n', encoding="utf-8")
    (tmp_path / "cohort.json").write_text(json.dumps(COHORT), encoding="utf-8")
    return tmp_path


def ids(rows: list[tuple[Any, ...]], name: str) -> set[int]:
    return {row[1] for row in rows if row[0] == name}


@pytest.mark.parametrize("name", concept_set_names())
def test_a_shipped_set_comes_out_as_it_went_in(name: str) -> None:
    shipped = json.loads((config_folder() / "concept_sets" / f"{name}.json").read_text(encoding="utf-8"))
    assert load_concept_set(name).as_atlas() == shipped


def test_what_atlas_shows_of_a_concept_comes_out_again(folder: Path) -> None:
    found = load_concept_set(folder / "sets" / "ours.json").as_atlas()["items"][0]
    assert found == {
        "concept": {"CONCEPT_ID": 4182210, "CONCEPT_NAME": "Concept 4182210", "CONCEPT_CODE": "4182210",
                    "STANDARD_CONCEPT": "S", "DOMAIN_ID": "Condition"},
        "includeDescendants": True, "isExcluded": False, "includeMapped": False,
    }  # fmt: skip


def test_a_set_of_ones_own_stands_in_the_place_of_the_shipped_one(folder: Path) -> None:
    protocol = load_protocol(folder / "study.toml")
    rows = study_inputs(protocol)["concept_set_item"].rows()
    assert ids(rows, "dementia") == {4182210, 378419}, "and the shipped list of its descendants is left out"
    shipped = study_inputs(load_protocol())["concept_set_item"].rows()
    assert ids(rows, "dementia_broad") == ids(shipped, "dementia_broad")
    assert ids(shipped, "dementia") > ids(rows, "dementia")


def test_a_list_of_descendants_can_be_brought_too(folder: Path) -> None:
    (folder / "sets" / "all.json").write_text(json.dumps(atlas(1, 2, 3)), encoding="utf-8")
    protocol = load_protocol(folder / "study.toml", [f"concept_sets.dementia_explicit={folder / 'sets' / 'all.json'}"])
    table = study_inputs(protocol)["concept_set_item"]
    without = table.filter("without_hierarchy_only", concept_set="dementia").get_column("concept_id").to_list()
    assert without == [1, 2, 3]


def test_a_new_name_can_be_used_wherever_a_set_is_named(folder: Path) -> None:
    file = folder / "sets" / "ours.json"
    protocol = load_protocol(None, [f"concept_sets.our_dementia={file}", "prevalent_sets=['our_dementia']"])
    assert ids(study_inputs(protocol)["concept_set_item"].rows(), "our_dementia") == {4182210, 378419}


def test_the_protocol_knows_a_set_by_what_is_in_it(folder: Path) -> None:
    first = load_protocol(folder / "study.toml")
    (folder / "sets" / "ours.json").rename(folder / "moved.json")
    moved = load_protocol(None, [f"concept_sets.dementia={folder / 'moved.json'}"])
    assert moved.content_hash() == first.content_hash() != load_protocol().content_hash()
    (folder / "moved.json").write_text(json.dumps(atlas(4182210)), encoding="utf-8")
    other = load_protocol(None, [f"concept_sets.dementia={folder / 'moved.json'}"])
    assert other.content_hash() != first.content_hash()
    again = type(first).model_validate(first.model_dump(mode="json"))
    assert again == first, "it comes back from the record of a run"


@pytest.mark.parametrize("part", ["Dementia", "1"])
def test_a_concept_set_of_a_cohort_definition_is_found_by_name_or_number(folder: Path, part: str) -> None:
    protocol = load_protocol(None, [f"concept_sets.dementia={folder / 'cohort.json'}#{part}"])
    assert [item.concept_id for item in concept_set_of("dementia", protocol.concept_sets).items] == [4182210, 378419]


def test_a_cohort_definition_is_refused_by_the_paths_of_what_it_says(folder: Path) -> None:
    with pytest.raises(UsageError) as refused:
        load_concept_set(folder / "cohort.json")
    assert str(refused.value) == (
        f"{folder / 'cohort.json'} is a cohort definition of ATLAS (CIRCE), and not a concept set. Who enters and who "
        "has the outcome is for the protocol to say, so that these cannot be used: $.cdmVersionRange, "
        "$.PrimaryCriteria.CriteriaList[0].ConditionOccurrence, $.PrimaryCriteria.CriteriaList[1].DrugExposure, "
        "$.QualifiedLimit, $.InclusionRules[0].expression. Its concept sets can, one by one: cohort.json#Dementia, "
        "cohort.json#Donepezil & co."
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            "concept_sets.dementia={0}/cohort.json#Dementai",
            "has no concept set 'Dementai'. It has: cohort.json#Dementia,",
        ),
        (
            "concept_sets.dementia={0}/sets/ours.json#1",
            "is no cohort definition, and has no concept set '1'; leave out #.",
        ),
        ("concept_sets.dementia={0}/nowhere.json", "There is no concept set at"),
        (
            "concept_sets.dementia=5",
            "[concept_sets], dementia: a JSON file is wanted, such as 'dementia.json'; got '5'",
        ),
        (
            "concept_sets.demntia={0}/sets/ours.json",
            "nothing in the protocol names 'demntia'; did you mean 'dementia'?",
        ),
        ("concept_sets.De={0}/sets/ours.json", "concept_sets.De"),
    ],
)
def test_a_mistake_gets_a_message(folder: Path, changes: str, says: str) -> None:
    with pytest.raises(UsageError) as refused:
        load_protocol(None, [changes.format(folder)])
    assert says in str(refused.value)


def test_the_table_takes_sets_of_the_protocol_first(folder: Path) -> None:
    own = load_protocol(folder / "study.toml").concept_sets
    assert ids(concept_set_items(["dementia"], own).rows(), "dementia") == {4182210, 378419}
    assert concept_set_items([]).is_empty()
