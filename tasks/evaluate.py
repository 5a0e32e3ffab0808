"""Step 4: a trained network on the test reviews, and held against the textbook formulas."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import pandas as pd
from filelock import FileLock
from numpy.typing import NDArray
from prefect import get_run_logger, task
from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from tasks.analysis.statistics import auc, best_threshold, proportion, reliability
from tasks.data.tokens import read_column, read_tokens
from tasks.models.loading import open_learner
from tasks.models.recurrence import forward
from tasks.models.spec import ModelSpec
from tasks.results.data import Dataset
from tasks.storage.files import Stored as Made
from tasks.results.errors import may_pass
from tasks.results.evaluation import Evaluation, Point, Scores
from tasks.results.training import Branch
from tasks.storage.files import atomic_path, fingerprint, read_json, sha256_of_file, source_version, write_json
from tasks.storage.reuse import is_whole, keyed
from tasks.train import Job

HERE = Path(__file__).parent
SOURCES = Path(__file__), HERE / "models", HERE / "statistics.py"
NUMPY_REVIEWS = 32
CURVE_POINTS = 101
T = TypeVar("T")


def evaluation_key(branch: Branch, dataset: Dataset) -> str:
    """Fingerprint of everything that decides the scores."""
    return fingerprint(branch.key, branch.digests, dataset.fingerprint, source_version(*SOURCES))


def evaluate_branch(
    branch: Branch, dataset: Dataset, validation: float, fresh: bool = False, threads: int = 1
) -> Evaluation:
    """Scores of `last.keras` and `best.keras`; predictions by `review_id` in `predictions.parquet`.

    `validation` is the share of the training reviews, the last ones, that was held out. What comes out is kept in
    `evaluation.json`; `fresh` computes it even if it is there. `threads` change speed, never results.
    """
    record = branch.folder / "evaluation.json"
    key = evaluation_key(branch, dataset)
    return kept(record, key, Evaluation, lambda: _evaluate_alone(branch, dataset, validation, threads), fresh)


def kept(record: Path, key: str, kind: type[T], make: Callable[[], T], fresh: bool) -> T:
    """What `make` gives, or what it gave before under the same key, if its files are whole.

    Of two processes that want the same, one makes it and the other waits for the result.
    """
    with FileLock(record.parent.with_suffix(".lock")):
        made = None if fresh else _made(record, key, kind)
        if made is None:
            made = make()
            write_json(record, {"key": key, "made": to_jsonable_python(made)})
    return made


def _made(record: Path, key: str, kind: type[T]) -> T | None:
    try:
        found = read_json(record)
        made = TypeAdapter(kind).validate_python(found["made"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return made if found["key"] == key and is_whole(cast(Made, made)) else None


def _evaluate_alone(branch: Branch, dataset: Dataset, validation: float, threads: int) -> Evaluation:
    started = time.perf_counter()
    spec = ModelSpec.model_validate(branch.spec)
    tokens, labels = read_tokens(dataset.test.path), read_column(dataset.test.path, "label")
    held_out = slice(int(dataset.train.reviews * (1 - validation)), None)
    probabilities: dict[str, NDArray[np.float32]] = {}
    for point in ("last", "best"):
        if point == "best" and branch.best_epoch == len(branch.history):
            probabilities[point] = probabilities["last"]
            continue
        learner = open_learner(spec, branch.folder / f"{point}.keras", threads)
        probabilities[point] = learner.predict(tokens)
        if point == "last":
            few = tokens[:NUMPY_REVIEWS]
            checked = learner.predict(read_tokens(dataset.train.path)[held_out])
            textbook = forward(spec, learner.model().get_weights(), few)
            difference = float(np.abs(textbook - learner.model().predict(few, verbose=0)[:, 0]).max())
    path = branch.folder / "predictions.parquet"
    _save_predictions(path, dataset, labels, probabilities)
    truth = read_column(dataset.train.path, "label")[held_out]
    last = score(labels, probabilities["last"], "last", len(branch.history))
    same = branch.best_epoch == len(branch.history)
    return Evaluation(
        branch.name, branch.seed, path, sha256_of_file(path),
        last=last,
        best=replace(last, point="best") if same else score(labels, probabilities["best"], "best", branch.best_epoch),
        threshold=best_threshold((truth, checked), (labels, probabilities["last"])),
        numpy_reviews=len(few), numpy_difference=difference, seconds=time.perf_counter() - started,
    )  # fmt: skip


def score(labels: NDArray[np.integer], probabilities: NDArray[np.floating], point: Point, epoch: int) -> Scores:
    """All scores of one set of predictions, at the threshold 0.5.

    Args:
        labels: 0 or 1, shape (reviews,); both must occur.
        probabilities: of "positive", shape (reviews,).
        point, epoch: what the predictions are of.
    """
    # Imported here because a run whose results are stored does not need it, and it takes a second.
    from sklearn import metrics

    p = probabilities.astype(np.float64)
    predicted = (p > 0.5).astype(int)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        labels, predicted, average="binary", zero_division=0.0
    )
    accuracy, area = proportion(int((predicted == labels).sum()), len(labels)), auc(labels, p)
    (tn, fp), (fn, tp) = metrics.confusion_matrix(labels, predicted, labels=[0, 1]).tolist()
    bins, calibration_error = reliability(labels, p)
    return Scores(
        point=point, epoch=epoch, reviews=len(labels), loss=float(metrics.log_loss(labels, p, labels=[0, 1])),
        accuracy=accuracy.value, low=accuracy.low, high=accuracy.high,
        precision=float(precision), recall=float(recall), f1=float(f1),
        auc=area.value, auc_low=area.low, auc_high=area.high, confusion=((tn, fp), (fn, tp)),
        roc=_on_grid(*metrics.roc_curve(labels, p)[:2]),
        precision_recall=_on_grid(*(curve[::-1] for curve in metrics.precision_recall_curve(labels, p)[1::-1])),
        reliability=bins, calibration_error=calibration_error,
    )  # fmt: skip


def _on_grid(x: NDArray[np.floating], y: NDArray[np.floating]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    grid = np.linspace(0, 1, CURVE_POINTS)
    return tuple(grid.tolist()), tuple(np.interp(grid, x, y).tolist())


def _save_predictions(
    path: Path, dataset: Dataset, labels: NDArray[np.integer], probabilities: dict[str, NDArray[np.float32]]
) -> None:
    frame = pd.DataFrame(
        {
            "review_id": read_column(dataset.test.path, "review_id"),
            "label": labels,
            "length": read_column(dataset.test.path, "length"),
            "probability_last": probabilities["last"],
            "probability_best": probabilities["best"],
        }
    )
    with atomic_path(path) as temporary:
        frame.to_parquet(temporary, index=False)


@task(
    name="evaluate",
    task_run_name="evaluate {branch.name} seed {branch.seed}",
    cache_key_fn=keyed(lambda branch, job: f"evaluate-{branch.name}-{evaluation_key(branch, job.dataset)}"),
    retries=1,
    retry_delay_seconds=5,
    retry_condition_fn=may_pass,
)
def evaluate(branch: Branch, job: Job) -> Evaluation:
    """`evaluate_branch`, and a line in the log."""
    share = job.exchange()
    for needed in (branch, job.dataset):
        share.pull(needed)
    evaluation = evaluate_branch(branch, job.dataset, job.plan.validation, job.fresh, job.threads())
    share.push(evaluation)
    get_run_logger().info(
        "%s seed %d: test accuracy %.4f at the last epoch, %.4f at the best; NumPy differs by %.1e at most",
        branch.name, branch.seed, evaluation.last.accuracy, evaluation.best.accuracy, evaluation.numpy_difference,
    )  # fmt: skip
    return evaluation
