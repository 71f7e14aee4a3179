"""The covariance of weighted cumulative exposures by drawing again.

In: `WceFit`. Out: a covariance of its coefficients, for the bands and intervals of the fit. The covariance of the
likelihood takes the model for true, and its knots for known; this one only the knots, and `redrawn` neither.
"""

from typing import Literal

import numpy as np
import polars as pl

from cohort.survival.arrays import Floats, Ints
from cohort.survival.conditional import matched_sets
from cohort.survival.cox import fit_cox
from cohort.survival.wce import CASE, MANY, PERSON, SET, WceFit

_TIMES = "_times"
_OWNER = {"set": SET, "person": PERSON}


def bootstrap_covariance(found: WceFit, unit: Literal["set", "person"], replicates: int = 200, seed: int = 0) -> Floats:
    """Draw sets or persons with replacement, fit each time, and take the covariance of the estimates.

    Args:
        found: a fit.
        unit: what is drawn: `set`, a case with its controls, for sampled sets; `person`, with all of their time, for
            whole risk sets.
        replicates: how often.
        seed: of the draws; they do not depend on the order of the rows.

    Returns:
        (p, p), as `found.fit.covariance`.

    Raises:
        ValueError: there is no such unit, there are fewer than two replicates, persons are to be drawn where a row
            stands for several, or in some replicates a column has no estimate; the message says in how many.
    """
    if replicates < 2:
        raise ValueError(f"a covariance needs two or more replicates, not {replicates}")
    if unit not in _OWNER:
        raise ValueError(f"there is no drawing by '{unit}': set, person")
    together = found.design.filter(pl.col(MANY) > 1).height
    if unit == "person" and together:
        raise ValueError(f"{together} row(s) stand for several members: to draw persons, give each a row")
    owner = found.design.get_column(_OWNER[unit]).rank("dense").to_numpy() - 1
    many = int(owner.max()) + 1
    generator = np.random.default_rng(seed)
    drawn: list[Floats] = []
    for _ in range(replicates):
        times = np.bincount(generator.integers(0, many, many), minlength=many)[owner]
        drawn.extend(_params(found, times, unit))
    short = replicates - len(drawn)
    if short:
        raise ValueError(
            f"in {short} of {replicates} replicates a coefficient has no estimate: take fewer knots or covariates"
        )
    apart = np.array(drawn) - np.mean(drawn, axis=0)
    covariance: Floats = apart.T @ apart / (replicates - 1)
    return covariance


def _params(found: WceFit, times: Ints, unit: str) -> list[Floats]:
    """The estimates where each row counts so often; none unless there are all."""
    design = found.design.with_columns(pl.Series(_TIMES, times)).filter(pl.col(_TIMES) > 0)
    counted = {"weights": _TIMES, "frequencies": MANY} if unit == "set" else {"frequencies": _TIMES}
    fit = fit_cox(matched_sets(design, found.fit.sets.columns, SET, CASE, **counted), found.fit.ties)
    return [fit.params] if fit.columns == found.fit.columns else []
