"""Which coefficients the data can speak to; for the others, why not, in words that name column and stratum.

In: the likelihood of all columns. Out: that of the columns that have an estimate, and the reasons for the rest:
constant or collinear ones, and indicator-like ones without events, whose estimate is zero hazard (their patterns then
leave the risk sets, which is the limit of the likelihood).
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from cohort.survival.arrays import Bools, Floats
from cohort.survival.likelihood import PartialLikelihood
from cohort.survival.risk_sets import RiskSets

_NO_INFORMATION = 1e-9
_FEW = 3


@dataclass(frozen=True)
class Estimable:
    """The likelihood of the columns with an estimate.

    Attributes:
        likelihood: the one given if no column was left out.
        reasons: column -> why it has none.
        n_without_events: how many of those are at zero hazard: the likelihood was maximised over them too.
        notes: what does not prevent an estimate, but says where it comes from: strata in which a column is constant
            or has no events, and strata without events.
    """

    likelihood: PartialLikelihood
    reasons: dict[str, str]
    n_without_events: int
    notes: tuple[str, ...]


def estimable(likelihood: PartialLikelihood) -> Estimable:
    """Leave out the columns that cannot be estimated."""
    sets = likelihood.sets
    reasons: dict[str, str] = {}
    without = np.zeros(len(sets.patterns), bool)
    for index, column in enumerate(sets.columns):
        values = sets.patterns[:, index]
        is_above = values > 0
        if is_above.any() and not sets.observed[is_above].any() and (values >= 0).all():
            reasons[column] = f"no events with {column}"
            without |= is_above
    n_without_events = len(reasons)
    kept = _without(likelihood, reasons, without)
    span = _span(kept.sets)
    dependent = _dependent(kept, span)
    if dependent:
        kept = _without(kept, dependent)
        span = _span(kept.sets)
    return Estimable(kept, reasons | dependent, n_without_events, _notes(kept.sets, span))


def _without(given: PartialLikelihood, columns: Collection[str], patterns: Bools | None = None) -> PartialLikelihood:
    """The likelihood without some columns, and without some patterns."""
    if not columns:
        return given
    kept = [column for column in given.sets.columns if column not in columns]
    return PartialLikelihood(given.sets.keep(kept, patterns), given.ties)


def _dependent(likelihood: PartialLikelihood, span: "_Span") -> dict[str, str]:
    """Columns without information of their own: constant within the risk sets, or a combination of earlier ones."""
    sets, information, spread = likelihood.sets, likelihood.at_zero.information, _spread(likelihood, span)
    reasons: dict[str, str] = {}
    kept: list[int] = []
    for index, column in enumerate(sets.columns):
        own = information[index, index]
        if own <= _NO_INFORMATION * spread[index]:
            reasons[column] = f"{column} does not vary among those at risk"
            continue
        others, across = information[np.ix_(kept, kept)], information[kept, index]
        explained = across @ _solve(others, across) if kept else 0.0
        if own - explained <= _NO_INFORMATION * own:
            reasons[column] = f"{column} is a combination of {', '.join(sets.columns[k] for k in kept)}"
        else:
            kept.append(index)
    return reasons


def _solve(matrix: Floats, vector: Floats) -> Floats:
    """A solution with rows and columns scaled first: they may differ by many orders of magnitude."""
    scale = 1 / np.sqrt(np.diag(matrix))
    solved: Floats = scale * linalg.solve(matrix * scale * scale[:, None], scale * vector, assume_a="pos")
    return solved


def _spread(likelihood: PartialLikelihood, span: "_Span") -> Floats:
    """A scale for each column's information: its largest square times the events, in units of the largest weight.

    Covariates are relative to the mean of their stratum's events; a millionth of their size is the least that counts.
    """
    sets = likelihood.sets
    size = np.full(len(sets.columns), 1e-150)
    for side in (span.lowest, span.highest):
        there = np.isfinite(side)  # strata in which nobody has a weight have no values
        for values, share in ((side - likelihood.centre, 1.0), (side, 1e-6)):
            size = np.maximum(size, share * np.abs(np.where(there, values, 0.0)).max(axis=0, initial=0.0))
    spread: Floats = size**2 * ((sets.observed * sets.weight).sum() / likelihood.scale)
    return spread


@dataclass(frozen=True)
class _Span:
    """(strata, p) the least and the largest value of each column among those at risk."""

    lowest: Floats
    highest: Floats


def _span(sets: RiskSets) -> _Span:
    lowest, highest = np.full((2, len(sets.strata), len(sets.columns)), np.nan)
    present, starts = sets.weight > 0, sets.pattern_starts
    everyone = bool(present.all())
    for index in range(len(sets.columns) if len(starts) else 0):
        values = sets.patterns[:, index]
        lowest[:, index] = np.minimum.reduceat(values if everyone else np.where(present, values, np.inf), starts)
        highest[:, index] = np.maximum.reduceat(values if everyone else np.where(present, values, -np.inf), starts)
    return _Span(lowest, highest)


def _notes(sets: RiskSets, span: _Span) -> tuple[str, ...]:
    """Strata in which a column cannot speak, a line a column."""
    notes = [f"no events in {_list(sets.silent)}"] if sets.silent else []
    if len(sets.strata) < 2:
        return tuple(notes)
    for index, column in enumerate(sets.columns):
        # Constant among those at risk; or it varies, but only zeros have events.
        constant = span.lowest[:, index] == span.highest[:, index]
        of_cases = np.add.reduceat(np.where(sets.patterns[:, index] != 0, sets.observed, 0.0), sets.pattern_starts)
        silent = ~constant & (span.lowest[:, index] == 0) & (of_cases == 0)
        if constant.any():
            notes.append(f"{column} is constant in {_names(sets, constant)}")
        if silent.any():
            notes.append(f"no events with {column} in {_names(sets, silent)}")
    return tuple(notes)


def _names(sets: RiskSets, chosen: Bools) -> str:
    return _list([name for name, is_chosen in zip(sets.strata, chosen, strict=True) if is_chosen])


def _list(names: "list[str] | tuple[str, ...]") -> str:
    """Some names, and how many more there are."""
    more = len(names) - _FEW
    return "; ".join(names[:_FEW]) + (f" and {more} more strata" if more > 0 else "")
