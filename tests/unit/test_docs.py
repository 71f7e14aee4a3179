"""What the documents promise holds: generated ones are fresh, commands exist, and the SQL keeps its habits."""

import re
from pathlib import Path

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from cohort.cdm import CDM_TABLES
from cohort.engine import load_steps
from cohort.inputs import study_inputs, study_parameters
from cohort.paths import sql_folder
from cohort.protocol import Protocol, leaf_fields
from cohort.reference import Affinity, Drug
from tests import docs

ROOT = Path(__file__).resolve().parents[2]
SQL_FILES = sorted(sql_folder().rglob("*.sql"))
each_file = pytest.mark.parametrize("path", SQL_FILES, ids=lambda path: path.stem)


# --- Generated documents ---------------------------------------------------------------------------------------


def test_no_field_of_the_protocol_lacks_a_description():
    fields = [(section, field) for section, field in Protocol.model_fields.items()]
    fields += [(f"{section}.{name}", field) for section, name, field in leaf_fields()]
    assert [name for name, field in fields if not (field.description or "").strip().endswith(".")] == []


@pytest.mark.parametrize("model", [Drug, Affinity])
def test_no_column_of_the_facts_lacks_a_description(model):
    assert [name for name, field in model.model_fields.items() if not field.description] == []


def test_every_field_of_the_protocol_is_in_the_readme_of_config():
    text = docs.config_readme()
    assert [
        name for _, name, field in leaf_fields() if f"| `{name}` |" not in text or field.description not in text
    ] == []


@pytest.mark.parametrize(
    ("table", "keys", "defaults"),
    [
        ("analysis", ["`name`", "`models`"], ["required", '`["linear", "categories"]`']),
        ("grid", ["`models`"], ['`["linear"]`']),
    ],
)
def test_further_analyses_may_change_every_key_and_have_some_of_their_own(table, keys, defaults):
    section = docs.config_readme().split(f"### [[{table}]]")[1].split("\n##")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("|")]
    assert [row[0] for row in rows[2:]] == [*keys, "any key above"]
    assert [row[2] for row in rows[2:]] == [*defaults, "the protocol's"]


def test_a_stale_document_is_named_with_its_cure(tmp_path, capsys):
    assert docs.main([], tmp_path) == 0
    assert docs.main(["--check"], tmp_path) == 0
    (tmp_path / "config" / "README.md").write_text("edited by hand")
    assert docs.main(["--check"], tmp_path) == 1
    assert capsys.readouterr().err == "config/README.md is stale: run `make docs`.\n"


def test_a_missing_document_is_stale(tmp_path):
    assert docs.stale(tmp_path) == ["tests/spec/README.md", "config/README.md", "tests/corpus/README.md"]


def test_a_file_of_config_that_nothing_is_said_about_is_named(tmp_path):
    (tmp_path / "config").mkdir()
    for name in [*docs.CONFIG_FILES, "surprise.csv"]:
        (tmp_path / "config" / name).touch()
    with pytest.raises(SystemExit, match=r"config/: surprise\.csv$"):
        docs.config_readme(tmp_path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("test_a_person_enters_once", "A person enters once."),
        ("test_under_d1_the_first_code_is_dementia", "Under D1 the first code is dementia."),
        ("test_a_missing_month_is_the_first_of_july", "A missing month is the first of July."),
        ("test_over_the_drug_s_own_scale", "Over the drug's own scale."),
        ("test_one_ddd_a_day", "One DDD a day."),
    ],
)
def test_the_name_of_a_spec_test_reads_as_a_sentence(name, said):
    assert docs.sentence(name) == said


def test_every_spec_test_says_its_rule_and_every_module_its_question():
    """A rule without words, or a module that asks nothing, would leave a gap in the prose."""
    prose = docs.spec_readme()
    assert [line for line in prose.splitlines() if line.endswith(".**")] == []
    assert [line for line in prose.splitlines() if line.startswith("## ") and "?](" not in line] == []
    assert prose.count("\n* **") > 50


@pytest.mark.parametrize(
    ("schema", "kind", "bounds"),
    [
        ({"type": "integer", "minimum": 0, "maximum": 110}, "whole number", "≥ 0, ≤ 110"),
        ({"type": "number", "exclusiveMinimum": 0.5, "exclusiveMaximum": 1}, "number", "> 0.5, < 1"),
        ({"type": "string", "pattern": docs.NAME}, "name", ""),
        ({"type": "string", "pattern": r"^\d+$"}, "text", r"like `^\d+$`"),
        ({"type": "string", "minLength": 1}, "text", "not empty"),
        ({"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}, "date or none", ""),
        ({"type": "array", "items": {"type": "number", "minimum": 0}, "minItems": 2}, "list of number", "each ≥ 0"),
        ({"type": "array", "items": {"enum": ["A", "B"], "type": "string"}}, "list of any of `A`, `B`", ""),
        (
            {"type": "object", "patternProperties": {docs.NAME: {"type": "number", "exclusiveMinimum": 0}}},
            "table of number by name",
            "each > 0",
        ),
    ],
)  # fmt: skip
def test_types_and_bounds_are_said_in_words(schema, kind, bounds):
    assert (docs.kind(schema), docs.bounds(schema)) == (kind, bounds)


# --- The README's commands -------------------------------------------------------------------------------------


def test_the_commands_of_the_readme_exist():
    readme, makefile = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "Makefile"))
    named = set(re.findall(r"^make ([a-z]+)", readme, re.MULTILINE)) | set(re.findall(r"`make ([a-z]+)`", readme))
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert {"demo", "test"} <= named
    assert named <= targets


# --- Habits of the SQL -----------------------------------------------------------------------------------------


@each_file
def test_a_file_starts_with_what_a_row_is(path):
    assert re.match(r"-- One row per .+[.:;].*\n(with|select)\b", path.read_text(encoding="utf-8"))


@each_file
def test_a_file_is_one_select_that_names_its_columns(path):
    trees = sqlglot.parse(path.read_text(encoding="utf-8"), read="duckdb")
    assert [isinstance(tree, exp.Query) for tree in trees] == [True]
    stars = [star for star in trees[0].find_all(exp.Star) if not isinstance(star.parent, exp.Count)]
    assert stars == []


@each_file
def test_a_file_says_of_each_column_whose_it_is(path):
    tree = sqlglot.parse_one(path.read_text(encoding="utf-8"), read="duckdb")
    assert [column.sql() for column in tree.find_all(exp.Column) if not column.table] == []


def test_every_column_that_a_file_uses_exists():
    """Made on an empty CDM with no more columns than the contract lists, each file after those that it reads."""
    connection = duckdb.connect(":memory:")
    for table in CDM_TABLES:
        columns = ", ".join(f"{column.name} {column.type}" for column in table.columns)
        connection.execute(f"create table {table.name} ({columns})")
    for name, frame in study_inputs(Protocol()).items():
        connection.register(name, frame.to_arrow())
    parameters, refused = study_parameters(Protocol()), {}
    parameters["latest_day"] = None
    for step in (*load_steps().values(), *load_steps(sql_folder() / "checks").values()):
        try:
            bound = {name: parameters[name] for name in step.parameters}
            connection.execute(f"create table {step.name} as {step.sql}", bound)
        except (duckdb.Error, KeyError) as error:
            refused[step.name] = str(error).splitlines()[0]
    connection.close()
    assert refused == {}
    assert {*load_steps(), *load_steps(sql_folder() / "checks")} == {path.stem for path in SQL_FILES}
