import uuid
from collections.abc import Iterator

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import Artifact

from flows import progress as module
from flows.progress import TrainingArtifacts
from tests.flows.ops.events import BEGIN, branch, epoch

pytestmark = [
    pytest.mark.usefixtures("prefect_server", "closed_clients"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Artifact creation outside of a flow or task run:FutureWarning"),
]


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    """A client of the tests' server."""
    with get_client(sync_client=True) as opened:
        yield opened


@pytest.fixture
def name() -> str:
    """A network that no other test knows."""
    return f"net_{uuid.uuid4().hex[:8]}"


def artifacts(client: SyncPrefectClient, key: str) -> list[Artifact]:
    """All artifacts with a key."""
    return client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key.replace("_", "-")])))


def progress(client: SyncPrefectClient, name: str) -> list[float]:
    """The percentages of a network's progress artifacts."""
    return [float(str(artifact.data)) for artifact in artifacts(client, f"progress-{name}-seed1")]


def test_progress_and_curve_grow_in_place(
    client: SyncPrefectClient, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DRAWING_SHARE", 1e9)  # No time has to pass.
    job = branch(name)
    view = TrainingArtifacts([job])
    view.add(job, BEGIN)
    assert progress(client, name) == [0.0]
    view.add(job, epoch(1))
    view.publish(is_last=False)
    assert progress(client, name) == [25.0]
    (first,) = artifacts(client, f"learning-curve-{name}-seed1")
    assert str(first.data).startswith(f"![Learning curve of {name}](data:image/webp;base64,")
    view.add(job, epoch(2))
    view.publish(is_last=False)
    (second,) = artifacts(client, f"learning-curve-{name}-seed1")
    view.add(job, epoch(3))
    view.publish(is_last=False)
    assert progress(client, name) == [75.0]
    (same,) = artifacts(client, f"learning-curve-{name}-seed1")
    assert (same.data == second.data, second.data == first.data) == (True, False)  # It has grown by a half only.
    view.add(job, epoch(4))
    view.publish(is_last=True)
    (last,) = artifacts(client, f"learning-curve-{name}-seed1")
    assert last.id == first.id
    assert last.data != second.data


def test_drawing_waits_until_it_takes_only_its_share(
    client: SyncPrefectClient, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DRAWING_SHARE", 1e-6)
    job = branch(name)
    view = TrainingArtifacts([job])
    view.add(job, BEGIN)
    view.add(job, epoch(1))
    view.publish(is_last=False)
    view.add(job, epoch(2))
    view.publish(is_last=False)
    assert progress(client, name) == [25.0]
    view.publish(is_last=True)
    assert progress(client, name) == [50.0]


def test_epochs_without_a_start_still_get_a_curve(client: SyncPrefectClient, name: str) -> None:
    job = branch(name)
    view = TrainingArtifacts([job])
    view.add(job, epoch(1))
    view.publish(is_last=True)
    assert len(artifacts(client, f"learning-curve-{name}-seed1")) == 1
    assert progress(client, name) == []


def test_the_same_network_on_a_subset_has_artifacts_of_its_own(client: SyncPrefectClient, name: str) -> None:
    jobs = [branch(name), branch(name, group="1,000 reviews")]
    view = TrainingArtifacts(jobs)
    for number, job in enumerate(jobs, 1):
        view.add(job, BEGIN)
        view.add(job, epoch(number))
    view.publish(is_last=True)
    assert progress(client, name) == [25.0]
    (subset,) = artifacts(client, f"progress-1000-reviews-{name}-seed1")
    assert float(str(subset.data)) == 50.0
    assert len(artifacts(client, f"learning-curve-1000-reviews-{name}-seed1")) == 1
