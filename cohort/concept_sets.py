"""Concept sets as ATLAS writes them: those of `config/concept_sets`, and those that a protocol brings.

In: a name, or the path of a JSON file; of a cohort definition (CIRCE) the concept sets alone can be used, one by one.
Out: a frozen `ConceptSet`, a table for SQL, and ATLAS's form again.

Source: OHDSI circe-be, ConceptSetExpression and CohortExpression (memory, unverified); exports of ATLAS.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cohort.errors import UsageError, brief, nearest
from cohort.paths import config_folder

_OF_A_COHORT = ("PrimaryCriteria", "QualifiedLimit", "ExpressionLimit", "CensoringCriteria")
"""Parts that a cohort definition has, and a concept set has not."""
_NAMED = 5
"""So many parts of a cohort definition are named; what is not used is all of the rest."""


class ConceptSetItem(BaseModel):
    """One concept of a concept set, with ATLAS's three flags, and what ATLAS shows of it."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", validate_by_name=True, validate_by_alias=True, coerce_numbers_to_str=True
    )

    concept_id: int = Field(alias="CONCEPT_ID", gt=0, lt=2**63)
    concept_name: str = Field("", alias="CONCEPT_NAME")
    concept_code: str | None = Field(None, alias="CONCEPT_CODE")
    concept_class_id: str | None = Field(None, alias="CONCEPT_CLASS_ID")
    domain_id: str | None = Field(None, alias="DOMAIN_ID")
    vocabulary_id: str | None = Field(None, alias="VOCABULARY_ID")
    standard_concept: str | None = Field(None, alias="STANDARD_CONCEPT")
    include_descendants: bool = Field(False, alias="includeDescendants")
    is_excluded: bool = Field(False, alias="isExcluded")
    include_mapped: bool = Field(False, alias="includeMapped")


class ConceptSet(BaseModel):
    """A named set of concepts."""

    model_config = ConfigDict(frozen=True)

    name: str
    items: tuple[ConceptSetItem, ...]

    def as_atlas(self) -> dict[str, Any]:
        """The expression that ATLAS imports."""
        return {"items": [_as_atlas(item) for item in self.items]}


Own = Mapping[str, Sequence[ConceptSetItem]]
"""The concept sets that a protocol brings, by name."""


def _as_atlas(item: ConceptSetItem) -> dict[str, Any]:
    fields = item.model_dump(by_alias=True, exclude_none=True)
    return {
        "concept": {name: value for name, value in fields.items() if name.isupper()},
        **{name: value for name, value in fields.items() if not name.isupper()},
    }


def concept_set_names(folder: Path | None = None) -> tuple[str, ...]:
    """The names of the concept sets in the configuration folder, sorted."""
    return tuple(sorted(path.stem for path in _folder(folder).glob("*.json")))


def concept_set_of(name: str | Path, own: Own) -> ConceptSet:
    """The concept set of a name: the protocol's own, or else one that `load_concept_set` finds.

    Raises:
        UsageError: as `load_concept_set`.
    """
    text = str(name)
    return ConceptSet(name=text, items=tuple(own[text])) if text in own else load_concept_set(name)


def load_concept_set(name_or_path: str | Path, folder: Path | None = None) -> ConceptSet:
    """Read a concept set as ATLAS exports it.

    Args:
        name_or_path: a name of `config/concept_sets`, or the path of a JSON file (`sets/my_set.json`); of a cohort
            definition, a concept set by its name or number (`cohort.json#Dementia`).
        folder: the configuration folder; None for the shipped one.

    Raises:
        UsageError: an unknown name, a file that is no concept set, or one that the study cannot resolve.
    """
    path, wanted = _path_and_part(name_or_path, folder)
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise UsageError(f"There is no concept set at {path}.") from None
    except RecursionError:
        raise UsageError(f"{path} cannot be read as JSON: lists in lists, too many. Export it again.") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as JSON: {brief(str(error), 200)}. Export it again.") from None
    items = tuple(_item(path, number, raw) for number, raw in enumerate(_raw_items(path, content, wanted), start=1))
    _check_items(path, items)
    return ConceptSet(name=path.stem, items=items)


def concept_set_items(names: Iterable[str | Path], own: Own | None = None) -> pl.DataFrame:
    """Concept sets as one table, a row per item: what SQL resolves against the site's vocabulary.

    Args:
        names: as `load_concept_set` takes them.
        own: the sets that a protocol brings; they come before shipped ones of the same name.

    Returns:
        concept_set (str), concept_id (int64), include_descendants (bool), is_excluded (bool).

    Raises:
        UsageError: as `load_concept_set`; or two different files would share a name.
    """
    sets = [concept_set_of(name, own or {}) for name in dict.fromkeys(names)]
    called = [concept_set.name for concept_set in sets]
    if twice := [name for name in called if called.count(name) > 1]:
        raise UsageError(f"Two concept sets are called '{twice[0]}'; rename one of the files.")
    schema = {"concept_set": pl.String, "concept_id": pl.Int64, "include_descendants": pl.Boolean}
    rows = [(s.name, i.concept_id, i.include_descendants, i.is_excluded) for s in sets for i in s.items]
    return pl.DataFrame(rows, schema=schema | {"is_excluded": pl.Boolean}, orient="row")


