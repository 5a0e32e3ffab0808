from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from tasks.data.tokens import read_tokens
from tasks.evaluate import evaluate_branch, score
from tasks.models.spec import ModelSpec, TrainingPlan, preset
from tasks.results.data import Dataset
from tasks.results.training import Branch
from tasks.storage.files import read_json
from tasks.storage.journal import Journal, JournalReader
from tasks.train import Job, train_branch

PLAN = TrainingPlan(epochs=3, batch_size=16, learning_rate=0.01, validation=0.25)


def job(dataset: Dataset, root: Path, spec: ModelSpec | None = None, seed: int = 1) -> Job:
    """A small branch to train."""
    return Job(spec or preset("lstm", 6, 5, 0.0), PLAN, dataset, seed, root)


def test_leaves_history_models_and_record(dataset: Dataset, tmp_path: Path) -> None:
    branch = train_branch(job(dataset, tmp_path))
    history = pd.read_parquet(branch.folder / "history.parquet")
    assert history["epoch"].tolist() == [1, 2, 3]
    assert history["val_accuracy"].tolist() == [epoch.val_accuracy for epoch in branch.history]
    record = read_json(branch.folder / "record.json")
    assert record["plan"] == {"epochs": 3, "batch_size": 16, "learning_rate": 0.01, "validation": 0.25}
    assert record["branch"]["machine"]["versions"]["keras"] == keras.__version__
    assert sorted(path.name for path in branch.folder.iterdir()) == [
        "best.keras", "history.parquet", "last.keras", "progress.jsonl", "record.json",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["simple_rnn", "lstm", "gru"])
def test_the_same_seed_gives_the_same_metrics_to_the_last_digit(dataset: Dataset, tmp_path: Path, name: str) -> None:
    spec = preset(name, 6, 5, 0.0)
    curves = [
        [(epoch.loss, epoch.val_loss) for epoch in train_branch(job(dataset, tmp_path / place, spec, seed)).history]
        for place, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert curves[0] == curves[1] != curves[2]


def test_a_trained_branch_is_not_trained_again_unless_asked(dataset: Dataset, tmp_path: Path) -> None:
    first = train_branch(job(dataset, tmp_path))
    told: list[str] = []
    assert train_branch(job(dataset, tmp_path), told.append) == first
    assert told == ["lstm seed 1: another run has trained it"]
    fresh = train_branch(replace(job(dataset, tmp_path), fresh=True))
    assert fresh.started > first.started
    assert fresh.digests["history.parquet"] != first.digests["history.parquet"]  # It holds the seconds of each epoch.


def test_a_branch_whose_model_was_damaged_is_trained_again(dataset: Dataset, tmp_path: Path) -> None:
    first = train_branch(job(dataset, tmp_path))
    (first.folder / "last.keras").write_bytes(b"broken")
    again = train_branch(job(dataset, tmp_path))
    assert again.started > first.started
    assert [epoch.loss for epoch in again.history] == [epoch.loss for epoch in first.history]


def test_it_learns(dataset: Dataset, tmp_path: Path) -> None:
    history = train_branch(job(dataset, tmp_path)).history
    assert history[-1].loss < history[0].loss


def test_last_and_best_models_are_those_of_their_epochs(dataset: Dataset, tmp_path: Path) -> None:
    branch = train_branch(job(dataset, tmp_path))
    tokens = read_tokens(dataset.train.path)[90:]
    labels = pd.read_parquet(dataset.train.path)["label"].to_numpy()[90:]
    for file, epoch in (("last", 3), ("best", branch.best_epoch)):
        model = keras.models.load_model(branch.folder / f"{file}.keras")
        accuracy = float(np.mean((model.predict(tokens, verbose=0)[:, 0] > 0.5) == labels))
        assert accuracy == pytest.approx(branch.history[epoch - 1].val_accuracy)
    assert branch.best_epoch == 1 + int(np.argmax([epoch.val_accuracy for epoch in branch.history]))


def test_the_key_depends_on_everything_that_decides_the_result(dataset: Dataset, tmp_path: Path) -> None:
    base = job(dataset, tmp_path)
    others = [job(dataset, tmp_path, seed=2), job(dataset, tmp_path, preset("lstm", 7, 5, 0.0))]
    assert len({base.key, *(other.key for other in others)}) == 3
    assert job(dataset, tmp_path / "elsewhere").key == base.key


def test_the_journal_gives_only_whole_new_lines(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    Journal(path).write(event="old")
    reader = JournalReader(path)
    journal = Journal(path)
    journal.write(event="first")
    with path.open("a") as file:
        file.write('{"event": "half')
    assert [event["event"] for event in reader.new_events()] == ["first"]
    with path.open("a") as file:
        file.write('"}\n')
    assert [event["event"] for event in reader.new_events()] == ["half"]


@pytest.fixture
def branch(dataset: Dataset, tmp_path: Path) -> Branch:
    return train_branch(job(dataset, tmp_path / "models"))


def test_predictions_carry_the_review_ids(branch: Branch, dataset: Dataset) -> None:
    evaluation = evaluate_branch(branch, dataset, 0.25)
    predictions = pd.read_parquet(evaluation.predictions)
    test = pd.read_parquet(dataset.test.path)
    assert predictions["review_id"].tolist() == test["review_id"].tolist()
    model = keras.models.load_model(branch.folder / "last.keras")
    expected = model.predict(read_tokens(dataset.test.path), verbose=0)[:, 0]
    np.testing.assert_allclose(predictions["probability_last"], expected, atol=1e-5)
    accuracy = float(np.mean((predictions["probability_last"] > 0.5) == predictions["label"]))
    assert evaluation.last.accuracy == accuracy
    assert evaluation.numpy_difference < 1e-5
    assert evaluation.best.epoch == branch.best_epoch


def test_scores_with_literal_numbers() -> None:
    scores = score(np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9]), "last", 3)
    assert (scores.accuracy, scores.precision, scores.recall, scores.f1, scores.auc) == (0.5, 0.5, 0.5, 0.5, 0.75)
    assert scores.confusion == ((1, 1), (1, 1))
    assert scores.loss == pytest.approx(-np.mean(np.log([0.9, 0.4, 0.4, 0.9])))
    assert scores.low == pytest.approx(0.15004, abs=1e-5)
    assert scores.high == pytest.approx(0.84996, abs=1e-5)


