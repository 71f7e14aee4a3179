"""The study without Prefect, in one process that may be told to die: `python -m tests.faults.unorchestrated CDM OUT N`.

Files appear by renaming alone. Just before the Nth of them would, the process kills itself as the kernel would in want
of memory: nothing is closed, nothing is cleared. With N of 0 it lives.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from cohort.study import RunSettings, prepare_run
from tests.bench_unorchestrated import finish

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


def run(cdm: str, out: str) -> None:
    """The tables, models, release and report of the study, as the flow makes them."""
    settings = RunSettings(cdm=cdm, out=out, protocol=str(LEAN))
    with settings.folder.opened():
        finish(prepare_run(settings))


if __name__ == "__main__":
    die_before(int(sys.argv[3]))
    run(sys.argv[1], sys.argv[2])
