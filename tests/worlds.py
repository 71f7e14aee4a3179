"""Hypothesis strategies that draw small CDMs full of trouble, and the study that is run on them.

Out: `cdm_tables()` draws {table: [row, ...]} of one to five persons, every row with all keys of `COLUMNS`;
`settings()` draws protocols for the oracle. STUDY_DRUGS and CONCEPT_SETS are what the study asks for. Dates
cluster on purpose around entry, birthdays and period ends, and these less the lag: coincidences are common.
"""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.oracle import Cdm, Row, Settings

Draw = Callable[[st.SearchStrategy[Any]], Any]

COLUMNS = {
    "person": {
        "person_id": "bigint",
        "gender_concept_id": "bigint",
        "year_of_birth": "integer",
        "month_of_birth": "integer",
        "day_of_birth": "integer",
    },
    "observation_period": {
        "observation_period_id": "bigint",
        "person_id": "bigint",
        "observation_period_start_date": "date",
        "observation_period_end_date": "date",
    },
    "drug_exposure": {
        "drug_exposure_id": "bigint",
        "person_id": "bigint",
        "drug_concept_id": "bigint",
        "drug_exposure_start_date": "date",
        "drug_exposure_end_date": "date",
        "verbatim_end_date": "date",
        "quantity": "double",
        "days_supply": "integer",
        "route_concept_id": "bigint",
    },
    "visit_occurrence": {
        "visit_occurrence_id": "bigint",
        "person_id": "bigint",
        "visit_concept_id": "bigint",
        "visit_start_date": "date",
        "visit_end_date": "date",
    },
    "condition_occurrence": {
        "condition_occurrence_id": "bigint",
        "person_id": "bigint",
        "condition_concept_id": "bigint",
        "condition_start_date": "date",
    },
    "observation": {
        "observation_id": "bigint",
        "person_id": "bigint",
        "observation_concept_id": "bigint",
        "observation_date": "date",
    },
    "death": {"person_id": "bigint", "death_date": "date"},
    "concept": {
        "concept_id": "bigint",
        "concept_name": "varchar",
        "domain_id": "varchar",
        "vocabulary_id": "varchar",
        "concept_class_id": "varchar",
        "standard_concept": "varchar",
    },
    "concept_ancestor": {"ancestor_concept_id": "bigint", "descendant_concept_id": "bigint"},
    "drug_strength": {
        "drug_concept_id": "bigint",
        "ingredient_concept_id": "bigint",
        "amount_value": "double",
        "amount_unit_concept_id": "bigint",
        "numerator_value": "double",
        "numerator_unit_concept_id": "bigint",
        "denominator_value": "double",
        "denominator_unit_concept_id": "bigint",
        "invalid_reason": "varchar",
    },
}

# --- The study: five drugs, and the concept sets of a small vocabulary -------------------------------------

DIAZEPAM, FLUNITRAZEPAM, CLONAZEPAM, LORAZEPAM, CAMAZEPAM = 723013, 19055224, 798874, 791967, 2_000_000_900
AMITRIPTYLINE = 710062


def _study_drug(
    drug: str,
    concept_id: int | None,
    tspo: tuple[str, str],
    mg_per_dme: float | None,
    mg_per_ddd: float | None,
    mg_per_tspo: float | None = None,
) -> Row:
    return {
        "drug": drug,
        "concept_id": concept_id,
        "drug_group": "benzodiazepine",
        "tspo_class": tspo[0],
        "tspo_level": tspo[1],
        "ki_nm": None,
        "evidence_grade": None,
        "half_life_class": "short",
        "mg_per_dme": mg_per_dme,
        "mg_per_ddd": mg_per_ddd,
        "mg_per_tspo": mg_per_tspo,
        "equivalence_source": None if mg_per_dme is None else "ashton",
    }


STUDY_DRUGS = [
    _study_drug("diazepam", DIAZEPAM, ("binder", "high"), 10.0, 10.0, 10.0),
    _study_drug("flunitrazepam", FLUNITRAZEPAM, ("binder", "high"), 1.0, 1.0, 250 / 46),
    _study_drug("clonazepam", CLONAZEPAM, ("non_binder", "low"), 0.5, 8.0, 1000.0),
    _study_drug("lorazepam", LORAZEPAM, ("unknown", "unknown"), 1.0, 2.5),
    _study_drug("camazepam", None, ("unknown", "unknown"), None, None),  # no equivalence, found by its name
]

