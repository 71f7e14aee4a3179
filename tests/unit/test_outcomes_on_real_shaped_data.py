"""Each outcome on CDMs made by others: who has it is who has its codes, found without the study's SQL."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from cohort.concept_sets import concept_set_names, load_concept_set
from cohort.diagnoses import load_diagnoses
from cohort.engine import create_tables
from cohort.feasibility import resolve_vocabulary, survey
from cohort.inputs import study_parameters
from cohort.protocol import Protocol
from cohort.source import open_cdm
from tests.conftest import shared_data

OUTCOMES = list(load_diagnoses())


def with_codes(cdm: Path, concept_sets: Sequence[str]) -> set[int]:
    """Persons with a condition of these sets: descendants by the CDM's own hierarchy, or written out without one."""
    ancestors = cdm / "concept_ancestor.parquet"
    below = pl.read_parquet(ancestors) if ancestors.exists() else pl.DataFrame()
    explicit = [] if below.height else [f"{name}_explicit" for name in concept_sets]
    found: set[int] = set()
    for name in (*concept_sets, *(name for name in explicit if name in concept_set_names())):
        included: set[int] = set()
        excluded: set[int] = set()
        for item in load_concept_set(name).items:
            ids = {item.concept_id}
            if item.include_descendants and below.height:
                own = below.filter(pl.col("ancestor_concept_id") == item.concept_id)
                ids |= set(own.get_column("descendant_concept_id").to_list())
            (excluded if item.is_excluded else included).update(ids)
        conditions = pl.read_parquet(cdm / "condition_occurrence.parquet")
        rows = conditions.filter(pl.col("condition_concept_id").is_in(list(included - excluded)))
        found |= set(rows.get_column("person_id").to_list())
    return found & set(pl.read_parquet(cdm / "person.parquet").get_column("person_id").to_list())


def diagnosed(cdm: Path, protocol: Protocol) -> dict[str, set[int]]:
    with open_cdm(str(cdm)) as opened:
        resolve_vocabulary(opened.connection, protocol)
        create_tables(opened.connection, ("diagnosed",), study_parameters(protocol))
        rows = opened.connection.execute("select role, person_id from diagnosed").fetchall()
    return {role: {person for r, person in rows if r == role} for role in ("outcome", "competing")}


@pytest.mark.parametrize("name", OUTCOMES)
@pytest.mark.parametrize("data", ["gibleed_5.3", "synpuf_50p_5.2"])
def test_who_is_diagnosed_by_the_first_code_is_who_has_a_code(data: str, name: str) -> None:
    cdm, protocol = shared_data(data), Protocol().changed(diagnosis=name, tier="D1")
    found = diagnosed(cdm, protocol)
    assert found["outcome"] == with_codes(cdm, [protocol.outcome.concept_set])
    assert found["competing"] == with_codes(cdm, protocol.outcome.competing_sets)


def test_the_data_have_dementias_of_several_kinds_and_so_tell_them_apart() -> None:
    """Otherwise the tests above would agree on nobody."""
    counts = {
        (data, name): len(diagnosed(shared_data(data), Protocol().changed(diagnosis=name, tier="D1"))["outcome"])
        for data in ("gibleed_5.3", "synpuf_50p_5.2")
        for name in OUTCOMES
    }
    assert counts["gibleed_5.3", "dementia"] == counts["gibleed_5.3", "alzheimers_disease"] == 136
    assert counts["synpuf_50p_5.2", "dementia"] > counts["synpuf_50p_5.2", "alzheimers_disease"] > 0
    assert counts["synpuf_50p_5.2", "vascular_dementia"] > 0


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_cdm_can_be_surveyed_for_every_outcome(name: str) -> None:
    """Also for those without confirming drugs; only sets that the study asks for are missed."""
    with open_cdm(str(shared_data("synpuf_50p_5.2"))) as opened:
        found = survey(opened, Protocol().changed(diagnosis=name))
    assert found.problems == []
    missed = " ".join(warning for warning in found.warnings if "no concept of" in warning)
    assert ("dementia_history" in missed) == (name != "bipolar_disorder")
