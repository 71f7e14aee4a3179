"""Which tablets a new episode may bring: drug, strength and units a day, each with its probability.

In: the parameters and the study's own classification of drugs (`cohort.affinity`), never a list of classes.
Out: one `Regimen` per drug and dose aimed at; probabilities sum to one.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from cohort.affinity import CutPoints, study_drugs
from cohort.errors import UsageError
from cohort.reference import load_affinities, load_drugs, load_findings
from cohort.synthetic.ingredients import DrugProducts
from cohort.synthetic.parameters import CLASSES, Parameters

FIRST_LOCAL_CONCEPT = 2_000_000_001
WHOLE_UNITS = (1.0, 2.0, 3.0)
HALF_UNITS = (0.5, 1.5)
# A half tablet is taken only where whole ones miss the dose by more than about a tenth.
HALF_PENALTY = 0.1
UNIT_PENALTY = 0.02

Key = TypeVar("Key")


@dataclass(frozen=True)
class Product:
    """A tablet or capsule of one strength, with the local concept that stands for it."""

    concept_id: int
    drug: str
    form: str
    strength_mg: float

    @property
    def name(self) -> str:
        """A plain name of our own, such as `diazepam 5 mg oral tablet (synthetic)`."""
        return f"{self.drug} {self.strength_mg:g} mg oral {self.form} (synthetic)"


@dataclass(frozen=True)
class Regimen:
    """One way to take one drug: units of a product a day, and what that is in diazepam-equivalents."""

    product: Product
    ingredient_concept_id: int
    class_index: int
    half_life: str
    units_per_day: float
    dme_per_day: float
    probability: float


def classified_drugs(parameters: Parameters) -> dict[str, dict[str, Any]]:
    """The rows of `study_drugs` by drug, under the parameters' equivalence table and grades."""
    frame = study_drugs(
        load_drugs(),
        load_affinities(),
        load_findings(),
        CutPoints(),
        parameters.affinity_grades,
        parameters.equivalence_table,
    )
    return {row["drug"]: row for row in frame.iter_rows(named=True)}


def products(parameters: Parameters) -> tuple[Product, ...]:
    """Every product of the world, numbered in the order of the parameters."""
    sold = [(mix.drug, mix.form, mg) for mix in parameters.drug_products for mg in mix.strengths_mg]
    return tuple(Product(FIRST_LOCAL_CONCEPT + i, *row) for i, row in enumerate(sold))


def sold_products(parameters: Parameters, menu: Sequence[Regimen]) -> list[Product]:
    """The products of drugs that are taken."""
    taken = {regimen.product.drug for regimen in menu}
    return [product for product in products(parameters) if product.drug in taken]


def regimens(parameters: Parameters, drugs: Mapping[str, Mapping[str, Any]]) -> tuple[Regimen, ...]:
    """All regimens with their probabilities: class, then drug within class, then daily dose.

    Args:
        parameters: shares of classes, drugs and doses.
        drugs: rows of `classified_drugs`.

    Raises:
        UsageError: a drug of the world is no study drug, or has no concept id or no equivalent dose.
    """
    usable = {mix.drug: _usable(mix.drug, drugs) for mix in parameters.drug_products}
    by_class = {name: [m for m in parameters.drug_products if usable[m.drug]["tspo_class"] == name] for name in CLASSES}
    classes = shares({name: parameters.class_shares.get(name, 0.0) for name in CLASSES if by_class[name]})
    doses = shares(parameters.daily_doses_dme)
    found = []
    for name, class_share in classes.items():
        for mix, drug_share in _shares_of(by_class[name]):
            of_drug = [p for p in products(parameters) if p.drug == mix.drug]
            for aim, dose_share in doses.items():
                share = class_share * drug_share * dose_share
                found.append(_regimen(of_drug, usable[mix.drug], aim, share))
    return tuple(found)


def _usable(drug: str, drugs: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    row = drugs.get(drug)
    if row is None or row["concept_id"] is None or row["mg_per_dme"] is None:
        raise UsageError(f"'{drug}' needs a concept id and an equivalent dose in config/drugs.csv to be simulated")
    return row


def shares(weights: Mapping[Key, float]) -> dict[Key, float]:
    """Weights divided by their sum.

    Raises:
        UsageError: all weights are zero.
    """
    total = sum(weights.values())
    if total <= 0:
        raise UsageError(f"The shares of {', '.join(map(str, weights))} must not all be zero")
    return {key: weight / total for key, weight in weights.items()}


def _shares_of(mixes: Iterable[DrugProducts]) -> list[tuple[DrugProducts, float]]:
    rows = list(mixes)
    of_class = shares({mix.drug: mix.users_percent for mix in rows})
    return [(mix, of_class[mix.drug]) for mix in rows]


def _regimen(sold: Iterable[Product], drug: Mapping[str, Any], aim_dme: float, probability: float) -> Regimen:
    aim_mg = aim_dme * drug["mg_per_dme"]
    choices = [(product, units) for product in sold for units in _units(product)]
    product, units = min(choices, key=lambda choice: _distance(choice[0], choice[1], aim_mg))
    return Regimen(
        product=product,
        ingredient_concept_id=drug["concept_id"],
        class_index=CLASSES.index(drug["tspo_class"]),
        half_life=drug["half_life_class"],
        units_per_day=units,
        dme_per_day=units * product.strength_mg / drug["mg_per_dme"],
        probability=probability,
    )


def _units(product: Product) -> tuple[float, ...]:
    return WHOLE_UNITS + HALF_UNITS if product.form == "tablet" else WHOLE_UNITS


def _distance(product: Product, units: float, aim_mg: float) -> float:
    missed = abs(math.log(units * product.strength_mg / aim_mg))
    return missed + HALF_PENALTY * (units % 1 > 0) + UNIT_PENALTY * units
