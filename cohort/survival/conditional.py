"""Conditional logistic regression: Cox's partial likelihood with a stratum for each matched set.

In: a frame with one row per member of a set. Out: `CoxFit`. Its hazard ratios are odds ratios; for sets that were drawn
from risk sets they are the cohort's hazard ratios. With one case in a set all treatments of ties agree, and with R's
`clogit`. (Langholz and Goldstein 1996, Statistical Science 11:35.)
"""

from collections.abc import Sequence

import polars as pl

from cohort.survival.counting import risk_sets
from cohort.survival.cox import CoxFit, fit_cox
from cohort.survival.frames import require_flags
from cohort.survival.risk_sets import RiskSets

_BEGIN, _END = "_begin", "_end"


def conditional_logistic(
    frame: pl.DataFrame,
    columns: Sequence[str],
    sets: str = "set",
    case: str = "is_case",
    *,
    frequencies: str | None = None,
) -> CoxFit:
    """Fit a conditional logistic model to sets with one case each.

    Args:
        frame: one row per member.
        columns: the covariates, numeric.
        sets: which set it is in, of any type; a set without a case says nothing, and `notes` name it.
        case: 0 or 1.
        frequencies: how many members a row stands for; none: one.

    Raises:
        ValueError: there are no cases, or several in a set, or a value is missing or out of range; the message says how
            many, and the cure.
    """
    require_flags(frame, [case])
    many = pl.lit(1) if frequencies is None else pl.col(frequencies)
    number = frame.group_by(sets).agg((pl.col(case).cast(pl.Int64) * many).sum().alias("cases"))
    several = number.filter(pl.col("cases") > 1).height
    if several:
        raise ValueError(
            f"{several} of {number.height} sets have several cases, which an exact likelihood would have to compare by "
            "all choices of as many members: give each case a set of its own, with controls who are no case of it"
        )
    return fit_cox(matched_sets(frame, columns, sets, case, frequencies=frequencies))


def matched_sets(
    frame: pl.DataFrame,
    columns: Sequence[str],
    sets: str = "set",
    case: str = "is_case",
    *,
    weights: str | None = None,
    frequencies: str | None = None,
) -> RiskSets:
    """Count matched sets as risk sets: a stratum each, with one event time; its cases are tied.

    Args:
        frame, columns, sets, case: as `conditional_logistic`.
        weights, frequencies: as `risk_sets`.

    Raises:
        ValueError: a value is missing or out of range.
    """
    placed = frame.with_columns(pl.lit(0).alias(_BEGIN), pl.lit(1).alias(_END))
    return risk_sets(placed, columns, [sets], _BEGIN, _END, case, weights=weights, frequencies=frequencies)
