"""A run in a few lines, for the terminal and for Prefect: read from the released files only."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from cohort.analyses import PRIMARY
from cohort.diagnoses import PRIMARY_DIAGNOSIS, words_of
from cohort.disclosure import SUPPRESSED
from cohort.dose_tables import release_coverage
from cohort.report.coverage import coverage_groups
from cohort.report.effects import why_not
from cohort.report.truth import read_truth
from cohort.results import CONTRAST, COX, ESTIMATE_SHARES, IS_PER_UNIT

NAMES = {
    "tspo_binder": "TSPO binder",
    "tspo_non_binder": "non-binder",
    "tspo_unknown": "affinity unknown",
    CONTRAST: "binder / non-binder",
}
"""Exposures as people call them."""
_REASONS = 3
"""So many reasons are told, the most frequent first."""
IS_HEADLINE = (pl.col("analysis") == PRIMARY) & (pl.col("model") == COX) & IS_PER_UNIT
"""The estimates of the headline: of the primary analysis, per unit of dose."""


def headline_rows(release: Path, truth: Mapping[str, Any] | None = None) -> list[dict[str, str]]:
    """The primary linear hazard ratios, overall and by age, as text.

    Args:
        release: a run's release folder.
        truth: the truth of a synthetic CDM; adds the planted hazard ratio to each row.
    """
    linear = pl.read_parquet(release / "estimates.parquet", glob=False).filter(IS_HEADLINE)
    return [_headline(row, truth) for row in linear.iter_rows(named=True)]


def said_of_hidden(release: Path) -> list[str]:
    """How many hazard ratios are hidden, and how many could not be estimated, and why; none where all are told."""
    record = json.loads((release / "run.json").read_text(encoding="utf-8"))
    least = record["protocol"]["disclosure"]["min_cell_count"]
    estimates = pl.read_parquet(release / "estimates.parquet", columns=["term", "reference", "status"], glob=False)
    status = estimates.filter(pl.col("term") != pl.col("reference")).get_column("status")
    suppressed = int((status == SUPPRESSED).sum())
    reasons = Counter(why_not(text) for text in status if text not in ("ok", SUPPRESSED))
    told = []
    if suppressed:
        told.append(
            f"{suppressed:,} of {len(status):,} hazard ratios are suppressed: behind them, or behind what they would "
            f"tell, stand counts from 1 to {least - 1}."
        )
    if reasons:
        why = [f"{reason} ({count:,})" for reason, count in reasons.most_common(_REASONS)]
        more = f", and for {len(reasons) - _REASONS} more reasons" if len(reasons) > _REASONS else ""
        told.append(f"{reasons.total():,} could not be estimated: {'; '.join(why)}{more}.")
    return told


def headline_unit(release: Path) -> str:
    """What the headline's hazard ratios are per, such as `per 365 dme`."""
    estimates = pl.read_parquet(release / "estimates.parquet", columns=["analysis", "term", "metric"], glob=False)
    primary = estimates.filter((pl.col("analysis") == PRIMARY) & IS_PER_UNIT)
    return " ".join(primary.select("term", "metric").row(0)) if primary.height else ""


def headline_outcome(release: Path) -> str:
    """What the headline's hazard ratios are of, in words."""
    estimates = pl.read_parquet(release / "estimates.parquet", columns=["analysis", "model", "outcome"], glob=False)
    primary = estimates.filter((pl.col("analysis") == PRIMARY) & (pl.col("model") == COX))
    return words_of(primary["outcome"][0]) if primary.height else words_of(PRIMARY_DIAGNOSIS)


def _headline(row: Mapping[str, Any], truth: Mapping[str, Any] | None) -> dict[str, str]:
    cells = {
        "exposure": NAMES[row["exposure"]],
        "age": row["age_stratum"],
        "events": _count(row["events"]),
        "events exposed": _count(row["events_exposed"]),
        "hazard ratio (95% CI)": _ratio(row),
    }
    if truth is not None:
        cells["planted"] = _planted(row, truth)
    return {**cells, "dose known (time / dose)": _known(row)}


def _planted(row: Mapping[str, Any], truth: Mapping[str, Any]) -> str:
    """The planted hazard ratio of an estimate; a range where it differs between ages, a dash where none is known."""
    told = read_truth(truth, row["metric"], float(row["term"].removeprefix("per ")), row["outcome"])
    values = [f"{value:.2f}" for value in (told.hazard_ratios(row["exposure"], row["age_stratum"]) if told else [])]
    return " to ".join(dict.fromkeys([values[0], values[-1]])) if values else "-"


def artifact_rows(table: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows for a Prefect table artifact: NaN would empty the whole table, so it becomes None."""
    floats = [name for name, kind in table.schema.items() if kind.is_float()]
    return table.with_columns(pl.col(floats).fill_nan(None)).to_dicts()


def summary_markdown(release: Path) -> str:
    """The headline table as Markdown."""
    rows = headline_rows(release)
    header = list(rows[0]) if rows else []
    lines = [header, ["---"] * len(header), *([row[name] for name in header] for row in rows)]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return "\n\n".join([f"# Hazard ratios of {headline_outcome(release)}", table, *said_of_hidden(release)])


def _ratio(row: Mapping[str, Any]) -> str:
    if row["status"] != "ok":
        return str(row["status"])
    return f"{row['hazard_ratio']:.2f} ({row['ci_lower']:.2f}-{row['ci_upper']:.2f})"


def _known(row: Mapping[str, Any]) -> str:
    """Of the exposed time the share with a known dose, and of the dose the share that was computed."""
    time, dose = (_percent(row[name]) for name in ESTIMATE_SHARES)
    return f"{time} / {dose}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}" if share in (0, 1) else f"{share:.1%}"


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def coverage_rows(coverage: pl.DataFrame, threshold: int) -> list[dict[str, str]]:
    """How the doses of fills are found, by drug, route, rule and unit, as text that may be shown to anybody.

    Args:
        coverage: the table dose_coverage with true counts.
        threshold: counts from 1 to threshold - 1 are hidden, and what they follow from.
    """
    released = release_coverage(coverage, threshold)
    texts = [{name: "" if value is None else str(value) for name, value in row.items()} for row in released.to_dicts()]
    return [
        {
            "class": by_class.name,
            "drug": group.drug,
            "how": group.how,
            "fills": group.fills,
            "persons": group.persons,
            "computed": group.computed,
            "rest": group.rest,
        }
        for by_class in coverage_groups(texts)
        for group in by_class.groups
    ]
