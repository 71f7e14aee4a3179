"""How dirty a world's records are: the parameters of `dirt`, each a share that is zero by default.

In: nothing. Out: fields of `Parameters`. Only fills of study drugs are dirtied, each in one way at most, and
the truth's ledger says which and how. Shares are of all fills, of refills (fills that continue an episode), of
users (who have fills), of persons, or of products.
"""

from typing import Self

from pydantic import model_validator

from cohort.synthetic.ingredients import CHOSEN, Frozen, Probability, told

ABSURD_DAYS, ABSURD_QUANTITY = 7_000, 1_000.0
DAYS_WITHOUT_SUPPLY = 30
PLANTED_DIRT = "chosen; kinds and sizes as planted by the prototype of this simulation"


class Dirt(Frozen):
    """What is wrong with the records of fills, with observation and with the vocabulary."""

    missing_days_share: Probability = told(
        0.0,
        f"Fills without days_supply; their end is that of {DAYS_WITHOUT_SUPPLY} days, as the CDM's conventions "
        "have it for a prescription.",
        PLANTED_DIRT,
    )
    negative_days_share: Probability = told(0.0, "Fills whose days_supply has a minus sign.", CHOSEN)
    absurd_days_share: Probability = told(0.0, f"Fills of {ABSURD_DAYS:,} days, their end with them.", CHOSEN)
    missing_quantity_share: Probability = told(0.0, "Fills without quantity.", CHOSEN)
    zero_quantity_share: Probability = told(0.0, "Fills of a quantity of 0.", PLANTED_DIRT)
    absurd_quantity_share: Probability = told(0.0, f"Fills of a quantity of {ABSURD_QUANTITY:g}.", PLANTED_DIRT)
    end_before_start_share: Probability = told(0.0, "Fills that end 1 to 10 days before they start.", CHOSEN)
    duplicate_share: Probability = told(0.0, "Fills recorded twice on their day.", PLANTED_DIRT)
    shifted_duplicate_share: Probability = told(0.0, "Fills recorded again 1 to 7 days later.", PLANTED_DIRT)
    overlap_share: Probability = told(
        0.0, "Fills after half of whose days the same is dispensed again, which is not taken.", CHOSEN
    )
    early_refill_share: Probability = told(
        0.0, "Refills fetched 1 to 10 days early, and kept until the former supply has run out.", PLANTED_DIRT
    )
    hospital_gap_share: Probability = told(
        0.0,
        "Refills fetched 3 to 14 days late: an inpatient stay of as many nights began within the former supply, and "
        "the hospital gave the drug.",
        PLANTED_DIRT,
    )
    fill_after_death_share: Probability = told(
        0.0, "Users observed until death whose last fill is recorded again 1 to 30 days after it.", PLANTED_DIRT
    )
    hole_share: Probability = told(
        0.0,
        "Persons whose observation has a hole of 30 to 400 days, with an observation period on either side and no "
        "record within.",
        CHOSEN,
    )
    product_without_strength_share: Probability = told(0.0, "Products without a row of drug_strength.", CHOSEN)
    product_without_ingredient_share: Probability = told(
        0.0, "Products, others than those, whose ingredient is not among their ancestors.", CHOSEN
    )

    @model_validator(mode="after")
    def _each_fill_is_dirtied_once(self) -> Self:
        of_fills = [name for name in type(self).model_fields if name in _OF_FILLS]
        if sum(getattr(self, name) for name in of_fills) > 1:
            raise ValueError(f"the shares {', '.join(of_fills)} must not exceed one together")
        if self.product_without_strength_share + self.product_without_ingredient_share > 1:
            raise ValueError("the shares of products must not exceed one together")
        return self


_NOT_OF_FILLS = {
    "fill_after_death_share",
    "hole_share",
    "product_without_strength_share",
    "product_without_ingredient_share",
}
_OF_FILLS = tuple(name for name in Dirt.model_fields if name not in _NOT_OF_FILLS)
