"""The end of a validation: its results summed up, judged, and written where they are read.

In: a design and the folder of its replicates. Out: `validation.csv`, `validation.md`, the figures, and a verdict.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from cohort.errors import TspoError
from cohort.run import versions
from cohort.study import RunSettings
from cohort.validation.figures import write_figures
from cohort.validation.guide import Facts, page
from cohort.validation.performance import performance
from cohort.validation.replicate import source_hash
from cohort.validation.runner import Design, Results, read_results
from cohort.validation.verdict import FAILS, judged

REPLICATES = "replicates"
"""The folder of the replicates, below `--out`."""
NOTES = "NOTES.md"
"""What is said by hand of what does not hold lies in the guide's folder under this name."""


@dataclass(frozen=True)
class Outcome:
    """The judged table, and the replicates that could not be made."""

    table: pl.DataFrame
    failures: dict[tuple[str, int], str]

    @property
    def gate_failed(self) -> bool:
        """Whether a correctly specified analysis misses its truth, or a replicate could not be made."""
        return bool(self.failures) or FAILS in self.table.get_column("verdict").to_list()


def conclude(design: Design, out: Path, command: str, guide: Path | None = None) -> Outcome:
    """Sum up what the design's replicates released, and write it.

    Args:
        out: gets the table, the page and the figures; its replicates are read.
        command: what was typed, for the page.
        guide: a folder that gets the page as `README.md`, and the figures.

    Raises:
        TspoError: there is not one replicate to sum up.
    """
    results = read_results(design, out / REPLICATES)
    table = _judged(design, results)
    facts = _facts(design, results, command, guide)
    table.write_csv(out / "validation.csv")
    _write_page(out / "validation.md", page(table, facts))
    write_figures(table, out)
    if guide is not None:
        write_figures(table, guide)
        _write_page(guide / "README.md", page(table, facts))
    return Outcome(table, results.failures)


def command_of(design: Design, named: tuple[str, ...], guide: Path | None) -> str:
    """The command that makes this design again; what has its default is left out."""
    words = ["tspo", "validate", "--replicates", str(design.replicates)]
    words += [word for name in named for word in ("--scenario", name)]
    words += ["--persons", str(design.scenarios[0][1])] if len({n for _, n in design.scenarios}) == 1 else []
    words += ["--seed", str(design.seed)] if design.seed != 1 else []
    words += ["--protocol", design.protocol] if design.protocol else []
    words += [word for change in design.changes for word in ("--set", change)]
    return shlex.join([*words, *(["--guide", str(guide)] if guide else [])])


def _judged(design: Design, results: Results) -> pl.DataFrame:
    if results.estimates.is_empty():
        reason = next(iter(results.failures.values()), "none was asked for")
        raise TspoError(f"Not one of the replicates could be made. The first says: {reason}")
    settings = RunSettings(cdm=".", out=".", protocol=design.protocol, changes=design.changes)
    level = settings.load_protocol().model.confidence_level
    return judged(performance(results.estimates, [name for name, _ in results.failures], level))


def _facts(design: Design, results: Results, command: str, guide: Path | None) -> Facts:
    notes = guide / NOTES if guide else None
    return Facts(
        command=command,
        persons=dict(design.scenarios),
        replicates=design.replicates,
        source=source_hash(),
        versions=versions(),
        failures=results.failures,
        notes=notes.read_text(encoding="utf-8") if notes and notes.is_file() else "",
    )


def _write_page(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
