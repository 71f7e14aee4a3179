"""What the SQL is given besides the CDM: scalars of the protocol as parameters, its lists as small tables.

In: a protocol and the facts of `config/`. Out: parameters by name, and one frame per list. Nothing about the study
is decided here; a list that names something unknown is an error with the nearest valid name.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from random import Random

import polars as pl

from cohort.affinity import study_drugs
from cohort.concept_sets import concept_set_items, concept_set_names
from cohort.covariates import covariate_fault, covariate_names
from cohort.diagnoses import load_diagnoses
from cohort.errors import UsageError
from cohort.paths import config_folder
from cohort.protocol import Protocol
from cohort.protocol_sections import Exposure
from cohort.reference import load_affinities, load_drugs, load_findings

EXPOSURES = ("tspo_binder", "tspo_non_binder", "tspo_unknown")
"""The exposures of every model, in the order of every table; the part behind `tspo_` is the TSPO class."""

ADDITIVE_METRICS = ("dme", "ddd", "tspo_weighted")
"""The metrics of which a class's value is the sum of its drugs'."""

UNKNOWN_DOSE = "unknown dose"

TIMES_BEFORE_DIAGNOSIS = {
    "0 to 3 months": (0, 91),
    "3 to 6 months": (91, 182),
    "6 to 12 months": (182, 365),
    **{f"{year} to {year + 1} years": (365 * year, 365 * (year + 1)) for year in range(1, 10)},
}
"""Times before a diagnosis, the latest first: days in (above, at most]."""

_D3_SETS = ("delirium", "dementia_secondary_cause")
_NANO = 1_000_000_000
_PRIME = 2**31 - 1


def study_parameters(protocol: Protocol) -> dict[str, object]:
    """The scalars that the SQL names as `$parameters`."""
    population, outcome, exposure = protocol.population, protocol.outcome, protocol.exposure
    ledger, supply = protocol.ledger, protocol.supply
    sources = [*ledger.days_supply_order, "", ""]
    return {
        "minimum_age_years": population.minimum_age_years,
        "prior_observation_days": population.prior_observation_days,
        "washout_days": population.washout_days,
        "study_start": population.study_start,
        "study_end": population.study_end,
        "diagnosis": outcome.diagnosis,
        "free_of": free_of(protocol),
        "outcome_tier": outcome.tier,
        "confirming_drugs": outcome.confirming_drugs,
        "confirmation_days": outcome.confirmation_days,
        "delirium_days": outcome.delirium_days,
        "metric": exposure.metric,
        "lag_days": exposure.lag_days,
        "window_days": exposure.window_days,
        "dose_update_days": exposure.dose_update_days,
        "days_source_1": sources[0],
        "days_source_2": sources[1],
        "days_source_3": sources[2],
        "maximum_days_supply": ledger.maximum_days_supply,
        "maximum_quantity": ledger.maximum_quantity,
        "maximum_strength": ledger.maximum_strength,
        "same_day_duplicates": ledger.same_day_duplicates,
        "missing_strength_unit": ledger.missing_strength_unit,
        "missing_dose": ledger.missing_dose,
        **draw_coefficients(protocol.study.seed, ledger.draw),
        "carryover_cap_days": supply.carryover_cap_days,
        "overlap": supply.overlap,
        "hospital_stays": supply.hospital_stays,
        "period_years": protocol.strata.period_years,
        "time_scale": protocol.model.time_scale,
        "covariate_lookback_days": protocol.model.covariate_lookback_days,
    }


def study_inputs(protocol: Protocol) -> dict[str, pl.DataFrame]:
    """The lists that the SQL reads as tables, by table name.

    Raises:
        UsageError: the protocol names a concept set or covariate that does not exist.
    """
    drugs = classified_drugs(protocol)
    return {
        # What a drug is, and what its mg are worth, are two tables: a change of scale leaves the records as they are.
        "study_drug": drugs.select("drug", "concept_id"),
        "drug_scale": drugs.select("drug", "tspo_class", "mg_per_dme", "mg_per_ddd", "mg_per_tspo"),
        "concept_set_item": _concept_sets(protocol),
        "diagnosis_set": _diagnosis_sets(protocol),
        "prevalent_set": pl.DataFrame({"concept_set": list(protocol.population.prevalent_sets)}),
        "covariate_set": _covariate_sets(protocol),
        "model_covariate": pl.DataFrame({"concept_set": pl.Series(protocol.model.covariates, dtype=pl.String)}),
        "age_band": age_bands(protocol.strata.age_bands),
        "dose_category": dose_categories(protocol.exposure),
        "time_before_diagnosis": times_before_diagnosis(),
        "dosage_form": pl.read_csv(config_folder() / "dosage_forms.csv", glob=False).select(
            "word", "route", "in_scope"
        ),
        "route": pl.read_csv(config_folder() / "routes.csv", glob=False).select(
            "route_concept_id", "route", "in_scope"
        ),
        "mass_unit": pl.read_csv(config_folder() / "mass_units.csv", glob=False).select(
            "unit_concept_id", "unit", pl.col("mg").cast(pl.Float64)
        ),
        "inpatient_visit": pl.read_csv(config_folder() / "inpatient_visits.csv", glob=False).select("visit_concept_id"),
    }


def free_of(protocol: Protocol) -> str:
    """The criterion at entry in words: the diagnosis's own, or by the names of other concept sets."""
    own, sets = load_diagnoses()[protocol.outcome.diagnosis], protocol.population.prevalent_sets
    if sets == own.prevalent_sets:
        return own.free_of
    names = [name.replace("_", " ") for name in dict.fromkeys(sets)]
    return f"No record of {', '.join([own.words, *names])} on or before entry"


