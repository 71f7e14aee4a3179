"""The tables of age and of dose-response: built from what may be released, and from nothing else."""

from dataclasses import replace
from typing import Any

import pytest

from cohort.age_table import age_table
from cohort.disclosure import SUPPRESSED, suppress_estimates
from cohort.dose_response_table import DOSE_RESPONSE_SCHEMA, dose_response_table
from cohort.results import (
    AGE_AT_ENTRY,
    CONTINUOUS_AGE,
    COX,
    OVERALL,
    AdditiveEffect,
    Diagnostic,
    DosePoint,
    Estimate,
    estimates_frame,
)

ROW = Estimate(
    "primary", COX, "dementia", "age", "tspo_binder", "dme", "per 365", "per unit", "65 to 74", 1095,
    persons=900, persons_exposed=100, events=90, events_exposed=20, person_years=5000.0,
    hazard_ratio=1.2, ci_lower=1.0, ci_upper=1.4, log_hr=0.18, se_log_hr=0.09, p_value=0.04,
)  # fmt: skip
ENTRY = replace(ROW, model=AGE_AT_ENTRY, hazard_ratio=1.1)
AT_80 = replace(ROW, model=CONTINUOUS_AGE, term="per 365 at age 80", age_stratum=OVERALL, hazard_ratio=1.3)
SLOPE = replace(AT_80, term="per 365 per 10 years of age", hazard_ratio=1.05)
EFFECT = AdditiveEffect("primary", "tspo_binder", "65 to 74", 14.0, 2.8, 0.1, 5.5, 0.3, -0.2, 0.8)


def heterogeneity_of(exposure: str = "tspo_binder", analysis: str = "primary") -> list[Diagnostic]:
    names = ("heterogeneity over age strata", "heterogeneity over age at entry", "heterogeneity over continuous age")
    return [Diagnostic(n, analysis, "info", "", exposure, 1.0, 3, 0.1 * (k + 1)) for k, n in enumerate(names)]


def table_of(*rows: Estimate, effects: tuple[AdditiveEffect, ...] = (EFFECT,)) -> list[dict[str, Any]]:
    found = age_table(estimates_frame(list(rows)), [*heterogeneity_of(), *heterogeneity_of(analysis="lag-0y")], effects)
    return found.to_dicts()


def test_each_way_has_its_ratio_and_its_own_test_of_heterogeneity() -> None:
    rows = table_of(ROW, ENTRY, AT_80)
    assert [(r["way"], r["age"], r["hazard_ratio"], r["heterogeneity_p"]) for r in rows] == [
        ("attained age", "65 to 74", 1.2, pytest.approx(0.1)),
        ("age at entry", "65 to 74", 1.1, pytest.approx(0.2)),
        ("continuous age", "80", 1.3, pytest.approx(0.3)),
    ]


def test_only_attained_age_has_what_a_dose_adds() -> None:
    attained, entry, continuous = table_of(ROW, ENTRY, AT_80)
    assert [attained[k] for k in ("unexposed_rate", "excess_rate", "reri", "reri_upper")] == [14.0, 2.8, 0.3, 0.8]
    assert {row["excess_rate"] for row in (entry, continuous)} == {None}


def test_slopes_overall_rows_other_analyses_and_deaths_are_not_in_the_table() -> None:
    others = (
        *(SLOPE, replace(ROW, age_stratum=OVERALL), replace(ROW, analysis="lag-0y")),
        *(replace(ROW, outcome="death", model="cause-specific-death"), replace(ROW, term="1-90")),
    )
    assert table_of(*others) == []


@pytest.mark.parametrize("changes", [{"status": SUPPRESSED}, {"status": "not estimable: no events"}, {"events": None}])
def test_nothing_is_added_where_the_estimate_or_its_counts_are_not_told(changes: dict[str, Any]) -> None:
    (row,) = table_of(replace(ROW, **changes))
    assert {row[k] for k in ("unexposed_rate", "excess_rate", "excess_lower", "reri")} == {None}


def test_without_additive_effects_the_ratios_stay() -> None:
    (row,) = table_of(ROW, effects=())
    assert (row["hazard_ratio"], row["excess_rate"]) == (1.2, None)


def test_counts_by_age_at_entry_are_not_released() -> None:
    """Beside counts by attained age they would tell small differences of both."""
    released = suppress_estimates(estimates_frame([ROW, ENTRY]), 5)
    entry = released.filter(model=AGE_AT_ENTRY).to_dicts()[0]
    assert {entry[k] for k in ("persons", "events", "events_exposed", "person_years", "mdrr")} == {None}
    assert (entry["hazard_ratio"], entry["status"]) == (1.1, "ok")
    assert released.filter(model=COX)["events"].item() == 90


def test_an_estimate_by_age_at_entry_of_few_events_is_suppressed() -> None:
    released = suppress_estimates(estimates_frame([ROW, replace(ENTRY, events_exposed=3)]), 5)
    assert released.filter(model=AGE_AT_ENTRY).select("hazard_ratio", "status").row(0) == (None, SUPPRESSED)


def test_counts_by_age_at_entry_hide_no_count_by_attained_age() -> None:
    """They take no part in the sums that a reader could do."""
    overall = replace(ROW, age_stratum=OVERALL, persons=1000, persons_exposed=150, events=120, events_exposed=30)
    other = replace(ROW, age_stratum="75 to 84", persons=100, persons_exposed=50, events=30, events_exposed=10)
    alone = suppress_estimates(estimates_frame([overall, ROW, other]), 5)
    beside = suppress_estimates(estimates_frame([overall, ROW, other, replace(ENTRY, events=92)]), 5)
    assert beside.filter(model=COX).equals(alone)


POINTS = [
    DosePoint("primary", "tspo_binder", "dme", 0.0, dose, dose == 90, 1.0 + dose / 1000, 1.0, 2.0)
    for dose in (0.0, 90.0, 180.0)
]


def test_a_curve_is_released_with_its_linear_estimate() -> None:
    released = estimates_frame([replace(ROW, age_stratum=OVERALL)])
    table = dose_response_table(POINTS, released)
    assert dict(table.schema) == DOSE_RESPONSE_SCHEMA
    assert table["hazard_ratio"].to_list() == [1.0, 1.09, 1.18]
    assert table["is_knot"].to_list() == [False, True, False]


def test_a_curve_whose_linear_estimate_is_suppressed_is_one_row_that_says_so() -> None:
    hidden = replace(ROW, age_stratum=OVERALL, status=SUPPRESSED)
    other = replace(hidden, exposure="tspo_unknown", status="ok")
    unknown = [replace(point, exposure="tspo_unknown") for point in POINTS]
    table = dose_response_table([*POINTS, *unknown], estimates_frame([hidden, other]))
    assert table.filter(exposure="tspo_unknown").height == 3
    (row,) = table.filter(exposure="tspo_binder").to_dicts()
    assert {k for k, v in row.items() if v is not None} == {"analysis", "exposure", "metric", "reference", "status"}
    assert row["status"] == SUPPRESSED


def test_a_class_without_a_curve_keeps_its_reason() -> None:
    why = DosePoint("primary", "tspo_unknown", "dme", 0.0, status="not estimable: no dementia events")
    table = dose_response_table([why], estimates_frame([]))
    assert table.row(0, named=True)["status"] == "not estimable: no dementia events"


def test_a_suppressed_row_of_another_age_hides_no_curve() -> None:
    rows = [replace(ROW, age_stratum=OVERALL), replace(ROW, status=SUPPRESSED)]
    assert dose_response_table(POINTS, estimates_frame(rows)).height == 3
