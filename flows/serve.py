r"""The deployments of `prefect.yaml` without a work pool: one process that waits, and runs each as it is due.

In: the study's settings and when to run it. Out: three deployments on the Prefect server that is set, until the process
is ended; then their schedules are paused. For one machine.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from cohort.errors import TspoError
from flows.cli.options import cdm_option, changes_option, memory_option, protocol_option, threads_option


class Deployment(NamedTuple):
    """A deployment: its name, what it is for, when it is due (cron, UTC), and what it sets beside CDM and protocol."""

    name: str
    description: str
    cron: str | None
    choices: dict[str, bool]


DEPLOYMENTS = (
    Deployment(
        "nightly",
        "On new data: does nothing unless the CDM, the protocol or the program changed since its last run.",
        "0 2 * * *",
        {"only_if_new": True},
    ),
    Deployment("monthly", "All of it from nothing, into a folder named by the day.", "0 3 1 * *", {"new_folder": True}),
    Deployment("on-demand", "When somebody asks for it, with settings of their own.", None, {}),
)
_NIGHTLY, _MONTHLY, _ = DEPLOYMENTS


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@cdm_option
@protocol_option
@changes_option
@click.option("--out", required=True, metavar="DIR", help="A folder; each deployment has one of its own in it.")
@threads_option
@memory_option
@click.option("--cron", default=_NIGHTLY.cron, show_default=True, help="When the nightly run is due, in UTC.")
@click.option("--monthly-cron", default=_MONTHLY.cron, show_default=True, help="When the monthly run is due, in UTC.")
def main(out: str, changes: Sequence[str], cron: str, monthly_cron: str, **settings: Any) -> None:
    r"""Serve the study's deployments from this process until it is ended.

    The Prefect server is that of PREFECT_API_URL; `prefect server start` starts one.

    \b
    Example: python -m flows.serve --cdm cdm.duckdb --out runs --cron "0 2 * * *"
    """
    from prefect import serve

    from cohort.study import RunSettings
    from flows.server import problem_of_server

    chosen = RunSettings(out=out, changes=tuple(changes), **settings)
    try:
        chosen.load_protocol()
    except TspoError as error:
        raise click.UsageError(str(error)) from None
    if problem := problem_of_server():
        cure = "Start one (`prefect server start`), and set PREFECT_API_URL to its address."
        raise click.UsageError(f"There is no Prefect server to serve for ({problem}). {cure}")
    due = {_NIGHTLY.name: cron, _MONTHLY.name: monthly_cron}
    try:
        served = [_deployed(one._replace(cron=due.get(one.name)), chosen) for one in DEPLOYMENTS]
    except ValueError:
        raise click.UsageError("--cron and --monthly-cron take five fields, such as '0 2 * * *'.") from None
    serve(*served)


def _deployed(deployment: Deployment, settings: Any) -> Any:
    """The deployment as Prefect has it, with a folder of its own below `out`."""
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy

    from flows.study import study

    own = {"out": str(Path(settings.out) / deployment.name), **deployment.choices}
    return study.to_deployment(
        deployment.name,
        cron=deployment.cron,
        description=deployment.description,
        tags=["tspo", deployment.name],
        parameters={"settings": settings.model_copy(update=own).model_dump(mode="json")},
        concurrency_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
    )


if __name__ == "__main__":
    main()
