"""The flow on a real Prefect server: the graph, the artifacts, the run's folder, and a second run."""

import asyncio
import json
import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import httpx
import polars as pl
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import TaskRun
from prefect.client.schemas.sorting import TaskRunSort

from cohort.analyses import PRIMARY, analyses
from cohort.concept_sets import load_concept_set
from cohort.engine import load_steps
from cohort.errors import CannotStudy, TspoError
from cohort.grid import file_name
from cohort.inputs import EXPOSURES
from cohort.interchange import COLUMNS, broken_rules
from cohort.interchange.summarised_result import RESULTS
from cohort.plan import plan
from cohort.protocol import load_protocol
from cohort.report.release import read_release
from cohort.report.specification import specifications
from cohort.results import BY_DRUG, CONTRAST, DIAGNOSTIC_SCHEMA, ESTIMATE_SCHEMA, FULLY_ADJUSTED, UNADJUSTED
from cohort.source import open_cdm
from cohort.study import RunSettings
from flows.progress import listening
from flows.study import study
from tests.conftest import shared_data

LARGE_TABLES = ("drug_exposure", "condition_occurrence", "observation", "visit_occurrence")
PAGE = 200
"""The server gives no more at once."""


def task_runs() -> list[TaskRun]:
    async def read() -> list[TaskRun]:
        async with get_client() as client:
            pages = [
                await client.read_task_runs(limit=PAGE, offset=PAGE * page, sort=TaskRunSort.ID_DESC)
                for page in range(5)
            ]
            return [run for page in pages for run in page]

    return asyncio.run(read())


def artifact_data(key: str, out: Path) -> str:
    """What Prefect shows of a run under a key; its API is asked, for its client sends nulls that the server refuses."""

    async def ask() -> list[dict[str, Any]]:
        async with get_client() as client, httpx.AsyncClient() as web:
            runs = (await web.post(f"{client.api_url}flow_runs/filter", json={"limit": PAGE})).json()
            own = [run["id"] for run in runs if run["parameters"].get("settings", {}).get("out") == str(out)]
            wanted = {"artifacts": {"key": {"any_": [key]}}, "flow_runs": {"id": {"any_": own}}}
            wanted |= {"sort": "CREATED_DESC", "limit": 1}
            return list((await web.post(f"{client.api_url}artifacts/filter", json=wanted)).json())

    (found,) = asyncio.run(ask())
    return str(found["data"])


def test_the_graph_has_a_task_per_table_per_model_and_for_the_report(finished_run: Path) -> None:
    names = {run.name for run in task_runs()}
    assert {f"primary: {table}" for table in load_steps()} <= names
    wanted = {f"{a.name}: {model}" for a in analyses(load_protocol()) for model in a.models if not a.is_bound}
    assert wanted <= names
    assert any(name.startswith("report") for name in names)


def test_artifacts_hold_released_numbers_only(finished_run: Path) -> None:
    data = {key: artifact_data(key, finished_run) for key in ("attrition", "hazard-ratios", "summary", "progress")}
    shown = json.loads(data["hazard-ratios"])
    released = pl.read_parquet(finished_run / "release" / "estimates.parquet")
    assert [row["hazard_ratio"] for row in shown] == released.get_column("hazard_ratio").to_list()
    assert float(data["progress"]) == 100
    assert not [key for key, text in data.items() if "person_id" in text]


def test_the_look_at_the_cdm_is_shown_with_its_small_counts_hidden(finished_run: Path) -> None:
    page = artifact_data("cdm-check", finished_run)
    lines = page.splitlines()
    assert lines[0].startswith("# Synthetic CDM, scenario primary: CDM 5.4, vocabulary synthetic")
    assert {"| person | 3,000 |", "| cdm_source | <5 |"} <= set(lines)
    assert not re.search(r"\b[1-4] \|", page)


def test_the_plan_names_the_tables_that_the_run_built(finished_run: Path, small_cdm: Path) -> None:
    record = json.loads((finished_run / "release" / "run.json").read_text())
    with open_cdm(str(small_cdm)) as cdm:
        planned = plan(cdm, load_protocol(), "1500MB")
    assert {(table.analysis, table.table) for table in planned.tables} == {
        (step["analysis"], step["name"]) for step in record["steps"]
    }
    assert {read.table: read.times for read in planned.reads} == record["scans"]
    assert planned.models == len(record["models"])


