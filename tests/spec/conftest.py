"""The `build` fixture of the spec tests, and failures that show both tables as they would be drawn."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.spec.drawn import Built, Drawn, build_table


@pytest.fixture
def build() -> Callable[..., Built]:
    """`build("entry", person=..., washout_days=0)`: one table of `sql/`, made from tables drawn."""
    return build_table


def pytest_assertrepr_compare(op: str, left: Any, right: Any) -> list[str] | None:
    if op == "==" and isinstance(left, Built) and isinstance(right, Drawn):
        return ["the SQL gives another table than the one drawn: - is drawn, + is given", *left.difference(right)]
    return None
