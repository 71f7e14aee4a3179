"""The plan of a run, held to what runs then build, in worlds of two sizes; and what it says where nothing is known."""

import json
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from cohort.engine import load_steps
from cohort.errors import CannotStudy
from cohort.plan import Plan, plan
from cohort.plan.pages import plan_pages, spill_sentence
from cohort.plan.plan import megabytes, planned_tables
from cohort.plan.rules import FACTOR, RULES, SMALL, Counted, memory_mb, model_seconds, rule_of
from cohort.protocol import load_protocol
from cohort.source import open_cdm
from cohort.study import RunSettings, build_tables, prepare_run
from cohort.synthetic import simulate

LAGS = ("primary", "lag-0y", "lag-10y")


def planned(path: Path, changes: Sequence[str] = (), memory: str = "1500MB") -> Plan:
    with open_cdm(str(path)) as cdm:
        return plan(cdm, load_protocol(None, changes), memory)


@pytest.fixture(scope="module", params=[("primary", 3_000), ("scale", 12_000)], ids=["small", "larger"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    scenario, persons = request.param
    path = tmp_path_factory.mktemp("plan") / "cdm.duckdb"
    simulate(path, persons, 29, scenario)
    return path


def test_rows_planned_are_within_a_factor_of_two_of_those_built(world: Path, tmp_path: Path) -> None:
    prepared = prepare_run(RunSettings(cdm=str(world), out=str(tmp_path / "run")))
    primary = build_tables(prepared, "primary")
    built = {"primary": primary, **{lag: build_tables(prepared, lag, primary) for lag in LAGS[1:]}}
    told = {(table.analysis, table.table): table for table in planned(world).tables}
    for (analysis, name), table in told.items():
        if analysis not in LAGS:
            continue
        rows = built[analysis][name].rows
        if table.is_counted:
            assert table.rows == table.low == table.high
            assert table.rows == pytest.approx(rows, rel=0.05), name
        elif max(rows, int(table.rows)) > SMALL:
            assert int(table.low) <= rows <= int(table.high), (analysis, name, rows)
            assert 1 / FACTOR <= int(table.rows) / rows <= FACTOR, (analysis, name, rows)


def test_rows_are_told_to_two_digits(world: Path) -> None:
    counts = [count for table in planned(world).tables for count in (table.rows, table.low, table.high)]
    assert not [count for count in counts if isinstance(count, int) and len(str(count).rstrip("0")) > 2]


def test_bounds_for_missing_doses_are_planned_where_some_dose_lacks(small_cdm: Path, tmp_path: Path) -> None:
    whole = planned(small_cdm)
    path = tmp_path / "cdm.duckdb"
    path.write_bytes(small_cdm.read_bytes())
    with duckdb.connect(str(path)) as file:
        file.execute("update drug_exposure set quantity = null where drug_exposure_id % 10 = 3")
    lacking = planned(path)
    names = {table.analysis for table in lacking.tables} - {table.analysis for table in whole.tables}
    assert {"missing-dose-zero", "missing-dose-one-ddd"} <= names
    assert lacking.models > whole.models
    rows = {table.table: table.rows for table in whole.tables}
    assert rows["dose_remedy"] == 0


def test_what_two_analyses_share_is_planned_once() -> None:
    jobs = [(analysis.name, step.name) for analysis, step in planned_tables(load_protocol(), with_bounds=False)]
    assert [name for name, table in jobs if table == "fill"] == ["primary"]
    assert [name for name, table in jobs if table == "dose_rate"] == ["primary", "ddd"]
    assert ("lag-0y", "exposure_time") in jobs


@pytest.mark.parametrize(("memory", "says"), [("100GB", "no"), ("1MB", "yes")])
def test_it_says_whether_memory_would_spill(small_cdm: Path, memory: str, says: str) -> None:
    told = planned(small_cdm, memory=memory)
    assert told.spills == says
    assert spill_sentence(told).endswith({"no": "nothing spills.", "yes": "it spills to disk or fails."}[says])
    between = f"{told.working_set_mb.estimate:g}MB"
    assert planned(small_cdm, memory=between).spills == "may"


def test_large_tables_are_read_once(small_cdm: Path) -> None:
    times = {read.table: read.times for read in planned(small_cdm).reads}
    assert {table: times[table] for table in ("drug_exposure", "condition_occurrence", "observation")} == {
        "drug_exposure": 1,
        "condition_occurrence": 1,
        "observation": 1,
    }


def test_a_cdm_that_cannot_be_studied_has_no_plan(small_cdm: Path, tmp_path: Path) -> None:
    path = tmp_path / "cdm.duckdb"
    path.write_bytes(small_cdm.read_bytes())
    with duckdb.connect(str(path)) as file:
        file.execute("delete from drug_exposure")
    with pytest.raises(CannotStudy, match="no record of a benzodiazepine"):
        planned(path)


def test_few_rows_are_not_told(tmp_path: Path, small_cdm: Path) -> None:
    path = tmp_path / "cdm.duckdb"
    path.write_bytes(small_cdm.read_bytes())
    with duckdb.connect(str(path)) as file:
        file.execute("delete from death where person_id not in (select person_id from death limit 3)")
        file.execute(
            "delete from observation_period where person_id not in (select person_id from observation_period limit 4)"
        )
    told = planned(path)
    assert {read.table: read.rows for read in told.reads}["death"] == "<5"
    assert {table.table: table.rows for table in told.tables if table.analysis == "primary"}["entry"] in (0, "<5")
    text = told.model_dump_json() + json.dumps(plan_pages(told))
    assert '"rows":3,' not in text


@pytest.mark.parametrize(
    ("memory", "amount"), [("1500MB", 1500), ("2 gb", 2000), ("1GiB", 1073.741824), ("lots", None)]
)
def test_amounts_of_memory_are_read(memory: str, amount: float | None) -> None:
    assert megabytes(memory) == (float("inf") if amount is None else pytest.approx(amount))


# --- The rules --------------------------------------------------------------------------------------------------

COUNTED = Counted(1_000_000, 900_000, 5_000_000, 0, 10_000_000, 40_000_000, 1_500_000, 10, 5_478)


def test_every_rule_is_of_a_table() -> None:
    assert set(RULES) <= set(load_steps())


def test_no_more_persons_are_studied_than_may_enter() -> None:
    assert rule_of("cohort").between(COUNTED, load_protocol()) == (0.93 * 450_000, 900_000)


def test_a_longer_lag_leaves_fewer_intervals() -> None:
    rows = [rule_of("exposure_time").rows(COUNTED, load_protocol(None, [f"lag_days={lag}"])) for lag in (0, 1095, 3650)]
    assert rows == sorted(rows, reverse=True)
    assert rows[0] == pytest.approx(0.93 * 900_000 + 5_000_000)


def test_what_holds_every_interval_stops_growing_where_a_sample_is_drawn() -> None:
    protocol = load_protocol()
    most = protocol.model.most_intervals
    assert memory_mb(2 * most, protocol) == memory_mb(most, protocol)
    assert model_seconds("reversibility", 2 * most, protocol) == model_seconds("reversibility", most, protocol)
    assert model_seconds("linear", 2 * most, protocol) > model_seconds("linear", most, protocol)
