"""Changes of the risk sets, counted event day by event day: who is at risk now and not at the next one."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

Row = dict[str, Any]


def risk_changes(intervals: Iterable[Row], strata: Sequence[str], pattern: Sequence[str]) -> list[Row]:
    """Rows of (cause, strata, pattern, event_day, change, events) with a change or an event.

    Args:
        intervals: rows with start_day and stop_day on the time scale, event, death, strata and pattern.
        strata: columns of the stratum.
        pattern: the other columns by which persons are told apart.
    """
    rows, found = list(intervals), []
    for cause in ("event", "death"):
        for stratum in {tuple(row[c] for c in strata) for row in rows}:
            own = [row for row in rows if tuple(row[c] for c in strata) == stratum]
            days = sorted({row["stop_day"] for row in own if row[cause]})
            at_risk = [Counter(_key(r, pattern) for r in own if r["start_day"] < d <= r["stop_day"]) for d in days]
            events = [Counter(_key(r, pattern) for r in own if r[cause] and r["stop_day"] == d) for d in days]
            for i, day in enumerate(days):
                later = at_risk[i + 1] if i + 1 < len(days) else Counter()
                for key in at_risk[i] | later:
                    change = at_risk[i][key] - later[key]
                    if change or events[i][key]:
                        described = {**dict(zip(strata, stratum, strict=True)), **dict(zip(pattern, key, strict=True))}
                        counted = {"event_day": day, "change": change, "events": events[i][key]}
                        found.append({"cause": cause, **described, **counted})
    return found


def _key(row: Row, pattern: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[column] for column in pattern)
