"""The engine: order from what files read, keys from content, files that appear whole."""

from pathlib import Path

import duckdb
import polars as pl
import pytest

from cohort.cdm import CDM_TABLES
from cohort.content import stored_content, stored_key
from cohort.covariates import covariate_names
from cohort.engine import TableRef, build, content_of, load_steps, write_input
from cohort.errors import TspoError
from cohort.inputs import study_inputs, study_parameters
from cohort.protocol import Protocol
from cohort.sql_text import file_literal


def folder_of(tmp_path: Path, **files: str) -> Path:
    for name, sql in files.items():
        (tmp_path / f"{name}.sql").write_text(f"-- One row.\n{sql}\n")
    return tmp_path


def test_order_follows_what_files_read(tmp_path: Path) -> None:
    steps = load_steps(folder_of(tmp_path, a="select b.x from b", b="select c.x from c", c="select 1 as x"))
    assert list(steps) == ["c", "b", "a"]
    assert steps["a"].grain == "One row."


def test_a_cte_hides_a_table_only_in_its_own_scope(tmp_path: Path) -> None:
    sql = "with a as (select b.x from b), b2 as (select a.x from a) select b2.x from b2"
    steps = load_steps(folder_of(tmp_path, a=sql, b="select 1 as x"))
    assert steps["a"].reads == ("b",)


def test_a_cte_that_shares_the_name_of_what_it_reads_does_not_lose_it(tmp_path: Path) -> None:
    sql = "with person as (select person.x from person) select person.x from person"
    assert load_steps(folder_of(tmp_path, a=sql))["a"].reads == ("person",)


@pytest.mark.parametrize(
    ("sql", "scans"),
    [
        ("select b.x from b inner join b as again on again.x = b.x where b.x in (select c.x from c)", ("b", "b", "c")),
        ("select inner_one.x from (with b as (select c.x from c) select b.x from b) as inner_one, b", ("b", "c")),
        ("with recursive r as (select b.x from b union all select r.x from r where r.x < 3) select r.x from r", ("b",)),
        ("with b as (select 1 as x), d as (select b.x from b) select d.x, (select max(c.x) from c) from d", ("c",)),
        ("with b as (select $x as x) select b.x from b union all select c.x from c", ("c",)),
    ],
)  # fmt: skip
def test_each_table_is_scanned_as_often_as_the_sql_names_it(tmp_path: Path, sql: str, scans: tuple[str, ...]) -> None:
    steps = load_steps(folder_of(tmp_path, a=sql, b="select 1 as x", c="select 1 as x"))
    assert steps["a"].scans == scans


def test_files_that_read_one_another_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TspoError, match="circle"):
        load_steps(folder_of(tmp_path, a="select b.x from b", b="select a.x from a"))


@pytest.mark.parametrize("sql", ["select 1; select 2", "create table t as select 1", "selec 1", ""])
def test_a_file_is_one_select(tmp_path: Path, sql: str) -> None:
    with pytest.raises(TspoError, match="one select"):
        load_steps(folder_of(tmp_path, a=sql))


def test_every_table_that_sql_reads_is_known() -> None:
    steps = load_steps()
    known = {*steps, *(t.name for t in CDM_TABLES), *study_inputs(Protocol())}
    assert {read for s in steps.values() for read in s.reads} <= known


def test_every_parameter_that_sql_names_is_bound() -> None:
    named = {p for s in load_steps().values() for p in s.parameters}
    assert named == set(study_parameters(Protocol()))


def test_the_catalogue_of_covariates_is_the_columns_of_its_table() -> None:
    columns = duckdb.connect().execute("describe " + _covariate_on_nothing()).fetchall()
    assert tuple(c[0] for c in columns[1:]) == covariate_names()


def _covariate_on_nothing() -> str:
    cohort = "cohort as (select 1::bigint as person_id)"
    records = "covariate_record as (select 1::bigint as person_id, '' as concept_set)"
    return f"with {cohort}, {records} {load_steps()['covariate'].sql}"


