"""A run: its outputs, shared store, clock and progress, and how it does a step, once or for all branches."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from prefect import runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import UnfinishedRun, UpstreamTaskError
from prefect.futures import PrefectFuture
from prefect.logging import get_run_logger
from prefect.states import Completed
from prefect.task_engine import TaskRunTimeoutError

from flows.branch_process import BranchProcesses, TimeLimitError
from flows.environment import ignore_closed_output, unexpected
from flows.ops.dead_runs import label_with_process, mark_dead_runs, mark_dead_tasks
from flows.ops.deployed_commit import warn_of_another_commit
from flows.ops.notify import post_line
from flows.pool import Runner, branches_on, preload_branches, text_workers
from flows.progress import RunProgress
from flows.settings import Settings
from tasks.errors import DISK, NetworkError, PipelineError, one_line
from tasks.job import Job
from tasks.results.data import TextData
from tasks.storage.layout import RUNS
from tasks.storage.reuse import Result, Step
from tasks.storage.share import Share

T = TypeVar("T", bound=Result)
Work = TypeVar("Work")
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


@task(retries=1, retry_delay_seconds=5, retry_condition_fn=may_pass, persist_result=False, cache_policy=NO_CACHE)
def make(
    step: Step[..., Any],
    inputs: tuple[Any, ...],
    fresh: bool,
    share: Share,
    processes: BranchProcesses | None = None,
    seconds: float | None = None,
) -> Any:
    """Make a step's result and store it; with `processes`, in one of them, if need be in a second one."""
    logger = get_run_logger()
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
def reuse(result: Result) -> State[Any]:
    """Show in the UI that an earlier result of a step is reused."""
    return Completed(name="Cached", message=result.title, data=result)


