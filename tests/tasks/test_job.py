from dataclasses import replace
from pathlib import Path

import pytest

from tasks.errors import PipelineError
from tasks.job import RECORD, Job
from tasks.models.spec import TrainingPlan, preset
from tasks.results.data import Dataset


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
    pair = [job, replace(job, seed=2)]
    jobs = [replace(member, siblings=tuple(other.folder for other in pair)) for member in pair]
    assert [member.threads() for member in jobs] == [4, 4]
    job.folder.mkdir()
    (job.folder / RECORD).touch()
    assert jobs[1].threads() == 8
    many = replace(job, siblings=tuple(job.root / str(number) for number in range(20)))
    assert many.threads() == 1


@pytest.mark.parametrize(("validation", "left"), [(1e-17, "120 are left to train on and 0"), (0.99999, "0 are left")])
def test_a_plan_that_leaves_nothing_to_train_or_validate_on_is_refused(job: Job, validation: float, left: str) -> None:
    with pytest.raises(PipelineError, match=left):
        replace(job, plan=job.plan.model_copy(update={"validation": validation})).check()
    job.check()
