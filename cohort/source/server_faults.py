"""What a PostgreSQL server says of a failure, as it may be told: the cause and the cure, never its own words.

In: its text, which may name servers, users and values. Out: an error without any of them.
"""

from cohort.errors import TspoError, UsageError

_CONNECTING = {
    "password authentication failed": "the user or the password is wrong; set PGUSER, and PGPASSWORD or PGPASSFILE",
    "no password supplied": "it asks for a password; set PGPASSWORD, or write it to a file and name that in PGPASSFILE",
    "authentication failed": "it does not accept who you are; set PGUSER, or ask its administrator",
    "no pg_hba.conf entry": "it lets nobody in from here as this user; ask its administrator",
    "role": "it does not know the user; set PGUSER",
    "database": "it has no database of that name; mend the name in --cdm",
    "permission denied": "you may not use that database; ask its administrator",
    "could not translate host name": "the server's name is not known here; mend the name in --cdm",
    "connection refused": "nothing answers at that address; mend host and port in --cdm, or start the server",
    "no such file": "no server listens on this machine; name a host in --cdm, or start the server",
    "timeout": "it did not answer in time; try again, or see whether a firewall is in between",
    "timed out": "it did not answer in time; try again, or see whether a firewall is in between",
    "too many clients": "it has no connection left; try again later",
    "definition of service": "PGSERVICE names a service that is not known here; mend it",
    "ssl": "it does not agree to the encryption that is asked for; see sslmode in --cdm or PGSSLMODE",
    "starting up": "it is only just starting; try again in a moment",
    "shutting down": "it is being stopped; try again when it is back",
}
_LOST = ("server closed", "terminating connection", "connection to server", "no connection", "could not receive data")
_ADMINISTRATOR = ("57P01", "57P02", "57P03")


def connection_fault(said: str) -> UsageError:
    """Why no connection came about."""
    text = said.lower()
    # A database that is not there is said by name, and a name may be any of these words: the longest sentence first.
    if text.rstrip().endswith("does not exist"):
        why = _CONNECTING["role" if 'role "' in text else "database"]
    else:
        why = next(
            (cure for word, cure in _CONNECTING.items() if word in text and word not in ("role", "database")), ""
        )
    return UsageError(f"The PostgreSQL server cannot be used: {why or 'see whether psql can, with the same settings'}.")


def read_fault(said: str, state: str | None, table: str) -> TspoError:
    """Why a table could not be read."""
    text = said.lower()
    if state == "42501" or "permission denied" in text:
        return UsageError(f"You may not read {table} in PostgreSQL; ask the database's owner to grant select on it.")
    if state in _ADMINISTRATOR or any(word in text for word in _LOST):
        return TspoError(
            f"The connection to PostgreSQL was lost while {table} was read; nothing of it is kept. Run the same "
            "command again when the server is back."
        )
    if state == "57014" or "canceling statement" in text:
        return TspoError(
            f"PostgreSQL stopped reading {table}, which took longer than it allows; ask for a higher statement_timeout."
        )
    reason = f" (SQLSTATE {state})" if state else ""
    return TspoError(f"PostgreSQL could not read {table}{reason}; the server's own log says why.")
