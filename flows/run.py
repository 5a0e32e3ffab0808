"""A run: where its results go, and how its steps are made or reused, here or side by side on a runner."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, nullcontext
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

from flows.config import Settings
from flows.fork_server import import_ahead
from flows.operate.checkout import warn_of_another_commit
from flows.operate.clock import Clock
from flows.operate.dead_runs import claim, mark_dead_runs, mark_dead_tasks
from flows.operate.environment import outlive_the_audience
from flows.operate.notify import post_line
from flows.operate.progress import Board
from flows.runtime import branches_on, pool_is_broken, shards_on
from tasks.compare import RunDescription
from tasks.job import Job
from tasks.results.data import Dataset
from tasks.results.errors import PipelineError, may_pass, one_line
from tasks.results.texts import TextData
from tasks.storage.reuse import Result, Step
from tasks.storage.share import Share

T = TypeVar("T", bound=Result)
Work = TypeVar("Work")
POLL_SECONDS = 1.0
ENDED_TWICE = (
    "A branch's process ended twice before its task did: it was killed, perhaps because memory ran out (free some, or "
    "use --runner thread), or the Prefect server did not answer. The same command resumes after the last "
    "completed epochs"
)


@task(retries=1, retry_delay_seconds=5, retry_condition_fn=may_pass, persist_result=False, cache_policy=NO_CACHE)
def make(step: Step[..., Any], inputs: tuple[Any, ...], fresh: bool, share: Share) -> Any:
    """Make a step's result and keep it. What failed is tried again if the fault may pass."""
    for needed in inputs:
        if hasattr(needed, "files"):
            share.pull(needed)
    result = step.keep(*inputs, fresh=fresh, logger=get_run_logger())
    share.push(result, step.record(*inputs))
    return result


@task(persist_result=False, cache_policy=NO_CACHE)
def reuse(result: Result) -> State[Any]:
    """Show in the UI that a step's result was made before."""
    return Completed(name="Cached", message=result.title, data=result)


class UpstreamError(Exception):
    """The row that a row needs has failed."""


@dataclass(frozen=True)
class Row:
    """One row of a step that `Run.each` started: its title, and its result or what will be its result."""

    title: str
    pending: Any


