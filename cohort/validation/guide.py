"""The validation as a page: how it was made, what holds and what does not, and every figure with its Monte Carlo error.

In: the judged table and what is to be said of the run. Out: Markdown.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from cohort.analyses import PRIMARY
from cohort.report.classes import look_of
from cohort.results import IS_PER_UNIT, OVERALL
from cohort.synthetic.scenarios import SCENARIOS
from cohort.validation.performance import GROUP
from cohort.validation.verdict import (
    ACCEPTED_BIAS,
    ACCEPTED_COVERAGE,
    FAILS,
    HIDDEN,
    HOLDS,
    IMPRECISE,
    OPEN,
)

Row = Mapping[str, Any]
_LOW, _HIGH = (f"{100 * share:g}" for share in ACCEPTED_COVERAGE)
_NARROW = ("scenario", "exposure", "estimates", "truth", "mean", "bias", "coverage, %", "rejected, %", "verdict")
_VERDICTS = (HOLDS, OPEN, FAILS, IMPRECISE, HIDDEN)

HOW_TO_READ = f"""A replicate is a simulated CDM with a planted effect, the study's own tables and models on it, and its
estimates as released, after disclosure control. *Bias* is the mean log hazard ratio less the planted one; the
*empirical SE* is the spread of the estimates, the *model SE* what the models say of themselves; *coverage* is the share
of 95 % intervals that hold the truth; *rejected* is the share that reject a ratio of one: power where there is an
effect, the type I error where there is none. In brackets: Monte Carlo standard errors (Morris, White and Crowther 2019,
doi 10.1002/sim.8086).

