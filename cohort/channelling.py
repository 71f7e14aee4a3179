"""New starts of each TSPO class by time before a diagnosis of the outcome, beside the number that matched time expects.

In: the table `channelling` with true counts. Out: observed and expected starts, and a test that the classes rise
alike. Expected is by indirect standardisation (Breslow and Day 1987, Statistical Methods in Cancer Research II): the
rates of those who are not diagnosed, by sex, age band and calendar period, times the days at risk of those who are.
Times before diagnosis are compared as by Imfeld et al. 2015, doi 10.1007/s40264-015-0319-3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from cohort.additive import Key
from cohort.inputs import EXPOSURES, TIMES_BEFORE_DIAGNOSIS
from cohort.results import OVERALL

WITHIN_LAG = "within the lag"
NOT_DIAGNOSED = "not diagnosed"
_STRATUM = ("tspo_class", "sex", "lower_age", "calendar_period")


@dataclass(frozen=True)
class Starts:
    """New starts of one exposure in one time before diagnosis.

    Attributes:
        starts: how many there were.
        starters: how many persons made them.
        expected: how many there would be at the rates of those who are not diagnosed.
        variance: of `expected`, for those rates come from counted starts too.
    """

    starts: int = 0
    starters: int = 0
    expected: float = 0.0
    variance: float = 0.0


@dataclass(frozen=True)
class Counted:
    """New starts by time before diagnosis and exposure.

    Attributes:
        times: time before diagnosis -> its days (above, at most); all that the lag covers, as one time, comes first.
        cells: (time, exposure) -> starts. `overall` adds up the classes; `not diagnosed` stands beside the times.
        persons: time -> how many persons are under observation in it.
    """

    times: Mapping[str, tuple[int, int]]
    cells: Mapping[Key, Starts]
    persons: Mapping[str, int]

    @property
    def within_lag(self) -> list[str]:
        """The times that the lag covers whole."""
        return _times_in(*self.times.get(WITHIN_LAG, (0, 0)))


def counted(table: pl.DataFrame, lag_days: int) -> Counted:
    """Observed and expected starts.

    Args:
        table: the table `channelling`. A stratum in which everybody is diagnosed has no match, and is left out.
        lag_days: the primary lag.
    """
    covered = _times_in(0, lag_days)
    lag = {WITHIN_LAG: (0, TIMES_BEFORE_DIAGNOSIS[covered[-1]][1])} if covered else {}
    table = table.sort(pl.all())  # sums depend on the order of rows
    others = table.filter(pl.col("time_before_diagnosis").is_null())
    times, persons = lag | TIMES_BEFORE_DIAGNOSIS, {NOT_DIAGNOSED: _persons(others)}
    cells = _by_exposure(NOT_DIAGNOSED, others)
    for name, bounds in times.items():
        rows = [table.filter(time_before_diagnosis=time) for time in _times_in(*bounds)]
        cells |= _by_exposure(name, _matched(pl.concat(rows), others))
        persons[name] = max(map(_persons, rows))
    return Counted(times, cells, persons)


def _times_in(above_days: int, at_most_days: int) -> list[str]:
    return [t for t, (above, most) in TIMES_BEFORE_DIAGNOSIS.items() if above_days <= above and most <= at_most_days]


def _persons(rows: pl.DataFrame) -> int:
    """Persons under observation in one time: every class has the same."""
    return max(rows.group_by("tspo_class").agg(pl.col("persons").sum())["persons"], default=0)


def _matched(rows: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """The strata of those who are diagnosed that somebody who is not belongs to, with what is expected of each."""
    own = rows.group_by(_STRATUM, maintain_order=True).agg(pl.col("starts", "starters", "days_at_risk").sum())
    both = own.join(others, on=_STRATUM, suffix="_of_others", maintain_order="left")
    both = both.filter(pl.col("days_at_risk_of_others") > 0)
    weight = pl.col("days_at_risk") / pl.col("days_at_risk_of_others")
    return both.with_columns(
        (weight * pl.col("starts_of_others")).alias("expected"),
        (weight**2 * pl.col("starts_of_others")).alias("variance"),
    )


def _by_exposure(time: str, rows: pl.DataFrame) -> dict[Key, Starts]:
    """Rows added up by class, and over all classes."""
    added = [name for name in ("starts", "starters", "expected", "variance") if name in rows.columns]
    parts = {e: rows.filter(tspo_class=e.removeprefix("tspo_")) for e in EXPOSURES} | {OVERALL: rows}
    return {(time, e): Starts(**part.select(pl.col(added).sum()).row(0, named=True)) for e, part in parts.items()}


def homogeneity(classes: Sequence[Starts]) -> tuple[float, int]:
    """Pearson's chi-square that observed starts are one multiple of those expected, and its degrees of freedom.

    The variance of what is expected is added to that of the observed starts.
    """
    rise = sum(c.starts for c in classes) / sum(c.expected for c in classes)
    weights = [c.expected**2 / (rise * c.expected + rise**2 * c.variance) for c in classes]
    ratios = [c.starts / c.expected for c in classes]
    mean = sum(w * r for w, r in zip(weights, ratios, strict=True)) / sum(weights)
    return sum(w * (r - mean) ** 2 for w, r in zip(weights, ratios, strict=True)), len(classes) - 1
