import os
import subprocess
import sys

import numpy as np
import pytest

from tasks import machine


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
