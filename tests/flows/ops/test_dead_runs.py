import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from prefect import Flow, Task
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.settings import PREFECT_API_URL
from prefect.states import Cancelling, Completed, Crashed, Pending, Running

from flows.ops import dead_runs
from flows.ops.dead_runs import (
    HOST,
    PROCESS,
    PROCESS_START,
    label_with_process,
    mark_dead_runs,
    mark_dead_tasks,
    mark_left_tasks,
)
from tasks.machine import process_start

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    """A client of the tests' server."""
    with get_client(sync_client=True) as opened:
        yield opened


@pytest.fixture
def flow() -> "Flow[[], None]":
    """A flow that no other test knows."""
    return Flow(lambda: None, name=f"flow-{uuid.uuid4()}")


def start(
    client: SyncPrefectClient, flow: "Flow[[], None]", labels: dict[str, str | int | float] | None = None
) -> FlowRun:
    """A run in state Running whose labels name its process."""
    run = client.create_flow_run(flow, state=Running())
    if labels:
        client.update_flow_run_labels(run.id, labels)
    return run


def state(client: SyncPrefectClient, run: FlowRun) -> str | None:
    """The name of a run's state."""
    return client.read_flow_run(run.id).state_name


def ended_process() -> dict[str, str | int | float]:
    """The labels of a process of this host that has ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        started = process_start(process.pid) or ""
    return {HOST: socket.gethostname(), PROCESS: process.pid, PROCESS_START: started}


def test_a_run_whose_process_lives_is_left_alone(client: SyncPrefectClient, flow: "Flow[[], None]") -> None:
    run = start(client, flow)
    label_with_process(str(run.id))
    assert mark_dead_runs(flow.name) == []
    assert state(client, run) == "Running"


def test_a_run_whose_process_is_gone_is_marked_with_its_tasks(
    client: SyncPrefectClient, flow: "Flow[[], None]"
) -> None:
    run = start(client, flow, ended_process())
    step = Task(lambda: None, name="step")
    running, completed = (
        client.create_task_run(step, run.id, dynamic_key=name, state=task_state)
        for name, task_state in {"a": Running(), "b": Completed()}.items()
    )
    assert mark_dead_runs(flow.name) == [run.name]
    crashed: State | None = client.read_flow_run(run.id).state
    assert crashed
    assert crashed.name == "Crashed"
    assert crashed.message
    assert "Completed work is kept: the same command resumes" in crashed.message
    assert client.read_task_run(running.id).state_name == "Crashed"
    assert client.read_task_run(completed.id).state_name == "Completed"


def test_another_process_with_the_same_number_does_not_save_a_run(
    client: SyncPrefectClient, flow: "Flow[[], None]"
) -> None:
    for other in (process_start(os.getppid()) or "", "another boot 1"):
        run = start(client, flow, {HOST: socket.gethostname(), PROCESS: os.getpid(), PROCESS_START: other})
        assert mark_dead_runs(flow.name) == [run.name]


def test_runs_of_other_flows_are_left_alone(client: SyncPrefectClient, flow: "Flow[[], None]") -> None:
    run = start(client, flow, ended_process())
    assert mark_dead_runs("another flow") == []
    assert state(client, run) == "Running"


def test_a_run_without_our_labels_is_another_projects(client: SyncPrefectClient, flow: "Flow[[], None]") -> None:
    run = start(client, flow)
    assert mark_dead_runs(flow.name) == []
    assert state(client, run) == "Running"


def test_a_task_that_still_runs_though_its_run_has_ended_is_marked(
    client: SyncPrefectClient, flow: "Flow[[], None]"
) -> None:
    ours, theirs = start(client, flow, ended_process()), start(client, flow)
    tasks = [
        client.create_task_run(Task(lambda: None, name="task"), run.id, dynamic_key="0", state=Running())
        for run in (ours, theirs)
    ]
    for run in (ours, theirs):
        client.set_flow_run_state(run.id, Completed(), force=True)
    assert mark_left_tasks(flow.name) == 1
    assert [client.read_task_run(task.id).state_name for task in tasks] == ["Crashed", "Running"]


def send_heartbeat(run: FlowRun) -> None:
    """What Prefect emits from a flow run."""
    event = {
        "id": str(uuid.uuid4()),
        "event": dead_runs.HEARTBEAT,
        "occurred": datetime.now(UTC).isoformat(),
        "resource": {"prefect.resource.id": f"prefect.flow-run.{run.id}"},
    }
    httpx.post(f"{PREFECT_API_URL.value()}/events", json=[event]).raise_for_status()


def test_runs_of_another_host_are_judged_by_their_heartbeats(
    client: SyncPrefectClient, flow: "Flow[[], None]", monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere: dict[str, str | int | float] = {HOST: "another-host", PROCESS: 1, PROCESS_START: ""}
    silent, beating = (start(client, flow, elsewhere) for _ in range(2))
    assert mark_dead_runs(flow.name) == []  # Both are younger than the silence that counts.
    send_heartbeat(beating)
    deadline = time.monotonic() + 30
    while not dead_runs._has_heartbeat(client, beating):  # The server writes events every few seconds.
        assert time.monotonic() < deadline
        time.sleep(0.2)
    monkeypatch.setattr(dead_runs, "_started_before", lambda *_: True)
    assert mark_dead_runs(flow.name) == [silent.name]
    assert state(client, beating) == "Running"


def test_the_tasks_of_a_run_can_be_marked_alone(client: SyncPrefectClient, flow: "Flow[[], None]") -> None:
    run = start(client, flow)
    task = client.create_task_run(Task(lambda: None, name="step"), run.id, dynamic_key="a", state=Running())
    mark_dead_tasks(str(run.id))
    assert client.read_task_run(task.id).state_name == "Crashed"
    assert state(client, run) == "Running"


def test_the_tasks_of_a_cancelled_run_are_cancelled(client: SyncPrefectClient, flow: "Flow[[], None]") -> None:
    run = start(client, flow)
    tasks = [
        client.create_task_run(Task(lambda: None, name="step"), run.id, dynamic_key=str(number), state=Running())
        for number in range(3)
    ]
    client.set_task_run_state(tasks[0].id, Crashed(), force=True)
    client.set_flow_run_state(run.id, Cancelling(), force=True)
    client.set_task_run_state(tasks[1].id, Crashed(), force=True)
    mark_dead_tasks(str(run.id))
    assert [client.read_task_run(task.id).state_name for task in tasks] == ["Crashed", "Cancelled", "Cancelled"]


@pytest.mark.parametrize("state_of_run", [Pending(), Running()])
@pytest.mark.parametrize(
    ("parameter", "silence", "found"),
    [("settings", timedelta(0), True), ("settings", timedelta(minutes=10), False), ("other", timedelta(0), False)],
)
def test_a_run_that_was_created_and_never_started_is_marked_after_a_while(
    state_of_run: "State[None]", parameter: str, silence: timedelta, found: bool,
    client: SyncPrefectClient, flow: "Flow[[], None]", monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(dead_runs, "PARAMETERS", {flow.name: "settings"})
    monkeypatch.setattr(dead_runs, "SILENCE", silence)
    run = client.create_flow_run(flow, parameters={parameter: 1}, state=state_of_run)
    assert mark_dead_runs(flow.name) == [run.name] * found
    assert state(client, run) == ("Crashed" if found else state_of_run.name)
