"""Removes old runs, and the networks that only they used."""

import json
import shutil
from pathlib import Path

from filelock import FileLock, Timeout

LINKS = ("latest", "promoted")


def keep_last(outputs: Path, count: int) -> list[str]:
    """Remove all but the newest `count` runs; returns the names of the removed ones.

    Never removed: the targets of `outputs/latest` and `outputs/promoted`, a run without `metrics.json` (it may still be
    in progress), and a network that is in training or that a remaining run used.
    """
    outputs = outputs.resolve()
    runs = sorted((path.parent for path in (outputs / "runs").glob("*/metrics.json")), reverse=True)
    protected = {(outputs / link).resolve() for link in LINKS if (outputs / link).exists()}
    old = [run for run in runs[count:] if run.resolve() not in protected]
    candidates = {network for run in old for network in _networks(run) if network.parent == outputs / "models"}
    for run in old:
        shutil.rmtree(run)
    used = {network for run in runs if run not in old for network in _networks(run)}
    for network in candidates - used - protected:
        _remove(network)
    return sorted(run.name for run in old)


def _networks(run: Path) -> list[Path]:
    branches = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["branches"]
    return [Path(branch["folder"]).resolve() for branch in branches]


def _remove(network: Path) -> None:
    try:
        with FileLock(network.with_suffix(".lock"), timeout=0):
            shutil.rmtree(network, ignore_errors=True)
    except Timeout:
        return  # Another run is training it.
