"""Rounded counts: each is a multiple, and what follows from counts follows from the rounded ones."""

import json
import math
from pathlib import Path

import polars as pl
import pytest

from cohort.analyses import PRIMARY
from cohort.protocol import Protocol, load_protocol
from cohort.protocol_release import Disclosure
from cohort.release import write_release
from cohort.report import build_report
from cohort.rounding import COUNTS, round_count, rounded
from cohort.study import DESCRIPTIONS, RunSettings, build_tables, describe_one, fit_one, prepare_run

LEAN = ("lag_family_days=[]", "missing_dose_bounds=[]", "bootstrap_replicates=0")


@pytest.mark.parametrize(
    ("given", "least", "to"),
    [
        ({}, 5, 1),
        ({"policy": "omop5", "min_cell_count": 0}, 5, 1),
        ({"policy": "opensafely"}, 8, 5),
        ({"policy": "opensafely", "min_cell_count": 5, "round_counts_to": 1}, 8, 5),
        ({"policy": "opensafely", "min_cell_count": 20, "round_counts_to": 10}, 20, 10),
        ({"min_cell_count": 0}, 0, 1),
    ],
)
def test_a_policy_is_a_floor(given: dict[str, object], least: int, to: int) -> None:
    made = Disclosure.model_validate(given)
    assert (made.min_cell_count, made.round_counts_to) == (least, to)


def test_a_policy_can_be_set_alone() -> None:
    protocol = load_protocol(None, ("disclosure.policy=opensafely",))
    assert (protocol.disclosure.min_cell_count, protocol.disclosure.round_counts_to) == (8, 5)
    assert Protocol().disclosure.policy == "none"


def test_halves_go_up_and_zero_stays() -> None:
    assert [round_count(count, 5) for count in (0, 2, 8, 12, 13, 1820)] == [0, 0, 10, 10, 15, 1820]
    assert [round_count(count, 10) for count in (4, 5, 14, 15)] == [0, 10, 10, 20]


def test_a_multiple_of_one_changes_nothing() -> None:
    tables = {"drugs": pl.DataFrame({"fills": [11], "persons": [9]})}
    assert rounded(tables, 1)["drugs"].equals(tables["drugs"])


def test_what_is_hidden_stays_hidden() -> None:
    table = pl.DataFrame({"fills": [11, None], "persons": [None, 9]}, schema={"fills": pl.Int64, "persons": pl.Int64})
    assert rounded({"drugs": table}, 5)["drugs"].rows() == [(10, None), (None, 10)]


def test_bayes_criterion_does_not_give_the_number_of_events_back() -> None:
    table = pl.DataFrame({"events": [103], "coefficients": [6], "log_likelihood": [-50.0], "bic": [127.8]})
    found = rounded({"hypotheses": table}, 5)["hypotheses"].row(0, named=True)
    assert found["bic"] == pytest.approx(100 + 6 * math.log(105))


def test_a_curve_moves_in_steps_of_so_many_persons() -> None:
    table = pl.DataFrame(
        {
            "exposure_group": ["a"] * 3,
            "outcome": ["dementia"] * 3,
            "estimate": [0.0, 0.0123, 0.0251],
            "ci_lower": [None, 0.01, 0.02],
            "ci_upper": [None, 0.02, 0.03],
            "at_risk": [998, 900, 801],
        }
    )
    found = rounded({"curves": table}, 5)["curves"]
    assert found.get_column("at_risk").to_list() == [1000, 900, 800]
    assert found.get_column("estimate").to_list() == pytest.approx([0.0, 0.01, 0.025])


@pytest.fixture(scope="module")
def release(small_cdm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release by OpenSAFELY's policy."""
    changes = (*LEAN, "disclosure.policy=opensafely")
    prepared = prepare_run(RunSettings(cdm=str(small_cdm), out=str(tmp_path_factory.mktemp("run")), changes=changes))
    tables = build_tables(prepared, PRIMARY)
    fitted = [fit_one(prepared, PRIMARY, model, tables) for model in prepared.analysis(PRIMARY).models]
    described = {name: describe_one(prepared, name, tables) for name in DESCRIPTIONS}
    steps = [{"name": name, "rows": table.rows} for name, table in tables.items()]
    write_release(prepared, tables, fitted, described, {"failures": {}, "steps": steps})
    return prepared.settings.folder.release


def test_every_released_count_is_a_multiple_of_five_and_none_is_small(release: Path) -> None:
    counted = 0
    for name, columns in COUNTS.items():
        table = pl.read_csv(release / f"{name}.csv", infer_schema_length=None)
        for column in columns:
            values = table.get_column(column).drop_nulls().to_list()
            counted += len(values)
            assert [v for v in values if v % 5 or 0 < v < 8] == [], f"{name}.{column}"
    assert counted > 500


def test_no_column_of_whole_numbers_is_forgotten(release: Path) -> None:
    """Every column of a released table that holds whole numbers is a count that is rounded, or is known to be none."""
    others = {
        *(
            "concept_id",
            "result_id",
            "cohort_definition_id",
            "reason_id",
            "lag_days",
            "above_days",
            "at_most_days",
            "from_age",
        ),
        *("years", "age_years", "coefficients", "day", "df", "replicates", "replicates_failed", "reference", "drugs"),
        *("mg_per_dme", "mg_per_ddd", "dose", "is_knot"),
    }
    for path in release.glob("*.csv"):
        table = pl.read_csv(path, infer_schema_length=None)
        whole = {c for c, kind in table.schema.items() if kind.is_integer()}
        assert whole - others - set(COUNTS.get(path.stem, ())) == set(), path.name


def test_shares_follow_from_the_rounded_counts(release: Path) -> None:
    balance = pl.read_csv(release / "balance.csv", infer_schema_length=None)
    total = balance.filter(pl.col("characteristic") == "persons").get_column("persons_none").item()
    told = balance.filter(pl.col("percent_none").is_not_null())
    assert told.height > 10
    for persons, percent in told.select("persons_none", "percent_none").iter_rows():
        assert percent == pytest.approx(100 * persons / total, abs=0.051)


def test_the_record_of_the_run_is_rounded_too(release: Path) -> None:
    record = json.loads((release / "run.json").read_text())
    rows = [step["rows"] for step in record["steps"] if step["rows"] is not None]
    assert [count for count in rows if count % 5] == []
    assert record["cdm"]["person_count"] % 5 == 0
    assert len(str(record["cdm"]["earliest_observation_date"])) == 4


def test_the_report_is_made_of_it(release: Path) -> None:
    page = build_report(release).read_text(encoding="utf-8")
    assert "3,000 persons" in page
    assert "Counts are rounded to multiples of 5" in page
