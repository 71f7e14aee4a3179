"""What a flow run is called: its protocol, its CDM and its lag, and never where the CDM lies."""

import re
from pathlib import PurePath
from urllib.parse import urlsplit

from prefect.runtime import flow_run

from cohort.errors import TspoError
from cohort.study import RunSettings

PRIMARY_PROTOCOL = "study"
"""The stem of the file of the primary protocol."""


def run_name() -> str:
    """The name of the flow run that is about to start."""
    settings = flow_run.parameters["settings"]
    return name_of(settings if isinstance(settings, RunSettings) else RunSettings.model_validate(settings))


def name_of(settings: RunSettings) -> str:
    """The name of a run, such as `primary on cdm.duckdb, lag 1095`.

    Without the lag where the protocol is wrong: that is for the run to say.
    """
    stem = PurePath(settings.protocol or "").stem
    name = f"{'primary' if stem in ('', PRIMARY_PROTOCOL) else stem} on {cdm_name(settings.cdm)}"
    try:
        return f"{name}, lag {settings.load_protocol().exposure.lag_days}"
    except TspoError:
        return name


def cdm_name(location: str) -> str:
    """The last part of a path, or the database of a URL: no folder, host, user or password.

    >>> cdm_name("/data/2026/cdm.duckdb"), cdm_name("postgresql://ann:secret@db.example/omop?sslmode=require")
    ('cdm.duckdb', 'omop')
    >>> cdm_name("host=db password=secret dbname=omop")
    'a database'
    """
    if "://" in location:
        return PurePath(urlsplit(location).path).name or "a database"
    if re.search(r"\w+\s*=", location):
        return "a database"
    return PurePath(location).name or location
