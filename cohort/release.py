"""From private results to the release folder: everything passes the disclosure gate here, and only here.

In: a prepared run, its tables and its models' results. Out: the files of `release/` and whether a gate failed. A
file appears whole or not at all.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from cohort.age_table import age_table
from cohort.analyses import PRIMARY, analyses
from cohort.balance import balance_table
from cohort.channelling import counted
from cohort.channelling_table import channelling_check, release_channelling
from cohort.class_check_table import class_check_table
from cohort.concept_sets import concept_set_of
from cohort.counts import DAYS_PER_YEAR, known_doses
from cohort.cross_check import NAME as CROSS_CHECK
from cohort.cross_check import cross_check
from cohort.disclosure import suppress_attrition, suppress_counts, suppress_estimates, suppress_time_at_risk
from cohort.dose_checks import dose_computed, dose_discarded, time_known
from cohort.dose_response_table import dose_response_table
from cohort.dose_tables import drugs_with_hidden_fills, release_coverage, release_supply
from cohort.engine import TableRef
from cohort.errors import ConservationError
from cohort.estimate_checks import detectable_ratios, lag_curve, missing_dose_bounds, told
from cohort.evidence import drug_table
from cohort.feasibility import told_snapshot
from cohort.files import appearing_folder
from cohort.imputation import pooled
from cohort.inputs import (
    EXPOSURES,
    UNKNOWN_DOSE,
    age_stratum_labels,
    classified_drugs,
    dose_category_labels,
    resolved_sets,
)
from cohort.interchange import cohort_tables, hades_tables, summarised_result
from cohort.models import prepared_time
from cohort.models.rows import unmade
from cohort.protocol import Protocol
from cohort.protocol_release import Disclosure
from cohort.results import OVERALL, Diagnostic, ModelResult, diagnostics_frame, estimates_frame
from cohort.reversibility_tables import reversibility_tables
from cohort.rounding import round_count, rounded
from cohort.run import json_text, peak_memory_mb, versions, write_json, write_table
from cohort.source import released_location
from cohort.study import Prepared, forget_settings, read_models
from cohort.use_pattern_table import use_pattern_table

_TOLERANCE = 1e-6


def check_conservation(table: TableRef) -> list[dict[str, Any]]:
    """The balances of the conservation table.

    Raises:
        ConservationError: something went missing between two steps; each step is named with both numbers.
    """
    rows = []
    for balance, before, after in pl.read_parquet(table.path, glob=False).sort("balance").iter_rows():
        holds = abs(before - after) <= _TOLERANCE * max(1.0, abs(before))
        rows.append({"balance": balance, "before": before, "after": after, "holds": holds})
    broken = [f"  - {r['balance']}: {r['before']:,} became {r['after']:,}" for r in rows if not r["holds"]]
    if broken:
        raise ConservationError("The run stops: something is not conserved.\n" + "\n".join(broken))
    return rows


def write_release(
    prepared: Prepared,
    tables: Mapping[str, TableRef],
    models: Sequence[str],
    described: Mapping[str, str],
    record: Mapping[str, Any],
) -> list[Diagnostic]:
    """Write every released file but the report.

    Args:
        tables: the primary analysis's tables.
        models: paths of the models' results.
        described: paths of `study.DESCRIPTIONS`, by name.
        record: what the run knows of its steps and of its start, for `run.json`; `failures` says which analyses could
            not be finished, and why.

    Returns:
        The run's diagnostics; the run is marked when one of them failed.
    """
    forget_settings()
    protocol = prepared.settings.load_protocol()
    balances = check_conservation(tables["conservation"])
    person_time = prepared_time(pl.scan_parquet(tables["person_time"].path, glob=False), protocol)
    made = read_models(models)
    for name, why in record["failures"].items():
        made.estimates.extend(unmade(prepared.analysis(name), why))
    result = pooled(made, protocol.model.confidence_level)
    estimates = released_estimates(result, protocol)
    starts = counted(pl.read_parquet(tables["channelling"].path, glob=False), protocol.exposure.lag_days)
    shown = rounded({"estimates": estimates}, protocol.disclosure.round_counts_to)["estimates"]
    result.diagnostics = [
        *told(result.diagnostics, shown),
        *detectable_ratios(shown, protocol),
        *lag_curve(shown, protocol),
        *_dose_checks(tables, person_time, protocol),
        missing_dose_bounds(shown, protocol, prepared.planned),
        channelling_check(starts, protocol),
        _conservation(balances),
        cross_check(person_time, protocol),
    ]
    release = prepared.settings.folder.release
    released = _tables(protocol, tables, result) | {
        name: pl.read_parquet(path, glob=False) for name, path in described.items()
    }
    released |= {
        "age": age_table(estimates, result.diagnostics, result.additive),
        "dose_response": dose_response_table(result.dose_points, estimates),
        "class_checks": class_check_table(result.class_checks, protocol.disclosure.min_cell_count),
        "use_patterns": use_pattern_table(result.use_patterns, protocol.disclosure.min_cell_count),
        "channelling": release_channelling(starts, protocol),
    }
    released |= reversibility_tables(result, protocol.disclosure.min_cell_count)
    for seal in ("run.json", "report.html"):  # until both are there again, the folder is no finished run
        (release / seal).unlink(missing_ok=True)
    released = rounded(released, protocol.disclosure.round_counts_to) | {"estimates": shown}
    _write_cohort(prepared, protocol, tables)
    whole_record = _run_record(prepared, protocol, balances, result, record)
    released["summarised_result"] = summarised_result(released, whole_record)
    _write_files(release, released, whole_record, protocol)
    return result.diagnostics


def _write_files(
    release: Path, released: Mapping[str, pl.DataFrame], record: Mapping[str, Any], protocol: Protocol
) -> None:
    """The tables, the same for tools of others, the concept sets as ATLAS reads them, and the record last."""
    for name, table in released.items():
        write_table(release / f"{name}.csv", table)
    write_table(release / "estimates.parquet", released["estimates"])
    with appearing_folder(release / "hades") as folder:
        for name, table in hades_tables(released, record).items():
            table.write_csv(folder / f"{name}.csv")
    with appearing_folder(release / "concept_sets") as folder:
        for name in resolved_sets(protocol):
            text = json_text(concept_set_of(name, protocol.concept_sets).as_atlas())
            (folder / f"{name}.json").write_text(text, encoding="utf-8")
    write_json(release / "run.json", record)


def _write_cohort(prepared: Prepared, protocol: Protocol, tables: Mapping[str, TableRef]) -> None:
    """The cohort for OMOP's tools, beside the other private tables."""
    cohort, members = (pl.read_parquet(tables[name].path, glob=False) for name in ("cohort", "concept_set_member"))
    folder = prepared.settings.folder.private / "omop"
    folder.mkdir(exist_ok=True)
    for name, table in cohort_tables(cohort, _attrition(tables["attrition"]), members, protocol).items():
        write_table(folder / f"{name}.parquet", table)


