"""Age three ways in one table: what dose does by attained age, by age at entry, and by age as a continuous modifier.

In: estimates that have passed disclosure control, the tests of heterogeneity, and additive effects. Out: one row per
way, class and age, with the ratio, the test that ratios are equal over age, and what a unit of dose adds to the rate.
"""

from collections.abc import Sequence

import polars as pl

from cohort.analyses import PRIMARY
from cohort.diagnoses import DIED
from cohort.results import AGE_AT_ENTRY, CONTINUOUS_AGE, COX, IS_PER_UNIT, OVERALL, AdditiveEffect, Diagnostic

WAYS = {
    COX: ("attained age", "heterogeneity over age strata"),
    AGE_AT_ENTRY: ("age at entry", "heterogeneity over age at entry"),
    CONTINUOUS_AGE: ("continuous age", "heterogeneity over continuous age"),
}
"""Model -> its name in the table, and the diagnostic that tests whether ratios are equal over age."""

_RATIOS = ("events", "person_years", "hazard_ratio", "ci_lower", "ci_upper", "p_value")
_ADDITIVE = ("unexposed_rate", "excess_rate", "excess_lower", "excess_upper", "reri", "reri_lower", "reri_upper")


def age_table(
    estimates: pl.DataFrame, diagnostics: Sequence[Diagnostic], additive: Sequence[AdditiveEffect]
) -> pl.DataFrame:
    """The primary analysis by age.

    Args:
        estimates: released estimates (columns of `ESTIMATE_SCHEMA`).
        diagnostics: of all models.
        additive: of the model by attained age. One is told where its row of `estimates` has numbers and counts.

    Returns:
        way, exposure, age, the columns of `_RATIOS`, heterogeneity_p, those of `_ADDITIVE` (rates per 1,000
        person-years; by attained age only), status.
    """
    tests = {(d.diagnostic, d.exposure): d.p_value for d in diagnostics if d.analysis == PRIMARY}
    effects = {(a.exposure, a.age_stratum): a for a in additive if a.analysis == PRIMARY}
    rows = []
    for row in _by_age(estimates).iter_rows(named=True):
        way, test = WAYS[row["model"]]
        is_told = row["status"] == "ok" and row["events"] is not None
        effect = effects.get((row["exposure"], row["age_stratum"])) if row["model"] == COX and is_told else None
        rows.append(
            {
                "way": way,
                "exposure": row["exposure"],
                "age": row["age"],
                **{name: row[name] for name in _RATIOS},
                "heterogeneity_p": tests.get((test, row["exposure"])),
                **{name: getattr(effect, name, None) for name in _ADDITIVE},
                "status": row["status"],
            }
        )
    numbers = dict.fromkeys(("person_years", *_RATIOS[2:], "heterogeneity_p", *_ADDITIVE), pl.Float64)
    schema = {"way": pl.String, "exposure": pl.String, "age": pl.String, "events": pl.Int64, **numbers}
    return pl.DataFrame(rows, schema={**schema, "status": pl.String})


def _by_age(estimates: pl.DataFrame) -> pl.DataFrame:
    """Rows of the primary analysis per unit of dose and age, with `age` in words."""
    is_banded = pl.col("model").is_in([COX, AGE_AT_ENTRY]) & (pl.col("age_stratum") != OVERALL)
    at_age = pl.col("term").str.extract(r" at age (\d+)$")
    is_read = (pl.col("model") == CONTINUOUS_AGE) & at_age.is_not_null()
    return estimates.filter(
        pl.col("analysis") == PRIMARY,
        pl.col("outcome") != DIED,
        IS_PER_UNIT,
        is_banded | is_read,
    ).with_columns(
        pl.when(pl.col("model") == CONTINUOUS_AGE).then(at_age).otherwise(pl.col("age_stratum")).alias("age")
    )
