"""What a run would do again, and why: each table and model as it lies in the run's folder beside what it must be now.

In: a run that is prepared dry. Out: a row per table and model of each analysis: fresh, shared with another analysis,
absent, or stale with the reason. Nothing is built and nothing is written.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.parquet as pq

from cohort.analyses import PRIMARY
from cohort.content import Changes, Content, stored_content, stored_key
from cohort.engine import TableRef, load_steps
from cohort.study import (
    CDM_NAMES,
    DOSE_REMEDY,
    Prepared,
    model_content,
    model_path,
    result_content,
    table_contents,
    tables_of,
)

FRESH, SHARED, ABSENT, STALE = "fresh", "shared", "absent", "stale"


@dataclass(frozen=True)
class Row:
    """What becomes of one table or model.

    Attributes:
        analysis, kind, name: which one; the kind is `table` or `model`.
        state: `fresh` (kept), `shared` (that of another analysis), `absent` (to be made), `stale` (to be made again).
        why: in words; empty for what is fresh.
    """

    analysis: str
    kind: str
    name: str
    state: str
    why: str = ""


def explain(prepared: Prepared) -> list[Row]:
    """Every table and model of the run, analysis after analysis, each table after what it reads."""
    rows: list[Row] = []
    places: dict[str, str] = {}
    """Content key -> the analysis whose table has it."""
    for analysis in _planned(prepared):
        contents = table_contents(prepared, analysis)
        rows += _tables(prepared, analysis, contents, places)
        rows += _models(prepared, analysis, {name: content.key for name, content in contents.items()})
    return rows


def _planned(prepared: Prepared) -> tuple[str, ...]:
    """The analyses of the run; bounds for missing doses only where it is not known yet that none is missing."""
    path = prepared.settings.folder.tables(PRIMARY) / f"{DOSE_REMEDY}.parquet"
    key = table_contents(prepared, PRIMARY)[DOSE_REMEDY].key
    if stored_key(path) != key:
        return prepared.planned
    rows = pq.read_metadata(path).num_rows
    return prepared.without_idle_bounds({DOSE_REMEDY: TableRef(DOSE_REMEDY, str(path), key, rows)}).planned


def _tables(prepared: Prepared, analysis: str, contents: dict[str, Content], places: dict[str, str]) -> Iterator[Row]:
    folder = prepared.settings.folder.tables(analysis)
    for name, content in contents.items():
        row = Row(analysis, "table", name, FRESH)
        if content.key in places:
            yield replace(row, state=SHARED, why=f"the same as that of {places[content.key]}")
            continue
        places[content.key] = analysis
        path = folder / f"{name}.parquet"
        yield row if stored_key(path) == content.key else _stale(row, path, stored_content(path), content)


def _models(prepared: Prepared, analysis: str, keys: dict[str, str]) -> Iterator[Row]:
    for model in prepared.analysis(analysis).models:
        path, reads = model_path(prepared, analysis, model), {name: keys[name] for name in tables_of(model)}
        before, now = model_content(path), result_content(prepared, analysis, model, reads)
        row = Row(analysis, "model", model, FRESH)
        yield row if before is not None and before.key == now.key else _stale(row, path, before, now)


def _stale(row: Row, path: Path, before: Content | None, now: Content) -> Row:
    if not path.exists():
        return replace(row, state=ABSENT, why="not made yet")
    if before is None:
        return replace(row, state=STALE, why="the file does not say what it was made of, or cannot be read")
    return replace(row, state=STALE, why="; ".join(_reasons(row.kind, now.changes(before))))


def _reasons(kind: str, changes: Changes) -> Iterator[str]:
    if changes.is_sql:
        yield "its SQL has changed" if kind == "table" else "this program has changed"
    for name, (old, new) in changes.parameters.items():
        yield f"{name} is {new}, was {old}" if kind == "table" else "the protocol has changed"
    built = [name for name in changes.reads if name in load_steps()]
    of_cdm = [name for name in changes.reads if name in CDM_NAMES]
    lists = [name for name in changes.reads if name not in of_cdm and name not in built]
    for words, names in (("changed in the CDM", of_cdm), ("changed in the protocol", lists), ("changed", built)):
        if names:
            yield f"{words}: {', '.join(names)}"
