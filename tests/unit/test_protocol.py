"""The protocol: what the file says is what runs, and a mistake names its cure."""

from pathlib import Path

import pytest

from cohort.analyses import analyses
from cohort.errors import UsageError
from cohort.inputs import dose_category_labels, study_inputs
from cohort.protocol import Protocol, leaf_fields, load_protocol


def test_the_shipped_file_writes_out_every_default() -> None:
    assert load_protocol() == Protocol()
    text = (Path(__file__).parents[2] / "config" / "study.toml").read_text()
    optional = {"study_start", "study_end"}
    assert [n for _, n, _ in leaf_fields() if n not in optional and f"\n{n} = " not in text] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("lag_dayz=3", "did you mean 'lag_days'"),
        ("exposures.lag_days=3", "did you mean 'exposure.lag_days'"),
        ("exposure.lag_days=-1", "exposure.lag_days: Input should be greater than or equal to 0"),
        ("metric=pills", "exposure.metric: Input should be 'dme' or 'ddd'"),
        ("category_bounds=[1, 2]", "must start at 0 and grow"),
        ("age_bands=[65, 50]", "age_bands must grow"),
        ("age_bands=[65, 75]", "time before 65 would belong to no band"),
        ("high_nm=5000", "cut-points must grow"),
        ("lag_days", "--set takes key=value"),
    ],
)
def test_a_wrong_change_says_what_is_wrong(change: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        load_protocol(changes=[change])
    assert message in str(error.value)


def test_a_misspelt_key_in_a_file_names_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text("[population]\nminimum_age_year = 60\n[exposre]\nlag_days = 1\n")
    with pytest.raises(UsageError) as error:
        load_protocol(path)
    assert "did you mean 'minimum_age_years'" in str(error.value)
    assert "did you mean 'exposure'" in str(error.value)


def test_values_are_read_as_toml() -> None:
    chosen = load_protocol(changes=["study_start=2010-01-01", "carryover_cap_days=none", "covariates=['depression']"])
    assert str(chosen.population.study_start) == "2010-01-01"
    assert chosen.exposure.carryover_cap_days is None
    assert chosen.model.covariates == ("depression",)


def test_the_hash_follows_the_content() -> None:
    assert Protocol().content_hash() == load_protocol().content_hash()
    assert Protocol().changed(lag_days=0).content_hash() != Protocol().content_hash()


def test_analyses_are_the_primary_the_lags_and_the_other_metric() -> None:
    named = {a.name: a.protocol.exposure for a in analyses(Protocol())}
    assert list(named) == ["primary", "lag-0y", "lag-1y", "lag-2y", "lag-5y", "ddd"]
    assert [named[n].lag_days for n in named] == [1095, 0, 365, 730, 1825, 1095]
    assert named["ddd"].metric == "ddd"


def test_categories_are_named_by_their_days() -> None:
    assert dose_category_labels((0, 90, 180, 365)) == ["0", "1-90", "91-180", "181-365", ">365"]


@pytest.mark.parametrize("change", ["covariates=['insomia']", "prevalent_sets=['dementai']"])
def test_a_concept_set_that_does_not_exist_is_named(change: str) -> None:
    with pytest.raises(UsageError, match="did you mean"):
        study_inputs(load_protocol(changes=[change]))
