"""The Prefect tasks that make or reuse the results of steps, and the arrows that the UI draws between them."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any
from uuid import UUID

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, StateDetails
from prefect.logging import get_run_logger
from prefect.states import Completed
from prefect.task_engine import TaskRunTimeoutError

from flows.branch_process import BranchProcesses, TimeLimitError
from tasks.errors import DISK, NetworkError, PipelineError
from tasks.storage.reuse import Step
from tasks.storage.share import Share

ENDED_TWICE = (
    "its process ended twice before its task did: it was killed, perhaps because memory ran out (free some, or use "
    "--runner thread). The same command resumes after the last completed epoch"
)


def may_pass(_task: object, _run: object, state: Any) -> bool:
    """Whether Prefect should retry a failed step: after a network or disk error, not after bad data."""
    try:
        state.result()
    except NetworkError:
        return True
    except (TimeLimitError, TaskRunTimeoutError):
        return False
    except OSError as error:
        return error.errno not in DISK
    except Exception:
        return False
    return False


class Sealed:
    """Values for a task. Prefect does not look into this class, so that the UI links only the tasks that we name."""

    def __init__(self, **values: Any) -> None:
        self.values = values


@task(retries=1, retry_delay_seconds=5, retry_condition_fn=may_pass, persist_result=False, cache_policy=NO_CACHE)
def make(work: Sealed, awaited: Mapping[int, Any]) -> Any:
    """Make a step's result, as `_make` does; `awaited` has the inputs that other tasks make, by their positions."""
    return _make(awaited, **work.values)


def _make(
    awaited: Mapping[int, Any],
    step: Step[..., Any],
    inputs: tuple[Any, ...],
    fresh: bool,
    share: Share,
    processes: BranchProcesses | None = None,
    seconds: float | None = None,
) -> Any:
    """Make a step's result and store it; with `processes`, in one of them, if need be in a second one."""
    logger = get_run_logger()
    inputs = tuple(awaited.get(position, value) for position, value in enumerate(inputs))
    if processes is None:
        return share.keep(step, inputs, fresh, logger)
    try:
        return processes.do(share.keep, step, inputs, fresh, logger=logger, seconds=seconds)
    except BrokenProcessPool:
        logger.warning("The process ended before its task did; another one resumes after the last completed epoch")
    try:
        return processes.do(share.keep, step, inputs, False, logger=logger, seconds=seconds)
    except BrokenProcessPool:
        raise PipelineError(ENDED_TWICE) from None


@task(persist_result=False, cache_policy=NO_CACHE)
def reuse(work: Sealed) -> State[Any]:
    """Show in the UI that an earlier result of a step is reused."""
    return Completed(name="Cached", message=work.values["result"].title)


def after(tasks: Sequence[UUID]) -> list[State[Any]]:
    """What a task waits for so that the UI draws arrows from other tasks of the run, which have ended, to it."""
    return [Completed(data=True, state_details=StateDetails(task_run_id=task)) for task in tasks]


def task_of(state: State[Any]) -> UUID:
    """The id of the task run that ended in a state."""
    task = state.state_details.task_run_id
    if task is None:
        raise RuntimeError(f"the state {state} is not that of a task run")
    return task


def as_task(name: str, work: Callable[..., Any], *arguments: Any, previous: Sequence[UUID] = ()) -> Any:
    """Do work as a task, which the UI shows in the timeline, with arrows from the previous ones.

    It takes no arguments: Prefect would traverse them.
    """

    @task(name=name, task_run_name=name, persist_result=False, cache_policy=NO_CACHE)
    def shown() -> Any:
        return work(*arguments)

    return shown(wait_for=after(previous))
