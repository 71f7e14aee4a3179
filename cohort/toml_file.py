"""Read a TOML file that a person wrote.

In: a path. Out: its tables as plain values, or one sentence that says why it cannot be read, where, and the cure.
"""

import tomllib
from pathlib import Path
from typing import Any

from cohort.errors import UsageError, brief


def read_toml(path: Path, kind: str) -> dict[str, Any]:
    """Read a file in UTF-8, with or without the mark that some editors put before it.

    Args:
        kind: what the file should be, in words, for the message.

    Raises:
        UsageError: there is no such file, it cannot be read, it is not text in UTF-8, or not TOML.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"There is no {kind} at {path}.") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no text in UTF-8 (byte {error.start + 1:,} is none): save it as UTF-8.") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:  # a NUL
        raise UsageError(f"There is no {kind} at {path}.") from None
    return toml_values(text, str(path))


def toml_values(text: str, where: str) -> dict[str, Any]:
    """The values of a text in TOML.

    Args:
        where: what the text is, for the message.

    Raises:
        UsageError: it is not TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        fault = brief(str(error), 200)
    except RecursionError:
        fault = "lists in lists, too many of them"
    except ValueError:
        fault = "a number of thousands of digits, or a time zone that does not exist"
    raise UsageError(f"{where} is not a TOML file that can be read: {fault}.")
