"""Runs that are told to stop, and runs whose audience is gone: they end, finish, and leave nothing running."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.harness import (
    EPOCHS,
    LONG,
    ROOT,
    SMALL,
    Process,
    environment,
    recorded,
    wait_until_gone,
)

UNFINISHED = """
    SELECT name FROM task_run
    WHERE state_type IS NULL OR state_type NOT IN ('COMPLETED', 'FAILED', 'CRASHED', 'CANCELLED')
"""


def check_ending(run: Process, number: signal.Signals, home: Path, seconds: float) -> None:
    """A run that was just told to stop does so in time, says how to resume, and leaves nothing that runs."""
    below = run.children()
    assert run.wait(seconds) == 128 + number
    assert "Stopped. Completed work is kept: the same command resumes." in run.output
    assert "Traceback" not in run.output
    assert wait_until_gone(below, 5) == []
    assert recorded(home, "SELECT state_name FROM flow_run") == ["Crashed"]
    assert recorded(home, UNFINISHED) == []


@pytest.mark.slow
def test_ctrl_c_in_an_epoch_ends_the_run_within_five_seconds(home: Path, prepared: Path) -> None:
    run = Process.main(home, *LONG, "--outputs", prepared)
    run.wait_for_epoch(prepared, "lstm", 1)
    run.interrupt()
    check_ending(run, signal.SIGINT, home, seconds=5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "stage"),
    [(signal.SIGTERM, "Beginning flow run"), (signal.SIGHUP, "Dataset")],
    ids=["SIGTERM", "SIGHUP"],
)
def test_a_signal_before_the_first_epoch_ends_the_run(
    number: signal.Signals, stage: str, home: Path, tmp_path: Path
) -> None:
    run = Process.main(home, *LONG, "--outputs", tmp_path)
    run.wait_for(stage)
    os.kill(run.pid, number)
    check_ending(run, number, home, seconds=15)


@pytest.mark.slow
@pytest.mark.parametrize(
    "stage", ["Beginning flow run", f"lstm seed 1: epoch 1/{EPOCHS}"], ids=["before branches", "in an epoch"]
)
def test_a_run_whose_output_nobody_reads_finishes(stage: str, home: Path, prepared: Path) -> None:
    command = [sys.executable, ROOT / "flows" / "main.py", *SMALL, "--models", "lstm", "--outputs", prepared]
    with subprocess.Popen(
        command, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        assert run.stdout
        for line in run.stdout:
            if stage in line:
                break
        run.stdout.close()
        assert run.wait(180) == 0
    assert (prepared / "latest" / "report.html").exists()


@pytest.mark.slow
def test_a_branch_that_is_killed_again_and_again_ends_the_run(home: Path, prepared: Path) -> None:
    run = Process.main(home, *LONG, "--outputs", prepared)
    run.wait_for_epoch(prepared, "lstm", 1)
    seen = len(run.lines)
    for branch in run.branches():
        branch.kill()
    run.wait_for("lstm seed 1: resumes after epoch", after=seen)
    for branch in run.branches():
        branch.kill()
    assert run.wait(60) == 1
    assert "ended twice before its task did" in run.lines[-1]
    assert "Traceback" not in run.output
