"""The analyses of a run: each is the protocol with a few fields changed, under a name, with the models to fit.

In: the protocol. Out: the primary analysis, the same at every lag of the family, those that the protocol asks for by
name, the cells of its grids, and the bounds that say what the fills without a computed dose could change.
"""

from dataclasses import dataclass

from cohort.protocol import Protocol
from cohort.protocol_sections import HEADLINE, MODEL_NAMES, ModelName

PRIMARY = "primary"
LAG = "lag-"
"""How the names of the analyses at other lags begin."""
MULTIPLE_IMPUTATION = "missing-dose-imputed"
"""The published name of the pooled draws; each draw is an analysis `missing-dose-imputed-1`, ... of its own."""

_BOUNDS = {"zero": "missing-dose-zero", "median_fill": "missing-dose-median-fill", "one_ddd": "missing-dose-one-ddd"}


@dataclass(frozen=True)
class Analysis:
    """A protocol with a name, and the models that it fits.

    `is_bound` marks those that put something in place of doses that could not be computed: where every dose was
    computed they equal the primary analysis, and are not run.
    """

    name: str
    protocol: Protocol
    models: tuple[ModelName, ...] = MODEL_NAMES
    is_bound: bool = False


def analyses(protocol: Protocol) -> list[Analysis]:
    """The primary analysis, the family of lags, the analyses asked for by name or by grid, and the bounds."""
    exposure, primary = protocol.exposure, protocol.alone()
    lags = [
        Analysis(lag_name(lag), protocol.alone(lag_days=lag), HEADLINE)
        for lag in dict.fromkeys(exposure.lag_family_days)
        if lag != exposure.lag_days
    ]
    named = [Analysis(spec.name, protocol.alone(**spec.changes), spec.models) for spec in protocol.analysis]
    cells = [Analysis(cell.name, protocol.alone(**cell.changes), cell.models) for cell in protocol.cells]
    others = [cell for cell in cells if cell.protocol != primary]
    return [Analysis(PRIMARY, primary, protocol.model.models), *lags, *named, *others, *_bounds(protocol)]


def _bounds(protocol: Protocol) -> list[Analysis]:
    wanted = protocol.ledger.missing_dose_bounds
    fixed = [
        Analysis(_BOUNDS[bound], protocol.alone(missing_dose=bound), ("linear",), is_bound=True)
        for bound in dict.fromkeys(wanted)
        if bound in _BOUNDS
    ]
    draws = range(1, protocol.ledger.imputations + 1) if "draw" in wanted else ()
    drawn = [
        Analysis(
            f"{MULTIPLE_IMPUTATION}-{draw}", protocol.alone(missing_dose="draw", draw=draw), ("linear",), is_bound=True
        )
        for draw in draws
    ]
    return [*fixed, *drawn]


def lag_name(days: int) -> str:
    """`lag-3y` for whole years, `lag-90d` otherwise."""
    return f"{LAG}{days // 365}y" if days % 365 == 0 else f"{LAG}{days}d"
