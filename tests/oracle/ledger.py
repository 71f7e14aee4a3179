"""The ledger, fill by fill: route, strength, days of supply, status, and what takes the place of a missing dose."""

import math
from collections.abc import Iterable
from datetime import date
from statistics import median

from cohort.inputs import draw_coefficients
from tests.oracle.base import Cdm, Row, Settings, descendants

MILLIGRAM, MICROGRAM, GRAM, HOUR, LITRE, MILLILITRE = 8576, 9655, 8504, 8505, 8519, 8587
UNITS = {MILLIGRAM: "mg", MICROGRAM: "microgram", GRAM: "gram"}
NO_STRENGTH = "no strength for the ingredient"
PRIME = 2**31 - 1
MOST_QUANTITY, MOST_STRENGTH = 100_000, 1_000_000_000


def ledger(cdm: Cdm, study_drugs: Iterable[Row], settings: Settings) -> list[Row]:
    """One row per fill and study ingredient, by person, fill date, record id and ingredient."""
    fills = sorted(_fills(cdm, study_drugs, settings), key=in_order)
    _mark_status(fills, settings)
    _remedy(fills, settings)
    for fill in fills:
        _finish(fill)
    return fills


def in_order(fill: Row) -> tuple[int, date, int, int]:
    return fill["person_id"], fill["fill_date"], fill["drug_exposure_id"], fill["ingredient_concept_id"]


def _fills(cdm: Cdm, study_drugs: Iterable[Row], settings: Settings) -> list[Row]:
    names = {row["concept_id"]: row["concept_name"] for row in cdm.get("concept", [])}
    persons = {row["person_id"] for row in cdm.get("person", [])}
    drugs = [(drug, i, _drug_concepts(cdm, i)) for drug in study_drugs for i in _ingredients(cdm, drug)]
    return [
        _fill(cdm, record, drug, ingredient, names.get(record["drug_concept_id"]) or "", settings)
        for record in cdm.get("drug_exposure", [])
        if record.get("person_id") in persons and record.get("drug_exposure_start_date") is not None
        for drug, ingredient, concepts in drugs
        if record.get("drug_concept_id") in concepts
    ]


def _ingredients(cdm: Cdm, drug: Row) -> list[int]:
    if drug.get("concept_id") is not None:
        return [drug["concept_id"]]
    return [
        row["concept_id"]
        for row in cdm.get("concept", [])
        if row["concept_name"].lower() == drug["drug"]
        and row.get("concept_class_id") == "Ingredient"
        and row.get("standard_concept") == "S"
    ]


def _drug_concepts(cdm: Cdm, ingredient: int) -> set[int]:
    with_strength = {
        row["drug_concept_id"] for row in cdm.get("drug_strength", []) if row["ingredient_concept_id"] == ingredient
    }
    return {ingredient} | descendants(cdm, ingredient) | with_strength


def _fill(cdm: Cdm, record: Row, drug: Row, ingredient: int, name: str, settings: Settings) -> Row:
    route, in_scope = route_of(name, record.get("route_concept_id"), settings)
    stated, source, disagree = stated_days(record, settings)
    days, no_days = judged_days(stated, settings)
    strength_mg, rule, unit, no_strength = strength(cdm, record["drug_concept_id"], ingredient, settings)
    quantity = record.get("quantity")
    no_quantity = None if _positive(quantity) else "quantity missing or not positive"
    if no_quantity is None and not quantity <= MOST_QUANTITY:
        no_quantity = "quantity > 100000"
    return {
        "drug_exposure_id": record["drug_exposure_id"],
        "person_id": record["person_id"],
        "drug_concept_id": record["drug_concept_id"],
        "ingredient_concept_id": ingredient,
        **{k: drug.get(k) for k in ("drug", "tspo_class", "mg_per_dme", "mg_per_ddd", "mg_per_tspo")},
        "fill_date": record["drug_exposure_start_date"],
        "route": route,
        "in_scope": in_scope,
        "quantity": quantity,
        "strength_mg": strength_mg,
        "strength_unit": unit,
        "strength_rule": rule,
        "days_source": source,
        "days_disagree": disagree,
        "stated_days": stated,
        "days": days,
        "no_days": no_days,
        "mg": quantity * strength_mg if strength_mg is not None and no_quantity is None else None,
        "no_mg": no_strength or no_quantity,
    }


