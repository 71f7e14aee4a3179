"""Residuals of a Cox fit, and from them the variance that is robust, clustered by person.

In: `CoxFit` of risk sets that were counted from intervals. Out: one number or row per interval, in their order, as R's
`residuals.coxph` with Efron's or Breslow's ties. R has no frequencies: here a row that stands for three intervals has
the residual of one of them, and counts three times wherever residuals are added up.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np
import polars as pl

from cohort.survival.arrays import Bools, Floats, Ints
from cohort.survival.cox import CoxFit
from cohort.survival.distinct import distinct
from cohort.survival.inference import Test, quadratic_test
from cohort.survival.risk_sets import Rows
from cohort.survival.scores import Scores

Kind = Literal["martingale", "deviance", "score", "dfbeta", "schoenfeld", "scaled_schoenfeld"]
Clusters: TypeAlias = pl.Series | Ints | Sequence[object]
"""Whose each interval is, one value an interval, of any type."""
_BLOCK = 1 << 18
"""Intervals that are worked on together: what is formed on the way stays within some tens of megabytes."""


def martingale(fit: CoxFit) -> Floats:
    """(N,) events less expected events of each interval; zero for one that is at risk at no event time.

    Raises:
        ValueError: the risk sets were counted without intervals.
    """
    rows, scores = _rows(fit), Scores(fit)
    residual = np.zeros(rows.size)
    residual[rows.index] = rows.is_event - scores.expected(rows)
    return residual


def deviance(fit: CoxFit) -> Floats:
    """(N,) martingale residuals made more symmetric: their signed root deviance; errors of `martingale`."""
    residual, happened = martingale(fit), _happened(_rows(fit))
    logs = np.zeros(len(residual))
    logs[happened] = np.log(1 - residual[happened])
    rooted: Floats = np.sign(residual) * np.sqrt(np.maximum(-2 * (residual + logs), 0.0))
    return rooted


def score_residuals(fit: CoxFit) -> Floats:
    """(N, p) contribution of each interval to the score of each coefficient with an estimate, unweighted.

    Raises:
        ValueError: the risk sets were counted without intervals.
    """
    rows = _rows(fit)
    residual = np.zeros((rows.size, len(fit.columns)))
    for part, scores in _score_blocks(fit, rows):
        residual[part.index] = scores
    return residual


def dfbeta(fit: CoxFit) -> Floats:
    """(N, p) about how much the coefficients fall when an interval is left out with its weight; as R's `dfbeta`."""
    return _weights(fit, _rows(fit))[:, None] * score_residuals(fit) @ fit.covariance


def robust_covariance(fit: CoxFit, clusters: Clusters | None = None) -> Floats:
    """(p, p) covariance that holds when intervals of one cluster are not independent (Lin and Wei 1989).

    Args:
        fit: of intervals.
        clusters: (N,) whose each interval is, such as the person; the intervals that a frequency stands for are then
            all of that cluster. None: every interval for itself, also those that a frequency stands for.

    Raises:
        ValueError: the risk sets were counted without intervals, or there is not one cluster for each.
    """
    covariance: Floats = fit.covariance @ _spread_of_scores(fit, clusters)[1] @ fit.covariance
    return covariance


def robust_score_test(fit: CoxFit, clusters: Clusters | None = None) -> Test:
    """The score test at zero with the variance of the clusters' scores; arguments and errors of `robust_covariance`.

    R's robust score statistic, save that R leaves the offset out of it.
    """
    score, spread = _spread_of_scores(replace(fit, params=np.zeros_like(fit.params)), clusters)
    return quadratic_test(score, spread)


