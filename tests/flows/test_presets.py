"""A published design through the whole flow, and what the command line says of one that is not complete."""

from pathlib import Path

import polars as pl
import pytest

from cohort.errors import CannotStudy
from cohort.study import RunSettings
from flows.study import study
from tests.processes import tspo

OPEN = ("prior_observation_days=365", "tier=D2", "metric=ddd", "covariates=[]")


def test_a_preset_runs_and_shows_the_published_ratios_beside_its_own(small_cdm: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    changes = (*OPEN, "lag_family_days=[]", "missing_dose_bounds=[]", "bootstrap_replicates=0")
    study(RunSettings(cdm=str(small_cdm), out=str(out), protocol="gray2016", changes=changes))
    estimates = pl.read_parquet(out / "release" / "estimates.parquet")
    assert set(estimates.get_column("analysis")) == {"primary"}, "no further analysis is part of the design"
    assert estimates.get_column("lag_days").unique().to_list() == [365]
    own = estimates.filter(pl.col("term") == "1-30", pl.col("age_stratum") == "overall", pl.col("model") == "cox")
    assert own.height == 3
    assert "published" not in " ".join(estimates.columns), "ratios of others are no results"
    page = (out / "release" / "report.html").read_text()
    assert "design of Gray et al. 2016" in page
    assert "1.25 (1.03" in page
    assert "Nothing in this run is tested against them." in page


def test_the_help_of_a_run_lists_the_presets() -> None:
    text = " ".join(tspo("run", "--help").stdout.split())
    assert (
        "[baek2020, billioti2014, friesen2025, gray2016, osler2020, richardson2019, torresbondia2022, wu2011]" in text
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--protocol", "gray2016"), "gray2016 follows Gray et al. 2016, whose source leaves 4 field(s)"),
        (("--protocol", "gray2016", *(a for c in OPEN[1:] for a in ("--set", c))), "leaves 1 field(s)"),
        (("--protocol", "gray2061"), "no preset of that name; did you mean 'gray2016'?"),
    ],
)
def test_an_incomplete_preset_ends_with_what_is_to_be_set(
    small_cdm: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = tspo("run", "--cdm", str(small_cdm), "--out", str(tmp_path / "r"), *arguments)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "r").exists()


def test_a_design_of_another_time_than_that_of_the_data_is_refused_with_the_cure(
    small_cdm: Path, tmp_path: Path
) -> None:
    """The simulated data begin in 2003: a study that ended before could only be empty."""
    changes = ("diagnosis=dementia", "study_start=1990-01-01", "study_end=2002-12-31")
    with pytest.raises(CannotStudy) as error:
        study(RunSettings(cdm=str(small_cdm), out=str(tmp_path / "run"), changes=changes))
    assert "nobody is observed between study_start (1990-01-01) and study_end (2002-12-31)" in str(error.value)
    assert "this CDM reaches from 2003 to 2020" in str(error.value)
    assert "--set study_start=none" in str(error.value)
