"""Step 4: a trained network on the test reviews, and held against the textbook formulas."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock
from numpy.typing import NDArray
from prefect import get_run_logger, task
from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from tasks.data.tokens import read_column, read_tokens
from tasks.errors import may_pass
from tasks.files import atomic_path, fingerprint, read_json, sha256_of_file, source_version, write_json
from tasks.models.recurrence import forward
from tasks.models.spec import ModelSpec
from tasks.results import Branch, Dataset, Evaluation, Point, Scores
from tasks.reuse import is_whole, keyed
from tasks.train import Job, open_learner

SOURCES = Path(__file__), Path(__file__).parent / "models"
RECORD = "evaluation.json"
NUMPY_REVIEWS = 32
ROC_POINTS = 101


def evaluation_key(branch: Branch, dataset: Dataset) -> str:
    """Fingerprint of everything that decides the scores."""
    return fingerprint(branch.key, branch.digests, dataset.fingerprint, source_version(*SOURCES))


def evaluate_branch(branch: Branch, dataset: Dataset, fresh: bool = False) -> Evaluation:
    """Scores of `last.keras` and `best.keras`; predictions by `review_id` in `predictions.parquet`.

    Of two processes that are given the same branch one computes and the other waits for the result, which is kept in
    `evaluation.json`; `fresh` computes it even if it is there.
    """
    record, key = branch.folder / RECORD, evaluation_key(branch, dataset)
    with FileLock(branch.folder.with_suffix(".lock")):
        made = None if fresh else _made(record, key)
        if made:
            return made
        evaluation = _evaluate_alone(branch, dataset)
        write_json(record, {"key": key, "evaluation": to_jsonable_python(evaluation)})
    return evaluation


def _made(record: Path, key: str) -> Evaluation | None:
    """The evaluation, if it was made before and its predictions are whole."""
    try:
        found = read_json(record)
        evaluation = TypeAdapter(Evaluation).validate_python(found["evaluation"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return evaluation if found["key"] == key and is_whole(evaluation) else None


def _evaluate_alone(branch: Branch, dataset: Dataset) -> Evaluation:
    started = time.perf_counter()
    spec = ModelSpec.model_validate(branch.spec)
    tokens, labels = read_tokens(dataset.test.path), read_column(dataset.test.path, "label")
    probabilities: dict[str, NDArray[np.float32]] = {}
    for point in ("last", "best"):
        if point == "best" and branch.best_epoch == len(branch.history):
            probabilities[point] = probabilities["last"]
            continue
        learner = open_learner(spec, branch.folder / f"{point}.keras", branch.threads)
        probabilities[point] = learner.predict(tokens)
        if point == "last":
            few = tokens[:NUMPY_REVIEWS]
            textbook = forward(spec, learner.model().get_weights(), few)
            difference = float(np.abs(textbook - learner.model().predict(few, verbose=0)[:, 0]).max())
    path = branch.folder / "predictions.parquet"
    _save_predictions(path, dataset, labels, probabilities)
    return Evaluation(
        branch.name, branch.seed, path, sha256_of_file(path),
        last=score(labels, probabilities["last"], "last", len(branch.history)),
        best=score(labels, probabilities["best"], "best", branch.best_epoch),
        numpy_reviews=len(few), numpy_difference=difference, seconds=time.perf_counter() - started,
    )  # fmt: skip


def score(labels: NDArray[np.integer], probabilities: NDArray[np.floating], point: Point, epoch: int) -> Scores:
    """All scores of one set of predictions, at the threshold 0.5.

    Args:
        labels: 0 or 1, shape (reviews,); both must occur.
        probabilities: of "positive", shape (reviews,).
        point, epoch: what the predictions are of.
    """
    # Imported here because a run whose results are stored needs neither, and they take a second.
    from scipy.stats import binomtest
    from sklearn import metrics

    p = probabilities.astype(np.float64)
    predicted = (p > 0.5).astype(int)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        labels, predicted, average="binary", zero_division=0.0
    )
    interval = binomtest(int((predicted == labels).sum()), len(labels)).proportion_ci(0.95, method="wilson")
    (tn, fp), (fn, tp) = metrics.confusion_matrix(labels, predicted, labels=[0, 1]).tolist()
    grid = np.linspace(0, 1, ROC_POINTS)
    false_rate, true_rate, _ = metrics.roc_curve(labels, p)
    return Scores(
        point=point, epoch=epoch, reviews=len(labels), loss=float(metrics.log_loss(labels, p, labels=[0, 1])),
        accuracy=float(metrics.accuracy_score(labels, predicted)), low=float(interval.low), high=float(interval.high),
        precision=float(precision), recall=float(recall), f1=float(f1), auc=float(metrics.roc_auc_score(labels, p)),
        confusion=((tn, fp), (fn, tp)),
        roc=(tuple(grid.tolist()), tuple(np.interp(grid, false_rate, true_rate).tolist())),
    )  # fmt: skip


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
    evaluation = evaluate_branch(branch, job.dataset, job.fresh)
    share.push(evaluation)
    get_run_logger().info(
        "%s seed %d: test accuracy %.4f at the last epoch, %.4f at the best; NumPy differs by %.1e at most",
        branch.name, branch.seed, evaluation.last.accuracy, evaluation.best.accuracy, evaluation.numpy_difference,
    )  # fmt: skip
    return evaluation