def released_estimates(result: ModelResult, protocol: Protocol) -> pl.DataFrame:
    """The table `estimates` as it may leave: what the models of a run give, after disclosure control."""
    threshold = protocol.disclosure.min_cell_count
    return suppress_estimates(estimates_frame(result.estimates), threshold, _other_populations(protocol))


def _other_populations(protocol: Protocol) -> dict[str, str]:
    """Analysis -> a name of its study population, where that is another than the primary one."""

    def population(of: Protocol) -> str:
        sections = (of.population, of.outcome, of.strata)
        return "\n".join(section.model_dump_json() for section in sections)

    every = {a.name: population(a.protocol) for a in analyses(protocol)}
    return {name: found for name, found in every.items() if found != every[PRIMARY]}


def _dose_checks(tables: Mapping[str, TableRef], person_time: pl.LazyFrame, protocol: Protocol) -> list[Diagnostic]:
    known = known_doses(pl.read_parquet(tables["dose_known"].path, glob=False))
    loss, coverage = (pl.read_parquet(tables[name].path, glob=False) for name in ("supply_loss", "dose_coverage"))
    return [
        time_known(person_time, protocol),
        dose_computed(known, protocol),
        dose_discarded(loss, coverage, classified_drugs(protocol).select("drug", "mg_per_dme"), protocol),
    ]


