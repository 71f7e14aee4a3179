"""SQL and its slow twin agree, row for row and bit for bit, on drawn CDMs full of trouble."""

import os
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings

from cohort.fitting import PATTERN_COLUMNS
from cohort.inputs import EXPOSURES, TIMES_BEFORE_DIAGNOSIS
from cohort.protocol import Protocol
from cohort.trial import run_tables
from tests import oracle, worlds
from tests.risk_tables import changes_of

EXAMPLES = int(os.environ.get("TSPO_EXAMPLES", "60"))
"""Drawn CDMs for each test; `make proof` draws thousands."""

LEDGER = (
    *("person_id", "fill_date", "drug_exposure_id", "drug_concept_id", "ingredient_concept_id", "drug", "tspo_class"),
    *("route", "quantity", "strength_mg", "strength_unit", "strength_rule", "days_source", "days_disagree", "days"),
    *("mg", "mg_per_day", "dme_per_day", "ddd_per_day", "tspo_per_day", "rule", "problem", "status"),
)
PER_DAY = ("mg_per_day", "dme_per_day", "ddd_per_day", "tspo_per_day")
FILL = ("person_id", "drug_exposure_id", "ingredient_concept_id", "tspo_class", "days")
STOCKPILE = (*FILL, "home_start", "accruing_days", "discarded_by_cap", "discarded_by_switch", *PER_DAY)
SUPPLY = (*FILL, "start_day", "accruing_days", *PER_DAY)
USE_PERIOD = ("person_id", "tspo_class", "first_day", "end_day")
PATTERN = (
    *(
        "entry_age_stratum",
        "covariates",
        "age_stratum",
        "dose_tspo_binder",
        "dose_tspo_non_binder",
        "dose_tspo_unknown",
    ),
    *("category_tspo_binder", "category_tspo_non_binder", "category_tspo_unknown"),
)
CHANNELLING = (
    *("tspo_class", "sex", "lower_age", "calendar_period", "time_before_diagnosis"),
    *("persons", "starts", "starters", "days_at_risk"),
)
BASELINE = ("first_class", "characteristic", "level", "persons", "days", "squared_days")
RISK_CHANGE = ("cause", "sex", "entry_period", *PATTERN, "event_day", "change", "events")
PATTERN_TYPES = {c: pl.Float64 if c.startswith("dose_") else pl.String for c in PATTERN_COLUMNS} | {
    "pattern": pl.Int64,
    "entry_period": pl.Int64,
}
CHANGE_TYPES = dict.fromkeys(("pattern", "event_day", "death_day", "change", "event", "death"), pl.Int64)
GIVEN = ("form_words", "routes", "inpatient_visits")
"""What the oracle is told in its settings, and the SQL in tables."""
COVARIATES = ("anxiety_disorder", "depression", "tca")
generative = settings(
    max_examples=EXAMPLES, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None
)


def protocol_of(chosen: oracle.Settings) -> Protocol:
    """The protocol that says the same as the oracle's settings."""
    names = {f.name for f in fields(chosen)} - {"covariates", "prevalent_sets", *GIVEN}
    values = {name: getattr(chosen, name) for name in names}
    values["tier"] = values.pop("outcome_tier")
    return Protocol().changed(**values, covariates=COVARIATES, prevalent_sets=chosen.prevalent_sets)


def study_tables() -> dict[str, pl.DataFrame]:
    """The drawn world's own drugs and concept sets, in place of the shipped ones."""
    sets = [
        (name, concept_id, descendants, excluded, False)
        for name, items in worlds.CONCEPT_SETS.items()
        for concept_id, descendants, excluded in items
    ]
    columns = ["concept_set", "concept_id", "include_descendants", "is_excluded", "without_hierarchy_only"]
    plain, drugs = oracle.Settings(), pl.DataFrame(worlds.STUDY_DRUGS, infer_schema_length=None)
    return {
        "study_drug": drugs,
        "drug_scale": drugs,
        "concept_set_item": pl.DataFrame(sets, schema=columns, orient="row"),
        "dosage_form": pl.DataFrame(plain.form_words, schema=["word", "route", "in_scope"], orient="row"),
        "route": pl.DataFrame(plain.routes, schema=["route_concept_id", "route", "in_scope"], orient="row"),
        "inpatient_visit": pl.DataFrame({"visit_concept_id": plain.inpatient_visits}),
    }


