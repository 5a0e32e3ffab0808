"""Runs that are killed, and what the next run makes of them."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.harness import SMALL, Process, ask, metrics, outcome, serving, wait_until_gone


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Prefect home of the module's own."""
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture(scope="module")
def undisturbed(home: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The outputs of a run that nothing happened to, and what came out."""
    outputs = tmp_path_factory.mktemp("undisturbed")
    run = Process.main(home, *SMALL, "--outputs", outputs)
    assert run.wait() == 0, run.output
    return outputs, outcome(outputs)


def test_branches_overlap_in_time(undisturbed: tuple[Path, dict[str, Any]]) -> None:
    branches = metrics(undisturbed[0])["branches"]
    assert max(branch["started"] for branch in branches) < min(branch["ended"] for branch in branches)


@pytest.mark.parametrize("stage", ["Beginning flow run", "evaluate lstm seed 1"])
def test_a_killed_run_resumes_and_ends_with_the_same_bits(
    stage: str, home: Path, undisturbed: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    run = Process.main(home, *SMALL, "--outputs", tmp_path)
    run.wait_for(stage)
    below = run.children()
    run.kill()
    assert wait_until_gone(below) == []
    again = Process.main(home, *SMALL, "--outputs", tmp_path)
    assert again.wait() == 0, again.output
    assert outcome(tmp_path) == undisturbed[1]


def test_a_run_killed_in_an_epoch_repeats_only_that_and_is_marked_as_crashed_with_its_tasks(
    home: Path, undisturbed: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    run = Process.main(home, *SMALL, "--outputs", tmp_path)
    run.wait_for("lstm seed 1: epoch 3/6")
    run.kill()
    again = Process.main(home, *SMALL, "--outputs", tmp_path)
    again.wait_for("is gone: marked as crashed")
    assert again.wait() == 0, again.output
    assert outcome(tmp_path) == undisturbed[1]
    line = next(line for line in again.lines if re.search("lstm seed 1: (resumes after epoch|reused)", line))
    assert "reused" in line or int(line.split("after epoch ")[1]) >= 3
    newest = """
from prefect.client.schemas.sorting import FlowRunSort
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
runs = client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=2)
tasks = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[runs[1].id])))
print(json.dumps([[run.state.name for run in runs], sorted({task.state.name for task in tasks})]))
"""
    runs, tasks = ask(home, newest)
    assert runs == ["Completed", "Crashed"]
    assert "Running" not in tasks


def test_a_run_killed_while_its_branches_start_leaves_no_process(home: Path, tmp_path: Path) -> None:
    run = Process.main(home, *SMALL, "--outputs", tmp_path)
    run.first_branches()
    below = run.children()
    run.kill()
    assert wait_until_gone(below) == []


def test_a_server_that_goes_away_while_branches_start_does_not_stop_the_run_for_ever(tmp_path: Path) -> None:
    with serving(tmp_path / "prefect") as (server, settings):
        impatient = settings | {"PREFECT_CLIENT_MAX_RETRIES": "0"}
        run = Process.main(tmp_path / "prefect", *SMALL, "--outputs", tmp_path / "outputs", **impatient)
        run.first_branches()
        server.kill()
        assert run.wait(120) == 1
    assert "Error: The Prefect server no longer answers" in run.output


def test_a_branch_whose_process_is_killed_resumes_in_the_same_run(
    home: Path, undisturbed: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    run = Process.main(home, *SMALL, "--outputs", tmp_path)
    run.wait_for("lstm seed 1: epoch 1/6")
    run.branches()[0].kill()
    assert run.wait() == 0, run.output
    assert "process ended before its task did" in run.output
    assert outcome(tmp_path) == undisturbed[1]


def test_a_killed_server_is_started_again(home: Path, undisturbed: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    run = Process.main(home, *SMALL, "--outputs", tmp_path)
    run.wait_for("lstm seed 1: epoch 1/6")
    run.servers()[0].kill()
    assert run.wait() == 0, run.output
    assert outcome(tmp_path) == undisturbed[1]
    states = ask(home, "print(json.dumps([run.state.name for run in client.read_flow_runs(limit=1)]))")
    assert "Running" not in states


def test_a_configured_server_that_goes_away_stops_no_training(
    home: Path, undisturbed: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    with serving(tmp_path / "prefect") as (server, settings):
        impatient = settings | {"PREFECT_CLIENT_MAX_RETRIES": "0"}
        run = Process.main(tmp_path / "prefect", *SMALL, "--outputs", tmp_path / "outputs", **impatient)
        run.wait_for("lstm seed 1: epoch 1/6")
        server.kill()
        assert run.wait() == 1
    assert "The report is written, but could not be published" in run.output
    assert "Error: The Prefect server no longer answers" in run.output
    assert outcome(tmp_path / "outputs") == undisturbed[1]
    again = Process.main(home, *SMALL, "--outputs", tmp_path / "outputs")
    assert again.wait() == 0, again.output
    assert "trained by" not in again.output


def test_ctrl_c_ends_within_five_seconds_and_says_how_to_resume(home: Path, tmp_path: Path) -> None:
    run = Process.main(home, *SMALL[:-1], "500", "--outputs", tmp_path)
    run.wait_for("lstm seed 1: epoch 1/500")
    below = run.children()
    run.interrupt()
    assert run.wait(5) == 130
    assert "Stopped. What is completed is kept" in run.output
    assert "Traceback" not in run.output
    assert wait_until_gone(below, 1) == []


def test_a_second_identical_run_trains_nothing(home: Path, undisturbed: tuple[Path, dict[str, Any]]) -> None:
    outputs, before = undisturbed
    again = Process.main(home, *SMALL, "--outputs", outputs)
    assert again.wait() == 0, again.output
    for step in ("fetch sample", "prepare 10000 words", "train lstm seed 1", "evaluate simple_rnn seed 1"):
        assert f"{step}" in again.output
        assert any(step in line and "reused" in line for line in again.lines), step
    assert "trained by" not in again.output
    assert outcome(outputs) == before


def test_another_batch_size_trains_again_but_prepares_nothing(
    home: Path, undisturbed: tuple[Path, dict[str, Any]]
) -> None:
    first = Process.main(
        home, *SMALL, "--outputs", undisturbed[0], "--batch-size", "50", "--models", "simple_rnn", "gru"
    )
    assert first.wait() == 0, first.output
    assert "prepare 10000 words, 120 tokens: reused" in first.output
    assert "simple_rnn seed 1: trained by" in first.output
    second = Process.main(home, *SMALL, "--outputs", undisturbed[0], "--models", "simple_rnn", "lstm")
    assert second.wait() == 0, second.output
    assert "trained by" not in second.output


def test_two_runs_at_once_train_each_network_once(home: Path, tmp_path: Path) -> None:
    runs = [Process.main(home, *SMALL, "--outputs", tmp_path) for _ in range(2)]
    assert [run.wait() for run in runs] == [0, 0], "".join(run.output for run in runs)
    both = "".join(run.output for run in runs)
    assert both.count("lstm seed 1: trained by") == 1
    assert both.count("simple_rnn seed 1: trained by") == 1


def test_a_full_disk_is_said_in_one_line_and_loses_nothing(
    home: Path, small_disk: Path, undisturbed: tuple[Path, dict[str, Any]]
) -> None:
    run = Process.main(home, *SMALL, "--outputs", small_disk / "outputs")
    assert run.wait() == 1, run.output
    last = run.lines[-1]
    assert last.startswith("Error:")
    assert "No space left on device" in last
    assert "Traceback" not in run.output
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    again = Process.main(home, *SMALL, "--outputs", small_disk / "outputs")
    assert again.wait() == 0, again.output
    assert outcome(small_disk / "outputs") == undisturbed[1]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system that holds 3 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", place], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a small file system needs the right to mount one ({mounted.stderr.strip()})")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_an_output_folder_that_cannot_be_written_is_said_in_one_line(home: Path) -> None:
    run = Process.main(home, *SMALL, "--outputs", "/proc/outputs")
    assert run.wait() == 1
    assert run.lines[-1].startswith("Error: /proc/outputs")
    assert "Traceback" not in run.output
