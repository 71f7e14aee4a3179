"""What went into one run and not, or otherwise, into another: CDM, vocabulary, lists, protocol, program, packages.

In: the folders of two finished runs. Out: one `Cause` for each difference. Tables and models carry what they are made
of (`cohort.content`); where a run's private folder is not at hand, the record of the run tells what it can.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cohort.analyses import PRIMARY
from cohort.cdm import VOCABULARY_TABLES
from cohort.content import Content, stored_content
from cohort.engine import load_steps
from cohort.flat import flat
from cohort.run import RunFolder
from cohort.study import CDM_NAMES, model_content

CDM, VOCABULARY, LISTS = "CDM data", "vocabulary", "concept sets and drugs"
PROTOCOL, PROGRAM, PACKAGES, UNKNOWN = "protocol", "program", "packages", "not known"
_OF_FILES = frozenset(
    {"study_drug", "drug_scale", "concept_set_item", "dosage_form", "route", "mass_unit", "inpatient_visit"}
)
"""Tables made of the files of `config/`; the other ones made before a run are of the protocol, which is told apart."""
ORDER = (CDM, VOCABULARY, LISTS, PROTOCOL, PROGRAM, PACKAGES, UNKNOWN)
"""Kinds of causes, in the order in which they are told."""
_PACKAGE = "tspo-cohort"
_SNAPSHOT = ("cdm_source_name", "cdm_release_date", "cdm_version", "person_count", "observation_period_count")


@dataclass(frozen=True)
class Cause:
    """A difference between what went into two runs: its kind, what it is of, and both values where there are any."""

    kind: str
    what: str
    before: str = ""
    after: str = ""


def causes(one: RunFolder, other: RunFolder, records: tuple[Mapping[str, Any], Mapping[str, Any]]) -> list[Cause]:
    """Every difference that can be known.

    Args:
        records: `run.json` of both.
    """
    before, after = records
    found = list(_of_settings(before["protocol"], after["protocol"]))
    versions = [dict(record["versions"]) for record in records]
    found += _pairs(PROGRAM, *({_PACKAGE: packages.pop(_PACKAGE)} for packages in versions))
    found += _pairs(PACKAGES, versions[0], versions[1])
    contents = [_contents(folder) for folder in (one, other)]
    if all(contents):
        found += _of_contents(*contents)
        found += _of_models(zip((one, other), records, strict=True))
    else:
        found.append(Cause(UNKNOWN, "which tables of the CDM, lists and SQL differ: a private folder is not at hand"))
    for kind, names in ((CDM, _SNAPSHOT), (VOCABULARY, ("vocabulary_version",))):
        old, new = ({name: str(record["cdm"].get(name) or "-") for name in names} for record in records)
        found += _pairs(kind, old, new)
    return sorted(dict.fromkeys(found), key=lambda cause: (ORDER.index(cause.kind), cause.what))


def _of_settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Cause]:
    old, new = (flat(protocol, separator=".") for protocol in (before, after))
    yield from _pairs(PROTOCOL, old, new)


def _pairs(kind: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Cause]:
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield Cause(kind, name, old.get(name, "-"), new.get(name, "-"))


def _contents(folder: RunFolder) -> dict[str, Content]:
    """What the tables of the primary analysis are made of."""
    found = {name: stored_content(folder.tables(PRIMARY) / f"{name}.parquet") for name in load_steps()}
    return {name: content for name, content in found.items() if content}


def _of_contents(before: Mapping[str, Content], after: Mapping[str, Content]) -> Iterator[Cause]:
    for name in sorted({*before} & {*after}):
        changes = after[name].changes(before[name])
        if changes.is_sql:
            yield Cause(PROGRAM, f"sql/{name}.sql")
        for table in changes.reads:
            if table in CDM_NAMES:
                yield Cause(VOCABULARY if table in VOCABULARY_TABLES else CDM, f"rows of {table}")
            elif table in _OF_FILES:
                yield Cause(LISTS, f"rows of {table}")
    for name in sorted({*before} ^ {*after}):
        yield Cause(PROGRAM, f"sql/{name}.sql", *(("there", "-") if name in before else ("-", "there")))


def _of_models(runs: Iterable[tuple[RunFolder, Mapping[str, Any]]]) -> Iterator[Cause]:
    hashes = [_program(folder, record) for folder, record in runs]
    if all(hashes) and hashes[0] != hashes[1]:
        yield Cause(PROGRAM, "the code of models and estimators", *(text[:8] for text in hashes))


def _program(folder: RunFolder, record: Mapping[str, Any]) -> str:
    """The hash of the program that fitted the primary models of a run; empty where they are not there."""
    names = sorted(model["name"] for model in record["models"] if model["analysis"] == PRIMARY)
    contents = (model_content(folder.model(PRIMARY, name)) for name in names)
    return next((content.sql for content in contents if content), "")
