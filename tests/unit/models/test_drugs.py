"""Each drug's dose, and whether the class holds: on a made cohort whose class doses are split over drugs."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations

import numpy as np
import polars as pl
import pytest

from cohort.analyses import Analysis
from cohort.class_check_table import class_check_table
from cohort.fitting import Setting
from cohort.inputs import EXPOSURES
from cohort.models import fit_model
from cohort.models.class_checks import PERMUTATION
from cohort.protocol import Protocol
from cohort.results import BY_DRUG, CONTRAST, ClassCheck, ModelResult
from cohort.survival.counting import risk_sets
from cohort.survival.cox import CoxFit, fit_cox
from tests.risk_tables import counts_of
from tests.unit.models.made import PROTOCOL, by, run

SPLIT = {
    "tspo_binder": {"diazepam": 0.75, "flunitrazepam": 0.25},
    "tspo_non_binder": {"clonazepam": 0.5, "oxazepam": 0.3, "zolpidem": 0.2},
    "tspo_unknown": {"lorazepam": 1.0},
}
"""The share of a class's dose that a person takes as each drug, before persons differ."""
DRUGS = sorted(drug for drugs in SPLIT.values() for drug in drugs)


def drug_doses(frame: pl.DataFrame) -> pl.DataFrame:
    """A drug's share of its class's dose differs from person to person; every class's dose is the sum of its drugs'."""
    draw, rows = np.random.default_rng(1), []
    person = {p: draw.random(6) + 0.2 for p in frame.get_column("person_id").unique().sort()}
    for row in frame.iter_rows(named=True):
        for exposure, drugs in SPLIT.items():
            taste = dict(zip(DRUGS, person[row["person_id"]], strict=True))
            total = sum(share * taste[drug] for drug, share in drugs.items())
            for drug, share in drugs.items():
                dose = (row[f"dose_{exposure}"] or 0.0) * share * taste[drug] / total
                if dose > 0:
                    rows.append((row["person_id"], row["start_day"], drug, dose))
    table = pl.DataFrame(rows, ["person_id", "start_day", "name", "amount"], orient="row")
    return table.with_columns(pl.col("start_day").cast(pl.Int32), quantity=pl.lit("dose"))


@pytest.fixture(scope="module")
def taken(frame: pl.DataFrame) -> pl.DataFrame:
    return drug_doses(frame)


def fitted(frame: pl.DataFrame, taken: pl.DataFrame | None, protocol: Protocol = PROTOCOL) -> ModelResult:
    lazy = None if taken is None else taken.lazy()
    setting = Setting(counts_of(frame, protocol), frame.lazy(), Analysis("primary", protocol), {}, lazy)
    return fit_model("drugs", setting)


@pytest.fixture(scope="module")
def result(frame: pl.DataFrame, taken: pl.DataFrame) -> ModelResult:
    return fitted(frame, taken)


def wide(frame: pl.DataFrame, taken: pl.DataFrame) -> pl.DataFrame:
    """Person-time of known dose with a column for each drug, put together anew."""
    known = frame.drop_nulls(EXPOSURES)
    for drug in DRUGS:
        own = taken.filter(pl.col("name") == drug).select(
            "person_id", "start_day", (pl.col("amount") / 365).alias(drug)
        )
        known = known.join(own, on=["person_id", "start_day"], how="left")
    return known.with_columns(pl.col(DRUGS).fill_null(0.0))


def own_fit(table: pl.DataFrame, columns: Iterable[str]) -> CoxFit:
    return fit_cox(risk_sets(table, [*columns, "depression"], ["sex", "entry_period"]))


def summed(table: pl.DataFrame, groups: dict[str, list[str]]) -> CoxFit:
    return own_fit(table.with_columns(pl.sum_horizontal(drugs).alias(name) for name, drugs in groups.items()), groups)


def check(result: ModelResult, name: str, variant: str, exposure: str = CONTRAST) -> ClassCheck:
    (row,) = [r for r in result.class_checks if (r.check, r.variant, r.exposure) == (name, variant, exposure)]
    return row


def test_each_drug_has_its_coefficient_in_one_fit_of_all(
    frame: pl.DataFrame, taken: pl.DataFrame, result: ModelResult
) -> None:
    expected = own_fit(wide(frame, taken), DRUGS)
    rows = by(result, model=BY_DRUG)
    assert [row.exposure for row in rows] == DRUGS
    assert [row.log_hr for row in rows] == pytest.approx(expected.params[: len(DRUGS)], rel=1e-9)
    errors = np.sqrt(np.diag(expected.covariance))
    assert [row.se_log_hr for row in rows] == pytest.approx(errors[: len(DRUGS)], rel=1e-9)