@dataclass(frozen=True)
class Run:
    """What belongs to one run of the flow.

    Attributes:
        name: of its folder; names sort by time and never collide.
        settings: with `--smoke` spelled out.
        fresh: make everything again, whatever is kept.
        clock: the seconds that each step took.
        failures: why rows failed, a line each.
        board: shows what becomes of its steps.
    """

    name: str
    settings: Settings
    fresh: bool
    clock: Clock = field(default_factory=Clock)
    failures: list[str] = field(default_factory=list)
    board: Board = field(default_factory=Board)

    @classmethod
    def begin(cls, settings: Settings) -> "Run":
        """Start the run: leave word of its process, and mark runs that died before it."""
        outlive_the_audience()
        import_ahead(settings)
        claim(str(runtime.flow_run.id))
        warn_of_another_commit()
        run = cls(f"{datetime.now():%Y%m%d-%H%M%S}-{runtime.flow_run.id[:8]}", settings.effective(), settings.run.fresh)
        run.share.check()
        flow = runtime.flow_run.flow_name
        for name in mark_dead_runs(flow):
            get_run_logger().warning("The process of run %s is gone: marked as crashed", name)
            post_line(f"{flow} {name}: Crashed. Its process is gone")
        return run

    def finish(self) -> None:
        """End the run.

        Raises:
            PipelineError: some rows of its steps failed, whatever the others gave.
        """
        if self.failures:
            raise PipelineError(f"The report is written, without what failed: {'; '.join(self.failures)}")

    @property
    def outputs(self) -> Path:
        """The folder for data, models and reports."""
        return self.settings.run.outputs.resolve()

    @property
    def folder(self) -> Path:
        """The folder of the run's report."""
        return self.outputs / "runs" / self.name

    @property
    def share(self) -> Share:
        """What the run exchanges with other machines."""
        return Share(self.settings.run.share, self.outputs)

    def describe(self, dataset: Dataset) -> RunDescription:
        """How the run was made, for its report."""
        settings = self.settings.record(dataset.is_sample)
        return RunDescription(self.name, settings, self.settings.command(), self.clock.laps)

    def tag(self, *tags: str) -> None:
        """Add tags to the run in the UI."""
        with get_client(sync_client=True) as client:
            client.update_flow_run(runtime.flow_run.id, tags=sorted({*tags, *runtime.flow_run.tags}))

    def step(self, step: Step[..., T], *inputs: Any) -> T:
        """Make a step's result here, or reuse it."""
        self.board.begin(step.name, [step.title(*inputs)])
        result = self._reused(step, inputs)
        if result is None:
            with self._shards():
                result = self._task(step, inputs)(step, inputs, self.fresh, self.share)
            self.board.end(step.name, step.title(*inputs))
        self.clock.lap(step.name)
        return result

    def each(self, step: Step[..., Any], *columns: Sequence[Any], minutes: float | None = None) -> list[Row]:
        """Start a step for each row of inputs, side by side; a result that is reused is there at once.

        Args:
            step: the step.
            columns: one column for each of its inputs; the rows of an earlier step may be an input.
            minutes: give up on a row that takes longer.
        """
        rows = list(zip(*columns, strict=True))
        self.board.begin(step.name, [step.title(*inputs) for inputs in rows])
        return [self._start(step, inputs, minutes) for inputs in rows]

    def results(self, step: Step[..., T], rows: Sequence[Row]) -> list[T | None]:
        """The results of a step that `each` started, when all are there; None for a row that failed.

        Why it failed is logged, and the run fails at its end, so that the other rows lose nothing.

        Raises:
            PipelineError: no row is left.
        """
        results = [self._result_or_failure(step, row) for row in rows]
        self.clock.lap(step.name)
        if not any(results):
            raise PipelineError("; ".join(self.failures))
        return results

    def _result_or_failure(self, step: Step[..., Any], row: Row) -> Any:
        try:
            result = _result(row)
        except UpstreamError:
            self.board.fail(step.name, row.title)
            return None
        except BrokenProcessPool:
            raise
        except Exception as error:
            message = one_line(error)
            if message is None:
                raise
            get_run_logger().error("%s: %s", row.title, message)
            self.failures.append(f"{row.title}: {message}")
            self.board.fail(step.name, row.title)
            return None
        self.share.pull(result)
        return result

    def side_by_side(self, work: Callable[["Run", list[Job]], Work], jobs: list[Job]) -> Work:
        """Do work on the chosen runner; if a process of it dies, once more, which reuses what was finished.

        Raises:
            PipelineError: a process died again.
        """
        self.share.push(jobs[0])
        try:
            return self._on_runner(work, jobs)
        except BrokenProcessPool:
            get_run_logger().warning(
                "A branch's process ended before its task did; all branches resume after their last completed epochs"
            )
        self.failures.clear()  # Every row is tried once more.
        try:
            return replace(self, fresh=False)._on_runner(work, jobs)
        except BrokenProcessPool:
            raise PipelineError(ENDED_TWICE) from None

    def _on_runner(self, work: Callable[["Run", list[Job]], Work], jobs: list[Job]) -> Work:
        settings = self.settings.run
        try:
            with branches_on(settings.runner, settings.address):
                return work(self, jobs)
        except Exception as error:
            if isinstance(error, BrokenProcessPool):
                mark_dead_tasks(runtime.flow_run.id)
            raise
        except BaseException:  # A signal: the branches' processes were ended, and can no longer say so.
            mark_dead_tasks(runtime.flow_run.id)
            raise

    def _shards(self) -> AbstractContextManager[None]:
        """Where own texts are counted and encoded."""
        has_texts = isinstance(self.settings.data.given(), TextData)
        return shards_on(self.settings.run.runner, self.settings.run.address) if has_texts else nullcontext()

    def _start(self, step: Step[..., Any], inputs: tuple[Any, ...], minutes: float | None) -> Row:
        title = step.title(*inputs)
        waiting = tuple(value.pending if isinstance(value, Row) else value for value in inputs)
        if not any(isinstance(value, PrefectFuture) for value in waiting):
            kept = self._reused(step, waiting)
            if kept is not None:
                return Row(title, kept)
        pending = self._task(step, waiting, minutes).submit(step, waiting, self.fresh, self.share)
        pending.add_done_callback(lambda _: self.board.end(step.name, title))
        return Row(title, pending)

    def _reused(self, step: Step[..., T], inputs: tuple[Any, ...]) -> T | None:
        """The result that was made before, if it may be used; the log and the UI say so."""
        record = None if self.fresh else step.record(*inputs)
        if record is None:
            return None
        self.share.pull_record(record)
        result = record.read()
        if result is not None:
            title = step.title(*inputs)
            get_run_logger().info("%s: reused (%s)", title, result.title)
            reuse.with_options(name=step.name, task_run_name=title)(result, return_state=True)
            self.board.end(step.name, title, was_reused=True)
        return result

    def _task(self, step: Step[..., Any], inputs: tuple[Any, ...], minutes: float | None = None) -> Any:
        """The task that makes the step's result, under its name in the UI."""
        seconds = 60 * minutes if minutes else None
        return make.with_options(name=step.name, task_run_name=step.title(*inputs), timeout_seconds=seconds)


def _result(row: Row) -> Any:
    """The result of one row, when it is there.

    Raises:
        BrokenProcessPool: it never will be, because nobody hands out the pool's results any more.
        UpstreamError: the row that it needs failed.
        PipelineError: it took longer than it may.
    """
    if not isinstance(row.pending, PrefectFuture):
        return row.pending
    done = threading.Event()
    row.pending.add_done_callback(lambda _: done.set())
    while not done.wait(POLL_SECONDS):
        if pool_is_broken():
            raise BrokenProcessPool("the thread that hands out the results of the pool is gone")
    try:
        return row.pending.result()
    except TaskRunTimeoutError as error:
        raise PipelineError(
            "not finished within --timeout; what is trained is kept, the same command resumes"
        ) from error
    except (UnfinishedRun, UpstreamTaskError) as error:  # The second from a pool of processes.
        raise UpstreamError from error
