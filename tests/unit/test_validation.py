"""How replicates are summed up and judged, and what is the truth of an estimate."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from cohort.protocol import Protocol
from cohort.results import CONTRAST
from cohort.synthetic import simulate
from cohort.validation.figures import exact_interval, write_figures
from cohort.validation.guide import Facts, page
from cohort.validation.performance import PERFORMANCE_SCHEMA, performance
from cohort.validation.planted import Planted
from cohort.validation.replicate import REPLICATE_SCHEMA
from cohort.validation.verdict import FAILS, HIDDEN, HOLDS, IMPRECISE, OPEN, judged, verdict

EFFECT = math.log(1.25)


def row(log_hr: float | None, se: float = 1.0, **changes: Any) -> dict[str, Any]:
    """A released estimate as a replicate's file has it; None: suppressed."""
    bounds = [None, None] if log_hr is None else [math.exp(log_hr - 1.96 * se), math.exp(log_hr + 1.96 * se)]
    return {
        **{"scenario": "primary", "seed": 1, "analysis": "primary", "lag_days": 1095, "metric": "dme"},
        **{"exposure": "tspo_binder", "term": "per 365", "age_stratum": "overall", "true_log_hr": 1.5},
        **{"is_specified": True, "events": 10, "log_hr": log_hr, "se_log_hr": None if log_hr is None else se},
        **{"ci_lower": bounds[0], "ci_upper": bounds[1], "p_value": None if log_hr is None else 0.5},
        **{"status": "suppressed" if log_hr is None else "ok", **changes},
    }


def summed(*rows: dict[str, Any], failed: tuple[str, ...] = ()) -> dict[str, Any]:
    """The one row that these sum up to."""
    table = performance(pl.DataFrame(rows, schema=REPLICATE_SCHEMA), failed)
    assert table.height == 1
    return table.row(0, named=True)


def test_the_formulas_are_those_of_morris_white_and_crowther() -> None:
    """Estimates 1, 2, 3 with standard errors 1, 1, 2 and the truth 1.5, in fractions."""
    missing = {"ci_lower": math.exp(2), "ci_upper": math.exp(4), "p_value": 0.01}
    found = summed(row(1, 1), row(2, 1), row(3, 2, **missing))
    expected = {
        "log_hr_mean": 2,
        "bias": 1 / 2,
        "bias_mcse": 1 / math.sqrt(3),
        "empirical_se": 1,
        "empirical_se_mcse": 1 / 2,
        "model_se": math.sqrt(2),
        "model_se_mcse": math.sqrt(1 / 8),
        "model_se_error": math.sqrt(2) - 1,
        "model_se_error_mcse": math.sqrt(2) * math.sqrt(5) / 4,
        "coverage": 2 / 3,
        "coverage_mcse": math.sqrt(2 / 27),
        "rejected": 1 / 3,
        "rejected_mcse": math.sqrt(2 / 27),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-12)
    assert (found["covered"], found["estimated"], found["replicates"]) == (2, 3, 3)


def test_normal_estimates_have_no_bias_and_cover_as_promised() -> None:
    """Ten thousand draws whose standard error is known: everything lies within four Monte Carlo errors."""
    rng = np.random.default_rng(3)
    rows = [row(float(b), 0.2, p_value=float(abs(b / 0.2) < 1.96)) for b in rng.normal(0.3, 0.2, 10_000)]
    found = summed(*({**r, "true_log_hr": 0.3} for r in rows))
    assert abs(found["bias"]) < 4 * found["bias_mcse"]
    assert found["bias_mcse"] == pytest.approx(0.002, rel=0.05)
    assert abs(found["empirical_se"] - 0.2) < 4 * found["empirical_se_mcse"]
    assert abs(found["model_se_error"]) < 4 * found["model_se_error_mcse"]
    assert abs(found["coverage"] - 0.95) < 4 * found["coverage_mcse"]
    assert abs(found["rejected"] - 0.3230) < 4 * found["rejected_mcse"]


def test_the_monte_carlo_errors_are_the_spread_over_repeated_validations() -> None:
    """Four hundred validations of fifty replicates each: how their figures vary is what each says of itself."""
    rng = np.random.default_rng(4)
    repeats = []
    for _ in range(400):
        errors = rng.chisquare(30, 50) / 30 * 0.2
        repeats.append(
            summed(*(row(float(b), float(s)) for b, s in zip(rng.normal(1.5, 0.2, 50), errors, strict=True)))
        )
    table = pl.DataFrame(repeats)
    for name in ("bias", "empirical_se", "model_se", "model_se_error", "coverage"):
        spread, said = table.get_column(name).std(), table.get_column(f"{name}_mcse").mean()
        assert spread == pytest.approx(said, rel=0.15), name