def test_a_drug_counts_the_persons_and_events_exposed_to_it(
    frame: pl.DataFrame, taken: pl.DataFrame, result: ModelResult
) -> None:
    table = wide(frame, taken)
    for row in by(result, model=BY_DRUG):
        exposed = table.filter(pl.col(row.exposure) > 0)
        assert row.persons == table.get_column("person_id").n_unique()
        assert row.persons_exposed == exposed.get_column("person_id").n_unique()
        assert row.events_exposed == exposed.get_column("event").sum()


def test_the_classes_as_planned_are_those_of_the_linear_model(frame: pl.DataFrame, result: ModelResult) -> None:
    linear = {row.exposure: row for row in run("linear", frame).estimates}
    for exposure in (*EXPOSURES, CONTRAST):
        found = check(result, "as planned", "", exposure)
        assert (found.log_hr, found.se_log_hr) == pytest.approx(
            (linear[exposure].log_hr, linear[exposure].se_log_hr), rel=1e-8
        )


def test_a_drug_that_is_left_out_keeps_a_column_of_its_own(
    frame: pl.DataFrame, taken: pl.DataFrame, result: ModelResult
) -> None:
    groups = {
        "b": ["diazepam"],
        "n": ["clonazepam", "oxazepam", "zolpidem"],
        "u": ["lorazepam"],
        "x": ["flunitrazepam"],
    }
    expected = summed(wide(frame, taken), groups).contrast({"b": 1, "n": -1})
    found = check(result, "leave one drug out", "without flunitrazepam")
    assert expected is not None
    assert (found.log_hr, found.se_log_hr) == pytest.approx((expected.estimate, expected.standard_error), rel=1e-8)
    assert found.drugs == "diazepam / clonazepam, oxazepam, zolpidem"


def test_half_life_and_potency_stand_beside_the_classes(
    frame: pl.DataFrame, taken: pl.DataFrame, result: ModelResult
) -> None:
    groups = {
        **{"b": ["diazepam", "flunitrazepam"], "n": ["clonazepam", "oxazepam", "zolpidem"], "u": ["lorazepam"]},
        **{"long": ["diazepam", "flunitrazepam", "clonazepam"], "potent": ["clonazepam", "flunitrazepam", "lorazepam"]},
    }
    expected = summed(wide(frame, taken), groups).contrast({"b": 1, "n": -1})
    found = check(result, "in the same model", "half-life and potency")
    assert expected is not None
    assert (found.log_hr, found.se_log_hr) == pytest.approx((expected.estimate, expected.standard_error), rel=1e-8)


def test_a_cell_of_class_and_half_life_is_compared_within_its_half_life(
    frame: pl.DataFrame, taken: pl.DataFrame, result: ModelResult
) -> None:
    groups = {
        "bl": ["diazepam", "flunitrazepam"],
        "nl": ["clonazepam"],
        "ns": ["oxazepam", "zolpidem"],
        "u": ["lorazepam"],
    }
    expected = summed(wide(frame, taken), groups).contrast({"bl": 1, "nl": -1})
    found = check(result, "class by half-life", "long-acting")
    assert expected is not None
    assert found.log_hr == pytest.approx(expected.estimate, rel=1e-8)
    short = check(result, "class by half-life", "short-acting")
    assert short.status == "not estimable: nobody took a short-acting binder"
    assert short.drugs == "none / oxazepam, zolpidem"


def test_other_bounds_and_evidence_sort_the_drugs_anew(result: ModelResult) -> None:
    assert (
        check(result, "bound of a binder", "5,000 nM").drugs
        == "diazepam, flunitrazepam, zolpidem / clonazepam, oxazepam"
    )
    assert check(result, "grades of evidence", "A only").drugs == "diazepam, flunitrazepam / oxazepam, zolpidem"
    assert check(result, "grades of evidence", "A to D").drugs.endswith("/ clonazepam, lorazepam, oxazepam, zolpidem")
    assert check(result, "value of a drug", "the largest value of each drug").drugs.startswith(
        "diazepam, flunitrazepam /"
    )


