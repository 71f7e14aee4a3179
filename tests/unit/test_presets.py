"""Published designs as protocols: each says where it is from, nothing is guessed, and ratios of others stand apart."""

import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from cohort.analyses import analyses
from cohort.errors import UsageError
from cohort.inputs import dose_category_labels, study_inputs, study_parameters
from cohort.paths import config_folder, preset_names
from cohort.preset import DESIGN
from cohort.protocol import SECTIONS, Protocol, leaf_fields, load_protocol

CHOICES: dict[str, str] = {
    "population.minimum_age_years": "65",
    "population.prior_observation_days": "365",
    "population.washout_days": "365",
    "outcome.tier": "D1",
    "exposure.metric": "ddd",
    "exposure.lag_days": "730",
    "exposure.category_bounds": "[0, 30]",
    "model.covariates": "['depression']",
}
"""What a user may choose for the fields that sources leave open."""
each_preset = pytest.mark.parametrize("name", preset_names())


def content(name: str) -> dict[str, Any]:
    return tomllib.loads((config_folder() / "presets" / f"{name}.toml").read_text(encoding="utf-8"))


def fields_set(data: dict[str, Any]) -> set[str]:
    return {f"{section}.{name}" for section in SECTIONS for name in data.get(section, {})}


def chosen(name: str, *more: str) -> Protocol:
    """A preset with all that it leaves open set."""
    changes = [f"{field}={CHOICES[field]}" for field in content(name)["preset"]["must_set"]]
    return load_protocol(Path(name), [*changes, *more])


def test_the_presets_are_the_designs_of_the_issue() -> None:
    assert preset_names() == ["baek2020", "billioti2014", "friesen2025", "gray2016", "osler2020", "richardson2019",
                              "torresbondia2022", "wu2011"]  # fmt: skip


@each_preset
def test_every_preset_is_found_by_name_and_by_path_and_can_be_run(name: str) -> None:
    protocol = chosen(name)
    assert protocol.preset is not None
    path = config_folder() / "presets" / f"{name}.toml"
    changes = [f"{field}={CHOICES[field]}" for field in protocol.preset.must_set]
    assert load_protocol(path, changes) == protocol
    for analysis in analyses(protocol):
        assert study_parameters(analysis.protocol)
        assert study_inputs(analysis.protocol)


@each_preset
def test_a_preset_sets_what_its_source_states_and_says_so_for_each_field(name: str) -> None:
    data = content(name)
    assert set(data["preset"]["why"]) == fields_set(data)
    known = {f"{section}.{field}" for section, field, _ in leaf_fields()}
    assert set(data["preset"]["must_set"]) <= known


@each_preset
def test_every_field_of_a_design_is_set_or_has_to_be(name: str) -> None:
    """So that no field of a design has the primary protocol's value in silence."""
    data = content(name)
    open_fields = set(data["preset"]["must_set"])
    assert open_fields & fields_set(data) == set()
    assert set(DESIGN) <= open_fields | fields_set(data)


@each_preset
def test_what_is_left_open_must_be_set_and_the_message_names_it_with_what_is_known(name: str) -> None:
    must_set = content(name)["preset"]["must_set"]
    for field, known in must_set.items():
        others = [f"{other}={CHOICES[other]}" for other in must_set if other != field]
        with pytest.raises(UsageError) as error:
            load_protocol(Path(name), others)
        message = str(error.value)
        assert f"{name} follows {content(name)['preset']['study']}, whose source leaves 1 field(s)" in message
        assert f"  - {field}: {known}" in message
        assert f"--set {field}=..." in message
        assert [other for other in must_set if other != field and other in message] == []


def test_a_field_may_be_set_by_its_last_word_or_in_a_copy_of_the_file(tmp_path: Path) -> None:
    short = ["tier=D1", "prior_observation_days=365", "metric=ddd", "covariates=['depression']"]
    assert load_protocol(Path("gray2016"), short) == chosen("gray2016")
    copy = tmp_path / "mine.toml"
    shutil.copy(config_folder() / "presets" / "gray2016.toml", copy)
    text = copy.read_text().replace("[outcome]\n", "[outcome]\ntier = 'D1'\n", 1)
    copy.write_text(text.replace("minimum_age_years = 65\n", "minimum_age_years = 65\nprior_observation_days = 365\n"))
    with pytest.raises(UsageError, match=r"mine follows Gray et al. 2016, whose source leaves 2 field\(s\)"):
        load_protocol(copy)
    assert load_protocol(copy, short[2:]) == chosen("gray2016")


