"""A run without the orchestrator: tables shared between analyses, nothing done twice, nothing half done."""

from pathlib import Path

import duckdb
import polars as pl
import pytest

from cohort.analyses import PRIMARY
from cohort.engine import TableRef, load_steps
from cohort.errors import ConservationError, TspoError
from cohort.inputs import study_inputs
from cohort.release import check_conservation
from cohort.study import Prepared, RunSettings, build_table, build_tables, fit_one, prepare_run, read_models


@pytest.fixture(scope="module")
def prepared(small_cdm: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare_run(RunSettings(cdm=str(small_cdm), out=str(tmp_path_factory.mktemp("run"))))


@pytest.fixture(scope="module")
def built(prepared: Prepared) -> dict[str, TableRef]:
    return build_tables(prepared, PRIMARY)


def test_person_time_has_the_columns_and_types_of_the_contract(built: dict[str, TableRef]) -> None:
    schema = pl.read_parquet_schema(built["person_time"].path)
    wanted = {
        "person_id": pl.Int64,
        "start_day": pl.Int32,
        "stop_day": pl.Int32,
        "event": pl.Int8,
        "death": pl.Int8,
        "age_stratum": pl.String,
        "sex": pl.String,
        "index_year": pl.Int32,
        "dose_tspo_binder": pl.Float64,
        "dose_tspo_non_binder": pl.Float64,
        "dose_tspo_unknown": pl.Float64,
        "category_tspo_binder": pl.String,
        "category_tspo_non_binder": pl.String,
        "category_tspo_unknown": pl.String,
    }
    assert dict(list(schema.items())[: len(wanted)]) == wanted


def test_dose_has_the_columns_of_the_contract(built: dict[str, TableRef]) -> None:
    wanted = {"drug_exposure_id", "person_id", "ingredient_concept_id", "fill_date", "days", "mg_per_day",
              "dme_per_day", "ddd_per_day", "rule", "status"}  # fmt: skip
    assert wanted <= set(pl.read_parquet_schema(built["dose"].path))


def test_intervals_of_a_person_tile_the_time_at_risk(built: dict[str, TableRef]) -> None:
    rows = pl.read_parquet(built["person_time"].path).sort("person_id", "start_day")
    gaps = rows.filter(pl.col("start_day") != pl.col("stop_day").shift(1).over("person_id"))
    assert gaps.height == 0
    spans = rows.group_by("person_id").agg(pl.col("start_day").min(), pl.col("stop_day").max()).sort("person_id")
    cohort = pl.read_parquet(built["cohort"].path).sort("person_id")
    assert spans.get_column("start_day").to_list() == cohort.get_column("entry_day").to_list()
    assert spans.get_column("stop_day").to_list() == cohort.get_column("exit_day").to_list()


def test_a_rerun_with_nothing_changed_builds_nothing(prepared: Prepared, built: dict[str, TableRef]) -> None:
    again = build_tables(prepared, PRIMARY)
    assert all(table.is_fresh for table in again.values())
    assert again == {n: TableRef(t.name, t.path, t.key, t.rows) for n, t in built.items()}


def test_a_changed_lag_rebuilds_person_time_and_what_reads_it(prepared: Prepared, built: dict[str, TableRef]) -> None:
    lagged = build_tables(prepared, "lag-0y", built)
    changed = {name for name, table in lagged.items() if table.key != built[name].key}
    assert changed == {"exposure_time", "risk_pattern", "event_time", "risk_change"}
    assert Path(lagged["exposure_time"].path).parent.name == "lag-0y"


def test_the_other_metric_shares_the_ledger(prepared: Prepared, built: dict[str, TableRef]) -> None:
    other = build_tables(prepared, "ddd", built)
    changed = {name for name, table in other.items() if table.key != built[name].key}
    assert changed == {
        *("dose_rate", "dose_step", "dose_unknown", "dose_known", "exposure_time"),
        *("risk_pattern", "event_time", "risk_change"),
    }


def test_another_scale_of_dose_leaves_records_and_cohort_as_they_are(
    prepared: Prepared, built: dict[str, TableRef]
) -> None:
    """Scanning the CDM is the dearest part: a change of scale starts from what was read."""
    protocol = prepared.settings.load_protocol()
    frames = study_inputs(protocol.alone(equivalence_table="vadod_2021"))
    kept = {name for name, frame in frames.items() if frame.equals(study_inputs(protocol)[name])}
    assert "study_drug" in kept
    assert "drug_scale" not in kept
    steps = load_steps()
    reached = {name for name, step in steps.items() if _reaches(step.name, "drug_scale")}
    assert not reached & {
        "drug_product",
        "drug_record",
        "strength",
        "fill",
        "donor",
        "cohort",
        "outcome",
        "eligibility",
    }
    assert reached >= {"dose", "supply", "person_time"}


def _reaches(table: str, source: str) -> bool:
    step = load_steps().get(table)
    return step is not None and any(read == source or _reaches(read, source) for read in step.reads)


def test_a_changed_cdm_rebuilds(prepared: Prepared, built: dict[str, TableRef]) -> None:
    touched = prepared.model_copy(update={"cdm_keys": {n: k + "x" for n, k in prepared.cdm_keys.items()}})
    first = build_table(touched, PRIMARY, "birth", {})
    assert first.key != built["birth"].key
    build_table(prepared, PRIMARY, "birth", {})


def test_a_model_is_fitted_once_for_each_content(prepared: Prepared, built: dict[str, TableRef]) -> None:
    path = fit_one(prepared, PRIMARY, "linear", built)
    before = Path(path).stat().st_mtime_ns
    assert fit_one(prepared, PRIMARY, "linear", built) == path
    assert Path(path).stat().st_mtime_ns == before
    assert {e.exposure for e in read_models([path]).estimates} >= {"tspo_binder", "binder_minus_non_binder"}


def test_an_error_in_a_table_names_the_table_and_no_value(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cohort.study.study_parameters", lambda protocol: {})
    with pytest.raises((TspoError, KeyError)):
        build_table(prepared, PRIMARY, "entry", {})


def test_a_broken_balance_stops_the_run_and_names_the_step(tmp_path: Path) -> None:
    path = tmp_path / "conservation.parquet"
    balances = {"balance": ["persons: a = b"], "before_step": [10.0], "after_step": [9.0]}
    pl.DataFrame(balances).write_parquet(path)
    with pytest.raises(ConservationError, match=r"persons: a = b: 10\.0 became 9\.0"):
        check_conservation(TableRef("conservation", str(path), "", 1))


def test_private_tables_are_closed_to_other_users(prepared: Prepared) -> None:
    assert prepared.settings.folder.private.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_the_same_cdm_in_other_clothes_gives_the_same_person_time(
    small_cdm: Path, built: dict[str, TableRef], tmp_path: Path, ending: str
) -> None:
    """A folder of files with upper-case names, as CDM 5.3 with dates as text, equals the DuckDB file."""
    folder = tmp_path / "cdm"
    folder.mkdir()
    with duckdb.connect(str(small_cdm), read_only=True) as source:
        for (name,) in source.execute("select table_name from duckdb_tables()").fetchall():
            columns = [row[0] for row in source.execute(f"describe {name}").fetchall()]
            renamed = ", ".join(f"{column} as {column.upper()}" for column in columns)
            source.execute(f"copy (select {renamed} from {name}) to '{folder / name.upper()}.{ending}'")
    prepared = prepare_run(RunSettings(cdm=str(folder), out=str(tmp_path / "run")))
    other = build_tables(prepared, PRIMARY)
    key = ["person_id", "start_day"]
    assert (
        pl.read_parquet(other["person_time"].path)
        .sort(key)
        .equals(pl.read_parquet(built["person_time"].path).sort(key))
    )