def draw_coefficients(seed: int, draw: int) -> dict[str, object]:
    """Two random polynomials of degree 3 modulo 2^31 - 1, for the draws of multiple imputation.

    A random polynomial of degree 3 over a prime field hashes four-wise independently (Carter and Wegman 1981, doi
    10.1016/0022-0000(81)90033-7), in integer arithmetic that every engine does alike. `donor_*` spread fills over
    places, `place_*` fill the places with donors.
    """
    random = Random(f"{seed}:{draw}")
    return {f"{what}_{power}": random.randrange(1, _PRIME) for what in ("place", "donor") for power in range(4)}


def classified_drugs(protocol: Protocol) -> pl.DataFrame:
    """One row per study drug with its TSPO class by the protocol's rule; columns as `affinity.study_drugs`."""
    return study_drugs(
        load_drugs(),
        load_affinities(),
        load_findings(),
        protocol.affinity,
        protocol.affinity.grades,
        protocol.exposure.equivalence_table,
        protocol.exposure.site_equivalents_mg,
    )


def age_stratum_labels(bands: tuple[int, ...]) -> list[str]:
    """Labels of the age bands: `50 to 64`, ..., `85 and over`."""
    return [f"{low} to {high - 1}" for low, high in pairwise(bands)] + [f"{bands[-1]} and over"]


def age_bands(bands: tuple[int, ...]) -> pl.DataFrame:
    """age_stratum (str), lower_age (int32), one row per band."""
    frame = pl.DataFrame({"age_stratum": age_stratum_labels(bands), "lower_age": list(bands)})
    return frame.with_columns(pl.col("lower_age").cast(pl.Int32))


def dose_category_labels(exposure: Exposure) -> list[str]:
    """Labels of the categories: `0`, then `1-90` for (0, 90], ..., and `>365`.

    Where values lie between whole numbers it is `>0.5-1` for (0.5, 1]; recency gives `never`, `current` and
    `1-30 days ago`.
    """
    bounds = exposure.category_bounds
    if exposure.metric == "recency":
        # A value of 1 is a day of use, so v is v - 1 days ago.
        names = ["current" if high == 1 else f"{low:g}-{high - 1:g} days ago" for low, high in pairwise(bounds)]
        return ["never", *names, f">{bounds[-1] - 1:g} days ago" if bounds[-1] else "ever"]
    whole = exposure.metric != "intensity" and all(float(bound).is_integer() for bound in bounds)
    between = [f"{low + 1:g}-{high:g}" if whole else f">{low:g}-{high:g}" for low, high in pairwise(bounds)]
    return ["0", *between, f">{bounds[-1]:g}"]


