"""Risk sets cut into periods of time, so that covariates and effects may change at the cuts.

In: `RiskSets`, counts by pattern, and times. Out: the same with a stratum for each period. The partial likelihood of
the same covariates stays as it is; on rows it is what R's `survSplit` does.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cohort.survival.arrays import Floats, Ints
from cohort.survival.risk_sets import RiskSets, counts


def cut(sets: RiskSets, times: Sequence[float] | Floats) -> tuple[RiskSets, Ints]:
    """The same risk sets, each stratum cut into periods: the likelihood stays, and covariates may change at the cuts.

    Who is at risk in several periods is a pattern in each of them; nobody's intervals are needed for it. (On rows it is
    R's `survSplit`.)

    Args:
        sets: risk sets.
        times: (C,) ascending; a period is (earlier cut, cut], so an event at a cut is in the period that ends there.

    Returns:
        The risk sets, with a stratum for each old one and period with events; and the (M,) period of each pattern, from
        0 (up to the first cut) to C.

    Raises:
        ValueError: persons stay at risk after a competing event.
    """
    if sets.lasting is not None:
        raise ValueError("risk sets of a subdistribution cannot be cut")
    count = len(times) + 1
    period = np.searchsorted(np.asarray(times, np.float64), sets.time)
    pieces, piece = np.unique(sets.stratum * count + period, return_inverse=True)
    first, owner, number = _alive(sets, piece, pieces // count)
    # What happens in each piece, and who is still there when it ends; pattern and piece make one number.
    change, events = sets.change.tocoo(), sets.events.tocoo()
    last_time = np.append(np.flatnonzero(np.diff(piece)), len(piece) - 1)
    row = np.concatenate([change.coords[0], last_time[first]])
    of_change = piece[row] * len(sets.patterns) + np.concatenate([change.coords[1], owner])
    of_events = piece[events.coords[0]] * len(sets.patterns) + events.coords[1]
    keys, index = np.unique(np.concatenate([of_change, of_events]), return_inverse=True)
    shape, column = (len(sets.time), len(keys)), len(of_change)
    changes = counts(row, index[:column], np.concatenate([change.data, number]), shape)
    happened = counts(events.coords[0], index[column:], events.data, shape)
    present = np.flatnonzero(np.diff(changes.indptr) + np.diff(happened.indptr))
    own, source = np.divmod(keys[present], max(len(sets.patterns), 1))
    made = replace(
        sets,
        patterns=sets.patterns[source],
        stratum_of=own,
        change=changes[:, present],
        events=happened[:, present],
        stratum=piece.astype(np.int64),
        strata=tuple(f"{sets.strata[k // count]}, period {k % count}" for k in pieces),
        offset=sets.offset[source],
        weight=sets.weight[source],
        rows=None,
    )
    return made, pieces[own] % count


def _alive(sets: RiskSets, piece: Ints, stratum_of_piece: Ints) -> tuple[Ints, Ints, Floats]:
    """Who is still at risk when a piece of a stratum ends: (K,) piece, pattern, and number.

    Args:
        sets: risk sets.
        piece: (G,) number of the piece in which each event time lies, ascending.
        stratum_of_piece: (pieces,) which stratum it is a piece of.
    """
    size = int(piece.max(initial=-1)) + 1
    change = sets.change.tocoo()
    summed = counts(piece[change.coords[0]], change.coords[1], change.data, (size, len(sets.patterns)))
    summed.sort_indices()
    pattern = np.repeat(np.arange(len(sets.patterns)), np.diff(summed.indptr))
    at, value = summed.indices.astype(np.int64), summed.data
    # The number at risk at the beginning of each piece in which something changes: the sum from there on.
    total = np.concatenate([[0.0], np.cumsum(value)])
    present = total[summed.indptr[1:]][pattern] - total[:-1]
    # It stands from the piece before that back to the last change before, or to the stratum's first piece.
    starts = np.searchsorted(stratum_of_piece, stratum_of_piece[at])
    is_first = np.diff(pattern, prepend=-1) > 0
    since = np.where(is_first, starts, np.concatenate([[0], at[:-1]]))
    lengths = np.where(present > 0, at - since, 0)
    offset = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.repeat(since, lengths) + offset, np.repeat(pattern, lengths), np.repeat(present, lengths)