def test_the_folder_holds_what_the_contract_says(finished_run: Path) -> None:
    release = {path.name for path in (finished_run / "release").iterdir()}
    tables = (
        *("attrition", "person_time", "curves", "diagnostics", "dose_coverage", "supply", "drugs", "estimates"),
        *("age", "dose_response", "risks", "channelling"),
    )
    assert release >= {"estimates.parquet", "report.html", "run.json", *(f"{table}.csv" for table in tables)}
    assert {f"{table}.parquet" for table in load_steps()} <= {p.name for p in (finished_run / "private").iterdir()}
    assert not list(finished_run.rglob("*.part*"))
    assert dict(pl.read_parquet_schema(finished_run / "release" / "estimates.parquet")) == ESTIMATE_SCHEMA
    header = (finished_run / "release" / "diagnostics.csv").read_text().splitlines()[0]
    assert header == ",".join(DIAGNOSTIC_SCHEMA)


def test_the_result_for_omop_tools_keeps_their_rules_and_holds_released_numbers_only(finished_run: Path) -> None:
    release = finished_run / "release"
    found = pl.read_csv(release / "summarised_result.csv", schema_overrides=COLUMNS)
    assert broken_rules(found) == []
    numbers = found.filter(
        pl.col("estimate_type").is_in(["numeric", "integer", "proportion", "percentage"]),
        pl.col("variable_name") != "settings",
        pl.col("estimate_value") != "-",
    )
    told = {float(value) for value in numbers.get_column("estimate_value")}
    released: set[float] = set()
    for table in {result.table for result in RESULTS}:
        frame = pl.read_csv(release / f"{table}.csv", infer_schema_length=None)
        for column in frame.select(pl.selectors.numeric()).iter_columns():
            released |= set(column.drop_nulls().cast(pl.Float64))
    assert told <= released
    estimates = pl.read_parquet(release / "estimates.parquet")
    ratios = found.filter(estimate_name="hazard_ratio", variable_name="dementia", variable_level="per 365")
    kept = estimates.filter(pl.col("term") == "per 365", pl.col("outcome") == "dementia")
    values = sorted(float(value) for value in ratios.get_column("estimate_value") if value != "-")
    assert values == sorted(kept.get_column("hazard_ratio").drop_nulls())


def test_the_tables_for_hades_are_as_their_specification_says_and_hold_the_released_ratios(finished_run: Path) -> None:
    release = finished_run / "release"
    said = pl.read_csv(release / "hades" / "resultsDataModelSpecification.csv")
    assert {path.stem for path in (release / "hades").iterdir()} == {
        "resultsDataModelSpecification",
        *said.get_column("table_name"),
    }
    for (name,), columns in said.group_by("table_name"):
        made = pl.read_csv(release / "hades" / f"{name}.csv", infer_schema_length=None)
        assert made.columns == columns.get_column("column_name").to_list()
        required = columns.filter(is_required="Yes").get_column("column_name")
        assert made.select(required.to_list()).null_count().sum_horizontal().item() == 0, name
        assert made.n_unique(columns.filter(primary_key="Yes").get_column("column_name").to_list()) == made.height, name
    estimates = pl.read_parquet(release / "estimates.parquet").filter(pl.col("term") != pl.col("reference"))
    ratios = pl.read_csv(release / "hades" / "cm_result.csv", infer_schema_length=None)
    assert ratios.height == estimates.height
    assert sorted(ratios.get_column("rr").drop_nulls()) == sorted(estimates.get_column("hazard_ratio").drop_nulls())


def test_every_concept_set_that_was_looked_up_is_there_for_atlas(finished_run: Path) -> None:
    found = {path.stem: json.loads(path.read_text()) for path in (finished_run / "release" / "concept_sets").iterdir()}
    assert {"dementia", "antidementia_drugs", "depression"} <= set(found)
    assert {name: load_concept_set(name).as_atlas() for name in found} == found


