"""Gray's test that the cumulative incidence of a cause is the same in several groups (Gray 1988, Ann Stat 16:1141).

In: persons with a time, a cause and a group. Out: `Test`. As R's `cmprsk::cuminc` with rho = 0. Right-censored data
only: with delayed entry, test the groups' indicators in a Fine-Gray model.

Group k at t has Y_k at risk, S_k(t-) alive without event, F_k the incidence of the cause: R_k = Y_k (1 - F_k(t-)) /
S_k(t-) are at risk of the subdistribution. The score of k is the sum over times of dN_k - R_k dN / R.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from cohort.survival.arrays import Bools, Floats
from cohort.survival.frames import require, require_flags, require_numbers
from cohort.survival.inference import Test, quadratic_test


def gray_test(
    frame: pl.DataFrame,
    group: str,
    cause: str = "event",
    competing: Sequence[str] = ("death",),
    stop: str = "stop",
    start: str | None = None,
    strata: Sequence[str] = (),
    id: str | None = None,
) -> Test:
    """Test the incidence of `cause` between groups.

    Args:
        frame: one row per person, at risk from the beginning to `stop`.
        group: column of the groups, of any type.
        cause, competing: columns of 0 and 1, at most one of them 1 in a row.
        stop: column of the time.
        start: column of entry, if there is one; it must be the same for all.
        strata: the test is within them.
        id: column of persons, if there is one; each may stand there once.

    Returns:
        The test; its degrees of freedom are the groups less one, fewer where groups are never at risk together, and
        none (p is NaN) with one group or without events.

    Raises:
        ValueError: persons enter late or have several rows, or values are missing or out of range.
    """
    _check(frame, group, [cause, *competing], stop, start, id)
    labels = frame.get_column(group).unique().sort().to_list()
    score, variance = np.zeros(len(labels)), np.zeros((len(labels), len(labels)))
    for part in frame.partition_by(list(strata)) if strata else [frame]:
        own_score, own_variance = _of_stratum(_Counts(part, labels, group, cause, competing, stop))
        score, variance = score + own_score, variance + own_variance
    return quadratic_test(score[:-1], variance[:-1, :-1])


def _check(frame: pl.DataFrame, group: str, kinds: Sequence[str], stop: str, start: str | None, id: str | None) -> None:
    require(frame, [group])
    require_numbers(frame, [stop])
    require_flags(frame, kinds)
    if frame.get_column(group).null_count():
        raise ValueError(f"column {group} has {frame.get_column(group).null_count()} missing value(s)")
    both = frame.filter(pl.sum_horizontal(pl.col(c).cast(pl.Int64) for c in kinds) > 1).height
    if both:
        raise ValueError(f"{both} row(s) end with events of two causes")
    if start is not None and frame.get_column(start).n_unique() > 1:
        raise ValueError("Gray's test is for data without delayed entry; test the groups in a Fine-Gray model instead")
    if id is not None and (several := frame.height - frame.get_column(id).n_unique()):
        raise ValueError(f"{several} row(s) are of persons who have one already; Gray's test needs one row per person")


class _Counts:
    """(T, K) counts by event time and group: at risk, events of the cause, events of the others."""

    def __init__(
        self, frame: pl.DataFrame, labels: list[object], group: str, cause: str, competing: Sequence[str], stop: str
    ) -> None:
        times = frame.get_column(stop).to_numpy().astype(float)
        is_cause = frame.get_column(cause).cast(pl.Boolean).to_numpy()
        is_other = np.zeros(frame.height, bool)
        for column in competing:
            is_other |= frame.get_column(column).cast(pl.Boolean).to_numpy()
        own = [(frame.get_column(group) == label).to_numpy() for label in labels]
        time = np.unique(times[is_cause | is_other])

        def tally(happens: Bools) -> Floats:
            at = [np.searchsorted(time, times[k & happens]) for k in own]
            return np.column_stack([np.bincount(index, minlength=len(time)) for index in at]).astype(np.float64)

        gone = [np.searchsorted(np.sort(times[k]), time) for k in own]
        self.at_risk = np.column_stack([k.sum() - n for k, n in zip(own, gone, strict=True)]).astype(np.float64)
        self.cause, self.other = tally(is_cause), tally(is_other)


def _of_stratum(counts: _Counts) -> tuple[Floats, Floats]:
    """Score (K,) and its variance (K, K) in one stratum."""
    y, d1, d2 = counts.at_risk, counts.cause, counts.other
    survival = np.cumprod(1 - _ratio(d1 + d2, y), axis=0).astype(np.float64)
    before: Floats = np.vstack([np.ones((1, y.shape[1])), survival])[:-1]
    own = np.cumsum(before * _ratio(d1, y), axis=0)
    own_before = np.vstack([np.zeros((1, y.shape[1])), own])[:-1]
    h = _ratio(y, before)
    deaths = d1.sum(axis=1, keepdims=True)
    exposed = h * (1 - own_before)
    score = (d1 - _ratio(exposed, exposed.sum(axis=1, keepdims=True)) * deaths).sum(axis=0)
    return score, _variance(_Pooled(h, deaths[:, 0]), y, d1, d2, before, survival)


class _Pooled:
    """The incidence under the hypothesis, and how each group's score moves with each group's hazards.

    Attributes:
        deaths: (T,) events of the cause.
        total: (T,) sum over groups of at risk / survival before.
        incidence: (T,) pooled incidence of the cause.
        moves: (T, K, K) how the increments of the scores move.
        later: (T, K, K) the same summed over all later times.
    """

    def __init__(self, h: Floats, deaths: Floats) -> None:
        self.deaths, self.total = deaths, h.sum(axis=1)
        step = _ratio(deaths, self.total)
        self.incidence = np.cumsum(step)
        self.moves = h[:, :, None] * (np.eye(h.shape[1]) - _ratio(h, self.total[:, None])[:, None, :])
        summed = np.cumsum(self.moves * _ratio(step, 1 - self.incidence + step)[:, None, None], axis=0)
        self.later = summed[-1:] - summed


def _variance(pooled: _Pooled, y: Floats, d1: Floats, d2: Floats, before: Floats, survival: Floats) -> Floats:
    """(K, K) sum over times and groups of the squares of what one event moves, with Gray's factors for ties."""
    left = _ratio((1 - pooled.incidence)[:, None], survival)
    deaths, total = pooled.deaths[:, None], pooled.total[:, None]
    tied1 = np.where(deaths > 1, 1 - _ratio(deaths - 1, total * before - 1), 1.0)
    weight1 = np.where(y > 0, tied1 * before * _ratio(deaths, total * y), 0.0)
    tied2 = np.where(d2 > 1, 1 - _ratio(d2 - 1, y - 1), 1.0)
    weight2 = np.where(survival > 0, tied2 * _ratio(before**2 * d2, y**2), 0.0)
    moved1 = pooled.moves + (1 - left)[:, None, :] * pooled.later
    moved2 = left[:, None, :] * pooled.later
    variance: Floats = np.einsum("tk,tik,tjk->ij", weight1, moved1, moved1)
    variance += np.einsum("tk,tik,tjk->ij", weight2, moved2, moved2)
    return variance


def _ratio(above: Floats, below: Floats) -> Floats:
    """A quotient, zero where the divisor is."""
    quotient: Floats = np.divide(
        above, below, out=np.zeros(np.broadcast_shapes(above.shape, below.shape)), where=below != 0
    )
    return quotient
