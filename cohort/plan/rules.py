"""How many rows each table of the study will have, and what it takes to make them, from a few counts of the CDM.

In: `Counted`. Out: rows, seconds, bytes. Pure arithmetic; nothing is read here.

Every constant was fitted to run.json of these runs, on two cores (seconds, peak memory) and with any number of them
(rows):
    tspo simulate W.duckdb --seed 11 --scenario primary --persons N    N 3,000 and 20,000
    tspo simulate W.duckdb --seed 11 --scenario scale --persons N      N 3,000, 20,000 and 100,000
    tspo simulate W.duckdb --scenario scale --persons 1000000
    tspo run --cdm W.duckdb --out W
They are worlds observed for 15 years with refills of some 30 days; the range told beside each estimate is for others.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cohort.protocol import Protocol

SMALL = 1_000
"""Rows of a table that has one per drug, class or code: at most some hundreds, whatever the CDM."""
FACTOR = 2.0
"""What is estimated lies within this factor of the truth in all of the runs above."""


@dataclass(frozen=True)
class Counted:
    """What was counted in a CDM: true counts.

    Attributes:
        entering: persons who reach the age of entry while they are observed for long enough.
        fills: records of study drugs.
        lacking: those of them without strength, quantity or days of supply.
        set_records: records of concepts of any concept set among conditions and observations.
        drug_set_records: such records among drugs.
        outcome_records: records of the outcome's concepts.
        sets: concept sets with a record.
        observed_days: from the first to the last day that anybody is observed.
    """

    persons: int
    entering: int
    fills: int
    lacking: int
    set_records: int
    drug_set_records: int
    outcome_records: int
    sets: int
    observed_days: int


@dataclass(frozen=True)
class Rule:
    """The rows of a table: counted or estimated, the sentence that says how, and what they never exceed."""

    is_counted: bool
    says: str
    rows: Callable[[Counted, Protocol], float]
    most: Callable[[Counted, Protocol], float] = lambda *_: math.inf

    def between(self, counted: Counted, protocol: Protocol) -> tuple[float, float]:
        """What the rows lie between."""
        rows = self.rows(counted, protocol)
        return (rows, rows) if self.is_counted else (rows / FACTOR, min(rows * FACTOR, self.most(counted, protocol)))


def _cohort(counted: Counted, _: Protocol) -> float:
    return 0.93 * counted.entering


def _covariate_records(counted: Counted, protocol: Protocol) -> float:
    return _cohort(counted, protocol) * max(1.0, 0.27 * counted.sets)


def _drug_records(counted: Counted) -> float:
    return 0.13 * counted.drug_set_records


def _lag_share(counted: Counted, protocol: Protocol) -> float:
    """The lag as a share of the time observed, one at most."""
    return min(1.0, protocol.exposure.lag_days / max(counted.observed_days, 1))


def _intervals(counted: Counted, protocol: Protocol) -> float:
    """A person has an interval, and each fill one more where its dose counts before the end, less often by the lag."""
    return _cohort(counted, protocol) + math.exp(-1.95 * _lag_share(counted, protocol)) * counted.fills


def _patterns(counted: Counted, protocol: Protocol) -> float:
    """Persons who are alike share a pattern: the more there are, the more of them do, and all without a dose do."""
    intervals = _intervals(counted, protocol)
    return float(min(intervals, 6.4 * intervals**0.755 * math.exp(-2.2 * _lag_share(counted, protocol) ** 2)))


def _changes(counted: Counted, protocol: Protocol) -> float:
    """Intervals that begin or end between two events change nothing: in small worlds most do."""
    intervals = _intervals(counted, protocol)
    return (1.4 - 0.7 * _lag_share(counted, protocol)) * intervals * -math.expm1(-intervals / 15_000)


def _event_times(counted: Counted, protocol: Protocol) -> float:
    """Days of age, per sex and period, until every day has its event."""
    return 44_000 * -math.expm1(-_intervals(counted, protocol) / 55_000)


def _of(
    count: Callable[[Counted], float],
    says: str,
    *,
    is_counted: bool = False,
    most: Callable[[Counted], float] = lambda _: math.inf,
) -> Rule:
    return Rule(is_counted, says, lambda counted, _: count(counted), lambda counted, _: most(counted))


_FILL = _of(lambda c: c.fills, "fills of study drugs", is_counted=True)
_PERSON = _of(lambda c: c.persons, "persons", is_counted=True)
_COHORT = Rule(False, "0.93 of those who may enter", _cohort, lambda c, _: c.entering)
_CASES = _of(lambda c: c.outcome_records / 15, "a fifteenth of the outcome's records")
_OF_SETS = Rule(False, "cohort x 0.27 of the concept sets with records", _covariate_records)
_INTERVALS = Rule(False, "cohort + fills x exp(-1.95 lag / time observed)", _intervals)
_TINY = Rule(False, f"fewer than {SMALL:,}", lambda *_: 100, lambda *_: SMALL)

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        **dict.fromkeys(("birth", "eligibility"), _PERSON),
        "entry": _of(lambda c: c.entering, "persons who may enter", is_counted=True),
        **dict.fromkeys(("fill", "dose", "home_fill", "stockpile", "supply"), _FILL),
        "drug_record": _of(
            lambda c: c.fills + _drug_records(c),
            "fills + 0.13 of the drug records of concept sets",
            most=lambda c: c.fills + c.drug_set_records,
        ),
        "clinical_record": _of(
            lambda c: c.set_records + _drug_records(c),
            "records of concept sets, 0.13 of those of drugs",
            most=lambda c: c.set_records + c.drug_set_records,
        ),
        **dict.fromkeys(("diagnosed", "outcome"), _CASES),
        **dict.fromkeys(("cohort", "first_class", "covariate", "profile"), _COHORT),
        "band_start": Rule(
            False,
            "cohort x age bands",
            lambda c, p: _cohort(c, p) * len(p.strata.age_bands),
            lambda c, p: c.entering * len(p.strata.age_bands),
        ),
        **dict.fromkeys(("baseline_record", "covariate_record"), _OF_SETS),
        "dose_rate": _of(lambda c: 0.8 * c.fills, "0.8 of fills"),
        "dose_step": _of(lambda c: 0.2 * c.fills, "0.2 of fills"),
        "use_period": _of(lambda c: 0.1 * c.fills, "0.1 of fills"),
        "accrued": _of(lambda c: 1.3 * c.fills, "1.3 x fills"),
        **dict.fromkeys(("dose_remedy", "dose_unknown"), _of(lambda c: c.lacking, "fills that lack what a dose needs")),
        **dict.fromkeys(("exposure_time", "person_time"), _INTERVALS),
        "risk_pattern": Rule(False, "6.4 x intervals ^ 0.755, fewer by the lag", _patterns),
        "risk_change": Rule(False, "1.4 x intervals, fewer by the lag and where events are few", _changes),
        "channelling": _of(lambda _: 1_000, "about 1,000"),
        "event_time": Rule(False, "up to 44,000, by intervals", _event_times),
    }
)
"""Table -> its rows; tables that are not here have fewer than `SMALL`."""


def rule_of(table: str) -> Rule:
    """The rule for a table of the study."""
    return RULES.get(table, _TINY)


def table_seconds(rows: float) -> float:
    """Seconds of building a table with so many rows, by two threads."""
    return 0.08 + 1.2e-6 * rows


def scan_seconds(rows: float) -> float:
    """Seconds of reading so many rows of the CDM in columns, by two threads."""
    return 1e-7 * rows


MICROSECONDS: Mapping[str, float] = MappingProxyType(
    {
        "linear": 1.5,
        "linear by age": 2.3,
        "linear by age at entry": 2.2,
        "linear by continuous age": 2.5,
        "categories": 1.2,
        "categories by age": 0.6,
        "dose-response": 1.9,
        "death": 0.5,
        "subdistribution": 2.3,
        "drugs": 3.7,
        "duration and intensity": 1.6,
        "adjustment": 4.5,
        "curves": 0.9,
        "risks": 4.0,
    }
)
"""Model or description -> microseconds per interval of person-time, by one thread."""


def model_seconds(model: str, intervals: float, protocol: Protocol) -> float:
    """Seconds of one model of an analysis; what holds every interval draws a sample beyond `model.most_intervals`."""
    if model == "reversibility":
        rate = 9 + 30 * protocol.model.bootstrap_replicates / 400
        return 0.3 + 1e-6 * rate * min(intervals, protocol.model.most_intervals)
    return 0.3 + 1e-6 * MICROSECONDS.get(model, 1.5) * intervals


def run_seconds(tables: float, models: float) -> float:
    """Seconds of the run: some tables and models are made at a time, and the release comes last."""
    return 3 + 0.72 * (tables + models)


def memory_mb(intervals: float, protocol: Protocol) -> float:
    """Peak resident memory in MB: what is there from the start, and the intervals that models hold."""
    return 550 + 8e-4 * min(intervals, protocol.model.most_intervals)


def disk_mb(rows: float) -> float:
    """MB of the private tables."""
    return 3 + 4.5e-6 * rows


def working_set_mb(fills: float) -> float:
    """MB that the database engine needs at once so as not to spill: fills are sorted whole, person by person.

    5.8 million fills spilled 372 MB (fill) and 551 MB (accrued) at 1,500 MB, 0.59 million 5 MB at 300 MB; at 200 MB
    these could not be built at all.
    """
    return 150 + 3.3e-4 * fills
