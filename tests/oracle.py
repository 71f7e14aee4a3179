"""The slow, obvious twin of the study's SQL: fills, supplies, entry, exit and person-time, in plain Python.

In: a CDM as {table: [row, ...]} with rows as dicts (a missing table is empty, a missing key is None), study
drugs as dicts, concept sets as {name: [(concept_id, include_descendants, is_excluded), ...]} and `Settings`.
Out: lists of dicts. Doses are counted day by day and cuts are found by looking at every day, so that an error
in the slopes and running sums of the SQL cannot be repeated here. Rules: the protocol's dose and time rules.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from statistics import median
from typing import Any

Row = dict[str, Any]
Cdm = dict[str, list[Row]]
ConceptSets = dict[str, list[tuple[int, bool, bool]]]

NANO = 10**9
CLASSES = ("binder", "non_binder", "unknown")
SEX = {8532: "Female", 8507: "Male"}
MILLIGRAM, MICROGRAM, GRAM, HOUR, LITRE = 8576, 9655, 8504, 8505, 8519
NO_STRENGTH = "no strength for the ingredient"


@dataclass(frozen=True)
class Settings:
    """The fields of the protocol that the rules read, with their defaults."""

    minimum_age_years: int = 50
    prior_observation_days: int = 365
    washout_days: int = 365
    study_start: date | None = None
    study_end: date | None = None
    prevalent_sets: tuple[str, ...] = ("dementia", "dementia_broad", "dementia_history", "antidementia_drugs")
    outcome_tier: str = "D2"
    confirmation_days: int = 730
    metric: str = "dme"
    lag_days: int = 1095
    category_bounds: tuple[int, ...] = (0, 90, 180, 365)
    dose_update_days: int = 30
    carryover_cap_days: int | None = None
    same_day_duplicates: str = "collapse"
    maximum_days_supply: int = 365
    impute: bool = True
    days_supply_order: tuple[str, ...] = ("verbatim_end_date", "days_supply", "drug_exposure_end_date")
    missing_strength_unit: str = "mg"
    age_bands: tuple[int, ...] = (50, 65, 75, 85)
    covariates: tuple[str, ...] = ()
    out_of_scope_words: tuple[tuple[str, str], ...] = (("inject", "injectable"), ("rectal", "rectal"))


# --- The ledger: one row per fill and study ingredient ---------------------------------------------------


def ledger(cdm: Cdm, study_drugs: Iterable[Row], settings: Settings) -> list[Row]:
    """What is known of each fill, why, and on which days it accrues; by person, fill date and record id."""
    fills = _fills(cdm, study_drugs, settings)
    _mark_status(fills, settings)
    if settings.impute:
        _impute(fills)
    _scale(fills)
    _lay_supplies_end_to_end(fills, settings)
    return sorted(fills, key=_in_order)


def _in_order(fill: Row) -> tuple[int, date, int, int]:
    return fill["person_id"], fill["fill_date"], fill["drug_exposure_id"], fill["ingredient_concept_id"]


def _fills(cdm: Cdm, study_drugs: Iterable[Row], settings: Settings) -> list[Row]:
    names = {row["concept_id"]: row["concept_name"] for row in cdm.get("concept", [])}
    persons = {row["person_id"] for row in cdm.get("person", [])}
    drugs = [
        (drug, ingredient, _drug_concepts(cdm, ingredient))
        for drug in study_drugs
        for ingredient in _ingredients(cdm, drug)
    ]
    fills = []
    for record in cdm.get("drug_exposure", []):
        if record.get("person_id") not in persons or record.get("drug_exposure_start_date") is None:
            continue
        for drug, ingredient, concepts in drugs:
            if record.get("drug_concept_id") in concepts:
                name = names.get(record["drug_concept_id"]) or ""
                fills.append(_fill(cdm, record, drug, ingredient, name, settings))
    return fills


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
    return {ingredient} | _descendants(cdm, ingredient) | with_strength


def _descendants(cdm: Cdm, concept_id: int) -> set[int]:
    return {
        row["descendant_concept_id"]
        for row in cdm.get("concept_ancestor", [])
        if row["ancestor_concept_id"] == concept_id
    }


def _fill(cdm: Cdm, record: Row, drug: Row, ingredient: int, name: str, settings: Settings) -> Row:
    days, no_days = days_of_supply(record, settings)
    per_unit, rule, no_mg = strength(cdm, record["drug_concept_id"], ingredient, settings)
    quantity = record.get("quantity")
    if no_mg is None and _positive(quantity) is None:
        no_mg = "quantity missing or not positive"
    forms = [form for word, form in settings.out_of_scope_words if word.lower() in name.lower()]
    return {
        "drug_exposure_id": record["drug_exposure_id"],
        "person_id": record["person_id"],
        "drug_concept_id": record["drug_concept_id"],
        "ingredient_concept_id": ingredient,
        "drug": drug["drug"],
        "tspo_class": drug["tspo_class"],
        "mg_per_dme": drug.get("mg_per_dme"),
        "mg_per_ddd": drug.get("mg_per_ddd"),
        "fill_date": record["drug_exposure_start_date"],
        "quantity": quantity,
        "days": days,
        "no_days": no_days,
        "mg": quantity * per_unit if no_mg is None else None,
        "no_mg": no_mg,
        "rule": rule,
        "out_of_scope": min(forms, default=None),
    }


def days_of_supply(record: Row, settings: Settings) -> tuple[int | None, str | None]:
    """(days, None) or (None, reason): the first field of the order that is not null decides, good or bad."""
    start = record["drug_exposure_start_date"]
    for field in settings.days_supply_order:
        value = record.get(field)
        if value is None:
            continue
        days = value if field == "days_supply" else (value - start).days + 1
        if days < 1:
            return None, "days of supply <= 0"
        if days > settings.maximum_days_supply:
            return None, f"days of supply > {settings.maximum_days_supply}"
        return days, None
    return None, "days of supply missing"


def strength(
    cdm: Cdm, drug_concept: int, ingredient: int, settings: Settings
) -> tuple[float | None, str | None, str | None]:
    """(mg per unit of quantity, rule, None) or (None, None, reason) for one drug x ingredient."""
    rows = [
        row
        for row in cdm.get("drug_strength", [])
        if row["drug_concept_id"] == drug_concept and row["ingredient_concept_id"] == ingredient
    ]
    valid = [row for row in rows if row.get("invalid_reason") is None]
    read = [_strength_of_row(row, settings) for row in valid or rows]
    known = [(mg, rule) for mg, rule, _ in read if mg is not None]
    if not known:
        return None, None, min((problem for _, _, problem in read if problem), default=NO_STRENGTH)
    if len({mg for mg, _ in known}) > 1:
        return None, None, "several strengths"
    return *min(known), None


def _strength_of_row(row: Row, settings: Settings) -> tuple[float | None, str, str | None]:
    amount, numerator = _positive(row.get("amount_value")), _positive(row.get("numerator_value"))
    if amount is not None:
        mg, note, problem = _milligrams(amount, row.get("amount_unit_concept_id"), settings)
        return mg, "amount" + note, problem
    if numerator is None:
        return None, "", NO_STRENGTH
    mg, note, problem = _milligrams(numerator, row.get("numerator_unit_concept_id"), settings)
    if row.get("denominator_unit_concept_id") == HOUR:
        return mg, "per hour release" + note, problem
    if _positive(row.get("denominator_value")) is not None:
        return mg, "quantified" + note, problem
    if mg is not None and row.get("denominator_unit_concept_id") == LITRE:
        mg = mg / 1000  # quantity counts millilitres
    return mg, "concentration" + note, problem


def _milligrams(value: float, unit: int | None, settings: Settings) -> tuple[float | None, str, str | None]:
    if unit == MILLIGRAM:
        return value, "", None
    if unit == MICROGRAM:
        return value / 1000, "", None
    if unit == GRAM:
        return value * 1000, "", None
    if unit is not None:
        return None, "", "strength unit not a mass"
    if settings.missing_strength_unit == "mg":
        return value, ", unit assumed mg", None
    return None, "", "strength unit missing"


def _positive(value: float | None) -> float | None:
    return value if value is not None and value > 0 else None


def _mark_status(fills: list[Row], settings: Settings) -> None:
    seen = set()
    for fill in sorted(fills, key=_in_order):
        same = (
            fill["person_id"],
            fill["drug_concept_id"],
            fill["ingredient_concept_id"],
            fill["fill_date"],
            fill["quantity"],
            fill["days"],
        )
        if fill["out_of_scope"] is not None:
            fill["status"] = f"out of scope: {fill['out_of_scope']}"
        elif settings.same_day_duplicates == "collapse" and same in seen:
            fill["status"] = "duplicate"
        elif fill["days"] is None:
            fill["status"] = f"unknown: {fill['no_days']}"
        elif fill["mg"] is None:
            fill["status"] = f"unknown: {fill['no_mg']}"
        else:
            fill["status"] = "computed"
        seen.add(same)
        computed = fill["status"] == "computed"
        fill["mg_per_day"] = fill["mg"] / fill["days"] if computed else None
        fill["rule"] = fill["rule"] if computed else None


def _impute(fills: list[Row]) -> None:
    computed = [fill for fill in fills if fill["status"] == "computed"]
    for fill in fills:
        if not fill["status"].startswith("unknown") or fill["days"] is None:
            continue
        same_ingredient = [f for f in computed if f["ingredient_concept_id"] == fill["ingredient_concept_id"]]
        same_drug = [f for f in same_ingredient if f["drug_concept_id"] == fill["drug_concept_id"]]
        if same_ingredient:
            fill["mg_per_day"] = median(f["mg_per_day"] for f in same_drug or same_ingredient)
            fill["rule"] = "median of the drug" if same_drug else "median of the ingredient"
            fill["status"] = "imputed"


def _scale(fills: list[Row]) -> None:
    for fill in fills:
        for metric in ("dme", "ddd"):
            mg_per_day, mg_per_unit = fill["mg_per_day"], fill[f"mg_per_{metric}"]
            known = mg_per_day is not None and mg_per_unit is not None
            fill[f"{metric}_per_day"] = mg_per_day / mg_per_unit if known else None


def _in_scope(fill: Row) -> bool:
    return fill["out_of_scope"] is None


def _counts(fill: Row) -> bool:
    return _in_scope(fill) and fill["status"] != "duplicate"


def _lay_supplies_end_to_end(fills: list[Row], settings: Settings) -> None:
    chains: dict[tuple[int, int], list[Row]] = {}
    for fill in sorted(fills, key=_in_order):
        fill.update(supply_start=None, supply_days=None, discarded_days=None, discarded_mg=None)
        if _counts(fill) and fill["days"] is not None:
            chains.setdefault((fill["person_id"], fill["ingredient_concept_id"]), []).append(fill)
    for chain in chains.values():
        _start_supplies(chain, settings.carryover_cap_days)
        _end_supplies(chain)


def _start_supplies(chain: list[Row], cap: int | None) -> None:
    end = None  # the first day on which the earlier supply has nothing left
    for fill in chain:
        start = fill["fill_date"]
        if end is not None and end > start:
            latest = end if cap is None else start + timedelta(days=cap)
            start = min(end, latest)
        fill["supply_start"] = start
        end = start + timedelta(days=fill["days"])


def _end_supplies(chain: list[Row]) -> None:
    for fill, following in zip(chain, [*chain[1:], None], strict=True):
        days = fill["days"]
        if following is not None:
            days = min(days, (following["supply_start"] - fill["supply_start"]).days)
        fill["supply_days"] = days
        fill["discarded_days"] = fill["days"] - days
        if fill["mg_per_day"] is not None:
            fill["discarded_mg"] = fill["mg_per_day"] * fill["discarded_days"]


# --- Who is followed, from when, until when ----------------------------------------------------------------

CRITERIA = (
    "has a year of birth",
    "has an observation period that allows entry",
    "has no dementia on or before entry",
    "has no study drug in the washout",
    "has time at risk",
)


@dataclass(frozen=True)
class _Study:
    """Everything that the functions below look things up in."""

    cdm: Cdm
    fills: list[Row]
    concept_sets: ConceptSets
    settings: Settings

    def dates(self, person_id: int, name: str) -> set[date]:
        """The days with a record of the concept set: conditions and observations, or drug records."""
        concepts = resolve(self.cdm, self.concept_sets[name])
        if name == "antidementia_drugs":
            return self._dates_in("drug_exposure", "drug_concept_id", "drug_exposure_start_date", person_id, concepts)
        return self._dates_in(
            "condition_occurrence", "condition_concept_id", "condition_start_date", person_id, concepts
        ) | self._dates_in("observation", "observation_concept_id", "observation_date", person_id, concepts)

    def _dates_in(self, table: str, concept: str, day: str, person_id: int, concepts: set[int]) -> set[date]:
        return {
            row[day]
            for row in self.cdm.get(table, [])
            if row.get("person_id") == person_id and row.get(concept) in concepts and row.get(day) is not None
        }


def resolve(cdm: Cdm, items: Iterable[tuple[int, bool, bool]]) -> set[int]:
    """The concept ids of a concept set: what is included, with descendants, less what is excluded."""
    included: set[int] = set()
    excluded: set[int] = set()
    for concept_id, with_descendants, is_excluded in items:
        ids = {concept_id} | (_descendants(cdm, concept_id) if with_descendants else set())
        (excluded if is_excluded else included).update(ids)
    return included - excluded


def birth_date(person: Row) -> tuple[date, bool] | None:
    """(birth date, imputed) or None without a year; no month: 1 July, no day: the 15th."""
    year, month, day = (person.get(f"{part}_of_birth") for part in ("year", "month", "day"))
    if year is None:
        return None
    if month is None:
        return date(year, 7, 1), True
    if day is None:
        return date(year, month, 15), True
    return date(year, month, 1) + timedelta(days=day - 1), False


def birthday(birth: date, years: int) -> date:
    """The day on which that age is reached; 1 March in common years for those born on 29 February."""
    return date(birth.year + years, birth.month, 1) + timedelta(days=birth.day - 1)


def entry(cdm: Cdm, person_id: int, birth: date, settings: Settings) -> tuple[date, date] | None:
    """(entry date, last day of observation) of the first period that allows entry."""
    periods = sorted(
        (row["observation_period_start_date"], row["observation_period_end_date"])
        for row in cdm.get("observation_period", [])
        if row.get("person_id") == person_id
        and row.get("observation_period_start_date") is not None
        and row.get("observation_period_end_date") is not None
    )
    for start, end in periods:
        enters = max(
            birthday(birth, settings.minimum_age_years),
            start + timedelta(days=settings.prior_observation_days),
            settings.study_start or date.min,
        )
        last = min(end, settings.study_end or date.max)
        if start <= end and enters < last:
            return enters, last
    return None


def outcome_date(codes: set[date], drugs: set[date], settings: Settings) -> date | None:
    """D1: the first dementia code. D2: the first day by which a code has been confirmed."""
    if settings.outcome_tier == "D1":
        return min(codes, default=None)
    if settings.outcome_tier != "D2":
        raise ValueError(f"the oracle knows the outcome tiers D1 and D2, not {settings.outcome_tier}")
    window = timedelta(days=settings.confirmation_days)
    for day in sorted(codes | drugs):
        earlier_code = any(day - window <= other < day for other in codes)
        recent_code = any(day - window <= other <= day for other in codes)
        recent_drug = any(day - window <= other <= day for other in drugs)
        if (day in codes and (earlier_code or recent_drug)) or (day in drugs and recent_code):
            return day
    return None


def _follow(person: Row, study: _Study) -> Row:
    """{'failed': criterion or None, ...}: the first criterion a person fails, else entry, exit and why."""
    settings, person_id = study.settings, person["person_id"]
    born = birth_date(person)
    if born is None:
        return {"failed": CRITERIA[0]}
    allowed = entry(study.cdm, person_id, born[0], settings)
    if allowed is None:
        return {"failed": CRITERIA[1]}
    enters, last = allowed
    dementia = outcome_date(study.dates(person_id, "dementia"), study.dates(person_id, "antidementia_drugs"), settings)
    prevalent = {day for name in settings.prevalent_sets for day in study.dates(person_id, name)}
    if dementia is not None:
        prevalent.add(dementia)
    if any(day <= enters for day in prevalent):
        return {"failed": CRITERIA[2]}
    washout_start = enters - timedelta(days=settings.washout_days)
    filled = [fill["fill_date"] for fill in study.fills if fill["person_id"] == person_id and _in_scope(fill)]
    if any(washout_start <= day < enters for day in filled):
        return {"failed": CRITERIA[3]}
    exits, why = _exit(dementia, _death_date(study.cdm, person_id), last)
    if exits <= enters:
        return {"failed": CRITERIA[4]}
    return {"failed": None, "birth": born[0], "entry": enters, "exit": exits, "why": why}


def _death_date(cdm: Cdm, person_id: int) -> date | None:
    deaths = (row.get("death_date") for row in cdm.get("death", []) if row.get("person_id") == person_id)
    return min((day for day in deaths if day is not None), default=None)


def _exit(dementia: date | None, death: date | None, last: date) -> tuple[date, str]:
    first = min(day for day in (dementia, death, last) if day is not None)
    if dementia == first:
        return first, "dementia"
    return first, "death" if death == first else "end"


def attrition(cdm: Cdm, study_drugs: Iterable[Row], concept_sets: ConceptSets, settings: Settings) -> list[Row]:
    """Persons left after each criterion, in order; the first row counts everyone in `person`."""
    study = _Study(cdm, ledger(cdm, study_drugs, settings), concept_sets, settings)
    failed = [_follow(person, study)["failed"] for person in cdm.get("person", [])]
    rows = [{"criterion": "is in person", "persons": len(failed)}]
    for criterion in CRITERIA:
        lost = sum(1 for reason in failed if reason == criterion)
        rows.append({"criterion": criterion, "persons": rows[-1]["persons"] - lost})
    return rows


# --- Person-time -------------------------------------------------------------------------------------------


def person_time(cdm: Cdm, study_drugs: Iterable[Row], concept_sets: ConceptSets, settings: Settings) -> list[Row]:
    """One row per person and interval (start_day, stop_day] in days of age, by person and start."""
    study = _Study(cdm, ledger(cdm, study_drugs, settings), concept_sets, settings)
    rows = []
    for person in sorted(cdm.get("person", []), key=lambda row: row["person_id"]):
        followed = _follow(person, study)
        if followed["failed"] is None:
            rows.extend(_intervals(person, followed, study))
    return rows


def _intervals(person: Row, followed: Row, study: _Study) -> list[Row]:
    settings, birth = study.settings, followed["birth"]
    first, last = (followed["entry"] - birth).days, (followed["exit"] - birth).days
    fills = [fill for fill in study.fills if fill["person_id"] == person["person_id"] and _counts(fill)]
    doses = {c: _lagged_doses(fills, c, birth, first, last, settings) for c in CLASSES}
    unknown_from = {c: _unknown_from(fills, c, birth, settings) for c in CLASSES}
    cuts = _cuts(doses, unknown_from, birth, first, last, settings)
    about_person = {
        "sex": SEX.get(person.get("gender_concept_id"), "Unknown"),
        "index_year": followed["entry"].year,
        **{
            name: int(any(day <= followed["entry"] for day in study.dates(person["person_id"], name)))
            for name in settings.covariates
        },
    }
    return [
        {
            "person_id": person["person_id"],
            "start_day": start,
            "stop_day": stop,
            "event": int(stop == last and followed["why"] == "dementia"),
            "death": int(stop == last and followed["why"] == "death"),
            "age_stratum": _age_stratum(birth, start, settings),
            **_exposure(doses, unknown_from, start, settings),
            **about_person,
        }
        for start, stop in pairwise(cuts)
    ]


def nano(per_day: float) -> int:
    """A daily rate in whole billionths, halves away from zero."""
    return int(Decimal(per_day * 1e9).quantize(Decimal(1), ROUND_HALF_UP))


def _lagged_doses(
    fills: list[Row], tspo_class: str, birth: date, first: int, last: int, settings: Settings
) -> dict[int, int]:
    """Age day -> the class's dose in billionths accrued through that day less the lag; `first` to `last`."""
    taken: dict[int, int] = {}
    for fill in fills:
        per_day = fill[f"{settings.metric}_per_day"]
        if fill["tspo_class"] != tspo_class or per_day is None:
            continue
        for n in range(fill["supply_days"]):
            day = (fill["supply_start"] - birth).days + n
            taken[day] = taken.get(day, 0) + nano(per_day)
    dose = {first: sum(rate for day, rate in taken.items() if day <= first - settings.lag_days)}
    for day in range(first + 1, last + 1):
        dose[day] = dose[day - 1] + taken.get(day - settings.lag_days, 0)
    return dose


