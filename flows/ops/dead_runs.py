"""Marks as Crashed the runs whose processes were killed; otherwise the UI would show them as running forever.

A killed process cannot report its end. So each run records its host and process in its labels, and the next run looks
for processes that are gone. Runs on other hosts are judged by the heartbeats that Prefect emits for each flow run.
"""

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType, TaskRun
from prefect.client.schemas.sorting import FlowRunSort, TaskRunSort
from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter, EventResourceFilter
from prefect.states import Cancelled, Crashed

from tasks.machine import process_start

HOST, PROCESS, PROCESS_START = "rnn.host", "rnn.process", "rnn.process-start"
UNFINISHED = [StateType.RUNNING, StateType.PENDING, StateType.SCHEDULED]
ENDED = [StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED]
# The parameter by which a run of these flows is known as one of this project.
PARAMETERS = {"train": "settings", "score": "texts"}
HEARTBEAT = "prefect.flow-run.heartbeat"
MAX_PAGES = 100
PAGE = 200  # Runs in one answer of the server; newer FastAPI refuses a request that leaves the number open.
SILENCE = timedelta(minutes=10)  # Three missed heartbeats of the default 180 s.


def label_with_process(run: str) -> None:
    """Record in a run's labels that this process executes the run."""
    labels: dict[str, bool | int | float | str] = {
        HOST: socket.gethostname(),
        PROCESS: os.getpid(),
        PROCESS_START: process_start(os.getpid()) or "",
    }
    with get_client(sync_client=True) as client:
        client.update_flow_run_labels(UUID(run), labels)


def mark_dead_runs(flow: str) -> list[str]:
    """Mark runs of the flow whose processes are gone, and their tasks, as Crashed; return the runs' names.

    A run that was created and never started counts, too.
    """
    with get_client(sync_client=True) as client:
        dead = list(_dead_runs(client, flow))
        for run in dead:
            _mark(client, run)
    return [run.name for run in dead]


def _dead_runs(client: SyncPrefectClient, flow: str) -> Iterator[FlowRun]:
    running = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.PENDING]))
    flows = FlowFilter(name=FlowFilterName(any_=[flow]))
    runs = client.read_flow_runs(
        flow_filter=flows, flow_run_filter=FlowRunFilter(state=running), sort=FlowRunSort.START_TIME_DESC, limit=PAGE
    )
    for run in runs:
        # Another run belongs to another project, even if its flow has the same name.
        if (HOST in run.labels or PARAMETERS.get(flow) in run.parameters) and _is_dead(client, run):
            yield run


def _is_dead(client: SyncPrefectClient, run: FlowRun) -> bool:
    """Whether a run's process is gone. A run without labels was killed, or has yet to start, before it set them."""
    if run.labels.get(HOST) == socket.gethostname() and PROCESS_START in run.labels:
        return process_start(int(str(run.labels[PROCESS]))) != run.labels[PROCESS_START]
    return _started_before(run, SILENCE) and not _has_heartbeat(client, run)


def _started_before(run: FlowRun, age: timedelta) -> bool:
    since = run.start_time or (run.state.timestamp if run.state else None)
    return since is not None and since < datetime.now(UTC) - age


def _has_heartbeat(client: SyncPrefectClient, run: FlowRun) -> bool:
    events = EventFilter(
        occurred=EventOccurredFilter(since=datetime.now(UTC) - SILENCE),
        event=EventNameFilter(name=[HEARTBEAT]),
        resource=EventResourceFilter(id=[f"prefect.flow-run.{run.id}"]),
    )
    return bool(client.read_events(events, limit=1).events)


def mark_dead_tasks(run: str) -> None:
    """Mark a run's unfinished tasks as Crashed, or as Cancelled if the run is; their processes must be gone.

    A task that noticed the end of a cancelled run calls itself Crashed; it is Cancelled, too.
    """
    with get_client(sync_client=True) as client:
        flow_run = client.read_flow_run(UUID(run))
        _mark_tasks(client, flow_run)
        if not _is_cancelled(flow_run):
            return
        for task in _tasks(client, flow_run, [StateType.CRASHED]):
            if flow_run.state and task.state and task.state.timestamp >= flow_run.state.timestamp:
                client.set_task_run_state(task.id, _end_of_tasks(flow_run), force=True)


def _is_cancelled(run: FlowRun) -> bool:
    return run.state is not None and (run.state.is_cancelling() or run.state.is_cancelled())


def _end_of_tasks(run: FlowRun) -> State[Any]:
    """The state of tasks that ended because their run did."""
    return Cancelled(message="Its run was cancelled") if _is_cancelled(run) else Crashed(message="Its process is gone")


def mark_left_tasks(flow: str) -> int:
    """Mark unfinished tasks of the flow's ended runs as Crashed, and return how many there were."""
    ended = FlowRunFilterState(type=FlowRunFilterStateType(any_=ENDED))
    with get_client(sync_client=True) as client:
        tasks = client.read_task_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])),
            flow_run_filter=FlowRunFilter(state=ended),
            task_run_filter=TaskRunFilter(state=TaskRunFilterState(type=TaskRunFilterStateType(any_=UNFINISHED))),
            sort=TaskRunSort.EXPECTED_START_TIME_DESC,
            limit=PAGE,
        )
        runs = {task.flow_run_id for task in tasks if task.flow_run_id}
        ours = [run for run in map(client.read_flow_run, runs) if HOST in run.labels]
        return sum(_mark_tasks(client, run) for run in ours)


def _tasks(client: SyncPrefectClient, run: FlowRun, types: list[StateType]) -> list[TaskRun]:
    """The newest of a run's tasks in states of some types."""
    return client.read_task_runs(
        flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id])),
        task_run_filter=TaskRunFilter(state=TaskRunFilterState(type=TaskRunFilterStateType(any_=types))),
        sort=TaskRunSort.EXPECTED_START_TIME_DESC,
        limit=PAGE,
    )


def _mark_tasks(client: SyncPrefectClient, run: FlowRun) -> int:
    """Mark a run's unfinished tasks as ended; return how many there were."""
    marked = 0
    for _ in range(MAX_PAGES):
        tasks = _tasks(client, run, UNFINISHED)
        for task in tasks:
            client.set_task_run_state(task.id, _end_of_tasks(run), force=True)
        marked += len(tasks)
        if len(tasks) < PAGE:
            break
    return marked


def _mark(client: SyncPrefectClient, run: FlowRun) -> None:
    _mark_tasks(client, run)
    message = "Its process is gone. Completed work is kept: the same command resumes"
    client.set_flow_run_state(run.id, Crashed(message=message), force=True)
