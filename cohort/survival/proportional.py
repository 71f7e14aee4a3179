"""The score test that hazards are proportional, as R's `cox.zph` (survival 3 and later).

In: `CoxFit`. Out: for each term, and for all together, the score test that its coefficient does not change with a
function g of time: that of adding x g(t) to the model. Score and information of the larger model are those of the
fitted one with each event time weighted by g and by its square, so nothing is fitted again (Grambsch and Therneau
1994; Therneau, `survival` 3.0).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from cohort.survival.arrays import Floats
from cohort.survival.cox import CoxFit
from cohort.survival.inference import Test, quadratic_test
from cohort.survival.likelihood import PartialLikelihood
from cohort.survival.risk_sets import RiskSets, Rows

Transform = Literal["km", "rank", "identity", "log"] | Callable[[Floats], Floats]


def proportional_hazards_test(
    fit: CoxFit, transform: Transform = "km", terms: Mapping[str, Sequence[str]] | None = None
) -> pl.DataFrame:
    """Test each term, and all together.

    Args:
        fit: a fitted model.
        transform: g: `km` (one less the survival just before, of all intervals as one group), `rank` (of the end among
            the ends of all intervals), `identity`, `log`, or a function of (G,) times. The first two need risk sets
            that were counted from intervals.
        terms: name -> its columns, tested together; none: each column for itself.

    Returns:
        term, chisq, df, p; the last row is GLOBAL. The degrees of freedom count what the data can speak to: none, and
        p is NaN, where a column has no estimate or all events are at one time.

    Raises:
        ValueError: the transform is unknown, is not finite at an event time, or needs intervals that are not there; or
            a term names a column that the model does not have.
    """
    named = {column: [column] for column in fit.columns} if terms is None else terms
    index = {term: [fit.columns.index(c) for c in columns if _has_estimate(fit, c)] for term, columns in named.items()}
    larger = _larger(fit, _centred(_transformed(fit.sets, transform), fit.sets))
    tests = {term: larger.test(chosen) for term, chosen in index.items()}
    tests["GLOBAL"] = larger.test(range(len(fit.columns)))
    rows = [(term, *test) for term, test in tests.items()]
    schema = {"term": pl.String, "chisq": pl.Float64, "df": pl.Int64, "p": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _has_estimate(fit: CoxFit, column: str) -> bool:
    if column not in fit.columns and column not in fit.not_estimable:
        raise ValueError(f"the model has no column {column}")
    return column in fit.columns


@dataclass(frozen=True)
class _Larger:
    """The model with x g(t) added, at the estimates.

    Attributes:
        score: (p,) of the added coefficients.
        information: (p, p) of them, the fitted ones being free.
        fixed: (p,) of each, were nothing else estimated.
    """

    score: Floats
    information: Floats
    fixed: Floats

    def test(self, index: Sequence[int]) -> Test:
        """Score test of some of the added coefficients, over the directions in which there is information."""
        chosen = list(index)
        return quadratic_test(self.score[chosen], self.information[np.ix_(chosen, chosen)], self.fixed[chosen])


def _larger(fit: CoxFit, g: Floats) -> _Larger:
    likelihood, free = PartialLikelihood(fit.sets, fit.ties), fit.is_estimated
    sums = likelihood.sums(fit.full_params)
    moments = likelihood.moments(sums)
    drawn = (moments.a * g) @ sums.at_risk[:, 1:] - (moments.b * g) @ sums.tied[:, 1:]
    seen = np.zeros(len(fit.sets.columns))
    for block in fit.sets.blocks:
        weighted = block.events.T @ g * (fit.sets.weight[block.part] / likelihood.scale)
        seen += weighted @ likelihood.centred(block.part)
    across, own = (likelihood.scale * likelihood.information(sums, moments, by)[np.ix_(free, free)] for by in (g, g**2))
    score = likelihood.scale * (seen - drawn)[free]
    return _Larger(score, own - across @ fit.covariance @ across, np.diag(own))


def _centred(g: Floats, sets: RiskSets) -> Floats:
    """g less its mean over the events: that changes no test, but dates far from zero would cost the digits of one."""
    if g.shape != sets.time.shape:
        raise ValueError(f"the transform of {len(sets.time)} event times has the shape {g.shape}")
    if not np.isfinite(g).all():
        raise ValueError(f"the transform is not finite at {int((~np.isfinite(g)).sum())} event time(s)")
    centred: Floats = g - (g @ sets.deaths) / sets.deaths.sum()
    return centred


def _transformed(sets: RiskSets, transform: Transform) -> Floats:
    """(G,) g at each event time."""
    if callable(transform):
        return np.asarray(transform(sets.time), np.float64)
    if transform == "identity":
        return sets.time.astype(np.float64)
    if transform == "log":
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(sets.time)
    if transform not in ("km", "rank"):
        raise ValueError(f"there is no transform '{transform}': km, rank, identity, log, or a function")
    if sets.rows is None:
        raise ValueError(f"the transform '{transform}' needs the intervals; identity and log do not")
    return _rank(sets.time, sets.rows) if transform == "rank" else _distribution(sets.time, sets.rows)


def _rank(time: Floats, rows: Rows) -> Floats:
    """The mean rank of each event time among the ends of all intervals."""
    below, upto = _below(rows.stop, rows, time, "left"), _below(rows.stop, rows, time, "right")
    rank: Floats = (below + upto + 1) / 2
    return rank


def _distribution(time: Floats, rows: Rows) -> Floats:
    """One less the Kaplan-Meier survival just before each event time, of all intervals as one group."""
    ends, many = rows.stop[rows.index], _many(rows)[rows.index]
    moments, place = np.unique(ends[rows.is_event], return_inverse=True)
    deaths = np.bincount(place, weights=many[rows.is_event])
    at_risk = _below(rows.start, rows, moments, "left") - _below(rows.stop, rows, moments, "left")
    survival = np.concatenate([[1.0], np.cumprod(1 - deaths / at_risk)])
    distribution: Floats = 1 - survival[np.searchsorted(moments, time)]
    return distribution


def _below(values: Floats, rows: Rows, at: Floats, side: Literal["left", "right"]) -> Floats:
    """How many intervals have a value below each time; or, on the right side, not above it."""
    order = np.argsort(values, kind="stable")
    number = np.concatenate([[0.0], np.cumsum(_many(rows)[order])])
    below: Floats = number[np.searchsorted(values[order], at, side=side)]
    return below


def _many(rows: Rows) -> Floats:
    """(N,) how many of each interval there are."""
    return np.ones(rows.size) if rows.frequency is None else rows.frequency
