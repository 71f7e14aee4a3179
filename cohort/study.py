"""A run, step by step: prepare it, build its tables, fit its models. The flow calls these; they know no Prefect.

What passes between steps is small: paths and content keys. Each step can be run again alone and does nothing when
its result is there already with the right key.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache, cached_property, lru_cache
from pathlib import Path
from threading import Lock
from typing import Annotated, Any

import duckdb
import polars as pl
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from cohort.analyses import PRIMARY, Analysis, analyses
from cohort.cdm import CDM_TABLES
from cohort.content import Content, digest, stored_key
from cohort.counts import known_doses
from cohort.curves import incidence_curves
from cohort.engine import (
    Step,
    TableRef,
    build,
    content_of,
    input_table,
    load_steps,
    plain_errors,
    steps_for,
    write_input,
)
from cohort.feasibility import Survey, survey
from cohort.fingerprint import fingerprint, require_same, stamp
from cohort.fitting import PATTERN_COLUMNS, study_counts
from cohort.inputs import study_inputs, study_parameters
from cohort.models import Setting, fit_model, prepared_time
from cohort.needs import needs_of
from cohort.protocol import Protocol, load_protocol
from cohort.results import ModelResult
from cohort.risks import absolute_risks
from cohort.run import RunFolder, return_memory, write_json, write_table
from cohort.source import Resources, local, open_cdm, open_database, refuse_password

DOSE_REMEDY = "dose_remedy"
MODEL_TABLES = ("risk_pattern", "risk_change", "exposure_time", "dose_known")
"""The tables that every model reads."""
TABLES_OF_MODEL = {
    **dict.fromkeys(("drugs", "duration and intensity"), ("person_time", "accrued")),
    "subdistribution": ("person_time",),
    "reversibility": ("person_time", "dose_rate"),
    "adjustment": ("person_time", "covariate"),
}
"""The tables that a model reads beside those, as the fields of `Setting` that have their names; `person_time` is
`exposure_time` with covariates and in order, and in its place where any model asks for it: so do those whose sums of
fractions would differ in the last digit with the order."""
_OF_MODELS_ALONE = "accrued"
"""The table that is there for models and nobody else."""
DESCRIPTIONS = {"curves": incidence_curves, "risks": absolute_risks}
"""What is told of the primary analysis beside its models: from person-time on the scale of age, and the protocol."""
DESCRIBED = "person_time"
"""The table that those read."""
CDM_NAMES = frozenset(table.name for table in CDM_TABLES)
"""The tables of the CDM."""


_PASSWORD = r"://[^/@]*:[^/@]*@|password\s*="
"""What a CDM's address may not hold: an orchestrator keeps and shows parameters, and refuses these by the schema."""


class RunSettings(BaseModel):
    """What a run is asked to do: the flow's parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    cdm: Annotated[str, AfterValidator(refuse_password)] = Field(
        min_length=1,
        description="A .duckdb file, a folder of Parquet or CSV files named by table, postgresql://host/database, or "
        "prefect://secret/NAME for a block that holds such a URL; read only, and without a password.",
        json_schema_extra={"not": {"pattern": _PASSWORD}},
    )
    out: str = Field(min_length=1, description="The run's folder; made if it is not there.")
    protocol: str | None = Field(
        None, description="A protocol file, or the name of a preset; none: the primary protocol."
    )
    changes: tuple[str, ...] = Field((), description="Changes of the protocol, such as exposure.lag_days=0.")
    threads: Annotated[int, Field(ge=1, le=256)] = Field(
        Resources.threads, description="Threads of the database engine."
    )
    memory: str = Field(
        Resources.memory, description="Memory of the database engine; what does not fit spills to disk."
    )
    only_if_new: bool = Field(
        False, description="Do nothing if the CDM, the protocol and the program are those of the run that `out` holds."
    )
    new_folder: bool = Field(False, description="Begin from nothing, in a new folder below `out` named by the day.")

    def load_protocol(self) -> Protocol:
        """The protocol with the changes applied; UsageError when either is wrong."""
        return load_protocol(Path(self.protocol) if self.protocol else None, self.changes)

    @property
    def folder(self) -> RunFolder:
        """The run's folder."""
        return RunFolder(Path(self.out))

    @property
    def cdm_copy(self) -> Path:
        """Where the copy of what the study needs of a CDM on a server lies."""
        return self.folder.private / "cdm"

    @property
    def resources(self) -> Resources:
        """Threads and memory."""
        return Resources(self.threads, self.memory)


