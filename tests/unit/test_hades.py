"""Released tables as HADES has them: the columns that are specified, each number in its place, hidden as they do."""

from typing import Any

import polars as pl
import pytest

from cohort.interchange import hades_tables, specification
from cohort.interchange.hades import identifier
from cohort.results import ESTIMATE_SCHEMA

RECORD: dict[str, Any] = {
    "cdm": {"cdm_source_name": "A CDM", "location": "cdm.duckdb"},
    "protocol_hash": "abc",
    "protocol": {
        "disclosure": {"min_cell_count": 5},
        "model": {"confidence_level": 0.95},
        "outcome": {"diagnosis": "dementia"},
    },
}
SHARED = {"analysis": "primary", "model": "cox", "outcome": "dementia", "metric": "dme", "age_stratum": "overall",
          "time_scale": "age", "lag_days": 365, "status": "ok"}  # fmt: skip
BINDER = {"exposure": "tspo_binder"}
RATIO = {"hazard_ratio": 1.25, "ci_lower": 1.1, "ci_upper": 1.42, "log_hr": 0.223, "se_log_hr": 0.065, "p_value": 0.04}
ESTIMATES = [
    BINDER | RATIO | {"term": "per 365", "reference": "per unit", "persons_exposed": 60, "events_exposed": 30,
                      "person_years": 900.0, "mdrr": 1.4},
    {"exposure": "tspo_non_binder", "term": "per 365", "reference": "per unit", "persons_exposed": 50,
     "events_exposed": 20, "person_years": 900.0, "mdrr": 12.0, "hazard_ratio": 0.8, "log_hr": -0.223, "p_value": 0.04},
    {"exposure": "binder_minus_non_binder", "term": "per 365", "reference": "tspo_non_binder", "persons_exposed": 105,
     "events_exposed": 48, "hazard_ratio": 1.5},
    BINDER | {"term": "0", "reference": "0", "persons_exposed": 90, "events_exposed": 40, "person_years": 800.0,
              "hazard_ratio": 1.0},
    BINDER | {"term": "1-90", "reference": "0", "persons_exposed": 40, "events_exposed": 18, "person_years": 70.0,
              "hazard_ratio": 1.1},
    BINDER | {"term": "91-180", "reference": "0", "status": "suppressed"},
    BINDER | {"model": "cox-unadjusted", "term": "per 365", "reference": "per unit", "hazard_ratio": 1.3},
]  # fmt: skip
TABLES = {
    "estimates": pl.DataFrame([SHARED | row for row in ESTIMATES], schema=ESTIMATE_SCHEMA),
    "attrition": pl.DataFrame({"reason_id": [1, 2], "reason": ["All", "Aged 50"], "number_subjects": [100, None]}),
    "balance": pl.DataFrame(
        {
            "heading": ["About"] * 3,
            "characteristic": ["persons", "sex", "age"],
            "level": ["", "Female", "years"],
            "percent_binder": [None, 55.0, None],
            "mean_binder": [None, None, 61.5],
            "percent_non_binder": [None, 50.0, None],
            "mean_non_binder": [None, None, 60.0],
            "smd_binder_non_binder": [None, 0.1, 0.2],
        }
    ),
    "diagnostics": pl.DataFrame(
        {
            "analysis": ["primary"] * 4,
            "exposure": ["tspo_binder", "tspo_non_binder", "", "all terms"],
            "verdict": ["warn", "fail", "pass", "info"],
        }
    ),
}


def table(name: str, **record: Any) -> pl.DataFrame:
    return hades_tables(TABLES, RECORD | record)[name]


def result(target: str, contrast: str, analysis: str = "primary, cox", **record: Any) -> dict[str, Any]:
    rows = table("cm_result", **record).filter(
        target_id=identifier(target), contrast=contrast, analysis_id=identifier(analysis)
    )
    return next(rows.iter_rows(named=True))


def test_every_table_is_as_specified() -> None:
    found = hades_tables(TABLES, RECORD)
    said = found.pop("resultsDataModelSpecification")
    assert said.columns[:2] == ["table_name", "column_name"]
    assert set(found) == set(said.get_column("table_name"))
    for name, made in found.items():
        columns = [column for column in specification() if column.table_name == name]
        assert made.columns == [column.column_name for column in columns]
        assert made.height
        key = [column.column_name for column in columns if column.primary_key == "Yes"]
        assert made.n_unique(key) == made.height, name
        for column in columns:
            if column.is_required == "Yes":
                assert made.get_column(column.column_name).null_count() == 0, (name, column.column_name)


