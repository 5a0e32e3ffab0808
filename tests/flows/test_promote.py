"""Promotion and rollback as flows, with a real Prefect server."""

from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

from flows.commands import champion
from flows.promote import promote_flow, rollback_flow
from flows.settings import GateSettings, PromotionSettings, RunSettings, Settings
from flows.train import train_flow
from tasks.errors import DataError
from tasks.results.data import Dataset
from tests.fixtures.registry import promote as add_made_up_champion
from tests.fixtures.runs import keep_run
from tests.tasks.test_promote import train_run

EASY = GateSettings(floor=0.0)
pytestmark = pytest.mark.usefixtures("prefect_server", "no_heartbeat", "few_draws")


def write_run(dataset: Dataset, outputs: Path, name: str, seed: int) -> None:
    """A finished run as its report leaves it."""
    keep_run(outputs, train_run(dataset, outputs, name, seed))


def test_promote_and_rollback_are_shown_in_the_ui(
    dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in (1, 2):
        write_run(dataset, tmp_path, f"run{seed}", seed)
    first = promote_flow(tmp_path, "run1", None, EASY, return_state=True)
    held = promote_flow(tmp_path, "run1", None, EASY, return_state=True)
    assert (first.result().verdict, held.result().verdict) == ("PROMOTE", "HOLD")
    assert held.is_completed()
    other = promote_flow(tmp_path, "run2", "lstm", GateSettings(non_inferior=100), return_state=True)
    assert other.result().reason == "not inferior"
    back = rollback_flow(tmp_path, return_state=True)
    assert back.result().after == first.result().network
    with get_client(sync_client=True) as client:
        tags = [
            client.read_flow_run(UUID(str(state.state_details.flow_run_id))).tags
            for state in (first, held, other, back)
        ]
        run_filter = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[first.state_details.flow_run_id]))
        artifacts = client.read_artifacts(artifact_filter=run_filter)
    assert [run_tags[0] for run_tags in tags] == ["champion", "candidate", "champion", "champion"]
    assert {artifact.key for artifact in artifacts} == {"verdict", "ledger", "model-card"}
    capsys.readouterr()
    assert champion(outputs=tmp_path) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("Champion: lstm seed 1, by entry 4")
    assert [line.split()[0] for line in printed[1:]] == ["1", "2", "3", "4"]


def test_a_promotion_that_must_fail_is_refused_before_training(tmp_path: Path) -> None:
    run = RunSettings(outputs=tmp_path, runner="thread", smoke=True)
    settings = Settings(run=run, promotion=PromotionSettings(promote=True, slice_columns=["genre"]))
    state = train_flow(settings, return_state=True)
    with pytest.raises(DataError, match="--slice-columns genre: found"):
        state.result()
    assert not list((tmp_path / "models").glob("*"))


def test_a_registry_without_entries_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert champion(outputs=tmp_path) == 0
    assert "promote the newest run by `uv run flows/main.py promote latest`" in capsys.readouterr().out


def test_a_damaged_champion_is_said_below_the_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = add_made_up_champion(tmp_path, "first")
    (tmp_path / "registry/networks" / network / "manifest.json").unlink()
    with pytest.raises(DataError, match="restore the folder from a copy, or return to another champion with"):
        champion(outputs=tmp_path)
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_settings_in_points_become_shares() -> None:
    limits = GateSettings(margin=1, non_inferior=0.5, slice_margin=3).limits()
    assert (limits.margin, limits.non_inferior, limits.slice_margin, limits.floor) == (0.01, 0.005, 0.03, 0.6)
