"""Released tables as HADES has them: the `cm_*` tables of CohortMethod, and the specification that they are read with.

In: released tables, after disclosure control and rounding. Out: frames with the columns and types of
`config/hades_results.csv`, which goes with them. They hold no number that the released tables do not hold, or that
does not follow from one row of them.

Exposure is time-varying here and not an arm of a cohort: the target is time with a dose, the comparator time without,
and one model has several ratios, so that `cm_result` has three columns more in its key. A number that is hidden is
minus the minimum cell count, as HADES writes it; whether it is small, or would tell a small one, is not told.

Source: OHDSI CohortMethod, resultsDataModelSpecification.csv at 04170c2.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel

from cohort.analyses import PRIMARY
from cohort.balance import YEARS
from cohort.counts import CONTRASTED, DAYS_PER_YEAR
from cohort.interchange.hidden import cdm_name, hides_count
from cohort.paths import config_folder
from cohort.results import CONTRAST, COX, IS_PER_UNIT, OVERALL
from cohort.typed_csv import read_csv

POPULATION = "study population"
DETECTABLE = 10.0
"""HADES judges an analysis that can detect only a higher ratio not worth unblinding."""
NOT_EVALUATED = "NOT EVALUATED"
_VERDICTS = ("info", "pass", "warn", "fail")
"""From the best to the worst; `info` judges nothing."""
_AS_HADES = {"pass": "PASS", "warn": "WARNING", "fail": "FAIL"}
_TYPES = {"int": pl.Int64, "bigint": pl.Int64, "float": pl.Float64}
_KEY = ("analysis_id", "target_id", "comparator_id", "outcome_id")
_CELL = ("analysis_id", "outcome_id", "metric", "age_stratum")
_MAIN_ANALYSIS = f"{PRIMARY}, {COX}"

YesNo = Literal["Yes", "No"]


class Column(BaseModel):
    """A column of a table of results, as HADES specifies it."""

    table_name: str
    column_name: str
    data_type: str
    is_required: YesNo
    primary_key: YesNo
    min_cell_count: YesNo
    deprecated: YesNo
    description: str


@cache
def specification() -> tuple[Column, ...]:
    """The columns of every table, in order."""
    return read_csv(config_folder() / "hades_results.csv", Column)


def identifier(name: str) -> int:
    """A positive whole number of 31 bits that stands for a name, at every site and in every run the same one.

    >>> identifier("tspo_binder") == identifier("tspo_binder") != identifier("tspo_non_binder")
    True
    """
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") >> 1


def hades_tables(tables: Mapping[str, pl.DataFrame], record: Mapping[str, Any]) -> dict[str, pl.DataFrame]:
    """The tables by name, each as specified, and the specification itself.

    Args:
        tables: released tables by name: estimates, attrition, balance and diagnostics are read.
        record: the run's record (`run.json`): protocol, CDM, versions.
    """
    estimates = _keyed(tables["estimates"])
    threshold = int(record["protocol"]["disclosure"]["min_cell_count"])
    outcome = str(record["protocol"]["outcome"]["diagnosis"])
    covariates = _covariates(tables["balance"])
    made = {
        "cg_cohort_definition": _names(estimates),
        "cm_analysis": _analyses(estimates, str(record["protocol_hash"])),
        "cm_target_comparator_outcome": estimates.select(*_KEY[1:], outcome_of_interest=pl.lit(1)).unique(),
        "cm_result": _results(estimates, threshold, float(record["protocol"]["model"]["confidence_level"])),
        "cm_attrition": _attrition(tables["attrition"], threshold, outcome),
        "cm_diagnostics_summary": _diagnostics(estimates, tables["diagnostics"]),
        "cm_covariate": covariates,
        "cm_covariate_analysis": covariates.unique("covariate_analysis_id"),
        "cm_covariate_balance": covariates.with_columns(
            target_id=identifier(CONTRASTED[0]),
            comparator_id=identifier(CONTRASTED[1]),
            outcome_id=identifier(outcome),
        ),
    }
    named = {
        name: _specified(name, table.with_columns(database_id=pl.lit(cdm_name(record)))) for name, table in made.items()
    }
    return named | {"resultsDataModelSpecification": pl.DataFrame([column.model_dump() for column in specification()])}


def _specified(name: str, table: pl.DataFrame) -> pl.DataFrame:
    """The columns of a table in order, with their types; what the study does not have is empty. Sorted by its key."""
    columns = [column for column in specification() if column.table_name == name]
    key = [column.column_name for column in columns if column.primary_key == "Yes"]
    return table.select(
        (pl.col(c.column_name) if c.column_name in table.columns else pl.lit(None))
        .cast(_TYPES.get(c.data_type, pl.String))
        .alias(c.column_name)
        for c in columns
    ).sort(key, maintain_order=True)


def _id(column: str | pl.Expr) -> pl.Expr:
    """The identifier of a text."""
    text = pl.col(column) if isinstance(column, str) else column
    return text.map_elements(identifier, return_dtype=pl.Int64)


def _keyed(estimates: pl.DataFrame) -> pl.DataFrame:
    """Estimates with what they are of, in words and as numbers; the rows of a reference stay among them."""
    is_contrast = pl.col("exposure") == CONTRAST
    return estimates.with_columns(
        analysis_name=pl.concat_str("analysis", pl.lit(", "), "model"),
        target=pl.when(is_contrast).then(pl.lit(CONTRASTED[0])).otherwise("exposure"),
        comparator=pl.when(is_contrast).then(pl.lit(CONTRASTED[1])).otherwise(pl.concat_str(pl.lit("no "), "exposure")),
    ).with_columns(
        analysis_id=_id("analysis_name"),
        target_id=_id("target"),
        comparator_id=_id("comparator"),
        outcome_id=_id("outcome"),
    )


def _names(estimates: pl.DataFrame) -> pl.DataFrame:
    """Everything that has a cohort's number."""
    names = [estimates.get_column(column) for column in ("target", "comparator", "outcome")]
    every = pl.concat([*names, pl.Series([POPULATION, *CONTRASTED])]).unique()
    return pl.DataFrame({"cohort_name": every}).with_columns(cohort_definition_id=_id("cohort_name"))


