"""Step 5: why a network does what it does. How much it remembers, how far its gradients reach, how it reads."""

import time

from tasks.analysis.reading import longest_reviews, memory, reach, trace
from tasks.data.parquet import read_column, read_tokens
from tasks.job import Job
from tasks.models.loading import open_learner
from tasks.results.evaluation import Explanation
from tasks.results.evidence import Chosen
from tasks.results.training import Branch
from tasks.storage.code_version import code_version
from tasks.storage.files import fingerprint
from tasks.storage.reuse import LOGGER, Logger, Record, step

MEMORY_REVIEWS = 5_000


def explanation_record(job: Job, branch: Branch, chosen: tuple[Chosen, ...]) -> Record[Explanation]:
    """Where the explanation is kept."""
    rows = [review.row for review in chosen]
    key = fingerprint(branch.key, branch.digests, job.dataset.fingerprint, rows, code_version("tasks.explain"))
    return Record(branch.folder / "explanation.json", key, Explanation)


@step(title="explain {job.label}", record=explanation_record)
def explain(job: Job, branch: Branch, chosen: tuple[Chosen, ...], *, logger: Logger = LOGGER) -> Explanation:
    """Memory, gradient reach and reading traces of the network at its last epoch.

    Args:
        job, branch: the network.
        chosen: the test reviews to read word by word.
        logger: gets a line on the result.
    """
    started = time.perf_counter()
    learner = open_learner(job.spec, branch.folder / "last.keras", branch.threads)
    test = job.dataset.test.path
    tokens, labels = read_tokens(test), read_column(test, "label")
    rows = longest_reviews(read_column(test, "length"), job.dataset.max_length)
    explanation = Explanation(
        name=branch.name,
        seed=branch.seed,
        memory=memory(learner, tokens[:MEMORY_REVIEWS], labels[:MEMORY_REVIEWS]),
        memory_reviews=len(labels[:MEMORY_REVIEWS]),
        reach=reach(learner, tokens[rows], labels[rows]),
        traces=tuple(trace(learner, tokens[review.row]) for review in chosen),
        seconds=time.perf_counter() - started,
    )
    fewest = explanation.memory[0]
    logger.info("%s: accuracy from the last %d words alone %.4f", job.label, fewest.words, fewest.accuracy.value)
    return explanation
