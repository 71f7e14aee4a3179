"""Grids of analyses: values of some fields of the protocol, crossed.

In: a `[[grid]]` of the protocol. Out: its cells, each with a name that says what it changes, such as
`lag_days=730, carryover_cap_days=30`. A cell is an analysis like one that is written out (`[[analysis]]`).
"""

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cohort.errors import got
from cohort.protocol_sections import ModelName

MOST_CELLS = 200
"""The grids of a protocol have no more cells than this together: each is an analysis of its own."""

_LONGEST_FILE_NAME = 120
"""File systems take 255 bytes; the names of models and endings stand behind."""


@dataclass(frozen=True)
class Cell:
    """A cell of a grid: its name, the fields that it changes, and the models that it fits."""

    name: str
    changes: Mapping[str, Any]
    models: tuple[ModelName, ...]


class Grid(BaseModel):
    """Analyses of which each takes one value of every field named beside `models`."""

    model_config = ConfigDict(frozen=True, extra="allow")

    models: tuple[ModelName, ...] = Field(("linear",), min_length=1, description="Which models each cell fits.")

    @model_validator(mode="after")
    def _fields_have_lists_of_values(self) -> Self:
        if not self.values:
            raise ValueError("a grid needs fields of the protocol with lists of values, such as lag_days = [365, 730]")
        for name, values in self.values.items():
            if not isinstance(values, list | tuple) or not values:
                raise ValueError(
                    f"{name} needs a list of one or more values, such as {name} = [1, 2]; got {got(values)}"
                )
        return self

    @property
    def values(self) -> dict[str, Any]:
        """Field -> the values that it takes."""
        return dict(self.model_extra or {})

    @property
    def size(self) -> int:
        """How many cells there are."""
        return math.prod(len(values) for values in self.values.values())

    def cells(self) -> Iterator[Cell]:
        """Every combination of the values, the last field's changing fastest."""
        for chosen in product(*self.values.values()):
            changes = dict(zip(self.values, chosen, strict=True))
            yield Cell(", ".join(f"{name}={_text(value)}" for name, value in changes.items()), changes, self.models)


def is_cell(analysis: str) -> bool:
    """Whether an analysis's name is that of a cell; the written ones have no equals sign."""
    return "=" in analysis


def file_name(analysis: str) -> str:
    """The name of an analysis as that of a file or folder, where brackets, commas and equals signs mean something."""
    name = re.sub(r"[^A-Za-z0-9_.]+", "-", analysis).strip("-")
    if len(name) <= _LONGEST_FILE_NAME:
        return name
    return f"{name[: _LONGEST_FILE_NAME - 17]}-{hashlib.sha256(analysis.encode()).hexdigest()[:16]}"


def _text(value: Any) -> str:
    return "[" + " ".join(map(_text, value)) + "]" if isinstance(value, list | tuple) else str(value)
