"""A person's rows of a run's private tables, put in the order of time.

In: the folder of a run, and a person. Out: a `Timeline`. Nothing is computed anew: what is told is what the study used,
so that it can be checked against the records.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from cohort.content import Content, stored_content, stored_key
from cohort.engine import steps_for
from cohort.errors import UsageError
from cohort.inputs import EXPOSURES
from cohort.run import RunFolder

CRITERIA = ("has_birth_date", "has_entry", "has_no_prior_outcome", "is_new_user", "has_time_at_risk")
"""The rules of eligibility in the order of attrition, whose reasons 2 to 6 they are."""
_TABLES = ("eligibility", "attrition", "birth", "cohort", "dose", "supply", "stockpile", "dose_rate", "exposure_time")
Row = dict[str, Any]


@dataclass(frozen=True)
class Fill:
    """A fill of a study drug: what was recorded, the dose made of it, and when it counts as taken.

    Attributes:
        taken_from, taken_until: first and last day of use, after waiting for what was left and less nights in hospital;
            None if it is never used.
        days_lost: days of supply that the cap or a switch of drugs took away.
    """

    date: dt.date
    drug: str
    tspo_class: str
    quantity: float | None
    strength: str
    days: int | None
    dme_per_day: float | None
    status: str
    taken_from: dt.date | None
    taken_until: dt.date | None
    days_lost: int


@dataclass(frozen=True)
class Interval:
    """A piece of person-time: (start, stop], with the lagged cumulative dose of each exposure that holds in it."""

    start: dt.date
    stop: dt.date
    age_stratum: str
    dose: dict[str, float | None]
    ends_with: str


@dataclass(frozen=True)
class Daily:
    """Days on which a dose that is known is taken: from the first to the day before `until`."""

    tspo_class: str
    first: dt.date
    until: dt.date
    per_day: float


@dataclass(frozen=True)
class Timeline:
    """What the study knows of a person.

    Attributes:
        metric: what the doses of days and of person-time are counted in, as the protocol names it.
        rules: each rule of eligibility and whether it holds, in order; the first that does not is why a person is out.
        events: what happened, by its name.
    """

    person_id: int
    metric: str
    sex: str
    birth: dt.date | None
    is_birth_imputed: bool
    rules: tuple[tuple[str, bool], ...]
    entry: dt.date | None
    exit: dt.date | None
    exit_reason: str
    fills: tuple[Fill, ...]
    daily: tuple[Daily, ...]
    intervals: tuple[Interval, ...]
    events: dict[str, dt.date]

    @property
    def excluded_by(self) -> str | None:
        """The first rule that the person does not meet."""
        return next((rule for rule, holds in self.rules if not holds), None)


def read_timeline(folder: RunFolder, person_id: int) -> Timeline:
    """A person's timeline out of the primary analysis.

    Raises:
        UsageError: the run has not built its tables, or not all of them from the same, or its CDM has no such person.
    """
    missing = [name for name in _TABLES if not (folder.private / f"{name}.parquet").exists()]
    if missing:
        raise UsageError(
            f"{folder.root} has no table {missing[0]}; finish the run (`tspo run`) before a person is explained."
        )
    contents = _contents(folder)
    own = {name: list(_rows(folder.private / f"{name}.parquet", person_id)) for name in _TABLES if name != "attrition"}
    if not own["eligibility"]:
        raise UsageError(f"The CDM of this run has no person {person_id}.")
    (eligible,) = own["eligibility"]
    reasons = dict(pl.read_parquet(folder.private / "attrition.parquet").select("reason_id", "reason").iter_rows())
    birth = own["birth"][0] if own["birth"] else None
    studied = own["cohort"][0] if own["cohort"] else {}
    born = birth["birth_date"] if birth else None
    return Timeline(
        person_id=person_id,
        metric=contents["dose_rate"].parameters["metric"],
        sex=birth["sex"] if birth else "not known",
        birth=born,
        is_birth_imputed=bool(birth and birth["birth_date_imputed"]),
        rules=tuple((reasons[number], bool(eligible[rule])) for number, rule in enumerate(CRITERIA, 2)),
        entry=eligible["entry_date"],
        exit=studied.get("exit_date"),
        exit_reason=studied.get("exit_reason") or "",
        fills=tuple(_fills(own, born)),
        daily=tuple(_daily(own["dose_rate"], born)),
        intervals=tuple(_intervals(own["exposure_time"], born)),
        events={
            name: eligible[column]
            for name, column in (
                ("diagnosis of the outcome", "outcome_date"),
                ("competing diagnosis", "competing_date"),
                ("death", "death_date"),
                ("end of observation", "period_end_date"),
            )
            if eligible[column]
        },
    )


def _contents(folder: RunFolder) -> dict[str, Content]:
    """What the tables are made of. All that they read must be of one run: one that was changed begins with some."""
    names = [step.name for step in steps_for(_TABLES)]
    keys = {name: stored_key(folder.private / f"{name}.parquet") for name in names}
    found = {}
    for name in names:
        content = stored_content(folder.private / f"{name}.parquet")
        if content is None or any(key != keys.get(read, key) for read, key in content.reads.items()):
            raise UsageError(f"The tables of {folder.root} are not all of one run; finish it (`tspo run`) first.")
        found[name] = content
    return found


def _rows(path: Path, person_id: int) -> Iterator[Row]:
    frame = pl.scan_parquet(path, glob=False).filter(pl.col("person_id") == person_id).collect()
    yield from frame.iter_rows(named=True)


def _fills(own: dict[str, list[Row]], born: dt.date | None) -> Iterator[Fill]:
    key = ("drug_exposure_id", "ingredient_concept_id")
    waited = {tuple(row[k] for k in key): row for row in own["stockpile"]}
    used: dict[tuple[int, ...], list[Row]] = {}
    for row in own["supply"]:  # nights in hospital part a supply into stretches
        if row["accruing_days"] > 0:
            used.setdefault(tuple(row[k] for k in key), []).append(row)
    for row in sorted(own["dose"], key=lambda row: (row["fill_date"], row["drug_exposure_id"])):
        at = tuple(row[k] for k in key)
        stretches, wait = used.get(at, []), waited.get(at)
        strength = "not known" if row["strength_mg"] is None else f"{row['strength_mg']:g} {row['strength_unit'] or ''}"
        yield Fill(
            date=row["fill_date"],
            drug=row["drug"],
            tspo_class=row["tspo_class"],
            quantity=row["quantity"],
            strength=strength.strip(),
            days=row["days"],
            dme_per_day=row["dme_per_day"],
            status=row["status"],
            taken_from=_date(born, min(stretch["start_day"] for stretch in stretches)) if stretches else None,
            taken_until=_date(born, max(map(_last_day, stretches))) if stretches else None,
            days_lost=wait["discarded_by_cap"] + wait["discarded_by_switch"] if wait else 0,
        )


def _last_day(stretch: Row) -> int:
    return int(stretch["start_day"] + stretch["accruing_days"] - 1)


def _daily(rows: list[Row], born: dt.date | None) -> Iterator[Daily]:
    for row in sorted(rows, key=lambda row: row["start_day"]):
        first, until = (_date(born, day) for day in (row["start_day"], row["start_day"] + row["accruing_days"]))
        if first and until and row["nano_per_day"] is not None:  # what is not known is no dose of nothing
            yield Daily(row["tspo_class"], first, until, row["nano_per_day"] / 1e9)


def _intervals(rows: list[Row], born: dt.date | None) -> Iterator[Interval]:
    for row in sorted(rows, key=lambda row: row["start_day"]):
        start, stop = _date(born, row["start_day"]), _date(born, row["stop_day"])
        ends = ("event", "diagnosis"), ("death", "death"), ("competing_diagnosis", "competing diagnosis")
        if start and stop:
            yield Interval(
                start=start,
                stop=stop,
                age_stratum=row["age_stratum"],
                dose={name: row[f"dose_{name}"] for name in EXPOSURES},
                ends_with=next((said for column, said in ends if row[column]), ""),
            )


def _date(born: dt.date | None, day: int) -> dt.date | None:
    """The date of a day of age."""
    return None if born is None else born + dt.timedelta(days=day)