def _analyses(estimates: pl.DataFrame, protocol_hash: str) -> pl.DataFrame:
    said = estimates.select("analysis_id", "analysis_name", "analysis", "model", "time_scale", "lag_days").unique()
    definitions = [
        json.dumps({name: row[name] for name in ("analysis", "model", "time_scale", "lag_days")}
                   | {"protocol_hash": protocol_hash})
        for row in said.iter_rows(named=True)
    ]  # fmt: skip
    return said.with_columns(description=pl.col("analysis_name"), definition=pl.Series(definitions, dtype=pl.String))


def _results(estimates: pl.DataFrame, threshold: int, level: float) -> pl.DataFrame:
    """A row for each ratio, with the counts and the time of either side of it."""
    of_a_side = estimates.select(
        *_CELL,
        "exposure",
        "term",
        subjects=_shown("persons_exposed", threshold),
        outcomes=_shown("events_exposed", threshold),
        # Beside a dose per unit stands everybody's time.
        days=pl.when(~IS_PER_UNIT).then((pl.col("person_years") * DAYS_PER_YEAR).round()),
    )
    is_contrast = pl.col("exposure") == CONTRAST
    has_level = pl.lit(level == 0.95)
    return (
        estimates.filter(pl.col("term") != pl.col("reference"))
        .with_columns(
            compared=pl.when(is_contrast).then("comparator").otherwise("exposure"),
            compared_term=pl.when(is_contrast).then("term").otherwise("reference"),
            exposure_metric="metric",
            contrast="term",
            rr="hazard_ratio",
            ci_95_lb=pl.when(has_level).then("ci_lower"),
            ci_95_ub=pl.when(has_level).then("ci_upper"),
            p="p_value",
            one_sided_p=pl.when(pl.col("log_hr") > 0).then(pl.col("p_value") / 2).otherwise(1 - pl.col("p_value") / 2),
            log_rr="log_hr",
            se_log_rr="se_log_hr",
        )
        .join(_side(of_a_side, "target", "target", "term"), on=[*_CELL, "target", "term"], how="left")
        .join(
            _side(of_a_side, "comparator", "compared", "compared_term"),
            on=[*_CELL, "compared", "compared_term"],
            how="left",
        )
    )


