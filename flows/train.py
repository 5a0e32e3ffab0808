"""The training flow: fetch, prepare, train side by side, evaluate, compare, report."""

import time
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from httpx import TransportError
from prefect import Task, flow, runtime
from prefect.client.orchestration import get_client
from prefect.logging import get_run_logger

from artifacts import report
from artifacts.figures import training as figures
from artifacts.publish import publish, publish_history
from flows.config import Settings
from flows.operate.clock import Clock
from flows.operate.dead_runs import claim, mark_dead_runs, mark_dead_tasks
from flows.operate.notify import post_end, post_line, webhook_is_set
from flows.operate.progress import watched
from flows.runtime import branches_on
from tasks.analysis.evidence import choose_reviews
from tasks.compare import compare
from tasks.evaluate import evaluate
from tasks.explain import explain
from tasks.fetch import fetch
from tasks.prepare import prepare
from tasks.results.comparison import Chosen, Comparison
from tasks.results.data import Dataset
from tasks.results.errors import PipelineError
from tasks.results.evaluation import Evaluation, Explanation
from tasks.results.training import Branch
from tasks.storage.files import point, write_bytes
from tasks.storage.retention import keep_last
from tasks.storage.reuse import result_of, run, start, storing
from tasks.storage.run_log import append_to_run_log, summarize
from tasks.train import Job, train

ENDED_TWICE = (
    "A branch's process ended twice before its task did: killed, perhaps for want of memory (free some, or use "
    "--runner thread), or because the Prefect server did not answer. The same command goes on after the last whole "
    "epochs"
)
ENDS = ("on_completion", "on_failure", "on_crashed", "on_cancellation")
HOOKS: dict[str, Any] = {end: [post_end] for end in ENDS} if webhook_is_set() else {}  # Prefect logs each, even idle.


@flow(name="train", flow_run_name="{settings.title}", **HOOKS)
def train_flow(settings: Settings = Settings()) -> Path:  # noqa: B008 -- frozen
    """Fetch and prepare the reviews, train the networks side by side, evaluate, explain, compare, report."""
    begin()
    clock, settings = Clock(), settings.effective()
    outputs, data, fresh = settings.run.outputs.resolve(), settings.data, settings.run.fresh
    stored = partial(storing, folder=outputs / "cache" / "results", fresh=fresh)
    source = run(stored(fetch), data=data.data, source=data.source, cache=outputs / "cache")
    clock.lap("fetch")
    cut = {"words": data.vocabulary_size, "steps": data.max_length, "reviews": data.reviews}
    dataset = run(stored(prepare), source=source, **cut, root=outputs / "data", fresh=fresh)
    clock.lap("prepare")
    tag_run(settings, dataset)
    limit = 60 * settings.run.timeout if settings.run.runner != "thread" else None  # A thread cannot be interrupted.
    steps = Steps(stored(train).with_options(timeout_seconds=limit), stored(evaluate), stored(explain))
    trained = train_all(settings, jobs(settings, dataset, outputs), steps, clock)
    comparison = compare(
        run_name(), dataset, *trained, settings.record(is_sample(dataset)), settings.command(), clock.laps
    )
    folder = write_report(comparison, outputs)
    remove_old_runs(outputs, settings.run.keep)
    return folder


def begin() -> None:
    """Say which process this run is, and mark runs that died before it."""
    claim(str(runtime.flow_run.id))
    for name in mark_dead_runs("train"):
        get_run_logger().warning("Run %s was left by a dead process: marked as crashed", name)
        post_line(f"train {name}: Crashed. Its process is gone")


def jobs(settings: Settings, dataset: Dataset, outputs: Path) -> list[Job]:
    """One job for each network and seed; networks with the same seed stand side by side."""
    plan = settings.plan(is_sample(dataset))
    alone = [
        Job(spec, plan, dataset, seed, outputs / "models", fresh=settings.run.fresh, share=settings.run.share)
        for seed in settings.seeds()
        for spec in settings.specs()
    ]
    return [replace(job, siblings=tuple(other.folder for other in alone)) for job in alone]


