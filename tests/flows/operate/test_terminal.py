import io
import logging

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn
from rich.theme import Theme

from flows.operate import terminal
from flows.operate.terminal import Bars, Lines, terminal_view
from tests.flows.operate.events import BEGIN, branch, epoch


class ConsoleHandler(logging.NullHandler):
    """A handler that writes to a console, as Prefect's does."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console


@pytest.fixture
def progress() -> Progress:
    """A progress display that draws nothing by itself."""
    console = Console(file=io.StringIO(), force_terminal=True)
    return Progress(TextColumn("{task.description}"), console=console, auto_refresh=False)


def test_a_bar_follows_batches_and_epochs(progress: Progress) -> None:
    job = branch()
    bars = Bars(progress, [job, branch("gru")])
    bar, other = progress.tasks
    assert (bar.total, bar.completed, bar.fields["status"]) == (4, 0, "waiting")
    bars.show(job, BEGIN)
    assert bar.fields["status"] == "starting"
    bars.show(job, epoch(1))
    assert (bar.completed, bar.fields["status"]) == (1, "epoch 1/4 loss 0.5000 acc 0.7500 val 0.7000")
    bars.show(job, {"event": "batch", "epoch": 2, "batch": 3, "batches": 6})
    assert bar.completed == 1.5
    bars.show(job, {"event": "end"})
    assert bar.completed == 1.5
    assert (other.completed, other.fields["status"]) == (0, "waiting")


def test_a_reused_branch_is_full_at_once_and_a_failed_one_stays_where_it_was(progress: Progress) -> None:
    bars = Bars(progress, [branch(), branch("gru")])
    reused, failed = progress.tasks
    bars.begin("train", ["train lstm seed 1", "train gru seed 1"])
    assert len(progress.tasks) == 2
    bars.end("train", "train lstm seed 1", was_reused=True)
    assert (reused.completed, reused.fields["status"]) == (4, "reused")
    bars.show(branch("gru"), epoch(1))
    bars.fail("train", "train gru seed 1")
    assert (failed.completed, failed.fields["status"]) == (1, "failed")


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_any_branch_or_step_may_fail(progress: Progress, name: str) -> None:
    bars = Bars(progress, [branch("lstm"), branch("gru")])
    bars.begin("evaluate", ["evaluate lstm seed 1", "evaluate gru seed 1"])
    bars.fail("train", f"train {name} seed 1")
    bars.fail("evaluate", f"evaluate {name} seed 1")
    failed = [bar.description for bar in progress.tasks if bar.fields["status"] == "failed"]
    assert failed == [f"train {name} seed 1", "evaluate"]


def test_a_step_of_several_rows_counts_them(progress: Progress) -> None:
    bars = Bars(progress, [])
    bars.begin("evaluate", ["evaluate lstm seed 1", "evaluate gru seed 1"])
    (bar,) = progress.tasks
    assert (bar.description, bar.completed, bar.total) == ("evaluate", 0, 2)
    bars.end("evaluate", "evaluate lstm seed 1", was_reused=False)
    assert (bar.completed, bar.fields["status"]) == (1, "1 of 2")
    bars.end("evaluate", "evaluate gru seed 1", was_reused=True)
    assert (bar.completed, bar.fields["status"]) == (2, "2 of 2, reused")
    bars.begin("evaluate", ["evaluate lstm seed 1", "evaluate gru seed 1"])  # All rows are tried once more.
    assert (bar.completed, bar.fields["status"]) == (0, "0 of 2")


def test_a_step_of_one_row_moves_until_it_ends(progress: Progress) -> None:
    bars = Bars(progress, [])
    bars.begin("report", ["report"])
    (bar,) = progress.tasks
    assert (bar.total, bar.finished) == (None, False)
    bars.end("report", "report", was_reused=False)
    assert bar.finished


def test_a_branch_that_starts_again_gets_an_empty_bar(progress: Progress) -> None:
    job = branch()
    bars = Bars(progress, [job])
    bars.show(job, epoch(3))
    bars.show(job, BEGIN)
    assert progress.tasks[0].completed == 0


def test_each_epoch_is_one_plain_line(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(terminal, "get_run_logger", lambda: logging.getLogger("run"))
    with caplog.at_level(logging.INFO):
        for event in (BEGIN, {"event": "batch", "epoch": 1, "batch": 3, "batches": 6}, epoch(1)):
            Lines().show(branch(), event)
    assert caplog.messages == [
        "lstm seed 1: epoch 1/4, 1.2 s, loss 0.5000, accuracy 0.7500, validation loss 0.6000, "
        "validation accuracy 0.7000"
    ]


@pytest.mark.parametrize(("is_terminal", "view"), [(True, Bars), (False, Lines)])
def test_bars_are_for_terminals_only(is_terminal: bool, view: type, monkeypatch: pytest.MonkeyPatch) -> None:
    # Like Prefect's, this console's theme lacks the styles of bars.
    console = Console(file=io.StringIO(), force_terminal=is_terminal, theme=Theme({}, inherit=False), width=100)
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.NullHandler(), ConsoleHandler(console)])
    with terminal_view([branch()]) as shown:
        assert isinstance(shown, view)
    assert ("train lstm seed 1" in console.file.getvalue()) is is_terminal


def test_without_a_console_of_prefect_standard_error_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.NullHandler()])
    assert terminal._prefect_console().stderr
