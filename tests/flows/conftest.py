"""A Prefect of the tests' own: its database lies in a temporary folder, and one server serves all tests here."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import flows  # noqa: F401  (sets the environment before Prefect is imported)

SHORT = ("lag_family_days=[]", "missing_dose_bounds=[]", "bootstrap_replicates=0")
"""Changes that leave little beside the primary analysis."""


@pytest.fixture(scope="session", autouse=True)
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture(scope="session")
def finished_run(small_cdm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one finished run of the flow."""
    from cohort.study import RunSettings
    from flows.study import study

    out = tmp_path_factory.mktemp("flow") / "run"
    study(RunSettings(cdm=str(small_cdm), out=str(out)))
    return out
