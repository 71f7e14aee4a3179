"""The long look at a CDM: every rule on every table, the doses of the study's fills, its concepts, and what follows.

In: an open CDM and the protocol. Out: a `Check`, whose counts may be told: those from 1 to `min_cell_count` - 1 are
texts such as `<5`. Each large table is read once, by one aggregate of `sql/checks`; of drug_exposure the key column is
read a second time.
"""

import datetime as dt
from typing import Any, Literal

import duckdb
import polars as pl
from pydantic import BaseModel, ConfigDict

from cohort.concept_sets import concept_set_of
from cohort.engine import create_tables, load_steps
from cohort.feasibility.capabilities import Capability, Found, capabilities
from cohort.feasibility.concepts import NamedConcepts, named_concepts
from cohort.feasibility.fills import DrugFills, drug_fills
from cohort.feasibility.rules import RULES
from cohort.feasibility.said import Said
from cohort.feasibility.survey import (
    look_at_ids,
    look_for_entrants,
    look_for_fills,
    survey_study,
    told_snapshot,
    used_sets,
)
from cohort.feasibility.tables import TableFound, tables_found
from cohort.inputs import study_parameters
from cohort.paths import sql_folder
from cohort.protocol import Protocol
from cohort.source import Cdm, first_row

VERSION: Literal[1] = 1
"""Version of the keys below; it grows when a key is renamed or removed."""


class RuleChecked(BaseModel):
    """A rule, and how many rows of its table break it."""

    model_config = ConfigDict(frozen=True)

    rule: str
    table: str
    count: int | str
    rows: int | str
    says: str


class Check(BaseModel):
    """What was found in a CDM: the keys of `tspo check --json`.

    Attributes:
        version: of these keys.
        can_run: whether the study can run; `problems` says why not, a line each, and `warnings` what it may miss.
        cdm: the CDM as CDMConnector's `snapshot` describes it.
        latest_day: the latest day that a record may have, and `latest_day_is` why.
        tables: each table that the study reads, with its columns.
        rules: each rule of `cohort.feasibility.rules` on tables that hold rows, with the count of rows that break it.
        fills: per study drug its fills and the shares of them that have what a dose needs; null where not told.
        concepts: of the study drugs and of each concept set the ids that are not valid standard concepts here; empty
            where there is no vocabulary.
        capabilities: what the study can do with this CDM: `yes`, `limited` or `no`, and why.
    """

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = VERSION
    can_run: bool
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    cdm: dict[str, Any]
    latest_day: dt.date
    latest_day_is: Literal["today", "the CDM's release"]
    tables: tuple[TableFound, ...]
    rules: tuple[RuleChecked, ...]
    fills: tuple[DrugFills, ...]
    concepts: tuple[NamedConcepts, ...]
    capabilities: tuple[Capability, ...]

    @property
    def broken(self) -> tuple[RuleChecked, ...]:
        """The rules that some row breaks."""
        return tuple(rule for rule in self.rules if rule.count != 0)


def check(cdm: Cdm, protocol: Protocol, today: dt.date | None = None) -> Check:
    """Look at everything that the study needs of a CDM.

    Args:
        today: the day after which no record can lie; None for the system's.

    Raises:
        UsageError: the protocol names what does not exist.
    """
    said = Said(protocol.disclosure.min_cell_count)
    connection = cdm.connection
    surveyed = survey_study(cdm, protocol)
    latest, latest_is = _latest_day(surveyed.snapshot["cdm_release_date"], today or dt.date.today())
    folder, parameters = sql_folder() / "checks", {**study_parameters(protocol), "latest_day": latest}
    create_tables(connection, load_steps(folder), parameters, folder)
    create_tables(connection, ("entry",), parameters)
    fills, concepts = _frame(connection, "fill_check"), _frame(connection, "concept_check")
    totals = [int(fills.get_column(name).sum()) for name in ("fills", "with_quantity", "with_strength")]
    look_for_fills(cdm, said, *totals)
    look_at_ids(cdm, said)
    if surveyed.rows["person"] and surveyed.rows["observation_period"]:
        look_for_entrants(cdm, protocol)
    tables = tables_found(cdm, surveyed.rows, said)
    used = used_sets(protocol)
    sets = [concept_set_of(name, protocol.concept_sets) for name in used]
    broken = {table: _broken(connection, table) for table in RULES if surveyed.rows[table]}
    knows_concepts = bool(surveyed.rows["concept"])
    found = Found(
        rows=surveyed.rows,
        broken=broken,
        entering=int(first_row(connection, "select count(*) from entry")[0]),
        fills=totals[0],
        with_dose=int(fills.get_column("with_all").sum()),
        set_records={name: own + drugs for name, own, drugs in _frame(connection, "set_check").iter_rows()},
        stays=int(first_row(connection, "select stays from stay_check")[0]),
        problems=tuple(cdm.problems),
        observed=(surveyed.snapshot["earliest_observation_date"], surveyed.snapshot["latest_observation_date"]),
        vocabulary_version=surveyed.snapshot["vocabulary_version"],
    )
    words = {"latest_day": latest, "latest_day_is": latest_is}
    return Check(
        can_run=not cdm.problems,
        problems=tuple(cdm.problems),
        warnings=tuple(cdm.warnings),
        cdm=told_snapshot(surveyed.snapshot, said.value),
        latest_day=latest,
        latest_day_is=latest_is,
        tables=tables,
        rules=tuple(
            RuleChecked(
                rule=rule,
                table=table,
                count=said.part(counts[rule], surveyed.rows[table]),
                rows=said.value(surveyed.rows[table]),
                says=f"{said.part_of(counts[rule], surveyed.rows[table])} rows of {table} {says.format(**words)}",
            )
            for table, counts in broken.items()
            for rule, says in RULES[table].items()
        ),
        fills=drug_fills(fills, said),
        concepts=named_concepts(concepts, sets, knows_standard=_reads(cdm, "concept", "standard_concept"))
        if knows_concepts
        else (),
        capabilities=capabilities(found, protocol, said),
    )


def _latest_day(release: dt.date | None, today: dt.date) -> tuple[dt.date, Literal["today", "the CDM's release"]]:
    if release is not None and release < today:
        return release, "the CDM's release"
    return today, "today"


def _broken(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, int]:
    """Rule -> rows of a table that break it; tables of records are counted per concept, and added up here."""
    row = _frame(connection, f"{table}_check").sum().to_dicts()[0]
    if table == "drug_exposure":
        row |= _frame(connection, "drug_exposure_key").to_dicts()[0]
    return {rule: int(row[rule] or 0) for rule in RULES[table]}


def _frame(connection: duckdb.DuckDBPyConnection, table: str) -> pl.DataFrame:
    frame: pl.DataFrame = connection.sql(f"select * from {table}").pl()
    return frame


def _reads(cdm: Cdm, table: str, column: str) -> bool:
    return column in cdm.relations[table][1]
