"""Released tables in the form of omopgenerics: each number once and as released, and the rules of its readers."""

import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from cohort.interchange import COLUMNS, broken_rules, cohort_tables, summarised_result
from cohort.interchange.cohort_tables import ATTRITION, CODELIST, COHORT
from cohort.protocol import load_protocol
from cohort.results import ESTIMATE_SCHEMA

RECORD: dict[str, Any] = {
    "cdm": {"cdm_source_name": "A CDM", "location": "cdm.duckdb"},
    "versions": {"tspo-cohort": "0.1.0"},
    "protocol_hash": "abc",
    "seed": 1,
    "protocol": {"disclosure": {"min_cell_count": 5}, "exposure": {"lag_days": 365, "lags": [0, 365]}, "preset": None},
}
TABLES = {
    "attrition": pl.DataFrame(
        {
            "cohort_definition_id": [1, 1],
            "number_records": [100, None],
            "number_subjects": [100, None],
            "reason_id": [1, 2],
            "reason": ["Initial qualifying events", "Year of birth is recorded"],
            "excluded_records": [0, None],
            "excluded_subjects": [0, None],
        }
    ),
    "estimates": pl.DataFrame(
        [
            {"estimate_id": "a", "analysis": "primary", "model": "cox", "outcome": "dementia", "exposure": "binder",
             "metric": "dme", "term": "per 365", "age_stratum": "overall", "lag_days": 365, "persons": 90,
             "persons_exposed": 20, "events_exposed": 6,
             "hazard_ratio": 1.25, "known_dose_share": 0.5, "status": "ok"},
            {"estimate_id": "b", "analysis": "primary", "model": "cox", "outcome": "dementia", "exposure": "binder",
             "metric": "dme", "term": "per 365", "age_stratum": "85 and over", "lag_days": 365,
             "status": "suppressed"},
        ],
        schema=ESTIMATE_SCHEMA,
    ),
    "balance": pl.DataFrame(
        {
            "heading": ["Persons", "Persons"],
            "characteristic": ["persons", "sex"],
            "level": ["", "female"],
            "persons_binder": [40, 22],
            "percent_binder": [None, 55.0],
            "mean_binder": [None, None],
            "sd_binder": [None, None],
            "smd_users_non_users": [None, 0.1],
            "status": ["ok", "ok"],
        },
        schema_overrides={"mean_binder": pl.Float64, "sd_binder": pl.Float64},
    ),
    "drugs": pl.DataFrame({"drug": ["diazepam"]}),
}  # fmt: skip


def result() -> pl.DataFrame:
    return summarised_result(TABLES, RECORD)


def cells(result_id: int, *columns: str) -> list[tuple[Any, ...]]:
    rows = result().filter(pl.col("result_id") == result_id, pl.col("variable_name") != "settings")
    return rows.select(*columns).rows()


def test_it_keeps_the_rules_and_holds_what_is_a_result() -> None:
    found = result()
    assert dict(found.schema) == COLUMNS
    assert broken_rules(found) == []
    kinds = found.filter(estimate_name="result_type").get_column("estimate_value").to_list()
    assert kinds == ["cohort_attrition", "cox_estimates", "baseline_characteristics"]


def test_a_number_is_told_as_it_was_released_and_a_hidden_one_as_hidden() -> None:
    names = ("strata_level", "estimate_name", "estimate_type", "estimate_value")
    assert set(cells(2, *names)) == {
        ("overall", "persons", "integer", "90"),
        ("overall", "persons_exposed", "integer", "20"),
        ("overall", "events", "integer", "-"),  # hidden alone, in a row that is told
        ("overall", "events_exposed", "integer", "6"),
        ("overall", "hazard_ratio", "numeric", "1.25"),
        ("overall", "known_dose_share", "proportion", "0.5"),
        ("overall", "status", "character", "ok"),
        ("85 and over", "status", "character", "suppressed"),
        *(
            ("85 and over", name, "integer", "-")
            for name in ("persons", "persons_exposed", "events", "events_exposed")
        ),
        *(
            ("85 and over", name, "numeric", "-")
            for name in (
                "person_years", "hazard_ratio", "ci_lower", "ci_upper", "log_hr", "se_log_hr", "p_value", "mdrr"
            )
        ),
        *(("85 and over", name, "proportion", "-") for name in ("known_time_share", "known_dose_share")),
    }  # fmt: skip


def test_keys_without_a_value_are_left_out_of_their_pair() -> None:
    assert set(cells(2, "group_name", "group_level", "additional_name", "additional_level", "variable_level")) == {
        ("exposure &&& metric", "binder &&& dme", "analysis &&& model &&& lag_days", "primary &&& cox &&& 365",
         "per 365")
    }  # fmt: skip


def test_attrition_has_a_row_for_each_count_and_for_each_reason() -> None:
    found = cells(1, "additional_level", "variable_name", "estimate_name", "estimate_value")
    assert ("1", "number_subjects", "count", "100") in found
    assert ("2", "number_subjects", "count", "-") in found
    assert ("2", "reason", "reason", "Year of birth is recorded") in found
    assert len(found) == 2 * 5


