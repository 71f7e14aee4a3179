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

    def linear(self, params: Floats) -> Floats:
        """(M,) x'b of each pattern, relative to its case's."""
        return self.values @ params

    def at(self, params: Floats) -> Derivatives:
        """Log-likelihood, score and information at (p,) coefficients."""
        log_likelihood, score = 0.0, np.zeros(len(params))
        information = np.zeros((len(params), len(params)))
        for block, share, logs, means in self._sums(params):
            times = self.times[block.sets]
            log_likelihood += float(times @ logs)
            score -= times @ means
            weighted = (share * np.repeat(times, self.lengths[block.sets]))[:, None] * self.values[block.rows]
            information += self.values[block.rows].T @ weighted - means.T @ (times[:, None] * means)
        return Derivatives(log_likelihood, score, information)

    def by_set(self, params: Floats) -> tuple[Floats, Floats]:
        """(S,) log-likelihoods and (S, p) scores of the sets, each counted once."""
        found = [(logs, -means) for _, _, logs, means in self._sums(params)]
        return np.concatenate([logs for logs, _ in found]), np.concatenate([scores for _, scores in found])

    def _sums(self, params: Floats) -> Iterator[tuple["_Block", Floats, Floats, Floats]]:
        """By block: each pattern's share of its set's hazard, and of each set log-likelihood and mean covariates."""
        for block in self._blocks:
            values, lengths = self.values[block.rows], self.lengths[block.sets]
            starts = np.cumsum(lengths) - lengths
            hazard = self.members[block.rows] * np.exp(values @ params)
            total = np.add.reduceat(hazard, starts)
            share = hazard / np.repeat(total, lengths)
            yield block, share, -np.log(total), np.add.reduceat(share[:, None] * values, starts)

    @cached_property
    def _blocks(self) -> list["_Block"]:
        ends = np.cumsum(self.lengths)
        # The last set of each block is the one in which a multiple of the block's size lies.
        last = np.unique([*np.searchsorted(ends, np.arange(_BLOCK, ends[-1], _BLOCK)), len(ends) - 1])
        first, begins = np.array([0, *last[:-1] + 1]), np.array([0, *ends[last[:-1]]])
        places = zip(first, last + 1, begins, ends[last], strict=True)
        return [_Block(slice(a, b), slice(lo, hi)) for a, b, lo, hi in places]


@dataclass(frozen=True)
class _Block:
    """Consecutive sets, and their rows."""

    sets: slice
    rows: slice
