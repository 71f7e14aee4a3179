"""The released files of a run, read as they are.

In: the folder `release/`. Out: a frozen `Release`. Tables that a run did not make are empty, and the page
says so; without estimates and the record of the run there is nothing to report.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

from cohort.analyses import LAG, PRIMARY
from cohort.diagnoses import DIED, PRIMARY_DIAGNOSIS, words_of
from cohort.errors import UsageError
from cohort.report.numbers import to_number
from cohort.results import CONTRAST, ESTIMATE_NUMBERS, ESTIMATE_SHARES, HEADLINE_MODELS, OVERALL, Diagnostic, Estimate

Row = Mapping[str, str]

TABLES = (
    "attrition", "person_time", "curves", "diagnostics", "dose_coverage", "supply", "drugs", "age", "dose_response",
    "risks", "class_checks", "use_patterns", "hypotheses", "histories", "weights", "channelling",
    "balance",
)  # fmt: skip
_NUMBERS_OF_A_DIAGNOSTIC = ("statistic", "df", "p_value", "value")


@dataclass(frozen=True)
class Release:
    """What a run released. Rows of CSV files are text by column name, empty where a cell is empty."""

    estimates: Sequence[Estimate]
    diagnostics: Sequence[Diagnostic]
    attrition: Sequence[Row]
    person_time: Sequence[Row]
    curves: Sequence[Row]
    dose_coverage: Sequence[Row]
    supply: Sequence[Row]
    drugs: Sequence[Row]
    age: Sequence[Row]
    dose_response: Sequence[Row]
    risks: Sequence[Row]
    class_checks: Sequence[Row]
    use_patterns: Sequence[Row]
    hypotheses: Sequence[Row]
    histories: Sequence[Row]
    weights: Sequence[Row]
    channelling: Sequence[Row]
    balance: Sequence[Row]
    run: Mapping[str, Any]

    @cached_property
    def _by_analysis(self) -> Mapping[str, Sequence[Estimate]]:
        """Runs have hundreds of analyses, and a page asks for the rows of one thousands of times."""
        found: dict[str, list[Estimate]] = {}
        for estimate in self.estimates:
            found.setdefault(estimate.analysis, []).append(estimate)
        return found

    def linear(
        self, exposure: str, age_stratum: str = OVERALL, analysis: str = PRIMARY, outcome: str | None = None
    ) -> Estimate | None:
        """The estimate per unit of dose, of the analysis's own outcome; None where the release has no such row."""
        wanted = outcome or self.outcome_of(analysis)
        rows = self.rows(analysis=analysis, exposure=exposure, age_stratum=age_stratum, outcome=wanted)
        return next((row for row in rows if row.term.startswith("per ")), None)

    def rows(self, **wanted: object) -> list[Estimate]:
        """Estimates whose fields equal the values given; of the main tables' models unless one is named."""
        own = self._by_analysis.get(str(wanted["analysis"]), ()) if "analysis" in wanted else self.estimates
        found = [e for e in own if all(getattr(e, name) == value for name, value in wanted.items())]
        return [e for e in found if "model" in wanted or e.model in HEADLINE_MODELS]

    def lag_family(self, exposure: str) -> list[Estimate]:
        """The linear estimates of an exposure at every lag, all ages together, the shortest lag first."""
        rows = self.rows(exposure=exposure, age_stratum=OVERALL, outcome=self.outcome_of(PRIMARY))
        family = [e for e in rows if e.analysis == PRIMARY or e.analysis.startswith(LAG)]
        by_lag = {e.lag_days: e for e in family if e.term.startswith("per ")}
        return [by_lag[lag] for lag in sorted(by_lag)]

    def diagnostic(self, name: str) -> Diagnostic | None:
        """The first row of a diagnostic that is of the primary analysis or of the whole run."""
        own = (d for d in self.diagnostics if d.diagnostic == name and d.analysis in {PRIMARY, ""})
        return next(own, None)

    def outcome_of(self, analysis: str) -> str:
        """The outcome of an analysis as `estimates` calls it: the diagnosis, beside which death stands."""
        found = (e.outcome for e in self._by_analysis.get(analysis, ()) if e.outcome != DIED)
        return next(found, PRIMARY_DIAGNOSIS)

    @property
    def outcome(self) -> str:
        """What the primary outcome is called in a sentence."""
        return words_of(self.outcome_of(PRIMARY))

    @property
    def analyses(self) -> list[str]:
        """Names of the analyses in the order of the file, the primary one first."""
        return list(dict.fromkeys([PRIMARY, *self._by_analysis]))

    @property
    def contrast(self) -> Estimate | None:
        """The one primary test: binder against non-binder, all ages together."""
        return self.linear(CONTRAST)

    @property
    def age_strata(self) -> list[str]:
        """Age strata of the primary analysis, all ages first, the others in the order of the file."""
        found = dict.fromkeys(e.age_stratum for e in self.rows(analysis=PRIMARY))
        return [OVERALL, *(stratum for stratum in found if stratum != OVERALL)]


