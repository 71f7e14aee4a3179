"""What the report concludes in worlds whose mechanism is known: each verdict of "What does it mean?", and its numbers.

One run of the study for each world, from a simulated CDM to `report.html`; what is asserted is read from the page and
from the released tables beside it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from cohort.analyses import PRIMARY
from cohort.fitting import STRATA, prepared_time
from cohort.inputs import EXPOSURES
from cohort.models.class_checks import BESIDE
from cohort.protocol import Protocol
from cohort.release import write_release
from cohort.report import build_report
from cohort.report.release import Release, read_release
from cohort.report.verdicts import FAILS, HOLDS, OPEN
from cohort.results import CONTRAST
from cohort.study import RunSettings, build_tables, fit_one, prepare_run
from cohort.survival.counting import risk_sets
from cohort.survival.cox import fit_cox
from cohort.synthetic import simulate
from cohort.synthetic.ingredients import CHOSEN, DrugProducts
from cohort.synthetic.parameters import changed, same_in_all_bands
from cohort.synthetic.scenarios import parameters_of
from tests.unit.test_report_conclusions import (
    ALL,
    CHANNELLING,
    DURATION,
    FADING,
    HALF_LIFE,
    LAG,
    ONE_DRUG,
    SORTING,
    Page,
    read_page,
)

PERSONS = 40_000
SHARES = {
    ("diazepam", 2.0, 5.0, 10.0): 20, ("flunitrazepam", 0.5, 1.0, 2.0): 20, ("clonazepam", 0.5, 1.0, 2.0): 20,
    ("alprazolam", 0.25, 0.5, 1.0): 20, ("flurazepam", 15.0, 30.0): 15, ("estazolam", 1.0, 2.0): 10,
    ("oxazepam", 10.0, 15.0, 30.0): 10, ("zolpidem", 5.0, 10.0): 15, ("zaleplon", 5.0, 10.0): 5,
    ("lorazepam", 0.5, 1.0, 2.0): 35,
}  # fmt: skip
"""A market with two binders, both long-acting, and seven non-binders, two of them long-acting. With one binder, as in
the United States, class and drug cannot be told apart, and no permutation of nine drugs is rare."""
MARKET = [
    DrugProducts(drug=name, users_percent=share, form="tablet", strengths_mg=mg, source=CHOSEN).model_dump()
    for (name, *mg), share in SHARES.items()
]
PROTOCOL = """
analysis = []
[exposure]
lag_family_days = [0, 1095, 1825]
[ledger]
missing_dose_bounds = []
[model]
bootstrap_replicates = 0
"""
MODELS = ("linear", "drugs", "duration and intensity", "reversibility", "adjustment")
"""Of the primary analysis: those that the section reads."""
LITERATURE = 1.8
"""Hazard ratio of ever use of any of these drugs without a lag, as published."""


@dataclass(frozen=True)
class World:
    """A finished run: the section of its page, its released tables, where covariates and each analysis's time lie."""

    page: Page
    release: Release
    covariate: str
    exposure_time: Mapping[str, str]

    def ever_use(self, analysis: str) -> tuple[float, float]:
        """Log hazard ratio of any dose of any drug against none, and its standard error."""
        protocol = Protocol()
        known = pl.scan_parquet(self.covariate).select("person_id", *protocol.model.covariates)
        person_time = pl.scan_parquet(self.exposure_time[analysis]).join(known, on="person_id")
        frame = prepared_time(person_time, protocol).collect()
        is_ever = pl.any_horizontal(pl.col(exposure) > 0 for exposure in EXPOSURES)
        columns = ["ever", *protocol.model.covariates]
        fit = fit_cox(risk_sets(frame.with_columns(is_ever.cast(pl.Float64).alias("ever")), columns, STRATA))
        contrast = fit.contrast({"ever": 1.0})
        assert contrast is not None
        return contrast.estimate, contrast.standard_error


def world(folder: Path, scenario: str, seed: int, **changes: object) -> World:
    """Simulate, run the study as far as the section reads it, and read the page."""
    cdm, protocol = folder / "cdm.duckdb", folder / "protocol.toml"
    protocol.write_text(PROTOCOL, encoding="utf-8")
    parameters = changed(parameters_of(scenario), {"drug_products": MARKET, **changes})
    simulate(cdm, PERSONS, seed, "primary", parameters=parameters)  # as it is: a scenario would change it back
    prepared = prepare_run(RunSettings(cdm=str(cdm), out=str(folder / "run"), protocol=str(protocol)))
    tables = build_tables(prepared, PRIMARY)
    fitted = [fit_one(prepared, PRIMARY, model, tables) for model in MODELS]
    exposure_time = {PRIMARY: tables["exposure_time"].path}
    for name in prepared.planned[1:]:
        lagged = build_tables(prepared, name, tables)
        fitted.append(fit_one(prepared, name, "linear", lagged))
        exposure_time[name] = lagged["exposure_time"].path
    write_release(prepared, tables, fitted, {}, {"failures": {}, "steps": []})
    page = build_report(prepared.settings.folder.release).read_text(encoding="utf-8")
    release = read_release(prepared.settings.folder.release)
    return World(read_page(page), release, tables["covariate"].path, exposure_time)