VASCULAR = 443605
DEMENTIA, ALZHEIMER, DRUG_INDUCED, SEDATIVE_INDUCED, SENILITY = 4182210, 378419, 376095, 4245766, 435088
HISTORY_OF_DEMENTIA, MILD_IMPAIRMENT = 4059191, 439795
DONEPEZIL, DONEPEZIL_TABLET, MEMANTINE = 715997, 2_000_000_801, 701322
ANXIETY, PANIC, PHOBIA, AGORAPHOBIA, DEPRESSION = 442077, 436074, 4304010, 436078, 440383

CONCEPT_SETS = {
    "dementia": [(DEMENTIA, True, False), (DRUG_INDUCED, True, True)],
    "dementia_broad": [(DEMENTIA, True, False), (SENILITY, False, False)],
    "tca": [(AMITRIPTYLINE, True, False)],
    "alzheimers_disease": [(ALZHEIMER, True, False)],
    "vascular_dementia": [(VASCULAR, True, False)],
    "mild_cognitive_impairment": [(MILD_IMPAIRMENT, True, False)],
    "dementia_history": [(HISTORY_OF_DEMENTIA, True, False)],
    "antidementia_drugs": [(DONEPEZIL, True, False), (MEMANTINE, True, False)],
    # phobia alone is taken out, its descendant stays
    "anxiety_disorder": [(ANXIETY, True, False), (PHOBIA, False, True)],
    "depression": [(DEPRESSION, False, False)],
}

ANCESTORS = [
    (DEMENTIA, DEMENTIA),
    (DEMENTIA, ALZHEIMER),
    (DEMENTIA, VASCULAR),
    (DEMENTIA, DRUG_INDUCED),
    (DEMENTIA, SEDATIVE_INDUCED),
    (DRUG_INDUCED, SEDATIVE_INDUCED),
    (SENILITY, MILD_IMPAIRMENT),  # not asked for: senility stands without its descendants
    (DONEPEZIL, DONEPEZIL),
    (DONEPEZIL, DONEPEZIL_TABLET),
    (ANXIETY, PANIC),
    (ANXIETY, PHOBIA),
    (ANXIETY, AGORAPHOBIA),
    (PHOBIA, AGORAPHOBIA),
    (DIAZEPAM, DIAZEPAM),
]

# --- Drug products: (concept id, name, ingredients by concept_ancestor, strength rows) ---------------------

MG, MICROGRAM, GRAM, UNIT, ML, LITRE, HOUR = 8576, 9655, 8504, 8718, 8587, 8519, 8505


def _amount(ingredient: int, value: float | None, unit: int | None = MG, invalid: str | None = None) -> Row:
    return {
        "ingredient_concept_id": ingredient,
        "amount_value": value,
        "amount_unit_concept_id": unit,
        "invalid_reason": invalid,
    }


def _ratio(ingredient: int, numerator: float, denominator: float | None, per: int, unit: int | None = MG) -> Row:
    return {
        "ingredient_concept_id": ingredient,
        "numerator_value": numerator,
        "numerator_unit_concept_id": unit,
        "denominator_value": denominator,
        "denominator_unit_concept_id": per,
    }


_D, _F, _C, _L, _X = DIAZEPAM, FLUNITRAZEPAM, CLONAZEPAM, LORAZEPAM, CAMAZEPAM

