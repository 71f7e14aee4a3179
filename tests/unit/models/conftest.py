"""One made cohort for all tests of this folder."""

import polars as pl
import pytest

from tests.risk_tables import prepare
from tests.unit.models.made import PROTOCOL, made_cohort


@pytest.fixture(scope="session")
def frame() -> pl.DataFrame:
    """Prepared person-time of the made cohort."""
    return prepare(made_cohort(), PROTOCOL)
