"""Separation: an estimate without bound is named, the others stay, and no step on the way warns or fails."""

import numpy as np
import polars as pl
import pytest

from cohort.survival.counting import risk_sets
from cohort.survival.cox import fit_cox


def separated(seed: int, persons: int = 300) -> pl.DataFrame:
    """Persons of whom the few with `always` have their event before anybody without it."""
    draw = np.random.default_rng(seed)
    always = np.arange(persons) < 6
    stop = np.where(always, draw.integers(1, 10, persons), draw.integers(10, 60, persons))
    return pl.DataFrame(
        {
            "start": np.zeros(persons, int),
            "stop": stop,
            "event": always | (draw.random(persons) < 0.3),
            "x": draw.normal(size=persons),
            "always": always.astype(int),
            "never": (np.arange(persons) > persons - 9).astype(int) * (~always).astype(int),
        }
    ).with_columns(event=(pl.col("event") & (pl.col("never") == 0)).cast(pl.Int8))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_columns_without_bound_are_named_and_the_others_stay(seed: int, ties: str) -> None:
    rows = separated(seed)
    fit = fit_cox(risk_sets(rows, ["x", "always", "never"], (), "start", "stop"), ties)  # type: ignore[arg-type]
    assert set(fit.not_estimable) == {"always", "never"}
    assert "only events" in fit.not_estimable["always"]
    assert fit.not_estimable["never"] == "no events with never"
    assert fit.columns == ("x",)
    # The limit: who has `never` leaves the risk sets, and who has `always` is compared with others of them alone. A
    # coefficient held at 1e-4 of its information leaves a difference of that order.
    limit = risk_sets(rows.filter(pl.col("never") == 0), ["x"], ("always",), "start", "stop")
    assert fit.params[0] == pytest.approx(fit_cox(limit, ties).params[0], abs=1e-3)  # type: ignore[arg-type]
