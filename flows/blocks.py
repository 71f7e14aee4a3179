"""A CDM's location kept in Prefect: `prefect://secret/NAME` is the URL in the Secret block of that name.

In: a location as `--cdm` says it. Out: one that `cohort` opens. A password in the block goes to PostgreSQL's own
library by this process's environment; it is never part of a location, which flows and runs record.
"""

import os
from typing import cast
from urllib.parse import unquote, urlsplit

from cohort.errors import UsageError

_MARK = "prefect://secret/"


def location_of(location: str) -> str:
    """The location itself, or what the block that it names holds, without the password.

    Raises:
        UsageError: there is no such block, or it holds no PostgreSQL URL.
    """
    if not location.startswith(_MARK):
        return location
    name = location.removeprefix(_MARK)
    held = urlsplit(_secret(name))
    if held.scheme not in ("postgresql", "postgres"):
        raise UsageError(f"The block '{name}' holds no URL of a PostgreSQL database (postgresql://user:...@host/db).")
    credentials, mark, server = held.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    if password:
        os.environ["PGPASSWORD"] = unquote(password)
    query = f"?{held.query}" if held.query else ""
    return f"{held.scheme}://{user}{mark}{server}{held.path}{query}"


def _secret(name: str) -> str:
    from prefect.blocks.system import Secret

    try:
        block = cast("Secret[str]", Secret.load(name))
    except ValueError:
        raise UsageError(
            f"Prefect has no Secret block '{name}'; make it in Prefect, with the CDM's URL as its value."
        ) from None
    return str(block.get())