@generative
@given(worlds.cdm_tables(), worlds.settings())
def test_sql_equals_the_day_by_day_oracle(cdm: dict[str, Any], chosen: oracle.Settings) -> None:
    """The ledger, the supplies, person-time with lagged doses, categories, events and strata, and new starts."""
    names = ["dose", "stockpile", "supply", "use_period", "person_time", "profile", "risk_pattern", "risk_change"]
    names += ["channelling"]
    names.append("baseline")
    tables = run_tables(cdm, protocol_of(chosen), names, study_tables())
    fills = oracle.ledger(cdm, worlds.STUDY_DRUGS, chosen)
    piled = oracle.stockpile(cdm, fills, chosen)
    taken = oracle.supply(cdm, piled, chosen)
    expected = oracle.person_time(cdm, worlds.STUDY_DRUGS, worlds.CONCEPT_SETS, chosen)
    columns = list(expected[0]) if expected else []
    followed = {row["person_id"] for row in expected}
    periods = [row for row in oracle.use_periods(taken) if row["person_id"] in followed]
    assert _sorted(tables["dose"], LEDGER) == _sorted(fills, LEDGER)
    assert _sorted(tables["stockpile"], STOCKPILE) == _sorted(piled, STOCKPILE)
    assert _sorted(tables["supply"], SUPPLY) == _sorted(taken, SUPPLY)
    assert _sorted(tables["use_period"], USE_PERIOD) == _sorted(periods, USE_PERIOD)
    assert _rows(tables["person_time"], columns) == _rows(expected, columns)
    starts = oracle.channelling(cdm, worlds.STUDY_DRUGS, worlds.CONCEPT_SETS, chosen, TIMES_BEFORE_DIAGNOSIS)
    assert _sorted(tables["channelling"], CHANNELLING) == _sorted(starts, CHANNELLING)
    described = oracle.baseline(cdm, worlds.STUDY_DRUGS, worlds.CONCEPT_SETS, chosen)
    assert _sorted(tables["baseline"], BASELINE) == _sorted(described, BASELINE)
    period = Protocol().strata.period_years
    first = {row["person_id"]: row for row in sorted(expected, key=lambda row: -row["start_day"])}
    followed_rows = [
        row
        | {"entry_age_stratum": first[row["person_id"]]["age_stratum"]}
        | {"entry_period": row["index_year"] // period * period}
        | {"covariates": ", ".join(c for c in sorted(COVARIATES) if row[c])}
        for row in expected
    ]
    changes = oracle.risk_changes(followed_rows, ("sex", "entry_period"), PATTERN)
    assert _sorted(_changes(tables), RISK_CHANGE) == _sorted(changes, RISK_CHANGE)


@generative
@given(worlds.cdm_tables(), worlds.outcome_settings())
def test_other_outcomes_end_follow_up_as_the_oracle_says(cdm: dict[str, Any], chosen: oracle.Settings) -> None:
    """Entry, exit and why: the outcome, a diagnosis that competes with it, death, or none of them."""
    tables = run_tables(cdm, protocol_of(chosen), ["person_time", "channelling"], study_tables())
    expected = oracle.person_time(cdm, worlds.STUDY_DRUGS, worlds.CONCEPT_SETS, chosen)
    ends = ("person_id", "start_day", "stop_day", "event", "competing_diagnosis", "death")
    assert _rows(tables["person_time"], ends) == _rows(expected, ends)
    starts = oracle.channelling(cdm, worlds.STUDY_DRUGS, worlds.CONCEPT_SETS, chosen, TIMES_BEFORE_DIAGNOSIS)
    assert _sorted(tables["channelling"], CHANNELLING) == _sorted(starts, CHANNELLING)


def _changes(tables: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """What the SQL says of the risk sets, as the oracle says it."""
    patterns = pl.DataFrame([{c: row[c] for c in PATTERN_COLUMNS} for row in tables["risk_pattern"]], PATTERN_TYPES)
    return changes_of(patterns, pl.DataFrame(tables["risk_change"], CHANGE_TYPES))


def _rows(rows: list[dict[str, Any]], columns: Sequence[str]) -> list[tuple[Any, ...]]:
    return [tuple(row[column] for column in columns) for row in rows]


def _sorted(rows: list[dict[str, Any]], columns: Sequence[str]) -> list[tuple[Any, ...]]:
    return sorted(_rows(rows, columns), key=repr)


def test_the_exposures_are_those_of_the_oracle() -> None:
    assert tuple(f"tspo_{c}" for c in oracle.CLASSES) == EXPOSURES
