import logging
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from flows.operate import progress
from flows.operate.progress import Board, _Follower, watched
from tasks.storage.journal import Journal
from tests.flows.operate.events import branch, epoch


class Recorder:
    """A view that notes what it is asked to show, and may fail."""

    def __init__(self, error: Exception | None = None) -> None:
        self.shown: list[tuple[str, Any]] = []
        self.publications: list[bool] = []
        self._error = error

    def show(self, job: Any, event: dict[str, Any]) -> None:
        self.shown.append((job.label, event["number"]))
        if self._error:
            raise self._error

    def publish(self, is_last: bool) -> None:
        self.publications.append(is_last)


@pytest.fixture
def logger(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain logger in place of that of a run."""
    monkeypatch.setattr(progress, "get_run_logger", lambda: logging.getLogger("run"))


@pytest.mark.usefixtures("logger")
def test_every_event_reaches_both_views_and_the_last_one_is_published(tmp_path: Path) -> None:
    jobs = [branch(name, tmp_path / name) for name in ("gru", "lstm")]
    terminal, artifacts, done = Recorder(), Recorder(), threading.Event()
    follower = _Follower(jobs, terminal, artifacts)
    thread = threading.Thread(target=follower.follow, args=(done,))
    thread.start()
    for job in jobs:
        Journal(job.folder / "progress.jsonl").write(number=1)
        Journal(job.folder / "progress.jsonl").write(number=2)
    done.set()
    thread.join(10)
    assert sorted(terminal.shown) == [("gru seed 1", 1), ("gru seed 1", 2), ("lstm seed 1", 1), ("lstm seed 1", 2)]
    assert artifacts.shown == terminal.shown
    assert artifacts.publications[-1] is True
    assert not any(artifacts.publications[:-1])


@pytest.mark.usefixtures("logger")
def test_a_view_that_fails_is_reported_once_and_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    job = branch(folder=tmp_path)
    terminal, artifacts, done = Recorder(OSError("no terminal")), Recorder(), threading.Event()
    follower = _Follower([job], terminal, artifacts)
    for number in range(3):
        Journal(tmp_path / "progress.jsonl").write(number=number)
    done.set()
    follower.follow(done)
    assert [number for _, number in artifacts.shown] == [0, 1, 2]
    assert caplog.messages == ["Progress could not be shown (no terminal); training continues"]


@pytest.mark.usefixtures("prefect_server", "closed_clients")
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_a_run_is_watched_in_the_terminal_and_in_the_ui(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    name = f"net_{uuid.uuid4().hex[:8]}"

    @flow(name="watched")
    def train() -> None:
        with watched(Board(), [branch(name, tmp_path)]):
            journal = Journal(tmp_path / "progress.jsonl")
            journal.write(event="begin", epochs=4)
            for number in range(1, 5):
                journal.write(**epoch(number))

    train()
    assert [line.split(",")[0] for line in caplog.messages if "seed 1" in line] == [
        f"{name} seed 1: epoch {number}/4" for number in range(1, 5)
    ]
    key = f"progress-{name}-seed1".replace("_", "-")
    with get_client(sync_client=True) as client:
        (artifact,) = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
    assert float(str(artifact.data)) == 100.0


@pytest.mark.usefixtures("prefect_server")
def test_an_error_in_the_block_passes_through(tmp_path: Path) -> None:
    @flow(name="watched")
    def train() -> None:
        with watched(Board(), [branch(folder=tmp_path)]):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train()
    assert "progress" not in [thread.name for thread in threading.enumerate()]
