"""The protocol: what the file says is what runs, and a mistake names its cure."""

from pathlib import Path
from typing import get_args

import pytest

from cohort.analyses import analyses
from cohort.diagnoses import load_diagnoses
from cohort.errors import UsageError
from cohort.grid import Grid, file_name
from cohort.inputs import study_inputs
from cohort.paths import config_folder
from cohort.protocol import Protocol, leaf_fields, load_protocol
from cohort.protocol_sections import HEADLINE, MODEL_NAMES, Metric

LAGS = ("lag-0y", "lag-1y", "lag-2y", "lag-5y", "lag-7y", "lag-10y")


def test_the_shipped_file_writes_out_every_default() -> None:
    assert load_protocol() == Protocol()
    text = (Path(__file__).parents[2] / "config" / "study.toml").read_text()
    optional = {"study_start", "study_end", "window_days", "spline_knots", "covariate_lookback_days"}
    optional |= {"site_equivalents_mg", "site_equivalents_source"}
    optional |= {name for _, name in load_diagnoses()["dementia"].protocol_fields()}  # what follows from the diagnosis
    assert [n for _, n, _ in leaf_fields() if n not in optional and f"\n{n} = " not in text] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("lag_dayz=3", "did you mean 'lag_days'"),
        ("exposures.lag_days=3", "did you mean 'exposure.lag_days'"),
        ("exposure.lag_days=-1", "exposure.lag_days: Input should be greater than or equal to 0"),
        ("metric=pills", "exposure.metric: Input should be 'dme', 'ddd', 'tspo_weighted', 'days'"),
        ("days_supply_order=[]", "ledger.days_supply_order: the list should have at least 1 item"),
        ("missing_dose_bounds=['median']", "Input should be 'zero', 'median_fill', 'one_ddd' or 'draw'"),
        ("equivalence_table=site", "site_equivalents_mg is empty: give mg by drug"),
        ("site_equivalents_mg={diazepam = 5}", "needs site_equivalents_source: where the numbers come from"),
        ("site_equivalents_mg={diazepam = 0}", "site_equivalents_mg.diazepam: Input should be greater than 0"),
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
    assert chosen.supply.carryover_cap_days is None
    assert chosen.model.covariates == ("depression",)


def test_the_hash_follows_the_content() -> None:
    assert Protocol().content_hash() == load_protocol().content_hash()
    assert Protocol().changed(lag_days=0).content_hash() != Protocol().content_hash()


@pytest.mark.parametrize("metric", ["duration", "recency"])
def test_a_window_is_for_sums_over_days(metric: Metric) -> None:
    with pytest.raises(UsageError, match=f"window_days has no meaning for metric {metric}"):
        load_protocol(changes=[f"metric={metric}", "window_days=365"])
    others = [name for name in get_args(Metric) if name not in ("duration", "recency")]
    assert [Protocol().changed(metric=name, window_days=365).exposure.window_days for name in others] == [365] * 6


# --- The analyses of a run -------------------------------------------------------------------------------------


def test_analyses_are_the_primary_the_lags_those_by_name_and_the_bounds() -> None:
    named = {analysis.name: analysis.protocol for analysis in analyses(Protocol())}
    assert list(named)[:8] == ["primary", *LAGS, "ddd"]
    assert [named[name].exposure.lag_days for name in list(named)[:8]] == [1095, 0, 365, 730, 1825, 2555, 3650, 1095]
    assert named["ddd"].exposure.metric == "ddd"
    assert {name: (p.ledger.missing_dose, p.ledger.draw) for name, p in list(named.items())[8:]} == {
        "missing-dose-zero": ("zero", 1),
        "missing-dose-median-fill": ("median_fill", 1),
        "missing-dose-one-ddd": ("one_ddd", 1),
        **{f"missing-dose-imputed-{draw}": ("draw", draw) for draw in range(1, 6)},
    }


def test_the_primary_analysis_fits_all_models_others_the_main_ones_and_bounds_the_linear_one() -> None:
    for analysis in analyses(Protocol()):
        is_bound = analysis.name.startswith("missing-dose-")
        assert analysis.is_bound is is_bound
        assert analysis.models == (("linear",) if is_bound else MODEL_NAMES if analysis.name == "primary" else HEADLINE)


def test_the_primary_analysis_fits_the_models_that_are_asked_for_in_their_own_order() -> None:
    asked = Protocol().changed(models=("categories", "linear"))
    first = analyses(asked)[0]
    assert first.models == ("linear", "categories")
    assert first.protocol == analyses(Protocol())[0].protocol, "what is fitted is the same, whatever else is"


def test_the_model_that_answers_cannot_be_left_out() -> None:
    with pytest.raises(UsageError, match="must have linear, which gives the answer"):
        Protocol().changed(models=("categories",))


def test_without_bounds_nothing_stands_in_for_missing_doses_but_the_protocol_s_choice() -> None:
    names = [analysis.name for analysis in analyses(Protocol().changed(missing_dose_bounds=()))]
    assert names == ["primary", *LAGS, "ddd"]
    one = analyses(Protocol().changed(missing_dose_bounds=("one_ddd", "one_ddd"), lag_family_days=(90,)))
    assert [analysis.name for analysis in one] == ["primary", "lag-90d", "ddd", "missing-dose-one-ddd"]