class Prepared(BaseModel):
    """What preparing a run finds out; small enough to pass between tasks."""

    model_config = ConfigDict(frozen=True)

    settings: RunSettings
    inputs: dict[str, dict[str, TableRef]]
    """Analysis -> input table -> where it lies."""
    cdm_keys: dict[str, str]
    """CDM table -> content key."""
    cdm_stamp: str
    """Of the CDM's files, as they were when their content was looked at."""
    survey: Survey
    planned: tuple[str, ...]
    """The analyses to run, by name."""

    def without_bounds(self) -> "Prepared":
        """The same without the bounds for missing doses, which equal the primary analysis where none is missing."""
        kept = tuple(name for name in self.planned if not self.analysis(name).is_bound)
        return self.model_copy(update={"planned": kept})

    def without_idle_bounds(self, primary: Mapping[str, TableRef]) -> "Prepared":
        """The same without the bounds, if by the primary analysis's tables no dose is missing."""
        return self if primary[DOSE_REMEDY].rows else self.without_bounds()

    @cached_property
    def analyses(self) -> dict[str, Analysis]:
        """All analyses of the protocol by name: read once, for every task asks."""
        return {analysis.name: analysis for analysis in analyses(self.settings.load_protocol())}

    def analysis(self, name: str) -> Analysis:
        """One of the run's analyses by name."""
        return self.analyses[name]


def prepare_run(settings: RunSettings, is_dry: bool = False) -> Prepared:
    """Check that the CDM can be studied, make the run's folder, and write the tables that the SQL is given.

    Args:
        settings: of the run.
        is_dry: write nothing, not even the folder.

    Raises:
        UsageError: the protocol, the CDM's path or the folder is wrong.
        CannotStudy: the CDM lacks what the study needs.
    """
    protocol = settings.load_protocol()
    frames = {a.name: study_inputs(a.protocol) for a in analyses(protocol)}
    copy = None if is_dry else settings.cdm_copy
    opened = open_cdm(settings.cdm, settings.resources, copy=copy, needs=needs_of(frames.values()))
    with plain_errors("The CDM cannot be read"), opened as cdm:
        before = stamp(settings.cdm)
        found = survey(cdm, protocol)
        cdm_keys = fingerprint(cdm.connection)
        cdm.require()
    folder = settings.folder if is_dry else settings.folder.create()
    put = input_table if is_dry else write_input
    inputs = {
        name: {table: put(frame, table, folder.tables(name) / "inputs") for table, frame in own.items()}
        for name, own in frames.items()
    }
    facts = {"cdm_keys": cdm_keys, "cdm_stamp": before, "survey": found}
    return Prepared(settings=settings, inputs=inputs, planned=tuple(inputs), **facts)


def steps_of(analysis: Analysis) -> list[Step]:
    """The tables of an analysis, each after what it reads: what models need, and of the primary one all others too."""
    needed = tables_of(*analysis.models)
    if analysis.name == PRIMARY:
        return [step for step in load_steps().values() if step.name in needed or step.name != _OF_MODELS_ALONE]
    return steps_for(needed)


def tables_of(*models: str) -> tuple[str, ...]:
    """The tables that models read."""
    own = dict.fromkeys(table for model in models for table in TABLES_OF_MODEL.get(model, ()))
    return (*MODEL_TABLES, *own)


