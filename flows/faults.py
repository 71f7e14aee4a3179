"""What of an error may leave the machine: Prefect keeps the text of every exception in its database and its logs.

In: a task's function. Out: the same, whose unforeseen errors become `Fault`, without the text of the error: the
database's messages hold the values that they are about. The whole of it goes to the run's private folder.
"""

import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import ParamSpec, TypeVar

from cohort.engine import is_disk_full
from cohort.errors import TspoError, UsageError, reason_of
from cohort.run import RunFolder
from cohort.study import Prepared, RunSettings

FAULT_FILE = "fault.txt"
"""In the private folder: the last unforeseen error, with its traceback."""

P = ParamSpec("P")
R = TypeVar("R")


class Fault(TspoError):  # noqa: N818 - reads as the word it is
    """An error that nobody foresaw. Its message tells the kind of the error, and where the rest of it lies."""

    exit_code = 1


def contained(function: Callable[P, R]) -> Callable[P, R]:
    """The function, whose first argument is the run, and which raises nothing but errors that are meant for people.

    Raises:
        Fault: instead of any other error.
    """

    @wraps(function)
    def safe(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except TspoError:
            raise
        except Exception as error:
            if is_disk_full(error):
                raise TspoError(
                    "The disk is full; free space where --out lies, and run the same command again."
                ) from None
            asked = next(iter((*args, *kwargs.values())))
            fault = Fault(f"{reason_of(error)}\nThe whole of it {_keep(_folder(asked))}.")
        raise fault

    return safe


def _folder(asked: object) -> RunFolder:
    settings = asked.settings if isinstance(asked, Prepared) else asked
    assert isinstance(settings, RunSettings)
    return settings.folder


def _keep(folder: RunFolder) -> str:
    """Write the error that is being handled to the private folder, and say where it is."""
    with suppress(OSError, UsageError):
        (folder.create().private / FAULT_FILE).write_text(traceback.format_exc(), encoding="utf-8")
        return f"is in private/{FAULT_FILE} of the run's folder; it may hold values of patients"
    return "is lost, since the run's folder cannot be written"