COMMON_PRODUCTS = [
    (2_000_000_001, "diazepam 10 MG Oral Tablet", [_D], [_amount(_D, 10)]),
    (2_000_000_002, "flunitrazepam 1 MG Oral Tablet", [_F], [_amount(_F, 1)]),
    (2_000_000_003, "clonazepam 0.5 MG Oral Tablet", [_C], [_amount(_C, 500, MICROGRAM)]),
    (2_000_000_005, "diazepam 2 MG Oral Tablet", [_D], [_amount(_D, 2)]),
    (2_000_000_004, "lorazepam 1 MG Oral Tablet", [_L], [_amount(_L, 0.001, GRAM)]),
]
ODD_PRODUCTS = [
    (2_000_000_011, "diazepam 5 MG Oral Tablet", [_D], [_amount(_D, 5), _amount(_D, 0.005, GRAM)]),
    (2_000_000_012, "diazepam 2 MG/ML Oral Solution", [_D], [_ratio(_D, 2, None, ML)]),
    (2_000_000_013, "2 ML diazepam 5 MG/ML Cartridge", [_D], [_ratio(_D, 10, 2, ML)]),
    (2_000_000_014, "diazepam 5 MG/ML INJECTABLE Solution", [_D], [_ratio(_D, 5, None, ML)]),
    (2_000_000_015, "diazepam Rectal Gel", [_D], []),
    (2_000_000_016, "diazepam Oral Tablet", [_D], []),
    (2_000_000_017, "diazepam 3 MG Oral Tablet", [_D], [_amount(_D, 3), _amount(_D, 30, MG, "D")]),
    (2_000_000_018, "diazepam 7 MG Oral Tablet", [_D], [_amount(_D, 7, MG, "U")]),
    (2_000_000_021, "24 HR clonazepam 1 MG Oral Tablet", [], [_ratio(_C, 1, 24, HOUR)]),
    (2_000_000_025, "clonazepam patch", [_C], [_ratio(_C, 1, None, HOUR)]),
    (2_000_000_026, "clonazepam 1 MG Oral Tablet", [_C], [_amount(_C, 1)]),
    (2_000_000_027, "clonazepam 2 MG", [_C], [_amount(_C, 2)]),
    (2_000_000_022, "clonazepam pack", [_C], [_amount(_C, 1), _amount(_C, 2)]),
    (2_000_000_023, "clonazepam 0 MG Oral Tablet", [_C], [_amount(_C, 0)]),
    (2_000_000_024, "amitriptyline / clonazepam", [_C], [_amount(_C, 0.25), _amount(AMITRIPTYLINE, 25)]),
    (2_000_000_031, "lorazepam 2 Oral Tablet", [_L], [_amount(_L, 2, None)]),
    (2_000_000_032, "lorazepam 100 UNT Oral Tablet", [_L], [_amount(_L, 100, UNIT)]),
    (2_000_000_033, "lorazepam 1000 MG/L Oral Solution", [_L], [_ratio(_L, 1000, None, LITRE)]),
    (2_000_000_034, "clonazepam / lorazepam", [_C, _L], [_amount(_C, 0.3), _amount(_L, 0.7)]),
    (2_000_000_035, "diazepam / lorazepam", [_D, _L], [_amount(_D, 7)]),  # no strength of lorazepam
    (2_000_000_041, "camazepam 10 MG Oral Tablet", [_X], [_amount(_X, 10)]),
    (LORAZEPAM, "lorazepam", [], []),  # a record coded to the ingredient itself
]
# not the ingredient, though their name is: records of these are not fills
NAMESAKES = {2_000_000_901: ("Ingredient", None), 2_000_000_902: ("Brand Name", "S")}
OTHER_CONCEPTS = [
    (DIAZEPAM, "diazepam", "Ingredient", "S"),
    (FLUNITRAZEPAM, "flunitrazepam", "Ingredient", "S"),
    (CLONAZEPAM, "clonazepam", "Ingredient", "S"),
    (CAMAZEPAM, "Camazepam", "Ingredient", "S"),
    *((concept_id, "camazepam", *kind) for concept_id, kind in NAMESAKES.items()),
    (DONEPEZIL, "donepezil", "Ingredient", "S"),
    (DONEPEZIL_TABLET, "donepezil 10 MG Oral Tablet", "Clinical Drug", "S"),
    (MEMANTINE, "memantine", "Ingredient", "S"),
]


def _row(table: str, **values: Any) -> Row:
    return {column: values.get(column) for column in COLUMNS[table]}


def vocabulary() -> Cdm:
    """The tables that are the same in every world: concept, concept_ancestor, drug_strength."""
    products = COMMON_PRODUCTS + ODD_PRODUCTS
    named = OTHER_CONCEPTS + [
        (concept_id, name, "Ingredient" if concept_id == LORAZEPAM else "Clinical Drug", "S")
        for concept_id, name, _, _ in products
    ]
    ancestors = [*ANCESTORS, (AMITRIPTYLINE, 2_000_000_024)]
    ancestors += [(i, product) for product, _, ingredients, _ in products for i in ingredients]
    return {
        "concept": [
            _row(
                "concept",
                concept_id=concept_id,
                concept_name=name,
                domain_id="Drug",
                vocabulary_id="RxNorm",
                concept_class_id=concept_class,
                standard_concept=standard,
            )
            for concept_id, name, concept_class, standard in named
        ],
        "concept_ancestor": [
            _row("concept_ancestor", ancestor_concept_id=a, descendant_concept_id=d) for a, d in ancestors
        ],
        "drug_strength": [
            _row("drug_strength", drug_concept_id=product, **strength)
            for product, _, _, strengths in products
            for strength in strengths
        ],
    }


