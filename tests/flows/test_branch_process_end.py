import subprocess
import sys
import time

import psutil
import pytest

from flows.branch_process import end_with_parent

# Starts a branch process as a run does, prints its id, and waits.
PARENT = """
import multiprocessing, time
from flows.branch_process import end_with_parent

def branch(ready):
    end_with_parent()
    ready.set()
    time.sleep(60)

if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    child = context.Process(target=branch, args=(ready,))
    child.start()
    ready.wait()
    print(child.pid, flush=True)
    time.sleep(60)
"""
GARBAGE = """
class Node:
    def __init__(self):
        self.itself = self
    def __del__(self):
        print("collected")
node = Node()
"""


def runs(pid: int) -> bool:
    """Whether a process runs; one that ended may still wait for its parent to notice."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_process_ends_when_its_parent_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert runs(child)
        parent.kill()
    deadline = time.monotonic() + 10
    while runs(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not runs(child)


def test_a_process_that_multiprocessing_did_not_start_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("multiprocessing.parent_process", lambda: None)
    with pytest.raises(RuntimeError, match="only a process started by multiprocessing"):
        end_with_parent()


@pytest.mark.parametrize(("quick", "printed"), [(False, "collected\n"), (True, "")])
def test_a_quick_exit_collects_no_garbage(quick: bool, printed: str) -> None:
    script = GARBAGE + ("from flows.environment import quick_exit; quick_exit()\n" if quick else "") + "del node"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == printed
