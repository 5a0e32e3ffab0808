"""What a run shows: bars on a terminal, lines elsewhere; the UI is tested in test_progress_in_ui."""

import io
import logging
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from rich.console import Console
from rich.progress import Progress, Task
from rich.theme import Theme

from flows import progress as module
from flows.progress import RunProgress
from tasks.progress import track
from tasks.storage.training_state import Journal
from tests.flows.ops.events import BEGIN, branch, epoch


class ConsoleHandler(logging.NullHandler):
    """A handler that writes to a console, as Prefect's does."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console


@pytest.fixture(params=[True])
def console(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Console:
    """Prefect's console, a terminal or not; its theme lacks the styles of bars."""
    theme = Theme({}, inherit=False)
    opened = Console(file=io.StringIO(), force_terminal=request.param, theme=theme, width=100)
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.NullHandler(), ConsoleHandler(opened)])
    monkeypatch.setattr(module, "get_run_logger", lambda: logging.getLogger("run"))
    return opened


class NoArtifacts:
    """Takes the events of branches, and publishes nothing."""

    def __init__(self, _: object) -> None:
        self.events: list[dict[str, Any]] = []
        self.publications: list[bool] = []
        NoArtifacts.last = self

    last: "NoArtifacts"

    def add(self, _: Any, event: dict[str, Any]) -> None:
        self.events.append(event)

    def publish(self, is_last: bool) -> None:
        self.publications.append(is_last)


@contextmanager
def shown(*jobs: Any) -> Iterator[tuple[RunProgress, list[Task]]]:
    """A run's progress within the block, and its bars."""
    progress = RunProgress()
    with progress.shown(), progress.followed(jobs):
        bars = progress._bars
        yield progress, bars.tasks if isinstance(bars, Progress) else []


