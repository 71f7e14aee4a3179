"""The study without Prefect, in one process that may be told to die: `python -m tests.faults.unorchestrated CDM OUT N`.

Files appear by renaming alone. Just before the Nth of them would, the process kills itself as the kernel would in want
of memory: nothing is closed, nothing is cleared. With N of 0 it lives.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from cohort.study import RunSettings
from cohort.unorchestrated import run_unorchestrated

LEAN = Path(__file__).with_name("lean.toml")


def die_before(number: int) -> None:
    """Kill this process before the file with this number appears."""
    rename, appeared = Path.replace, 0

    def replace(self: Path, target: Any) -> Path:
        nonlocal appeared
        appeared += 1
        if appeared == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return rename(self, target)

    Path.replace = replace  # type: ignore[method-assign,assignment]


if __name__ == "__main__":
    die_before(int(sys.argv[3]))
    run_unorchestrated(RunSettings(cdm=sys.argv[1], out=sys.argv[2], protocol=str(LEAN)))