def told(row: Row, name: str) -> float | None:
    """The number of a cell; None where it is empty, or where the row's status is not `ok`: that must not be shown."""
    return to_number(row.get(name, "")) if row.get("status", "ok") == "ok" else None


def read_release(folder: Path) -> Release:
    """Read a release folder.

    Raises:
        UsageError: the folder lacks `estimates.parquet` or `run.json`, or a file cannot be read.
    """
    tables = {name: _csv(folder / f"{name}.csv") for name in TABLES}
    return Release(
        estimates=_estimates(folder / "estimates.parquet"),
        diagnostics=[_diagnostic(row) for row in tables["diagnostics"]],
        attrition=tables["attrition"],
        person_time=tables["person_time"],
        curves=tables["curves"],
        dose_coverage=tables["dose_coverage"],
        supply=tables["supply"],
        drugs=tables["drugs"],
        age=tables["age"],
        dose_response=tables["dose_response"],
        risks=tables["risks"],
        class_checks=tables["class_checks"],
        use_patterns=tables["use_patterns"],
        hypotheses=tables["hypotheses"],
        histories=tables["histories"],
        weights=tables["weights"],
        channelling=tables["channelling"],
        balance=tables["balance"],
        run=_run(folder / "run.json"),
    )


def _estimates(path: Path) -> list[Estimate]:
    names = [field.name for field in fields(Estimate)]
    try:
        rows = pl.read_parquet(path, columns=names, glob=False).to_dicts()
    except FileNotFoundError:
        raise _nothing_to_report(path) from None
    except (PolarsError, OSError) as error:
        raise UsageError(f"{path} cannot be read as a table of estimates: {error}") from None
    return [_closed(Estimate(**{k: _finite(v) for k, v in row.items()})) for row in rows]


def _closed(estimate: Estimate) -> Estimate:
    """The row without results unless its status is `ok`: what must not be shown ends here."""
    if estimate.status == "ok":
        return estimate
    numbers = {*ESTIMATE_NUMBERS, *ESTIMATE_SHARES}
    kept = {"person_years", *ESTIMATE_SHARES} if estimate.status.startswith("not estimable") else set()
    blank: dict[str, Any] = dict.fromkeys(numbers - kept)
    return replace(estimate, **blank)


def _diagnostic(row: Row) -> Diagnostic:
    cells: dict[str, Any] = {field.name: row.get(field.name, "") for field in fields(Diagnostic)}
    cells |= {name: to_number(cells[name]) for name in _NUMBERS_OF_A_DIAGNOSTIC}
    return Diagnostic(**cells)


def _csv(path: Path) -> list[Row]:
    if not path.exists():
        return []
    try:
        table = pl.read_csv(path, infer_schema=False, glob=False)
    except (PolarsError, OSError) as error:
        raise UsageError(f"{path} cannot be read as CSV: {error}") from None
    return [{name: (value or "").strip() for name, value in row.items()} for row in _dicts(table)]


def _dicts(table: pl.DataFrame) -> Iterable[dict[str, str | None]]:
    return table.iter_rows(named=True)


def _run(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _nothing_to_report(path) from None
    except (ValueError, OSError) as error:
        raise UsageError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(content, dict):
        raise UsageError(f"{path} must hold a JSON object")
    return content


def _nothing_to_report(path: Path) -> UsageError:
    return UsageError(f"There is no {path.name} in {path.parent}. Name the folder of a finished run of `tspo run`.")


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
