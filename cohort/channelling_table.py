"""Whether the first signs of the outcome are treated rather with one TSPO class: the released table and the check.

In: starts by time before diagnosis. Out: the table `channelling`, and a row of `diagnostics`. Prescribing that prefers
a drug for those with another prognosis is channelled (Petri and Urquhart 1991, doi 10.1002/sim.4780100409).
"""

import math
from collections.abc import Collection
from dataclasses import dataclass

import polars as pl
from scipy.stats import chi2, norm

from cohort.additive import Key, Sum, lines, to_hide
from cohort.analyses import PRIMARY
from cohort.channelling import NOT_DIAGNOSED, WITHIN_LAG, Counted, homogeneity
from cohort.disclosure import SUPPRESSED, TOO_FEW
from cohort.inputs import EXPOSURES
from cohort.protocol import Protocol
from cohort.results import OVERALL, Diagnostic

NAME = "channelling"
CHANNELLING_SCHEMA: dict[str, type[pl.DataType]] = {
    "time_before_diagnosis": pl.String,
    "above_days": pl.Int64,
    "at_most_days": pl.Int64,
    "exposure": pl.String,
    "starts": pl.Int64,
    "share": pl.Float64,
    "share_lower": pl.Float64,
    "share_upper": pl.Float64,
    "expected": pl.Float64,
    "expected_share": pl.Float64,
    "rate_ratio": pl.Float64,
    "status": pl.String,
}
"""Columns of `channelling`; shares are of the starts of all classes in the same time before diagnosis."""

_ALL = (*EXPOSURES, OVERALL)
_DIFFERENCE = "The value is the largest difference of a class's share of new starts from the share expected."


@dataclass(frozen=True)
class _Hidden:
    """What may not be told: starts of cells, and times in which few persons are under observation."""

    cells: Collection[Key]
    times: Collection[str]

    def tells_starts(self, time: str, exposure: str) -> bool:
        return (time, exposure) not in self.cells

    def tells_expected(self, time: str, exposure: str) -> bool:
        """What is expected would tell the starts of those who are not diagnosed."""
        wanted = EXPOSURES if exposure == OVERALL else (exposure,)
        return time not in {*self.times, NOT_DIAGNOSED} and all(self.tells_starts(NOT_DIAGNOSED, e) for e in wanted)


def release_channelling(made: Counted, protocol: Protocol) -> pl.DataFrame:
    """New starts by time before diagnosis and class, beside what is expected, with what may not be told hidden.

    Returns:
        A table with `CHANNELLING_SCHEMA`: all times within the lag together, each time, and those not diagnosed.
    """
    hidden, level = _hidden(made, protocol.disclosure.min_cell_count), protocol.model.confidence_level
    rows = [_row(made, hidden, level, time, e) for time in (*made.times, NOT_DIAGNOSED) for e in _ALL]
    return pl.DataFrame(rows, schema=CHANNELLING_SCHEMA, orient="row")


def _row(made: Counted, hidden: _Hidden, level: float, time: str, exposure: str) -> tuple[object, ...]:
    cell, total = made.cells[time, exposure], made.cells[time, OVERALL]
    has_starts, has_expected = hidden.tells_starts(time, exposure), hidden.tells_expected(time, exposure)
    has_share = has_starts and hidden.tells_starts(time, OVERALL)
    has_expected_share = has_expected and hidden.tells_expected(time, OVERALL)
    is_whole = has_share and (has_expected_share or time == NOT_DIAGNOSED)
    is_part = exposure != OVERALL
    return (
        time,
        *made.times.get(time, (None, None)),
        exposure,
        cell.starts if has_starts else None,
        *(_share(cell.starts, total.starts, level) if has_share and is_part and total.starts else 3 * (None,)),
        cell.expected if has_expected else None,
        cell.expected / total.expected if has_expected_share and is_part and total.expected else None,
        cell.starts / cell.expected if has_starts and has_expected and cell.expected else None,
        "ok" if is_whole else SUPPRESSED,
    )


def _share(count: int, total: int, level: float) -> tuple[float, float, float]:
    """A share with Wilson's interval (Brown, Cai and DasGupta 2001, doi 10.1214/ss/1009213286)."""
    share, z2 = count / total, float(norm.ppf((1 + level) / 2)) ** 2
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = math.sqrt(z2 * (share * (1 - share) / total + z2 / (4 * total**2))) / (1 + z2 / total)
    return share, max(middle - half, 0.0), min(middle + half, 1.0)


def _hidden(made: Counted, threshold: int) -> _Hidden:
    """Counts are judged by the persons who made them; classes add up to a time, and times within the lag to theirs."""
    persons = {key: cell.starters for key, cell in made.cells.items()}
    lag = [Sum((WITHIN_LAG, e), tuple((time, e) for time in made.within_lag)) for e in _ALL] if made.within_lag else []
    few = {time for time, count in made.persons.items() if 0 < count < threshold}
    shut, times = {key for key in persons if key[0] in few}, [*made.times, NOT_DIAGNOSED]
    useful = sorted(persons.keys() - shut, key=lambda key: (key[1] != OVERALL, times.index(key[0]), key))
    return _Hidden(shut | to_hide(persons, [*lines(persons, OVERALL), *lag], threshold, useful, shut), few)


def channelling_check(made: Counted, protocol: Protocol) -> Diagnostic:
    """Whether new starts rise within the lag before diagnosis by the same ratio in every class."""
    cells = {e: made.cells[WITHIN_LAG, e] for e in _ALL} if made.within_lag else {}
    total = cells.pop(OVERALL, None)
    rise = total.starts / total.expected if total and total.expected else 0.0
    tested = [c for c in cells.values() if 0 < rise * c.expected >= protocol.gates.channelling_starts]
    if not total or len(tested) < 2:
        return Diagnostic(NAME, PRIMARY, "info", "Too few new starts lie within the lag to compare the TSPO classes.")
    statistic, df = homogeneity(tested)
    p_value = float(chi2.sf(statistic, df))
    verdict, meaning = _judged(p_value < protocol.gates.channelling_p, protocol.outcome.words)
    hidden = _hidden(made, protocol.disclosure.min_cell_count)
    if not all(hidden.tells_starts(WITHIN_LAG, e) and hidden.tells_expected(WITHIN_LAG, e) for e in _ALL):
        return Diagnostic(NAME, PRIMARY, verdict, meaning + TOO_FEW)
    differences = {e: c.starts / total.starts - c.expected / total.expected for e, c in cells.items()}
    largest = max(differences, key=lambda e: abs(differences[e]))
    return Diagnostic(NAME, PRIMARY, verdict, meaning, largest, statistic, df, p_value, differences[largest])


def _judged(is_channelled: bool, diagnosis: str) -> tuple[str, str]:
    """The verdict, and what it means."""
    before = f"Within the lag before a diagnosis of {diagnosis} new starts"
    if is_channelled:
        return "warn", (
            f"{before} prefer a TSPO class by more than chance: a lag that is too short would take prescribing for the "
            f"first signs for an effect of that class. {_DIFFERENCE}"
        )
    return "pass", f"{before} rise alike in all TSPO classes, as far as can be told from chance. {_DIFFERENCE}"
