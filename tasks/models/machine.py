"""The machine, the versions and what a process used of them."""

import atexit
import gc
import importlib.metadata
import multiprocessing
import os
import platform
import sys
import threading
import time

import psutil

from tasks.results.training import Machine

PACKAGES = (
    "prefect",
    "tensorflow",
    "keras",
    "numba",
    "numpy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "scipy",
    "matplotlib",
)


def describe() -> Machine:
    """This machine and the versions of the packages that results depend on."""
    versions = {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES}
    memory = round(psutil.virtual_memory().total / 2**30, 1)
    return Machine(platform.platform(), _processor(), available_cores(), memory, versions)


def available_cores() -> int:
    """Processors that this process may use (containers and `taskset` allow fewer than there are)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def peak_memory_mb() -> float:
    """The most memory this process has held so far, in MiB; NaN where the system does not tell."""
    try:
        import resource
    except ImportError:
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


class Clock:
    """Wall time of the steps of a run, in seconds, in their order."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, step: str) -> None:
        """The time since the last lap was spent on `step`; a step that is run again counts both times."""
        now = time.perf_counter()
        self.laps[step] = self.laps.get(step, 0.0) + now - self._since
        self._since = now


def end_with_parent() -> None:
    """End this process of a pool when its parent is gone, so that a killed run leaves nothing behind."""
    parent = multiprocessing.parent_process()
    if parent is None:
        raise RuntimeError("only processes that multiprocessing started have a parent to end with")

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="end-with-parent").start()


def quick_exit() -> None:
    """Let this process end without a last search for garbage, which takes up to a second with TensorFlow loaded."""
    atexit.register(gc.freeze)


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
        return names[0]
    except (OSError, IndexError):
        return platform.processor() or platform.machine()
