"""What a run would do again, and why: told for each table and model before anything is done."""

from pathlib import Path

import duckdb
import pytest

from cohort.analyses import PRIMARY
from cohort.engine import TableRef, load_steps
from cohort.explain import ABSENT, FRESH, SHARED, STALE, Row, explain
from cohort.study import RunSettings, build_tables, fit_one, prepare_run

LEAN = ("lag_family_days=[0]", "missing_dose_bounds=[]", "bootstrap_replicates=0")


@pytest.fixture(scope="module")
def settings(small_cdm: Path, tmp_path_factory: pytest.TempPathFactory) -> RunSettings:
    """A run whose tables are built, and of whose models one is fitted."""
    folder = tmp_path_factory.mktemp("explained")
    copy = folder / "cdm.duckdb"
    copy.write_bytes(small_cdm.read_bytes())
    made = RunSettings(cdm=str(copy), out=str(folder / "run"), changes=LEAN)
    prepared = prepare_run(made)
    tables: dict[str, dict[str, TableRef]] = {PRIMARY: build_tables(prepared, PRIMARY)}
    tables["lag-0y"] = build_tables(prepared, "lag-0y", tables[PRIMARY])
    fit_one(prepared, PRIMARY, "linear", tables[PRIMARY])
    return made


def told(settings: RunSettings, *changes: str) -> dict[tuple[str, str], Row]:
    """Rows by analysis and name."""
    asked = settings.model_copy(update={"changes": (*LEAN, *changes)})
    return {(row.analysis, row.name): row for row in explain(prepare_run(asked, is_dry=True))}


def test_nothing_is_written(small_cdm: Path, tmp_path: Path) -> None:
    rows = explain(prepare_run(RunSettings(cdm=str(small_cdm), out=str(tmp_path / "run")), is_dry=True))
    assert not (tmp_path / "run").exists()
    assert {row.state for row in rows} == {ABSENT, SHARED}
    assert {row.why for row in rows if row.state == ABSENT} == {"not made yet"}


def test_every_table_and_model_is_told(settings: RunSettings) -> None:
    rows = told(settings)
    assert {name for analysis, name in rows if analysis == PRIMARY and rows[analysis, name].kind == "table"} == {
        *load_steps()
    }
    assert rows[PRIMARY, "linear"].kind == "model"


def test_with_nothing_changed_all_is_fresh_but_what_was_not_made(settings: RunSettings) -> None:
    rows = told(settings)
    built = [row for row in rows.values() if row.kind == "table" and row.analysis in (PRIMARY, "lag-0y")]
    assert {row.state for row in built} == {FRESH, SHARED}
    assert {row.state for row in rows.values() if row.analysis == "ddd"} == {ABSENT, SHARED}
    assert rows[PRIMARY, "linear"].state == FRESH
    assert rows[PRIMARY, "categories"] == Row(PRIMARY, "model", "categories", ABSENT, "not made yet")
    assert rows["lag-0y", "dose"].why == "the same as that of primary"


def test_a_changed_lag_makes_stale_only_what_depends_on_it(settings: RunSettings) -> None:
    rows = told(settings, "lag_days=730")
    stale = {row.name for row in rows.values() if (row.analysis, row.state, row.kind) == (PRIMARY, STALE, "table")}
    assert stale == {
        *("exposure_time", "person_time", "accrued", "risk_pattern", "event_time", "risk_change"),
        *("time_at_risk", "conservation"),
    }
    assert rows[PRIMARY, "exposure_time"].why == "lag_days is 730, was 1095"
    assert rows[PRIMARY, "accrued"].why == "lag_days is 730, was 1095; changed: exposure_time"
    assert rows[PRIMARY, "linear"].why.startswith("the protocol has changed; changed: ")
    assert rows["lag-0y", "exposure_time"].state == FRESH


def test_a_changed_list_of_the_protocol_is_named(settings: RunSettings) -> None:
    rows = told(settings, "age_bands=[50, 70]")
    assert rows[PRIMARY, "band_start"].why == "changed in the protocol: age_band"


def test_a_changed_table_of_the_cdm_is_named_and_what_does_not_read_it_is_kept(settings: RunSettings) -> None:
    with duckdb.connect(settings.cdm) as file:
        file.execute("update death set death_date = death_date + 1 where rowid = 0")
    rows = told(settings)
    assert rows[PRIMARY, "birth"].state == FRESH
    assert rows[PRIMARY, "dose"].state == FRESH
    reasons = {row.why for row in rows.values() if "CDM" in row.why}
    assert reasons == {"changed in the CDM: death"}


def test_a_file_that_cannot_be_read_is_stale(settings: RunSettings) -> None:
    path = settings.folder.private / "birth.parquet"
    path.write_bytes(path.read_bytes()[:100])
    assert told(settings)[PRIMARY, "birth"].why == "the file does not say what it was made of, or cannot be read"
