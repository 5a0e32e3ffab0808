"""Step 3: train one network. A branch is one network with one seed; branches run side by side."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks import machine
from tasks.data.training_reviews import Batch, TrainingReviews
from tasks.errors import DataError, OutOfTimeError, PipelineError
from tasks.job import Job
from tasks.models.learner import Learner, Metrics, balanced_accuracy, best_threshold, predict_all
from tasks.models.loading import new_learner
from tasks.results.training import THRESHOLD, Branch, Epoch, best_epoch
from tasks.storage.files import atomic_path, remove, sha256_of_file, write_bytes, write_json
from tasks.storage.layout import (
    BEST,
    BEST_CHECKPOINT,
    EVALUATION,
    FIRST,
    HISTORY,
    LAST,
    LAST_CHECKPOINT,
    NETWORK,
    PROGRESS,
    RECORD,
    VOCABULARY,
)
from tasks.storage.reuse import LOGGER, EndedEarly, Logger, Record, step
from tasks.storage.training_state import Checkpoint, Journal

LOOK_SECONDS = 0.25  # How often a network in training looks whether a processor has become free.
FILES = (HISTORY, FIRST, LAST, BEST, NETWORK, VOCABULARY)


def branch_record(job: Job) -> Record[Branch]:
    """Where the trained network is stored."""
    checkpoints = job.folder / LAST_CHECKPOINT, job.folder / BEST_CHECKPOINT
    return Record(job.folder / RECORD, job.key, Branch, checkpoints)


@step(title="train {job.label}", record=branch_record)
def train(job: Job, *, logger: Logger = LOGGER) -> Branch:
    """Train to the last epoch; write the history, the models and a description to the branch's folder.

    A killed branch resumes after its last completed epoch and ends with the same bits as an uninterrupted one. So does
    one that the job stops early. It returns the network with fewer epochs to train, which has a key of its own.

    Files: `history.parquet` (after each epoch), `first.keras`, `last.keras` and `best.keras` (plain Keras models after
    the first epoch, after the last one, and at the best one, which `best_epoch` finds), `network.json` and
    `vocabulary.json` (all that is needed to use the models elsewhere, and the best threshold on validation),
    `progress.jsonl`.

    Raises:
        EndedEarly: the job stops training before its last epoch.
        PipelineError: the loss diverged, or no epoch was completed before the job stopped training.
    """
    training = _Training(job, logger)
    epochs = training.run_epochs()
    if epochs < job.plan.epochs:
        raise EndedEarly(train.keep(job.shortened(epochs), logger=logger))
    return training.finish()


class _TimeIsUp(Exception):  # noqa: N818 -- no error
    """The job stops training now."""


class _Training:
    """One branch while it trains."""

    def __init__(self, job: Job, logger: Logger) -> None:
        self._job, self._logger = job, logger
        job.folder.mkdir(parents=True, exist_ok=True)
        remove(job.folder / EVALUATION)  # From an earlier training: other branches would think that this one has ended.
        self._started, self._cpu_started = time.time(), time.process_time()
        self._journal = Journal(job.folder / PROGRESS)
        self._journal.write(event="begin", epochs=job.plan.epochs)
        self._threads = job.threads()
        self._learner = new_learner(
            job.spec, job.dataset.vocabulary_size, job.plan.learning_rate, job.seed, self._threads
        )
        threads = f"{self._threads} thread{'' if self._threads == 1 else 's'} at the start"
        logger.info("%s: trained by %s, %s", job.label, self._learner.engine, threads)
        self._reviews = TrainingReviews.read(job.dataset.train, job.validation_start, job.plan.class_weight)
        self._history: list[Epoch] = []
        self._threshold = THRESHOLD
        self._resumed_cpu_seconds = 0.0
        self._next_look = 0.0

    def run_epochs(self) -> int:
        """Train from the last checkpoint, if there is one, or from the start; return the number of completed epochs."""
        self._resume()
        try:
            while len(self._history) < self._job.plan.epochs and not self._job.is_outdone(self._history):
                self._check_time()
                self._run_epoch(len(self._history) + 1)
        except _TimeIsUp:
            if not self._history:
                raise OutOfTimeError(f"{self._job.label}: no epoch was completed within --minutes") from None
        if len(self._history) < self._job.plan.epochs:
            self._journal.write(event="end")
        return len(self._history)

    def finish(self) -> Branch:
        """Save the models and describe them."""
        self._save_models()
        self._describe_network()
        branch = self._branch()
        for checkpoint in branch_record(self._job).checkpoints:
            remove(checkpoint)
        self._journal.write(event="end")
        last, best = branch.history[-1], best_epoch(branch.history)
        self._logger.info(
            "%s: %s in %.1f s, validation accuracy %.4f (best %.4f at epoch %d)",
            *(self._job.label, branch.epochs_text, branch.train_seconds),
            *(last.val_accuracy, best.val_accuracy, best.epoch),
        )
        return branch

    def _resume(self) -> None:
        """Restore the state and history of an interrupted run, if there is one."""
        folder = self._checkpoints
        checkpoint, best = (Checkpoint.read(folder / name) for name in (LAST_CHECKPOINT, BEST_CHECKPOINT))
        if checkpoint and best and len(best.history) > len(checkpoint.history):
            checkpoint = best  # Killed between the two: without this epoch, the best one would be missing.
        if checkpoint is None or not (folder / FIRST).is_file():
            return
        if not checkpoint.fits(self._learner.state(), self._job.plan.epochs):
            self._logger.warning("%s: the checkpoint is not of this network; it is trained anew", self._job.label)
            return
        if folder != self._job.folder:
            write_bytes(self._job.folder / FIRST, (folder / FIRST).read_bytes())
            self._save_history(checkpoint.history)
        self._learner.restore(checkpoint.state)
        self._history = list(checkpoint.history)
        self._resumed_cpu_seconds = sum(epoch.cpu_seconds for epoch in checkpoint.history)
        self._logger.info("%s: resumes after epoch %d", self._job.label, len(self._history))
        for epoch in self._history:
            self._journal.write(event="epoch", **asdict(epoch))

    def _run_epoch(self, number: int) -> None:
        """Train one epoch, validate, and save everything that a resumed run needs."""
        started, cpu_started = time.perf_counter(), time.process_time()
        fitted = self._learner.fit_epoch(self._batches(number))
        probabilities = self._validate()
        validated = Metrics()
        validated.add(probabilities, self._reviews.validation_labels)
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
        if not (math.isfinite(fitted.loss) and math.isfinite(validated.loss)):
            raise PipelineError(
                f"{self._job.label}: the loss diverged in epoch {number}; lower --learning-rate "
                f"({self._job.plan.learning_rate:g} now)"
            )
        balanced = balanced_accuracy(probabilities, self._reviews.validation_labels)
        means = fitted.loss, fitted.accuracy, validated.loss, validated.accuracy
        epoch = Epoch(number, *means, seconds, cpu_seconds, balanced)
        self._history.append(epoch)
        if number == 1:  # Before the checkpoint: a run that resumes after this epoch needs the file.
            save_model(self._learner, self._job.folder / FIRST)
        self._save_checkpoints(epoch)
        self._journal.write(event="epoch", **asdict(epoch))

    def _validate(self) -> NDArray[np.float32]:
        """Probabilities of "positive" for the validation reviews."""
        return predict_all(self._learner, self._reviews.reviews, self._reviews.validation_start)

    def _batches(self, epoch: int) -> Iterator[Batch]:
        """The epoch's batches, each reported to the journal."""
        batch_size = self._job.plan.batch_size
        count = self._reviews.batch_count(batch_size)
        for number, batch in enumerate(self._reviews.batches(batch_size, self._job.seed, epoch)):
            self._check_time()
            self._use_free_processors()
            self._journal.write_seldom(event="batch", epoch=epoch, batch=number, batches=count)
            yield batch

    def _use_free_processors(self) -> None:
        """Use more threads once other work of the run has ended."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + LOOK_SECONDS
            self._learner.set_threads(self._job.threads())

    def _save_checkpoints(self, epoch: Epoch) -> None:
        checkpoint = Checkpoint(self._learner.state(), tuple(self._history))
        if best_epoch(self._history) == epoch:
            checkpoint.write(self._job.folder / BEST_CHECKPOINT)
        checkpoint.write(self._job.folder / LAST_CHECKPOINT)
        self._save_history(self._history)

    def _save_history(self, history: Sequence[Epoch]) -> None:
        with atomic_path(self._job.folder / HISTORY) as temporary:
            pd.DataFrame([asdict(row) for row in history]).to_parquet(temporary, index=False)

    def _check_time(self) -> None:
        """Raise `_TimeIsUp` if the job stops training now. What the epoch in progress has learned is not used."""
        limit = self._job.until if self._history else self._job.deadline
        if limit is not None and time.time() >= limit:
            raise _TimeIsUp

    @property
    def _checkpoints(self) -> Path:
        """The folder of the checkpoints to resume from."""
        folder = self._job.folder
        has_own = self._job.resumes is None or (folder / LAST_CHECKPOINT).is_file()
        return folder if has_own or self._job.resumes is None else self._job.resumes

    def _save_models(self) -> None:
        """Save the models of the last and the best epoch; the learner keeps its state."""
        folder, last = self._job.folder, self._learner.state()
        save_model(self._learner, folder / LAST)
        if best_epoch(self._history).epoch != self._job.plan.epochs:
            self._learner.restore(self._best_checkpoint().state)
        save_model(self._learner, folder / BEST)
        self._threshold = best_threshold(self._validate(), self._reviews.validation_labels)
        self._learner.restore(last)

    def _best_checkpoint(self) -> Checkpoint:
        path = self._job.folder / BEST_CHECKPOINT
        if not path.is_file():
            path = self._checkpoints / BEST_CHECKPOINT
        checkpoint = Checkpoint.read(path)
        if checkpoint is None or not checkpoint.fits(self._learner.state(), self._job.plan.epochs):
            raise DataError(f"{path}: no readable checkpoint; train this network again with --fresh")
        return checkpoint

    def _describe_network(self) -> None:
        """Write what is needed to use the models without the dataset: vocabulary, lengths, settings."""
        job, dataset = self._job, self._job.dataset
        write_bytes(job.folder / VOCABULARY, dataset.vocabulary.read_bytes())
        description = {
            "name": job.spec.name,
            "seed": job.seed,
            "network": job.spec.model_dump(mode="json"),
            "training": job.plan.model_dump(),
            "threshold": self._threshold,
            "vocabulary_size": dataset.vocabulary_size,
            "max_length": dataset.max_length,
            "word_rules": asdict(dataset.word_rules),
            "dataset": {
                "title": dataset.title,
                "labels": dataset.labels,
                "fingerprint": dataset.fingerprint,
                "origin": dataset.source.origin,
                "source_sha256": dataset.source.sha256,
                "training_reviews": job.validation_start,
                "validation_reviews": dataset.train.reviews - job.validation_start,
                "test_reviews": dataset.test.reviews,
            },
        }
        write_json(job.folder / NETWORK, description)

    def _branch(self) -> Branch:
        job, history = self._job, self._history
        return Branch(
            name=job.spec.name,
            seed=job.seed,
            key=job.key,
            folder=job.folder,
            spec=job.spec.model_dump(mode="json"),
            engine=self._learner.engine,
            threads=self._threads,
            parameters=int(self._learner.model().count_params()),
            history=tuple(history),
            best_epoch=best_epoch(history).epoch,
            started=self._started,
            ended=time.time(),
            cpu_seconds=time.process_time() - self._cpu_started + self._resumed_cpu_seconds,
            peak_memory_mb=machine.peak_memory_mb(),
            words_per_epoch=self._reviews.words_per_epoch,
            machine=machine.describe(),
            digests={name: sha256_of_file(job.folder / name) for name in FILES},
        )


def save_model(learner: Learner, path: Path) -> None:
    """Save the learner's network as a plain Keras model, atomically."""
    with atomic_path(path) as temporary:
        learner.model().save(temporary)
