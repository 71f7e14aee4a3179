"""How the end of a run is told: by the artifact, by the log, and by a real webhook on loopback."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from prefect import flow, get_client
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.blocks.system import Secret
from prefect.blocks.webhook import Webhook
from prefect.client.schemas.filters import ArtifactFilter, FlowRunFilter
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import ArtifactSort, FlowRunSort
from prefect.states import Cancelling, Completed, Crashed

from cohort.errors import CannotStudy
from cohort.study import RunSettings
from flows.notices import ARTIFACT, BLOCK_VARIABLE, GATE_FAILED, NOTHING_NEW, meaning_of, tell_outcome
from flows.study import study
from tests.conftest import shared_data
from tests.flows.conftest import SHORT


class Receiver(HTTPServer):
    """A web server that keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Keep)
        self.received: list[dict[str, Any]] = []
        self.url = f"http://127.0.0.1:{self.server_port}/hook"


class _Keep(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        self.server.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def last_run() -> tuple[FlowRun, str]:
    """The run that ended last, and its artifact."""
    with get_client(sync_client=True) as client:
        (run,) = client.read_flow_runs(limit=1, sort=FlowRunSort.END_TIME_DESC)
        (artifact,) = client.read_artifacts(
            artifact_filter=ArtifactFilter.model_validate({"key": {"any_": [ARTIFACT]}}),
            flow_run_filter=FlowRunFilter.model_validate({"id": {"any_": [run.id]}}),
            limit=1,
            sort=ArtifactSort.CREATED_DESC,
        )
        return run, str(artifact.data)


def ends(name: str | None) -> None:
    """A flow with the study's hooks that ends in a state of that name."""

    @flow(name="short", on_completion=[tell_outcome], flow_run_name="primary on a.duckdb, lag 1095")
    def short() -> Any:
        return Completed(name=name)

    short(return_state=True)


def test_a_cdm_that_cannot_be_studied_is_told_in_the_words_of_the_command_line(
    small_cdm: Path, tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = {"name": "night", "url": receiver.url, "json_data": {"text": "{{subject}}\n{{body}}"}}
    CustomWebhookNotificationBlock.model_validate(block).save("night", overwrite=True)
    monkeypatch.setenv(BLOCK_VARIABLE, "custom-webhook/night")
    settings = RunSettings(cdm=str(small_cdm), out=str(tmp_path / "run"), changes=("study_end=1990-01-01",))
    with pytest.raises(CannotStudy) as error:
        study(settings)
    (sent,) = receiver.received
    run, artifact = last_run()
    assert run.name == "primary on small.duckdb, lag 1095"
    assert sent["text"].splitlines()[:5] == [
        "tspo-study, none: started by hand: Failed",
        "deployment: none: started by hand",
        "run: primary on small.duckdb, lag 1095",
        "state: Failed",
        "meaning: This CDM cannot be studied:",
    ]
    assert error.value.problems[0] in sent["text"]
    assert error.value.problems[0] in artifact
    assert f"/runs/flow-run/{run.id}" in sent["text"]
    assert str(small_cdm.parent) not in sent["text"] + artifact


def test_a_failed_gate_is_a_state_of_its_own_and_is_sent(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    Webhook.model_validate({"url": receiver.url}).save("night", overwrite=True)
    monkeypatch.setenv(BLOCK_VARIABLE, "webhook/night")
    ends(GATE_FAILED)
    (sent,) = receiver.received
    assert sent["subject"] == "tspo-study, none: started by hand: Gate failed"
    assert "a diagnostic gate failed: read diagnostics.csv" in sent["body"]
    assert "**state**: Gate failed" in last_run()[1]


def test_a_run_without_anything_new_is_shown_and_not_sent(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    Webhook.model_validate({"url": receiver.url}).save("night", overwrite=True)
    monkeypatch.setenv(BLOCK_VARIABLE, "webhook/night")
    ends(NOTHING_NEW)
    assert receiver.received == []
    assert "**state**: Nothing new" in last_run()[1]


@pytest.mark.parametrize("block", ["webhook/dead", "webhook/there-is-none", "secret/password", "nonsense"])
def test_a_block_that_does_not_work_stops_nothing_and_tells_no_address(
    block: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Webhook.model_validate({"url": "http://127.0.0.1:9/t0ken"}).save("dead", overwrite=True)
    Secret(value="t0ken").save("password", overwrite=True)
    monkeypatch.setenv(BLOCK_VARIABLE, block)
    ends(None)
    assert "**state**: Completed" in last_run()[1]
    assert "The outcome could not be told by notify" in caplog.text
    assert "t0ken" not in caplog.text


def test_a_crash_and_a_stop_are_told_without_the_text_of_an_error() -> None:
    """Prefect's own message of a crash holds the text of whatever crashed it."""
    assert meaning_of(Crashed(message="person 42")) == (
        "the process ended before the study did; start it again: what was finished is kept"
    )
    assert meaning_of(Cancelling(message="person 42")) == "stopped by request; what was finished is kept"


def test_the_study_ends_in_the_state_gate_failed(tmp_path: Path) -> None:
    """Fifty persons are too few for its gates."""
    state = study(
        RunSettings(cdm=str(shared_data("synpuf_50p_5.2")), out=str(tmp_path / "run"), changes=SHORT), return_state=True
    )
    assert (state.type.value, state.name) == ("COMPLETED", GATE_FAILED)
    assert last_run()[0].state_name == GATE_FAILED


def test_a_night_without_anything_new_does_nothing(small_cdm: Path, tmp_path: Path) -> None:
    settings = RunSettings(cdm=str(small_cdm), out=str(tmp_path / "run"), changes=SHORT, only_if_new=True)
    first = study(settings)
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / "release").rglob("*")}
    again = study(settings, return_state=True)
    assert again.name == NOTHING_NEW
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / "release").rglob("*")} == written
    outcome: Any = again.data
    assert (outcome.result.report, outcome.result.gate_failed) == (first.report, first.gate_failed)


def test_a_run_from_nothing_goes_into_a_folder_of_its_day(small_cdm: Path, tmp_path: Path) -> None:
    settings = RunSettings(cdm=str(small_cdm), out=str(tmp_path / "monthly"), changes=SHORT, new_folder=True)
    outcome = study(settings)
    (folder,) = (tmp_path / "monthly").iterdir()
    assert Path(outcome.report) == folder / "release" / "report.html"
    assert Path(outcome.report).exists()
