"""A weight function drawn again: the cases, each with its controls, anew, and the knots chosen anew each time.

In: a `WceFit` of sampled sets, with the `others` that it was chosen from. Out: `Redrawn`, and from it percentile bounds
of whatever is linear in the weight function, which count that the knots were not known (Efron 2014, J Am Stat Assoc
109:991; from memory). A person has the event once, so to draw the cases is to draw persons. Controls come with their
case. As persons of their own each would count in its set as often as it was drawn, the case too, and sets of so few
would lose a share of their variance: with fifteen controls the bounds would be three percent too narrow.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cohort.survival.arrays import Bools, Floats, Ints
from cohort.survival.case_sets import CaseSets
from cohort.survival.cox import newton
from cohort.survival.wce import WceFit
from cohort.survival.weight_basis import Basis

_MARGIN = 10.0
"""A basis whose criterion by one Newton step is so far above the least is not fitted: the step is within one or two."""
_ENOUGH = 1e-10
"""Gain of a last step: a hundred-thousandth of a standard error."""
_FARTHEST = 5.0
"""A step that moves a hazard by more than exp(5) is no place to begin at."""
_NOTHING, _PART = 1e-9, 1e-4
"""Shares of the columns' information: nothing but rounding; and of a combination: more than rounding."""


@dataclass(frozen=True)
class Redrawn:
    """What was chosen and estimated in each replicate.

    Attributes:
        drawn: of each replicate the basis with the least criterion, and its coefficients by column; those that the
            replicate says nothing about are absent.
    """

    drawn: Sequence[tuple[Basis, Mapping[str, float]]]

    def failed(self, exposure: str) -> int:
        """How many replicates have no estimate of an exposure."""
        return len(self.drawn) - len(self._known(exposure))

    def bounds(self, exposure: str, sums: Callable[[Basis], Floats], level: float = 0.95) -> tuple[Floats, Floats]:
        """Between which values the replicates lie; those without an estimate lie beyond either end.

        Args:
            exposure: its name.
            sums: (n, K) of a basis: sums of its functions, such as `lambda basis: basis.values` for the weights.
            level: of the interval, pointwise; its ends are replicates, the outer ones where it falls between two.

        Returns:
            (n,) lower and upper bounds; infinite where too many replicates have no estimate.
        """
        known = [sums(basis) @ params for basis, params in self._known(exposure)]
        width, tail = len(sums(self.drawn[0][0])), (1 - level) / 2
        unknown = np.full((self.failed(exposure), width), np.inf)
        values = np.reshape(known, (len(known), width))
        lower = np.quantile(np.concatenate([values, -unknown]), tail, axis=0, method="lower")
        upper = np.quantile(np.concatenate([values, unknown]), 1 - tail, axis=0, method="higher")
        return lower, upper

    def _known(self, exposure: str) -> list[tuple[Basis, Floats]]:
        """The basis and the (K,) coefficients of each replicate that has them all."""
        return [
            (basis, np.array([params[name] for name in basis.names(exposure)]))
            for basis, params in self.drawn
            if params.keys() >= {*basis.names(exposure)}
        ]


def redrawn(found: WceFit, replicates: int = 200, seed: int = 0) -> Redrawn:
    """Draw the sets with replacement, choose among the bases by BIC and estimate, so many times.

    Args:
        found: a fit of sets with one case each, and its `others`.
        replicates: how often.
        seed: of the draws; they do not depend on the order of the rows.

    Raises:
        ValueError: a set has several cases.
    """
    candidates = [_Candidate(one) for one in (found, *found.others)]
    generator, many = np.random.default_rng(seed), found.fit.n_events
    draws = (np.bincount(generator.integers(0, many, many), minlength=many) for _ in range(replicates))
    return Redrawn([_chosen(candidates, times) for times in draws])


class _Candidate:
    """A basis, and what each set tells at its estimates: its log-likelihood (S,) and score (S, p)."""

    def __init__(self, found: WceFit) -> None:
        self.found = found
        self.sets = CaseSets.of_fit(found.fit)
        self.log_likelihood, score = self.sets.by_set(found.fit.full_params)
        self.score = score[:, found.fit.is_estimated]

    def step(self, times: Ints) -> tuple[float, Floats]:
        """About the least criterion with sets drawn so often, and where it is: a Newton step from that of all sets."""
        score, covariance = times @ self.score, self.found.fit.covariance
        largest = float(times @ self.log_likelihood + score @ covariance @ score / 2)
        return self._bic(times, largest), self.found.fit.params + covariance @ score

    def fit(self, times: Ints, start: Floats) -> tuple[float, dict[str, float]]:
        """The criterion, and the coefficients that have an estimate."""
        fit, sets = self.found.fit, self.sets.drawn(times)
        varies: Bools = np.any(sets.values, axis=0)
        near, fixed = fit.full_params, ~fit.is_estimated
        params = near.copy()
        params[~fixed] = start
        if np.abs(sets.linear(params - near)).max(initial=0.0) > _FARTHEST:
            params = near
        best = newton(sets.keep(varies), params[varies], fixed[varies], _ENOUGH)
        own = varies.copy()
        own[varies] = best.free & ~_tied(best.at.information, best.free)
        values = np.zeros(len(own))
        values[varies] = best.params
        found = {name: float(value) for name, value, is_own in zip(sets.columns, values, own, strict=True) if is_own}
        return self._bic(times, best.at.log_likelihood), found

    def _bic(self, times: Ints, log_likelihood: float) -> float:
        return float(self.found.fit.degrees_of_freedom * np.log(times.sum()) - 2 * log_likelihood)


def _tied(information: Floats, free: Bools) -> Bools:
    """Which columns have a part in a combination about which nothing is known."""
    among = information[np.ix_(free, free)]
    scale: Floats = 1 / np.sqrt(np.diag(among))
    spread, directions = np.linalg.eigh(among * scale * scale[:, None])
    tied = np.zeros(len(free), bool)
    tied[free] = (np.abs(directions[:, spread < _NOTHING]) > _PART).any(axis=1)
    return tied


def _chosen(candidates: Sequence[_Candidate], times: Ints) -> tuple[Basis, Mapping[str, float]]:
    """The basis with the least criterion, and its estimates."""
    _, basis, params = min(_fitted(candidates, times), key=lambda fitted: fitted[0])
    return basis, params


def _fitted(candidates: Sequence[_Candidate], times: Ints) -> Iterator[tuple[float, Basis, Mapping[str, float]]]:
    """The fits of the bases that can be the best one, the most promising first."""
    steps = sorted(((*one.step(times), one) for one in candidates), key=lambda step: step[0])
    least = np.inf
    for about, start, one in steps:
        if about <= least + _MARGIN:
            criterion, params = one.fit(times, start)
            least = min(least, criterion)
            yield criterion, one.found.basis, params
