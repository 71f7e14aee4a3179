"""Gaps in the vocabulary: products without a strength, and products without a link to their ingredient.

In: the products sold. Out: which of them the vocabulary tables leave out where.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cohort.synthetic.parameters import Parameters
from cohort.synthetic.regimens import Product


@dataclass(frozen=True)
class Gaps:
    """Products of which the vocabulary lacks the strength, or the link to the ingredient; none has both."""

    without_strength: tuple[Product, ...] = ()
    without_ingredient: tuple[Product, ...] = ()


def draw_gaps(parameters: Parameters, sold: Sequence[Product], rng: np.random.Generator) -> Gaps:
    """Gaps of the parameters' size; a share above zero takes one product at least, as long as there are any."""
    order = rng.permutation(len(sold))
    strengths = math.ceil(parameters.product_without_strength_share * len(sold))
    ingredients = math.ceil(parameters.product_without_ingredient_share * len(sold))
    chosen = [sold[i] for i in order[: strengths + ingredients]]
    return Gaps(tuple(chosen[:strengths]), tuple(chosen[strengths:]))
