"""Released tables as one `summarised_result`: the long form of omopgenerics, with its settings inside.

In: released tables, after disclosure control and rounding. Out: a frame of text with the thirteen columns, a row for
each number. It holds no number that those tables do not hold.

A count that is hidden is `-`, and so is every number of a row that is suppressed. omopgenerics writes `<5` for a count
that is small and `-` for what hangs on it; which of two hidden counts is the small one is just what a release of this
study does not tell.

Source: omopgenerics 1.3.6, vignette summarised_result and the code of exportSummarisedResult and newSummarisedResult.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from cohort.balance import YEARS
from cohort.disclosure import SUPPRESSED
from cohort.flat import flat
from cohort.interchange.hidden import cdm_name, hides_count
from cohort.results import ESTIMATE_COUNTS, OVERALL
from cohort.rounding import COUNTS

PACKAGE = "tspo-cohort"
SETTINGS = "settings"
HIDDEN = "-"
SEPARATOR = " &&& "
PAIRS = ("group", "strata", "additional")
COLUMNS: dict[str, type[pl.DataType]] = {
    "result_id": pl.Int64,
    **dict.fromkeys(
        (
            *("cdm_name", "group_name", "group_level", "strata_name", "strata_level", "variable_name"),
            *("variable_level", "estimate_name", "estimate_type", "estimate_value", "additional_name"),
            "additional_level",
        ),
        pl.String,
    ),
}
"""The columns of a summarised_result, in order."""
_OF_A_GROUP = {"percent": "percentage", "mean": "mean", "sd": "sd"}
"""What Table 1 tells of a group beside its persons, and what omopgenerics calls it."""
_TYPES = {pl.Boolean: "logical", pl.Date: "date", pl.String: "character"}


Hides = Callable[[str], pl.Expr]
"""Estimate -> whether it is hidden in a row where it is empty, and not one that the row never has."""


def _nothing(estimate: str) -> pl.Expr:
    """A diagnostic has the numbers that it has."""
    return pl.lit(False)


def _what_is_suppressed(estimate: str) -> pl.Expr:
    return pl.col("status") == SUPPRESSED


def _suppressed_and_untold(estimate: str) -> pl.Expr:
    return hides_count() if estimate in ESTIMATE_COUNTS else _what_is_suppressed(estimate)


def _all_but_reasons(estimate: str) -> pl.Expr:
    return pl.col("number_of") != "reason"


def _fills_that_are_few(estimate: str) -> pl.Expr:
    """A fill whose dose is not known has no mg."""
    return pl.col("fills").is_null()


def _groups_that_are_few(estimate: str) -> pl.Expr:
    """Only years have a mean."""
    has_it = pl.col("level") == YEARS if estimate in ("mean", "sd") else pl.lit(True)
    return has_it & pl.col("exposure_group").is_not_null() & pl.col("count").is_null()


@dataclass(frozen=True)
class _Result:
    """How a released table reads as a result; what is not named is an estimate.

    Attributes:
        result_type: what omopgenerics calls the kind of result.
        table: the released table.
        group, strata, additional: columns that say of whom and of what.
        variable: the column whose values are names of variables, or the variable itself if there is no such column.
        level: the column with the variable's level.
        proportions: estimates that are parts of a whole.
        left_out: columns that say again what others say.
        hides: how an empty number is told from one that is hidden.
    """

    result_type: str
    table: str
    variable: str
    level: str | None = None
    group: Sequence[str] = ()
    strata: Sequence[str] = ()
    additional: Sequence[str] = ()
    proportions: Sequence[str] = ()
    left_out: Sequence[str] = ()
    hides: Hides = _what_is_suppressed

    @property
    def keys(self) -> set[str]:
        """Columns that are no estimates."""
        level = () if self.level is None else (self.level,)
        return {self.variable, *level, *self.group, *self.strata, *self.additional, *self.left_out}


RESULTS = (
    _Result("cohort_attrition", "attrition", "number_of", group=("cohort_definition_id",), additional=("reason_id",),
            hides=_all_but_reasons),
    _Result(
        "cox_estimates", "estimates", "outcome", "term", ("exposure", "metric"), ("age_stratum",),
        ("analysis", "model", "time_scale", "lag_days", "reference"), ("known_time_share", "known_dose_share"),
        ("estimate_id",), _suppressed_and_untold,
    ),
    _Result("cox_diagnostics", "diagnostics", "diagnostic", None, ("exposure",), additional=("analysis",),
            hides=_nothing),
    _Result("exposure_person_time", "person_time", "person_time", "category", ("exposure",), ("age_stratum",)),
    _Result(
        "exposure_dose_coverage", "dose_coverage", "fills_of_study_drugs", "drug", ("tspo_class",), (),
        ("route", "rule", "unit", "dose_status", "reason"), ("share",), hides=_fills_that_are_few,
    ),
    _Result("cumulative_incidence", "curves", "outcome", None, ("curve", "exposure_group"), (), ("age_years",),
            ("estimate", "ci_lower", "ci_upper")),
    _Result("absolute_risk", "risks", "outcome", "category", ("exposure",), (), ("reference", "from_age", "years"),
            ("risk", "ci_lower", "ci_upper", "difference", "difference_lower", "difference_upper")),
    _Result("dose_response", "dose_response", "dose", None, ("exposure", "metric"), (),
            ("analysis", "reference", "dose_of_curve", "is_knot")),
    _Result("baseline_characteristics", "balance", "characteristic", "level", ("exposure_group",),
            additional=("heading",), hides=_groups_that_are_few),
)  # fmt: skip
"""The released tables that are results in this form, and their order."""


def summarised_result(tables: Mapping[str, pl.DataFrame], record: Mapping[str, Any]) -> pl.DataFrame:
    """The released tables of a run in the form of omopgenerics, with settings as rows of their own.

    Args:
        tables: released tables by name; those that are no results in this form are passed over.
        record: the run's record (`run.json`): protocol, CDM, versions.

    Returns:
        A frame with `COLUMNS`.
    """
    name = cdm_name(record)
    parts: list[pl.DataFrame] = []
    for result in RESULTS:
        table = tables.get(result.table)
        if table is not None and table.height:
            number = len(parts) + 1
            rows = _rows(result, _prepared(result, table)).with_columns(
                pl.lit(number, pl.Int64).alias("result_id"), pl.lit(name).alias("cdm_name")
            )
            parts.append(pl.concat([rows.select(*COLUMNS), _settings(result, rows, record, number, name)]))
    return pl.concat(parts) if parts else pl.DataFrame(schema=COLUMNS)


def _prepared(result: _Result, table: pl.DataFrame) -> pl.DataFrame:
    """A table whose keys are columns of their own."""
    if result.table == "attrition":
        return _attrition(table)
    if result.table == "balance":
        return _balance(table)
    if result.table == "dose_coverage":
        return table.rename({"status": "dose_status"}).with_columns(pl.lit(result.variable).alias(result.variable))
    if result.table == "dose_response":
        return table.with_columns(pl.col("dose").alias("dose_of_curve"), pl.lit("dose").alias("dose"))
    if result.variable not in table.columns:
        return table.with_columns(pl.lit(result.variable).alias(result.variable))
    return table


def _attrition(table: pl.DataFrame) -> pl.DataFrame:
    """A row for each count of a step, as CohortConstructor's summary of attrition has them, and the reason in words."""
    keys = ("cohort_definition_id", "reason_id")
    numbers = [
        table.select(*keys, pl.lit(name).alias("number_of"), pl.col(name).cast(pl.Int64).alias("count"))
        for name in COUNTS["attrition"]
    ]
    reasons = table.select(
        *keys, pl.lit("reason").alias("number_of"), pl.lit(None, pl.Int64).alias("count"), pl.col("reason")
    )
    return pl.concat([*numbers, reasons], how="diagonal")


