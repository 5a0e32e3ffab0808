from dataclasses import replace
from pathlib import Path

import pytest

from tasks.errors import PipelineError
from tasks.job import Job, sharing_processors
from tasks.models.spec import TrainingPlan, preset
from tasks.results.data import Dataset
from tasks.storage.layout import EVALUATION


@pytest.fixture
def job(dataset: Dataset, tmp_path: Path) -> Job:
    """A small branch."""
    return Job(
        preset("lstm", 6, 5, 0.0),
        TrainingPlan(epochs=3, batch_size=16, learning_rate=0.01, validation=0.25),
        dataset,
        1,
        tmp_path,
    )


def test_the_key_depends_on_everything_that_decides_the_result(job: Job) -> None:
    others = [
        replace(job, seed=2),
        replace(job, spec=preset("lstm", 7, 5, 0.0)),
        replace(job, plan=job.plan.model_copy(update={"epochs": 4})),
        replace(job, dataset=replace(job.dataset, fingerprint="other")),
    ]
    assert len({job.key, *(other.key for other in others)}) == 5
    assert replace(job, root=job.root / "elsewhere").key == job.key


def test_the_last_reviews_are_held_out(job: Job) -> None:
    assert job.validation_start == 90


def test_threads_are_shared_fairly_and_passed_on(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.job.available_cores", lambda: 8)
    first, second = sharing_processors([job, replace(job, seed=2)], EVALUATION)
    assert [first.threads(), second.threads()] == [4, 4]
    first.folder.mkdir()
    (first.folder / EVALUATION).touch()
    assert [first.threads(), second.threads()] == [4, 8]
    many = sharing_processors([replace(job, seed=seed) for seed in range(20)], EVALUATION)
    assert many[0].threads() == 1


def test_other_work_has_a_share_of_the_threads_until_it_ends(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.job.available_cores", lambda: 2)
    (alone,) = sharing_processors([job], EVALUATION, [tmp_path / "yardstick"])
    assert alone.threads() == 1
    (tmp_path / "yardstick").touch()
    assert alone.threads() == 2


@pytest.mark.parametrize(("validation", "left"), [(1e-17, "120 are left to train on and 0"), (0.99999, "0 are left")])
def test_a_plan_that_leaves_nothing_to_train_or_validate_on_is_refused(job: Job, validation: float, left: str) -> None:
    with pytest.raises(PipelineError, match=left):
        replace(job, plan=job.plan.model_copy(update={"validation": validation})).check()
    job.check()
