"""A comparison as one page that opens offline, in the report's own style."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from cohort.comparison import words
from cohort.comparison.attribution import Share
from cohort.comparison.causes import Cause
from cohort.comparison.disclosure import Revealed
from cohort.comparison.effects import Effects
from cohort.interchange.hidden import cdm_name
from cohort.report.classes import STYLE
from cohort.report.environment import page_environment

_TITLE = "Two runs compared"


def comparison_page(
    names: tuple[str, str],
    records: tuple[Mapping[str, Any], Mapping[str, Any]],
    causes: Sequence[Cause],
    effects: Effects,
    cells: Sequence[Revealed],
    shares: Sequence[Share],
) -> str:
    """The page.

    Args:
        names: of the two runs' folders.
        records: `run.json` of both.
        shares: what belongs to each cause; empty where that was not asked for.
    """
    return page_environment(Path(__file__).parent).get_template("comparison.html.j2").render(
        title=_TITLE,
        style=Markup(STYLE.read_text(encoding="utf-8")),
        runs=[
            {"name": name, "cdm": cdm_name(record),
             "finished": record.get("finished", ""), "protocol": record["protocol_hash"][:12]}
            for name, record in zip(names, records, strict=True)
        ],
        causes=words.cause_rows(causes),
        sizes=words.size_rows(effects),
        ratios=words.ratio_rows(effects),
        said_of_ratios=words.said_of_ratios(effects),
        cells=words.said_of_cells(cells),
        shares=words.share_table(shares),
        why_not=[share for share in shares if share.why_not],
    )  # fmt: skip
