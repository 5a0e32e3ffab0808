"""The machine: processors, memory, processes, and the versions of packages."""

import importlib.metadata
import math
import os
import platform
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import NamedTuple

import psutil

from tasks.results.training import Machine

PROJECT = "rnn-pipeline"
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


class Project(NamedTuple):
    """This project's version, and the packages that it requires, as in `pyproject.toml`."""

    version: str
    requirements: list[str]


def project() -> Project:
    """The project as it is installed or, in an environment that has only its requirements, as its checkout says."""
    try:
        return Project(importlib.metadata.version(PROJECT), importlib.metadata.requires(PROJECT) or [])
    except importlib.metadata.PackageNotFoundError:
        path = Path(__file__).parent.parent / "pyproject.toml"
        table = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        return Project(table["version"], table["dependencies"])


def describe() -> Machine:
    """Describe this machine and the versions of the packages that results depend on."""
    versions = {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES}
    memory = round(psutil.virtual_memory().total / 2**30, 1)
    return Machine(platform.platform(), _processor(), available_cores(), memory, versions)


def available_cores() -> int:
    """The number of processors that this process may use: `taskset` and the CPU quota of a container restrict it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([cores, *(max(1, math.ceil(quota)) for quota in _quotas())])


CGROUPS = Path("/sys/fs/cgroup")


def _quotas() -> Iterator[float]:
    """The CPU quotas of this process's control groups and of those above them, in processors (Linux, v1 and v2)."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        number, controllers, group = line.split(":", 2)
        is_second = number == "0" and not controllers
        if is_second or "cpu" in controllers.split(","):
            root = CGROUPS if is_second else CGROUPS / "cpu"
            # Inside a container, the group's path may be that of the host, and the container's own group is the root.
            for folder in {root, *(root / parent for parent in (PurePath(group[1:]), *PurePath(group[1:]).parents))}:
                yield from _quota(folder, is_second)


def _quota(folder: Path, is_second: bool) -> Iterator[float]:
    """The quota of one control group; none if it has no limit."""
    try:
        if is_second:
            quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        else:
            quota, period = (
                (folder / f"cpu.cfs_{name}_us").read_text(encoding="ascii") for name in ("quota", "period")
            )
        if quota != "max" and int(quota) > 0:
            yield int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return


BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def process_start(process: int) -> str | None:
    """What tells a process from all others that had or will have its ID; None if there is no such process.

    On Linux these are the ID of the boot and the ticks from there to the start, which no change of the clock moves.
    """
    try:
        if not BOOT_ID.exists():
            return str(psutil.Process(process).create_time())
        # The name, in parentheses, may contain anything; the state follows it, and 19 fields later the start.
        fields = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError, psutil.NoSuchProcess):
        return None
    has_ended = fields[0] in (b"Z", b"X")
    return None if has_ended else f"{BOOT_ID.read_text(encoding='ascii').strip()} {int(fields[19])}"


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
