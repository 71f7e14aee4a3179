"""The documents that are made from the code: `python -m tests.docs` writes them, `--check` fails when one is stale.

In: the spec tests and the pydantic models. Out: `tests/spec/README.md`, the rules of the study as prose, and
`config/README.md`, every file and field of the configuration, and the simulator's worlds, and `tests/corpus/README.md`,
bad input and what is told of it. None is edited by hand.
"""

import ast
import datetime as dt
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from cohort.covariates import Covariate
from cohort.diagnoses import Diagnosis, load_diagnoses
from cohort.grid import Grid
from cohort.paths import config_folder, preset_names
from cohort.preset import Preset, Published
from cohort.protocol import SECTIONS, Protocol
from cohort.protocol_sections import AnalysisSpec
from cohort.reference import Affinity, Drug
from cohort.synthetic.scenarios import SCENARIOS
from tests.corpus.cases import CdmCase, cdm_cases, protocol_cases

ROOT = Path(__file__).resolve().parents[1]

MODULES = (
    *("entry", "birth", "eligibility", "exit", "outcome", "other_outcomes", "concept_sets", "covariates"),
    *("dose", "missing_dose", "supply", "hospital_stays", "metrics", "lag", "person_time", "accrued", "coverage"),
    *("channelling", "baseline"),
)
"""The spec modules in the order in which the study is read; one that is not named here comes last."""

PROPER = {
    **{"d1": "D1", "d2": "D2", "d3": "D3", "july": "July", "february": "February", "march": "March", "cdm": "CDM"},
    **{
        "ddd": "DDD",
        "anti dementia": "anti-dementia",
        "follow up": "follow-up",
        "extended release": "extended-release",
    },
}
"""Words that a test's name cannot spell."""

NAME = r"^[a-z][a-z0-9_]*$"
SIGNS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}

CONFIG_FILES = {
    "NOTICE.md": "What the facts come from, their terms, and how to read sources and grades.",
    "study.toml": "The primary protocol, with the reasons and sources of its choices beside them.",
    "every_metric.toml": "The primary protocol with every metric of exposure beside it, to run or to copy from.",
    "presets": "Published designs as protocols, a TOML file each, to run by name.",
    "diagnoses.toml": "What each outcome is made of: codes, drugs, tier and exclusions, each with its reason.",
    "drugs.csv": "The study drugs, one per row: identifiers, WHO doses, diazepam equivalents, half-lives.",
    "tspo_affinity.csv": "TSPO binding, one measurement or finding per row; a drug's class follows from it by rule.",
    "tspo_findings.csv": "What a finding in words counts as: the level of affinity of each, and why.",
    "covariates.csv": "Concept sets that are looked at on entry: those that may be adjusted for, those never, and why.",
    "dosage_forms.csv": "Words in a product's name that state its route, and whether that is in scope.",
    "cdm_columns.csv": "The columns of each CDM table in their order, for files without a header, by version.",
    "routes.csv": "Routes of records, for products whose name states none, and whether they are in scope.",
    "inpatient_visits.csv": "Kinds of visit that are a stay in hospital, during which tablets at home may wait.",
    "mass_units.csv": "Units of strength that are a mass, and what each is in mg.",
    "hades_results.csv": "Tables and columns of the results in the form of HADES, as its own specifications have them.",
    "concept_sets": "Concept sets as ATLAS writes them, a JSON file each; `sources.csv`: where each concept is from.",
}


_BROUGHT = """```toml
[concept_sets]
dementia = "sets/our_dementia.json"
```

For one run: `tspo run --set concept_sets.dementia=our_dementia.json`. The items go into the protocol's hash and into
`run.json`; `release/concept_sets/` has every set that a run looked up, for ATLAS to import. Where the CDM has no
`concept_ancestor`, a set of your own finds what is written in it; `dementia_explicit` can be brought too."""


