"""Supply, day by day: each queue is walked in order of its fills, over days at home, one day's tablets at a time."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from tests.oracle.base import Cdm, Row, Settings, births, counting, days_of
from tests.oracle.ledger import in_order

CARRIED = ("mg_per_day", "dme_per_day", "ddd_per_day", "tspo_per_day")
Queue = tuple[int, int]


def stockpile(cdm: Cdm, fills: Iterable[Row], settings: Settings) -> list[Row]:
    """One row per fill that counts and has days: its first day at home, and the days taken and lost."""
    born = births(cdm)
    piled: list[Row] = []
    queues: dict[Queue, list[Row]] = {}
    for fill in sorted(counting(fills), key=in_order):
        if fill["days"] is not None and fill["person_id"] in born:
            home = Home(cdm, fill["person_id"], born[fill["person_id"]], settings)
            row = {**fill, "fill_day": home.number(days_of(fill["fill_date"], born[fill["person_id"]]))}
            queues.setdefault((row["person_id"], row["ingredient_concept_id"]), []).append(row)
            piled.append(row)
    for key, queue in queues.items():
        for part in _parted(queue, _other_days(key, queues) if settings.overlap == "switch" else []):
            _lay_out(part, settings.carryover_cap_days)
    for row in piled:
        row["discarded_by_cap"] = row["days"] - row["days_under_cap"]
        row["accruing_days"] = min(row["days_under_cap"], row["days_before_switch"])
        row["discarded_by_switch"] = row["days_under_cap"] - row["accruing_days"]
    return piled


def _other_days(key: Queue, queues: dict[Queue, list[Row]]) -> list[int]:
    """The days on which the person has a fill of another drug of the same class."""
    tspo_class = queues[key][0]["tspo_class"]
    return sorted(
        {
            row["fill_day"]
            for (person_id, ingredient), rows in queues.items()
            if person_id == key[0] and ingredient != key[1]
            for row in rows
            if row["tspo_class"] == tspo_class
        }
    )


def _parted(queue: list[Row], other_days: list[int]) -> list[list[Row]]:
    """The queue in parts, each of which ends on the next day with a fill of another drug."""
    parts: dict[int | None, list[Row]] = {}
    for row in queue:
        row["switch_day"] = next((day for day in other_days if day > row["fill_day"]), None)
        parts.setdefault(row["switch_day"], []).append(row)
    return list(parts.values())


def _lay_out(queue: list[Row], cap: int | None) -> None:
    """Start each day's supplies when the earlier ones are used up, or the cap is reached; cut what is left of those."""
    end, earlier = None, []
    for day in sorted({row["fill_day"] for row in queue}):
        start = day if end is None else max(day, end)
        if cap is not None:
            start = min(start, day + cap)
        for row in earlier:
            row["days_under_cap"] = max(0, min(row["days_under_cap"], start - row["home_start"]))
        today = [row for row in queue if row["fill_day"] == day]
        end = start + _side_by_side(today, start)
        earlier += today
    for row in queue:
        row["days_before_switch"] = row["days"] if row["switch_day"] is None else row["switch_day"] - row["home_start"]
        row["days_before_switch"] = max(0, row["days_before_switch"])


def _side_by_side(today: list[Row], start: int) -> int:
    """Fills of one drug end to end, of different drugs at the same time; the length of the longest."""
    lengths: dict[int, int] = {}
    for row in sorted(today, key=lambda row: row["drug_exposure_id"]):
        before = lengths.get(row["drug_concept_id"], 0)
        row["home_start"], row["days_under_cap"] = start + before, row["days"]
        lengths[row["drug_concept_id"]] = before + row["days"]
    return max(lengths.values())


class Home:
    """A person's days at home: the nights in hospital are taken out, and the days left are numbered on."""

    def __init__(self, cdm: Cdm, person_id: int, birth: date, settings: Settings) -> None:
        self.away: set[int] = set()
        for visit in cdm.get("visit_occurrence", []) if settings.hospital_stays == "pause" else []:
            if visit.get("person_id") == person_id and visit.get("visit_concept_id") in settings.inpatient_visits:
                first, last = visit.get("visit_start_date"), visit.get("visit_end_date")
                if first is not None and last is not None:
                    self.away |= set(range(days_of(first, birth), days_of(last, birth)))

    def number(self, day: int) -> int:
        """The number at home of a day of age; of a day away, that of the next day at home."""
        while day in self.away:
            day += 1
        return day - sum(1 for night in self.away if night < day)

    def day(self, number: int) -> int:
        """The day of age of a number at home."""
        day = number
        while day in self.away or self.number(day) < number:
            day += 1
        return day


def supply(cdm: Cdm, piled: Iterable[Row], settings: Settings) -> list[Row]:
    """One row per fill and stretch of days: the tablets are taken day by day, and wait during the nights away."""
    born = births(cdm)
    rows = []
    for fill in piled:
        home = Home(cdm, fill["person_id"], born[fill["person_id"]], settings)
        taken = [home.day(fill["home_start"] + n) for n in range(fill["accruing_days"])]
        for first, length in _stretches(taken) or [(home.day(fill["home_start"]), 0)]:
            rows.append({**fill, "start_day": first, "accruing_days": length})
    return rows


def _stretches(days: list[int]) -> list[tuple[int, int]]:
    """(first day, number of days) of each run of consecutive days."""
    runs: list[list[int]] = []
    for day in days:
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return [(run[0], len(run)) for run in runs]


def use_periods(stretches: Iterable[Row]) -> list[Row]:
    """One row per person, class and run of days of use."""
    used: dict[tuple[int, str], set[int]] = {}
    for row in stretches:
        days = range(row["start_day"], row["start_day"] + row["accruing_days"])
        used.setdefault((row["person_id"], row["tspo_class"]), set()).update(days)
    return [
        {"person_id": person_id, "tspo_class": tspo_class, "first_day": first, "end_day": first + length}
        for (person_id, tspo_class), days in used.items()
        for first, length in _stretches(sorted(days))
    ]


def columns(rows: Iterable[Row], names: Iterable[str]) -> list[tuple[Any, ...]]:
    """The rows as tuples of the named columns, in order."""
    wanted = list(names)
    return sorted((tuple(row[name] for name in wanted) for row in rows), key=repr)
