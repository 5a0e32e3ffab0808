"""Old runs are removed, with the networks that only they used."""

import json
import shutil
from pathlib import Path

from filelock import FileLock, Timeout

LINKS = ("latest", "promoted")


def keep_last(outputs: Path, count: int) -> list[str]:
    """Remove all but the newest `count` runs; give the names of those removed.

    Never removed: what `outputs/latest` and `outputs/promoted` point to, a run without `metrics.json` (it may still be
    written), and a network that a kept run used or that is being trained.
    """
    outputs = outputs.resolve()
    runs = sorted((path.parent for path in (outputs / "runs").glob("*/metrics.json")), reverse=True)
    protected = {(outputs / link).resolve() for link in LINKS if (outputs / link).exists()}
    old = [run for run in runs[count:] if run.resolve() not in protected]
    doomed = {network for run in old for network in _networks(run) if network.parent == outputs / "models"}
    for run in old:
        shutil.rmtree(run)
    used = {network for run in runs if run not in old for network in _networks(run)}
    for network in doomed - used - protected:
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
        return  # Another run trains it right now.