# --- Dates that like to coincide ---------------------------------------------------------------------------

FIRST_DAY = date(2010, 1, 1)
USUAL_ENTRY = FIRST_DAY + timedelta(days=365)
LAG = Settings().lag_days
PERSON_IDS = [1, 2, 3, -7, 3589912774911670296, 2**31, -(2**40)]


def _often(usual: list[Any], rare: list[Any], weight: int) -> st.SearchStrategy[Any]:
    """Each usual value `weight` times as likely as each rare one."""
    return st.sampled_from(usual * weight + rare)


def _years_before(day: date, years: int) -> date:
    return date(day.year - years, day.month, min(day.day, 28))


def _birth(draw: Draw) -> date:
    if draw(_often([False], [True], 7)):
        return date(draw(st.sampled_from([1960, 1948, 1952, 1944, 1936])), 2, 29)
    years = draw(st.sampled_from([65, 50, 64, 70, 51, 66, 75, 49, 85]))
    shift = draw(st.sampled_from([0, 1, -1, 30, 31, -30, 200, 365, 1095, 1096]))
    return _years_before(USUAL_ENTRY, years) + timedelta(days=shift)


def _person(draw: Draw, person_id: int, birth: date) -> Row:
    known = draw(_often([3], [2, 1, 0], 12))  # how many parts of year, month, day
    return _row(
        "person",
        person_id=person_id,
        gender_concept_id=draw(st.sampled_from([8532, 8507, 0, None])),
        year_of_birth=birth.year if known > 0 else None,
        month_of_birth=birth.month if known > 1 else None,
        day_of_birth=birth.day if known > 2 or (known == 1 and draw(st.booleans())) else None,
    )


def _periods(draw: Draw) -> list[tuple[date, date]]:
    periods = []
    start = FIRST_DAY + timedelta(days=draw(_often([0], [1, -1, -400], 3)))
    for _ in range(draw(_often([1, 2], [3], 2))):
        length = draw(_often([2600, 1500, 3300], [0, 364, 365, 366, 367, 396, 760, -5], 4))
        periods.append((start, start + timedelta(days=length)))
        start += timedelta(days=max(length, 0) + draw(st.sampled_from([1, 2, 366, 100])))
    return periods


def _anchors(birth: date, periods: list[tuple[date, date]]) -> list[date]:
    """Days near which something should happen: likely entry first, the first period's end last."""
    fiftieth = date(birth.year + 50, birth.month, 1) + timedelta(days=birth.day - 1)
    entry = max(fiftieth, periods[0][0] + timedelta(days=365))
    later = [date(birth.year + 65, birth.month, 1) + timedelta(days=birth.day - 1), periods[0][1]]
    lagged = [day - timedelta(days=LAG) for day in later if day.year > 2012]
    return [entry] * 5 + lagged + later


_LATER = [0, 1, 29, 30, 31, 60, 100, 365, 400, 730, 1000]
_EARLIER = [-1, -30, -364, -365, -366, -400, -731, -1095, -1096]


def _day(draw: Draw, anchors: list[date], early: bool = True) -> date:
    offsets = _often(_LATER, _EARLIER, 5) if early else st.sampled_from([*_LATER, 1095, 1096, 1500])
    return draw(st.sampled_from(anchors)) + timedelta(days=draw(offsets))


# --- Fills -------------------------------------------------------------------------------------------------


def _days_fields(draw: Draw) -> dict[str, int | None]:
    """days_supply, and both ends as days after the start: mostly a month, at times missing or absurd."""
    return {
        "days_supply": draw(_often([30], [14, 1, 90, 365, 366, 0, -5, 7000, None], 30)),
        "drug_exposure_end_date": draw(_often([29], [None, 0, 9, 89, -1, 365], 5)),
        "verbatim_end_date": draw(_often([None], [29, 0, 6, -1, 365], 25)),
        "route_concept_id": draw(_often([None], [4132161, 4171047, 4290759, 0, 77], 12)),
    }


