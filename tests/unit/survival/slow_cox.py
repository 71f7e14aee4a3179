"""A slow, obvious partial likelihood over rows, and rows for it to be compared on.

All of it may be complex: the derivative of f at a is the imaginary part of f(a + ih) / h for a tiny h, to the last
digit, so residuals are compared with derivatives and not with a second formula.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from hypothesis import assume
from hypothesis import strategies as st

from cohort.survival.counting import risk_sets
from cohort.survival.cox import CoxFit, fit_cox
from cohort.survival.likelihood import Ties

H = 1e-30


@dataclass(frozen=True)
class Row:
    """One interval (start, stop] of a stratum, with covariates x; `many` such rows."""

    person: int
    start: float
    stop: float
    event: int
    s: int
    x: tuple[float, float]
    weight: float = 1.0
    offset: float = 0.0
    many: int = 1


def frame(rows: Sequence[Row]) -> pl.DataFrame:
    names = ["person", "start", "stop", "event", "s", "weight", "offset", "many", "x", "z"]
    data = [(r.person, r.start, r.stop, r.event, r.s, r.weight, r.offset, r.many, *r.x) for r in rows]
    return pl.DataFrame(data, schema=names, orient="row").with_columns(
        pl.col("start", "stop", "weight", "offset", "x", "z").cast(pl.Float64)
    )


def fit(rows: Sequence[Row], ties: Ties = "efron") -> CoxFit:
    names = {"weights": "weight", "offset": "offset", "frequencies": "many"}
    return fit_cox(risk_sets(frame(rows), ["x", "z"], ["s"], "start", "stop", **names), ties)  # type: ignore[arg-type]


def ordinary(rows: Sequence[Row], ties: Ties = "efron") -> CoxFit:
    """The fit, where all is estimated and no estimate is so large that exp() loses the digits that are compared."""
    assume(any(r.event for r in rows))
    found = fit(rows, ties)
    assume(not found.not_estimable)
    assume(np.abs(found.params).max() < 4)
    return found


def singly(rows: Sequence[Row]) -> list[Row]:
    """Every row as many times as it says."""
    return [replace(r, many=1) for r in rows for _ in range(r.many)]


@st.composite
def studies(draw: st.DrawFn, plain: bool = False) -> list[Row]:
    """Ties, strata, delayed entry, persons of one or two intervals; and unless plain, weights, offsets, frequencies."""
    rows: list[Row] = []
    for person in range(draw(st.integers(8, 12))):
        start, s = draw(st.integers(0, 3)), draw(st.integers(0, 1))
        lengths = draw(st.lists(st.integers(1, 4), min_size=1, max_size=2))
        for k, length in enumerate(lengths):
            event = draw(st.integers(0, 1)) if k == len(lengths) - 1 else 0
            x = (float(draw(st.integers(0, 2))), float(draw(st.integers(0, 1))))
            row = Row(person, start, start + length, event, s, x)
            if not plain:
                row = replace(
                    row,
                    weight=draw(st.sampled_from([1.0, 0.25, 3.0])),
                    offset=draw(st.sampled_from([0.0, 0.7])),
                    many=draw(st.integers(1, 2)),
                )
            rows.append(row)
            start += length
    return rows


@dataclass(frozen=True)
class RiskSet:
    """Who is at risk at a time of a stratum, who has the event; and the factors of hazards for each tied event."""

    s: int
    time: float
    at_risk: list[int]
    events: list[int]
    factors: list[np.ndarray]


def risk_sets_of(rows: Sequence[Row], ties: Ties) -> Iterator[RiskSet]:
    for s, time in sorted({(r.s, r.stop) for r in rows if r.event}):
        at_risk = [i for i, r in enumerate(rows) if r.s == s and r.start < time <= r.stop]
        events = [i for i in at_risk if rows[i].event and rows[i].stop == time]
        has_event = np.isin(at_risk, events)
        shares = [k / len(events) if ties == "efron" else 0.0 for k in range(len(events))]
        yield RiskSet(s, time, at_risk, events, [1 - share * has_event for share in shares])


def arrays(rows: Sequence[Row]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Covariates, weights, offsets."""
    return np.array([r.x for r in rows]), np.array([r.weight for r in rows]), np.array([r.offset for r in rows])


def log_likelihood(rows: Sequence[Row], beta: np.ndarray, ties: Ties, offset: np.ndarray | None = None) -> complex:
    """Sum over events of w (x'b + offset), less the mean weight of tied events x log of the hazards at risk."""
    x, w, own_offset = arrays(rows)
    eta = x @ beta + (own_offset if offset is None else offset)
    value = 0j
    for at in risk_sets_of(rows, ties):
        hazards = (w * np.exp(eta))[at.at_risk]
        value += w[at.events] @ eta[at.events]
        value -= w[at.events].mean() * sum(np.log(factor @ hazards) for factor in at.factors)
    return value


def score(rows: Sequence[Row], beta: np.ndarray, ties: Ties, weight: np.ndarray | None = None) -> np.ndarray:
    """The derivative of the log likelihood by the coefficients."""
    x, own_weight, offset = arrays(rows)
    w = own_weight if weight is None else weight
    total = np.zeros(2, complex)
    for at in risk_sets_of(rows, ties):
        hazards = (w * np.exp(x @ beta + offset))[at.at_risk]
        means = [(factor * hazards) @ x[at.at_risk] / (factor @ hazards) for factor in at.factors]
        total += w[at.events] @ x[at.events] - w[at.events].mean() * np.sum(means, axis=0)
    return total


def scores_by_row(rows: Sequence[Row], beta: np.ndarray, ties: Ties) -> np.ndarray:
    """(rows, 2) derivative of the score by the weight of each row."""
    weight = arrays(rows)[1]
    steps = np.eye(len(rows)) * H * 1j
    return np.array([score(rows, beta, ties, weight + step).imag / H for step in steps])


def first_copies(rows: Sequence[Row]) -> list[int]:
    """Where the first copy of each row stands among `singly(rows)`."""
    many = [r.many for r in rows]
    return (np.cumsum(many) - many).tolist()
