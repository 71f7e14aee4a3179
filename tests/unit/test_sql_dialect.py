"""The SQL stays inside what DuckDB and Spark, through sqlglot, read alike.

Each idiom below was seen to differ between the two: it fails in one of them, or gives another type or number. A
sentence beside it says what to write instead.
"""

from collections.abc import Callable, Iterator

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from cohort.paths import sql_folder
from tests.spec.drawn import table_types

SQL_FILES = sorted(sql_folder().rglob("*.sql"))
each_file = pytest.mark.parametrize("path", SQL_FILES, ids=lambda path: path.stem)

_DATE = exp.DataType.Type.DATE
_WHOLE = exp.DataType.INTEGER_TYPES
_FRACTION = exp.DataType.REAL_TYPES
_ROUNDING = (exp.Round, exp.Floor, exp.Ceil)


def _is(node: exp.Expression, *types: exp.DataType.Type) -> bool:
    return node.type is not None and node.type.this in types


def _dates_subtracted(tree: exp.Expression) -> Iterator[exp.Expression]:
    return (node for node in tree.find_all(exp.Sub) if _is(node.left, _DATE) and _is(node.right, _DATE))


def _fractions_cast(tree: exp.Expression) -> Iterator[exp.Expression]:
    for node in tree.find_all(exp.Cast):
        if node.to.this in _WHOLE and _is(node.this, *_FRACTION) and not isinstance(node.this, _ROUNDING):
            yield node


def _decimal_divisors(tree: exp.Expression) -> Iterator[exp.Expression]:
    for node in tree.find_all(exp.Div):
        if isinstance(node.right, exp.Literal) and not node.right.is_int:
            yield node


def _stars(tree: exp.Expression) -> Iterator[exp.Expression]:
    return (node for node in tree.find_all(exp.Star) if not isinstance(node.parent, exp.Count))


def _asof_joins(tree: exp.Expression) -> Iterator[exp.Expression]:
    return (node for node in tree.find_all(exp.Join) if str(node.args.get("method") or "").upper() == "ASOF")


def _functions(*names: str) -> Callable[[exp.Expression], Iterator[exp.Expression]]:
    return lambda tree: (node for node in tree.find_all(exp.Func) if _name(node) in names)


def _name(function: exp.Func) -> str:
    return (function.name if isinstance(function, exp.Anonymous) else function.sql_name()).lower()


Finder = Callable[[exp.Expression], Iterator[exp.Expression]]
BY_SHAPE: dict[str, Finder] = {
    "an interval makes a timestamp of a date: write a + 30": lambda tree: tree.find_all(exp.Interval),
    "to_days fails in Spark: write a + n": _functions("to_days"),
    "an asof join fails in Spark: write a window and qualify": _asof_joins,
    "quantile_cont fails in Spark: summaries belong in Python": _functions("quantile_cont", "percentile_cont"),
    "select * with qualify gains a column in Spark: name the columns": _stars,
    "a decimal divisor makes decimals in Spark: write cast(365.25 as double)": _decimal_divisors,
}
BY_TYPE: dict[str, Finder] = {
    "dates subtracted are an interval in Spark: write date_diff('day', a, b)": _dates_subtracted,
    "a fraction cast to a whole number rounds in DuckDB and truncates in Spark: write floor or round": _fractions_cast,
}


def found(sql: str) -> list[str]:
    """The idioms that a select uses, each with where it stands; types are those of the CDM and of the files."""
    tree = sqlglot.parse_one(sql, read="duckdb")
    resolved = qualify(tree.copy(), schema=table_types(), dialect="duckdb", quote_identifiers=False)
    typed = annotate_types(resolved, schema=table_types(), dialect="duckdb")
    named = [(idiom, node) for idiom, finder in BY_SHAPE.items() for node in finder(tree)]
    named += [(idiom, node) for idiom, finder in BY_TYPE.items() for node in finder(typed)]
    return [f"{idiom} (not {node.sql(dialect='duckdb')})" for idiom, node in named]


@each_file
def test_a_file_becomes_spark_s_sql_without_a_complaint(path):
    (spark,) = sqlglot.transpile(
        path.read_text(encoding="utf-8"), read="duckdb", write="spark", unsupported_level=sqlglot.ErrorLevel.RAISE
    )
    assert isinstance(sqlglot.parse_one(spark, read="spark"), exp.Query)


@each_file
def test_a_file_uses_no_idiom_that_the_two_read_differently(path):
    assert found(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("expression", "idiom"),
    [
        ("entry.entry_date + interval 30 day", "an interval"),
        ("entry.period_end_date - entry.entry_date", "dates subtracted"),
        ("entry.entry_date + to_days(3)", "to_days"),
        ("(select quantile_cont(e.person_id, 0.5) from entry as e)", "quantile_cont"),
        ("entry.*", "select *"),
        ("cast(entry.person_id / 2 as integer)", "a fraction"),
        ("cast(entry.person_id as double) / 365.25", "a decimal divisor"),
    ],
)
def test_each_idiom_is_recognised(expression, idiom):
    (only,) = found(f"select {expression} from entry")
    assert only.startswith(idiom)


def test_an_asof_join_is_recognised():
    (only,) = found("select b.sex from birth as b asof join entry as e on b.birth_date >= e.entry_date")
    assert only.startswith("an asof join")


def test_dates_are_recognised_through_the_steps_of_a_select():
    steps = "with a as (select d.death_date as x from death as d), b as (select a.x as y from a)"
    sql = f"{steps} select b.y - b.y as n from b"
    assert [idiom.split(":")[0] for idiom in found(sql)] == ["dates subtracted are an interval in Spark"]


@pytest.mark.parametrize(
    "expression",
    [
        "entry.entry_date + 30",
        "date_diff('day', entry.entry_date, entry.period_end_date)",
        "cast(floor(entry.person_id / 2) as integer)",
        "cast(entry.person_id as double) / cast(365.25 as double)",
        "entry.person_id - 1",
        "count(*)",
    ],
)
def test_what_to_write_instead_is_not_an_idiom(expression):
    assert found(f"select {expression} as x from entry") == []
