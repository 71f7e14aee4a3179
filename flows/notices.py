"""Who is told how a run ended: the log, the artifact `last-outcome`, and, if there is one, a block of Prefect.

In: the flow run and the state that it ended in. Out: a few lines that hold the deployment, the run's name, the state,
what that means, and a link. Nothing of a patient: meanings are fixed, or messages made for people (`cohort.errors`).
The block is named by `TSPO_NOTIFY_BLOCK`, such as `slack-webhook/night`; its address and secrets stay in Prefect.
"""

import os
from inspect import iscoroutine
from typing import Any

from prefect import Flow
from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.core import Block
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.objects import FlowRun, State
from prefect.logging.loggers import flow_run_logger
from prefect.utilities.asyncutils import run_coro_as_sync
from prefect.utilities.urls import url_for

from cohort.errors import TspoError, reason_of

BLOCK_VARIABLE = "TSPO_NOTIFY_BLOCK"
ARTIFACT = "last-outcome"
GATE_FAILED = "Gate failed"
"""Name of the state, of type Completed, of a run that did all it had to, but whose numbers need a reader first."""
NOTHING_NEW = "Nothing new"
"""Name of the state, of type Completed, of a run that found everything as its last one left it."""

_BY_NAME = {
    GATE_FAILED: "done, but a diagnostic gate failed: read diagnostics.csv and the report before using the results",
    NOTHING_NEW: "the CDM, the protocol and the program are those of the last run: its results stand",
}
_BY_TYPE = {
    "COMPLETED": "done: the results and the report are in the run's folder",
    "CRASHED": "the process ended before the study did; start it again: what was finished is kept",
    "CANCELLING": "stopped by request; what was finished is kept",
    "CANCELLED": "stopped by request; what was finished is kept",
}


def tell_outcome(flow: Flow[Any, Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Hook for the end of a flow run: tell how it ended. Whatever cannot be told is logged, and stops nothing else."""
    log = flow_run_logger(flow_run, flow)
    lines = _lines(flow_run, state)
    log.info("%s: %s", state.name, lines["meaning"])
    for tell in (_publish, _notify):
        try:
            tell(flow_run, state, lines)
        except Exception as error:  # its text may hold the address of the block, and that a secret
            log.error("The outcome could not be told by %s: %s", tell.__name__.strip("_"), type(error).__name__)


def meaning_of(state: State[Any]) -> str:
    """What the end of a run means, and what to do; of a failure, the message that the command line would give."""
    if state.is_failed():
        return _failure(state)
    return _BY_NAME.get(state.name or "") or _BY_TYPE.get(state.type.value, "ended")


def _failure(state: State[Any]) -> str:
    try:
        error: Any = state.result(raise_on_failure=False, _sync=True)  # type: ignore[call-overload]
    except Exception:
        return "failed; its log says why"
    if isinstance(error, TspoError):
        return str(error)
    return reason_of(error) if isinstance(error, Exception) else "failed; its log says why"


def _lines(flow_run: FlowRun, state: State[Any]) -> dict[str, str]:
    return {
        "deployment": _deployment(flow_run),
        "run": flow_run.name,
        "state": state.name or state.type.value,
        "meaning": meaning_of(state),
        "link": url_for("flow-run", obj_id=flow_run.id) or "none: the server was a temporary one",
    }


def _deployment(flow_run: FlowRun) -> str:
    if flow_run.deployment_id is None:
        return "none: started by hand"
    try:
        with get_client(sync_client=True) as client:
            return client.read_deployment(flow_run.deployment_id).name
    except Exception:
        return "unknown: the server does not answer"


def _publish(flow_run: FlowRun, state: State[Any], lines: dict[str, str]) -> None:
    text = "\n".join(f"* **{name}**: {_indented(said)}" for name, said in lines.items())
    artifact = ArtifactCreate(
        key=ARTIFACT, type="markdown", description="How the last run ended", data=text, flow_run_id=flow_run.id
    )
    with get_client(sync_client=True) as client:
        client.create_artifact(artifact)


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")


def _notify(flow_run: FlowRun, state: State[Any], lines: dict[str, str]) -> None:
    """Send the lines through the block. Nights without anything new are not told: they would hide the others."""
    name = os.environ.get(BLOCK_VARIABLE)
    if not name or state.name == NOTHING_NEW:
        return
    subject = f"tspo-study, {lines['deployment']}: {lines['state']}"
    body = "\n".join(f"{key}: {said}" for key, said in lines.items())
    block: Any = Block.load(name, _sync=True)  # type: ignore[call-arg]
    if isinstance(block, NotificationBlock):
        sent: Any = block.notify(body, subject)
        if iscoroutine(sent):
            run_coro_as_sync(sent)
    elif isinstance(block, Webhook):
        answer: Any = run_coro_as_sync(block.call({"subject": subject, "body": body}))
        answer.raise_for_status()
    else:
        raise TypeError(f"{name} is no block that can notify")