def test_the_cohort_for_omop_tools_keeps_their_rules(finished_run: Path, small_cdm: Path) -> None:
    """One record a person, that starts no later than it ends and lies in one observation period."""
    folder = finished_run / "private" / "omop"
    cohort = pl.read_parquet(folder / "cohort.parquet")
    assert cohort.null_count().sum_horizontal().item() == 0
    assert cohort.get_column("subject_id").is_unique().all()
    with duckdb.connect(str(small_cdm), read_only=True) as cdm:
        periods = cdm.sql("select * from observation_period").pl()
    inside = cohort.join(periods, left_on="subject_id", right_on="person_id").filter(
        pl.col("cohort_start_date") >= pl.col("observation_period_start_date"),
        pl.col("cohort_start_date") <= pl.col("cohort_end_date"),
        pl.col("cohort_end_date") <= pl.col("observation_period_end_date"),
    )
    assert inside.get_column("subject_id").n_unique() == cohort.height
    attrition = pl.read_parquet(folder / "cohort_attrition.parquet").sort("reason_id")
    assert attrition.get_column("number_subjects")[-1] == cohort.height
    assert set(pl.read_parquet(folder / "cohort_codelist.parquet").get_column("type")) == {
        "inclusion criteria", "exit criteria"
    }  # fmt: skip
    assert pl.read_parquet(folder / "cohort_set.parquet").height == 1


def test_no_released_file_holds_a_small_count(finished_run: Path) -> None:
    """Counts from 1 to 4 are nowhere in the released tables."""
    counts = {"persons", "persons_exposed", "events", "events_exposed", "deaths", "fills", "at_risk", "number_subjects",
              "excluded_subjects", "number_records", "excluded_records", "starts"}  # fmt: skip
    for path in (finished_run / "release").glob("*.csv"):
        table = pl.read_csv(path, infer_schema_length=None)
        for column in counts & set(table.columns):
            values = table.get_column(column).drop_nulls().to_list()
            assert not [v for v in values if 0 < v < 5], f"{path.name}: {column}"


def test_the_record_of_the_run_says_what_ran(finished_run: Path) -> None:
    record: dict[str, Any] = json.loads((finished_run / "release" / "run.json").read_text())
    assert record["protocol_hash"] == load_protocol().content_hash()
    assert all(balance["holds"] for balance in record["conservation"])
    assert {"duckdb", "polars", "python", "tspo-cohort"} <= set(record["versions"])
    assert {step["name"] for step in record["steps"] if step["analysis"] == PRIMARY} == set(load_steps())
    assert record["cdm"]["cdm_version"] == "5.4"
    fitted = {(fit["analysis"], fit["name"]) for fit in record["models"]}
    assert {(PRIMARY, name) for name in ("linear", "subdistribution", "curves", "risks")} <= fitted
    assert all(cost["peak_memory_mb"] > 0 <= cost["seconds"] for cost in (*record["steps"], *record["models"]))


def test_each_large_table_of_the_cdm_is_read_once(finished_run: Path) -> None:
    scans = json.loads((finished_run / "release" / "run.json").read_text())["scans"]
    assert {table: scans[table] for table in LARGE_TABLES} == dict.fromkeys(LARGE_TABLES, 1)


def test_the_record_of_the_run_names_no_place_and_its_cross_check(finished_run: Path) -> None:
    record: dict[str, Any] = json.loads((finished_run / "release" / "run.json").read_text())
    assert str(finished_run.parent) not in json.dumps(record)
    checks = pl.read_csv(finished_run / "release" / "diagnostics.csv").filter(diagnostic="cross-check with lifelines")
    assert record["cross_check_difference"] == checks["value"].item() < 1e-6


