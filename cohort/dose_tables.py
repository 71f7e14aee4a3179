"""The released tables of the dose ledger: how doses were found, and what of the supply was discarded.

In: the tables `dose_coverage` and `supply_loss` with true counts. Out: what may be released of them. The two hang
together: a drug's fills of known days are a row of one, and the sum of rows of the other.
"""

from collections.abc import Collection

import polars as pl

from cohort.disclosure import shown_share, suppress_counts

GROUP = ("drug", "route", "rule", "unit")
"""How a dose can be found: fills of one drug by one route, whose strength was read by one rule in one unit."""

_CUT = ("fills_cut", "persons_cut", "fills_whole", "persons_whole")
_DISCARDED = ("days_discarded_by_cap", "days_discarded_by_switch", "dme_discarded", "share_discarded")


def release_coverage(coverage: pl.DataFrame, threshold: int) -> pl.DataFrame:
    """How the dose of each fill was found, with what may not be told hidden.

    Args:
        coverage: drug, tspo_class, route, rule, unit, status, reason, fills, persons, mg.
        threshold: counts from 1 to threshold - 1 are small.

    Returns:
        The same, and `share`: fills of all fills of their drug, route, rule and unit. A group with a hidden row has no
        shares, from which it would follow.
    """
    total = pl.col("fills").sum().over(GROUP)
    shares = coverage.with_columns((pl.col("fills") / total).alias("share")).sort(*GROUP, "status", "reason")
    shown = suppress_counts(shares, ("fills", "persons"), threshold, ("mg",))
    is_whole = pl.col("fills").is_not_null().all().over(GROUP)
    return shown.with_columns(_shown("share")).with_columns(pl.when(is_whole).then(pl.col("share")).alias("share"))


def drugs_with_hidden_fills(released: pl.DataFrame) -> set[str]:
    """Drugs whose number of fills would tell a hidden row of the released coverage; rows out of scope do not count."""
    hidden = released.filter(pl.col("fills").is_null() & ~pl.col("status").is_in(["duplicate", "out of scope"]))
    return set(hidden.get_column("drug"))


def release_supply(loss: pl.DataFrame, untold: Collection[str], threshold: int) -> pl.DataFrame:
    """What the carry-over cap and switches discarded of each drug's supply, with what may not be told hidden.

    Args:
        loss: drug, fills, persons, days, days_taken, days_discarded_by_cap, days_discarded_by_switch, fills_cut,
            persons_cut, dme_discarded.
        untold: drugs whose number of fills must not be told.
        threshold: counts from 1 to threshold - 1 are small.

    Returns:
        The same, and `share_discarded`, of the days. A drug of few fills or persons loses all its numbers; one of which
        few are cut, or few are not, loses what tells of cutting.
    """
    discarded = pl.col("days_discarded_by_cap") + pl.col("days_discarded_by_switch")
    counted = loss.sort("drug").with_columns(
        (pl.col("fills") - pl.col("fills_cut")).alias("fills_whole"),
        (pl.col("persons") - pl.col("persons_cut")).alias("persons_whole"),
        (discarded / pl.col("days")).alias("share_discarded"),
    )
    few = suppress_counts(counted, ("fills", "persons"), threshold, ("days",)).get_column("fills").is_null()
    shown = suppress_counts(counted, _CUT, threshold, ("days_taken", *_DISCARDED))
    named = pl.Series([drug in untold for drug in shown.get_column("drug")], dtype=pl.Boolean)
    numbers = [name for name in shown.columns if name != "drug"]
    return (
        shown.with_columns(pl.when(few).then(None).otherwise(pl.col(name)).alias(name) for name in numbers)
        .with_columns(pl.when(named).then(None).otherwise(pl.col(name)).alias(name) for name in ("fills", "persons"))
        .with_columns(_shown("share_discarded"))
        .drop("fills_whole", "persons_whole")
    )


def _shown(share: str) -> pl.Expr:
    return pl.col(share).map_elements(shown_share, return_dtype=pl.Float64)
