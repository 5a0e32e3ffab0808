"""The job of one branch: one network, one training plan, one dataset, one seed, one folder."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path

from tasks.data.training_reviews import validation_start
from tasks.errors import PipelineError
from tasks.machine import available_cores
from tasks.models.spec import ModelSpec, TrainingPlan
from tasks.results.data import Dataset
from tasks.results.training import Epoch
from tasks.storage.code_version import code_version
from tasks.storage.files import fingerprint


@dataclass(frozen=True)
class Job:
    """One branch of a run.

    Attributes:
        spec: the network.
        plan: how to train it.
        dataset: what to train it on.
        seed: seed for initial weights, batch order and dropout.
        root: parent folder of all trained networks.
        others: a file for each other piece of work of the run that shares the processors; it is there once the work
            has ended.
        group: what tells this branch from others of the run with the same network and seed, such as "trial 7".
        until: when to stop after the last completed epoch, in seconds since 1970; None: never.
        deadline: the same, but when to stop even without a completed epoch.
        required: the quality that the best epoch so far must have after each epoch, or training stops.
        resumes: the folder of the longer training whose checkpoint this one continues; None: its own.
    """

    spec: ModelSpec
    plan: TrainingPlan
    dataset: Dataset
    seed: int
    root: Path
    others: tuple[Path, ...] = ()
    group: str = ""
    until: float | None = None
    deadline: float | None = None
    required: tuple[float, ...] = ()
    resumes: Path | None = None

    @cached_property
    def key(self) -> str:
        """Fingerprint of everything that determines the result; `code_version` covers the installed libraries."""
        inputs = self.spec.model_dump(), self.plan.model_dump(), self.dataset.fingerprint, self.seed
        return fingerprint(*inputs, code_version("tasks.train"))

    @property
    def label(self) -> str:
        """The branch's display name."""
        network = f"{self.spec.name} seed {self.seed}"
        return f"{self.group}: {network}" if self.group else network

    @cached_property
    def folder(self) -> Path:
        """The folder of the branch's files."""
        return self.root / f"{self.spec.name}-seed{self.seed}-{self.key}"

    @cached_property
    def validation_start(self) -> int:
        """The index of the first validation review; the last training reviews are held out for validation."""
        return validation_start(self.dataset.train, self.plan.validation)

    def shortened(self, epochs: int) -> "Job":
        """The job that ends where this one stopped: the same network as one that is to be trained for fewer epochs."""
        plan = self.plan.model_copy(update={"epochs": epochs})
        return replace(self, plan=plan, until=None, deadline=None, required=(), resumes=self.folder)

    def is_outdone(self, history: Sequence[Epoch]) -> bool:
        """Whether the best epoch so far lacked the quality that is required after an epoch of the history."""
        return self.outdone_after(history) is not None

    def outdone_after(self, history: Sequence[Epoch]) -> int | None:
        """The first epoch after which the best one so far lacked the required quality; None if there is none."""
        best = accumulate((epoch.quality for epoch in history), max)
        pairs = enumerate(zip(best, self.required, strict=False), 1)
        return next((number for number, (quality, required) in pairs if quality < required), None)

    def check(self) -> None:
        """Check the plan against the dataset.

        Raises:
            PipelineError: no review is left to train on, or none to validate on.
        """
        reviews, fitted = self.dataset.train.reviews, self.validation_start
        if not 0 < fitted < reviews:
            raise PipelineError(
                f"--validation {self.plan.validation:g}: of {reviews} reviews {fitted} are left to train on and "
                f"{reviews - fitted} to validate on; at least one of each is needed"
            )

    def files(self) -> dict[Path, str]:
        """The files that the branch reads, each with its SHA-256."""
        return self.dataset.files()

    def threads(self) -> int:
        """This branch's current share of the processors; work that has ended no longer counts."""
        cores = available_cores()
        running = 1 + sum(not file.exists() for file in self.others)
        return max(1, cores // min(running, cores))


def sharing_processors(jobs: Sequence[Job], last: str, others: Sequence[Path] = ()) -> list[Job]:
    """The jobs, each with the `others` of the whole run.

    Args:
        jobs: all jobs that may run at the same time.
        last: the name of the file that the last step of a job writes in its folder.
        others: the files of other work.
    """
    files = dict.fromkeys([*(job.folder / last for job in jobs), *others])
    return [replace(job, others=tuple(file for file in files if file.parent != job.folder)) for job in jobs]