def is_sample(dataset: Dataset) -> bool:
    """Whether these are the bundled sample's made-up reviews."""
    return dataset.source.kind == "sample"


class Steps(NamedTuple):
    """The tasks of a branch, with their results stored."""

    train: Task[..., Any]
    evaluate: Task[..., Any]
    explain: Task[..., Any]


class Trained(NamedTuple):
    """What comes out of all branches, and the reviews that they were asked to read."""

    branches: list[Branch]
    evaluations: list[Evaluation]
    explanations: list[Explanation]
    chosen: tuple[Chosen, ...]


def train_all(settings: Settings, wanted: list[Job], steps: Steps, clock: Clock) -> Trained:
    """Run all branches; if a branch's process ends before its task does, all go on from their last epochs, once."""
    wanted[0].exchange().push(wanted[0].dataset)
    for last_try in (False, True):
        try:
            with branches_on(settings.run.runner, settings.run.address):
                return run_branches(wanted, steps, clock)
        except BrokenProcessPool:
            mark_dead_tasks(runtime.flow_run.id)
            if last_try:
                raise PipelineError(ENDED_TWICE) from None
            get_run_logger().warning(
                "A branch's process ended before its task did; all branches go on after their last whole epochs"
            )
            wanted = [replace(job, fresh=False) for job in wanted]
    raise AssertionError


def run_branches(wanted: list[Job], steps: Steps, clock: Clock) -> Trained:
    """Train all branches side by side, each evaluated as soon as it is trained; then each explains itself."""
    with watched(wanted):
        trained = [start(steps.train, job=job) for job in wanted]
        evaluated = [start(steps.evaluate, branch=branch, job=job) for job, branch in zip(wanted, trained, strict=True)]
        branches = [result_of(branch) for branch in trained]
    clock.lap("train")
    evaluations = [result_of(evaluation) for evaluation in evaluated]
    for made in (*branches, *evaluations):
        wanted[0].exchange().pull(made)
    clock.lap("evaluate")
    chosen = choose_reviews(evaluations)
    explained = [
        start(steps.explain, branch=branch, job=job, chosen=chosen)
        for job, branch in zip(wanted, branches, strict=True)
    ]
    explanations = [result_of(explanation) for explanation in explained]
    clock.lap("explain")
    return Trained(branches, evaluations, explanations, chosen)


def write_report(comparison: Comparison, outputs: Path) -> Path:
    """Draw, write and publish the report; `outputs/latest` points to it from then on."""
    folder = outputs / "runs" / comparison.run
    drawn = {stem: figures.picture(figure) for stem, figure in figures.all_figures(comparison).items()}
    for name, content in report.files(comparison, drawn).items():
        write_bytes(folder / name, content)
    point(outputs / "latest", folder)
    get_run_logger().info("Report: %s", folder / "report.html")
    rows = append_to_run_log(outputs, summarize(comparison, time.time()))
    try:
        publish(comparison, drawn, (folder / "report.html").as_uri())
        publish_history(rows)
    except TransportError as error:
        get_run_logger().warning("The report is written, but could not be published (%s)", error)
    return folder


def remove_old_runs(outputs: Path, keep: int | None) -> None:
    """`--keep`: what `tasks.storage.retention` says, and a line in the log."""
    if keep is not None and (removed := keep_last(outputs, keep)):
        get_run_logger().info("Removed older runs: %s", ", ".join(removed))


def run_name() -> str:
    """Time and the start of the run's id: folders sort by time and never collide."""
    return f"{datetime.now():%Y%m%d-%H%M%S}-{runtime.flow_run.id[:8]}"


def tag_run(settings: Settings, dataset: Dataset) -> None:
    """Tag the run with its data and its networks."""
    tags = {f"data:{dataset.title}", *(f"model:{spec.name}" for spec in settings.specs()), *runtime.flow_run.tags}
    with get_client(sync_client=True) as client:
        client.update_flow_run(runtime.flow_run.id, tags=sorted(tags))