def route_of(name: str, route_concept_id: int | None, settings: Settings) -> tuple[str, bool]:
    """The product's name decides where it states a route; then the record; else nothing is known, and it counts."""
    found = [(route, ok) for word, route, ok in settings.form_words if word in name.lower()]
    if found:
        out = [route for route, ok in found if not ok]
        return (min(out), False) if out else (min(route for route, _ in found), True)
    for concept_id, route, ok in settings.routes:
        if concept_id == route_concept_id:
            return route, ok
    return "not stated", True


def stated_days(record: Row, settings: Settings) -> tuple[int | None, str | None, bool]:
    """(days, the field that gave them, whether another filled field says otherwise)."""
    start, said = record["drug_exposure_start_date"], []
    for field in settings.days_supply_order:
        value = record.get(field)
        if value is not None:
            said.append((value if field == "days_supply" else (value - start).days + 1, field))
    if not said:
        return None, None, False
    return said[0][0], said[0][1], any(days != said[0][0] for days, _ in said)


def judged_days(stated: int | None, settings: Settings) -> tuple[int | None, str | None]:
    """(days, None) or (None, why not)."""
    if stated is None:
        return None, "days of supply missing"
    if stated < 1:
        return None, "days of supply <= 0"
    if stated > settings.maximum_days_supply:
        return None, f"days of supply > {settings.maximum_days_supply}"
    return stated, None


def strength(
    cdm: Cdm, drug_concept: int, ingredient: int, settings: Settings
) -> tuple[float | None, str, str, str | None]:
    """(mg per unit of quantity, rule, unit, None) or (None, 'none', unit, why not)."""
    rows = [
        row
        for row in cdm.get("drug_strength", [])
        if row["drug_concept_id"] == drug_concept and row["ingredient_concept_id"] == ingredient
    ]
    valid = [row for row in rows if row.get("invalid_reason") is None]
    read = [_strength_of_row(row, settings) for row in valid or rows]
    if not read:
        return None, "none", "none", NO_STRENGTH
    known = [(mg, rule, unit) for mg, rule, unit, problem in read if problem is None]
    unit = min(unit for _, _, unit in known) if known else min(unit for _, _, unit, _ in read)
    if not known:
        return None, "none", unit, min(problem for _, _, _, problem in read if problem)
    if len({mg for mg, _, _ in known}) > 1:
        return None, "none", unit, "several strengths"
    return known[0][0], min(rule for _, rule, _ in known), unit, None


def _strength_of_row(row: Row, settings: Settings) -> tuple[float | None, str, str, str | None]:
    amount, numerator = _strength(row.get("amount_value")), _strength(row.get("numerator_value"))
    per, denominator = row.get("denominator_unit_concept_id"), _strength(row.get("denominator_value"))
    if amount is not None:
        return _in_mg(amount, row.get("amount_unit_concept_id"), "amount", None, settings)
    unit = row.get("numerator_unit_concept_id")
    if numerator is None:
        first = row.get("amount_unit_concept_id")
        return None, "", _unit(unit if first is None else first), NO_STRENGTH
    if per == HOUR:
        problem = None if denominator is not None else "release per hour without its hours"
        return _in_mg(numerator, unit, "per hour release", problem, settings)
    if denominator is not None:
        return _in_mg(numerator, unit, "quantified", None, settings)
    problem = None if per in (None, MILLILITRE, LITRE) else "strength per another unit than mL"
    return _in_mg(numerator, unit, "concentration", problem, settings, 1000 if per == LITRE else 1)


def _in_mg(
    value: float, unit: int | None, rule: str, problem: str | None, settings: Settings, volume: int = 1
) -> tuple[float | None, str, str, str | None]:
    mg = {None: value, MILLIGRAM: value, MICROGRAM: value * 0.001, GRAM: value * 1000}.get(unit)
    if unit is None:
        rule += ", unit assumed mg"
        problem = problem if settings.missing_strength_unit == "mg" else "strength unit missing"
    elif mg is None:
        problem = "strength unit not a mass"
    return (mg / volume if mg is not None and problem is None else None), rule, _unit(unit), problem


def _unit(unit: int | None) -> str:
    return "not stated" if unit is None else UNITS.get(unit, "not a mass")


def _strength(value: float | None) -> float | None:
    return value if value is not None and 0 < value <= MOST_STRENGTH else None


def _positive(value: float | None) -> float | None:
    return value if value is not None and not value <= 0 else None  # what is no number is the greatest of all


