"""Where a CDM is, as `--cdm` says it: a path or a PostgreSQL URL, with the schemas of the CDM and its vocabulary.

In: the text. Out: a `Place`, or a UsageError. A password has no place in it: the text stands in logs and run records.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from cohort.errors import UsageError, nearest

KINDS = "a .duckdb file, a folder of Parquet or CSV files, or postgresql://..."
_SERVERS = ("postgresql", "postgres")
_SCHEMAS = ("cdm_schema", "vocabulary_schema")
_OTHER = "vocabulary_cdm"
_OF_PATHS = (*_SCHEMAS, _OTHER)
_SECRET = ("password", "sslpassword")
_NO_PASSWORD = (
    "--cdm holds a password, which would stand in logs and run records: leave it out and set PGPASSWORD, or write it "
    "to a file that only you can read and name that in PGPASSFILE."
)
_LIBPQ = (
    *("host", "hostaddr", "port", "user", "dbname", "service", "passfile", "connect_timeout", "application_name"),
    *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "channel_binding", "gssencmode", "krbsrvname"),
    *("target_session_attrs", "load_balance_hosts", "keepalives", "keepalives_idle", "tcp_user_timeout"),
)


@dataclass(frozen=True)
class Place:
    """Where a CDM is.

    Attributes:
        text: a path, or a URL as PostgreSQL's own library reads it.
        is_server: whether it is such a URL.
        cdm_schema: the schema that holds person; None: the one that does is found.
        vocabulary_schema: the same for concept.
        vocabulary_cdm: the location of another CDM, no server, whose vocabulary stands in the place of its own.
    """

    text: str
    is_server: bool = False
    cdm_schema: str | None = None
    vocabulary_schema: str | None = None
    vocabulary_cdm: str | None = None


def place_of(location: str) -> Place:
    """Read a location.

    Raises:
        UsageError: it is a URL of another kind, holds a password, or has an option that is not known.
    """
    if is_on_server(location):
        return _server(location)
    if "password=" in location.lower():
        raise UsageError(_NO_PASSWORD)
    if "://" in location:
        scheme = location.split("://")[0]
        raise UsageError(f"'{scheme}://...' is no CDM that can be opened: give {KINDS}.")
    path, mark, query = location.rpartition("?")
    if mark and any(query.startswith(f"{name}=") for name in _OF_PATHS):
        options = dict(parse_qsl(query))
        _refuse_unknown(options, _OF_PATHS)
        return _refuse_chain(Place(path, False, *(options.get(name) for name in _OF_PATHS)))
    return Place(location)


def with_vocabulary_of(location: str, other: str) -> str:
    """A CDM with the vocabulary of another in the place of its own; neither lies on a server."""
    mark = "?" if place_of(location).text == location else "&"
    return f"{location}{mark}{urlencode({_OTHER: other}, quote_via=quote)}"


def _refuse_chain(place: Place) -> Place:
    other = place_of(place.vocabulary_cdm) if place.vocabulary_cdm else None
    if other and (other.is_server or other.vocabulary_cdm):
        raise UsageError(
            f"{_OTHER} takes a .duckdb file or a folder of Parquet or CSV files, without options of its own."
        )
    return place


def refuse_password(location: str) -> str:
    """Return the location, or refuse it when it holds a password, before it is recorded anywhere.

    Raises:
        UsageError: there is a password, or it is a URL that cannot be opened.
    """
    if not location.startswith("prefect://"):
        place_of(location)
    return location


def refuse_absent(location: str) -> None:
    """Refuse a path where there is nothing, before anything else is begun; a server is asked when it is read.

    Raises:
        UsageError: there is nothing, or it may not be looked at.
    """
    if not location.startswith("prefect://") and not is_on_server(location):
        place = place_of(location)
        existing(place)
        if place.vocabulary_cdm:
            refuse_absent(place.vocabulary_cdm)


def existing(place: Place) -> Path:
    """The file or folder of a place that is no server.

    Raises:
        UsageError: there is none, or it may not be looked at.
    """
    path = Path(place.text).expanduser()
    try:
        is_there = path.exists()
    except PermissionError:
        raise UsageError(f"{path} cannot be read: Permission denied. Ask for the right to read it.") from None
    if not is_there:
        raise UsageError(f"There is no CDM at {place.text}.")
    return path


def released_location(location: str) -> str:
    """A location as it may be released: a file's or a database's name, no folder, server or user."""
    if not is_on_server(location):
        place = place_of(location)
        if place.vocabulary_cdm is None:
            return Path(location).name
        return f"{Path(place.text).name}, vocabulary of {released_location(place.vocabulary_cdm)}"
    options = dict(parse_qsl(urlsplit(location).query))
    name = unquote(urlsplit(location).path.strip("/")) or options.get("dbname", "")
    return f"PostgreSQL database {name}".strip()


def local(location: str, copy: Path) -> str:
    """Where to read again what `open_cdm` has opened before: the CDM itself, or the copy of what lies on a server."""
    return str(copy) if is_on_server(location) else location


def is_on_server(location: str) -> bool:
    """Whether a location is that of a server, of which a run reads a copy."""
    return location.lower().startswith(tuple(f"{scheme}://" for scheme in _SERVERS))


def _server(location: str) -> Place:
    try:
        parts = urlsplit(location)
        options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    except ValueError:
        raise UsageError("--cdm holds no PostgreSQL URL such as postgresql://host/database?cdm_schema=cdm.") from None
    user, _, _ = parts.netloc.rpartition("@")
    if ":" in user or any(name in _SECRET for name in options):
        raise UsageError(_NO_PASSWORD)
    _refuse_unknown(options, (*_SCHEMAS, *_LIBPQ))
    schemas = [options.pop(name, None) for name in _SCHEMAS]
    # PostgreSQL's library does not take + for a space.
    query = f"?{urlencode(options, quote_via=quote)}" if options else ""
    return Place(f"{_SERVERS[0]}://{parts.netloc}{parts.path}{query}", True, *schemas)


def _refuse_unknown(options: dict[str, str], known: tuple[str, ...]) -> None:
    for name in options:
        if name not in known:
            raise UsageError(f"--cdm has the unknown option '{name}'{nearest(name, known)}")
