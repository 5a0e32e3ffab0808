"""The record of a run in the log of all runs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

RENAMED = {"data.words": "data.vocabulary_size", "data.steps": "data.max_length"}  # In runs of earlier versions.
# Where the data come from is said by their fingerprint, which networks there are by their accuracies, how many seeds by
# `seeds`; which seed and where and how the run was made changes no setting of the experiment.
NOT_COMPARED = {"data.data", "data.source", "models.models", "training.seed"}


@dataclass(frozen=True)
class RunSummary:
    """A run in short. `ended` is in seconds since 1970; accuracies and AUCs are means over seeds, by network."""

    run: str
    ended: float
    data: str
    fingerprint: str
    seeds: int
    accuracies: dict[str, float]
    aucs: dict[str, float]
    seconds: float
    durations: dict[str, float]
    settings: dict[str, object]
    versions: dict[str, str]
    command: str

    @property
    def conditions(self) -> str:
        """What must be equal for two runs to be comparable: the data and all settings that change what is measured."""
        settings = {
            name: value
            for name, value in flat(self.settings).items()
            if name not in NOT_COMPARED and (not name.startswith("run.") or name == "run.smoke")
        }
        return json.dumps([self.fingerprint, settings], sort_keys=True, default=str)


def flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings, each under its dotted path, by the names of today."""
    return {RENAMED.get(name, name): value for name, value in _leaves(settings, "")}


def _leaves(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def differing(runs: Sequence[RunSummary]) -> list[str]:
    """The dotted names of the settings that differ between runs; their number of seeds and outputs stand elsewhere."""
    settings = [flat(run.settings) for run in runs]
    names = dict.fromkeys(name for values in settings for name in values)
    shown = [name for name in names if name not in {"run.outputs", "training.replicates", "models.models"}]
    return [name for name in shown if any(values.get(name) != settings[0].get(name) for values in settings)]


def heading(setting: str) -> str:
    """The head of a setting's column: the end of its dotted name, or all of it where the end says no more."""
    section, _, name = setting.rpartition(".")
    return setting if section == name else name
