import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from tasks.data.parquet import read_tokens
from tasks.errors import OutOfTimeError, PipelineError
from tasks.job import Job
from tasks.models.compiled_learner import CompiledLearner
from tasks.models.spec import ModelSpec, TrainingPlan, preset
from tasks.results.data import Dataset
from tasks.results.training import Branch
from tasks.storage.files import is_whole, read_json
from tasks.storage.layout import EVALUATION, LAST_CHECKPOINT
from tasks.storage.training_state import Checkpoint, Journal
from tasks.train import train
from tests.fixtures.trained import trained

PLAN = TrainingPlan(epochs=3, batch_size=16, learning_rate=0.01, validation=0.25)


def job(dataset: Dataset, root: Path, spec: ModelSpec | None = None, seed: int = 1) -> Job:
    """A small branch to train."""
    return Job(spec or preset("lstm", 6, 5, 0.0), PLAN, dataset, seed, root)


def test_leaves_history_models_and_record(dataset: Dataset, tmp_path: Path) -> None:
    branch = train.keep(job(dataset, tmp_path))
    history = pd.read_parquet(branch.folder / "history.parquet")
    assert history["epoch"].tolist() == [1, 2, 3]
    assert history["val_accuracy"].tolist() == [epoch.val_accuracy for epoch in branch.history]
    assert branch.machine.versions["keras"] == keras.__version__
    assert sorted(path.name for path in branch.folder.iterdir()) == [
        "best.keras",
        "first.keras",
        "history.parquet",
        "last.keras",
        "network.json",
        "progress.jsonl",
        "record.json",
        "vocabulary.json",
    ]