@pytest.fixture(autouse=True)
def no_artifacts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is published, but in tests of the UI."""
    if "prefect_server" not in request.fixturenames:
        monkeypatch.setattr(module, "TrainingArtifacts", NoArtifacts)


@pytest.mark.usefixtures("console")
def test_a_bar_follows_batches_and_epochs() -> None:
    job = branch()
    with shown(job, branch("gru")) as (progress, (bar, other)):
        assert (bar.total, bar.completed, bar.fields["status"]) == (4, 0, "waiting")
        progress.show_event(job, BEGIN)
        assert bar.fields["status"] == "starting"
        progress.show_event(job, epoch(1))
        assert (bar.completed, bar.fields["status"]) == (1, "1/4 val 0.7000 acc 0.7500 loss 0.5000")
        progress.show_event(job, {"event": "batch", "epoch": 2, "batch": 3, "batches": 6})
        progress.show_event(job, {"event": "end"})
        assert bar.completed == 1.5
        progress.show_event(job, BEGIN)
        assert bar.completed == 0
        assert (other.completed, other.fields["status"]) == (0, "waiting")


@pytest.mark.parametrize("columns", [80, 120])
def test_bars_keep_their_width_and_the_time_left(console: Console, columns: int) -> None:
    console.width = columns
    job = branch("bidirectional_lstm")
    with shown(job) as (progress, (_, *_others)):
        progress.show_event(job, epoch(2))
        assert progress._bars is not None
        page = io.StringIO()
        Console(file=page, width=columns).print(progress._bars.get_renderable())
    (line,) = page.getvalue().splitlines()
    assert len(line.rstrip()) <= columns
    assert re.search(r"^train bidirectional_lstm seed 1 [━╸╺ ]{10,} +50 %", line), line
    assert re.search(r"(\d|-):(\d\d|--):(\d\d|--) 2/4 val 0\.70", line), line


@pytest.mark.usefixtures("console")
def test_a_reused_branch_is_full_at_once_and_a_failed_one_stays_where_it_was() -> None:
    with shown(branch(), branch("gru")) as (progress, bars):
        reused, failed = bars
        progress.begin("train", ["train lstm seed 1", "train gru seed 1"])
        assert len(bars) == 2
        progress.end("train", "train lstm seed 1", was_reused=True)
        assert (reused.completed, reused.fields["status"]) == (4, "reused")
        progress.show_event(branch("gru"), epoch(1))
        progress.fail("train", "train gru seed 1")
        assert (failed.completed, failed.fields["status"]) == (1, "failed")


@pytest.mark.parametrize("name", ["lstm", "gru"])
@pytest.mark.usefixtures("console")
def test_any_branch_or_step_may_fail(name: str) -> None:
    with shown(branch("lstm"), branch("gru")) as (progress, _):
        progress.begin("evaluate", ["evaluate lstm seed 1", "evaluate gru seed 1"])
        progress.fail("train", f"train {name} seed 1")
        progress.fail("evaluate", f"evaluate {name} seed 1")
        assert progress._bars is not None
        failed = [bar.description for bar in progress._bars.tasks if bar.fields["status"] == "failed"]
    assert failed == [f"train {name} seed 1", "evaluate"]


@pytest.mark.usefixtures("console")
def test_a_step_of_several_rows_counts_them() -> None:
    titles = ["evaluate lstm seed 1", "evaluate gru seed 1"]
    with shown() as (progress, _):
        progress.begin("evaluate", titles)
        assert progress._bars is not None
        (bar,) = progress._bars.tasks
        assert (bar.description, bar.completed, bar.total) == ("evaluate", 0, 2)
        progress.end("evaluate", titles[0])
        assert (bar.completed, bar.fields["status"]) == (1, "1 of 2")
        progress.end("evaluate", titles[1], was_reused=True)
        assert (bar.completed, bar.fields["status"]) == (2, "2 of 2, reused")


@pytest.mark.usefixtures("console")
def test_a_step_of_one_row_moves_until_it_ends() -> None:
    with shown() as (progress, _):
        progress.begin("report", ["report"])
        assert progress._bars is not None
        (bar,) = progress._bars.tasks
        assert (bar.total, bar.finished) == (None, False)
        progress.end("report", "report")
        assert bar.finished


@pytest.mark.usefixtures("console")
def test_the_bar_of_a_step_moves_by_bytes_while_the_step_reads() -> None:
    with shown() as (progress, _):
        progress.begin("fetch", ["fetch auto"])
        assert progress._bars is not None
        (bar,) = progress._bars.tasks
        with track("imdb.npz", 1_000, 200) as advance:
            assert (bar.total, bar.completed, bar.fields["status"]) == (1_000, 200, "imdb.npz")
            advance(300)
            assert bar.completed == 500
        progress.end("fetch", "fetch auto")
        assert (bar.total, bar.completed, bar.fields["status"]) == (1, 1, "")
    with track("no terminal", None) as advance:
        advance(10)


@pytest.mark.parametrize("console", [True, False], indirect=True)
def test_bars_are_for_terminals_only(console: Console) -> None:
    with shown(branch()):
        pass
    assert isinstance(console.file, io.StringIO)
    assert ("train lstm seed 1" in console.file.getvalue()) is console.is_terminal


@pytest.mark.parametrize("console", [False], indirect=True)
@pytest.mark.usefixtures("console")
def test_each_epoch_is_one_plain_line(caplog: pytest.LogCaptureFixture) -> None:
    with shown() as (progress, _), caplog.at_level(logging.INFO):
        for event in (BEGIN, {"event": "batch", "epoch": 1, "batch": 3, "batches": 6}, epoch(1)):
            progress.show_event(branch(), event)
    assert caplog.messages == [
        "lstm seed 1: epoch 1/4, 1.2 s, loss 0.5000, accuracy 0.7500, validation loss 0.6000, "
        "validation accuracy 0.7000"
    ]


def test_without_a_console_of_prefect_standard_error_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.NullHandler()])
    assert module.prefect_console().stderr


@pytest.mark.usefixtures("console")
def test_every_event_is_shown_and_the_last_one_is_published(tmp_path: Path) -> None:
    jobs = [branch(name, tmp_path / name) for name in ("gru", "lstm")]
    with shown(*jobs) as (_, bars):
        for job in jobs:
            journal = Journal(job.folder / "progress.jsonl")
            journal.write(**epoch(1))
            journal.write(**epoch(2))
    assert [bar.completed for bar in bars] == [2, 2]
    assert [event["epoch"] for event in NoArtifacts.last.events] == [1, 2, 1, 2]
    assert NoArtifacts.last.publications[-1] is True
    assert not any(NoArtifacts.last.publications[:-1])


@pytest.mark.usefixtures("console")
def test_a_failure_to_show_is_reported_once_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no terminal")

    monkeypatch.setattr(RunProgress, "show_event", fail)
    with shown(branch(folder=tmp_path)):
        for number in range(3):
            Journal(tmp_path / "progress.jsonl").write(number=number)
    assert [event["number"] for event in NoArtifacts.last.events] == [0, 1, 2]
    assert caplog.messages == ["Progress could not be shown (no terminal); training continues"]


@pytest.mark.usefixtures("prefect_server", "closed_clients")
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_a_run_is_followed_in_the_log_and_in_the_ui(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    name = f"net_{uuid.uuid4().hex[:8]}"

    @flow(name="followed")
    def train() -> None:
        with RunProgress().followed([branch(name, tmp_path)]):
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


@pytest.mark.usefixtures("console")
def test_an_error_in_the_block_passes_through_and_ends_the_display(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), shown(branch(folder=tmp_path)):
        raise ZeroDivisionError
    assert "progress" not in [thread.name for thread in threading.enumerate()]
