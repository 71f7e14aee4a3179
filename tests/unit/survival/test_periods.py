"""Risk sets that are cut equal those of intervals that were cut first."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohort.survival.counting import risk_sets
from cohort.survival.cox import fit_cox
from cohort.survival.fine_gray import fine_gray_sets
from cohort.survival.likelihood import PartialLikelihood
from cohort.survival.periods import cut
from cohort.survival.risk_sets import RiskSets

Row = dict[str, float]
few = settings(max_examples=60, deadline=None, derandomize=True, database=None)


@st.composite
def studies(draw: st.DrawFn) -> list[Row]:
    """Intervals with ties, delayed entry, two strata, weights, and an offset; at least one event."""
    rows = []
    for number in range(draw(st.integers(1, 14))):
        start = draw(st.integers(0, 8))
        row: Row = {"start": start, "stop": start + draw(st.integers(1, 8)), "event": draw(st.integers(0, 1))}
        row |= {"x": draw(st.integers(0, 2)), "y": draw(st.sampled_from([-1.5, 0.25])), "g": draw(st.integers(0, 1))}
        row |= {"w": draw(st.sampled_from([0.5, 2.0])), "n": draw(st.integers(1, 3)), "o": draw(st.integers(-1, 1))}
        rows.append(row | {"event": 1} if not number else row)
    return rows


CUTS = st.lists(st.integers(0, 17), max_size=5, unique=True).map(sorted)


def counted(rows: Sequence[Row], columns: Sequence[str]) -> RiskSets:
    frame = pl.DataFrame(rows)
    return risk_sets(frame, columns, ["g"], "start", "stop", weights="w", frequencies="n", offset="o")


def cut_rows(rows: Sequence[Row], cuts: Sequence[int]) -> list[Row]:
    """Every interval in pieces, each with the number of its period."""
    pieces = []
    for row in rows:
        edges = [row["start"], *(c for c in cuts if row["start"] < c < row["stop"]), row["stop"]]
        for start, stop in pairwise(edges):
            event = row["event"] if stop == row["stop"] else 0
            period = sum(c < stop for c in cuts)
            pieces.append(row | {"start": start, "stop": stop, "event": event, "period": period})
    return pieces


def same(a: RiskSets, b: RiskSets, params: Sequence[float]) -> None:
    ours, theirs = (PartialLikelihood(sets, "efron").at(np.array(params)) for sets in (a, b))
    assert ours.log_likelihood == pytest.approx(theirs.log_likelihood, rel=1e-12, abs=1e-12)
    assert ours.score == pytest.approx(theirs.score, rel=1e-10, abs=1e-10)
    assert ours.information == pytest.approx(theirs.information, rel=1e-10, abs=1e-10)


@few
@given(studies(), CUTS)
def test_cutting_leaves_the_likelihood_as_it_is(rows: list[Row], cuts: list[int]) -> None:
    sets = counted(rows, ["x", "y"])
    same(cut(sets, [float(c) for c in cuts])[0], sets, [0.4, -0.7])


@few
@given(studies(), CUTS)
def test_a_covariate_that_changes_at_the_cuts_is_that_of_intervals_cut_first(rows: list[Row], cuts: list[int]) -> None:
    pieces, period = cut(counted(rows, ["x", "y"]), [float(c) for c in cuts])
    x, y = pieces.patterns.T
    changing = pieces.designed({"x": x, "y": y, "x_later": x * period})
    by_rows = [row | {"x_later": row["x"] * row["period"]} for row in cut_rows(rows, cuts)]
    same(changing, counted(by_rows, ["x", "y", "x_later"]), [0.4, -0.7, 0.3])


@few
@given(studies(), CUTS)
def test_no_pattern_stands_where_nobody_of_it_is_at_risk(rows: list[Row], cuts: list[int]) -> None:
    pieces, _ = cut(counted(rows, ["x", "y"]), [float(c) for c in cuts])
    at_risk = pieces.segments.from_end(pieces.change.toarray())
    assert (at_risk >= 0).all()
    assert (at_risk.max(axis=0, initial=0) > 0).all()


def test_strata_are_named_by_their_period() -> None:
    rows = [{"start": 0, "stop": t, "event": 1, "x": 0} for t in (1, 5, 9)]
    pieces, period = cut(risk_sets(pl.DataFrame(rows), ["x"], (), "start", "stop"), [5.0, 7.0])
    assert pieces.strata == ("all, period 0", "all, period 2")
    assert period.tolist() == [0, 2]


def test_an_effect_that_sets_in_late_is_found() -> None:
    """Up to time 5 the exposed and the others have events alike; after it only the exposed do."""
    early = [{"start": 0, "stop": 1 + k, "event": 1, "x": k % 2} for k in range(4)]
    late = [{"start": 0, "stop": 10 + k, "event": int(k < 6), "x": int(k < 6 and k != 2)} for k in range(12)]
    pieces, period = cut(risk_sets(pl.DataFrame([*early, *late]), ["x"], (), "start", "stop"), [5.0])
    x = pieces.patterns[:, 0]
    fit = fit_cox(pieces.designed({"early": x * (period == 0), "late": x * (period == 1)}))
    assert abs(fit.params[0]) < 1 < fit.params[1]


def test_risk_sets_of_a_subdistribution_are_refused() -> None:
    frame = pl.DataFrame({"start": [0, 0, 0], "stop": [1, 2, 3], "event": [0, 1, 0], "dead": [1, 0, 0], "x": [0, 1, 0]})
    with pytest.raises(ValueError, match=r"^risk sets of a subdistribution cannot be cut$"):
        cut(fine_gray_sets(frame, ["x"], (), "start", "stop", competing="dead"), [1.5])