# --- Status, and remedies ----------------------------------------------------------------------------------


def _mark_status(fills: list[Row], settings: Settings) -> None:
    seen = set()
    for fill in fills:
        keys = ("person_id", "drug_concept_id", "ingredient_concept_id", "fill_date", "quantity", "stated_days")
        same = tuple(fill[key] for key in keys)
        fill["problem"] = fill["no_days"] or fill["no_mg"]
        fill["rule"] = "none"
        if not fill["in_scope"]:
            fill["status"], fill["problem"] = f"out of scope: {fill['route']}", None
        elif settings.same_day_duplicates == "collapse" and same in seen:
            fill["status"], fill["problem"] = "duplicate", None
        elif fill["problem"] is None:
            fill["status"], fill["rule"] = "computed", fill["strength_rule"]
        else:
            fill["status"] = f"unknown: {fill['problem']}"
        if fill["in_scope"]:
            seen.add(same)
        fill["mg_per_day"] = fill["mg"] / fill["days"] if fill["status"] == "computed" else None


def _remedy(fills: list[Row], settings: Settings) -> None:
    computed = [fill for fill in fills if fill["status"] == "computed"]
    for fill in fills:
        if fill["status"].startswith("unknown"):
            remedy = _remedies(fill, computed, settings)
            if remedy is not None:
                fill["mg_per_day"], fill["days"], fill["rule"] = remedy
                fill["mg"] = None if fill["days"] is None else fill["mg_per_day"] * fill["days"]
                fill["status"] = "imputed"


def _remedies(fill: Row, computed: list[Row], settings: Settings) -> tuple[float, int | None, str] | None:
    """(mg per day, days, rule), or None where nothing helps."""
    if settings.missing_dose == "zero":
        return 0.0, fill["days"], "zero"
    pool, donors = _donors(fill, computed)
    days = fill["days"]
    if settings.missing_dose == "one_ddd":
        if days is None and donors:
            days = math.floor(median(d["days"] for d in donors))
        return None if days is None or fill["mg_per_ddd"] is None else (fill["mg_per_ddd"], days, "one DDD per day")
    if not donors or settings.missing_dose == "unknown":
        return None
    typical = median(d["mg_per_day"] for d in donors)
    if settings.missing_dose == "median":
        return None if days is None else (typical, days, f"median of the {pool}")
    if settings.missing_dose == "median_fill":
        rule = f"median fill of the {pool}"
        if days is not None:
            return typical, days, rule
        days = math.floor(median(d["days"] for d in donors))
        return (typical if fill["mg"] is None else fill["mg"] / days), days, rule
    donor = _drawn(fill, pool, donors, settings)
    days = donor["days"] if fill["days"] is None else fill["days"]
    per_day = donor["mg_per_day"] if fill["mg"] is None else fill["mg"] / days
    return per_day, days, f"drawn from the {pool}"


def _donors(fill: Row, computed: list[Row]) -> tuple[str, list[Row]]:
    of_ingredient = [d for d in computed if d["ingredient_concept_id"] == fill["ingredient_concept_id"]]
    of_drug = [d for d in of_ingredient if d["drug_concept_id"] == fill["drug_concept_id"]]
    return ("drug", of_drug) if of_drug else ("ingredient", of_ingredient)


def _drawn(fill: Row, pool: str, donors: list[Row], settings: Settings) -> Row:
    """The fill draws a place, the place has drawn a donor (approximate Bayesian bootstrap)."""
    c = draw_coefficients(settings.seed, settings.draw)
    place = _hashed(fill["drug_exposure_id"] % PRIME, c, "place") * len(donors) // PRIME
    key = fill["drug_concept_id" if pool == "drug" else "ingredient_concept_id"]
    number = _hashed((place + 1000003 * (key % PRIME)) % PRIME, c, "donor") * len(donors) // PRIME
    return sorted(donors, key=lambda d: d["drug_exposure_id"])[number]


def _hashed(x: int, c: Row, name: str) -> int:
    return sum(c[f"{name}_{power}"] * x**power for power in range(4)) % PRIME


def _finish(fill: Row) -> None:
    for unit in ("dme", "ddd", "tspo"):
        mg_per_day, mg_per_unit = fill["mg_per_day"], fill[f"mg_per_{unit}"]
        known = mg_per_day is not None and mg_per_unit is not None
        fill[f"{unit}_per_day"] = mg_per_day / mg_per_unit if known else None