def _balance(table: pl.DataFrame) -> pl.DataFrame:
    """A row for each group of persons, and one for the differences between groups."""
    keys = ("heading", "characteristic", "level")
    groups = [column.removeprefix("persons_") for column in table.columns if column.startswith("persons_")]
    differences = [column for column in table.columns if column.startswith("smd_")]
    numbers = [
        table.select(
            *keys,
            pl.lit(group).alias("exposure_group"),
            pl.col(f"persons_{group}").cast(pl.Int64).alias("count"),
            *(pl.col(f"{name}_{group}").cast(pl.Float64).alias(to) for name, to in _OF_A_GROUP.items()),
        )
        for group in groups
    ]
    return pl.concat([*numbers, table.select(*keys, *(pl.col(name).cast(pl.Float64) for name in differences))],
                     how="diagonal")  # fmt: skip


def _rows(result: _Result, table: pl.DataFrame) -> pl.DataFrame:
    """One row per number: all but the result's id and the CDM's name."""
    estimates = [column for column in table.columns if column not in result.keys]
    keyed = table.with_columns(
        *(_pair(prefix, getattr(result, prefix)) for prefix in PAIRS),
        pl.col(result.variable).alias("variable_name"),
        (_text(result.level) if result.level else pl.lit(None, pl.String)).alias("variable_level"),
    ).unnest(*(f"_{prefix}" for prefix in PAIRS))
    names = [*(f"{prefix}_{part}" for prefix in PAIRS for part in ("name", "level")), "variable_name", "variable_level"]
    long = [
        keyed.select(
            *names,
            pl.lit(estimate).alias("estimate_name"),
            pl.lit(_type(estimate, table.schema[estimate], result)).alias("estimate_type"),
            pl.when(pl.col(estimate).is_not_null())
            .then(_text(estimate))
            .when(result.hides(estimate) if table.schema[estimate].is_numeric() else pl.lit(False))
            .then(pl.lit(HIDDEN))
            .alias("estimate_value"),
        )
        for estimate in estimates
    ]
    return pl.concat(long).filter(pl.col("estimate_value").is_not_null() & (pl.col("estimate_value") != ""))