def table_contents(prepared: Prepared, analysis: str) -> dict[str, Content]:
    """The content of each table of an analysis: the same SQL, parameters and inputs all the way up have the same key.

    A table of one analysis is that of another where their keys are equal.
    """
    parameters = study_parameters(prepared.analysis(analysis).protocol)
    keys = prepared.cdm_keys | {name: table.key for name, table in prepared.inputs[analysis].items()}
    steps = steps_of(prepared.analysis(analysis))
    contents: dict[str, Content] = {}
    for step in steps:
        contents[step.name] = content_of(step, parameters, keys)
        keys[step.name] = contents[step.name].key
    return contents


def table_keys(prepared: Prepared, analysis: str) -> dict[str, str]:
    """The content key of each table of an analysis."""
    return {name: content.key for name, content in table_contents(prepared, analysis).items()}


def build_table(prepared: Prepared, analysis: str, step_name: str, tables: Mapping[str, TableRef]) -> TableRef:
    """Build one table of one analysis, or find it already made.

    Args:
        tables: the tables of this analysis that the step reads.
    """
    step, settings = load_steps()[step_name], prepared.settings
    available = {**prepared.inputs[analysis], **tables}
    upstream = {name: available[name].key if name in available else prepared.cdm_keys[name] for name in step.reads}
    parameters = study_parameters(prepared.analysis(analysis).protocol)
    content = content_of(step, parameters, upstream)
    path = settings.folder.tables(analysis) / f"{step_name}.parquet"
    inputs = [available[name] for name in step.reads if name not in CDM_NAMES]
    return build(lambda: _database(prepared, step), step, parameters, inputs, content, path)