def test_a_field_that_is_set_to_the_primary_protocol_s_value_is_set() -> None:
    """What counts is that somebody chose it."""
    assert "outcome.tier" in content("gray2016")["preset"]["must_set"]
    changes = [f"{f}={CHOICES[f]}" for f in content("gray2016")["preset"]["must_set"] if f != "outcome.tier"]
    assert load_protocol(Path("gray2016"), [*changes, "tier=D2"]).outcome.tier == Protocol().outcome.tier


@each_preset
def test_published_ratios_lie_in_their_intervals_and_say_whether_they_were_read(name: str) -> None:
    published = chosen(name).published
    assert published
    for row in published:
        assert row.ci_lower < row.ratio < row.ci_upper
        assert row.status in ("read", "memory")


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        ("gray2016", ["1-30", "31-120", ">120"]),
        ("billioti2014", ["91-180", ">180"]),
        ("torresbondia2022", ["91-180", ">180"]),
        ("baek2020", [">0"]),
        ("wu2011", ["current", "1-30 days ago", "31-90 days ago", "91-180 days ago", "181-365 days ago",
                    "366-730 days ago", "731-1095 days ago", ">1095 days ago"]),
    ],
)  # fmt: skip
def test_published_categories_are_those_of_a_run(name: str, terms: list[str]) -> None:
    """So that a ratio finds its place beside the run's own."""
    protocol = chosen(name)
    labels = dose_category_labels(protocol.exposure)
    assert [row.term for row in protocol.published if row.term in labels and row.analysis == "primary"] == terms
    named = {analysis.name for analysis in analyses(protocol)}
    assert {row.analysis for row in protocol.published} <= named


def test_the_design_of_a_preset_is_the_one_that_is_run() -> None:
    gray, wu = chosen("gray2016"), chosen("wu2011")
    assert (gray.exposure.lag_days, gray.exposure.window_days, gray.population.washout_days) == (365, 3650, 0)
    assert (wu.exposure.metric, wu.exposure.lag_days, wu.population.minimum_age_years) == ("recency", 0, 45)
    baek = chosen("baek2020")
    assert [a.name for a in analyses(baek)][:2] == ["primary", "lag-7y"]
    assert chosen("billioti2014").outcome.competing_sets == Protocol().changed(diagnosis="alzheimers_disease") \
        .outcome.competing_sets  # fmt: skip


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("gray2061", "There is no protocol at gray2061, and no preset of that name; did you mean 'gray2016'?"),
        ("zzz", "and no preset of that name; known: baek2020, billioti2014"),
        ("gray2016.toml", r"There is no protocol at gray2016.toml\.$"),
        ("folder/gray2016", r"There is no protocol at folder/gray2016\.$"),
    ],
)
def test_a_name_that_is_no_preset_says_which_there_are(named: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_protocol(Path(named))


def test_a_file_goes_before_a_preset_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("gray2016").write_text("[exposure]\nlag_days = 7\n")
    assert load_protocol(Path("gray2016")).exposure.lag_days == 7


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"exposure.lag_days" =', '"exposure.lag_dayz" =',
         r"\[preset\]: the protocol has no field 'exposure.lag_dayz'; did you mean 'exposure.lag_days'"),
        ('"outcome.tier" =', '"outcome.teir" =', r"\[preset\]: the protocol has no field 'outcome.teir'"),
        ("study = ", "stduy = ", "unknown key 'preset.stduy'; did you mean 'study'"),
        ('measure = "hazard ratio"', 'measure = "ratio"', "published.0.measure: Input should be 'hazard ratio'"),
        ("reference =", "referense =", "unknown key 'published.0.referense'; did you mean 'reference'"),
    ],
)  # fmt: skip
def test_a_fault_in_a_preset_names_the_cure(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "p.toml"
    text = (config_folder() / "presets" / "gray2016.toml").read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(UsageError, match=message):
        load_protocol(path)