def test_what_a_replicate_does_not_release_is_counted() -> None:
    gone = row(None, status="not estimable: no dementia events")
    found = summed(row(1), row(2), row(None), gone, failed=("primary", "primary", "null"))
    counts = {name: found[name] for name in ("replicates", "estimated", "suppressed", "not_estimable", "failed")}
    assert counts == {"replicates": 6, "estimated": 2, "suppressed": 1, "not_estimable": 1, "failed": 2}
    assert found["log_hr_mean"] == 1.5
    assert found["bias_mcse"] == pytest.approx(1 / 2), "of two estimates that differ by one"


def test_without_a_truth_there_is_no_bias_and_no_coverage() -> None:
    found = summed(row(1, true_log_hr=None, is_specified=False), row(2, true_log_hr=None, is_specified=False))
    assert [found[name] for name in ("bias", "bias_mcse", "coverage", "coverage_mcse")] == [None] * 4
    assert (found["log_hr_mean"], found["rejected"]) == (1.5, 0)


def test_nothing_estimated_gives_empty_figures_not_zeros() -> None:
    found = summed(row(None), row(None))
    figures = list(PERFORMANCE_SCHEMA)[list(PERFORMANCE_SCHEMA).index("events_mean") :]
    assert {name: found[name] for name in figures if name not in ("covered", "events_mean")} == dict.fromkeys(
        (name for name in figures if name not in ("covered", "events_mean")), None
    )


def a_row(**changes: Any) -> dict[str, Any]:
    standing = {"is_specified": True, "replicates": 200, "estimated": 200, "bias": 0.0, "bias_mcse": 0.01}
    return {**standing, "covered": 190, **changes}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, HOLDS),
        ({"bias": -0.019}, HOLDS),
        ({"bias": -0.045}, OPEN),
        ({"bias": -0.051}, FAILS),
        ({"covered": 184}, HOLDS),
        ({"covered": 183}, OPEN),
        ({"covered": 196}, HOLDS),
        ({"covered": 200}, OPEN),
        ({"covered": 170}, FAILS),
        ({"covered": 1000, "estimated": 1000, "replicates": 1000}, FAILS),
        ({"estimated": 180, "covered": 171}, HOLDS),
        ({"estimated": 179, "covered": 170}, HIDDEN),
        ({"bias_mcse": 0.021, "bias": 0.5}, IMPRECISE),
        ({"bias_mcse": None, "bias": 0.0, "estimated": 1, "replicates": 1, "covered": 1}, IMPRECISE),
        ({"bias_mcse": 0.021, "covered": 100}, FAILS),
        ({"is_specified": False, "bias": 1.0, "covered": 0}, ""),
    ],
)
def test_a_row_fails_only_beyond_what_chance_explains(changes: dict[str, Any], expected: str) -> None:
    assert verdict(a_row(**changes)) == expected


def test_the_interval_of_a_share_is_exact() -> None:
    """Clopper and Pearson: of none in n the upper bound is 1 - 0.025^(1/n)."""
    assert exact_interval(0, 20) == pytest.approx((0, 1 - 0.025 ** (1 / 20)))
    assert exact_interval(20, 20) == pytest.approx((0.025 ** (1 / 20), 1))


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Planted]:
    """The truth of a world of a few persons, made when it is asked for."""
    folder, made = tmp_path_factory.mktemp("truth"), {}

    def of(scenario: str) -> Planted:
        if scenario not in made:
            path = simulate(folder / f"{scenario}.duckdb", 20, 1, scenario)
            made[scenario] = Planted(json.loads(path.read_text()))
        return made[scenario]

    return of


def asked(exposure: str, age: str = "overall", metric: str = "dme", term: str = "per 365") -> dict[str, str]:
    return {"exposure": exposure, "age_stratum": age, "metric": metric, "term": term}


