"""Can this CDM answer the question? What the study needs, what is there, and what may be missed without it.

In: an open CDM and the protocol. Out: a `Survey`: rows per table, problems (the study cannot run) and warnings (it
can, but something is missed), each with its number and its cure.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import duckdb
import polars as pl
from pydantic import BaseModel, ConfigDict

from cohort.errors import CannotStudy
from cohort.feasibility.codes import concept_set_codes, drug_codes, resolve_vocabulary
from cohort.feasibility.said import Said
from cohort.protocol import Protocol
from cohort.source import Cdm, first_row, kind_of


class Survey(BaseModel):
    """What was found in a CDM."""

    model_config = ConfigDict(frozen=True)

    rows: dict[str, int]
    problems: list[str]
    warnings: list[str]
    snapshot: dict[str, Any]


def survey(cdm: Cdm, protocol: Protocol) -> Survey:
    """Look at tables, vocabulary, study drugs and people; `cdm.problems` gets what stops the study.

    Raises:
        UsageError: the protocol names what does not exist.
    """
    said = Said(protocol.disclosure.min_cell_count)
    try:
        found = survey_study(cdm, protocol)
        drugs = drug_codes(cdm.connection)
        counts = (int(drugs.get_column(c).sum()) for c in ("records", "with_quantity", "with_strength"))
        look_for_fills(cdm, said, *counts)
        _look_at_people(cdm, said)
        look_at_ids(cdm, said)
        if found.rows["person"] and found.rows["observation_period"]:
            look_for_entrants(cdm, protocol)
    except duckdb.Error as error:
        why = f"a table or a view of it cannot be read ({kind_of(error)}): select its columns one by one to find which"
        raise CannotStudy([*cdm.problems, why]) from None
    return found.model_copy(update={"problems": list(cdm.problems), "warnings": list(cdm.warnings)})


def survey_study(cdm: Cdm, protocol: Protocol) -> Survey:
    """`survey` without fills and people: what does not need to read a large table beyond counting its rows."""
    rows = cdm.survey(Said(protocol.disclosure.min_cell_count))
    resolve_vocabulary(cdm.connection, protocol)
    _look_for_concepts(cdm, protocol, rows)
    snapshot = _snapshot(cdm, rows)
    _look_at_time(cdm, protocol, snapshot)
    return Survey(rows=rows, problems=list(cdm.problems), warnings=list(cdm.warnings), snapshot=snapshot)


def used_sets(protocol: Protocol) -> set[str]:
    """The concept sets without whose records the study would find less."""
    outcome = protocol.outcome
    return {
        outcome.concept_set,
        *outcome.competing_sets,
        *([outcome.confirming_drugs] if outcome.confirming_drugs else []),
        *protocol.population.prevalent_sets,
        *protocol.model.covariates,
    }


def look_for_fills(cdm: Cdm, said: Said, fills: int, with_quantity: int, with_strength: int) -> None:
    """Note as a problem that there are no fills or none with a dose, and as a warning that some have none."""
    if fills == 0:
        cdm.problems.append(
            "drug_exposure holds no record of a benzodiazepine or Z-drug; check that drug_concept_id holds standard "
            "concepts (`tspo codes` lists what was looked for)"
        )
        return
    without = {
        "a quantity above zero": (with_quantity, "drug_exposure.quantity"),
        "a strength in drug_strength": (with_strength, "drug_strength"),
    }
    for what, (have, source) in without.items():
        count = fills - have
        if count == fills:
            cdm.problems.append(
                f"none of the {said(fills)} fills of study drugs has {what}, so no dose can be computed; their doses "
                f"are unknown, which is not zero: load {source}"
            )
        elif count:
            cdm.warnings.append(
                f"{said(count)} of {said(fills)} fills of study drugs lack {what}; their dose is imputed or unknown "
                "(see dose_coverage.csv)"
            )


def _look_for_concepts(cdm: Cdm, protocol: Protocol, rows: dict[str, int]) -> None:
    if not rows["concept_ancestor"]:
        (written,) = first_row(
            cdm.connection,
            "select count(distinct concept_id) from concept_set_item where include_descendants and not is_excluded",
        )
        cdm.warnings.append(
            f"without concept_ancestor the descendants of {written:,} concepts are not found: conditions coded more "
            "finely, and products of drugs that drug_strength does not list, are missed"
        )
    known = concept_set_codes(cdm.connection).filter(pl.col("known_here") > 0).get_column("concept_set")
    absent = sorted(used_sets(protocol) - set(known))
    if rows["concept"] and absent:
        cdm.warnings.append(
            f"no concept of {len(absent)} concept set(s) of the study is in this CDM's vocabulary, so that their "
            f"records, if any, are not seen: {', '.join(absent)}"
        )


def _look_at_people(cdm: Cdm, said: Said) -> None:
    checks = {
        "{n} observation periods belong to nobody in person and are left out": """
            select count(*) from observation_period anti join person using (person_id)""",
        "{n} persons have no observation period and cannot enter": """
            select count(*) from person anti join observation_period using (person_id)""",
        "{n} persons have no year of birth and cannot enter": """
            select count(*) from person where year_of_birth is null""",
        "{n} persons have no full birth date: a missing day counts as the 15th, a missing month as 1 July": """
            select count(*) from person
            where year_of_birth is not null and (month_of_birth is null or day_of_birth is null)""",
        "{n} observation periods end before they start and are left out": """
            select count(*) from observation_period
            where observation_period_end_date < observation_period_start_date""",
        "{n} observation periods have no first or no last day and are left out": """
            select count(*) from observation_period
            where observation_period_start_date is null or observation_period_end_date is null""",
        "{n} fills of study drugs belong to nobody in person and are left out": """
            select count(*) from drug_exposure
            semi join drug_product using (drug_concept_id)
            anti join person using (person_id)""",
    }
    cdm.warnings += _told(cdm, said, checks)


def _told(cdm: Cdm, said: Said, checks: Mapping[str, str]) -> Iterator[str]:
    """The messages, with the number in its place, of those queries that count anything."""
    for message, query in checks.items():
        (count,) = first_row(cdm.connection, query)
        if count:
            yield message.format(n=said(count))


def look_at_ids(cdm: Cdm, said: Said) -> None:
    """Rows that share an id are joined with each other: persons and fills would count several times."""
    checks = {
        "{n} rows of person repeat a person_id: keep one row for each person": """
            select count(person_id) - count(distinct person_id) from person""",
        "{n} fills of study drugs repeat a drug_exposure_id: give each row of drug_exposure an id of its own": """
            select count(*) - count(distinct drug_exposure_id) from drug_exposure
            semi join drug_product using (drug_concept_id)""",
    }
    cdm.problems += _told(cdm, said, checks)


def look_for_entrants(cdm: Cdm, protocol: Protocol) -> None:
    """Whether anybody could enter, by what is needed at least: observed long enough, and old enough in the end."""
    days, age = protocol.population.prior_observation_days, protocol.population.minimum_age_years
    (anybody,) = first_row(
        cdm.connection,
        f"""
        select exists (
            select 1 from observation_period inner join person using (person_id)
            where date_diff('day', observation_period_start_date, observation_period_end_date) >= {days}
            and year(observation_period_end_date) - year_of_birth >= {age}
        )""",
    )
    if not anybody:
        cdm.problems.append(
            f"nobody can enter: no person is observed for {days:,} days and is {age} years old by their end; check "
            "observation_period and year_of_birth, or change prior_observation_days or minimum_age_years"
        )


def _look_at_time(cdm: Cdm, protocol: Protocol, snapshot: dict[str, Any]) -> None:
    start, end = protocol.population.study_start, protocol.population.study_end
    first, last = snapshot["earliest_observation_date"], snapshot["latest_observation_date"]
    if first and last and ((end and first > end) or (start and last < start)):
        cdm.problems.append(
            f"nobody is observed between study_start ({start or 'no limit'}) and study_end ({end or 'no limit'}): this "
            f"CDM reaches from {first:%Y} to {last:%Y}; set them to lie in it, or --set study_start=none and "
            "study_end=none"
        )


def _snapshot(cdm: Cdm, rows: dict[str, int]) -> dict[str, Any]:
    """The CDM as CDMConnector's `snapshot` describes it."""
    source = cdm.connection.sql("select * from cdm_source limit 1").pl().to_dicts()
    described = source[0] if source else {}
    (version,) = first_row(
        cdm.connection, "select min(vocabulary_version) from vocabulary where vocabulary_id = 'None'"
    )
    earliest, latest = first_row(
        cdm.connection,
        "select min(observation_period_start_date), max(observation_period_end_date) from observation_period",
    )
    return {
        "cdm_source_name": described.get("cdm_source_name"),
        "cdm_holder": described.get("cdm_holder"),
        "cdm_release_date": described.get("cdm_release_date"),
        "cdm_version": described.get("cdm_version"),
        "vocabulary_version": version or described.get("vocabulary_version"),
        "person_count": rows["person"],
        "observation_period_count": rows["observation_period"],
        "earliest_observation_date": earliest,
        "latest_observation_date": latest,
    }


def told_snapshot(snapshot: Mapping[str, Any], told: Callable[[int], Any]) -> dict[str, Any]:
    """A snapshot as it may be told; the first and the last day may be one person's, so of them the year.

    Args:
        told: a count as it may be told.
    """
    shown = {key: told(value) if isinstance(value, int) else value for key, value in snapshot.items()}
    ends = ("earliest_observation_date", "latest_observation_date")
    return shown | {key: str(shown[key])[:4] if shown.get(key) else None for key in ends}
