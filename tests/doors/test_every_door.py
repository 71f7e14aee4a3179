"""One CDM through every door: the same tables of the study, or the same refusal."""

from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl
import pytest

from cohort.analyses import PRIMARY
from cohort.engine import TableRef, steps_for
from cohort.errors import CannotStudy
from cohort.study import RunSettings, build_table, prepare_run
from tests.conftest import shared_data
from tests.doors.server import Server
from tests.doors.writers import STYLES, duckdb_file, parquet_folder, spark_folder, tables_of_folder, text_folder

COMPARED = ("person_time", "dose", "cohort", "concept_set_member", "strength")
SHARED = ("gibleed_5.3", "synpuf_50p_5.2", "synthea27nj_5.4")

Studied = Mapping[str, pl.DataFrame] | str


def studied(location: str, out: Path, *changes: str) -> Studied:
    """The study's tables of a CDM in a fixed order, or why it refuses."""
    try:
        prepared = prepare_run(RunSettings(cdm=location, out=str(out), changes=changes))
    except CannotStudy as refusal:
        return str(refusal)
    built: dict[str, TableRef] = {}
    for step in steps_for(COMPARED):
        upstream = {name: built[name] for name in step.reads if name in built}
        built[step.name] = build_table(prepared, PRIMARY, step.name, upstream)
    frames = {name: pl.read_parquet(built[name].path) for name in COMPARED}
    told = pl.DataFrame({"rows": list(prepared.survey.rows.values()), "table": list(prepared.survey.rows)})
    return {name: frame.sort(pl.all()) for name, frame in frames.items()} | {"told": told}


def same(one: Studied, other: Studied) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return isinstance(one, str) and one == other
    return all(one[name].equals(other[name]) for name in one)


@pytest.fixture(scope="session")
def small_studied(small_cdm: Path, tmp_path_factory: pytest.TempPathFactory) -> Studied:
    """What the study makes of the DuckDB file that the simulator writes: what every other door is held against."""
    return studied(str(small_cdm), tmp_path_factory.mktemp("studied") / "run")


def test_what_is_compared_holds_persons_and_doses(small_studied: Studied) -> None:
    """Otherwise empty tables would agree with empty tables."""
    assert not isinstance(small_studied, str)
    assert small_studied["person_time"].height > 10_000
    assert small_studied["dose"].height > 1_000


Writer = Callable[[Mapping[str, str], Path], Path]
WRITERS: dict[str, Writer] = {
    "Parquet": parquet_folder,
    "Spark": spark_folder,
    "two schemas": lambda tables, path: duckdb_file(
        tables, path.with_suffix(".duckdb"), {"concept": "vocab", "concept_ancestor": "vocab", "person": "cdm"}
    ),
    **{name: lambda tables, path, style=style: text_folder(tables, path, style) for name, style in STYLES.items()},
}


@pytest.mark.parametrize("form", WRITERS)
def test_the_small_cdm_is_the_same_in_every_form(
    small_tables: dict[str, str], small_studied: Studied, tmp_path: Path, form: str
) -> None:
    assert same(studied(str(WRITERS[form](small_tables, tmp_path / "cdm")), tmp_path / "run"), small_studied)


@pytest.mark.parametrize(
    "changes", [(), ("diagnosis=alzheimers_disease", "supply.hospital_stays=pause", "washout_days=0")]
)
def test_the_small_cdm_is_the_same_in_postgresql(
    small_cdm: Path, small_tables: dict[str, str], server: Server, tmp_path: Path, changes: tuple[str, ...]
) -> None:
    database = server.load(f"small{len(changes)}", small_tables)
    there = studied(server.url(database), tmp_path / "there", *changes)
    assert same(there, studied(str(small_cdm), tmp_path / "here", *changes))


@pytest.mark.parametrize("name", SHARED)
def test_data_of_others_are_the_same_in_every_form(name: str, tmp_path: Path) -> None:
    folder = shared_data(name)
    tables = tables_of_folder(folder)
    expected = studied(str(folder), tmp_path / "run")
    for form in ("Parquet", "two schemas", "comma", "Athena", "no header"):
        made = WRITERS[form](tables, tmp_path / form)
        told = studied(str(made), tmp_path / f"run {form}")
        assert same(told, expected), form


@pytest.mark.parametrize("name", SHARED)
def test_data_of_others_are_the_same_in_postgresql(name: str, server: Server, tmp_path: Path) -> None:
    folder = shared_data(name)
    database = server.load(name, tables_of_folder(folder))
    assert same(studied(server.url(database), tmp_path / "there"), studied(str(folder), tmp_path / "here"))
