"""A sweep: what becomes of a trial, and whole sweeps on the bundled sample."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from flows.data_settings import DataSettings
from flows.search_settings import SearchSettings, SweepSettings, SweepTraining
from flows.settings import RunSettings, Settings
from flows.sweep import sweep_flow, trial_of
from tasks.errors import OutOfTimeError, PipelineError
from tasks.job import Job
from tasks.models.learner import Learner
from tasks.models.loading import new_learner
from tasks.models.spec import ModelSpec, TrainingPlan, preset
from tasks.results.data import Dataset
from tasks.results.sweep import TrialState
from tasks.results.training import Branch
from tasks.storage.networks import find_network
from tasks.storage.run_log import read_run_log
from tasks.storage.runs import keep_last, read_run
from tests.artifacts import examples
from tests.fixtures.sweeps import epochs

QUALITIES = (0.6, 0.7, 0.8)


def job(dataset: Dataset, required: tuple[float, ...]) -> Job:
    """The job of a trial with three epochs."""
    network, plan = preset("gru", 8, 8, 0.0), TrainingPlan(epochs=3)
    return Job(network, plan, dataset, 1, Path(), group="trial 4", required=required)


def branch(count: int) -> Branch:
    """The result of a trial that ended after `count` epochs."""
    return replace(examples.branch("gru"), history=epochs(QUALITIES[:count]), best_epoch=count)


@pytest.mark.parametrize(
    ("outcome", "required", "state", "count", "reason"),
    [
        (branch(3), (), "complete", 3, ""),
        (branch(3), (0.0, 0.0, 0.9), "complete", 3, ""),
        (branch(2), (0.0, 0.75), "pruned", 2, "below the median of earlier trials after 2 of 3 epochs"),
        # A run had trained the whole network before: the trial is pruned all the same.
        (branch(3), (0.0, 0.75), "pruned", 2, "below the median of earlier trials after 2 of 3 epochs"),
        (branch(1), (), "stopped", 1, "--minutes were over after 1 of 3 epochs"),
        (OutOfTimeError("trial 4: gru seed 1: no"), (), "stopped", 0, "no epoch was completed within --minutes"),
        (PipelineError("trial 4: gru seed 1: the loss diverged"), (), "failed", 0, "the loss diverged"),
    ],
)
def test_a_trial_has_a_state_with_its_reason(
    outcome: Branch | PipelineError, required: tuple[float, ...], state: TrialState, count: int, reason: str
) -> None:
    trial = trial_of(4, {"units": 8}, Settings(), job(examples.comparison().dataset, required), outcome)
    assert (trial.number, trial.state, len(trial.history), trial.reason) == (4, state, count, reason)
    assert trial.cpu_seconds == 1.5 * count
    assert (trial.folder is None) == (count == 0)


def settings(outputs: Path, trials: int, **search: object) -> SweepSettings:
    """A sweep that takes seconds."""
    return SweepSettings(
        data=DataSettings(source="sample", reviews=200, max_length=30),
        training=SweepTraining(epochs=3, replicates=2, seed=2),
        search=SearchSettings(search=["units=2,3,4", "learning_rate=1e-3..1e-1:log"], trials=trials, **search),
        run=RunSettings(outputs=outputs, runner="thread"),
    )


@pytest.mark.slow
@pytest.mark.usefixtures("prefect_server", "no_heartbeat")
def test_a_sweep_on_the_sample(tmp_path: Path) -> None:
    folder = sweep_flow(settings(tmp_path, 10, finalists=2))
    metrics, run = json.loads((folder / "metrics.json").read_text()), read_run(folder)
    assert [trial["number"] for trial in metrics["trials"]] == list(range(10))
    assert metrics["trials"][0]["settings"] == {"units": 32, "learning_rate": 0.001}
    assert "pruned" in {trial["state"] for trial in metrics["trials"]}
    winner = metrics["finalists"][0]
    # The winner's networks are those of the run, for every command, and its own command line gives the same networks.
    assert [branch.seed for branch in run.branches] == [3, 4]
    assert [str(branch.folder) for branch in run.branches] == [each["folder"] for each in winner["branches"]]
    assert find_network(tmp_path, "latest").folder in {branch.folder for branch in run.branches}
    summary = read_run_log(tmp_path)[-1]
    assert summary.run == run.name
    # So are its settings, where `history`, `diff` and model cards look for them.
    chosen = metrics["trials"][winner["trial"]["number"]]["settings"]
    for given in (run.settings, summary.settings):
        training = given["training"]
        assert (given["models"]["units"], training["learning_rate"]) == (chosen["units"], chosen["learning_rate"])
        assert (training["seed"], training["replicates"], given["search"]["trials"]) == (3, 2, 10)
    # Only finalists saw the test reviews.
    tested = {path.parent for path in (tmp_path / "models").glob("*/predictions.parquet")}
    assert tested == {Path(each["folder"]) for finalist in metrics["finalists"] for each in finalist["branches"]}
    assert (folder / "optuna.journal").is_file()
    # The same command trains nothing, and finds the same.
    again = sweep_flow(settings(tmp_path, 10, finalists=2))
    repeated = json.loads((again / "metrics.json").read_text())
    assert repeated["trials"] == metrics["trials"]
    assert repeated["finalists"] == metrics["finalists"]
    # Its networks go when its runs go.
    sweep_flow(settings(tmp_path, 1))
    keep_last(tmp_path, 1)
    assert len([path for path in (tmp_path / "models").iterdir() if path.is_dir()]) == 3


@pytest.mark.slow
@pytest.mark.usefixtures("prefect_server", "no_heartbeat")
def test_finalists_that_were_stopped_look_at_no_test_review(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.sweep._is_complete", lambda _, job: job.seed != 3)
    folder = sweep_flow(settings(tmp_path, 1, finalists=1))
    assert not list((tmp_path / "models").glob("*/predictions.parquet"))
    assert "nothing was compared on the test reviews" in (folder / "report.md").read_text()


@pytest.mark.slow
@pytest.mark.usefixtures("prefect_server", "no_heartbeat")
def test_a_sweep_in_which_all_trials_fail_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise PipelineError("the loss diverged in epoch 1; lower --learning-rate")

    monkeypatch.setattr("tasks.train.new_learner", fail)
    with pytest.raises(PipelineError) as caught:
        sweep_flow(settings(tmp_path, 3))
    assert str(caught.value) == (
        "sweep: none of 3 trials completed an epoch; trial 0: the loss diverged in epoch 1; lower --learning-rate"
    )
    assert not list((tmp_path / "runs").glob("*/report.html"))


@pytest.mark.slow
@pytest.mark.usefixtures("prefect_server", "no_heartbeat")
def test_trials_are_reported_even_if_no_finalist_can_be_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_with_other_seeds(spec: ModelSpec, words: int, rate: float, seed: int, threads: int) -> Learner:
        if seed != 2:
            raise PipelineError("the disk is full")
        return new_learner(spec, words, rate, seed, threads)

    monkeypatch.setattr("tasks.train.new_learner", fail_with_other_seeds)
    with pytest.raises(PipelineError, match="The report is written, without what failed: train trial 0"):
        sweep_flow(settings(tmp_path, 2, finalists=1))
    (page,) = (tmp_path / "runs").glob("*/report.md")
    assert "Nothing is confirmed; the best trial is" in page.read_text()
    assert not list((tmp_path / "runs").glob("*/run.json"))
