"""What the corpus shares: one clean CDM, and the command line in this process."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flows.cli import main
from tests.corpus.cases import clean_cdm


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean CDM of 500 persons; copy it to break it."""
    return clean_cdm(tmp_path_factory.mktemp("clean"))


@pytest.fixture(scope="session")
def tspo() -> Callable[..., Result]:
    """`tspo` with these arguments, in this process; what is no message but an error of the program is raised."""

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(main, arguments, catch_exceptions=False)

    return invoke