def test_dose_by_affinity_weighs_each_drug_by_its_value(
    frame: pl.DataFrame, taken: pl.DataFrame, result: ModelResult
) -> None:
    # mg per unit of dose over mg that bind as 10 mg of diazepam do; Ki 46.26 (10 and 214), 19, 27875 and 4677 nM.
    ki = {"diazepam": (10 * 214) ** 0.5, "flunitrazepam": 19.0, "oxazepam": (21000 * 37000) ** 0.5, "zolpidem": 4677.0}
    mg = {"diazepam": 10, "flunitrazepam": 1, "oxazepam": 20, "zolpidem": 20}
    weight = {drug: mg[drug] / (10 * ki[drug] / ki["diazepam"]) for drug in ki}
    table = wide(frame, taken).with_columns(
        w=pl.sum_horizontal(pl.col(drug) * factor for drug, factor in weight.items()),
        rest=pl.sum_horizontal("clonazepam", "lorazepam"),
    )
    found = check(result, "dose by affinity", "all measured drugs", "tspo_weighted")
    assert found.log_hr == pytest.approx(own_fit(table, ["w", "rest"]).params[0], rel=1e-8)


def test_the_permutation_test_goes_through_all_arrangements(
    frame: pl.DataFrame, taken: pl.DataFrame, result: ModelResult
) -> None:
    (found,) = [d for d in result.diagnostics if d.diagnostic == PERMUTATION]
    fit = own_fit(wide(frame, taken), DRUGS)
    measured = [d for d in DRUGS if d != "lorazepam"]
    information = np.linalg.inv(fit.covariance)

    def statistic(binders: tuple[str, ...]) -> float:
        design = np.zeros((len(fit.columns), 4))
        for row, column in enumerate(fit.columns):
            side = 0 if column in binders else 1 if column in measured else 2 if column == "lorazepam" else 3
            design[row, side] = 1
        covariance = np.linalg.inv(design.T @ information @ design)
        estimate, contrast = covariance @ design.T @ information @ fit.params, np.array([1, -1, 0, 0])
        return float(contrast @ estimate / np.sqrt(contrast @ covariance @ contrast))

    every = [abs(statistic(chosen)) for chosen in combinations(measured, 2)]
    observed = statistic(("diazepam", "flunitrazepam"))
    assert found.statistic == pytest.approx(observed, rel=1e-6)
    assert found.value == len(every) == 10
    assert found.p_value == sum(value >= abs(observed) - 1e-9 for value in every) / 10
    assert "all 10 ways to call 2 of 5 drugs binders; p can be no smaller than 0.1" in found.meaning
    planned = check(result, "as planned", "")
    assert planned.log_hr is not None
    assert planned.se_log_hr is not None
    assert observed == pytest.approx(planned.log_hr / planned.se_log_hr, abs=0.1)


def test_too_many_arrangements_are_drawn_at_random(frame: pl.DataFrame, taken: pl.DataFrame) -> None:
    affinity = PROTOCOL.affinity.model_copy(update={"arrangements": 9})
    (found,) = fitted(frame, taken, PROTOCOL.model_copy(update={"affinity": affinity})).diagnostics
    assert found.value == 9
    assert found.p_value is not None
    assert (found.p_value * 10) % 1 == pytest.approx(0, abs=1e-9)
    assert "9 of 10 ways, drawn at random," in found.meaning


def test_what_is_no_sum_over_drugs_says_so(frame: pl.DataFrame, taken: pl.DataFrame) -> None:
    found = fitted(frame, taken, PROTOCOL.changed(metric="days"))
    assert [row.status for row in found.estimates] == ["not estimable: the days of a class is no sum over its drugs"]
    assert not found.class_checks
    assert not found.diagnostics
    nothing = fitted(frame, taken.clear())
    assert [row.status for row in nothing.estimates] == ["not estimable: nobody has a dose of any drug"]


def test_a_check_of_few_events_or_persons_leaves_without_numbers(result: ModelResult) -> None:
    row = check(result, "as planned", "")
    table = class_check_table([row, replace(row, events_exposed=4), replace(row, persons_exposed=4)], 5)
    assert table.get_column("status").to_list() == ["ok", "suppressed", "suppressed"]
    assert table.get_column("hazard_ratio").to_list() == [row.hazard_ratio, None, None]
    assert table.get_column("p_value").to_list() == [row.p_value, None, None]
    assert not {"persons_exposed", "events_exposed"} & set(table.columns)
    silent = replace(row, events_exposed=4, status="not estimable: a reason")
    assert class_check_table([silent], 5).get_column("status").to_list() == ["not estimable: a reason"]
