"""What pydantic finds in a protocol, in the words of its file.

In: a validation error, and the tables of a protocol. Out: a line for each fault: where, what, what was written there,
and the nearest name that there is.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from cohort.errors import brief, got, nearest

Tables = Mapping[str, type[BaseModel] | None]
"""Section -> the model of its keys; None where any key may stand, as in [[analysis]]."""


def faults(error: ValidationError, tables: Tables) -> list[str]:
    """One line for each fault, in the order of the file."""
    found = error.errors()
    # A list that lost its faulty members is short: that would be told beside the fault itself.
    told = [p for p in found if not (p["type"] == "too_short" and any(_is_inside(other, p) for other in found))]
    return [_line(problem, tables) for problem in told]


def _is_inside(problem: Any, other: Any) -> bool:
    """Whether a problem is that of a member of what another problem is about."""
    depth = len(other["loc"])
    return len(problem["loc"]) > depth and problem["loc"][:depth] == other["loc"]


def _line(problem: Any, tables: Tables) -> str:
    place = [brief(str(part)) for part in problem["loc"]]
    key, kind = ".".join(place), problem["type"]
    if kind == "extra_forbidden":
        return _unknown(place, tables)
    if kind == "missing":
        return f"{key} is missing"
    # A rule about a whole section says itself what is wrong; the section would only be repeated.
    value = "" if isinstance(problem["input"], Mapping) else f" (got {got(problem['input'])})"
    if kind == "tuple_type":
        return f"{key}: write it {_as_list(place, tables)}{value}"
    if kind in ("model_type", "mapping_type"):
        return f"{key}: write it as a table{f', [{key}]' if key in tables else ''}{value}"
    return f"{key + ': ' if key else ''}{_said(problem)}{value}"


def _unknown(place: Sequence[str], tables: Tables) -> str:
    if len(place) == 1:
        return f"unknown section [{place[0]}]{nearest(place[0], tables)}"
    model = tables[place[0]]
    return f"unknown key '{'.'.join(place)}'{nearest(place[-1], model.model_fields if model else ())}"


def _as_list(place: Sequence[str], tables: Tables) -> str:
    return f"in double brackets, [[{place[0]}]]" if place[-1] in tables else "as a list, such as [1, 2]"


def _said(problem: Any) -> str:
    said = str(problem["msg"]).removeprefix("Value error, ").replace(" after validation", "")
    said = said.replace("Tuple should", "the list should")
    if problem["type"] != "literal_error" or not isinstance(problem["input"], str):
        return said
    near = difflib.get_close_matches(problem["input"][:100], re.findall("'(.*?)'", said), n=1, cutoff=0.6)
    return f"{said}; did you mean '{near[0]}'?" if near else said
