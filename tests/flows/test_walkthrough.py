"""The guide of `flows/README.md`, done as it stands there: a real server, worker, schedule and browser, on loopback.

Of its commands only places change: ports, folders, the CDM, a short protocol, and how often the schedule is due.
`TSPO_PICTURE=1` writes the guide's picture anew.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from PIL import Image

from cohort.synthetic import simulate

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "flows" / "README.md"
PICTURE = ROOT / "flows" / "prefect-ui.png"
SECONDS = 180
PROTOCOL = """
analysis = []
[exposure]
lag_family_days = []
[ledger]
missing_dose_bounds = []
[model]
bootstrap_replicates = 0
"""


@pytest.fixture(scope="session", autouse=True)
def prefect_server() -> None:
    """The guide's server, and no other."""


@dataclass
class Walk:
    """The guide under way: where it happens, and what it is asked by."""

    folder: Path
    port: int
    blocks: list[str]

    @property
    def page(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def home(self) -> Path:
        return self.folder / "prefect"

    def do(self, number: int) -> None:
        """Run one block of commands, in a terminal of its own, which means with job control (`set -m`)."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "TSPO_"))}
        environment["PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS"] = "5"
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        commands = f"set -euom pipefail\n{self.blocks[0]}\n{self.blocks[number]}"
        log = self.folder / f"block-{number}.log"
        with log.open("w") as out:
            command = ["bash", "-c", commands]
            done = subprocess.run(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                timeout=SECONDS, check=False,
            )  # fmt: skip
        assert done.returncode == 0, log.read_text()

    def ask(self, what: str, **wanted: Any) -> list[dict[str, Any]]:
        answer = httpx.post(f"{self.page}/api/{what}/filter", json=wanted, timeout=30)
        answer.raise_for_status()
        return list(answer.json())

    def runs(self, deployment: str) -> list[dict[str, Any]]:
        """Runs of a deployment, those that are due later left out."""
        past = {"state": {"type": {"not_any_": ["SCHEDULED"]}}}
        found = self.ask("flow_runs", deployments={"name": {"any_": [deployment]}}, flow_runs=past)
        return sorted(found, key=lambda run: str(run["start_time"]))

    def wait(self, what: Callable[[], bool]) -> None:
        end = time.monotonic() + SECONDS
        while not what():
            assert time.monotonic() < end, (self.home / "worker.log").read_text()
            time.sleep(1)

    def processes(self) -> dict[int, str]:
        """What runs with this Prefect home: process -> command."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if f"PREFECT_HOME={self.home}".encode() in (process / "environ").read_bytes():
                    found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
        return found


def changed(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert old in text, f"the guide no longer says {old}"
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    folder = tmp_path_factory.mktemp("walk")
    simulate(folder / "cdm.duckdb", 1_500, 5)
    (folder / "short.toml").write_text(PROTOCOL)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    changes = {
        '"$PWD/.prefect"': str(folder / "prefect"),
        "127.0.0.1:4200": f"127.0.0.1:{port}",
        "--port 4200": f"--port {port}",
        "TSPO_CDM=cdm.duckdb": f"TSPO_CDM={folder / 'cdm.duckdb'}",
        "TSPO_OUT=runs": f"TSPO_OUT={folder / 'runs'}",
        "TSPO_PROTOCOL=config/study.toml": f"TSPO_PROTOCOL={folder / 'short.toml'}",
        "--interval 60": "--interval 30",
    }
    text = changed(GUIDE.read_text(encoding="utf-8"), changes)
    walk = Walk(folder, port, re.findall(r"```bash\n(.*?)```", text, re.DOTALL))
    try:
        for number in range(1, len(walk.blocks) - 3):
            walk.do(number)
        walk.wait(lambda: any(run["state_name"] == "Nothing new" for run in walk.runs("nightly")))
        walk.do(len(walk.blocks) - 3)
        walk.wait(lambda: all(run["state_type"] in {"COMPLETED", "CANCELLED"} for run in walk.runs("nightly")))
        walk.do(len(walk.blocks) - 2)
        yield walk
        walk.do(len(walk.blocks) - 1)
        walk.wait(lambda: not walk.processes())
    finally:
        for process in walk.processes():
            os.kill(process, 9)


def test_the_run_on_demand_and_the_scheduled_ones_are_done(walk: Walk) -> None:
    (asked,) = walk.runs("on-demand")
    assert (asked["state_name"], asked["name"]) == ("Completed", "short on cdm.duckdb, lag 1095")
    nights = [run for run in walk.runs("nightly") if run["state_type"] == "COMPLETED"]
    assert [run["state_name"] for run in nights[:2]] == ["Completed", "Nothing new"]
    assert all(run["auto_scheduled"] for run in nights)
    assert {"nightly", "tspo"} <= set(nights[0]["tags"])
    for deployment in ("on-demand", "nightly"):
        assert pl.read_parquet(walk.folder / "runs" / deployment / "release" / "estimates.parquet").height
    assert not (walk.folder / "runs" / "monthly").exists()


def test_artifacts_of_the_run_are_there(walk: Walk) -> None:
    (run,) = walk.runs("on-demand")
    found = {one["key"]: one["data"] for one in walk.ask("artifacts", flow_runs={"id": {"any_": [run["id"]]}})}
    assert {"attrition", "hazard-ratios", "summary", "last-outcome"} <= found.keys()
    assert "* **deployment**: on-demand\n" in found["last-outcome"]
    assert f"{walk.page}/runs/flow-run/{run['id']}" in found["last-outcome"]


def test_the_server_has_the_deployments_of_the_guide_and_tells_nobody(walk: Walk) -> None:
    there = {one["name"]: one for one in walk.ask("deployments")}
    assert set(there) == {"nightly", "monthly", "on-demand"}
    assert [one["schedule"]["cron"] for one in there["nightly"]["schedules"]] == ["0 2 * * *"]
    assert [one["schedule"]["cron"] for one in there["monthly"]["schedules"]] == ["0 3 1 * *"]
    assert there["on-demand"]["schedules"] == []
    for one in there.values():
        assert one["global_concurrency_limit"]["limit"] == 1
        assert one["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    settings = httpx.get(f"{walk.page}/api/admin/settings", timeout=30).json()["server"]
    assert (settings["analytics_enabled"], settings["ui"]["show_promotional_content"]) == (False, False)


def test_a_password_in_a_cdms_address_is_refused_before_it_is_stored(walk: Walk) -> None:
    (there,) = [one for one in walk.ask("deployments") if one["name"] == "on-demand"]
    secret = {"settings": {"cdm": "postgresql://ann:s3cret@db/omop", "out": "r"}}
    answer = httpx.post(
        f"{walk.page}/api/deployments/{there['id']}/create_flow_run", json={"parameters": secret}, timeout=30
    )
    assert answer.status_code == httpx.codes.CONFLICT
    database = b"".join(path.read_bytes() for path in walk.home.glob("prefect.db*"))
    assert b"on-demand" in database
    assert b"s3cret" not in database


def test_a_browser_shows_the_runs_and_the_outcome(walk: Walk) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed: no page is looked at")
    (nightly,) = [one for one in walk.ask("deployments") if one["name"] == "nightly"]
    (outcome,) = [one for one in walk.ask("artifacts/latest") if one["key"] == "last-outcome"]
    pages = {
        "runs": f"/v2/deployments/deployment/{nightly['id']}?tab=Runs",
        "outcome": f"/v2/artifacts/artifact/{outcome['latest_id']}",
    }

    def look(name: str, *how: str) -> str:
        command = [
            *(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1000,620"),
            *("--disable-background-networking", f"--user-data-dir={walk.folder / 'browser'}"),
            *("--virtual-time-budget=20000", *how, walk.page + pages[name]),
        ]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    shown = {name: look(name, "--dump-dom") for name in pages}
    assert "short on cdm.duckdb, lag 1095" in shown["runs"]
    assert "its results stand" in shown["outcome"]
    if os.environ.get("TSPO_PICTURE"):
        parts = [walk.folder / f"{name}.png" for name in ("runs", "outcome")]
        for part in parts:
            look(part.stem, f"--screenshot={part}")
        above, below = (Image.open(part) for part in parts)
        both = Image.new("RGB", (above.width, above.height + below.height + 8), "white")
        both.paste(above, (0, 0))
        both.paste(below, (0, above.height + 8))
        both.quantize(128).save(PICTURE, optimize=True)
    assert PICTURE.stat().st_size < 300_000
