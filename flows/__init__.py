"""The study as a Prefect flow and as a command line: thin, with no arithmetic and no SQL text."""

import os

# Beside health records nothing is reported to anybody, and a slow machine gets time to start the temporary server.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
# The temporary server is stopped at the end of a run, and says so at length on ERROR.
os.environ.setdefault("PREFECT_SERVER_LOGGING_LEVEL", "CRITICAL")
