"""What the tests of faults share: a finished run to compare with."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.faults.unorchestrated import LEAN
from tests.processes import tspo

_COSTS = {"seconds", "done_after_s", "peak_memory_mb", "finished", "fresh", "scans"}
"""What a run took, and what it found already there."""
_TIMES = re.compile(
    r"run finished [^·]*·|Run finished \\?[\dT:+-]+|<dt>Finished</dt><dd>[^<]*</dd>|<dt>Time</dt><dd>[^<]*</dd>"
)
_STEPS = re.compile(r"<summary>Steps: rows, time and memory</summary>.*?</details>", re.DOTALL)


@pytest.fixture(scope="session")
def finished(small_cdm: Path, tmp_path_factory: pytest.TempPathFactory, prefect_home: Path) -> Path:
    """The folder of a run that nothing disturbed."""
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    done = tspo("run", "--cdm", small_cdm, "--out", out, "--protocol", LEAN, home=prefect_home)
    assert done.returncode in (0, 3), done.stderr
    return out


def difference(one: Path, other: Path) -> list[str]:
    """Names of released files that differ between two runs, but for what a run took."""
    folders = [out / "release" for out in (one, other)]
    names = sorted({str(p.relative_to(folder)) for folder in folders for p in folder.rglob("*") if p.is_file()})
    return [name for name in names if _content(one / "release" / name) != _content(other / "release" / name)]


def _content(path: Path) -> object:
    if not path.exists():
        return "absent"
    if path.name == "run.json":
        return _without_costs(json.loads(path.read_text(encoding="utf-8")))
    if path.suffix in (".html", ".md"):
        return _STEPS.sub("", _TIMES.sub("", path.read_text(encoding="utf-8")))
    return path.read_bytes()


def _without_costs(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_costs(inner) for name, inner in value.items() if name not in _COSTS}
    return [_without_costs(inner) for inner in value] if isinstance(value, list) else value


def unfinished_files(out: Path) -> list[str]:
    """Files that are neither whole nor hidden from a reader."""
    return sorted(str(path.relative_to(out)) for path in out.rglob("*") if ".part" in path.name)
