"""Records of the runs in the run log, and of the differences between two runs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tasks.results.training import Estimate, LabelScores

# The fingerprint identifies the data, the accuracies name the networks, and the number of seeds is compared. The first
# seed and the way of running are not conditions of the experiment; nor are further networks on subsets.
NOT_COMPARED = {
    "data.data",
    "data.source",
    "data.training_sizes",
    "data.vocabulary_of",
    "models.models",
    "training.seed",
}
SHOWN_ELSEWHERE = {"run.outputs", "training.replicates", "models.models"}


class Measure(NamedTuple):
    """A score of each network at its best epoch, by network, and what always giving the more frequent label gets."""

    name: str
    values: dict[str, float]
    always: float


@dataclass(frozen=True)
class RunSummary:
    """A summary of a run. What is empty unless labels are uneven is also empty if an earlier version did not log it.

    Attributes:
        ended: seconds since 1970.
        accuracies: mean test accuracy over seeds, by network.
        balanced: mean balanced accuracy over seeds at the best epochs, by network; empty unless labels are uneven.
        f1, area: the same for F1 of the rarer label and for the area under its precision-recall curve.
        rarer_test_share: the rarer label's share of the test reviews; 0 unless labels are uneven.
        durations: wall time of each step, in seconds.
    """

    run: str
    ended: float
    data: str
    fingerprint: str
    seeds: int
    accuracies: dict[str, float]
    seconds: float
    durations: dict[str, float]
    settings: dict[str, object]
    versions: dict[str, str]
    command: str
    balanced: dict[str, float] = field(default_factory=dict)
    f1: dict[str, float] = field(default_factory=dict)
    area: dict[str, float] = field(default_factory=dict)
    rarer_test_share: float = 0.0

    def measures(self) -> list[Measure]:
        """The scores that say something of uneven labels, as far as the log has them; empty for even labels."""
        always = LabelScores.of_always(self.rarer_test_share)
        measures = [
            Measure("balanced accuracy", self.balanced, always.balanced.value),
            Measure("F1 of the rarer label", self.f1, always.f1),
            Measure("area under precision-recall", self.area, always.area),
        ]
        return [measure for measure in measures if measure.values]

    @property
    def conditions(self) -> str:
        """What comparable runs have in common: the data, and the settings that change what is measured."""
        settings = {
            name: value
            for name, value in flat(self.settings).items()
            if name not in NOT_COMPARED and (not name.startswith("run.") or name == "run.smoke")
        }
        return json.dumps([self.fingerprint, settings], sort_keys=True, default=str)


class RunDifference(NamedTuple):
    """A setting, a version or a result in two runs.

    Attributes:
        first, second: the values; None if a run lacks it.
        change: the second run's result minus the first's; None if they are not numbers.
    """

    name: str
    first: Any
    second: Any
    change: "float | Estimate | None" = None


class RunComparison(NamedTuple):
    """The names of two runs, the inputs in which they differ (settings, data, versions), and all their results."""

    runs: tuple[str, str]
    inputs: list[RunDifference]
    results: list[RunDifference]


def flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings, flattened to dotted names."""
    return dict(_leaves(settings, ""))


def _leaves(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def differing(runs: Sequence[RunSummary]) -> list[str]:
    """The dotted names of the settings that differ between runs, except those shown in other columns."""
    settings = [flat(run.settings) for run in runs]
    names = dict.fromkeys(name for values in settings for name in values)
    shown = [name for name in names if name not in SHOWN_ELSEWHERE]
    return [name for name in shown if any(values.get(name) != settings[0].get(name) for values in settings)]


def column_title(setting: str) -> str:
    """The title of a setting's column: the last part of its dotted name, or all of it if both parts are equal."""
    section, _, name = setting.rpartition(".")
    return setting if section == name else name