def _tables(protocol: Protocol, tables: Mapping[str, TableRef], result: ModelResult) -> dict[str, pl.DataFrame]:
    threshold = protocol.disclosure.min_cell_count
    use = drug_table(protocol, pl.read_parquet(tables["drug_use"].path, glob=False))
    coverage = release_coverage(pl.read_parquet(tables["dose_coverage"].path, glob=False), threshold)
    loss, untold = pl.read_parquet(tables["supply_loss"].path, glob=False), drugs_with_hidden_fills(coverage)
    return {
        "attrition": suppress_attrition(_attrition(tables["attrition"]), threshold),
        "person_time": suppress_time_at_risk(_person_time(tables["time_at_risk"], protocol), threshold),
        "diagnostics": diagnostics_frame(result.diagnostics),
        "dose_coverage": coverage,
        "supply": release_supply(loss, untold, threshold),
        "balance": balance_table(
            pl.read_parquet(tables["baseline"].path, glob=False),
            age_stratum_labels(protocol.strata.age_bands),
            threshold,
            dict(use.group_by("tspo_class").agg(pl.col("persons").sum()).iter_rows()),
        ),
        "drugs": suppress_counts(use, ("fills", "persons"), threshold, ("dose_dme", "dose_ddd")),
    }


def _attrition(table: TableRef) -> pl.DataFrame:
    """The attrition table with omopgenerics' columns; the cohort has one record per person."""
    steps = pl.read_parquet(table.path, glob=False).sort("reason_id")
    return steps.select(
        pl.lit(1, pl.Int64).alias("cohort_definition_id"),
        pl.col("number_subjects").alias("number_records"),
        "number_subjects",
        "reason_id",
        "reason",
        pl.col("excluded_subjects").alias("excluded_records"),
        "excluded_subjects",
    )


def _person_time(table: TableRef, protocol: Protocol) -> pl.DataFrame:
    """Person-time by exposure, age stratum and category, in the order of the protocol, empty cells included."""
    counted = pl.read_parquet(table.path, glob=False)
    categories = [*dose_category_labels(protocol.exposure), UNKNOWN_DOSE, OVERALL]
    strata = [*age_stratum_labels(protocol.strata.age_bands), OVERALL]
    cells = [(e, s, c) for e in EXPOSURES for s in strata for c in categories]
    full = pl.DataFrame(cells, schema=["exposure", "age_stratum", "category"], orient="row")
    joined = full.join(counted, on=["exposure", "age_stratum", "category"], how="left", maintain_order="left")
    return joined.with_columns(pl.col("persons", "events", "deaths", "person_days").fill_null(0)).select(
        pl.exclude("person_days"), (pl.col("person_days") / DAYS_PER_YEAR).alias("person_years")
    )


def _conservation(balances: Sequence[Mapping[str, Any]]) -> Diagnostic:
    meaning = f"{len(balances)} balances of persons, days, events, fills and dose between steps hold (run.json)."
    return Diagnostic("conservation", PRIMARY, "pass", meaning, value=float(len(balances)))


def _run_record(
    prepared: Prepared,
    protocol: Protocol,
    balances: Sequence[Mapping[str, Any]],
    result: ModelResult,
    record: Mapping[str, Any],
) -> dict[str, Any]:
    survey, disclosure = prepared.survey, protocol.disclosure
    return {
        "protocol": protocol.model_dump(mode="json"),
        "protocol_hash": protocol.content_hash(),
        "changes": list(prepared.settings.changes),
        "cdm": {
            "location": released_location(prepared.settings.cdm),
            **told_snapshot(survey.snapshot, lambda count: _shown_count(count, disclosure)),
        },
        "warnings": survey.warnings,
        "versions": versions(),
        "seed": protocol.study.seed,
        "cross_check_difference": next(d.value for d in result.diagnostics if d.diagnostic == CROSS_CHECK),
        "gate": "fail" if any(d.verdict == "fail" for d in result.diagnostics) else "pass",
        "conservation": [_shown_balance(b, disclosure) for b in balances],
        **record,
        "steps": [step | {"rows": _shown_count(step["rows"], disclosure)} for step in record["steps"]],
        "peak_memory_mb": round(peak_memory_mb(), 1),
        "finished": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    }


def _shown_count(count: float, disclosure: Disclosure) -> float | None:
    """A row count that may be released: many tables have one row per person."""
    if 0 < count < disclosure.min_cell_count:
        return None
    return count if disclosure.round_counts_to == 1 else round_count(count, disclosure.round_counts_to)


def _shown_balance(balance: Mapping[str, Any], disclosure: Disclosure) -> dict[str, Any]:
    # The last digits of a sum of doses depend on the order in which the database came by the rows.
    told = {name: float(f"{balance[name]:.12g}") for name in ("before", "after")}
    return {**balance, **{name: _shown_count(value, disclosure) for name, value in told.items()}}
