"""Python and `tspo` in processes of their own, which report to no Prefect server that somebody else has set."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 600
SERVERS: dict[Path, str] = {}
"""The servers that run, by their home of Prefect."""


def environment(home: Path | None = None, **more: str) -> dict[str, str]:
    """This process's environment with another home of Prefect, the server that runs there if one does, and more."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    there = {"PREFECT_HOME": str(home)} if home else {}
    served = {"PREFECT_API_URL": SERVERS[home]} if home in SERVERS else {}
    return kept | there | served | more


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


@contextmanager
def prefect_server(home: Path) -> Iterator[None]:
    """A server at a home of Prefect, for processes with that home: a run that starts its own takes ten seconds more."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = ("server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-services")
    silent = environment(home, PREFECT_SERVER_ANALYTICS_ENABLED="false")
    command = [sys.executable, "-m", "prefect", *start]
    nowhere = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=ROOT, env=silent, stdout=nowhere, stderr=nowhere) as server:
        SERVERS[home] = f"http://127.0.0.1:{port}/api"
        waited = python("-m", "prefect", "server", "status", "--wait", "--timeout", "120", home=home)
        assert waited.returncode == 0, waited.stderr
        yield
        del SERVERS[home]
        server.terminate()