def test_every_number_points_to_a_name() -> None:
    known = set(table("cg_cohort_definition").get_column("cohort_definition_id"))
    analyses = set(table("cm_analysis").get_column("analysis_id"))
    for name in ("cm_result", "cm_attrition", "cm_covariate_balance", "cm_diagnostics_summary"):
        made = table(name)
        for column in ("target_id", "comparator_id", "outcome_id"):
            assert set(made.get_column(column)) <= known, (name, column)
        assert set(made.get_column("analysis_id")) <= analyses


def test_a_dose_per_unit_has_the_exposed_and_no_time_of_its_own() -> None:
    found = result("tspo_binder", "per 365")
    assert found | {
        "rr": 1.25, "ci_95_lb": 1.1, "ci_95_ub": 1.42, "p": 0.04, "one_sided_p": 0.02, "log_rr": 0.223,
        "se_log_rr": 0.065, "target_subjects": 60, "target_outcomes": 30, "target_days": None,
        "comparator_subjects": None, "comparator_outcomes": None, "comparator_days": None, "llr": None,
        "comparator_id": identifier("no tspo_binder"), "database_id": "A CDM",
    } == found  # fmt: skip
    assert result("tspo_non_binder", "per 365")["one_sided_p"] == pytest.approx(0.98)


def test_the_contrast_compares_the_classes() -> None:
    rows = table("cm_result").filter(target_id=identifier("tspo_binder"), comparator_id=identifier("tspo_non_binder"))
    (found,) = rows.iter_rows(named=True)
    assert found["rr"] == 1.5
    assert (found["target_subjects"], found["comparator_subjects"]) == (60, 50)
    assert (found["target_outcomes"], found["comparator_outcomes"]) == (30, 20)


def test_a_category_stands_beside_its_reference() -> None:
    found = result("tspo_binder", "1-90")
    assert (found["target_subjects"], found["comparator_subjects"]) == (40, 90)
    assert (found["target_outcomes"], found["comparator_outcomes"]) == (18, 40)
    assert (found["target_days"], found["comparator_days"]) == (round(70 * 365.25), 292_200)
    assert table("cm_result").filter(contrast="0").is_empty()


def test_what_is_hidden_is_minus_the_minimum_cell_count_and_what_is_not_told_is_empty() -> None:
    hidden = result("tspo_binder", "91-180")
    assert (hidden["target_subjects"], hidden["target_outcomes"], hidden["rr"]) == (-5, -5, None)
    assert hidden["comparator_subjects"] == 90
    untold = result("tspo_binder", "per 365", "primary, cox-unadjusted")
    assert (untold["target_subjects"], untold["rr"]) == (None, 1.3)
    assert table("cm_attrition").get_column("subjects").to_list() == [100, -5]


def test_an_interval_of_another_level_is_not_called_one_of_95_percent() -> None:
    protocol = RECORD["protocol"] | {"model": {"confidence_level": 0.9}}
    found = result("tspo_binder", "per 365", protocol=protocol)
    assert (found["rr"], found["ci_95_lb"], found["ci_95_ub"]) == (1.25, None, None)


def test_the_worst_verdict_on_an_exposure_or_on_everything_counts() -> None:
    summary = table("cm_diagnostics_summary")
    found = {
        target: summary.filter(target_id=identifier(target), comparator_id=identifier(f"no {target}"))
        .select("mdrr_diagnostic", "study_diagnostic", "unblind", "unblind_for_evidence_synthesis")
        .row(0)
        for target in ("tspo_binder", "tspo_non_binder")
    }
    assert found == {"tspo_binder": ("PASS", "WARNING", 1, 1), "tspo_non_binder": ("FAIL", "FAIL", 0, 0)}


def test_characteristics_have_shares_and_means() -> None:
    names = table("cm_covariate").select("covariate_id", "covariate_name")
    found = table("cm_covariate_balance").join(names, on="covariate_id")
    values = found.select("covariate_name", "target_mean_before", "comparator_mean_before", "std_diff_before")
    assert set(values.rows()) == {("sex: Female", 0.55, 0.5, 0.1), ("age: years", 61.5, 60.0, 0.2)}