class Clock:
    """Wall time of each step of a run, in seconds, in the order of the steps; `reused` is what reused results took."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self.reused: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, step: str) -> None:
        """Add the time since the last lap to `step`."""
        now = time.perf_counter()
        self.laps[step] = self.laps.get(step, 0.0) + now - self._since
        self._since = now

    def add_reused(self, step: str, seconds: float | None) -> None:
        """Add the time in which a reused result of `step` was made, if it is known."""
        if seconds is not None:
            self.reused[step] = self.reused.get(step, 0.0) + seconds


class UpstreamError(Exception):
    """An earlier step of the same branch failed."""


@dataclass(frozen=True)
class Submitted:
    """One branch of a step that `Run.do_each` started.

    Attributes:
        title: the branch's name in logs and in the UI.
        result: the reused result; None if it is being made.
        future: returns the result that is being made; None if it is reused.
    """

    title: str
    result: Any = None
    future: PrefectFuture[Any] | None = None


@dataclass(frozen=True)
class Run:
    """One run of the flow.

    Attributes:
        name: the name of its folder; names sort by time and never collide.
        settings: the settings, with `--smoke` applied.
        fresh: whether every step is redone and stored results are ignored.
        clock: the seconds that each step took.
        failures: one line for each failed branch, or part of the report.
        notes: what the summary says besides the results, such as why a stored result was not used.
        progress: shows the steps.
        runner: what runs branches, within `side_by_side`.
    """

    name: str
    settings: Settings
    fresh: bool
    clock: Clock = field(default_factory=Clock)
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    progress: RunProgress = field(default_factory=RunProgress)
    runner: Runner | None = None

    @classmethod
    @contextmanager
    def begin(cls, settings: Settings) -> "Iterator[Run]":
        """Set up a run for the block: record this process's ID, mark dead runs as crashed, and show progress."""
        ignore_closed_output()
        preload_branches(settings)
        label_with_process(str(runtime.flow_run.id))
        warn_of_another_commit()
        name = f"{datetime.now():%Y%m%d-%H%M%S}-{runtime.flow_run.id[:8]}"
        run = cls(name, settings.effective(), settings.run.fresh)
        if run.settings != settings:
            show_parameters(run.settings)
        run.share.check()
        flow = runtime.flow_run.flow_name
        for dead in mark_dead_runs(flow):
            get_run_logger().warning("The process of run %s is gone: marked as crashed", dead)
            post_line(f"{flow} {dead}: Crashed. Its process is gone")
        with run.progress.shown():
            yield run

    def finish(self) -> None:
        """End the run.

        Raises:
            PipelineError: a branch failed, even if others succeeded.
        """
        if self.failures:
            raise PipelineError(f"The report is written, without what failed: {'; '.join(self.failures)}")

    def attempt(self, name: str, work: Callable[[], Work]) -> Work | None:
        """Do work that nothing else depends on. If it fails, the run fails, too, but only at its end.

        Args:
            name: what the work makes, for the message.
            work: what to do.
        """
        try:
            return work()
        except Exception as error:
            message = one_line(error) or unexpected(error)
            get_run_logger().error("%s: %s", name, message)
            self.failures.append(f"{name}: {message}")
            return None

    @property
    def outputs(self) -> Path:
        """The folder for data, models and reports."""
        return self.settings.run.outputs.resolve()

    @property
    def folder(self) -> Path:
        """The folder of the run's report."""
        return self.outputs / RUNS / self.name

    @property
    def share(self) -> Share:
        """The store through which the run exchanges files with other machines."""
        return Share(self.settings.run.share, self.outputs)

    def do(self, step: Step[..., T], *inputs: Any) -> T:
        """Make a step's result in this process, or reuse it."""
        self.progress.begin(step.name, [step.title(*inputs)])
        result = self._reused(step, inputs)
        if result is None:
            with self._text_workers():
                result = self._task(step, inputs)(step, inputs, self.fresh, self.share)
            self.progress.end(step.name, step.title(*inputs))
        self.clock.lap(step.name)
        return result

    def do_each(self, step: Step[..., Any], *columns: Sequence[Any], minutes: float | None = None) -> list[Submitted]:
        """Start a step for all branches, side by side; reused results are available at once.

        Args:
            step: the step.
            columns: for each input of the step, its values for all branches; an earlier `do_each` may supply them.
            minutes: time limit for each branch.
        """
        rows = list(zip(*columns, strict=True))
        self.progress.begin(step.name, [step.title(*inputs) for inputs in rows])
        return [self._start(step, inputs, minutes) for inputs in rows]

    def results(self, step: Step[..., T], rows: Sequence[Submitted], are_needed: bool = True) -> list[T | None]:
        """Wait for the results of a step that `do_each` started; None for a failed branch.

        The cause of a failure is logged, and the run fails only at its end, so that the other branches lose nothing.

        Args:
            step, rows: the step and its branches.
            are_needed: whether the run cannot go on without any result.

        Raises:
            PipelineError: every branch failed.
        """
        results = [self._result_or_failure(step, row) for row in rows]
        self.clock.lap(step.name)
        if are_needed and not any(results):
            raise PipelineError("; ".join(self.failures))
        return results

    def _result_or_failure(self, step: Step[..., Any], row: Submitted) -> Any:
        try:
            result = _result(row)
        except UpstreamError:
            self.progress.fail(step.name, row.title)
            return None
        except Exception as error:
            message = one_line(error)
            if message is None:
                raise
            get_run_logger().error("%s: %s", row.title, message)
            self.failures.append(f"{row.title}: {message}")
            self.progress.fail(step.name, row.title)
            return None
        self.share.pull(result)
        return result

    def side_by_side(self, work: Callable[["Run", list[Job]], Work], jobs: list[Job]) -> Work:
        """Do work whose `do_each` starts branches on the chosen runner."""
        settings = self.settings.run
        self.share.push(jobs[0])
        try:
            with branches_on(settings.runner, settings.address) as runner:
                return work(replace(self, runner=runner), jobs)
        except Exception:
            raise
        except BaseException:  # A signal: tasks that had not begun cannot report their end.
            mark_dead_tasks(runtime.flow_run.id)
            raise

    def _text_workers(self) -> AbstractContextManager[None]:
        """Where the user's texts are counted and encoded: on a Dask cluster, or in threads."""
        has_texts = isinstance(self.settings.data.given(), TextData)
        return text_workers(self.settings.run.runner, self.settings.run.address) if has_texts else nullcontext()

    def _start(self, step: Step[..., Any], inputs: tuple[Any, ...], minutes: float | None) -> Submitted:
        if self.runner is None:
            raise RuntimeError("branches start within `side_by_side`")
        title = step.title(*inputs)
        resolved = tuple(
            value if not isinstance(value, Submitted) else value.future or value.result for value in inputs
        )
        if not any(isinstance(value, PrefectFuture) for value in resolved):
            kept = self._reused(step, resolved)
            if kept is not None:
                return Submitted(title, result=kept)
        parameters = {"step": step, "inputs": resolved, "fresh": self.fresh, "share": self.share}
        limits = {"processes": self.runner.processes, "seconds": 60 * minutes if minutes else None}
        future = self.runner.tasks.submit(self._task(step, resolved, minutes), parameters | limits)
        future.add_done_callback(lambda _: self.progress.end(step.name, title))
        return Submitted(title, future=future)

    def _reused(self, step: Step[..., T], inputs: tuple[Any, ...]) -> T | None:
        """The stored result, if it may be reused; the log and the UI show the reuse."""
        record = None if self.fresh else step.record(*inputs)
        if record is None:
            return None
        self.share.pull_record(record)
        result = record.read()
        title = step.title(*inputs)
        if result is None and (fault := record.fault()):
            self.notes.append(f"{title}: made again, because the stored result cannot be used ({fault}).")
            get_run_logger().warning(self.notes[-1])
        if result is not None:
            get_run_logger().info("%s: reused (%s)", title, result.title)
            reuse.with_options(name=step.name, task_run_name=title)(result, return_state=True)
            self.progress.end(step.name, title, was_reused=True)
            self.clock.add_reused(step.name, record.seconds())
        return result

    def _task(self, step: Step[..., Any], inputs: tuple[Any, ...], minutes: float | None = None) -> Any:
        """The task that makes the step's result; the UI shows it under the step's title."""
        on_cluster = self.runner is not None and self.runner.processes is None
        seconds = 60 * minutes if minutes and on_cluster else None
        return make.with_options(name=step.name, task_run_name=step.title(*inputs), timeout_seconds=seconds)


def _result(row: Submitted) -> Any:
    """Wait for the result of one branch.

    Raises:
        UpstreamError: an earlier step of the same branch failed.
        PipelineError: the branch took longer than `--timeout`.
    """
    if row.future is None:
        return row.result
    try:
        return row.future.result()
    except (TimeLimitError, TaskRunTimeoutError) as error:
        raise PipelineError(
            "not finished within --timeout; completed epochs are kept, the same command resumes"
        ) from error
    except (UnfinishedRun, UpstreamTaskError) as error:  # The second comes from a cluster.
        raise UpstreamError from error


def show_parameters(settings: Settings) -> None:
    """Let the UI show the settings that the run uses as its parameters, so that its form repeats them."""
    with get_client(sync_client=True) as client:
        client.update_flow_run(runtime.flow_run.id, parameters={"settings": settings.model_dump(mode="json")})


def as_task(name: str, work: Callable[..., Any], *arguments: Any) -> Any:
    """Do work as a task, which the UI shows in the timeline. It takes no arguments: Prefect would traverse them."""

    @task(name=name, task_run_name=name, persist_result=False, cache_policy=NO_CACHE)
    def shown() -> Any:
        return work(*arguments)

    return shown()
