"""Models that hold every interval take a random sample of persons where there are too many intervals, and say so."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from cohort.analyses import Analysis
from cohort.covariates import covariate_names
from cohort.inputs import EXPOSURES
from cohort.models import LARGE, MODELS, Setting, fit_model
from cohort.protocol import Protocol
from cohort.results import FINE_GRAY, FULLY_ADJUSTED, PERSON_SAMPLE, Diagnostic, ModelResult
from cohort.survival.counting import risk_sets
from cohort.survival.cox import fit_cox
from tests.risk_tables import counts_of
from tests.unit.models.made import PROTOCOL, by, run

FEW = 1_200
SMALL = PROTOCOL.changed(most_intervals=FEW, events_per_parameter=1)


def setting_of(frame: pl.DataFrame, protocol: Protocol = SMALL) -> Setting:
    persons = frame.select(pl.col("person_id").unique().sort(), depression=pl.lit(1, pl.Int8))
    covariate = persons.with_columns(
        pl.lit(0, pl.Int8).alias(name) for name in covariate_names() if name != "depression"
    )
    setting = Setting(counts_of(frame, protocol), frame.lazy(), Analysis("primary", protocol))
    return replace(setting, covariate=covariate.lazy())


def told(result: ModelResult) -> list[Diagnostic]:
    return [row for row in result.diagnostics if row.diagnostic == PERSON_SAMPLE]


def persons(frame: pl.DataFrame) -> set[int]:
    return set(frame.get_column("person_id"))


def test_a_sample_has_all_the_time_of_some_persons(frame: pl.DataFrame) -> None:
    drawn = setting_of(frame).sample.person_time.collect()
    assert drawn.equals(frame.filter(pl.col("person_id").is_in(list(persons(drawn)))))
    wanted = FEW / frame.height
    # As many as the share says, within three standard errors of a draw of persons.
    everyone = len(persons(frame))
    assert len(persons(drawn)) / everyone == pytest.approx(wanted, abs=3 * np.sqrt(wanted * (1 - wanted) / everyone))


def test_the_seed_draws_it(frame: pl.DataFrame) -> None:
    first, again, other = (
        setting_of(frame, SMALL.changed(seed=seed)).sample.person_time.collect() for seed in (1, 1, 2)
    )
    assert first.equals(again)
    assert persons(first) != persons(other)


def test_where_there_are_few_intervals_all_are_taken(frame: pl.DataFrame) -> None:
    setting = setting_of(frame, SMALL.changed(most_intervals=frame.height))
    assert setting.sample is setting
    assert not told(fit_model("subdistribution", setting))


@pytest.mark.parametrize("model", sorted(MODELS))
def test_whoever_takes_a_sample_says_so(frame: pl.DataFrame, model: str) -> None:
    setting = setting_of(frame)
    rows = told(fit_model(model, setting))
    assert [row.exposure for row in rows] == ([model] if model in LARGE else [])
    for row in rows:
        assert row.value == len(persons(setting.sample.frame)) / len(persons(frame))


def test_estimates_and_counts_are_those_of_the_sample(frame: pl.DataFrame) -> None:
    setting = setting_of(frame)
    sample = setting.sample.person_time.collect()
    expected = run("subdistribution", sample, PROTOCOL).estimates
    assert by(fit_model("subdistribution", setting), model=FINE_GRAY) == expected
    # The covariate is one for all, so the fully adjusted model is that of the doses alone.
    (row,) = by(fit_model("adjustment", setting), model=FULLY_ADJUSTED, exposure="tspo_binder")
    fit = fit_cox(risk_sets(sample.drop_nulls(list(EXPOSURES)), list(EXPOSURES), ["sex", "entry_period"]))
    assert row.log_hr == pytest.approx(fit.contrast({"tspo_binder": 1}).estimate, rel=1e-8)
    assert row.persons == len(persons(sample.drop_nulls(list(EXPOSURES))))


def test_the_other_models_keep_everybody(frame: pl.DataFrame) -> None:
    all_of_them = run("linear", frame, PROTOCOL).estimates
    assert fit_model("linear", setting_of(frame)).estimates == all_of_them
