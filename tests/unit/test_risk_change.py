"""Risk sets counted by the SQL are those of looking at every event day, where days and patterns meet often."""

from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from cohort.inputs import EXPOSURES
from cohort.protocol import Protocol
from tests.oracle import risk_changes
from tests.risk_tables import changes_of, risk_tables

PROTOCOL = Protocol().changed(covariates=("insomnia", "depression"))
PATTERN = (
    "entry_age_stratum",
    "covariates",
    "age_stratum",
    *(f"dose_{e}" for e in EXPOSURES),
    *(f"category_{e}" for e in EXPOSURES),
)
STRATA = ("sex", "entry_period")
SCHEMA = {f"dose_{e}": pl.Float64 for e in EXPOSURES}


@st.composite
def persons(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Persons of one to three intervals within a few days; the last may end with dementia or death."""
    rows = []
    for person in range(draw(st.integers(1, 9))):
        fixed = {"sex": draw(st.sampled_from("FM")), "entry_period": draw(st.sampled_from([2000, 2005]))}
        has = {"insomnia": draw(st.integers(0, 1)), "depression": draw(st.integers(0, 1))}
        day, ends = draw(st.integers(0, 3)), draw(st.sampled_from([(0, 0), (1, 0), (1, 0), (0, 1)]))
        pieces = draw(st.integers(1, 3))
        for piece in range(pieces):
            stop = day + draw(st.integers(1, 3))
            dose = draw(st.sampled_from([0.0, 0.0, 2.5, None]))
            doses = {f"dose_{e}": dose if e == EXPOSURES[0] else 0.0 for e in EXPOSURES}
            labels = {f"category_{e}": "unknown dose" if doses[f"dose_{e}"] is None else "0" for e in EXPOSURES}
            event, death = ends if piece == pieces - 1 else (0, 0)
            row = {"person_id": person, "start_day": day, "stop_day": stop, "event": event, "death": death}
            rows.append(row | fixed | has | doses | labels | {"age_stratum": "65 to 74"})
            day = stop
    return rows


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(persons())
def test_changes_are_those_of_looking_at_every_event_day(rows: list[dict[str, Any]]) -> None:
    found = changes_of(*risk_tables(pl.DataFrame(rows, schema_overrides=SCHEMA), PROTOCOL))
    entered = {"entry_age_stratum": "65 to 74"}
    names = [
        row | entered | {"covariates": ", ".join(c for c in sorted(PROTOCOL.model.covariates) if row[c])}
        for row in rows
    ]
    assert _sorted(found) == _sorted(risk_changes(names, STRATA, PATTERN))


def _sorted(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    columns = ("cause", *STRATA, *PATTERN, "event_day", "change", "events")
    return sorted((tuple(row[c] for c in columns) for row in rows), key=repr)
