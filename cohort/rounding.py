"""Released counts rounded to a multiple, after suppression; and what follows from them made from the rounded ones.

In: released tables by name, and the multiple. Out: the same tables. A rounded count protects only if nothing beside it
gives the exact one back, so shares are formed anew from rounded counts, curves and risks move in steps of that many
persons, and rates that stand on counts of other tables are left out. Hazard ratios and their errors stay as they are:
they are of no single cell. Source: OpenSAFELY's policy, counts of seven or fewer suppressed, the rest rounded to five.
"""

from collections.abc import Callable, Mapping

import polars as pl

from cohort.counts import Counts
from cohort.dose_tables import GROUP
from cohort.inputs import EXPOSURES

Rule = Callable[[pl.DataFrame, int], pl.DataFrame]
COUNTS: Mapping[str, tuple[str, ...]] = {
    "attrition": ("number_records", "number_subjects", "excluded_records", "excluded_subjects"),
    "person_time": ("persons", "events", "deaths"),
    "dose_coverage": ("fills", "persons"),
    "supply": (
        *("fills", "persons", "days", "days_taken", "days_discarded_by_cap", "days_discarded_by_switch"),
        *("fills_cut", "persons_cut"),
    ),
    "drugs": ("fills", "persons"),
    "balance": tuple(f"persons_{group}" for group in ("binder", "non_binder", "unknown", "several", "none")),
    "age": ("events",),
    "channelling": ("starts",),
    "curves": ("at_risk",),
    "risks": ("at_risk",),
    "hypotheses": ("events",),
    "estimates": ("persons", "persons_exposed", "events", "events_exposed"),
}
"""Table -> columns that count persons, events or records. Tables that are absent here hold none."""
_RATES = ("unexposed_rate", "excess_rate", "excess_lower", "excess_upper")
"""Columns of `age` that stand on counts of other tables."""


def rounded(tables: Mapping[str, pl.DataFrame], to: int) -> dict[str, pl.DataFrame]:
    """Round the counts of released tables.

    Args:
        tables: name -> table, after suppression.
        to: the multiple; 1 leaves everything as it is.
    """
    if to <= 1:
        return dict(tables)
    return {name: _FURTHER.get(name, _nothing)(_counts(name, table, to), to) for name, table in tables.items()}