def _unknown_from(fills: list[Row], tspo_class: str, birth: date, settings: Settings) -> int | None:
    """The age day from which the class's lagged dose is not known, or None when it always is."""
    dates = [
        fill["fill_date"]
        for fill in fills
        if fill["tspo_class"] == tspo_class and fill[f"{settings.metric}_per_day"] is None
    ]
    return (min(dates) - birth).days + settings.lag_days if dates else None


def _known(unknown_from: int | None, day: int) -> bool:
    return unknown_from is None or day < unknown_from


def _cuts(
    doses: dict[str, dict[int, int]],
    unknown_from: dict[str, int | None],
    birth: date,
    first: int,
    last: int,
    settings: Settings,
) -> list[int]:
    """All the days on which an interval starts or stops, in order."""
    eves = {(birthday(birth, years) - birth).days - 1 for years in settings.age_bands}
    pieces = [first]
    crossings = set()
    for day in range(first + 1, last):
        bends = any(dose[day + 1] - dose[day] != dose[day] - dose[day - 1] for dose in doses.values())
        if day in eves or bends or day in unknown_from.values():
            pieces.append(day)
        for c, dose in doses.items():
            crosses = any(dose[day - 1] <= bound * NANO < dose[day] for bound in settings.category_bounds)
            if crosses and _known(unknown_from[c], day):
                crossings.add(day)
    pieces.append(last)
    updates = set()
    for start, stop in pairwise(pieces):
        if any(dose[start + 1] > dose[start] and _known(unknown_from[c], start) for c, dose in doses.items()):
            updates |= set(range(start + settings.dose_update_days, stop, settings.dose_update_days))
    return sorted({*pieces, *crossings, *updates})


def _exposure(
    doses: dict[str, dict[int, int]], unknown_from: dict[str, int | None], start: int, settings: Settings
) -> Row:
    exposure: Row = {}
    for c, dose in doses.items():
        known = _known(unknown_from[c], start)
        exposure[f"dose_tspo_{c}"] = dose[start] / 1e9 if known else None
        exposure[f"category_tspo_{c}"] = category(dose[start], settings) if known else "unknown dose"
    return exposure


def category(dose: int, settings: Settings) -> str:
    """The label of a dose in billionths: '0', '1-90', ..., '>365'; an upper bound belongs below."""
    bounds = settings.category_bounds
    if dose == 0:
        return "0"
    for lower, upper in pairwise(bounds):
        if dose <= upper * NANO:
            return f"{lower + 1}-{upper}"
    return f">{bounds[-1]}"


def _age_stratum(birth: date, start: int, settings: Settings) -> str | None:
    label = None
    bands = settings.age_bands
    for lower, following in zip(bands, [*bands[1:], None], strict=True):
        if (birthday(birth, lower) - birth).days - 1 <= start:
            label = f"{lower} to {following - 1}" if following is not None else f"{lower} and over"
    return label
