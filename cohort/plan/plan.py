"""The plan of a run: which tables and models it makes, and what they will take.

In: an open CDM, the protocol and the memory that the database engine may use. Out: a `Plan`. Large tables are read
once, as `tspo check` reads them.
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator
from typing import Literal

import duckdb
from pydantic import BaseModel, ConfigDict

from cohort.analyses import Analysis, analyses
from cohort.engine import Step, content_of, create_tables, input_key
from cohort.feasibility.said import Said
from cohort.feasibility.survey import look_for_fills, survey_study
from cohort.inputs import study_inputs, study_parameters
from cohort.paths import sql_folder
from cohort.plan.rules import (
    FACTOR,
    Counted,
    disk_mb,
    memory_mb,
    model_seconds,
    rule_of,
    run_seconds,
    scan_seconds,
    table_seconds,
    working_set_mb,
)
from cohort.protocol import Protocol
from cohort.source import Cdm, first_row
from cohort.study import CDM_NAMES, DESCRIPTIONS, steps_of

VERSION: Literal[1] = 1


class Range(BaseModel):
    """An estimate, and what it may lie between."""

    model_config = ConfigDict(frozen=True)

    estimate: float
    low: float
    high: float


class TableRead(BaseModel):
    """A CDM table, its rows, and how often the run reads it."""

    model_config = ConfigDict(frozen=True)

    table: str
    rows: int | str
    times: int


class TablePlanned(BaseModel):
    """A table of an analysis and its rows, rounded to two digits; few are a text such as `<5`."""

    model_config = ConfigDict(frozen=True)

    analysis: str
    table: str
    rows: int | str
    low: int | str
    high: int | str
    is_counted: bool
    rule: str


class Plan(BaseModel):
    """What a run will read, make and need: the keys of `tspo plan --json`.

    Attributes:
        version: of these keys.
        reads: CDM tables with their rows and how often they are read; the first build only.
        tables: what is built, analysis by analysis; what two analyses share stands once.
        models: how many models are fitted.
        memory_mb, disk_mb, seconds: peak memory of the process, size of private/, time of the first run.
        working_set_mb: memory that the database engine needs at once; beyond `memory_limit` it spills to disk.
    """

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = VERSION
    reads: tuple[TableRead, ...]
    tables: tuple[TablePlanned, ...]
    models: int
    memory_mb: Range
    disk_mb: Range
    seconds: Range
    working_set_mb: Range
    memory_limit: str
    spills: Literal["no", "may", "yes"]


def plan(cdm: Cdm, protocol: Protocol, memory: str) -> Plan:
    """Plan a run.

    Args:
        memory: what the database engine may use, such as 1500MB.

    Raises:
        CannotStudy: the CDM lacks what the study needs.
    """
    said = Said(protocol.disclosure.min_cell_count)
    counted, rows = _count(cdm, protocol, said)
    jobs = list(planned_tables(protocol, with_bounds=counted.lacking > 0))
    planned = [(analysis, step, rule_of(step.name).rows(counted, analysis.protocol)) for analysis, step in jobs]
    fitted = [a for a in analyses(protocol) if counted.lacking or not a.is_bound]
    intervals = {a.name: rule_of("person_time").rows(counted, a.protocol) for a in fitted}
    scans = Counter(name for _, step in jobs for name in step.scans if name in CDM_NAMES)
    built = sum(table_seconds(count) for *_, count in planned)
    read = sum(scan_seconds(times * rows[name]) for name, times in scans.items())
    models = [(a, model) for a in fitted for model in a.models] + [(fitted[0], name) for name in DESCRIPTIONS]
    modelled = sum(model_seconds(model, intervals[a.name], protocol) for a, model in models)
    needed = _range(working_set_mb(counted.fills), 1.5)
    limit = megabytes(memory)
    return Plan(
        reads=tuple(TableRead(table=name, rows=said.value(rows[name]), times=scans[name]) for name in sorted(scans)),
        tables=tuple(_planned(analysis, step, counted, said) for analysis, step in jobs),
        models=len(models),
        memory_mb=_range(memory_mb(max(intervals.values()), protocol), 1.5),
        disk_mb=_range(disk_mb(sum(count for *_, count in planned))),
        seconds=_range(run_seconds(built + read, modelled)),
        working_set_mb=needed,
        memory_limit=memory,
        spills="no" if needed.high <= limit else "may" if needed.low <= limit else "yes",
    )


def planned_tables(protocol: Protocol, *, with_bounds: bool) -> Iterator[tuple[Analysis, Step]]:
    """Each table that a first run builds, with the analysis that it is built for.

    Args:
        with_bounds: whether some dose is missing, so that the bounds for missing doses are run.
    """
    known: set[str] = set()
    for analysis in analyses(protocol):
        if analysis.is_bound and not with_bounds:
            continue
        keys = {name: name for name in CDM_NAMES}
        keys |= {name: input_key(frame, name) for name, frame in study_inputs(analysis.protocol).items()}
        parameters = study_parameters(analysis.protocol)
        for step in steps_of(analysis):
            keys[step.name] = key = content_of(step, parameters, keys).key
            if key not in known:
                known.add(key)
                yield analysis, step


def megabytes(memory: str) -> float:
    """An amount of memory as the database engine writes it, in MB.

    >>> megabytes("1500MB"), megabytes("2 GB"), megabytes("1GiB")
    (1500.0, 2000.0, 1073.741824)
    """
    found = re.fullmatch(r"\s*([\d.]+)\s*([kmgt]?)(i?)b?\s*", memory.lower())
    if found is None:
        return float("inf")
    power = " kmgt".index(found[2] or " ")
    return float(found[1]) * (1024.0 if found[3] else 1000.0) ** power / 1e6


def _count(cdm: Cdm, protocol: Protocol, said: Said) -> tuple[Counted, dict[str, int]]:
    """What the rules start from, and the rows of each CDM table."""
    connection, checks = cdm.connection, sql_folder() / "checks"
    surveyed = survey_study(cdm, protocol)
    first, last = (surveyed.snapshot[f"{which}_observation_date"] for which in ("earliest", "latest"))
    parameters = {**study_parameters(protocol), "latest_day": dt.date.today()}
    create_tables(connection, ("entry",), parameters)
    create_tables(connection, ("fill_check", "set_check"), parameters, checks)
    fills, quantities, strengths, whole = (
        int(value or 0)
        for value in first_row(
            connection, "select sum(fills), sum(with_quantity), sum(with_strength), sum(with_all) from fill_check"
        )
    )
    look_for_fills(cdm, said, fills, quantities, strengths)
    cdm.require()
    records, drug_records, sets = _sets(connection)
    (of_outcome,) = first_row(
        connection,
        "select coalesce(sum(records), 0) from set_check inner join diagnosis_set using (concept_set)",
    )
    (entering,) = first_row(connection, "select count(*) from entry")
    return Counted(
        persons=surveyed.rows["person"],
        entering=int(entering),
        fills=fills,
        lacking=fills - whole,
        set_records=records,
        drug_set_records=drug_records,
        outcome_records=int(of_outcome),
        sets=sets,
        observed_days=(last - first).days if first and last else 0,
    ), surveyed.rows


def _sets(connection: duckdb.DuckDBPyConnection) -> tuple[int, int, int]:
    row = first_row(
        connection,
        "select sum(records), sum(drug_records), count(*) filter (where records + drug_records > 0) from set_check",
    )
    return int(row[0] or 0), int(row[1] or 0), int(row[2])


def _planned(analysis: Analysis, step: Step, counted: Counted, said: Said) -> TablePlanned:
    rule = rule_of(step.name)
    low, high = rule.between(counted, analysis.protocol)
    return TablePlanned(
        analysis=analysis.name,
        table=step.name,
        rows=said.value(_rounded(rule.rows(counted, analysis.protocol))),
        low=said.value(_rounded(low)),
        high=said.value(_rounded(high)),
        is_counted=rule.is_counted,
        rule=rule.says,
    )


def _rounded(count: float) -> int:
    """To two digits: more would say that it is known better than it is."""
    whole = round(count)
    return round(whole, 2 - len(str(whole)))


def _range(estimate: float, factor: float = FACTOR) -> Range:
    return Range(estimate=_digits(estimate), low=_digits(estimate / factor), high=_digits(estimate * factor))


def _digits(value: float) -> float:
    return float(f"{value:.2g}")