def _type(estimate: str, kind: pl.DataType, result: _Result) -> str:
    if estimate in result.proportions:
        return "proportion"
    if estimate == "percentage":
        return estimate
    if kind.is_integer():
        return "integer"
    return "numeric" if kind.is_numeric() else _TYPES[type(kind)]


def _pair(prefix: str, columns: Sequence[str]) -> pl.Expr:
    """The names and the levels of those columns that say something, joined; `overall` where none does."""
    filled = [(pl.lit(column), _text(column)) for column in columns]
    has = [(text.is_not_null() & (text != "")) for _, text in filled]
    names = [pl.when(is_there).then(name) for (name, _), is_there in zip(filled, has, strict=True)]
    levels = [pl.when(is_there).then(text) for (_, text), is_there in zip(filled, has, strict=True)]
    joined = [
        (pl.concat_str(texts, separator=SEPARATOR, ignore_nulls=True) if texts else pl.lit("")).alias(
            f"{prefix}_{part}"
        )
        for part, texts in (("name", names), ("level", levels))
    ]
    whole = [
        pl.when(text == "").then(pl.lit(OVERALL)).otherwise(text).alias(text.meta.output_name()) for text in joined
    ]
    return pl.struct(whole).alias(f"_{prefix}")


def _text(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.String)


def _settings(result: _Result, rows: pl.DataFrame, record: Mapping[str, Any], number: int, cdm: str) -> pl.DataFrame:
    """What the result is and how it was made, a row for each setting: all of the protocol is among them."""
    values = {
        "result_type": result.result_type,
        "package_name": PACKAGE,
        "package_version": record["versions"][PACKAGE],
        **{prefix: _labels(rows, prefix) for prefix in PAIRS},
        "min_cell_count": str(record["protocol"]["disclosure"]["min_cell_count"]),
        "protocol_hash": record["protocol_hash"],
        "seed": str(record["seed"]),
        **flat(record["protocol"]),
    }
    return pl.DataFrame(
        [
            {
                "result_id": number,
                "cdm_name": cdm,
                **{f"{prefix}_{part}": OVERALL for prefix in PAIRS for part in ("name", "level")},
                "variable_name": SETTINGS,
                "estimate_name": name,
                "estimate_type": "character",
                "estimate_value": value,
            }
            for name, value in values.items()
            if value
        ],
        schema=COLUMNS,
    )


def _labels(rows: pl.DataFrame, prefix: str) -> str:
    """The names that a pair of columns uses."""
    names = rows.get_column(f"{prefix}_name").unique(maintain_order=True).to_list()
    return SEPARATOR.join(dict.fromkeys(part for name in names for part in name.split(SEPARATOR) if part != OVERALL))
