"""The yardstick: what a bag of words gets on the same reviews, which tells what the order of words adds.

Its words are weighed by TF-IDF with sublinear counts, and classified by logistic regression.
"""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.analysis.intervals import proportion
from tasks.analysis.scores import label_scores
from tasks.data.parquet import read_column
from tasks.data.tokens import UNKNOWN, Tokens
from tasks.data.training_reviews import validation_start
from tasks.data.unpadded import UnpaddedReviews
from tasks.models.learner import READ_REVIEWS, balanced_accuracy, is_right
from tasks.results.data import Dataset
from tasks.results.yardstick import Yardstick
from tasks.storage.code_version import code_version
from tasks.storage.files import atomic_path, fingerprint, sha256_of_file
from tasks.storage.layout import BAG_OF_WORDS, OUT_OF_FOLD, YARDSTICK
from tasks.storage.reuse import LOGGER, Logger, Record, step

STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0)  # Values of C, about half a decade apart; on IMDB the middle one is the best.
# Newton's method in float32: a third of the time of lbfgs for the same accuracies. A looser tolerance would let C
# differ from what it says, because fits would stop before its penalty counts.
SOLVER, TOLERANCE, MAX_ITERATIONS = "newton-cg", 1e-5, 200
# A looser one halves the time of the folds, and finds 331 instead of 341 of 500 flipped labels in the first 1,000.
FOLDS, FOLD_TOLERANCE = 5, 1e-3
# At most this many reviews are fitted, and at most this many choose C: each takes 3.8 KB if it is like those of IMDB.
MAX_REVIEWS = 250_000
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
    words = weighed(training, validation_start(dataset.train, validation), dataset.vocabulary_size)
    bag = choose(words, training.labels, class_weight)
    probabilities = np.concatenate([bag.classifier.predict(words.of(tokens)) for tokens in test.parts(READ_REVIEWS)])
    cpu_seconds = time.thread_time() - started
    folder = yardstick_record(dataset, validation, class_weight).path.parent
    _save(folder / BAG_OF_WORDS, dataset.test.path, np.arange(len(test)), probabilities)
    unseen = out_of_fold(words, training.labels, bag.strength, class_weight)
    _save(folder / OUT_OF_FOLD, dataset.train.path, words.rows, unseen)
    result = Yardstick(
        folder=folder,
        digests={name: sha256_of_file(folder / name) for name in (BAG_OF_WORDS, OUT_OF_FOLD)},
        strength=bag.strength,
        strengths=STRENGTHS,
        class_weight=class_weight,
        reviews=words.reviews,
        features=words.features,
        accuracy=proportion(int(is_right(probabilities, test.labels).sum()), len(test)),
        by_label=label_scores(test.labels, probabilities),
        auc=float(roc_auc_score(test.labels, probabilities)),
        **bag.on_validation,
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


class Words(NamedTuple):
    """The weights of the words of training reviews.

    Attributes:
        weighing: the fitted TfidfTransformer.
        weights: first of the reviews to fit, then of those for validation.
        rows: the places of these reviews in the training split.
        reviews: the number of reviews to fit.
        features: the number of different words in them.
    """

    weighing: Any
    weights: Matrix
    rows: NDArray[np.integer]
    reviews: int
    features: int

    def of(self, tokens: Tokens) -> Matrix:
        """The weights of the words of other reviews."""
        return self.weighing.transform(word_counts(tokens, self.weights.shape[1]), copy=False)


def weighed(training: UnpaddedReviews, start: int, vocabulary_size: int) -> Words:
    """Weigh the words of the training reviews; `start` is the first validation review."""
    from sklearn.feature_extraction.text import TfidfTransformer

    end, last = min(start, MAX_REVIEWS), min(start + MAX_REVIEWS, len(training))
    counts = counts_of(training, ((0, end), (start, last)), vocabulary_size)
    to_fit = first_rows(counts, end)
    is_feature = np.zeros(vocabulary_size, np.bool_)
    is_feature[to_fit.indices] = True
    weighing = TfidfTransformer(sublinear_tf=True).fit(to_fit)
    rows = np.concatenate([np.arange(end), np.arange(start, last)])
    return Words(weighing, weighing.transform(counts, copy=False), rows, end, int(is_feature.sum()))


def first_rows(words: Matrix, rows: int) -> Matrix:
    """The first rows of a matrix, in the same memory: a slice would copy them."""
    from scipy import sparse

    end = words.indptr[rows]
    parts = words.data[:end], words.indices[:end], words.indptr[: rows + 1]
    return sparse.csr_matrix(parts, shape=(rows, words.shape[1]), copy=False)


class BagOfWords(NamedTuple):
    """The classifier with the best of `STRENGTHS`, and its results on the validation reviews, as in the record."""

    classifier: Classifier
    strength: float
    on_validation: dict[str, float]


def choose(words: Words, labels: Labels, class_weight: str) -> BagOfWords:
    """Fit a classifier with each strength, and keep the one with the best balanced accuracy on validation reviews.

    The smallest strength wins a tie: it fits the fewest peculiarities of the training reviews.

    Args:
        words: the weights of the words.
        labels: 0 or 1, of the whole training split.
        class_weight: "none" or "balanced".
    """
    of_fitted, of_held_out = np.split(labels[words.rows], [words.reviews])
    fitted, held_out = first_rows(words.weights, words.reviews), words.weights[words.reviews :]
    classifiers = [fit(fitted, of_fitted, strength, class_weight) for strength in STRENGTHS]
    predicted = [classifier.predict(held_out) for classifier in classifiers]
    balanced = [balanced_accuracy(probabilities, of_held_out) for probabilities in predicted]
    best = int(np.argmax(balanced))
    accuracy = float(is_right(predicted[best], of_held_out).mean())
    on_validation = {"validation_accuracy": accuracy, "validation_balanced": balanced[best]}
    return BagOfWords(classifiers[best], STRENGTHS[best], on_validation)


def out_of_fold(words: Words, labels: Labels, strength: float, class_weight: str) -> Probabilities:
    """Probabilities of "positive" for the reviews of `words.rows`, each by a classifier that has not seen its label.

    A review's place decides its fold, so that each fold has a share of every file that the reviews came from.

    Args:
        words, labels, class_weight: as in `choose`.
        strength: the inverse of the penalty, C.
    """
    weights, its_labels = words.weights, labels[words.rows]
    probabilities = np.empty(len(its_labels), np.float32)
    for fold in range(FOLDS):
        is_out = words.rows % FOLDS == fold
        if not is_out.all():
            classifier = fit(weights[~is_out], its_labels[~is_out], strength, class_weight, FOLD_TOLERANCE)
            probabilities[is_out] = classifier.predict(weights[is_out])
    return probabilities


def fit(words: Matrix, labels: Labels, strength: float, class_weight: str, tolerance: float = TOLERANCE) -> Classifier:
    """Fit a logistic regression; if the labels are all the same, give that label, the surer the more there are.

    Args:
        words: weights of the reviews' words, shape (reviews, vocabulary size).
        labels: 0 or 1, shape (reviews,).
        strength: the inverse of the penalty, C.
        class_weight: "none" or "balanced".
        tolerance: the largest gradient at which the fit ends.
    """
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(labels)) < 2:
        odds = len(labels) + 1.0  # Laplace's rule of succession.
        return Classifier(np.zeros(words.shape[1], np.float32), float(np.log(odds if labels[0] else 1 / odds)))
    model = LogisticRegression(
        C=strength,
        solver=SOLVER,
        tol=tolerance,
        max_iter=MAX_ITERATIONS,
        class_weight=None if class_weight == "none" else class_weight,
    ).fit(words, labels)
    return Classifier(model.coef_[0], float(model.intercept_[0]))


def counts_of(reviews: UnpaddedReviews, ranges: Iterable[tuple[int, int]], vocabulary_size: int) -> Matrix:
    """How often each word is in the reviews `first` to `end` - 1 of each range, as `word_counts`."""
    from scipy import sparse

    parts = [
        word_counts(reviews.tokens_between(begin, min(begin + READ_REVIEWS, end)), vocabulary_size)
        for first, end in ranges
        for begin in range(first, end, READ_REVIEWS)
    ]
    return sparse.vstack(parts, format="csr")


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


def _save(path: Path, split: Path, rows: NDArray[np.integer], probabilities: Probabilities) -> None:
    """Write a row for each of these rows of a split."""
    columns = {name: read_column(split, name)[rows] for name in ("review_id", "label")}
    with atomic_path(path) as temporary:
        pd.DataFrame({**columns, "row": rows, "probability": probabilities}).to_parquet(temporary, index=False)
