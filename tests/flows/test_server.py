"""Which server a run reports to: one that is down, a temporary one, and the process that serves deployments."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from prefect.settings import PREFECT_API_URL

from flows.serve import DEPLOYMENTS
from tests.faults.unorchestrated import LEAN
from tests.processes import ROOT, environment, python, tspo


def processes(home: Path) -> list[int]:
    """What runs with this Prefect home."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"PREFECT_HOME={home}".encode() in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found


def listening(process: int) -> set[str]:
    """The addresses at which a process listens, as the kernel writes them: 0100007F is 127.0.0.1."""
    sockets = set()
    for handle in Path(f"/proc/{process}/fd").glob("*"):
        try:
            sockets.update(re.findall(r"socket:\[(\d+)\]", os.readlink(handle)))
        except OSError:
            continue
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == "0A" and inode in sockets:
                found.add(local.split(":")[0])
    return found


def test_a_server_that_is_down_stops_no_study(small_cdm: Path, tmp_path: Path, own_home: Path) -> None:
    command = ("run", "--cdm", small_cdm, "--out", tmp_path / "run", "--protocol", LEAN)
    done = tspo(*command, home=own_home, PREFECT_API_URL="http://ann:s3cret@127.0.0.1:9/api")
    assert done.returncode in (0, 3), done.stderr
    assert "warning: the Prefect server at http://127.0.0.1:9/api cannot be used (ConnectError)." in done.stderr
    assert "unset PREFECT_API_URL" in done.stderr
    assert "s3cret" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "run" / "release" / "report.html").exists()


def test_a_server_that_dies_during_a_run_stops_no_study(small_cdm: Path, tmp_path: Path, own_home: Path) -> None:
    """Prefect's client is told not to try for a minute here, as it does of itself."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    out = tmp_path / "run"
    server = subprocess.Popen(
        [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)],
        env=environment(own_home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip

    def die() -> None:
        end = time.monotonic() + 120
        while len([*out.glob("private/*.parquet")]) < 10 and time.monotonic() < end:
            time.sleep(0.02)
        os.killpg(server.pid, signal.SIGKILL)

    url = f"http://127.0.0.1:{port}/api"
    there = {"PREFECT_API_URL": url, "PREFECT_CLIENT_MAX_RETRIES": "0"}
    try:
        waited = python("-m", "prefect", "server", "status", "--wait", "--timeout", "120", home=own_home, **there)
        assert waited.returncode == 0, waited.stderr
        executioner = threading.Thread(target=die)
        executioner.start()
        done = tspo("run", "--cdm", small_cdm, "--out", out, "--protocol", LEAN, home=own_home, **there)
        executioner.join()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    assert done.returncode in (0, 3), done.stderr
    (line,) = done.stderr.splitlines()[:1]
    assert line.startswith(f"warning: the Prefect server at {url} cannot be used (ConnectError). This run goes on with")
    assert "Traceback" not in done.stderr
    assert (out / "release" / "report.html").exists()
    steps = json.loads((out / "release" / "run.json").read_text())["steps"]
    assert sum(step["fresh"] for step in steps) >= 9, "what the first attempt built is kept"


def test_the_temporary_server_listens_on_loopback_and_ends_with_the_run(
    small_cdm: Path, tmp_path: Path, own_home: Path
) -> None:
    asked = ("run", "--cdm", small_cdm, "--out", tmp_path / "run", "--protocol", LEAN)
    command = [sys.executable, "-m", "flows.cli", *map(str, asked)]
    addresses: set[str] = set()
    with subprocess.Popen(command, env=environment(own_home), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as run:
        while run.poll() is None:
            for process in processes(own_home):
                try:
                    addresses |= listening(process)
                except OSError:
                    continue
            time.sleep(0.2)
    assert run.returncode in (0, 3)
    assert addresses == {"0100007F"}
    end = time.monotonic() + 20
    while processes(own_home) and time.monotonic() < end:
        time.sleep(0.2)
    assert processes(own_home) == []


def test_prefect_yaml_and_the_serving_process_have_the_same_deployments() -> None:
    written = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    own = {"cdm", "protocol", "out"}
    assert [
        (
            one["name"],
            one["description"],
            [schedule["cron"] for schedule in one["schedules"]],
            {key: value for key, value in one["parameters"]["settings"].items() if key not in own},
        )
        for one in written
    ] == [(one.name, one.description, [one.cron] if one.cron else [], one.choices) for one in DEPLOYMENTS]
    assert all(one["tags"] == ["tspo", one["name"]] for one in written)
    assert all(one["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"} for one in written)


@pytest.fixture
def served(small_cdm: Path, tmp_path: Path, own_home: Path) -> Iterator[Path]:
    """The log of a process that serves on the tests' server."""
    log = tmp_path / "log"
    command = [sys.executable, "-m", "flows.serve", "--cdm", str(small_cdm), "--out", str(tmp_path / "runs")]
    with log.open("w") as out:
        process = subprocess.Popen(
            [*command, "--cron", "30 1 * * *", "--protocol", str(LEAN)], cwd=ROOT, stdout=out, stderr=out,
            env=environment(own_home, PREFECT_API_URL=str(PREFECT_API_URL.value())),
        )  # fmt: skip
        try:
            yield log
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def test_one_process_serves_all_three_and_runs_what_is_asked_for(served: Path, tmp_path: Path) -> None:
    from prefect.deployments import run_deployment

    end = time.monotonic() + 120
    while "tspo-study/on-demand" not in served.read_text():
        assert time.monotonic() < end, served.read_text()
        time.sleep(0.5)
    run = run_deployment("tspo-study/on-demand", timeout=200)
    assert run.state is not None  # type: ignore[union-attr]
    assert run.state.is_completed(), served.read_text()  # type: ignore[union-attr]
    assert (tmp_path / "runs" / "on-demand" / "release" / "report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "lagdays=3"), "did you mean 'lag_days'"),
        ((), "There is no Prefect server to serve for (PREFECT_API_URL is not set)"),
    ],
)
def test_a_mistake_in_serving_gets_a_message(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    done = python("-m", "flows.serve", "--cdm", "c.duckdb", "--out", "runs", *arguments, home=tmp_path)
    assert (done.returncode, message in " ".join(done.stderr.split())) == (2, True), done.stderr
    assert "Traceback" not in done.stderr
