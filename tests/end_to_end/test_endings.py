"""Runs that are told to stop, and runs whose audience is gone: they end, finish, and leave nothing running."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Served
from tests.end_to_end.harness import ROOT, SMALL, Process, ask, environment, wait_until_gone

LONG = (*SMALL[:-1], "500")
STAGES = ["Beginning flow run", "Dataset", "lstm seed 1: epoch 1/500"]
UNFINISHED = """
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
runs = client.read_flow_runs()
tasks = client.read_task_runs(limit=200)
running = [task.name for task in tasks if not task.state or not task.state.is_final()]
print(json.dumps([[run.state.name for run in runs], running]))
"""


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_ends_the_run_with_its_processes_and_tasks(
    number: signal.Signals, stage: str, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    home = tmp_path_factory.getbasetemp() / "signal-home"
    run = Process.main(home, *LONG, "--outputs", tmp_path)
    run.wait_for(stage)
    below = run.children()
    os.kill(run.pid, number)
    assert run.wait(15) == 128 + number
    assert "Stopped. What is completed is kept" in run.output
    assert "Traceback" not in run.output
    assert wait_until_gone(below, 5) == []
    states, running = ask(home, UNFINISHED)
    assert set(states) == {"Crashed"}
    assert running == []


@pytest.mark.parametrize("stage", [*STAGES[:2], "lstm seed 1: epoch 1/6"])
def test_a_run_whose_output_nobody_reads_finishes(stage: str, tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "flows" / "main.py", *SMALL, "--outputs", tmp_path / "outputs"]
    with subprocess.Popen(
        command, env=environment(tmp_path / "home"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        assert run.stdout
        for line in run.stdout:
            if stage in line:
                break
        run.stdout.close()
        assert run.wait(180) == 0
    assert (tmp_path / "outputs" / "latest" / "report.html").exists()


def test_a_branch_that_is_killed_again_and_again_ends_the_run(tmp_path: Path) -> None:
    run = Process.main(tmp_path / "home", *LONG, "--outputs", tmp_path / "outputs")
    run.wait_for("lstm seed 1: epoch 1/500")
    seen = len(run.lines)
    for branch in run.branches():
        branch.kill()
    run.wait_for("lstm seed 1: resumes after epoch", after=seen)
    for branch in run.branches():
        branch.kill()
    assert run.wait(60) == 1
    assert "ended twice before its task did" in run.lines[-1]
    assert "Traceback" not in run.output


def test_a_run_whose_worker_is_killed_finishes_and_frees_its_slot(deployed: Served, tmp_path: Path) -> None:
    data = {"source": "sample", "reviews": 600, "max_length": 120}
    settings = {"data": data, "training": {"epochs": 40}, "run": {"outputs": str(tmp_path)}}
    assert deployed.worker
    already = len(deployed.worker.lines)
    with deployed.client() as client:
        deployment = client.read_deployment_by_name("train/train")
        run = client.create_flow_run_from_deployment(deployment.id, parameters={"settings": settings})
    deployed.worker.wait_for("lstm seed 1: epoch 2/40", after=already)
    below = deployed.worker.children()
    deployed.worker.kill()
    assert wait_until_gone(below, 120) == []
    assert (tmp_path / "latest" / "report.html").exists()
    with deployed.client() as client:
        assert client.read_flow_run(run.id).state_name == "Completed"
    deployed.start_worker()