def _fill(person_id: int | None, product: int, start: date, quantity: float | None, fields: Row) -> Row:
    ends = {name: days for name, days in fields.items() if name.endswith("_date") and days is not None}
    return _row(
        "drug_exposure",
        person_id=person_id,
        drug_concept_id=product,
        drug_exposure_start_date=start,
        quantity=quantity,
        days_supply=fields["days_supply"],
        route_concept_id=fields.get("route_concept_id"),
        **{name: start + timedelta(days=days) for name, days in ends.items()},
    )


def _course(draw: Draw, person_id: int | None, anchors: list[date]) -> list[Row]:
    """Refills of one product: in step, early, late or on one day, most of them alike."""
    common, odd = ([product[0] for product in pool] for pool in (COMMON_PRODUCTS, ODD_PRODUCTS))
    product = draw(_often(common, [*odd, *NAMESAKES], 9))
    quantities = _often([30.0, 60.0, 90.0, 240.0], [15.0, 7.5, 1.0, 0.0, -3.0, None], 4)
    start, quantity, fields = _day(draw, anchors), draw(quantities), _days_fields(draw)
    rows = [_fill(person_id, product, start, quantity, fields)]
    for step in draw(st.lists(_often([30], [0, 1, 10, 29, 31, 60, 200], 4), max_size=5)):
        start += timedelta(days=step)
        if draw(_often([False], [True], 5)):
            quantity, fields = draw(quantities), _days_fields(draw)
        rows.append(_fill(person_id, product, start, quantity, fields))
        if draw(_often([False], [True], 8)):
            # Another strength or another drug of the class on the same day, or soon after.
            other = draw(st.sampled_from(common))
            later = start + timedelta(days=draw(_often([0], [5, 15, 40], 2)))
            rows.append(_fill(person_id, other, later, quantity, fields))
    return rows


def _stays(draw: Draw, person_id: int, fills: list[Row]) -> list[Row]:
    """Visits around fills: inpatient or not, overlapping, touching, without a night, or with ends the wrong way."""
    starts = [row["drug_exposure_start_date"] for row in fills if row["drug_exposure_start_date"] is not None]
    rows = []
    for start in draw(st.lists(st.sampled_from(starts), max_size=3)) if starts else []:
        first = start + timedelta(days=draw(st.sampled_from([-3, 0, 1, 10, 29, 45])))
        nights = draw(_often([3, 10], [0, 1, 40, -2], 2))
        for n in range(draw(_often([1], [2], 3))):
            begin = first + timedelta(days=n * draw(st.sampled_from([2, 3, 10])))
            rows.append(
                _row(
                    "visit_occurrence",
                    person_id=person_id,
                    visit_concept_id=draw(_often([9201], [262, 9202, None], 3)),
                    visit_start_date=begin,
                    visit_end_date=draw(_often([begin + timedelta(days=nights)], [None], 9)),
                )
            )
    return rows


# --- Dementia, death, covariates, strays -------------------------------------------------------------------


def _condition(person_id: int | None, concept_id: int, day: date | None) -> Row:
    return _row(
        "condition_occurrence",
        person_id=person_id,
        condition_concept_id=concept_id,
        condition_start_date=day,
    )


def _observation(person_id: int | None, concept_id: int, day: date | None) -> Row:
    return _row("observation", person_id=person_id, observation_concept_id=concept_id, observation_date=day)


def _other_drug(person_id: int | None, concept_id: int, day: date | None) -> Row:
    return _row("drug_exposure", person_id=person_id, drug_concept_id=concept_id, drug_exposure_start_date=day)


def _dementia(draw: Draw, person_id: int, anchors: list[date]) -> Cdm:
    """A code, and perhaps a second code or a drug before, after or on its day; some do not count."""
    out: Cdm = {"condition_occurrence": [], "observation": [], "drug_exposure": []}
    first = _day(draw, anchors, early=draw(_often([False], [True], 9)))
    out["condition_occurrence"].append(
        _condition(person_id, draw(st.sampled_from([DEMENTIA, ALZHEIMER, VASCULAR])), first)
    )
    gaps = _often([30, 365, 729, 730], [0, 1, 731, -1, -30, -730, -731], 1)
    for gap in draw(st.lists(gaps, min_size=draw(_often([1], [0], 4)), max_size=3)):
        day = draw(_often([first + timedelta(days=gap)], [anchors[-1]], 5))
        kind = draw(_often(["code", "vascular", "drug"], ["observed", "drug-induced", "senility"], 3))
        if kind == "drug":
            out["drug_exposure"].append(_other_drug(person_id, draw(st.sampled_from(_SUPPORT)), day))
        elif kind == "observed":
            out["observation"].append(_observation(person_id, ALZHEIMER, day))
        else:
            concept = _CODES[kind]
            out["condition_occurrence"].append(_condition(person_id, concept, day))
    return out


