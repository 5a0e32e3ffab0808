"""A run: its outputs, shared store, clock and progress, and how it does a step, once or for all branches."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from prefect import runtime
from prefect.client.orchestration import get_client
from prefect.exceptions import UnfinishedRun, UpstreamTaskError
from prefect.futures import PrefectFuture
from prefect.logging import get_run_logger
from prefect.task_engine import TaskRunTimeoutError

from flows.branch_process import TimeLimitError
from flows.environment import ignore_closed_output, unexpected
from flows.ops.dead_runs import label_with_process, mark_dead_runs, mark_dead_tasks
from flows.ops.deployed_commit import warn_of_another_commit
from flows.ops.notify import post_line
from flows.pool import Runner, branches_on, preload_branches, text_workers
from flows.progress import RunProgress
from flows.settings import Settings
from flows.step_tasks import Sealed, after, make, reuse, task_of
from tasks.errors import OutOfTimeError, PipelineError, one_line
from tasks.job import Job
from tasks.machine import available_cores
from tasks.models.compiling import compiling
from tasks.results.data import TextData
from tasks.storage.layout import RUNS
from tasks.storage.reuse import Result, Step
from tasks.storage.share import Share

T = TypeVar("T", bound=Result)
Work = TypeVar("Work")


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
        task: the id of its task in the UI.
        result: the reused result; None if it is being made.
        future: returns the result that is being made; None if it is reused.
    """

    title: str
    task: UUID
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
        previous: the ids of the tasks of the step before; the UI draws arrows from them to those of the next step.
        deadline: when `--minutes` are over, in seconds since 1970; None: never.
    """

    name: str
    settings: Settings
    fresh: bool
    clock: Clock = field(default_factory=Clock)
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    progress: RunProgress = field(default_factory=RunProgress)
    runner: Runner | None = None
    previous: list[UUID] = field(default_factory=list)
    deadline: float | None = None

    @classmethod
    @contextmanager
    def begin(cls, settings: Settings) -> "Iterator[Run]":
        """Set up a run for the block: record this process's ID, mark dead runs as crashed, and show progress."""
        ignore_closed_output()
        cells = preload_branches(settings)
        label_with_process(str(runtime.flow_run.id))
        warn_of_another_commit()
        name = f"{datetime.now():%Y%m%d-%H%M%S}-{runtime.flow_run.id[:8]}"
        minutes = settings.run.minutes
        deadline = None if minutes is None else time.time() + 60 * minutes
        run = cls(name, settings.effective(), settings.run.fresh, deadline=deadline)
        if run.settings != settings:
            show_parameters(run.settings)
        run.share.check()
        if cells:
            get_run_logger().info("%s", compiling(cells))
        flow = runtime.flow_run.flow_name
        for dead in mark_dead_runs(flow):
            get_run_logger().warning("The process of run %s is gone: marked as crashed", dead)
            post_line(f"{flow} {dead}: Crashed. Its process is gone")
        try:
            with run.progress.shown():
                yield run
        except Exception:
            raise
        except BaseException:  # A signal: tasks that had not begun cannot report their end.
            mark_dead_tasks(runtime.flow_run.id)
            raise

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
        reused = self._reused(step, inputs, self.previous)
        if reused:
            self.previous[:] = [reused.task]
            result: T = reused.result
        else:
            work = Sealed(step=step, inputs=inputs, fresh=self.fresh, share=self.share)
            with self._text_workers():
                state = self._task(step, inputs)(work, {}, wait_for=after(self.previous), return_state=True)
                result = state.result()
            self.previous[:] = [task_of(state)]
            self.progress.end(step.name, step.title(*inputs))
        self.clock.lap(step.name)
        return result

    def do_each(
        self,
        step: Step[..., Any],
        *columns: Sequence[Any],
        minutes: float | None = None,
        following: Sequence[Sequence[Submitted]] = (),
    ) -> list[Submitted]:
        """Start a step for all branches, side by side; reused results are available at once.

        Args:
            step: the step.
            columns: for each input of the step, its values for all branches; an earlier `do_each` may supply them.
            minutes: time limit for each branch.
            following: earlier `do_each` whose results are among the columns; the UI draws arrows from their tasks.
        """
        rows = list(zip(*columns, strict=True))
        before = list(zip(*following, strict=True)) or [()] * len(rows)
        self.progress.begin(step.name, [step.title(*inputs) for inputs in rows])
        return [self._start(step, inputs, minutes, its) for inputs, its in zip(rows, before, strict=True)]

    def results(self, step: Step[..., T], rows: Sequence[Submitted], are_needed: bool = True) -> list[T | None]:
        """Wait for the results of a step that `do_each` started; None for a failed branch.

        The cause of a failure is logged, and the run fails only at its end, so that the other branches lose nothing.

        Args:
            step, rows: the step and its branches.
            are_needed: whether the run cannot go on without any result.

        Raises:
            PipelineError: every branch failed.
        """
        results = [self._result_or_failure(step, row, are_needed) for row in rows]
        self.clock.lap(step.name)
        tasks = [row.task for row, result in zip(rows, results, strict=True) if result is not None]
        self.previous[:] = tasks if are_needed else [*self.previous, *tasks]
        if are_needed and not any(results):
            out_of_time = "no epoch was completed within --minutes; give it more, and the same command resumes"
            raise PipelineError("; ".join(self.failures) or out_of_time)
        return results

    def outcomes(self, step: Step[..., T], rows: Sequence[Submitted]) -> Iterator[T | PipelineError]:
        """Wait for the results of a step that `do_each` started, in their order, with the error of a failed branch.

        Such an error is no failure of the run.
        """
        for row in rows:
            try:
                result: T = _result(row)
            except OutOfTimeError as error:
                yield error
            except Exception as error:
                yield PipelineError(one_line(error) or unexpected(error))
            else:
                self.share.pull(result)
                yield result
        self.previous[:] = [row.task for row in rows]
        self.clock.lap(step.name)

    def _result_or_failure(self, step: Step[..., Any], row: Submitted, is_needed: bool) -> Any:
        try:
            result = _result(row)
        except UpstreamError:
            self.progress.fail(step.name, row.title)
            return None
        except OutOfTimeError as error:  # That was asked for.
            self.notes.append(f"{error}.")
            get_run_logger().warning("%s", error)
            self.progress.fail(step.name, row.title)
            return None
        except Exception as error:
            message = one_line(error) or (None if is_needed else unexpected(error))
            if message is None:
                raise
            get_run_logger().error("%s: %s", row.title, message)
            self.failures.append(f"{row.title}: {message}")
            self.progress.fail(step.name, row.title)
            return None
        self.share.pull(result)
        return result

    def timed(self, jobs: Sequence[Job]) -> list[Job]:
        """The jobs with equal shares of what is left of `--minutes`, if as many run at a time as there are cores."""
        if self.deadline is None:
            return list(jobs)
        left, rounds = self.deadline - time.time(), math.ceil(len(jobs) / available_cores())
        shares = [(place // available_cores() + 1) / rounds for place in range(len(jobs))]
        return [
            replace(job, until=self.deadline - left * (1 - share), deadline=self.deadline)
            for job, share in zip(jobs, shares, strict=True)
        ]

    def side_by_side(self, work: Callable[["Run", list[Job]], Work], jobs: list[Job]) -> Work:
        """Do work whose `do_each` starts branches on the chosen runner."""
        settings = self.settings.run
        for job in {tuple(job.files()): job for job in jobs}.values():
            self.share.push(job)
        with branches_on(settings.runner, settings.address) as runner:
            return work(replace(self, runner=runner), jobs)

    def _text_workers(self) -> AbstractContextManager[None]:
        """Where the user's texts are counted and encoded: on a Dask cluster, or in threads."""
        has_texts = isinstance(self.settings.data.given(), TextData)
        return text_workers(self.settings.run.runner, self.settings.run.address) if has_texts else nullcontext()

    def _start(
        self, step: Step[..., Any], inputs: tuple[Any, ...], minutes: float | None, following: Sequence[Submitted]
    ) -> Submitted:
        if self.runner is None:
            raise RuntimeError("branches start within `side_by_side`")
        title = step.title(*inputs)
        rows = [value for value in inputs if isinstance(value, Submitted)]
        awaited = {i: v.future for i, v in enumerate(inputs) if isinstance(v, Submitted) and v.future}
        resolved = tuple(value.result if isinstance(value, Submitted) else value for value in inputs)
        ended = [row.task for row in rows if row.future is None] + [row.task for row in following]
        before = ended if rows or following else self.previous
        if not awaited and (reused := self._reused(step, resolved, before)):
            return reused
        work = Sealed(
            step=step,
            inputs=resolved,
            fresh=self.fresh,
            share=self.share,
            processes=self.runner.processes,
            seconds=60 * minutes if minutes else None,
        )
        task = self._task(step, resolved, minutes)
        future = self.runner.tasks.submit(task, {"work": work, "awaited": awaited}, wait_for=after(before))
        future.add_done_callback(lambda _: self.progress.end(step.name, title))
        return Submitted(title, future.task_run_id, future=future)

    def _reused(self, step: Step[..., T], inputs: tuple[Any, ...], before: Sequence[UUID]) -> Submitted | None:
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
        if result is None:
            return None
        get_run_logger().info("%s: reused (%s)", title, result.title)
        shown = reuse.with_options(name=step.name, task_run_name=title)
        state = shown(Sealed(result=result), wait_for=after(before), return_state=True)
        self.progress.end(step.name, title, was_reused=True)
        self.clock.add_reused(step.name, record.seconds())
        return Submitted(title, task_of(state), result)

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
