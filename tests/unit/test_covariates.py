"""Which concept sets may be adjusted for, and which never."""

import pytest

from cohort.concept_sets import concept_set_names, load_concept_set
from cohort.covariates import covariate_names, load_covariates
from cohort.errors import UsageError
from cohort.inputs import study_inputs
from cohort.protocol import Protocol
from cohort.reference import load_drugs

FORBIDDEN = [row.concept_set for row in load_covariates() if row.adjust == "never"]


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_forbidden_covariate_is_refused_with_the_reason_and_the_cure(name):
    row = next(row for row in load_covariates() if row.concept_set == name)
    with pytest.raises(UsageError) as error:
        study_inputs(Protocol().changed(covariates=["depression", name]))
    said = str(error.value)
    assert said.startswith(f"model.covariates: '{name}' is never adjusted for: {row.why}")
    assert row.source in said
    assert "Take it out" in said


def test_results_of_the_exposure_and_steps_towards_the_outcome_are_forbidden():
    assert {"sedative_use_disorder", "benzodiazepine_use_disorder", "other_sedatives"} <= set(FORBIDDEN)
    assert {"delirium", "fall", "hip_fracture", "mild_cognitive_impairment"} <= set(FORBIDDEN)
    protocol = Protocol()
    about_dementia = {name for name in concept_set_names() if "dementia" in name}
    assert about_dementia | {protocol.outcome.concept_set, *protocol.population.prevalent_sets} <= set(FORBIDDEN)


@pytest.mark.parametrize("name", covariate_names())
def test_no_covariate_contains_a_study_drug(name):
    """Neither by number nor, where no source gives one, by name."""
    ids = {drug.concept_id for drug in load_drugs() if drug.concept_id}
    names = {text.lower() for drug in load_drugs() for text in (drug.drug, drug.concept_name)}
    items = [item for item in load_concept_set(name).items if not item.is_excluded]
    assert not ids & {item.concept_id for item in items}
    assert not names & {item.concept_name.lower() for item in items}


def test_every_concept_set_of_the_table_is_there():
    assert {row.concept_set for row in load_covariates()} <= set(concept_set_names())
