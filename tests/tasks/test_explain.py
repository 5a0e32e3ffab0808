from pathlib import Path

from tasks.analysis.reviews import choose_reviews
from tasks.evaluate import evaluate
from tasks.explain import explain
from tasks.job import Job
from tasks.models.spec import TrainingPlan, preset
from tasks.results.data import Dataset
from tasks.results.evidence import Chosen
from tasks.train import train


def test_an_explanation_is_kept_until_another_review_is_chosen(dataset: Dataset, tmp_path: Path) -> None:
    plan = TrainingPlan(1, 16, 0.01, 0.25)
    job = Job(preset("lstm", 4, 4, 0.0), plan, dataset, 1, tmp_path)
    branch = train.keep(job)
    chosen = choose_reviews([evaluate.keep(job, branch)])
    first = explain.keep(job, branch, chosen)
    assert len(first.traces) == len(chosen) > 0
    assert explain.keep(job, branch, chosen) == first
    other = explain.keep(job, branch, (Chosen(5, "long"),))
    assert len(other.traces) == 1
