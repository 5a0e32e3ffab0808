"""Step 4: a trained network on the test reviews, and held against the textbook formulas."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from prefect import get_run_logger, task
from scipy.stats import binomtest
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
    roc_curve,
)

from tasks.data.tokens import read_column, read_tokens
from tasks.files import atomic_path
from tasks.models.recurrence import forward
from tasks.models.spec import ModelSpec
from tasks.results import Branch, Dataset, Evaluation, Point, Scores
from tasks.train import open_learner

NUMPY_REVIEWS = 32
ROC_POINTS = 101


def evaluate_branch(branch: Branch, dataset: Dataset) -> Evaluation:
    """Scores of `last.keras` and `best.keras`; predictions by `review_id` in `predictions.parquet`."""
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
        branch.name, branch.seed, path,
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
    p = probabilities.astype(np.float64)
    predicted = (p > 0.5).astype(int)
    precision, recall, f1, _ = precision_recall_fscore_support(labels, predicted, average="binary", zero_division=0.0)
    interval = binomtest(int((predicted == labels).sum()), len(labels)).proportion_ci(0.95, method="wilson")
    (tn, fp), (fn, tp) = confusion_matrix(labels, predicted, labels=[0, 1]).tolist()
    grid = np.linspace(0, 1, ROC_POINTS)
    false_rate, true_rate, _ = roc_curve(labels, p)
    return Scores(
        point=point, epoch=epoch, reviews=len(labels), loss=float(log_loss(labels, p, labels=[0, 1])),
        accuracy=float(accuracy_score(labels, predicted)), low=float(interval.low), high=float(interval.high),
        precision=float(precision), recall=float(recall), f1=float(f1), auc=float(roc_auc_score(labels, p)),
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


@task(name="evaluate", task_run_name="evaluate {branch.name} seed {branch.seed}")
def evaluate(branch: Branch, dataset: Dataset) -> Evaluation:
    """`evaluate_branch`, and a line in the log."""
    evaluation = evaluate_branch(branch, dataset)
    get_run_logger().info(
        "%s seed %d: test accuracy %.4f at the last epoch, %.4f at the best; NumPy differs by %.1e at most",
        branch.name, branch.seed, evaluation.last.accuracy, evaluation.best.accuracy, evaluation.numpy_difference,
    )  # fmt: skip
    return evaluation