def spec_readme(root: Path = ROOT) -> str:
    """The rules of the study: per spec module its question, per test the rule that it holds."""
    parts = [
        "# The rules of the study",
        "Each rule is the name of a test in this folder, with what it means behind it. The test beside it draws the "
        "tables that go in and the table that comes out, and runs the study's own SQL between them.",
        "Made from the tests by `make docs`; a change of a rule starts there.",
    ]
    for path in sorted((root / "tests" / "spec").glob("test_*.py"), key=_reading_order):
        parts += _rules(path)
    return "\n\n".join(parts) + "\n"


def _reading_order(path: Path) -> tuple[int, str]:
    name = path.stem.removeprefix("test_")
    return MODULES.index(name) if name in MODULES else len(MODULES), name


def _rules(path: Path) -> Iterator[str]:
    module = ast.parse(path.read_text(encoding="utf-8"))
    question, _, notes = (ast.get_docstring(module) or path.stem).partition("\n\n")
    yield f"## [{_one_line(question)}]({path.name})"
    if notes:
        yield _one_line(notes)
    tests = [node for node in module.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    yield "\n".join(
        f"* **{sentence(test.name)}** {_one_line(ast.get_docstring(test) or '')}".rstrip() for test in tests
    )


def sentence(name: str) -> str:
    """A test's name as it would be said: `test_a_person_enters_once` is `A person enters once.`"""
    words = name.removeprefix("test_").replace("_", " ")
    words = re.sub(r"(\w) s\b", r"\1's", words)
    for plain, proper in PROPER.items():
        words = re.sub(rf"\b{plain}\b", proper, words)
    return words[0].upper() + words[1:] + "."


def config_readme(root: Path = ROOT) -> str:
    """What the files of `config/` are, and every field of the protocol and of the two tables of facts.

    Raises:
        SystemExit: the folder holds a file that nothing is said about, or lacks one that is described.
    """
    present = {
        path.name for path in (root / "config").iterdir() if path.name[0] not in "._" and path.name != "README.md"
    }
    if present != set(CONFIG_FILES):
        raise SystemExit(
            f"tests/docs.py describes other files of config/: {', '.join(sorted(present ^ set(CONFIG_FILES)))}"
        )
    parts = [
        "# Settings and facts of the study",
        "Made from the models of `cohort/` by `make docs`; the files themselves are edited by hand.",
        _table(["file", "what it is"], [[f"[{name}]({name})", said] for name, said in CONFIG_FILES.items()]),
        "## The protocol",
        "A protocol is a TOML file with these sections and keys. A key that is left out has its default, which is the "
        "primary protocol; a key that is not listed here is an error. For one run, `tspo run --set lag_days=0` changes "
        "a value, and `--set study_end=none` takes it away. A *name* is lower case, with digits and underscores.",
    ]
    for section, field in Protocol.model_fields.items():
        if section in SECTIONS:
            parts += [f"### [{section}]", str(field.description), _field_table(field.annotation, with_defaults=True)]
        elif section in _LISTS:
            parts += _more_analyses(section, str(field.description))
        elif section == "concept_sets":
            parts += ["### [concept_sets]", str(field.description), _BROUGHT]
    for file, model in {"drugs.csv": Drug, "tspo_affinity.csv": Affinity, "covariates.csv": Covariate}.items():
        parts += [f"## Columns of {file}", _field_table(model, with_defaults=False)]
    return "\n\n".join([*parts, *_outcomes(), *_presets(), *_worlds()]) + "\n"


def _outcomes() -> list[str]:
    """What follows from each diagnosis, and why."""
    parts = [
        "## Outcomes",
        "`tspo run --set diagnosis=NAME` studies another outcome. These fields of the protocol follow from it unless "
        "they are set, and so does the title. The name is the `outcome` of the results. A further diagnosis is a table "
        "of diagnoses.toml.",
    ]
    for name, diagnosis in load_diagnoses().items():
        rows = [
            [_code(field), _code(json.dumps(value)) if value else "none", _one_line(diagnosis.why.get(field, ""))]
            for field, value in _following(diagnosis).items()
        ]
        parts += [f"### {name}", _table(["key", "value", "why"], rows)]
    return parts


def _presets() -> list[str]:
    """The published designs: what each sets, what it leaves open, how a run differs, and what was published."""
    parts = [
        "## Presets",
        "`tspo run --protocol NAME` follows a published design. A preset sets only what its source states; what that "
        "leaves open has to be set (`--set`), and a run without it ends with the list. The report tells how a run "
        "differs from the study, and shows the published ratios beside its own. They are of other people, and nothing "
        "is tested against them. A preset is a protocol with two tables more:",
    ]
    for table, model in {"[preset]": Preset, "[[published]]": Published}.items():
        parts += [f"### {table}", _one_line(str(model.__doc__)), _field_table(model, with_defaults=True)]
    for name in preset_names():
        data = tomllib.loads((config_folder() / "presets" / f"{name}.toml").read_text(encoding="utf-8"))
        preset = Preset.model_validate(data["preset"])
        rows = [[_code(field), _code(_set_to(data, field)), _one_line(said)] for field, said in preset.why.items()]
        rows += [[_code(field), "to be set", _one_line(known)] for field, known in preset.must_set.items()]
        parts += [
            f"### {name}",
            f"{_one_line(preset.citation)}. Read: {preset.source}. {_one_line(preset.population)}",
            _table(["key", "value", "what is known"], rows),
            "How a run differs: " + " ".join(map(_one_line, preset.differs)),
        ]
    return parts


def _set_to(data: dict[str, Any], field: str) -> str:
    section, name = field.split(".")
    value = data[section][name]
    return str(value) if isinstance(value, dt.date) else json.dumps(value)


def _following(diagnosis: Diagnosis) -> dict[str, Any]:
    return {field: value for (section, field), value in diagnosis.protocol_fields().items() if section != "study"}


def _worlds() -> list[str]:
    """The simulator's scenarios, and what each changes."""
    rows = [
        [_code(name), ", ".join(map(_code, world.also)), world.shows, ", ".join(map(_code, world.changes))]
        for name, world in SCENARIOS.items()
    ]
    return [
        "## Worlds of the simulator",
        "`tspo simulate cdm.duckdb --scenario NAME` plants a known truth; several names joined by `+` are applied one "
        "after the other. Parameters that a world does not change are those of `cohort/synthetic/parameters.py`, each "
        "with its source.",
        _table(["world", "also called", "what it shows", "parameters that it changes"], rows),
    ]


def _code(name: str) -> str:
    return f"`{name}`"


_LISTS: dict[str, tuple[type[BaseModel], list[str]]] = {
    "analysis": (
        AnalysisSpec,
        ["any key above", "as above", "the protocol's", "as above", "Changed for this analysis alone."],
    ),
    "grid": (
        Grid,
        ["any key above", "list of such", "the protocol's", "as above", "Crossed with the others."],
    ),
}
"""Tables of which there may be several, and what they have beside keys of their own: any key of the sections above."""


def _more_analyses(section: str, description: str) -> list[str]:
    model, any_key = _LISTS[section]
    return [f"### [[{section}]]", description, _field_table(model, with_defaults=True, more=[any_key])]


def _field_table(model: Any, with_defaults: bool, more: Sequence[Sequence[str]] = ()) -> str:
    assert issubclass(model, BaseModel)
    fields = model.model_json_schema()["properties"]
    rows = [
        [
            f"`{name}`",
            kind(field),
            *([_default(field)] if with_defaults else []),
            bounds(field),
            field.get("description", ""),
        ]
        for name, field in fields.items()
    ]
    return _table(["key", "type", *(["default"] if with_defaults else []), "bounds", "what it says"], [*rows, *more])


def kind(field: dict[str, Any]) -> str:
    """The type of a field, from its JSON schema, in words."""
    if "anyOf" in field:
        return " or ".join(kind(option) for option in field["anyOf"])
    if "enum" in field:
        return "one of " + ", ".join(f"`{value}`" for value in field["enum"])
    if field["type"] == "array":
        return f"list of {kind(field['items']).replace('one of', 'any of')}"
    if field["type"] == "object":
        return f"table of {kind(_values(field))} by name"
    if field["type"] == "string":
        return "date" if field.get("format") == "date" else "name" if field.get("pattern") == NAME else "text"
    return {"integer": "whole number", "number": "number", "boolean": "true or false", "null": "none"}[field["type"]]


def bounds(field: dict[str, Any]) -> str:
    """The limits of a field, from its JSON schema, in words; empty when it has none."""
    if "anyOf" in field:
        return ", ".join(filter(None, map(bounds, field["anyOf"])))
    limits = [f"{sign} {field[key]}" for key, sign in SIGNS.items() if key in field]
    limits += [f"like `{field['pattern']}`"] if field.get("pattern", NAME) != NAME else []
    limits += ["not empty"] if field.get("minItems") == 1 or field.get("minLength") == 1 else []
    each = (
        bounds(field["items"]) if "items" in field else bounds(_values(field)) if "patternProperties" in field else ""
    )
    return ", ".join([*limits, *([f"each {each}"] if each else [])])


def _values(field: dict[str, Any]) -> dict[str, Any]:
    """What a table of values by name holds."""
    (values,) = field["patternProperties"].values()
    return dict(values)


def _default(field: dict[str, Any]) -> str:
    if "default" not in field:
        return "required"
    return "none" if field["default"] is None else f"`{json.dumps(field['default'])}`"


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [list(names), ["---"] * len(names), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def corpus_readme() -> str:
    """The corpus of bad input: per case what is broken, the exit code, and what is told."""
    protocols = [[case.name, str(case.exit), _lines_of(case.says)] for case in protocol_cases()]
    return (
        "\n\n".join(
            [
                "# Bad input, and what is told of it",
                "Each row is a test. The message is the whole of what stands on standard error, to the letter; "
                "`{protocol}` and `{cdm}` are paths. Exit codes: 0 done; 1 the input cannot be studied; 2 wrong usage. "
                "No input ends in a traceback. `test_fuzz.py` and `test_injection.py` look for what is not here.",
                "Made from protocols.toml and cdms.toml by `make docs`.",
                "## Protocols",
                _table(["what is broken", "exit code", "message of `tspo check`"], protocols),
                "## CDMs",
                "A CDM of 500 simulated persons, broken by the SQL that cdms.toml gives. The message is that of a run; "
                "where there is none, the run goes through and its hazard ratio has this status.",
                _table(
                    ["what is broken", "exit code", "message, or status and warnings"], list(map(_cdm_row, cdm_cases()))
                ),
            ]
        )
        + "\n"
    )


def _cdm_row(case: CdmCase) -> list[str]:
    if case.exit:
        said = _lines_of(case.run_says)
    else:
        said = "<br>".join([f"*{case.status}*", *(_literal(f"warning: {line}") for line in case.warnings)])
    return [case.name, str(case.exit), f"{said} (not yet: {case.awaits})" if case.awaits else said]


def _lines_of(text: str) -> str:
    return "<br>".join(_literal(line) for line in text.splitlines()) or "none"


def _literal(line: str) -> str:
    return f"`` {line} ``" if "`" in line else _code(line)


DOCUMENTS: dict[str, Callable[[], str]] = {
    "tests/spec/README.md": spec_readme,
    "config/README.md": config_readme,
    "tests/corpus/README.md": corpus_readme,
}


def stale(root: Path = ROOT) -> list[str]:
    """The documents under `root` that do not say what the code says, or are not there."""
    paths = {name: root / name for name in DOCUMENTS}
    return [
        name
        for name, path in paths.items()
        if not path.exists() or path.read_text(encoding="utf-8") != DOCUMENTS[name]()
    ]


def write(root: Path = ROOT) -> None:
    """Write every document under `root`."""
    for name, text in DOCUMENTS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text(), encoding="utf-8")


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Write the documents, or with `--check` say which are stale; the exit code."""
    if list(arguments) != ["--check"]:
        write(root)
        return 0
    found = stale(root)
    for name in found:
        print(f"{name} is stale: run `make docs`.", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
