"""How much each interval moves a curve of cumulative incidence: its influence, and what follows from it.

In: intervals, and the curves they gave. Out: influences at chosen times, their integral, and the sum of the squares of
all persons' influences at every event time, which is the infinitesimal-jackknife variance of R's `survfit`.

With h_k the hazard of cause k at an event time, h their sum, Y the number at risk and S(u-) the survival before u, the
influence of an interval (a, b] on F_k(t) is the sum over event times u in it, up to t, of
    S(u-) d_k(u) - (F_k(t) - F_k(u)) d(u) / (1 - h(u)),   d_k(u) = (own event of cause k at u - h_k(u)) / Y(u).
It is linear in F_k(t), with coefficients that are fixed once the interval has ended and running sums before: so the
variance at every event time costs two passes over intervals, and no table of persons by times is formed.
"""

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from cohort.survival.arrays import Bools, Floats, Ints
from cohort.survival.segments import Segments

_BLOCK = 1 << 22
_LOST = 1e-7
_ROUNDING = 1e-14
_NOBODY = 1e-14


@dataclass(frozen=True)
class Spells:
    """N intervals: at risk at the event times lo to hi - 1.

    Attributes:
        start, stop: (N,) ends, sorted by person and time.
        lo, hi: (N,) index into the event times.
        cause: (N,) index of the cause of the event at `stop`; -1 for none.
        person: (N,) number of the person.
        weight: (N,) weight.
    """

    start: Floats
    stop: Floats
    lo: Ints
    hi: Ints
    cause: Ints
    person: Ints
    weight: Floats

    @property
    def has_event(self) -> Bools:
        """Whether an event is at the end."""
        return self.cause >= 0

    @property
    def settled(self) -> Ints:
        """(N,) index of the event time from which on the influence only follows the curve."""
        return self.hi - self.has_event

    @property
    def n_people(self) -> int:
        """How many persons there are; without ids, intervals."""
        return int(self.person[-1]) + 1 if len(self.person) else 0


@dataclass(frozen=True)
class Curves:
    """Estimates over T event times and K causes.

    Attributes:
        causes: names of the causes.
        time: (T,) event times.
        at_risk: (T,) weight at risk just before each.
        events: (T, K) weight of events.
        survival: (T,) probability to be without any event.
        incidence: (T, K) cumulative incidence.
        from_time: the curves are for somebody without event at this time.
        spells: the intervals.
        people: who each number of `spells.person` is; None where no ids were given.
    """

    causes: tuple[str, ...]
    time: Floats
    at_risk: Floats
    events: Floats
    survival: Floats
    incidence: Floats
    from_time: float
    spells: Spells = field(repr=False)
    people: pl.Series | None = field(repr=False)

    @property
    def n_people(self) -> int:
        """How many persons there are; without ids, intervals."""
        return self.spells.n_people


