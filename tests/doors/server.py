"""A PostgreSQL server of the tests' own: in a temporary folder, on a socket there, with a password."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import adbc_driver_postgresql.dbapi
import duckdb

from cohort.sql_text import quoted

PASSWORD = "a password / of @ tests"
NUMERIC = (
    "quantity",
    *(f"{part}_value" for part in ("amount", "numerator", "denominator")),
)
"""Columns that the CDM's own DDL makes NUMERIC."""


def binaries() -> Path | None:
    """The folder of PostgreSQL's programs, where it is installed."""
    found = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    return Path(found).parent if found else next(reversed([f for f in folders if (f / "initdb").exists()]), None)


class Server:
    """A running server; databases are made of CDMs."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self.folder = programs, folder
        # The server refuses to run as root.
        self._user = ("postgres" if _is_user("postgres") else "nobody") if os.geteuid() == 0 else None

    def make(self) -> None:
        """Make its files; once."""
        if self._user:
            shutil.chown(self.folder, self._user)
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        self._run("initdb", "-A", "scram-sha-256", "-U", "postgres", f"--pwfile={secret}", "-E", "UTF8", "--locale=C")

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off -c shared_buffers=64MB -c max_connections=20"
        self._run("pg_ctl", "-o", options, "-l", str(self.folder / "log"), "-w", "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it; `immediate` is as if it had died."""
        self._run("pg_ctl", "-m", mode, "-w", "stop")

    def url(self, database: str, **options: str) -> str:
        """The URL of a database, without user and password."""
        return f"postgresql:///{database}?{urlencode({'host': str(self.folder), **options})}"

    def execute(self, database: str, *statements: str) -> None:
        """Run statements as the owner, each by itself."""
        with _connected(self.url(database), autocommit=True) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def load(self, database: str, tables: Mapping[str, str], schema: Mapping[str, str] | None = None) -> str:
        """Make a database of tables, in the types of the CDM's DDL.

        Args:
            tables: table -> what DuckDB reads it from.
            schema: table -> its schema; those without one are in `public`.
        """
        self.execute("postgres", f'create database "{database}"')
        places = {table: (schema or {}).get(table, "public") for table in tables}
        self.execute(database, *(f"create schema if not exists {quoted(place)}" for place in set(places.values())))
        with (
            duckdb.connect() as local,
            _connected(self.url(database), autocommit=True) as connection,
            connection.cursor() as cursor,
        ):
            for table, source in tables.items():
                place = f"{quoted(places[table])}.{quoted(table)}"
                reader = local.sql(f"select * from {source}").to_arrow_reader(100_000)
                cursor.adbc_ingest(table, reader, mode="create", db_schema_name=places[table])
                for column in reader.schema.names:
                    if column.lower() in NUMERIC:
                        cursor.execute(f"alter table {place} alter column {quoted(column)} type numeric")
        return database

    def _run(self, program: str, *words: str) -> None:
        command = [str(self._programs / program), "-D", str(self.folder / "data"), *words]
        identity = {"user": self._user, "group": self._user_group(), "extra_groups": []} if self._user else {}
        done = subprocess.run(command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **identity)
        assert done.returncode == 0, f"{program}: {done.stderr.decode()}"

    def _user_group(self) -> int:
        assert self._user
        return pwd.getpwnam(self._user).pw_gid


@contextmanager
def running() -> Iterator[Server]:
    """A server for as long as it is needed; PGUSER and PGPASSWORD are set meanwhile."""
    programs = binaries()
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # a socket's path must be short
    kept = {name: os.environ.get(name) for name in ("PGUSER", "PGPASSWORD")}
    os.environ.update(PGUSER="postgres", PGPASSWORD=PASSWORD)
    server = Server(programs, folder)
    try:
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
    finally:
        for name, value in kept.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _connected(url: str, autocommit: bool) -> Iterator[adbc_driver_postgresql.dbapi.Connection]:
    connection = adbc_driver_postgresql.dbapi.connect(url, autocommit=autocommit)
    try:
        yield connection
    finally:
        connection.close()


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
