"""The study protocol: its sections as one frozen value, read from a TOML file, with `key=value` changes.

A key that does not exist is an error that names the nearest one that does. The defaults are the primary protocol;
`config/study.toml` writes them out. What follows from the diagnosis (`cohort.diagnoses`) is filled in where it is not
set, and goes with a change of it. An `[[analysis]]` is the protocol with a few fields changed, under a name; a
`[[grid]]` is many of them (`cohort.grid`). A preset (`cohort.preset`) is a protocol file that follows a published
design, and is found by its name too.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from cohort.concept_sets import ConceptSetItem, concept_set_names, load_concept_set
from cohort.covariates import covariate_fault
from cohort.diagnoses import PRIMARY_DIAGNOSIS, load_diagnoses
from cohort.errors import UsageError, brief, listed, nearest
from cohort.grid import MOST_CELLS, Cell, Grid, file_name
from cohort.paths import config_folder, preset_names
from cohort.preset import Preset, Published, require_what_is_open
from cohort.protocol_faults import faults
from cohort.protocol_release import Disclosure, Gates
from cohort.protocol_sections import (
    HEADLINE,
    MODEL_NAMES,
    Affinity,
    AnalysisSpec,
    Exposure,
    Ledger,
    Model,
    Outcome,
    Population,
    Section,
    Strata,
    Study,
    Supply,
)
from cohort.reference import Name
from cohort.toml_file import read_toml, toml_values

_SETS = "concept_sets."
_FOLDERS = ("inputs", "models", "spill")
"""Folders of a run beside which those of its analyses lie: no analysis has such a name."""


class Protocol(Section):
    """The whole protocol of a run."""

    study: Study = Field(default_factory=Study, description="Name and seed.")
    population: Population = Field(default_factory=Population, description="Who enters, and when.")
    outcome: Outcome = Field(default_factory=Outcome, description="What is studied, and what counts as it.")
    ledger: Ledger = Field(default_factory=Ledger, description="How a fill becomes a dose per day.")
    supply: Supply = Field(default_factory=Supply, description="When the tablets of a fill are taken.")
    exposure: Exposure = Field(default_factory=Exposure, description="How doses over time become the exposure.")
    affinity: Affinity = Field(default_factory=Affinity, description="How measurements become a class.")
    strata: Strata = Field(default_factory=Strata, description="Age bands and baseline strata.")
    model: Model = Field(default_factory=Model, description="The survival model.")
    gates: Gates = Field(default_factory=Gates, description="When a result is marked.")
    disclosure: Disclosure = Field(default_factory=Disclosure, description="What may leave the building.")
    analysis: tuple[AnalysisSpec, ...] = Field(
        (AnalysisSpec.model_validate({"name": "ddd", "metric": "ddd", "models": HEADLINE}),),
        description="More analyses (`[[analysis]]`): each is the protocol with the fields beside its name changed.",
    )
    grid: tuple[Grid, ...] = Field(
        (),
        description="Grids of analyses (`[[grid]]`): fields with lists of values, crossed; the name of a cell says "
        f"what it changes. {MOST_CELLS} cells at most are run, and one that changes nothing is not run again.",
    )
    concept_sets: Mapping[Name, tuple[ConceptSetItem, ...]] = Field(
        {},
        description="Concept sets of your own: a name, and the JSON file that ATLAS exported, beside the protocol. The "
        "name stands for that file wherever the protocol names a concept set, also in place of a shipped one. Of a "
        "cohort definition, one of its concept sets: `cohort.json#Dementia`.",
    )
    preset: Preset | None = Field(None, description="The published design that the protocol follows.")
    published: tuple[Published, ...] = Field(
        (), description="Published ratios, shown beside those of the run (`[[published]]`)."
    )

    @model_validator(mode="before")
    @classmethod
    def _what_is_not_set_follows_from_the_diagnosis(cls, data: Any) -> Any:
        """[outcome] fills in its own fields; these stand in other sections."""
        if not isinstance(data, Mapping):
            return data
        outcome = data.get("outcome", {})
        named = outcome.get("diagnosis", PRIMARY_DIAGNOSIS) if isinstance(outcome, Mapping) else None
        own = load_diagnoses().get(outcome.diagnosis if isinstance(outcome, Outcome) else str(named))
        filled = dict(data)
        for (section, name), value in own.protocol_fields().items() if own else ():
            given = filled.get(section, {})
            if section != "outcome" and isinstance(given, Mapping):
                filled[section] = {name: value, **given}
        return filled

    @model_validator(mode="after")
    def _adjusts_for_nothing_that_keeps_out(self) -> Self:
        """What may never be adjusted for, whatever the outcome, has a reason of its own: see `cohort.covariates`."""
        outcome = self.outcome
        out = {outcome.concept_set, *outcome.competing_sets, *self.population.prevalent_sets}
        if same := [name for name in self.model.covariates if name in out and not covariate_fault(name)]:
            raise ValueError(
                f"model.covariates has {', '.join(same)}, but whoever has it on or before entry is kept out of a study "
                f"of {outcome.words}: take it out of covariates"
            )
        return self

    @model_validator(mode="after")
    def _preset_speaks_of_fields(self) -> Self:
        known = [f"{section}.{name}" for section, name, _ in leaf_fields()]
        for field in (*self.preset.why, *self.preset.must_set) if self.preset else ():
            if field not in known:
                raise ValueError(f"[preset]: the protocol has no field '{field}'{nearest(field, known)}")
        return self

    @model_validator(mode="after")
    def _bands_cover_the_entrants(self) -> Self:
        youngest, band = self.population.minimum_age_years, self.strata.age_bands[0]
        if youngest < band:
            raise ValueError(
                f"age_bands start at {band}, but minimum_age_years is {youngest}: "
                f"time before {band} would belong to no band"
            )
        return self

    @model_validator(mode="after")
    def _analyses_have_names_of_their_own(self) -> Self:
        names = [spec.name for spec in self.analysis]
        files = [file_name(name) for name in names]
        for name, file in zip(names, files, strict=True):
            reserved = file in ("primary", *_FOLDERS) or file.startswith(("lag-", "missing-dose-"))
            if files.count(file) > 1 or reserved:
                raise ValueError(f"the name of analysis '{name}' is taken; give each [[analysis]] a name of its own")
        many = sum(grid.size for grid in self.grid)
        if many > MOST_CELLS:
            raise ValueError(
                f"[[grid]] has {many:,} cells, and {MOST_CELLS} at most are run: leave out values or fields"
            )
        taken = set(files)
        for cell in self.cells:
            if file_name(cell.name) in taken:
                raise ValueError(
                    f"[[grid]]: the name of cell '{brief(cell.name)}' is taken; give each value once, in one grid, and "
                    "rename an [[analysis]] of that name"
                )
            taken.add(file_name(cell.name))
        return self

    @property
    def cells(self) -> list[Cell]:
        """The cells of all grids."""
        return [cell for grid in self.grid for cell in grid.cells()]

    def __hash__(self) -> int:
        return hash(self.content_hash())  # tables of the site and further analyses are dicts, which have no hash

    def content_hash(self) -> str:
        """SHA-256 of the protocol's canonical JSON: equal protocols have equal hashes."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def changed(self, **fields: object) -> "Protocol":
        """A copy with leaf fields changed by name, e.g. `changed(lag_days=0)`; validated anew."""
        return _validated(_with_changes(self.model_dump(), fields), "a changed protocol")

    def alone(self, **fields: object) -> "Protocol":
        """The same without further analyses: what one analysis runs, whatever else is asked for beside it."""
        data = _with_changes(self.model_dump(), fields) | {"analysis": (), "grid": ()}
        data["exposure"]["lag_family_days"] = ()
        data["ledger"]["missing_dose_bounds"] = ()
        data["model"]["models"] = MODEL_NAMES  # which of them are fitted changes none of them
        return _validated(data, "an analysis")


