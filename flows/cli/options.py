"""What several commands of `tspo` take, and what they exit with."""

import click

from cohort.paths import preset_names

GATE_FAILED = 3
"""Exit code of what is done, but whose diagnostic gate failed."""

cdm_option = click.option(
    "--cdm",
    required=True,
    metavar="CDM",
    help="A .duckdb file; a folder of Parquet or CSV files named by table; postgresql://host/database, with "
    "?cdm_schema=NAME&vocabulary_schema=NAME where there are several, and user and password from PGUSER, PGPASSWORD, "
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
