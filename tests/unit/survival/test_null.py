"""The likelihood where all coefficients are zero: worked out once, and of everybody, those taken out later too."""

import polars as pl
import pytest

from cohort.survival.counting import risk_sets
from cohort.survival.cox import fit_cox
from cohort.survival.likelihood import PartialLikelihood

PERSONS = {
    "start_day": [0, 0, 0, 0, 1, 0],
    "stop_day": [2, 3, 4, 5, 6, 3],
    "event": [1, 1, 1, 0, 1, 0],
    "x": [0, 1, 0, 1, 0, 1],
    "without_events": [0, 0, 0, 0, 0, 1],
    "weight": [1.0, 2.0, 1.0, 1.0, 1.0, 8.0],
}


@pytest.mark.parametrize(("columns", "times"), [(["x"], 1), (["x", "without_events"], 2)])
def test_the_likelihood_at_zero_is_worked_out_once_for_each_set_of_columns(
    monkeypatch: pytest.MonkeyPatch, columns: list[str], times: int
) -> None:
    at, zeros = PartialLikelihood.at, []

    def counted(self: PartialLikelihood, params: object) -> object:
        zeros.append(not any(params))  # type: ignore[call-overload]
        return at(self, params)  # type: ignore[arg-type]

    monkeypatch.setattr(PartialLikelihood, "at", counted)
    fit_cox(risk_sets(pl.DataFrame(PERSONS), columns))
    assert sum(zeros) == times


def test_the_null_likelihood_is_of_everybody_when_the_heaviest_are_taken_out() -> None:
    """Their column has no events, so they leave the fit; the model that it is compared with has them."""
    persons = pl.DataFrame(PERSONS)
    fits = [fit_cox(risk_sets(persons, columns, weights="weight")) for columns in (["x", "without_events"], ["x"])]
    assert fits[0].not_estimable == {"without_events": "no events with without_events"}
    assert fits[0].log_likelihood_null == pytest.approx(fits[1].log_likelihood_null, rel=1e-12)
