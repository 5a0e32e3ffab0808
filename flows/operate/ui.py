"""The progress of branches in the UI: a progress artifact and a growing learning curve for each."""

import time
from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactUpdate

from artifacts.figures.render import data_uri, png
from artifacts.figures.training import learning_curve
from artifacts.markup import escape_markdown
from tasks.job import Job
from tasks.results.training import Epoch

DRAWING_SHARE = 0.05  # Drawing curves may take this fraction of the training time.


class ArtifactView:
    """Collects the epochs of branches with `show`, and updates their artifacts with `publish`."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._models = list(dict.fromkeys(job.spec.name for job in jobs))
        self._progress: dict[str, UUID] = {}
        self._curves: dict[str, UUID] = {}
        self._histories: dict[str, list[Epoch]] = {}
        self._unpublished: dict[str, Job] = {}
        self._next_publication = 0.0

    def show(self, job: Job, event: dict[str, Any]) -> None:
        """Note an event; a branch that starts gets its progress artifact at once."""
        key = _key(job)
        if event["event"] == "begin":
            self._histories[key] = []
            artifact = create_progress_artifact(
                0.0, key=f"progress-{key}", description=f"Training {escape_markdown(job.label)}"
            )
            self._progress[key] = cast(UUID, artifact)
        elif event["event"] == "epoch":
            epoch = Epoch(**{name: event[name] for name in Epoch.__dataclass_fields__})
            self._histories.setdefault(key, []).append(epoch)
            self._unpublished[key] = job

    def publish(self, is_last: bool) -> None:
        """Update the artifacts of branches with new epochs, unless the last update was too recent."""
        started = time.monotonic()
        if not is_last and started < self._next_publication:
            return
        while self._unpublished:
            key, job = self._unpublished.popitem()
            history = self._histories[key]
            self._publish_curve(key, job, history)
            if key in self._progress:
                update_progress_artifact(self._progress[key], 100.0 * history[-1].epoch / job.plan.epochs)
        ended = time.monotonic()
        self._next_publication = ended + (ended - started) / DRAWING_SHARE

    def _publish_curve(self, key: str, job: Job, history: list[Epoch]) -> None:
        name = job.spec.name
        curve = learning_curve(name, self._models.index(name), history, job.dataset.title)
        text = f"![Learning curve of {escape_markdown(name)}]({data_uri(png(curve))})"
        if key in self._curves:
            with get_client(sync_client=True) as client:
                client.update_artifact(self._curves[key], ArtifactUpdate(data=text))
            return
        description = f"Learning curve of {escape_markdown(job.label)}"
        artifact = create_markdown_artifact(text, key=f"learning-curve-{key}", description=description)
        self._curves[key] = cast(UUID, artifact)


def _key(job: Job) -> str:
    """The branch's part of artifact keys, which hold no underscores."""
    return f"{job.spec.name}-seed{job.seed}".replace("_", "-")
