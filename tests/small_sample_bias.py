"""Is what the estimates miss by in worlds of few events the bias that their own likelihood predicts?

`python -m tests.small_sample_bias [SCENARIO REPLICATES PERSONS]` fits the linear models of the primary analysis, at all
ages and by band of attained age, in simulated worlds, and puts beside each coefficient's mean error the mean of
`small_sample_bias`, which knows nothing of the truth. What is left over has its Monte Carlo error beside it.
"""

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from cohort.analyses import PRIMARY
from cohort.fitting import fit
from cohort.inputs import EXPOSURES
from cohort.models.linear import band_columns, doses_by_band
from cohort.report.truth import read_truth
from cohort.results import OVERALL
from cohort.study import build_tables, prepare_run, setting_of
from cohort.survival.inference import small_sample_bias
from cohort.synthetic import simulate
from cohort.validation.replicate import Replicate
from cohort.validation.runner import worker_processes

SCENARIO, REPLICATES, PERSONS = "primary", 200, 20_000
WORKERS = 2


def errors(scenario: str, persons: int, seed: int) -> list[dict[str, str | float]]:
    """A row per coefficient of one world: what it misses the truth by, and what it was expected to."""
    with TemporaryDirectory() as folder:
        settings = Replicate(scenario, persons, seed).settings(Path(folder))
        told = json.loads(simulate(Path(settings.cdm), persons, seed, scenario).read_text(encoding="utf-8"))
        prepared = prepare_run(settings)
        tables = build_tables(prepared, PRIMARY)
        setting = setting_of(prepared.analysis(PRIMARY), tables)
    truth = read_truth(told, setting.protocol.exposure.metric, setting.protocol.exposure.per)
    overall = fit(setting, {e: setting.dose(e) for e in EXPOSURES}, setting.has_known_doses)
    bands = band_columns(setting.age_strata)
    by_band = fit(setting, doses_by_band(setting, bands, "age_stratum"), setting.has_known_doses)
    rows: list[dict[str, str | float]] = []
    for fitted, columns in ((overall, {OVERALL: {e: e for e in EXPOSURES}}), (by_band, bands)):
        if fitted.fit is None or truth is None:
            continue
        pairs = zip(fitted.fit.params, small_sample_bias(fitted.fit), strict=True)
        found = dict(zip(fitted.fit.columns, pairs, strict=True))
        for age, of_class in columns.items():
            for exposure, column in of_class.items():
                planted = truth.hazard_ratio(exposure, age)
                if planted is not None and column in found:
                    estimate, expected = map(float, found[column])
                    row = {"age": age, "exposure": exposure}
                    rows.append({**row, "error": estimate - math.log(planted), "expected": expected})
    return rows


def all_errors(scenario: str, replicates: int, persons: int) -> Iterator[dict[str, str | float]]:
    """The rows of worlds with seeds from 1."""
    with worker_processes(WORKERS) as pool:
        for future in [pool.submit(errors, scenario, persons, 1 + i) for i in range(replicates)]:
            yield from future.result()


def summary(rows: pl.DataFrame) -> pl.DataFrame:
    """Means over the worlds, each with its Monte Carlo error, in the order of the study."""
    by = rows.with_columns(left=pl.col("error") - pl.col("expected")).group_by("age", "exposure", maintain_order=True)
    means = [pl.col(name).mean() for name in ("error", "expected", "left")]
    chance = [(pl.col(name).std() / pl.len().sqrt()).alias(f"{name}_mcse") for name in ("error", "left")]
    return by.agg(pl.len().alias("worlds"), *means, *chance).select(
        *("age", "exposure", "worlds", "error", "error_mcse", "expected", "left", "left_mcse")
    )


def main() -> None:
    scenario, *numbers = sys.argv[1:] or [SCENARIO]
    replicates, persons = map(int, numbers) if numbers else (REPLICATES, PERSONS)
    rows = pl.DataFrame(list(all_errors(scenario, replicates, persons)))
    table = summary(rows)
    with pl.Config(tbl_cols=-1, tbl_rows=-1, tbl_width_chars=120, float_precision=3):
        print(table)
    far = table.filter(pl.col("left").abs() > 3 * pl.col("left_mcse"))
    print(f"{far.height} of {table.height} means miss by more than three Monte Carlo errors beyond what is expected")


if __name__ == "__main__":
    main()
