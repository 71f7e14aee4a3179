"""A weight function drawn again: the cases, each with its controls, anew, and the knots chosen anew each time.

In: a `WceFit` of sampled sets, with the `others` that it was chosen from. Out: `Redrawn`, and from it percentile bounds
of whatever is linear in the weight function, which count that the knots were not known (Efron 2014, J Am Stat Assoc
109:991; from memory). A person has the event once, so to draw the cases is to draw persons. Controls come with their
case. As persons of their own each would count in its set as often as it was drawn, the case too, and sets of so few
would lose a share of their variance: with fifteen controls the bounds would be three percent too narrow.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cohort.survival.arrays import Bools, Floats, Ints
from cohort.survival.case_sets import CaseSets
from cohort.survival.cox import inverse, newton
from cohort.survival.likelihood import Derivatives
from cohort.survival.wce import WceFit
from cohort.survival.weight_basis import Basis

_MARGIN = 10.0
"""A basis whose criterion by one Newton step is so far above the least is not fitted: the step is within one or so."""
_ENOUGH, _MOST_STEPS = 1e-9, 12
"""Gain of a last step, which is then some hundred-thousandths of a standard error; and how many may lead there."""
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
    generator, many = np.random.default_rng(seed), found.fit.n_events
    draws = np.array([np.bincount(generator.integers(0, many, many), minlength=many) for _ in range(replicates)])
    candidates = [_Candidate(one, draws) for one in (found, *found.others)]
    return Redrawn([_chosen(candidates, number) for number in range(replicates)])


@dataclass(frozen=True)
class _Draw:
    """What is known of one draw of the sets before its model is fitted.

    Attributes:
        times: (S,) how often each set is in it.
        at: derivatives at the estimates of all sets, of the columns that have one there.
    """

    times: Ints
    at: Derivatives

    @cached_property
    def inverse(self) -> Floats:
        """(p, p) of the information."""
        return inverse(self.at.information)

    @property
    def step(self) -> Floats:
        """(p,) Newton's, from the estimates of all sets."""
        return self.inverse @ self.at.score

    @property
    def log_likelihood(self) -> float:
        """About how large it is at its largest."""
        return self.at.log_likelihood + float(self.at.score @ self.step) / 2


class _Candidate:
    """A basis, its sets, each once, and every draw of them."""

    def __init__(self, found: WceFit, draws: Ints) -> None:
        fit = found.fit
        self.found, self.sets, self.own = found, CaseSets.of_fit(fit), fit.is_estimated
        told = zip(draws, self.sets.of_draws(fit.full_params, draws), strict=True)
        self.draws = [_Draw(times, at.of(self.own)) for times, at in told]

    def expected(self, number: int) -> float:
        """About the least criterion of a draw."""
        draw = self.draws[number]
        return self._bic(draw, draw.log_likelihood)

    def fit(self, number: int) -> tuple[float, dict[str, float]]:
        """The criterion, and the coefficients that have an estimate."""
        draw = self.draws[number]
        settled = self._settled(draw)
        log_likelihood, found = self._from_near(draw) if settled is None else settled
        return self._bic(draw, log_likelihood), found

    def _settled(self, draw: _Draw) -> tuple[float, dict[str, float]] | None:
        """By steps with the information that is known already, while each gains far less than the one before.

        None where they do not settle, or where the draw says nothing about a column.
        """
        if _tied(draw.at.information).any():
            return None
        params, last = self.found.fit.full_params, np.inf
        params[self.own] += draw.step
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(_MOST_STEPS):
                log_likelihood, score = self.sets.slope(params, draw.times)
                step = draw.inverse @ score[self.own]
                gain = float(score[self.own] @ step)
                params[self.own] += step
                if 0 <= gain <= _ENOUGH:
                    return log_likelihood + gain / 2, dict(zip(self.found.fit.columns, params[self.own], strict=True))
                if not 0 <= gain < last / 2:
                    return None
                last = gain
        return None

    def _from_near(self, draw: _Draw) -> tuple[float, dict[str, float]]:
        """By Newton's method, beginning at the estimates of all sets; it finds out about what there is no estimate."""
        fit, sets = self.found.fit, self.sets.drawn(draw.times)
        varies: Bools = np.any(sets.values, axis=0)
        best = newton(sets.keep(varies), fit.full_params[varies], ~self.own[varies], _ENOUGH)
        own = varies.copy()
        free = best.free.copy()
        free[best.free] = ~_tied(best.at.information[np.ix_(best.free, best.free)])
        own[varies] = free
        values = np.zeros(len(own))
        values[varies] = best.params
        found = {name: float(value) for name, value, is_own in zip(sets.columns, values, own, strict=True) if is_own}
        return best.at.log_likelihood, found

    def _bic(self, draw: _Draw, log_likelihood: float) -> float:
        return float(self.found.fit.degrees_of_freedom * np.log(draw.times.sum()) - 2 * log_likelihood)


def _tied(information: Floats) -> Bools:
    """Which columns say nothing, or have a part in a combination about which nothing is known."""
    known = np.diag(information) > 0
    tied = ~known
    among = information[np.ix_(known, known)]
    scale: Floats = 1 / np.sqrt(np.diag(among))
    spread, directions = np.linalg.eigh(among * scale * scale[:, None])
    tied[known] = (np.abs(directions[:, spread < _NOTHING]) > _PART).any(axis=1)
    return tied


def _chosen(candidates: Sequence[_Candidate], number: int) -> tuple[Basis, Mapping[str, float]]:
    """The basis with the least criterion in a draw, and its estimates."""
    _, basis, params = min(_fitted(candidates, number), key=lambda fitted: fitted[0])
    return basis, params


def _fitted(candidates: Sequence[_Candidate], number: int) -> Iterator[tuple[float, Basis, Mapping[str, float]]]:
    """The fits of the bases that can be the best one, the most promising first."""
    expected = sorted(((one.expected(number), one) for one in candidates), key=lambda pair: pair[0])
    least = np.inf
    for about, one in expected:
        if about <= least + _MARGIN:
            criterion, params = one.fit(number)
            least = min(least, criterion)
            yield criterion, one.found.basis, params
