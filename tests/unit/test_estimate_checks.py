"""Diagnostics that judge estimates: what they could have shown, other lags, other doses; and what of them is told."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cohort.analyses import MULTIPLE_IMPUTATION
from cohort.estimate_checks import detectable_ratios, lag_curve, missing_dose_bounds, told
from cohort.inputs import EXPOSURES, age_stratum_labels
from cohort.protocol import Protocol
from cohort.results import CONTRAST, FULLY_ADJUSTED, OVERALL, Diagnostic, Estimate, estimates_frame
from cohort.summary import headline_rows

PROTOCOL = Protocol()
BINDER = "tspo_binder"
AGES = (OVERALL, *age_stratum_labels(PROTOCOL.strata.age_bands))


def contrast(analysis: str, log_hr: float | None = 0.1, **fields: Any) -> Estimate:
    row = Estimate(
        analysis=analysis, model="cox", outcome="dementia", time_scale="age", exposure=CONTRAST, metric="dme",
        term="per 365", reference="tspo_non_binder", age_stratum=OVERALL, lag_days=1095, log_hr=log_hr, persons=900,
        persons_exposed=90, events=60, events_exposed=9,
    )  # fmt: skip
    return replace(row, **fields)


def bounds(*rows: Estimate, protocol: Protocol = PROTOCOL, planned: Sequence[str] | None = None) -> Diagnostic:
    names = [row.analysis for row in rows] if planned is None else planned
    return missing_dose_bounds(estimates_frame(list(rows)), protocol, names)


def test_the_bounds_are_told_by_their_largest_distance_from_the_primary_contrast() -> None:
    found = bounds(
        contrast("primary"),
        contrast("missing-dose-zero", 0.35),
        contrast(MULTIPLE_IMPUTATION, -0.2),
        contrast("missing-dose-one-ddd", 9.0, status="suppressed"),
        contrast("lag-1y", 5.0),
        contrast("missing-dose-zero", 7.0, outcome="death", model="cause-specific-death"),
        contrast("missing-dose-zero", 7.0, model=FULLY_ADJUSTED),
        contrast("missing-dose-zero", 7.0, age_stratum="85 and over"),
    )
    assert (found.value, found.verdict, found.exposure) == (pytest.approx(0.3), "info", CONTRAST)
    assert "2 bounds" in found.meaning


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([contrast("primary")], "Every fill's dose could be computed: nothing to bound."),
        ([contrast("primary", status="suppressed"), contrast("missing-dose-zero")], "suppressed or not estimable"),
        ([contrast("primary"), contrast("missing-dose-zero", status="suppressed")], "suppressed or not estimable"),
    ],
)
def test_bounds_that_cannot_be_told_say_why(rows: list[Estimate], said: str) -> None:
    found = bounds(*rows)
    assert said in found.meaning
    assert (found.value, found.verdict) == (None, "info")


def test_bounds_that_were_not_asked_for_are_not_missed() -> None:
    found = bounds(contrast("primary"), protocol=PROTOCOL.changed(missing_dose_bounds=()))
    assert "No bounds were asked for" in found.meaning


def test_diagnostics_tell_no_count_that_the_estimates_hide() -> None:
    """The events of the linear model are its events per parameter times the parameters."""
    hidden = contrast("ddd", events=None)
    gone = contrast(MULTIPLE_IMPUTATION, status="suppressed", events=None)
    rows = estimates_frame([contrast("primary"), hidden, gone, contrast("lag-1y", age_stratum="85", events=None)])
    per_parameter = [
        Diagnostic("events per parameter", a, "pass", "E.", value=9.5) for a in ("primary", "ddd", "lag-1y")
    ]
    information = [
        Diagnostic("fraction of missing information", MULTIPLE_IMPUTATION, "info", "I.", e, value=0.1)
        for e in (CONTRAST, "tspo_binder")
    ]
    other = Diagnostic("heterogeneity", "ddd", "info", "H.", value=1.0)
    shown = told([*per_parameter, *information, other], rows)
    assert [d.value for d in shown] == [9.5, None, 9.5, None, 0.1, 1.0]
    assert "too few to be told" in shown[1].meaning
    assert shown[1].verdict == "pass"


def test_what_other_models_do_not_count_hides_no_events_per_parameter() -> None:
    """Models of single drugs and of other covariates have rows without counts in every run."""
    rows = estimates_frame([contrast("primary"), contrast("primary", model=FULLY_ADJUSTED, events=None)])
    (shown,) = told([Diagnostic("events per parameter", "primary", "pass", "E.", value=9.5)], rows)
    assert (shown.value, shown.meaning) == (9.5, "E.")


# --- What could have been shown ----------------------------------------------------------------------------


def detectable(limit: float = 2, **ratios: float | None) -> dict[str, Diagnostic]:
    """`binder`, `oldest`: the detectable ratio of binders at all ages, and of the oldest; 1.5 everywhere else."""
    special = {(BINDER, OVERALL): ratios.get("binder", 1.5), (BINDER, AGES[-1]): ratios.get("oldest", 1.5)}
    rows = [
        contrast("primary", exposure=exposure, age_stratum=age, mdrr=special.get((exposure, age), 1.5))
        for exposure in EXPOSURES
        for age in AGES
    ]
    others = [
        contrast("lag-1y", exposure=BINDER, mdrr=9.0),
        contrast("primary", exposure=BINDER, term="1-90", mdrr=9.0),
    ]
    found = detectable_ratios(estimates_frame(rows + others), PROTOCOL.changed(detectable_hazard_ratio=limit))
    assert [d.exposure for d in found] == list(EXPOSURES)
    return {d.exposure: d for d in found}


def test_the_detectable_ratio_of_each_class_passes_up_to_the_gate() -> None:
    found = detectable(binder=2.0)
    assert {e: (d.value, d.verdict) for e, d in found.items()} == {
        e: (2.0 if e == BINDER else 1.5, "pass") for e in EXPOSURES
    }
    assert len({d.meaning for d in found.values()}) == 1


@pytest.mark.parametrize(
    ("ratios", "value", "said"),
    [
        ({"binder": 2.001}, 2.001, "Beyond it: all ages (2.00)."),
        ({"oldest": 3.456}, 1.5, "Beyond it: 85 and over (3.46)."),
        ({"oldest": None}, 1.5, "Beyond it: 85 and over (not told)."),
        ({"binder": None, "oldest": 2.5}, None, "Beyond it: all ages (not told), 85 and over (2.50)."),
    ],
)
def test_a_class_or_an_age_that_could_show_too_little_warns(
    ratios: dict[str, float | None], value: float | None, said: str
) -> None:
    found = detectable(**ratios)
    assert (found[BINDER].value, found[BINDER].verdict) == (value, "warn")
    assert found[BINDER].meaning.endswith(said)
    assert {d.verdict for e, d in found.items() if e != BINDER} == {"pass"}


def test_a_class_without_a_row_could_show_nothing() -> None:
    assert {d.verdict for d in detectable_ratios(estimates_frame([]), PROTOCOL)} == {"warn"}


# --- The lag curve -----------------------------------------------------------------------------------------


def at_lag(days: int, ratio: float, lower: float | None, upper: float | None, **fields: Any) -> Estimate:
    analysis = "primary" if days == PROTOCOL.exposure.lag_days else f"lag-{days}d"
    numbers = {"lag_days": days, "hazard_ratio": ratio, "ci_lower": lower, "ci_upper": upper}
    return contrast(analysis, exposure=BINDER, **{**numbers, **fields})


PLANNED = at_lag(1095, 1.3, 1.1, 1.5)


def curve(*rows: Estimate) -> Diagnostic:
    found = {d.exposure: d for d in lag_curve(estimates_frame(list(rows)), PROTOCOL)}
    assert list(found) == [*EXPOSURES, CONTRAST]
    assert {d.verdict for e, d in found.items() if e != BINDER} == {"info"}, "nothing is told of the others"
    return found[BINDER]


@pytest.mark.parametrize(
    ("rows", "verdict", "value"),
    [
        ([PLANNED, at_lag(1825, 1.1, 0.95, 1.29)], "warn", 1.1 / 1.3),
        ([PLANNED, at_lag(1825, 1.1, 0.95, 1.3)], "pass", 1.1 / 1.3),
        ([PLANNED, at_lag(1825, 1.1, 1.01, 1.29)], "pass", 1.1 / 1.3),
        ([at_lag(1095, 1.3, 1.0, 1.6), at_lag(1825, 1.1, 0.95, 1.29)], "pass", 1.1 / 1.3),
        ([PLANNED, at_lag(1825, 1.0, 0.9, 1.1), at_lag(3650, 1.3, 0.9, 1.9)], "warn", 1.0),
        ([PLANNED, at_lag(0, 1.0, 0.9, 1.1), at_lag(1825, 1.3, 1.1, 1.5)], "pass", 1.0),
        ([PLANNED, at_lag(1825, 1.0, 0.9, 1.1, age_stratum="85 and over")], "info", None),
        ([PLANNED, at_lag(1825, 1.0, 0.9, 1.1, model=FULLY_ADJUSTED)], "info", None),
        ([PLANNED, at_lag(1825, 1.0, 0.9, 1.1, status="suppressed")], "info", None),
        ([PLANNED, replace(at_lag(1825, 1.0, 0.9, 1.1), analysis="missing-dose-zero")], "info", None),
        ([at_lag(1825, 1.0, 0.9, 1.1)], "info", None),
    ],
)
def test_an_association_that_a_longer_lag_takes_away_warns(
    rows: list[Estimate], verdict: str, value: float | None
) -> None:
    found = curve(*rows)
    assert (found.verdict, found.value) == (verdict, None if value is None else pytest.approx(value))
    assert ("It is gone" in found.meaning) == (verdict == "warn")


def test_the_first_lag_that_takes_it_away_is_named() -> None:
    found = curve(PLANNED, at_lag(3650, 1.0, 0.9, 1.1), at_lag(1825, 1.0, 0.9, 1.1))
    assert "gone with a lag of 1,825 days" in found.meaning


def test_without_longer_lags_the_curve_is_not_missed() -> None:
    (found,) = lag_curve(estimates_frame([PLANNED]), PROTOCOL.changed(lag_family_days=(0, 1095)))
    assert (found.verdict, found.exposure) == ("info", "")
    assert "No lag longer" in found.meaning


# --- The terminal ------------------------------------------------------------------------------------------


def test_the_headline_table_says_how_much_of_the_dose_is_known(tmp_path: Path) -> None:
    shares = [(0.987, 1.0), (None, 0.999), (0.0, None)]
    rows = [contrast("primary", known_time_share=t, known_dose_share=d, hazard_ratio=1.1, ci_lower=1.0, ci_upper=1.2)
            for t, d in shares]  # fmt: skip
    estimates_frame(rows).write_parquet(tmp_path / "estimates.parquet")
    found = [row["dose known (time / dose)"] for row in headline_rows(tmp_path)]
    assert found == ["98.7% / 100%", "- / 99.9%", "0% / -"]