def test_an_analysis_runs_what_it_would_run_alone() -> None:
    """So that its tables have the same keys, whatever else is asked for beside it."""
    more = Protocol().changed(lag_family_days=(0,), missing_dose_bounds=("zero",))
    assert analyses(more)[0].protocol == analyses(Protocol())[0].protocol
    for analysis in analyses(Protocol()):
        assert analysis.protocol.analysis == ()
        assert analysis.protocol.exposure.lag_family_days == ()
        assert analysis.protocol.ledger.missing_dose_bounds == ()


def test_an_analysis_changes_the_fields_beside_its_name_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text("[exposure]\nper = 100\n[[analysis]]\nname = 'short-lag'\nlag_days = 30\nmodels = ['death']\n")
    protocol = load_protocol(path)
    (found,) = [analysis for analysis in analyses(protocol) if analysis.name == "short-lag"]
    assert found.protocol == protocol.alone(lag_days=30)
    assert (found.protocol.exposure.per, found.models, found.is_bound) == (100, ("death",), False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = 'x'\nmetrc = 'ddd'", r"\[\[analysis\]\] x: The protocol has no field 'metrc'; did you mean 'metric'"),
        ("name = 'x'\nlag_days = -1", r"\[\[analysis\]\] x: .*\n.*exposure.lag_days: Input should be greater"),
        ("name = 'x'\n[[analysis]]\nname = 'x'", "the name of analysis 'x' is taken"),
        ("name = 'primary'", "the name of analysis 'primary' is taken"),
        ("name = 'lag-1y'", "the name of analysis 'lag-1y' is taken"),
        ("name = 'missing-dose-zero'", "the name of analysis 'missing-dose-zero' is taken"),
        ("name = 'Late Life'", "analysis.0.name: String should match pattern"),
        ("metric = 'ddd'", "analysis.0.name is missing"),
        ("name = 'x'\nmodels = ['lienar']", "analysis.0.models.0: Input should be 'linear'"),
    ],
)
def test_a_wrong_analysis_is_named_with_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "p.toml"
    path.write_text(f"[[analysis]]\n{text}\n")
    with pytest.raises(UsageError, match=message):
        load_protocol(path)


def test_a_grid_crosses_its_values_and_leaves_out_what_is_planned_anyway(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text("analysis = []\n[[grid]]\nlag_days = [730, 1095]\ncarryover_cap_days = [30, 90]\n")
    protocol = load_protocol(path, ["lag_family_days=[]", "missing_dose_bounds=[]"])
    found = analyses(protocol)
    assert [analysis.name for analysis in found] == [
        "primary",
        "lag_days=730, carryover_cap_days=30",
        "lag_days=730, carryover_cap_days=90",
        "lag_days=1095, carryover_cap_days=30",
    ]
    assert found[1].protocol == protocol.alone(lag_days=730, carryover_cap_days=30)
    assert found[1].models == ("linear",)
    assert found[1].protocol.grid == ()
    assert load_protocol(path).changed() == load_protocol(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lagdays = [1, 2]", r"\[\[grid\]\] lagdays=1: The protocol has no field 'lagdays'; did you mean 'lag_days'"),
        ("lag_days = [365, -1]", r"\[\[grid\]\] lag_days=-1: .*\n.*exposure.lag_days: Input should be greater"),
        ("lag_days = 365", r"lag_days needs a list of one or more values, such as lag_days = \[1, 2\]; got 365"),
        ("lag_days = []", r"lag_days needs a list of one or more values"),
        ("models = ['linear']", r"a grid needs fields of the protocol with lists of values"),
        ("lag_days = [30, 30]", "the name of cell 'lag_days=30' is taken; give each value once"),
        ("lag_days = [30]\n[[grid]]\nlag_days = [30]", "the name of cell 'lag_days=30' is taken"),
        ("metric = ['ddd']\n[[analysis]]\nname = 'metric-ddd'", "the name of cell 'metric=ddd' is taken"),
        (
            f"lag_days = {[*range(21)]}\nper = {[*range(1, 11)]}",
            r"\[\[grid\]\] has 210 cells, and 200 at most are run: leave out values or fields",
        ),
        ("models = ['lienar']\nlag_days = [1]", "grid.0.models.0: Input should be 'linear'"),
    ],
)
def test_a_wrong_grid_is_refused_with_the_cure(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "p.toml"
    path.write_text(f"[[grid]]\n{text}\n")
    with pytest.raises(UsageError, match=message):
        load_protocol(path)


def test_the_cells_of_a_grid_have_names_that_a_folder_can_have() -> None:
    (cell,) = Grid.model_validate({"category_bounds": [[0, 90.5]]}).cells()
    assert cell.name == "category_bounds=[0 90.5]"
    assert file_name(cell.name) == "category_bounds-0-90.5"
    assert file_name("missing-dose-imputed-1") == "missing-dose-imputed-1"


def test_the_file_of_every_metric_is_the_primary_protocol_with_each_of_them_beside_it() -> None:
    every = load_protocol(config_folder() / "every_metric.toml")
    assert every.alone() == Protocol().alone()
    others = [analysis.protocol.exposure for analysis in analyses(every) if not analysis.is_bound]
    assert {exposure.metric for exposure in others} == set(get_args(Metric))
    assert [exposure.window_days for exposure in others if exposure.window_days] == [3650]


@pytest.mark.parametrize("change", ["covariates=['insomia']", "prevalent_sets=['dementai']"])
def test_a_concept_set_that_does_not_exist_is_named(change: str) -> None:
    with pytest.raises(UsageError, match="did you mean"):
        study_inputs(load_protocol(changes=[change]))
