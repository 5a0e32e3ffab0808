"""The yardstick: what a bag of words gets on the same reviews, which tells what the order of words adds.

Its words are weighed by TF-IDF with sublinear counts, and classified by logistic regression.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.analysis.intervals import proportion
from tasks.data.parquet import read_column
from tasks.data.tokens import UNKNOWN, Tokens
from tasks.data.training_reviews import validation_start
from tasks.data.unpadded import UnpaddedReviews
from tasks.models.learner import READ_REVIEWS, balanced_accuracy, is_right
from tasks.results.data import Dataset
from tasks.results.yardstick import Yardstick
from tasks.storage.code_version import code_version
from tasks.storage.files import atomic_path, fingerprint, sha256_of_file
from tasks.storage.layout import BAG_OF_WORDS, YARDSTICK
from tasks.storage.reuse import LOGGER, Logger, Record, step

STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0)  # Values of C, about half a decade apart; on IMDB the middle one is the best.
# Newton's method in float32: a fourth of the time of lbfgs for the same accuracies. A looser tolerance would let C
# differ from what it says, because fits would stop before its penalty counts.
SOLVER, TOLERANCE, MAX_ITERATIONS = "newton-cg", 1e-5, 200
# Its matrix has 8 bytes for each different word of a review: 1.2 GB for a million reviews as long as IMDB's.
MAX_REVIEWS = 1_000_000
Probabilities = NDArray[np.floating]
Labels = NDArray[np.integer]
Matrix = Any  # A scipy.sparse matrix in rows, float32, shape (reviews, vocabulary size).


def yardstick_record(dataset: Dataset, validation: float, class_weight: str) -> Record[Yardstick]:
    """Where the yardstick is stored: with the dataset, so that it lasts as long as that, whichever runs are removed."""
    key = fingerprint(dataset.fingerprint, validation, class_weight, code_version(__name__))
    return Record(dataset.folder / f"yardstick-{key}" / YARDSTICK, key, Yardstick)


@step(title="measure the yardstick", record=yardstick_record)
def yardstick(dataset: Dataset, validation: float, class_weight: str = "none", *, logger: Logger = LOGGER) -> Yardstick:
    """Fit a bag of words to the reviews that networks are fitted to, and predict the test reviews.

    Args:
        dataset: the reviews.
        validation: the share of the training reviews, the last ones, that are held out to choose C.
        class_weight: "none", or "balanced" to let both labels weigh the same.
        logger: gets one line about the result.
    """
    # Imported here because the import takes a second, which a run that reuses its results saves.
    from sklearn.metrics import roc_auc_score

    # The time of this thread alone, because with `--runner thread` other steps share the process. Nothing here uses
    # more threads.
    started = time.thread_time()
    training, test = UnpaddedReviews.read(dataset.train.unpadded), UnpaddedReviews.read(dataset.test.unpadded)
    start = validation_start(len(training), validation)
    bag = choose(training, start, dataset.vocabulary_size, class_weight)
    probabilities = np.concatenate([bag.predict(tokens) for tokens in test.parts(READ_REVIEWS)])
    cpu_seconds = time.thread_time() - started
    folder = yardstick_record(dataset, validation, class_weight).path.parent
    _save(folder / BAG_OF_WORDS, dataset.test.path, test.labels, probabilities)
    result = Yardstick(
        folder=folder,
        digests={BAG_OF_WORDS: sha256_of_file(folder / BAG_OF_WORDS)},
        strength=bag.strength,
        strengths=STRENGTHS,
        class_weight=class_weight,
        reviews=min(start, MAX_REVIEWS),
        features=bag.features,
        accuracy=proportion(int(is_right(probabilities, test.labels).sum()), len(test)),
        balanced_accuracy=balanced_accuracy(probabilities, test.labels),
        auc=float(roc_auc_score(test.labels, probabilities)),
        validation_accuracy=bag.validation_accuracy,
        cpu_seconds=cpu_seconds,
    )
    logger.info("Bag of words: test accuracy %.4f after %.1f s of processor time", result.accuracy.value, cpu_seconds)
    return result


class Classifier(NamedTuple):
    """A fitted logistic regression.

    Attributes:
        weights: of each word, shape (vocabulary size,).
        bias: the log-odds of a review without words.
    """

    weights: NDArray[np.floating]
    bias: float

    def predict(self, words: Matrix) -> Probabilities:
        """Probabilities of "positive", shape (reviews,)."""
        from scipy.special import expit

        probabilities: Probabilities = expit(words @ self.weights + self.bias)
        return probabilities


class BagOfWords(NamedTuple):
    """A fitted yardstick: how it weighs words, its classifier, and how that was chosen."""

    weighing: Any  # A fitted TfidfTransformer.
    classifier: Classifier
    strength: float
    features: int
    validation_accuracy: float

    def predict(self, tokens: Tokens) -> Probabilities:
        """Probabilities of "positive", shape (reviews,)."""
        words = self.weighing.transform(word_counts(tokens, len(self.classifier.weights)), copy=False)
        return self.classifier.predict(words)


def choose(training: UnpaddedReviews, start: int, vocabulary_size: int, class_weight: str) -> BagOfWords:
    """Fit a bag of words with each strength, and keep the one with the best balanced accuracy on validation reviews.

    The smallest strength wins a tie: it fits the fewest peculiarities of the training reviews.

    Args:
        training: the training reviews.
        start: the first validation review; the reviews before it are fitted.
        vocabulary_size: the number of different tokens.
        class_weight: "none" or "balanced".
    """
    from sklearn.feature_extraction.text import TfidfTransformer

    fitted = min(start, MAX_REVIEWS)
    counts = counts_of(training, 0, fitted, vocabulary_size)
    features = len(np.unique(counts.indices))
    weighing = TfidfTransformer(sublinear_tf=True).fit(counts)
    words = weighing.transform(counts, copy=False)
    held_out = weighing.transform(counts_of(training, start, len(training), vocabulary_size), copy=False)
    labels = training.labels[start:]
    classifiers = [fit(words, training.labels[:fitted], strength, class_weight) for strength in STRENGTHS]
    predicted = [classifier.predict(held_out) for classifier in classifiers]
    best = int(np.argmax([balanced_accuracy(probabilities, labels) for probabilities in predicted]))
    accuracy = float(is_right(predicted[best], labels).mean())
    return BagOfWords(weighing, classifiers[best], STRENGTHS[best], features, accuracy)


def fit(words: Matrix, labels: Labels, strength: float, class_weight: str) -> Classifier:
    """Fit a logistic regression; if the labels are all the same, always give that label.

    Args:
        words: weights of the reviews' words, shape (reviews, vocabulary size).
        labels: 0 or 1, shape (reviews,).
        strength: the inverse of the penalty, C.
        class_weight: "none" or "balanced".
    """
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(labels)) < 2:
        return Classifier(np.zeros(words.shape[1], np.float32), np.inf if labels[0] else -np.inf)
    model = LogisticRegression(
        C=strength,
        solver=SOLVER,
        tol=TOLERANCE,
        max_iter=MAX_ITERATIONS,
        class_weight=None if class_weight == "none" else class_weight,
    ).fit(words, labels)
    return Classifier(model.coef_[0], float(model.intercept_[0]))


def counts_of(reviews: UnpaddedReviews, first: int, end: int, vocabulary_size: int) -> Matrix:
    """How often each word is in the reviews `first` to `end` - 1, as `word_counts`."""
    from scipy import sparse

    def parts() -> Iterator[Matrix]:
        for begin in range(first, end, READ_REVIEWS):
            yield word_counts(reviews.tokens_between(begin, min(begin + READ_REVIEWS, end)), vocabulary_size)

    return sparse.vstack(list(parts()), format="csr")


def word_counts(tokens: Tokens, vocabulary_size: int) -> Matrix:
    """How often each word is in each review, sparse, float32, shape (reviews, vocabulary size).

    Special tokens are no words: the start token is in every review that is not cut, and the token for unknown words
    stands for thousands of different ones.
    """
    from scipy import sparse

    is_word = tokens.values > UNKNOWN
    offsets = np.concatenate([[0], np.cumsum(is_word)])[tokens.offsets]
    words = tokens.values[is_word].astype(np.int32)
    ones = np.ones(len(words), np.float32)
    counts = sparse.csr_matrix((ones, words, offsets.astype(np.int32)), shape=(len(tokens), vocabulary_size))
    counts.sum_duplicates()
    return counts


def _save(path: Path, test: Path, labels: Labels, probabilities: Probabilities) -> None:
    frame = pd.DataFrame({"review_id": read_column(test, "review_id"), "label": labels, "probability": probabilities})
    with atomic_path(path) as temporary:
        frame.to_parquet(temporary, index=False)