_CODES = {"code": ALZHEIMER, "vascular": VASCULAR, "drug-induced": SEDATIVE_INDUCED, "senility": SENILITY}
_SUPPORT = [DONEPEZIL_TABLET, DONEPEZIL, MEMANTINE]


def _death(draw: Draw, person_id: int, days: list[date]) -> Row:
    """A death on, just before or just after another day of the person's life."""
    day = draw(st.sampled_from(days)) + timedelta(days=draw(_often([0], [1, -1, 30, 500], 2)))
    return _row("death", person_id=person_id, death_date=day)


def _background(draw: Draw, person_id: int | None, anchors: list[date]) -> Cdm:
    """Covariates on either side of entry, seldom a history of dementia or a record without its date."""
    out: Cdm = {"condition_occurrence": [], "observation": [], "drug_exposure": []}
    kinds = [ANXIETY, PANIC, PHOBIA, AGORAPHOBIA, DEPRESSION, MILD_IMPAIRMENT]
    for concept_id in draw(st.lists(st.sampled_from(kinds), max_size=2)):
        shift = timedelta(days=draw(st.sampled_from([0, -1, 1, -400, 400])))
        make = draw(_often([_condition], [_observation], 3))
        table = "observation" if make is _observation else "condition_occurrence"
        out[table].append(make(person_id, concept_id, anchors[0] + shift))
    for shift in draw(_often([()], [(0,), (1,), (-1,), (-400, -1)], 2)):
        out["drug_exposure"].append(_other_drug(person_id, AMITRIPTYLINE, anchors[0] + timedelta(days=shift)))
    match draw(_often(["nothing"], ["history", "no date", "no drug date"], 20)):
        case "history":
            out["observation"].append(_observation(person_id, HISTORY_OF_DEMENTIA, _day(draw, anchors)))
        case "no date":
            out["condition_occurrence"].append(_condition(person_id, DEMENTIA, None))
        case "no drug date":
            out["drug_exposure"].append(_other_drug(person_id, COMMON_PRODUCTS[0][0], None))
    return out


# --- Worlds ------------------------------------------------------------------------------------------------


def _life(draw: Draw, person_id: int) -> Cdm:
    birth, periods = _birth(draw), _periods(draw)
    anchors = _anchors(birth, periods)
    life = _background(draw, person_id, anchors)
    life["person"] = [_person(draw, person_id, birth)]
    life["observation_period"] = [
        _row(
            "observation_period",
            person_id=person_id,
            observation_period_start_date=start,
            observation_period_end_date=end,
        )
        for start, end in periods
    ]
    for _ in range(draw(_often([1, 2, 3], [0], 2))):
        life["drug_exposure"] += _course(draw, person_id, anchors)
    life["visit_occurrence"] = _stays(draw, person_id, life["drug_exposure"])
    days = [periods[0][1], anchors[0]] + [anchors[0] + timedelta(days=days) for days in (700, 1200, 2000)]
    if draw(_often([False], [True], 1)):
        dementia = _dementia(draw, person_id, anchors)
        days += 3 * [row["condition_start_date"] for row in dementia["condition_occurrence"]]
        for table, rows in dementia.items():
            life[table] += rows
    life["death"] = [_death(draw, person_id, days)] if draw(_often([False], [True], 2)) else []
    return life


def _stray(draw: Draw) -> Cdm:
    """Records of nobody: a person id that `person` does not know, or none at all."""
    nobody = draw(st.sampled_from([404, None]))
    stray = _background(draw, nobody, [USUAL_ENTRY])
    stray["drug_exposure"] += _course(draw, nobody, [USUAL_ENTRY])
    stray["condition_occurrence"].append(_condition(nobody, DEMENTIA, USUAL_ENTRY))
    return stray