def dose_categories(exposure: Exposure) -> pl.DataFrame:
    """category (str), above_nano and at_most_nano (int64, null: no limit): doses in (above, at most] billionths."""
    nano = [round(bound * _NANO) for bound in exposure.category_bounds]
    return pl.DataFrame(
        {
            "category": dose_category_labels(exposure),
            "above_nano": [-1, *nano],
            "at_most_nano": [*nano, None],
        },
        schema_overrides={"above_nano": pl.Int64, "at_most_nano": pl.Int64},
    )


def times_before_diagnosis() -> pl.DataFrame:
    """time_before_diagnosis (str), above_days and at_most_days (int32): days before diagnosis in (above, at most]."""
    rows = [(name, *bounds) for name, bounds in TIMES_BEFORE_DIAGNOSIS.items()]
    types = {"time_before_diagnosis": pl.String, "above_days": pl.Int32, "at_most_days": pl.Int32}
    return pl.DataFrame(rows, schema=types, orient="row")


def _concept_sets(protocol: Protocol) -> pl.DataFrame:
    for covariate in protocol.model.covariates:
        if fault := covariate_fault(covariate):
            raise UsageError(f"model.covariates: {fault}")
    own = protocol.concept_sets
    names = resolved_sets(protocol)
    items = [concept_set_items(names, own).with_columns(without_hierarchy_only=pl.lit(False))]
    # Where a CDM has no hierarchy, the descendants of a set are written out in another, and go under its own name.
    for name, written_out in _written_out(names, protocol).items():
        named = pl.lit(name).alias("concept_set")
        items.append(concept_set_items([written_out], own).with_columns(named, without_hierarchy_only=pl.lit(True)))
    return pl.concat(items)


def resolved_sets(protocol: Protocol) -> list[str]:
    """The names of all concept sets that are looked up in the vocabulary, each once."""
    return list(dict.fromkeys([*_other_sets(protocol), *covariate_names()]))


def _written_out(names: Iterable[str], protocol: Protocol) -> dict[str, str]:
    """Concept set -> the one that writes out its descendants: `x_explicit` for `x`, and what the protocol names.

    A shipped one writes out a shipped set only: it says nothing of a set of that name that the protocol brings.
    """
    brought, outcome = protocol.concept_sets, protocol.outcome
    known = {*concept_set_names(), *brought}
    found = {name: f"{name}_explicit" for name in names if f"{name}_explicit" in known and name != outcome.concept_set}
    if outcome.explicit_concept_set:
        found[outcome.concept_set] = outcome.explicit_concept_set
    return {name: written for name, written in found.items() if name not in brought or written in brought}


def _diagnosis_sets(protocol: Protocol) -> pl.DataFrame:
    """concept_set and role (both str): the codes of the outcome, and of what competes with it."""
    outcome = protocol.outcome
    rows = [(outcome.concept_set, "outcome"), *((name, "competing") for name in dict.fromkeys(outcome.competing_sets))]
    return pl.DataFrame(rows, schema=["concept_set", "role"], orient="row")


def _other_sets(protocol: Protocol) -> list[str]:
    """The concept sets that are asked for something else than what is known at entry."""
    outcome = protocol.outcome
    drugs = [outcome.confirming_drugs] if outcome.confirming_drugs else []
    asked = [outcome.concept_set, *outcome.competing_sets, *protocol.population.prevalent_sets]
    return [*asked, *drugs, *_D3_SETS]


def _covariate_sets(protocol: Protocol) -> pl.DataFrame:
    """concept_set (str), is_of_entry_only (bool: nothing after entry is asked of it), one row per covariate."""
    names = pl.Series("concept_set", covariate_names())
    return names.to_frame().with_columns(is_of_entry_only=~pl.col("concept_set").is_in(_other_sets(protocol)))


def concept_set_counts(inputs: Mapping[str, pl.DataFrame]) -> dict[str, int]:
    """Concept set -> number of ids written in it."""
    items = inputs["concept_set_item"].group_by("concept_set").len()
    return dict(items.iter_rows())