@pytest.mark.parametrize(
    ("scenario", "estimate", "expected"),
    [
        ("S5", asked("tspo_binder"), EFFECT),
        ("S5", asked("tspo_non_binder"), 0.0),
        ("S5", asked(CONTRAST), EFFECT),
        ("S5", asked(CONTRAST, "85 and over"), EFFECT),
        ("S5", asked("tspo_binder", metric="ddd"), None),
        ("S5", asked("tspo_non_binder", term="1-90"), None),
        ("S4", asked("tspo_binder"), None),
        ("S4", asked("tspo_binder", "75 to 84"), EFFECT),
        ("S4", asked("tspo_binder", "65 to 74"), None),
        ("S1", asked("tspo_binder", metric="ddd"), 0.0),
        ("S1", asked("tspo_binder", term="1-90"), 0.0),
        ("S6", asked("tspo_binder"), None),
    ],
)
def test_the_truth_of_an_estimate(
    planted: Callable[[str], Planted], scenario: str, estimate: dict[str, str], expected: float | None
) -> None:
    found = planted(scenario).log_hazard_ratio(estimate, 365)
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-12))


def test_the_truth_is_per_the_unit_of_the_protocol(planted: Callable[[str], Planted]) -> None:
    assert planted("S5").log_hazard_ratio(asked("tspo_binder", term="per 100"), 100) == pytest.approx(
        EFFECT * 100 / 365
    )


@pytest.mark.parametrize(
    ("scenario", "changes", "expected"),
    [
        ("S5", {}, True),
        ("S5", {"lag_days": 0}, False),
        ("S5", {"lag_days": 1825}, False),
        ("S5", {"metric": "ddd"}, False),
        ("S5", {"window_days": 3650}, False),
        ("S5", {"covariates": ("depression",)}, False),
        ("S5", {"time_scale": "follow-up"}, False),
        ("S1", {}, True),
        ("S1", {"lag_days": 730}, False),
        ("S1", {"lag_days": 1825}, True),
        ("S1", {"metric": "ddd"}, True),
        ("S3", {"lag_days": 0}, False),
        ("S2", {"lag_days": 0}, True),
        ("S2", {"covariates": ()}, False),
        ("S0", {"covariates": ()}, True),
        ("S6", {}, False),
        ("S10", {}, False),
    ],
)
def test_which_analysis_is_specified_to_find_it(
    planted: Callable[[str], Planted], scenario: str, changes: dict[str, Any], expected: bool
) -> None:
    """At the lag of the delay; without an effect at longer ones too, and at any where the prodrome starts no drug."""
    assert planted(scenario).is_specified(Protocol().alone(**changes)) is expected


def two_scenarios() -> pl.DataFrame:
    rng = np.random.default_rng(5)
    rows = [
        row(float(b), 0.1, scenario=scenario, lag_days=lag, analysis=name, true_log_hr=0.0, is_specified=lag == 1095)
        for scenario in ("null-prodrome", "primary")
        for lag, name in ((0, "lag-0y"), (1095, "primary"))
        for b in rng.normal(0.0, 0.1, 30)
    ]
    return judged(performance(pl.DataFrame(rows, schema=REPLICATE_SCHEMA), ["primary"]))


def test_the_page_says_how_it_was_made_and_what_could_not_be_made() -> None:
    failures = {("primary", 7): "OutOfMemoryError: no"}
    persons = {"null-prodrome": 500, "primary": 500}
    facts = Facts("tspo validate --replicates 31", persons, 31, "abc", {"polars": "2"}, failures, "Said by hand.")
    text = page(two_scenarios(), facts)
    assert "tspo validate --replicates 31" in text
    assert "* **primary**" in text
    assert "1 of them could not be made; the first says: OutOfMemoryError: no" in text
    assert "Said by hand." in text
    assert "| primary | lag-0y | TSPO binder | overall | 30 of 31 | 1.000 |" in text


def test_figures_are_the_same_bytes_for_the_same_numbers(tmp_path: Path) -> None:
    first, again = (write_figures(two_scenarios(), tmp_path / name) for name in ("a", "b"))
    assert [path.name for path in first] == ["bias.svg", "bias.png", "coverage.svg", "coverage.png"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert "Binder ÷ non-binder" in first[0].read_text()


def test_there_is_no_figure_where_there_is_no_truth(tmp_path: Path) -> None:
    nothing = performance(pl.DataFrame([row(1.0, true_log_hr=None)], schema=REPLICATE_SCHEMA))
    assert write_figures(judged(nothing), tmp_path) == []