def test_a_key_changes_with_sql_own_parameters_and_inputs_only(tmp_path: Path) -> None:
    step = load_steps(folder_of(tmp_path, a="select b.x + $n as x from b -- $unused"))["a"]
    assert step.parameters == ("n",)
    key = content_of(step, {"n": 1, "other": 5}, {"b": "k"}).key
    assert key == content_of(step, {"n": 1, "other": 6}, {"b": "k"}).key
    assert key != content_of(step, {"n": 2, "other": 5}, {"b": "k"}).key
    assert key != content_of(step, {"n": 1, "other": 5}, {"b": "k2"}).key


def test_a_table_is_built_once_for_each_content(tmp_path: Path) -> None:
    (tmp_path / "sql").mkdir()
    step = load_steps(folder_of(tmp_path / "sql", a="select b.x + $n as y from b"))["a"]
    source = write_input(pl.DataFrame({"x": [1, 2]}), "b", tmp_path / "in")
    path = tmp_path / "out" / "a.parquet"

    def run(n: int) -> TableRef:
        content = content_of(step, {"n": n}, {"b": source.key})
        return build(duckdb.connect, step, {"n": n}, [source], content, path)

    first = run(1)
    assert (first.is_fresh, first.rows, stored_key(path)) == (False, 2, first.key)
    assert run(1).is_fresh
    before = stored_content(path)
    changed = run(5)
    assert not changed.is_fresh
    now = stored_content(path)
    assert before is not None
    assert now is not None
    assert now.key == changed.key
    assert now.changes(before).parameters == {"n": ("1", "5")}
    assert (now.changes(before).is_sql, now.changes(before).reads) == (False, ())
    assert pl.read_parquet(path).get_column("y").to_list() == [6, 7]


def test_a_failed_build_leaves_the_old_file_and_no_half_file(tmp_path: Path) -> None:
    (tmp_path / "sql").mkdir()
    step = load_steps(folder_of(tmp_path / "sql", a="select cast(b.x as integer) as y from b"))["a"]
    path = tmp_path / "a.parquet"
    good = write_input(pl.DataFrame({"x": ["1"]}), "b", tmp_path / "in")
    first = build(duckdb.connect, step, {}, [good], content_of(step, {}, {"b": good.key}), path)
    bad = write_input(pl.DataFrame({"x": ["Mrs Smith"]}), "b", tmp_path / "in")
    with pytest.raises(TspoError, match="Table a could not be built") as error:
        build(duckdb.connect, step, {}, [bad], content_of(step, {}, {"b": bad.key}), path)
    assert "Smith" not in str(error.value)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__
    assert stored_key(path) == first.key
    assert [p.name for p in tmp_path.glob("*.part*")] == []


@pytest.mark.parametrize("name", ["it's", "a[b]*c?", "naïve Übung 100 %", "[*]"])
def test_a_table_in_a_folder_of_any_name_is_read_as_that_file(tmp_path: Path, name: str) -> None:
    """What the engine takes for a pattern means itself."""
    folder = tmp_path / name
    folder.mkdir()
    (tmp_path / "axc1").mkdir()
    for place, value in ((folder, 1), (tmp_path / "axc1", 2)):
        pl.DataFrame({"x": [value]}).write_parquet(place / "t.parquet")
    assert duckdb.execute(f"from read_parquet({file_literal(str(folder / 't.parquet'))})").fetchall() == [(1,)]


def test_a_broken_file_is_built_again(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"half a file")
    assert stored_key(path) is None
    assert stored_key(tmp_path / "absent.parquet") is None


def test_equal_lists_have_equal_keys_and_different_ones_do_not(tmp_path: Path) -> None:
    first = write_input(pl.DataFrame({"x": [1]}), "t", tmp_path)
    assert write_input(pl.DataFrame({"x": [1]}), "t", tmp_path).key == first.key
    assert write_input(pl.DataFrame({"x": [2]}), "t", tmp_path).key != first.key
    assert write_input(pl.DataFrame({"x": ["1"]}), "t", tmp_path).key != first.key
