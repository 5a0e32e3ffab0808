from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from tasks.data.parquet import read_tokens
from tasks.evaluate import evaluate
from tasks.job import Job
from tasks.models.spec import TrainingPlan, preset
from tasks.results.data import Dataset
from tasks.train import train


@pytest.fixture
def job(dataset: Dataset, tmp_path: Path) -> Job:
    """A small branch."""
    return Job(
        preset("lstm", 6, 5, 0.0),
        TrainingPlan(epochs=3, batch_size=16, learning_rate=0.01, validation=0.25),
        dataset,
        1,
        tmp_path / "models",
    )


def test_predictions_carry_the_review_ids(job: Job, dataset: Dataset) -> None:
    branch = train.keep(job)
    evaluation = evaluate(job, branch)
    predictions = pd.read_parquet(evaluation.predictions)
    test = pd.read_parquet(dataset.test.path)
    assert predictions["review_id"].tolist() == test["review_id"].tolist()
    model = keras.models.load_model(branch.folder / "last.keras")
    expected = model.predict(read_tokens(dataset.test.path).padded(), verbose=0)[:, 0]
    np.testing.assert_allclose(predictions["probability_last"], expected, atol=1e-5)
    accuracy = float(np.mean((predictions["probability_last"] > 0.5) == predictions["label"]))
    assert evaluation.last.accuracy == accuracy
    assert evaluation.numpy_difference < 1e-5
    assert evaluation.best.epoch == branch.best_epoch


def test_predictions_of_the_best_epoch_are_those_of_the_best_model(job: Job, dataset: Dataset) -> None:
    branch = train.keep(job)
    predictions = pd.read_parquet(evaluate(job, branch).predictions)
    model = keras.models.load_model(branch.folder / "best.keras")
    expected = model.predict(read_tokens(dataset.test.path).padded(), verbose=0)[:, 0]
    np.testing.assert_allclose(predictions["probability_best"], expected, atol=1e-5)


def test_an_evaluation_is_kept_until_the_network_changes(job: Job) -> None:
    first = evaluate.keep(job, train.keep(job))
    assert evaluate.keep(job, train.keep(job)) == first
    again = evaluate.keep(job, train.keep(job, fresh=True))
    assert again.seconds != first.seconds
    assert again.last == first.last