def round_count(count: float, to: int) -> int:
    """A count rounded to a multiple, halves up.

    >>> [round_count(count, 5) for count in (0, 8, 12, 13)]
    [0, 10, 10, 15]
    """
    return int((count + to / 2) // to) * to


def _counts(name: str, table: pl.DataFrame, to: int) -> pl.DataFrame:
    there = [column for column in COUNTS.get(name, ()) if column in table.columns]
    return table.with_columns((((pl.col(column) + to / 2) // to) * to).cast(table.schema[column]) for column in there)


def _nothing(table: pl.DataFrame, to: int) -> pl.DataFrame:
    return table


def _balance(table: pl.DataFrame, to: int) -> pl.DataFrame:
    """Percentages of the rounded number of persons; differences to two decimals, coarser than one rounding step."""
    groups = [column.removeprefix("persons_") for column in COUNTS["balance"]]
    everyone = table.filter(pl.col("characteristic") == "persons").head(1)
    total = {group: everyone.get_column(f"persons_{group}").sum() for group in groups}
    percents = {
        f"percent_{group}": pl.when(pl.col(f"percent_{group}").is_not_null() & (pl.lit(total[group]) > 0)).then(
            (100 * pl.col(f"persons_{group}") / total[group]).round(1)
        )
        for group in groups
    }
    return table.with_columns(**percents).with_columns(pl.col("^smd_.*$").round(2))


def _dose_coverage(table: pl.DataFrame, to: int) -> pl.DataFrame:
    share = pl.col("fills") / pl.col("fills").sum().over(GROUP)
    return table.with_columns(share=pl.when(pl.col("share").is_not_null()).then(share))


def _supply(table: pl.DataFrame, to: int) -> pl.DataFrame:
    discarded = pl.col("days_discarded_by_cap") + pl.col("days_discarded_by_switch")
    is_told = pl.col("share_discarded").is_not_null() & (pl.col("days") > 0)
    return table.with_columns(share_discarded=pl.when(is_told).then(discarded / pl.col("days")))


def _channelling(table: pl.DataFrame, to: int) -> pl.DataFrame:
    """Shares and ratios of rounded starts; the interval of a share would give its count back."""
    time = "time_before_diagnosis"
    is_told = pl.col("share").is_not_null()
    expected = ((pl.col("expected") + to / 2) // to) * to
    of_all = pl.col("starts").filter(pl.col("exposure").is_in(EXPOSURES)).sum().over(time)
    made = table.with_columns(expected=expected)
    all_expected = pl.col("expected").filter(pl.col("exposure").is_in(EXPOSURES)).sum().over(time)
    return made.with_columns(
        share=pl.when(is_told & (of_all > 0)).then(pl.col("starts") / of_all),
        share_lower=pl.lit(None, pl.Float64),
        share_upper=pl.lit(None, pl.Float64),
        expected_share=pl.when(pl.col("expected_share").is_not_null() & (all_expected > 0)).then(
            pl.col("expected") / all_expected
        ),
        rate_ratio=pl.when(pl.col("rate_ratio").is_not_null() & (pl.col("expected") > 0)).then(
            pl.col("starts") / pl.col("expected")
        ),
    )


def _steps(columns: tuple[str, ...], over: tuple[str, ...]) -> Rule:
    """Probabilities in steps of so many persons of those whom the curve begins with."""

    def rule(table: pl.DataFrame, to: int) -> pl.DataFrame:
        first = pl.col("at_risk").max().over(over)
        step = pl.when(first > 0).then(to / first).otherwise(1.0)
        return table.with_columns(((pl.col(column) / step).round() * step).alias(column) for column in columns)

    return rule


def _estimates(table: pl.DataFrame, to: int) -> pl.DataFrame:
    """The detectable ratio of the rounded counts; shares of known time and dose to two decimals."""
    told = []
    for before, persons, exposed, events, of_exposed in table.select("mdrr", *COUNTS["estimates"]).iter_rows():
        has_all = None not in (before, persons, exposed, events, of_exposed)
        told.append(Counts(persons, exposed, events, of_exposed, 0.0).mdrr() if has_all else None)
    shares = (pl.col("known_time_share", "known_dose_share")).round(2)
    return table.with_columns(pl.Series("mdrr", told, dtype=pl.Float64), shares)


def _age(table: pl.DataFrame, to: int) -> pl.DataFrame:
    return table.with_columns(pl.lit(None, pl.Float64).alias(name) for name in _RATES)


def _hypotheses(table: pl.DataFrame, to: int) -> pl.DataFrame:
    """Bayes' criterion of the rounded number of events."""
    penalty = pl.col("coefficients") * pl.col("events").log()
    made = -2 * pl.col("log_likelihood") + penalty
    return table.with_columns(bic=pl.when(pl.col("bic").is_not_null() & (pl.col("events") > 0)).then(made))


def _diagnostics(table: pl.DataFrame, to: int) -> pl.DataFrame:
    """Numbers of events for each coefficient, which times their number is the exact one, in whole tens."""
    is_count = pl.col("diagnostic") == "events per parameter"
    coarse = (pl.col("value") / 10).round() * 10
    return table.with_columns(value=pl.when(is_count).then(coarse).otherwise(pl.col("value")))


_FURTHER: Mapping[str, Rule] = {
    "balance": _balance,
    "dose_coverage": _dose_coverage,
    "supply": _supply,
    "channelling": _channelling,
    "curves": _steps(("estimate", "ci_lower", "ci_upper"), ("exposure_group", "outcome")),
    "risks": _steps(
        ("risk", "ci_lower", "ci_upper", "difference", "difference_lower", "difference_upper"),
        ("exposure", "category", "from_age", "outcome"),
    ),
    "estimates": _estimates,
    "age": _age,
    "hypotheses": _hypotheses,
    "diagnostics": _diagnostics,
}
