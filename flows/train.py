"""The training flow: fetches and prepares reviews, trains and compares networks, and writes a report."""

import importlib
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from prefect import flow, runtime
from prefect.logging import get_run_logger

from artifacts import report
from artifacts.figures.render import Picture
from artifacts.formats import plural
from artifacts.publish import history_artifacts, report_artifacts, unpublish
from artifacts.wording.report import out_of_time
from flows.draw import draw, figures_record
from flows.ops.notify import FAILURES, add_tags, on_failure_hooks, publish_or_warn
from flows.promote import check_promotion, promote_run
from flows.run import Run, Submitted
from flows.settings import WITHOUT_TIME_LIMIT, Settings
from flows.step_tasks import as_task
from tasks.analysis.reader_page import open_reader
from tasks.analysis.reviews import choose_reviews
from tasks.analysis.sizes import SizeResults, size_curves
from tasks.compare import compare
from tasks.errors import SettingError
from tasks.evaluate import evaluate
from tasks.explain import explain
from tasks.fetch import fetch
from tasks.illustrate import illustrate
from tasks.job import Job, sharing_processors
from tasks.prepare import prepare
from tasks.results.chapter import FirstNetworks
from tasks.results.comparison import Comparison
from tasks.results.data import Dataset
from tasks.results.sizes import SizeCurves
from tasks.results.training import Branch, Evaluation
from tasks.results.yardstick import Suspects, Yardstick
from tasks.storage.code_version import code_version
from tasks.storage.files import point, write_bytes
from tasks.storage.layout import CACHE, DATA, EVALUATION, FIGURES, LATEST, MODELS, READER, REPORT, RUN_LOG, SUSPECTS
from tasks.storage.run_log import append_to_run_log, summarize
from tasks.storage.runs import in_use, keep_last, write_run
from tasks.subset import subset
from tasks.suspects import find_suspects
from tasks.train import train
from tasks.yardstick import yardstick

GENERATED_NAME = re.compile(r"[a-z]+-[a-z]+")  # The form of Prefect's generated names.


def run_name() -> str:
    """The run's name in the UI: the given one, otherwise the title of the settings."""
    given = runtime.flow_run.name or ""
    settings: Settings = runtime.flow_run.parameters.get("settings") or Settings()
    return settings.title if not given or GENERATED_NAME.fullmatch(given) else given


@flow(name="train", flow_run_name=run_name, **on_failure_hooks("on_completion", *FAILURES))
def train_flow(settings: Settings = Settings()) -> Path:
    """Fetch and prepare the reviews; train, evaluate, explain and compare the networks; write the report."""
    with Run.begin(settings) as run:
        data = run.settings.data
        source = run.do(fetch, data.given(), data.source, run.outputs / CACHE)
        dataset = run.do(prepare, source, data.vocabulary_size, data.max_length, data.reviews, run.outputs / DATA)
        add_tags(f"data:{dataset.title}", *(f"model:{spec.name}" for spec in run.settings.specs()))
        jobs = plan_jobs(run, dataset)
        if run.settings.promotion.promote:
            check_promotion(run.outputs, dataset, run.settings.promotion)
        with in_use(run.folder, [job.folder for job in jobs]):
            with run.progress.followed(jobs):
                folder = run.side_by_side(compare_and_report, jobs)
            promote_candidate(run, folder)
        remove_old_runs(run)
        run.finish()
    return folder


def prepare_report() -> None:
    """Import what reports need, and read the code on which results depend: every run does so sooner or later."""
    importlib.import_module("scipy.stats")
    for module in ("fetch", "prepare", "train", "evaluate", "yardstick", "explain", "illustrate"):
        code_version(f"tasks.{module}")
    code_version("flows.draw")


def plan_jobs(run: Run, dataset: Dataset) -> list[Job]:
    """One job for each network and seed, then the same for each of `--training-sizes`.

    Networks with the same seed are adjacent.
    """
    jobs = networks_on(run, dataset)
    jobs[0].check()
    data, root = run.settings.data, run.outputs / DATA
    for size in sizes_below_all(data.training_sizes, jobs[0].validation_start):
        fewer = run.do(subset, dataset, jobs[0].plan.validation, size, data.vocabulary_of, root)
        jobs += networks_on(run, fewer, plural(size, "review"))
    measured = [yardstick.record(*row) for row in zip(*yardstick_inputs(datasets_of(jobs), jobs[0]), strict=True)]
    return run.timed(sharing_processors(jobs, EVALUATION, [record.path for record in measured if record]))


def networks_on(run: Run, dataset: Dataset, group: str = "") -> list[Job]:
    """One job for each network and seed on a dataset."""
    plan = run.settings.plan()
    return [
        Job(spec, plan, dataset, seed, run.outputs / MODELS, group=group)
        for seed in run.settings.seeds()
        for spec in run.settings.specs()
    ]