def test_every_estimate_asked_for_has_a_row(finished_run: Path) -> None:
    rows = pl.read_parquet(finished_run / "release" / "estimates.parquet")
    assert rows.get_column("estimate_id").is_unique().all()
    beside = [BY_DRUG, UNADJUSTED, FULLY_ADJUSTED]
    linear = rows.filter(pl.col("term") == "per 365", pl.col("outcome") == "dementia", ~pl.col("model").is_in(beside))
    strata = ["overall", "50 to 64", "65 to 74", "75 to 84", "85 and over"]
    expected = {(a.name, s, e) for a in analyses(load_protocol()) if not a.is_bound for s in strata
                for e in ("tspo_binder", "tspo_non_binder", "tspo_unknown", "binder_minus_non_binder")}  # fmt: skip
    assert set(linear.select("analysis", "age_stratum", "exposure").iter_rows()) == expected
    assert rows.filter(pl.col("status") == "ok", pl.col("hazard_ratio").is_null()).height == 0
    assert rows.filter(pl.col("status") != "ok", pl.col("hazard_ratio").is_not_null()).height == 0


def test_a_second_run_builds_nothing_and_gives_the_same_files(finished_run: Path, small_cdm: Path) -> None:
    every = [p for p in (finished_run / "release").rglob("*") if p.suffix in {".csv", ".parquet", ".svg"}]
    kept = {path: path.read_bytes() for path in every}
    done: list[str] = []
    with listening(lambda what, number, total: done.append(what)):
        study(RunSettings(cdm=str(small_cdm), out=str(finished_run)))
    record = json.loads((finished_run / "release" / "run.json").read_text())
    assert all(step["fresh"] for step in record["steps"])
    assert {path: path.read_bytes() for path in every} == kept
    assert done[-1] == "report"


def test_table_1_and_the_table_of_drugs_tell_no_few_later_users(finished_run: Path) -> None:
    """Users of the drugs of a class, less those who began with it, are nobody or not few, where both are told."""
    drugs = pl.read_csv(finished_run / "release" / "drugs.csv").group_by("tspo_class").agg("persons")
    (sizes,) = pl.read_csv(finished_run / "release" / "balance.csv").filter(characteristic="persons").to_dicts()
    told = {name: sum(persons) for name, persons in drugs.iter_rows() if None not in persons}
    assert told
    for name, users in told.items():
        began = sizes[f"persons_{name}"]
        assert began is None or users == began or users - began >= 5, name


def test_missing_doses_are_bounded_and_told(small_cdm: Path, tmp_path: Path) -> None:
    """One fill in ten without a quantity: every bound has its estimates, the draws are pooled, shares are below one."""
    cdm, out = tmp_path / "cdm.duckdb", tmp_path / "run"
    shutil.copy(small_cdm, cdm)
    with duckdb.connect(str(cdm)) as connection:
        connection.execute("update drug_exposure set quantity = null where drug_exposure_id % 10 = 3")
    changes = ("lag_family_days=[]", "imputations=2", "missing_dose=unknown", "bootstrap_replicates=0")
    study(RunSettings(cdm=str(cdm), out=str(out), changes=changes))
    rows = pl.read_parquet(out / "release" / "estimates.parquet").filter(pl.col("term") == "per 365")
    found = set(rows.filter(pl.col("age_stratum") == "overall").get_column("analysis"))
    bounds = {"zero", "median-fill", "one-ddd", "imputed"}
    assert found == {PRIMARY, "ddd", *(f"missing-dose-{bound}" for bound in bounds)}
    shares = rows.filter(pl.col("analysis") == PRIMARY, pl.col("exposure") == "tspo_binder", pl.col("status") == "ok")
    assert 0.85 < shares.get_column("known_dose_share").max() < 0.95  # type: ignore[operator]
    coverage = pl.read_csv(out / "release" / "dose_coverage.csv", infer_schema_length=None)
    missing = coverage.filter(pl.col("status") == "unknown").get_column("reason").unique().to_list()
    assert missing == ["quantity missing or not positive"]


