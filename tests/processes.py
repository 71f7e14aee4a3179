"""Python and `tspo` in processes of their own, which report to no Prefect server that somebody else has set."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 600


def environment(home: Path | None = None, **more: str) -> dict[str, str]:
    """This process's environment with another home of Prefect, and more."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return kept | ({"PREFECT_HOME": str(home)} if home else {}) | more


def python(*arguments: object, home: Path | None = None, **more: str) -> "subprocess.CompletedProcess[str]":
    """Python with these arguments, at the root of the checkout; `more` goes into its environment."""
    command = [sys.executable, *map(str, arguments)]
    chosen = environment(home, **more)
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=chosen, timeout=SECONDS, check=False
    )  # fmt: skip


def tspo(*arguments: object, home: Path | None = None, **more: str) -> "subprocess.CompletedProcess[str]":
    """`tspo` with these arguments."""
    return python("-m", "flows.cli", *arguments, home=home, **more)