def sizes_below_all(given: Sequence[int | str], reviews: int) -> list[int]:
    """The numbers among `--training-sizes`, ascending.

    Raises:
        SettingError: one of them is not below the number of reviews to train on.
    """
    sizes = sorted(size for size in given if isinstance(size, int))
    if sizes and sizes[-1] >= reviews:
        raise SettingError(
            f"--training-sizes {sizes[-1]}: found {plural(reviews, 'review')} to train on, expected smaller sizes; "
            "give all for the run itself"
        )
    return sizes


def compare_and_report(run: Run, jobs: list[Job]) -> Path:
    """Train and compare the networks, and write the report."""
    return write_report(run, compare_networks(run, jobs), [job.folder for job in jobs])


def compare_networks(run: Run, jobs: list[Job]) -> Comparison:
    """Train all networks side by side, evaluate each as soon as it is trained, then explain and compare the run's own.

    The run's own networks come first among the jobs; those of subsets, which have a group, follow.
    """
    own = sum(not job.group for job in jobs)
    datasets = datasets_of(jobs)
    prepared = [[Submitted("prepare", task)] * len(datasets) for task in run.previous]
    minutes = None if run.settings.run.runner in WITHOUT_TIME_LIMIT else run.settings.run.timeout
    training = run.do_each(train, jobs, minutes=minutes)
    # Behind all networks in the queue, so it takes the first processor that none of them needs.
    measuring = run.do_each(yardstick, *yardstick_inputs(datasets, jobs[0]), following=prepared)
    evaluating = run.do_each(evaluate, jobs, training)
    trained = [*run.results(train, training[:own]), *run.results(train, training[own:], are_needed=False)]
    stopped = out_of_time(run.settings.run.minutes, jobs[0].plan.epochs, [branch for branch in trained[:own] if branch])
    run.notes.extend([stopped] if stopped else [])
    illustrating = illustrate_first(run, jobs[:own], training[:own], trained[:own])
    evaluated = [*run.results(evaluate, evaluating[:own]), *run.results(evaluate, evaluating[own:], are_needed=False)]
    rows = [Network(*row) for row in zip(jobs, training, evaluating, trained, evaluated, strict=True)]
    comparison = compare_own(run, rows[:own], measuring[:1], illustrating)
    if own == len(jobs):
        return comparison
    bags = run.results(yardstick, measuring[1:], are_needed=False)
    return replace(comparison, sizes=compare_sizes(run, comparison, rows, bags))


class Network(NamedTuple):
    """A network of the run, its tasks, and their results; None if they failed."""

    job: Job
    training: Submitted
    evaluating: Submitted
    branch: Branch | None
    evaluation: Evaluation | None


def compare_own(run: Run, rows: list[Network], measuring: list[Submitted], illustrating: list[Submitted]) -> Comparison:
    """Explain and compare the run's own networks."""
    jobs, training, evaluating, branches, evaluations = without_failed_rows(*zip(*rows, strict=True))
    if len(branches) < sum(row.branch is not None for row in rows):  # One could not be evaluated.
        illustrating = illustrate_first(run, jobs, training, branches)
    chosen = choose_reviews(evaluations)
    explaining = run.do_each(explain, jobs, branches, [chosen] * len(jobs), following=[training, evaluating])
    branches, evaluations, explanations = without_failed_rows(branches, evaluations, run.results(explain, explaining))
    chapter = run.results(illustrate, illustrating, are_needed=False)[0]
    comparison = compare(
        jobs[0].dataset,
        branches,
        evaluations,
        explanations,
        chosen,
        run.results(yardstick, measuring, are_needed=False)[0],
        run=run.name,
        settings=run.settings.model_dump(mode="json"),
        command=run.settings.command(),
    )
    return replace(comparison, chapter=chapter)


def illustrate_first(
    run: Run, jobs: Sequence[Job], training: Sequence[Submitted], branches: Sequence[Branch | None]
) -> list[Submitted]:
    """Start to illustrate the first trained network of each model; that needs no evaluation."""
    jobs, training, trained = without_failed_rows(jobs, training, branches)
    return run.do_each(illustrate, jobs[:1], [first_networks(trained)], following=[[row] for row in training])


def compare_sizes(
    run: Run, comparison: Comparison, rows: list[Network], bags: Sequence[Yardstick | None]
) -> SizeCurves | None:
    """Compare the networks and bags of words of subsets with the run's own. What failed is left out."""
    c, of_subsets = comparison, [row for row in rows if row.job.group]
    results = []
    by_size = groupby(of_subsets, key=lambda row: row.job.validation_start)
    for (size, group), bag in zip(by_size, bags, strict=True):
        networks = list(group)
        branches = [row.branch for row in networks if row.branch and row.evaluation]
        evaluations = [row.evaluation for row in networks if row.branch and row.evaluation]
        results.append(SizeResults(size, networks[0].job.dataset, branches, evaluations, bag))
    bag = c.yardstick.yardstick if c.yardstick else None
    results.append(SizeResults(rows[0].job.validation_start, c.dataset, c.branches, c.evaluations, bag))
    return run.attempt("training sizes", partial(size_curves, results, run.settings.data.vocabulary_of))