An analysis is **correctly specified** where its lag is the delay from onset to diagnosis and its dose the one that
acts; in a world without effect also at any longer lag, at any lag where no drug is started in the prodrome, in every
unit and by category. It **holds** when |bias| < {ACCEPTED_BIAS} per unit of dose and coverage is {_LOW} to {_HIGH} %;
it **fails** when one of them is outside by more than three Monte Carlo errors, which ends `tspo validate` with code 3;
between the two it is **open**. Rows with fewer than nine in ten estimates released, and rows whose Monte Carlo error
exceeds {ACCEPTED_BIAS} (more replicates are needed), are not judged on bias. Other analyses show what a wrong lag does;
they have no verdict."""


@dataclass(frozen=True)
class Facts:
    """What is said of the run besides its table.

    Attributes:
        command: what was typed.
        persons: of each scenario.
        replicates: of each scenario.
        source: the hash of code, SQL, facts and versions.
        versions: of packages.
        failures: (scenario, seed) -> why a replicate could not be made.
        notes: what is to be said by hand of what does not hold, in Markdown.
    """

    command: str
    persons: Mapping[str, int]
    replicates: int
    source: str
    versions: Mapping[str, str]
    failures: Mapping[tuple[str, int], str]
    notes: str = ""


def page(table: pl.DataFrame, facts: Facts) -> str:
    """The page, with links to the figures beside it."""
    parts = [
        "# Is the truth found again?",
        f"Made by this command, beside which it lies; do not edit it by hand:\n\n```\n{facts.command}\n```",
        "\n".join(_worlds(facts)),
        HOW_TO_READ,
        "## What holds",
        _markdown(_verdict_rows(table)),
        *_misses(table),
        *([facts.notes.strip()] if facts.notes.strip() else []),
        "## By lag, at all ages",
        "![Bias against lag, by scenario and class](bias.svg)",
        "![Coverage against lag, by scenario and class](coverage.svg)",
        "Bars: 95 % Monte Carlo intervals. Filled marks: correctly specified analyses. Band: what is accepted.",
        _markdown(shown_rows(_linear(table).filter(pl.col("age_stratum") == OVERALL))),
        "## By attained age, correctly specified analyses in the primary unit",
        _markdown(shown_rows(_by_age(table))),
        *_by_category(table),
        f"Code, SQL and facts: {facts.source[:12]}. " + ", ".join(f"{k} {v}" for k, v in facts.versions.items()) + ".",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def shown_rows(table: pl.DataFrame) -> list[dict[str, str]]:
    """Rows in words and digits."""
    return [_shown(row) for row in table.iter_rows(named=True)]


def headline(table: pl.DataFrame) -> list[dict[str, str]]:
    """The linear rows of the primary analysis at all ages, narrow enough for a terminal."""
    rows = _linear(table).filter((pl.col("analysis") == PRIMARY) & (pl.col("age_stratum") == OVERALL))
    return [{name: row[name] for name in _NARROW} for row in shown_rows(rows)]


def misses(table: pl.DataFrame, *verdicts: str) -> list[str]:
    """A sentence for each row with one of these verdicts: which, and by how much."""
    rows = table.filter(pl.col("verdict").is_in(verdicts)).iter_rows(named=True)
    return [
        f"{row['scenario']}, {row['analysis']}, {row['metric']}, {look_of(row['exposure']).name}, {row['term']}, "
        f"{row['age_stratum']}: bias {_signed(row['bias'], row['bias_mcse'])}, coverage "
        f"{_percent(row['coverage'], row['coverage_mcse'])} ({row['verdict']})"
        for row in rows
    ]


def _worlds(facts: Facts) -> Iterable[str]:
    for scenario, persons in facts.persons.items():
        reasons = [why for (name, _), why in facts.failures.items() if name == scenario]
        shows = " ".join(SCENARIOS[part].shows for part in scenario.split("+"))
        without = f" {len(reasons)} of them could not be made; the first says: {reasons[0]}" if reasons else ""
        yield f"* **{scenario}**: {shows} {facts.replicates:,} replicates of {persons:,} persons.{without}"


def _verdict_rows(table: pl.DataFrame) -> list[dict[str, str]]:
    """How many rows of each scenario have which verdict, at all ages and by age."""
    judged = table.filter(pl.col("verdict") != "").with_columns(
        pl.when(pl.col("age_stratum") == OVERALL).then(pl.lit("all")).otherwise(pl.lit("by band")).alias("ages"),
        pl.when(IS_PER_UNIT).then(pl.lit("per unit")).otherwise(pl.lit("categories")).alias("as"),
    )
    counts = judged.group_by("scenario", "as", "ages", maintain_order=True).agg(
        *((pl.col("verdict") == name).sum().alias(name) for name in _VERDICTS)
    )
    return [{name: str(value) for name, value in row.items()} for row in counts.iter_rows(named=True)]


def _misses(table: pl.DataFrame) -> list[str]:
    failed, undecided, holding = misses(table, FAILS), misses(table, OPEN), misses(table, HOLDS)
    if not (failed or undecided or holding):
        return ["No correctly specified row can be judged: more replicates or more persons are needed."]
    if not (failed or undecided):
        return ["Every correctly specified row that can be judged holds."]
    said = "Outside the accepted ranges by more than chance explains:" if failed else "No row fails."
    parts = [said, "\n".join(f"* {line}" for line in failed)]
    if undecided:
        parts += ["Outside, but within three Monte Carlo errors:", "\n".join(f"* {line}" for line in undecided)]
    return parts


def _linear(table: pl.DataFrame) -> pl.DataFrame:
    return table.filter(IS_PER_UNIT)


def _by_age(table: pl.DataFrame) -> pl.DataFrame:
    primary = (pl.col("analysis") == PRIMARY) & pl.col("is_specified")
    return _linear(table).filter(primary & (pl.col("age_stratum") != OVERALL))


def _by_category(table: pl.DataFrame) -> list[str]:
    rows = table.filter(~IS_PER_UNIT & (pl.col("age_stratum") == OVERALL) & pl.col("true_log_hr").is_not_null())
    return (
        ["## By dose category at all ages, worlds without effect", _markdown(shown_rows(rows))] if rows.height else []
    )


def _shown(row: Row) -> dict[str, str]:
    return {
        "scenario": row["scenario"],
        "analysis": row["analysis"],
        "exposure": look_of(row["exposure"]).name,
        "age": row["age_stratum"],
        **({} if row["term"].startswith("per ") else {"dose": row["term"]}),
        "estimates": f"{row['estimated']} of {row['replicates']}",
        "truth": _ratio(row["true_log_hr"]),
        "mean": _ratio(row["log_hr_mean"]),
        "bias": _signed(row["bias"], row["bias_mcse"]),
        "empirical SE": _number(row["empirical_se"], row["empirical_se_mcse"]),
        "model SE": _number(row["model_se"], row["model_se_mcse"]),
        "SE error, %": _signed(row["model_se_error"], row["model_se_error_mcse"], 100, 0),
        "coverage, %": _percent(row["coverage"], row["coverage_mcse"]),
        "rejected, %": _percent(row["rejected"], row["rejected_mcse"]),
        "verdict": row["verdict"] or "",
    }


def _ratio(log_hr: float | None) -> str:
    return "" if log_hr is None else f"{math.exp(log_hr):.3f}"


def _number(value: float | None, error: float | None) -> str:
    return "" if value is None else f"{value:.3f}" + _bracketed(error, 3)


def _signed(value: float | None, error: float | None, times: float = 1, digits: int = 3) -> str:
    if value is None:
        return ""
    return f"{times * value:+.{digits}f}" + _bracketed(None if error is None else times * error, digits)


def _percent(value: float | None, error: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}" + _bracketed(None if error is None else 100 * error, 1)


def _bracketed(error: float | None, digits: int) -> str:
    return "" if error is None else f" ({error:.{digits}f})"


def _markdown(rows: Sequence[Mapping[str, str]]) -> str:
    if not rows:
        return ""
    names = list(dict.fromkeys(name for row in rows for name in row))
    words = {*GROUP, "age", "dose", "verdict", "as", "ages"}
    lines = [names, ["---" if name in words else "---:" for name in names]]
    lines += [[row.get(name, "") for name in names] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
