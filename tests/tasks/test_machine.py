import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tasks import machine
from tasks.machine import available_cores, process_start


def test_the_description_names_every_version_on_which_results_depend() -> None:
    described = machine.describe()
    assert described.versions["numpy"] == np.__version__
    assert set(described.versions) == {"python", *machine.PACKAGES}
    assert described.cores == machine.available_cores()
    assert described.memory_gb > 0
    assert described.cpu


def printed(script: str) -> str:
    """What a script prints in a process of its own."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not pin processes to processors")
def test_only_the_processors_that_the_process_may_use_count() -> None:
    script = """
import os
from tasks.machine import available_cores
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
print(available_cores())
"""
    assert printed(script) == "1"


def test_peak_memory_is_in_mebibytes_and_never_falls() -> None:
    script = """
from tasks.machine import peak_memory_mb
before = peak_memory_mb()
block = b"1" * (int(before + 64) << 20)
during = peak_memory_mb()
del block
print(during - before > 60, during - before < 2 * before + 200, peak_memory_mb() >= during)
"""
    assert printed(script) == "True True True"


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of the system's control groups; this process may use eight processors."""
    monkeypatch.setattr(machine, "CGROUPS", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    return tmp_path


def in_groups(monkeypatch: pytest.MonkeyPatch, lines: str) -> None:
    """Make the system say which control groups this process is in."""
    read = Path.read_text
    monkeypatch.setattr(
        Path, "read_text", lambda path, **how: lines if str(path) == "/proc/self/cgroup" else read(path, **how)
    )


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("100000 100000", 1),
        ("150000 100000", 2),
        ("10000 100000", 1),
        ("max 100000", 8),
        ("9900000 100000", 8),
        ("", 8),
    ],
)
def test_a_quota_of_the_second_version_counts(
    groups: Path, monkeypatch: pytest.MonkeyPatch, quota: str, cores: int
) -> None:
    in_groups(monkeypatch, "0::/pod/container\n")
    (groups / "pod" / "container").mkdir(parents=True)
    for folder in (groups, groups / "pod", groups / "pod" / "container"):
        (folder / "cpu.max").write_text(quota)
        assert available_cores() == cores
        (folder / "cpu.max").unlink()


@pytest.mark.parametrize(("quota", "cores"), [("100000", 1), ("250000", 3), ("-1", 8)])
def test_a_quota_of_the_first_version_counts(
    groups: Path, monkeypatch: pytest.MonkeyPatch, quota: str, cores: int
) -> None:
    in_groups(monkeypatch, "5:memory:/other\n3:cpu,cpuacct:/x\n0::/\n")
    (groups / "cpu" / "x").mkdir(parents=True)
    (groups / "cpu" / "x" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (groups / "cpu" / "x" / "cpu.cfs_period_us").write_text("100000\n")
    assert available_cores() == cores


def test_a_process_is_known_by_its_start_and_gone_when_it_has_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        started = process_start(process.pid)
        assert started
        assert started == process_start(process.pid) != process_start(os.getpid())
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert process_start(process.pid) is None  # It has ended, even if its parent has not waited for it.
    assert process_start(process.pid) is None


def test_the_project_is_known_where_only_its_requirements_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = machine.project()
    monkeypatch.setattr(machine, "PROJECT", "not-installed")
    checkout = machine.project()
    assert checkout.version == installed.version
    assert any(each.startswith("prefect>=") for each in checkout.requirements)