def datasets_of(jobs: Sequence[Job]) -> list[Dataset]:
    """The datasets of the jobs, each once."""
    return list({job.dataset.fingerprint: job.dataset for job in jobs}.values())


def yardstick_inputs(datasets: Sequence[Dataset], job: Job) -> tuple[list[Dataset], list[float], list[str]]:
    """What the yardstick needs to be fitted to the same reviews as the networks: its inputs, in columns."""
    rows = len(datasets)
    return list(datasets), [job.plan.validation] * rows, [job.plan.class_weight] * rows


def first_networks(branches: Sequence[Branch]) -> FirstNetworks:
    """The first network of each model."""
    first: dict[str, Branch] = {}
    for branch in branches:
        first.setdefault(branch.name, branch)
    return FirstNetworks(tuple(first.values()))


def without_failed_rows(*columns: Sequence[Any]) -> list[list[Any]]:
    """The columns without the rows of branches that failed in any column."""
    rows = [row for row in zip(*columns, strict=True) if None not in row]
    return [list(column) for column in zip(*rows, strict=True)]


def write_report(run: Run, comparison: Comparison, networks: Sequence[Path]) -> Path:
    """Draw, write and publish the report; `outputs/latest` links to it from then on.

    Args:
        networks: the folders of all networks of the run, also of those that it did not train to their last epoch.
    """
    comparison = replace(comparison, suspects=run.attempt(SUSPECTS, partial(suspects, run, comparison)))
    processes = run.runner.processes if run.runner else None
    drawn = run.do(draw, comparison, run.outputs / FIGURES, processes).pictures()
    faults = report.faults(comparison, drawn)
    run.failures.extend(faults)
    if faults:
        figures_record(comparison, run.outputs / FIGURES).discard()  # The next run draws what is missing.
    comparison = replace(
        comparison, durations=dict(run.clock.laps), made_in=dict(run.clock.reused), notes=tuple(run.notes)
    )
    run.progress.begin("report", ["report"])
    as_task("report", write_and_publish, run, comparison, drawn, networks, previous=run.previous)
    run.progress.end("report", "report")
    return run.folder


def suspects(run: Run, comparison: Comparison) -> Suspects | None:
    """Write the labels that may be wrong to the run's folder; they need the yardstick."""
    c = comparison
    if c.yardstick is None:
        return None
    return find_suspects(run.folder / SUSPECTS, c.dataset, c.evaluations, c.yardstick.yardstick)


def write_and_publish(run: Run, comparison: Comparison, drawn: Mapping[str, Picture], networks: Sequence[Path]) -> None:
    """Write the report and the run's record, add the run to the run log, and publish report and history in the UI.

    What cannot be made is left out: nothing that the run has computed is lost for one page.
    """
    folder = run.folder
    reader = run.attempt(READER, lambda: open_reader(comparison))
    for name, make in report.files(comparison, drawn, reader).items():
        content = run.attempt(name, make)
        if content is not None:
            write_bytes(folder / name, content)
    finished = write_run(folder, comparison, other_networks(comparison, networks))
    point(run.outputs / LATEST, folder)
    get_run_logger().info("Report: %s", folder / REPORT)
    rows = run.attempt(RUN_LOG, lambda: append_to_run_log(run.outputs, summarize(finished, time.time())))
    makers = {**report_artifacts(comparison, drawn), **(history_artifacts(rows) if rows else {})}
    made = [run.attempt(f"artifact {key}", make) for key, make in makers.items()]
    run.failures.extend(publish_or_warn(artifact for artifact in made if artifact))


def other_networks(comparison: Comparison, networks: Sequence[Path]) -> list[Path]:
    """The folders that are not of the run's own networks: what `--minutes` ended is resumed there."""
    own = {branch.folder for branch in comparison.branches}
    return [folder for folder in networks if folder not in own]


def promote_candidate(run: Run, folder: Path) -> None:
    """With `--promote`, compare the run's best network with the champion."""
    if run.settings.promotion.promote:
        promote_run(run.outputs, folder, None, run.settings.promotion)


def remove_old_runs(run: Run) -> None:
    """With `--keep`, remove older runs, as `tasks.storage.runs` describes, and their artifacts; log their names."""
    keep = run.settings.run.keep
    if keep is None:
        return
    if removed := run.attempt("--keep", lambda: keep_last(run.outputs, keep)):
        get_run_logger().info("Removed older runs: %s", ", ".join(removed))
        for name in removed:
            run.attempt(f"artifacts of {name}", partial(unpublish, name))
