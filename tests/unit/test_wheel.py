"""The wheel carries what the study reads, and finds it from any folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
USE = """
from cohort.engine import load_steps
from cohort.inputs import study_inputs
from cohort.paths import config_folder, sql_folder
from cohort.protocol import load_protocol
from cohort.report import build_report
study_inputs(load_protocol())
print(len(load_steps()), sql_folder().is_dir(), config_folder().is_dir(), sql_folder())
"""


def test_an_installed_wheel_finds_sql_and_config_from_any_folder(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    installed, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
        names = archive.namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"cohort", "flows"}
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-c", USE], cwd=elsewhere, env=environment, check=True, capture_output=True, text=True
    )
    steps, has_sql, has_config, place = done.stdout.split()
    assert int(steps) == len(list((ROOT / "sql").glob("*.sql")))
    assert (has_sql, has_config) == ("True", "True")
    assert place.startswith(str(installed))
