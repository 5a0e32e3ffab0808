"""The training flow: fetch, prepare, train side by side, evaluate, compare, report."""

from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from prefect import Task, flow, runtime
from prefect.client.orchestration import get_client
from prefect.logging import get_run_logger

from artifacts import figures, report
from artifacts.publish import publish
from flows.config import Settings
from flows.dead_runs import claim, mark_dead_runs
from flows.progress import watched
from flows.runtime import branches_on
from tasks.compare import compare
from tasks.evaluate import evaluate
from tasks.fetch import fetch
from tasks.files import point, write_bytes
from tasks.prepare import prepare
from tasks.results import Branch, Comparison, Dataset, Evaluation
from tasks.reuse import result_of, run, start, storing
from tasks.train import Job, train


@flow(name="train", flow_run_name="{settings.title}")
def train_flow(settings: Settings = Settings()) -> Path:  # noqa: B008 -- frozen
    """Fetch and prepare the reviews, train the networks side by side, evaluate, compare, report."""
    begin()
    settings = settings.effective()
    outputs, data, fresh = settings.run.outputs.resolve(), settings.data, settings.run.fresh
    stored = partial(storing, folder=outputs / "cache" / "results", fresh=fresh)
    source = run(stored(fetch), data=data.data, source=data.source, cache=outputs / "cache")
    cut = {"words": data.words, "steps": data.steps, "reviews": data.reviews}
    dataset = run(stored(prepare), source=source, **cut, root=outputs / "data", fresh=fresh)
    tag_run(settings, dataset)
    with branches_on(settings.run.runner, settings.run.address):
        branches, evaluations = train_and_evaluate(jobs(settings, dataset, outputs), stored(train), stored(evaluate))
    name = run_name()
    comparison = compare(name, dataset, branches, evaluations, settings.model_dump(mode="json"), settings.command())
    return write_report(comparison, outputs)


def begin() -> None:
    """Say which process this run is, and mark runs that died before it."""
    claim(str(runtime.flow_run.id))
    for name in mark_dead_runs("train"):
        get_run_logger().warning("Run %s was left by a dead process: marked as crashed", name)


def jobs(settings: Settings, dataset: Dataset, outputs: Path) -> list[Job]:
    """One job for each network."""
    specs, fresh = settings.specs(), settings.run.fresh
    plan = settings.plan(sample=dataset.source.kind == "sample")
    alone = [Job(spec, plan, dataset, settings.training.seed, outputs / "models", fresh=fresh) for spec in specs]
    return [replace(job, siblings=tuple(other.folder for other in alone)) for job in alone]


def train_and_evaluate(
    wanted: list[Job], train: Task[..., Any], evaluate: Task[..., Any]
) -> tuple[list[Branch], list[Evaluation]]:
    """Train all branches side by side; each is evaluated as soon as it is trained."""
    with watched(wanted):
        trained = [start(train, job=job) for job in wanted]
        evaluated = [
            start(evaluate, branch=branch, dataset=job.dataset, fresh=job.fresh)
            for job, branch in zip(wanted, trained, strict=True)
        ]
        return [result_of(branch) for branch in trained], [result_of(evaluation) for evaluation in evaluated]


def write_report(comparison: Comparison, outputs: Path) -> Path:
    """Draw, write and publish the report; `outputs/latest` points to it from then on."""
    folder = outputs / "runs" / comparison.run
    drawn = {stem: figures.picture(figure) for stem, figure in figures.all_figures(comparison).items()}
    for name, content in report.files(comparison, drawn).items():
        write_bytes(folder / name, content)
    publish(comparison, drawn, (folder / "report.html").as_uri())
    point(outputs / "latest", folder)
    get_run_logger().info("Report: %s", folder / "report.html")
    return folder


def run_name() -> str:
    """Time and the start of the run's id: folders sort by time and never collide."""
    return f"{datetime.now():%Y%m%d-%H%M%S}-{runtime.flow_run.id[:8]}"


def tag_run(settings: Settings, dataset: Dataset) -> None:
    """Tag the run with its data and its networks."""
    tags = {f"data:{dataset.title}", *(f"model:{spec.name}" for spec in settings.specs()), *runtime.flow_run.tags}
    with get_client(sync_client=True) as client:
        client.update_flow_run(runtime.flow_run.id, tags=sorted(tags))
