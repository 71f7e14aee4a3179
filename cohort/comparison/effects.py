"""What came out of two runs: persons, events, dose and every hazard ratio, before and after.

In: two release folders. Out: the study's size and its estimates side by side, as released; what is hidden stays hidden.
"""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from cohort.results import OVERALL
from cohort.summary import IS_HEADLINE

SAME = 1e-9
"""Logarithms of hazard ratios that differ by less are the same but for the order of sums."""
_KEPT = ("analysis", "model", "outcome", "exposure", "term", "age_stratum")


@dataclass(frozen=True)
class Effects:
    """Two releases side by side.

    Attributes:
        sizes: what, before, after; empty where a number is hidden.
        estimates: one row per estimate of either, with `_before` and `_after` of events, hazard ratio, its bounds and
            status, `change` (the ratio of the hazard ratios) and `standard_errors` (the change of the logarithm in
            standard errors of the first).
    """

    sizes: pl.DataFrame
    estimates: pl.DataFrame

    @property
    def headline(self) -> pl.DataFrame:
        """The primary hazard ratios per unit of dose."""
        return self.estimates.filter(IS_HEADLINE)

    @property
    def changed(self) -> pl.DataFrame:
        """Estimates of both whose hazard ratio is another."""
        return self.estimates.filter(pl.col("change").log().abs() > SAME)

    def only(self, side: str) -> int:
        """Estimates that have a hazard ratio `before` or `after` alone."""
        other = "after" if side == "before" else "before"
        mine, theirs = (pl.col(f"hazard_ratio_{end}") for end in (side, other))
        return self.estimates.filter(mine.is_not_null() & theirs.is_null()).height


def effects(one: Path, other: Path) -> Effects:
    """Compare two release folders."""
    return Effects(_sizes(one, other), _estimates(one, other))


def _sizes(one: Path, other: Path) -> pl.DataFrame:
    sizes = [_size(release) for release in (one, other)]
    rows = [{"what": name, "before": sizes[0][name], "after": sizes[1][name]} for name in sizes[0]]
    return pl.DataFrame(rows, schema={"what": pl.String, "before": pl.Float64, "after": pl.Float64})


def _size(release: Path) -> dict[str, float | None]:
    """How large a study is, in numbers that it released."""
    attrition = _column(release / "attrition.csv", "number_subjects")
    estimates = pl.read_parquet(release / "estimates.parquet", glob=False)
    whole = estimates.filter(IS_HEADLINE, pl.col("age_stratum") == OVERALL)
    first = {name: next(iter(whole.get_column(name).drop_nulls()), None) for name in ("events", "person_years")}
    return {
        "persons in the CDM": attrition[0] if len(attrition) else None,
        "persons studied": attrition[-1] if len(attrition) else None,
        "events": first["events"],
        "person-years": first["person_years"],
        "fills of study drugs told": float(_column(release / "drugs.csv", "fills").sum()),
        "dose told (dme)": float(_column(release / "drugs.csv", "dose_dme").sum()),
    }


def _column(table: Path, column: str) -> pl.Series:
    """The numbers of a column in the table's order; none where a run has made no such table."""
    if not table.exists():
        return pl.Series(column, [], pl.Float64)
    return pl.read_csv(table, infer_schema=False, glob=False).get_column(column).cast(pl.Float64)


def _estimates(one: Path, other: Path) -> pl.DataFrame:
    numbers = ("events", "hazard_ratio", "ci_lower", "ci_upper", "log_hr", "se_log_hr", "status")
    ends = [
        pl.read_parquet(release / "estimates.parquet", glob=False).select(
            "estimate_id", *_KEPT, *(pl.col(name).alias(f"{name}_{end}") for name in numbers)
        )
        for release, end in ((one, "before"), (other, "after"))
    ]
    both = ends[0].join(ends[1], on=("estimate_id", *_KEPT), how="full", coalesce=True, maintain_order="left_right")
    moved = pl.col("log_hr_after") - pl.col("log_hr_before")
    return both.with_columns(moved.exp().alias("change"), (moved / pl.col("se_log_hr_before")).alias("standard_errors"))
