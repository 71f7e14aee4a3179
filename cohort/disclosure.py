"""The one gate through which results leave: small counts are suppressed, together with what would reveal them.

In: tables of `cohort.results` with true counts. Out: the same tables with nulls. A count from 1 to one less than the
threshold is small; zero is shown. `cohort.study_sums` knows which counts add up to which, and `cohort.additive` what
follows from them; a count that two tables hold is hidden in both, by the same rule from the same counts.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from cohort.additive import Key, Sum, is_small, lines, to_hide
from cohort.estimates_to_hide import estimates_to_hide
from cohort.results import ESTIMATE_COUNTS, ESTIMATE_NUMBERS, ESTIMATE_SHARES, OVERALL, UNCOUNTED_MODELS
from cohort.study_sums import cells_to_hide, shared_totals

SUPPRESSED = "suppressed"
TOO_FEW = " The figure stands on too few to be told."
"""What is said in the place of a figure that is left out."""
_COUNTED = (*ESTIMATE_COUNTS, "person_years", "mdrr")
"""Counts of an estimate, and what follows from them (mdrr is a function of events and the share exposed)."""


def hidden_cells(counts: Mapping[Key, int], threshold: int, total: str = OVERALL) -> set[Key]:
    """Which cells of an additive table must be hidden.

    Args:
        counts: cell -> count. A key has one label per dimension; `total` marks a margin, which equals the sum of its
            parts. A cell that is absent is not published.
        threshold: counts from 1 to threshold - 1 are small.

    Returns:
        Keys to hide, so that no small count, and no small sum of hidden counts, can be had by subtraction.
    """
    margins_then_large = sorted(counts, key=lambda key: (-key.count(total), -counts[key], key))
    return to_hide(counts, list(lines(counts, total)), threshold, margins_then_large)


def suppress_cells(table: pl.DataFrame, dimensions: Sequence[str], count: str, threshold: int) -> pl.Series:
    """True for the rows of an additive table whose count must be hidden; dimensions hold `overall` for totals."""
    keys = [tuple(row) for row in table.select(dimensions).iter_rows()]
    hidden = hidden_cells(dict(zip(keys, table.get_column(count).to_list(), strict=True)), threshold)
    return pl.Series([key in hidden for key in keys], dtype=pl.Boolean)


def suppress_time_at_risk(table: pl.DataFrame, threshold: int) -> pl.DataFrame:
    """Suppress the person-time table.

    Args:
        table: exposure, age_stratum, category (both with `overall`), persons, events, deaths, person_years.

    Returns:
        The same with nulls, and `status` (`ok` or `suppressed`). A cell of few persons loses all its numbers.
    """
    few = table.select(_is_small(pl.col("persons"), threshold)).to_series()
    hidden = {count: _hidden_time(table, count, threshold) for count in ("persons", "events", "deaths")}
    masks = {
        "persons": hidden["persons"],
        "person_years": hidden["persons"],
        "events": hidden["events"] | few,
        "deaths": hidden["deaths"] | few,
    }
    return table.with_columns(
        *(pl.when(mask).then(None).otherwise(pl.col(c)).alias(c) for c, mask in masks.items()),
        pl.when(pl.any_horizontal(*masks.values())).then(pl.lit(SUPPRESSED)).otherwise(pl.lit("ok")).alias("status"),
    )


def suppress_estimates(
    table: pl.DataFrame, threshold: int, populations: Mapping[str, str] | None = None
) -> pl.DataFrame:
    """Suppress estimates whose exposed (or unexposed) persons or events are few, and what would reveal them.

    Args:
        table: columns of `ESTIMATE_SCHEMA` with true counts.
        threshold: counts from 1 to threshold - 1 are small.
        populations: analysis -> name of its study population; analyses that are absent study the same persons.

    Returns:
        The same rows. A suppressed one keeps its words and has no number, and `status` says so: its own counts are
        few, or it is of a dose category whose number of events would reveal another (an estimate's standard error
        nearly tells it). A row of which only the counts would reveal something loses these and its person-years, and
        one whose share of known time would reveal a person-time loses that. Shares are rounded.
    """
    hidden = estimates_to_hide(table.to_dicts(), threshold, populations or {})
    suppressed = _small_rows(table, threshold) | _marked(table, hidden.rows)
    # Persons by age at entry and by attained age are nearly the same, those of a class and of its drugs may be.
    uncounted = suppressed | _marked(table, hidden.counts) | table.get_column("model").is_in(UNCOUNTED_MODELS)
    untold = suppressed | _marked(table, hidden.shares)
    masks = {
        **dict.fromkeys(ESTIMATE_NUMBERS, suppressed),
        **dict.fromkeys(_COUNTED, uncounted),
        "known_dose_share": suppressed,
        "known_time_share": untold,
    }
    return table.with_columns(
        *(pl.col(share).map_elements(shown_share, return_dtype=pl.Float64) for share in ESTIMATE_SHARES),
        pl.when(suppressed & ~pl.col("status").str.starts_with("not estimable"))
        .then(pl.lit(SUPPRESSED))
        .otherwise(pl.col("status"))
        .alias("status"),
    ).with_columns(pl.when(mask).then(None).otherwise(pl.col(c)).alias(c) for c, mask in masks.items())


def shown_share(share: float | None) -> float | None:
    """A share as it may be told: to three decimals, so that it does not tell single days of single persons.

    What is only nearly 0 or 1 is 0.001 or 0.999: a dose that is not quite known is not known.
    """
    if share is None:
        return None
    # A sum of doses taken in another order differs in its last digits.
    if abs(share - round(share)) < 1e-9:
        return float(round(share))
    return min(max(round(share, 3), 0.001), 0.999)


def suppress_counts(table: pl.DataFrame, counts: Sequence[str], threshold: int, with_it: Sequence[str]) -> pl.DataFrame:
    """Suppress a table without margins: a row with a small count loses all its counts and the columns `with_it`.

    The total of a column may be published elsewhere: rows are hidden in such company that it tells nothing small.
    """
    mask = table.select(pl.any_horizontal(_is_small(pl.col(c), threshold) for c in counts)).to_series()
    for count in counts:
        mask = _in_company(mask, table.get_column(count), threshold)
    return table.with_columns(pl.when(mask).then(None).otherwise(pl.col(c)).alias(c) for c in (*counts, *with_it))


def suppress_groups(
    table: pl.DataFrame, by: Sequence[str], counts: Sequence[str], threshold: int, with_it: Sequence[str]
) -> pl.DataFrame:
    """`suppress_counts` within each group of rows; the rows keep their order, and `status` says which were hidden."""
    placed = table.with_row_index("_place")
    parts = [suppress_counts(part, counts, threshold, with_it) for part in placed.partition_by(by)]
    hidden = pl.concat(parts).sort("_place") if parts else placed
    is_gone = placed.get_column(counts[0]).is_not_null() & hidden.get_column(counts[0]).is_null()
    status = pl.when(is_gone & (pl.col("status") == "ok")).then(pl.lit(SUPPRESSED)).otherwise(pl.col("status"))
    return hidden.with_columns(status.alias("status")).drop("_place")


def suppress_attrition(table: pl.DataFrame, threshold: int) -> pl.DataFrame:
    """Suppress small exclusions of an attrition table, and the remainders from which they would follow.

    Args:
        table: rows in order, with number_subjects and excluded_subjects; number_records and excluded_records equal
            them (one entry per person).
    """
    excluded = table.get_column("excluded_subjects").to_list()
    remaining = table.get_column("number_subjects").to_list()
    first, last = ("first",), ("last",)
    steps: list[Key] = [(str(i),) for i in range(len(excluded))]
    counts: dict[Key, int] = {first: remaining[0], last: remaining[-1], **dict(zip(steps, excluded, strict=True))}
    # Other tables count the persons who remain at the end, so that is the last to be hidden.
    order = [last, first, *sorted(steps, key=lambda step: -counts[step])]
    hidden = to_hide(counts, [Sum(first, (*steps, last))], threshold, order)
    gone = [step in hidden for step in steps]
    # A number between two hidden exclusions would tell one side from the other.
    shown = [
        (first not in hidden and not any(gone[: i + 1])) or (last not in hidden and not any(gone[i + 1 :]))
        for i in range(len(steps))
    ]
    columns = {"number": (remaining, shown), "excluded": (excluded, [not is_gone for is_gone in gone])}
    return table.with_columns(
        pl.Series(f"{kind}_{unit}", [n if ok else None for n, ok in zip(values, visible, strict=True)], dtype=pl.Int64)
        for kind, (values, visible) in columns.items()
        for unit in ("records", "subjects")
    )


def releasable_steps(events: Sequence[int | tuple[int, ...]], at_risk: Sequence[int], threshold: int) -> list[bool]:
    """Which points of a curve may be shown: each stands on enough persons, and is enough events from the last shown.

    Args:
        events: cumulative number of events at each point; a tuple where several kinds are shown at the same points.
        at_risk: number at risk at each point.
    """
    shown: list[bool] = []
    last: tuple[int, ...] = ()
    for so_far, at in zip(events, at_risk, strict=True):
        now = so_far if isinstance(so_far, tuple) else (so_far,)
        last = last or (0,) * len(now)
        ok = at >= threshold and not any(is_small(n - m, threshold) for n, m in zip(now, last, strict=True))
        last = now if ok else last
        shown.append(ok)
    return shown


def _hidden_time(table: pl.DataFrame, count: str, threshold: int) -> pl.Series:
    """Rows of the person-time table whose count must be hidden; all exposures show the same totals of the strata."""
    keys = [tuple(row) for row in table.select("exposure", "age_stratum", "category").iter_rows()]
    counts = dict(zip(keys, table.get_column(count).to_list(), strict=True))
    totals: dict[str, int] = {}
    cells: dict[str, dict[Key, int]] = {}
    for (exposure, stratum, category), n in counts.items():
        if category == OVERALL:
            totals[stratum] = max(n, totals.get(stratum, 0))
        else:
            cells.setdefault(exposure, {})[stratum, category] = n
    shared = shared_totals(totals, threshold, count == "persons")
    hidden = {
        e: cells_to_hide(c, totals, shared, threshold, count == "persons") | shared.keys for e, c in cells.items()
    }
    return pl.Series([key[1:] in hidden.get(key[0], shared.keys) for key in keys], dtype=pl.Boolean)


def _marked(table: pl.DataFrame, numbers: set[int]) -> pl.Series:
    return pl.Series([i in numbers for i in range(table.height)], dtype=pl.Boolean)


def _small_rows(table: pl.DataFrame, threshold: int) -> pl.Series:
    quantities = (
        pl.col("persons"),
        pl.col("events"),
        pl.col("persons_exposed"),
        pl.col("events_exposed"),
        pl.col("persons") - pl.col("persons_exposed"),
        pl.col("events") - pl.col("events_exposed"),
    )
    return table.select(pl.any_horizontal(_is_small(q, threshold) for q in quantities).fill_null(False)).to_series()


def _in_company(mask: pl.Series, counts: pl.Series, threshold: int) -> pl.Series:
    """Hide the smallest shown counts as well, until two or more that are not zero are hidden, and are not few."""
    hidden, values = mask.to_list(), counts.to_list()
    for i in sorted(range(len(values)), key=values.__getitem__):
        gone = [n for n, is_hidden in zip(values, hidden, strict=True) if is_hidden and n]
        if not any(is_small(n, threshold) for n in gone) or (len(gone) > 1 and sum(gone) >= threshold):
            break
        hidden[i] = hidden[i] or values[i] > 0
    return pl.Series(hidden, dtype=pl.Boolean)


def _is_small(count: pl.Expr, threshold: int) -> pl.Expr:
    return (count > 0) & (count < threshold)