def test_table_1_has_its_groups_as_levels() -> None:
    found = cells(
        3, "group_level", "variable_name", "variable_level", "estimate_name", "estimate_type", "estimate_value"
    )
    assert set(found) == {
        ("binder", "persons", "", "count", "integer", "40"),
        ("binder", "sex", "female", "count", "integer", "22"),
        ("binder", "sex", "female", "percentage", "percentage", "55.0"),
        ("overall", "sex", "female", "smd_users_non_users", "numeric", "0.1"),
    }


def test_settings_hold_the_protocol() -> None:
    rows = result().filter(variable_name="settings", result_id=2)
    found = dict(rows.select("estimate_name", "estimate_value").iter_rows())
    assert found["exposure_lag_days"] == "365"
    assert found["exposure_lags"] == "[0, 365]"
    assert found["min_cell_count"] == "5"
    assert (found["group"], found["strata"]) == ("exposure &&& metric", "age_stratum")
    assert "preset" not in found


def with_first(column: str, value: Any) -> pl.DataFrame:
    """The result, of whose first row one cell is another."""
    is_first = pl.int_range(pl.len()) == 0
    return result().with_columns(pl.when(is_first).then(pl.lit(value)).otherwise(pl.col(column)).alias(column))


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (lambda: result().rename({"cdm_name": "cdm"}), "the columns are result_id, cdm,"),
        (lambda: with_first("estimate_value", None), "estimate_value is missing in 1 row(s)"),
        (lambda: with_first("estimate_type", "count"), "count is no estimate_type"),
        (lambda: with_first("group_name", "a &&& b"), "differ in number"),
        (lambda: with_first("group_name", "Cohort Name"), "Cohort Name of group_name is not snake_case"),
        (lambda: pl.concat([result(), result().head(1)]), "1 estimate(s) are there twice"),
        (lambda: pl.concat([result(), result().filter(estimate_name="seed", result_id=1)]),
         "1 setting(s) are there twice"),
        (lambda: result().filter(pl.col("estimate_name") != "result_type"), "result_id 1 has no setting result_type"),
        (lambda: result().with_columns(
            estimate_value=pl.when(pl.col("estimate_name") == "strata").then(pl.lit("exposure"))
            .otherwise("estimate_value")), "result_id 2 has a name in two of group, strata, additional"),
        (lambda: result().with_columns(result_id=pl.lit(1, pl.Int64)).filter(
            (pl.col("variable_name") != "settings") | (pl.col("estimate_name") == "seed")),
         "result_id 1 has no setting package_name"),
        (lambda: pl.concat([result(), result().filter(variable_name="settings", result_id=1)
                            .with_columns(result_id=pl.lit(9, pl.Int64))]),
         "1 result_id(s) have the settings of another"),
        (lambda: pl.concat([result(), result().filter(variable_name="number_subjects").head(1)
                            .with_columns(estimate_name=pl.lit("record_count"))]),
         "1 group(s) have more than one number of subjects or records"),
    ],
)  # fmt: skip
def test_a_broken_rule_is_said(broken: Any, says: str) -> None:
    assert [message for message in broken_rules(broken()) if says in message], broken_rules(broken())


def test_a_release_without_results_gives_an_empty_one(tmp_path: Path) -> None:
    empty = summarised_result({"drugs": TABLES["drugs"]}, RECORD)
    assert (empty.height, dict(empty.schema)) == (0, COLUMNS)


# --- The cohort ------------------------------------------------------------------------------------------------


def test_the_cohort_and_its_satellites_have_the_names_order_and_types_of_omop() -> None:
    people = pl.DataFrame(
        {
            "person_id": [7, 3],
            "entry_date": [dt.date(2010, 1, 1), dt.date(2011, 2, 3)],
            "exit_date": [dt.date(2012, 1, 1), dt.date(2011, 2, 4)],
            "sex": ["Female", "Male"],
        }
    )
    members = pl.DataFrame(
        {
            "concept_set": ["dementia", "dementia", "antidementia_drugs", "statins", "dementia"],
            "concept_id": [4182210, 378419, 701322, 1539403, 378419],
        }
    )
    protocol = load_protocol(None, ["prevalent_sets=['antidementia_drugs']"])
    found = cohort_tables(people, TABLES["attrition"], members, protocol)
    assert found["cohort"].rows() == [
        (1, 3, dt.date(2011, 2, 3), dt.date(2011, 2, 4)),
        (1, 7, dt.date(2010, 1, 1), dt.date(2012, 1, 1)),
    ]
    assert [dict(found[name].schema) for name in ("cohort", "cohort_attrition", "cohort_codelist")] == [
        COHORT,
        ATTRITION,
        CODELIST,
    ]
    assert found["cohort_codelist"].rows() == [
        (1, "dementia", 378419, "exit criteria"),
        (1, "dementia", 4182210, "exit criteria"),
        (1, "antidementia_drugs", 701322, "inclusion criteria"),
        (1, "dementia", 378419, "inclusion criteria"),
        (1, "dementia", 4182210, "inclusion criteria"),
    ]
    (settings,) = found["cohort_set"].to_dicts()
    assert settings["cohort_name"] == "at_risk_of_dementia"
    assert settings["population_minimum_age_years"] == str(protocol.population.minimum_age_years)