def _folder(folder: Path | None) -> Path:
    return (folder or config_folder()) / "concept_sets"


def _path_and_part(name_or_path: str | Path, folder: Path | None) -> tuple[Path, str]:
    """The file, and which concept set of it; empty for the one that it is."""
    text, mark, wanted = str(name_or_path).rpartition(".json#")
    path = Path(f"{text}.json") if mark else Path(name_or_path)
    if path.suffix == ".json" or path.name != str(name_or_path):
        return path, wanted if mark else ""
    shipped = _folder(folder) / f"{name_or_path}.json"
    if not shipped.is_file():  # the folder is listed for who misspelt a name, and not 700 times in a run
        near = nearest(str(name_or_path), concept_set_names(folder))
        raise UsageError(f"There is no concept set '{brief(str(name_or_path))}'{near}")
    return shipped, ""


def _raw_items(path: Path, content: object, wanted: str) -> list[object]:
    """The items of an ATLAS export, bare or wrapped with its id and name, or of a cohort definition's concept set."""
    if isinstance(content, dict):
        content = content.get("expression", content)
    if isinstance(content, dict) and any(part in content for part in _OF_A_COHORT):
        content = _of_a_cohort(path, content, wanted)
    elif wanted:
        raise UsageError(f"{path} is no cohort definition, and has no concept set '{brief(wanted)}'; leave out #.")
    if not isinstance(content, dict) or not isinstance(content.get("items"), list):
        raise UsageError(f'{path} is no concept set: it needs {{"items": [...]}}, as ATLAS exports it.')
    return list(content["items"])


def _of_a_cohort(path: Path, cohort: Mapping[str, Any], wanted: str) -> object:
    """The expression of a cohort definition's concept set.

    Raises:
        UsageError: none is named, or there is none of that name: what the study does not read is named by its path.
    """
    found = cohort.get("ConceptSets")
    sets = [one for one in found if isinstance(one, dict) and "name" in one] if isinstance(found, list) else []
    for one in sets:
        if wanted and wanted in (str(one["name"]), str(one.get("id"))):
            return one.get("expression")
    offered = ", ".join(f"{path.name}#{brief(str(one['name']))}" for one in sets) or "none"
    if wanted:
        raise UsageError(f"{path} has no concept set '{brief(wanted)}'. It has: {offered}.")
    unread = list(_unread(cohort))
    more = f" and {len(unread) - _NAMED} more" if len(unread) > _NAMED else ""
    raise UsageError(
        f"{path} is a cohort definition of ATLAS (CIRCE), and not a concept set. Who enters and who has the outcome is "
        f"for the protocol to say, so that these cannot be used: {', '.join(unread[:_NAMED])}{more}. Its concept sets "
        f"can, one by one: {offered}."
    )


def _unread(cohort: Mapping[str, Any]) -> Iterator[str]:
    """The JSON paths of what a cohort definition says beside its concept sets, each criterion by itself."""
    for part, value in cohort.items():
        if part == "ConceptSets" or value in (None, [], {}):
            continue
        lists = {"CriteriaList", "Groups", "DemographicCriteriaList"} & {*value} if isinstance(value, dict) else set()
        if isinstance(value, list):
            yield from (f"$.{brief(part)}[{i}]{_criterion(one)}" for i, one in enumerate(value))
        elif any(value[name] for name in lists):
            yield from (
                f"$.{part}.{name}[{i}]{_criterion(one)}"
                for name in sorted(lists)
                for i, one in enumerate(value[name] or ())
            )
        else:
            yield f"$.{brief(part)}"


def _criterion(one: object) -> str:
    """What kind of criterion it is, such as `.ConditionOccurrence`."""
    kinds = [name for name, value in one.items() if isinstance(value, dict)] if isinstance(one, dict) else []
    return f".{brief(kinds[0])}" if kinds else ""


def _item(path: Path, number: int, raw: object) -> ConceptSetItem:
    try:
        if not isinstance(raw, dict) or not isinstance(raw.get("concept"), dict):
            raise UsageError(f"{path}, item {number}: no concept; export it again.")
        return ConceptSetItem.model_validate(raw["concept"] | raw)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise UsageError(f"{path}, item {number}: {where}: {fault['msg']}; export it again.") from None


def _check_items(path: Path, items: tuple[ConceptSetItem, ...]) -> None:
    times = Counter(item.concept_id for item in items)
    if twice := [concept_id for concept_id, count in times.items() if count > 1]:
        raise UsageError(f"{path}: concept {twice[0]} stands twice; keep one item.")
    if mapped := [item.concept_id for item in items if item.include_mapped]:
        raise UsageError(
            f"{path}: {len(mapped)} item(s), first {mapped[0]}, ask for mapped source concepts; the study "
            "reads standard concepts: set includeMapped to false."
        )
    if all(item.is_excluded for item in items):
        raise UsageError(f"{path} includes no concept and would find nobody; add one.")
