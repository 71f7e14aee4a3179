"""Read expectation files: from TOML to a typed file with its protocol, or one message with all that is wrong.

In: paths of TOML files, and the protocol that each of them changes. Out: an `Expectation` each. What pydantic finds is
put in the words of the file; what refers to something (a drug, a product, a fill) must find it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from cohort.errors import UsageError, got, listed, nearest
from cohort.expectation.file import (
    Discarded,
    DoseOn,
    ExpectationFile,
    Expected,
    Fill,
    HospitalStay,
    LedgerRow,
    OfAFill,
    Person,
    Product,
    Stretch,
)
from cohort.expectation.person import Facts, load_facts
from cohort.inputs import UNKNOWN_DOSE, dose_category_labels
from cohort.protocol import Protocol
from cohort.toml_file import read_toml

_MODELS: dict[tuple[str, ...], type[BaseModel]] = {
    (): ExpectationFile,
    ("person",): Person,
    ("product",): Product,
    ("fill",): Fill,
    ("hospital_stay",): HospitalStay,
    ("expected",): Expected,
    ("expected", "ledger"): LedgerRow,
    ("expected", "supply"): Stretch,
    ("expected", "discarded"): Discarded,
    ("expected", "dose"): DoseOn,
}


@dataclass(frozen=True)
class Expectation:
    """A file that was read: where from, what it says, and the protocol that it asks for."""

    path: Path
    file: ExpectationFile
    protocol: Protocol
    facts: Facts


def read_expectations(paths: Iterable[Path], protocol: Protocol) -> list[Expectation]:
    """Read all files before any of them is checked.

    Raises:
        UsageError: some file cannot be read or is wrong; all problems of all files in one message.
    """
    read, problems = [], []
    for path in paths:
        try:
            read.append(_read(path, protocol))
        except UsageError as error:
            problems.append(str(error))
    if problems:
        raise UsageError("\n".join(problems))
    return read


def _read(path: Path, protocol: Protocol) -> Expectation:
    try:
        file = ExpectationFile.model_validate(read_toml(path, "expectation file"))
    except ValidationError as error:
        raise _wrong(path, [_fault(fault) for fault in error.errors()]) from None
    try:
        changes = {key: None if value == "none" else value for key, value in file.protocol.items()}
        changed = protocol.alone(**changes)
        known = load_facts(changed)
    except UsageError as error:
        raise _wrong(path, [f"protocol: {error}"]) from None
    if problems := [*_unknown_names(file, known), *_unusable(file, changed)]:
        raise _wrong(path, problems)
    return Expectation(path, file, changed, known)


def _wrong(path: Path, problems: list[str]) -> UsageError:
    return UsageError(f"{path} has {len(problems):,} problem(s); correct the file:\n{listed(problems)}")


def _fault(fault: Any) -> str:
    """What pydantic found, in the words of the file: `fill 2: unknown key 'qty'; did you mean 'quantity'?`."""
    location, kind = fault["loc"], fault["type"]
    sections = tuple(part for part in location if isinstance(part, str))
    if kind == "extra_forbidden":
        known = _MODELS[sections[:-1]].model_fields
        return f"{_place(location[:-1])}unknown key '{location[-1]}'{nearest(str(location[-1]), known)}"
    if kind == "missing":
        return f"{_place(location[:-1])}{location[-1]} is missing"
    if sections in _MODELS and kind == "tuple_type":
        return f"{_place(location)}write it in double brackets, [[{'.'.join(sections)}]]"
    if sections in _MODELS and kind == "model_type" and location[-1] == sections[-1]:
        return f"{_place(location)}write it in single brackets, [{'.'.join(sections)}]"
    said = fault["msg"].removeprefix("Value error, ")
    value = "" if isinstance(fault["input"], dict) else f" (got {got(fault['input'])})"
    return f"{_place(location)}{said[0].lower()}{said[1:]}{value}"


def _place(location: tuple[str | int, ...]) -> str:
    """`fill 2, quantity: ` for ("fill", 1, "quantity"); nothing for the file itself."""
    text = ""
    for part, before in zip(location, (None, *location), strict=False):
        if isinstance(part, int):
            text += f" {part + 1}"
        else:
            text += part if before is None else f".{part}" if before == "expected" else f", {part}"
    return f"{text}: " if text else ""


def _unknown_names(file: ExpectationFile, known: Facts) -> Iterator[str]:
    """Drugs, units, products and routes that there are not."""
    products = {row.name for row in file.product}
    for number, row in enumerate(file.product, start=1):
        if not row.other_ingredient and row.drug not in known.drugs:
            yield (
                f"product {number}: there is no study drug '{row.drug}'{nearest(row.drug, known.drugs)} "
                "(for an ingredient that is none write other_ingredient = true)"
            )
        if row.other_ingredient and row.drug in known.drugs:
            yield f"product {number}: '{row.drug}' is a study drug; leave other_ingredient out"
        if row.unit is not None and row.unit not in known.units:
            yield f"product {number}: there is no unit '{row.unit}'{nearest(row.unit, known.units)}"
    for number, fill in enumerate(file.fill, start=1):
        if fill.product not in products:
            yield f"fill {number}: there is no product '{fill.product}'{nearest(fill.product, products)}"
        if fill.route is not None and fill.route not in known.routes:
            yield f"fill {number}: there is no route '{fill.route}'{nearest(fill.route, known.routes)}"
    if len(file.fills()) < len(file.fill):
        yield "two fills have one id; a fill without an id has its place in the file"


def _unusable(file: ExpectationFile, protocol: Protocol) -> Iterator[str]:
    """Expectations that refer to nothing, or that compare nothing."""
    expected = file.expected
    if not any((expected.ledger, expected.supply, expected.discarded, expected.dose)):
        yield "it expects nothing; add [[expected.ledger]], .supply, .discarded or .dose"
    for name in ("ledger", "supply", "discarded"):
        for number, row in enumerate(getattr(expected, name), start=1):
            for problem in _without_a_drug(file, row):
                yield f"expected.{name} {number}: {problem}"
            if not row.compared():
                yield f"expected.{name} {number}: it compares nothing; add a column"
    categories = [*dose_category_labels(protocol.exposure), UNKNOWN_DOSE]
    for number, row in enumerate(expected.dose, start=1):
        if not row.compared():
            yield f"expected.dose {number}: it compares nothing; add tspo_binder, tspo_non_binder or tspo_unknown"
        for column, value in row.compared().items():
            if column.startswith("category") and value not in categories:
                yield f"expected.dose {number}: there is no category '{value}'{nearest(value, categories)}"


def _without_a_drug(file: ExpectationFile, row: OfAFill) -> Iterator[str]:
    fill = file.fills().get(row.fill)
    if fill is None:
        yield f"there is no fill {row.fill}; known: {', '.join(map(str, file.fills())) or 'none'}"
        return
    drugs = file.study_drugs(fill.product)
    if not any(product.name == fill.product for product in file.product):
        return
    if row.drug is not None and row.drug not in drugs:
        yield f"there is no study drug '{row.drug}' in fill {row.fill}{nearest(row.drug, drugs)}"
    if row.drug is None and len(drugs) != 1:
        yield f"fill {row.fill} has {len(drugs)} study drugs; say which: drug = ..."
