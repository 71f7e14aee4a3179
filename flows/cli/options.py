"""What several commands of `tspo` take, and what they exit with."""

from pathlib import Path

import click

from cohort.errors import UsageError
from cohort.paths import preset_names

GATE_FAILED = 3
"""Exit code of what is done, but whose diagnostic gate failed."""
STDOUT = "-"
"""Given as a file: standard output, and nothing else is written there."""

cdm_option = click.option(
    "--cdm",
    required=True,
    metavar="CDM",
    help="A .duckdb file; a folder of Parquet or CSV files named by table; postgresql://host/database, with "
    "?cdm_schema=NAME&vocabulary_schema=NAME where there are several (a file or folder also takes "
    "?vocabulary_cdm=OTHER, whose vocabulary then stands in its place), and user and password from PGUSER, PGPASSWORD, "
    "PGPASSFILE or PGSERVICE; or prefect://secret/BLOCK, a Secret block that holds such a URL.",
)
protocol_option = click.option(
    "--protocol",
    metavar="FILE",
    help="A protocol file (TOML), or a published design by name; none: the primary protocol.  "
    f"[{', '.join(preset_names())}]",
)
changes_option = click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change a field of the protocol; may be repeated."
)
threads_option = click.option(
    "--threads", default=2, show_default=True, type=click.IntRange(1, 256), help="Threads of the database engine."
)
memory_option = click.option(
    "--memory", default="1500MB", show_default=True, help="Memory of the database engine; more spills."
)
json_option = click.option(
    "--json", "json_file", metavar="FILE", help="Write it as JSON too; - prints the JSON alone on standard output."
)


def write_json_to(file: str, text: str) -> None:
    """Write a JSON text to a file, or to standard output where the file is `-`.

    Raises:
        UsageError: the file cannot be written.
    """
    if file == STDOUT:
        click.echo(text)
        return
    try:
        Path(file).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}. Choose another --json.") from None
