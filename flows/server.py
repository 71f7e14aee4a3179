"""Which Prefect server a run reports to: the one that is set, or a temporary one if that does not answer.

A night's study needs no server: it is run, and not given up, because the page on which it would be seen is down.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar
from urllib.parse import urlsplit

import httpx
from prefect.client.orchestration import get_client
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_KEY,
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_SERVER_ALLOW_EPHEMERAL_MODE,
    temporary_settings,
)

T = TypeVar("T")
SECONDS = 5.0
"""How long a server may take to answer."""


def at_a_server(work: Callable[[], T], warn: Callable[[str], None]) -> T:
    """What the work returns, done at a server that answers.

    If that stops answering meanwhile (Prefect asks it for a minute), the work is done again at one that does: a study
    goes on from the tables that it has.

    Args:
        warn: told what is wrong with the server that is set, and the cure.
    """
    try:
        with answering_server(warn):
            return work()
    except httpx.TransportError:
        with answering_server(warn):
            return work()


@contextmanager
def answering_server(warn: Callable[[str], None]) -> Iterator[None]:
    """A server that answers, for the runs inside the block: a temporary one on loopback if the one set does not.

    Args:
        warn: told what is wrong with the server that is set, and the cure.
    """
    url = PREFECT_API_URL.value()
    problem = problem_of_server() if url else None
    if not url or problem is None:
        with _sent():
            yield
        return
    warn(
        f"the Prefect server at {_shown(url)} cannot be used ({problem}). This run goes on with a temporary server of "
        "its own, and will not be seen there. Start the server (`prefect server start`), or unset PREFECT_API_URL."
    )
    alone = {PREFECT_API_URL: None, PREFECT_API_KEY: None, PREFECT_API_AUTH_STRING: None}
    with temporary_settings({**alone, PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: True}), _sent():
        yield


@contextmanager
def _sent() -> Iterator[None]:
    """Send the server what there is to tell when the block ends, and close the connections on which it would wait."""
    try:
        yield
    except httpx.TransportError:
        raise  # nobody is there to be told
    except BaseException:
        _drain()
        raise
    _drain()


def _drain() -> None:
    with suppress(Exception):  # what is told is not what it is about
        EventsWorker.drain_all(SECONDS)
        APILogWorker.drain_all(SECONDS)


def problem_of_server() -> str | None:
    """Why the server that is set cannot be used, or none if it answers, takes this caller and is of this version."""
    if not PREFECT_API_URL.value():
        return "PREFECT_API_URL is not set"
    try:
        with (
            temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
            get_client(httpx_settings={"timeout": SECONDS}, sync_client=True) as client,
        ):
            error = client.api_healthcheck()
            if error is None:
                client.raise_for_api_version_mismatch()
    except Exception as raised:
        error = raised
    return type(error.__cause__ or error).__name__ if error else None


def _shown(url: str) -> str:
    """An address without a password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
