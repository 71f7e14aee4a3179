"""A CDM's location in a Secret block of Prefect: its password reaches PostgreSQL's library and nothing else."""

import os

import pytest
from prefect.blocks.system import Secret

from cohort.errors import UsageError
from cohort.study import RunSettings
from flows.blocks import location_of


@pytest.fixture(autouse=True)
def no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test sets is taken back."""
    monkeypatch.setenv("PGPASSWORD", "before")


def test_the_password_of_a_block_goes_to_the_environment_and_not_into_the_location() -> None:
    Secret(value="postgresql://me:p%40ss@db.example:5433/cdm?cdm_schema=a").save("cdm-with-password", overwrite=True)
    location = location_of("prefect://secret/cdm-with-password")
    assert location == "postgresql://me@db.example:5433/cdm?cdm_schema=a"
    assert os.environ["PGPASSWORD"] == "p@ss"
    RunSettings(cdm=location, out="run")


def test_a_block_may_leave_the_password_to_the_environment() -> None:
    Secret(value="postgresql:///cdm").save("cdm-without-password", overwrite=True)
    assert location_of("prefect://secret/cdm-without-password") == "postgresql:///cdm"
    assert os.environ["PGPASSWORD"] == "before"


def test_a_block_that_is_not_there_or_holds_something_else_is_named() -> None:
    with pytest.raises(UsageError, match="Prefect has no Secret block 'nowhere'"):
        location_of("prefect://secret/nowhere")
    Secret(value="hunter2").save("no-url", overwrite=True)
    with pytest.raises(UsageError, match="The block 'no-url' holds no URL") as error:
        location_of("prefect://secret/no-url")
    assert "hunter2" not in str(error.value)


def test_any_other_location_is_as_it_is() -> None:
    assert location_of("cdm.duckdb") == "cdm.duckdb"
