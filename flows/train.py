"""The training flow: fetch, prepare, train side by side, evaluate, explain, compare, report."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from httpx import TransportError
from prefect import flow, runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from artifacts import report
from artifacts.figures.render import Picture
from artifacts.publish import publish, publish_history
from flows.config import Settings
from flows.figures import draw
from flows.operate.notify import FAULTS, post_at
from flows.operate.progress import watched
from flows.promote import check_promotion, promote_run
from flows.run import Run
from flows.runners import WITHOUT_TIME_LIMIT
from tasks.analysis.reader import open_reader
from tasks.analysis.reviews import choose_reviews
from tasks.compare import Study, compare
from tasks.evaluate import evaluate
from tasks.explain import explain
from tasks.fetch import fetch
from tasks.job import Job
from tasks.prepare import prepare
from tasks.results.comparison import Comparison
from tasks.results.data import Dataset
from tasks.storage.files import point, write_bytes
from tasks.storage.retention import in_use, keep_last
from tasks.storage.run_log import append_to_run_log, summarize
from tasks.train import train

GENERATED_NAME = re.compile(r"[a-z]+-[a-z]+")  # As Prefect makes them up.


def run_name() -> str:
    """The name of the run in the UI, unless somebody gave it one."""
    given = runtime.flow_run.name or ""
    settings: Settings = runtime.flow_run.parameters.get("settings") or Settings()
    return settings.title if not given or GENERATED_NAME.fullmatch(given) else given


@flow(name="train", flow_run_name=run_name, **post_at("on_completion", *FAULTS))
def train_flow(settings: Settings = Settings()) -> Path:
    """Fetch and prepare the reviews, train the networks side by side, evaluate, explain, compare, report."""
    run = Run.begin(settings)
    data = run.settings.data
    source = run.step(fetch, data.given(), data.source, run.outputs / "cache")
    dataset = run.step(prepare, source, data.vocabulary_size, data.max_length, data.reviews, run.outputs / "data")
    run.tag(f"data:{dataset.title}", *(f"model:{spec.name}" for spec in run.settings.specs()))
    jobs = plan_jobs(run, dataset)
    if run.settings.promotion.promote:
        check_promotion(run.outputs, dataset, run.settings.promotion)
    with in_use(run.folder, [job.folder for job in jobs]):
        with watched(run.board, jobs):
            study = run.side_by_side(study_networks, jobs)
            comparison = compare(run.describe(dataset), dataset, study)
            folder = write_report(run, comparison)
        promote_candidate(run, folder)
    remove_old_runs(run)
    run.finish()
    return folder


def plan_jobs(run: Run, dataset: Dataset) -> list[Job]:
    """One job for each network and seed; networks with the same seed stand side by side."""
    plan = run.settings.plan(dataset.is_sample)
    jobs = [
        Job(spec, plan, dataset, seed, run.outputs / "models")
        for seed in run.settings.seeds()
        for spec in run.settings.specs()
    ]
    jobs[0].check()
    siblings = tuple(job.folder for job in jobs)
    return [replace(job, siblings=siblings) for job in jobs]


def study_networks(run: Run, jobs: list[Job]) -> Study:
    """Train all networks side by side, evaluate each as soon as it is trained; then let each explain itself."""
    minutes = None if run.settings.run.runner in WITHOUT_TIME_LIMIT else run.settings.run.timeout
    training = run.each(train, jobs, minutes=minutes)
    evaluating = run.each(evaluate, jobs, training)
    trained = run.results(train, training)
    jobs, branches, evaluations = complete(jobs, trained, run.results(evaluate, evaluating))
    chosen = choose_reviews(evaluations)
    explaining = run.each(explain, jobs, branches, [chosen] * len(jobs))
    branches, evaluations, explanations = complete(branches, evaluations, run.results(explain, explaining))
    return Study(branches, evaluations, explanations, chosen)


def complete(*columns: Sequence[Any]) -> list[list[Any]]:
    """The columns without the rows in which something failed."""
    rows = [row for row in zip(*columns, strict=True) if None not in row]
    return [list(column) for column in zip(*rows, strict=True)]


def write_report(run: Run, comparison: Comparison) -> Path:
    """Draw, write and publish the report; `outputs/latest` points to it from then on."""
    drawn = run.step(draw, comparison, run.outputs / "figures").pictures()
    comparison = replace(comparison, durations=dict(run.clock.laps))
    run.board.begin("report", ["report"])
    in_timeline("report", write_and_publish, run, comparison, drawn)
    run.board.end("report", "report")
    return run.folder


def in_timeline(name: str, work: Callable[..., Any], *arguments: Any) -> Any:
    """Do work as a task, which the UI shows in the timeline. Prefect would walk through arguments: it gets none."""

    @task(name=name, task_run_name=name, persist_result=False, cache_policy=NO_CACHE)
    def shown() -> Any:
        return work(*arguments)

    return shown()


def write_and_publish(run: Run, comparison: Comparison, drawn: Mapping[str, Picture]) -> None:
    """Write the report's files, log the run and publish both in the UI."""
    folder = run.folder
    for name, content in report.files(comparison, drawn, open_reader(comparison)).items():
        write_bytes(folder / name, content)
    point(run.outputs / "latest", folder)
    get_run_logger().info("Report: %s", folder / "report.html")
    rows = append_to_run_log(run.outputs, summarize(comparison, time.time()))
    try:
        publish(comparison, drawn)
        publish_history(rows)
    except TransportError as error:
        get_run_logger().warning("The report is written, but could not be published (%s)", error)


def promote_candidate(run: Run, folder: Path) -> None:
    """`--promote`: the run's best network against the champion."""
    if run.settings.promotion.promote:
        promote_run(run.outputs, folder, None, run.settings.promotion)


def remove_old_runs(run: Run) -> None:
    """`--keep`: what `tasks.storage.retention` says, and a line in the log."""
    keep = run.settings.run.keep
    if keep is not None and (removed := keep_last(run.outputs, keep)):
        get_run_logger().info("Removed older runs: %s", ", ".join(removed))
