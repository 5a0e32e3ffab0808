"""Step 5: explain how much a network remembers, how far its gradients reach, and how it reads."""

import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.analysis.reading import longest_reviews, memory, memory_points, reach, trace, words_within
from tasks.data.parquet import read_column
from tasks.data.tokens import Tokens
from tasks.data.unpadded import UnpaddedReviews
from tasks.job import Job
from tasks.models.learner import Learner
from tasks.models.loading import new_learner, open_learner
from tasks.models.recurrence import has_state_jacobian, state_jacobian_norms
from tasks.results.comparison import Chosen
from tasks.results.data import Split
from tasks.results.training import Branch, Explanation, Moment, Reach
from tasks.storage.code_version import code_version
from tasks.storage.files import atomic_path, fingerprint, sha256_of_file
from tasks.storage.layout import EXPLANATION, FIRST, LAST, MEMORY, REACH
from tasks.storage.reuse import LOGGER, Logger, Record, step

MEMORY_REVIEWS, JACOBIAN_REVIEWS = 5_000, 32


def explanation_record(job: Job, branch: Branch, chosen: tuple[Chosen, ...]) -> Record[Explanation]:
    """Where the explanation is stored."""
    rows = [review.row for review in chosen]
    key = fingerprint(branch.key, branch.digests, job.dataset.fingerprint, rows, code_version(__name__))
    return Record(branch.folder / EXPLANATION, key, Explanation)


@step(title="explain {job.label}", record=explanation_record)
def explain(job: Job, branch: Branch, chosen: tuple[Chosen, ...], *, logger: Logger = LOGGER) -> Explanation:
    """Measure memory and reading at the last epoch, and the gradient's reach before training and at two epochs.

    Files: `memory.parquet` and `reach.parquet`, see `Explanation`.

    Args:
        job, branch: the network.
        chosen: the test reviews to read word by word.
        logger: gets one line about the result.
    """
    started = time.perf_counter()
    reviews = _TestSplit.read(job.dataset.test)
    last = open_learner(job.spec, branch.folder / LAST, branch.threads)
    some = reviews.chosen(np.arange(min(MEMORY_REVIEWS, len(reviews.lengths))))
    right = memory(last, some.tokens, some.labels)
    remembered = {"review_id": some.review_ids, "length": some.lengths}
    _save(branch.folder / MEMORY, remembered | {f"right_{words}": flags for words, flags in right.items()})
    longest = reviews.chosen(longest_reviews(reviews.lengths, job.dataset.max_length))
    reaches = _save_reaches(branch.folder / REACH, job, _learners(job, branch, last), longest)
    to_read = reviews.chosen(np.array([review.row for review in chosen], np.int64))
    explanation = Explanation(
        name=branch.name,
        seed=branch.seed,
        folder=branch.folder,
        digests={name: sha256_of_file(branch.folder / name) for name in (MEMORY, REACH)},
        memory=memory_points(right),
        memory_reviews=len(some.labels),
        reaches=reaches,
        traces=tuple(trace(last, to_read.tokens, row) for row in range(len(chosen))),
        seconds=time.perf_counter() - started,
    )
    fewest = explanation.memory[0]
    logger.info("%s: accuracy from the last %d words alone %.4f", job.label, fewest.words, fewest.accuracy.value)
    return explanation


class _Reviews(NamedTuple):
    """A group of test reviews, a row for each; `lengths` are in words, before truncation."""

    review_ids: NDArray[np.integer]
    tokens: Tokens
    labels: NDArray[np.integer]
    lengths: NDArray[np.integer]


class _TestSplit(NamedTuple):
    """All test reviews, with their tokens in a file."""

    review_ids: NDArray[np.integer]
    lengths: NDArray[np.integer]
    unpadded: UnpaddedReviews

    @classmethod
    def read(cls, split: Split) -> "_TestSplit":
        review_ids, lengths = (read_column(split.path, name) for name in ("review_id", "length"))
        return cls(review_ids, lengths, UnpaddedReviews.read(split.unpadded))

    def chosen(self, rows: NDArray[np.integer]) -> _Reviews:
        """The reviews in the given rows."""
        tokens, labels = self.unpadded.tokens_of(rows), self.unpadded.labels[rows]
        return _Reviews(self.review_ids[rows], tokens, labels, self.lengths[rows])


def _learners(job: Job, branch: Branch, last: Learner) -> dict[Moment, Learner]:
    """The network with its initial weights, after the first epoch, and after the last."""
    vocabulary_size, threads = job.dataset.vocabulary_size, branch.threads
    return {
        "initial": new_learner(job.spec, vocabulary_size, job.plan.learning_rate, job.seed, threads),
        "first": open_learner(job.spec, branch.folder / FIRST, threads),
        "last": last,
    }


def _save_reaches(path: Path, job: Job, learners: dict[Moment, Learner], reviews: _Reviews) -> dict[Moment, Reach]:
    """Write how far gradients reach in each review, and return the quartiles."""
    reaches = {moment: reach(learner, reviews.tokens, reviews.labels) for moment, learner in learners.items()}
    jacobian = np.full(len(reviews.labels), -1)
    if has_state_jacobian(job.spec):
        tokens = reviews.tokens[:JACOBIAN_REVIEWS].padded()
        norms = state_jacobian_norms(job.spec, learners["last"].model().get_weights(), tokens)
        jacobian[:JACOBIAN_REVIEWS] = words_within(norms * (tokens[:, ::-1] != 0))
    words = {moment: reach.words for moment, reach in reaches.items()}
    seen = np.minimum(reviews.lengths, job.dataset.max_length)
    _save(path, {"review_id": reviews.review_ids, "words": seen} | words | {"jacobian": jacobian})
    return {moment: reach.quartiles for moment, reach in reaches.items()}


def _save(path: Path, columns: dict[str, NDArray[np.generic]]) -> None:
    with atomic_path(path) as temporary:
        pd.DataFrame(columns).to_parquet(temporary, index=False)