class Influence:
    """The influence of intervals on one curve: w c(t) + g + h F(t) while at risk, a + b F(t) once settled.

    Without a cause the curve is the sum of all causes, whose influence is that of the survival with the sign turned.
    """

    def __init__(self, curve: Curves, cause: int | None) -> None:
        spells, self.spells, self.time = curve.spells, curve.spells, curve.time
        # Relative to the largest weight, for squares of weights are taken.
        unit = spells.weight.max(initial=0.0) or 1.0
        self.weight, at_risk = spells.weight / unit, curve.at_risk / unit
        left = left_of(curve.events, curve.at_risk)
        every = 1 - left
        own = every if cause is None else curve.events[:, cause] / curve.at_risk
        self.curve = curve.incidence.sum(axis=1) if cause is None else curve.incidence[:, cause]
        rest = np.divide(1, left, out=np.zeros(len(left)), where=left > 0) / at_risk
        survival = before(curve.survival) / at_risk
        p, q, r = (np.cumsum(jumps) for jumps in (survival * own, rest * every, self.curve * rest * every))
        self.common = -p + self.curve * q - r

        def earlier(values: Floats) -> Floats:
            return read(values, spells.lo)

        def inside(values: Floats) -> Floats:
            return read(values, spells.hi) - read(values, spells.lo)

        at = np.maximum(spells.hi - 1, 0)
        is_own = spells.has_event if cause is None else spells.cause == cause
        jump = np.where(spells.has_event, _at(rest, at), 0.0)
        gained = np.where(is_own, _at(survival, at), 0.0) + jump * _at(self.curve, at)
        self.g = self.weight * (earlier(p) + earlier(r))
        self.h = -self.weight * earlier(q)
        self.a = self.weight * (gained - inside(p) - inside(r))
        self.b = self.weight * (inside(q) - jump)

    def values(self, index: Ints, part: slice) -> Floats:
        """(intervals, times) influence at times given by how many event times are not later."""
        lo, settled = self.spells.lo[part, None], self.spells.settled[part, None]
        curve, common = read(self.curve, index), read(self.common, index)
        active = self.weight[part, None] * common + self.g[part, None] + self.h[part, None] * curve
        done = self.a[part, None] + self.b[part, None] * curve
        return np.where(index <= lo, 0.0, np.where(index <= settled, active, done))

    def of_people(self, index: Ints) -> Floats:
        """(persons, times) the same of persons."""
        total = np.zeros((self.spells.n_people, len(index)))
        rows = max(_BLOCK // max(len(index), 1), 1)
        for first in range(0, len(self.spells.lo), rows):
            part = slice(first, first + rows)
            add_by_person(total, self.spells.person[part], self.values(index, part))
        return total

    def squares(self, index: Ints) -> Floats:
        """(times,) sum of the squares of all persons' influences, each person's formed: a block of times at once."""
        times = max(_BLOCK // max(self.spells.n_people, 1), 1)
        blocks = (index[first : first + times] for first in range(0, len(index), times))
        return np.concatenate([np.zeros(0), *((self.of_people(block) ** 2).sum(axis=0) for block in blocks)])

    def variance(self) -> Floats:
        """(T,) sum of the squares of all persons' influences, by running sums.

        Where little is left of what these have summed, as when heavy persons have gone, persons are summed one by one.
        """
        spells, n = self.spells, len(self.time)
        past_a, past_b, until = self._past()
        w, g, h = self.weight, self.g + past_a, self.h + past_b
        a, b = self.a + past_a, self.b + past_b
        c, f = self.common, self.curve

        def active(values: Floats) -> Floats:
            return running(n, spells.lo, spells.settled, values)

        def done(values: Floats) -> Floats:
            return running(n, spells.settled, until, values)

        variance: Floats = c**2 * active(w * w) + 2 * c * active(w * g) + 2 * c * f * active(w * h)
        variance += active(g * g) + 2 * f * active(g * h) + f**2 * active(h * h)
        variance += done(a * a) + 2 * f * done(a * b) + f**2 * done(b * b)

        def length(first: Ints, values: Floats) -> Floats:
            return np.sqrt(np.cumsum(np.bincount(first, weights=values**2, minlength=n + 1))[:n])

        summed = (np.abs(c) * length(spells.lo, w) + length(spells.lo, g) + f * length(spells.lo, h)) ** 2
        summed += (length(spells.settled, a) + f * length(spells.settled, b)) ** 2
        lost = np.flatnonzero(variance <= _LOST * summed)
        variance[lost] = self.squares(lost + 1)
        variance[variance <= _ROUNDING**2 * summed] = 0.0
        return variance

    def _past(self) -> tuple[Floats, Floats, Ints]:
        """What a person's former intervals have settled, (N,) and (N,); and when the next one begins."""
        spells, n = self.spells, len(self.time)
        persons = Segments(np.bincount(spells.person).astype(np.int64))
        following = np.full(len(spells.lo), n)
        following[:-1] = np.where(spells.person[1:] != spells.person[:-1], n, spells.lo[1:])
        return persons.from_start(self.a) - self.a, persons.from_start(self.b) - self.b, following

    def integrated(self, until: float) -> Floats:
        """(N,) integral of each interval's influence up to a time."""
        n = int(np.searchsorted(self.time, until, side="right"))
        time = np.concatenate([self.time[:n], [until]])
        lo, settled = np.minimum(self.spells.lo, n), np.minimum(self.spells.settled, n)
        common, curve = steps(self.common[:n], time), steps(self.curve[:n], time)
        active = self.weight * (common[settled] - common[lo]) + self.g * (time[settled] - time[lo])
        active += self.h * (curve[settled] - curve[lo])
        integral: Floats = active + self.a * (time[n] - time[settled]) + self.b * (curve[n] - curve[settled])
        return integral


def add_by_person(total: Floats, person: Ints, values: Floats) -> None:
    """Add (N, ...) values to the rows of their persons, who come one after another."""
    starts = np.flatnonzero(np.diff(person, prepend=-1))
    if len(starts):
        total[person[starts]] += np.add.reduceat(values, starts, axis=0)


def steps(values: Floats, time: Floats) -> Floats:
    """(n + 1,) integral of a step function from its first time to each time."""
    return np.concatenate([[0.0], np.cumsum(values * np.diff(time))])


def running(size: int, first: Ints, end: Ints, values: Floats) -> Floats:
    """(size,) sums of the values whose range first to end - 1 holds each index."""
    added, taken = (np.bincount(at, weights=values, minlength=size + 1) for at in (first, end))
    running: Floats = np.cumsum(added - taken)[:size]
    return running


def left_of(events: Floats, at_risk: Floats) -> Floats:
    """(T,) share without event at each event time; nobody is nobody, not the rounding of weights."""
    left: Floats = 1 - events.sum(axis=1) / at_risk
    left[left < _NOBODY] = 0.0
    return left


def before(survival: Floats) -> Floats:
    """(T,) survival just before each event time."""
    return np.concatenate([[1.0], survival])[: len(survival)]


def read(values: Floats, index: Ints) -> Floats:
    """A running total after so many event times; zero before the first."""
    read: Floats = np.concatenate([np.zeros((1, *values.shape[1:])), values])[index]
    return read


def _at(values: Floats, index: Ints) -> Floats:
    """Values by index; without event times there are none to be read."""
    return values[index] if len(values) else np.zeros(len(index))
