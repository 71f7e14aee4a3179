"""What the fills of each study drug have of what a dose needs, with what may not be told hidden.

In: the table fill_check with true counts. Out: one `DrugFills` per drug, the most filled first.
"""

import polars as pl
from pydantic import BaseModel, ConfigDict

from cohort.disclosure import hidden_cells, shown_share
from cohort.feasibility.said import Said

SHARES = ("with_strength", "with_quantity", "with_days", "with_all")
_TOTAL = "overall"
_FINEST = 1000
"""Shares are told in thousandths."""


class DrugFills(BaseModel):
    """A study drug: its fills, and the shares of them with a strength, a quantity, days of supply, and all three."""

    model_config = ConfigDict(frozen=True)

    drug: str
    tspo_class: str
    fills: int | str | None
    with_strength: float | None
    with_quantity: float | None
    with_days: float | None
    with_all: float | None


def drug_fills(table: pl.DataFrame, said: Said) -> tuple[DrugFills, ...]:
    """One entry per drug.

    A small count is a text; null is what would tell one: by subtraction from the total of all drugs, or as the share
    of a drug whose fills are few enough to turn the share back into a small count.
    """
    ordered = table.sort(["fills", "drug"], descending=[True, False])
    fills = {row["drug"]: int(row["fills"]) for row in ordered.to_dicts()}
    untold = _untold(fills, said)
    hidden = {
        share: untold | _untold_share(fills, dict(ordered.select("drug", share).iter_rows()), said) for share in SHARES
    }
    return tuple(
        DrugFills(
            drug=row["drug"],
            tspo_class=row["tspo_class"],
            fills=said.value(row["fills"]) if said.is_small(row["fills"]) or row["drug"] not in untold else None,
            **{
                share: None if row["drug"] in hidden[share] else shown_share(row[share] / row["fills"])
                for share in SHARES
            },
        )
        for row in ordered.to_dicts()
    )


def _untold(counts: dict[str, int], said: Said) -> set[str]:
    """The drugs whose count is small, or would tell a small one: that of all drugs together is told."""
    cells: dict[tuple[str, ...], int] = {(_TOTAL,): sum(counts.values())}
    cells.update({(drug,): count for drug, count in counts.items()})
    return {key[0] for key in hidden_cells(cells, said.threshold, _TOTAL)} - {_TOTAL} if counts else set()


def _untold_share(fills: dict[str, int], have: dict[str, int], said: Said) -> set[str]:
    """The drugs whose share would tell how few have it, or how few lack it; of many fills a share tells neither."""
    lack = {drug: fills[drug] - have[drug] for drug in fills}
    few = _untold(have, said) | _untold(lack, said)
    return {drug for drug in few if fills[drug] < said.threshold * _FINEST}
