"""Nested settings as one level."""

import json
from collections.abc import Mapping
from typing import Any


def flat(values: Mapping[str, Any], above: str = "", separator: str = "_") -> dict[str, str]:
    """Settings by name, those of a section with the section's name before theirs; lists as JSON, those unset left out.

    >>> flat({"exposure": {"lag_days": 365, "lags": [0, 1]}, "preset": None})
    {'exposure_lag_days': '365', 'exposure_lags': '[0, 1]'}
    """
    found: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{above}{name}{separator}", separator)
        elif value is not None:
            found[f"{above}{name}"] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return found
