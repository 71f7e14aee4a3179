"""lifelines and our estimator on a sample: they agree, and a run in which they do not is marked."""

import polars as pl
import pytest

from cohort.cross_check import NAME, cross_check, lifelines_params, sample_of_persons
from cohort.inputs import EXPOSURES
from cohort.models import STRATA
from cohort.survival.counting import risk_sets
from cohort.survival.cox import fit_cox
from tests.risk_tables import prepare
from tests.unit.models.made import PROTOCOL, interval, made_cohort, person_time


@pytest.fixture(scope="module")
def made() -> pl.DataFrame:
    return prepare(made_cohort(300), PROTOCOL)


def test_on_a_sample_both_agree_to_many_digits(made: pl.DataFrame) -> None:
    found = cross_check(made, PROTOCOL)
    assert (found.diagnostic, found.analysis, found.verdict) == (NAME, "primary", "pass")
    assert found.value is not None
    assert found.value < 1e-9
    assert "on a sample of 300 persons; at most 1e-06 is allowed." in found.meaning


def test_a_larger_difference_than_allowed_fails_the_gate(made: pl.DataFrame) -> None:
    assert cross_check(made, PROTOCOL.changed(cross_check_difference=1e-18)).verdict == "fail"


def test_the_value_is_the_largest_difference_of_a_coefficient(made: pl.DataFrame) -> None:
    known = made.drop_nulls(EXPOSURES)
    ours = fit_cox(risk_sets(known, [*EXPOSURES, "depression"], STRATA))
    theirs = lifelines_params(known, ours.columns)
    assert theirs is not None
    everybody = PROTOCOL.changed(cross_check_persons=1_000_000)
    assert cross_check(made, everybody).value == pytest.approx(float(abs(theirs - ours.params).max()), rel=1e-12)


def test_half_of_a_sample_has_dementia_and_all_intervals_of_a_person_are_in_it(made: pl.DataFrame) -> None:
    sample = sample_of_persons(made, 40, seed=1)
    has_dementia = sample.group_by("person_id").agg(pl.col("event").max())
    assert (has_dementia.height, has_dementia["event"].sum()) == (40, 20)
    assert sample.height == made.filter(pl.col("person_id").is_in(has_dementia["person_id"].to_list())).height
    assert sample.equals(sample_of_persons(made, 40, seed=1))
    assert not sample.equals(sample_of_persons(made, 40, seed=2))


def test_a_sample_that_cannot_be_fitted_is_said_to_be_unchecked() -> None:
    """Without an event there is no model; that is no failure of either."""
    frame = prepare(person_time([interval(p, 25_000, 25_400, (p * 1.0, 0.0, 0.0)) for p in range(9)]), PROTOCOL)
    found = cross_check(frame, PROTOCOL)
    assert (found.verdict, found.value) == ("info", None)
    assert found.meaning == "Not made: a sample of 9 persons cannot be fitted: there are no events."