def _number(rows: list[Row], column: str) -> None:
    """Give ids that are unique but neither in the order of the rows, nor positive, nor all small."""
    for n, row in enumerate(rows):
        row[column] = (n * 617 + 211) % 1009 - 500 + (2**33 if n % 3 == 2 else 0)


@st.composite
def cdm_tables(draw: Draw) -> Cdm:
    """A CDM of one to five persons with the tables of COLUMNS."""
    world: Cdm = {table: [] for table in COLUMNS} | vocabulary()
    lives = [_life(draw, i) for i in draw(st.lists(st.sampled_from(PERSON_IDS), min_size=1, max_size=5, unique=True))]
    if draw(_often([False], [True], 4)):
        lives.append(_stray(draw))
    for life in lives:
        for table, rows in life.items():
            world[table] += rows
    for table in ("observation_period", "drug_exposure", "condition_occurrence", "observation", "visit_occurrence"):
        _number(world[table], f"{table}_id")
    return world


@st.composite
def settings(draw: Draw) -> Settings:
    """A protocol: the primary one, or one with some of its choices changed."""
    if draw(st.booleans()):
        return Settings(covariates=("anxiety_disorder", "depression", "tca"))
    metric = draw(st.sampled_from(sorted(BOUNDS)))
    is_sum = metric not in ("duration", "recency")
    return Settings(
        minimum_age_years=draw(st.sampled_from([50, 65])),
        prior_observation_days=draw(st.sampled_from([365, 0])),
        washout_days=draw(st.sampled_from([365, 0])),
        study_start=draw(st.sampled_from([None, USUAL_ENTRY, date(2012, 6, 30)])),
        study_end=draw(st.sampled_from([None, date(2015, 12, 31)])),
        outcome_tier=draw(st.sampled_from(["D2", "D1"])),
        metric=metric,
        category_bounds=BOUNDS[metric],
        window_days=draw(_often([None], [30, 400], 1)) if is_sum else None,
        lag_days=draw(st.sampled_from([1095, 0, 30, 365])),
        dose_update_days=draw(st.sampled_from([30, 365])),
        carryover_cap_days=draw(st.sampled_from([None, 0, 10, 30])),
        overlap=draw(st.sampled_from(["add", "switch"])),
        hospital_stays=draw(st.sampled_from(["ignore", "pause"])),
        same_day_duplicates=draw(st.sampled_from(["collapse", "add"])),
        missing_dose=draw(st.sampled_from(["unknown", "median", "zero", "median_fill", "one_ddd", "draw"])),
        draw=draw(st.sampled_from([1, 2])),
        days_supply_order=draw(st.permutations(Settings().days_supply_order).map(tuple)),
        missing_strength_unit=draw(st.sampled_from(["mg", "unknown"])),
        covariates=("anxiety_disorder", "depression", "tca"),
        covariate_lookback_days=draw(st.sampled_from([None, 0, 1, 365])),
    )


@st.composite
def outcome_settings(draw: Draw) -> Settings:
    """The primary protocol with another outcome."""
    tier = draw(st.sampled_from(["D2", "D1"]))
    return Settings(outcome_tier=tier, washout_days=0, **draw(st.sampled_from(OUTCOMES)))


OUTCOMES: list[dict[str, Any]] = [
    {
        "diagnosis": "alzheimers_disease",
        "concept_set": "alzheimers_disease",
        "competing_sets": ("vascular_dementia",),
    },
    {
        "diagnosis": "mild_cognitive_impairment",
        "concept_set": "mild_cognitive_impairment",
        "confirming_drugs": None,
        "competing_sets": ("dementia", "vascular_dementia"),
        "prevalent_sets": ("mild_cognitive_impairment", "dementia"),
    },
]
"""Outcomes beside dementia: one that drugs confirm, and one that nothing but its own codes does."""

BOUNDS: dict[str, tuple[float, ...]] = {
    "dme": (0, 90, 180, 365),
    "ddd": (0, 30, 90.5),
    "tspo_weighted": (0, 90, 180, 365),
    "days": (0, 30, 90, 365),
    "fills": (0, 1, 3, 6),
    "duration": (0, 30, 365),
    "intensity": (0, 0.5, 1, 2.5),
    "recency": (0, 1, 31, 91, 366),
}
"""Bounds of the dose categories that suit each metric."""
