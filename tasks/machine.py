"""The machine: processors, memory, processes, and the versions of packages."""

import importlib.metadata
import os
import platform
import sys
from pathlib import Path

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
    """Describe this machine and the versions of the packages that results depend on."""
    versions = {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES}
    memory = round(psutil.virtual_memory().total / 2**30, 1)
    return Machine(platform.platform(), _processor(), available_cores(), memory, versions)


def available_cores() -> int:
    """The number of processors that this process may use (containers and `taskset` may restrict it)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def process_is_alive(process: int, started: float) -> bool:
    """Whether a process is running; a later process with the same ID has a different start time.

    Args:
        process: the process's ID.
        started: when it started, in seconds since 1970.
    """
    try:
        return abs(psutil.Process(process).create_time() - started) <= 1
    except psutil.NoSuchProcess:
        return False


def peak_memory_mb() -> float:
    """This process's peak resident memory so far, in MiB; NaN if the system does not report it."""
    try:
        import resource
    except ImportError:
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        return names[0]
    except (OSError, IndexError):
        return platform.processor() or platform.machine()
