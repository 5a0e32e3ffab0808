"""Step 3: train one network. A branch is one network with one seed; branches run side by side."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, astuple, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock
from numpy.typing import NDArray
from prefect import get_run_logger, task
from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from tasks.data.tokens import read_column, read_tokens
from tasks.models import machine
from tasks.models.learner import Batch, Learner, Metrics
from tasks.models.loading import new_learner
from tasks.models.spec import ModelSpec, TrainingPlan
from tasks.results.data import Dataset
from tasks.results.errors import may_pass
from tasks.results.training import Branch, Epoch
from tasks.storage.files import atomic_path, fingerprint, read_json, sha256_of_file, source_version, write_json
from tasks.storage.journal import Journal
from tasks.storage.reuse import is_whole, keyed
from tasks.storage.share import Share

SOURCES = Path(__file__), Path(__file__).parent / "models"
ARITHMETIC = ("keras", "tensorflow", "numpy", "numba")
RECORD = "record.json"  # Written last: where it lies, the branch is complete.
CHECKPOINT, BEST = "checkpoint.npz", "best.npz"  # While it trains.
FILES = ("history.parquet", "last.keras", "best.keras")


@dataclass(frozen=True)
class Job:
    """One branch to train."""

    spec: ModelSpec
    plan: TrainingPlan
    dataset: Dataset
    seed: int
    root: Path
    siblings: tuple[Path, ...] = ()
    fresh: bool = False
    share: str | None = None

    @property
    def key(self) -> str:
        """Fingerprint of everything that decides the result, the arithmetic of the installed libraries included."""
        decides = self.spec.model_dump(), asdict(self.plan), self.dataset.fingerprint, self.seed
        return fingerprint(*decides, source_version(*SOURCES), [version(library) for library in ARITHMETIC])

    @property
    def label(self) -> str:
        """Name of the branch for people."""
        return f"{self.spec.name} seed {self.seed}"

    @property
    def folder(self) -> Path:
        """Where the branch's files lie."""
        return self.root / f"{self.spec.name}-seed{self.seed}-{self.key}"

    def exchange(self) -> Share:
        """What this branch exchanges with other machines."""
        return Share(self.share, self.root.parent)

    def threads(self) -> int:
        """This branch's fair share of the processors now: those of siblings that have ended are free again."""
        running = sum(not (folder / RECORD).exists() for folder in self.siblings)
        cores = machine.available_cores()
        return max(1, cores // min(max(running, 1), cores))


def train_branch(job: Job, tell: Callable[[str], None] = lambda _: None) -> Branch:
    """Train to the last epoch; leave history, both models and a record in the branch's folder.

    `tell` gets a line on which learner runs, and why, before training starts.

    A branch that was killed goes on after its last whole epoch, and ends with the same bits as one that was not. Of two
    processes that are given the same branch one trains, and the other waits for the result.

    Files: `history.parquet` (after each epoch), `last.keras` and `best.keras` (plain Keras models at the last epoch and
    at the epoch with the best validation accuracy, the earliest of equals), `record.json`, `progress.jsonl`.
    """
    job.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(job.folder.with_suffix(".lock")):
        made = None if job.fresh else _made(job)
        if made:
            tell(f"{job.label}: another run has trained it")
        return made or _train_alone(job, tell)


def _made(job: Job) -> Branch | None:
    """The branch, if it was trained before and its files are whole."""
    try:
        branch = TypeAdapter(Branch).validate_python(read_json(job.folder / RECORD)["branch"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return branch if is_whole(branch) else None


def _train_alone(job: Job, tell: Callable[[str], None]) -> Branch:
    started, cpu_started = time.time(), time.process_time()
    journal = Journal(job.folder / "progress.jsonl")
    (job.folder / RECORD).unlink(missing_ok=True)
    journal.write(event="begin", epochs=job.plan.epochs)
    threads = job.threads()
    plan, vocabulary_size = job.plan, job.dataset.vocabulary_size
    learner = new_learner(job.spec, vocabulary_size, plan.learning_rate, job.seed, threads)
    tell(f"{job.label}: trained by {learner.engine}, {threads} thread{'' if threads == 1 else 's'} to begin with")
    data = _Data.read(job)
    history = _resume(job, learner, journal)
    if history:
        tell(f"{job.label}: goes on after epoch {len(history)}")
    _fit(job, learner, data, journal, history)
    best = _best(history)
    _save_models(job, learner, best)
    branch = Branch(
        name=job.spec.name, seed=job.seed, key=job.key, folder=job.folder, spec=job.spec.model_dump(mode="json"),
        engine=learner.engine, threads=threads, parameters=int(learner.model().count_params()), history=tuple(history),
        best_epoch=best, started=started, ended=time.time(), cpu_seconds=time.process_time() - cpu_started,
        peak_memory_mb=machine.peak_memory_mb(),
        tokens_per_second=data.words_per_epoch * len(history) / sum(epoch.seconds for epoch in history),
        machine=machine.describe(),
        digests={name: sha256_of_file(job.folder / name) for name in FILES},
    )  # fmt: skip
    dataset = job.dataset.fingerprint
    write_json(job.folder / RECORD, {"branch": to_jsonable_python(branch), "plan": asdict(plan), "dataset": dataset})
    for leftover in (CHECKPOINT, BEST):
        (job.folder / leftover).unlink()
    journal.write(event="end")
    return branch


@dataclass(frozen=True)
class _Data:
    """Tokens and labels in memory, cut into the part to fit and the part to validate on."""

    tokens: NDArray[np.unsignedinteger]
    labels: NDArray[np.integer]
    fit: int
    words_per_epoch: int

    @classmethod
    def read(cls, job: Job) -> "_Data":
        path = job.dataset.train.path
        tokens, labels = read_tokens(path), read_column(path, "label")
        fit = int(len(labels) * (1 - job.plan.validation))
        return cls(tokens, labels, fit, int(np.count_nonzero(tokens[:fit])))

    def batches(self, job: Job, epoch: int) -> Iterator[Batch]:
        """The epoch's batches, in an order that seed and epoch alone decide, so that a resumed run repeats it."""
        order = np.random.default_rng([job.seed, epoch]).permutation(self.fit)
        for start in range(0, self.fit, job.plan.batch_size):
            rows = order[start : start + job.plan.batch_size]
            yield self.tokens[rows], self.labels[rows]


def _fit(job: Job, learner: Learner, data: _Data, journal: Journal, history: list[Epoch]) -> None:
    """Train from the end of `history` to the last epoch; each epoch leaves everything that a resumed run needs."""
    for number in range(len(history) + 1, job.plan.epochs + 1):
        began = time.perf_counter()
        learner.set_threads(job.threads())
        fitted = learner.fit_epoch(_told(data, job, number, journal))
        validated = Metrics()
        validated.add(learner.predict(data.tokens[data.fit :]), data.labels[data.fit :])
        seconds = time.perf_counter() - began
        epoch = Epoch(number, fitted.loss, fitted.accuracy, validated.loss, validated.accuracy, seconds)
        history.append(epoch)
        if _best(history) == number:
            _save_state(job.folder / BEST, learner, history)
        _save_state(job.folder / CHECKPOINT, learner, history)
        _save_history(job.folder / "history.parquet", history)
        journal.write(event="epoch", **asdict(epoch))


def _best(history: list[Epoch]) -> int:
    """The epoch with the best validation accuracy, the earliest of equals."""
    return max(history, key=lambda epoch: (epoch.val_accuracy, -epoch.epoch)).epoch


def _resume(job: Job, learner: Learner, journal: Journal) -> list[Epoch]:
    """The epochs that an interrupted run left, with the learner as it was after them; none if there are none."""
    if job.fresh or not (job.folder / CHECKPOINT).exists():
        return []
    rows = _load_state(job.folder / CHECKPOINT, learner)
    history = [Epoch(int(row[0]), *map(float, row[1:])) for row in rows]
    for epoch in history:
        journal.write(event="epoch", **asdict(epoch))
    return history


def _told(data: _Data, job: Job, epoch: int, journal: Journal) -> Iterator[Batch]:
    total = -(-data.fit // job.plan.batch_size)
    for number, batch in enumerate(data.batches(job, epoch)):
        journal.write_seldom(event="batch", epoch=epoch, batch=number, batches=total)
        yield batch


def _save_state(path: Path, learner: Learner, history: list[Epoch]) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, history=np.array([astuple(epoch) for epoch in history]), **learner.state())


def _load_state(path: Path, learner: Learner) -> NDArray[np.float64]:
    """Restore the learner; gives the history that was saved with it, a row an epoch."""
    with np.load(path, allow_pickle=False) as state:
        arrays = dict(state)
    history: NDArray[np.float64] = arrays.pop("history")
    learner.restore(arrays)
    return history


def _save_history(path: Path, history: list[Epoch]) -> None:
    with atomic_path(path) as temporary:
        pd.DataFrame([asdict(epoch) for epoch in history]).to_parquet(temporary, index=False)


def _save_models(job: Job, learner: Learner, best: int) -> None:
    """Save the last epoch's model, then the best epoch's, and leave the learner as it was."""
    last = learner.state()
    with atomic_path(job.folder / "last.keras") as temporary:
        learner.model().save(temporary)
    if best != job.plan.epochs:
        _load_state(job.folder / BEST, learner)
    with atomic_path(job.folder / "best.keras") as temporary:
        learner.model().save(temporary)
    learner.restore(last)


@task(
    name="train",
    task_run_name="train {job.label}",
    cache_key_fn=keyed(lambda job: f"train-{job.spec.name}-seed{job.seed}-{job.key}"),
    retries=1,
    retry_delay_seconds=5,
    retry_condition_fn=may_pass,
)
def train(job: Job) -> Branch:
    """`train_branch`, and lines in the log that say which learner runs and how it went."""
    logger, share = get_run_logger(), job.exchange()
    share.pull(job.dataset)
    share.pull_if_there(job.folder / name for name in (RECORD, *FILES) if not (job.folder / name).exists())
    branch = train_branch(job, logger.info)
    share.push(branch, job.folder / RECORD)
    logger.info(
        "%s: %d epochs in %.1f s, validation accuracy %.4f (best %.4f at epoch %d)",
        job.label, len(branch.history), branch.train_seconds, branch.history[-1].val_accuracy,
        branch.history[branch.best_epoch - 1].val_accuracy, branch.best_epoch,
    )  # fmt: skip
    return branch
