"""What a world is made of: indications, drugs with their strengths, and concepts to record, each a typed row.

In: nothing. Out: the rows that `parameters` takes as defaults. Concepts are named, and their ids looked up in
the concept sets of `config/`; a drug's TSPO class is never written here, it follows from evidence.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

CHOSEN = "chosen"
GERLACH_2022 = "share of users aged 65 and over, US Veterans Health Administration, Gerlach et al. 2022, Table 2"

Probability = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(ge=0)]
Ratio = Annotated[float, Field(gt=0)]
TspoClass = Literal["binder", "non_binder", "unknown"]
ClassRatios = Mapping[TspoClass, Ratio]


def told(default: Any, description: str, source: str, **bounds: Any) -> Any:
    """A parameter: its default, what it is, where the number comes from, and its bounds."""
    return Field(default, description=description, json_schema_extra={"source": source}, **bounds)


class Frozen(BaseModel):
    """A row or a set of parameters: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Indication(Frozen):
    """A reason to prescribe that also moves the hazards: the confounder, always recorded."""

    concept_set: str
    concept_name: str
    prevalence: Probability
    onset_ratio: Ratio
    start_ratio: Ratio
    death_ratio: Ratio
    source: str
    class_ratios: ClassRatios = Field(default_factory=dict)
    """Channelling by indication: what a class's share of starts is multiplied by; one where it is not named."""


class DrugProducts(Frozen):
    """A study drug's share of users, and the strengths in which it is sold (US market, from memory)."""

    drug: str
    users_percent: Rate
    form: Literal["tablet", "capsule"]
    strengths_mg: Annotated[tuple[Ratio, ...], Field(min_length=1)]
    source: str = GERLACH_2022


class Item(Frozen):
    """A concept of one of the study's concept sets, by name, and how often it is drawn."""

    concept_set: str
    concept_name: str
    weight: Rate


def _tablets(drug: str, users_percent: float, *strengths_mg: float, source: str = GERLACH_2022) -> DrugProducts:
    return DrugProducts(drug=drug, users_percent=users_percent, form="tablet", strengths_mg=strengths_mg, source=source)


def _capsules(drug: str, users_percent: float, *strengths_mg: float) -> DrugProducts:
    return DrugProducts(drug=drug, users_percent=users_percent, form="capsule", strengths_mg=strengths_mg)


def _items(rows: Sequence[tuple[str, str, float]]) -> tuple[Item, ...]:
    return tuple(Item(concept_set=s, concept_name=name, weight=weight) for s, name, weight in rows)


INDICATIONS = (
    Indication(
        concept_set="anxiety_disorder",
        concept_name="Anxiety disorder",
        prevalence=0.10,
        onset_ratio=1.24,
        start_ratio=3.0,
        death_ratio=1.1,
        source="onset: published relative risk 1.24 (1.06 to 1.46); the rest chosen",
    ),
    Indication(
        concept_set="depression",
        concept_name="Depressive disorder",
        prevalence=0.12,
        onset_ratio=1.6,
        start_ratio=1.85,
        death_ratio=1.3,
        source="start: odds ratio of starting with antidepressants, Quebec; the rest chosen",
    ),
    Indication(
        concept_set="insomnia",
        concept_name="Insomnia",
        prevalence=0.15,
        onset_ratio=1.25,
        start_ratio=3.0,
        death_ratio=1.0,
        source="chosen; published onset ratios run from 1.2 to 1.5",
    ),
)

DRUG_PRODUCTS = (
    _tablets("diazepam", 21.5, 2, 5, 10),
    _tablets("clonazepam", 20.7, 0.5, 1, 2),
    _tablets("alprazolam", 20.2, 0.25, 0.5, 1, 2),
    _capsules("oxazepam", 5.9, 10, 15, 30),
    _tablets("zolpidem", 2.0, 5, 10, source=CHOSEN),
    _tablets("lorazepam", 35.6, 0.5, 1, 2),
    _capsules("temazepam", 33.9, 7.5, 15, 30),
    _capsules("chlordiazepoxide", 2.8, 5, 10, 25),
    _tablets("triazolam", 0.5, 0.125, 0.25),
)

DEMENTIA_CODES = _items(
    [
        ("dementia", "Alzheimer's disease", 0.55),
        ("dementia", "Vascular dementia", 0.20),
        ("dementia", "Dementia", 0.20),
        ("dementia", "Diffuse Lewy body disease", 0.05),
    ]
)
ANTIDEMENTIA_DRUGS = _items(
    [
        ("antidementia_drugs", "donepezil", 0.7),
        ("antidementia_drugs", "memantine", 0.3),
    ]
)
HISTORY_OF_DEMENTIA = Item(concept_set="dementia_history", concept_name="H/O: dementia", weight=1)
BACKGROUND_CONDITIONS = _items(
    [
        ("hypertension", "Hypertensive disorder", 0.35),
        ("hyperlipidemia", "Hyperlipidemia", 0.25),
        ("type2_diabetes", "Type 2 diabetes mellitus", 0.15),
        ("osteoporosis", "Osteoporosis", 0.10),
        ("copd", "Chronic obstructive lung disease", 0.10),
        ("heart_failure", "Heart failure", 0.05),
    ]
)
CONDITIONS_OF_A_DATABASE = _items(
    [
        ("hypertension", "Hypertensive disorder", 0.10),
        ("hyperlipidemia", "Hyperlipidemia", 0.07),
        ("type2_diabetes", "Type 2 diabetes mellitus", 0.04),
        ("copd", "Chronic obstructive lung disease", 0.03),
        ("osteoporosis", "Osteoporosis", 0.20),
        ("hypothyroidism", "Hypothyroidism", 0.20),
        ("peripheral_vascular_disease", "Peripheral vascular disease", 0.16),
        ("migraine", "Migraine", 0.10),
        ("cancer_malignant", "Malignant neoplastic disease", 0.10),
    ]
)
"""As most of a large database: three in four are of no concept set that the study reads."""
BACKGROUND_DRUGS = _items(
    [
        ("statins", "Simvastatin", 0.30),
        ("ace_inhibitors", "Lisinopril", 0.25),
        ("calcium_channel_blockers", "amlodipine", 0.20),
        ("beta_blockers", "metoprolol", 0.15),
        ("diuretics", "hydrochlorothiazide", 0.10),
    ]
)
