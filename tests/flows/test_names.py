"""What a flow run is called."""

import pytest

from cohort.study import RunSettings
from flows.names import name_of


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"cdm": "/data/private/cdm.duckdb"}, "primary on cdm.duckdb, lag 1095"),
        ({"cdm": "/data/parquet/", "changes": ("lag_days=730",)}, "primary on parquet, lag 730"),
        ({"cdm": "c.duckdb", "protocol": "config/study.toml"}, "primary on c.duckdb, lag 1095"),
        ({"cdm": "c.duckdb", "protocol": "config/every_metric.toml"}, "every_metric on c.duckdb, lag 1095"),
        ({"cdm": "c.duckdb", "protocol": "no.toml"}, "no on c.duckdb"),
        ({"cdm": "postgresql://ann@db.example:5432/omop?cdm_schema=x"}, "primary on omop, lag 1095"),
        ({"cdm": "host=db.example user=ann dbname=omop"}, "primary on a database, lag 1095"),
    ],
)
def test_a_run_is_called_by_protocol_cdm_and_lag_and_by_no_place(settings: dict[str, str], name: str) -> None:
    assert name_of(RunSettings.model_validate({"out": "r", **settings})) == name
