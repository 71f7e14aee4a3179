"""Errors meant for people: shown as text without a traceback, each with its exit code.

A message says what is wrong, how many records it concerns, and the cure. It never holds a patient's row.
"""

import difflib
from collections.abc import Iterable, Sequence


class TspoError(Exception):
    """Something a user can mend. `exit_code` is what the command line ends with."""

    exit_code = 1


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
    close = difflib.get_close_matches(word, choices, n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else f"; known: {', '.join(choices)}"