def test_an_analysis_that_fails_says_why_and_stops_no_other(small_cdm: Path, tmp_path: Path) -> None:
    """A folder lies where a table of the lag of two years must go: the other lags are there, and this one's reason."""
    out = tmp_path / "run"
    (out / "private" / "lag-2y" / "exposure_time.parquet").mkdir(parents=True)
    changes = ("lag_family_days=[365, 730, 1095]", "missing_dose_bounds=[]", "bootstrap_replicates=0")
    outcome = study(RunSettings(cdm=str(small_cdm), out=str(out), changes=changes))
    record = json.loads((out / "release" / "run.json").read_text())
    assert list(record["failures"]) == ["lag-2y"]
    assert record["failures"]["lag-2y"].startswith("exposure time: ")
    rows = pl.read_parquet(out / "release" / "estimates.parquet")
    failed = rows.filter(pl.col("analysis") == "lag-2y")
    assert failed.get_column("exposure").to_list() == [*EXPOSURES, CONTRAST]
    assert failed.get_column("status").unique().to_list() == [f"not estimable: {record['failures']['lag-2y']}"]
    assert {"primary", "lag-1y", "ddd"} <= set(rows.filter(pl.col("status") == "ok").get_column("analysis"))
    page = Path(outcome.report).read_text(encoding="utf-8")
    assert record["failures"]["lag-2y"] in page
    (out / "private" / "lag-2y" / "exposure_time.parquet").rmdir()
    study(RunSettings(cdm=str(small_cdm), out=str(out), changes=changes))
    again = pl.read_parquet(out / "release" / "estimates.parquet")
    assert "ok" in again.filter(pl.col("analysis") == "lag-2y").get_column("status").to_list()
    assert json.loads((out / "release" / "run.json").read_text())["failures"] == {}


def test_a_grid_is_run_cell_by_cell_and_a_cell_that_fails_stops_no_other(small_cdm: Path, tmp_path: Path) -> None:
    """Two lags by two caps; a folder lies where a table of the last cell must go."""
    out, protocol = tmp_path / "run", tmp_path / "grid.toml"
    protocol.write_text(
        "analysis = []\n[[grid]]\nlag_days = [365, 730]\ncarryover_cap_days = [30, 60]\n"
        "[exposure]\nlag_family_days = []\n[ledger]\nmissing_dose_bounds = []\n[model]\nbootstrap_replicates = 0\n"
    )
    cells = [f"lag_days={lag}, carryover_cap_days={cap}" for lag in (365, 730) for cap in (30, 60)]
    (out / "private" / file_name(cells[-1]) / "exposure_time.parquet").mkdir(parents=True)
    study(RunSettings(cdm=str(small_cdm), out=str(out), protocol=str(protocol)))
    record = json.loads((out / "release" / "run.json").read_text())
    assert list(record["failures"]) == cells[-1:]
    found = {one.how: one for one in specifications(read_release(out / "release")) if one.choice == "Grid"}
    assert {*found} == {*cells}
    assert [name for name, one in found.items() if one.bounds is None] == cells[-1:]
    rows = pl.read_parquet(out / "release" / "estimates.parquet")
    failed = rows.filter(pl.col("analysis") == cells[-1]).get_column("status").unique().to_list()
    assert failed == [f"not estimable: {record['failures'][cells[-1]]}"]
    assert rows.filter(pl.col("analysis") == cells[0]).get_column("lag_days").unique().to_list() == [365]
    # Cells of one cap have one supply, whatever their lag: what has the same content is built once.
    assert len({step["key"] for step in record["steps"]}) == len(record["steps"])
    supplies = [step["analysis"] for step in record["steps"] if step["name"] == "supply"]
    assert supplies == [PRIMARY, cells[0], cells[1]]


def test_a_failure_of_the_primary_analysis_ends_the_run(small_cdm: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    (out / "private" / "person_time.parquet").mkdir(parents=True)
    with pytest.raises(TspoError, match="Table person_time could not be built: Is a directory where --out lies"):
        study(RunSettings(cdm=str(small_cdm), out=str(out)))
    assert not (out / "release").exists()


def test_a_cdm_whose_doses_are_unknown_is_refused_in_plain_words(tmp_path: Path) -> None:
    with pytest.raises(CannotStudy) as error:
        study(RunSettings(cdm=str(shared_data("gibleed_5.3")), out=str(tmp_path / "run")))
    assert "fills of study drugs has a quantity above zero" in str(error.value)
    assert not (tmp_path / "run").exists()
    page = artifact_data("cdm-check", tmp_path / "run")
    assert page.startswith("# This CDM cannot be studied\n\n## Problems\n\n- none of the 126 fills of study drugs has")
