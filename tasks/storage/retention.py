"""Removes old runs, and the networks that only they used."""

import json
import shutil
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from tasks.storage.files import read_json, remove, write_json
from tasks.storage.locks import locked

LINKS = ("latest", "promoted")
# In the folder of a run that is under way: its process, and the networks that it uses.
IN_USE = "in-use.json"
LOCK = Path("runs") / "retention.lock"
# A run of another host cannot be asked whether it lives.
LONGEST_RUN_SECONDS = 7 * 24 * 3600.0
# Another run may be about to copy figures that were drawn this recently.
DRAWN_SECONDS = 3600.0


@contextmanager
def in_use(run: Path, networks: Sequence[Path]) -> Iterator[None]:
    """Say which networks a run uses meanwhile, so that `keep_last` of another run leaves them alone.

    A run folder that holds nothing else at the end is removed.
    """
    process = psutil.Process()
    with locked(run.parents[1] / LOCK):
        write_json(
            run / IN_USE,
            {
                "host": socket.gethostname(),
                "process": process.pid,
                "process_started": process.create_time(),
                "marked": time.time(),
                "networks": [str(network.resolve()) for network in networks],
            },
        )
    try:
        yield
    finally:
        remove(run / IN_USE)
        if not any(run.iterdir()):
            run.rmdir()


def keep_last(outputs: Path, count: int) -> list[str]:
    """Remove all but the newest `count` runs; returns the names of the removed ones.

    Never removed: the targets of `outputs/latest` and `outputs/promoted`, a run without `metrics.json` (it may still be
    in progress), and a network that is in training, that a run under way uses or that a remaining run used.
    """
    outputs = outputs.resolve()
    with locked(outputs / LOCK):
        runs = sorted((path.parent for path in (outputs / "runs").glob("*/metrics.json")), reverse=True)
        protected = {(outputs / link).resolve() for link in LINKS if (outputs / link).exists()}
        old = [run for run in runs[count:] if run.resolve() not in protected]
        candidates = {network for run in old for network in _networks(run) if network.parent == outputs / "models"}
        for run in old:
            shutil.rmtree(run)
        used = {network for run in runs if run not in old for network in _networks(run)}
        for network in candidates - used - protected - _networks_in_use(outputs):
            _remove(network)
        _remove_figures(outputs / "figures", count)
    return sorted(run.name for run in old)


def _remove_figures(figures: Path, count: int) -> None:
    """Remove all but the newest `count` kept sets of figures; every report holds copies of its own."""
    newest_first = sorted(figures.glob("*/record.json"), key=lambda record: record.stat().st_mtime, reverse=True)
    for record in newest_first[count:]:
        if time.time() - record.stat().st_mtime > DRAWN_SECONDS:
            shutil.rmtree(record.parent)


def _networks(run: Path) -> list[Path]:
    branches = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["branches"]
    return [Path(branch["folder"]).resolve() for branch in branches]


def _networks_in_use(outputs: Path) -> set[Path]:
    """The networks of all runs that are under way."""
    marks = [read_json(path) for path in (outputs / "runs").glob(f"*/{IN_USE}")]
    return {Path(network) for mark in marks if _is_under_way(mark) for network in mark["networks"]}


def _is_under_way(mark: dict[str, object]) -> bool:
    if mark["host"] != socket.gethostname():
        return time.time() - float(str(mark["marked"])) < LONGEST_RUN_SECONDS
    try:
        started = psutil.Process(int(str(mark["process"]))).create_time()
    except psutil.NoSuchProcess:
        return False
    return abs(started - float(str(mark["process_started"]))) < 1


def _remove(network: Path) -> None:
    try:
        with FileLock(network.with_suffix(".lock"), timeout=0):
            shutil.rmtree(network, ignore_errors=True)
    except Timeout:
        return  # Another run is training it.