def load_protocol(path: Path | None = None, changes: Sequence[str] = ()) -> Protocol:
    """Read a protocol and apply `key=value` changes.

    Args:
        path: a TOML file, the record of a run (`run.json`), whose protocol is meant, or the name of a preset; None for
            the primary protocol, `config/study.toml`.
        changes: such as `exposure.lag_days=0` or, where the last word is unambiguous, `lag_days=0`; values are TOML.

    Raises:
        UsageError: the file cannot be read, a key is unknown, a value is out of its bounds, or a preset leaves a field
            open that nothing sets.
    """
    path = _located(path) if path else config_folder() / "study.toml"
    data = _of_a_run(path) if path.suffix == ".json" else _of_a_file(path)
    protocol = _validated(data, str(path))
    parsed = dict(_parse_change(change) for change in changes)
    if parsed:
        protocol = _validated(_with_changes(protocol.model_dump(), parsed), "--set")
    if protocol.preset:
        given = {f"{section}.{name}" for section in SECTIONS for name in data.get(section, {})}
        set_now = {".".join(_place(key)) for key in parsed if not key.startswith(_SETS)}
        require_what_is_open(protocol.preset, given | set_now, path.stem)
    _require_that_all_are_named(protocol, path)
    asked = [(f"[[analysis]] {spec.name}", spec.changes) for spec in protocol.analysis]
    for name, fields in asked + [(f"[[grid]] {cell.name}", dict(cell.changes)) for cell in protocol.cells]:
        try:
            protocol.alone(**fields)
        except UsageError as error:
            raise UsageError(f"{path}, {brief(name)}: {error}") from None
    return protocol


def _of_a_file(path: Path) -> dict[str, Any]:
    """The protocol in a TOML file, with what is in the files of its concept sets."""
    data = read_toml(path, "protocol")
    sets = data.get("concept_sets", {})
    if not isinstance(sets, Mapping):
        said = f"such as dementia = 'our_dementia.json'; got '{brief(str(sets))}'"
        raise UsageError(f"{path}: [concept_sets] is a table of names and files, {said}")
    return data | {"concept_sets": {name: _own_set(name, file, path.parent) for name, file in sets.items()}}


