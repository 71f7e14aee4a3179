"""What the checks of the class conclude in worlds whose mechanism is known: binding acts, or half-life alone does."""

import math
from collections.abc import Mapping
from pathlib import Path

import pytest

from cohort.analyses import PRIMARY
from cohort.results import CONTRAST, ClassCheck
from cohort.study import RunSettings, build_tables, fit_one, prepare_run, read_models
from cohort.synthetic import simulate
from cohort.synthetic.parameters import Parameters, changed, same_in_all_bands

PERSONS, SEED = 40_000, 8
DOUBLED = math.log(2)
"""Per 365 units of dose: so strong that some thousand events of exposed persons tell the two worlds apart."""
FAR, NEAR = 3.0, 2.0
"""Standard errors from no difference: what is planted is beyond the one, what is not is within the other."""
Checks = Mapping[tuple[str, str, str], ClassCheck]


def checks_of(folder: Path, **effects: object) -> Checks:
    """The checks of a simulated world with these effects alone, by name, variant and exposure."""
    cdm = folder / "cdm.duckdb"
    nothing = {"log_hazard_ratio": same_in_all_bands(0.0)}
    simulate(cdm, PERSONS, SEED, "primary", parameters=changed(Parameters(), nothing | effects))
    prepared = prepare_run(RunSettings(cdm=str(cdm), out=str(folder / "run")))
    path = fit_one(prepared, PRIMARY, "drugs", build_tables(prepared, PRIMARY))
    return {(row.check, row.variant, row.exposure): row for row in read_models([path]).class_checks}


def z(row: ClassCheck) -> float:
    assert row.log_hr is not None
    assert row.se_log_hr is not None
    return row.log_hr / row.se_log_hr


@pytest.fixture(scope="module")
def binding(tmp_path_factory: pytest.TempPathFactory) -> Checks:
    return checks_of(tmp_path_factory.mktemp("binding"), log_hazard_ratio=same_in_all_bands(DOUBLED))


@pytest.fixture(scope="module")
def half_life(tmp_path_factory: pytest.TempPathFactory) -> Checks:
    return checks_of(tmp_path_factory.mktemp("half-life"), long_acting_log_hazard_ratio=DOUBLED)


def test_what_binding_does_is_found_whichever_drug_is_left_out_and_beside_half_life(binding: Checks) -> None:
    assert z(binding["as planned", "", CONTRAST]) > FAR
    assert z(binding["in the same model", "half-life", CONTRAST]) > FAR
    assert z(binding["class by half-life", "long-acting", CONTRAST]) > FAR
    for drug in ("alprazolam", "clonazepam", "oxazepam"):
        assert z(binding["leave one drug out", f"without {drug}", CONTRAST]) > FAR


def test_what_half_life_does_is_not_credited_to_binding(half_life: Checks) -> None:
    assert z(half_life["as planned", "", CONTRAST]) > FAR  # diazepam, the binder, is long-acting
    assert abs(z(half_life["in the same model", "half-life", CONTRAST])) < NEAR
    assert abs(z(half_life["class by half-life", "long-acting", CONTRAST])) < NEAR
    assert z(half_life["class by half-life", "long-acting", "tspo_non_binder"]) > FAR
