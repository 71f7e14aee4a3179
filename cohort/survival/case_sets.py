"""The conditional likelihood of sets with one case each, drawn again and again: only what such sets need, and quickly.

In: a `CoxFit` of matched sets. Out: `CaseSets`, which Newton's method maximises as it does `PartialLikelihood`. With
covariates relative to those of the case, a set adds -log(sum of exp(x'b) over its members) to the log-likelihood, and
no matrix of who is at risk when is built.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from cohort.survival.arrays import Bools, Floats, Ints
from cohort.survival.cox import CoxFit
from cohort.survival.likelihood import Derivatives

_BLOCK = 1 << 12
"""Patterns that are worked on together: they stay in a processor's cache."""


@dataclass(frozen=True)
class CaseSets:
    """Sets with one case each.

    Attributes:
        columns: names of the p covariates.
        values: (M, p) covariates of each pattern of a set, relative to its case's, set after set.
        members: (M,) how many are alike.
        lengths: (S,) patterns of each set.
        times: (S,) how often each set counts.
    """

    columns: tuple[str, ...]
    values: Floats
    members: Floats
    lengths: Ints
    times: Floats

    @classmethod
    def of_fit(cls, fit: CoxFit) -> "CaseSets":
        """The sets of a fit, each once; its columns are those of `fit.sets`.

        Raises:
            ValueError: a set has several cases; the message says how many there are.
        """
        sets = fit.sets
        if fit.n_events != len(sets.strata):
            raise ValueError(f"{fit.n_events} cases are in {len(sets.strata)} sets: each needs a set of its own")
        is_in = sets.weight > 0
        of_case = sets.patterns[sets.observed > 0]
        return cls(
            sets.columns,
            (sets.patterns - of_case[sets.stratum_of])[is_in],
            np.asarray(sets.change.sum(axis=0)).ravel()[is_in],
            np.bincount(sets.stratum_of[is_in]).astype(np.int64),
            np.ones(len(of_case)),
        )

    def drawn(self, times: Ints) -> "CaseSets":
        """The same with each set so often."""
        is_in = times > 0
        rows = np.repeat(is_in, self.lengths)
        return replace(
            self,
            values=self.values[rows],
            members=self.members[rows],
            lengths=self.lengths[is_in],
            times=times[is_in].astype(np.float64),
        )

    def keep(self, chosen: Bools) -> "CaseSets":
        """The same with some of the columns, (p,) true."""
        if chosen.all():
            return self
        columns = tuple(self.columns[k] for k in np.flatnonzero(chosen))
        return replace(self, columns=columns, values=self.values[:, chosen])

    @property
    def n_events(self) -> int:
        """Number of cases."""
        return int(self.times.sum())

    @cached_property
    def at_zero(self) -> Derivatives:
        """Log-likelihood, score and information where all coefficients are zero."""
        return self.at(np.zeros(len(self.columns)))

    @cached_property
    def reach(self) -> Floats:
        """(p,) the largest size of each covariate, relative to the case's."""
        reach: Floats = np.abs(self.values).max(axis=0, initial=0.0)
        return reach

    def linear(self, params: Floats) -> Floats:
        """(M,) x'b of each pattern, relative to its case's."""
        return self.values @ params

    def at(self, params: Floats) -> Derivatives:
        """Log-likelihood, score and information at (p,) coefficients."""
        log_likelihood, score = 0.0, np.zeros(len(params))
        information = np.zeros((len(params), len(params)))
        for block, share, logs in self._shares(params):
            times, values = self.times[block.sets], self.values[block.rows]
            means = np.add.reduceat(share[:, None] * values, block.starts)
            log_likelihood += float(times @ logs)
            score -= times @ means
            weighted = (share * np.repeat(times, self.lengths[block.sets]))[:, None] * values
            information += values.T @ weighted - means.T @ (times[:, None] * means)
        return Derivatives(log_likelihood, score, information)

    def slope(self, params: Floats, times: Ints) -> tuple[float, Floats]:
        """Log-likelihood and score (p,) at (p,) coefficients of the sets as often as (S,) times say: much the quicker.

        The score is asked for alone, without the means of each set.
        """
        log_likelihood, score = 0.0, np.zeros(len(params))
        for block, share, logs in self._shares(params):
            own = times[block.sets]
            log_likelihood += float(own @ logs)
            score -= (share * np.repeat(own, self.lengths[block.sets])) @ self.values[block.rows]
        return log_likelihood, score

    def of_draws(self, params: Floats, draws: Ints) -> Iterator[Derivatives]:
        """What `at` tells, of each of R draws of the sets, in one pass; (R, S) how often each draw has each set."""
        upper = np.triu_indices(len(params))
        log_likelihoods, scores = np.zeros(len(draws)), np.zeros((len(draws), len(params)))
        products = np.zeros((len(draws), len(upper[0])))
        for block, share, logs in self._shares(params):
            times, values = draws[:, block.sets].astype(np.float64), self.values[block.rows]
            weighted = share[:, None] * values
            means = np.add.reduceat(weighted, block.starts)
            squares = np.add.reduceat(weighted[:, upper[0]] * values[:, upper[1]], block.starts)
            log_likelihoods += times @ logs
            scores -= times @ means
            products += times @ (squares - means[:, upper[0]] * means[:, upper[1]])
        for log_likelihood, score, own in zip(log_likelihoods, scores, products, strict=True):
            information = np.zeros((len(params), len(params)))
            information[upper] = information.T[upper] = own
            yield Derivatives(float(log_likelihood), score, information)

    def _shares(self, params: Floats) -> Iterator[tuple["_Block", Floats, Floats]]:
        """By block: each pattern's share of its set's hazard, and of each set the log-likelihood."""
        for block in self._blocks:
            hazard = self.members[block.rows] * np.exp(self.values[block.rows] @ params)
            total = np.add.reduceat(hazard, block.starts)
            yield block, hazard / np.repeat(total, self.lengths[block.sets]), -np.log(total)

    @cached_property
    def _blocks(self) -> list["_Block"]:
        ends = np.cumsum(self.lengths)
        # The last set of each block is the one in which a multiple of the block's size lies.
        last = np.unique([*np.searchsorted(ends, np.arange(_BLOCK, ends[-1], _BLOCK)), len(ends) - 1])
        first, begins = np.array([0, *last[:-1] + 1]), np.array([0, *ends[last[:-1]]])
        places = zip(first, last + 1, begins, ends[last], strict=True)
        return [_Block(slice(a, b), slice(lo, hi), np.array([0, *ends[a : b - 1] - lo])) for a, b, lo, hi in places]


@dataclass(frozen=True)
class _Block:
    """Consecutive sets, their rows, and at which of these each set starts."""

    sets: slice
    rows: slice
    starts: Ints