def _side(of_a_side: pl.DataFrame, name: str, exposure: str, term: str) -> pl.DataFrame:
    """Counts of one side of a ratio, to be joined by its exposure and term."""
    return of_a_side.rename(
        {
            "exposure": exposure,
            "term": term,
            **{number: f"{name}_{number}" for number in ("subjects", "outcomes", "days")},
        }
    )


def _shown(count: str, threshold: int) -> pl.Expr:
    return pl.when(pl.col(count).is_null() & hides_count()).then(-threshold).otherwise(pl.col(count))


def _attrition(attrition: pl.DataFrame, threshold: int, outcome: str) -> pl.DataFrame:
    """The steps of the one population that is studied."""
    population = identifier(POPULATION)
    return attrition.select(
        sequence_number="reason_id",
        description="reason",
        subjects=pl.col("number_subjects").fill_null(-threshold),
        exposure_id=population,
        target_id=population,
        comparator_id=population,
        analysis_id=identifier(_MAIN_ANALYSIS),
        outcome_id=identifier(outcome),
    )


def _diagnostics(estimates: pl.DataFrame, diagnostics: pl.DataFrame) -> pl.DataFrame:
    """Of each main ratio: what it could have detected, and the worst of what the study says of its analysis."""
    main = estimates.filter((pl.col("model") == COX) & (pl.col("age_stratum") == OVERALL) & IS_PER_UNIT)
    every = diagnostics.get_column("exposure")
    judged = {
        (analysis, exposure): _worst(
            diagnostics.filter(
                (pl.col("analysis") == analysis) & ((every == exposure) | ~every.is_in(list(estimates["exposure"])))
            )
        )
        for analysis, exposure in main.select("analysis", "exposure").unique().iter_rows()
    }
    verdicts = [judged[cell] for cell in main.select("analysis", "exposure").iter_rows()]
    evaluated = pl.when(pl.col("mdrr") < DETECTABLE).then(pl.lit("PASS")).otherwise(pl.lit("FAIL"))
    not_evaluated = {f"{name}_diagnostic": pl.lit(NOT_EVALUATED) for name in ("ease", "balance", "equipoise")}
    return main.with_columns(
        mdrr_diagnostic=pl.when(pl.col("mdrr").is_null()).then(pl.lit(NOT_EVALUATED)).otherwise(evaluated),
        study_diagnostic=pl.Series(verdicts, dtype=pl.String),
        exposure_metric="metric",
        **not_evaluated,
    ).with_columns(
        unblind=((pl.col("mdrr_diagnostic") != "FAIL") & (pl.col("study_diagnostic") != "FAIL")).cast(pl.Int64),
        unblind_for_evidence_synthesis=(pl.col("study_diagnostic") != "FAIL").cast(pl.Int64),
    )


def _worst(diagnostics: pl.DataFrame) -> str:
    worst = max(diagnostics.get_column("verdict"), key=_VERDICTS.index, default=_VERDICTS[0])
    return _AS_HADES.get(worst, NOT_EVALUATED)


def _covariates(balance: pl.DataFrame) -> pl.DataFrame:
    """Characteristics at entry that have a mean or a share in both classes of the contrast."""
    binder, non_binder = (name.removeprefix("tspo_") for name in CONTRASTED)

    def mean(group: str) -> pl.Expr:
        return pl.when(pl.col("level") == YEARS).then(f"mean_{group}").otherwise(pl.col(f"percent_{group}") / 100)

    return (
        balance.with_columns(
            covariate_name=pl.concat_str(
                "characteristic", pl.when(pl.col("level") != "").then("level"), separator=": ", ignore_nulls=True
            ),
            covariate_analysis_name="heading",
            analysis_id=identifier(_MAIN_ANALYSIS),
            target_mean_before=mean(binder),
            comparator_mean_before=mean(non_binder),
            std_diff_before="smd_binder_non_binder",
        )
        .filter(pl.col("characteristic") != "persons")
        .with_columns(
            covariate_id=_id(pl.concat_str("heading", "covariate_name", separator=", ")),
            covariate_analysis_id=_id("heading"),
        )
    )