def schoenfeld(fit: CoxFit, scaled: bool = False) -> pl.DataFrame:
    """One row per row with an event: stratum, time, and for each column its value less the mean of those at risk.

    Args:
        fit: of intervals.
        scaled: multiplied by the covariance and the number of events, and added to the estimate: nearly b(t) (Grambsch
            and Therneau 1994). Events count with their weights, so that the unit of weights has no part in it; R
            counts each as one.

    Raises:
        ValueError: the risk sets were counted without intervals.
    """
    rows, scores = _rows(fit), Scores(fit)
    events = np.flatnonzero(rows.is_event)
    events = events[np.argsort(rows.hi[events], kind="stable")]
    at, pattern = rows.hi[events] - 1, rows.pattern[events]
    residual = (scores.centred(pattern) - scores.at.mean[at])[:, fit.is_estimated]
    if scaled:
        residual = (fit.sets.observed @ fit.sets.weight) * residual @ fit.covariance + fit.params
    return pl.DataFrame(
        {
            "stratum": [fit.sets.strata[k] for k in fit.sets.stratum[at]],
            "time": fit.sets.time[at],
            **dict(zip(fit.columns, residual.T, strict=True)),
        }
    )


def residuals(fit: CoxFit, kind: Kind) -> pl.DataFrame:
    """Residuals by name: a row per interval; for `schoenfeld` and `scaled_schoenfeld` a row per event.

    Raises:
        ValueError: there is no such kind, or the risk sets were counted without intervals.
    """
    match kind:
        case "martingale" | "deviance":
            return pl.DataFrame({kind: martingale(fit) if kind == "martingale" else deviance(fit)})
        case "score" | "dfbeta":
            found = score_residuals(fit) if kind == "score" else dfbeta(fit)
            return pl.DataFrame(dict(zip(fit.columns, found.T, strict=True)))
        case "schoenfeld" | "scaled_schoenfeld":
            return schoenfeld(fit, scaled=kind == "scaled_schoenfeld")
    raise ValueError(
        f"there are no residuals '{kind}': martingale, deviance, score, dfbeta, schoenfeld, scaled_schoenfeld"
    )


def _rows(fit: CoxFit) -> Rows:
    if fit.sets.rows is None:
        raise ValueError("residuals need the intervals, and these risk sets were counted without them")
    if fit.sets.lasting is not None:
        raise ValueError("residuals of a subdistribution model are those of persons: see fine_gray_variance")
    return fit.sets.rows


def _happened(rows: Rows) -> Bools:
    """(N,) whether each interval ends with an event."""
    happened = np.zeros(rows.size, bool)
    happened[rows.index] = rows.is_event
    return happened


def _weights(fit: CoxFit, rows: Rows) -> Floats:
    """(N,) weight of each interval; zero for one that is at risk at no event time."""
    weights = np.zeros(rows.size)
    weights[rows.index] = fit.sets.weight[rows.pattern]
    return weights


def _score_blocks(fit: CoxFit, rows: Rows) -> Iterator[tuple[Rows, Floats]]:
    """Score residuals of the estimated columns, a block of intervals at a time."""
    scores = Scores(fit)
    for first in range(0, len(rows.lo), _BLOCK):
        part = rows.part(slice(first, first + _BLOCK))
        yield part, scores.of_rows(part)[:, fit.is_estimated]


def _spread_of_scores(fit: CoxFit, clusters: Clusters | None) -> tuple[Floats, Floats]:
    """The sum (p,) of the clusters' weighted scores, and the sum (p, p) of their squares."""
    rows = _rows(fit)
    many = np.ones(rows.size) if rows.frequency is None else rows.frequency
    owner = None if clusters is None else _numbers(clusters, rows.size)
    total = np.zeros((0 if owner is None else int(owner.max(initial=-1)) + 1, len(fit.columns)))
    score, spread = np.zeros(len(fit.columns)), np.zeros((len(fit.columns), len(fit.columns)))
    for part, scores in _score_blocks(fit, rows):
        single = fit.sets.weight[part.pattern, None] * scores
        every = many[part.index, None] * single
        score += every.sum(axis=0)
        if owner is None:
            spread += single.T @ every
        else:
            np.add.at(total, owner[part.index], every)
    return score, spread + total.T @ total


def _numbers(clusters: Clusters, size: int) -> Ints:
    """The number of each interval's cluster."""
    series = pl.Series("cluster", clusters)
    if len(series) != size:
        raise ValueError(f"there are {len(series)} clusters for {size} intervals; one for each is needed")
    if series.null_count():
        raise ValueError(f"{series.null_count()} interval(s) have no cluster")
    return distinct(series.to_frame())[0]
