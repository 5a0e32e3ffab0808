"""Scoring as a flow, with a real Prefect server."""

from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import Artifact, State

from flows.score import score_flow
from tasks.errors import RejectsError
from tests.tasks.test_score import Trained

pytestmark = pytest.mark.usefixtures("prefect_server", "no_heartbeat")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Trained once for all tests here."""
    return Trained(tmp_path_factory.mktemp("trained"))


def task_states(state: State) -> dict[str, str]:
    """The tasks of a run with the names of their states."""
    run = FlowRunFilter(id=FlowRunFilterId(any_=[state.state_details.flow_run_id]))
    with get_client(sync_client=True) as client:
        return {run.name: run.state_name for run in client.read_task_runs(flow_run_filter=run)}


def artifacts(state: State) -> dict[str, Artifact]:
    """The artifacts of a run by their keys."""
    run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[UUID(str(state.state_details.flow_run_id))]))
    with get_client(sync_client=True) as client:
        return {str(artifact.key): artifact for artifact in client.read_artifacts(artifact_filter=run)}


def test_a_run_has_named_tasks_and_tables_and_a_second_one_is_cached(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("\n".join(trained.texts))
    arguments = {"model": str(trained.branch.folder), "outputs": tmp_path, "check_drift": True}
    (tmp_path / "data").symlink_to(trained.dataset.folder.parent)
    first = score_flow(str(tmp_path / "t.txt"), **arguments, return_state=True)
    scored = first.result()
    assert scored.written.output == scored.scoring.columns.with_name("scored.csv")
    assert (scored.scoring.rows, scored.drift.texts) == (60, 60)
    assert set(task_states(first)) == {
        f"find {trained.branch.folder}", "score t.txt", "write scored.csv", "publish", "drift t.txt",
    }  # fmt: skip
    found = artifacts(first)
    assert set(found) == {"scores", "scores-sure", "drift", "drift-figures"}
    assert "60 reviews scored by lstm seed 1" in str(found["scores"].description)
    second = score_flow(str(tmp_path / "t.txt"), **arguments, return_state=True)
    states = task_states(second)
    assert (states["score t.txt"], states["write scored.csv"]) == ("Cached", "Cached")
    assert second.result().scoring == scored.scoring


def test_too_many_rejects_fail_the_run(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"text": "w1"}\n{"text": null}\n')
    arguments = {"model": str(trained.branch.folder), "outputs": tmp_path}
    state = score_flow(str(tmp_path / "t.jsonl"), **arguments, return_state=True)
    assert state.is_failed()
    with pytest.raises(RejectsError) as caught:
        state.result()
    assert caught.value.status == 3
    assert score_flow(str(tmp_path / "t.jsonl"), max_rejects=0.5, **arguments).scoring.rows == 1


def test_the_form_has_bounds_and_descriptions() -> None:
    schema = score_flow.parameters.model_dump()
    assert (schema["properties"]["max_rejects"]["minimum"], schema["properties"]["max_rejects"]["maximum"]) == (0, 1)
    assert all(field.get("description") for field in schema["properties"].values())