def _of_a_run(path: Path) -> dict[str, Any]:
    """The protocol in the record of a run."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"There is no protocol at {path}.") from None
    except (OSError, ValueError, RecursionError):
        raise UsageError(f"{path} cannot be read as the record of a run (run.json).") from None
    if not isinstance(record, dict) or not isinstance(record.get("protocol"), dict):
        raise UsageError(f"{path} is no record of a run: it has no protocol. Name its run.json, or a TOML file.")
    return dict(record["protocol"])


def _require_that_all_are_named(protocol: Protocol, path: Path) -> None:
    """A concept set that nothing names is most likely misspelt."""
    if not protocol.concept_sets:
        return
    named = {*concept_set_names(), *_words(protocol.model_dump(exclude={"concept_sets"}))}
    named |= {f"{name}_explicit" for name in named}
    for name in protocol.concept_sets:
        if name not in named:
            raise UsageError(
                f"{path}, [concept_sets]: nothing in the protocol names '{brief(name)}'{nearest(name, named)}; name it "
                "where it is to be used, or leave it out"
            )


def _words(value: object) -> Iterator[str]:
    """Every text in nested values."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ():
        yield from _words(inner)


def _own_set(name: str, file: object, beside: Path) -> object:
    """The items of a concept set that the protocol brings."""
    if not isinstance(file, str) or ".json" not in file:
        got = f"got '{brief(str(file))}'"
        raise UsageError(f"[concept_sets], {brief(name)}: a JSON file is wanted, such as '{brief(name)}.json'; {got}")
    return load_concept_set(beside / file).model_dump()["items"]


def leaf_fields() -> Iterator[tuple[str, str, Any]]:
    """Every field as (section, name, pydantic field), in the order in which a protocol is read."""
    for section, model in SECTIONS.items():
        for name, leaf in model.model_fields.items():
            yield section, name, leaf


SECTIONS: Mapping[str, type[BaseModel]] = {
    name: field.annotation
    for name, field in Protocol.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
}
"""The sections of the protocol's fields, in the order in which it is read."""
_OTHER_TABLES: Mapping[str, type[BaseModel]] = {"preset": Preset, "published": Published}


def _located(path: Path) -> Path:
    """The file itself, or that of the preset of this name."""
    try:
        is_there = path.exists()
    except (OSError, ValueError):  # a name that no file can have
        is_there = False
    if is_there or path.suffix or len(path.parts) > 1:
        return path
    if path.name not in preset_names():
        presets = nearest(path.name, preset_names())
        raise UsageError(f"There is no protocol at {brief(str(path))}, and no preset of that name{presets}")
    return config_folder() / "presets" / f"{path.name}.toml"


def _parse_change(change: str) -> tuple[str, object]:
    key, equals, text = change.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"--set takes key=value; got '{brief(change)}'. Example: --set exposure.lag_days=0")
    if text.strip().lower() in {"none", "null", ""}:
        return key.strip(), None
    try:
        values = toml_values(f"value = {text}", "--set")
    except UsageError:
        return key.strip(), text.strip()
    if list(values) != ["value"]:
        raise UsageError(f"--set takes one value for one key; '{brief(key.strip())}' came with more: give each its own")
    return key.strip(), values["value"]


def _with_changes(data: dict[str, Any], changes: Mapping[str, object]) -> dict[str, Any]:
    own = {key: value for key, value in changes.items() if key.startswith(_SETS)}
    for key, file in own.items():
        name = key.removeprefix(_SETS)
        data["concept_sets"] = {**data["concept_sets"], name: _own_set(name, file, Path())}
    placed = {_place(key): value for key, value in changes.items() if key not in own}
    if ("outcome", "diagnosis") in placed:
        placed = _following(data, str(placed["outcome", "diagnosis"])) | placed
    for (section, name), value in placed.items():
        data[section][name] = value
    return data


def _place(key: str) -> tuple[str, str]:
    """The section and the name of a leaf field."""
    known = [(section, name) for section, name, _ in leaf_fields()]
    matches = [(s, n) for s, n in known if key in (n, f"{s}.{n}")]
    if len(matches) != 1:
        names = [f"{s}.{n}" for s, n in known] if "." in key else [n for _, n in known]
        raise UsageError(f"The protocol has no field '{brief(key)}'{nearest(key, names)}")
    return matches[0]


def _following(data: Mapping[str, Any], diagnosis: str) -> dict[tuple[str, str], Any]:
    """The fields that hold what the former diagnosis gave them, as the new one has them; others were set, and stay."""
    former, new = (load_diagnoses().get(name) for name in (data["outcome"]["diagnosis"], diagnosis))
    if former is None or new is None:
        return {}
    own = new.protocol_fields()
    return {place: own[place] for place, value in former.protocol_fields().items() if data[place[0]][place[1]] == value}


def _validated(data: Mapping[str, Any], where: str) -> Protocol:
    try:
        return Protocol.model_validate(data)
    except ValidationError as error:
        found = faults(error, {**dict.fromkeys(Protocol.model_fields), **SECTIONS, **_OTHER_TABLES})
        raise UsageError(f"The protocol in {where} has {len(found):,} problem(s):\n{listed(found)}") from None