@contextmanager
def _database(prepared: Prepared, step: Step) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection for one step; to open a CDM takes a tenth of a second, and most steps read other tables only."""
    settings = prepared.settings
    spill = settings.folder.private / "spill"
    if CDM_NAMES.isdisjoint(step.reads):
        with open_database(settings.resources, spill) as connection:
            yield connection
    else:
        with open_cdm(local(settings.cdm, settings.cdm_copy), settings.resources, spill) as cdm:
            yield cdm.connection
        require_same(settings.cdm, prepared.cdm_stamp)


def build_tables(
    prepared: Prepared, analysis: str, others: Mapping[str, TableRef] | None = None
) -> dict[str, TableRef]:
    """Build every table of one analysis, one after the other.

    Args:
        others: tables of another analysis; those with the same content are not built again.
    """
    keys, there = table_keys(prepared, analysis), {table.key: table for table in (others or {}).values()}
    built: dict[str, TableRef] = {}
    for step in steps_of(prepared.analysis(analysis)):
        upstream = {name: built[name] for name in step.reads if name in built}
        known = there.get(keys[step.name])
        built[step.name] = known or build_table(prepared, analysis, step.name, upstream)
    return built


def fit_one(prepared: Prepared, analysis: str, model: str, tables: Mapping[str, TableRef]) -> str:
    """Fit one model of one analysis; its result is a small private file, whose path is returned.

    A result that was made from the same tables, by the same protocol and code, is kept.

    Args:
        tables: at least those of `tables_of` all the models of the analysis.
    """
    chosen, path = prepared.analysis(analysis), model_path(prepared, analysis, model)
    content = result_content(prepared, analysis, model, {name: tables[name].key for name in tables_of(model)})
    if _stored(path).get("key") == content.key:
        return str(path)
    result = fit_model(model, setting_of(chosen, tables))
    return_memory()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"key": content.key, "content": asdict(content), **asdict(result)})
    return str(path)


def build_and_fit(
    prepared: Prepared, only: Collection[str] | None = None
) -> tuple[dict[str, dict[str, TableRef]], list[str]]:
    """Every table and model of every planned analysis, one after the other; bounds that would change nothing are left.

    Args:
        only: models to fit; None for all.

    Returns:
        Analysis -> its tables, and the paths of the models' results.
    """
    tables = {PRIMARY: build_tables(prepared, PRIMARY)}
    planned = prepared.without_idle_bounds(tables[PRIMARY]).planned
    for analysis in planned[1:]:
        tables[analysis] = build_tables(prepared, analysis, tables[PRIMARY])
    models = [
        fit_one(prepared, analysis, model, tables[analysis])
        for analysis in planned
        for model in prepared.analysis(analysis).models
        if only is None or model in only
    ]
    return tables, models


def model_path(prepared: Prepared, analysis: str, model: str) -> Path:
    """Where the result of a model lies."""
    return prepared.settings.folder.model(analysis, model)


def model_content(path: Path) -> Content | None:
    """What the stored result of a model is made of, or None where there is none."""
    try:
        return Content(**_stored(path)["content"])
    except (KeyError, TypeError):
        return None


def result_content(prepared: Prepared, analysis: str, name: str, reads: Mapping[str, str]) -> Content:
    """What a model or description is made of: tables, the protocol, and this program."""
    protocol = prepared.analysis(analysis).protocol.content_hash()
    return Content(f"{analysis}: {name}", code_hash(), {"protocol": protocol}, dict(reads))


def describe_one(prepared: Prepared, name: str, tables: Mapping[str, TableRef]) -> str:
    """Make one of `DESCRIPTIONS` of the primary analysis, or keep it; a private file, whose path is returned.

    Args:
        tables: at least `DESCRIBED`, of the primary analysis.
    """
    chosen = prepared.analysis(PRIMARY)
    path = prepared.settings.folder.private / "models" / f"{PRIMARY}-{name}.parquet"
    key = result_content(prepared, PRIMARY, name, {DESCRIBED: tables[DESCRIBED].key}).key
    if stored_key(path) == key:
        return str(path)
    of_age = chosen.protocol.changed(time_scale="age")
    person_time = prepared_time(pl.scan_parquet(tables[DESCRIBED].path, glob=False), of_age)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_table(path, DESCRIPTIONS[name](person_time, chosen.protocol), key)
    return_memory()
    return str(path)


def setting_of(analysis: Analysis, tables: Mapping[str, TableRef]) -> Setting:
    """What the models of an analysis need, read from the tables of `tables_of` its models.

    The last one is kept, for reading takes longer than some models do; `forget_settings` frees it.
    """
    with _READING:  # who needs the same waits for it
        setting = _setting(analysis, tuple(tables[name] for name in tables_of(*analysis.models)))
        setting.frame  # noqa: B018  (read once, by whoever comes first)
        return setting


def forget_settings() -> None:
    """Free what `setting_of` has kept."""
    _setting.cache_clear()


_READING = Lock()


@lru_cache(maxsize=1)
def _setting(analysis: Analysis, tables: tuple[TableRef, ...]) -> Setting:
    protocol = analysis.protocol
    patterns, changes, exposure_time, dose_known = (table.path for table in tables[: len(MODEL_TABLES)])
    own: Any = {table.name: pl.scan_parquet(table.path, glob=False) for table in tables[len(MODEL_TABLES) :]}
    person_time = own.pop("person_time", pl.scan_parquet(exposure_time, glob=False))
    return Setting(
        study_counts(
            pl.read_parquet(patterns, columns=list(PATTERN_COLUMNS), glob=False),
            pl.read_parquet(changes, glob=False),
            protocol,
        ),
        prepared_time(person_time, protocol),
        analysis,
        known_doses(pl.read_parquet(dose_known, glob=False)),
        **own,
    )


def read_models(paths: Sequence[str]) -> ModelResult:
    """The results of several models as one."""
    total = ModelResult()
    for path in paths:
        total.extend(ModelResult.from_rows(_stored(Path(path))))
    return total


@cache
def code_hash() -> str:
    """A hash of the package's own source: results of other code are not reused."""
    package = Path(__file__).parent
    sources = sorted(
        [*package.glob("*.py"), *(file for part in ("models", "survival") for file in (package / part).glob("*.py"))]
    )
    return digest(path.read_text(encoding="utf-8") for path in sources)


def _stored(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