@pytest.fixture(scope="module")
def binding(tmp_path_factory: pytest.TempPathFactory) -> World:
    doubled = same_in_all_bands(math.log(2))
    return world(tmp_path_factory.mktemp("binding"), "tspo-only", 8, log_hazard_ratio=doubled)


@pytest.fixture(scope="module")
def half_life(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("half-life")
    return world(folder, "half-life-only", 8, long_acting_log_hazard_ratio=math.log(2))


@pytest.fixture(scope="module")
def reversible(tmp_path_factory: pytest.TempPathFactory) -> World:
    effects = {"log_hazard_ratio": same_in_all_bands(math.log(10)), "effect_half_life_days": 365.0}
    return world(tmp_path_factory.mktemp("reversible"), "reversible", 5, **effects)


@pytest.fixture(scope="module")
def current(tmp_path_factory: pytest.TempPathFactory) -> World:
    tripled = same_in_all_bands(math.log(3))
    return world(tmp_path_factory.mktemp("current"), "current-use", 5, log_hazard_ratio=tripled)


@pytest.fixture(scope="module")
def prodrome(tmp_path_factory: pytest.TempPathFactory) -> World:
    return world(tmp_path_factory.mktemp("prodrome"), "null-prodrome", 5)


@pytest.fixture(scope="module")
def channelling(tmp_path_factory: pytest.TempPathFactory) -> World:
    return world(tmp_path_factory.mktemp("channelling"), "channelling", 5)


def test_where_binding_acts_and_lasts_all_holds_but_that_it_fades(binding: World) -> None:
    assert binding.page.verdicts == ALL | {FADING: FAILS}
    assert binding.page.summed_up.startswith("Of 9 predictions 8 hold and 1 does not hold.")


@pytest.mark.slow
def test_what_half_life_does_is_not_credited_to_binding(half_life: World) -> None:
    """The planned contrast is above 1, for both binders are long-acting; in one model with half-life it is null."""
    assert half_life.page.verdicts == ALL | {HALF_LIFE: FAILS, SORTING: OPEN, FADING: FAILS}
    assert "Beside half-life or both the difference goes" in half_life.page.words[HALF_LIFE]
    planned = half_life.release.contrast
    assert planned is not None
    assert (planned.ci_lower or 0) > 1
    beside = {row["variant"]: row for row in half_life.release.class_checks if row["check"] == BESIDE}
    assert float(beside["half-life"]["ci_lower"]) < 1 < float(beside["half-life"]["ci_upper"])


def test_where_binding_acts_and_its_effect_fades_everything_holds(reversible: World) -> None:
    assert reversible.page.verdicts == ALL
    assert reversible.page.summed_up.startswith("Of 9 predictions 9 hold.")


@pytest.mark.slow
def test_what_only_current_use_does_fades_but_does_not_build_up(current: World) -> None:
    assert current.page.verdicts == ALL | {ONE_DRUG: OPEN, SORTING: OPEN, DURATION: FAILS}
    assert "dose of the day best" in current.page.words[FADING]


def test_without_an_effect_prescribing_for_first_signs_is_seen_through(prodrome: World) -> None:
    nothing = dict.fromkeys(ALL, OPEN)
    assert prodrome.page.verdicts == nothing | {LAG: FAILS, CHANNELLING: HOLDS}
    assert "without it the others say nothing of binding" in prodrome.page.summed_up


def test_without_an_effect_ever_use_gives_what_the_literature_has_until_the_lag(prodrome: World) -> None:
    """The interval without a lag includes the published ratio, and that after three years includes 1."""
    at_once, error = prodrome.ever_use("lag-0y")
    assert at_once == pytest.approx(math.log(LITERATURE), abs=1.96 * error)
    lagged, error = prodrome.ever_use(PRIMARY)
    assert lagged == pytest.approx(0.0, abs=1.96 * error)


@pytest.mark.slow
def test_a_class_that_first_signs_are_treated_with_does_not_look_safe_after_the_lag(channelling: World) -> None:
    """Without a lag binders seem to protect, for the others are given for first signs; the check says so."""
    assert channelling.page.verdicts == dict.fromkeys(ALL, OPEN) | {CHANNELLING: FAILS}
    without_lag, lagged = (channelling.release.linear(CONTRAST, analysis=name) for name in ("lag-0y", PRIMARY))
    assert without_lag is not None
    assert lagged is not None
    assert (without_lag.ci_upper or 0) < 1
    assert (lagged.ci_lower or 0) < 1 < (lagged.ci_upper or 0)