def test_threads_are_shared_fairly_and_passed_on(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.models.machine.available_cores", lambda: 8)
    alone = [job(dataset, tmp_path, seed=seed) for seed in (1, 2)]
    jobs = [replace(one, siblings=tuple(other.folder for other in alone)) for one in alone]
    assert [one.threads() for one in jobs] == [4, 4]
    train_branch(jobs[0])
    assert jobs[1].threads() == 8
    many = replace(alone[0], siblings=tuple(tmp_path / str(number) for number in range(20)))
    assert many.threads() == 1


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


@pytest.mark.parametrize("spec", [preset("lstm", 6, 5, 0.0), preset("gru", 4, 5, 0.3)], ids=lambda spec: spec.name)
@pytest.mark.parametrize("moment", ["in the epoch", "before the checkpoint", "after the last epoch"])
def test_a_killed_branch_ends_with_the_same_bits(
    dataset: Dataset, tmp_path: Path, spec: ModelSpec, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train_branch(job(dataset, tmp_path / "whole", spec))
    with monkeypatch.context() as patch:
        kill(patch, moment)
        with pytest.raises(Killed):
            train_branch(job(dataset, tmp_path / "killed", spec))
    told: list[str] = []
    resumed = train_branch(job(dataset, tmp_path / "killed", spec), told.append)
    assert any("goes on after epoch" in line for line in told)
    curves = [[replace(epoch, seconds=0.0) for epoch in branch.history] for branch in (whole, resumed)]
    assert curves[0] == curves[1]
    for file in ("last.keras", "best.keras"):
        weights = [keras.models.load_model(branch.folder / file).get_weights() for branch in (whole, resumed)]
        assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True)), file
    assert not list(resumed.folder.glob("*.npz"))


def kill(patch: pytest.MonkeyPatch, moment: str) -> None:
    """Let the process die at a moment of its third epoch, or after it."""
    import tasks.train

    if moment == "in the epoch":
        target, deadly = "_told", lambda arguments: arguments[2] == 3
    elif moment == "before the checkpoint":
        target, deadly = "_save_state", lambda arguments: len(arguments[2]) == 3
    else:
        target, deadly = "_save_models", lambda _: True
    real = getattr(tasks.train, target)

    def maybe(*arguments: object) -> object:
        if deadly(arguments):
            raise Killed
        return real(*arguments)

    patch.setattr(tasks.train, target, maybe)
