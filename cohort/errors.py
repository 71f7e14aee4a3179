"""Errors meant for people: shown as text without a traceback, each with its exit code.

A message says what is wrong, how many records it concerns, and the cure. It never holds a patient's row.
"""

import difflib
from collections.abc import Iterable, Sequence

_MOST_KNOWN, _MOST_LINES, _MOST_CHARACTERS = 20, 10, 1_500
"""How much of what is known, and of what is wrong, is told: a message is to be read."""


class TspoError(Exception):
    """Something a user can mend. `exit_code` is what the command line ends with."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(_printable(message))


class UsageError(TspoError):
    """The call, the protocol or a configuration file is wrong."""

    exit_code = 2


class CannotStudy(TspoError):  # noqa: N818 - reads as the sentence it is
    """The CDM cannot answer the question; `problems` holds one line for each reason."""

    exit_code = 1

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__("This CDM cannot be studied:\n" + "\n".join(f"  - {p}" for p in self.problems))

    def __reduce__(self) -> tuple[type["CannotStudy"], tuple[list[str]]]:
        """Made again from its problems, not from its text, where it passes between processes."""
        return type(self), (self.problems,)


class ConservationError(TspoError):
    """Persons, days, events or dose went missing between two tables: the results would be wrong."""

    exit_code = 1


def reason_of(error: Exception) -> str:
    """Why something failed, as it may be told: of an error that is not meant for people only its kind.

    >>> reason_of(KeyError("Jane Doe"))
    'a fault of this program (KeyError)'
    """
    if isinstance(error, TspoError):
        return str(error).partition("\n")[0]
    return f"a fault of this program ({type(error).__name__})"


def nearest(word: str, known: Iterable[str]) -> str:
    """A phrase such as `; did you mean 'lag_days'?`, or the list of what is known when nothing is near."""
    choices = sorted(known)
    close = difflib.get_close_matches(word[:100], choices, n=1, cutoff=0.5)
    if close:
        return f"; did you mean '{close[0]}'?"
    more = len(choices) - _MOST_KNOWN
    return f"; known: {', '.join(choices[:_MOST_KNOWN])}{f' and {more} more' if more > 0 else ''}"


def brief(text: str, most: int = 80) -> str:
    r"""A text on one line and not too long: line breaks and signs that cannot be seen are written out.

    >>> brief("lag\ndays")
    'lag\\ndays'
    """
    line = _printable(text[: most + 1]).replace("\n", "\\n")
    return line if len(line) <= most else f"{line[:most]}..."


def got(value: object) -> str:
    """A value as a file has it, in brief."""
    try:
        return brief(repr(value))
    except ValueError:  # a whole number of thousands of digits has no decimal text
        return "a number of thousands of digits"


def listed(problems: Sequence[str]) -> str:
    """One line for each problem, as many as can be read; how many more there are stands behind."""
    lines: list[str] = []
    for problem in problems[:_MOST_LINES]:
        line = f"  - {brief(problem, _MOST_CHARACTERS // 2)}"
        if sum(map(len, lines)) + len(line) > _MOST_CHARACTERS:
            break
        lines.append(line)
    more = len(problems) - len(lines)
    return "\n".join([*lines, f"  - and {more:,} more"] if more else lines)


def _printable(text: str) -> str:
    """The text with signs that a terminal would obey written out: names of files and keys are anybody's."""
    return "".join(c if c == "\n" or c.isprintable() else repr(c)[1:-1] for c in text)
