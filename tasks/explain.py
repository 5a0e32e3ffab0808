"""Step 5: why a network does what it does. How much it remembers, how far its gradients reach, how it reads."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from prefect import get_run_logger, task

from tasks.analysis import statistics
from tasks.data.tokens import read_column, read_tokens
from tasks.evaluate import kept
from tasks.models.learner import Learner
from tasks.models.loading import open_learner
from tasks.models.spec import ModelSpec
from tasks.results.comparison import Chosen
from tasks.results.data import Dataset
from tasks.results.errors import may_pass
from tasks.results.evaluation import Explanation, MemoryPoint, Reach
from tasks.results.training import Branch
from tasks.storage.files import fingerprint, source_version
from tasks.storage.reuse import keyed
from tasks.train import Job

SOURCES = Path(__file__), Path(__file__).parent / "models", Path(__file__).parent / "statistics.py"
MEMORY_WORDS = (10, 20, 50, 100, 200, 300, 500)
MEMORY_REVIEWS, REACH_REVIEWS = 5_000, 500


def explanation_key(branch: Branch, dataset: Dataset, chosen: Sequence[Chosen]) -> str:
    """Fingerprint of everything that decides the explanation."""
    rows = [one.row for one in chosen]
    return fingerprint(branch.key, branch.digests, dataset.fingerprint, rows, source_version(*SOURCES))


def explain_branch(branch: Branch, dataset: Dataset, chosen: Sequence[Chosen], fresh: bool = False) -> Explanation:
    """Memory, gradient reach and reading traces of the network at its last epoch; kept in `explanation.json`."""
    key = explanation_key(branch, dataset, chosen)
    return kept(
        branch.folder / "explanation.json", key, Explanation, lambda: _explain_alone(branch, dataset, chosen), fresh
    )


def _explain_alone(branch: Branch, dataset: Dataset, chosen: Sequence[Chosen]) -> Explanation:
    began = time.perf_counter()
    learner = open_learner(ModelSpec.model_validate(branch.spec), branch.folder / "last.keras", branch.threads)
    tokens, labels = read_tokens(dataset.test.path), read_column(dataset.test.path, "label")
    few = slice(0, MEMORY_REVIEWS)
    rows = full_reviews(read_column(dataset.test.path, "length"), tokens.shape[1])
    return Explanation(
        name=branch.name, seed=branch.seed,
        memory=memory(learner, tokens[few], labels[few]), memory_reviews=len(labels[few]),
        reach=reach(learner, tokens[rows], labels[rows]),
        traces=tuple(trace(learner, tokens[one.row]) for one in chosen),
        seconds=time.perf_counter() - began,
    )  # fmt: skip


def memory(
    learner: Learner, tokens: NDArray[np.unsignedinteger], labels: NDArray[np.integer]
) -> tuple[MemoryPoint, ...]:
    """Accuracy when all but the last k words of each review are padding, k = 10 … 500 and the whole review."""
    steps = tokens.shape[1]
    points = []
    for words in (*(k for k in MEMORY_WORDS if k < steps), steps):
        shown = tokens.copy()
        shown[:, : steps - words] = 0
        right = int(np.sum((learner.predict(shown) > 0.5) == (labels == 1)))
        points.append(MemoryPoint(words, statistics.proportion(right, len(labels))))
    return tuple(points)


def full_reviews(lengths: NDArray[np.integer], steps: int) -> NDArray[np.integer]:
    """Rows of the first 500 reviews that fill all steps, or where there are too few, of the longest 500."""
    order = np.argsort(-np.minimum(lengths, steps), kind="stable")
    return order[:REACH_REVIEWS]


def reach(learner: Learner, tokens: NDArray[np.unsignedinteger], labels: NDArray[np.integer]) -> Reach:
    """Quartiles over reviews of the gradient's norm at each step back from the end; padding is left out."""
    norms = learner.gradient_norms(tokens, labels)[:, ::-1].astype(np.float64)
    filled = int((tokens != 0).all(axis=0)[::-1].argmin()) or tokens.shape[1]
    steps = np.unique(np.round(np.geomspace(1, filled, 60)).astype(int)) - 1
    lower, median, upper = np.quantile(norms[:, steps], [0.25, 0.5, 0.75], axis=0)
    return Reach(
        tuple(steps.tolist()), tuple(lower.tolist()), tuple(median.tolist()), tuple(upper.tolist()), len(tokens)
    )


def trace(learner: Learner, review: NDArray[np.unsignedinteger]) -> tuple[float, ...]:
    """Probability of "positive" if the review ended after its first, second, … word (the start token included)."""
    words = review[review != 0]
    prefixes = np.zeros((len(words), len(review)), review.dtype)
    for end in range(1, len(words) + 1):
        prefixes[end - 1, len(review) - end :] = words[:end]
    return tuple(round(float(p), 5) for p in learner.predict(prefixes))


@task(
    name="explain",
    task_run_name="explain {branch.name} seed {branch.seed}",
    cache_key_fn=keyed(
        lambda branch, job, chosen: f"explain-{branch.name}-{explanation_key(branch, job.dataset, chosen)}"
    ),
    retries=1,
    retry_delay_seconds=5,
    retry_condition_fn=may_pass,
)
def explain(branch: Branch, job: Job, chosen: tuple[Chosen, ...]) -> Explanation:
    """`explain_branch`, and a line in the log."""
    for needed in (branch, job.dataset):
        job.exchange().pull(needed)
    explanation = explain_branch(branch, job.dataset, chosen, job.fresh)
    far = explanation.reach.hundredth
    get_run_logger().info(
        "%s: with its last %d words alone %.4f right; its gradient is below a hundredth %s",
        branch.label, explanation.memory[0].words, explanation.memory[0].accuracy.value,
        f"{far} words back" if far else "nowhere",
    )  # fmt: skip
    return explanation