def test_it_uses_processors_that_become_free_within_an_epoch(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    monkeypatch.setattr("tasks.train.LOOK_SECONDS", 0.0)
    monkeypatch.setattr("tasks.job.available_cores", lambda: 2)
    monkeypatch.setattr(CompiledLearner, "set_threads", lambda _, count: threads.append(count))
    other = tmp_path / "other"
    writes = Journal.write_seldom

    def end_other_work(journal: Journal, **event: Any) -> None:
        writes(journal, **event)
        if event["batch"] == 3:
            other.touch()

    monkeypatch.setattr(Journal, "write_seldom", end_other_work)
    plan = PLAN.model_copy(update={"epochs": 1})
    train(replace(job(dataset, tmp_path), plan=plan, others=(other,)))
    assert threads == [1, 1, 1, 1, 2, 2]


def test_training_again_ends_an_earlier_evaluation_so_that_others_share_the_processors(
    dataset: Dataset, tmp_path: Path
) -> None:
    evaluation = job(dataset, tmp_path).folder / EVALUATION
    evaluation.parent.mkdir(parents=True)
    evaluation.touch()
    train(job(dataset, tmp_path))
    assert not evaluation.exists()


def test_the_folder_says_all_that_it_takes_to_use_the_network_elsewhere(dataset: Dataset, tmp_path: Path) -> None:
    folder = train(job(dataset, tmp_path)).folder
    network = read_json(folder / "network.json")
    assert network["training"] == {
        **{"epochs": 3, "batch_size": 16, "learning_rate": 0.01, "class_weight": "none", "validation": 0.25}
    }
    assert 0 < network["threshold"] < 1
    assert network["network"]["cell"] == "lstm"
    assert (network["vocabulary_size"], network["max_length"]) == (50, 30)
    assert network["word_rules"] == {"name": "imdb", "version": 1}
    assert network["dataset"]["fingerprint"] == dataset.fingerprint
    assert network["dataset"]["training_reviews"] == 90
    assert (folder / "vocabulary.json").read_bytes() == dataset.vocabulary.read_bytes()
    assert str(tmp_path) not in (folder / "network.json").read_text().replace(dataset.source.origin, "")


@pytest.mark.parametrize(
    "name", ["lstm", *(pytest.param(name, marks=pytest.mark.slow) for name in ("simple_rnn", "gru"))]
)
def test_the_same_seed_gives_the_same_metrics_to_the_last_digit(dataset: Dataset, tmp_path: Path, name: str) -> None:
    spec = preset(name, 6, 5, 0.0)
    curves = [
        [(epoch.loss, epoch.val_loss) for epoch in train.keep(job(dataset, tmp_path / place, spec, seed)).history]
        for place, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert curves[0] == curves[1] != curves[2]


def test_a_trained_branch_is_not_trained_again_unless_asked(dataset: Dataset, tmp_path: Path) -> None:
    first = train.keep(job(dataset, tmp_path))
    assert train.keep(job(dataset, tmp_path)) == first
    fresh = train.keep(job(dataset, tmp_path), fresh=True)
    assert fresh.started > first.started
    assert fresh.digests["history.parquet"] != first.digests["history.parquet"]  # It holds the seconds of each epoch.


def test_a_branch_whose_model_was_damaged_is_trained_again(dataset: Dataset, tmp_path: Path) -> None:
    first = train.keep(job(dataset, tmp_path))
    (first.folder / "last.keras").write_bytes(b"broken")
    again = train.keep(job(dataset, tmp_path))
    assert again.started > first.started
    assert [epoch.loss for epoch in again.history] == [epoch.loss for epoch in first.history]


def test_it_learns(dataset: Dataset, tmp_path: Path) -> None:
    history = train.keep(job(dataset, tmp_path)).history
    assert history[-1].loss < history[0].loss


def test_last_and_best_models_are_those_of_their_epochs(dataset: Dataset, tmp_path: Path) -> None:
    branch = train.keep(job(dataset, tmp_path))
    tokens = read_tokens(dataset.train.path)[90:].padded()
    labels = pd.read_parquet(dataset.train.path)["label"].to_numpy()[90:]
    for file, epoch in (("first", 1), ("last", 3), ("best", branch.best_epoch)):
        model = keras.models.load_model(branch.folder / f"{file}.keras")
        accuracy = float(np.mean((model.predict(tokens, verbose=0)[:, 0] > 0.5) == labels))
        assert accuracy == pytest.approx(branch.history[epoch - 1].val_accuracy)
    assert branch.best_epoch == 1 + int(np.argmax([epoch.val_accuracy for epoch in branch.history]))


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


LSTM, DROPOUT = preset("lstm", 6, 5, 0.0), preset("gru", 4, 5, 0.3)


@pytest.mark.parametrize(
    ("spec", "moment"),
    [
        (LSTM, "in the epoch"),
        (LSTM, "before the checkpoint"),
        (LSTM, "after the last epoch"),
        # Dropout takes Keras, whose epochs are slow. Its checkpoints are written and read by the same code.
        pytest.param(DROPOUT, "in the epoch", marks=pytest.mark.slow),
        pytest.param(DROPOUT, "after the last epoch", marks=pytest.mark.slow),
    ],
)
def test_a_killed_branch_ends_with_the_same_bits(
    dataset: Dataset,
    tmp_path: Path,
    spec: ModelSpec,
    moment: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    whole = trained(job(dataset, tmp_path / "whole", spec))
    with monkeypatch.context() as patch:
        kill(patch, moment)
        with pytest.raises(Killed):
            train.keep(job(dataset, tmp_path / "killed", spec))
    with caplog.at_level(logging.INFO):
        resumed = train.keep(job(dataset, tmp_path / "killed", spec))
    assert "resumes after epoch" in caplog.text
    curves = [[replace(epoch, seconds=0.0, cpu_seconds=0.0) for epoch in branch.history] for branch in (whole, resumed)]
    assert curves[0] == curves[1]
    for file in ("first.keras", "last.keras", "best.keras"):
        weights = [keras.models.load_model(branch.folder / file).get_weights() for branch in (whole, resumed)]
        assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True)), file
    assert not list(resumed.folder.glob("*.npz"))


def test_without_the_first_epochs_model_training_starts_again(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        kill(patch, "in the epoch")
        with pytest.raises(Killed):
            train.keep(job(dataset, tmp_path))
    (job(dataset, tmp_path).folder / "first.keras").unlink()
    branch = train.keep(job(dataset, tmp_path))
    assert len(branch.history) == 3
    assert "first.keras" in branch.digests


def kill(patch: pytest.MonkeyPatch, moment: str) -> None:
    """Let the process die at a moment of its third epoch, or after it."""
    import tasks.train

    if moment == "in the epoch":
        target, deadly = "_batches", lambda arguments: arguments[1] == 3
    elif moment == "before the checkpoint":
        target, deadly = "_save_checkpoints", lambda arguments: arguments[1].epoch == 3
    else:
        target, deadly = "_save_models", lambda _: True
    real = getattr(tasks.train._Training, target)

    def maybe(*arguments: object) -> object:
        if deadly(arguments):
            raise Killed
        return real(*arguments)

    patch.setattr(tasks.train._Training, target, maybe)


def test_a_checkpoint_of_another_network_counts_as_none(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole = trained(job(dataset, tmp_path / "whole"))
    with monkeypatch.context() as patch:
        kill(patch, "in the epoch")
        with pytest.raises(Killed):
            train.keep(job(dataset, tmp_path / "killed"))
    path = job(dataset, tmp_path / "killed").folder / "checkpoint.npz"
    checkpoint = Checkpoint.read(path)
    assert checkpoint
    Checkpoint({name: array[:1] for name, array in checkpoint.state.items()}, checkpoint.history).write(path)
    again = train.keep(job(dataset, tmp_path / "killed"))
    assert "the checkpoint is not of this network; it is trained anew" in caplog.text
    assert [epoch.val_loss for epoch in again.history] == [epoch.val_loss for epoch in whole.history]


def test_a_validation_loss_that_is_no_number_ends_the_branch_in_one_line(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.train.predict_all", lambda *_: np.full(30, np.nan))
    with pytest.raises(PipelineError, match="the loss diverged in epoch 1; lower --learning-rate"):
        train.keep(job(dataset, tmp_path))


class Clock:
    """Replaces the module `time` in training: the clock jumps by an hour after it was read `looks` times."""

    perf_counter, process_time, monotonic = time.perf_counter, time.process_time, time.monotonic

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def time(self) -> float:
        self.looks -= 1
        return time.time() + (0 if self.looks >= 0 else 3600)


def stopped_after(looks: int, dataset: Dataset, root: Path, monkeypatch: pytest.MonkeyPatch) -> Branch:
    """A branch whose time is up once it has read the clock `looks` times."""
    with monkeypatch.context() as patched:
        patched.setattr("tasks.train.time", Clock(looks))
        return train.keep(replace(job(dataset, root), until=time.time() + 60))


def test_a_branch_whose_time_is_up_is_the_network_with_fewer_epochs(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It looks at the start and, from the second epoch on, before each epoch and each of its 6 batches: the time is up
    # in the third epoch.
    stopped = stopped_after(11, dataset, tmp_path / "stopped", monkeypatch)
    short = train.keep(replace(job(dataset, tmp_path / "short"), plan=PLAN.model_copy(update={"epochs": 2})))
    assert (stopped.key, len(stopped.history)) == (short.key, 2)
    for name in ("last.keras", "best.keras", "first.keras"):
        models = [keras.saving.load_model(branch.folder / name).get_weights() for branch in (stopped, short)]
        assert all(np.array_equal(*pair) for pair in zip(*models, strict=True))
    assert pd.read_parquet(stopped.folder / "history.parquet")["epoch"].tolist() == [1, 2]


def test_the_same_job_without_a_limit_resumes_and_leaves_the_short_network_alone(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stopped = stopped_after(11, dataset, tmp_path, monkeypatch)
    with caplog.at_level(logging.INFO, "tasks"):
        whole = train.keep(job(dataset, tmp_path))
    assert "resumes after epoch 2" in caplog.text
    assert is_whole(stopped)
    undisturbed = train.keep(job(dataset, tmp_path / "undisturbed"))
    losses = [[epoch.loss for epoch in branch.history] for branch in (whole, undisturbed)]
    assert losses[0] == losses[1]


def test_a_branch_killed_between_its_checkpoints_keeps_the_best_epoch_when_its_time_is_up(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its second epoch is better than the first, the third is not, and the fourth is the best.
    better = replace(job(dataset, tmp_path, seed=2), plan=PLAN.model_copy(update={"epochs": 4, "learning_rate": 0.03}))
    write = Checkpoint.write

    def write_or_die(checkpoint: Checkpoint, path: Path) -> None:
        if path.name == LAST_CHECKPOINT and len(checkpoint.history) == 4:
            raise Killed
        write(checkpoint, path)

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "write", write_or_die)
        with pytest.raises(Killed):
            train.keep(better)
    branch = train.keep(replace(better, until=1.0))
    whole = trained(replace(better, root=tmp_path / "whole"))
    assert whole.best_epoch == 4
    assert (branch.best_epoch, len(branch.history)) == (4, 4)
    models = [keras.saving.load_model(each.folder / "best.keras").get_weights() for each in (branch, whole)]
    assert all(np.array_equal(*pair) for pair in zip(*models, strict=True))


def test_a_branch_without_a_completed_epoch_has_nothing_to_keep(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(OutOfTimeError, match="lstm seed 1: no epoch was completed within --minutes"):
        train.keep(replace(job(dataset, tmp_path), deadline=1.0))


def test_training_stops_after_an_epoch_without_the_required_quality(dataset: Dataset, tmp_path: Path) -> None:
    whole = train.keep(job(dataset, tmp_path / "whole"))
    best = max(whole.history[0].quality, whole.history[1].quality)
    outdone = replace(job(dataset, tmp_path / "outdone"), required=(0.0, best + 0.001))
    assert len(train.keep(outdone).history) == 2
    assert len(train.keep(replace(outdone, required=(0.0, best))).history) == 3
    # What is required decides nothing else: the whole network is kept, and an earlier epoch can still be outdone.
    assert outdone.outdone_after(whole.history) == 2
