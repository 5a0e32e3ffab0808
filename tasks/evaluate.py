"""Step 4: evaluate a trained network on the test reviews, and check it against the textbook formulas."""

import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.analysis.scores import score
from tasks.data.parquet import read_column
from tasks.data.training_reviews import TrainingReviews
from tasks.data.unpadded import UnpaddedReviews
from tasks.job import Job
from tasks.models.learner import Learner, balanced_accuracy, best_threshold, predict_all
from tasks.models.loading import open_learner
from tasks.models.recurrence import forward
from tasks.results.training import Branch, Evaluation, Threshold
from tasks.storage.code_version import code_version
from tasks.storage.files import atomic_path, fingerprint, sha256_of_file
from tasks.storage.layout import BEST, EVALUATION, LAST, PREDICTIONS
from tasks.storage.reuse import LOGGER, Logger, Record, step

NUMPY_REVIEWS = 32
Probabilities = NDArray[np.float32]


def evaluation_record(job: Job, branch: Branch) -> Record[Evaluation]:
    """Where the evaluation is stored."""
    key = fingerprint(branch.key, branch.digests, job.dataset.fingerprint, code_version(__name__))
    return Record(branch.folder / EVALUATION, key, Evaluation)


@step(title="evaluate {job.label}", record=evaluation_record)
def evaluate(job: Job, branch: Branch, *, logger: Logger = LOGGER) -> Evaluation:
    """Score `last.keras` and `best.keras`, and write their predictions by `review_id` to `predictions.parquet`.

    Args:
        job, branch: the network.
        logger: gets one line about the result.
    """
    started = time.perf_counter()
    predictions = _predict(job, branch)
    path = branch.folder / PREDICTIONS
    labels = _save_predictions(path, job.dataset.test.path, predictions)
    last = score(labels, predictions.last, len(branch.history))
    is_best = branch.best_epoch == len(branch.history)
    best = last if is_best else score(labels, predictions.best, branch.best_epoch)
    evaluation = Evaluation(
        name=branch.name,
        seed=branch.seed,
        predictions=path,
        sha256=sha256_of_file(path),
        last=last,
        best=best,
        threshold=_threshold(predictions, labels),
        numpy_reviews=min(NUMPY_REVIEWS, len(labels)),
        numpy_difference=predictions.numpy_difference,
        seconds=time.perf_counter() - started,
    )
    logger.info(
        "%s: test accuracy %.4f at the last epoch, %.4f at the best; NumPy differs by at most %.1e",
        *(job.label, evaluation.last.accuracy, evaluation.best.accuracy, evaluation.numpy_difference),
    )
    return evaluation


class _BranchPredictions(NamedTuple):
    """Probabilities of "positive" for the test reviews at two epochs, and for the validation reviews at the best."""

    last: Probabilities
    best: Probabilities
    validation: Probabilities
    validation_labels: NDArray[np.integer]
    numpy_difference: float


def _predict(job: Job, branch: Branch) -> _BranchPredictions:
    test, threads = UnpaddedReviews.read(job.dataset.test.unpadded), job.threads()
    learner = open_learner(job.spec, branch.folder / LAST, threads)
    last = predict_all(learner, test)
    training = TrainingReviews.read(job.dataset.train, job.validation_start)
    difference = numpy_difference(job, learner, test.tokens_between(0, min(NUMPY_REVIEWS, len(test))).padded())
    best = last
    if branch.best_epoch != len(branch.history):
        learner = open_learner(job.spec, branch.folder / BEST, threads)
        best = predict_all(learner, test)
    validation = predict_all(learner, training.reviews, training.validation_start)
    return _BranchPredictions(last, best, validation, training.validation_labels, difference)


def _threshold(predictions: _BranchPredictions, labels: NDArray[np.integer]) -> Threshold:
    """The best threshold on validation, as in `network.json`, and what it gives on the test reviews."""
    value = best_threshold(predictions.validation, predictions.validation_labels)
    return Threshold(
        value=value,
        validation=balanced_accuracy(predictions.validation, predictions.validation_labels, value),
        test=balanced_accuracy(predictions.best, labels, value),
        test_accuracy=float(np.mean((predictions.best > value) == (labels == 1))),
    )


def numpy_difference(job: Job, learner: Learner, tokens: NDArray[np.unsignedinteger]) -> float:
    """The largest difference in probability between the textbook formulas and Keras."""
    model = learner.model()
    textbook = forward(job.spec, model.get_weights(), tokens)
    return float(np.abs(textbook - model.predict(tokens, verbose=0)[:, 0]).max())


def _save_predictions(path: Path, test: Path, predictions: _BranchPredictions) -> NDArray[np.integer]:
    """Write a row for each test review, and return the labels."""
    frame = pd.DataFrame(
        {
            "review_id": read_column(test, "review_id"),
            "label": read_column(test, "label"),
            "length": read_column(test, "length"),
            "probability_last": predictions.last,
            "probability_best": predictions.best,
        }
    )
    with atomic_path(path) as temporary:
        frame.to_parquet(temporary, index=False)
    return frame["label"].to_numpy()
