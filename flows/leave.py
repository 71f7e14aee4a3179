"""Leaving a process that Prefect has worked in."""

import atexit
import os
import sys
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """Leave at once, after what is registered for the end has run.

    Prefect's background threads outlive the interpreter's orderly end: they make the database's bindings print a page
    of warnings there, and wait without end for a server that has gone.
    """
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
