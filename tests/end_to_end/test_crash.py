"""Runs that are killed, and what the next run makes of them."""

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.harness import (
    EPOCHS,
    SMALL,
    Process,
    metrics,
    outcome,
    recorded,
    serving,
    wait_until_gone,
)

# A client does not repeat its requests to a server that is gone, nor try for seven seconds to send it each event.
IMPATIENT = {"PREFECT_CLIENT_MAX_RETRIES": "0", "PREFECT_EVENTS_WORKER_MAX_QUEUE_SIZE": "1"}


@pytest.mark.slow
def test_branches_overlap_in_time(undisturbed: Path) -> None:
    branches = metrics(undisturbed)["branches"]
    assert max(branch["started"] for branch in branches) < min(branch["ended"] for branch in branches)


@pytest.mark.slow
def test_a_killed_run_repeats_one_epoch_and_is_marked_as_crashed(home: Path, undisturbed: Path, prepared: Path) -> None:
    run = Process.main(home, *SMALL, "--outputs", prepared)
    run.wait_for_epoch(prepared, "lstm", 3)
    below = run.children()
    run.kill()
    assert wait_until_gone(below) == []
    again = Process.main(home, *SMALL, "--outputs", prepared)
    again.wait_for("is gone: marked as crashed")
    assert again.wait() == 0, again.output
    assert outcome(prepared) == outcome(undisturbed)
    resumed = re.search(r"lstm seed 1: resumes after epoch (\d+)", again.output)
    assert resumed, again.output
    assert 3 <= int(resumed[1]) < EPOCHS
    assert recorded(home, "SELECT state_name FROM flow_run ORDER BY start_time") == ["Crashed", "Completed"]
    assert "Running" not in recorded(home, "SELECT state_name FROM task_run")


@pytest.mark.slow
def test_a_run_killed_while_its_branches_start_leaves_no_process(home: Path, prepared: Path) -> None:
    run = Process.main(home, *SMALL, "--outputs", prepared)
    run.first_branches()
    below = run.children()
    run.kill()
    assert wait_until_gone(below) == []


@pytest.mark.slow
def test_a_server_lost_while_branches_start_ends_the_run(home: Path, prepared: Path) -> None:
    with serving(home) as (server, settings):
        run = Process.main(home, *SMALL, "--outputs", prepared, **settings, **IMPATIENT)
        run.first_branches()
        server.kill()
        assert run.wait(120) == 1
    assert "Error: The Prefect server no longer answers" in run.output


@pytest.mark.slow
def test_a_killed_server_is_started_again_and_a_killed_branch_resumes_in_the_same_run(
    home: Path, undisturbed: Path, prepared: Path
) -> None:
    run = Process.main(home, *SMALL, "--outputs", prepared)
    run.wait_for_epoch(prepared, "lstm", 1)
    (killed,) = run.servers()
    killed.kill()
    run.branches()[0].kill()
    assert run.wait() == 0, run.output
    assert "process ended before its task did" in run.output
    assert outcome(prepared) == outcome(undisturbed)
    assert recorded(home, "SELECT state_name FROM flow_run") == ["Completed"]


@pytest.mark.slow
def test_a_configured_server_that_goes_away_stops_no_training(home: Path, undisturbed: Path, prepared: Path) -> None:
    with serving(home) as (server, settings):
        run = Process.main(home, *SMALL, "--outputs", prepared, **settings, **IMPATIENT)
        run.wait_for_epoch(prepared, "lstm", 1)
        server.kill()
        assert run.wait() == 1
    assert "The results are kept, but could not be published" in run.output
    assert "Error: The Prefect server no longer answers" in run.output
    assert outcome(prepared) == outcome(undisturbed)
    again = Process.main(home, *SMALL, "--outputs", prepared)
    assert again.wait() == 0, again.output
    for step in ("fetch sample", "prepare 10000 words", "train lstm seed 1", "evaluate simple_rnn seed 1"):
        assert any(step in line and "reused" in line for line in again.lines), step
    assert "trained by" not in again.output
    assert outcome(prepared) == outcome(undisturbed)


@pytest.mark.slow
def test_of_two_runs_at_once_each_trains_only_what_the_other_does_not(
    new_home: Callable[[], Path], repeated: Path
) -> None:
    kept = {path: path.read_bytes() for path in repeated.glob("models/*/*")}
    others = ("--batch-size", "50", "--models", "simple_rnn", "gru")
    runs = [Process.main(new_home(), *SMALL, *others, "--outputs", repeated) for _ in range(2)]
    assert [run.wait() for run in runs] == [0, 0], "".join(run.output for run in runs)
    for run in runs:
        assert "prepare 10000 words, 120 tokens: reused" in run.output
    both = "".join(run.output for run in runs)
    assert both.count("simple_rnn seed 1: trained by") == 1
    assert both.count("gru seed 1: trained by") == 1
    assert len(kept) > 10
    assert [path for path, content in kept.items() if path.read_bytes() != content] == []


@pytest.mark.slow
def test_a_full_disk_is_said_in_one_line_and_loses_nothing(home: Path, small_disk: Path, undisturbed: Path) -> None:
    run = Process.main(home, *SMALL, "--outputs", small_disk / "outputs")
    assert run.wait() == 1, run.output
    last = run.lines[-1]
    assert last.startswith("Error:")
    assert "No space left on device" in last
    assert "Traceback" not in run.output
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    again = Process.main(home, *SMALL, "--outputs", small_disk / "outputs")
    assert again.wait() == 0, again.output
    assert outcome(small_disk / "outputs") == outcome(undisturbed)


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


SWEEP = (
    "sweep",
    *SMALL[:-1],
    "2",
    "--trials",
    "12",
    "--finalists",
    "2",
    "--search",
    "units=8..64:log",
    "cell=lstm,gru",
)


@pytest.mark.slow
def test_a_killed_sweep_ends_with_the_same_trials_and_the_same_winner(home: Path, tmp_path: Path) -> None:
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    assert Process.main(home, *SWEEP, "--outputs", undisturbed).wait() == 0
    sweep = Process.main(home, *SWEEP, "--outputs", killed)
    sweep.wait_for("Trial 9:")
    below = sweep.children()
    sweep.kill()
    assert wait_until_gone(below) == []
    again = Process.main(home, *SWEEP, "--outputs", killed)
    assert again.wait() == 0, again.output
    assert again.output.count(": reused (") >= 9
    assert found(killed) == found(undisturbed)


def found(outputs: Path) -> list[object]:
    """What a sweep found: its trials with their curves, and its finalists with their scores."""
    m = metrics(outputs)
    trials = [
        (each["settings"], each["state"], [(epoch["loss"], epoch["val_loss"]) for epoch in each["history"]])
        for each in m["trials"]
    ]
    return [trials, [(each["trial"]["number"], each["validation"], each["accuracy"]) for each in m["finalists"]]]
