"""The record of a run in the log of all runs."""

from dataclasses import dataclass


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
